"""Which directives are in effect where templates choose: compared with every rendering, one by one."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkov_nginx_tls.model import Block, Placed, always_holds
from checkov_nginx_tls.syntax import Directive, make_source
from checkov_nginx_tls.templates import Case

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ARMS = {"a": 2, "b": 2, "c": 3}
SOURCE = make_source("/a.conf", "a.conf", "")

cases = st.lists(
    st.sampled_from([Case(name, arm, arms, complete=True) for name, arms in ARMS.items() for arm in range(arms)]),
    max_size=3,
    unique_by=lambda case: case.construct,
).map(tuple)


def renderings(known: Sequence[Case]) -> Iterator[dict[str, int]]:
    """Every choice of arms that the known cases allow."""
    for arms in product(*map(range, ARMS.values())):
        chosen = dict(zip(ARMS, arms))
        if all(chosen[case.construct] == case.arm for case in known):
            yield chosen


def holds(conditions: Sequence[Case], chosen: dict[str, int]) -> bool:
    return all(chosen[case.construct] == case.arm for case in conditions)


@given(st.lists(cases, max_size=6), cases)
def test_alternatives_that_are_always_rendered(alternatives: list[tuple[Case, ...]], known: tuple[Case, ...]) -> None:
    expected = all(any(holds(one, chosen) for one in alternatives) for chosen in renderings(known))
    assert always_holds(alternatives, known) is expected


def placed(conditions: tuple[Case, ...], value: str) -> Placed:
    return Placed(Directive(SOURCE, None, "x", (value,), (0, 0, 0), conditions), ())


levels = st.lists(st.lists(cases, max_size=3), min_size=1, max_size=3)


def nested(conditions: Sequence[Sequence[tuple[Case, ...]]]) -> Block:
    """The innermost of blocks that have directives under these conditions, one list for each block."""
    block = Block("http", None, None)
    for number, own in enumerate(conditions):
        simple = [placed(one, f"{number}.{index}") for index, one in enumerate(own)]
        block = Block("http.location" if number else "http", None, block if number else None)
        for one in simple:
            block.add(one)
    return block


@given(levels, cases)
def test_what_decides_in_a_rendering_is_possible(
    conditions: list[list[tuple[Case, ...]]], known: tuple[Case, ...]
) -> None:
    block = nested(conditions)
    possible = block.possible("x", known).directives
    for chosen in renderings(known):
        rendering = [Case(name, arm, ARMS[name], complete=True) for name, arm in chosen.items()]
        own = [one.own("x") for one in block.inheritance()]
        rendered = [[each for each in one if holds(each.conditions, chosen)] for one in own]
        expected = next((one for one in rendered if one), [])
        assert (expected[-1] if expected else None) in possible
        assert block.effective_all("x", rendering) == expected


def arm(construct: str, number: int) -> Case:
    return Case(construct, number, 2, complete=True)


def test_one_choice_of_two_that_has_nothing_is_seen() -> None:
    three = [(arm("a", 0), arm("b", 0)), (arm("a", 0), arm("b", 1)), (arm("a", 1), arm("b", 1))]
    assert not always_holds(three)
    assert always_holds(three, [arm("a", 0)])
    assert not always_holds(three, [arm("b", 0)])
    assert always_holds([*three, (arm("a", 1), arm("b", 0))])


@pytest.mark.parametrize(("depth", "is_seen"), [(12, True), (13, False)])
def test_what_takes_more_than_4096_renderings_to_see_is_not_certain(depth: int, *, is_seen: bool) -> None:
    names = [f"{number:02}" for number in range(depth)]
    ladder = [(*(arm(above, 1) for above in names[:number]), arm(name, 0)) for number, name in enumerate(names)]
    last = tuple(arm(name, 1) for name in names)
    assert always_holds([*ladder, last]) is is_seen
    assert not always_holds(ladder)


def test_a_chain_of_many_arms_is_seen_to_be_complete() -> None:
    chain = [Case("if", arm, 30, complete=True) for arm in range(30)]
    assert always_holds([(case,) for case in chain])
    assert not always_holds([(case,) for case in chain[1:]])


@pytest.mark.parametrize("count", [300, 3000])
def test_more_alternatives_than_are_looked_at_make_nothing_certain(count: int) -> None:
    many = [(Case(f"if {number}", 0, 2, complete=False),) for number in range(count)]
    assert not always_holds(many)
    assert always_holds([*many, ()])
    assert always_holds([*many, (Case("x", 0, 2, complete=False),)], [Case("x", 0, 2, complete=False)])
