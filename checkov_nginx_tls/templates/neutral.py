"""What is known of a neutralised template: its text, its expressions, and the arms of its control constructs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FILLER: Final = "\U0010fffd"
"""A character of an overlay that stands for no character at all."""


class Expression(NamedTuple):
    """What an opaque character stands for.

    ``text`` is the expression as written. ``choices`` are its possible values where the text says so: one for a
    default or a constant, several for the arms of a condition, "" among them where nothing may be rendered;
    empty where they are unknown.
    """

    text: str
    choices: tuple[str, ...]


class Case(NamedTuple):
    """One arm of a control construct.

    ``construct`` is what is tested, with normalised white space; two constructs with the same text test the same.
    A single condition stands for itself: ``if a``, ``if a ... else`` and ``if not a`` are one construct. A chain of
    conditions is one construct as a whole. Names that a loop, a macro or an assignment in the same text sets carry
    the number of that setting, and every loop is a construct of its own with a number; the numbers mean nothing
    outside of the text.

    ``arm`` counts from 0: of a single condition 0 is that it holds and 1 that it does not; of a chain the arms in
    their order, the else last; of a loop or macro 0 is its body. ``arms`` is the number of alternatives, exactly
    one of which is rendered: where there is no else, rendering nothing is one of them, and ``complete``, which
    says that one of the written arms is always rendered, is False.
    """

    construct: str
    arm: int
    arms: int
    complete: bool


class Arm(NamedTuple):
    """The offsets of an arm's content, which is rendered only in that case."""

    start: int
    end: int
    case: Case


class Neutral(NamedTuple):
    """A neutralised text, its expressions by the characters that stand for them, its arms, outer before inner.

    ``lines`` are parts of lines that are rendered only in a case too: else a comment in front of them goes on; they may
    begin in one arm and end in another. ``comments`` are the offsets between which the texts of the template's own
    comments stand, of those where nginx may have a comment.
    """

    text: str
    expressions: Mapping[str, Expression]
    arms: tuple[Arm, ...]
    lines: tuple[Arm, ...]
    comments: tuple[tuple[int, int], ...]
