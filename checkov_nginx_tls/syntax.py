"""nginx configuration text in, directives and comments with exact positions out.

crossplane builds the tree; the tokens it reads come from here. Its own lexer knows no columns and no
ends, and differs from nginx where nginx counts (which bytes are white space, what a ``#`` or a ``}`` inside
a word means, escapes, Lua blocks). This one follows ``ngx_conf_read_token`` in nginx's
``src/core/ngx_conf_file.c``, and every token carries its offsets through crossplane's output.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import crossplane.parser

if TYPE_CHECKING:
    from collections.abc import Iterator

PARAMETER_LIMIT: Final = 4096
"""Bytes of nginx's buffer (``NGX_CONF_BUFFER``): what a word, a string or a comment must fit in, together with
what ends it."""

DEPTH_LIMIT: Final = 200
"""Blocks inside blocks beyond which a file is refused: real files stay under 20, and crossplane recurses."""

# The repetitions are bounded a little above PARAMETER_LIMIT: each costs memory, and nginx refuses what is longer.
_TOKEN: Final = re.compile(
    r"""
    [ \t\r\n]*
    (?: (?P<word> (?: [^ \t\r\n;{}"'#\\$] | \\[\s\S] | \$\{? ) (?: [^ \t\r\n;{\\$]+ | \\[\s\S] | \$\{? ){0,4200} )
      | (?P<punctuation> [;{}] )
      | (?P<quoted> "[^"\\]*(?:\\[\s\S][^"\\]*){0,4200}" | '[^'\\]*(?:\\[\s\S][^'\\]*){0,4200}' )
      | (?P<comment> \#[^\n]* )
      | (?P<unfinished> ["'\\] )
    )
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"""\\(["'\\trn])""")
_ESCAPED: Final = {"t": "\t", "r": "\r", "n": "\n"}
_AFTER_QUOTE: Final = frozenset(" \t\r\n;{)")
_LUA_BLOCK: Final = "_by_lua_block"
_LUA_TOKEN: Final = re.compile(
    r"""
    (?:--)? \[(?P<level>=*)\[
    | --[^\n]*
    | "[^"\\\n]*(?:\\[\s\S][^"\\\n]*)*"
    | '[^'\\\n]*(?:\\[\s\S][^'\\\n]*)*'
    | ["'][^\n]*
    | [{}]
    """,
    re.VERBOSE,
)


class SyntaxProblem(Exception):
    """nginx would refuse to read the text.

    ``line`` counts from 1; ``reason`` uses nginx's own wording where nginx has one.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class Position(NamedTuple):
    """A place in a file: line and column both count from 1, columns in code points."""

    line: int
    column: int


@dataclass(frozen=True, eq=False)
class Source:
    """One file's text.

    ``path`` is absolute, ``name`` what messages call the file (relative to the scanned directory, "/" between
    its parts), ``text`` is UTF-8 with undecodable bytes as surrogate escapes.
    """

    path: str
    name: str
    text: str
    line_starts: tuple[int, ...]

    def position(self, offset: int) -> Position:
        """Line and column of an offset into ``text``."""
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def line_text(self, line: int) -> str:
        """The text of a line (from 1) without its line feed."""
        start = self.line_starts[line - 1]
        end = self.line_starts[line] - 1 if line < len(self.line_starts) else len(self.text)
        return self.text[start:end]


class Token(str):
    """A token's value as nginx sees it; ``start`` and ``stop`` are its offsets, quotes included.

    A statement's first token also knows ``head_stop``, just behind the statement's ``;`` or ``{``, and
    ``end``, just behind the whole statement with its block.
    """

    __slots__ = ("end", "head_stop", "start", "stop")

    start: int
    stop: int
    head_stop: int
    end: int


class Directive:
    """A directive as written: ``name`` and ``args`` as nginx decodes them, offsets into ``source.text``.

    ``start`` is the first character of the name, ``head_end`` lies behind the ``;`` or ``{``, ``end`` behind
    the whole directive. ``block`` holds the directives of its block and is None where it has none.
    ``parent`` is the directive whose block holds this one in the same file.
    """

    __slots__ = ("args", "block", "end", "head_end", "name", "parent", "source", "start")

    def __init__(
        self,
        source: Source,
        parent: Directive | None,
        name: str,
        args: tuple[str, ...],
        offsets: tuple[int, int, int],
    ) -> None:
        self.source: Final = source
        self.parent: Final = parent
        self.name: Final = name
        self.args: Final = args
        self.start, self.head_end, self.end = offsets
        self.block: tuple[Directive, ...] | None = None

    @property
    def line(self) -> int:
        """The line (from 1) on which the directive starts."""
        return self.source.position(self.start).line

    @property
    def place(self) -> str:
        """``file:line`` as messages show it."""
        return f"{self.source.name}:{self.line}"

    def __repr__(self) -> str:
        return f"<{self.source.name}:{self.line} {' '.join((self.name, *self.args))}>"


class Comment(NamedTuple):
    """A comment: ``text`` without the ``#`` and a trailing carriage return, ``start`` the offset of the ``#``."""

    start: int
    text: str


@dataclass(frozen=True, eq=False)
class ParsedFile:
    """What one file holds at its top level, and all its comments in the order of the text."""

    source: Source
    directives: tuple[Directive, ...]
    comments: tuple[Comment, ...]


def decode(data: bytes) -> str:
    """The text of a file; bytes that are not UTF-8 survive as surrogate escapes, for nginx takes any bytes."""
    return data.decode("utf-8", "surrogateescape")


def make_source(path: str, name: str, text: str) -> Source:
    """A Source with its line table; only a line feed ends a line, as in nginx."""
    return Source(path, name, text, (0, *(match.end() for match in re.finditer("\n", text))))


def parse(path: str, name: str, data: bytes) -> ParsedFile:
    """Parse one file's bytes, without following its includes; see Source for ``path`` and ``name``.

    Raises SyntaxProblem where nginx would not read the file.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SyntaxProblem(1, "the file is UTF-16; nginx reads bytes and refuses it: save it as UTF-8")
    if data.startswith(b"\xef\xbb\xbf"):
        raise SyntaxProblem(
            1,
            "the file starts with a byte order mark (BOM); nginx takes it for a part of the first directive's "
            'name ("unknown directive"): save it as UTF-8 without BOM',
        )
    source = make_source(path, name, decode(data))
    comments: list[Comment] = []
    tokens = _TokenStream(path)
    tokens.tokens = ((token, 0, quoted) for token, quoted in tokenize(source, comments))
    payload = _crossplane_parse(tokens, onerror=_raise, single=True, comments=False, check_ctx=False, check_args=False)
    directives = _directives(source, None, payload["config"][0]["parsed"])
    return ParsedFile(source, directives, tuple(comments))


class _TokenStream(str):
    """The file name that crossplane hands to its lexer, with our tokens on its back."""

    __slots__ = ("tokens",)
    tokens: Iterator[tuple[Token, int, bool]]


def _lex(filename: _TokenStream) -> Iterator[tuple[Token, int, bool]]:
    return filename.tokens


def _raise(error: Exception) -> None:
    raise error


# crossplane.parse looks its lexer up among its globals. A copy of the function with globals of its own reads
# our tokens and leaves crossplane as it is for everybody else in the process.
_crossplane_parse: Final = FunctionType(
    crossplane.parser.parse.__code__,
    {**vars(crossplane.parser), "lex": _lex},
    "parse",
    crossplane.parser.parse.__defaults__,
)


def tokenize(source: Source, comments: list[Comment]) -> Iterator[tuple[Token, bool]]:
    """Yield ``(token, quoted)`` for every token but comments, which are appended to ``comments``.

    A Lua block is one quoted token, as crossplane has it, followed by ``;``.
    Raises SyntaxProblem where nginx refuses the text.
    """
    text = source.text
    match_token = _TOKEN.match
    statements = _Statements(source)
    match = match_token(text)
    while match is not None:
        kind = match.lastgroup or ""
        start, stop = match.span(kind)
        if kind == "comment":
            _check_length(source, start, stop, 0 if stop == len(text) else 1)
            comments.append(Comment(start, text[start + 1 : stop].rstrip("\r")))
        elif kind == "punctuation":
            character = text[start]
            if character == "{" and statements.opens_lua():
                lua_end = _end_of_lua(source, start)
                yield _token(text[start + 1 : lua_end - 1], start + 1, lua_end - 1), True
                start, stop, character = lua_end - 1, lua_end, ";"
            statements.punctuate(character, start, stop)
            yield _token(character, start, stop), False
        elif kind == "unfinished":
            raise _unfinished(source, start)
        else:
            quoted = kind == "quoted"
            token = _parameter(source, quoted, start, stop)
            if statements.first is None:
                statements.first = token
            yield token, quoted
        match = match_token(text, stop)
    statements.finish()


class _Statements:
    """Follows statements and blocks through the tokens, and marks each statement's first token with its ends."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.first: Token | None = None
        self.open_blocks: list[Token] = []

    def opens_lua(self) -> bool:
        return self.first is not None and self.first.endswith(_LUA_BLOCK)

    def punctuate(self, character: str, start: int, stop: int) -> None:
        first = self.first
        self.first = None
        if character == "}":
            if first is not None or not self.open_blocks:
                raise _problem(self.source, start, 'unexpected "}"')
            self.open_blocks.pop().end = stop
            return
        if first is None:
            raise _problem(self.source, start, f'unexpected "{character}"')
        first.head_stop = first.end = stop
        if character == "{":
            if len(self.open_blocks) == DEPTH_LIMIT:
                raise _problem(self.source, start, f"blocks are nested more than {DEPTH_LIMIT} deep")
            self.open_blocks.append(first)

    def finish(self) -> None:
        end = len(self.source.text)
        if self.first is not None:
            raise _problem(self.source, end, 'unexpected end of file, expecting ";" or "}"')
        if self.open_blocks:
            block = self.open_blocks[-1]
            line = self.source.position(block.start).line
            reason = f'unexpected end of file, expecting "}}" for "{block}" of line {line}'
            raise _problem(self.source, end, reason)


def _token(value: str, start: int, stop: int) -> Token:
    token = Token(value)
    token.start, token.stop = start, stop
    return token


def _parameter(source: Source, quoted: bool, start: int, stop: int) -> Token:
    text = source.text
    follower = text[stop : stop + 1]
    ending = 1 if follower in (";", "{") else 2  # white space is only noticed with what comes behind it
    if quoted:
        _check_length(source, start + 1, stop - 1, ending + 1)
        if follower and follower not in _AFTER_QUOTE:
            raise _problem(source, stop, f'unexpected "{follower}" after a closing quote')
        value = text[start + 1 : stop - 1]
    else:
        _check_length(source, start, stop, ending)
        value = text[start:stop]
    return _token(_ESCAPE.sub(_unescape, value) if "\\" in value else value, start, stop)


def _unescape(match: re.Match[str]) -> str:
    character = match.group(1)
    return _ESCAPED.get(character, character)


def _check_length(source: Source, start: int, stop: int, ending: int) -> None:
    """Refuse what does not fit into nginx's buffer with the ``ending`` bytes that must follow it."""
    if (stop - start) * 4 < PARAMETER_LIMIT:  # a code point has at most four bytes
        return
    length = len(source.text[start:stop].encode("utf-8", "surrogateescape"))
    longest = PARAMETER_LIMIT - ending
    if length > longest:
        shown = source.text[start : start + 20]
        raise _problem(
            source,
            start,
            f'too long parameter "{shown}...": it has {length} bytes, and nginx takes at most {longest} here',
        )


def _unfinished(source: Source, start: int) -> SyntaxProblem:
    quote = source.text[start]
    if quote == "\\":
        return _problem(source, start, 'unexpected end of file, expecting ";" or "}"')
    return _problem(source, start, f"unexpected end of file: the string that starts here has no closing {quote}")


def _end_of_lua(source: Source, opening: int) -> int:
    """Offset just behind the brace that closes the Lua block opened at ``opening``.

    Comments, strings and long brackets are skipped as by ``ngx_http_lua_lex`` of lua-nginx-module.
    """
    text = source.text
    depth = 0
    position = opening
    while True:
        match = _LUA_TOKEN.search(text, position)
        if match is None:
            break
        position = match.end()
        token = match.group()
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            if depth == 0:
                return position
        elif match.group("level") is not None:
            close = text.find(f"]{match.group('level')}]", position)
            if close < 0:
                break
            position = close + len(match.group("level")) + 2
    raise _problem(source, opening, "the Lua block that starts here has no closing brace")


def _problem(source: Source, offset: int, reason: str) -> SyntaxProblem:
    return SyntaxProblem(source.position(offset).line, reason)


def _directives(source: Source, parent: Directive | None, statements: list[dict[str, Any]]) -> tuple[Directive, ...]:
    directives = []
    for statement in statements:
        first: Token = statement["directive"]
        directive = Directive(
            source,
            parent,
            str(first),
            tuple(map(str, statement["args"])),
            (first.start, first.head_stop, first.end),
        )
        block = statement.get("block")
        if block is not None:
            directive.block = _directives(source, directive, block)
        directives.append(directive)
    return tuple(directives)
