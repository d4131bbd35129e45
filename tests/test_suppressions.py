"""What a ``checkov:skip`` comment covers."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

import pytest

from checkov_nginx_tls.embedded import embedded_regions
from checkov_nginx_tls.suppressions import NO_REASON, Suppressions, skips_of
from checkov_nginx_tls.syntax import Directive, make_source, parse, parse_region

if TYPE_CHECKING:
    from checkov_nginx_tls.syntax import ParsedFile


def covered(text: str) -> set[str]:
    """Names of the directives that the first skip in a text covers."""
    return covered_in(parse("/x", "x", textwrap.dedent(text).encode()))


def covered_in(file: ParsedFile) -> set[str]:
    suppressions = Suppressions([file])

    def walk(directives: tuple[Directive, ...]) -> set[str]:
        found: set[str] = set()
        for directive in directives:
            if suppressions.find("CKV_NGINX_CUSTOM_01", [directive]):
                found.add(directive.name)
            found |= walk(directive.block or ())
        return found

    return walk(file.directives)


SKIP = "checkov:skip=CKV_NGINX_CUSTOM_01:a reason"


def test_on_its_own_line_the_directive() -> None:
    assert covered(f"a 1; # {SKIP}\nb 1;") == {"a"}


def test_on_the_opening_line_of_a_block_the_block() -> None:
    assert covered(f"a {{ # {SKIP}\n b 1;\n}}\nc 1;") == {"a", "b"}


def test_on_the_closing_line_of_a_block_the_block() -> None:
    assert covered(f"a {{\n b 1;\n}} # {SKIP}\nc 1;") == {"a", "b"}


def test_inside_a_directive_of_several_lines_that_directive() -> None:
    assert covered(f"x {{\n z 1;\n a 1\n   # {SKIP}\n   2;\n b 1;\n}}") == {"a"}


def test_directly_above_a_directive_that_one_only() -> None:
    assert covered(f"x {{\n z 1;\n # {SKIP}\n a 1;\n b 1;\n}}") == {"a"}


def test_directly_above_a_block_the_block() -> None:
    assert covered(f"x {{\n z 1;\n # {SKIP}\n a {{\n b 1;\n }}\n c 1;\n}}") == {"a", "b"}


def test_with_more_comment_lines_below_it_still_directly_above() -> None:
    assert covered(f"x {{\n z 1;\n # {SKIP}\n # more\n a 1;\n b 1;\n}}") == {"a"}


def test_first_in_a_block_the_block() -> None:
    assert covered(f"x {{\n # {SKIP}\n a 1;\n b 1;\n}}\ny 1;") == {"x", "a", "b"}


def test_alone_before_a_blank_line_the_enclosing_block() -> None:
    assert covered(f"x {{\n z 1;\n # {SKIP}\n\n a 1;\n}}\ny 1;") == {"x", "z", "a"}


def test_alone_before_the_closing_brace_the_enclosing_block() -> None:
    assert covered(f"x {{\n z 1;\n # {SKIP}\n}}\ny 1;") == {"x", "z"}


def test_before_everything_and_followed_by_a_blank_line_the_file() -> None:
    assert covered(f"# licence\n\n# {SKIP}\n\nx 1;\ny 1;") == {"x", "y"}


def test_at_the_top_but_directly_above_a_directive_that_one_only() -> None:
    assert covered(f"# {SKIP}\nx 1;\ny 1;") == {"x"}


def test_alone_in_the_middle_of_a_file_nothing() -> None:
    assert covered(f"x 1;\n# {SKIP}\n\ny 1;") == set()


def test_windows_line_ends_change_nothing() -> None:
    assert covered(f"# {SKIP}\r\n\r\nx 1;\r\ny 1;\r\n") == {"x", "y"}


def test_the_closest_of_several_skips_counts_and_the_others_are_unused() -> None:
    text = "# checkov:skip=A_1:file\n\nx {\n a 1; # checkov:skip=A_1:line\n b 1; # checkov:skip=A_1:twice\n}\n"
    file = parse("/x", "x", text.encode())
    suppressions = Suppressions([file])
    inner = (file.directives[0].block or ())[0]
    skip = suppressions.find("A_1", [inner])
    assert skip is not None
    assert skip.reason == "line"
    assert [unused.reason for unused in suppressions.unused()] == ["file", "twice"]


def test_equal_skips_do_not_clash() -> None:
    file = parse("/x", "x", b"# checkov:skip=A_1:one\n# checkov:skip=A_1:two\n\nx 1;")
    assert Suppressions([file]).find("A_1", file.directives) is not None


def test_in_a_string_it_is_no_skip() -> None:
    file = parse("/x", "x", f'add_header X "# {SKIP}";'.encode())
    assert skips_of(file) == ()


@pytest.mark.parametrize("prefix", ["checkov", "bridgecrew", "cortex"])
def test_several_ids_share_a_reason(prefix: str) -> None:
    file = parse("/x", "x", f"a 1; # {prefix}:skip=CKV_A_1, CKV_B_2 : why: because\r\n".encode())
    assert [(skip.check_id, skip.reason) for skip in skips_of(file)] == [
        ("CKV_A_1", "why: because"),
        ("CKV_B_2", "why: because"),
    ]


def test_a_missing_reason_is_said() -> None:
    file = parse("/x", "x", b"a 1; # checkov:skip=CKV_A_1")
    assert skips_of(file)[0].reason == NO_REASON


IN_OWN_FILE = {
    "on its own line": (f"server {{\n a 1; # {SKIP}\n b 1;\n}}\n", {"a"}),
    "on the opening line": (f"server {{\n x {{ # {SKIP}\n  b 1;\n }}\n c 1;\n}}\n", {"x", "b"}),
    "on the closing line": (f"server {{\n c 1;\n x {{\n  b 1;\n }} # {SKIP}\n}}\n", {"x", "b"}),
    "inside a directive": (f"server {{\n b 1;\n a 1\n # {SKIP}\n 2;\n c 1;\n}}\n", {"a"}),
    "directly above": (f"server {{\n b 1;\n # {SKIP}\n # more\n a 1;\n c 1;\n}}\n", {"a"}),
    "first in a block": (f"server {{\n b 1;\n x {{\n  # {SKIP}\n  a 1;\n }}\n c 1;\n}}\n", {"x", "a"}),
    "before a blank line": (f"server {{\n x {{\n  a 1;\n  # {SKIP}\n\n  b 1;\n }}\n c 1;\n}}\n", {"x", "a", "b"}),
    "before everything": (f"# {SKIP}\n\nserver {{\n a 1;\n}}\n", {"server", "a"}),
    "in the middle": (f"server {{\n a 1;\n}}\n# {SKIP}\n\nserver {{ b 1;\n}}\n", set()),
}
HOSTS = {
    "quoted": "data:\n  nginx.conf: {quoted}\n",
    "flow": "{{data: {{nginx.conf: {quoted}, other: x}}}}\n",
    "block": "data:\n  nginx.conf: |\n{block}\n",
    "script": "#!/bin/sh\ncat > /etc/nginx/nginx.conf <<E\n{text}\nE\n",
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("text", "names"), IN_OWN_FILE.values(), ids=IN_OWN_FILE)
def test_in_another_format_it_covers_what_it_would_cover_in_a_file_of_its_own(
    text: str, names: set[str], host: str
) -> None:
    assert covered(text) == names
    block = textwrap.indent(text, "    ")
    embedding = HOSTS[host].format(quoted=json.dumps(text), block=block, text=text) + "# proxy_pass\n"
    (region,) = embedded_regions("a.sh" if host == "script" else "a.yaml", embedding)
    file = parse_region(make_source("/x", "x", embedding), region)
    assert covered_in(file) == names


def test_in_yaml_of_one_line_the_line_of_the_file_is_shown() -> None:
    text = json.dumps(f"server {{\n listen 1; # {SKIP}\n}}\n")
    embedding = f"a: 1\nnginx.conf: {text}\n"
    (region,) = embedded_regions("a.yaml", embedding)
    (skip,) = skips_of(parse_region(make_source("/x", "x", embedding), region))
    assert skip.line == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x {\n z 1;\n {# SKIP #}\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {#\n  SKIP\n #}\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {#\nSKIP\n#}\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {# SKIP\n\n    a long story\n\n #}\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {{/*\n\n SKIP\n\n */}}\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {{!-- SKIP\n --}}\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n <%# SKIP\n %>\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {% comment %}\n SKIP\n {% endcomment %}\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n # SKIP\n {#\n\n #}\n a 1;\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {# SKIP\n #}\n\n a 1;\n}\ny 1;", {"x", "z", "a"}),
        ("{#\n SKIP\n#}\n\na 1;\nb 1;", {"a", "b"}),
        ("{#\n SKIP\n#}\na 1;\nb 1;", {"a"}),
        ("{#\n SKIP\n\n#}\na 1;\nb 1;", {"a"}),
        ("z 1;\n{# SKIP #} a 1;\nb 1;", {"a"}),
        ("z 1;\na {# SKIP #} 1;\nb 1;", {"a"}),
        ("z 1;\na 1; {# SKIP #}\nb 1;", {"a"}),
        ("z 1;\na 1; {# SKIP\n more #}\nb 1;", {"a"}),
        ("z 1;\n{# SKIP\n more #} a 1;\nb 1;", {"a"}),
        ("x {\n z 1; {# more\n SKIP #}\n a 1;\n b 1;\n}", {"a"}),
    ],
)
def test_a_comment_of_a_template_is_one_comment(text: str, names: set[str]) -> None:
    assert covered(text.replace("SKIP", SKIP)) == names


def test_the_end_of_a_template_comment_is_not_in_the_reason() -> None:
    (skip,) = skips_of(parse("/x", "x", f"{{# {SKIP} -#}}\na 1;".encode()))
    assert skip.reason == "a reason"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x {\n z 1;\n # SKIP\n {% if c %}\n a 1;\n {% endif %}\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n # SKIP\n {%- if c %}\n a 1;\n {%- endif %}\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {% if c %} # SKIP\n a 1;\n {% endif %}\n b 1;\n}", {"a"}),
        ("x {\n z 1;\n {% if c %}\n # SKIP\n {% set d = 1 %}\n a 1;\n b 1;\n {% endif %}\n}", {"a"}),
        ("# SKIP\n{% if c %}\nx {\n a 1;\n}\n{% endif %}\nb 1;", {"x", "a"}),
        ("x {\n {% if c %}\n # SKIP\n a 1;\n b 1;\n {% endif %}\n z 1;\n}", {"a", "b"}),
        ("x {\n z 1;\n {% if c %}\n # SKIP\n {% else %}\n a 1;\n {% endif %}\n b 1;\n}", set()),
        ("{% if c %}\n# SKIP\n\na 1;\n{% else %}\nb 1;\n{% endif %}\nz 1;", {"a"}),
    ],
)
def test_tags_count_as_no_lines_and_arms_bound_what_is_covered(text: str, names: set[str]) -> None:
    assert covered(text.replace("SKIP", SKIP)) == names
