"""``# checkov:skip=ID:reason`` comments and what each of them covers."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates import FILLER

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from checkov_nginx_tls.syntax import Comment, Directive, ParsedFile, Source

_SKIP: Final = re.compile(
    r"(?:checkov|bridgecrew|cortex):skip=[ \t]*(?P<ids>[\w*-]+(?:[ \t]*,[ \t]*[\w*-]+)*)[ \t,]*"
    r"(?::(?P<reason>(?:(?!(?:checkov|bridgecrew|cortex):skip=).)*))?"
)
_BLANK: Final = f" \t\r\n{FILLER}"
NO_REASON: Final = "No comment provided"
"""What Checkov reports for a skip without a reason."""


@dataclass(frozen=True, eq=False)
class Skip:
    """One comment's skip of one check: it covers the directives that start in ``[start, end)`` of its file."""

    check_id: str
    reason: str
    source: Source
    line: int
    start: int
    end: int


def skips_of(file: ParsedFile) -> tuple[Skip, ...]:
    """All skips in a file's comments.

    A comment on a directive's own line covers that directive; one directly above a directive or block covers
    that; first in a block, or standing alone before a blank line or a closing brace, it covers the whole
    enclosing block; before everything else in a file and followed by a blank line, the file. Lines are those of
    the nginx text, wherever that is embedded; one with nothing but tags of a template counts as none. In an arm of
    a template a comment covers nothing outside of that: without the arm it is not there.
    """
    found = [(comment, match) for comment in file.comments for match in _SKIP.finditer(comment.text)]
    if not found:
        return ()
    layout = _Layout(file)
    skips: list[Skip] = []
    arms = _arms_around(file.arms, [comment for comment, _ in found])
    for (comment, match), arm in zip(found, arms):
        start, end = layout.scope(comment)
        start, end = max(start, arm[0]), min(end, arm[1])
        reason = (match.group("reason") or "").strip() or NO_REASON
        line = file.source.position(comment.start).line
        ids = dict.fromkeys(check_id.strip() for check_id in match.group("ids").split(","))
        skips += [Skip(check_id, reason, file.source, line, start, end) for check_id in ids]
    return tuple(skips)


class Suppressions:
    """The skips of all files of a scan, and which of them were of use."""

    def __init__(self, files: Iterable[ParsedFile]) -> None:
        self._all = [skip for file in files for skip in skips_of(file)]
        by_place: dict[tuple[str, Source], list[Skip]] = {}
        for skip in self._all:
            by_place.setdefault((skip.check_id, skip.source), []).append(skip)
        self._coverage = {place: _Coverage(skips) for place, skips in by_place.items()}
        self._used: set[Skip] = set()

    def find(self, check_id: str, directives: Iterable[Directive]) -> Skip | None:
        """The skip of a check that covers one of the directives, the closest around it; it counts as used."""
        if not self._all:
            return None
        for directive in directives:
            coverage = self._coverage.get((check_id, directive.source))
            skip = coverage.at(directive.start) if coverage is not None else None
            if skip is not None:
                self._used.add(skip)
                return skip
        return None

    def covering(self, directives: Sequence[Directive]) -> list[Skip]:
        """The skips of all checks that cover one of the directives, for each check the closest around it, by ID."""
        ids = sorted({check_id for check_id, _source in self._coverage})
        found = (self.find(check_id, directives) for check_id in ids)
        return [skip for skip in found if skip is not None]

    def unused(self) -> Sequence[Skip]:
        """Skips that skipped nothing, in the order of the files' comments."""
        return [skip for skip in self._all if skip not in self._used]


class _Coverage:
    """Which of the skips of one check covers an offset of one file."""

    def __init__(self, skips: Sequence[Skip]) -> None:
        self._from: list[int] = []
        self._skips: list[Skip | None] = []
        waiting = sorted(enumerate(skips), key=lambda numbered: numbered[1].start, reverse=True)
        open_skips: list[tuple[int, int, int, Skip]] = []
        for offset in sorted({edge for skip in skips for edge in (skip.start, skip.end)}):
            while waiting and waiting[-1][1].start <= offset:
                number, skip = waiting.pop()
                heappush(open_skips, (-skip.start, skip.end, number, skip))
            while open_skips and open_skips[0][1] <= offset:
                heappop(open_skips)
            self._from.append(offset)
            self._skips.append(open_skips[0][3] if open_skips else None)

    def at(self, offset: int) -> Skip | None:
        """The covering skip that starts last."""
        index = bisect_right(self._from, offset) - 1
        return self._skips[index] if index >= 0 else None


class _Lines:
    """The lines of a file's nginx text: of one that is embedded in another format, not those of the host file.

    Lines count from 1; offsets are those in the source.
    """

    def __init__(self, file: ParsedFile) -> None:
        self._base = file.extent[0]
        self._written, self._read = file.written, file.overlay
        self._starts = [0, *(match.end() for match in re.finditer("\n", file.written))]
        self._extents: dict[int, tuple[int, int]] = {}
        with_comment = {self.at(comment.start) for comment in file.comments}
        self._last_of_group = list(range(len(self._starts) + 1))
        for line in range(len(self._starts) - 1, 0, -1):
            if self._is_passed_over(line + 1, with_comment):
                self._last_of_group[line] = self._last_of_group[line + 1]

    def at(self, offset: int) -> int:
        """The line of an offset."""
        return bisect_right(self._starts, offset - self._base)

    def span(self, line: int) -> tuple[int, int]:
        """The offsets at which a line begins and the next one."""
        end = self._starts[line] if line < len(self._starts) else len(self._read)
        return self._base + self._starts[line - 1], self._base + end

    def group_from(self, line: int) -> int:
        """The last of the lines from this one on that hold nothing but comments, or tags that are not rendered."""
        return self._last_of_group[line]

    def is_read_before(self, line: int, offset: int) -> bool:
        """Whether anything is read on a line in front of an offset."""
        return self._extent_read(line)[0] < offset

    def is_read_from(self, line: int, offset: int) -> bool:
        """Whether anything is read on a line from an offset on."""
        return self._extent_read(line)[1] > offset

    def is_blank(self, line: int) -> bool:
        """Whether nothing is written on a line, or there is no such line."""
        if line > len(self._starts):
            return True
        start, end = self.span(line)
        return not self._written[start - self._base : end - self._base].strip(_BLANK)

    def _extent_read(self, line: int) -> tuple[int, int]:
        """Where that begins and ends which is read on a line: where the line ends and begins if that is nothing."""
        if line not in self._extents:
            start, end = self.span(line)
            read = self._read[start - self._base : end - self._base]
            self._extents[line] = end - len(read.lstrip(_BLANK)), start + len(read.rstrip(_BLANK))
        return self._extents[line]

    def _is_passed_over(self, line: int, with_comment: Container[int]) -> bool:
        start, end = self.span(line)
        read = self._read[start - self._base : end - self._base].strip(_BLANK)
        return read.startswith("#") or (not read and (line in with_comment or not self.is_blank(line)))


class _Layout:
    """What stands around the comments of one file."""

    def __init__(self, file: ParsedFile) -> None:
        self._file = file
        self._lines = _Lines(file)
        self._offsets_in: dict[Directive | None, list[int]] = {}
        self._on_lines: dict[tuple[Directive | None, int], tuple[int, int]] = {}

    def scope(self, comment: Comment) -> tuple[int, int]:
        """The part of the text that a skip in a comment covers; an empty one where it covers nothing."""
        lines = self._lines
        line, last_line = lines.at(comment.start), lines.at(comment.end - 1)
        enclosing = self._enclosing(comment.start)
        if lines.is_read_before(line, comment.start):
            return self._on_line(enclosing, line)
        if enclosing is not None and comment.start < enclosing.head_end:
            return enclosing.start, enclosing.end
        if lines.is_read_from(last_line, comment.end):
            return self._on_line(enclosing, last_line)
        return self._standing(enclosing, comment.start, lines.group_from(last_line))

    def _on_line(self, enclosing: Directive | None, line: int) -> tuple[int, int]:
        """The directives that have a part of their head, or else their closing brace, on a line."""
        key = enclosing, line
        if key not in self._on_lines:
            at = self._lines.at
            candidates = self._around_line(enclosing, line)
            heads = [one for one in candidates if at(one.start) <= line <= at(one.head_end - 1)]
            found = heads or [one for one in candidates if at(one.end - 1) == line]
            start, end = min((one.start for one in found), default=0), max((one.end for one in found), default=0)
            self._on_lines[key] = start, end
        return self._on_lines[key]

    def _around_line(self, enclosing: Directive | None, line: int) -> list[Directive]:
        """The directives of a level that may touch a line, and the one that encloses them."""
        first, behind = self._lines.span(line)
        siblings = self._siblings(enclosing)
        offsets = self._offsets(enclosing)
        near = list(siblings[max(0, bisect_left(offsets, first) - 1) : bisect_left(offsets, behind)])
        return [*near, enclosing] if enclosing is not None else near

    def _standing(self, enclosing: Directive | None, offset: int, last_line: int) -> tuple[int, int]:
        """What a comment covers that stands on lines of its own, with others behind it up to a last line."""
        siblings = self._siblings(enclosing)
        index = bisect_left(self._offsets(enclosing), offset)
        below = siblings[index] if index < len(siblings) else None
        if enclosing is not None and index == 0:
            return enclosing.start, enclosing.end
        if below is not None and self._lines.at(below.start) == last_line + 1:
            return below.start, below.end
        if enclosing is not None:
            return enclosing.start, enclosing.end
        return self._file.extent if index == 0 and self._lines.is_blank(last_line + 1) else (0, 0)

    def _enclosing(self, offset: int) -> Directive | None:
        """The innermost block, or directive in several lines, around an offset."""
        found = None
        while True:
            index = bisect_left(self._offsets(found), offset) - 1
            inner = self._siblings(found)[index] if index >= 0 else None
            if inner is None or offset >= inner.end:
                return found
            found = inner

    def _siblings(self, enclosing: Directive | None) -> tuple[Directive, ...]:
        return self._file.directives if enclosing is None else enclosing.block or ()

    def _offsets(self, enclosing: Directive | None) -> list[int]:
        """Where the directives of a level start, in order."""
        offsets = self._offsets_in.get(enclosing)
        if offsets is None:
            offsets = self._offsets_in[enclosing] = [one.start for one in self._siblings(enclosing)]
        return offsets


def _arms_around(arms: Sequence[tuple[int, int]], comments: Sequence[Comment]) -> Iterator[tuple[int, int]]:
    """The innermost arm of a template around each comment; both are in the order of the text."""
    waiting = list(reversed(arms))
    around = [(0, sys.maxsize)]
    for comment in comments:
        while waiting and waiting[-1][0] <= comment.start:
            around.append(waiting.pop())
        while around[-1][1] <= comment.start:
            around.pop()
        yield around[-1]
