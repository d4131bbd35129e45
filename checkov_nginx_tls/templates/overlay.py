"""The overlay of a template: its text with values and white space written over the tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates.neutral import FILLER, Expression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_FIRST_OPAQUE: Final = 0xF0000
_LAST_OPAQUE: Final = 0xFFFFD
_OPAQUE: Final = re.compile(f"[{chr(_FIRST_OPAQUE)}-{chr(_LAST_OPAQUE)}]")


class Overlay:
    """A text that is written over, character for character; what is written later hides what was written before."""

    def __init__(self, text: str, expressions: Mapping[str, Expression]) -> None:
        self._text = text
        self._writes: list[tuple[int, int, Callable[[], str]]] = []
        self._given = expressions
        self._expressions: dict[str, Expression] = {}
        self._characters: dict[str, str] = {}
        self._last = max(map(ord, [*expressions, *_OPAQUE.findall(text)]), default=_FIRST_OPAQUE - 1)

    def fill(self, start: int, end: int, character: str = " ") -> None:
        """Write a character over all but the ends of lines."""
        self._write(start, end, lambda: _blank(self._text[start:end], character))

    def hide(self, start: int, end: int) -> None:
        """Write FILLERs over everything."""
        if start < end:
            self._write(start, end, lambda: FILLER * (end - start))

    def open_comment(self, start: int, end: int) -> None:
        """Write the beginning of a comment, and blanks up to an end on the same line."""
        self._write(start, end, lambda: " #".ljust(end - start))

    def value(self, start: int, end: int, value: Expression, *, before: str, after: str, key: str = "") -> None:
        """Write an opaque character, the same for the same key or text, between what goes before it and after it."""

        def written() -> str:
            return f"{before}{self._opaque(value, key)}".ljust(end - start - len(after), FILLER) + after

        self._write(start, end, written)

    def text(self) -> str:
        """All that was written."""
        overlay = list(self._text)
        for start, end, written in self._writes:
            overlay[start:end] = written()
        return "".join(overlay)

    def expressions(self, text: str) -> dict[str, Expression]:
        """What the opaque characters in the text stand for that was written."""
        seen = set(text)
        found = {character: one for character, one in self._expressions.items() if character in seen}
        return {**self._given, **found}

    def _write(self, start: int, end: int, written: Callable[[], str]) -> None:
        """Note what to write; what that hides as a whole is dropped, for constructs may be nested deep."""
        while self._writes and start <= self._writes[-1][0] and self._writes[-1][1] <= end:
            self._writes.pop()
        self._writes.append((start, end, written))

    def _opaque(self, value: Expression, key: str) -> str:
        key = key or " ".join(value.text.split())
        if key not in self._characters:
            self._last = min(self._last + 1, _LAST_OPAQUE)
            character = self._characters[key] = chr(self._last)
            self._expressions[character] = value if self._last < _LAST_OPAQUE else value._replace(choices=())
        return self._characters[key]


def _blank(text: str, character: str = " ") -> str:
    return re.sub(r"[^\n]", character, text)
