"""Here-documents of shell scripts and Dockerfiles: where they start and end, and the command that they are for."""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import repeat
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Heredoc(NamedTuple):
    """A here-document: ``start`` and ``end`` are the offsets of its lines, without the one that ends it.

    ``head`` is the logical line with the operator, ``at`` the operator's offset in it, and ``command`` the pipeline
    there that it is for. A ``literal`` one holds no variables.
    """

    head: str
    at: int
    command: str
    word: str
    literal: bool
    start: int
    end: int


_OPERATOR: Final = re.compile(
    r"""(?x)
    '[^']*' | "[^"\\$]*(?:(?:\\.|\$(?!\())[^"\\$]*)*" | \\. | (?<!\S)\#.* | <<<
  | (?P<end> ; | && | \|\| )
  | (?P<operator> << ) (?P<dash>-?) [ \t]*
    (?: (?P<quote>["'])(?P<quoted>[^"']+)(?P=quote) | (?P<backslash>\\?)(?P<word>[^\s;&|<>()"'`$\\]+) )
    """
)
_WORD: Final = re.compile(r"""<<-?[ \t]*(?:["']([^"'\n]+)|\\?([^\s;&|<>()"'`$\\]+))""")
_LOGICAL_LINE: Final = re.compile(r"[ \t]*\#[^\n]*\n?|[^\\\n]*(?:\\(?:\r?\n|.|\Z)[^\\\n]*)*\n?")
_CONTINUED: Final = re.compile(r"\\\r?\n")


class Terminators:
    """Finds the lines that end here-documents; ``stripped`` gives a line as it is compared with their words."""

    def __init__(self, text: str, stripped: Callable[[str], str]) -> None:
        words = {quoted or plain for quoted, plain in _WORD.findall(text)}
        self._spans: dict[str, list[tuple[int, int]]] = {}
        start = 0
        for line in text.split("\n"):
            end = start + len(line)
            if stripped(line) in words:
                self._spans.setdefault(stripped(line), []).append((start, end))
            start = end + 1

    def find(self, word: str, start: int) -> tuple[int, int] | None:
        """The offsets of the next line that is ``word``, without its line feed, from an offset on."""
        spans = self._spans.get(word, [])
        index = bisect_left(spans, (start,))
        return spans[index] if index < len(spans) else None


def heredocs(text: str) -> Iterator[Heredoc]:
    """The here-documents of a script, in the order of the text."""
    if "<<" not in text:
        return
    plain = Terminators(text, lambda line: line.rstrip("\r"))
    dashed = Terminators(text, lambda line: line.lstrip("\t").rstrip("\r"))
    position = 0
    while position < len(text) and (line := _LOGICAL_LINE.match(text, position)) is not None:
        position = line.end()
        head = _CONTINUED.sub(" ", line[0])
        for match, command in _operators(head) if "<<" in head and not head.lstrip().startswith("#") else ():
            word = match["quoted"] or match["word"]
            end = (dashed if match["dash"] else plain).find(word, position) if word else None
            if end is not None:
                literal = bool(match["quoted"] or match["backslash"])
                yield Heredoc(head, match.start(), command, word, literal, position, end[0])
                position = end[1] + 1


def _operators(head: str) -> Iterator[tuple[re.Match[str], str]]:
    """The operators of a line, each with the pipeline that it stands in; those of one share its text."""
    begin = 0
    found: list[re.Match[str]] = []
    for match in _OPERATOR.finditer(head):
        if match["operator"]:
            found.append(match)
        elif match["end"]:
            yield from zip(found, repeat(head[begin : match.start()]))
            begin, found = match.end(), []
    yield from zip(found, repeat(head[begin:]))


def without_bodies(text: str, found: Iterable[Heredoc]) -> str:
    """A text in which the lines of its here-documents are empty."""
    parts = []
    position = 0
    for heredoc in found:
        parts += [text[position : heredoc.start], "\n" * text.count("\n", heredoc.start, heredoc.end)]
        position = heredoc.end
    return "".join([*parts, text[position:]])
