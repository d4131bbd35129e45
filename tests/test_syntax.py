"""Tokens, positions and errors of the parser; where it must agree with crossplane and where with nginx."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import crossplane
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkov_nginx_tls.syntax import (
    DEPTH_LIMIT,
    PARAMETER_LIMIT,
    Comment,
    Directive,
    ParsedFile,
    SyntaxProblem,
    make_source,
    parse,
    tokenize,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def parsed(text: str | bytes) -> ParsedFile:
    return parse("/x/nginx.conf", "nginx.conf", text if isinstance(text, bytes) else text.encode())


def only(text: str | bytes) -> Directive:
    (directive,) = parsed(text).directives
    return directive


def refusal(text: str | bytes) -> tuple[int, str]:
    with pytest.raises(SyntaxProblem) as caught:
        parsed(text)
    return caught.value.line, caught.value.reason


def crossplane_tokens(text: str) -> list[tuple[str, int, bool]]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.conf")
        path.write_bytes(text.encode())
        return [tuple(token) for token in crossplane.lex(str(path))]


def our_tokens(text: str) -> list[tuple[str, int, bool]]:
    """Our tokens with lines and comments, in the shape and order of crossplane.lex."""
    source = make_source("/x", "x", text)
    comments: list[Comment] = []
    tokens = [
        (token.start, (str(token), source.position(token.start).line, quoted))
        for token, quoted in tokenize(source, text, {}, comments)
    ]
    tokens += [(start, (f"#{text}", source.position(start).line, False)) for start, text, _ in comments]
    return [token for _, token in sorted(tokens)]


WORD = st.from_regex(r"[a-z0-9_:/.*~^$=@!%&+|<>?()-]{1,8}", fullmatch=True).filter(
    lambda word: not word.startswith("(")
)
VARIABLE = st.sampled_from(["$host", "a${b}c", "$a$b", "x#y", "it's", 'say"so'])
QUOTED = st.one_of(
    st.from_regex(r'"[a-z {};#\n\']{0,10}"', fullmatch=True),
    st.from_regex(r"'[a-z {};#\n\"]{0,10}'", fullmatch=True),
)
GAP = st.sampled_from([" ", "  ", "\t", "\n", "\n\n", " # note {};\n", "\n# whole line\n"])
ARGUMENTS = st.lists(st.tuples(GAP, st.one_of(WORD, VARIABLE, QUOTED)).map("".join), max_size=4).map("".join)
SIMPLE = st.tuples(WORD, ARGUMENTS, GAP, st.just(";"), GAP).map("".join)
STATEMENTS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.tuples(WORD, ARGUMENTS, GAP, st.just("{"), GAP, inner, st.just("}"), GAP).map("".join),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(STATEMENTS)
def test_tokens_are_those_of_crossplane(text: str) -> None:
    text += "\n"
    assert our_tokens(text) == crossplane_tokens(text)


def crossplane_directives(statements: list[dict[str, Any]]) -> list[object]:
    return [
        (one["directive"], tuple(one["args"]), crossplane_directives(one["block"]) if "block" in one else None)
        for one in statements
        if one["directive"] != "#" or "comment" not in one
    ]


def our_directives(directives: Sequence[Directive]) -> list[object]:
    return [(one.name, one.args, None if one.block is None else our_directives(one.block)) for one in directives]


@settings(max_examples=300, deadline=None)
@given(STATEMENTS)
def test_directives_are_those_of_crossplane(text: str) -> None:
    text += "\n"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.conf")
        path.write_bytes(text.encode())
        payload = crossplane.parse(str(path), single=True, comments=False, check_ctx=False, check_args=False)
    (config,) = payload["config"]
    assert not config["errors"]
    assert our_directives(parsed(text).directives) == crossplane_directives(config["parsed"])


def flatten(directives: Sequence[Directive]) -> list[Directive]:
    return [found for one in directives for found in (one, *flatten(one.block or ()))]


@settings(max_examples=200, deadline=None)
@given(STATEMENTS)
def test_spans_cut_the_directives_out_of_the_text(text: str) -> None:
    for directive in flatten(parsed(text).directives):
        cut = text[directive.start : directive.end]
        assert cut[-1] in ";}"
        assert text[directive.head_end - 1] == (";" if directive.block is None else "{")
        again = only(cut)
        assert (again.name, again.args) == (directive.name, directive.args)
        assert [one.name for one in flatten([again])] == [one.name for one in flatten([directive])]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab{};#'\"\\$\n\r\t (", max_size=30))
def test_any_text_parses_or_is_refused_with_a_line(text: str) -> None:
    try:
        parsed(text)
    except SyntaxProblem as problem:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.reason


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        parsed(b"a b;" + data)
    except SyntaxProblem as problem:
        assert problem.reason


def test_positions_count_code_points_from_one() -> None:
    file = parsed("http {\n  größe é; proxy_pass\n    https://x;\n}\n")
    http = file.directives[0]
    size, proxy = http.block or ()
    assert file.source.position(size.start) == (2, 3)
    assert file.source.position(proxy.start) == (2, 12)
    assert file.source.position(proxy.head_end) == (3, 15)
    assert file.source.position(http.end) == (4, 2)


def test_carriage_returns_separate_but_end_no_line() -> None:
    file = parsed(b"a b;\r\n# note\r\nc d;\r\n")
    assert [one.args for one in file.directives] == [("b",), ("d",)]
    assert file.directives[1].line == 3
    assert file.comments == (Comment(6, " note", 13),)


def test_a_carriage_return_does_not_end_a_comment() -> None:
    assert parsed(b"a b; # note\rc d;\ne f;").directives[1].name == "e"


def test_a_last_line_without_line_feed_counts() -> None:
    file = parsed("a b; # the end")
    assert file.comments[0].text == " the end"
    assert file.directives[0].end == 4


@pytest.mark.parametrize("separator", ["\v", "\f", "\xa0", "\u200b", "\u2028"])
def test_only_four_bytes_are_white_space(separator: str) -> None:
    assert only(f"a{separator}b c;").name == f"a{separator}b"


def test_bytes_that_are_not_utf_8_survive() -> None:
    directive = only(b"server_name caf\xe9;")
    assert directive.args[0].encode("utf-8", "surrogateescape") == b"caf\xe9"


@pytest.mark.parametrize(
    ("text", "args"),
    [
        (r'a "q\"q";', ('q"q',)),
        (r"a 'q\'q';", ("q'q",)),
        (r"a \"x;", ('"x',)),
        (r"a b\;c;", (r"b\;c",)),
        (r"a b\ c;", (r"b\ c",)),
        (r"a \\x;", ("\\x",)),
        (r"a x\ty\nz\r;", ("x\ty\nz\r",)),
        (r"a ~\.php$;", (r"~\.php$",)),
        ("a off#b;", ("off#b",)),
        ("a ${v}w;", ("${v}w",)),
        ("a x}y;", ("x}y",)),
        ('a o"ff";', ('o"ff"',)),
    ],
)
def test_values_are_decoded_as_nginx_does(text: str, args: tuple[str, ...]) -> None:
    assert only(text).args == args


def test_a_word_ends_behind_a_braced_variable() -> None:
    assert only("a ${v} b;").args == ("${v}", "b")  # crossplane.lex gives "${v} "


def test_parentheses_of_if_are_removed() -> None:
    assert only('if ($a = "x y") { b; }').args == ("$a", "=", "x y")


def test_quoted_names_are_names() -> None:
    assert only("\"proxy_pass\" 'https://x';").name == "proxy_pass"


def test_a_quoted_number_sign_is_no_comment() -> None:
    assert only("a '#b';").args == ("#b",)


@pytest.mark.parametrize(
    "code",
    [
        ' local s = "}" ',
        " -- } not the end\n ",
        " --[[ } \n } ]] ",
        " local s = [==[ } ]] ]==] ",
        " local t = { a = { 1, '}' } } ",
        ' local s = "\\"}" ',
        " local x = a[b[1]] ",
        "",
    ],
)
def test_lua_blocks_end_where_lua_says(code: str) -> None:
    file = parsed(f"content_by_lua_block {{{code}}}\na b;")
    assert [one.name for one in file.directives] == ["content_by_lua_block", "a"]
    assert file.directives[0].args == (code,)


def test_a_lua_block_may_have_an_argument() -> None:
    assert only('set_by_lua_block $x { return "#" }').args == ("$x", ' return "#" ')


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a b\n", 2, 'unexpected end of file, expecting ";" or "}"'),
        ("a {\n b c;\n", 3, 'expecting "}" for "a" of line 1'),
        ("a b;\n}\n", 2, 'unexpected "}"'),
        ("a {\n b c\n}\n", 3, 'unexpected "}"'),
        ("a b;;\n", 1, 'unexpected ";"'),
        ("a {\n {} }", 2, 'unexpected "{"'),
        ('a "b"c;', 1, 'unexpected "c" after a closing quote'),
        ('a b;\na "b;\n', 2, "has no closing"),
        ("content_by_lua_block { if }", 0, ""),
        ("content_by_lua_block { '", 1, "Lua block"),
    ],
)
def test_refusals_name_line_and_reason(text: str, line: int, reason: str) -> None:
    if not reason:
        parsed(text)
        return
    found_line, found_reason = refusal(text)
    assert found_line == line
    assert reason in found_reason


def test_a_byte_order_mark_is_named() -> None:
    assert "BOM" in refusal(b"\xef\xbb\xbfa b;")[1]
    assert "UTF-16" in refusal("a b;".encode("utf-16"))[1]


def test_depth_is_limited() -> None:
    parsed("a {" * DEPTH_LIMIT + "}" * DEPTH_LIMIT)
    assert "nested" in refusal("a {" * (DEPTH_LIMIT + 1) + "}" * (DEPTH_LIMIT + 1))[1]


@pytest.mark.parametrize(
    ("shape", "ending"),
    [("a {};", 1), ("a {} ;", 2), ("a '{}';", 2), ("a '{}' ;", 3), ("#{}\n", 2), ("#{}", 1)],
)
def test_parameters_are_as_long_as_nginx_takes_them(shape: str, ending: int) -> None:
    longest = PARAMETER_LIMIT - ending
    parsed(shape.format("x" * longest))
    assert "too long parameter" in refusal(shape.format("x" * (longest + 1)))[1]


def test_crossplane_keeps_its_own_lexer() -> None:
    assert crossplane.parser.lex is crossplane.lexer.lex
