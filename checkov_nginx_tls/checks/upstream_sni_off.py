"""CKV_NGINX_CUSTOM_09: a verified upstream that is not told which name is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import (
    BaseUpstreamCheck,
    Judgement,
    connections_of,
    keys_of,
    missing_includes,
    places,
)
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.rule import Rule
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import Flag, bundle_of, flag, is_named_by_address, matches_nothing
from checkov_nginx_tls.variables import Unfixed, constant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration, Placed
    from checkov_nginx_tls.upstreams import Connection
    from checkov_nginx_tls.variables import Value


class UpstreamSniOff(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_09",
        title="Ensure SNI is sent to verified upstreams",
        severity="LOW",
        guideline=HTTP_PROXY.url("proxy_ssl_server_name"),
        cwe=295,
        benchmarks=(),
        what=(
            "Verification is on and looks for a DNS name, but nginx does not say that name when it connects, because "
            "proxy_ssl_server_name (grpc_, uwsgi_, zone_sync_ssl_server_name) is not on. Names without a dot are left "
            "alone: a container or a machine beside nginx has one certificate. Names that the client chooses are for "
            "rule 06, IP addresses and names that no certificate has for rule 08."
        ),
        why=(
            "A server with several certificates chooses one by the name that the client sends (SNI, Server Name "
            "Indication). Without it the server shows its default certificate or refuses to talk; verification then "
            "refuses the right upstream, now or on the day it moves behind a shared address, and under pressure the "
            "quick way out is to turn verification off."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_verify_depth 2;
    }
}
""",
        use_instead="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_verify_depth 2;
        proxy_ssl_server_name on;
    }
}
""",
        nginx=(
            "*_ssl_server_name is off unless set, whether or not verification is on. With on, nginx sends the name "
            "that it verifies: *_ssl_name, or else the host of the pass directive, without its port; never an IP "
            "address (ngx_http_upstream_ssl_name). The Host header is no part of it. The nearest value wins: location, "
            "outer location, server, http."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        del configuration
        for connection in connections:
            result = _judge(connection) if connection.is_verified and _has_bundle(connection) else None
            if result is not None:
                keys = keys_of(connection.module, "verify", "server_name")
                cause = _cause(connection) if result is CheckResult.FAILED else connection.placed
                yield Judgement(result, cause, connection, keys)

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        connections = connections_of(judgements)
        first = connections[0]
        setting = f"{first.module.ssl_prefix}_server_name"
        if judgements[0].result is CheckResult.UNKNOWN:
            return (
                f"whether a verified DNS name is sent (SNI) to {places(connections)} depends on a value that is not "
                "known here"
            )
        is_set = judgements[0].cause.directive.name == setting
        is_off = "is off" if is_set else "is not set, and so off,"
        names = sorted(text for text in map(constant, first.names) if text is not None and _is_dns_name(first, (text,)))
        asked = f'"{names[0]}"' if names else "the name"
        return (
            f"{setting} {is_off} for {places(connections)}: nginx verifies {asked} but does not ask for it, and a "
            f"server with several certificates may show another. Set {setting} to on."
            f"{'' if is_set else missing_includes(judgements)}"
        )


def _has_bundle(connection: Connection) -> bool:
    """Whether nginx starts as far as verification goes; where it may not, rule 02 speaks."""
    return "" not in connection.possible("trusted_certificate").answers(bundle_of)


def _judge(connection: Connection) -> CheckResult | None:
    """The verdict on a verified connection; None where it looks for no DNS name."""
    answers = {_is_dns_name(connection, name) for name in connection.names}
    certain = connection.transport is Transport.TLS
    flags = connection.possible("server_name").answers(flag)
    if answers <= {False} or (flags == {Flag.ON} and not certain):
        return None
    if flags == {Flag.ON}:
        return CheckResult.PASSED
    decided = certain and True in answers and flags <= {Flag.OFF, Flag.UNSET}
    return CheckResult.FAILED if decided else CheckResult.UNKNOWN


def _cause(connection: Connection) -> Placed:
    """The directive that turns it off, or the pass where nobody may have set it."""
    possible = connection.possible("server_name").directives
    return connection.placed if None in possible else (possible[-1] or connection.placed)


def _is_dns_name(connection: Connection, name: Value) -> bool | None:
    """Whether a name that is verified is a DNS name, with a dot, of a certificate; None where that is not known."""
    text = constant(name)
    if is_named_by_address(connection):
        return False
    if text is not None:
        return not text.startswith(".") and not matches_nothing(connection, text) and _ends_like_a_name(text)
    end = name[-1]
    if isinstance(end, str) and "." in end and not end.endswith("."):
        return _ends_like_a_name(end)
    return False if Unfixed.CLIENT in name else None


def _ends_like_a_name(text: str) -> bool:
    _, dot, end = text.rpartition(".")
    return bool(dot) and not end.isdigit()
