"""What tells nginx configuration from all other text, before anything is parsed.

A directive that opens a connection to an upstream, ended by ";", occurs in no other configuration format.
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = (
    r"(?:proxy|grpc|uwsgi)_pass | (?:proxy|grpc|uwsgi|zone_sync)_ssl(?:_[a-z_]+)?"
    r" | js_[a-z_]+ | [a-z_]+_by_lua(?:_file)?"
)
_TAG: Final = r"(?:\{\{[^{}\n]{0,200}\}\} | <%%=[^%%\n]{0,200}%%> | \$\{\w{1,200}\} | %%\w{1,200}%% | @\w{1,200}@)"
_BEGINNING: Final = r"(?: ^ | [;{}] | %%> ) [ \t\r]* [\"']?"
_STATEMENT: Final = re.compile(
    rf"""(?mx)
    (?: {_BEGINNING} (?: {_NAME} ) | (?: \}} | %%> | \w%% | \w@ ) (?: {_NAME} | _pass | _ssl(?:_[a-z_]+)? ) )
    (?: _? {_TAG} [a-z_]* )? ["']? [ \t\r\n]+ [^\s=:;]
    """.replace("%%", "%").encode()
)
"""How a directive begins; tags of a template may stand in front of its name, for its beginning, or in it."""

_WORDS: Final = (b"_pass", b"_ssl", b"js_", b"_by_lua", b"acme_issuer", b"mgmt")
"""Of which one stands on the line where a directive that this package judges begins."""

_HEAD_OF_BLOCK: Final = re.compile(
    rf"""(?mx)
    {_BEGINNING} (?: mgmt | acme_issuer [ \t]+ [^\s{{}};]+ | [a-z_]+_by_lua_block (?: [ \t]+ \$\w+ )? ) ["']?
    [ \t\r\n]* \{{
    """.replace("%%", "%").encode()
)
_LENGTH: Final = 20_000
"""Bytes within which a statement ends: as many as nginx takes in a parameter, and some comments."""

_DIRECTIVE: Final = re.compile(rf"(?x) {_NAME} | mgmt | acme_issuer | [a-z_]+_by_lua_block")
_INCLUDE: Final = re.compile(rb"""(?m)(?:^|[;{}])[ \t\r]*["']?include["']?[ \t\r\n]+[^\s=:;]""")
_MAIN: Final = re.compile(rb"(?m)(?:^|[;{}])[ \t]*(?:http|events|stream)[ \t\r\n]*\{")
_START: Final = re.compile(
    rb"""(?x)
    (?: [ \t\r\n] | \#[^\n]*\n | \{%[-+]?[ \t]*(?:if|set)\b[^%\n]*%\}
      | [a-z]+_[a-z_]+ [ \t] (?: [^;{}"'] | "[^"]*" | '[^']*' )* ; )*
    (?: (?: server | http | events | stream | upstream [ ] [^\s{};]+ ) [ \t\r\n]*
      | (?: map | geo | split_clients ) [ ] (?: [^{};\n$] | \$(?:\{\w+\})? )+ (?: \n[ \t\r\n]* )? ) \{
    """
)
"""How nginx configuration begins, and nothing else: with a block, and in front of it at most comments, tags of a
template and directives whose names have an underscore."""

_BLOCK: Final = re.compile(rb"\b(?:server|http|events|stream|upstream[ \t]|map[ \t])[^\n{};]{0,200}\{")
_SHEBANG: Final = re.compile(rb"#![ \t]*/(?!\S*/nginx\s)")
_UTF_8_MARK: Final = b"\xef\xbb\xbf"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_HEAD: Final = 8192
_TEXT_BYTES: Final = bytes({*range(32, 256), 8, 9, 10, 12, 13, 27})


def may_matter(data: bytes) -> bool:
    """Whether bytes may hold nginx configuration, in whatever format: a cheap question, and often a wrong yes."""
    ends, opens = b";" in data, b"{" in data
    if not (ends or opens):
        return False
    if may_show_connections(data) or (ends and b"include" in data) or data.startswith(_UTF_16_MARKS):
        return True
    named = opens and (b"nginx" in data or b".conf" in data or b"nippet" in data)
    return named and _BLOCK.search(data) is not None


def may_show_connections(data: bytes) -> bool:
    """Whether a word is in the bytes without which ``shows_connections`` is False: a cheap question."""
    return any(word in data for word in _WORDS)


def shows_connections(data: bytes) -> bool:
    """Whether bytes hold a directive that this package judges."""
    if data.startswith(_UTF_16_MARKS):
        data = data[2:].replace(b"\0", b"")
    if is_script(data):
        return False
    data = data.removeprefix(_UTF_8_MARK)
    words = [offset for offset in map(data.find, _WORDS) if offset >= 0]
    if not words:
        return False
    line = data.rfind(b"\n", 0, min(words)) + 1
    return _has_statement(_STATEMENT, data, line) or _HEAD_OF_BLOCK.search(data, line) is not None


def shows_includes(data: bytes) -> bool:
    """Whether bytes hold a directive that includes files."""
    return b"include" in data and not is_script(data) and _has_statement(_INCLUDE, data)


def _has_statement(beginning: re.Pattern[bytes], data: bytes, start: int = 0) -> bool:
    """Whether a semicolon follows soon where a pattern matches, from an offset on."""
    semicolon = -1
    for match in beginning.finditer(data, start):
        if semicolon < match.end():
            semicolon = data.find(b";", match.end())
            if semicolon < 0:
                return False
        if semicolon - match.end() <= _LENGTH:
            return True
    return False


def shows_main(data: bytes) -> bool:
    """Whether bytes hold a block that stands in nginx's main file only."""
    return _MAIN.search(data) is not None


def starts_like_nginx(data: bytes) -> bool:
    """Whether bytes begin as nothing but nginx configuration does, with a block soon."""
    return _START.match(data) is not None


def is_judged(name: str) -> bool:
    """Whether the directive of this name is one that this package judges."""
    return _DIRECTIVE.fullmatch(name) is not None


def is_script(data: bytes) -> bool:
    """Whether bytes begin like a script for an interpreter other than nginx."""
    return _SHEBANG.match(data) is not None


def is_binary(data: bytes) -> bool:
    """Whether bytes are no text; UTF-16 with its mark counts as text."""
    if data.startswith(_UTF_16_MARKS):
        return False
    head = data[:_HEAD]
    return len(head.translate(None, _TEXT_BYTES)) * 50 > len(head)
