"""Where settings are written so that connections get them, and nobody else gets anything that does harm.

A setting that somebody wrote for the very block of a connection gets another value; a new one is written next to the
pass directive. One place for all of them is taken where there is one: next to the directive at fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.fixes.edits import Edit, Unmendable, inserted_after, replaced, statement
from checkov_nginx_tls.fixes.names import only_name
from checkov_nginx_tls.model import always_holds, may_hold
from checkov_nginx_tls.modules import MODULES
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import Flag, flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from checkov_nginx_tls.fixes.world import Context, World
    from checkov_nginx_tls.model import Block, Placed
    from checkov_nginx_tls.syntax import Directive
    from checkov_nginx_tls.templates import Case
    from checkov_nginx_tls.upstreams import Connection

    Wants = Mapping[str, str]
    """Values by settings, which are named without the module's prefix: ``verify``."""

TLS: Final = ""
"""The switch of modules that have one: ``proxy_ssl`` of stream, which is called like its prefix."""

ORDER: Final = (TLS, "verify", "trusted_certificate", "verify_depth", "name", "server_name", "session_reuse")
"""The settings that are written, in the order in which they stand below each other."""

_ONLY_FOR_VERIFICATION: Final = frozenset({"trusted_certificate", "verify_depth"})
"""Settings that mean nothing to a connection that is not verified."""

_HARMLESS: Final = frozenset({"server_name", "session_reuse"})
"""Settings whose new value does no harm to anybody: a name is sent, and a session is not reused."""


class InEffect:
    """What is set for connections when some directives will have other names: those in ``renamed``."""

    def __init__(self, renamed: Mapping[Directive, str] | None = None) -> None:
        self._renamed = renamed or {}

    def own(self, block: Block, name: str) -> Sequence[Placed]:
        """A block's own directives of a name."""
        if not self._renamed:
            return block.own(name)
        old_names = {directive.name for directive, new in self._renamed.items() if new == name}
        found = [placed for placed in block.own(name) if placed.directive not in self._renamed]
        for old in sorted(old_names):
            found += [placed for placed in block.own(old) if self._renamed.get(placed.directive) == name]
        return found

    def possible(self, connection: Connection, setting: str) -> Sequence[Placed | None]:
        """The directives one of which is in effect for a setting of a connection; None stands for none."""
        name = full_name(connection, setting)
        if not self._renamed:
            return connection.block.scope.possible(name, connection.given).directives
        for block in connection.block.scope.inheritance():
            own = self.own(block, name)
            if any(placed.conditions for placed in own):
                raise Unmendable(f"a template decides on {name} ({own[0].directive.place})")
            if own:
                return (own[-1],)
        return (None,)


def full_name(connection: Connection, setting: str) -> str:
    """The directive of a connection's module for a setting."""
    prefix = connection.module.ssl_prefix
    return f"{prefix}_{setting}" if setting else prefix


def commands_of(connection: Connection) -> list[Placed]:
    """The commands that nginx hands to OpenSSL for a connection."""
    return connection.block.scope.effective_all(full_name(connection, "conf_command"), connection.given)


def anchor_of(connection: Connection) -> Placed:
    """The directive next to which settings of a connection may stand: nginx takes none in an ``if`` or its like."""
    head = connection.block.placed
    return head if connection.block.noname and head is not None else connection.placed


class Plan:
    """Writes settings for connections, all of one prefix.

    ``wants`` are the values that connections must get; one among them without wants is fine as it is, and must stay
    so. ``verified`` are those that will be verified, besides those that are. Connections that are not among them keep
    what they have where it matters to them. ``common`` is a directive next to which settings may stand that all need.
    ``as_they_will_be`` are connections as other edits of the same fix make them.
    """

    def __init__(
        self,
        world: World,
        wants: Mapping[Connection, Wants],
        verified: AbstractSet[Connection] = frozenset(),
        common: Directive | None = None,
        settings: InEffect | None = None,
        as_they_will_be: Mapping[Connection, Connection] | None = None,
    ) -> None:
        self._world = world
        self._wants = {connection: dict(values) for connection, values in wants.items()}
        self._verified = verified
        self._common = common
        self._settings = settings or InEffect()
        self._changed = as_they_will_be or {}
        self._inserted: dict[Directive, dict[str, str]] = {}
        self._replaced: dict[Directive, str] = {}
        self._planned: dict[tuple[Block, str], list[tuple[Sequence[Case], str]]] = {}

    def edits(self) -> Iterator[Edit]:
        """The edits that write the settings. Raises Unmendable where there is no place for one."""
        for setting in ORDER:
            pending = {one: values[setting] for one, values in self._wants.items() if setting in values}
            if pending and self._common is not None and self._written_once(self._common, setting, pending):
                continue
            for connection in sorted(pending, key=_level):  # those in nested locations inherit
                self._place(connection, setting, pending[connection])
        self._check_insertions()
        for directive, value in self._replaced.items():
            yield replaced(self._world.file_of(directive), directive, 1, value)
        for directive, values in self._inserted.items():
            file = self._world.file_of(directive)
            ordered = sorted(values, key=lambda name: ORDER.index(_setting(name)))
            yield inserted_after(file, directive, [statement(name, values[name], file) for name in ordered])

    def touched(self) -> frozenset[Block]:
        """The blocks whose settings change."""
        scopes = {connection.block.scope for connection in self._wants}
        return frozenset(scopes.union(block for block, _ in self._planned))

    # ------------------------------------------------------------------------------------------- one place for all

    def _written_once(self, common: Directive, setting: str, pending: Mapping[Connection, str]) -> bool:
        """Write a setting next to the common directive, or into it, if all can have it from there."""
        value = next(iter(pending.values()))
        if len(set(pending.values())) > 1:
            return False
        name = full_name(next(iter(pending)), setting)
        if common.name == name:
            users = {one for one in self._users(common, setting) if self._matters(one, setting, strictly=True)}
            if not users or not users <= pending.keys():
                return False
            self._replaced[common] = value
            for one in (one for one in pending if one not in users):
                self._place(one, setting, value)
            return True
        if not self._fits(common, name, setting, pending):
            return False
        self._insert(common, name, value)
        return True

    def _fits(self, common: Directive, name: str, setting: str, pending: Mapping[Connection, str]) -> bool:
        """Whether a setting can stand next to the common directive, and changes nothing for anybody else."""
        reached: set[Connection] = set()
        for block, placed in self._world.contexts(common):
            if (
                placed.conditions
                or block.unresolved
                or self._in_the_way(block, name, placed.conditions)
                or not _takes(block, name)
            ):
                return False
            for connection in self._below(block, name):
                if connection in pending:
                    reached.add(connection)
                elif self._matters(connection, setting, strictly=True):
                    return False
        return reached >= pending.keys()

    # ----------------------------------------------------------------------------------------- next to one connection

    def _place(self, connection: Connection, setting: str, value: str) -> None:
        name = full_name(connection, setting)
        scope, anchor = connection.block.scope, anchor_of(connection)
        own = self._in_the_way(scope, name, anchor.conditions)
        if own:
            if len(own) > 1 or not always_holds([own[0].conditions], connection.given):
                raise Unmendable(f"a template decides on {name} ({own[0].directive.place})")
            self._replace(own[0].directive, setting, value)
            return
        if self._inherits(connection, name, value):
            return
        for conditions, planned in self._planned.get((scope, name), ()):
            if always_holds([conditions], connection.given) and planned == value:
                return
            if may_hold(conditions, anchor.conditions):
                raise Unmendable(
                    f"{connection.target} ({connection.placed.directive.place}) needs another {name} than what shares "
                    "its block"
                )
        self._insert(anchor.directive, name, value)

    def _inherits(self, connection: Connection, name: str, value: str) -> bool:
        """Whether a connection gets a value from what is planned for a location around its own."""
        levels = list(connection.block.scope.inheritance())[1:]
        for level in levels:
            planned = self._planned.get((level, name), ())
            if planned or self._settings.own(level, name):
                return [(conditions, one) for conditions, one in planned] == [((), value)]
        return False

    def _insert(self, anchor: Directive, name: str, value: str) -> None:
        values = self._inserted.setdefault(anchor, {})
        if values.setdefault(name, value) != value:
            raise Unmendable(f"{name} would need different values where {anchor.source.name} is included")
        for block, placed in self._world.contexts(anchor):
            self._planned.setdefault((block, name), []).append((placed.conditions, value))

    def _replace(self, directive: Directive, setting: str, value: str) -> None:
        if self._replaced.setdefault(directive, value) != value:
            raise Unmendable(f"{directive.name} ({directive.place}) would need different values for its connections")
        for one in self._users(directive, setting):
            if self._wants.get(one, {}).get(setting) != value and self._matters(one, setting):
                raise Unmendable(
                    f"{directive.name} ({directive.place}) is also for {one.target} ({one.placed.directive.place})"
                )

    def _users(self, directive: Directive, setting: str) -> Iterator[Connection]:
        """The connections for which a directive may be in effect."""
        for block, _ in self._world.contexts(directive):
            for connection in self._world.below(block):
                found = self._settings.possible(connection, setting) if _shares(connection, directive.name) else []
                if any(placed is not None and placed.directive is directive for placed in found):
                    yield connection

    # ------------------------------------------------------------------------------------------------- what others get

    def _check_insertions(self) -> None:
        checked: set[tuple[Directive, str]] = set()
        while left := [
            (one, name) for one, names in self._inserted.items() for name in names if (one, name) not in checked
        ]:
            for anchor, name in left:
                checked.add((anchor, name))
                for context in self._world.contexts(anchor):
                    self._check(context, name, self._inserted[anchor][name])

    def _check(self, context: Context, name: str, value: str) -> None:
        """Look at everybody who gets a new setting. Raises Unmendable where it does harm, or cannot stand there."""
        block, placed = context
        if not _takes(block, name):
            raise Unmendable(f"{name} cannot stand in the block of {placed.directive.place}")
        for own in self._in_the_way(block, name, placed.conditions):
            raise Unmendable(
                f"{name} is set in the same block where {placed.directive.place} is included: {own.directive.place}"
            )
        for hidden in block.unresolved:
            if may_hold(hidden.conditions, placed.conditions):
                raise Unmendable(_hidden(hidden, name))
        setting = _setting(name)
        for connection in list(self._below(block, name)):
            if self._may_get(connection, setting, value) or not self._matters(connection, setting):
                continue
            if setting == "name" and connection in self._wants:
                self._place(connection, setting, only_name(self._changed.get(connection, connection)))
                continue
            includes = connection.placed.includes
            where = f", included at {includes[-1].place}" if includes else ""
            raise Unmendable(
                f"{connection.target} ({connection.placed.directive.place}{where}) would get {name} from there too, "
                "and needs another, or none"
            )

    def _may_get(self, connection: Connection, setting: str, value: str) -> bool:
        """Whether a value is one that a connection wants, or has, or that allows no less than the default."""
        if self._wants.get(connection, {}).get(setting) == value:
            return True
        if setting == "verify" and connection in self._verified:
            return True
        had = _values(self._settings.possible(connection, setting))
        return had == {value} or (setting == "verify_depth" and had == {None})

    def _matters(self, connection: Connection, setting: str, *, strictly: bool = False) -> bool:
        """Whether a new value of a setting may do harm to a connection, or strictly, whether it changes anything."""
        changed = self._changed.get(connection, connection)
        is_used = changed.handles and changed.transport is not Transport.PLAINTEXT
        if setting in {"verify", "trusted_certificate"}:
            is_used |= changed.loads_bundle
        if not is_used or (setting in _HARMLESS and not strictly):
            return False
        is_verified = connection in self._verified or connection.verification in {Flag.ON, Flag.UNDECIDED}
        if setting in {TLS, "verify"} or is_verified:
            return True
        if setting == "name":
            return strictly or flag(connection.setting("server_name")) in {Flag.ON, Flag.UNDECIDED}
        return setting not in _ONLY_FOR_VERIFICATION

    def _below(self, block: Block, name: str) -> Iterator[Connection]:
        """The connections that take a setting from a block; those for which something nearer is planned do not."""
        for connection in self._world.below(block):
            if not _shares(connection, name):
                continue
            for level in connection.block.scope.inheritance():
                if level is block:
                    yield connection
                    break
                if self._settings.own(level, name) or (level, name) in self._planned:
                    break

    def _in_the_way(self, block: Block, name: str, conditions: Sequence[Case]) -> list[Placed]:
        """A block's own directives of a name that a template may render together with what stands in some arms."""
        return [placed for placed in self._settings.own(block, name) if may_hold(placed.conditions, conditions)]


def _setting(name: str) -> str:
    return name.partition("_ssl_")[2]


def _level(connection: Connection) -> int:
    """How deep the block of a connection lies."""
    return sum(1 for _ in connection.block.scope.inheritance())


def _shares(connection: Connection, name: str) -> bool:
    """Whether a directive is one of the connection's module."""
    return f"{name}_".startswith(f"{connection.module.ssl_prefix}_")


def _takes(block: Block, name: str) -> bool:
    """Whether nginx takes a setting in a block."""
    family = block.type.partition(".")[0]
    return any(
        f"{name}_".startswith(f"{module.ssl_prefix}_") and block.type in module.ssl_contexts
        for module in MODULES
        if module.family == family
    )


def _values(found: Sequence[Placed | None]) -> set[str | None]:
    return {placed.directive.args[0] if placed is not None and placed.directive.args else None for placed in found}


def _hidden(hidden: Placed, name: str) -> str:
    directive = hidden.directive
    if directive.name == "include":
        what = f'the file of include "{directive.args[0]}"'
    else:
        what = f"what the template writes for {directive.name}"
    return f"{what} ({directive.place}) is not here and may set {name} too, which nginx takes once in a block"
