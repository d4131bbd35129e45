"""Control constructs of templates and their branches, with what is known of them when they end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates.neutral import Arm, Case
from checkov_nginx_tls.templates.reader import BLANK, Place
from checkov_nginx_tls.templates.values import CHOICES_LENGTH, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checkov_nginx_tls.templates.conditions import Test
    from checkov_nginx_tls.templates.tags import Tag

_CHOICES: Final = 16
"""Possible values of one expression beyond which they count as unknown."""

_DEPTH: Final = 250
"""Blocks that a branch may leave open or close for its braces to be balanced; nginx files are not nested so deep."""

_STATEMENT: Final = 4096
"""Characters that a statement may have in a template where constructs inside of it end it."""

_KINDS: Final = {
    **dict.fromkeys(("for", "tablerow", "while", "until", "do", "range", "#each", "call"), "loop"),
    **dict.fromkeys(("macro", "function", "capture", "set", "define"), "macro"),
    **dict.fromkeys(("block", "begin", "filter", "autoescape"), "plain"),
}
"""Constructs by the words that open them; all others are conditions."""


@dataclass(eq=False)
class Branch:
    """What is read of one arm, from ``start`` to ``end``, or of all that stands in no construct.

    ``mark``, at ``marked``, is the first ``;``, ``{`` or ``}`` in it, or ``{}`` if the block that begins there ends in
    it too; ``pieces`` are the texts before that, each with its alternatives, none if they are unknown. ``opened`` are
    the extents of the heads of the blocks it leaves open, ``closed`` those of the braces that close blocks from before
    it. ``place`` is where it ends.
    """

    start: int
    end: int = 0
    mark: str = ""
    marked: int = 0
    pieces: list[tuple[str, ...]] = field(default_factory=list)
    opened: list[tuple[int, int]] = field(default_factory=list)
    closed: list[tuple[int, int]] = field(default_factory=list)
    place: Place = field(default_factory=Place)

    def add(self, choices: tuple[str, ...]) -> None:
        """Note a text with its alternatives, none if it is unknown."""
        if not self.mark:
            self.pieces.append(choices)

    def punctuate(self, mark: str, head: int, offset: int) -> None:
        """Note a mark and where its statement began."""
        if not self.mark:
            self.mark, self.marked = mark, offset
        if mark == "{" and len(self.opened) < _DEPTH:
            self.opened.append((max(head, self.start), offset + 1))
        elif mark == "}" and self.opened:
            _, end = self.opened.pop()
            if end == self.marked + 1:
                self.mark = "{}"
        elif mark == "}" and len(self.closed) < _DEPTH:
            self.closed.append((offset, offset + 1))

    def choices(self) -> tuple[str, ...]:
        """The possible texts before the mark; none if they are unknown."""
        found: Iterable[str] = ("",)
        for piece in self.pieces:
            found = tuple(dict.fromkeys(before + text for before in found for text in piece))
            if len(found) > _CHOICES or sum(map(len, found)) > CHOICES_LENGTH:
                return ()
        return tuple(found)


def has_words(pieces: Iterable[tuple[str, ...]]) -> bool:
    """Whether some pieces of a branch may be more than white space."""
    return any(not piece or any(text.strip(BLANK) for text in piece) for piece in pieces)


@dataclass(eq=False)
class Construct:
    """A construct that began at ``place``; the last of its tags ends it, and its branches stand between them.

    ``tests`` are its conditions. ``complete`` says that one of the branches is always rendered. ``is_broken`` says that
    it began in a comment that one of its branches ended. ``rest`` are the offsets of the rest of the line behind it
    where some of its branches comment that out.
    """

    tags: list[Tag]
    branches: list[Branch]
    place: Place
    tests: list[Test]
    complete: bool = False
    is_broken: bool = False
    rest: tuple[int, int] | None = None

    @property
    def start(self) -> int:
        """Where its first tag begins."""
        return self.tags[0].start

    @property
    def end(self) -> int:
        """Where its last tag ends."""
        return self.tags[-1].end

    @property
    def kind(self) -> str:
        """One of if, loop, macro and plain, which is rendered as if it were not there."""
        return kind_of(self.tags[0])

    def is_value(self) -> bool:
        """Whether it stands inside one statement, string or word."""
        if not all(branch.mark == "" and branch.place.until == self.place.until for branch in self.branches):
            return False
        inside = self.place.plain or self.place.in_string
        return inside and (not self.place.fresh or any(has_words(branch.pieces) for branch in self.branches))

    def ends_statement(self) -> bool:
        """Whether all branches end the statement, or the head of the block, in which the construct begins."""
        ends_alike = {branch.mark for branch in self.branches} in ({";"}, {"{"})
        is_short = self.branches[0].marked - self.start < _STATEMENT
        return ends_alike and is_short and self.complete and self.place.plain and not self.place.fresh

    def ends_in_doubt(self) -> bool:
        """Whether a comment may be open behind it that only an arm of another construct opens."""
        left_out = not self.complete and self.place.doubtful_until > self.start
        return left_out or any(branch.place.doubtful_until > branch.end for branch in self.branches)

    def choices(self) -> tuple[str, ...]:
        """What it may have before the marks, without the white space around that if it is not inside a string."""
        by_branch = [branch.choices() for branch in self.branches]
        if not all(by_branch) or self.kind == "loop" or self.tags[0].word == "filter":
            return ()
        if not self.complete:
            by_branch.append(("",))
        texts = (text for choices in by_branch for text in choices)
        return tuple(dict.fromkeys(texts if self.place.until else (unquoted(text.strip()) for text in texts)))

    def arms(self) -> list[Arm]:
        """Its branches as arms."""
        if self.kind == "plain":
            return []
        return [Arm(branch.start, branch.end, case) for branch, case in zip(self.branches, self._cases())]

    def lines(self) -> list[Arm]:
        """The rest of the line behind it as an arm, where some of its branches comment that out."""
        if self.rest is None:
            return []
        cases = self._cases()
        shown = [case for case, branch in zip(cases, self.branches) if not branch.place.in_comment]
        shown += [] if self.place.in_comment else cases[len(self.branches) :]
        is_known = len(shown) == 1 and not self.ends_in_doubt()
        return [Arm(*self.rest, shown[0] if is_known else doubt(self.end))]

    def _cases(self) -> list[Case]:
        """The cases of its branches, and the case that none of them is rendered."""
        first = self.tags[0]
        count = len(self.branches)
        alternatives = count if self.complete else count + 1
        numbers: Iterable[int] = range(alternatives)
        if self.kind != "if":
            name = f"{first.word} {' '.join(first.code.split())} #{first.start}"
        elif len(self.tests) == 1:
            name, alternatives = f"if {self.tests[0].name}", 2
            numbers = (1, 0) if self.tests[0].negated else (0, 1)
        else:
            name = "if " + " elif ".join(f"not {test.name}" if test.negated else test.name for test in self.tests)
        return [Case(name, number, alternatives, self.complete) for number in numbers]


def doubt(offset: int) -> Case:
    """The case that what begins at an offset is rendered, of which nothing more is known."""
    return Case(f"line #{offset}", 0, 2, complete=False)


def kind_of(tag: Tag) -> str:
    """The kind of the construct that a tag opens."""
    return "plain" if tag.word == "with" and tag.family == "jinja" else _KINDS.get(tag.word, "if")
