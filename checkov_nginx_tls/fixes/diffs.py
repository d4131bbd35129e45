"""Unified diffs that ``git apply`` and ``patch -p1`` take, byte for byte, of files below the current directory."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_LINE_FEED: Final = "\\ No newline at end of file\n"
_NEEDS_QUOTES: Final = re.compile(r'[\x00-\x1f\x7f"\\]')
_COLOURS: Final = (("---", "1"), ("+++", "1"), ("@@", "36"), ("-", "31"), ("+", "32"))


def unified_diff(name: str, before: bytes, after: bytes) -> Iterator[str]:
    """The lines of a diff, with their line feeds; bytes that are not UTF-8 are surrogate escapes."""
    old, new = _lines(before), _lines(after)
    for line in difflib.unified_diff(old, new, _quoted(f"a/{name}"), _quoted(f"b/{name}")):
        if line.endswith("\n"):
            yield line
        else:
            yield from (f"{line}\n", _NO_LINE_FEED)


def coloured(line: str) -> str:
    """A line of a diff for a terminal."""
    code = next((code for start, code in _COLOURS if line.startswith(start)), None)
    return line if code is None else f"\x1b[{code}m{line[:-1]}\x1b[0m\n"


def _quoted(name: str) -> str:
    """A file's name as git and GNU patch write it: as a text of C, or with a tab behind it that says where it ends."""
    if _NEEDS_QUOTES.search(name):
        return '"' + _NEEDS_QUOTES.sub(lambda match: f"\\{ord(match[0]):03o}", name) + '"'
    return f"{name}\t" if " " in name else name


def _lines(data: bytes) -> list[str]:
    """Lines that end in a line feed and nothing else."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]
