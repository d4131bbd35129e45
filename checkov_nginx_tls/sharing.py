"""What connections of one configuration have in common: pools of kept connections, and TLS sessions.

nginx hands a kept connection to the next request by the peer's address alone, unless ``keepalive`` says ``local``
(``ngx_http_upstream_get_keepalive_peer``), and keeps TLS sessions with the peer, not with the location.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.model import always_holds
from checkov_nginx_tls.modules import GRPC, HTTP_PROXY
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import Transport, may_be
from checkov_nginx_tls.upstreams import Flag, flag
from checkov_nginx_tls.variables import constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from checkov_nginx_tls.model import Placed
    from checkov_nginx_tls.upstreams import Connection, Group
    from checkov_nginx_tls.variables import Value

KEEPING_MODULES: Final = (HTTP_PROXY, GRPC)
"""Modules that leave connections in a group's pool (``u->keepalive``). What the request says of ``Connection`` does
not matter: the upstream's answer decides."""


class Verification(NamedTuple):
    """What nginx verifies when it opens a connection to a group: the bundle, and names in lower case."""

    bundle: str
    names: frozenset[Value]


def speaking_tls(connections: Sequence[Connection]) -> list[Connection]:
    """Those that serve requests, perhaps over TLS: the ones that can share anything."""
    return [one for one in connections if one.handles and one.transport is not Transport.PLAINTEXT]


def users_of_groups(speaking: Iterable[Connection]) -> dict[Group, list[Connection]]:
    """The connections that may reach each group."""
    users: dict[Group, list[Connection]] = {}
    for connection in speaking:
        for group in connection.groups:
            users.setdefault(group, []).append(connection)
    return users


def verification_of(connection: Connection, group: Group) -> Verification | None:
    """What nginx verifies on connections to the group, None for nothing: a name in the target is the group's."""
    if connection.verification is not Flag.ON:
        return None
    names = connection.names if connection.fixed_name is not None else {(group.name,)}
    return Verification(connection.bundle, frozenset(map(in_one_case, names)))


def in_one_case(name: Value) -> Value:
    """X509_check_host compares names without case."""
    return tuple(part.lower() if isinstance(part, str) else part for part in name)


class Keepalive(NamedTuple):
    """Whether a group keeps connections; ``placed`` is the ``keepalive`` that says so, None where nobody wrote one.

    ``local`` pools are of one location each. Not ``certain`` where a template may say something else: of what it may
    say, this shares most.
    """

    placed: Placed | None
    keeps: bool
    local: bool
    certain: bool

    @property
    def is_shared(self) -> bool:
        """Whether connections that one location opened serve the others."""
        return self.keeps and not self.local


def keepalive_of(group: Group) -> Keepalive:
    """How a group keeps connections: ``keepalive 32 local`` is the default since 1.29.7."""
    possible = [_keepalive(placed) for placed in group.block.possible("keepalive").directives]
    most = max(possible, key=lambda one: (one.is_shared, one.keeps))
    return most._replace(certain=most.certain and len({(one.keeps, one.local) for one in possible}) == 1)


def is_certainly_kept(group: Group, connection: Connection) -> bool:
    """Whether a group, and its ``keepalive``, are the same however a template that has the connection is rendered."""
    return keepalive_of(group).certain and always_holds([group.conditions], connection.given)


def _keepalive(placed: Placed | None) -> Keepalive:
    if placed is None:
        return Keepalive(None, keeps=True, local=True, certain=True)
    args = placed.directive.args
    keeps = bool(args) and bool(args[0].lstrip("0"))
    return Keepalive(placed, keeps, "local" in args, certain=not any(isinstance(arg, Templated) for arg in args))


def changes_together(connection: Connection) -> bool:
    """Whether name and target depend on the request, so that each target may always be used with one name."""
    return connection.fixed_name is not None and len(connection.names) > 1 and len(connection.targets) > 1


def sets_in_ifs(connection: Connection) -> bool:
    """Whether an ``if`` beside the pass sets variables: it has a local pool of its own, being a location to nginx."""
    return any(inner.type == "http.if" and inner.own("set") for inner in connection.block.scope.blocks)


def resumers(connections: Sequence[Connection]) -> dict[tuple[str, str], list[Connection]]:
    """The verified connections that may resume one another's TLS sessions, by family and peer, in order.

    A peer is a group's name, or a host with its port, as nginx compares them.
    """
    literal = _literal_peers(connections) if any("$" in one.target for one in connections) else set()
    peers: dict[tuple[str, str], list[Connection]] = {}
    for connection in speaking_tls(connections):
        opens = connection.is_verified and connection.names != {()}  # an empty name is refused every time
        if opens and flag(connection.setting("session_reuse")) is not Flag.OFF:
            for peer in _session_peers(connection, literal):
                peers.setdefault(peer, []).append(connection)
    return peers


def _session_peers(connection: Connection, literal: AbstractSet[tuple[str, str]]) -> set[tuple[str, str]]:
    """The peers whose sessions a connection may use, those among them that a client can choose."""
    hosts = connection.tls_hosts
    fixed = _peers(connection, hosts)
    if "$" not in connection.target:
        return fixed
    chosen = {
        peer for peer in literal if peer[0] == connection.module.family and any(may_be(host, peer[1]) for host in hosts)
    }
    return chosen | (fixed & literal)


def _literal_peers(connections: Sequence[Connection]) -> set[tuple[str, str]]:
    """Those that nginx keeps sessions for: groups, and hosts written literally anywhere (``ngx_http_upstream_add``).

    A host from a variable that is one of them is that one; another lives no longer than its request.
    """
    groups = {(one.module.family, group.name) for one in connections for group in one.groups}
    hosts = (_peers(one, [target.host for target in one.targets]) for one in connections if "$" not in one.target)
    return groups.union(*hosts)


def _peers(connection: Connection, hosts: Iterable[Value]) -> set[tuple[str, str]]:
    """Hosts with their ports, or names of groups, as nginx compares them, each with its family."""
    module = connection.module
    default_port = ":443" if module.tls_scheme == "https://" else ""
    texts = map(constant, hosts)
    return {(module.family, text.lower().removesuffix(default_port)) for text in texts if text is not None}
