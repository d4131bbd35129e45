"""``# checkov:skip=ID:reason`` comments and what each of them covers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checkov_nginx_tls.syntax import Comment, Directive, ParsedFile, Source

_SKIP: Final = re.compile(
    r"(?:checkov|bridgecrew|cortex):skip=[ \t]*(?P<ids>[\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)[ \t]*(?::(?P<reason>.*))?"
)
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

    def covers(self, directive: Directive) -> bool:
        """Whether the directive stands in the part of the file that the comment is about."""
        return directive.source is self.source and self.start <= directive.start < self.end


def skips_of(file: ParsedFile) -> tuple[Skip, ...]:
    """All skips in a file's comments.

    A comment on a directive's own line covers that directive; one directly above a directive or block covers
    that; first in a block, or standing alone before a blank line or a closing brace, it covers the whole
    enclosing block; before everything else in a file and followed by a blank line, the file.
    """
    skips = []
    for comment in file.comments:
        match = _SKIP.search(comment.text)
        if match is None:
            continue
        start, end = _scope(file, comment)
        reason = (match.group("reason") or "").strip() or NO_REASON
        for check_id in match.group("ids").split(","):
            line = file.source.position(comment.start).line
            skips.append(Skip(check_id.strip(), reason, file.source, line, start, end))
    return tuple(skips)


class Suppressions:
    """The skips of all files of a scan, and which of them were of use."""

    def __init__(self, files: Iterable[ParsedFile]) -> None:
        self._skips: dict[tuple[str, Source], list[Skip]] = {}
        for file in files:
            for skip in skips_of(file):
                self._skips.setdefault((skip.check_id, skip.source), []).append(skip)
        self._used: set[Skip] = set()

    def find(self, check_id: str, directives: Iterable[Directive]) -> Skip | None:
        """The first skip of a check that covers one of the directives; it counts as used."""
        if not self._skips:
            return None
        for directive in directives:
            for skip in self._skips.get((check_id, directive.source), ()):
                if skip.covers(directive):
                    self._used.add(skip)
                    return skip
        return None

    def unused(self) -> Sequence[Skip]:
        """Skips that skipped nothing, in the order of files and lines."""
        return [skip for skips in self._skips.values() for skip in skips if skip not in self._used]


def _scope(file: ParsedFile, comment: Comment) -> tuple[int, int]:
    source = file.source
    line = source.position(comment.start).line
    enclosing = _enclosing(file.directives, comment.start)
    if source.line_text(line)[: comment.start - source.line_starts[line - 1]].strip(" \t\r"):
        return _own_line(file, enclosing, line)
    if enclosing is not None and comment.start < enclosing.head_end:
        return enclosing.start, enclosing.end
    siblings = file.directives if enclosing is None else enclosing.block or ()
    return _standing(file, enclosing, siblings, comment, _last_line_of_group(file, line))


def _own_line(file: ParsedFile, enclosing: Directive | None, line: int) -> tuple[int, int]:
    """The directives that have a part of their head, or else their closing brace, on a line."""
    position = file.source.position
    siblings = file.directives if enclosing is None else enclosing.block or ()
    candidates = [*siblings, *([enclosing] if enclosing is not None else [])]
    heads = [
        directive
        for directive in candidates
        if position(directive.start).line <= line <= position(directive.head_end - 1).line
    ]
    on_line = heads or [directive for directive in candidates if position(directive.end - 1).line == line]
    if not on_line:
        return 0, 0
    return min(directive.start for directive in on_line), max(directive.end for directive in on_line)


def _standing(
    file: ParsedFile,
    enclosing: Directive | None,
    siblings: Sequence[Directive],
    comment: Comment,
    last_line: int,
) -> tuple[int, int]:
    source = file.source
    first = not any(sibling.start < comment.start for sibling in siblings)
    followed_by_text = last_line < len(source.line_starts) and source.line_text(last_line + 1).strip(" \t\r") != ""
    below = next((sibling for sibling in siblings if sibling.start > comment.start), None)
    directly_below = below is not None and source.position(below.start).line == last_line + 1
    if enclosing is not None and (first or not directly_below):
        return enclosing.start, enclosing.end
    if directly_below and below is not None:
        return below.start, below.end
    if first and not followed_by_text:
        return 0, len(source.text)
    return 0, 0


def _last_line_of_group(file: ParsedFile, line: int) -> int:
    """The last of the comment lines that follow one another from a line on."""
    source = file.source
    while line < len(source.line_starts) and source.line_text(line + 1).lstrip(" \t\r").startswith("#"):
        line += 1
    return line


def _enclosing(directives: Sequence[Directive], offset: int) -> Directive | None:
    """The innermost block, or directive in several lines, around an offset."""
    found = None
    while True:
        inner = next((directive for directive in directives if directive.start < offset < directive.end), None)
        if inner is None:
            return found
        found = inner
        directives = inner.block or ()
