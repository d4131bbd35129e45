"""What variables can hold, and what that makes of a target."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.deployments import DeployedFiles
from checkov_nginx_tls.files import ScannedFiles
from checkov_nginx_tls.includes import IncludeResolver
from checkov_nginx_tls.model import assemble
from checkov_nginx_tls.modules import GRPC, HTTP_PROXY, UWSGI, Module
from checkov_nginx_tls.syntax import parse
from checkov_nginx_tls.targets import (
    ManyNames,
    Transport,
    is_address,
    is_loopback,
    may_be,
    name_in,
    targets,
    transport_of,
)
from checkov_nginx_tls.upstreams import Connection, connections
from checkov_nginx_tls.variables import Unfixed, Value

if TYPE_CHECKING:
    from pathlib import Path

C, M, U = Unfixed.CLIENT, Unfixed.MACHINE, Unfixed.UNKNOWN
TLS, PLAIN, OPEN = Transport.TLS, Transport.PLAINTEXT, Transport.UNDECIDED


def connections_of(text: str, tmp_path: Path) -> tuple[Connection, ...]:
    file = parse(str(tmp_path / "x.conf"), "x.conf", text.encode())
    scanned = ScannedFiles([str(tmp_path)], str(tmp_path))
    return connections(
        assemble(
            file, IncludeResolver(scanned, [str(tmp_path)], DeployedFiles([], tuple)), dt.datetime.now(dt.timezone.utc)
        )
    )


@pytest.mark.parametrize(
    ("value", "module", "transport", "host"),
    [
        (("https://a.b:1/c?d",), HTTP_PROXY, TLS, ("a.b:1",)),
        (("HTTPS://a.b",), HTTP_PROXY, TLS, ("a.b",)),
        (("http://a.b",), HTTP_PROXY, PLAIN, ("a.b",)),
        (("https://", C), HTTP_PROXY, TLS, (C,)),
        (("https://a.b", C), HTTP_PROXY, TLS, ("a.b", C)),
        (("https://a.b/", C), HTTP_PROXY, TLS, ("a.b",)),
        (("http", C, "://a.b"), HTTP_PROXY, TLS, ("a.b",)),
        (("http", U, "://a.b"), HTTP_PROXY, OPEN, ("a.b",)),
        ((C,), HTTP_PROXY, TLS, (C,)),
        ((U,), HTTP_PROXY, OPEN, (U,)),
        ((M, "://a"), HTTP_PROXY, PLAIN, ("a",)),
        (("https://unix:/run/s:/uri",), HTTP_PROXY, TLS, ("unix:/run/s",)),
        (("grpcs://a:1",), GRPC, TLS, ("a:1",)),
        (("a:1",), GRPC, PLAIN, ("a:1",)),
        (("suwsgi://a:1",), UWSGI, TLS, ("a:1",)),
    ],
)
def test_targets(value: Value, module: Module, transport: Transport, host: Value) -> None:
    found = targets(module, [value])
    assert transport_of(found) is transport
    assert host in {target.host for target in found}


def test_what_nginx_refuses_at_run_time_reaches_nobody() -> None:
    assert targets(HTTP_PROXY, [("ftp://a.b",), ("",)]) == ()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (("a.b:443",), ("a.b",)),
        (("[::1]:443",), ("[::1]",)),
        (("::1",), ()),
        (("unix:/run/s",), ("unix:/run/s",)),
        (("a.", C), ("a.", C)),
        (("a:", C), ("a",)),
    ],
)
def test_the_name_is_the_host_up_to_the_first_colon(host: Value, name: Value) -> None:
    assert name_in(host) == name


@pytest.mark.parametrize(
    ("host", "text", "expected"),
    [
        (("a.b",), "a.b", True),
        (("A.b",), "a.b", True),
        ((C,), "a.b", True),
        ((C, ".b"), "a.b", True),
        (("a", C), "a.b", True),
        (("a", C, ".b", C), "a.b.c", True),
        (("a", C, "b"), "ab", True),
        (("ab", C, "b"), "ab", False),
        ((C, "a"), "a.b", False),
        (("b", C), "a.b", False),
        (("a", C, "x", C), "a.b", False),
        ((U,), "a.b", False),
        (tuple([C, "a"] * 30), "a" * 4000, True),
        (tuple([C, "a"] * 30 + [C, "b"]), "a" * 4000, False),
    ],
)
def test_what_a_client_can_make_of_a_host(host: Value, text: str, expected: bool) -> None:
    assert may_be(host, text) is expected


PARTS = st.lists(st.one_of(st.sampled_from([C, M, U]), st.text("aB.", min_size=1, max_size=2)), max_size=4)


@given(PARTS, st.lists(st.text("ab.", max_size=4), max_size=8))
def test_names_that_a_client_can_choose_are_found_without_looking_at_all(
    parts: list[str | Unfixed], names: list[str]
) -> None:
    host = tuple(parts)
    assert sorted(ManyNames(names).that_may_be(host)) == sorted({name for name in names if may_be(host, name)})


def test_loopback_and_addresses() -> None:
    assert all(map(is_loopback, ["127.9.9.9:1", "localhost:1", "LOCALHOST", "[::1]:1", "unix:/x"]))
    assert not any(map(is_loopback, ["10.0.0.1", "localhost.example.com", "[::2]:1", "$host", ""]))
    assert is_address("[::1]")
    assert not is_address("a.b")


LOCATION = "http {{ map $host $m {{ default a; b ''; }} server {{ listen 80; {server} location / {{ {location} }} }} }}"


@pytest.mark.parametrize(
    ("server", "location", "expected"),
    [
        ("", "set $p https; proxy_pass $p://a;", TLS),
        ("", "set $p HTTPS; proxy_pass ${p}://a;", TLS),
        ("set $p https;", "proxy_pass $p://a;", TLS),
        ("set $p https;", "set $p http; proxy_pass $p://a;", PLAIN),
        ("", "set $p http; if ($a) { set $p https; } proxy_pass $p://a;", TLS),
        ("", "set $p http; set $p https; proxy_pass $p://a;", TLS),
        ("", "set $p s; proxy_pass http$p://a;", TLS),
        ("", "set $q https; set $p $q; proxy_pass $p://a;", TLS),
        ("", "set $u https://a; proxy_pass $u;", TLS),
        ("", "set $u http://a; proxy_pass $u;", PLAIN),
        ("", "proxy_pass $scheme://a;", PLAIN),
        ("listen 443 ssl;", "proxy_pass $scheme://a;", TLS),
        ("", "proxy_pass $arg_scheme://a;", TLS),
        ("", "proxy_pass $from_somewhere://a;", OPEN),
        ("", "set $p $p; proxy_pass $p://a;", OPEN),
        ("location /x { set $p https; rewrite ^ /y last; }", "proxy_pass $p://a;", TLS),
        ("", "set $p http; location /y { proxy_pass $p://a; }", PLAIN),
        ("", "proxy_pass http$https://a;", PLAIN),
    ],
)
def test_the_transport_follows_the_variables(server: str, location: str, expected: Transport, tmp_path: Path) -> None:
    (connection,) = connections_of(LOCATION.format(server=server, location=location), tmp_path)
    assert connection.transport is expected


@pytest.mark.parametrize(
    ("switch", "expected"),
    [("on", TLS), ("off", PLAIN), ("{{ tls }}", OPEN), ("{% if a %}on{% else %}off{% endif %}", OPEN)],
)
@pytest.mark.parametrize("target", ["a.example:1", "{{ target }}", "upstream{{ name.replace('-', '') }}"])
def test_the_switch_of_stream_decides_whatever_the_target(
    switch: str, target: str, expected: Transport, tmp_path: Path
) -> None:
    (connection,) = connections_of(
        f"stream {{ server {{ listen 1; proxy_ssl {switch}; proxy_pass {target}; }} }}", tmp_path
    )
    assert connection.transport is expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("map $host $p { default http; a https; }", TLS),
        ("map $host $p { default http; }", PLAIN),
        ("map $host $p { include missing.map; default http; }", OPEN),
        ("map $host $p { default $arg_p; }", TLS),
        ("geo $p { default http; 10.0.0.0/8 https; }", TLS),
        ("split_clients $arg_x $p { 50% http; * https; }", TLS),
        ("map $host $p { volatile; hostnames; default http; }", PLAIN),
    ],
)
def test_maps_and_their_like_are_resolved(block: str, expected: Transport, tmp_path: Path) -> None:
    text = f"http {{ {block} server {{ location / {{ proxy_pass $p://a; }} }} }}"
    (connection,) = connections_of(text, tmp_path)
    assert connection.transport is expected


def map_of(name: str, *results: str) -> str:
    return f"map $host ${name} {{ {' '.join(f'k{number} {result};' for number, result in enumerate(results))} }}"


ENDLESS = {
    "a chain of sets": "set $v0 a;" + "".join(f"set $v{one + 1} $v{one};" for one in range(1000)),
    "a chain of maps": [map_of(f"v{one + 1}", f"$v{one}") for one in range(1000)],
    "twice as many values": [map_of(f"v{one + 1}", f"$v{one}", f"x$v{one}") for one in range(1000)],
    "twice as long": "set $v0 a;" + "".join(f"set $v{one + 1} $v{one}$v{one};" for one in range(1000)),
    "much longer": f"set $v999 {'a' * 3000}; set $v1000 {'$v999' * 6};",
    "each in each": [map_of(f"v{one}", *(f"$v{other}" for other in range(50))) for one in [*range(50), 1000]],
}


@pytest.mark.parametrize("case", ENDLESS)
def test_variables_in_variables_have_an_end(case: str, tmp_path: Path) -> None:
    lines = ENDLESS[case]
    http, server = ("", lines) if isinstance(lines, str) else ("\n".join(lines), "")
    text = f"http {{ {http} server {{ {server} location / {{ proxy_pass https://$v1000; }} }} }}"
    (connection,) = connections_of(text, tmp_path)
    assert connection.transport is TLS
    assert any(U in target.host for target in connection.targets)


@pytest.mark.parametrize(("count", "is_known"), [(100, True), (101, False)])
def test_maps_in_maps_are_followed_as_far_as_nginx_does(count: int, is_known: bool, tmp_path: Path) -> None:
    """Beyond, nginx says "cycle while evaluating variable" and the variable is empty."""
    maps = "\n".join([map_of("v1", "https"), *(map_of(f"v{one + 1}", f"$v{one}") for one in range(1, count))])
    text = f"http {{ {maps.replace('k0', 'default')} server {{ location / {{ proxy_pass $v{count}://a; }} }} }}"
    (connection,) = connections_of(text, tmp_path)
    assert connection.transport is (TLS if is_known else OPEN)


@pytest.mark.parametrize(
    ("count", "is_known"),
    [(255, True), (256, False)],  # and the default
)
def test_so_many_results_of_a_map_are_looked_at(count: int, is_known: bool, tmp_path: Path) -> None:
    results = map_of("m", *(f"b{number}" for number in range(count)))
    (connection,) = connections_of(
        f"http {{ {results} server {{ location / {{ proxy_pass https://a$m; }} }} }}", tmp_path
    )
    assert all(len(target.host) == 1 for target in connection.targets) is is_known


HTTP, HTTPS = "http", "https"


@pytest.mark.parametrize(
    ("http", "server", "expected"),
    [
        ("", "", {HTTP}),
        ("", "listen 80;", {HTTP}),
        ("", "listen 443 ssl;", {HTTPS}),
        ("", "listen 443 quic;", {HTTPS}),
        ("", "listen 80; listen 443 ssl;", {HTTP, HTTPS}),
        ("", "listen 443; ssl on;", {HTTP, HTTPS}),
        ("", "listen 80; ssl off;", {HTTP}),
        ("", "listen {{ port }};", {HTTP, HTTPS}),
        ("", "listen 80; ssl {{ tls }};", {HTTP, HTTPS}),
        ("", "include elsewhere/*.conf;", {HTTP, HTTPS}),
        ("server { listen 443 ssl; }", "listen 443;", {HTTPS}),
        ("server { listen 80 ssl; }", "", {HTTPS}),
        ("server { listen 443 ssl; }", "listen 80; listen 443;", {HTTP, HTTPS}),
    ],
)
def test_the_scheme_is_that_of_the_listeners(http: str, server: str, expected: set[str], tmp_path: Path) -> None:
    location = "location / { proxy_pass http://a/$scheme; proxy_ssl_name $scheme; }"
    (connection,) = connections_of(f"http {{ {http} server {{ {server} {location} }} }}", tmp_path)
    assert connection.names == {(one,) for one in expected}


def test_the_scheme_of_an_unknown_server_is_any(tmp_path: Path) -> None:
    (connection,) = connections_of("location / { proxy_pass http://a; proxy_ssl_name $scheme; }", tmp_path)
    assert connection.names == {(HTTP,), (HTTPS,)}


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("location ~ ^(/.*)$ { proxy_pass https://a$1; }", ("a",)),
        ("location ~ ^/(.*)$ { proxy_pass https://a$1; }", ("a", C)),
        ("location ~ ^(?<p>/.*)$ { proxy_pass https://a$p; }", ("a",)),
        ("location ~ ^/(?<p>.*)$ { proxy_pass https://a$p; }", ("a", C)),
        ("location ~ ^(/.*)$ { proxy_pass https://a$c; }", ("a", C)),
        ("location / { proxy_pass https://a$from_somewhere; }", ("a", U)),
        ("location / { proxy_pass https://a$FROM_SOMEWHERE; }", ("a", Unfixed.DEPLOYMENT)),
        ("location / { proxy_pass https://a$HTTP_X; }", ("a", C)),
    ],
)
def test_what_stands_behind_a_host(location: str, host: Value, tmp_path: Path) -> None:
    captured = "map $host $c { ~^(.*)$ $1; }"
    (connection,) = connections_of(f"http {{ {captured} server {{ listen 80; {location} }} }}", tmp_path)
    assert host in {target.host for target in connection.targets}


def test_names_come_from_the_name_or_the_host(tmp_path: Path) -> None:
    text = LOCATION.format(server="", location="set $h b.c; proxy_ssl_name NAME; proxy_pass https://$h:1;")

    def names(written: str) -> frozenset[Value]:
        return connections_of(text.replace("NAME", written), tmp_path)[0].names

    assert names("x.y:1") == {("x.y",)}
    assert names("$host") == {(C,)}
    assert names("$m.x") == {("a.x",), (".x",)}
    assert names("$proxy_host") == {("b.c",)}
    assert names("$server_addr") == {(M,)}


def test_a_return_or_a_later_pass_takes_the_requests(tmp_path: Path) -> None:
    text = LOCATION.format(server="", location="proxy_pass https://a; grpc_pass grpcs://a;")
    assert [one.handles for one in connections_of(text, tmp_path)] == [False, True]
    text = LOCATION.format(server="", location="return 403; proxy_pass https://a;")
    assert [one.handles for one in connections_of(text, tmp_path)] == [False]


BY_SCRIPTS = (
    ('set $t ""; rewrite_by_lua_block { ngx.var.t = "a.example.com" }', True),
    ("set $t b.example.com; access_by_lua_block { local v = ngx.var; v.t = v.arg_t }", True),
    ("set $t b.example.com; access_by_lua_block { ngx.var['t'] = ngx.var.arg_t }", True),
    ('set $t b.example.com; access_by_lua_block { if ngx.var.t == "" then return ngx.exit(403) end }', False),
    ("set $t b.example.com; access_by_lua_block { ngx.var.other = 1 }", False),
    ('set $t ""; access_by_lua_file seen.lua;', True),
    ("set $t b.example.com; access_by_lua_file seen.lua;", True),
    ('set $t ""; access_by_lua_file unseen.lua;', True),
    ("set $t b.example.com; access_by_lua_file unseen.lua;", False),
    ("set $t b.example.com; auth_request_set $T $upstream_http_x_t;", True),
    ("set $t b.example.com; auth_request_set $other $upstream_http_x_t;", False),
)


@pytest.mark.parametrize(("assigning", "is_open"), BY_SCRIPTS)
def test_what_others_than_set_may_assign_is_not_known(tmp_path: Path, assigning: str, is_open: bool) -> None:
    on = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; proxy_ssl_server_name on;"
    (tmp_path / "seen.lua").write_text("ngx.var.t = 'c.example.com'\n", encoding="utf-8")
    (tmp_path / "a.conf").write_text(f"location / {{ {assigning} {on} proxy_pass https://$t; }}\n", encoding="utf-8")
    found = {one.check.id[-2:]: one.result.value for one in analyse(str(tmp_path)).outcomes}
    assert found["06"] == ("UNKNOWN" if is_open else "PASSED")
