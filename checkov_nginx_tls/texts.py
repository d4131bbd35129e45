"""Text made fit for reports: of scanned files, and lists of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

# Bytes that are not UTF-8 (decoded as lone surrogates) and control characters other than the tabulator.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
_UNPRINTABLE_IN_LINES: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Write control characters and bytes that are not UTF-8 as ``\xNN``, which any output can show."""
    return _UNPRINTABLE.sub(_escaped, text)


def printable_line(line: str) -> str:
    """Make a source line printable; it ends with one newline character whatever ended it in the file."""
    return printable(line.rstrip("\r\n")) + "\n"


def printable_lines(text: str) -> str:
    """Make a text of several lines printable; its line feeds stay, those of Windows lose their carriage return."""
    return _UNPRINTABLE_IN_LINES.sub(_escaped, text.replace("\r\n", "\n"))


def listed(things: Sequence[T], most: int = 3, separator: str = ", ", show: Callable[[T], str] = str) -> str:
    """The first of some things, and how many more there are: ``a, b, c and 2 more``, or ``a; b; c; and 2 more``."""
    shown = separator.join(map(show, things[:most]))
    behind = " " if separator == ", " else separator
    return f"{shown}{behind}and {len(things) - most} more" if len(things) > most else shown


def _escaped(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]) & 0xFF:02x}"
