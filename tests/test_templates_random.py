"""Random templates: whatever their conditions render is found in an arm, and no text is too odd or too long."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from checkov_nginx_tls.templates import FILLER, Case, Neutral, neutralise, tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Piece(NamedTuple):
    """A template's text, and what it renders to for given conditions: words of statements, braces, names."""

    template: str
    render: Callable[[Mapping[str, bool]], str]


CONDITIONS = ("a", "b", "c")


def joined(pieces: list[Piece]) -> Piece:
    return Piece(
        "\n".join(piece.template for piece in pieces), lambda held: " ".join(one.render(held) for one in pieces)
    )


@st.composite
def statements(draw: st.DrawFn, depth: int = 2) -> Piece:  # noqa: PLR0911
    kinds = ["simple", "value"] + (["block", "choice", "negated", "chain", "heads"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    condition, other = draw(st.permutations(CONDITIONS))[:2]
    number = draw(st.integers(0, 99))
    if kind == "simple":
        return Piece(f"n{number} v;", lambda _: f"n{number} v;")
    if kind == "value":
        text = draw(
            st.sampled_from(
                [
                    "n{} [if:{}]x[else]y[end];",
                    "n{} z[if:{}] x[else] y[end];",
                    "n{} [if:{}]x;[else]y;[end]",
                    'n{} "[if:{}]x[else]y[end]";',
                ]
            )
        ).format(number, condition)
        plain = text.replace("z[", "z ").partition("[")[0].rstrip(' "z') if "z[" not in text else f"n{number} z"
        quote = '"' if '"' in text else ""
        return Piece(text, lambda held: f"{plain} {quote}{'x' if held[condition] else 'y'}{quote};")
    body = joined(draw(st.lists(statements(depth=depth - 1), min_size=1, max_size=2)))
    if kind == "block":
        return Piece(f"b{number} {{\n{body.template}\n}}", lambda held: f"b{number} {{ {body.render(held)} }}")
    if kind == "negated":
        return Piece(
            f"[if:not {condition}]\n{body.template}\n[end]", lambda held: "" if held[condition] else body.render(held)
        )
    rest = joined(draw(st.lists(statements(depth=depth - 1), min_size=1, max_size=2)))
    if kind == "choice":
        return Piece(
            f"[if:{condition}]{body.template}[else]{rest.template}[end]",
            lambda held: body.render(held) if held[condition] else rest.render(held),
        )
    if kind == "chain":
        return Piece(
            f"[if:{condition}] {body.template}\n[elif:{other}] {rest.template}[end]",
            lambda held: body.render(held) if held[condition] else rest.render(held) if held[other] else "",
        )
    return Piece(
        f"[if:{condition}] h{number} {{ [else] i{number} {{ {rest.template} [end] {body.template} }}",
        lambda held: f"h{number} {{ {'' if held[condition] else rest.render(held)} {body.render(held)} }}",
    )


SYNTAX = {
    "jinja": {"if": "{% if {} %}", "elif": "{% elif {} %}", "else": "{% else %}", "end": "{% endif %}"},
    "go": {"if": "{{ if {} }}", "elif": "{{- else if {} -}}", "else": "{{ else }}", "end": "{{- end }}"},
    "erb": {"if": "<% if {} -%>", "elif": "<% elsif {} %>", "else": "<%- else -%>", "end": "<% end %>"},
}


def written(template: str, dialect: str) -> str:
    def tag(match: re.Match[str]) -> str:
        return SYNTAX[dialect][match.group(1)].replace("{}", match.group(2) or "")

    return re.sub(r"\[(if|elif|else|end)(?::([^\]]*))?\]", tag, template)


def held_by(case: Case, held: Mapping[str, bool]) -> bool:
    tests = case.construct[len("if ") :].split(" elif ")
    first = next((number for number, test in enumerate(tests) if held[test]), len(tests))
    return first == case.arm


def read(neutral: Neutral, held: Mapping[str, bool]) -> Iterator[tuple[str, str]]:
    """Names of the rendered statements with the name of the block around each, and what values they may have."""
    blocks = [""]
    for match in re.finditer(r'((?:"[^"]*"|[^;{}"])*)([;{}])', neutral.text):
        text = match.group(1).replace(FILLER, "")
        name = text.split()[0] if text.split() else ""
        start = match.start() + len(match.group(1)) - len(match.group(1).lstrip())
        if match.group(2) == "}":
            blocks.pop()
            continue
        rendered = all(held_by(arm.case, held) for arm in neutral.arms if arm.start <= start < arm.end)
        around = blocks[-1]
        if match.group(2) == "{":
            blocks.append(name.lstrip("hi"))
        if rendered and not name.startswith(("h", "i")):
            options = [neutral.expressions[char].choices for char in text if char in neutral.expressions]
            yield around, name if not options else f"{name} {sorted(options[0])}"


@settings(max_examples=300, deadline=None)
@given(st.lists(statements(), min_size=1, max_size=3).map(joined), st.sampled_from(sorted(SYNTAX)))
def test_arms_hold_what_is_rendered(piece: Piece, dialect: str) -> None:
    neutral = neutralise(written(piece.template, dialect))
    for values in product([False, True], repeat=len(CONDITIONS)):
        held = dict(zip(CONDITIONS, values))
        expected = Neutral(re.sub(r'(n\d+) (?:z )?"?[xy]"?;', r"\1 value;", piece.render(held)), {}, (), (), ())
        found = [(block, name.replace(" ['x', 'y']", "")) for block, name in read(neutral, held)]
        assert sorted(found) == sorted(read(expected, held))


# Any text


TAGS = st.sampled_from(
    "{{ }} {% %} {# #} <% %> <%= {{# {{/ {{^ {{! /* */ -- raw endraw if else elif endif end for in endfor x not -"
    " ' \" ` ; { } \\ # $ ${ :- %a_b% <p> @AB@ _by_lua_block [[ ]] > range with".split(" ")
)
TEMPLATES = st.lists(st.one_of(TAGS, st.sampled_from(["\n", "\n"]), st.text(max_size=3)), max_size=40).flatmap(
    lambda parts: st.sampled_from(["", " "]).map(lambda glue: glue.join(parts))
)


@settings(max_examples=1000, deadline=None)
@given(TEMPLATES)
def test_any_text_keeps_its_length_and_lines(text: str) -> None:
    neutral = neutralise(text)
    assert len(neutral.text) == len(text)
    for before, after in zip(text, neutral.text):
        assert (after == "\n") <= (before == "\n")
        assert before != "\n" or after in ("\n", FILLER, ";", " ", "{")
        assert after in (before, FILLER, " ", ";", "{", "#") or after in neutral.expressions
    assert list(neutral.arms) == sorted(neutral.arms, key=lambda arm: (arm.start, -arm.end))
    assert all(0 <= start <= end <= len(text) and 0 <= case.arm < case.arms for start, end, case in neutral.arms)


@settings(max_examples=200, deadline=None)
@given(TEMPLATES)
def test_a_text_without_expressions_keeps_its_newlines(text: str) -> None:
    neutral = neutralise(text)
    if not neutral.expressions:
        assert [char == "\n" for char in neutral.text] == [char == "\n" for char in text]


@settings(max_examples=2000, deadline=None)
@given(
    st.lists(st.sampled_from([*"{}%<>@$#_ \n\tAbZ-=/!~", "if", "TLS_X", "for", "HOST"]), max_size=12).map("".join),
)
def test_where_no_tag_may_be_there_is_none(text: str) -> None:
    assert tags._may_have_tags(text) or tags._MARK.search(text) is None
