"""What a template's tags become, what its arms are, and that plain nginx stays as it is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checkov_nginx_tls.syntax import SyntaxProblem, parse
from checkov_nginx_tls.templates import FILLER, Expression, Neutral, neutralise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.syntax import Directive

CORPUS = os.environ.get("NGINX_CORPUS", "")


def shown(text: str) -> str:
    """The neutral text without FILLERs, each opaque character as the number of its expression in brackets."""
    neutral = neutralise(text)
    assert len(neutral.text) == len(text)
    result = neutral.text.replace(FILLER, "")
    for number, character in enumerate(neutral.expressions):
        result = result.replace(character, f"[{number}]")
    return result


def squeezed(text: str) -> str:
    return " ".join(shown(text).split())


def expressions(text: str) -> list[Expression]:
    return list(neutralise(text).expressions.values())


def choices(value: str) -> tuple[str, ...]:
    (expression,) = expressions(f"listen {value};")
    return expression.choices


def cases(text: str) -> list[tuple[str, str, int, int, bool]]:
    neutral = neutralise(text)
    return [(text[start:end].strip(), *case) for start, end, case in (*neutral.arms, *neutral.lines)]


PLAIN = [
    "",
    "server { listen 80; }",
    "content_by_lua_block { local t = {{1,2},{3,4}} ngx.say(t) }",
    'content_by_lua_block { local t = {{"a", "b"}, {c, d}} local u = {{}} local v = {{ x = 1 }} }',
    "content_by_lua_block { local n = {#t} if a <b and c> d then end }\n# }\n#}",
    "location ~ ^/[0-9]{2}$ { return 204; }",
    'location ~ "^/(?<year>\\d{4})/(?P<month>\\d{2})" { return 204; }',
    "rewrite ^/a /%E4%B8%AD%20and%20more break;",
    'log_format x escape=json \'{"a":"$b","c":{"d":"$e"}}\';',
    "server {# the first one\n listen 80;\n # location / {\n #}\n}",
    "listen 80; # location / {#\n #}\n",
    "#;{#\n #};\n",
    "proxy_pass https://$host${request_uri};",
    "set $a $${x.y};",
    "set $a %%{ if x };",
    "a_by_lua_block { x = '${a.b}' }",
    "log_format x\n  $host\n  ${uri};",
    "location @named { return 200 '<html><body>a@b.org</body></html>'; }",
    "${",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_nginx_is_left_as_it_is(text: str) -> None:
    assert neutralise(text) == Neutral(text, {}, (), (), ())


@pytest.mark.parametrize(
    "text", ["a {{ b;", "a {% if b;", "a <%= b;", "a {# b;", "{{! a", "{{/* a", "{% raw %} a;", "${A:-"]
)
def test_a_tag_without_end_is_left_as_it_is(text: str) -> None:
    assert neutralise(text).text == text


@pytest.mark.parametrize(
    "value",
    [
        "{{ x }}",
        "{{- x -}}",
        "{{{ x }}}",
        "{{ x | f('}}') }}",
        "{{ {'a': {'b': 1}}.x }}",
        "{{\n  x\n}}",
        "{{ .Values.x }}",
        '{{ printf "%s}}" .x }}',
        "<%= @x %>",
        "<%= $x -%>",
        "{% include 'x' %}",
        "${X:-1}",
        "${x.y}",
        '${x["y"]}',
        "${ x }",
        "${~ x ~}",
        '${x == "y" ? "a}" : upper("b")}',
        '${join(",", [for a in b : "${a}x"])}',
        "${lookup({ a = 1 }, x)}",
        "%web_port%",
        "<your port>",
        "@PORT@",
    ],
)
def test_an_expression_is_one_word(value: str) -> None:
    assert shown(f"listen {value};\nserver_name a;") == "listen [0];\nserver_name a;"
    assert shown(f'set $a "b{value}c" {value};') == 'set $a "b[0]c" [0];'
    assert expressions(f"listen 1{value};")[0].text == value


def test_the_same_expression_is_the_same_character() -> None:
    assert shown("a {{ x }}:{{y}} {{x}} {{-  x }};") == "a [0]:[1] [0] [0];"


def test_characters_of_the_input_are_kept() -> None:
    given_expression = Expression("${X}", ())
    neutral = neutralise(f'a \U000f0004{FILLER}{FILLER} "{FILLER}{{{{ x }}}}";', {"\U000f0004": given_expression})
    assert neutral.text == f'a \U000f0004{FILLER}{FILLER} "{FILLER}\U000f0005{FILLER * 6}";'
    assert neutral.expressions == {"\U000f0004": given_expression, "\U000f0005": Expression("{{ x }}", ())}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ 'x' }}", ("x",)),
        ('{{ "{{" }}', ("{{",)),
        ("{{ 8443 }}", ("8443",)),
        ("{{ x | default('off') }}", ("off",)),
        ('{{ x|d("off", true) | quote }}', ("off",)),
        ("{{ (x | default(8443)) }}", ("8443",)),
        ("{{ x | default('  ') }}", ("",)),
        ("{{ x or 'off' }}", ("off",)),
        ("{{ salt['pillar.get']('a:b', 'off') }}", ("off",)),
        ('{{ default "off" .Values.x }}', ("off",)),
        ('{{ .Values.x | default "off" | quote }}', ("off",)),
        ('{{ or .X "off" }}', ("off",)),
        ('{{ coalesce .X (index .Y 1) "off" }}', ("off",)),
        ('{{ getv "/k" "off" }}', ("off",)),
        ('{{ keyOrDefault "k" "off" }}', ("off",)),
        ("<%= @x || 'off' %>", ("off",)),
        ("${X:-off}", ("off",)),
        ("${X-off}", ("off",)),
        ("${X:=off}", ("off",)),
        ("${X:+on}", ("on", "")),
        ("{{ 'on' if x == 'y' else 'off' }}", ("on", "off")),
        ("{{ 'on' if x }}", ("on", "")),
        ("{{ x | ternary('on', 'off') }}", ("on", "off")),
        ('{{ ternary "on" "off" .x }}', ("on", "off")),
        ('{{ .x | ternary "on" "off" }}', ("on", "off")),
        ("<%= @x ? 'on' : 'off' %>", ("on", "off")),
        ('${x ? "on" : "off"}', ("on", "off")),
        ('${x.y == 1 ? "on" : "off"}', ("on", "off")),
        ("${x.y}", ()),
        ("{{ x }}", ()),
        ("{{ x | default(y) }}", ()),
        ("{{ x | default('a') ~ 'b' }}", ()),
        ("{{ 'a' ~ x | default('b') }}", ()),
        ("{{ x | default('a') | upper }}", ()),
        ("{{ 'a' if x else 'b' if y else 'c' }}", ()),
        ("<%= a ? 'x' : b ? 'y' : 'z' %>", ()),
        ('<%= "a#{b}" %>', ()),
        ("${X:-$Y}", ()),
        ("${X:?unset}", ()),
        ("%x_port%", ()),
    ],
)
def test_an_expression_names_its_values(value: str, expected: tuple[str, ...]) -> None:
    assert choices(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ a }}\nlisten 80;", "[0];\nlisten 80;"),
        ("{{ a }} {{ b }}\nlisten 80;", "[0]; [1];\nlisten 80;"),
        ("s { {{ a }} }", "s { [0]; }"),
        ("a b; {{ c }} # d\ne f;", "a b; [0]; # d\ne f;"),
        ("# a {{ b }}\n{{ c }}\nd e;", "# a {{ b }}\n[0];\nd e;"),
        ("{% include 'a' %} listen 80;", "[0]; listen 80;"),
        ('{{ template "a" . }}\nlisten 80;', "[0];\nlisten 80;"),
        ("{{> a }}\nlisten 80;", "[0];\nlisten 80;"),
        ("<%= a %>\nlisten 80;", "[0];\nlisten 80;"),
        ("%a_b%\nlisten 80;", "[0];\nlisten 80;"),
        ("${EXTRA}\nlisten 80;", "[0];\nlisten 80;"),
        ("$EXTRA\nlisten 80;", "[0];\nlisten 80;"),
        ("{{ a }} {{ b }};", "[0] [1];"),
        ("{{ a }}\n;", "[0]\n;"),
        ("{{ a }}\n{ b c; }", "[0]\n{ b c; }"),
        ("a\n{{ b }}\n;", "a\n[0]\n;"),
        ("a '\n{{ b }}\n';", "a '\n[0]\n';"),
        ("{{ a }}_pass b;", "[0]_pass b;"),
        (
            "a_by_lua_block {\n {{ b }}\n -- don't {\n}\n{{ c }}\nd e;",
            "a_by_lua_block {\n [0]\n -- don't {\n}\n[1];\nd e;",
        ),
        ("a 'b'{{ c }};", "a 'b' [0];"),
        ("{{ ansible_managed | comment }}\na b;", "                               \na b;"),
    ],
)
def test_an_expression_in_a_statements_place_is_a_statement(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b; {# c #}\nd e;", "a b; d e;"),
        ("{{- /* c */ -}}\nd e;", "d e;"),
        ("{{! c }}\nd e;", "d e;"),
        ("{{!-- c --}}", ""),
        ("<%# c %>\n", ""),
        ("{#\n  c\nd\n#}\n", ""),
        ("a{# c #}\nb;", "a b;"),
        ("a {# c #} b;", "a b;"),
        ("a 'b{# c #}d' e;", "a 'bd' e;"),
        ("a_by_lua_block { {# c #}\n}", "a_by_lua_block { }"),
        ("{% comment %} it's {{ a }} {% endcomment %}b c;", "b c;"),
        ("{% raw %}a {b{ c; {% endraw %}d e;", "a {b{ c; d e;"),
        ("{% set a = 1 %}b c;\n{{ $a := 1 }}d e;", "b c; d e;"),
        ("{%\n  set a\n=1 %}b c;", "b c;"),
        ("> if a then\nb c;\n> end\n", "b c;"),
    ],
)
def test_comments_and_control_are_nothing(text: str, expected: str) -> None:
    assert squeezed(text) == expected
    assert neutralise(text).text.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "a b; {# c #}",
        "{# c #} a b;",
        "a {# c #} b;",
        "{{- /* c */ -}}",
        "{{! c }}",
        "{{!-- c --}}",
        "<%# c -%>",
        "{% comment %} c {% endcomment %}",
        "{#\n c\n#}",
    ],
)
def test_comments_of_templates_are_comments(text: str) -> None:
    (extent,) = neutralise(text).comments
    assert text[slice(*extent)].strip() == "c"


@pytest.mark.parametrize("text", ["a '{# c #}';", "# {# c #}\n", "a_by_lua_block { {# c #} }"])
def test_comments_of_templates_that_stand_in_something_else_are_none(text: str) -> None:
    assert neutralise(text).comments == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # tags are tags in comments too
        ("# {% if a %}\nx y;\n# {% endif %}\n", [("x y;\n#", "if a", 0), ("x y;", "line #13", 0)]),
        ("# {% if a %}\nx y;\n# {% endif %} note\nz z;", [("x y;\n#", "if a", 0), ("x y;", "line #13", 0)]),
        ("# {{ if .a }}\nx y;\n# {{ end }} note\nz z;", [("x y;\n#", "if .a", 0)]),
        (
            "# <% if a %>\nx y;\n# <% else %> note\nz z;\n# <% end %> note",
            [("x y;\n#", "if a", 0), ("note\nz z;\n#", "if a", 1)],
        ),
        (
            "# {{ if .a }}\nx y;\n{{ else }} note\nz z;\n# {{ end }}",
            [("x y;", "if .a", 0), ("note\nz z;\n#", "if .a", 1)],
        ),
        # a comment that only one arm begins
        ("{{ if .a }}#{{ end }}x y; z z;\nu u;", [("#", "if .a", 0), ("x y; z z;", "if .a", 1)]),
        ("{{ if .a }}#{{ else }}v v;{{ end }}x y;", [("#", "if .a", 0), ("v v;", "if .a", 1), ("x y;", "if .a", 1)]),
        ("{{ if .a }}v v;\n# {{ end }}x y;", [("v v;\n#", "if .a", 0), ("x y;", "if .a", 1)]),
        ("{{ range .a }}#{{ end }}x y;", [("#", "range .a #0", 0), ("x y;", "range .a #0", 1)]),
        (
            "{{ if .a }}#{{ else if .b }}#{{ end }}x y;",
            [("#", "if .a elif .b", 0), ("#", "if .a elif .b", 1), ("x y;", "if .a elif .b", 2)],
        ),
        (
            "{{ if .a }}#{{ else if .b }}{{ end }}x y;",
            [("#", "if .a elif .b", 0), ("", "if .a elif .b", 1), ("x y;", "line #37", 0)],
        ),
        # white space that is trimmed does not end a comment
        ("# {{ .a -}}\nx y;\nz z;", []),
        ("{{ if .a }}# {{- end -}}\nx y;", [("#", "if .a", 0), ("x y;", "if .a", 1)]),
    ],
)
def test_tags_in_comments_are_live(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert [case[:3] for case in cases(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# {{ if .a }}\nx y;\n# {{ end }} note\nz z;", ["x", "z"]),
        ("# {{ if .a }}\nx y;\n{{ else }} note\nz z;\n# {{ end }}", ["x", "z"]),
        ("# {{ if .a }}u;{{ else }}u;\nx y; # u;\n{{ end }}z z;", ["x", "z"]),
        ("{{ if .a }}# u;{{ else }}# u;{{ end }} u;\nx y;", ["x"]),
        ("{{ if .a }}v # u{{ else }}\nx y{{ end }};", ["v", "x"]),
        # white space that is trimmed does not end a comment
        ("# {{ .a -}}\nu u;\nz z;", ["z"]),
        ("# {{ .a }}\n{{- .b }} u u;\nz z;", ["z"]),
        ("# note\n{{- if .a }}\nx y;\n{{- end }}\nz z;", ["x", "z"]),
        ("# note\n{{- if .a -}}\nu u;\n{{- end }}\nz z;", ["z"]),
        ("# <%= a -%>\nu u;\nz z;", ["z"]),
        ("# <%= a -%> \nx y;\nz z;", ["x", "z"]),
        ("# ${~ upper(a) ~}\nu u;\nz z;", ["z"]),
        ("# %{ if a ~}\nu u;\n%{ endif ~}\nz z;", ["z"]),
        ("x y;\n# %{ if a }\nz z;\n# %{ endif }\nx y;", ["x", "z", "x"]),
        # the opener of a tag may be a word of a comment
        ("# use {{ here\nx {{ y }};\nz z;", ["x", "z"]),
        ("# use {% here\nx {{ y }};\nz z;", ["x", "z"]),
        ("# use <% here\nx <%= y %>;\nz z;", ["x", "z"]),
        ("# use {# here\nx {{ y }};\nz z;", ["x", "z"]),
        ("# use `{{`\nx y;\n# and `}}`\nz {{ y }};", ["x", "z"]),
        ("# use {% here\nx y;\n# and %}\nz z;", ["x", "z"]),
        ("# use <% here\nx y;\n# and %>\nz z;", ["x", "z"]),
        ("# use <% here\nx { y z; }\n# and %>\nz z;", ["x", "z"]),
        ("x y; # use <% here\nx y;\n# and %>\nz z;", ["x", "x", "z"]),
        ("# {% if %} and {% for %}\n{% if a %}x y;{% endif %}", ["x"]),
        ("# ${ here\nx ${ upper(y) };", ["x"]),
        ("# %{ here\nx y;%{ if a } z z;%{ endif }", ["x", "z"]),
        # a tag may go on on the next line
        ("# {% set a = {\n 'b': 1,\n} %}\nx y;", ["x"]),
        ("# {{ a\n  | b }} u;\nx y;", ["x"]),
        ("{{ `u u;\nu u;` }}\nx y;", ["u u;\nu u;", "x"]),
        # a table of Lua whose fields end like statements
        ("a_by_lua_block { t = {{ a = 1;\n b = 2;\n}} }", ["a_by_lua_block"]),
    ],
)
def test_a_comment_hides_what_the_engine_leaves_in_it(text: str, expected: list[str]) -> None:
    assert [directive.name for directive in parse("/x", "x", text.encode()).directives] == expected


def test_a_line_behind_a_tag_that_may_take_the_end_of_its_line_is_conditional() -> None:
    """With ``trim_blocks``, as in Ansible, it is a part of the comment."""
    assert cases("# {% set a = 1 %}\nx y;\nz z;") == [("x y;", "line #18", 0, 2, False)]
    assert cases("# {# note #}\nx y;\nz z;") == [("x y;", "line #13", 0, 2, False)]
    assert cases("# {% set a = 1 +%}\nx y;\nz z;") == cases("# {{ a }}\nx y;\nz z;") == []
    assert cases("# {% set a = 1 -%}\nx y;\nz z;") == []


DIALECTS = {
    "jinja": ("{% if a %}", "{% else %}", "{% endif %}"),
    "trimming": ("{%- if a -%}", "{%+ else -%}", "{%- endif +%}"),
    "lua": ("{% if a then %}", "{% else %}", "{% end %}"),
    "go": ("{{ if .a }}", "{{ else }}", "{{ end }}"),
    "with": ("{{- with .a -}}", "{{- else -}}", "{{- end -}}"),
    "handlebars": ("{{#if a}}", "{{else}}", "{{/if}}"),
    "mustache": ("{{# a }}", "{{^}}", "{{/ a }}"),
    "erb": ("<% if @a -%>", "<%- else -%>", "<% end %>"),
    "epp": ("<% if $a { -%>", "<% } else { -%>", "<% } -%>"),
    "lines": ("\n> if a then\n", "\n> else\n", "\n> end\n"),
    "terraform": ("%{ if a }", "%{ else }", "%{ endif }"),
    "trimming terraform": ("%{~if a~}", "%{~ else ~}", "%{~endif~}"),
}


@pytest.mark.parametrize(("opening", "middle", "closing"), DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_has_arms(opening: str, middle: str, closing: str) -> None:
    found = cases(f"{opening} v on; {middle} v off; {closing} x y;{opening}v on;{closing}")
    (construct,) = {case[1] for case in found}
    assert re.fullmatch(r"if [.@$]?a", construct)
    assert [(text, *case) for text, _, *case in found] == [
        ("v on;", 0, 2, True),
        ("v off;", 1, 2, True),
        ("v on;", 0, 2, False),
    ]


@pytest.mark.parametrize(("opening", "middle", "closing"), DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_has_values(opening: str, middle: str, closing: str) -> None:
    text = f"v {opening}on{middle}off{closing};\nx y;"
    assert squeezed(text).replace(" ;", ";") == "v [0]; x y;"
    (expression,) = expressions(text)
    assert expression.choices == ("on", "off")
    assert neutralise(text).arms == ()


A0, A1 = ("if a", 0, 2), ("if a", 1, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% if not a %}x y;{% endif %}", [("x y;", *A1, False)]),
        ("{% if not (a) %}x y;{% else %}z z;{% endif %}", [("x y;", *A1, True), ("z z;", *A0, True)]),
        ("{% unless a %}x y;{% endunless %}", [("x y;", *A1, False)]),
        ("{{^a}}x y;{{/a}}", [("x y;", *A1, False)]),
        ("{{#unless a}}x y;{{/unless}}", [("x y;", *A1, False)]),
        ("<% if !$a { %>x y;<% } %>", [("x y;", "if $a", 1, 2, False)]),
        ("{{ if not .a }}x y;{{ end }}", [("x y;", "if .a", 1, 2, False)]),
        ("{% if a  ==  'b' %}x y;{% endif %}", [("x y;", 'if a == "b"', 0, 2, False)]),
        ('{% if a != "b" %}x y;{% endif %}', [("x y;", 'if a == "b"', 1, 2, False)]),
        ("{% if a is not defined %}x y;{% endif %}", [("x y;", "if a is defined", 1, 2, False)]),
        ("{% if a not in b %}x y;{% endif %}", [("x y;", "if a in b", 1, 2, False)]),
        ('{{ if ne .a "b" }}x y;{{ end }}', [("x y;", 'if eq .a "b"', 1, 2, False)]),
        ("{% if a != b and c %}x y;{% endif %}", [("x y;", "if a != b and c", 0, 2, False)]),
        ("{% if not a and c %}x y;{% endif %}", [("x y;", "if not a and c", 0, 2, False)]),
        (
            "{% if a %}x y;{% elif not b %}z z;{% endif %}",
            [("x y;", "if a elif not b", 0, 3, False), ("z z;", "if a elif not b", 1, 3, False)],
        ),
        (
            "{{ if .a }}x y;{{ else if .b }}z z;{{ else }}{{ end }}",
            [
                ("x y;", "if .a elif .b", 0, 3, True),
                ("z z;", "if .a elif .b", 1, 3, True),
                ("", "if .a elif .b", 2, 3, True),
            ],
        ),
        (
            "<% case a\n  when 1 %>x y;<% when 2 %>z z;<% end %>",
            [(text, "if a when 1 elif 2", arm, 3, False) for arm, text in enumerate(["x y;", "z z;"])],
        ),
        (
            "{% case a %} {% when 1 %}x y;{% when 2 %}z z;{% else %}u u;{% endcase %}",
            [(text, "if a elif 1 elif 2", arm, 4, True) for arm, text in enumerate(["", "x y;", "z z;", "u u;"])],
        ),
        (
            "{% if a %}{% if b %}x y;{% endif %}{% endif %}",
            [("{% if b %}x y;{% endif %}", *A0, False), ("x y;", "if b", 0, 2, False)],
        ),
        ("{% if a %}#{% endif %}x y; z z;\nu u;", [("#", *A0, False), ("x y; z z;", *A1, False)]),
        ('{{ block "b" . }}{{ if .a }}x y;{{ end }}{{ end }}', [("x y;", "if .a [*=0]", 0, 2, False)]),
        ("{% if a %}x y;", []),
        ("x y;{% endif %}{% else %}", []),
    ],
)
def test_arms_say_what_they_test(text: str, expected: list[tuple[str, str, int, int, bool]]) -> None:
    assert cases(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{% for s in ss %}x y;{% endfor %}",
        "{{ range $s := .ss }}x y;{{ end }}",
        "{{#each ss}}x y;{{/each}}",
        "<% ss.each do |s| %>x y;<% end %>",
        "<% $ss.each |$s| { %>x y;<% } %>",
        "{% macro s(t) %}x y;{% endmacro %}",
        '{{ define "s" }}x y;{{ end }}',
    ],
)
def test_a_loop_or_macro_is_one_arm_of_its_own(text: str) -> None:
    first, second = cases(text * 2)
    assert first[1] != second[1]
    assert first[2:] == second[2:] == (0, 2, False)


def constructs(text: str, opening: str) -> list[str]:
    """What the arms test that begin behind this tag, in the order of the text."""
    return [case.construct for start, _, case in neutralise(text).arms if text.endswith(opening, 0, start)]


JINJA = ("{% if a.b %}", "{% if a.b %}x y;{% endif %}")
LIQUID = ("{% if a %}", "{% if a %}x y;{% endif %}")
GO = ("{{ if .a }}", "{{ if .a }}x y;{{ end }}")
GO_VARIABLE = ("{{ if $a }}", "{{ if $a }}x y;{{ end }}")
RUBY = ("<% if @a -%>", "<% if @a -%>x y;<% end -%>")
PUPPET = ("<% if $a { -%>", "<% if $a { -%>x y;<% } -%>")
HANDLEBARS = ("{{#if a}}", "{{#if a}}x y;{{/if}}")
TERRAFORM = ("%{ if a }", "%{ if a }x y;%{ endif }")


@pytest.mark.parametrize(
    ("test", "text"),
    [
        (JINJA, "IF{% set a = 1 %}IF"),
        (JINJA, "IF{%- set a, c = 1, 2 -%}IF"),
        (JINJA, "IF{% set c, a = 1, 2 %}IF"),
        (JINJA, "IF{% set a %}x{% endset %}IF"),
        (JINJA, "IF{% set a | upper %}x{% endset %}IF"),
        (JINJA, "IF{% set a.b = 1 %}IF"),
        (JINJA, "IF{% set ns.a = 1 %}IF"),
        (JINJA, "IF{% with c = 1, a = 2 %}IF{% endwith %}"),
        (JINJA, "{% with c = 1, a = 2 %}IF{% endwith %}IF"),
        (JINJA, "{% block c %}IF{% endblock %}IF"),
        (JINJA, "{% set c %}{% set a = 1 %}IF{% endset %}IF"),
        (JINJA, "IF{% do a.update({'b': 1}) %}IF"),
        (JINJA, "IF{% do c.append(1) %}IF"),
        (JINJA, "IF{{ a.pop('b') }}IF"),
        (JINJA, "IF{{ c if a.pop('b') else d }}IF"),
        (JINJA, "IF{% if a.pop('b') %}{% endif %}IF"),
        (JINJA, "IF{% if c %}{% set a = 1 %}{% endif %}IF"),
        (JINJA, "IF{% import 'm' as a %}IF"),
        (JINJA, "IF{% from 'm' import a with context %}IF"),
        (JINJA, "IF{% include 'm' %}IF"),
        (JINJA, "IF{% macro a() %}{% endmacro %}IF"),
        (JINJA, "IF{{ m() }}IF"),
        (JINJA, "IF{{ m.c(1) | trim }}IF"),
        (JINJA, "IF{% call m() %}{% endcall %}IF"),
        (JINJA, "{% macro m(a) %}IF{% endmacro %}IF"),
        (JINJA, "{% macro m(c) %}IF{% endmacro %}IF"),
        (JINJA, "{% for a in c %}IF{% endfor %}IF"),
        (JINJA, "{% for c, a in d.items() %}IF{% endfor %}IF"),
        (JINJA, "IF{% for c in d %}{% set a = c %}{% endfor %}IF"),
        (JINJA, "IF{% for c in d %}IF{% set a = c %}{% endfor %}"),
        (JINJA, "{% for c in d %}{% set a = c %}IF{% endfor %}IF"),
        (JINJA, "{% for c in d %}IF{% set a = 1 %}IF{% endfor %}"),
        (LIQUID, "IF{% assign a = 1 %}IF"),
        (LIQUID, "IF{% capture a %}x{% endcapture %}IF"),
        (LIQUID, "IF{% increment a %}IF"),
        (LIQUID, "IF{% a = 1 %}IF"),
        (LIQUID, "IF{% t.a = 1 %}IF"),
        (LIQUID, "IF{% table.insert(a, 1) %}IF"),
        (LIQUID, "IF{% render 'm' %}IF"),
        (("{% if loop.first %}", "{% if loop.first %}x y;{% endif %}"), "{% for c in d %}IF{% endfor %}" * 2),
        (("{% if c|random %}", "{% if c|random %}x y;{% endif %}"), "IFIF"),
        (GO_VARIABLE, "IF{{ $a = 1 }}IF"),
        (GO_VARIABLE, "IF{{- $a := .x -}}IF"),
        (GO_VARIABLE, "IF{{ $c, $a := f }}IF"),
        (GO_VARIABLE, "IF{{ if .c }}{{ $a = 1 }}{{ end }}IF"),
        (GO_VARIABLE, "{{ if $a := .c }}IF{{ end }}{{ if $a := .d }}IF{{ end }}"),
        (GO_VARIABLE, "{{ range $a := .c }}IF{{ end }}IF"),
        (GO_VARIABLE, "{{ range .c }}IF{{ $a = . }}{{ end }}IF"),
        (GO_VARIABLE, "{{ if .c }}{{ $a := .d }}IF{{ end }}IF"),
        (GO, 'IF{{ $_ := set . "a" true }}IF'),
        (GO, 'IF{{ set $ "a" true }}IF'),
        (GO, "IF{{ $x := merge .a .c }}IF"),
        (GO, 'IF{{ .c | set . "a" }}IF'),
        (GO, 'IF{{ .Scratch.Set "a" 1 }}IF'),
        (GO, 'IF{{ template "t" . }}IF'),
        (GO, 'IF{{- include "t" . | nindent 4 -}}IF'),
        (GO, 'IF{{ $x := include "t" . }}IF'),
        (GO, 'IF{{ if include "t" . }}{{ end }}IF'),
        (GO, "{{ range .c }}IF{{ end }}IF"),
        (GO, "{{ range .c }}IF{{ end }}{{ range .d }}IF{{ end }}"),
        (GO, "{{ with .c }}IF{{ end }}IF"),
        (GO, "{{ if .c }}{{ else with .d }}IF{{ end }}IF"),
        (GO, '{{ define "c" }}IF{{ end }}IF'),
        (GO, '{{ block "c" .d }}IF{{ end }}IF'),
        (("{{ if $.a }}", "{{ if $.a }}x y;{{ end }}"), '{{ define "c" }}IF{{ end }}IF'),
        (HANDLEBARS, "{{#each c}}IF{{/each}}IF"),
        (HANDLEBARS, "{{#with c}}IF{{/with}}IF"),
        (HANDLEBARS, "{{#c}}IF{{/c}}IF"),
        (HANDLEBARS, "IF{{> c}}IF"),
        (HANDLEBARS, "IF{{set c 1}}IF"),
        (RUBY, "IF<% @a = 1 -%>IF"),
        (RUBY, "IF<% @a ||= true %>IF"),
        (RUBY, "IF<%- @a &&= c -%>IF"),
        (RUBY, "IF<% @a += 1 %>IF"),
        (RUBY, "IF<% c, @a = 1, 2 %>IF"),
        (RUBY, "IF<% c = 1\n   @a = 2\n-%>IF"),
        (RUBY, "IF<% c = 1; @a = 2 %>IF"),
        (RUBY, "IF<% if c\n   @a = 2\n end -%>IF"),
        (RUBY, "IF<% @a['b'] = 1 %>IF"),
        (RUBY, "IF<% c.a = 1 %>IF"),
        (RUBY, "IF<% @a.map! { |c| c } %>IF"),
        (RUBY, "IF<%= @a.delete('b') %>IF"),
        (RUBY, "IF<%= @a.shift %>IF"),
        (RUBY, "IF<%= @a << 1 %>IF"),
        (RUBY, "IF<% @a.push 1 %>IF"),
        (RUBY, "IF<%= change(1) %>IF"),
        (RUBY, "IF<%= change @a %>IF"),
        (RUBY, 'IF<%= "#{@a.shift}" %>IF'),
        (RUBY, "IF<% change %>IF"),
        (RUBY, "IF<% c.each do |x| @a = x end %>IF"),
        (RUBY, "IF<% if (@a = c) %><% end %>IF"),
        (RUBY, "<% for @a in c %>IF<% end %>IF"),
        (RUBY, "<% c.each do |d| -%>IF<% @a = d -%><% end -%>IF"),
        (("<% if a -%>", "<% if a -%>x y;<% end -%>"), "<% c.each do |d, a| -%>IF<% end -%>IF"),
        (PUPPET, "IF<% $a = 1 %>IF"),
        (PUPPET, "<% $c.each |$a| { %>IF<% } %>IF"),
        (TERRAFORM, "%{ for a in c }IF%{ endfor }IF"),
        (("> if a then", "\n> if a then\nx y;\n> end\n"), "IF\n> for _, a in ipairs(c) do\nIF\n> end\n"),
    ],
)
def test_conditions_are_not_the_same_where_names_may_have_changed(test: tuple[str, str], text: str) -> None:
    first, second = constructs(text.replace("IF", test[1]), test[0])
    assert first != second


@pytest.mark.parametrize(
    ("test", "text"),
    [
        (JINJA, "IFIF"),
        (JINJA, "IF{{ c }} {{ c | default('a') | replace('b', 'c') }};IF"),
        (JINJA, "IF{{ c.get('a') }};{{ lookup('env', 'a') }};{{ salt['pillar.get']('a', 'b') }};IF"),
        (JINJA, "IF{% set c = 1 %}{% set c %}a{% endset %}IF"),
        (JINJA, "IF{% set c = a.b.split(',') | list %}IF"),
        (JINJA, "IF{# set a = 1 #}{% raw %}{% set a = 1 %}{% endraw %}IF"),
        (JINJA, "IF{% for c in d %}IF{% endfor %}IF".replace("IF", "", 1)),
        (JINJA, "{% for a in c %}IF{{ a.b }};IF{% endfor %}"),
        (JINJA, "IF{% for a in c %}x y;{% endfor %}IF"),
        (JINJA, "{% if c %}IF{% else %}IF{% endif %}"),
        (GO, 'IF{{ .c | default "a" | quote }};{{ eq .a 1 }};{{ index .c 1 }};IF'),
        (GO, 'IF{{ $c := .a }}{{ $d := printf "%s" .a }}IF'),
        (GO, "{{ range .c }}IF x {{ . }};IF{{ end }}"),
        (GO, "IF{{ range .c }}x y;{{ end }}IF"),
        (GO, "IF{{ if and (eq .a .b) (not .c) }}x y;{{ end }}IF"),
        (GO_VARIABLE, "IF{{ range $c := .d }}x {{ $c }};{{ end }}IF"),
        (GO_VARIABLE, "{{ $a := .c }}IF{{ range .d }}IF{{ end }}"),
        (HANDLEBARS, "{{#each c}}IF x {{b}};IF{{/each}}"),
        (RUBY, "IF<% c = @a -%><%= c.sort.join(' ') %>;<%= scope.lookupvar('a') %>;IF"),
        (RUBY, "IF<% @b.each do |c| -%>IF<% end -%>"),
        (RUBY, "IF<% if c == @a && d.include?(c) -%>x y;<% end -%>IF"),
        (RUBY, "IF<% c = 1\n d = @a %>IF"),
        (PUPPET, "IF<%= $c %>;IF"),
        (TERRAFORM, "IF x ${c};IF"),
        (TERRAFORM, "%{ for c in d }IF%{ endfor }IF"),
    ],
)
def test_conditions_are_the_same_where_nothing_between_them_changes_a_name(test: tuple[str, str], text: str) -> None:
    first, second = constructs(text.replace("IF", test[1]), test[0])
    assert first == second


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a == 'b c'", "a == 'b  c'"),
        ("a == '!='", "a != '=='"),
        ("a == b != c", "not a == b == c"),
        ("f(a != b)", "not f(a == b)"),
        ("(a != b) == c", "not (a == b) == c"),
        ("a if b != c else d", "not a if b == c else d"),
        ("ne", "not eq"),
        ("a['b']", "a.b"),
        ("a <= b", "a < b"),
    ],
)
def test_conditions_that_only_look_alike_are_not_the_same(first: str, second: str) -> None:
    found = cases(f"{{% if {first} %}}x y;{{% endif %}}{{% if {second} %}}x y;{{% endif %}}")
    assert found[0][1] != found[1][1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a == 'b c'", 'a  ==  "b c"'),
        ("(a)", "a"),
        ("not (a or b)", "not (not (a or b))"),
        ("a.get('c') != d", "a.get('c') == d"),
        ("not a['b'].c", "a['b'].c"),
        ("a | length != 1", "a | length == 1"),
        ("not f(a)", "f(a)"),
    ],
)
def test_conditions_that_only_differ_in_spelling_are_the_same(first: str, second: str) -> None:
    found = cases(f"{{% if {first} %}}x y;{{% endif %}}{{% if {second} %}}x y;{{% endif %}}")
    if "f(" in first:
        assert found[0][1] != found[1][1]  # nobody knows what f does
    else:
        assert found[0][1] == found[1][1]


@pytest.mark.parametrize(
    ("text", "expected", "values"),
    [
        ("p {% if a %}https{% else %}http{% endif %}://x;", "p [0]://x;", ("https", "http")),
        ("listen 443{% if a %} http2{% endif %};", "listen 443 [0];", ("http2", "")),
        ("p http{% if a %}s{% endif %}://x;", "p http[0]://x;", ("s", "")),
        ("v {% if a %}on;{% else %}off;{% endif %} x y;", "v [0]; x y;", ("on", "off")),
        ("l {% if a %}/x {{% else %}/y { {% endif %} x y; }", "l [0]{ x y; }", ("/x", "/y")),
        ("l {% if a %}/x { v w; {% else %}/y { {% endif %} x y; }", "l [0]{ v w; x y; }", ("/x", "/y")),
        ("l {% if a %}/x { v w; }{% else %}/y { x y; }{% endif %}", "l /x { v w; } /y { x y; }", None),
        ("v\n{% if a %}\n  on\n{% elif b %}\n  off\n{% endif %}\n;", "v [0] ;", ("on", "off", "")),
        ("v {% if a %}{% if b %}x{% else %}y{% endif %}{% else %}z{% endif %};", "v [0];", ("x", "y", "z")),
        ("v {% if a %}{{ 'x' }}y{% else %}{{ b | d('z') }}{% endif %};", "v [0];", ("xy", "z")),
        ("v {% if a %}{{ b }}{% else %}z{% endif %};", "v [0];", ()),
        ("v{% for b in c %} {{ b }}{% endfor %};", "v [0];", ()),
        ("v '{% if a %}b; {% endif %}c';", "v '[0]c';", ("b; ", "")),
        ("v {% if a %}'b'{% else %}\"c\"{% endif %};", "v [0];", ("b", "c")),
        ("v {% if a %}b {% endif %}'c;d';", "v [0] 'c;d';", ("b", "")),
        ("v 'b'{% if a %} 'c'{% endif %};", "v 'b' [0];", ("c", "")),
        ("{% if a %}proxy{% else %}grpc{% endif %}_pass x;", "[0]_pass x;", ("proxy", "grpc")),
        ("{% if a %}\n v\n{% else %}\n w\n{% endif %}\n on;", "[0] on;", ("v", "w")),
        ("v b{% if a %} {% endif %};", "v b ;", None),
        ("v {% case a %} {% when 1 %}x{% else %}y{% endcase %};", "v [0];", ("", "x", "y")),
        ("v 443{% if a %} x;{% else %};\n w on;{% endif %} y z;", "v 443 [0]; w on; y z;", ("x", "")),
        ("v {% if a %}{{ b }};{% else %}off; w on;{% endif %} y z;", "v [0]; w on; y z;", ()),
        ("v{% if a %} x{% endif %}{% if b %} y{% endif %};", "v [0] [1];", ("x", "")),
        ("v {% if a %}x;{% else %}{{ y }}{% if b %} z{% endif %};{% endif %}", "v [0];", ()),
    ],
)
def test_a_construct_inside_one_statement_is_one_value(
    text: str, expected: str, values: tuple[str, ...] | None
) -> None:
    assert squeezed(text) == expected
    assert [one.choices for one in expressions(text)][:1] == ([] if values is None else [values])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% if a %} s { x y; {% else %} t { z z; {% endif %} u u; }", "s { x y; z z; u u; }"),
        ("{% if a %}h { s {{% else %}t { v {{% endif %} x y; } }", "h { s { x y; } }"),
        ("s { {% if a %}x y; }{% else %}z z; }{% endif %}", "s { x y; z z; }"),
        ("s { {% if a %}} x y;{% else %}} z z;{% endif %}", "s { } x y; z z;"),
        ("s { {% if a %}} t { x y;{% else %}} u { z z;{% endif %} }", "s { } t { x y; z z; }"),
        ("{{#if a}}s { {{/if}}x y;{{#if a}} }{{/if}}", "s { x y; }"),
        ("{% if a %}s { x y; }{% else %}t { z z; }{% endif %}", "s { x y; } t { z z; }"),
        ("{% if a %}{% if b %}s {{% else %}t {{% endif %}{% else %}u {{% endif %} x y; }", "s { x y; }"),
        ("{% if a %}v on{% else %}x y; v off{% endif %};", "v on; x y; v off ;"),
        ("{% if a %}v on{% else %}\n{{ x }}\nv off{% endif %};", "v on; [0]; v off ;"),
        ("{% if a %}s {% if b %}x{% endif %} {{% else %}t {{% endif %} x y; }", "s [0] { x y; }"),
    ],
)
def test_braces_balance_whatever_arm_is_rendered(text: str, expected: str) -> None:
    assert squeezed(text) == expected


def test_a_comment_in_one_arm_hides_nothing_of_another() -> None:
    assert squeezed("{% if a %}# b{% else %}c d;{% endif %}\n{% if a %}e f; # g {% endif %}\n") == "c d; e f; # g"


def test_deep_nesting_is_no_recursion() -> None:
    text = "a " + "{% if b %}" * 5000 + "c" + "{% endif %}" * 5000 + ";"
    assert squeezed(text) == "a [0];"
    assert expressions(text)[0].choices == ("c", "")


# Real files


NATIVE = "nginx"
NO_NGINX = {
    "bunkerweb/src/common/core/crowdsec/misc/crowdsec.conf": "settings of another program",
    "Nginx/php-webgui.conf": "settings of php-fpm",
    "Nginx/php-www.conf": "settings of php-fpm",
    "sites-available/ROLE_NAME.j2": "a template of a template, whose statements do not all end",
}


def templates_of_corpus() -> Iterator[tuple[str, bytes]]:
    """Names and contents of the native nginx files that hold tags."""
    for line in Path(CORPUS, "manifest.tsv").read_text().splitlines()[1:]:
        repository, _, name, kind = line.split("\t")
        path = Path(CORPUS, "nginx", repository.replace("/", "__"), name)
        if kind.startswith(NATIVE) and path.is_file():
            data = path.read_bytes()
            text = data.decode("utf-8", "surrogateescape")
            if neutralise(text).text != text:
                yield f"{repository}/{name}", data


def plain_reading(text: str) -> set[tuple[int, str]]:
    """Lines and names of the statements that stand on one line behind another's end, as seen without tags."""
    found = set()
    ended = True
    for number, line in enumerate(text.split("\n"), 1):
        bare = re.sub(r"\{\{.*?\}\}+|\{%.*?%\}|<%.*?%>|\{#.*?#\}", "", line)
        match = re.fullmatch(r"\s*([a-z][a-z0-9]*_?[a-z][a-z0-9_]*)\s[^;{}#]*;\s*(?:#.*)?", bare)
        if match and ended:
            found.add((number, match.group(1)))
        code = bare.partition("#")[0].strip()
        ended = code[-1] in ";{}" if code else ended
    return found


@pytest.mark.skipif(not CORPUS, reason="NGINX_CORPUS does not name a directory with real files")
def test_real_templates_are_read_as_they_stand() -> None:
    seen, lost, refused = 0, [], {}
    for name, data in templates_of_corpus():
        seen += 1
        try:
            file = parse(f"/{name}", name, data)
        except SyntaxProblem as problem:
            refused[name] = f"{problem.line}: {problem.reason}"
            continue
        pending: list[Directive] = list(file.directives)
        directives = set()
        while pending:
            directive = pending.pop()
            directives.add((directive.line, directive.name))
            pending += directive.block or ()
        text = data.decode("utf-8", "surrogateescape")
        lost += [(name, *missing) for missing in sorted(plain_reading(text) - directives)]
    assert seen > 100
    assert lost == []
    assert {name: reason for name, reason in refused.items() if not name.endswith(tuple(NO_NGINX))} == {}
