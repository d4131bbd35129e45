"""What rule 14 takes for granted of nginx: what decides whether it encrypts, and whom it reaches."""

from __future__ import annotations

import pytest

from nginx_oracle import Oracle, Request
from oracle_families import GRPC, HTTP_FAMILIES, HTTP_PROXY, UWSGI, Family

pytestmark = pytest.mark.oracle


def _spoken(oracle: Oracle, config: str) -> list[bool]:
    """Of each connection that nginx makes because of one request, whether it is TLS."""
    oracle.judge(config, requests=(Request(),), identities=("trusted",))
    return [connection.tls for connection in oracle.backends.connections()]


def _pass(family: Family, target: str, settings: str = "") -> str:
    return family.document(f"server {{ listen <listen>; location / {{ {settings} @pass {target}; }} }}")


@pytest.mark.parametrize("family", HTTP_FAMILIES, ids=lambda family: str(family.name))
def test_the_scheme_alone_decides(oracle: Oracle, family: Family) -> None:
    """The upstream's port speaks TLS, and all that can be set is."""
    settings = "@ssl_verify on; @ssl_trusted_certificate <root.pem>; @ssl_server_name on; @ssl_name backend.test;"
    assert _spoken(oracle, _pass(family, "@plain://<target>", settings)) == [False]
    assert _spoken(oracle, _pass(family, "@tls://<target>", settings)) == [True]
    assert _spoken(oracle, _pass(family, "@plain://backend.test", settings)) == [False]


@pytest.mark.parametrize("family", [GRPC, UWSGI], ids=lambda family: str(family.name))
def test_no_scheme_is_plaintext(oracle: Oracle, family: Family) -> None:
    assert _spoken(oracle, _pass(family, "<target>")) == [False]


def test_a_group_named_like_a_host_is_the_group(oracle: Oracle) -> None:
    config = (
        "events {} http { upstream API.vendor.io { server <target>; server 203.0.113.1 down; }"
        " server { listen <listen>; location / { proxy_pass http://api.vendor.io; } } }"
    )
    assert _spoken(oracle, config) == [False]


def test_a_server_that_is_down_is_not_reached(oracle: Oracle) -> None:
    config = (
        "events {} http { upstream backend { server <trusted>; server <impostor> down; }"
        " server { listen <listen>; location / { proxy_pass http://backend; } } }"
    )
    oracle.judge(config, requests=(Request(),) * 5, identities=("trusted",))
    assert {connection.upstream for connection in oracle.backends.connections()} == {"trusted"}


def test_the_scheme_of_the_client_decides_for_scheme(oracle: Oracle) -> None:
    config = HTTP_PROXY.document("server { listen <listen>; location / { proxy_pass $scheme://<target>; } }")
    assert _spoken(oracle, config) == [False]
