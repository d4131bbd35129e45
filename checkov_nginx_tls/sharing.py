"""What connections of one configuration have in common: pools of kept connections, and TLS sessions.

nginx hands a kept connection to the next request by the peer's address alone, unless ``keepalive`` says ``local``
(``ngx_http_upstream_get_keepalive_peer``), and keeps TLS sessions with the peer, not with the location.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.model import always_holds
from checkov_nginx_tls.modules import GRPC, HTTP_PROXY
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import ManyNames, Transport
from checkov_nginx_tls.upstreams import Flag, flag
from checkov_nginx_tls.variables import constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checkov_nginx_tls.model import Placed
    from checkov_nginx_tls.modules import Module
    from checkov_nginx_tls.targets import Target
    from checkov_nginx_tls.upstreams import Connection, Group
    from checkov_nginx_tls.variables import Value

_Peer = tuple[str, str]
"""A family, and a group's name or a host with its port, as nginx compares them."""

_Peers = frozenset[_Peer]

KEEPING_MODULES: Final = (HTTP_PROXY, GRPC)
"""Modules that leave connections in a group's pool (``u->keepalive``). What the request says of ``Connection`` does
not matter: the upstream's answer decides."""


class Verification(NamedTuple):
    """What nginx verifies when it opens a connection to a group: the bundle, and names in lower case."""

    bundle: str
    names: frozenset[Value]


class Way(NamedTuple):
    """How nginx opens connections, as far as it matters to those who are handed them later.

    ``names`` are in lower case, None for the name of the group; without verification there are neither these nor a
    bundle. ``changes_together`` says that name and target depend on the request, so that each target may always be
    used with one name.
    """

    module: Module
    is_verified: bool
    bundle: str
    names: frozenset[Value] | None
    changes_together: bool

    def verification(self, group: Group) -> Verification | None:
        """What nginx verifies on connections to the group, None for nothing: a name in the target is the group's."""
        if not self.is_verified:
            return None
        return Verification(self.bundle, self.names if self.names is not None else frozenset({(group.name,)}))


@dataclass(frozen=True, eq=False)
class Users:
    """Connections to the same upstream groups that nginx opens in one way."""

    way: Way
    connections: list[Connection]


def speaking_tls(connections: Sequence[Connection]) -> list[Connection]:
    """Those that serve requests, perhaps over TLS: the ones that can share anything."""
    return [one for one in connections if one.handles and one.transport is not Transport.PLAINTEXT]


def users_of_groups(speaking: Iterable[Connection]) -> dict[Group, list[Users]]:
    """The connections that may reach each group. Groups have lists in common, which would be long and many."""
    alike: dict[tuple[tuple[Group, ...], Way], Users] = {}
    for connection in speaking:
        way = way_of(connection)
        alike.setdefault((connection.groups, way), Users(way, [])).connections.append(connection)
    users: dict[Group, list[Users]] = {}
    for (groups, _way), some in alike.items():
        for group in groups:
            users.setdefault(group, []).append(some)
    return users


def way_of(connection: Connection) -> Way:
    """How nginx opens a connection that may speak TLS."""
    changes = changes_together(connection)
    if connection.verification is not Flag.ON:
        return Way(connection.module, is_verified=False, bundle="", names=None, changes_together=changes)
    names = frozenset(map(in_one_case, connection.names)) if connection.fixed_name is not None else None
    return Way(connection.module, is_verified=True, bundle=connection.bundle, names=names, changes_together=changes)


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

    def is_certain_for(self, group: Group, connection: Connection) -> bool:
        """Whether it and the group are the same however a template that has the connection is rendered."""
        return self.certain and always_holds([group.conditions], connection.given)


def keepalive_of(group: Group) -> Keepalive:
    """How a group keeps connections: ``keepalive 32 local`` is the default since 1.29.7."""
    possible = [_keepalive(placed) for placed in group.block.possible("keepalive").directives]
    most = max(possible, key=lambda one: (one.is_shared, one.keeps))
    return most._replace(certain=most.certain and len({(one.keeps, one.local) for one in possible}) == 1)


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


class Session(NamedTuple):
    """The TLS session that nginx keeps of a peer: a group's name, or a host with its port.

    ``bundle`` is that with which the first connection to the peer is verified.
    """

    peer: str
    bundle: str


class Sessions(NamedTuple):
    """Sessions that a connection may resume, in the order of their peers, and the bundles of all of them."""

    sessions: tuple[Session, ...]
    bundles: frozenset[str]


def mixed_sessions(connections: Sequence[Connection]) -> dict[Connection, Sessions]:
    """The TLS sessions of one another that connections may resume although they are verified with different bundles.

    Connections with the same targets have one ``Sessions`` in common.
    """
    reusing = [one for one in speaking_tls(connections) if one.is_verified and _reuses_sessions(one)]
    if len({one.bundle for one in reusing}) < 2:
        return {}
    resuming: dict[_Peers, list[Connection]] = {}
    peers_of = _SessionPeers(connections)
    for connection in reusing:
        resuming.setdefault(peers_of(connection), []).append(connection)
    first: dict[_Peer, str] = {}
    mixed: set[_Peer] = set()
    for peers, some in resuming.items():
        bundles = {one.bundle for one in some}
        mixed.update(peer for peer in peers if bundles != {first.setdefault(peer, some[0].bundle)})
    found: dict[Connection, Sessions] = {}
    for peers, some in resuming.items():
        sessions = tuple(Session(peer[1], first[peer]) for peer in sorted(peers & mixed))
        if sessions:
            found.update(dict.fromkeys(some, Sessions(sessions, frozenset(one.bundle for one in sessions))))
    return found


def _reuses_sessions(connection: Connection) -> bool:
    """Whether nginx keeps and resumes sessions: it refuses an empty name every time."""
    return connection.names != {()} and flag(connection.setting("session_reuse")) is not Flag.OFF


class _SessionPeers:
    """The peers whose sessions connections may use, those among them that a client can choose."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._literal: dict[str, ManyNames] = {}
        literal = _literal_peers(connections) if any("$" in one.target for one in connections) else set()
        for family in {family for family, _ in literal}:
            self._literal[family] = ManyNames(name for one, name in literal if one == family)
        self._known: dict[tuple[Module, tuple[Target, ...], bool], _Peers] = {}

    def __call__(self, connection: Connection) -> _Peers:
        key = (connection.module, connection.targets, "$" in connection.target)
        if key not in self._known:
            self._known[key] = frozenset(self._of(connection))
        return self._known[key]

    def _of(self, connection: Connection) -> Iterable[_Peer]:
        fixed = _peers_of(connection, connection.tls_hosts)
        if "$" not in connection.target:
            return fixed
        family = connection.module.family
        literal = self._literal.get(family, ManyNames(()))
        chosen = {(family, name) for host in connection.tls_hosts for name in literal.that_may_be(host)}
        return chosen | {peer for peer in fixed if peer[1] in literal}


def _literal_peers(connections: Sequence[Connection]) -> set[_Peer]:
    """Those that nginx keeps sessions for: groups, and hosts written literally anywhere (``ngx_http_upstream_add``).

    A host from a variable that is one of them is that one; another lives no longer than its request.
    """
    reached = {(one.module.family, one.groups) for one in connections}
    groups = {(family, group.name) for family, groups in reached for group in groups}
    hosts = (_peers_of(one, [target.host for target in one.targets]) for one in connections if "$" not in one.target)
    return groups.union(*hosts)


def _peers_of(connection: Connection, hosts: Iterable[Value]) -> set[_Peer]:
    """Hosts with their ports, or names of groups, as nginx compares them, each with its family."""
    module = connection.module
    default_port = ":443" if module.tls_scheme == "https://" else ""
    texts = map(constant, hosts)
    return {(module.family, text.lower().removesuffix(default_port)) for text in texts if text is not None}
