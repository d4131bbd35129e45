"""The lines of a template as they are rendered: an end of a line that is trimmed, or stands in a tag, is none."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates.reader import BLANK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.templates.tags import Tag

SPACE: Final = f"{BLANK}\n"
_BLANKS: Final = re.compile(f"[{BLANK}]*")
_TRIMMED: Final = re.compile(f"[{SPACE}]*")
_TRIMMED_BY_RUBY: Final = re.compile(r"(?:\r?\n)?")
_MAY_TAKE_NEWLINE: Final = frozenset({"jinja", "hash"})


class Lines:
    """The lines of a text with its tags."""

    def __init__(self, text: str, tags: Sequence[Tag]) -> None:
        self._text = text
        self._starts: list[int] = []
        self._ends: list[int] = []
        for tag in tags:
            start, end = self.trimmed_from(tag, self._ends[-1] if self._ends else 0), self.trimmed_to(tag)
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = end
            else:
                self._starts.append(start)
                self._ends.append(end)
        self._last = range(0)

    def trimmed_from(self, tag: Tag, position: int) -> int:
        """Where the white space begins, not before a position, that a tag trims before it, or the tag."""
        return position + len(self._text[position : tag.start].rstrip(SPACE)) if tag.trims_before else tag.start

    def trimmed_to(self, tag: Tag) -> int:
        """Where the white space ends that a tag trims behind it, or the tag."""
        if not tag.trims_behind:
            return tag.end
        pattern = _TRIMMED_BY_RUBY if tag.family in ("erb", "ruby") else _TRIMMED
        return pattern.match(self._text, tag.end).end()  # type: ignore[union-attr]  # it always matches

    def end(self, offset: int) -> int:
        """Where the line ends that an offset is on."""
        position = offset
        while position not in self._last:
            newline = self._text.find("\n", position)
            newline = newline if newline >= 0 else len(self._text)
            index = bisect_right(self._starts, newline) - 1
            if index < 0 or self._ends[index] <= newline:
                self._last = range(offset, newline + 1)
                return newline
            position = self._ends[index]
        return self._last[-1]

    def is_last(self, tag: Tag) -> bool:
        """Whether nothing but blanks follows a tag on its line."""
        blanks = _BLANKS.match(self._text, self.trimmed_to(tag))
        return blanks is not None and blanks.end() >= self.end(tag.end)

    def may_go_on(self, tag: Tag) -> bool:
        """Whether a tag takes the end of its line with it if the engine is told so (``trim_blocks``, as in Ansible)."""
        ends = self._text.startswith("\n", tag.end) and self._text[tag.end - 3] != "+"
        return ends and tag.family in _MAY_TAKE_NEWLINE and self.end(tag.end) == tag.end
