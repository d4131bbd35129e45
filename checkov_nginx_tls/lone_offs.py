"""Directives that turn verification off where the connections that they are for cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checkov_nginx_tls.modules import MODULES, VERIFIES_BY_DEFAULT
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.upstreams import Flag, flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Block, Configuration, Placed
    from checkov_nginx_tls.upstreams import Connection


class LoneOff(NamedTuple):
    """A flag that is off, and the block in which it stands; not ``certain`` where a template decides.

    ``missing`` are the includes whose files may hold the connections that it is for.
    """

    block: Block
    placed: Placed
    certain: bool
    missing: tuple[Placed, ...] = ()


def lone_offs(configuration: Configuration, connections: Sequence[Connection]) -> Iterator[LoneOff]:
    """Those for connections outside the scanned tree, and those of the clients in nginx that verify by default."""
    yield from _unaccounted(configuration, connections)
    for name, contexts in VERIFIES_BY_DEFAULT.items():
        for block in configuration.blocks_with.get(name, ()):
            if block.type in contexts:
                yield from _offs(block, name)


def _unaccounted(configuration: Configuration, connections: Sequence[Connection]) -> Iterator[LoneOff]:
    """Explicit offs that may be in effect for connections outside the scanned tree, and for none inside."""
    connections = [connection for connection in connections if not connection.placed.directive.is_guess]
    possible = {connection.possible("verify") for connection in connections}
    accounted = {id(placed) for one in possible for placed in one.directives}
    guessed = {placed.directive.written for one in possible for placed in one.directives if placed is not None}
    used = {connection.module.verify for connection in connections}
    hidden: dict[int, list[Placed]] = {}
    for block in configuration.unresolved_blocks:
        for name in _verify_directives(block):
            for placed in block.possible(name).directives:
                hidden.setdefault(id(placed), []).extend(block.unresolved)
    everywhere = (block for block in configuration.blocks if not block.data)
    for block in everywhere if hidden else (configuration.root,):
        bare = block is configuration.root and not configuration.complete
        for name in _verify_directives(block):
            for off in _offs(block, name):
                reaches_unknown = id(off.placed) in hidden or (bare and name not in used)
                directive = off.placed.directive
                is_read_otherwise = directive.is_guess and directive.written in guessed
                if id(off.placed) not in accounted and reaches_unknown and not is_read_otherwise:
                    yield off._replace(missing=tuple(hidden.get(id(off.placed), ())))


def _offs(block: Block, name: str) -> Iterator[LoneOff]:
    """A block's own directives that turn a flag off, or perhaps do where a template decides."""
    own = block.own(name)
    if not any(placed.conditions for placed in own):
        own = own[-1:]
    for placed in own:
        value = flag(placed)
        if value is Flag.OFF:
            yield LoneOff(block, placed, certain=len(own) == 1 and not placed.conditions)
        elif value is Flag.UNDECIDED and any(isinstance(arg, Templated) for arg in placed.directive.args):
            yield LoneOff(block, placed, certain=False)


def _verify_directives(block: Block) -> list[str]:
    family = block.type.partition(".")[0]
    return sorted({module.verify for module in MODULES if module.family == family})
