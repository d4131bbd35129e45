"""What a fix has to look at besides its finding: all connections that a directive is for, in every configuration."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.modules import MODULES
from checkov_nginx_tls.resources import ResourceNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.analysis import Analysis
    from checkov_nginx_tls.model import Block, Placed
    from checkov_nginx_tls.syntax import Directive, ParsedFile
    from checkov_nginx_tls.upstreams import Connection

    Place = tuple[str, str]
    """The id of a block's source, and its logical path there."""

_PREFIXES: Final = tuple(f"{module.ssl_prefix}_" for module in MODULES)
_PASSES: Final = frozenset(module.pass_directive for module in MODULES)
_AROUND_PASSES: Final = frozenset({"http.if", "http.limit_except"})


class Context(NamedTuple):
    """A directive in one block."""

    block: Block
    placed: Placed


class World:
    """One analysis, with indexes that are made when they are first asked for."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._names: dict[str, ResourceNames] = {}

    def file_of(self, directive: Directive) -> ParsedFile:
        """The file in which a directive stands."""
        return self._files[directive.source.id]

    def contexts(self, directive: Directive) -> Sequence[Context]:
        """The blocks in which a directive stands: one for each place where its file is included.

        Known for the TLS settings and passes of our modules, and for the blocks around passes that have no settings.
        """
        return self._contexts.get(directive, ())

    def place_of(self, block: Block) -> Place:
        """What a block is known by while texts change."""
        if block.placed is None:
            return self._mains[block], ""
        directive = block.placed.directive
        source_id = directive.source.id
        if source_id not in self._names:
            self._names[source_id] = ResourceNames(self._files[source_id])
        return source_id, self._names[source_id].logical_path(directive)

    def passing(self, directive: Directive) -> Sequence[Connection]:
        """The connections that a pass directive makes: one for each place where its file is included."""
        return self._passing.get(directive, ())

    def below(self, block: Block) -> Sequence[Connection]:
        """The connections that take their settings from a block, unless a nearer one says otherwise."""
        return self._below.get(block, ())

    def is_skipped(self, check_id: str, connection: Connection) -> bool:
        """Whether a comment skips a check's findings about a connection."""
        return (check_id, connection) in self._skipped

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """All connections of all configurations."""
        return tuple(connection for judged in self._analysis.judged for connection in judged.connections)

    @cached_property
    def _files(self) -> dict[str, ParsedFile]:
        return {name: file for judged in self._analysis.judged for name, file in judged.configuration.files.items()}

    @cached_property
    def _contexts(self) -> dict[Directive, list[Context]]:
        found: dict[Directive, list[Context]] = {}
        for judged in self._analysis.judged:
            for block in judged.configuration.root.walk():
                for placed in _of_interest(block):
                    found.setdefault(placed.directive, []).append(Context(block, placed))
        return found

    @cached_property
    def _mains(self) -> dict[Block, str]:
        return {judged.configuration.root: judged.configuration.main.source.id for judged in self._analysis.judged}

    @cached_property
    def _passing(self) -> dict[Directive, list[Connection]]:
        found: dict[Directive, list[Connection]] = {}
        for connection in self.connections:
            found.setdefault(connection.placed.directive, []).append(connection)
        return found

    @cached_property
    def _below(self) -> dict[Block, list[Connection]]:
        found: dict[Block, list[Connection]] = {}
        for connection in self.connections:
            for block in connection.block.scope.inheritance():
                found.setdefault(block, []).append(connection)
        return found

    @cached_property
    def _skipped(self) -> set[tuple[str, Connection]]:
        return {
            (outcome.check.id, judgement.connection)
            for outcome in self._analysis.outcomes
            for judgement in outcome.skipped
            if judgement.connection is not None
        }


def _of_interest(block: Block) -> Iterator[Placed]:
    if block.data:
        return
    for placed in block.simple:
        name = placed.directive.name
        if name.startswith(_PREFIXES) or name in _PASSES:
            yield placed
    for inner in block.blocks:
        if inner.type in _AROUND_PASSES and inner.placed is not None:
            yield inner.placed
