"""What rules about the settings that nginx hands to OpenSSL have in common: where they look, and what counts."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import Judgement, keys_of, places, unseen_connections
from checkov_nginx_tls.modules import MODULES
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from checkov_nginx_tls.model import Block, Configuration, Placed
    from checkov_nginx_tls.templates import Case
    from checkov_nginx_tls.upstreams import Connection

_RENDERING_LIMIT: Final = 64
"""Renderings of a template that are looked at; with more the settings count as not known."""


_SETTINGS: Final = ("protocols", "ciphers", "conf_command")


class Settings(NamedTuple):
    """The effective directives of one block, for one module and one rendering of a template.

    ``protocols`` and ``commands`` are ``*_ssl_protocols`` and ``*_ssl_conf_command``, of which a block may have
    several, in order; ``ciphers`` is ``*_ssl_ciphers``. None is without arguments: nginx refuses those.
    """

    protocols: tuple[Placed, ...]
    ciphers: Placed | None
    commands: tuple[Placed, ...]

    def commands_named(self, *names: str) -> list[Placed]:
        """The commands of these names, which are in lower case, and those whose name a template fills in."""
        return [
            placed
            for placed in self.commands
            if isinstance(placed.directive.args[0], Templated) or placed.directive.args[0].lower() in names
        ]


class Fault(NamedTuple):
    """A directive that weakens connections, and what it admits, for a message.

    ``missing`` are the includes in which the connections stand that it is for, where none is in sight.
    """

    placed: Placed
    admits: str
    missing: tuple[Placed, ...] = ()


Inspection = Callable[[Settings], "Sequence[Fault] | None"]
"""What is wrong with some settings; None where a value that decides is not known."""


def is_open(placed: Placed) -> bool:
    """Whether whoever deploys the file fills a value in: none of these directives takes variables of nginx."""
    return any(isinstance(value, Templated) or "$" in value for value in placed.directive.args)


def places_concerned(connections: Sequence[Connection], fault: Fault) -> str:
    """What a fault weakens, for a message."""
    return places(connections) if connections else unseen_connections(fault.missing)


def judge_settings(
    configuration: Configuration, connections: Sequence[Connection], inspect: Inspection, key: str
) -> Iterator[Judgement]:
    """A judgement for every TLS connection, and for faults whose connections are not in the scanned tree.

    ``key`` is the setting that decides where nothing is wrong: "protocols".
    """
    inspector = Inspector(inspect)
    for connection in connections:
        if connection.handles and connection.transport is not Transport.PLAINTEXT:
            yield from inspector.judge(connection, key)
    for fault in _unaccounted(configuration, connections, inspector):
        yield Judgement(CheckResult.FAILED, fault.placed, None, (fault.placed.directive.name,), fault)


class _Inspected(NamedTuple):
    """The settings that renderings of a template make, and what is wrong with each; none where that is too much.

    ``is_sound`` says that nothing is wrong with any.
    """

    settings: tuple[Settings, ...]
    faults: tuple[Sequence[Fault] | None, ...]
    is_sound: bool


class Inspector:
    """Inspects what is in effect in a block; blocks that take it from the same levels are looked at once.

    ``looks_at`` are the settings that matter: "conf_command".
    """

    def __init__(self, inspect: Inspection, looks_at: Sequence[str] = _SETTINGS) -> None:
        self._inspect = inspect
        self._looks_at = looks_at
        self._inspected: dict[tuple[object, ...], _Inspected] = {}
        self._arms: dict[tuple[str, Block], dict[str, Case]] = {}
        self._names: dict[str, frozenset[str]] = {}

    def judge(self, connection: Connection, key: str) -> Iterator[Judgement]:
        """A judgement for a connection that speaks TLS, perhaps; see ``judge_settings``.

        Where a template decides, it fails if every rendering has a fault.
        """
        certain = connection.transport is Transport.TLS
        keys = keys_of(connection.module, key)
        inspected = self.in_effect(connection)
        if inspected.is_sound:
            if certain:
                yield Judgement(CheckResult.PASSED, connection.placed, connection, keys)
            return
        known = [faults for faults in inspected.faults if faults is not None]
        if certain and known and len(known) == len(inspected.faults) and all(known):
            for fault in {id(fault.placed): fault for faults in known for fault in faults}.values():
                name = fault.placed.directive.name
                yield Judgement(CheckResult.FAILED, fault.placed, connection, (name,), fault)
        else:
            yield Judgement(CheckResult.UNKNOWN, connection.placed, connection, keys)

    def in_effect(self, connection: Connection) -> _Inspected:
        """What is in effect for a connection."""
        return self.look_at(connection.block.scope, connection.module.ssl_prefix, connection.given)

    def look_at(self, block: Block, prefix: str, given: Sequence[Case]) -> _Inspected:
        """What is in effect in a block for one module where the given cases of templates hold."""
        if prefix not in self._names:
            self._names[prefix] = frozenset(f"{prefix}_{setting}" for setting in self._looks_at)
        source = block.nearest_of(self._names[prefix])
        arms = self._arms_in(prefix, source) if source is not None else {}
        relevant = tuple(case for case in given if case.construct in arms) if given else ()
        key = (prefix, source, relevant)
        if key not in self._inspected:
            settings = tuple(self._settings(source, prefix, rendering) for rendering in _renderings(arms, relevant))
            faults = tuple(map(self._inspect, settings))
            is_sound = bool(faults) and all(found is not None and not found for found in faults)
            self._inspected[key] = _Inspected(settings, faults, is_sound)
        return self._inspected[key]

    def _arms_in(self, prefix: str, block: Block) -> dict[str, Case]:
        """A case of each construct of templates on which the settings of a block depend."""
        key = (prefix, block)
        if key not in self._arms:
            names = (f"{prefix}_{setting}" for setting in self._looks_at)
            placed = (one for name in names for level in _deciding(block, name) for one in level.own(name))
            self._arms[key] = {case.construct: case for one in placed for case in one.conditions}
        return self._arms[key]

    def _settings(self, block: Block | None, prefix: str, rendering: Sequence[Case]) -> Settings:
        if block is None:
            return Settings((), None, ())
        found = {
            name: tuple(one for one in block.effective_all(f"{prefix}_{name}", rendering) if one.directive.args)
            for name in self._looks_at
        }
        ciphers = found.get("ciphers", ())[-1:]
        return Settings(found.get("protocols", ()), ciphers[0] if ciphers else None, found.get("conf_command", ()))


def _renderings(arms: Mapping[str, Case], given: Sequence[Case]) -> list[tuple[Case, ...]]:
    """Every choice of arms of constructs, together with the given ones; none where that is too many."""
    known = {case.construct for case in given}
    if len(arms) > len(known) + _RENDERING_LIMIT:
        return []
    open_cases = [case for construct, case in arms.items() if construct not in known]
    if prod(case.arms for case in open_cases) > _RENDERING_LIMIT:
        return []
    choices = ([case._replace(arm=arm) for arm in range(case.arms)] for case in open_cases)
    return [(*given, *chosen) for chosen in product(*choices)]


def _deciding(block: Block, name: str) -> Iterator[Block]:
    """The levels one of which gives a block its directives of a name: the nearest, unless a template decides."""
    for level in block.levels_with(name):
        yield level
        if level.rendered(name) == {()}:
            break


def _unaccounted(
    configuration: Configuration, connections: Sequence[Connection], inspector: Inspector
) -> Iterator[Fault]:
    """Faults that are certain where connections may stand that are not in the scanned tree, and at none in it."""
    found: dict[int, Fault] = {}
    for block, prefix in _open_blocks(configuration, connections):
        inspected = inspector.look_at(block, prefix, ()).faults
        if inspected and all(inspected):
            missing = tuple(block.unresolved)
            for fault in (fault for faults in inspected for fault in faults or ()):
                found.setdefault(id(fault.placed), fault._replace(missing=missing))
    seen = {id(one): one for one in (inspector.in_effect(connection) for connection in connections if found)}
    for one in seen.values():
        for settings in one.settings:
            for placed in (*settings.protocols, settings.ciphers, *settings.commands):
                found.pop(id(placed), None)
    yield from found.values()


def _open_blocks(configuration: Configuration, connections: Sequence[Connection]) -> Iterator[tuple[Block, str]]:
    """Blocks in which connections may stand that nobody sees, each with a module's prefix."""
    used = {connection.module.ssl_prefix for connection in connections}
    bare = [] if configuration.complete or configuration.root.unresolved else [configuration.root]
    for block in [*bare, *configuration.unresolved_blocks]:
        family = block.type.partition(".")[0]
        for prefix in sorted({module.ssl_prefix for module in MODULES if module.family == family}):
            if block.unresolved or prefix not in used:
                yield block, prefix
