"""What a directive may be whose name a template fills in, as a whole or in part.

Where the template's text says what the name is, that is so. Else it may be any name that fits, of those that matter to
this package: this is a guess.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from crossplane.analyzer import DIRECTIVES

from checkov_nginx_tls.modules import FLAGS, HANDLERS, MODULES, PASS_DIRECTIVES
from checkov_nginx_tls.signatures import is_judged
from checkov_nginx_tls.templates import Case, Expression

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CHOICES: Final = 16
"""Names beyond which a directive counts as unknown."""

_SETTINGS: Final = (
    "verify trusted_certificate verify_depth name server_name protocols ciphers conf_command session_reuse certificate"
    " certificate_key crl password_file".split()
)
_NAMES: Final = tuple(
    sorted(
        {
            *PASS_DIRECTIVES,
            *HANDLERS,
            *FLAGS,
            *(f"{module.ssl_prefix}_{setting}" for module in MODULES for setting in _SETTINGS),
        }
    )
)
_BLOCKS: Final = ("http", "stream", "server", "location", "if", "limit_except", "upstream", "acme_issuer", "mgmt")
_EXPRESSION: Final = re.compile(r"(\$\{\w+\}|\$[A-Z][A-Z0-9_]*)")
"""What envsubst or a shell fills in: no name of a directive has a variable."""

_MORE_THAN_WORD: Final = re.compile(r"[\s;]")
_STATEMENTS: Final = re.compile(r"[^\"'`\\{}#]*")
_SPEAKS_TLS: Final = tuple(
    (module.tls_scheme, module.pass_directive) for module in MODULES if module.tls_scheme is not None
)


class Reading(NamedTuple):
    """A directive that one may be: its name and arguments, and the case that it is that one, if there are others.

    ``is_guess`` says that the template's text does not tell.
    """

    name: str
    args: tuple[str, ...]
    case: Case | None
    is_guess: bool


def is_filled_in(name: str) -> bool:
    """Whether something fills in a part of a name that no template's tag does."""
    return "$" in name and _EXPRESSION.search(name) is not None


def is_filled_with_statements(name: str, first: str) -> bool:
    """Whether a name, written with this first character, is more than a word: a tag was there with a constant text."""
    return first not in "\"'" and _MORE_THAN_WORD.search(name) is not None


def readings(
    parts: Sequence[str | Expression], args: tuple[str, ...], *, is_block: bool, place: str
) -> tuple[Reading, ...]:
    """What a directive may be whose name has these parts; ``place`` tells it from all others."""
    pieces = [piece for part in parts for piece in _split(part)]
    if all(isinstance(piece, str) or piece.choices for piece in pieces):
        return tuple(_chosen(pieces, args, place, is_block=is_block))
    found = dict.fromkeys(_guessed(pieces, args, is_block=is_block))
    return tuple(
        Reading(*words, Case(f"{place} is", number, len(found) + 1, complete=False), is_guess=True)
        for number, words in enumerate(found)
    )


def block_inside(context: str, args: tuple[str, ...]) -> str:
    """The block in which requests are passed on that stands in this context and has such arguments, "" for none."""
    if args:
        return "location" if context in ("http.server", "http.location") else ""
    return {"main": "http", "http": "server", "stream": "server"}.get(context, "")


def _split(part: str | Expression) -> Iterator[str | Expression]:
    if isinstance(part, Expression):
        yield part
        return
    for number, piece in enumerate(_EXPRESSION.split(part)):
        if piece:
            yield Expression(piece, ()) if number % 2 else piece


def _chosen(
    pieces: Sequence[str | Expression], args: tuple[str, ...], place: str, *, is_block: bool
) -> Iterator[Reading]:
    """The statements of which the template's text chooses one."""
    choices = [(piece,) if isinstance(piece, str) else piece.choices for piece in pieces]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _CHOICES:
        return
    texts = list(dict.fromkeys(map("".join, product(*choices))))
    for number, text in enumerate(texts):
        if _STATEMENTS.fullmatch(text) is None or (is_block and ";" in text):
            continue
        case = Case(f"{place} is", number, len(texts), complete=True) if len(texts) > 1 else None
        *before, last = (tuple(statement.split()) for statement in text.split(";"))
        for name, *rest in filter(None, (*before, (*last, *args))):
            yield Reading(name, tuple(rest), case, is_guess=False)


def _guessed(
    pieces: Sequence[str | Expression], args: tuple[str, ...], *, is_block: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names that fit and arguments that suit them, of those that matter.

    What is filled in may be nothing, or the sign of a comment.
    """
    plain = "".join(piece for piece in pieces if isinstance(piece, str))
    words = (plain, *args) if plain else args
    names = _BLOCKS if is_block else _NAMES
    if words and type(words[0]) is str and (words[0] in names if is_block else _is_known(words[0])):
        yield words[0], words[1:]
    if plain or is_block:
        yield from ((name, args) for name in names if _fits(pieces, name) and (is_block or _suits(name, args)))
    elif len(args) == 1:
        yield from ((name, args) for scheme, name in _SPEAKS_TLS if args[0].lower().startswith(scheme))


def _is_known(name: str) -> bool:
    return name in DIRECTIVES or name in _NAMES or is_judged(name)


def _fits(pieces: Sequence[str | Expression], name: str) -> bool:
    """Whether a name has the constants among some pieces in their order, and anything in the place of expressions."""
    first, last = pieces[0], pieces[-1]
    position = len(first) if isinstance(first, str) else 0
    end = len(name) - (len(last) if isinstance(last, str) else 0)
    if (isinstance(first, str) and not name.startswith(first)) or (isinstance(last, str) and not name.endswith(last)):
        return False
    for piece in pieces[1:-1]:
        if isinstance(piece, str):
            found = name.find(piece, position, end)
            if found < 0:
                return False
            position = found + len(piece)
    return position <= end


def _suits(name: str, args: tuple[str, ...]) -> bool:
    """Whether a directive may have these arguments."""
    if name.endswith("_protocols"):
        return all(type(arg) is not str or arg.upper().startswith(("SSL", "TLS")) for arg in args)
    if len(args) != (2 if name.endswith("_conf_command") else 1):
        return False
    value = args[0].lower()
    if type(args[0]) is not str or "$" in value:
        return True
    if name in HANDLERS or name in PASS_DIRECTIVES:
        return ":" in value
    return value in ("on", "off") if name in FLAGS else _is_number(value) or not name.endswith("_depth")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
