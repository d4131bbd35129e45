"""Whatever there are many of in a configuration or a tree, four times as many are four times the work.

Work is counted in calls of functions: unlike time, they are the same in each run.
"""

from __future__ import annotations

import cProfile
from typing import TYPE_CHECKING, Callable, Final, Union

import pytest

from checkov_nginx_tls.analysis import analyse

if TYPE_CHECKING:
    from pathlib import Path

Tree = Union[str, dict[str, str]]
"""What stands in the http block of a main file, or files by their names."""

ON: Final = "proxy_ssl_verify on; proxy_ssl_server_name on;"
FEW: Final = 100
TIMES: Final = 4


def many(count: int, text: str) -> str:
    """So many copies of a text, ``<n>`` replaced by their numbers."""
    return "\n".join(text.replace("<n>", str(number)) for number in range(count))


def many_files(count: int, **files: str) -> dict[str, str]:
    """So many copies of files, ``<n>`` in their names and texts replaced by their numbers."""
    return {
        name.replace("<n>", str(number)): text.replace("<n>", str(number))
        for number in range(count)
        for name, text in files.items()
    }


def server(inside: str, bundle: str = "ca.pem") -> str:
    return f"server {{ {ON} proxy_ssl_trusted_certificate {bundle}; {inside} }}"


def manifest(name: str, data: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n{data}\n---\n"


PASS: Final = "location /<n> { proxy_pass https://b<n>.example.com; }"
TO_CLIENT: Final = "location /<n> { proxy_pass https://$arg_b; }"

CASES: Final[dict[str, Callable[[int], Tree]]] = {
    "groups beside hosts that a client chooses": lambda count: many(
        count, f"upstream g<n> {{ server 10.0.0.1:443; }} {server(TO_CLIENT)}"
    ),
    "kept groups beside hosts that a client chooses": lambda count: many(
        count, f"upstream g<n> {{ server 10.0.0.1:443; keepalive 3; }} {server(TO_CLIENT)}"
    ),
    "hosts beside hosts that a client chooses": lambda count: many(count, server(PASS + TO_CLIENT, "c<n>.pem")),
    "hosts of which a client chooses a part": lambda count: many(
        count, server(PASS + "location ~ /<n>/(.*) { proxy_pass https://$1.b<n>.example.com; }", "c<n>.pem")
    ),
    "members of a group": lambda count: (
        f"upstream x {{ {many(count, 'server m<n>.example.com;')} }}"
        + server(many(count, "location /<n> { proxy_pass https://x; }"))
    ),
    "users of a kept group": lambda count: (
        "upstream x { server a:443; keepalive 3; }"
        + server(many(count, "location /<n> { proxy_ssl_name n<n>; proxy_pass https://x; }"))
    ),
    "bundles for a host": lambda count: server(
        many(count, "location /<n> { proxy_ssl_trusted_certificate c<n>.pem; proxy_pass https://x; }")
    ),
    "listeners": lambda count: server(
        many(count, "listen 1<n>;") + many(count, "location /<n> { proxy_pass $scheme://b<n>.example.com; }")
    ),
    "names of a server": lambda count: server(
        f"server_name {many(count, 's<n>.example.com')};"
        + many(count, "location /<n> { proxy_pass https://$server_name; }")
    ),
    "variables": lambda count: server(many(count, "location /<n> { set $b b<n>; proxy_pass https://$b; }")),
    "variables of requests for leave": lambda count: server(
        many(
            count,
            "location /<n> { auth_request /a<n>; auth_request_set $b $upstream_http_b<n>; proxy_pass https://$b; }",
        )
    ),
    "conditions with passes": lambda count: server(
        f"location / {{ {many(count, 'if ($a = <n>) { proxy_pass https://b<n>; }')} }}"
    ),
    "error pages": lambda count: server(
        many(count, "error_page 404 @n<n>; location @n<n> { proxy_pass https://b<n>; }") + "return 301 /;"
    ),
    "arms of a template": lambda count: {
        "nginx.conf.j2": "events {}\nhttp {\n" + server(many(count, f"{{% if v<n> %}}\n{PASS}\n{{% endif %}}\n")) + "}"
    },
    "arms of one construct": lambda count: {
        "nginx.conf.j2": "events {}\nhttp {\n{% if a %}\n"
        + many(count, "{% elif v<n> %}\nproxy_ssl_verify on;\n")
        + f"{{% endif %}}\nserver {{ {PASS} }} }}"
    },
    "comments that skip": lambda count: many(
        count, "server { location /<n> {\n# checkov:skip=CKV_NGINX_CUSTOM_02:x\nproxy_pass https://b; } }"
    ),
    "files of one include": lambda count: {
        "nginx.conf": "events {} http { include c/*.conf; }",
        **many_files(count, **{"c/c<n>.conf": server(PASS)}),
    },
    "servers that include a snippet": lambda count: {
        "nginx.conf": "events {} http { include c/*.conf; }",
        "verified.part": f"{ON} proxy_ssl_trusted_certificate ca.pem;",
        **many_files(count, **{"c/c<n>.conf": f"server {{ include verified.part; {PASS} }}"}),
    },
    "main files": lambda count: {
        "common.part": "proxy_ssl_verify off;",
        **many_files(
            count, **{"m<n>/nginx.conf": f"events {{}} http {{ include ../common.part; server {{ {PASS} }} }}"}
        ),
    },
    "images": lambda count: many_files(
        count,
        **{
            "a<n>/Dockerfile": "FROM nginx\nCOPY conf /etc/nginx/conf.d/\nCOPY nginx.conf /etc/nginx/nginx.conf\n",
            "a<n>/nginx.conf": "events {} http { include /etc/nginx/conf.d/*.conf; }",
            "a<n>/conf/x.conf": server(PASS),
        },
    ),
    "images with paths of their own": lambda count: many_files(
        count,
        **{
            "a<n>/Dockerfile": "FROM nginx\nCOPY . /etc/nginx/\n",
            "a<n>/nginx.conf": "events {} http { include /etc/nginx/conf/x<n>.conf; }",
            "a<n>/conf/x<n>.conf": server(PASS),
        },
    ),
    "services": lambda count: {
        "docker-compose.yml": "services:\n"
        + many(count, '  s<n>: {image: nginx, volumes: ["./c<n>.conf:/etc/nginx/conf.d/c<n>.conf"]}'),
        **many_files(count, **{"c<n>.conf": server(PASS)}),
    },
    "roles": lambda count: many_files(count, **{"roles/r<n>/templates/x.conf.j2": server(PASS)}),
    "here-documents": lambda count: {
        "x.sh": "#!/bin/sh\n" + many(count, f"cat > /etc/nginx/conf.d/<n>.conf <<EOF\n{server(PASS)}\nEOF")
    },
    "keys of a ConfigMap": lambda count: {"c.yaml": manifest("x", many(count, f"  c<n>.conf: |\n    {server(PASS)}"))},
    "ConfigMaps": lambda count: {
        "c.yaml": many(count, manifest("x<n>", f"  nginx.conf: |\n    events {{}} http {{ {server(PASS)} }}"))
    },
}


def calls(directory: Path, tree: Tree) -> int:
    """How often functions are called by the analysis of a tree."""
    files = {"nginx.conf": f"events {{}}\nhttp {{\n{tree}\n}}\n"} if isinstance(tree, str) else tree
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    profile = cProfile.Profile()
    profile.enable()
    analysis = analyse(str(directory))
    profile.disable()
    assert analysis.outcomes
    assert not analysis.problems
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize("case", CASES)
def test_work_does_not_grow_faster_than_what_there_is_to_do(case: str, tmp_path: Path) -> None:
    calls(tmp_path / "loaded", CASES[case](2))
    few = calls(tmp_path / "few", CASES[case](FEW))
    more = calls(tmp_path / "more", CASES[case](TIMES * FEW))
    assert more < 1.1 * TIMES * few
