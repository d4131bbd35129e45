"""Edits of single statements in a file's text, to the character: everything else stays as it is.

Offsets are those of the whole file, whether nginx configuration is all of it or embedded in another format. What is
written over must be what nginx reads there: where it is not, a template fills it in, or it is an escape of the format
around it, and it is left alone. What is written anew needs no escape in any of these formats.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.syntax import tokenize
from checkov_nginx_tls.templates import FILLER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checkov_nginx_tls.syntax import Directive, ParsedFile, Source, Token

_BLANKS: Final = " \t"
_REST: Final = re.compile(r"[ \t\r]*(?:#[^\n]*)?")
_NEEDS_NO_QUOTES: Final = re.compile(r"[\w./:@+,=~!-]+")
_WRITABLE: Final = re.compile(r"[\w./:@+,=~! -]+")


class Unmendable(Exception):
    """Something cannot be mended; the message says why, and what to do."""


class Edit(NamedTuple):
    """The text between two offsets of a source's file, and what is written there instead."""

    source: Source
    start: int
    end: int
    text: str


class Word(NamedTuple):
    """A name or an argument of a directive: its value, where it stands without its quotes, and what these are."""

    value: str
    start: int
    end: int
    quote: str


def is_writable(value: str) -> bool:
    """Whether a value can be written as an argument that means the same in every format that nginx text stands in."""
    return _WRITABLE.fullmatch(value) is not None


def words(file: ParsedFile, directive: Directive) -> list[Word]:
    """The name and the arguments of a directive of a file."""
    base = file.extent[0]
    head = file.overlay[directive.start - base : directive.head_end - base]
    offsets = [directive.start + index for index, character in enumerate(head) if character != FILLER]
    read = head.replace(FILLER, "")
    return [
        _word(token, quoted, read, offsets)
        for token, quoted in tokenize(file.source, read, {}, [])
        if quoted or str(token) not in ("{", ";")
    ]


def replaced(file: ParsedFile, directive: Directive, number: int, value: str) -> Edit:
    """The edit that gives a directive's argument another value; number 0 is the name.

    Raises Unmendable where a template or an escape stands there, or nothing.
    """
    found = words(file, directive)
    if number >= len(found):
        raise Unmendable(f"{directive.name} ({directive.place}) has no value: write it by hand")
    word = found[number]
    _check_plain(file, directive, word.start, word.end)
    if not word.quote and not _NEEDS_NO_QUOTES.fullmatch(value):
        value = _quoted(file, value)
    return Edit(file.source, word.start - _is_escaped(file, word.start), word.end, value)


def replaced_arguments(file: ParsedFile, directive: Directive, values: Sequence[str]) -> list[Edit]:
    """The edits that give a directive other arguments, in any order where a comment stands among them.

    Raises Unmendable as ``replaced`` does.
    """
    arguments = words(file, directive)[1:]
    base = file.extent[0]
    start, end = arguments[0].start, arguments[-1].end
    if len(arguments) > 1:
        start, end = start - len(arguments[0].quote), end + len(arguments[-1].quote)
    elif arguments[0].quote:
        _check_plain(file, directive, start - 1, end + 1)
        values = [f"{arguments[0].quote} {arguments[0].quote}".join(values)]
    _check_plain(file, directive, start, end)
    if "#" not in file.overlay[start - base : end - base]:
        return [Edit(file.source, start, end, " ".join(values))]
    missing = [value for value in values if value not in directive.args]
    edits = []
    for word in arguments:
        if word.value not in values:
            edits.append(Edit(file.source, word.start, word.end, " ".join(missing)))
            missing = []
    return edits


def begun_anew(file: ParsedFile, directive: Directive, number: int, old: str, new: str) -> Edit:
    """The edit that gives a directive's argument, or its name for number 0, another beginning than ``old``.

    Raises Unmendable as ``replaced`` does.
    """
    start = words(file, directive)[number].start
    _check_plain(file, directive, start, start + len(old))
    return Edit(file.source, start, start + len(old), new)


def inserted_after(file: ParsedFile, directive: Directive, statements: Sequence[str]) -> Edit:
    """The edit that writes statements behind a directive with its block: on lines of their own if it has its own.

    Raises Unmendable where a template or an escape ends the directive.
    """
    base, text = file.extent[0], file.source.text
    _check_plain(file, directive, directive.end - 1, directive.end)
    behind = base + _REST.match(file.overlay, directive.end - base).end()  # type: ignore[union-attr]  # it always matches
    begins = _line_start(file, directive)
    if begins is None or not _is_plain(file, directive.end, behind) or not _ends_line(file, behind):
        return Edit(file.source, directive.end, directive.end, "".join(f" {one}" for one in statements))
    if text[behind - 1 : behind + 1] == "\r\n":
        behind -= 1
    indent = text[begins : directive.start]
    written = "".join(f"{_line_break(file, behind)}{indent}{one}" for one in statements)
    return Edit(file.source, behind, behind, written)


def removed(file: ParsedFile, directive: Directive) -> Edit:
    """The edit that takes a statement away, with its line where nothing else stands on it; comments stay.

    Raises Unmendable where a template or an escape stands in it.
    """
    base, text = file.extent[0], file.source.text
    _check_plain(file, directive, directive.start, directive.end)
    if "#" in file.overlay[directive.start - base : directive.end - base]:
        raise Unmendable(f"a comment may stand in {directive.name} ({directive.place})")
    begins, behind = _line_start(file, directive), directive.end
    while text[behind : behind + 1] and text[behind] in _BLANKS and _is_plain(file, behind, behind + 1):
        behind += 1
    ending = "\r\n" if text.startswith("\r\n", behind) else "\n"
    if not text.startswith(ending, behind) or not _ends_line(file, behind + len(ending) - 1):
        return Edit(file.source, directive.start, behind, "")
    if begins is not None:
        return Edit(file.source, begins, behind + len(ending), "")
    start = directive.start
    while text[start - 1] in _BLANKS and _is_plain(file, start - 1, start):
        start -= 1
    return Edit(file.source, start, behind, "")


def statement(name: str, value: str, file: ParsedFile) -> str:
    """A statement as it is written into a file. Raises Unmendable where the value cannot be written there."""
    return f"{name} {value if _NEEDS_NO_QUOTES.fullmatch(value) else _quoted(file, value)};"


def applied(text: str, edits: Iterable[Edit]) -> str:
    """A file's text with edits that do not overlap; equal ones count once."""
    parts = []
    position = 0
    for _, start, end, new in sorted(set(edits), key=lambda edit: (edit.start, edit.end)):
        parts += [text[position:start], new]
        position = end
    return "".join([*parts, text[position:]])


def overlap(edits: Iterable[Edit]) -> bool:
    """Whether two different edits of one file touch each other."""
    ordered = sorted({(edit.source.path, edit.start, edit.end, edit.text) for edit in edits})
    return any(one[0] == other[0] and other[1] <= one[2] for one, other in zip(ordered, ordered[1:]))


def _word(token: Token, quoted: bool, read: str, offsets: Sequence[int]) -> Word:
    """A token of a text whose characters have some offsets in the file."""
    quote = read[token.start] if quoted else ""
    start, stop = token.start + len(quote), token.stop - len(quote)
    begins = offsets[start] if start < stop else offsets[token.start] + 1
    ends = offsets[stop - 1] + 1 if start < stop else offsets[token.stop - 1]
    return Word(str(token), begins, ends, quote)


def _is_escaped(file: ParsedFile, start: int) -> bool:
    """Whether the character at an offset is escaped by the one in front of it, as a dollar sign is for a shell."""
    before = file.overlay[start - 1 - file.extent[0]]
    return before == FILLER and file.source.text[start - 1] in "\\$" and file.source.text[start] == "$"


def _check_plain(file: ParsedFile, directive: Directive, start: int, end: int) -> None:
    if not _is_plain(file, start, end):
        written = " ".join(file.source.text[directive.start : directive.head_end].split())
        raise Unmendable(f"a template fills it in, or it is escaped: change it by hand ({written[:80]})")


def _is_plain(file: ParsedFile, start: int, end: int) -> bool:
    """Whether nginx reads between two offsets what the file's text says there."""
    base = file.extent[0]
    return file.overlay[start - base : end - base] == file.source.text[start:end]


def _line_start(file: ParsedFile, directive: Directive) -> int | None:
    """Where the line of a directive begins, for the file and for nginx; None if something stands in front of it."""
    base, text = file.extent[0], file.source.text
    begins = text.rfind("\n", 0, directive.start) + 1
    if text[begins : directive.start].strip(_BLANKS) or begins < base:
        return None
    is_line = begins == base or file.overlay[begins - 1 - base] == "\n"
    return begins if is_line and _is_plain(file, begins, directive.start) else None


def _ends_line(file: ParsedFile, offset: int) -> bool:
    """Whether a line ends at an offset, for the file and for nginx, or the file does."""
    index = offset - file.extent[0]
    if index == len(file.overlay):
        return offset == len(file.source.text)
    return file.overlay[index] == "\n" == file.source.text[offset]


def _line_break(file: ParsedFile, offset: int) -> str:
    """How the line at an offset ends, or the one before it where it is the last."""
    text = file.source.text
    end = text.find("\n", offset)
    end = end if end >= 0 else text.rfind("\n", 0, offset)
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def _quoted(file: ParsedFile, value: str) -> str:
    if file.source.key:
        raise Unmendable(f'"{value}" needs quotes, and those may mean something else in {file.source.name}')
    return f'"{value}"'
