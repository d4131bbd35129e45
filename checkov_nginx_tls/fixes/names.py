"""The name that an upstream's certificate must bear, where the configuration leaves no doubt about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checkov_nginx_tls.fixes.edits import Unmendable, is_writable
from checkov_nginx_tls.targets import is_address, name_in
from checkov_nginx_tls.upstreams import is_named_by_address, matches_nothing
from checkov_nginx_tls.variables import Unfixed, constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checkov_nginx_tls.upstreams import Connection, Group
    from checkov_nginx_tls.variables import Value


class Naming(NamedTuple):
    """The names that a connection is verified for, and the one that has to be written for it, None for none."""

    names: frozenset[Value]
    written: str | None


def naming(connection: Connection) -> Naming:
    """What a connection is to be verified for: the name that somebody set, if it can work, or else the target's.

    Raises Unmendable where that is nobody's or the client's choice.
    """
    if connection.fixed_name is None:
        return natural(connection)
    if all(_is_fixed(connection, name) for name in connection.names):
        return Naming(connection.names, None)
    return Naming(frozenset({(name := only_name(connection),)}), name)


def only_name(connection: Connection) -> str:
    """The one name that the target of a connection gives, to be written.

    Raises Unmendable where it gives none, or several.
    """
    names = natural(connection).names
    found = constants(names)
    if len(found) != 1 or len(names) != 1:
        setting = f"{connection.module.ssl_prefix}_name"
        why = (
            "may lead to upstreams of several names"
            if len(names) == len(found)
            else "has a host that is not known here"
        )
        raise Unmendable(f"{connection.target} {why}: set {setting} to a fixed name")
    return found[0]


def natural(connection: Connection) -> Naming:
    """What a connection is verified for where only its target says so. Raises Unmendable where that says nothing."""
    setting = f"{connection.module.ssl_prefix}_name"
    if is_named_by_address(connection):
        raise Unmendable(
            f"nginx looks for the address of {connection.target} in its certificate: set {setting} to a name in it"
        )
    names: set[Value] = set()
    written: set[str] = set()
    for host in connection.tls_hosts:
        name = name_in(host)
        _check(connection, name, setting)
        text = constant(name)
        groups = connection.groups_named(text) if text is not None else []
        meant = _name_of(groups, setting) if groups else _without_dot(text)
        names.add(name if meant is None else (meant,))
        if meant is not None:
            written.add(meant)
    if not names:
        raise Unmendable(f"the host of {connection.target} is not known: set {setting} to its name")
    if written and len(names) > 1:
        raise Unmendable(f"{connection.target} leads to upstreams of several names, which one {setting} cannot fit")
    return Naming(frozenset(names), next(iter(written), None))


def _check(connection: Connection, name: Value, setting: str) -> None:
    text = constant(name)
    if text is None:
        if Unfixed.CLIENT in name:
            raise Unmendable(f"the client chooses the host of {connection.target}: no name can be fixed for it")
        if Unfixed.UNKNOWN in name or Unfixed.MACHINE in name:
            raise Unmendable(f"the host of {connection.target} is not known here: set {setting} to its name")
        return
    if is_address(text) or text.lower().startswith("unix:"):
        kind = "an IP address" if is_address(text) else "a unix socket"
        raise Unmendable(
            f"{text} is {kind}, and nginx looks for DNS names only: set {setting} to the name in the "
            "upstream's certificate"
        )
    if not text.strip(".") or not is_writable(text):
        raise Unmendable(f'"{text}" is no name that a certificate can bear: set {setting}')


def _without_dot(text: str | None) -> str | None:
    """The name to write for a host that ends in a dot, which no certificate bears; None for other hosts."""
    return text.rstrip(".") if text is not None and text.endswith(".") else None


def _name_of(groups: Sequence[Group], setting: str) -> str | None:
    """The name to write for a group, of which arms of a template may each have one; None where its own is right.

    That of its members, if they all have one. Else the group's own, where it is a DNS name: members that are
    addresses, or of several names, leave no other.
    """
    hosts = [constant(name_in((member,))) or "" for group in groups for member in group.members]
    own = groups[0].name
    lowered = {host.lower() for host in hosts}
    in_sight = bool(hosts) and not any(group.block.unresolved for group in groups)
    if lowered == {own}:
        return None
    is_dotted = "." in own.strip(".")
    if in_sight and len(lowered) == 1 and _is_dns_name(member := hosts[0]):
        if is_dotted:
            raise Unmendable(
                f"the certificate may bear the name of the group {own} or that of its server {member}: set "
                f"{setting} to the right one"
            )
        return member
    if is_dotted:
        return _without_dot(own)
    raise Unmendable(
        f'the group "{own}" gives no name that a certificate can bear, and its servers no common one: set '
        f"{setting} to the name in their certificates"
    )


def _is_dns_name(host: str) -> bool:
    return (
        bool(host) and not is_address(host) and not host.startswith("unix:") and is_writable(host) and "$" not in host
    )


def _is_fixed(connection: Connection, name: Value) -> bool:
    text = constant(name)
    if text is None:
        return not {Unfixed.CLIENT, Unfixed.UNKNOWN, Unfixed.MACHINE} & set(name)
    return not text.startswith(".") and not matches_nothing(connection, text)


def constants(names: Iterable[Value]) -> list[str]:
    """The names of which the configuration fixes all, in order."""
    return sorted(text for text in map(constant, names) if text is not None)
