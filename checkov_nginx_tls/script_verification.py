"""Where Lua and njs scripts turn the verification of certificates on or off, and which other scripts they load.

Pygments' lexers tell code from comments and strings. What the interfaces mean: lua-nginx-module's documentation of
``tcpsock:sslhandshake`` and lua-resty-core's ``resty/core/socket.lua`` (``ssl_verify and 1 or 0``), lua-resty-http's
``resty/http_connect.lua`` (``options.ssl_verify == false``), njs's reference of ``ngx.fetch()`` and its
``nginx/ngx_js_fetch.c``.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pygments.lexer import RegexLexer


class Language(Enum):
    """What a script is written in."""

    LUA = "Lua"
    NJS = "njs"


class Mention(NamedTuple):
    """A place that turns verification on or off, between two offsets of the script.

    ``what`` is ``ssl_verify`` or ``sslhandshake`` in Lua, and in njs ``verify``, the option of ``ngx.fetch()``.
    ``verifies`` is None where somebody else decides: a variable, an argument.
    """

    what: str
    start: int
    end: int
    verifies: bool | None


class Facts(NamedTuple):
    """What a script says of verification, and what it loads itself, both in their order.

    ``loads`` are as written: ``require "NAME"`` of Lua, ``import ... from "PATH"`` of njs.
    """

    mentions: tuple[Mention, ...]
    loads: tuple[str, ...]


class _Token(NamedTuple):
    text: str
    start: int
    is_string: bool = False

    @property
    def content(self) -> str:
        """What stands between the quotes of a string, "" for any other token."""
        return self.text[1:-1] if self.is_string else ""

    def is_code(self, *texts: str) -> bool:
        return self.text in texts and not self.is_string


_WORDS: Final = {Language.LUA: re.compile("ssl_verify|ssl_?handshake"), Language.NJS: re.compile("fetch")}
_LOADS: Final = {Language.LUA: ("require",), Language.NJS: ("import", "from")}
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}
_PADDING: Final = [_Token("", 0)] * 4
"""Stands around a script's tokens, so that each has some in front of it and behind it."""

_VERIFY_ARGUMENT: Final = 2
"""Of ``sock:sslhandshake(session, name, verify)``, counted from 0."""

_IN_NJS: Final = {
    **dict.fromkeys(("true", "1", "!0", "!false"), True),
    **dict.fromkeys(("false", "0", "null", "undefined", "NaN", "!1", "!true", "void0", '""', "''"), False),
}
_VERIFY_KEYS: Final = (
    *((name, ":") for name in ("verify", '"verify"', "'verify'")),
    *(("[", name, "]", ":") for name in ('"verify"', "'verify'", "`verify`")),
)
"""The tokens of a field's name in an object of njs."""
_OPERATOR: Final = re.compile(r"(?:and|or)$|[=~.<>+\-*/%^|&?!]")
_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")
_UNCLOSED: Final = {Language.LUA: re.compile(r"(?:--)?\[=*\["), Language.NJS: re.compile(r"/\*|[\"'`]")}
"""What begins a string or a comment: where the lexer has not taken it for one, nothing closes it. nginx does not take
such a script, and the lexer would look for the end again and again."""

_BEFORE_REGEX: Final = "return|typeof|instanceof|in|of|void|delete|new|do|else|case|throw|yield|await"
LENGTH_LIMIT: Final = 1_000_000
"""Characters of a script beyond which it is not looked into: lexing takes some seconds for a million."""

_DEPTH: Final = 10
"""Objects and names inside one another that the options of ``ngx.fetch()`` are followed through."""


@lru_cache(maxsize=64)
def look_into(language: Language, text: str) -> Facts:
    """What a script says itself.

    A variable's value is not followed, but for an object that ``ngx.fetch()`` gets by its name. Of a script longer
    than LENGTH_LIMIT nothing is said.
    """
    speaks = _WORDS[language].search(text) is not None
    if len(text) > LENGTH_LIMIT or not (speaks or _LOADS[language][0] in text):
        return Facts((), ())
    tokens = _tokens(language, text)
    mentions: Iterable[Mention] = ()
    if speaks:
        code = _Code(tokens)
        mentions = _in_lua(code) if language is Language.LUA else _Fetches(code).mentions()
    return Facts(tuple(sorted(set(mentions), key=lambda one: one.start)), tuple(_loaded(language, tokens)))


def _loaded(language: Language, tokens: list[_Token]) -> Iterator[str]:
    padded = [*tokens, *_PADDING]
    named = (
        padded[index + 2 if padded[index + 1].is_code("(") else index + 1].content
        for index, token in enumerate(tokens)
        if token.is_code(*_LOADS[language])
    )
    yield from (name for name in dict.fromkeys(named) if name)


class _Code:
    """The tokens of a script, and what its brackets enclose."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = [*_PADDING, *tokens, *_PADDING]
        self._limits: dict[int, list[int]] = {}
        """Of each opening bracket, where it stands itself, the commas between it and the closing one, and that."""
        self.around: list[int] = []
        """Of each token, the bracket it is in, 0 for none."""
        self._find_brackets()

    def _find_brackets(self) -> None:
        opened: list[int] = []
        for index, token in enumerate(self.tokens):
            closes = bool(opened) and token.is_code(_BRACKETS[self.tokens[opened[-1]].text])
            if opened and (closes or token.is_code(",")):
                self._limits[opened[-1]].append(index)
            if closes:
                opened.pop()
            self.around.append(opened[-1] if opened else 0)
            if token.is_code(*_BRACKETS):
                opened.append(index)
                self._limits[index] = [index]
        for index in opened:  # nothing closes them
            self._limits[index].append(len(self.tokens))

    def arguments(self, opening: int) -> list[tuple[int, int]]:
        """What stands between a bracket, the commas in it and the one that closes it, where it is not empty."""
        limits = self._limits[opening]
        return [(one + 1, other) for one, other in zip(limits, limits[1:]) if one + 1 < other]

    def text(self, start: int, end: int) -> str:
        """A few tokens without what stands between them."""
        return "".join(token.text for token in self.tokens[start : min(end, start + 5)])

    def end_of(self, index: int) -> int:
        """The offset behind a token."""
        return self.tokens[index].start + len(self.tokens[index].text)

    def closing(self, opening: int) -> int:
        """Where the bracket stands that closes another, or the last token."""
        return min(self._limits[opening][-1], len(self.tokens) - len(_PADDING) - 1)


def _in_lua(code: _Code) -> Iterator[Mention]:
    tokens = code.tokens
    for index, token in enumerate(tokens):
        if token.is_code("ssl_verify"):
            yield from _field(code, index, index)
        elif token.content == "ssl_verify" and tokens[index - 1].is_code("[") and tokens[index + 1].is_code("]"):
            yield from _field(code, index - 1, index + 1)
        elif token.is_code("sslhandshake", "ssl_handshake"):
            yield from _handshake(code, index)


def _field(code: _Code, first: int, last: int) -> Iterator[Mention]:
    """``ssl_verify = false`` as a field of a table; a variable of that name says nothing yet."""
    tokens = code.tokens
    before, value, following = tokens[first - 1], tokens[last + 2], tokens[last + 3]
    if before.is_code("{", ",", ";"):
        is_field = tokens[code.around[first]].is_code("{")
        is_whole = following.is_code(",", ";", "}")
    else:
        is_field = before.is_code(".") or tokens[first].is_code("[")
        is_whole = not _OPERATOR.match(following.text)
    if is_field and tokens[last + 1].is_code("="):
        verifies = {"true": True, "false": False}.get(value.text) if is_whole else None
        yield Mention("ssl_verify", tokens[first].start, code.end_of(last + 2), verifies)


def _handshake(code: _Code, index: int) -> Iterator[Mention]:
    """``sock:sslhandshake(session, name, verify)``, which does not verify without its last argument.

    ``ssl_handshake`` is lua-resty-http's name for it; in other libraries it has other arguments.
    """
    tokens = code.tokens
    name, separator = tokens[index].text, tokens[index - 1]
    if not separator.is_code(":", ".") or not tokens[index + 1].is_code("(") or _is_definition(code, index):
        return
    arguments = code.arguments(index + 1)
    if separator.text == ".":
        if not arguments or code.text(*arguments[0]) != tokens[index - 2].text:
            return
        del arguments[0]
    verifies: bool | None = None
    if len(arguments) > _VERIFY_ARGUMENT:
        verifies = {"true": True, "false": False, "nil": False}.get(code.text(*arguments[_VERIFY_ARGUMENT]))
    elif name == "sslhandshake" and not (arguments and tokens[arguments[-1][1] - 1].is_code(")", "...")):
        verifies = False  # a call, and "...", might have stood for several arguments
    yield Mention("sslhandshake", tokens[index].start, code.end_of(code.closing(index + 1)), verifies)


def _is_definition(code: _Code, index: int) -> bool:
    """Whether a name is that of a function being defined: ``function a.b:name(``."""
    while code.tokens[index - 1].is_code(".", ":"):
        index -= 2
    return code.tokens[index - 1].is_code("function")


class _Fetches:
    """The calls of ``ngx.fetch(resource, options)`` in a script, and what their options say."""

    def __init__(self, code: _Code) -> None:
        self._code = code
        self._places: dict[str, list[int]] = {}
        for index, token in enumerate(code.tokens):
            if not token.is_string:
                self._places.setdefault(token.text, []).append(index)
        self._named: dict[str, list[Mention]] = {}

    def mentions(self) -> Iterator[Mention]:
        """Of every call the option ``verify``; the call itself where that is not to be seen."""
        code = self._code
        for index in self._places.get("ngx", ()):
            is_named = code.text(index + 1, index + 4) == ".fetch("
            if is_named or code.text(index + 1, index + 5) in ('["fetch"](', "['fetch']("):
                arguments = code.arguments(index + (3 if is_named else 4))
                found = list(self._options(*arguments[1], 0)) if len(arguments) > 1 else []
                spreads = any(code.tokens[start].is_code("...") for start, _ in arguments[:2])
                is_plain = not spreads and (len(arguments) < 2 or code.tokens[arguments[1][0]].is_code("{"))
                default = Mention("verify", code.tokens[index].start, code.end_of(index + 2), is_plain or None)
                yield from found or [default]

    def _options(self, start: int, end: int, depth: int) -> Iterator[Mention]:
        code = self._code
        if depth > _DEPTH:
            return
        if code.tokens[start].is_code("{"):
            yield from self._object(start, depth)
        elif code.text(start, start + 4) == "Object.assign(":
            for argument in code.arguments(start + 3):
                yield from self._options(*argument, depth + 1)
        elif end == start + 1 and _NAME.fullmatch(code.tokens[start].text):
            name = code.tokens[start].text
            if name not in self._named:
                self._named[name] = []
                self._named[name] = list(self._of_name(name, depth + 1))
            yield from self._named[name]

    def _object(self, opening: int, depth: int) -> Iterator[Mention]:
        """The last ``verify`` among an object's fields, and those of what it spreads behind that."""
        code = self._code
        found: list[Mention] = []
        for start, end in code.arguments(opening):
            whole = Mention("verify", code.tokens[start].start, code.end_of(end - 1), None)
            if code.tokens[start].is_code("..."):
                found += list(self._options(start + 1, end, depth + 1)) or [whole]
                continue
            length = next((len(key) for key in _VERIFY_KEYS if code.text(start, start + len(key)) == "".join(key)), 0)
            if length:
                found = [whole._replace(verifies=_IN_NJS.get(code.text(start + length, end)))]
            elif code.tokens[start].is_code("[") and not code.tokens[start + 2].is_code("]"):  # made up when it runs
                found.append(whole)
            elif end == start + 1 and code.tokens[start].is_code("verify"):  # the value of a variable of that name
                found = [whole]
        yield from found

    def _of_name(self, name: str, depth: int) -> Iterator[Mention]:
        """What objects say that a variable is given, and assignments to its field ``verify``."""
        code = self._code
        for index in self._places.get(name, ()):
            if code.tokens[index - 1].is_code("."):
                continue
            if code.text(index + 1, index + 3) == "={":
                yield from self._object(index + 2, depth)
            for length, field in ((3, ".verify="), (4, '["verify"]='), (4, "['verify']=")):
                if code.text(index + 1, index + 1 + length) == field:
                    yield self._assigned(index, index + 1 + length)

    def _assigned(self, index: int, value: int) -> Mention:
        code = self._code
        end = value + 2 if code.text(value, value + 2) in _IN_NJS else value + 1
        verifies = None if _OPERATOR.match(code.tokens[end].text) else _IN_NJS.get(code.text(value, end))
        return Mention("verify", code.tokens[index].start, code.end_of(end - 1), verifies)


def _tokens(language: Language, text: str) -> list[_Token]:
    """The tokens of a script but comments and white space, up to where a string or a comment is not closed."""
    from pygments.token import Comment, String, is_token_subtype

    unclosed = _UNCLOSED[language]
    pieces: list[tuple[int, int, bool]] = []
    for start, kind, value in _lexer(language).get_tokens_unprocessed(text):
        is_string = is_token_subtype(kind, String) and kind is not String.Regex
        if not is_string and kind is not Comment.Multiline and value and unclosed.match(text, start):
            break
        if is_token_subtype(kind, Comment) or not (is_string or value.strip()):
            continue
        first = start
        if is_string and pieces and pieces[-1][1:] == (start, True):  # the next part of the same string
            first = pieces.pop()[0]
        pieces.append((first, start + len(value), is_string))
    return [_Token(text[start:end], start, is_string) for start, end, is_string in pieces]


@cache
def _lexer(language: Language) -> RegexLexer:
    """Pygments' lexer for a language, made when it is first needed.

    Names come first in both: what Pygments finds out about them takes quadratic time on some texts. And its Lua lexer
    takes the bracket in front of a long string for the beginning of that string's brackets.
    """
    from pygments.lexer import inherit
    from pygments.lexers.javascript import JavascriptLexer
    from pygments.lexers.scripting import LuaLexer
    from pygments.token import Name, Punctuation

    class Lua(LuaLexer):
        tokens: ClassVar = {"base": [(r"[A-Za-z_]\w*", Name), (r"[](){},;]|\[(?!=*\[)", Punctuation), inherit]}

    class Njs(JavascriptLexer):
        tokens: ClassVar = {"root": [(rf"(?!(?:{_BEFORE_REGEX})\b)[A-Za-z_$][\w$]*", Name), inherit]}

    return Lua() if language is Language.LUA else Njs()  # type: ignore[no-untyped-call]  # of types-Pygments
