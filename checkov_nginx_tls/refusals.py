"""What nginx refuses when it starts, in its own words: such a configuration has no verdict to give."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.files import Problem
from checkov_nginx_tls.modules import FLAGS, MODULES, PASS_DIRECTIVES
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.upstreams import Flag, flag

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_ONCE: Final = frozenset(
    {
        *FLAGS,
        *(module.pass_directive for module in MODULES if not module.repeats),
        *(f"{module.ssl_prefix}_{setting}" for module in MODULES for setting in _SINGLE_SETTINGS),
    }
)
_PREFIXES: Final = tuple(f"{module.ssl_prefix}_" for module in MODULES)
_BLOCK_CONTEXTS: Final = {
    "location": frozenset({"http.server", "http.location"}),
    "if": frozenset({"http.server", "http.location"}),
    "limit_except": frozenset({"http.location"}),
    "upstream": frozenset({"http", "stream"}),
    "server": frozenset({"http", "stream", "mail"}),
}


def refusals(configuration: Configuration) -> Iterator[Problem]:
    """Directives of this package's concern that make nginx refuse the configuration."""
    for block in configuration.blocks:
        if block.data:
            continue
        context_is_known = configuration.complete or block is not configuration.root
        if context_is_known:
            yield from _misplaced_blocks(block)
        seen: set[str] = set()
        for placed in block.simple:
            name = placed.directive.name
            if name not in _ONCE and not name.startswith(_PREFIXES):
                continue
            if placed.conditions or placed.directive.is_opaque:
                continue
            reason = _refused(block, placed) if name in _ONCE else None
            if name in seen and name in _ONCE:
                reason = f'"{name}" directive is duplicate'
            if context_is_known and not _is_allowed(block, name):
                reason = _not_allowed(name)
            seen.add(name)
            if reason is not None:
                yield _problem(placed, reason)


def _misplaced_blocks(block: Block) -> Iterator[Problem]:
    for child in block.blocks:
        placed = child.placed
        if placed is None or placed.conditions:
            continue
        if block.type not in _BLOCK_CONTEXTS.get(placed.directive.name, {block.type}):
            yield _problem(placed, _not_allowed(placed.directive.name))


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
    return not known or context in contexts


def _refused(block: Block, placed: Placed) -> str | None:
    directive = placed.directive
    if len(directive.args) != 1:
        return f'invalid number of arguments in "{directive.name}" directive'
    value = directive.args[0]
    if isinstance(value, Templated):
        return None
    if directive.name in FLAGS:
        if flag(placed) is not Flag.UNDECIDED or "$" in value:
            return None
        return f'invalid value "{value}" in "{directive.name}" directive, it must be "on" or "off"'
    if directive.name == "proxy_pass" and block.type.startswith("http") and "$" not in value:
        return None if value.lower().startswith(("http://", "https://")) else f'invalid URL prefix in "{value}"'
    return None


def _not_allowed(name: str) -> str:
    return f'"{name}" directive is not allowed here'


def _problem(placed: Placed, reason: str) -> Problem:
    return Problem(placed.directive.source.path, placed.directive.line, reason)
