"""Every outbound connection of a configuration, with the settings nginx would use for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.model import always_holds, may_hold, shortened
from checkov_nginx_tls.modules import HANDLERS, HTTP_PROXY, MODULES, PASS_DIRECTIVES, STREAM_HANDLERS, ZONE_SYNC
from checkov_nginx_tls.rewrites import is_named, rewrite_levels, surely_run
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import (
    ManyNames,
    Target,
    Transport,
    is_address,
    is_loopback,
    name_in,
    targets,
    transport_of,
)
from checkov_nginx_tls.variables import UNKNOWN_VALUE, Unfixed, Variables, constant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Block, Configuration, Placed, Possible
    from checkov_nginx_tls.modules import Module
    from checkov_nginx_tls.templates import Case
    from checkov_nginx_tls.variables import Value


class Flag(Enum):
    """The value of a flag directive; UNDECIDED where it is an expression or no legal value."""

    ON = "on"
    OFF = "off"
    UNSET = "unset"
    UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False)
class Group:
    """An ``upstream`` block: its lower-cased name (nginx compares without case) and its members' addresses.

    Arms of a template may each have one of a name; ``conditions`` are the cases in which this one is rendered.
    """

    name: str
    block: Block
    members: tuple[str, ...]
    conditions: tuple[Case, ...]

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The members' hosts in lower case."""
        return frozenset(member.partition(":")[0].lower() for member in self.members)


@dataclass(frozen=True, eq=False)
class Connection:
    """A pass directive in one context, which a template renders where the cases in ``given`` hold.

    ``targets`` are the possible meanings of its argument. ``transport`` is what nginx speaks at run time: where a
    template may make another directive of it, UNDECIDED instead of TLS.
    ``loads_bundle`` says that nginx builds a TLS context for it when it starts, and so wants the trusted
    certificates if verification is on: a TLS target, or any target with a variable (``ngx_http_proxy_pass``:
    ``plcf->ssl = 1``). ``handles`` is False for a pass that serves no request: a later one in the same block
    replaces it, or a ``return`` beside it answers first. ``groups`` are the upstream groups it may reach.
    ``names`` are the names that nginx would verify; ``fixed_name`` is the ``*_ssl_name`` that says so, None where that
    says nothing else than the name in the target. ``verify`` is the directive that decides whether nginx verifies, as
    ``verification`` says, and ``trusted_certificate`` the one that names the bundle: None where nobody set it.
    """

    module: Module
    block: Block
    placed: Placed
    given: tuple[Case, ...]
    targets: tuple[Target, ...]
    transport: Transport
    loads_bundle: bool
    handles: bool
    groups: tuple[Group, ...]
    names: frozenset[Value]
    fixed_name: Placed | None
    verify: Placed | None
    trusted_certificate: Placed | None
    verification: Flag

    @property
    def target(self) -> str:
        """The pass directive's argument as nginx decodes it."""
        return self.placed.directive.args[0]

    def setting(self, name: str) -> Placed | None:
        """The directive in effect for one of the module's TLS settings: ``setting("verify")``."""
        return self.block.scope.effective(f"{self.module.ssl_prefix}_{name}", self.given)

    def possible(self, name: str) -> Possible:
        """The directives one of which is in effect for a setting; see ``Block.possible``."""
        return self.block.scope.possible(f"{self.module.ssl_prefix}_{name}", self.given)

    @property
    def is_verified(self) -> bool:
        """Whether it serves requests over TLS, perhaps, with verification on."""
        return self.handles and self.transport is not Transport.PLAINTEXT and self.verification is Flag.ON

    @property
    def bundle(self) -> str:
        """The bundle in effect as written; "" where there is none, for an explicit empty value counts as none."""
        return bundle_of(self.trusted_certificate)

    @property
    def tls_hosts(self) -> tuple[Value, ...]:
        """The hosts that it may reach over TLS."""
        return tuple(target.host for target in self.targets if target.transport is not Transport.PLAINTEXT)

    def groups_named(self, name: str) -> list[Group]:
        """The groups of a name in any case, of which one is rendered."""
        lowered = name.lower()
        return [group for group in self.groups if group.name == lowered]

    @property
    def stays_on_this_machine(self) -> bool:
        """Whether every address it can reach over TLS is a loopback address, ``localhost`` or a unix socket."""
        for host in self.tls_hosts:
            text = constant(host)
            if text is None:
                return False
            groups = self.groups_named(text)
            in_sight = self._always_has_one(groups)
            addresses = [member for group in groups for member in group.members] if in_sight else [text]
            if not addresses or not all(map(is_loopback, addresses)):
                return False
        return bool(self.tls_hosts)

    def _always_has_one(self, groups: Sequence[Group]) -> bool:
        """Whether one of these groups is there whatever a template chooses, and all their members are in sight."""
        if any(group.block.unresolved for group in groups):
            return False
        return always_holds([group.conditions for group in groups], self.given)


def connections(configuration: Configuration) -> tuple[Connection, ...]:
    """All outbound connections of a configuration in the order of its blocks."""
    finder = _Finder(configuration)
    passing = {block for name in PASS_DIRECTIVES for block in configuration.blocks_with.get(name, ())}
    blocks = (block for block in configuration.blocks if block in passing)
    return tuple(connection for block in blocks for connection in finder.connections_of(block))


def _groups_of(configuration: Configuration) -> Iterator[tuple[str, Group]]:
    """The upstream groups of a configuration with their family, "http" or "stream"."""
    for block in configuration.blocks_named.get("upstream", ()):
        if block.type in _GROUP_TYPES and block.placed is not None and block.placed.directive.args:
            members = tuple(placed.directive.args[0] for placed in block.own("server") if placed.directive.args)
            name = block.placed.directive.args[0].lower()
            yield block.type.partition(".")[0], Group(name, block, members, block.placed.conditions)


def flag(placed: Placed | None) -> Flag:
    """The value of a flag directive as ``ngx_conf_set_flag_slot`` reads it: any case, up to a NUL byte."""
    if placed is None:
        return Flag.UNSET
    args = placed.directive.args
    value = args[0].split("\0", 1)[0].lower() if len(args) == 1 else ""
    if value == "on":
        return Flag.ON
    return Flag.OFF if value == "off" else Flag.UNDECIDED


def bundle_of(placed: Placed | None) -> str:
    """The bundle that a directive names, "" for none."""
    return placed.directive.args[0] if placed is not None and placed.directive.args else ""


def matches_nothing(connection: Connection, name: str) -> bool:
    """Whether no certificate can have a name that a connection asks for."""
    if name == "" or name.endswith(".") or name.lower().startswith("unix:") or is_address(name):
        return True
    if connection.fixed_name is not None or "." in name:
        return False
    hosts = [group.hosts for group in connection.groups_named(name)]
    return any(hosts) and not any(name.lower() in some for some in hosts)


def is_named_by_address(connection: Connection) -> bool:
    """Whether the name is the address of a cluster node that DNS gives, as zone_sync_server's documentation says."""
    return (
        connection.module is ZONE_SYNC
        and connection.fixed_name is None
        and "resolve" in connection.placed.directive.args[1:]
    )


def verification_elsewhere(found: Sequence[Connection]) -> Iterator[tuple[Connection, Placed, bool]]:
    """Directives that turn verification on beside connections that miss it, and do not do so for them.

    Such a directive belongs to another module than the one that passes the requests on, or to a connection that does
    not speak TLS because its switch is not on. With each, whether any TLS connection uses it.
    """
    used = {id(one.verify) for one in found if one.handles and one.transport is not Transport.PLAINTEXT}
    for one in found:
        for name in _verification_meant(one) if one.handles else ():
            placed = one.block.scope.effective(name, one.given)
            if flag(placed) is Flag.ON and placed is not None:
                yield one, placed, id(placed) in used


def idle_verification(found: Sequence[Connection]) -> dict[Connection, Placed]:
    """Connections that miss verification turned on for them in vain, with the directive that is in vain."""
    return {one: placed for one, placed, used in verification_elsewhere(found) if not used}


def _verification_meant(connection: Connection) -> list[str]:
    module = connection.module
    if connection.transport is Transport.PLAINTEXT:
        return [module.verify] if module.tls_flag is not None and not _is_udp(connection.block) else []
    if connection.verification is not Flag.UNSET:
        return []
    return [other.verify for other in MODULES if other.family == module.family and other is not module]


_PROXY_HOST: Final = frozenset({"$proxy_host", "${proxy_host}"})
"""The host of the URL of proxy_pass (``ngx_http_proxy_host_variable``)."""

_GROUP_TYPES: Final = frozenset({"http.upstream", "stream.upstream"})


@lru_cache(maxsize=256)
def _modules_of(context: str) -> list[Module]:
    """The modules whose passes may stand in blocks of a type."""
    family = context.partition(".")[0]
    return [module for module in MODULES if module.family == family and context in module.pass_contexts]


@dataclass(frozen=True, eq=False)
class _Reached:
    """What the argument of a pass means, and the groups among it."""

    targets: tuple[Target, ...]
    groups: tuple[Group, ...]
    transport: Transport

    @cached_property
    def names(self) -> frozenset[Value]:
        """The hosts' names, which nginx verifies if ``*_ssl_name`` says nothing else."""
        return frozenset(name_in(one.host) for one in self.targets if one.transport is not Transport.PLAINTEXT)

    def over(self, transport: Transport) -> _Reached:
        """The same, spoken to in another way."""
        targets = dict.fromkeys(Target(transport, target.host) for target in self.targets)
        return _Reached(tuple(targets), self.groups, transport)


class _Finder:
    def __init__(self, configuration: Configuration) -> None:
        self.variables = Variables(configuration)
        self.groups: dict[tuple[str, str], list[Group]] = {}
        for family, group in _groups_of(configuration):
            self.groups.setdefault((family, group.name), []).append(group)
        self.names: dict[str, ManyNames] = {}
        self.literal: dict[tuple[Module, str], _Reached] = {}
        self.known: dict[tuple[Module, tuple[Target, ...]], _Reached] = {}

    def connections_of(self, block: Block) -> Iterator[Connection]:
        idle = _idle_passes(block)
        for module in _modules_of(block.type):
            for placed in block.own(module.pass_directive):
                if placed.directive.args:
                    yield self.connection(module, block, placed, handles=id(placed) not in idle)

    def connection(self, module: Module, block: Block, placed: Placed, *, handles: bool) -> Connection:
        argument = placed.directive.args[0]
        reached = self.reached(module, argument, block)
        if module.tls_flag is not None:
            reached = reached.over(_switched_transport(block, module.tls_flag, placed))
        if placed.directive.is_guess and reached.transport is Transport.TLS:
            reached = reached.over(Transport.UNDECIDED)
        fixed = _fixed_name(block, module, placed)
        given = placed.conditions
        verify = block.scope.effective(module.verify, given)
        loads_bundle = reached.transport is Transport.TLS or (module.tls_flag is None and "$" in argument)
        return Connection(
            module=module,
            block=block,
            placed=placed,
            given=given,
            targets=reached.targets,
            transport=reached.transport,
            loads_bundle=loads_bundle and not placed.directive.is_guess,
            handles=handles,
            groups=tuple(one for one in reached.groups if may_hold(one.conditions, given)) if given else reached.groups,
            names=reached.names if fixed is None else self.fixed_names(fixed, module, block, given),
            fixed_name=fixed,
            verify=verify,
            trusted_certificate=block.scope.effective(module.trusted_certificate, given),
            verification=flag(verify),
        )

    def reached(self, module: Module, argument: str, block: Block) -> _Reached:
        """What the argument of a pass in a block means."""
        if "$" in argument or isinstance(argument, Templated):
            return self.meaning(module, argument, block)
        key = (module, argument)
        if key not in self.literal:
            self.literal[key] = self.meaning(module, argument, block)
        return self.literal[key]

    def meaning(self, module: Module, argument: str, block: Block) -> _Reached:
        found = targets(module, self.variables.expand(argument, block))
        key = (module, found)
        if key not in self.known:
            groups = self.groups_for(module.family, [target.host for target in found])
            self.known[key] = _Reached(found, tuple(groups), transport_of(found))
        return self.known[key]

    def groups_for(self, family: str, hosts: Sequence[Value]) -> Iterator[Group]:
        """The groups that these hosts name, or that a client can name in them, by name."""
        names = {text.lower() for text in map(constant, hosts) if text is not None}
        if any(Unfixed.CLIENT in host for host in hosts):
            names.update(name for host in hosts for name in self.names_of_groups(family).that_may_be(host))
        for name in sorted(names):
            yield from self.groups.get((family, name), ())

    def names_of_groups(self, family: str) -> ManyNames:
        if family not in self.names:
            self.names[family] = ManyNames(name for one, name in self.groups if one == family)
        return self.names[family]

    def fixed_names(self, fixed: Placed, module: Module, block: Block, given: tuple[Case, ...]) -> frozenset[Value]:
        """``*_ssl_name`` without its port (``ngx_http_upstream_ssl_name``).

        Nothing is said where a template chooses and may choose more than one constant name.
        """
        possible = block.scope.possible(f"{module.ssl_prefix}_name", given).directives
        if len(possible) > 1 and any(one is not None and _may_be_any(one.directive.args) for one in possible):
            return frozenset({UNKNOWN_VALUE})
        if fixed.directive.args[0] in _PROXY_HOST:  # "localhost" for a unix socket, and empty without a proxy_pass
            return frozenset({("localhost",) if module is HTTP_PROXY else ()})
        return frozenset(name_in(value) for value in self.variables.expand(fixed.directive.args[0], block))


def _idle_passes(block: Block) -> set[int]:
    """The ids of passes that serve no request: what answers first, or replaces them, is rendered in any case."""
    answers = _answers(block)
    handlers = STREAM_HANDLERS if block.type == "stream.server" else HANDLERS
    passes = [
        placed
        for placed in block.simple
        if (placed.directive.name in handlers or placed.directive.name in PASS_DIRECTIVES) and placed.directive.args
    ]
    idle: set[int] = set()
    if len(passes) == 1 and not answers:
        return idle
    for placed in reversed(passes):
        if always_holds(answers, placed.conditions):
            idle.add(id(placed))
        if placed.directive.name in handlers:
            answers = shortened({*answers, placed.conditions})
    return idle


def _answers(block: Block) -> set[tuple[Case, ...]]:
    """The cases in which a ``return`` of the rewrite module answers every request that comes to a pass in a block."""
    if block.type == "stream.server":
        return set()
    returns = [
        placed
        for level in rewrite_levels(block)
        for placed in surely_run(level, "return")
        if level.type != "http.server" or not is_named(block)
    ]
    return shortened({placed.conditions for placed in returns}) if returns else set()


def _may_be_any(args: tuple[str, ...]) -> bool:
    """Whether these arguments of ``*_ssl_name`` are no constant name: variables, or a dot in front of a domain."""
    return bool(args) and ("$" in args[0] or args[0].startswith("."))


def _fixed_name(block: Block, module: Module, passed: Placed) -> Placed | None:
    placed = block.scope.effective(f"{module.ssl_prefix}_name", passed.conditions)
    if placed is None or not placed.directive.args:
        return None
    is_host = module is HTTP_PROXY and "://unix:" not in passed.directive.args[0].lower()
    return None if is_host and placed.directive.args[0] in _PROXY_HOST else placed


def _switched_transport(block: Block, tls_flag: str, passed: Placed) -> Transport:
    value = flag(block.effective(tls_flag, passed.conditions))
    if _is_udp(block):
        return Transport.PLAINTEXT
    if value is Flag.UNDECIDED:
        return Transport.UNDECIDED
    return Transport.TLS if value is Flag.ON else Transport.PLAINTEXT


def _is_udp(block: Block) -> bool:
    listens = block.own("listen")
    return bool(listens) and all("udp" in placed.directive.args for placed in listens)
