"""Rules 04 to 08 in both directions, each against the real nginx."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse
from nginx_oracle import Oracle, Request
from oracle_attack import Attack, assert_nginx_does, assert_scanner_says, gets
from oracle_scan import write_for_scanner

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle

_EVERYBODY = "impostor wrong_name"
_LOCAL = (1, 29, 7)
_KEPT = 'proxy_http_version 1.1; proxy_set_header Connection "";'
_POOL = "upstream backend.test { server <target>; keepalive 4; }"
_TWO = "upstream other.test { server <target>; }"
_TLS_LISTENER = "listen <listen> ssl; ssl_certificate <trusted.pem>; ssl_certificate_key <trusted.key>;"


def _named(name: str, setting: str, expected: str, reached: str = "", **more: object) -> Attack:
    """A verified pass to the group with one name."""
    inside = f"SERVER location / {{ ON @ssl_name {setting}; proxy_pass https://backend.test; }} }}"
    return Attack(name, inside, expected, reached, **more)  # type: ignore[arg-type]


def _evil(path: str = "/?n=other.test&k=a", *headers: tuple[str, str]) -> tuple[Request, ...]:
    """An ordinary request, and one with which the client would like to choose ``other.test``."""
    return (
        Request(
            "/?n=backend.test", host="backend.test", headers=(("X-N", "backend.test"), ("Cookie", "n=backend.test"))
        ),
        Request(path, host="other.test", headers=(("X-N", "other.test"), ("Cookie", "n=other.test"), *headers)),
    )


IDLE = (
    Attack("proxy's on for grpc", "SERVER location / { ON grpc_pass grpcs://backend.test; } }", "04", _EVERYBODY),
    Attack("proxy's on for uwsgi", "SERVER location / { ON uwsgi_pass suwsgi://backend.test; } }", "04", _EVERYBODY),
    Attack(
        "grpc's on for proxy",
        "SERVER location / { ON proxy_pass https://backend.test; } }",
        "04",
        _EVERYBODY,
        prefix="grpc",
    ),
    Attack(
        "uwsgi's on for http",
        "ON SERVER location / { proxy_pass https://backend.test; } }",
        "04",
        _EVERYBODY,
        prefix="uwsgi",
    ),
    Attack("its own on", "SERVER location / { ON uwsgi_pass suwsgi://backend.test; } }", "", prefix="uwsgi"),
    Attack(
        "proxy's on beside grpc's off",
        "SERVER location / { ON grpc_ssl_verify off; grpc_pass grpcs://backend.test; } }",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "proxy's on that another location uses",
        "ON SERVER location / { grpc_pass grpcs://backend.test; } location /b { proxy_pass https://backend.test; } }",
        "03",
        _EVERYBODY,
    ),
    Attack(
        "proxy's on beside plain grpc", "SERVER location / { ON grpc_pass grpc://backend.test; } }", "", trusted=False
    ),
    Attack("stream without proxy_ssl", "SERVER ON proxy_pass backend.test; }", "04", trusted=False, context="stream"),
    Attack(
        "stream with proxy_ssl off",
        "ON SERVER proxy_ssl off; proxy_pass backend.test; }",
        "04",
        trusted=False,
        context="stream",
    ),
    Attack(
        "stream without proxy_ssl and without bundle",
        "SERVER @ssl_verify on; proxy_pass backend.test; }",
        "04",
        trusted=False,
        context="stream",
    ),
    Attack("stream with proxy_ssl", "proxy_ssl on; SERVER ON proxy_pass backend.test; }", "", context="stream"),
    Attack(
        "stream without proxy_ssl beside one that uses the setting",
        "ON SERVER proxy_ssl on; proxy_pass backend.test; } server { listen <listen2>; proxy_pass backend.test; }",
        "",
        context="stream",
    ),
    Attack("stream without TLS at all", "SERVER proxy_pass backend.test; }", "", trusted=False, context="stream"),
)

_PASS = "proxy_pass https://backend.test;"
STORES = (
    Attack(
        "VerifyCAFile",
        f"SERVER location / {{ ON @ssl_conf_command VerifyCAFile <impostor.pem>; {_PASS} }} }}",
        "05",
        "impostor",
        trusted=False,
    ),
    Attack(
        "VerifyCAFile in lower case",
        f"SERVER location / {{ ON @ssl_conf_command verifycafile <root_and_impostor.pem>; {_PASS} }} }}",
        "05",
        "impostor",
    ),
    Attack(
        "VerifyCAStore",
        f"SERVER location / {{ ON @ssl_conf_command VerifyCAStore file:<impostor.pem>; {_PASS} }} }}",
        "05",
        "impostor",
        trusted=False,
    ),
    Attack(
        "second of two commands",
        f"SERVER location / {{ ON @ssl_conf_command CipherString DEFAULT; @ssl_conf_command"
        f" VerifyCAFile <impostor.pem>; {_PASS} }} }}",
        "05",
        "impostor",
        trusted=False,
    ),
    Attack(
        "inherited",
        f"@ssl_conf_command VerifyCAFile <impostor.pem>; SERVER location / {{ ON {_PASS} }} }}",
        "05",
        "impostor",
        trusted=False,
    ),
    Attack(
        "dropped by another command",
        f"@ssl_conf_command VerifyCAFile <impostor.pem>; SERVER location / {{ ON @ssl_conf_command"
        f" CipherString DEFAULT; {_PASS} }} }}",
        "",
    ),
    Attack("VerifyMode", f"SERVER location / {{ ON @ssl_conf_command VerifyMode Request; {_PASS} }} }}", ""),
    Attack(
        "of another module",
        f"SERVER location / {{ ON grpc_ssl_conf_command VerifyCAFile <impostor.pem>; {_PASS} }} }}",
        "",
    ),
    Attack(
        "does not stand for the bundle",
        f"SERVER location / {{ @ssl_verify on; @ssl_conf_command VerifyCAFile <root.pem>; {_PASS} }} }}",
        "02 05",
        lacks_bundle=True,
    ),
    Attack(
        "in grpc",
        "SERVER location / { ON @ssl_conf_command VerifyCAFile <impostor.pem>; grpc_pass grpcs://backend.test; } }",
        "05",
        "impostor",
        trusted=False,
        prefix="grpc",
    ),
    Attack(
        "in uwsgi",
        "SERVER location / { ON @ssl_conf_command VerifyCAFile <impostor.pem>; uwsgi_pass suwsgi://backend.test; } }",
        "05",
        "impostor",
        trusted=False,
        prefix="uwsgi",
    ),
    Attack(
        "in stream",
        "SERVER ON proxy_ssl on; @ssl_conf_command VerifyCAFile <impostor.pem>; proxy_pass backend.test; }",
        "05",
        "impostor",
        trusted=False,
        context="stream",
    ),
    Attack(
        "in stream without proxy_ssl",
        "SERVER @ssl_verify off; @ssl_conf_command VerifyCAFile <impostor.pem>; proxy_pass backend.test; }",
        "",
        trusted=False,
        context="stream",
    ),
)

_WRONG = "wrong_name"
NAMES = (
    _named("host", "$host", "06", _WRONG, requests=_evil()),
    _named("Host header", "$http_host", "06", _WRONG, requests=_evil()),
    _named("header", "$http_x_n", "06", _WRONG, requests=_evil()),
    _named("argument", "$arg_n", "06", _WRONG, requests=_evil()),
    _named("cookie", "$cookie_n", "06", _WRONG, requests=_evil()),
    _named("argument in braces and upper case", "${ARG_n}", "06", _WRONG, requests=_evil()),
    _named("label before a domain", "$arg_l.test", "06", _WRONG, requests=gets("/?l=backend", "/?l=other")),
    _named("client's port", "backend.test:$arg_n", "", requests=_evil()),
    _named("leading dot", ".test", "06", _WRONG),
    _named("quoted leading dot", '".test"', "06", _WRONG),
    _named("wildcard as written", "*.wild.test", ""),
    _named("constant", "other.test", "", _WRONG, trusted=False),
    _named("constant in upper case", "BACKEND.TEST", ""),
    Attack(
        "map of constants",
        "map $arg_k $n { default backend.test; a BACKEND.test; } SERVER location / { ON @ssl_name"
        " $n; proxy_pass https://backend.test; } }",
        "",
        requests=_evil(),
    ),
    Attack(
        "map that hands the request through",
        "map $arg_k $n { default backend.test; a $arg_n; } SERVER location / { ON @ssl_name $n;"
        " proxy_pass https://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil(),
    ),
    Attack(
        "map with a capture",
        'map $arg_n $n { default backend.test; "~^(?<any>.+)$" $any; } SERVER location / { ON'
        " @ssl_name $n; proxy_pass https://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil(),
    ),
    Attack(
        "set to a constant",
        "SERVER location / { set $n backend.test; ON @ssl_name $n; proxy_pass https://backend.test; } }",
        "",
        requests=_evil(),
    ),
    Attack(
        "set to an argument",
        "SERVER location / { set $n $arg_n; ON @ssl_name $n; proxy_pass https://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil(),
    ),
    Attack(
        "set to an argument, then to a constant",
        "SERVER set $n $arg_n; location / { set $n backend.test; ON @ssl_name $n; proxy_pass https://backend.test; } }",
        "",
        requests=_evil(),
    ),
    Attack(
        "set to a constant, then in an if",
        "SERVER location / { set $n backend.test; if ($arg_n) { set $n $arg_n; } ON @ssl_name $n;"
        " proxy_pass https://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil(),
    ),
    Attack(
        "capture of the path",
        'SERVER location ~ "^/(?<label>[a-z.]+)$" { ON @ssl_name $label; proxy_pass https://backend.test; } }',
        "06",
        _WRONG,
        requests=gets("/backend.test", "/other.test"),
    ),
    Attack(
        "capture of the server's name",
        'server { listen <listen>; server_name "~^(?<label>.+)$"; location / { ON @ssl_name $label;'
        " proxy_pass https://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil(),
    ),
    Attack(
        "host in the target", "SERVER location / { ON proxy_pass https://$host; } }", "06", _WRONG, requests=_evil()
    ),
    Attack(
        "host in the target, name fixed",
        "SERVER location / { ON @ssl_name backend.test; proxy_pass https://$host; } }",
        "",
        requests=_evil(),
    ),
    Attack(
        "proxy_host",
        "SERVER location / { ON @ssl_name $proxy_host; proxy_pass https://backend.test; } }",
        "",
        requests=_evil(),
    ),
    Attack(
        "client chooses, but nobody verifies",
        "SERVER location / { @ssl_name $host; proxy_pass https://backend.test; } }",
        "03",
        _EVERYBODY,
        requests=_evil(),
    ),
    Attack(
        "argument behind the host's slash",
        "SERVER location / { ON proxy_pass https://backend.test/$arg_n; } }",
        "",
        requests=_evil(),
    ),
    Attack(
        "argument behind the host",
        "SERVER location / { ON proxy_pass https://$arg_h$arg_n; } }",
        "06",
        _WRONG,
        requests=gets("/?n=backend.test", "/?h=other&n=.test"),
    ),
    Attack(
        "host from map of constants",
        "map $arg_k $u { default backend.test; a other.test; } SERVER location / { ON proxy_pass https://$u; } }",
        "",
        _WRONG,
        requests=_evil(),
    ),
    Attack(
        "in grpc",
        "SERVER location / { ON @ssl_name $http_x_n; grpc_pass grpcs://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil(),
        prefix="grpc",
    ),
    Attack(
        "in uwsgi",
        "SERVER location / { ON @ssl_name $arg_n; uwsgi_pass suwsgi://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil(),
        prefix="uwsgi",
    ),
    Attack(
        "in stream by map",
        "map $remote_addr $n { default backend.test; } SERVER ON proxy_ssl on; @ssl_name $n;"
        " proxy_pass backend.test; }",
        "",
        context="stream",
    ),
    Attack(
        "scheme by the client",
        "SERVER location / { ON @ssl_name $arg_n; proxy_pass $arg_s://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil("/?s=https&n=other.test"),
        trusted=False,
    ),
)

_A_AND_B = (*gets("/a", "/b"), *gets("/b", "/a"))
_NO_REUSE = "@ssl_session_reuse off;"


def _shared(name: str, first: str, second: str, expected: str, reached: str, **more: object) -> Attack:
    """Two locations to one group with a pool."""
    inside = f"SERVER {_KEPT} location /a {{ {first} {_PASS} }} location /b {{ {second} {_PASS} }} }}"
    settings = {"requests": _A_AND_B, "groups": f"{_POOL} {_TWO}", **more}
    return Attack(name, inside, expected, reached, **settings)  # type: ignore[arg-type]


def _changing(name: str, member: str, expected: str, other: str = "other.test", reached: str = _WRONG) -> Attack:
    """One location to one group, verified with a name that the request chooses among two."""
    inside = f"map $arg_k $n {{ default backend.test; a {other}; }} SERVER location / {{ ON @ssl_name $n; {_PASS} }} }}"
    groups = f"upstream backend.test {{ server <target>; {member} }}"
    return Attack(
        f"changing names {name}",
        inside,
        expected,
        reached,
        requests=gets("/", "/?k=a", "/"),
        groups=groups,
        since=_LOCAL,
    )


def _sessions(name: str, first: str, second: str, expected: str, **more: object) -> Attack:
    """Two locations to one literal address, under one name, the first of which admits the impostor."""
    target = "@ssl_name backend.test; proxy_pass https://<target>;"
    inside = f"SERVER location /a {{ {first} {target} }} location /b {{ {second} {target} }} }}"
    settings = {"requests": _A_AND_B, **more}
    return Attack(name, inside, expected, "impostor", **settings)  # type: ignore[arg-type]


SHARED = (
    _shared("pool with an unverified pass", "", "ON ", "03 07", _EVERYBODY),
    _shared("pool with an unverified pass in front", "ON ", "OFF ", "01 07", _EVERYBODY),
    _shared("pool with another bundle", f"ON {_NO_REUSE}", f"BOTH {_NO_REUSE}", "07", "impostor"),
    _shared("pool with another name", "ON ", "ON @ssl_name other.test;", "07", _WRONG),
    _shared("pool of passes that are verified alike", "ON ", "ON @ssl_verify_depth 2;", "", ""),
    _shared(
        "pool under names in other cases", "ON ", "", "03 07", _EVERYBODY, groups=_POOL.replace("backend", "Backend")
    ),
    _shared(
        "local pools",
        "",
        "ON ",
        "03",
        _EVERYBODY,
        groups=_POOL.replace("keepalive 4", "keepalive 4 local"),
        since=_LOCAL,
    ),
    _shared(
        "local pools with another name",
        "ON ",
        "ON @ssl_name other.test;",
        "",
        _WRONG,
        groups=_POOL.replace("keepalive 4", "keepalive 4 local"),
        since=_LOCAL,
    ),
    _shared(
        "pools that nobody wrote",
        "ON ",
        "ON @ssl_name other.test;",
        "",
        _WRONG,
        groups="upstream backend.test { server <target>; }",
        since=_LOCAL,
    ),
    _changing("in a local pool", "keepalive 4 local;", "07"),
    _changing("in a shared pool", "keepalive 4;", "07"),
    _changing("in a pool that nobody wrote", "", "07"),
    _changing("without a pool", "keepalive 0;", ""),
    _changing("that are one in two cases", "keepalive 4;", "", "BACKEND.test", ""),
    Attack(
        "a name and a scheme that change together",
        "map $arg_k $n { default backend.test; a other.test; } map $arg_k $s { default https; a http; }"
        " SERVER location / { ON @ssl_name $n; proxy_pass $s://backend.test; } }",
        "",
        requests=gets("/", "/?k=a", "/"),
        since=_LOCAL,
    ),
    Attack(
        "an if that sets another name has a pool of its own",
        "SERVER location / { set $n backend.test; if ($arg_k) { set $n other.test; } ON @ssl_name $n;"
        f" {_PASS} }} }}",
        "",
        _WRONG,
        requests=gets("/", "/?k=a", "/"),
        since=_LOCAL,
    ),
    Attack(
        "but not where all pools are one",
        "SERVER location / { set $n backend.test; if ($arg_k) { set $n other.test; } ON @ssl_name $n;"
        f" {_PASS} }} }}",
        "07",
        _WRONG,
        requests=gets("/", "/?k=a", "/"),
        groups=_POOL,
        since=_LOCAL,
    ),
    Attack(
        "a name and a group that change together",
        "map $arg_k $n { default backend.test; a other.test; } SERVER location / { ON @ssl_name $n;"
        " proxy_pass https://$n; } }",
        "",
        _WRONG,
        requests=gets("/", "/?k=a", "/"),
        since=_LOCAL,
    ),
    Attack(
        "plain connections in the pool",
        f"SERVER {_KEPT} location /a {{ proxy_pass http://backend.test; }} location /b {{ ON {_PASS} }} }}",
        "",
        groups=_POOL,
        requests=gets("/b", "/a"),
    ),
    _sessions("sessions of two bundles", "BOTH ", "ON ", "07"),
    _sessions("sessions of two bundles, reuse off in one", f"BOTH {_NO_REUSE}", "ON ", ""),
    _sessions("sessions of two bundles, reuse off in the other", "BOTH ", f"ON {_NO_REUSE}", ""),
    Attack(
        "sessions of a group",
        "SERVER location /a { BOTH proxy_pass https://backend.test; } location /b { ON proxy_pass"
        " https://backend.test; } }",
        "07",
        "impostor",
        requests=_A_AND_B,
    ),
    Attack(
        "sessions of two groups",
        "SERVER location /a { BOTH proxy_pass https://backend.test; } location /b { ON @ssl_name"
        " backend.test; proxy_pass https://other.test; } }",
        "",
        "impostor",
        requests=_A_AND_B,
    ),
    Attack(
        "sessions of grpc",
        "SERVER location /a { BOTH grpc_pass grpcs://backend.test; } location /b { ON grpc_pass"
        " grpcs://backend.test; } }",
        "07",
        "impostor",
        requests=_A_AND_B,
        prefix="grpc",
    ),
    Attack(
        "sessions of stream",
        "proxy_ssl on; SERVER BOTH proxy_pass backend.test; } server { listen <listen2>; ON proxy_pass backend.test; }",
        "07",
        "impostor",
        requests=(Request(), Request(listener="listen2")),
        context="stream",
    ),
)

_CERTAIN = "SERVER location / {{ ON proxy_pass https://{}; }} }}"
IMPOSSIBLE = (
    Attack("IP address", _CERTAIN.format("<target>"), "08", trusted=False),
    Attack("unix socket", _CERTAIN.format("<target:unix>:/"), "08", trusted=False),
    Attack(
        "IP address with a name", "SERVER location / { ON @ssl_name backend.test; proxy_pass https://<target>; } }", ""
    ),
    Attack(
        "unix socket with a name",
        "SERVER location / { ON @ssl_name backend.test; proxy_pass https://<target:unix>:/; } }",
        "",
    ),
    Attack(
        "IP address as the name",
        "SERVER location / { ON @ssl_name 127.0.0.1; proxy_pass https://backend.test; } }",
        "08",
        trusted=False,
    ),
    Attack(
        "group's name without a dot",
        _CERTAIN.format("plain"),
        "08",
        trusted=False,
        groups="upstream plain { server <target>; }",
    ),
    Attack("group's name like its member's", _CERTAIN.format("backend.test"), ""),
    Attack(
        "proxy's variable in uwsgi",
        "SERVER location / { ON @ssl_name $proxy_host; uwsgi_pass suwsgi://backend.test; } }",
        "08",
        trusted=False,
        prefix="uwsgi",
    ),
    Attack(
        "proxy's variable in grpc",
        "SERVER location / { ON @ssl_name $proxy_host; grpc_pass grpcs://backend.test; } }",
        "08",
        trusted=False,
        prefix="grpc",
    ),
    Attack(
        "proxy's variable", "SERVER location / { ON @ssl_name $proxy_host; proxy_pass https://backend.test; } }", ""
    ),
    Attack(
        "empty name", 'SERVER location / { ON @ssl_name ""; proxy_pass https://backend.test; } }', "08", trusted=False
    ),
    Attack(
        "trailing dot",
        "SERVER location / { ON @ssl_name backend.test.; proxy_pass https://backend.test; } }",
        "08",
        trusted=False,
    ),
    Attack(
        "IP address that nobody verifies", "SERVER location / { OFF proxy_pass https://<target>; } }", "01", _EVERYBODY
    ),
    Attack(
        "IP address in a variable",
        "SERVER location / { set $u <target>; ON proxy_pass https://$u; } }",
        "08",
        trusted=False,
    ),
    Attack(
        "address of grpc", "SERVER location / { ON grpc_pass grpcs://<target>; } }", "08", trusted=False, prefix="grpc"
    ),
    Attack(
        "address of uwsgi",
        "SERVER location / { ON uwsgi_pass suwsgi://<target>; } }",
        "08",
        trusted=False,
        prefix="uwsgi",
    ),
    Attack(
        "address of stream", "SERVER ON proxy_ssl on; proxy_pass <target>; }", "08", trusted=False, context="stream"
    ),
)

STRUCTURE = (
    Attack(
        "named location judged by itself",
        "SERVER location / { ON error_page 418 = @n; return 418; } location @n { proxy_pass https://backend.test; } }",
        "03",
        _EVERYBODY,
    ),
    Attack(
        "named location on its own",
        "SERVER location / { error_page 418 = @n; return 418; } location @n { ON proxy_pass https://backend.test; } }",
        "",
    ),
    Attack(
        "error page that is a pass",
        "SERVER location / { ON error_page 404 /e; return 404; } location = /e { OFF proxy_pass"
        " https://backend.test; } }",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "auth_request",
        "SERVER location / { ON auth_request /auth; } location = /auth { OFF proxy_pass https://backend.test; } }",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "auth_request, verified",
        "SERVER location / { auth_request /auth; } location = /auth { ON proxy_pass https://backend.test; } }",
        "",
    ),
    Attack(
        "mirror",
        "SERVER location / { ON mirror /m; } location = /m { OFF proxy_pass https://backend.test; } }",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "rewrite",
        "SERVER location / { ON rewrite ^ /r last; } location = /r { OFF proxy_pass https://backend.test; } }",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "rewrite away from an off",
        "SERVER location / { OFF rewrite ^ /r last; } location = /r { ON proxy_pass https://backend.test; } }",
        "",
    ),
    Attack(
        "try_files",
        "SERVER location / { ON try_files /none @n; } location @n { OFF proxy_pass https://backend.test; } }",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "name set where the request came from",
        "SERVER location / { set $n $arg_n; rewrite ^ /r last; } location = /r { ON @ssl_name $n;"
        " proxy_pass https://backend.test; } }",
        "06",
        _WRONG,
        requests=_evil(),
    ),
    Attack(
        "return in front of a pass",
        "SERVER location / { OFF return 204; proxy_pass https://backend.test; } }",
        "",
        trusted=False,
    ),
    Attack(
        "return behind a pass",
        "SERVER location / { proxy_pass https://backend.test; return 204; } }",
        "",
        trusted=False,
    ),
    Attack(
        "return in an if",
        "SERVER location / { if ($arg_z) { return 204; } proxy_pass https://backend.test; } }",
        "03",
        _EVERYBODY,
    ),
    Attack(
        "return around a location",
        "SERVER location / { return 204; location /a { proxy_pass https://backend.test; } } }",
        "03",
        _EVERYBODY,
        requests=gets("/a"),
    ),
    Attack("name of a group in another case", "SERVER location / { ON proxy_pass https://BACKEND.test; } }", ""),
    Attack(
        "limit_except's pass has the location's settings",
        "SERVER location / { OFF limit_except POST { proxy_pass https://backend.test; } } }",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "last pass is proxy",
        "SERVER location / { ON grpc_pass grpcs://backend.test; proxy_pass https://backend.test; } }",
        "",
    ),
)

_NAMED_OFF = "location {} {{ OFF proxy_pass https://backend.test; }}"
_NAMED_BY_N = "ON @ssl_name $n; proxy_pass https://backend.test;"
ENDS = (
    Attack(
        "break in front of a server's return",
        f"SERVER if ($arg_x) {{ break; }} return 301 /b; {_NAMED_OFF.format('/')} }}",
        "01",
        _EVERYBODY,
        requests=gets("/?x=1"),
    ),
    Attack(
        "break behind a server's return",
        f"SERVER return 301 /b; if ($arg_x) {{ break; }} {_NAMED_OFF.format('/')} }}",
        "",
        trusted=False,
        requests=gets("/?x=1"),
    ),
    Attack(
        "last in front of a server's return",
        f"SERVER rewrite ^/a/(.*) /v/$1 last; return 404; {_NAMED_OFF.format('/v/')} }}",
        "01",
        _EVERYBODY,
        requests=gets("/a/x"),
    ),
    Attack(
        "break in front of a location's return",
        "SERVER location / { OFF rewrite ^/a /b break; return 204; proxy_pass https://backend.test; } }",
        "01",
        _EVERYBODY,
        requests=gets("/a"),
    ),
    Attack(
        "last in front of a location's return",
        "SERVER location / { OFF rewrite ^/a /b last; return 204; proxy_pass https://backend.test; } }",
        "",
        trusted=False,
        requests=gets("/a"),
    ),
    Attack(
        "break between two sets",
        f"SERVER location / {{ set $n $arg_n; if ($arg_x) {{ break; }} set $n backend.test; {_NAMED_BY_N} }} }}",
        "06",
        _WRONG,
        requests=gets("/", "/?x=1&n=other.test"),
    ),
    Attack(
        "last between two sets of a server",
        f"SERVER set $n $arg_n; rewrite ^/a /b last; set $n backend.test; location / {{ {_NAMED_BY_N} }} }}",
        "06",
        _WRONG,
        requests=gets("/", "/a?n=other.test"),
    ),
    Attack(
        "break behind both sets",
        f"SERVER location / {{ set $n $arg_n; set $n backend.test; if ($arg_x) {{ break; }} {_NAMED_BY_N} }} }}",
        "",
        requests=gets("/", "/?x=1&n=other.test"),
    ),
    Attack(
        "named location behind a server's return",
        f"SERVER error_page 503 @b; return 503; {_NAMED_OFF.format('@b')} }}",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "return in a named location",
        "SERVER error_page 503 @b; return 503; location @b { OFF return 204; proxy_pass https://backend.test; } }",
        "",
        trusted=False,
    ),
    Attack(
        "pass of a stream behind its return",
        'SERVER OFF proxy_ssl on; return "x"; proxy_pass backend.test; }',
        "01",
        _EVERYBODY,
        context="stream",
    ),
    Attack(
        "return of a stream behind its pass",
        'SERVER OFF proxy_ssl on; proxy_pass backend.test; return "x"; }',
        "",
        trusted=False,
        context="stream",
    ),
    Attack(
        "error_page of http carries a variable",
        "error_page 404 = /f; SERVER location /a { set $n $arg_n; return 404; } location /f {"
        f" set $m $n; {_NAMED_BY_N} }} }}",
        "06",
        _WRONG,
        requests=gets("/a?n=backend.test", "/a?n=other.test"),
    ),
    *(
        Attack(
            f"{key} is a key of a map",
            f"map $arg_k $n {{ default backend.test; {key} $arg_n; }} SERVER location / {{ {_NAMED_BY_N} }} }}",
            "06",
            _WRONG,
            requests=gets("/", f"/?k={key}&n=other.test"),
        )
        for key in ("proxy", "delete", "ranges")
    ),
    Attack(
        "arguments of the request behind a host",
        "SERVER location / { ON proxy_pass https://backend.test$is_args$args; } }",
        "",
        requests=gets("/", "/?", "/?a=b", "/?.other.test", "/?@other.test", "/?:x@other.test/"),
    ),
    Attack(
        "name of a variable that begins with a digit",
        "SERVER location ~ ^/(oth|back)/ { ON proxy_pass https://$1er.test; } }",
        "06",
        _WRONG,
        requests=gets("/oth/"),
        trusted=False,
    ),
)
"""Where the rewrite module stops, and what a variable may hold behind it."""

_BY_OTHERS = "SERVER location / {{ set $n backend.test; {} ON @ssl_name $n; proxy_pass https://backend.test; }}{} }}"
_NJS = "function c(r) { r.variables.n = r.args.n || 'backend.test'; } export default {c};"
ASSIGNED_BY_OTHERS = (
    Attack(
        "auth_request_set",
        _BY_OTHERS.format(
            "auth_request /auth; auth_request_set $n $http_x_n;", " location = /auth { return 204; }"
        ).replace("}}", "}"),
        "06",
        _WRONG,
        requests=_evil(),
    ),
    Attack(
        "njs",
        "js_import m from m.js; "
        + _BY_OTHERS.format("js_access m.c;", "").replace("}}", "}").replace("set $n backend.test", 'set $n ""'),
        "06",
        _WRONG,
        requests=gets("/", "/?n=other.test"),
        files={"m.js": _NJS},
        since=(1, 31),
    ),
)
"""Names of which only the one that ``set`` gives is known."""

SCHEMES = (
    Attack(
        "$scheme of a plain listener", "SERVER location / { proxy_pass $scheme://backend.test; } }", "", trusted=False
    ),
    Attack(
        "$scheme of a TLS listener",
        f"server {{ {_TLS_LISTENER} location / {{ proxy_pass $scheme://backend.test; }} }}",
        "03",
        _EVERYBODY,
        requests=(Request(tls=True),),
    ),
    Attack(
        "$scheme of a listener that another server makes speak TLS",
        f"server {{ {_TLS_LISTENER} }} SERVER server_name client.test; ssl_certificate <trusted.pem>;"
        " ssl_certificate_key <trusted.key>; location / { proxy_pass $scheme://backend.test; } }",
        "03",
        _EVERYBODY,
        requests=(Request(host="client.test", tls=True),),
    ),
    Attack(
        "$scheme of a TLS listener, verified",
        f"server {{ {_TLS_LISTENER} location / {{ ON proxy_pass $scheme://backend.test; }} }}",
        "",
        requests=(Request(tls=True),),
    ),
    Attack(
        "$scheme without bundle",
        "SERVER location / { @ssl_verify on; proxy_pass $scheme://backend.test; } }",
        "02",
        lacks_bundle=True,
    ),
    Attack(
        "client's scheme",
        "SERVER location / { proxy_pass $arg_s://backend.test; } }",
        "03",
        _EVERYBODY,
        requests=gets("/?s=http", "/?s=https"),
    ),
    Attack(
        "map with https",
        "map $arg_k $s { default http; a https; } SERVER location / { proxy_pass $s://backend.test; } }",
        "03",
        _EVERYBODY,
        requests=gets("/", "/?k=a"),
    ),
    Attack(
        "map without https",
        "map $arg_k $s { default http; a HTTP; } SERVER location / { proxy_pass $s://backend.test; } }",
        "",
        trusted=False,
        requests=gets("/", "/?k=a"),
    ),
    Attack(
        "commonest shape in the wild",
        "SERVER location / { set $proto https; set $app backend.test; proxy_pass $proto://$app; } }",
        "03",
        _EVERYBODY,
    ),
    Attack(
        "commonest shape, off for the server",
        "SERVER OFF location / { set $proto https; set $app backend.test; proxy_pass $proto://$app; } }",
        "01",
        _EVERYBODY,
    ),
    Attack(
        "whole target", "SERVER location / { set $url https://backend.test/x; proxy_pass $url; } }", "03", _EVERYBODY
    ),
    Attack(
        "geo",
        "geo $s { default https; 10.0.0.0/8 http; } SERVER location / { proxy_pass $s://backend.test; } }",
        "03",
        _EVERYBODY,
    ),
    Attack(
        "split_clients",
        'split_clients "$arg_k" $s { 50% https; * https; } SERVER location / { proxy_pass $s://backend.test; } }',
        "03",
        _EVERYBODY,
    ),
)

DEPTHS = (("0", "trusted"), ("1", "trusted intermediate"))


@pytest.mark.parametrize(("depth", "reached"), DEPTHS)
def test_depth_nought_with_an_intermediate_in_the_bundle(
    newest_oracle: Oracle, depth: str, reached: str, tmp_path: Path
) -> None:
    """Verification cannot succeed for an upstream below the intermediate, which the bundle makes plain."""
    directory = newest_oracle.certificates.directory
    bundle = (directory / "root.pem").read_text() + (directory / "intermediate_only.pem").read_text()
    inside = f"@ssl_verify on; @ssl_trusted_certificate ca.pem; @ssl_verify_depth {depth};"
    case = Attack(
        "",
        f"SERVER location / {{ {inside} proxy_pass https://backend.test; }} }}",
        "08" if depth == "0" else "",
        reached,
        trusted=False,
        identities=("trusted", "intermediate"),
        files={"ca.pem": bundle},
    )
    assert_nginx_does(newest_oracle, case)
    assert_scanner_says(newest_oracle, case, tmp_path)


def test_a_directory_of_certificates_replaces_the_bundle(newest_oracle: Oracle, tmp_path: Path) -> None:
    directory = newest_oracle.certificates.directory
    impostor = (directory / "impostor.pem").read_text()
    hashed = subprocess.run(
        ["openssl", "x509", "-noout", "-subject_hash", "-in", str(directory / "impostor.pem")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    inside = "ON @ssl_conf_command VerifyCAPath <root.pem>; proxy_pass https://backend.test;"
    store = tmp_path / "store"
    store.mkdir()
    (store / f"{hashed}.0").write_text(impostor)
    case = Attack(
        "", f"SERVER location / {{ {inside.replace('<root.pem>', str(store))} }} }}", "05", "impostor", trusted=False
    )
    assert_nginx_does(newest_oracle, case)
    assert_scanner_says(newest_oracle, case, tmp_path / "scan")


REFUSED = (
    "http { server { listen <listen>; location / { proxy_pass https://<target>; proxy_ssl_verify_depth ²; } } }",
    "http { server { listen <listen>; location / { proxy_pass https://<target>; proxy_ssl_verify_depth -1; } } }",
    "http { server { listen <listen>; location / { limit_except GET { grpc_pass grpcs://<target>; } } } }",
    "http { server { listen <listen>; location / { limit_except GET { uwsgi_pass <target>; } } } }",
    "http { server { listen <listen>; proxy_pass https://<target>; } }",
    "http { server { listen <listen>; if ($arg_x) { proxy_pass https://<target>; } } }",
    (
        "http { server { listen <listen>; location / { if ($arg_x) { proxy_ssl_verify on; } proxy_pass"
        " http://<target>; } } }"
    ),
    (
        "http { server { listen <listen>; location / { limit_except GET { proxy_ssl_name a; } proxy_pass"
        " http://<target>; } } }"
    ),
    "http { upstream u { server <target>; grpc_ssl_verify on; } server { location / { proxy_pass http://u; } } }",
    "http { server { listen <listen>; location / { proxy_ssl on; proxy_pass http://<target>; } } }",
    "http { server { listen <listen>; location / { if ($arg_x) { location /a { } } proxy_pass http://<target>; } } }",
    "http { server { listen <listen>; location / { if ($arg_x) { if ($arg_y) { } } proxy_pass http://<target>; } } }",
    (
        "http { server { listen <listen>; location / { limit_except GET { if ($arg_y) { } } proxy_pass"
        " http://<target>; } } }"
    ),
    "http { location / { proxy_pass http://<target>; } }",
    "http { server { location / { server { } proxy_pass http://<target>; } } }",
    "stream { proxy_pass <target>; server { listen <listen>; proxy_pass <target>; } }",
    "stream { upstream u { server <target>; proxy_ssl_verify on; } server { listen <listen>; proxy_pass u; } }",
    "proxy_ssl_verify on; http { server { location / { proxy_pass http://<target>; } } }",
    "http { server { upstream u { server <target>; } location / { proxy_pass http://u; } } }",
)
"""Configurations that nginx refuses for a directive out of place."""

ACCEPTED = (
    "http { server { listen <listen>; location / { proxy_pass https://<target>; proxy_ssl_verify_depth 0; } } }",
    "http { server { listen <listen>; location / { if ($arg_x) { grpc_pass grpcs://<target>; } } } }",
    "http { server { listen <listen>; location / { limit_except GET { proxy_pass https://<target>; } } } }",
    "http { map $host $m { proxy_ssl_verify off; } server { location / { proxy_pass http://<target>; } } }",
    "stream { proxy_ssl on; server { listen <listen>; proxy_ssl_name a; proxy_pass <target>; } }",
)


@pytest.mark.parametrize("template", REFUSED + ACCEPTED)
def test_a_directive_out_of_place_is_a_problem_in_nginx_words(
    newest_oracle: Oracle, template: str, tmp_path: Path
) -> None:
    config = f"events {{}}\n{template}\n"
    result = newest_oracle.check(config)
    assert result.starts == (template in ACCEPTED), result.message
    write_for_scanner(tmp_path, newest_oracle, config)
    problems = [problem.reason for problem in analyse(str(tmp_path)).problems]
    assert problems == [] if result.starts else problems[0] in result.message


@pytest.mark.parametrize("case", ASSIGNED_BY_OTHERS, ids=lambda case: str(case.name))
def test_what_others_assign_to_a_variable_is_not_known(newest_oracle: Oracle, case: Attack, tmp_path: Path) -> None:
    assert_nginx_does(newest_oracle, case)
    write_for_scanner(tmp_path, newest_oracle, case.config, case.files)
    undecided = {one.check.id[-2:] for one in analyse(str(tmp_path)).outcomes if one.result is CheckResult.UNKNOWN}
    assert case.expected in undecided


CASES = [
    (f"{check}: {case.name}", case)
    for check, cases in (
        ("04", IDLE),
        ("05", STORES),
        ("06", NAMES),
        ("07", SHARED),
        ("08", IMPOSSIBLE),
        ("structure", STRUCTURE),
        ("ends", ENDS),
        ("scheme", SCHEMES),
    )
    for case in cases
]

_each = pytest.mark.parametrize("case", [case for _name, case in CASES], ids=[name for name, _case in CASES])


@_each
def test_nginx_does_what_the_case_says(oracle: Oracle, case: Attack) -> None:
    if oracle.binary.version < case.since:
        pytest.skip("this version behaves otherwise")
    assert_nginx_does(oracle, case)


@_each
def test_the_scanner_says_so(newest_oracle: Oracle, case: Attack, tmp_path: Path) -> None:
    assert_scanner_says(newest_oracle, case, tmp_path)
