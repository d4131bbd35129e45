"""Every outbound connection of a configuration, with the settings nginx would use for it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from checkov_nginx_tls.modules import HANDLERS, MODULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from checkov_nginx_tls.model import Block, Configuration, Placed
    from checkov_nginx_tls.modules import Module


class Transport(Enum):
    """Whether nginx speaks TLS to the upstream; UNDECIDED where a value that is not known decides."""

    TLS = "TLS"
    PLAINTEXT = "plaintext"
    UNDECIDED = "undecided"


class Flag(Enum):
    """The value of a flag directive; UNDECIDED where it is an expression or no legal value."""

    ON = "on"
    OFF = "off"
    UNSET = "unset"
    UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False)
class Connection:
    """A pass directive in one context.

    ``transport`` is what nginx speaks at run time. ``loads_bundle`` says that nginx builds a TLS context for it
    when it starts, and so wants the trusted certificates if verification is on: a TLS target, or any target
    with a variable (``ngx_http_proxy_pass``: ``plcf->ssl = 1``). ``handles`` is False for a pass that a later
    one in the same block replaces. ``verify`` and ``trusted_certificate`` are the directives in effect, None
    where nobody set them. ``members`` are the addresses of the upstream group that the target names, None
    where it names none.
    """

    module: Module
    block: Block
    placed: Placed
    transport: Transport
    loads_bundle: bool
    handles: bool
    verify: Placed | None
    trusted_certificate: Placed | None
    members: tuple[str, ...] | None

    @property
    def target(self) -> str:
        """The pass directive's argument as nginx decodes it."""
        return self.placed.directive.args[0]

    @property
    def verification(self) -> Flag:
        """Whether nginx verifies the upstream's certificate on this connection."""
        return flag(self.verify)

    @property
    def has_bundle(self) -> bool:
        """Whether a bundle of trusted certificates is in effect; an explicit empty value counts as none."""
        bundle = self.trusted_certificate
        return bundle is not None and bool(bundle.directive.args) and bundle.directive.args[0] != ""

    @property
    def stays_on_this_machine(self) -> bool:
        """Whether every address it can reach is a loopback address, ``localhost`` or a unix socket."""
        if self.members is not None:
            return bool(self.members) and all(is_loopback(member) for member in self.members)
        host = host_of(self.target, self.module)
        return host is not None and is_loopback(host)


def connections(configuration: Configuration) -> tuple[Connection, ...]:
    """All outbound connections of a configuration in the order of its blocks."""
    groups = _groups(configuration.root)
    found: list[Connection] = []
    for block in configuration.root.walk():
        if not block.data:
            found.extend(_connections_of(block, groups))
    return tuple(found)


def flag(placed: Placed | None) -> Flag:
    """The value of a flag directive as ``ngx_conf_set_flag_slot`` reads it: any case, up to a NUL byte."""
    if placed is None:
        return Flag.UNSET
    args = placed.directive.args
    value = args[0].split("\0", 1)[0].lower() if len(args) == 1 else ""
    if value == "on":
        return Flag.ON
    return Flag.OFF if value == "off" else Flag.UNDECIDED


def is_loopback(address: str) -> bool:
    """Whether an address as nginx writes it (``host``, ``host:port``, ``[v6]:port``, ``unix:path``) is local."""
    if address.lower().startswith("unix:"):
        return True
    host = address[1:].partition("]")[0] if address.startswith("[") else address.partition(":")[0]
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(target: str, module: Module) -> str | None:
    """``host`` or ``host:port`` of a target, ``unix:path`` for a socket; None where a variable hides it."""
    rest = target
    for scheme in (module.tls_scheme, module.plain_scheme):
        if scheme is not None and target.lower().startswith(scheme):
            rest = target[len(scheme) :]
    if rest.lower().startswith("unix:"):
        return rest
    host = rest.partition("/")[0].partition("?")[0]
    return None if not host or "$" in host else host


def _connections_of(block: Block, groups: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[Connection]:
    family = block.type.partition(".")[0]
    passes = [placed for placed in block.simple if placed.directive.name in HANDLERS and placed.directive.args]
    for placed in passes:
        for module in MODULES:
            if module.family == family and module.pass_directive == placed.directive.name:
                yield _connection(module, block, placed, placed is passes[-1], groups)


def _connection(
    module: Module,
    block: Block,
    placed: Placed,
    handles: bool,
    groups: Mapping[tuple[str, str], tuple[str, ...]],
) -> Connection:
    target = placed.directive.args[0]
    transport = _transport(module, block, target)
    loads_bundle = transport is Transport.TLS or (module.tls_flag is None and "$" in target)
    host = host_of(target, module)
    members = groups.get((module.family, host.lower())) if host is not None else None
    return Connection(
        module=module,
        block=block,
        placed=placed,
        transport=transport,
        loads_bundle=loads_bundle,
        handles=handles,
        verify=block.effective(module.verify),
        trusted_certificate=block.effective(module.trusted_certificate),
        members=members,
    )


def _transport(module: Module, block: Block, target: str) -> Transport:
    if module.tls_flag is not None:
        return _switched_transport(block, module.tls_flag)
    scheme = _resolve_scheme(block, target).lower()
    if module.tls_scheme is not None and scheme.startswith(module.tls_scheme):
        return Transport.TLS
    if module.plain_scheme is not None and scheme.startswith(module.plain_scheme):
        return Transport.PLAINTEXT
    return Transport.UNDECIDED if "$" in scheme.partition("://")[0] else Transport.PLAINTEXT


def _switched_transport(block: Block, tls_flag: str) -> Transport:
    value = flag(block.effective(tls_flag))
    if _is_udp(block):
        return Transport.PLAINTEXT
    if value is Flag.UNDECIDED:
        return Transport.UNDECIDED
    return Transport.TLS if value is Flag.ON else Transport.PLAINTEXT


def _resolve_scheme(block: Block, target: str) -> str:
    """The target with a leading variable replaced by the constant that the block or one around it gives it."""
    if not target.startswith("$"):
        return target
    name = target[1:].partition("://")[0].strip("{}")
    for level in block.inheritance():
        values = {args[1] for args in _arguments(level, "set") if len(args) == 2 and args[0] == f"${name}"}
        if len(values) == 1:
            value = values.pop()
            return value if "$" in value else value + target[len(target.partition("://")[0]) :]
        if values:
            break
    return target


def _is_udp(block: Block) -> bool:
    listens = block.own("listen")
    return bool(listens) and all("udp" in placed.directive.args for placed in listens)


def _groups(root: Block) -> dict[tuple[str, str], tuple[str, ...]]:
    """Members of the upstream groups by family and lower-cased name (nginx compares names without case)."""
    groups = {}
    for block in root.walk():
        if block.type in ("http.upstream", "stream.upstream") and block.placed and block.placed.directive.args:
            members = tuple(args[0] for args in _arguments(block, "server") if args)
            family = block.type.partition(".")[0]
            groups[family, block.placed.directive.args[0].lower()] = members
    return groups


def _arguments(block: Block, name: str) -> list[tuple[str, ...]]:
    return [placed.directive.args for placed in block.own(name)]
