"""Unified diffs that ``git apply`` and ``patch -p1`` take, byte for byte."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_LINE_FEED: Final = "\\ No newline at end of file\n"
_COLOURS: Final = (("---", "1"), ("+++", "1"), ("@@", "36"), ("-", "31"), ("+", "32"))


def unified_diff(name: str, before: bytes, after: bytes) -> Iterator[str]:
    """The lines of a diff, with their line feeds; bytes that are not UTF-8 are surrogate escapes."""
    old, new = _lines(before), _lines(after)
    for line in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"):
        if line.endswith("\n"):
            yield line
        else:
            yield from (f"{line}\n", _NO_LINE_FEED)


def coloured(line: str) -> str:
    """A line of a diff for a terminal."""
    code = next((code for start, code in _COLOURS if line.startswith(start)), None)
    return line if code is None else f"\x1b[{code}m{line[:-1]}\x1b[0m\n"


def _lines(data: bytes) -> list[str]:
    """Lines that end in a line feed and nothing else."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]
