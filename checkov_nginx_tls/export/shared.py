"""What connections have in common with others, as JSON that does not grow with their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checkov_nginx_tls.export.values import place, text
from checkov_nginx_tls.sharing import (
    changes_together,
    is_certainly_kept,
    keepalive_of,
    resumers,
    speaking_tls,
    users_of_groups,
    verification_of,
)
from checkov_nginx_tls.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.export.values import Json
    from checkov_nginx_tls.sharing import Keepalive, Verification
    from checkov_nginx_tls.upstreams import Connection, Group


class Groups:
    """The upstream groups of a configuration, and under which conditions its connections use them."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        users = users_of_groups(speaking_tls(connections))
        self._users = {group: _Users(group, some) for group, some in users.items()}

    def of(self, connection: Connection) -> list[Json]:
        """The groups that a connection may reach."""
        return [self._group(group, connection) for group in connection.groups]

    def _group(self, group: Group, connection: Connection) -> Json:
        users = self._users.get(group)
        return {
            "name": printable(group.name),
            "members": [printable(member) for member in group.members],
            "keepalive": _keepalive(keepalive_of(group)),
            "certain": is_certainly_kept(group, connection),
            "users": users.seen_by(connection) if users is not None else [],
        }


class _Users:
    """The different conditions under which connections to a group are opened."""

    def __init__(self, group: Group, users: Sequence[Connection]) -> None:
        self._conditions: list[Json] = []
        self._index: dict[Connection, int] = {}
        known: dict[Any, int] = {}
        alike: dict[Any, list[int]] = {}
        for one in users:
            verification = verification_of(one, group)
            kind = (one.module, verification is not None, changes_together(one))
            index = known.setdefault((kind, verification), len(known))
            if index == len(self._conditions):
                self._conditions.append(_condition(one, verification))
                alike.setdefault(kind, []).append(index)
            self._index[one] = index
        # Two of a kind suffice to tell whether any differs from one: thousands of names need not be in every document.
        self._shown = {index for indexes in alike.values() for index in indexes[:2]}

    def seen_by(self, connection: Connection) -> list[Json]:
        """At most two of each kind, and the connection's own, which has a mark."""
        own = self._index.get(connection)
        shown = sorted(self._shown | ({own} if own is not None else set()))
        return [{**self._conditions[index], "own": index == own} for index in shown]


def sessions(connections: Sequence[Connection]) -> dict[Connection, list[Json]]:
    """The peers whose TLS sessions each connection may resume, where they are verified with different bundles."""
    found: dict[Connection, list[Json]] = {}
    for (_family, peer), sharing in sorted(resumers(connections).items()):
        if len({one.bundle for one in sharing}) > 1:
            first = printable(sharing[0].bundle)
            for one in sharing:
                bundles = {"trusted_certificate": printable(one.bundle), "first_trusted_certificate": first}
                found.setdefault(one, []).append({"peer": printable(peer), **bundles})
    return found


def _condition(connection: Connection, verification: Verification | None) -> Json:
    return {
        "module": connection.module.nginx_name,
        "verifies": verification is not None,
        "trusted_certificate": printable(verification.bundle) if verification is not None else "",
        "names": sorted(map(text, verification.names)) if verification is not None else [],
        "name_varies_with_target": changes_together(connection),
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
