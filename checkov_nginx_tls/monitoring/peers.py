"""The addresses to which nginx opens TLS connections, as far as the configuration fixes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.variables import Unfixed, constant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.targets import Target
    from checkov_nginx_tls.upstreams import Connection, Group
    from checkov_nginx_tls.variables import Value

_ADDRESS: Final = re.compile(r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
_MEMBER_PORT: Final = "80"
"""The port of a member of an http group without one, over TLS too (``ngx_http_upstream_server``)."""

_PROXY_PORT: Final = "443"
"""The port of an ``https`` target without one (``ngx_http_proxy_pass``); no other module has a default."""

_WHY_UNFIXED: Final = {
    Unfixed.CLIENT: "the client chooses it",
    Unfixed.MACHINE: "nginx takes it from the connection",
    Unfixed.DEPLOYMENT: "it is filled in when this is rendered or started: give this command the result, `nginx -T`",
    Unfixed.UNKNOWN: "it comes from a variable whose values are not in these files",
}


class Unprobed(Exception):
    """Something of a connection that cannot be probed; the message says why, and ``address`` where it leads to."""

    def __init__(self, reason: str, address: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.address = address


class Peer(NamedTuple):
    """One address: ``host:port`` or ``[v6]:port``. ``upstream`` is the group that has it as a member, "" for none."""

    address: str
    upstream: str
    target: Target


def peers(connection: Connection) -> Iterator[Peer | Unprobed]:
    """Every address that a connection may reach over TLS, members of groups one by one, and what is no address."""
    for target in connection.targets:
        if target.transport is Transport.PLAINTEXT:
            continue
        try:
            yield from _peers_of(connection, target)
        except Unprobed as unprobed:
            yield unprobed


def fixed(value: Value, what: str) -> str:
    """The text of a value that the configuration fixes; raises Unprobed, which calls it ``what``, where none is."""
    text = constant(value)
    if text is not None:
        return text
    reasons = [_WHY_UNFIXED[reason] for reason in Unfixed if reason in value]
    raise Unprobed(f"{what} is not known: {reasons[0]}")


def _peers_of(connection: Connection, target: Target) -> Iterator[Peer | Unprobed]:
    if target.transport is Transport.UNDECIDED:
        raise Unprobed("whether nginx speaks TLS to it depends on a value that is not in these files")
    host = fixed(target.host, "the host")
    groups = connection.groups_named(host)
    if not groups:
        default = _PROXY_PORT if connection.module is HTTP_PROXY else ""
        yield Peer(_address(host, default), "", target)
        return
    for member in _members(groups):
        if isinstance(member, Unprobed):
            yield member
        else:
            yield Peer(member, groups[-1].name, target)


def _members(groups: Sequence[Group]) -> Iterator[str | Unprobed]:
    """The addresses of a group's members; one that is a backup counts, for it is used when it matters most.

    Of several groups of one name, the last one's.
    """
    group = groups[-1]
    found = [placed.directive.args for placed in group.block.own("server") if placed.directive.args]
    default_port = _MEMBER_PORT if group.block.type == "http.upstream" else ""
    yield from (_member(args, default_port) for args in found)
    if group.block.unresolved or not found:
        yield Unprobed(f'members of the upstream group "{group.name}" are not in these files')
    elif len(groups) > 1:
        yield Unprobed(f'further members of the upstream group "{group.name}" depend on how a template is rendered')


def _member(args: tuple[str, ...], default_port: str) -> str | Unprobed:
    if isinstance(args[0], Templated) or "$" in args[0]:
        return Unprobed(f"the member is not known: {_WHY_UNFIXED[Unfixed.DEPLOYMENT]}", args[0])
    if "down" in args[1:]:
        return Unprobed("the member is marked down", args[0])
    if any(parameter.startswith("service=") for parameter in args[1:]):
        return Unprobed("the member's addresses and ports come from an SRV record", args[0])
    try:
        return _address(args[0], default_port)
    except Unprobed as unprobed:
        return unprobed


def _address(text: str, default_port: str) -> str:
    """An address with its port; ``default_port`` is "" where nginx wants one to be written."""
    if text.lower().startswith("unix:"):
        raise Unprobed("it is a unix socket, and the exporter's tcp probe takes none", text)
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        raise Unprobed("it is no host, with or without a port", text)
    port = match["port"] or default_port
    if not port:
        raise Unprobed("nginx does not start: it has no port", text)
    return f"{match['host']}:{int(port)}"
