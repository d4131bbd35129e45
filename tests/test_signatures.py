"""What is taken for nginx configuration before it is parsed."""

from __future__ import annotations

import pytest

from checkov_nginx_tls.signatures import shows_connections, shows_includes


@pytest.mark.parametrize(
    "text",
    [
        "proxy_pass http://b;",
        "  grpc_pass\n  b;",
        "location / { uwsgi_pass b; }",
        'a b;"proxy_pass" b;',
        "zone_sync_ssl on;",
        "a b;\r\n\tproxy_ssl_verify off;\r\n",
        "content_by_lua_block {",
        "mgmt {",
        # a template fills in the name, or a part of it
        "{{ x }}proxy_pass b;",
        "<%= x %>proxy_pass b;",
        "${x}proxy_ssl_verify off;",
        "%x%proxy_pass b;",
        "@X@proxy_pass b;",
        "{{ x }}_pass b;",
        "<%= x %>_pass b;",
        "${x}_pass b;",
        "%x%_pass b;",
        "@X@_pass b;",
        "{{ x }}_ssl_verify off;",
        "proxy_ssl_{{ x }} off;",
        "proxy_ssl_<%= x %>_depth 1;",
        "proxy_ssl_${X} off;",
        "{{ x }}_ssl_%y% off;",
    ],
)
def test_connections_show(text: str) -> None:
    assert shows_connections(text.encode())
    assert shows_connections(f"first line\n{text}\nlast line".encode())
    assert shows_connections(f"a word = my_pass\n\n a; {text}\n".encode())
    assert shows_connections(text.encode("utf-16"))


@pytest.mark.parametrize(
    "text",
    [
        "proxy_pass",
        "proxy_pass = b;",
        "proxy_pass: b;",
        "# proxy_pass b;",
        "the proxy_pass directive;",
        "x_pass b;",
        "my_pass b;",
        "{{ x }} _pass b;",
        "a} _pass b;",
        "proxy_pass http://b",
        "#!/bin/sh\nproxy_pass b;",
    ],
)
def test_other_text_shows_none(text: str) -> None:
    assert not shows_connections(text.encode())


@pytest.mark.parametrize(
    ("line", "is_nginx"),
    [
        ("#!/usr/sbin/nginx -c", True),
        ("#! /usr/local/nginx/sbin/nginx", True),
        ("#!/opt/nginx/bin/lua", False),
        ("#!/bin/sh /etc/rc.d/nginx", False),
    ],
)
def test_nginx_may_be_the_interpreter(line: str, *, is_nginx: bool) -> None:
    assert shows_connections(f"{line}\nproxy_pass b;".encode()) is is_nginx


def test_what_follows_a_name_must_end_soon() -> None:
    assert shows_connections(b"proxy_pass " + b"a" * 20_000 + b";")
    assert not shows_connections(b"proxy_pass " + b"a" * 20_002 + b";")
    assert shows_connections(b"proxy_pass " + b"a" * 30_000 + b";\nproxy_pass b;")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("include a;", True), ("x { include a; }", True), ("{{ c }}include a;", True), ("include <a.h>", False)],
)
def test_includes_show(text: str, expected: bool) -> None:
    assert shows_includes(text.encode()) is expected
