"""What nginx makes of awkward bytes: one table for the oracle and for the parser.

Every trap is a whole main file. `Trap.value` says which bytes nginx took as the argument of the one
``proxy_ssl_verify`` in it, and that can be seen in ``nginx -t`` alone: each of these files has a location that
passes to TLS without a bundle, so ``off`` starts, ``on`` fails for want of the bundle, and anything else is named
in an ``invalid value`` message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SYNTAX = "syntax"
"""nginx cannot split the bytes into statements and blocks, or a byte order mark or UTF-16 makes words of them that
are no directives: a parser must report an error."""

VALUE = "value"
"""The file is well formed; nginx refuses an argument or the number of arguments."""

NAME = "name"
"""The file is well formed; nginx knows no directive of that name."""

DUPLICATE = "duplicate"
"""A directive that may stand once stands twice in a block."""

NO_BUNDLE = "no bundle"
"""The file is well formed and turns verification on without a bundle."""

INCLUDE = "include"
"""An include cannot be followed."""

CONTEXT = "context"
"""A directive stands where nginx does not allow it."""

_TLS_LOCATION = b"server { listen unix:trap.sock; location / { proxy_pass https://127.0.0.1:1; } }"
_BOM = b"\xef\xbb\xbf"
_BUFFER = 4096


@dataclass(frozen=True)
class Trap:
    """One file and nginx's reaction to it."""

    name: str
    config: bytes
    """The main file, without placeholders."""
    refusal: str | None = None
    """Why nginx refuses it, one of the constants above; None when nginx starts."""
    reason: str = ""
    """Part of nginx's message, "" when it starts."""
    value: bytes | None = None
    """The argument of the only effective ``proxy_ssl_verify``; None where nginx does not get to see one."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Files beside the main file, by relative path."""

    @property
    def starts(self) -> bool:
        """nginx accepts the file."""
        return self.refusal is None

    @property
    def parse_error(self) -> bool:
        """A parser must refuse the main file, or one that it includes."""
        return self.refusal == SYNTAX


def _http(inside: bytes) -> bytes:
    return b"events {}\nhttp {\n" + inside + b"\n}\n"


def plain_value(value: bytes) -> bytes:
    """`value` as `value_in_message` can tell it."""
    word = value.split(b"\0")[0]
    return word.lower() if word.lower() in (b"on", b"off") else value


def _value_trap(name: str, statement: bytes, value: bytes) -> Trap:
    """A trap whose `statement` is one ``proxy_ssl_verify``, read by nginx as `value`."""
    refusal, reason = _reaction(value)
    return Trap(name, _http(_TLS_LOCATION + b"\n" + statement), refusal, reason, value)


def _reaction(value: bytes) -> tuple[str | None, str]:
    if plain_value(value) == b"off":
        return None, ""
    if plain_value(value) == b"on":
        return NO_BUNDLE, "no proxy_ssl_trusted_certificate for proxy_ssl_verify"
    shown = value.split(b"\n")[0].decode("utf-8", "surrogateescape")
    return VALUE, 'invalid value "' + shown


def _syntax_trap(name: str, inside: bytes, reason: str) -> Trap:
    return Trap(name, _http(_TLS_LOCATION + b"\n" + inside), SYNTAX, reason)


_READ_AS: Mapping[str, tuple[bytes, bytes]] = {
    "off": (b"proxy_ssl_verify off;", b"off"),
    "on": (b"proxy_ssl_verify on;", b"on"),
    "upper case": (b"proxy_ssl_verify OFF;", b"OFF"),
    "mixed case": (b"proxy_ssl_verify oFf;", b"oFf"),
    "mixed case on": (b"proxy_ssl_verify On;", b"On"),
    "double quotes": (b'proxy_ssl_verify "off";', b"off"),
    "single quotes": (b"proxy_ssl_verify 'off';", b"off"),
    "quoted name": (b'"proxy_ssl_verify" off;', b"off"),
    "single quoted name": (b"'proxy_ssl_verify' off;", b"off"),
    "quoted name and value": (b"'proxy_ssl_verify' \"off\";", b"off"),
    "space inside quotes": (b'proxy_ssl_verify "off ";', b"off "),
    "empty quotes": (b'proxy_ssl_verify "";', b""),
    "one": (b"proxy_ssl_verify 1;", b"1"),
    "true": (b"proxy_ssl_verify true;", b"true"),
    "yes": (b"proxy_ssl_verify yes;", b"yes"),
    "variable": (b"proxy_ssl_verify $v;", b"$v"),
    "variable in braces": (b"proxy_ssl_verify ${v};", b"${v}"),
    "variable in braces inside a word": (b"proxy_ssl_verify a${v}b;", b"a${v}b"),
    "dollar brace unclosed": (b"proxy_ssl_verify ${v;", b"${v"),
    "two dollars and a brace": (b"proxy_ssl_verify $${v};", b"$${v}"),
    "template expression quoted": (b'proxy_ssl_verify "{{ v }}";', b"{{ v }}"),
    "hash inside a word": (b"proxy_ssl_verify off#c;", b"off#c"),
    "hash inside quotes": (b'proxy_ssl_verify "off#c";', b"off#c"),
    "comment before the semicolon": (b"proxy_ssl_verify off #c;\n;", b"off"),
    "comment before the value": (b"proxy_ssl_verify # off;\n on;", b"on"),
    "comment right after the semicolon": (b"proxy_ssl_verify off;#c {\n", b"off"),
    "comment right after a brace": (b"map $host $m {# {\n}# }\nproxy_ssl_verify off;", b"off"),
    "quote in a comment": (b"# it's\nproxy_ssl_verify off;", b"off"),
    "backslash at the end of a comment": (b"# off \\\nproxy_ssl_verify off;", b"off"),
    "carriage return does not end a comment": (
        b"# c\rproxy_ssl_verify on;\nproxy_ssl_verify off;",
        b"off",
    ),
    "quote inside a word": (b'proxy_ssl_verify o"ff";', b'o"ff"'),
    "single quote inside a word": (b"proxy_ssl_verify o'ff';", b"o'ff'"),
    "closing brace inside a word": (b"proxy_ssl_verify of}f;", b"of}f"),
    "closing brace at the end of a word": (b"proxy_ssl_verify off};", b"off}"),
    "parenthesis in a word": (b"proxy_ssl_verify (off);", b"(off)"),
    "special characters inside quotes": (b'proxy_ssl_verify "o;{}#f";', b"o;{}#f"),
    "escaped semicolon": (b"proxy_ssl_verify o\\;ff;", b"o\\;ff"),
    "escaped space": (b"proxy_ssl_verify off\\ ;", b"off\\ "),
    "escaped letter": (b"proxy_ssl_verify o\\ff;", b"o\\ff"),
    "escaped opening brace": (b"proxy_ssl_verify o\\{ff;", b"o\\{ff"),
    "escaped hash at the start": (b"proxy_ssl_verify \\#off;", b"\\#off"),
    "escaped quote at the start": (b'proxy_ssl_verify \\"off;', b'"off'),
    "escaped single quote at the start": (b"proxy_ssl_verify \\'off;", b"'off"),
    "escaped letter inside quotes": (b'proxy_ssl_verify "o\\ff";', b"o\\ff"),
    "escaped double quote": (b'proxy_ssl_verify "o\\"ff";', b'o"ff'),
    "escaped single quote": (b"proxy_ssl_verify 'o\\'ff';", b"o'ff"),
    "single quote escaped inside double quotes": (b'proxy_ssl_verify "o\\\'ff";', b"o'ff"),
    "escaped backslash": (b'proxy_ssl_verify "o\\\\ff";', b"o\\ff"),
    "escaped backslash before the closing quote": (b'proxy_ssl_verify "off\\\\";', b"off\\"),
    "escaped tab": (b'proxy_ssl_verify "o\\tff";', b"o\tff"),
    "escaped tab in a word": (b"proxy_ssl_verify o\\tff;", b"o\tff"),
    "escaped line feed": (b'proxy_ssl_verify "off\\n";', b"off\n"),
    "escaped line end in a word": (b"proxy_ssl_verify off\\\n;", b"off\\\n"),
    "line end inside quotes": (b'proxy_ssl_verify "off\n";', b"off\n"),
    "other quote inside quotes": (b'proxy_ssl_verify "o\'f";', b"o'f"),
    "tabs": (b"\tproxy_ssl_verify\toff\t;\t", b"off"),
    "over several lines": (b"proxy_ssl_verify\n\n  off\n;", b"off"),
    "carriage returns": (b"proxy_ssl_verify\roff\r;\r", b"off"),
    "CRLF": (b"proxy_ssl_verify off;\r\n", b"off"),
    "vertical tab in the value": (b"proxy_ssl_verify off\v;", b"off\v"),
    "form feed in the value": (b"proxy_ssl_verify off\f;", b"off\f"),
    "no-break space in the value": (b"proxy_ssl_verify off\xc2\xa0;", b"off\xc2\xa0"),
    "zero-width space in the value": (b"proxy_ssl_verify \xe2\x80\x8boff;", b"\xe2\x80\x8boff"),
    "byte that is not UTF-8 in the value": (b"proxy_ssl_verify off\xff;", b"off\xff"),
    "byte that is not UTF-8 in a comment": (b"# \xe9\xff\nproxy_ssl_verify off;", b"off"),
    "NUL after the value": (b"proxy_ssl_verify off\0;", b"off\0"),
    "NUL and more after the value": (b"proxy_ssl_verify off\0x;", b"off\0x"),
    "NUL in a comment": (b"# \0\nproxy_ssl_verify off;", b"off"),
    "map entry is data": (b"map $host $m { proxy_ssl_verify on; }\nproxy_ssl_verify off;", b"off"),
    "types entry is data": (b"types { proxy_ssl_verify on; }\nproxy_ssl_verify off;", b"off"),
    "two statements on a line": (b"proxy_ssl_verify off;proxy_ssl_name x;", b"off"),
    "no space after a quoted value": (b'proxy_ssl_verify "off";proxy_ssl_name x;', b"off"),
    "empty block": (b"map $host $m {}proxy_ssl_verify off;", b"off"),
    "comment line of 4095 bytes": (b"#" + b"x" * (_BUFFER - 2) + b"\nproxy_ssl_verify off;", b"off"),
    "comment of 4095 bytes inside a statement": (
        b"proxy_ssl_verify #" + b"x" * (_BUFFER - 2) + b"\noff;",
        b"off",
    ),
    "word of 4095 bytes": (b"proxy_ssl_name " + b"x" * (_BUFFER - 1) + b";proxy_ssl_verify off;", b"off"),
    "word of 4095 bytes later in the buffer": (
        b" " * 1000 + b"proxy_ssl_name " + b"x" * (_BUFFER - 1) + b";proxy_ssl_verify off;",
        b"off",
    ),
    "string of 4094 bytes": (
        b'proxy_ssl_name "' + b"x" * (_BUFFER - 2) + b'";proxy_ssl_verify off;',
        b"off",
    ),
    "string of 4094 bytes later in the buffer": (
        b" " * 1000 + b'proxy_ssl_name "' + b"x" * (_BUFFER - 2) + b'";proxy_ssl_verify off;',
        b"off",
    ),
    "string of 4093 bytes and a space": (
        b'proxy_ssl_name "' + b"x" * (_BUFFER - 3) + b'" ;proxy_ssl_verify off;',
        b"off",
    ),
    "word of 4094 bytes and a space": (
        b"proxy_ssl_name " + b"x" * (_BUFFER - 2) + b" ;proxy_ssl_verify off;",
        b"off",
    ),
    "10,000 spaces": (b"proxy_ssl_verify" + b" " * 10_000 + b"off" + b"\n" * 10_000 + b";", b"off"),
}

_SYNTAX_ERRORS: Mapping[str, tuple[bytes, str]] = {
    "hash after a closing quote": (b'proxy_ssl_verify "off"#c\n;', 'unexpected "#"'),
    "letter after a closing quote": (b'proxy_ssl_verify "off"x;', 'unexpected "x"'),
    "quote after a closing quote": (b'proxy_ssl_verify "of""f";', 'unexpected """'),
    "closing brace after a closing quote": (b'proxy_ssl_verify "off"}', 'unexpected "}"'),
    "vertical tab after a closing quote": (b'proxy_ssl_verify "off"\v;', 'unexpected "'),
    "NUL after a closing quote": (b'proxy_ssl_verify "off"\0;', 'unexpected "'),
    "lone semicolon": (b"proxy_ssl_verify off;;", 'unexpected ";"'),
    "semicolon after a block": (b"map $host $m {};", 'unexpected ";"'),
    "bare block": (b"{} proxy_ssl_verify off;", 'unexpected "{"'),
    "missing semicolon before a brace": (b"proxy_ssl_verify off", 'unexpected "}"'),
    "extra closing brace": (b"proxy_ssl_verify off; } }", 'unexpected "}"'),
    "missing closing brace": (b"map $host $m {", 'unexpected end of file, expecting "}"'),
    "closing brace in a comment": (b"map $host $m { # }", 'unexpected end of file, expecting "}"'),
    "unterminated string": (b'proxy_ssl_verify "off;', 'unexpected end of file, expecting ";" or "}"'),
    "backslash hides the closing quote": (
        b'proxy_ssl_verify "off\\";',
        'unexpected end of file, expecting ";" or "}"',
    ),
    "escaped closing brace": (b"proxy_ssl_verify off; \\", "unexpected end of file"),
    "comment line of 4096 bytes": (
        b"#" + b"x" * (_BUFFER - 1) + b"\nproxy_ssl_verify off;",
        'too long parameter "#xxxxxxxxx..." started',
    ),
    "comment line of 4097 bytes": (
        b"#" + b"x" * _BUFFER + b"\nproxy_ssl_verify off;",
        'too long parameter "#xxxxxxxxx..." started',
    ),
    "comment of 4096 bytes inside a statement": (
        b"proxy_ssl_verify #" + b"x" * (_BUFFER - 1) + b"\noff;",
        'too long parameter "#xxxxxxxxx..." started',
    ),
    "string of 4094 bytes and a space": (
        b'proxy_ssl_name "' + b"x" * (_BUFFER - 2) + b'" ;proxy_ssl_verify off;',
        'too long parameter "xxxxxxxxxx..." started',
    ),
    "word of 4095 bytes and a space": (
        b"proxy_ssl_name " + b"x" * (_BUFFER - 1) + b" ;proxy_ssl_verify off;",
        'too long parameter "xxxxxxxxxx..." started',
    ),
    "word of 4096 bytes": (
        b"proxy_ssl_name " + b"x" * _BUFFER + b";proxy_ssl_verify off;",
        'too long parameter "xxxxxxxxxx..." started',
    ),
    "word of 4097 bytes": (
        b"proxy_ssl_name " + b"x" * (_BUFFER + 1) + b";proxy_ssl_verify off;",
        'too long parameter "xxxxxxxxxx..." started',
    ),
    "string of 4095 bytes": (
        b'proxy_ssl_name "' + b"x" * (_BUFFER - 1) + b'";proxy_ssl_verify off;',
        'too long parameter "xxxxxxxxxx..." started',
    ),
    "string of 4095 bytes later in the buffer": (
        b" " * 1000 + b'proxy_ssl_name "' + b"x" * (_BUFFER - 1) + b'";proxy_ssl_verify off;',
        'too long parameter "xxxxxxxxxx..." started',
    ),
    "string of 4096 bytes": (
        b'proxy_ssl_name "' + b"x" * _BUFFER + b'";proxy_ssl_verify off;',
        'too long parameter, probably missing terminating """ character',
    ),
    "single-quoted string of 4096 bytes": (
        b"proxy_ssl_name '" + b"x" * _BUFFER + b"';proxy_ssl_verify off;",
        'too long parameter, probably missing terminating "\'" character',
    ),
}

_OTHER: tuple[Trap, ...] = (
    Trap(
        "brace after a quoted value",
        _http(b'proxy_ssl_verify "off"{ }'),
        VALUE,
        'directive "proxy_ssl_verify" is not terminated by ";"',
    ),
    Trap(
        "brace inside a word",
        _http(b"proxy_ssl_verify o{ff;"),
        VALUE,
        'directive "proxy_ssl_verify" is not terminated by ";"',
    ),
    Trap(
        "brace after a variable",
        _http(b"proxy_ssl_verify $v{ff;"),
        VALUE,
        'directive "proxy_ssl_verify" is not terminated by ";"',
    ),
    Trap(
        "escaped dollar does not protect a brace",
        _http(b"proxy_ssl_verify \\${v};"),
        VALUE,
        'directive "proxy_ssl_verify" is not terminated by ";"',
    ),
    Trap(
        "escaped quote in a name",
        _http(b'"proxy_ssl_\\"verify" off;'),
        NAME,
        'unknown directive "proxy_ssl_"verify"',
    ),
    Trap(
        "template expression unquoted",
        _http(b"proxy_ssl_verify {{ v }};"),
        VALUE,
        'directive "proxy_ssl_verify" is not terminated by ";"',
    ),
    Trap(
        "block without a brace",
        _http(b"server; proxy_ssl_verify off;"),
        VALUE,
        'directive "server" has no opening "{"',
    ),
    Trap("parenthesis after a closing quote", _http(b'proxy_ssl_verify "off");'), VALUE, "invalid number of arg"),
    Trap("two values", _http(b"proxy_ssl_verify off on;"), VALUE, "invalid number of arguments"),
    Trap(
        "group without a name", _http(b"upstream { server 192.0.2.1; } proxy_ssl_verify off;"), VALUE, "invalid number"
    ),
    Trap("location without a path", _http(b"server { location { proxy_ssl_verify off; } }"), VALUE, "invalid number"),
    Trap("three paths", _http(b"server { location ~ a b { proxy_ssl_verify off; } }"), VALUE, "invalid number of arg"),
    Trap("no value", _http(b"proxy_ssl_verify;"), VALUE, "invalid number of arguments"),
    Trap("upper-case name", _http(b"Proxy_ssl_verify off;"), NAME, 'unknown directive "Proxy_ssl_verify"'),
    Trap(
        "vertical tab between name and value",
        _http(b"proxy_ssl_verify\voff;"),
        NAME,
        'unknown directive "proxy_ssl_verify\voff"',
    ),
    Trap(
        "no-break space before the name",
        _http(b"\xc2\xa0proxy_ssl_verify off;"),
        NAME,
        'unknown directive "\xa0proxy_ssl_verify"',
    ),
    Trap("unknown directive", _http(b"proxy_ssl_verify off; no_such_thing a;"), NAME, "unknown directive"),
    Trap("twice the same", _http(b"proxy_ssl_verify off; proxy_ssl_verify off;"), DUPLICATE, "is duplicate"),
    Trap("geo entry", _http(b"geo $g { proxy_ssl_verify off; }"), VALUE, 'invalid network "proxy_ssl_verify"'),
    Trap(
        "split_clients entry",
        _http(b"split_clients $host $s { proxy_ssl_verify off; }"),
        VALUE,
        'invalid percent value "proxy_ssl_verify"',
    ),
    Trap("pass in http", _http(b"proxy_pass http://127.0.0.1; proxy_ssl_verify off;"), CONTEXT, "is not allowed here"),
    Trap(
        "pass in a server",
        _http(b"server { proxy_pass http://127.0.0.1; } proxy_ssl_verify off;"),
        CONTEXT,
        "is not allowed here",
    ),
    Trap(
        "pass in an if of a server",
        _http(b"server { if ($host) { proxy_pass http://127.0.0.1; } } proxy_ssl_verify off;"),
        CONTEXT,
        "is not allowed here",
    ),
    Trap(
        "switch of stream in http",
        _http(b"server { proxy_ssl on; } proxy_ssl_verify off;"),
        CONTEXT,
        "is not allowed here",
    ),
    Trap(
        "server in a server",
        _http(b"server { server { listen 1; } } proxy_ssl_verify off;"),
        CONTEXT,
        "is not allowed here",
    ),
    Trap(
        "group in a server",
        _http(b"server { upstream u { server 127.0.0.1; } } proxy_ssl_verify off;"),
        CONTEXT,
        "is not allowed here",
    ),
    Trap(
        "location in http", _http(b"location / { return 200; } proxy_ssl_verify off;"), CONTEXT, "is not allowed here"
    ),
    Trap(
        "limit_except in a server",
        _http(b"server { limit_except GET { deny all; } } proxy_ssl_verify off;"),
        CONTEXT,
        "is not allowed here",
    ),
    Trap("verify in an upstream", _http(b"upstream u { proxy_ssl_verify off; }"), CONTEXT, "is not allowed here"),
    Trap("byte order mark", _BOM + _http(b"proxy_ssl_verify off;"), SYNTAX, 'unknown directive "\ufeffevents"'),
    Trap("byte order mark before a comment", _BOM + b"# c\n" + _http(b"proxy_ssl_verify off;"), SYNTAX, "unknown"),
    Trap(
        "byte order mark and a line end",
        _BOM + b"\n" + _http(b"proxy_ssl_verify off;"),
        SYNTAX,
        'unknown directive "\ufeff"',
    ),
    Trap("UTF-16, little end first", _http(b"proxy_ssl_verify off;").decode().encode("utf-16"), SYNTAX, "unknown"),
    Trap(
        "UTF-16, big end first",
        _http(b"proxy_ssl_verify off;").decode().encode("utf-16-be"),
        SYNTAX,
        'unknown directive ""',
    ),
    Trap("CRLF everywhere", _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;").replace(b"\n", b"\r\n"), value=b"off"),
    Trap("CR everywhere", _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;").replace(b"\n", b"\r"), value=b"off"),
    Trap("no final line end", _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;").rstrip(b"\n"), value=b"off"),
    Trap("comment on the last line", _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;") + b"# c", value=b"off"),
    Trap("hash as the last byte", _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;") + b"#", value=b"off"),
    Trap(
        "comment line of 4095 bytes at the start",
        b"#" + b"x" * (_BUFFER - 2) + b"\n" + _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;"),
        value=b"off",
    ),
    Trap(
        "comment line of 4096 bytes at the start",
        b"#" + b"x" * (_BUFFER - 1) + b"\n" + _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;"),
        SYNTAX,
        "too long parameter",
    ),
    Trap(
        "comment of 4096 bytes at the end of the file",
        _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;") + b"#" + b"x" * (_BUFFER - 1),
        value=b"off",
    ),
    Trap(
        "comment of 4097 bytes at the end of the file",
        _http(_TLS_LOCATION + b"\nproxy_ssl_verify off;") + b"#" + b"x" * _BUFFER,
        SYNTAX,
        "too long parameter",
    ),
)


def _with_files(name: str, inside: bytes, files: dict[str, bytes], value: bytes) -> Trap:
    refusal, reason = _reaction(value)
    return Trap(name, _http(_TLS_LOCATION + b"\n" + inside), refusal, reason, value, files)


_INCLUDES: tuple[Trap, ...] = (
    _with_files("include", b"include a.conf;", {"a.conf": b"proxy_ssl_verify off;"}, b"off"),
    _with_files("include quoted", b"include 'a b.conf';", {"a b.conf": b"proxy_ssl_verify off;"}, b"off"),
    _with_files("include without final line end", b"include a.conf;", {"a.conf": b"proxy_ssl_verify on;# c"}, b"on"),
    _with_files(
        "nested include is relative to the main file",
        b"include d/a.conf;",
        {"d/a.conf": b"include b.conf;", "b.conf": b"proxy_ssl_verify off;", "d/b.conf": b"proxy_ssl_verify on;"},
        b"off",
    ),
    _with_files("pattern without matches", b"include none/*.conf;\nproxy_ssl_verify off;", {}, b"off"),
    _with_files(
        "star skips dot files", b"include d/*;\nproxy_ssl_verify off;", {"d/.a": b"proxy_ssl_verify on;"}, b"off"
    ),
    _with_files("question mark", b"include ?.conf;", {"a.conf": b"proxy_ssl_verify off;", "ab.conf": b"x"}, b"off"),
    _with_files("character class", b"include [ab].conf;", {"a.conf": b"proxy_ssl_verify off;", "c.conf": b"x"}, b"off"),
    _with_files(
        "star stays in its directory",
        b"include d/*.conf;",
        {"d/a.conf": b"proxy_ssl_verify off;", "d/e/b.conf": b"proxy_ssl_verify on;"},
        b"off",
    ),
    _with_files(
        "two stars are one",
        b"include d/**/*.conf;",
        {"d/e/a.conf": b"proxy_ssl_verify off;", "d/b.conf": b"x", "d/e/f/c.conf": b"x"},
        b"off",
    ),
    _with_files("star in a directory", b"include */a.conf;", {"d/a.conf": b"proxy_ssl_verify off;"}, b"off"),
    _with_files("include in a map", b"map $host $m { include m; }\nproxy_ssl_verify off;", {"m": b"a b;"}, b"off"),
    _with_files("empty include", b"include a.conf; proxy_ssl_verify off;", {"a.conf": b""}, b"off"),
    _with_files("include of only a comment", b"include a.conf; proxy_ssl_verify off;", {"a.conf": b"#c"}, b"off"),
    _with_files(
        "escaped bracket is literal text", b"include a\\*.conf;\nproxy_ssl_verify off;", {"ab.conf": b"x"}, b"off"
    ),
    _with_files("dot segments", b"include d/../a.conf;", {"a.conf": b"proxy_ssl_verify off;", "d/x": b""}, b"off"),
    Trap(
        "braces are no alternatives",
        _http(b"include a{b,c}.conf;"),
        VALUE,
        'directive "include" is not terminated by ";"',
        files={"ab.conf": b"proxy_ssl_verify off;"},
    ),
    Trap(
        "quoted braces are literal text",
        _http(b'include "a{b,c}.conf";'),
        INCLUDE,
        "a{b,c}.conf",
        files={"ab.conf": b"proxy_ssl_verify off;"},
    ),
    Trap("missing include", _http(b"include none.conf; proxy_ssl_verify off;"), INCLUDE, "none.conf"),
    Trap("variable in an include", _http(b"include $v.conf; proxy_ssl_verify off;"), INCLUDE, "$v.conf"),
    Trap("directory included", _http(b"include d; proxy_ssl_verify off;"), INCLUDE, "d", files={"d/a.conf": b""}),
    Trap("include with two arguments", _http(b"include a b; proxy_ssl_verify off;"), VALUE, "invalid number of arg"),
    Trap(
        "pattern in byte order, 10 before 2",
        _http(b"include d/*;"),
        DUPLICATE,
        "/d/2:1",
        files={"d/2": b"proxy_ssl_verify off;", "d/10": b"proxy_ssl_verify off;"},
    ),
    Trap(
        "pattern in byte order, B before a",
        _http(b"include d/*;"),
        DUPLICATE,
        "/d/a:1",
        files={"d/B": b"proxy_ssl_verify off;", "d/a": b"proxy_ssl_verify off;"},
    ),
    Trap(
        "pattern matches a backup",
        _http(b"include d/x.conf*;"),
        DUPLICATE,
        "/d/x.conf~:1",
        files={"d/x.conf": b"proxy_ssl_verify off;", "d/x.conf~": b"proxy_ssl_verify off;"},
    ),
    Trap(
        "same file twice in a block",
        _http(b"include a.conf; include a.conf;"),
        DUPLICATE,
        "/a.conf:1",
        files={"a.conf": b"proxy_ssl_verify off;"},
    ),
    Trap(
        "byte order mark in an included file",
        _http(b"include a.conf;"),
        SYNTAX,
        'unknown directive "\ufeffproxy_ssl_verify"',
        files={"a.conf": _BOM + b"proxy_ssl_verify off;"},
    ),
    Trap(
        "block opened in one file and closed in another",
        _http(b"include a.conf; }"),
        SYNTAX,
        'unexpected end of file, expecting "}"',
        files={"a.conf": b"server { proxy_ssl_verify off;"},
    ),
    Trap(
        "block closed in an included file",
        _http(b"server { include a.conf;"),
        SYNTAX,
        'unexpected "}"',
        files={"a.conf": b"proxy_ssl_verify off; }"},
    ),
    Trap(
        "statement continued after an include",
        _http(_TLS_LOCATION + b"include a.conf; off;"),
        SYNTAX,
        'unexpected end of file, expecting ";" or "}"',
        files={"a.conf": b"proxy_ssl_verify"},
    ),
)

TRAPS: tuple[Trap, ...] = (
    *(_value_trap(name, statement, value) for name, (statement, value) in _READ_AS.items()),
    *(_syntax_trap(name, inside, reason) for name, (inside, reason) in _SYNTAX_ERRORS.items()),
    *_OTHER,
    *_INCLUDES,
)
"""Every trap; names are unique."""

_INVALID_VALUE = re.compile(r'invalid value "(.*)" in "proxy_ssl_verify" directive', re.DOTALL)


def value_in_message(starts: bool, message: str) -> bytes | None:
    """The argument of ``proxy_ssl_verify`` as far as nginx's reaction shows it.

    For ``on`` and ``off`` the case and what follows a NUL are lost; see `plain_value`.
    """
    if starts:
        return b"off"
    match = _INVALID_VALUE.search(message)
    if match:
        return match[1].encode("utf-8", "surrogateescape")
    return b"on" if "no proxy_ssl_trusted_certificate" in message else None
