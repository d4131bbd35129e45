"""Regions of host files, and their overlays: what nginx would read, character for character under the host's text.

In an overlay the host's escapes are undone and its variables have become opaque values, so that all offsets stay
valid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Final

from checkov_nginx_tls.templates import FILLER, Expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FIRST_OPAQUE: Final = 0xF0000
_LAST_OPAQUE: Final = 0xFFFFD
_VARIABLE: Final = re.compile(r"[$`*?{}<>%~\s\U000f0000-\U0010ffff]")


@dataclass(frozen=True)
class Region:
    """A place in a host file that holds nginx configuration.

    ``start`` and ``end`` are offsets into the host's text, and ``overlay``, as long as what lies between them, is
    what nginx would read: FILLERs stand for no character, and the characters of ``expressions`` for values that
    the host puts there. ``key`` names the place and is unique in the file. ``deployed`` is the absolute path under
    which the host says that nginx finds it, or empty. ``context`` is the nginx context into which the host says
    that it goes ("main", "http", "http.server", "http.location", "stream", "stream.server"), or empty.
    """

    start: int
    end: int
    overlay: str
    expressions: Mapping[str, Expression]
    key: str
    deployed: str
    context: str

    @property
    def text(self) -> str:
        """What nginx would read."""
        return self.overlay.replace(FILLER, "")

    @property
    def content(self) -> bytes:
        """What nginx would read, in bytes."""
        return self.text.encode("utf-8", "surrogateescape")


class OpaqueValues:
    """Hands out opaque characters for the expressions of a host text: one for each distinct expression."""

    def __init__(self, text: str) -> None:
        self._free = _characters_not_in(text)
        self._characters: dict[str, str] = {}
        self._expressions: dict[str, Expression] = {}

    def character(self, expression: str, choices: tuple[str, ...]) -> str:
        """What stands for an expression, whose possible values are ``choices`` (see Expression)."""
        if expression not in self._characters:
            character = self._characters[expression] = next(self._free, chr(_LAST_OPAQUE))
            self._expressions[character] = Expression(expression, choices)
        return self._characters[expression]

    def within(self, overlay: str) -> dict[str, Expression]:
        """The expressions whose characters occur in an overlay."""
        if not self._expressions:
            return {}
        return {character: self._expressions[character] for character in self._expressions.keys() & set(overlay)}


def _characters_not_in(text: str) -> Iterator[str]:
    taken = frozenset(text)
    return (character for character in map(chr, range(_FIRST_OPAQUE, _LAST_OPAQUE)) if character not in taken)


def rewritten(text: str, pattern: re.Pattern[str], value: Callable[[re.Match[str]], str]) -> str:
    """An overlay of a text: what a pattern matches becomes ``value``, not longer than it, and FILLERs.

    A backslash stays next to the character that it escapes, a dollar sign next to the name behind it, and a line
    next to its line feed.
    """
    parts = []
    position = 0
    escaping = False
    for match in pattern.finditer(text):
        if match.start() > position:
            parts.append(text[position : match.start()])
            escaping = False
        shown = value(match)
        filling = FILLER * (match.end() - match.start() - len(shown))
        if not escaping and (shown in ("\\", "$") or shown.isspace()):
            parts.append(filling + shown)
        else:
            parts.append(shown + filling)
        escaping = shown == "\\" and not escaping
        position = match.end()
    parts.append(text[position:])
    return "".join(parts)


def without_fillers(overlay: str, indent: int = 0) -> tuple[str, list[int]]:
    """The characters of an overlay, less up to ``indent`` blanks in front of each line, and their offsets in it."""
    characters = []
    offsets = []
    column = 0
    for offset, character in enumerate(overlay):
        if character == FILLER:
            continue
        if column >= indent or character != " ":
            characters.append(character)
            offsets.append(offset)
        column = 0 if character == "\n" else column + 1
    return "".join(characters), offsets


def lifted(outer: Region, offsets: list[int], inner: Region) -> Region:
    """A region of a region's text, whose characters have ``offsets`` in its overlay, as one of the host's text."""
    if inner.start == inner.end:
        start = end = offsets[inner.start] if inner.start < len(offsets) else len(outer.overlay)
    else:
        start, end = offsets[inner.start], offsets[inner.end - 1] + 1
    characters = list(outer.overlay[start:end])
    for character, offset in zip(inner.overlay, offsets[inner.start : inner.end]):
        characters[offset - start] = character
    used = set(characters)
    expressions = {one: known[one] for known in (outer.expressions, inner.expressions) for one in known.keys() & used}
    return replace(
        inner, start=outer.start + start, end=outer.start + end, overlay="".join(characters), expressions=expressions
    )


def absolute(path: str) -> str:
    """A path that is absolute and constant, or nothing."""
    return path if path.startswith("/") and _VARIABLE.search(path) is None else ""
