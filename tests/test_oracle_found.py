"""Disagreements between nginx and the scanner that random configurations, or doubts about them, have brought up.

Each was wrong once, in the scanner; none may be again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nginx_oracle import Request
from oracle_attack import Attack, assert_nginx_does, assert_scanner_says, gets

if TYPE_CHECKING:
    from pathlib import Path

    from nginx_oracle import Oracle

pytestmark = pytest.mark.oracle

_EVERYBODY = "impostor wrong_name"
_WRONG = "wrong_name"
_TWICE = (*gets("/a", "/b"), *gets("/b", "/a"))
_POOL = "upstream backend.test { server <target>; keepalive 4; }"
_KEPT = 'proxy_http_version 1.1; proxy_set_header Connection "";'
_PAIR = "upstream backend.test { server <target>; } upstream backend.testx { server <target>; }"
_HOSTILE = (Request("/?n=backend.test"), Request("/?n=other.test&k=a"))

FOUND = (
    Attack(
        "an empty value of a map made the scanner raise",
        "map $arg_k $t { a suwsgi://backend.test; } SERVER location / { uwsgi_pass $t; } }",
        "03",
        _EVERYBODY,
        requests=gets("/", "/?k=a"),
    ),
    Attack(
        "a path behind the host is no part of the name",
        "SERVER location / { ON proxy_pass https://backend.test$request_uri; } }",
        "",
        requests=_HOSTILE,
    ),
    Attack(
        "nor is a normalised one",
        "SERVER location / { ON proxy_pass https://backend.test$uri$is_args$args; } }",
        "",
        requests=_HOSTILE,
    ),
    Attack(
        "nor is a capture that begins with a slash",
        'SERVER location ~ "^/a(/.*)$" { ON proxy_pass https://backend.test$1; } }',
        "",
        requests=gets("/a/x"),
        groups=_PAIR,
    ),
    Attack(
        "nor is a named one",
        'SERVER location ~ "^/a(?<rest>/.*)$" { ON proxy_pass https://backend.test$rest; } }',
        "",
        requests=gets("/a/x"),
        groups=_PAIR,
    ),
    Attack(
        "a capture without slash lengthens the name",
        'SERVER location ~ "^/a/(?<rest>.*)$" { ON proxy_pass https://$rest; } }',
        "06",
        _WRONG,
        requests=gets("/a/backend.test", "/a/other.test"),
    ),
    Attack(
        "a rewritten path without slash lengthens the name",
        'SERVER location / { ON rewrite "^/a/(.*)$" $1 break; proxy_pass https://other$uri; } }',
        "06",
        _WRONG,
        trusted=False,
        requests=gets("/a/.test"),
    ),
    Attack(
        "a rewrite elsewhere that ends there does not",
        'SERVER location /b/ { rewrite "^/b/(.*)$" $1 break; } location / { ON proxy_pass'
        " https://backend.test$uri; } }",
        "",
    ),
    Attack(
        "return answers before an if's pass behind it",
        "SERVER location / { return 204; if ($arg_n) { proxy_pass https://backend.test; } } }",
        "",
        trusted=False,
        requests=_HOSTILE,
    ),
    Attack(
        "return answers before an if's pass in front of it",
        "SERVER location / { if ($arg_n) { proxy_pass https://backend.test; } return 204; } }",
        "",
        trusted=False,
        requests=_HOSTILE,
    ),
    Attack(
        "return does not answer for limit_except",
        "SERVER location / { return 204; limit_except POST { proxy_pass https://backend.test; } } }",
        "03",
        _EVERYBODY,
    ),
    Attack(
        "return in the server answers for its locations",
        "SERVER return 204; location / { proxy_pass https://backend.test; } }",
        "",
        trusted=False,
    ),
    Attack(
        "limit_except does not see what its location sets",
        "SERVER location / { set $n backend.test; ON @ssl_name $n; limit_except POST { proxy_pass"
        " https://backend.test; } } }",
        "08",
        trusted=False,
    ),
    Attack(
        "limit_except does not see what its location takes from the client",
        "SERVER set $n backend.test; location / { set $n $arg_n; ON @ssl_name $n;"
        " limit_except POST { proxy_pass https://backend.test; } } }",
        "",
        requests=_HOSTILE,
    ),
    Attack(
        "a location does not see what the one around it sets",
        "SERVER location / { set $n backend.test; location /a { ON @ssl_name $n; proxy_pass"
        " https://backend.test; } } }",
        "08",
        trusted=False,
        requests=gets("/a"),
    ),
    Attack(
        "a location does not see what the one beside it sets",
        "SERVER location /b { set $n $arg_n; } location / { ON @ssl_name $n; proxy_pass https://backend.test; } }",
        "08",
        trusted=False,
        requests=_HOSTILE,
    ),
    Attack(
        "set after an if counts, not the if",
        "SERVER location / { if ($arg_n) { set $n $arg_n; } set $n backend.test; ON @ssl_name $n;"
        " proxy_pass https://backend.test; } }",
        "",
        requests=_HOSTILE,
    ),
    Attack(
        "names of variables have no case",
        "SERVER location / { set $Name $ARG_n; ON @ssl_name $nAME; proxy_pass https://backend.test; } }",
        "06",
        _WRONG,
        requests=_HOSTILE,
    ),
    Attack(
        "a pool may serve one name in two cases",
        f"SERVER {_KEPT} location /a {{ ON proxy_pass https://backend.test; }}"
        " location /b { ON @ssl_name BACKEND.test; proxy_pass https://backend.test; } }",
        "",
        requests=_TWICE,
        groups=_POOL,
    ),
    Attack(
        "uwsgi leaves no connection in a pool",
        "SERVER @ssl_session_reuse off; location /a { ON uwsgi_pass suwsgi://backend.test; }"
        " location /b { BOTH uwsgi_pass suwsgi://backend.test; } }",
        "",
        "impostor",
        requests=_TWICE,
        groups=_POOL,
        prefix="uwsgi",
    ),
    Attack(
        "a pass that another replaces uses no setting",
        "SERVER location / { ON proxy_pass https://backend.test; grpc_pass grpcs://backend.test; } }",
        "04",
        _EVERYBODY,
    ),
    Attack(
        "a host that a limit_except's pass never gets reaches nobody",
        "SERVER location / { set $u backend.test; limit_except POST { proxy_pass https://$u; } } }",
        "",
        trusted=False,
    ),
    Attack(
        "$proxy_host is the name in the target, whatever stands around",
        "@ssl_name backend.test; SERVER location / { ON @ssl_name $proxy_host; proxy_pass https://plain; } }",
        "08",
        trusted=False,
        groups="upstream plain { server <target>; }",
    ),
    Attack(
        "a group's pool is used under its name by a variable that may name others",
        f"map $arg_k $u {{ default backend.test; a other.test; }} SERVER {_KEPT} location /a {{ ON"
        " proxy_pass https://$u; } location /b { ON proxy_pass https://backend.test; } }",
        "",
        _WRONG,
        requests=(*_TWICE, *gets("/a?k=a", "/b")),
        groups=f"{_POOL} upstream other.test {{ server <target>; }}",
    ),
    Attack(
        "an address from a variable shares the sessions of the same address written out",
        "@ssl_name backend.test; SERVER location /a { BOTH proxy_pass https://<target>; }"
        " location /b { ON proxy_pass https://<target>$request_uri; } }",
        "07",
        "impostor",
        requests=_TWICE,
    ),
    Attack(
        "so does one that is written out in plain text only",
        "@ssl_name backend.test; SERVER location /a { BOTH proxy_pass https://<target>$request_uri; }"
        " location /b { ON proxy_pass https://<target>$request_uri; } location /c { proxy_pass http://<target>; } }",
        "07",
        "impostor",
        requests=_TWICE,
    ),
    Attack(
        "an address from variables alone keeps no sessions",
        "@ssl_name backend.test; SERVER location /a { BOTH proxy_pass https://<target>$request_uri; }"
        " location /b { ON proxy_pass https://<target>$request_uri; } }",
        "",
        "impostor",
        requests=_TWICE,
    ),
    Attack(
        "a client that chooses the host can choose a group's sessions",
        "@ssl_name backend.test; SERVER location /a { BOTH proxy_pass https://$http_host; }"
        " location /b { ON proxy_pass https://backend.test; } }",
        "07",
        "impostor",
        requests=gets("/a", "/b", host="backend.test"),
    ),
    Attack(
        "a pass that refuses everybody leaves no session",
        'SERVER location /a { BOTH proxy_pass https://backend.test; } location /b { ON @ssl_name "";'
        " proxy_pass https://backend.test; } }",
        "08",
        "impostor",
        requests=_TWICE,
    ),
    Attack(
        "a capture in a map is not the location's",
        'map $arg_n $u { "~^(.*)$" $1; } SERVER location ~ "^(/.*)$" { ON proxy_pass https://backend$u; } }',
        "06",
        requests=gets("/?n=.test"),
    ),
    Attack(
        "grpc takes no connection from a pool that it has not opened",
        f"SERVER {_KEPT} location /a {{ proxy_pass https://backend.test; }}"
        " location /b { ON grpc_pass grpcs://backend.test; } }",
        "03",
        _EVERYBODY,
        requests=gets("/a", "/b"),
        groups=_POOL,
        prefix="grpc",
    ),
    Attack(
        "grpc takes one that it has opened under another name",
        "SERVER location /a { ON @ssl_name other.test; grpc_pass grpcs://backend.test; }"
        " location /b { ON grpc_pass grpcs://backend.test; } }",
        "07",
        _WRONG,
        requests=gets("/a", "/b"),
        groups=_POOL,
        prefix="grpc",
    ),
    Attack(
        "limit_except does not see what its location sets, not even behind a redirect",
        "SERVER location / { try_files /none @n; } location @n { set $n backend.test; ON @ssl_name $n;"
        " limit_except POST { proxy_pass https://backend.test; } } }",
        "08",
        trusted=False,
    ),
)

_each = pytest.mark.parametrize("case", FOUND, ids=lambda case: str(case.name))


@_each
def test_nginx_does_what_the_case_says(oracle: Oracle, case: Attack) -> None:
    assert_nginx_does(oracle, case)


@_each
def test_the_scanner_says_so(newest_oracle: Oracle, case: Attack, tmp_path: Path) -> None:
    assert_scanner_says(newest_oracle, case, tmp_path)
