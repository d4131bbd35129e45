"""Follows nginx's syntax through the text between a template's tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates.neutral import FILLER

if TYPE_CHECKING:
    from checkov_nginx_tls.templates.constructs import Branch

BLANK: Final = f" \t\r{FILLER}"
_WORD: Final = re.compile(r"(?P<word>(?:[^ \t\r\n;{\\$]+|\\[\s\S]?|\$\{?)+)")
_TOKEN: Final = re.compile(
    rf"""(?P<space>[{BLANK}\n]+)|(?P<mark>[;{{}}])|(?P<quote>["'])|(?P<comment>\#)|{_WORD.pattern}"""
)
_LUA_BLOCK: Final = re.compile(r"[^ \t\r\n;{]*_by_lua_block[ \t\r\n{]")
_LUA: Final = re.compile(r"""(?:--)?\[(?P<level>=*)\[|--|["']|[{}]""")
_END_OF_STRING: Final = {
    quote + newline: re.compile(rf"[^{quote}{newline}\\]*(?:\\[\s\S][^{quote}{newline}\\]*)*[{quote}{newline}]")
    for quote in "\"'"
    for newline in ("", "\n")
}
"""Of nginx's strings, and of Lua's, which end with the line."""


@dataclass
class Place:
    """A place in nginx's syntax.

    ``fresh``: a statement may begin. ``head``: where the statement began. ``last``: what ends right here, "word",
    "string" or "". ``until``: what ends the string or comment around, which began at ``since``. ``lua``: how many
    braces of Lua are open. ``doubtful_until``: up to where a comment may be open that only an arm before it opens.
    """

    fresh: bool = True
    head: int = 0
    last: str = ""
    until: str = ""
    since: int = 0
    lua: int = 0
    doubtful_until: int = 0

    @property
    def plain(self) -> bool:
        """Whether neither a string, a comment nor Lua is around."""
        return not self.until and not self.lua

    @property
    def in_string(self) -> bool:
        """Whether a string of nginx is around."""
        return self.until in ("'", '"')

    @property
    def in_comment(self) -> bool:
        """Whether a comment of nginx is around."""
        return self.until == "\n" and not self.lua


class Reader:
    """Follows nginx's syntax as nginx and lua-nginx-module read it, whatever it holds."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.place = Place()

    def read(self, start: int, end: int, branch: Branch) -> None:
        """Go through a piece of the text that belongs to a branch."""
        while start < end:
            if self.place.until:
                start = self._enclosed(start, end, branch)
            elif self.place.lua:
                start = self._lua(start, end, branch)
            else:
                start = self._token(start, end, branch)

    def word(self, start: int) -> None:
        """A word or string begins, or goes on."""
        place = self.place
        if place.fresh:
            place.fresh, place.head = False, start
        place.last = "word"

    def punctuate(self, mark: str, offset: int, branch: Branch) -> None:
        """A statement or block ends, or a block begins."""
        head = self.place.head
        branch.punctuate(mark, head, offset)
        opens_lua = mark == "{" and _LUA_BLOCK.match(self._text, head)
        self.place = Place(head=offset, lua=1 if opens_lua else 0, doubtful_until=self.place.doubtful_until)

    def _token(self, start: int, end: int, branch: Branch) -> int:
        text, place = self._text, self.place
        match = _WORD.match(text, start, end) if place.last == "word" else None
        match = match or _TOKEN.match(text, start, end)
        if match is None:
            return end
        kind, written, stop = match.lastgroup, match.group(), match.end()
        if kind == "mark":
            self.punctuate(written, start, branch)
        elif kind == "comment":
            place.until, place.since, place.last = "\n", start, ""
        elif kind == "space":
            place.last = ""
            branch.add((" " if "\n" in written else written,))
        else:
            self.word(start)
            if kind == "quote" and text.find(written, stop) >= 0:
                place.until, place.last = written, "string"
            branch.add((written,))
        return stop

    def _enclosed(self, start: int, end: int, branch: Branch) -> int:
        """Go to the end of a string, comment or long bracket."""
        text, place = self._text, self.place
        string = _END_OF_STRING.get(place.until)
        if string is not None:
            match = string.match(text, start, end)
            stop = match.end() if match is not None else None
        else:
            found = text.find(place.until, start, end)
            stop = found + len(place.until) if found >= 0 else None
        if place.in_string:
            branch.add((text[start : stop or end],))
        if stop is None:
            return end
        place.until = ""
        return stop

    def _lua(self, start: int, end: int, branch: Branch) -> int:
        match = _LUA.search(self._text, start, end)
        if match is None:
            return end
        place, token, level = self.place, match.group(), match["level"]
        if token in "{}":
            place.lua += 1 if token == "{" else -1
            if not place.lua:
                self.punctuate("}", match.start(), branch)
        else:
            place.until = f"]{level}]" if level is not None else "\n" if token == "--" else f"{token}\n"
        return match.end()
