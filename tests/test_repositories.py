"""Configuration as repositories keep it: templates, configuration inside other formats, deployed paths, dumps."""

from __future__ import annotations

import logging
from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.discovery import discover

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from checkov_nginx_tls.analysis import Analysis

VERIFIED = "proxy_ssl_verify on; proxy_ssl_trusted_certificate /ca.pem; proxy_ssl_server_name on;"
PASS = "proxy_pass https://backend.example.com;"


def scan(root: Path, tree: Mapping[str, str]) -> Analysis:
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(content), encoding="utf-8")
    return analyse(str(root))


def verdicts(analysis: Analysis, root: Path) -> list[str]:
    """``ID result file:line resource`` of all failed and undecided outcomes, and parsing errors."""
    base = f"{root.resolve()}/"
    words = {CheckResult.FAILED: "failed", CheckResult.UNKNOWN: "undecided"}
    return [
        f"{one.check.id[-2:]} {words[one.result]} {one.path.replace(base, '')}:{one.start_line} {one.resource}"
        for one in analysis.outcomes
        if one.result in words
    ] + [f"{problem.path.replace(base, '')}:{problem.line}: {problem.reason}" for problem in analysis.problems]


# templates


class Template(NamedTuple):
    """A template of a location's content, and what must come of it on its lines."""

    name: str
    text: str
    expected: list[str]


TEMPLATES = [
    Template("the target is an expression", "proxy_pass {{ url }};", ["03 undecided 1 proxy_pass"]),
    Template("the scheme is", "proxy_pass {{ scheme }}://backend;", ["03 undecided 1 proxy_pass"]),
    Template("the host is", "proxy_pass https://{{ host }}:{{ port }};", ["03 failed 1 proxy_pass"]),
    Template("the host is, verified", f"{VERIFIED} proxy_pass https://{{{{ host }}}};", []),
    Template("the name is, verified", f"{VERIFIED} proxy_ssl_name {{{{ name }}}}; {PASS}", []),
    Template("the bundle is", f"{VERIFIED.replace('/ca.pem', '{{ ca }}')} {PASS}", []),
    Template("the flag is", f"proxy_ssl_verify {{{{ verify }}}}; {PASS}", ["01 undecided 1 proxy_pass"]),
    Template(
        "a default off", f"proxy_ssl_verify {{{{ v | default('off') }}}}; {PASS}", ["01 failed 1 proxy_ssl_verify"]
    ),
    Template("a default on", f"{VERIFIED.replace('on', '{{ v | default(`on`) }}', 1)} {PASS}".replace("`", "'"), []),
    Template("envsubst's default", f"proxy_ssl_verify ${{V:-off}}; {PASS}", ["01 failed 1 proxy_ssl_verify"]),
    Template("envsubst", "proxy_pass ${BACKEND};", ["03 undecided 1 proxy_pass"]),
    Template("a port of envsubst", "proxy_pass https://backend.example.com:$PORT;", ["03 failed 1 proxy_pass"]),
    Template(
        "an inline choice", "proxy_pass {% if s %}https{% else %}http{% endif %}://b;", ["03 failed 1 proxy_pass"]
    ),
    Template(
        "arms that say the same",
        f"""\
        {{% if a %}}
        proxy_ssl_verify off;
        {{% else %}}
        proxy_ssl_verify off;
        {{% endif %}}
        {PASS}
        """,
        ["01 failed 4 proxy_ssl_verify"],
    ),
    Template(
        "arms that differ",
        f"""\
        {{{{ if .Verify }}}}
        {VERIFIED}
        {{{{ else }}}}
        proxy_ssl_verify off;
        {{{{ end }}}}
        {PASS}
        """,
        ["01 undecided 6 proxy_pass"],
    ),
    Template(
        "an arm without an else",
        f"""\
        <% if @verify %>
        {VERIFIED}
        <% end %>
        {PASS}
        """,
        ["01 undecided 4 proxy_pass"],
    ),
    Template(
        "a pass and its settings in the same arm",
        f"""\
        {{% if tls %}}
        {PASS}
        {VERIFIED}
        {{% else %}}
        proxy_pass http://backend.example.com;
        {{% endif %}}
        """,
        [],
    ),
    Template(
        "a pass and its settings under the same condition",
        f"""\
        {{% if tls %}}
        {VERIFIED}
        {{% endif %}}
        {{% if tls %}}
        {PASS}
        {{% endif %}}
        """,
        [],
    ),
    Template(
        "a pass and settings that exclude it",
        f"""\
        {{% if tls %}}
        {PASS}
        {{% else %}}
        {VERIFIED}
        {{% endif %}}
        """,
        ["03 failed 2 proxy_pass"],
    ),
    Template(
        "a pass in each arm, neither replaced by the other",
        """\
        {% if tls %}
        proxy_pass https://backend.example.com;
        {% else %}
        proxy_pass http://backend.example.com;
        {% endif %}
        """,
        ["03 failed 2 proxy_pass"],
    ),
    Template(
        "directives that only the deployment knows",
        f"""\
        {{{{ extra }}}}
        {PASS}
        """,
        ["03 failed 2 proxy_pass"],
    ),
    Template(
        "a bundle in one arm only",
        f"""\
        proxy_ssl_verify on;
        {{% if ca %}}
        proxy_ssl_trusted_certificate {{{{ ca }}}};
        {{% endif %}}
        {PASS}
        """,
        ["02 undecided 5 proxy_pass"],
    ),
    Template(
        "a skip comment in a template's comment",
        f"{{# checkov:skip=CKV_NGINX_CUSTOM_03:a test #}}\n{PASS}",
        [],
    ),
    Template("percent signs", "proxy_pass https://%ip%:%port%;", ["03 failed 1 proxy_pass"]),
    Template("angle brackets", "proxy_pass https://<host>;", ["03 failed 1 proxy_pass"]),
    Template("at signs", "proxy_pass @SCHEME@://b;", ["03 undecided 1 proxy_pass"]),
]


@pytest.mark.parametrize("case", TEMPLATES, ids=lambda case: str(case.name))
def test_templates(tmp_path: Path, case: Template) -> None:
    body = dedent(case.text).rstrip("\n")
    analysis = scan(tmp_path, {"site.conf.j2": f"location / {{ {body}\n}}\n"})
    found = [line.replace("site.conf.j2:", "").replace("location(/).", "") for line in verdicts(analysis, tmp_path)]
    assert found == case.expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a set that is perhaps rendered
        (
            (
                "server { listen 80; location / { set $p https;\n{% if plain %}\nset $p http;\n{% endif %}\n"
                "proxy_pass $p://b.example.com; } }"
            ),
            ["03 failed 5"],
        ),
        # a map in each arm
        (
            (
                "{% if t %}\nmap $a $p { default https; }\n{% else %}\nmap $a $p { default http; }\n{% endif %}\n"
                "server { listen 80; location / { proxy_pass $p://b.example.com; } }"
            ),
            ["03 failed 6"],
        ),
        # a group in each arm, only one of them on this machine
        (
            (
                "{% if dev %}\nupstream b { server 10.0.0.1:443; }\n{% else %}\nupstream b { server 127.0.0.1:443; }\n"
                "{% endif %}\nserver { listen 80; location / { proxy_pass https://b; } }"
            ),
            ["03 failed 6"],
        ),
        # a group that is perhaps not there, or not all of it
        (
            (
                "{% if a %}\nupstream b.io { server 127.0.0.1:1; }\n{% endif %}\n"
                "server { listen 80; location / { proxy_pass https://b.io; } }"
            ),
            ["03 failed 4"],
        ),
        (
            (
                "upstream b { server 127.0.0.1:1; include /etc/nginx/peers.conf; }\n"
                "server { listen 80; location / { proxy_pass https://b; } }"
            ),
            ["03 failed 2"],
        ),
        # $scheme where a template says what the listener speaks
        (
            "server { listen 443{% if tls %} ssl{% endif %};\nlocation / { proxy_pass $scheme://b.example.com; } }",
            ["03 failed 2"],
        ),
        ("server { listen {{ opts }};\nlocation / { proxy_pass $scheme://b.example.com; } }", ["03 failed 2"]),
    ],
)
def test_what_a_template_may_leave_out_does_not_count_as_certain(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    analysis = scan(tmp_path, {"a.conf.j2": text})
    assert [line.replace("a.conf.j2:", "").rpartition(" ")[0] for line in verdicts(analysis, tmp_path)] == expected


CHAIN = "{{% if dev %}}\n{}\n{{% elif test %}}\n{}\n{{% else %}}\n{}\n{{% endif %}}\n"
EITHER = "{{% if dev %}}\n{}\n{{% else %}}\n{}\n{{% endif %}}\n"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (EITHER.format("return 200;", "return 404;") + PASS, []),
        (PASS + EITHER.format("return 200;", "return 404;"), []),
        (CHAIN.format("return 200;", "return 404;", "return 500;") + PASS, []),
        (CHAIN.format("return 200;", "", "return 500;") + PASS, ["03 failed 8"]),
        (EITHER.format("return 200;", "") + PASS, ["03 failed 6"]),
        # a pass in one arm and a return in the other
        (PASS + EITHER.format("grpc_pass grpc://backend.example.com;", "return 404;"), []),
        (PASS + EITHER.format("grpc_pass grpc://backend.example.com;", ""), ["03 failed 1"]),
        # passes that replace it in both arms, the last of them not alone
        (PASS + EITHER.format("fastcgi_pass a;", "grpc_pass grpc://backend.example.com;"), []),
        # only those behind it replace it
        ("grpc_pass grpc://backend.example.com;" + PASS, ["03 failed 1"]),
        (EITHER.format("grpc_pass grpc://backend.example.com;", "fastcgi_pass a;") + PASS, ["03 failed 6"]),
        (EITHER.format("return 200;", "fastcgi_pass a;") + PASS, ["03 failed 6"]),
        # in the arm in which it stands itself
        (EITHER.format(PASS + "return 200;", "return 404;"), []),
        (EITHER.format(PASS, "return 404;"), ["03 failed 2"]),
    ],
)
def test_a_pass_that_never_serves_has_no_finding(tmp_path: Path, inside: str, expected: list[str]) -> None:
    found = verdicts(scan(tmp_path, {"a.conf.j2": f"location / {{ {inside} }}\n"}), tmp_path)
    assert [line.replace("a.conf.j2:", "").rpartition(" ")[0] for line in found] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% if insecure %}\nproxy_ssl_verify off;\n{% endif %}", "01 undecided a.conf.j2:2 proxy_ssl_verify"),
        ("proxy_ssl_verify {{ verify }};", "01 undecided a.conf.j2:1 proxy_ssl_verify"),
        ("proxy_ssl_verify off;", "01 failed a.conf.j2:1 proxy_ssl_verify"),
        ("http { js_fetch_verify off;\n{% if dev %}\njs_fetch_verify on;\n{% endif %}\n}", "01 undecided a.conf.j2:1"),
        ("http {\n{% if dev %}\njs_fetch_verify off;\n{% endif %}\n}", "01 undecided a.conf.j2:3"),
    ],
)
def test_an_off_without_connections_may_be_undecided(tmp_path: Path, text: str, expected: str) -> None:
    (line,) = verdicts(scan(tmp_path, {"a.conf.j2": text}), tmp_path)
    assert line.startswith(expected)


PASS_OF_TLS = "https://backend.example.com"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        # nothing says what it is: it may be any name that fits
        ("{{ x }}_pass " + PASS_OF_TLS + ";", ["03 undecided 1 {{ x }}_pass"]),
        ("<%= @x %>_pass " + PASS_OF_TLS + ";", ["03 undecided 1 <%= @x %>_pass"]),
        ("${X}_pass " + PASS_OF_TLS + ";", ["03 undecided 1 ${X}_pass"]),
        ("%x_y%_pass " + PASS_OF_TLS + ";", ["03 undecided 1 %x_y%_pass"]),
        ("@XY@_pass " + PASS_OF_TLS + ";", ["03 undecided 1 @XY@_pass"]),
        ('"{{ x }}_pass" ' + PASS_OF_TLS + ";", ["03 undecided 1 {{ x }}_pass"]),
        ("{{ x }}_pass {{ y }};", ["03 undecided 1 {{ x }}_pass"]),
        ("{{ x }}proxy_pass " + PASS_OF_TLS + ";", ["03 undecided 1 {{ x }}proxy_pass"]),
        ("{{ x }} proxy_pass " + PASS_OF_TLS + ";", ["03 undecided 1 {{ x }}"]),
        ("<%= x %>proxy_pass " + PASS_OF_TLS + ";", ["03 undecided 1 <%= x %>proxy_pass"]),
        ("${x}proxy_pass " + PASS_OF_TLS + ";", ["03 undecided 1 ${x}proxy_pass"]),
        (
            "proxy_ssl_verify off; {{ x }} " + PASS_OF_TLS + ";",
            ["01 failed 1 proxy_ssl_verify", "01 undecided 1 {{ x }}"],
        ),
        ("{{ x }}_pass http://backend.example.internal;proxy_ssl_server_name on;", []),
        ("{{ x }}_pass backend; proxy_ssl_server_name on;", []),
        ("{{ x }}_pass " + PASS_OF_TLS + ";" + VERIFIED, []),
        ("{{ x }}_pass https://127.0.0.1;", []),
        (PASS + "{{ c }}proxy_ssl_verify off;", ["01 undecided 1 proxy_pass"]),
        (PASS + "${prefix}proxy_ssl_verify off;", ["01 undecided 1 proxy_pass"]),
        (PASS + "{{ c }} proxy_ssl_verify off;", ["01 undecided 1 proxy_pass"]),
        (PASS + "{{ m }}_ssl_verify off;", ["01 undecided 1 proxy_pass"]),
        (PASS + "proxy_{{ s }} off;", ["01 undecided 1 proxy_pass"]),
        (PASS + "proxy_ssl_{{ s }} {{ v }};", ["01 undecided 1 proxy_pass", "10 undecided", "11 undecided"]),
        (PASS + "proxy_{{ s }} 60s;", ["03 failed 1 proxy_pass"]),
        (PASS + "proxy_{{ s }} Host $host;", ["03 failed 1 proxy_pass"]),
        (PASS + "{{ c }}add_header X y;", ["03 failed 1 proxy_pass"]),
        (PASS + "{{ c }}return 404;", ["03 failed 1 proxy_pass"]),
        (PASS + "{{ k }} {{ v }};", ["03 failed 1 proxy_pass"]),
        (VERIFIED + "{{ c }}proxy_ssl_verify off;" + PASS, ["01 undecided 1 proxy_pass"]),
        # the template's text says what it is
        ("{% if a %}proxy{% else %}grpc{% endif %}_pass " + PASS_OF_TLS + ";", ["03 failed 1 proxy_pass"]),
        ("{{ 'grpc' if a else 'proxy' }}_pass " + PASS_OF_TLS + ";", ["03 failed 1 proxy_pass"]),
        ("{{ x | default('proxy') }}_pass " + PASS_OF_TLS + ";", ["03 failed 1 proxy_pass"]),
        ("${X:-proxy}_pass " + PASS_OF_TLS + ";", ["03 failed 1 proxy_pass"]),
        (PASS + "{{ '#' if a else '' }}proxy_ssl_verify off;", ["01 undecided 1 proxy_pass"]),
        (PASS + "{{ '#' if a else '' }} proxy_ssl_verify off;", ["01 undecided 1 proxy_pass"]),
        (PASS + "{{ '# ' }}proxy_ssl_verify off;\n", ["03 failed 1 proxy_pass"]),
        (PASS + "\n{{ 'proxy_ssl_verify off;' }}\n", ["01 failed 2 proxy_ssl_verify"]),
        (PASS + "\n{{ 'proxy_ssl_verify off;' if a }}\n", ["01 undecided 1 proxy_pass"]),
        (
            PASS + "{% if a %}proxy_ssl_verify off{% else %}proxy_ssl_verify on{% endif %};",
            ["01 undecided 1 proxy_pass"],
        ),
        (
            PASS + "{% if a %}proxy_ssl_verify off{% else %}proxy_ssl_verify 'off'{% endif %};",
            ["01 undecided 1 proxy_pass"],
        ),
    ],
)
def test_a_name_that_a_template_fills_in_may_be_any_that_fits(tmp_path: Path, inside: str, expected: list[str]) -> None:
    found = verdicts(scan(tmp_path, {"a.conf.j2": f"location / {{ {inside} }}\n"}), tmp_path)
    found = [line.replace("a.conf.j2:", "").replace("location(/).", "") for line in found]
    assert [line[: len(start)] for line, start in zip(found, expected)] == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ c }}proxy_ssl_verify off;\n", ["01 undecided 1 {{ c }}proxy_ssl_verify"]),
        ("http { {{ c }}js_fetch_verify off; }\n", ["01 undecided 1 http.{{ c }}js_fetch_verify"]),
        ("http { {{ c }}server { listen 80; location / { " + PASS + " } } }", ["03 failed 1"]),
        ("http { server { listen 80; {{ kind }} / { " + PASS + " } } }", ["03 failed 1"]),
        (
            "http { server { listen 80; {% if a %}location /a{% else %}location /b{% endif %} { " + PASS + " } } }",
            ["03 failed 1"],
        ),
        ("http { {{ kind }} $a $b { default 1; } server { location / { " + PASS + " } } }", ["03 failed 1"]),
        ("map $a $b { {{ c }}proxy_ssl_verify off; }\nserver { location / { " + PASS + VERIFIED + " } }", []),
    ],
)
def test_names_that_a_template_fills_in_elsewhere(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = [line.replace("a.conf.j2:", "") for line in verdicts(scan(tmp_path, {"a.conf.j2": text}), tmp_path)]
    assert [line[: len(start)] for line, start in zip(found, expected)] == expected
    assert len(found) == len(expected)


def test_an_include_behind_an_expression_is_perhaps_there(tmp_path: Path) -> None:
    tree = {
        "a.conf.j2": f"location / {{ {PASS}\n{{{{ c }}}}include verified.conf; }}\n",
        "verified.conf": VERIFIED,
    }
    assert [line.rpartition(" ")[0] for line in verdicts(scan(tmp_path, tree), tmp_path)] == [
        "01 undecided a.conf.j2:1"
    ]


def test_one_line_is_one_undecided_case_whatever_it_may_be(tmp_path: Path) -> None:
    analysis = scan(tmp_path, {"a.conf.j2": "location / { {{ x }}_pass {{ y }}; }\n"})
    (outcome,) = [one for one in analysis.outcomes if one.result is CheckResult.UNKNOWN]
    assert outcome.message == (
        "whether nginx speaks TLS to {{ y }} (a.conf.j2:1) depends on a value that is not known here"
    )


def test_what_is_missing_is_named_as_written(tmp_path: Path) -> None:
    analysis = scan(tmp_path, {"a.conf.j2": f"server {{ {{{{ extra }}}}\nlocation / {{ {PASS} }} }}"})
    (outcome,) = [one for one in analysis.outcomes if one.result is CheckResult.FAILED]
    assert 'Not in the scanned tree, and so not looked at: "{{ extra }}" (a.conf.j2:1)' in outcome.message


def test_the_target_is_shown_as_written(tmp_path: Path) -> None:
    analysis = scan(tmp_path, {"a.conf.j2": "location / { proxy_pass https://{{ host }}; }"})
    (outcome,) = [one for one in analysis.outcomes if one.result is CheckResult.FAILED]
    assert "https://{{ host }}" in outcome.message
    assert outcome.excerpt.code_block == ((1, "location / { proxy_pass https://{{ host }}; }\n"),)
    assert outcome.region.start_column == 14


STORE = "proxy_ssl_conf_command VerifyCAFile /other.pem;"
OTHER = "proxy_ssl_conf_command Options -SessionTicket;"


@pytest.mark.parametrize(
    ("server", "location", "expected"),
    [
        (STORE, "", ["05 failed"]),
        (STORE, OTHER, []),
        ("", STORE, ["05 failed"]),
        # a level that a template may leave empty inherits
        (STORE, f"{{% if a %}}\n{OTHER}\n{{% endif %}}", ["05 undecided"]),
        (STORE, f"{{% if a %}}\n{STORE}\n{{% endif %}}", ["05 failed", "05 failed"]),
        (STORE, EITHER.format(OTHER, OTHER), []),
        (STORE, EITHER.format(OTHER, STORE), ["05 undecided"]),
        (STORE, EITHER.format(STORE, STORE), ["05 failed", "05 failed"]),
        (OTHER, f"{{% if a %}}\n{STORE}\n{{% endif %}}", ["05 undecided"]),
        ("", f"{OTHER}{{% if a %}}\n{STORE}\n{{% endif %}}", ["05 undecided"]),
        (EITHER.format(STORE, OTHER), "", ["05 undecided"]),
        (f"{{% if a %}}\n{STORE}\n{{% endif %}}", f"{{% if not a %}}\n{STORE}\n{{% endif %}}", ["05 failed"] * 2),
        ("", "proxy_ssl_conf_command {{ command }} /other.pem;", ["05 undecided"]),
    ],
)
def test_openssl_commands_that_a_template_may_leave_out(
    tmp_path: Path, server: str, location: str, expected: list[str]
) -> None:
    text = f"server {{ {server}\n{VERIFIED} location / {{ {location}\n{PASS} }} }}\n"
    found = verdicts(scan(tmp_path, {"a.conf.j2": text}), tmp_path)
    assert [" ".join(line.split()[:2]) for line in found if line.startswith("05")] == expected


# configuration inside other formats


SNIPPET = "Ingress/web.metadata.annotations[nginx.ingress.kubernetes.io/configuration-snippet]"
EMBEDDED = [
    (
        "deploy/cm.yaml",
        """\
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: web
        data:
          nginx.conf: |
            http {
              server {
                listen 80;
                location / { proxy_pass https://backend.example.com; }
              }
            }
        """,
        ["03 failed 10 ConfigMap/web.data[nginx.conf]:http.server(_:80).location(/).proxy_pass"],
    ),
    (
        "ingress.yaml",
        """\
        kind: Ingress
        metadata:
          name: web
          annotations:
            nginx.ingress.kubernetes.io/configuration-snippet: |
              proxy_set_header X-A b;
              proxy_ssl_verify off;
        """,
        [f"01 failed 7 {SNIPPET}:proxy_ssl_verify"],
    ),
    (
        "quoted.yaml",
        """\
        kind: ConfigMap
        metadata: {name: web}
        data:
          a.conf: "location / {\\n  proxy_pass \\"https://backend.example.com\\";\\n}\\n"
        """,
        ["03 failed 4 ConfigMap/web.data[a.conf]:location(/).proxy_pass"],
    ),
    (
        "single.yaml",
        """\
        kind: ConfigMap
        metadata: {name: web}
        data:
          a.conf: 'location / { proxy_pass https://backend.example.com; }'
        """,
        ["03 failed 4 ConfigMap/web.data[a.conf]:location(/).proxy_pass"],
    ),
    (
        "skipped.yaml",
        """\
        kind: ConfigMap
        metadata: {name: web}
        data:
          a.conf: |
            location / {
              # checkov:skip=CKV_NGINX_CUSTOM_03:a test
              proxy_pass https://backend.example.com;
            }
        """,
        [],
    ),
    (
        "chart/templates/cm.yaml",
        """\
        {{- if .Values.enabled }}
        kind: ConfigMap
        metadata:
          name: {{ include "x.name" . }}
        data:
          default.conf: |-
            location / {
              {{- if .Values.verify }}
              proxy_ssl_verify on;
              {{- else }}
              proxy_ssl_verify off;
              {{- end }}
              proxy_pass https://backend.example.com;
            }
        {{- end }}
        """,
        ['01 undecided 13 ConfigMap/{{ include "x.name" . }}.data[default.conf]:location(/).proxy_pass'],
    ),
    (
        "Dockerfile",
        """\
        FROM nginx
        RUN cat > /etc/nginx/conf.d/default.conf <<'EOF'
        server { location / { proxy_pass https://$host; } }
        EOF
        """,
        ["03 failed 3 /etc/nginx/conf.d/default.conf:server(_:80).location(/).proxy_pass"],
    ),
    (
        "setup.sh",
        """\
        #!/bin/sh
        cat > /etc/nginx/conf.d/default.conf <<EOF
        server { location / { proxy_pass https://$BACKEND; proxy_set_header Host \\$host; } }
        EOF
        """,
        ["03 failed 3 /etc/nginx/conf.d/default.conf:server(_:80).location(/).proxy_pass"],
    ),
    (
        "main.tf",
        """\
        resource "x" "web" {
          content = <<-EOT
            server { location / { proxy_pass https://${var.host}; } }
          EOT
        }
        """,
        ["03 failed 3 resource.x.web.content:server(_:80).location(/).proxy_pass"],
    ),
]


@pytest.mark.parametrize(("name", "text", "expected"), EMBEDDED, ids=[name for name, _, _ in EMBEDDED])
def test_embedded_configuration(tmp_path: Path, name: str, text: str, expected: list[str]) -> None:
    found = [line.replace(f"{name}:", "") for line in verdicts(scan(tmp_path, {name: text}), tmp_path)]
    assert found == expected


@pytest.mark.parametrize(
    ("key", "context"), [("global-auth-snippet", "http.location"), ("http-snippet", "http"), ("other", "")]
)
def test_snippets_stand_in_the_context_of_their_key(tmp_path: Path, key: str, context: str) -> None:
    text = f"kind: ConfigMap\nmetadata: {{name: controller}}\ndata:\n  {key}: |\n    proxy_ssl_verify off;\n"
    scan(tmp_path, {"cm.yaml": text})
    (candidate,) = discover(str(tmp_path), []).candidates
    assert candidate.region is not None
    assert candidate.region.context == context


def test_characters_of_the_overlay_are_not_shown(tmp_path: Path) -> None:
    text = """\
        kind: ConfigMap
        metadata: {name: web}
        data:
          a.conf: "location /{{ .q \\"z\\" }} { proxy_pass https://backend.example.com; }"
        """
    expected = ['03 failed cm.yaml:4 ConfigMap/web.data[a.conf]:location(/{{ .q "z" }}).proxy_pass']
    assert verdicts(scan(tmp_path, {"cm.yaml": text}), tmp_path) == expected


def test_the_reason_of_a_skip_is_shown_as_written(tmp_path: Path) -> None:
    text = """\
        cat > /etc/nginx/a.conf <<EOF
        # checkov:skip=CKV_NGINX_CUSTOM_03:see $TICKET

        location / { proxy_pass https://backend.example.com; }
        EOF
        """
    (outcome,) = [one for one in scan(tmp_path, {"a.sh": text}).outcomes if one.result is CheckResult.SKIPPED]
    assert outcome.skip_reason == "see $TICKET"


def test_a_configmaps_files_include_one_another(tmp_path: Path) -> None:
    text = """\
        kind: ConfigMap
        metadata: {name: web}
        data:
          nginx.conf: |
            http { server { include /etc/nginx/tls.conf; location / { proxy_pass https://b.example.com; } } }
          tls.conf: |
            proxy_ssl_verify off;
        """
    expected = ["01 failed cm.yaml:7 ConfigMap/web.data[tls.conf]:proxy_ssl_verify"]
    assert verdicts(scan(tmp_path, {"cm.yaml": text}), tmp_path) == expected


def test_two_dumps_in_one_file_are_two_machines(tmp_path: Path) -> None:
    main = "# configuration file /etc/nginx/nginx.conf:\nhttp { include tls.conf; server { location / { proxy_pass"
    on = "https://b.example.com; } } }\n# configuration file /etc/nginx/tls.conf:\n"
    verified = "proxy_ssl_verify on;\nproxy_ssl_trusted_certificate /ca.pem;\nproxy_ssl_server_name on;\n"
    analysis = scan(tmp_path, {"dump": f"{main} {on}# nothing\n{main} {on}{verified}"})
    assert [line.partition(" /etc")[0] for line in verdicts(analysis, tmp_path)] == ["03 failed dump:2"]


def test_only_the_directory_counts_for_what_is_deployed(tmp_path: Path) -> None:
    text = """\
        cat > /etc/nginx/a.conf <<'EOF'
        server { include /opt/other/tls.conf; location / { proxy_pass https://b.example.com; } }
        EOF
        cat > /etc/nginx/tls.conf <<'EOF'
        proxy_ssl_verify on; proxy_ssl_trusted_certificate /ca.pem;
        EOF
        """
    assert [line[:9] for line in verdicts(scan(tmp_path, {"a.sh": text}), tmp_path)] == ["03 failed"]


def test_loops_of_two_files_are_not_one(tmp_path: Path) -> None:
    tree = {
        "main.conf.j2": f"{{% for u in us %}}server {{ include tls.conf; location / {{ {PASS} }} }}\n{{% endfor %}}\n",
        "tls.conf.j2": f"{{% for u in us %}}{VERIFIED}\n{{% endfor %}}\n",
    }
    assert [line[:12] for line in verdicts(scan(tmp_path, tree), tmp_path)] == ["01 undecided"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a: "location / { proxy_pass https://b.example.com\\\\\\\n;set $a b;}"\n', 0),  # the ; is escaped
        ('a: "set $a b\\\\\\\n  c;\n  location / { proxy_pass https://b.example.com; }"\n', 3),
        ('a: "set $a b\\\\\n  ; location / { proxy_pass https://b.example.com; }"\n', 2),
    ],
)
def test_a_backslash_at_the_end_of_a_quoted_line_escapes_what_yaml_puts_behind_it(
    tmp_path: Path, text: str, line: int
) -> None:
    found = verdicts(scan(tmp_path, {"a.yaml": text}), tmp_path)
    expected = f"03 failed a.yaml:{line} a:location(/).proxy_pass"
    assert found == [expected] if line else "invalid number of arguments" in found[-1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"location / {{ {PASS} }}\n", 1),
        (f"# nginx: of the proxy\n\nlocation ~ ^/a:b/\n{{\n{PASS} }}\n", 5),
        (f"proxy_set_header Host $host;\n{PASS}\n", 2),
        (f'location / {{\nadd_header A "b: c";\n{PASS} }}\n', 3),
        (f"upstream: 'location / {{ {PASS} }}'\n", 1),
        (f"a b: {{c: '{PASS}'}}\n", 1),
    ],
)
def test_nginx_in_a_file_named_like_yaml(tmp_path: Path, text: str, line: int) -> None:
    (found,) = verdicts(scan(tmp_path, {"a.yml": text}), tmp_path)
    assert found.startswith(f"03 failed a.yml:{line} ")


def test_a_broken_nginx_file_named_like_yaml_is_named(tmp_path: Path) -> None:
    (found,) = verdicts(scan(tmp_path, {"a.yml": f"location / {{ {PASS}\n"}), tmp_path)
    assert found == 'a.yml:2: unexpected end of file, expecting "}" for "location" of line 1'


def test_a_broken_region_is_named(tmp_path: Path) -> None:
    text = """\
        kind: ConfigMap
        metadata: {name: web}
        data:
          a.conf: |
            location / {
              proxy_pass https://backend.example.com;
        """
    (problem,) = scan(tmp_path, {"cm.yaml": text}).problems
    assert "unexpected end of file" in problem.reason


# dumps of nginx -T


DUMP = """\
nginx: the configuration file /etc/nginx/nginx.conf syntax is ok
# configuration file /etc/nginx/nginx.conf:
events {}
http {
    include conf.d/*.conf;
}

# configuration file /etc/nginx/conf.d/a.conf:
server {
    include snippets/tls.conf;
    location / { proxy_pass https://backend.example.com; }
}

# configuration file /etc/nginx/snippets/tls.conf:
proxy_ssl_verify off;
"""


@pytest.mark.parametrize("name", ["dump.txt", "nginx-T.out", "production.conf"])
def test_dumps(tmp_path: Path, name: str) -> None:
    expected = [f"01 failed {name}:15 /etc/nginx/snippets/tls.conf:proxy_ssl_verify"]
    analysis = scan(tmp_path, {name: DUMP})
    assert verdicts(analysis, tmp_path) == expected
    (outcome,) = [one for one in analysis.outcomes if one.result is CheckResult.FAILED]
    assert outcome.message.endswith(" (line 1 of /etc/nginx/snippets/tls.conf)")


@pytest.mark.parametrize(
    "front",
    [
        'nginx: [warn] conflicting server name "a" on 0.0.0.0:80, ignored;\n',
        "# cd /etc/nginx; nginx -T\nif true; then {\n",
        "worker_processes 1;\n",
        "",
    ],
)
def test_what_stands_in_front_of_a_dump_does_not_matter(tmp_path: Path, front: str) -> None:
    found = verdicts(scan(tmp_path, {"dump.txt": front + DUMP}), tmp_path)
    line = 15 + front.count("\n")
    assert found == [f"01 failed dump.txt:{line} /etc/nginx/snippets/tls.conf:proxy_ssl_verify"]


def test_a_heading_in_a_configuration_makes_it_no_dump(tmp_path: Path) -> None:
    text = f"http {{ server {{\n# configuration file /etc/nginx/a.conf:\nlocation / {{ {PASS} }} }} }}\n"
    assert verdicts(scan(tmp_path, {"nginx.conf": text}), tmp_path) == [
        "03 failed nginx.conf:3 http.server(_:80).location(/).proxy_pass"
    ]


HEADING = "# configuration file /etc/nginx/{}:\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEADING.format("a.conf") + f"server {{ location / {{ {PASS} }}\n", [3]),
        (HEADING.format("nginx.conf") + "http {\n" + HEADING.format("a.conf") + f"location / {{ {PASS} }}\n", [3, 4]),
        (HEADING.format("nginx.conf") + "http {}\n" + HEADING.format("a.conf") + f"location / {{ {PASS}\n", [5]),
        (f"server {{ location / {{ {PASS} }}\n", [2]),
        (f"Write this:\n\n  location / {{ {PASS}\n", []),
    ],
)
def test_a_broken_text_of_nginx_is_named(tmp_path: Path, text: str, expected: list[int]) -> None:
    found = verdicts(scan(tmp_path, {"dump.txt": text}), tmp_path)
    assert sorted(int(line.split(":")[1].split()[0]) for line in found) == expected


# includes by the paths on the target machine


MAIN = "http {{ server {{ {} location / {{ proxy_pass https://b.example.com; }} }} }}"
OFF = "proxy_ssl_verify off;\n"
INCLUDES: list[tuple[str, dict[str, str], str]] = [
    (
        "by path suffix",
        {"nginx/nginx.conf": MAIN.format("include /etc/nginx/snippets/tls.conf;"), "nginx/snippets/tls.conf": OFF},
        "nginx/snippets/tls.conf",
    ),
    (
        "of a template",
        {"n/nginx.conf": MAIN.format("include /etc/nginx/snippets/tls.conf;"), "n/snippets/tls.conf.j2": OFF},
        "n/snippets/tls.conf.j2",
    ),
    (
        "by a Dockerfile",
        {
            "nginx.conf": MAIN.format("include /opt/proxy/settings.conf;"),
            "Dockerfile": "FROM nginx\nCOPY rootfs/upstream.inc /opt/proxy/settings.conf\n",
            "rootfs/upstream.inc": OFF,
        },
        "rootfs/upstream.inc",
    ),
    (
        "by a compose file",
        {
            "nginx.conf": MAIN.format("include /opt/proxy/*.conf;"),
            "compose.yaml": "services:\n  web:\n    image: nginx\n    volumes:\n      - ./settings:/opt/proxy:ro\n",
            "settings/upstream.conf": OFF,
        },
        "settings/upstream.conf",
    ),
    (
        "by a playbook",
        {
            "roles/web/templates/nginx.conf.j2": MAIN.format("include /opt/tls;"),
            "roles/web/tasks/main.yml": "- name: TLS\n  template:\n    src: upstream.j2\n    dest: /opt/tls\n",
            "roles/web/templates/upstream.j2": OFF,
        },
        "roles/web/templates/upstream.j2",
    ),
    (
        "the nearest",
        {
            "a/nginx.conf": MAIN.format("include /etc/nginx/snippets/tls.conf;"),
            "a/snippets/tls.conf": OFF,
            "a/more/snippets/tls.conf": "proxy_ssl_verify on;\n",
        },
        "a/snippets/tls.conf",
    ),
]


@pytest.mark.parametrize(("tree", "file"), [case[1:] for case in INCLUDES], ids=[case[0] for case in INCLUDES])
def test_includes_by_deployed_path(tmp_path: Path, tree: dict[str, str], file: str) -> None:
    assert verdicts(scan(tmp_path, tree), tmp_path) == [f"01 failed {file}:1 proxy_ssl_verify"]


def test_how_an_include_was_resolved_can_be_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "checkov_nginx_tls.includes"):
        scan(tmp_path, INCLUDES[-1][1])
    (message,) = {record.message for record in caplog.records}
    assert (
        f"{tmp_path}/a/snippets/tls.conf (path suffix); also possible: {tmp_path}/a/more/snippets/tls.conf" in message
    )
