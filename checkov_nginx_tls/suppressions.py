"""``# checkov:skip=ID:reason`` comments and what each of them covers."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checkov_nginx_tls.syntax import Comment, Directive, ParsedFile, Source

_SKIP: Final = re.compile(
    r"(?:checkov|bridgecrew|cortex):skip=[ \t]*(?P<ids>[\w*-]+(?:[ \t]*,[ \t]*[\w*-]+)*)[ \t,]*"
    r"(?::(?P<reason>(?:(?!(?:checkov|bridgecrew|cortex):skip=).)*))?"
)
_BLANK: Final = " \t\r"
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
    enclosing block; before everything else in a file and followed by a blank line, the file.
    """
    found = [(comment, match) for comment in file.comments for match in _SKIP.finditer(comment.text)]
    if not found:
        return ()
    layout = _Layout(file)
    skips: list[Skip] = []
    for comment, match in found:
        start, end = layout.scope(comment)
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


class _Layout:
    """What stands around the comments of one file."""

    def __init__(self, file: ParsedFile) -> None:
        self._file = file
        self._source = file.source
        self._starts: dict[Directive | None, list[int]] = {}
        self._last_of_group = self._comment_groups()

    def scope(self, comment: Comment) -> tuple[int, int]:
        """The part of the text that a skip in a comment covers; an empty one where it covers nothing."""
        source = self._source
        line = source.position(comment.start).line
        enclosing = self._enclosing(comment.start)
        if source.line_text(line)[: comment.start - source.line_starts[line - 1]].strip(_BLANK):
            return self._own_line(enclosing, line)
        if enclosing is not None and comment.start < enclosing.head_end:
            return enclosing.start, enclosing.end
        return self._standing(enclosing, comment, self._last_of_group[line])

    def _own_line(self, enclosing: Directive | None, line: int) -> tuple[int, int]:
        """The directives that have a part of their head, or else their closing brace, on a line."""
        position = self._source.position
        candidates = self._around_line(enclosing, line)
        heads = [one for one in candidates if position(one.start).line <= line <= position(one.head_end - 1).line]
        on_line = heads or [one for one in candidates if position(one.end - 1).line == line]
        if not on_line:
            return 0, 0
        return min(one.start for one in on_line), max(one.end for one in on_line)

    def _around_line(self, enclosing: Directive | None, line: int) -> list[Directive]:
        """The directives of a level that may touch a line, and the one that encloses them."""
        starts = self._source.line_starts
        first = starts[line - 1]
        behind = starts[line] if line < len(starts) else len(self._source.text)
        siblings = self._siblings(enclosing)
        offsets = self._offsets(enclosing)
        near = list(siblings[max(0, bisect_left(offsets, first) - 1) : bisect_left(offsets, behind)])
        return [*near, enclosing] if enclosing is not None else near

    def _standing(self, enclosing: Directive | None, comment: Comment, last_line: int) -> tuple[int, int]:
        source = self._source
        siblings = self._siblings(enclosing)
        index = bisect_left(self._offsets(enclosing), comment.start)
        first = index == 0
        below = siblings[index] if index < len(siblings) else None
        if enclosing is not None and first:
            return enclosing.start, enclosing.end
        if below is not None and source.position(below.start).line == last_line + 1:
            return below.start, below.end
        if enclosing is not None:
            return enclosing.start, enclosing.end
        followed_by_text = last_line < len(source.line_starts) and source.line_text(last_line + 1).strip(_BLANK)
        return (0, len(source.text)) if first and not followed_by_text else (0, 0)

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
        offsets = self._starts.get(enclosing)
        if offsets is None:
            offsets = self._starts[enclosing] = [one.start for one in self._siblings(enclosing)]
        return offsets

    def _comment_groups(self) -> dict[int, int]:
        """For every line with a comment, the last of the comment lines that follow one another from there on."""
        lines = [self._source.position(comment.start).line for comment in self._file.comments]
        last: dict[int, int] = {}
        for line in reversed(lines):
            last[line] = last.get(line + 1, line) if self._is_comment_line(line + 1) else line
        return last

    def _is_comment_line(self, line: int) -> bool:
        source = self._source
        return line <= len(source.line_starts) and source.line_text(line).lstrip(_BLANK).startswith("#")
