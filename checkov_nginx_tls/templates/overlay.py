"""The overlay of a template: its text with values, white space and comments of nginx written over the tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates.neutral import FILLER, Arm, Expression, Neutral

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from checkov_nginx_tls.templates.tags import Tag

_FIRST_OPAQUE: Final = 0xF0000
_LAST_OPAQUE: Final = 0xFFFFD
_OPAQUE: Final = re.compile(f"[{chr(_FIRST_OPAQUE)}-{chr(_LAST_OPAQUE)}]")
_NEXT_LINE: Final = re.compile(r"\n(?:([ \t]*)[ \t](?=\S)|\S.*)")


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

    def value(self, start: int, end: int, value: Expression, *, before: str, after: str, key: str = "") -> None:
        """Write an opaque character, the same for the same key or text, between what goes before it and after it."""

        def written() -> str:
            return f"{before}{self._opaque(value, key)}".ljust(end - start - len(after), FILLER) + after

        self._write(start, end, written)

    def comment(self, tag: Tag, before: str) -> None:
        """Write a comment of nginx on each line of a template's that has room for it, the first behind ``before``."""

        def written() -> str:
            sign = "#" if tag.code.partition("\n")[0].strip() else ""
            body = f"{f'{before}{sign}'.ljust(len(tag.word))}{tag.code}".ljust(tag.end - tag.start)
            return _NEXT_LINE.sub(lambda line: f"\n{line[1]}#" if line[1] is not None else _blank(line[0]), body)

        self._write(tag.start, tag.end, written)

    def neutral(self, arms: Iterable[Arm]) -> Neutral:
        """All that was written."""
        overlay = list(self._text)
        for start, end, written in self._writes:
            overlay[start:end] = written()
        seen = set(overlay)
        found = {character: one for character, one in self._expressions.items() if character in seen}
        ordered = sorted(arms, key=lambda arm: (arm.start, -arm.end))
        return Neutral("".join(overlay), {**self._given, **found}, tuple(ordered))

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
