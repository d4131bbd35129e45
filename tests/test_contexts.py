"""In which context a file stands that other files include: told from what it holds, and nginx takes it there.

The newest nginx is asked: older ones than 1.25.5 have no ``server_name`` in a stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from checkov_nginx_tls.configurations import find_configurations
from oracle_scan import write_files

if TYPE_CHECKING:
    from pathlib import Path

    from nginx_oracle import Oracle

CONTEXTS: Final = {
    "main": "{}",
    "http": "events {{ }} http {{ {} }}",
    "http.server": "events {{ }} http {{ server {{ {} }} }}",
    "http.location": "events {{ }} http {{ server {{ location / {{ {} }} }} }}",
    "stream": "events {{ }} stream {{ {} }}",
    "stream.server": "events {{ }} stream {{ server {{ {} }} }}",
}
"""The main file that each context needs around it."""

ONE_CONTEXT: Final = (
    ("events { } http { server { location / { proxy_pass https://127.0.0.1; } } }", "main"),
    ("worker_processes 1; events { } stream { server { listen unix:a; proxy_pass 127.0.0.1:1; } }", "main"),
    ("server { location / { proxy_pass https://127.0.0.1; } }", "http"),
    ("server { listen unix:a; server_name a.example.com; location / { proxy_pass https://127.0.0.1; } }", "http"),
    ("server { root a; proxy_ssl_verify off; location / { proxy_pass https://127.0.0.1; } }", "http"),
    (
        "server { listen unix:a; return 200; proxy_ssl_verify off; location / { proxy_pass https://127.0.0.1; } }",
        "http",
    ),
    ("listen unix:a; server_name a.example.com; location / { proxy_pass https://127.0.0.1; }", "http.server"),
    ("proxy_pass https://127.0.0.1; proxy_ssl_verify off;", "http.location"),
    ("set $a 127.0.0.1; proxy_pass https://$a;", "http.location"),
    ("server { listen unix:a; proxy_ssl on; proxy_pass 127.0.0.1:1; }", "stream"),
    ("server { listen unix:a; server_name a.example.com; proxy_ssl on; proxy_pass 127.0.0.1:1; }", "stream"),
    ("map $remote_addr $a { default 127.0.0.1:1; } server { listen unix:a; proxy_pass $a; }", "stream"),
    ("upstream b { server 127.0.0.1:1; } server { listen unix:a; proxy_pass b; }", "stream"),
    ("listen unix:a; proxy_ssl on; proxy_pass 127.0.0.1:1;", "stream.server"),
    ("listen unix:a; server_name a.example.com; proxy_ssl on; proxy_pass 127.0.0.1:1;", "stream.server"),
    ("listen unix:a; proxy_pass $hostname:1;", "stream.server"),
)
"""Files that nginx takes in one context alone."""

SEVERAL_CONTEXTS: Final = (
    ("location / { proxy_pass https://127.0.0.1; }", "http.server"),
    ("proxy_ssl_verify off; proxy_ssl_name a.example.com;", "http.location"),
    ("upstream b { server 127.0.0.1:1; }", "http"),
    ("map $hostname $a { default 127.0.0.1; } upstream b { server 127.0.0.1:1; }", "http"),
)
"""Files that it takes in others too, with the likeliest."""

LISTENED: Final = (
    ("proxy_ssl on; proxy_pass 127.0.0.1:1;", "stream.server"),
    ("proxy_pass 127.0.0.1:1; proxy_ssl_verify off;", "stream.server"),
)
"""Parts of servers that listen elsewhere."""

TEMPLATES: Final = (
    ("proxy_pass {{ backend }}; proxy_set_header Host $host; proxy_ssl_verify off;", "http.location"),
    ("proxy_pass ${BACKEND}; proxy_ssl_verify off;", "http.location"),
    ("proxy_pass {{ scheme }}://backend.example.com;", "http.location"),
    ("error_page 502 /502.html; proxy_pass {{ backend }}; ", "http.location"),
    ("proxy_ssl on; proxy_pass {{ backend }};", "stream.server"),
    ("listen {{ port }}; proxy_pass {{ backend }};", "stream.server"),
    ("server { proxy_pass {{ backend }}; proxy_ssl_verify off; }", "stream"),
    ("server { location / { proxy_pass {{ backend }}; proxy_ssl_verify off; } }", "http"),
)

PREREAD: Final = (
    ("server { listen unix:a; ssl_preread on; proxy_pass $ssl_preread_name:1; }", "stream"),
    ("ssl_preread on; proxy_pass $ssl_preread_name:1;", "stream.server"),
)
"""What needs a module that a nginx for tests may lack."""


@pytest.mark.parametrize(("text", "context"), [*ONE_CONTEXT, *SEVERAL_CONTEXTS, *LISTENED, *PREREAD, *TEMPLATES])
def test_the_context_is_told_from_what_a_file_holds(tmp_path: Path, text: str, context: str) -> None:
    judged = " proxy_ssl_protocols TLSv1.2;" if "proxy_" not in text else ""
    write_files(tmp_path, {"a.conf": (text + judged).encode()})
    found = find_configurations(str(tmp_path))
    assert not found.problems
    assert [one.root.type for one in found.configurations] == [context]


@pytest.mark.oracle
@pytest.mark.parametrize(("text", "context"), [*ONE_CONTEXT, *SEVERAL_CONTEXTS])
def test_nginx_takes_the_file_in_that_context(newest_oracle: Oracle, text: str, context: str) -> None:
    assert starts(newest_oracle, text, context)


@pytest.mark.oracle
@pytest.mark.parametrize(("text", "context"), ONE_CONTEXT)
def test_nginx_takes_the_file_in_no_other_context(newest_oracle: Oracle, text: str, context: str) -> None:
    assert [name for name in CONTEXTS if starts(newest_oracle, text, name)] == [context]


@pytest.mark.oracle
@pytest.mark.parametrize(("text", "context"), LISTENED)
def test_nginx_takes_a_part_of_a_server_in_that_context(newest_oracle: Oracle, text: str, context: str) -> None:
    text = f"listen unix:a; {text}"
    assert [name for name in CONTEXTS if starts(newest_oracle, text, name)] == [context]


def starts(oracle: Oracle, text: str, context: str) -> bool:
    return oracle.check(CONTEXTS[context].format(text)).starts
