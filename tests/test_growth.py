"""Whatever a text holds, the time that it takes grows with its length, and not with the square of that."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.discovery import discover
from checkov_nginx_tls.signatures import shows_connections, shows_includes, shows_main, starts_like_nginx
from checkov_nginx_tls.suppressions import skips_of
from checkov_nginx_tls.syntax import SyntaxProblem, parse
from checkov_nginx_tls.templates import neutralise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def assert_linear(work: Callable[[str], object], unit: str, around: str = "{}") -> None:
    """Quadratic work would take sixteen times as long for four times the text, and minutes for the longer one."""

    def seconds(length: int) -> float:
        text = around.replace("{}", unit * (length // len(unit)))
        start = time.process_time()
        work(text)
        return time.process_time() - start

    shorter = min(seconds(50_000) for _ in range(2))
    assert seconds(200_000) < 12 * shorter + 0.5


TAGS = [
    "{{",
    "{% ",
    "<% ",
    "${",
    "${a.b",
    "${a-\\",
    "{{ a \\",
    "{% a \\",
    "<% a \\",
    "%{ if a \\",
    "%{ if ",
    "{% if a %}",
    "{% if a %}b {",
    "a {% if b %}",
    "a {% if b %}c{% endif %}",
    "{% if a %}b;{% else %}c;",
    "{{ x }}",
    "{# ",
    "{{/* ",
    "{% raw %}",
    "{{ ' {{ \" ",
    "{{ `",
    "{{#a}}{{/b}}",
    "<% a\n",
    '"{% if a %}',
    "${A:-${",
    "{% for a in b %}",
    "{% for a in b %}{% set a = b %}{% if a %}",
    "{% for a in b %}{% set a = b %}{% if a %}c;{% endif %}{% endfor %}",
    "{{ with .a }}{{ if .b }}",
    "{% if a %}#{% endif %}",
    "{% if a %}#{% endif %}b;",
    "{% if a %}#{% else %}{% endif %}",
    "# {% if a %}",
    "# {% if a %}\n",
    "# {% if a %}b{% else %}c{% endif %}",
    "# {% set a = 1 %}\n",
    "{%- if a -%}#\n",
    "{{- x -}}\n",
    "{{ '#' }}",
    "{{ '#' if a }}b;",
    "{{ x }}_pass",
    "{{ x }}_pass b;",
]
CODE = [
    "'",
    '"',
    "`",
    "\\'",
    '\\"',
    "(",
    "()",
    ")(",
    "[",
    "a(",
    "a.b(",
    "a b ",
    "| f(",
    "|a",
    "a=",
    "a.b=",
    "not ",
    "a, ",
    "do\n",
    "\n",
    ";",
]
TAGS_OF_CODE = ["{{ {} }}", "{% if {} %}", "{% set a = {} %}", "<% {} %>", "<%= {} %>", "%{ if {} }", "${ {} }"]


@pytest.mark.parametrize("unit", TAGS)
@pytest.mark.benchmark
def test_of_templates(unit: str) -> None:
    assert_linear(neutralise, unit)


@pytest.mark.parametrize("tag", TAGS_OF_CODE)
@pytest.mark.parametrize("unit", CODE)
@pytest.mark.benchmark
def test_of_code_in_tags(unit: str, tag: str) -> None:
    assert_linear(neutralise, unit, tag)


def read(text: str) -> None:
    with suppress(SyntaxProblem):
        skips_of(parse("/x", "x", text.encode()))


@pytest.mark.parametrize(
    "unit",
    [
        "a;",
        "a b;\n",
        "a{}",
        "# checkov:skip=A_1:x\n",
        "a; # checkov:skip=A_1:x\n",
        "{# checkov:skip=A_1:x #}",
        "a;{# checkov:skip=A_1:x #}",
        "{# checkov:skip=A_1:x\n\n #}\n",
        "{#\n",
        "{% if a %}# checkov:skip=A_1:x\n",
        "{% if a %}\n# checkov:skip=A_1:x\n{% endif %}",
        "{{ x }}_pass https://{{ y }};",
        "{{ x }} {",
        "{{ x }} { a b; }",
        "${x}${y}_pass b;",
    ],
)
@pytest.mark.benchmark
def test_of_reading_and_skipping(unit: str) -> None:
    assert_linear(read, unit)


@pytest.mark.parametrize("unit", ["checkov:skip=", "A_1,", "A_1 ", " ", ", ", ":"])
@pytest.mark.benchmark
def test_of_a_long_skip(unit: str) -> None:
    assert_linear(read, unit, "{# checkov:skip=A_1{} #}\na;")


@pytest.mark.parametrize(
    "unit",
    [
        "\r",
        " ",
        "\n",
        ";",
        "{",
        "}",
        "a",
        "_",
        "_pass",
        "}_pass ",
        "proxy_pass ",
        "\nproxy_pass b",
        "\ninclude b",
        "include ",
        "http\n",
        "mgmt ",
        "acme_issuer ",
        "a_by_lua",
        "{{ ",
        "_ssl{{ ",
        "_ssl_<%= ",
        "#\n",
        "map a",
        "geo $",
        "a_b '",
        "a_b c;",
        'a_b "c";',
        "{% if ",
        "{% if a %}",
    ],
)
@pytest.mark.benchmark
def test_of_signatures(unit: str) -> None:
    def work(text: str) -> None:
        data = text.encode()
        for test in (shows_connections, shows_includes, shows_main, starts_like_nginx):
            test(data)

    assert_linear(work, unit, "mgmt include _pass _ssl {}")
    assert_linear(work, unit, "map include _pass {};")
    assert_linear(work, unit)


@pytest.mark.parametrize(
    ("name", "unit", "around"),
    [
        ("a.yaml", " ", "a: [\nb: |\n  location / { proxy_pass https://b; }\nkey{}x"),
        ("a.yaml", " ", "a: [\nb: |\n  location / { proxy_pass https://b; }\n'key'{}x"),
        ("a.yaml", " ", "key{}: |\n  location / { proxy_pass https://b; }\n"),
    ],
)
@pytest.mark.benchmark
def test_of_discovery(name: str, unit: str, around: str) -> None:
    def work(text: str) -> None:
        path = f"/nowhere/{name}"
        discover(None, [path], contents={path: text.encode()})

    assert_linear(work, unit, around)


BESIDE_ITS_BUNDLE = """\
kind: ConfigMap
metadata: {name: web#}
data:
  nginx.conf: |
    events {}
    http { server { location / {
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ca.pem;
      proxy_pass https://b#.example.com;
    } } }
  ca.pem: none
---
kind: Pod
metadata: {name: web#}
spec:
  containers: [{volumeMounts: [{name: v, mountPath: /etc/nginx}]}]
  volumes: [{name: v, configMap: {name: web#}}]
---
"""


@pytest.mark.benchmark
def test_of_manifests_with_bundles(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        directory = tmp_path / str(count)
        directory.mkdir()
        text = "".join(BESIDE_ITS_BUNDLE.replace("#", str(number)) for number in range(count))
        (directory / "all.yaml").write_text(text)
        start = time.process_time()
        analysis = analyse(str(directory))
        assert sum(one.check.id == "CKV_NGINX_CUSTOM_12" for one in analysis.outcomes) == count
        return time.process_time() - start

    shorter = seconds(100)
    assert seconds(400) < 8 * shorter + 0.5
