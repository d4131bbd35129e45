"""What nginx refuses when it starts, in its own words: such a configuration has no verdict to give."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.files import Problem
from checkov_nginx_tls.model import MAIN
from checkov_nginx_tls.modules import FLAGS, MODULES, PASS_DIRECTIVES
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.upstreams import Flag, flag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from checkov_nginx_tls.model import Block, Configuration, Placed

_SINGLE_SETTINGS: Final = (
    "trusted_certificate",
    "verify_depth",
    "name",
    "crl",
    "certificate",
    "certificate_key",
    "ciphers",
    "password_file",
)
_NUMBER: Final = re.compile(r"[0-9]+")
_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_ONCE: Final = frozenset(
    {
        *FLAGS,
        *(module.pass_directive for module in MODULES if not module.repeats),
        *(f"{module.ssl_prefix}_{setting}" for module in MODULES for setting in _SINGLE_SETTINGS),
    }
)
_PREFIXES: Final = tuple(f"{module.ssl_prefix}_" for module in MODULES)
_KNOWN_FAMILIES: Final = frozenset({MAIN, "http", "stream", "mail", "events", "mgmt"})
"""Blocks of main, and main itself, of which it is known what nginx takes in them: not ``rtmp`` and its like."""

_BLOCK_CONTEXTS: Final = {
    "location": frozenset({"http.server", "http.location"}),
    "if": frozenset({"http.server", "http.location"}),
    "limit_except": frozenset({"http.location"}),
    "upstream": frozenset({"http", "stream"}),
    "server": frozenset({"http", "stream", "mail"}),
}
_BLOCK_ARGUMENTS: Final = {"upstream": (1, 1), "location": (1, 2), "limit_except": (1, 99), "if": (1, 99)}
"""How many arguments blocks take at least and at most (``NGX_CONF_TAKE1``, ``TAKE12`` and ``1MORE``)."""


def refusals(configuration: Configuration) -> Iterator[Problem]:
    """Directives of this package's concern that make nginx refuse the configuration."""
    unknown = None if configuration.complete else configuration.root
    for name, blocks in configuration.blocks_with.items():
        if name in _ONCE or name.startswith(_PREFIXES):
            for block in blocks:
                yield from _refused(block, name, context_is_known=block is not unknown)
    for name, contexts in _BLOCK_CONTEXTS.items():
        for block in configuration.blocks_named.get(name, ()):
            yield from _refused_block(block, contexts, unknown)


def _refused_block(block: Block, contexts: AbstractSet[str], unknown: Block | None) -> Iterator[Problem]:
    """What is wrong with a block that belongs into these contexts; what ``unknown`` holds may stand in any."""
    placed, parent = block.placed, block.parent
    if placed is None or parent is None or parent.data or placed.conditions or not _is_known(parent):
        return
    directive = placed.directive
    least, most = _BLOCK_ARGUMENTS.get(directive.name, (0, len(directive.args)))
    if parent is not unknown and parent.type not in contexts:
        yield _problem(placed, _not_allowed(directive.name))
    elif not least <= len(directive.args) <= most and not any(isinstance(arg, Templated) for arg in directive.args):
        yield _problem(placed, _wrong_number(directive.name))


def _refused(block: Block, name: str, *, context_is_known: bool) -> Iterator[Problem]:
    """What is wrong with a block's own directives of a name; those that a template makes may be others."""
    written = [placed for placed in block.own(name) if not placed.conditions and not placed.directive.is_opaque]
    misplaced = context_is_known and _is_known(block) and not _is_allowed(block, name)
    for number, placed in enumerate(written):
        if misplaced:
            yield _problem(placed, _not_allowed(name))
        elif number and name in _ONCE:
            yield _problem(placed, f'"{name}" directive is duplicate')
        elif name in _ONCE and (reason := _wrong_value(block, placed)) is not None:
            yield _problem(placed, reason)


def _is_known(block: Block) -> bool:
    return block.type.partition(".")[0] in _KNOWN_FAMILIES


def _is_allowed(block: Block, name: str) -> bool:
    """Whether one of the modules that know a directive takes it in a block of this type."""
    if block.type == "http.if" and block.parent is not None and block.parent.type == "http.server":
        return name not in PASS_DIRECTIVES
    return _is_allowed_in(block.type, name)


@lru_cache(maxsize=1024)
def _is_allowed_in(context: str, name: str) -> bool:
    contexts: set[str] = set()
    known = False
    for module in MODULES:
        if name == module.pass_directive:
            known = True
            contexts |= module.pass_contexts
        elif name == module.tls_flag or name.startswith(f"{module.ssl_prefix}_"):
            known = True
            contexts |= module.ssl_contexts
    return not known or context in contexts or "_by_lua" in name


def _wrong_value(block: Block, placed: Placed) -> str | None:
    name, args = placed.directive.name, placed.directive.args
    if len(args) != 1:
        return _wrong_number(name)
    value = args[0]
    if isinstance(value, Templated) or "$" in value:
        return None
    if name in FLAGS and flag(placed) is Flag.UNDECIDED:
        return f'invalid value "{value}" in "{name}" directive, it must be "on" or "off"'
    if name.endswith("_ssl_verify_depth") and not _NUMBER.fullmatch(value):
        return f'"{name}" directive invalid number'
    if name == "proxy_pass" and block.type.startswith("http") and not _URL.match(value):
        return f'invalid URL prefix in "{value}"'
    return None


def _wrong_number(name: str) -> str:
    return f'invalid number of arguments in "{name}" directive'


def _not_allowed(name: str) -> str:
    return f'"{name}" directive is not allowed here'


def _problem(placed: Placed, reason: str) -> Problem:
    return Problem(placed.directive.source.path, placed.directive.line, reason)
