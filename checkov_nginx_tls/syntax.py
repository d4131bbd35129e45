"""nginx configuration text in, directives and comments with exact positions out.

crossplane builds the tree; the tokens it reads come from here. Its own lexer knows no columns and no
ends, and differs from nginx where nginx counts (which bytes are white space, what a ``#`` or a ``}`` inside
a word means, escapes, Lua blocks). This one follows ``ngx_conf_read_token`` in nginx's
``src/core/ngx_conf_file.c``, and every token carries its offsets through crossplane's output.

What is read is an overlay of the file's text, of the same length: template expressions and the escapes of a format
around nginx's are replaced character by character, so that offsets, lines and columns stay those of the file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from sys import intern
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import crossplane.parser

from checkov_nginx_tls.templated_names import block_inside, is_filled_in, is_filled_with_statements, readings
from checkov_nginx_tls.templates import FILLER, Arm, Expression, Neutral, neutralise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from checkov_nginx_tls.embedded import Region
    from checkov_nginx_tls.templated_names import Reading
    from checkov_nginx_tls.templates import Case

PARAMETER_LIMIT: Final = 4096
"""Bytes of nginx's buffer (``NGX_CONF_BUFFER``): what a word, a string or a comment must fit in, together with
what ends it."""

DEPTH_LIMIT: Final = 200
"""Blocks inside blocks beyond which a file is refused: real files stay under 20, and crossplane recurses."""

_ARM_LIMIT: Final = 32
"""Arms of templates inside one another that are told apart."""

# The repetitions are bounded a little above PARAMETER_LIMIT: each costs memory, and nginx refuses what is longer.
_TOKEN: Final = re.compile(
    r"""
    [ \t\r\n]*
    (?: (?P<word> (?: [^ \t\r\n;{}"'#\\$] | \\[\s\S] | \$\{? )
                  (?: [^ \t\r\n;{\\$]+ | \\[\s\S] | \$\{? ){0,4200} )
      | (?P<punctuation> [;{}] )
      | (?P<quoted> "[^"\\]*(?:\\[\s\S][^"\\]*){0,4200}" | '[^'\\]*(?:\\[\s\S][^'\\]*){0,4200}' )
      | (?P<comment> \#[^\n]* )
      | (?P<unfinished> ["'\\] )
    )
    """,
    re.VERBOSE,
)
_PLAIN_STATEMENT: Final = re.compile(
    r"""
    [ \t\r\n]*
    ( [a-z] [a-z0-9_]{0,99} )
    ( (?: [ \t\r\n]+ [^\x00-\x20\x7f-\U0010ffff;{}"'#\\]{1,999} ){0,64} )
    [ \t\r\n]* (?<!\$) ([;{])
    """,
    re.VERBOSE,
)
"""A statement up to its ``;`` or ``{`` of which nothing has to be decoded, and nothing is too long: as most are."""

ESCAPE: Final = re.compile(r"""\\(["'\\trn])""")
"""What nginx decodes in a word or a string; any other backslash stays."""

_ESCAPED: Final = {"t": "\t", "r": "\r", "n": "\n"}
_OPAQUE: Final = re.compile("([\U000f0000-\U000ffffd])")
_FILLERS: Final = re.compile(f"{FILLER}+")
_AFTER_QUOTE: Final = frozenset(" \t\r\n;{)")
_LUA_BLOCK: Final = "_by_lua_block"
_READ_IN_DETAIL: Final = (_LUA_BLOCK, "if")
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


class Templated(str):
    """A value, as written, of which a template fills in a part; ``parts`` are its constants and expressions."""

    __slots__ = ("parts",)

    parts: tuple[str | Expression, ...]

    @classmethod
    def of(cls, parts: Sequence[str | Expression]) -> Templated:
        """The value of these parts."""
        value = cls("".join(part if isinstance(part, str) else part.text.replace(FILLER, "") for part in parts))
        value.parts = tuple(parts)
        return value


class Position(NamedTuple):
    """A place in a file: line and column both count from 1, columns in code points."""

    line: int
    column: int


def source_id(path: str, key: str) -> str:
    """What tells a text from all others of a scan: its file's path, and its key in brackets if it is embedded."""
    return f"{path}[{key}]" if key else path


@dataclass(frozen=True, eq=False)
class Source:
    """One file's text.

    ``path`` is absolute, ``name`` what messages call the file (relative to the scanned directory, "/" between
    its parts), ``text`` is UTF-8 with undecodable bytes as surrogate escapes. ``key`` names the part of the file
    that is read, where nginx configuration is embedded in another format, and is "" where all of it is.
    """

    path: str
    name: str
    text: str
    line_starts: tuple[int, ...]
    key: str = ""

    @property
    def id(self) -> str:
        """What tells it from all other sources of a scan: see ``source_id``."""
        return source_id(self.path, self.key)

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

    ``parts`` is None unless a template fills in a part of the value (see Templated).

    A statement's first token also knows ``head_stop``, just behind the statement's ``;`` or ``{``, and
    ``end``, just behind the whole statement with its block. ``args`` are those arguments that are no tokens, since
    nothing is to be known of them but their texts.
    """

    __slots__ = ("args", "end", "head_stop", "parts", "start", "stop")

    start: int
    stop: int
    parts: list[str | Expression] | None
    args: Sequence[str]
    head_stop: int
    end: int


class Directive:
    """A directive as written: ``name`` and ``args`` as nginx decodes them, offsets into ``source.text``.

    ``start`` is the first character of the name, ``head_end`` lies behind the ``;`` or ``{``, ``end`` behind
    the whole directive. ``block`` holds the directives of its block and is None where it has none.
    ``parent`` is the directive whose block holds this one in the same file. ``conditions`` are the arms of a template's
    control constructs around it, outermost first.
    """

    __slots__ = ("args", "block", "conditions", "end", "head_end", "name", "parent", "source", "start")

    def __init__(
        self,
        source: Source,
        parent: Directive | None,
        name: str,
        args: tuple[str, ...],
        offsets: tuple[int, int, int],
        conditions: tuple[Case, ...] = (),
    ) -> None:
        self.source: Final = source
        self.parent: Final = parent
        self.name: Final = name
        self.args: Final = args
        self.start, self.head_end, self.end = offsets
        self.conditions: Final = conditions
        self.block: tuple[Directive, ...] | None = None

    is_opaque: bool = False
    """Whether a template decides which directive it is, or which directives stand in its place."""

    readings: tuple[Directive, ...] = ()
    """Where it is opaque, the directives that it may be."""

    is_guess: bool = False
    """Whether nothing says that it is this directive, which it may be."""

    @property
    def written(self) -> Directive:
        """The directive as written, of which this may be a reading."""
        return self

    def as_block_in(self, context: str) -> Directive:
        """The block that this one probably is in a context; itself where it is not opaque, or nothing is known."""
        del context
        return self

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


class OpaqueDirective(Directive):
    """A directive whose name a template fills in; see ``templated_names``."""

    __slots__ = ("readings",)

    is_opaque = True
    readings: tuple[Directive, ...]

    def as_block_in(self, context: str) -> Directive:
        """See Directive."""
        likely = [one for one in self.readings if one.name == block_inside(context, one.args)]
        sure = [one for one in self.readings if not one.is_guess or len(self.readings) == 1]
        return next(iter([*likely, *sure]), self)

    def read_as(self, reading: Reading) -> Directive:
        """The directive in one of its readings."""
        cases = self.conditions if reading.case is None else (*self.conditions, reading.case)
        offsets = self.start, self.head_end, self.end
        directive = _ReadDirective(self.source, self.parent, reading.name, reading.args, offsets, cases)
        directive.is_guess, directive.written, directive.block = reading.is_guess, self, self.block
        return directive


class _ReadDirective(Directive):
    __slots__ = ("is_guess", "written")

    is_guess: bool
    written: Directive


class Comment(NamedTuple):
    """A comment, or a line of a template's own: ``text`` without what opens it and a trailing carriage return.

    ``start`` is the offset of the ``#``, or of the text in a template's comment, and ``end`` lies behind the comment,
    with all its lines.
    """

    start: int
    text: str
    end: int


@dataclass(frozen=True, eq=False)
class ParsedFile:
    """What one file holds at its top level, and all its comments in the order of the text.

    ``extent`` are the offsets between which it stands in its source, white space at the end left out. ``written`` is
    its nginx text from the first of them on, without the escapes of a format around it, and ``overlay`` what that was
    read as, without tags of a template: both character for character below the source's text. ``arms`` are the offsets
    of the arms of a template's control constructs, outer before inner. ``context`` is the context that a format around
    it gives its top level, and is "" where none does.
    """

    source: Source
    directives: tuple[Directive, ...]
    comments: tuple[Comment, ...]
    extent: tuple[int, int]
    written: str
    overlay: str
    arms: tuple[tuple[int, int], ...]
    context: str = ""


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
    return _parse(source, source.text, neutralise(source.text), 0)


def parse_region(host: Source, region: Region) -> ParsedFile:
    """Parse the nginx configuration in a part of a file of another format.

    Raises SyntaxProblem where nginx would not read it.
    """
    source = replace(host, key=region.key)
    file = _parse(source, region.overlay, neutralise(region.overlay, region.expressions), region.start)
    return replace(file, context=region.context)


def undecided_among(placed: Sequence[Directive | None]) -> Directive:
    """One directive that stands for those of which a template chooses one, None among them for none at all.

    It stands where the first of them does; its one argument is an expression without known choices.
    """
    directives = [directive for directive in placed if directive is not None]
    texts = dict.fromkeys(" ".join(directive.args) for directive in directives)
    unset = ["unset"] if len(directives) < len(placed) else []
    first = directives[0]
    value = Templated.of([Expression(" or ".join([*texts, *unset]), ())])
    return Directive(first.source, first.parent, first.name, (value,), (first.start, first.head_end, first.end))


def _parse(source: Source, text: str, neutral: Neutral, start: int) -> ParsedFile:
    """Parse the part of a source whose nginx text begins at the offset ``start``; ``neutral`` is made of that."""
    comments = [comment for extent in neutral.comments for comment in _lines_of_comment(text, *extent, start)]
    tokens = _TokenStream(source.path)
    offsets = _Offsets(neutral.text, start)
    reader = _Reader(source, neutral.text.replace(FILLER, ""), neutral.expressions, offsets)
    tokens.tokens = _tokens(reader, comments, brief=True)
    payload = _crossplane_parse(tokens, onerror=_raise, single=True, comments=False, check_ctx=False, check_args=False)
    conditions = _Conditions([_of_source(arms, source, start) for arms in (neutral.arms, neutral.lines)])
    return ParsedFile(
        source=source,
        directives=_directives(source, None, payload["config"][0]["parsed"], conditions, offsets),
        comments=tuple(sorted(comments)),
        extent=(start, start + len(neutral.text.rstrip())),
        written=text,
        overlay=neutral.text,
        arms=tuple((start + arm.start, start + arm.end) for arm in neutral.arms),
    )


def _lines_of_comment(text: str, start: int, end: int, base: int) -> Iterator[Comment]:
    """The lines of a template's comment whose text stands between two offsets."""
    for line in text[start:end].split("\n"):
        yield Comment(base + start, line.replace(FILLER, "").rstrip("\r"), base + end)
        start += len(line) + 1


def _of_source(arms: Iterable[Arm], source: Source, start: int) -> list[Arm]:
    """Arms with offsets in a source, and constructs that are told from those of others, where names may mean others."""
    return [
        Arm(arm.start + start, arm.end + start, arm.case._replace(construct=f"{arm.case.construct} {source.id}"))
        for arm in arms
    ]


class _Conditions:
    """The arms around each offset of a source; of each list, those that end stand behind those that go on."""

    def __init__(self, lists: Sequence[Sequence[Arm]]) -> None:
        self._lists = [_cases_from(arms) for arms in lists if arms]

    @property
    def any(self) -> bool:
        """Whether there are arms at all."""
        return bool(self._lists)

    def at(self, offset: int) -> tuple[Case, ...]:
        """The cases of the arms around an offset, outermost first."""
        found: tuple[Case, ...] = ()
        for edges, cases in self._lists:
            index = bisect_right(edges, offset) - 1
            found += cases[index] if index >= 0 else ()
        return found


def _cases_from(arms: Sequence[Arm]) -> tuple[list[int], list[tuple[Case, ...]]]:
    """The offsets at which arms begin or end, and the cases of those that are open from there on."""
    edges = sorted({edge for arm in arms for edge in (arm.start, arm.end)})
    cases: list[tuple[Case, ...]] = []
    open_arms: list[Arm] = []
    waiting = list(reversed(arms))
    for edge in edges:
        while open_arms and open_arms[-1].end <= edge:
            open_arms.pop()
        while waiting and waiting[-1].start <= edge:
            arm = waiting.pop()
            if arm.end > edge:
                open_arms.append(arm)
        cases.append(tuple(arm.case for arm in open_arms[:_ARM_LIMIT]))
    return edges, cases


class _TokenStream(str):
    """The file name that crossplane hands to its lexer, with our tokens on its back."""

    __slots__ = ("tokens",)
    tokens: Iterator[tuple[str, int, bool]]


def _lex(filename: _TokenStream) -> Iterator[tuple[str, int, bool]]:
    return filename.tokens


def _analyze(*_args: object, **_options: object) -> None:
    """Stands for crossplane's checks of contexts and arguments: ``refusals`` has nginx's, and its words for them."""


def _raise(error: Exception) -> None:
    raise error


# crossplane.parse looks its lexer up among its globals. A copy of the function with globals of its own reads
# our tokens and leaves crossplane as it is for everybody else in the process. Lines are left out: offsets tell more.
_crossplane_parse: Final = FunctionType(
    crossplane.parser.parse.__code__,
    {**vars(crossplane.parser), "lex": _lex, "analyze": _analyze},
    "parse",
    crossplane.parser.parse.__defaults__,
)


def tokenize(
    source: Source, text: str, expressions: Mapping[str, Expression], comments: list[Comment], base: int = 0
) -> Iterator[tuple[Token, bool]]:
    """Yield ``(token, quoted)`` for every token but comments, which are appended to ``comments``.

    ``text`` is what nginx reads of the source's text from the offset ``base`` on, and the offsets of tokens are those
    in it; those of comments are the source's. ``expressions`` are what its opaque characters stand for. A Lua
    block is one quoted token, as crossplane has it, followed by ``;``. Raises SyntaxProblem where nginx refuses
    the text.
    """
    for token, _, quoted in _tokens(_Reader(source, text, expressions, _Offsets("", base)), comments, brief=False):
        yield cast("Token", token), quoted


class _Offsets:
    """Offsets in a source of what is read of it: of the overlay that begins at ``base``, without its FILLERs."""

    def __init__(self, overlay: str, base: int) -> None:
        self._dropped = [base]
        self._gaps: list[int] = []
        for match in _FILLERS.finditer(overlay) if FILLER in overlay else ():
            self._gaps.append(match.start() + base - self._dropped[-1])
            self._dropped.append(self._dropped[-1] + match.end() - match.start())

    def of(self, offset: int) -> int:
        """Where a character stands."""
        return offset + self._dropped[bisect_right(self._gaps, offset)]

    def behind(self, offset: int) -> int:
        """Just behind the character in front of an offset."""
        return self.of(offset - 1) + 1

    @property
    def are_equal(self) -> bool:
        """Whether offsets in the source are the same as those in what is read."""
        return self._dropped == [0]

    def of_statement(self, first: Token) -> tuple[int, int, int]:
        """Where a statement begins, and what lies behind its head and behind the whole of it."""
        return self.of(first.start), self.behind(first.head_stop), self.behind(first.end)


def _tokens(reader: _Reader, comments: list[Comment], *, brief: bool) -> Iterator[tuple[str, int, bool]]:
    """Tokens as crossplane has them, see ``tokenize``.

    Where ``brief``, plain arguments are texts without offsets, and those of plain statements are with their first token
    only. Not those of ``if``, whose parentheses crossplane removes.
    """
    match_plain, match_token = _PLAIN_STATEMENT.match, _TOKEN.match
    lexer = _Lexer(reader, comments, brief=brief)
    text = reader.text
    stop = 0
    while True:
        plain = match_plain(text, stop) if brief and lexer.first is None else None
        if plain is not None and not plain[1].endswith(_READ_IN_DETAIL):
            start, stop = plain.start(1), plain.end()
            name, words, character = plain.groups()
            first = Token(name)
            first.start, first.stop, first.parts, first.args = start, start + len(name), None, words.split()
            lexer.end_head(first, character, stop)
            yield first, 0, False
            yield character, 0, False
        else:
            match = match_token(text, stop)
            if match is None:
                break
            stop, tokens = lexer.read(match)
            yield from tokens
    lexer.finish()


class _Lexer:
    """Follows statements and blocks through the tokens, and marks each statement's first token with its ends."""

    def __init__(self, reader: _Reader, comments: list[Comment], *, brief: bool) -> None:
        self.reader = reader
        self.comments = comments
        self.brief = brief
        self.first: Token | None = None
        self.open_blocks: list[Token] = []

    def read(self, match: re.Match[str]) -> tuple[int, list[tuple[str, int, bool]]]:
        """What a match of _TOKEN stands for: no token, one, or the two of a Lua block; and the offset behind it."""
        kind = match.lastgroup or ""
        start, stop = match.span(kind)
        if kind == "punctuation":
            return self._punctuation(start, stop)
        if kind == "comment":
            self._comment(start, stop)
            return stop, []
        if kind == "unfinished":
            raise self.reader.unfinished(start)
        quoted = kind == "quoted"
        if self.brief and self.first is not None and not quoted and (word := self.reader.plain_word(start, stop)):
            return stop, [(word, 0, False)]
        token = self.reader.parameter(start, stop, quoted=quoted)
        if self.first is None:
            self.first = token
        # What a template fills in is a word, though it begins like a comment or is a brace.
        filled_in = bool(self.reader.expressions) and token != self.reader.text[start:stop]
        return stop, [(token, 0, quoted or filled_in)]

    def _punctuation(self, start: int, stop: int) -> tuple[int, list[tuple[str, int, bool]]]:
        text = self.reader.text
        character = text[start]
        tokens: list[tuple[str, int, bool]] = []
        if character == "{" and self.opens_lua():
            end = self.reader.end_of_lua(start)
            tokens.append((_token(text[start + 1 : end - 1], start + 1, end - 1), 0, True))
            start, stop, character = end - 1, end, ";"
        self.punctuate(character, start, stop)
        tokens.append((character if self.brief else _token(character, start, stop), 0, False))
        return stop, tokens

    def _comment(self, start: int, stop: int) -> None:
        reader = self.reader
        reader.check_length(start, stop, 0 if stop == len(reader.text) else 1)
        shown = reader.shown(reader.text[start + 1 : stop]).rstrip("\r")
        self.comments.append(Comment(reader.offsets.of(start), shown, reader.offsets.behind(stop)))

    def opens_lua(self) -> bool:
        return self.first is not None and self.first.endswith(_LUA_BLOCK)

    def punctuate(self, character: str, start: int, stop: int) -> None:
        first = self.first
        self.first = None
        if character == "}":
            if first is not None or not self.open_blocks:
                raise self.reader.problem(start, 'unexpected "}"')
            self.open_blocks.pop().end = stop
            return
        if first is None:
            raise self.reader.problem(start, f'unexpected "{character}"')
        self.end_head(first, character, stop)

    def end_head(self, first: Token, character: str, stop: int) -> None:
        """A statement's ``;`` or ``{`` in front of an offset."""
        first.head_stop = first.end = stop
        if character == "{":
            if len(self.open_blocks) == DEPTH_LIMIT:
                raise self.reader.problem(stop - 1, f"blocks are nested more than {DEPTH_LIMIT} deep")
            self.open_blocks.append(first)

    def finish(self) -> None:
        end = len(self.reader.text)
        if self.first is not None:
            raise self.reader.problem(end, 'unexpected end of file, expecting ";" or "}"')
        if self.open_blocks:
            block = self.open_blocks[-1]
            line = self.reader.line(block.start)
            reason = f'unexpected end of file, expecting "}}" for "{block}" of line {line}'
            raise self.reader.problem(end, reason)


def _token(value: str, start: int, stop: int, parts: list[str | Expression] | None = None) -> Token:
    token = Token(value)
    token.start, token.stop, token.parts, token.args = start, stop, parts, ()
    return token


class _Reader:
    """The values of tokens, and the problems with them, in one source."""

    def __init__(self, source: Source, text: str, expressions: Mapping[str, Expression], offsets: _Offsets) -> None:
        self.source = source
        self.offsets = offsets
        self.text = text
        self.expressions = expressions

    def plain_word(self, start: int, stop: int) -> str:
        """The word between two offsets if nginx takes it as it stands, or else ""."""
        word = self.text[start:stop]
        return word if stop - start < PARAMETER_LIMIT - 1 and word.isascii() and "\\" not in word else ""

    def parameter(self, start: int, stop: int, *, quoted: bool) -> Token:
        """The word or string between two offsets."""
        text = self.text
        follower = text[stop : stop + 1]
        ending = 1 if follower in (";", "{") else 2  # white space is only noticed with what comes behind it
        if quoted:
            self.check_length(start + 1, stop - 1, ending + 1)
            if follower and follower not in _AFTER_QUOTE:
                raise self.problem(stop, f'unexpected "{follower}" after a closing quote')
            value = text[start + 1 : stop - 1]
        else:
            self.check_length(start, stop, ending)
            value = text[start:stop]
        if "\\" in value:
            value = ESCAPE.sub(_unescape, value)
        if self.expressions and _OPAQUE.search(value):
            parts = self.parts(value)
            if len(parts) == 1 and isinstance(parts[0], str):
                return _token(parts[0], start, stop)
            return _token(Templated.of(parts), start, stop, parts)
        return _token(value, start, stop)

    def parts(self, value: str) -> list[str | Expression]:
        """A value in its parts; an expression with one choice is that, and neighbouring constants are joined."""
        parts: list[str | Expression] = [""]
        for piece in _OPAQUE.split(value):
            expression = self.expressions.get(piece)
            if expression is not None and len(expression.choices) != 1:
                parts += [expression, ""]
            else:
                parts[-1] = f"{parts[-1]}{piece if expression is None else expression.choices[0]}"
        return [part for part in parts if part != ""] or [""]

    def check_length(self, start: int, stop: int, ending: int) -> None:
        """Refuse what does not fit into nginx's buffer with the ``ending`` bytes that must follow it."""
        if (stop - start) * 4 < PARAMETER_LIMIT:  # a code point has at most four bytes
            return
        length = len(self.text[start:stop].encode("utf-8", "surrogateescape"))
        longest = PARAMETER_LIMIT - ending
        if length > longest:
            place = self.offsets.of(start)
            shown = self.source.text[place : place + 20]
            raise self.problem(
                start,
                f'too long parameter "{shown}...": it has {length} bytes, and nginx takes at most {longest} here',
            )

    def unfinished(self, start: int) -> SyntaxProblem:
        """The problem with a quote or a backslash that nothing closes."""
        quote = self.text[start]
        if quote == "\\":
            return self.problem(start, 'unexpected end of file, expecting ";" or "}"')
        return self.problem(start, f"unexpected end of file: the string that starts here has no closing {quote}")

    def end_of_lua(self, opening: int) -> int:
        """Offset just behind the brace that closes the Lua block opened at ``opening``.

        Comments, strings and long brackets are skipped as by ``ngx_http_lua_lex`` of lua-nginx-module.
        """
        text = self.text
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
        raise self.problem(opening, "the Lua block that starts here has no closing brace")

    def shown(self, text: str) -> str:
        """A part of the overlay with its expressions as they are written."""
        if self.expressions:
            text = "".join(self.expressions[part].text if part in self.expressions else part for part in text)
        return text.replace(FILLER, "")  # those of an expression inside another format

    def problem(self, offset: int, reason: str) -> SyntaxProblem:
        """A reason that stands at an offset."""
        return SyntaxProblem(self.line(offset), reason)

    def line(self, offset: int) -> int:
        """The source's line at an offset."""
        return self.source.position(self.offsets.of(offset)).line


def _unescape(match: re.Match[str]) -> str:
    character = match.group(1)
    return _ESCAPED.get(character, character)


def _directives(
    source: Source,
    parent: Directive | None,
    statements: list[dict[str, Any]],
    conditions: _Conditions,
    offsets: _Offsets,
) -> tuple[Directive, ...]:
    """The directives of crossplane's statements."""
    directives: list[Directive] = []
    has_conditions, as_they_are = conditions.any, offsets.are_equal
    for statement in statements:
        first: Token = statement["directive"]
        places = (first.start, first.head_stop, first.end) if as_they_are else offsets.of_statement(first)
        texts: list[str] = statement["args"]
        args = (*first.args, *map(_text, texts)) if texts else tuple(first.args)
        cases = conditions.at(places[0]) if has_conditions else ()
        parts = None if first.isidentifier() and first.parts is None else _parts_of_name(first, source, places[0])
        directive: Directive
        if parts is None:
            directive = Directive(source, parent, intern(str(first)), args, places, cases)
        else:
            directive = OpaqueDirective(source, parent, Templated.of(parts), args, places, cases)
        block = statement.pop("block", None)  # what is converted is not needed any more
        if block is not None:
            directive.block = _directives(source, directive, block, conditions, offsets)
        if isinstance(directive, OpaqueDirective) and parts is not None:
            place = f"{directive.name} {source.id}:{directive.start}"
            found = readings(parts, args, is_block=block is not None, place=place)
            directive.readings = tuple(map(directive.read_as, found))
        directives.append(directive)
    return tuple(directives)


def _parts_of_name(first: Token, source: Source, start: int) -> Sequence[str | Expression] | None:
    """The parts of a directive's name if something fills it in, or if that was statements; None if it is plain."""
    if first.parts is not None:
        return first.parts
    if is_filled_in(first) or is_filled_with_statements(first, source.text[start]):
        return [str(first)]
    return None


def _text(token: str) -> str:
    parts = getattr(token, "parts", None)  # crossplane makes plain strings of an if's arguments
    return str(token) if parts is None else Templated.of(parts)
