"""What control constructs test, in a form that says when two of them test the same.

Two conditions are the same where their texts are, and where nothing between them may have given another meaning to a
name in them. In doubt they are not: less is said then of what goes together than could be, but nothing wrong.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.templates.effects import EVERYTHING, NAME, STRING, changed_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from checkov_nginx_tls.templates.tags import Tag

_LENGTH: Final = 10_000
"""Characters of a condition beyond which it is compared as it is written."""

_NEGATED: Final = frozenset({"unless", "#unless", "^"})
_DECLARED: Final = re.compile(r"\$\w+(?: ?, ?\$\w+)? ?:?=(?!=) ?")
_END_OF_CONDITION: Final = re.compile(r" ?(?:\bthen|\bdo|\{)\Z")
_PIECE: Final = re.compile(rf"(?s)\\.|(?P<string>{STRING})|(?P<space>\s+)")
_BRACKET: Final = re.compile(rf"(?s)\\.|{STRING}|[()\[\]]")
_HIDDEN: Final = "\0"
_CLOSED: Final = "\1"
_NOT: Final = re.compile(r"(?:not\b ?|! ?)(?=[\w.$@:\0-\1]+\??[\0\1]*\Z)")
_JOINING: Final = re.compile(r"\b(?:and|or|if|else)\b|(?<!is )\bnot\b(?! in\b)|&&|\|\||\? |!(?!=)")
_OPERATOR: Final = re.compile(r"[!=<>~]=|=~|[<>]|\bis not\b|\bnot in\b|\b(?:is|in)\b|\Ane(?= )")
_POSITIVE: Final = {"!=": "==", "~=": "==", "is not": "is", "not in": "in", "ne": "eq"}

_BARS: Final = re.compile(r"(?s).*\|([^|\n]*)\|")
_TARGETS: Final = re.compile(r"(?s)(.*?)(?:\bin\b|:?=)")
_OF_LOOPS: Final = ("loop", "forloop", "tablerowloop")
_CONTEXTS: Final = {
    **dict.fromkeys(("with", "range", "elsewith"), "."),
    **dict.fromkeys(("#", "#with", "#each", "define", "block", "macro", "function"), EVERYTHING),
}
"""What means something else inside of these constructs: the dot from which names start in Go, or all names."""


@dataclass(eq=False)
class Test:
    """What a tag tests: its condition in a form that equals that of its negation, and whether it is negated.

    ``since`` tells apart what has the same text and may not have the same meaning.
    """

    at: int
    text: str
    negated: bool
    since: str = ""

    @property
    def name(self) -> str:
        """What is the same for two tests of one text that test the same."""
        return self.text + self.since


@dataclass(eq=False)
class _Scope:
    """The inside of a construct, and the names that have another meaning there, and behind it if it ``leaks``."""

    start: int
    names: tuple[str, ...]
    is_loop: bool
    leaks: bool
    end: int = sys.maxsize


class _End(NamedTuple):
    scope: _Scope


class Meanings:
    """What names stand for, from the first tag of a text to the last: it is to be told of each tag in turn."""

    def __init__(self) -> None:
        self._changes: dict[str, list[int]] = {}
        self._events: list[Test | _Scope | _End] = []
        self._open: list[list[_Scope]] = []

    def enter(self, tag: Tag, kind: str) -> Test:
        """A construct of some kind begins; gives what it tests."""
        self.pass_by(tag)
        test = self._test(tag)
        leaks = kind == "macro" or (tag.family == "erb" and tag.word == "for")
        self._open.append([])
        self._bind(_Scope(tag.start, _names_within(tag, kind), is_loop=kind == "loop", leaks=leaks))
        return test

    def turn(self, tag: Tag) -> Test:
        """The next branch of a construct begins; gives what that tests."""
        self.pass_by(tag)
        test = self._test(tag)
        if tag.word in _CONTEXTS:
            self._bind(_Scope(tag.start, (_CONTEXTS[tag.word],), is_loop=False, leaks=False))
        return test

    def leave(self, tag: Tag) -> None:
        """The innermost construct ends at a tag."""
        for scope in reversed(self._open.pop()):
            scope.end = tag.start
            self._events.append(_End(scope))
            self._change(scope.names if scope.leaks else (), tag.start)

    def pass_by(self, tag: Tag) -> None:
        """Any tag."""
        self._change(changed_by(tag), tag.start)

    def settle(self) -> None:
        """Complete the tests, now that all tags are known: in a loop, what comes later may have gone before."""
        place = _Place(self._changes)
        for event in self._events:
            if isinstance(event, Test):
                names = {*NAME.findall(event.text), EVERYTHING}
                since = sorted(f"{name}={at}" for name in names if (at := place.since(name, event.at)) >= 0)
                event.since = f" [{', '.join(since)}]" if since else ""
            elif isinstance(event, _Scope):
                place.enter(event)
            else:
                place.leave(event.scope)

    def _test(self, tag: Tag) -> Test:
        test = Test(tag.start, *_normal(tag))
        self._events.append(test)
        return test

    def _bind(self, scope: _Scope) -> None:
        self._events.append(scope)
        self._open[-1].append(scope)

    def _change(self, names: Iterable[str], at: int) -> None:
        for name in names:
            self._changes.setdefault(name, []).append(at)


class _Place:
    """A place in a text on the way through it, with the loops and scopes around it.

    ``changes`` are the offsets at which each name may get another meaning.
    """

    def __init__(self, changes: Mapping[str, Sequence[int]]) -> None:
        self._changes = changes
        self._loops: list[_Scope] = []
        self._past: list[_Scope] = []
        self._past_starts: list[int] = []
        self._bound: dict[str, list[int]] = {}

    def enter(self, scope: _Scope) -> None:
        for name in scope.names:
            self._bound.setdefault(name, []).append(scope.start)
        if scope.is_loop:
            self._loops.append(scope)

    def leave(self, scope: _Scope) -> None:
        for name in scope.names:
            self._bound[name].pop()
        if scope.is_loop:
            self._loops.pop()
        while self._past_starts and self._past_starts[-1] > scope.start:
            self._past_starts.pop()
            self._past.pop()
        self._past_starts.append(scope.start)
        self._past.append(scope)

    def since(self, name: str, at: int) -> int:
        """The offset since which a name stands for what it stands for here; -1 for the beginning."""
        changes = self._changes.get(name, ())
        bound = self._bound.get(name) or [-1]
        return max(self._changed(changes, at), self._brought_by_loop(changes), bound[-1])

    def _changed(self, changes: Sequence[int], at: int) -> int:
        """The last change; where that was in a construct, its end, which may have undone it, or not come to it."""
        index = bisect_right(changes, at) - 1
        if index < 0:
            return -1
        change = changes[index]
        past = bisect_right(self._past_starts, change) - 1
        return self._past[past].end if past >= 0 and self._past[past].end >= change else change

    def _brought_by_loop(self, changes: Sequence[int]) -> int:
        """The start of the innermost loop around that changes a name somewhere: an earlier pass may have done so."""
        low, high = 0, len(self._loops)
        while low < high:
            middle = (low + high) // 2
            loop = self._loops[middle]
            index = bisect_left(changes, loop.start)
            if index < len(changes) and changes[index] <= loop.end:
                low = middle + 1
            else:
                high = middle
        return self._loops[low - 1].start if low else -1


def _names_within(tag: Tag, kind: str) -> tuple[str, ...]:
    """The names that mean something else inside the construct that a tag opens."""
    context = _CONTEXTS.get(tag.word)
    if kind not in ("loop", "macro") and context is None:
        return ()
    targets = (_BARS if "|" in tag.code and tag.family == "erb" else _TARGETS).match(tag.code)
    head = tag.code if kind == "macro" else targets[1] if targets is not None else ""
    names = {*NAME.findall(head), *(_OF_LOOPS if kind == "loop" else ()), *filter(None, [context])}
    return tuple(sorted(names))


def _normal(tag: Tag) -> tuple[str, bool]:
    """A tag's condition in a form that equals that of its negation, and whether it is negated."""
    if len(tag.code) > _LENGTH:
        return tag.code, tag.word in _NEGATED
    text = _PIECE.sub(_plain, tag.code).strip()
    declared = _DECLARED.match(text) if tag.family == "curly" else None
    text = _END_OF_CONDITION.sub("", text[declared.end() :] if declared is not None else text)
    negated = tag.word in _NEGATED
    for _ in range(4):
        outside = _outside(text)
        match = _NOT.match(outside)
        if match is not None:
            text, negated = text[match.end() :], not negated
        elif text[:1] == "(" and outside.find(_CLOSED) == len(text) - 1:
            text = text[1:-1].strip()
    operators = list(_OPERATOR.finditer(outside := _outside(text)))
    is_plain = _JOINING.search(outside) is None and not (tag.family == "curly" and "|" in outside)
    if is_plain and len(operators) == 1 and operators[0][0] in _POSITIVE:
        start, end = operators[0].span()
        text, negated = f"{text[:start]}{_POSITIVE[operators[0][0]]}{text[end:]}", not negated
    return text, negated


def _plain(piece: re.Match[str]) -> str:
    """A piece of a condition as it is compared: quotes are alike, and so is white space."""
    text = piece[0]
    if piece["space"]:
        return " "
    return f'"{text[1:-1]}"' if text[0] == "'" and not set(text) & set('"\\#') else text


def _outside(text: str) -> str:
    """A condition, as long as before, in which what stands in strings and brackets is hidden, with these."""
    parts: list[str] = []
    depth = position = 0
    for match in _BRACKET.finditer(text):
        between = text[position : match.start()]
        parts.append(_HIDDEN * len(between) if depth else between)
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(match[0], 0)
        depth = max(depth, 0)
        parts.append(_HIDDEN * (len(match[0]) - 1) + (_HIDDEN if depth or match[0] not in ")]" else _CLOSED))
        position = match.end()
    return "".join([*parts, text[position:]])
