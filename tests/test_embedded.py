"""nginx configuration found inside YAML, scripts, Dockerfiles, Terraform and dumps: where, and what nginx reads."""

from __future__ import annotations

import subprocess
import time
from itertools import zip_longest
from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checkov_nginx_tls.embedded import embedded_regions
from checkov_nginx_tls.templates import FILLER

if TYPE_CHECKING:
    from checkov_nginx_tls.embedded import Region


class Found(NamedTuple):
    """A region as tests show it: the host's line of its first directive, and its text with <opaque values>."""

    key: str
    line: int
    text: str
    deployed: str = ""
    context: str = ""


def shown(region: Region) -> str:
    text = region.overlay.replace(FILLER, "")
    for character, expression in region.expressions.items():
        text = text.replace(character, f"<{expression.text}>")
    return text


def found(name: str, text: str) -> list[Found]:
    regions = []
    for region in embedded_regions(name, text):
        content = region.overlay.replace(FILLER, " ")
        start = region.start + len(content) - len(content.lstrip())
        line = text.count("\n", 0, start) + 1
        regions.append(Found(region.key, line, " ".join(shown(region).split()), region.deployed, region.context))
    return regions


def choices(name: str, text: str) -> dict[str, tuple[str, ...]]:
    (region,) = embedded_regions(name, text)
    return {expression.text: expression.choices for expression in region.expressions.values()}


YAML = [
    pytest.param(
        """\
        kind: ConfigMap
        metadata: {name: web}
        data:
          nginx.conf: |
            # front
            proxy_pass https://a;
          other: |-
              grpc_pass grpcs://b;

          # a note
          unrelated: text; more
        ---
        kind: ConfigMap
        metadata: {name: web, namespace: other}
        data:
          nginx.conf: 'proxy_pass https://c;'
        """,
        [
            Found("ConfigMap/web.data[nginx.conf]", 5, "# front proxy_pass https://a;"),
            Found("ConfigMap/web.data.other", 8, "grpc_pass grpcs://b;"),
            Found("ConfigMap/web.data[nginx.conf]#2", 16, "proxy_pass https://c;"),
        ],
        id="configmaps",
    ),
    pytest.param(
        r"""
        double: "location / {\n\tproxy_pass \"https://\x61\u0062\U00000063\";\n} # \\d \\\\ \/"
        folded: "proxy_pass
          https://a;

          set $a \
          b;"
        single: 'proxy_pass ''https://a'';

          set $a b;'
        plain: proxy_pass https://a;
          set $a b;
        block: !tag &anchor >2-
            proxy_pass https://é😀;
        again: *anchor
        """,
        [
            Found("double", 2, r'location / { proxy_pass "https://abc"; } # \d \\ /'),
            Found("folded", 3, "proxy_pass https://a; set $a b;"),
            Found("single", 8, "proxy_pass 'https://a'; set $a b;"),
            Found("plain", 11, "proxy_pass https://a; set $a b;"),
            Found("block", 14, "proxy_pass https://é😀;"),
        ],
        id="scalars",
    ),
    pytest.param(
        """\
        kind: ConfigMap
        metadata: {name: web}
        data:
          a.conf: proxy_pass https://a;
          b.conf: proxy_pass https://b;
          c.conf: proxy_pass https://c;
        ---
        kind: Secret
        metadata: {name: web}
        stringData: {d: proxy_pass https://d;}
        ---
        kind: Deployment
        metadata: {name: web}
        spec:
          template:
            spec:
              volumes:
              - {name: all, configMap: {name: web, items: [{key: a.conf, path: sites/a}, {key: b.conf, path: b}]}}
              - {name: projected, projected: {sources: [{secret: {name: web}}]}}
              containers:
              - volumeMounts:
                - {name: all, mountPath: /etc/nginx/b.conf, subPath: b}
                - {name: all, mountPath: /etc/nginx/conf.d/}
                - {name: projected, mountPath: /secrets}
        """,
        [
            Found("ConfigMap/web.data[a.conf]", 4, "proxy_pass https://a;", "/etc/nginx/conf.d/sites/a"),
            Found("ConfigMap/web.data[b.conf]", 5, "proxy_pass https://b;", "/etc/nginx/b.conf"),
            Found("ConfigMap/web.data[c.conf]", 6, "proxy_pass https://c;"),
            Found("Secret/web.stringData.d", 10, "proxy_pass https://d;", "/secrets/d"),
        ],
        id="mounts",
    ),
    pytest.param(
        """\
        services:
          web:
            configs: [{source: site, target: /etc/nginx/conf.d/site.conf}, short]
            environment: {SITE: 'proxy_pass https://$$a;'}
            labels:
              - |
                proxy.SITE=
                proxy_pass https://b;
        configs:
          site:
            content: |
              proxy_pass https://${BACKEND:-a}$$uri;
              proxy_ssl_name $NAME;
          short: {content: proxy_pass https://c;}
        """,
        [
            Found("services.web.environment.SITE", 4, "proxy_pass https://$a;"),
            Found("services.web.labels[proxy.SITE]", 8, "proxy_pass https://b;"),
            Found(
                "configs.site.content",
                12,
                "proxy_pass https://<${BACKEND:-a}>$uri; proxy_ssl_name <$NAME>;",
                "/etc/nginx/conf.d/site.conf",
            ),
            Found("configs.short.content", 14, "proxy_pass https://c;", "/short"),
        ],
        id="compose",
    ),
    pytest.param(
        """\
        - hosts: all
          tasks:
            - name: Deploy the site
              copy:
                dest: /etc/nginx/conf.d/site.conf
                content: |
                  proxy_pass https://{{ backend }};
            - name: Deploy the site
              ansible.builtin.copy: {dest: "/etc/{{ name }}.conf", content: "proxy_pass https://a;"}
            - blockinfile: {path: /etc/nginx/nginx.conf, block: "proxy_pass https://a;"}
        """,
        [
            Found(
                "[0].tasks[Deploy the site].copy.content",
                7,
                "proxy_pass https://{{ backend }};",
                "/etc/nginx/conf.d/site.conf",
            ),
            Found("[0].tasks[Deploy the site][ansible.builtin.copy].content", 9, "proxy_pass https://a;"),
            Found("[0].tasks[2].blockinfile.block", 10, "proxy_pass https://a;", "/etc/nginx/nginx.conf"),
        ],
        id="ansible",
    ),
    pytest.param(
        """\
        #cloud-config
        write_files:
        - path: /etc/nginx/conf.d/a.conf
          content: |
            proxy_pass https://a;
        runcmd:
        - |
          cat > /etc/nginx/conf.d/b.conf <<EOF
          proxy_pass https://$B\\$uri;
          EOF
        """,
        [
            Found("write_files[0].content", 5, "proxy_pass https://a;", "/etc/nginx/conf.d/a.conf"),
            Found(
                "runcmd[0][/etc/nginx/conf.d/b.conf]",
                9,
                "proxy_pass https://<$B>$uri;",
                "/etc/nginx/conf.d/b.conf",
            ),
        ],
        id="cloud-init",
    ),
    pytest.param(
        """\
        kind: Ingress
        metadata:
          name: x
          annotations:
            nginx.ingress.kubernetes.io/configuration-snippet: proxy_ssl_verify off;
            nginx.org/server-snippets: proxy_ssl_verify off;
        ---
        kind: ConfigMap
        metadata: {name: x}
        data: {main-snippets: include a;, http-snippet: "map $a $b { }", stream-snippets: proxy_pass a;}
        ---
        kind: TransportServer
        metadata: {name: x}
        spec: {serverSnippets: proxy_ssl_verify off;, streamSnippets: proxy_ssl_verify off;}
        ---
        kind: VirtualServer
        metadata: {name: x}
        spec: {http-snippets: proxy_ssl_verify off;, routes: [{path: /, location-snippets: proxy_ssl_verify off;}]}
        ---
        kind: SnippetsFilter
        metadata: {name: x}
        spec: {snippets: [{context: http.server.location, value: proxy_ssl_verify off;}]}
        """,
        [
            Found(
                "Ingress/x.metadata.annotations[nginx.ingress.kubernetes.io/configuration-snippet]",
                5,
                "proxy_ssl_verify off;",
                "",
                "http.location",
            ),
            Found(
                "Ingress/x.metadata.annotations[nginx.org/server-snippets]",
                6,
                "proxy_ssl_verify off;",
                "",
                "http.server",
            ),
            Found("ConfigMap/x.data.main-snippets", 10, "include a;", "", "main"),
            Found("ConfigMap/x.data.http-snippet", 10, "map $a $b { }", "", "http"),
            Found("ConfigMap/x.data.stream-snippets", 10, "proxy_pass a;", "", "stream"),
            Found("TransportServer/x.spec.serverSnippets", 14, "proxy_ssl_verify off;", "", "stream.server"),
            Found("TransportServer/x.spec.streamSnippets", 14, "proxy_ssl_verify off;", "", "stream"),
            Found("VirtualServer/x.spec.http-snippets", 18, "proxy_ssl_verify off;", "", "http"),
            Found("VirtualServer/x.spec.routes[0].location-snippets", 18, "proxy_ssl_verify off;", "", "http.location"),
            Found("SnippetsFilter/x.spec.snippets[0].value", 22, "proxy_ssl_verify off;", "", "http.location"),
        ],
        id="contexts",
    ),
    pytest.param(
        """\
        {{- if .Values.tls }}
        kind: ConfigMap
        metadata:
          name: {{ include "chart.name" . }}
          labels:
        {{ include "chart.labels" . | indent 4 }}
        data:
          nginx.conf: |
            {{- if .Values.a }}
            proxy_pass https://a;
            {{- end }}
        {{- end }}
        {{- if .Values.other }}
          other.conf: "proxy_pass
            https://b;"
        {{- end }}
        """,
        [
            Found(
                'ConfigMap/{{ include "chart.name" . }}.data[nginx.conf]',
                9,
                "{{- if .Values.a }} proxy_pass https://a; {{- end }}",
            ),
            Found('ConfigMap/{{ include "chart.name" . }}.data[other.conf]', 14, "proxy_pass https://b;"),
        ],
        id="helm",
    ),
    pytest.param(
        """\
        kind: ConfigMap
        metadata:
          name: {{ .Values.name }}
        data:
          nginx.conf: |
            {{ .Values.first }}
            proxy_pass https://a;
            {{ .Values.last }}
        """,
        [
            Found(
                "ConfigMap/{{ .Values.name }}.data[nginx.conf]",
                6,
                "{{ .Values.first }} proxy_pass https://a; {{ .Values.last }}",
            )
        ],
        id="helm, tags that belong to a block",
    ),
    pytest.param(
        """\
        kind: ConfigMap
        metadata: {name: &name web}
        data: {a: &a proxy_pass https://a;, b: *a}
        ---
        common: &common
          volumes: [{name: v, configMap: {name: web}}]
        pod:
          <<: *common
          containers: [{volumeMounts: [{name: v, mountPath: /etc/nginx}]}]
        recursive: &r [*r, {b: *r}]
        """,
        [Found("ConfigMap/web.data.a", 3, "proxy_pass https://a;", "/etc/nginx/a")],
        id="aliases",
    ),
    pytest.param(
        """\
        broken: [
        {{ key }}: {{ value }} : {{ if
        sites:
        - name: one
          "site.conf": |  # not read by any YAML parser
            proxy_pass https://a;

            proxy_ssl_verify on;
        - - x
          - two: 'proxy_pass https://b;'
        three:
          four: |
            proxy_pass https://c;
        """,
        [
            Found("sites[one][site.conf]", 6, "proxy_pass https://a; proxy_ssl_verify on;"),
            Found("sites[1][1].two", 10, "proxy_pass https://b;"),
            Found("three.four", 13, "proxy_pass https://c;"),
        ],
        id="by lines",
    ),
    pytest.param(
        """\
        kind: Application
        metadata: {name: x}
        spec:
          values: |
            controller:
              config:
                http-snippet: |
                  proxy_ssl_verify off;
        """,
        [Found("Application/x.spec.values[controller.config.http-snippet]", 8, "proxy_ssl_verify off;", "", "http")],
        id="YAML in YAML",
    ),
    pytest.param(
        """\
        nginx.conf: "upstream a { server b; }"
        kept: "upstream a { server b; }"
        note: The option proxy_pass; see there {}
        """,
        [Found("[nginx.conf]", 1, "upstream a { server b; }")],
        id="what others may include",
    ),
]

SCRIPTS = [
    pytest.param(
        "setup.sh",
        r"""
        # cat > /etc/nginx/no.conf <<EOF
        DIR=/etc/nginx
        cat > "$DIR/a.conf" <<EOF
        location ~ \.php\$ {
            proxy_pass https://$HOST\$uri/`id`/$(id -u (x))/$((1 + 2)) \\\\ \
        ;
        }
        EOF
        cat <<'A B' > /etc/nginx/b.conf; sudo tee -a "/etc/nginx/c.conf" >/dev/null <<-"B"
        proxy_pass https://$host;
        A B
        TABproxy_pass https://\$host;
        TABB
        if true; then cat <<\EOF | tee $UNKNOWN/d.conf; fi
        proxy_pass https://d;
        EOF
        cat > ${NOWHERE:-/etc/nginx}/e.conf <<EOF
        proxy_pass https://e;
        EOF
        cat <<< "proxy_pass https://no;"
        cat <<NEVER
        proxy_pass https://no;
        """,
        [
            Found(
                "$DIR/a.conf",
                5,
                r"location ~ \.php$ { proxy_pass https://<$HOST>$uri/<`id`>/<$(id -u (x))>/<$((1 + 2))> \\ ; }",
                "/etc/nginx/a.conf",
            ),
            Found("/etc/nginx/b.conf", 11, "proxy_pass https://$host;", "/etc/nginx/b.conf"),
            Found("/etc/nginx/c.conf", 13, r"proxy_pass https://\$host;", "/etc/nginx/c.conf"),
            Found("$UNKNOWN/d.conf", 16, "proxy_pass https://d;"),
            Found("${NOWHERE:-/etc/nginx}/e.conf", 19, "proxy_pass https://e;", "/etc/nginx/e.conf"),
        ],
        id="shell",
    ),
    pytest.param(
        "entrypoint",
        """\
        #!/usr/bin/env bash
        kubectl apply -f - <<EOF
        kind: ConfigMap
        metadata: {name: web}
        data:
          a.conf: |
            proxy_pass https://\\$host;
        EOF
        """,
        [Found("EOF[ConfigMap/web.data[a.conf]]", 7, "proxy_pass https://$host;")],
        id="YAML in shell, told by its first line",
    ),
    pytest.param(
        "Dockerfile",
        r"""
        FROM nginx
        COPY --chown=nginx <<EOF /etc/nginx/conf.d/a.conf
        proxy_pass https://${HOST}\$uri\.;
        EOF
        COPY <<"b.conf" <<c.conf /etc/nginx/conf.d/
        proxy_pass https://$host;
        b.conf
        proxy_pass https://c;
        c.conf
        RUN apt-get update && \
            cat <<EOF > /etc/nginx/d.conf
        proxy_pass https://d\$uri;
        EOF
        RUN <<SCRIPT
        cat > /etc/nginx/e.conf <<EOF
        proxy_pass https://e\$uri;
        EOF
        SCRIPT
        """,
        [
            Found(
                "/etc/nginx/conf.d/a.conf",
                4,
                "proxy_pass https://<${HOST}>$uri.;",
                "/etc/nginx/conf.d/a.conf",
            ),
            Found("/etc/nginx/conf.d/b.conf", 7, "proxy_pass https://$host;", "/etc/nginx/conf.d/b.conf"),
            Found("/etc/nginx/conf.d/c.conf", 9, "proxy_pass https://c;", "/etc/nginx/conf.d/c.conf"),
            Found("/etc/nginx/d.conf", 13, "proxy_pass https://d$uri;", "/etc/nginx/d.conf"),
            Found("SCRIPT[/etc/nginx/e.conf]", 17, "proxy_pass https://e$uri;", "/etc/nginx/e.conf"),
        ],
        id="Dockerfile",
    ),
    pytest.param(
        "main.tf",
        """\
        # a = <<EOF
        resource "aws_instance" "web" { # {
          tags      = { a = "}" }
          user_data = <<-EOF
            cat > /etc/nginx/a.conf <<'CONF'
            proxy_pass https://${var.host}$uri$${x};
            CONF
          EOF
          provisioner "file" {
            content     = <<EOF
        %{ if var.tls ~}
        proxy_pass https://%%{a} ;
        %{else}
        proxy_pass %{ if var.b }http%{ else }https%{ endif }://b;
        %{endif}
        EOF
            destination = "/etc/nginx/b.conf"
          }
        }
        locals {
          files = merge({ "c.conf" = <<EOF
        proxy_pass https://c;
        EOF
          })
          list = [
            <<EOF
        proxy_pass https://d;
        EOF
          ]
        }
        """,
        [
            Found(
                "resource.aws_instance.web.user_data[/etc/nginx/a.conf]",
                6,
                "proxy_pass https://<${var.host}>$uri${x};",
                "/etc/nginx/a.conf",
            ),
            Found(
                "resource.aws_instance.web.provisioner.file.content",
                11,
                "{%if var.tls %} proxy_pass https://%{a} ; {%else%}"
                "proxy_pass <%{ if var.b }http%{ else }https%{ endif }>://b; {%end %}",
                "/etc/nginx/b.conf",
            ),
            Found("locals.files[c.conf]", 22, "proxy_pass https://c;"),
            Found("locals.list", 27, "proxy_pass https://d;"),
        ],
        id="Terraform",
    ),
    pytest.param(
        "dump.txt",
        """\
        nginx: configuration file /etc/nginx/nginx.conf test is successful
        # configuration file /etc/nginx/nginx.conf:
        http { include conf.d/*.conf; }
        # configuration file /etc/nginx/conf.d/a.conf:
        proxy_pass https://a;

        # configuration file /etc/nginx/mime.types:
        types { }
        """,
        [
            Found("/etc/nginx/nginx.conf", 3, "http { include conf.d/*.conf; }", "/etc/nginx/nginx.conf"),
            Found("/etc/nginx/conf.d/a.conf", 5, "proxy_pass https://a;", "/etc/nginx/conf.d/a.conf"),
            Found("/etc/nginx/mime.types", 8, "types { }", "/etc/nginx/mime.types"),
        ],
        id="nginx -T",
    ),
    pytest.param(
        "nginx.conf",
        """\
        events { }
        # configuration file /etc/nginx/nginx.conf:
        include a;
        """,
        [],
        id="no dump, but a comment",
    ),
]


@pytest.mark.parametrize(("text", "expected"), YAML)
def test_regions_of_yaml(text: str, expected: list[Found]) -> None:
    assert found("deploy/site.yaml", dedent(text)) == expected


@pytest.mark.parametrize(("name", "text", "expected"), SCRIPTS)
def test_regions_of_scripts_and_dumps(name: str, text: str, expected: list[Found]) -> None:
    assert found(name, dedent(text).replace("TAB", "\t")) == expected


@pytest.mark.parametrize(
    ("name", "read_as"),
    [
        *((name, "YAML") for name in ("a.yml", "A.YAML.j2", "x/a.yml.erb", "a.yaml.gotmpl", "_helpers.tpl", "a.sls")),
        *((name, "shell") for name in ("a.sh", "a.zsh", "a.bash.j2")),
        *((name, "shell") for name in ("Dockerfile", "Dockerfile.prod", "web.dockerfile", "Containerfile")),
        *((name, "HCL") for name in ("a.tf", "a.hcl", "a.tf.tmpl")),
        *((name, None) for name in ("a.conf", "a.txt", "yaml", "a.tf.json", "x.yaml/a.py")),
    ],
)
def test_the_name_tells_the_format(name: str, read_as: str | None) -> None:
    text = "#{{\nkey: |\n  proxy_pass https://a;\nx = <<EOF\nproxy_pass https://b;\nEOF\n"
    assert [region.key for region in found(name, text)] == {
        "YAML": ["key"],
        "shell": ["EOF"],
        "HCL": ["x"],
        None: [],
    }[read_as]


@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [("\ufeff", ""), ("# \ud800\udcff\x07\x85\u2028\n", ""), ("# 😀\n", ""), ("a: {b: *c}\n", "---\n]\n")],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_offsets_in_odd_texts(prefix: str, suffix: str, newline: str) -> None:
    text = (prefix + 'key: |\n  proxy_pass https://é;\nmore: "proxy_pass https://a;"\n' + suffix).replace("\n", newline)
    spans = [text[region.start : region.end].strip() for region in embedded_regions("a.yaml", text)]
    assert spans == ["proxy_pass https://é;", "proxy_pass https://a;"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.sh", "X='on'\ncat <<E\ninclude $X;\nE\n", {"$X": ("on",)}),
        ("a.sh", "export X=on # why\ncat <<E\ninclude ${X};\nE\n", {"${X}": ("on",)}),
        ("a.sh", "X=on\nX=off\ncat <<E\ninclude $X;\nE\n", {"$X": ()}),
        ("a.sh", "X=on\nread -r X\ncat <<E\ninclude $X;\nE\n", {"$X": ()}),
        ("a.sh", "if a; then X=on; fi\ncat <<E\ninclude $X;\nE\n", {"$X": ()}),
        ("a.sh", "if a\nthen\nX=on\nfi\ncat <<E\ninclude $X;\nE\n", {"$X": ()}),
        ("a.sh", "f() {\nX=on\n}\ncat <<E\ninclude $X;\nE\n", {"$X": ()}),
        ("a.sh", "f() {\n:\n}\nX=on\ncat <<E\nif (a) {\ninclude $X;\nE\n", {"$X": ("on",)}),
        ("a.sh", "X=$Y\ncat <<E\ninclude $X;\nE\n", {"$X": ()}),
        ("a.sh", "cat <<E\ninclude ${X:-off} ${X-a$b};\nE\n", {"${X:-off}": ("off",), "${X-a$b}": ()}),
        ("a.sh", "cat <<E\ninclude ${X:+on} ${X:?no};\nE\n", {"${X:+on}": ("on", ""), "${X:?no}": ()}),
        ("Dockerfile", "ARG X=on\nCOPY <<E /a\ninclude $X;\nE\n", {"$X": ("on",)}),
        ("a.tf", 'a = <<E\ninclude ${v == "a" ? "on" : "off"};\nE\n', {'${v == "a" ? "on" : "off"}': ("on", "off")}),
        ("a.tf", "a = <<E\ninclude a%{ if v }.b%{ endif };\nE\n", {"%{ if v }.b%{ endif }": (".b", "")}),
        ("a.tf", "a = <<E\ninclude ${v} ${v};\nE\n", {"${v}": ()}),
        ("a.yaml", "services: {a: {b: c}}\nx: include ${X:-off};\n", {"${X:-off}": ("off",)}),
    ],
)
def test_what_values_may_become(name: str, text: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert choices(name, text) == expected


@pytest.mark.parametrize(
    ("tag", "overlay"),
    [
        ("%{ if a }", "{%if a %}"),
        ("%{~ if a ~}\n", "{%if a   %}\n"),
        ("%{if abc}\n", "{%if abc%}"),
        ("%{if abc};", "{%if bc%};"),
        ("%{for a in b} ", "{%for a in b%}"),
        ("%{else};", "       ;"),
        ("%{endif};", "{%end %};"),
    ],
)
def test_control_tags_of_terraform_become_those_of_jinja(tag: str, overlay: str) -> None:
    (region,) = embedded_regions("a.tf", f"a = <<EOF\ninclude a;\n{tag}.\nEOF\n")
    assert region.overlay == f"include a;\n{overlay}.\n"


TEXT = st.text(st.sampled_from("\n\n  \t\\\"'#:;{}$é😀ab|>-"), max_size=30)


@settings(max_examples=300, deadline=None)
@given(TEXT, st.sampled_from(['"', "'", "|", ">"]), st.integers(10, 60))
def test_quoted_scalars_are_what_pyyaml_reads(text: str, style: str, width: int) -> None:
    value = f"proxy_pass https://a;\n{text}"
    dumped = yaml.dump({"a": {"b": value}}, default_style=style, width=width, allow_unicode=True)
    regions = embedded_regions("a.yaml", dumped)
    assert [region.key for region in regions] == ["a.b"]
    if dumped[dumped.index(":", dumped.index(":") + 1) + 2] in "\"'":
        assert shown(regions[0]) == value


WORDS = st.sampled_from(
    [
        "a",
        " ",
        "\n",
        '"',
        "'",
        r"\\",
        r"\$",
        r"\`",
        r"\a",
        r"\"",
        "\\\n",
        "${x}",
        "${x:-off}",
        "$(printf b)",
        "`printf c`",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=12).map("".join))
def test_heredocs_are_what_a_shell_reads(body: str) -> None:
    (region,) = embedded_regions("a.sh", f"cat <<EOF\ninclude a;\n{body}\nz\nEOF\n")
    overlay = region.overlay.replace(FILLER, "")
    values = {"${x}": "", "${x:-off}": "off", "$(printf b)": "b", "`printf c`": "c"}
    for character, expression in region.expressions.items():
        overlay = overlay.replace(character, values[expression.text])
    script = f"unset x; cat <<EOF\ninclude a;\n{body}\nz\nEOF\n"
    assert overlay == subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True).stdout


FOLDED = st.lists(
    st.sampled_from(["a;", "  b;", "", "   ", "# c", "\td;", "x y", "      ", " z;", "''"]), min_size=1, max_size=8
)


@settings(max_examples=300, deadline=None)
@given(
    FOLDED,
    st.sampled_from(["", "2", "-", "+", "2-"]),
    st.sampled_from([("k: ", 2), ("- ", 2), ("- k: ", 4)]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_folded_scalars_are_what_yaml_reads(lines: list[str], header: str, place: tuple[str, int], end: str) -> None:
    key, indent = place
    body = [" " * indent + line if line.strip() else line for line in ["include a;", *lines]]
    text = end.join([f"{key}>{header}", *body, ""])
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    while not isinstance(value, str):
        value = value["k"] if isinstance(value, dict) else value[0]
    (region,) = embedded_regions("a.yaml", text)
    for line, expected in zip_longest(region.text.strip().split("\n"), value.strip().split("\n")):
        assert line.split() == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: >\n  include a; # note\n  proxy_pass https://a;\n", "include a; # note   proxy_pass https://a;\n"),
        ("a: >\n  include a; # note\n\n  proxy_pass https://a;\n", "include a; # note\n  proxy_pass https://a;\n"),
        ("a: >\n  # note\n    proxy_pass https://a;\n", "# note\n    proxy_pass https://a;\n"),
        ('a: "include a; # note\n  proxy_pass https://a;"\n', "include a; # note proxy_pass https://a;"),
    ],
)
def test_a_comment_swallows_the_lines_that_are_folded_to_its_own(text: str, expected: str) -> None:
    (region,) = embedded_regions("a.yaml", text)
    assert region.text.lstrip() == expected


@pytest.mark.parametrize(
    ("literal", "name", "expected"),
    [
        ("nginx.conf=proxy_pass https://a;", "[nginx.conf]", "proxy_pass https://a;"),
        ("'nginx.conf=proxy_pass \"https://a\";'", "[nginx.conf]", 'proxy_pass "https://a";'),
        ("""'tls-1="proxy_pass https://a;"'""", ".tls-1", "proxy_pass https://a;"),
        ('"a.conf=\'proxy_pass \\"https://a\\";\'"', "[a.conf]", 'proxy_pass "https://a";'),
        ("|-\n    a.conf='\n    proxy_pass https://a;'", "[a.conf]", "proxy_pass https://a;"),
    ],
)
def test_literals_of_kustomizations(literal: str, name: str, expected: str) -> None:
    text = f"configMapGenerator:\n- name: web\n  literals:\n  - {literal}\n"
    (region,) = embedded_regions("kustomization.yaml", text)
    assert region.key == f"configMapGenerator[web].literals{name}"
    assert region.text.strip() == expected


NAMES = st.sampled_from(["a.yaml", "a.yaml.j2", "a.sh", "a.tf", "Dockerfile", "a.conf", ""])
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["proxy_pass https://a;", "include a;", "# configuration file /a:\n", "a: |\n", "---\n", "\n\n"]
        ),
        st.sampled_from(
            ["{{ if }}", "{{", "}}", "{{ x }}\n", "{% if %}", "%{ if x }", "%{endif}", "${", "}", "$x", "$("]
        ),
        st.sampled_from(
            ["<<EOF", "<<-'EOF'", "\nEOF\n", "COPY ", "RUN ", "cat > /a ", "services:", "a = ", "a: ", "- "]
        ),
        st.sampled_from(["\ufeff", "é", "😀", FILLER, "\U000f0000", "\ud800", "\udcff", "\\U00110000", "\\ud800"]),
        st.sampled_from("\n {}[](),&*!?:|>\"'`\\\r\t#%"),
        st.text(max_size=3),
    ),
    max_size=40,
).map("".join)


@settings(max_examples=1000, deadline=None)
@given(NAMES, PIECES)
@example("a.yaml", "proxy_pass https://a;\ud800\n# configuration file /a:\n# configuration file /b:\n")
def test_any_text_gives_regions_of_its_own_length(name: str, text: str) -> None:
    regions = embedded_regions(name, text)
    assert all(0 <= region.start <= region.end <= len(text) for region in regions)
    assert all(len(region.overlay) == region.end - region.start for region in regions)
    assert len({region.key for region in regions}) == len(regions)


@pytest.mark.parametrize(
    ("name", "head", "piece"),
    [
        ("a.yaml", "", "["),
        ("a.yaml", "", "- "),
        ("a.yaml", "", "{a: "),
        ("a.yaml", "a: |\n", "  cat <<EOF\n"),
        ("a.yaml", "", "a: &x [*x,*x]\n"),
        ("a.yaml", "]", "{{"),
        ("a.yaml", "a: [\n", "a: |\n x;\n  {{ if }}\n"),
        ("a.sh", "", "cat <<EOF\n"),
        ("a.sh", "cat <<A\n", "$("),
        ("a.sh", "cat <<A\n", "${a${b}"),
        ("a.sh", "", '"\\'),
        ("a.tf", "", '"\\'),
        ("a.tf", "a = <<A\n", "${{}"),
        ("a.tf", "a = <<A\n", "%{if x}a"),
        ("Dockerfile", "COPY <<A /x\n", "\\"),
        ("a", "", "# configuration file :"),
    ],
)
@pytest.mark.benchmark
def test_time_stays_linear(name: str, head: str, piece: str) -> None:
    text = head + piece * (200_000 // len(piece)) + "\nproxy_pass https://a;\nA\n"
    start = time.process_time()
    embedded_regions(name, text)
    assert time.process_time() - start < 4
