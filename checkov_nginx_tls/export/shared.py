"""What connections have in common with others, as JSON that does not grow with their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checkov_nginx_tls.export.values import place, text
from checkov_nginx_tls.sharing import (
    keepalive_of,
    mixed_sessions,
    speaking_tls,
    users_of_groups,
    way_of,
)
from checkov_nginx_tls.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.export.values import Json
    from checkov_nginx_tls.sharing import Keepalive, Users, Verification, Way
    from checkov_nginx_tls.upstreams import Connection, Group


class Groups:
    """The upstream groups of a configuration, and under which conditions its connections use them."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        speaking = speaking_tls(connections)
        self._ways = {connection: way_of(connection) for connection in speaking}
        self._conditions = {group: _Conditions(group, some) for group, some in users_of_groups(speaking).items()}

    def of(self, connection: Connection) -> list[Json]:
        """The groups that a connection may reach."""
        return [self._group(group, connection) for group in connection.groups]

    def _group(self, group: Group, connection: Connection) -> Json:
        conditions, keepalive = self._conditions.get(group), keepalive_of(group)
        return {
            "name": printable(group.name),
            "members": [printable(member) for member in group.members],
            "keepalive": _keepalive(keepalive),
            "certain": keepalive.is_certain_for(group, connection),
            "users": conditions.seen_by(self._ways.get(connection)) if conditions is not None else [],
        }


class _Conditions:
    """The different conditions under which connections to a group are opened."""

    def __init__(self, group: Group, sharing: Sequence[Users]) -> None:
        self._conditions: list[Json] = []
        self._index: dict[Way, int] = {}
        known: dict[Any, int] = {}
        alike: dict[Any, list[int]] = {}
        for way in (users.way for users in sharing):
            verification = way.verification(group)
            kind = (way.module, way.is_verified, way.changes_together)
            index = known.setdefault((kind, verification), len(known))
            if index == len(self._conditions):
                self._conditions.append(_condition(way, verification))
                alike.setdefault(kind, []).append(index)
            self._index[way] = index
        # Two of a kind suffice to tell whether any differs from one: thousands of names need not be in every document.
        self._shown = {index for indexes in alike.values() for index in indexes[:2]}

    def seen_by(self, way: Way | None) -> list[Json]:
        """At most two of each kind, and the connection's own, which has a mark."""
        own = self._index.get(way) if way is not None else None
        shown = sorted(self._shown | ({own} if own is not None else set()))
        return [{**self._conditions[index], "own": index == own} for index in shown]


def sessions(connections: Sequence[Connection]) -> dict[Connection, list[Json]]:
    """The peers whose TLS sessions each connection may resume, where they are verified with different bundles."""
    return {
        connection: [
            {
                "peer": printable(session.peer),
                "trusted_certificate": printable(connection.bundle),
                "first_trusted_certificate": printable(session.bundle),
            }
            for session in mixed.sessions
        ]
        for connection, mixed in mixed_sessions(connections).items()
    }


def _condition(way: Way, verification: Verification | None) -> Json:
    return {
        "module": way.module.nginx_name,
        "verifies": verification is not None,
        "trusted_certificate": printable(verification.bundle) if verification is not None else "",
        "names": sorted(map(text, verification.names)) if verification is not None else [],
        "name_varies_with_target": way.changes_together,
    }


def _keepalive(keepalive: Keepalive) -> Json | None:
    placed = keepalive.placed
    if placed is None:
        return None
    args = placed.directive.args
    return {
        "connections": printable(args[0]) if args else "",
        "local": keepalive.local,
        **place(placed.directive),
    }
