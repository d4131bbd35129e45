"""Random Jinja templates, rendered by Jinja itself: what goes together in arms goes together where it is rendered."""

from __future__ import annotations

import re
from itertools import count, product
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkov_nginx_tls.syntax import SyntaxProblem, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.templates import Case

jinja2 = pytest.importorskip("jinja2")

NAMES = ("a", "b", "c")
INCLUDED = "{% set ns.x = not ns.x %}"
MACRO = "{% macro flip() %}{% set ns.x = not ns.x %}{% endmacro %}"
CHANGES = [
    "{% set a = b %}",
    "{% set b = not a %}",
    "{% set a, c = c, a %}",
    "{% set c %}{% if a %}1{% endif %}{% endset %}",
    "{% set ns.x = a %}",
    "{% set ns.x = not ns.x %}",
    "{% do items.append(1) %}",
    "{% do items.clear() %}",
    "{% set d = items.pop() if items else 0 %}",
    "{% include 'included' %}",
    "{{ flip() }}",
    "{% set z = 1 %}",
    "{# set a = 1 #}",
]
TESTS = ["a", "b", "not a", "c", "ns.x", "not ns.x", "items", "a and b", "a == b", "a != b", "not (a or c)"]
LOOP_NUMBERS = count()
LOOPS = [
    "for a in [b, c]",
    "for i in [0, 1]",
    "for i in items | list",
    "for i, c in [(0, a), (1, not a)]",
    "for i in []",
]


class Rendered(NamedTuple):
    """A statement that was rendered: its number, and the loops around it with the numbers of their passes."""

    number: int
    passes: tuple[tuple[int, int], ...]


def template(draw: st.DrawFn, statement: st.SearchStrategy[str]) -> str:
    """The text of a strategy whose statements and loops are numbered."""
    numbers = count()
    text = "\n".join(draw(st.lists(statement, min_size=2, max_size=6)))
    return re.sub("NUMBER", lambda _: str(next(numbers)), text)


def renderings(text: str, *, trim_blocks: bool) -> Iterator[str]:
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"included": INCLUDED}),
        extensions=["jinja2.ext.do"],
        trim_blocks=trim_blocks,
        autoescape=False,  # nginx is no HTML
    )
    compiled = environment.from_string(MACRO + "{% set ns = namespace(x=start) %}" + text)
    for values in product([False, True], repeat=len(NAMES) + 1):
        given_values: dict[str, Any] = dict(zip(NAMES, values))
        yield compiled.render(**given_values, start=values[-1], items=[0] if values[0] else [])


def statements_of(text: str) -> dict[int, tuple[Case, ...]]:
    """The arms around each numbered statement of a template."""
    file = parse("/x", "x", text.encode())
    return {int(one.name[1:]): one.conditions for one in file.directives if re.fullmatch(r"m\d+", one.name)}


def rendered(text: str) -> list[Rendered]:
    found = []
    for directive in parse("/x", "x", text.encode()).directives:
        if re.fullmatch(r"m\d+", directive.name):
            passes = tuple((int(number), int(turn)) for number, turn in (arg.split(":") for arg in directive.args))
            found.append(Rendered(int(directive.name[1:]), passes))
    return found


def are_together(one: Rendered, other: Rendered) -> bool:
    """Whether they were rendered in the same passes of the loops around both."""
    theirs = dict(other.passes)
    return all(theirs.get(loop, turn) == turn for loop, turn in one.passes)


def check(text: str, *, trim_blocks: bool) -> None:
    """What was rendered must be in the arms that say so, and what is in the same arms must have been rendered too."""
    conditions = statements_of(text)
    for output in renderings(text, trim_blocks=trim_blocks):
        found = rendered(output)
        for one in found:
            together = [other for other in found if are_together(one, other)]
            facts = {case.construct: case.arm for case in conditions[one.number]}
            for other in together:
                for case in conditions[other.number]:
                    assert facts.get(case.construct, case.arm) == case.arm, (output, case)
            held = set(facts.items())
            numbers = {other.number for other in together}
            for number, cases in conditions.items():
                if {(case.construct, case.arm) for case in cases} <= held:
                    assert number in numbers, (output, number)


@st.composite
def changing(draw: st.DrawFn, depth: int = 2, around: str = "") -> str:
    """Statements under conditions, with changes of names between them."""
    kind = draw(st.sampled_from(["marker", "change", "if", "if", "if"] + (["loop", "with"] if depth else [])))
    if kind == "change":
        return draw(st.sampled_from(CHANGES))
    if kind == "marker" or not depth:
        return f"mNUMBER{around};"
    inner = "\n".join(draw(st.lists(changing(depth=depth - 1, around=around), min_size=1, max_size=3)))
    test = draw(st.sampled_from(TESTS))
    if kind == "with":
        return f"{{% with a = b, b = a %}}\n{inner}\n{{% endwith %}}"
    if kind == "loop":
        loop = next(LOOP_NUMBERS)
        name = f" {loop}:{{{{ loop_{loop} }}}}"
        inner = "\n".join(draw(st.lists(changing(depth=depth - 1, around=around + name), min_size=1, max_size=3)))
        head = draw(st.sampled_from(LOOPS))
        return f"{{% {head} %}}{{% set loop_{loop} = loop.index %}}\n{inner}\n{{% endfor %}}"
    other = draw(
        st.sampled_from(
            ["", "{% else %}\nmNUMBER AROUND;", "{% elif c %}\nmNUMBER AROUND;\n{% else %}\nmNUMBER AROUND;"]
        )
    )
    return f"{{% if {test} %}}\n{inner}\n{other.replace(' AROUND', around)}\n{{% endif %}}"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_conditions_are_the_same_only_where_jinja_finds_them_so(data: st.DataObject) -> None:
    text = data.draw(st.composite(lambda draw: template(draw, changing()))())
    check(text, trim_blocks=False)


@st.composite
def commented(draw: st.DrawFn, depth: int = 2) -> str:
    """Statements and comments with tags in them that trim, or not."""

    def tag(code: str) -> str:
        left, right = draw(st.sampled_from([("", ""), ("", ""), ("-", ""), ("", "-"), ("-", "-")]))
        return f"{{%{left} {code} {right}%}}"

    kind = draw(st.sampled_from(["marker", "comment", "note", "tag"] + (["if", "else", "toggle"] if depth else [])))
    before = draw(st.sampled_from(["", "", "", "# ", "# {{ a }} ", "# {{ a -}}\n"]))
    behind = draw(st.sampled_from(["", "", " ", " # note", " mNUMBER;"]))
    if kind == "marker" or (not depth and kind != "tag"):
        return f"{before}mNUMBER;{behind}"
    if kind == "comment":
        return "# note"
    if kind == "note":
        left, right = draw(st.sampled_from([("", ""), ("-", ""), ("", "-")]))
        return f"{before}{{#{left} note {right}#}}{behind}"
    if kind == "tag":
        return f"{before}{tag('set z = 1')}{behind}"
    condition = draw(st.sampled_from(["a", "not b", "c"]))
    inner = "\n".join(draw(st.lists(commented(depth=depth - 1), min_size=1, max_size=2)))
    if kind == "toggle":
        return f"{tag(f'if {condition}')}# {tag('endif')}mNUMBER;{behind}"
    glue = draw(st.sampled_from(["\n", " ", ""]))
    middle = ""
    if kind == "else":
        other = "\n".join(draw(st.lists(commented(depth=depth - 1), min_size=1, max_size=2)))
        again = draw(st.sampled_from(["", "# "]))
        middle = f"{again}{tag('else')}{glue}{other}{glue}"
    ending = draw(st.sampled_from(["", "# "]))
    return f"{before}{tag(f'if {condition}')}{glue}{inner}{glue}{middle}{ending}{tag('endif')}{behind}"


@settings(max_examples=300, deadline=None)
@given(st.data(), st.booleans())
def test_tags_in_comments_do_what_they_do_in_jinja(data: st.DataObject, trim_blocks: bool) -> None:
    text = data.draw(st.composite(lambda draw: template(draw, commented()))())
    try:
        check(text, trim_blocks=trim_blocks)
    except SyntaxProblem as problem:
        raise AssertionError(text) from problem
