"""CKV_NGINX_CUSTOM_07: connections or sessions shared by traffic that is verified differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, places
from checkov_nginx_tls.checks.rule import Rule
from checkov_nginx_tls.modules import DOCUMENTATION, GRPC, HTTP_PROXY
from checkov_nginx_tls.targets import Transport, may_be
from checkov_nginx_tls.upstreams import Flag, flag
from checkov_nginx_tls.variables import constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from checkov_nginx_tls.model import Configuration, Placed
    from checkov_nginx_tls.upstreams import Connection, Group
    from checkov_nginx_tls.variables import Value

_KEEPING_MODULES: Final = (HTTP_PROXY, GRPC)
"""Modules that leave connections in a group's pool (``u->keepalive``). What the request says of ``Connection`` does
not matter: the upstream's answer decides."""


class UpstreamConnectionShared(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_07",
        title="Ensure differently verified traffic does not share upstream connections or sessions",
        severity="HIGH",
        guideline=f"{DOCUMENTATION}http/ngx_http_upstream_module.html#keepalive",
        cwe=295,
        benchmarks=(),
        what=(
            "An upstream group with an explicit keepalive without local is used by connections with different "
            "verification, bundle or name, at least one of them verified; or a connection to a group that keeps "
            "connections (since nginx 1.29.7 all do unless keepalive is 0) is verified with a name that changes from "
            "request to request; or one group, or one host and port, is verified with different bundles while TLS "
            "sessions are reused."
        ),
        why=(
            "A kept connection is handed to the next request by the peer's address alone: a request that wants a "
            "verified upstream gets the connection that another location opened without looking. A resumed session is "
            "not verified against the bundle of the location that resumes it."
        ),
        example="""\
http {
    upstream backend.example.com {
        server 192.0.2.10:443;
        keepalive 16;
    }
    server {
        listen 80;
        proxy_ssl_trusted_certificate /etc/nginx/ca.pem;
        proxy_ssl_server_name on;
        location /a {
            proxy_pass https://backend.example.com;
            proxy_ssl_verify on;
            proxy_ssl_name a.example.com;
        }
        location /b {
            proxy_pass https://backend.example.com;
            proxy_ssl_verify on;
            proxy_ssl_name b.example.com;
        }
    }
}
""",
        use_instead="""\
http {
    upstream backend.example.com {
        server 192.0.2.10:443;
        keepalive 16 local;
    }
    server {
        listen 80;
        proxy_ssl_trusted_certificate /etc/nginx/ca.pem;
        proxy_ssl_server_name on;
        location /a {
            proxy_pass https://backend.example.com;
            proxy_ssl_verify on;
            proxy_ssl_name a.example.com;
        }
        location /b {
            proxy_pass https://backend.example.com;
            proxy_ssl_verify on;
            proxy_ssl_name b.example.com;
        }
    }
}
""",
        nginx=(
            "ngx_http_upstream_get_keepalive_peer compares the socket address only, unless keepalive has local (since "
            "1.29.7, where 32 local is the default for groups: leaving keepalive out is safer than writing it without "
            "local). Sessions are kept with the peer, not with the location; OpenSSL restores the stored verify result "
            "and nginx checks that and the name, not the bundle."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        del configuration
        relevant = [one for one in connections if one.handles and one.transport is not Transport.PLAINTEXT]
        failed: set[int] = set()
        shared = [*_shared_connections(relevant), *_shared_sessions(relevant, _literal_peers(connections))]
        for judgement in [*shared, *_changing_names(relevant)]:
            failed.add(id(judgement.connection))
            yield judgement
        for connection in relevant:
            if connection.is_verified and connection.transport is Transport.TLS and id(connection) not in failed:
                yield Judgement(CheckResult.PASSED, connection.placed, connection, _keys(connection))

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        connections = connections_of(judgements)
        prefix = connections[0].module.ssl_prefix
        if judgements[0].cause.directive.name == f"{prefix}_name":
            if judgements[0].result is CheckResult.UNKNOWN:
                return (
                    f"whether requests with another {prefix}_name share kept connections of {places(connections)} "
                    "depends on values that are not known here"
                )
            return (
                f"{prefix}_name has several values for {places(connections)}, and a connection that is kept is not "
                "verified again: a request gets one that was verified for another name. Give each name its own "
                'upstream group, or write "keepalive 0" (nginx 1.29.7) into this one.'
            )
        if judgements[0].cause.directive.name == "keepalive":
            if judgements[0].result is CheckResult.UNKNOWN:
                return (
                    f"whether {places(connections)} share kept connections although they are verified differently "
                    "depends on values that are not known here"
                )
            return (
                f"{places(connections)} share kept connections although they are verified differently. Write "
                '"local" behind the number (nginx 1.29.7), give each its own upstream group, or verify them alike.'
            )
        return (
            f"{connections[0].target} is verified with different bundles here and elsewhere, and a TLS session that "
            f"one location opened is resumed by the other. Set {prefix}_session_reuse to off in both, or use one "
            "bundle."
        )


def _keys(connection: Connection) -> tuple[str, ...]:
    prefix = connection.module.ssl_prefix
    return ("keepalive", f"{prefix}_verify", f"{prefix}_trusted_certificate", f"{prefix}_session_reuse")


def _shared_connections(relevant: Sequence[Connection]) -> Iterator[Judgement]:
    users: dict[Group, list[Connection]] = {}
    for connection in relevant:
        for group in connection.groups:
            users.setdefault(group, []).append(connection)
    for group, sharing in users.items():
        keepalive = _shared_keepalive(group)
        if keepalive is not None:
            certain = set(_differing(group, [one for one in sharing if not _changes_together(one)]))
            for connection in _differing(group, sharing):
                result = CheckResult.FAILED if connection in certain else CheckResult.UNKNOWN
                yield Judgement(result, keepalive, connection, _keys(connection))


def _changes_together(connection: Connection) -> bool:
    """Whether name and target depend on the request, so that each target may always be used with one name."""
    return connection.fixed_name is not None and len(connection.names) > 1 and len(connection.targets) > 1


def _differing(group: Group, sharing: Sequence[Connection]) -> Iterator[Connection]:
    """Verified connections that may be handed one that was opened under other conditions, and those that open it."""
    conditions = {one: _verification_of(one, group) for one in sharing}
    keepers = [one for one in sharing if one.module in _KEEPING_MODULES]
    verified = [one for one in sharing if one.is_verified]
    # grpc can only use what grpc keeps: "no connection data found for keepalive http2 connection".
    kept = {conditions[one] for one in keepers}
    kept_by_grpc = {conditions[one] for one in keepers if one.module is GRPC}
    wanted = {conditions[one] for one in verified}
    wanted_by_others = {conditions[one] for one in verified if one.module is not GRPC}
    concerned = {one for one in verified if (kept_by_grpc if one.module is GRPC else kept) - {conditions[one]}}
    concerned |= {one for one in keepers if (wanted if one.module is GRPC else wanted_by_others) - {conditions[one]}}
    yield from (one for one in sharing if one in concerned)


def _changing_names(relevant: Sequence[Connection]) -> Iterator[Judgement]:
    """Connections to a group that keeps them, with names that change from request to request."""
    for connection in relevant:
        placed = connection.fixed_name
        if placed is None or not connection.is_verified or connection.module not in _KEEPING_MODULES:
            continue
        names = {_in_one_case(name) for name in connection.names}
        constants = all(constant(name) is not None for name in names)
        if len(names) > 1 and constants and any(map(_keeps_connections, connection.groups)):
            # An if that sets the name has a local pool of its own, for it is a location to nginx.
            one_pool = any(map(_shared_keepalive, connection.groups)) or not _sets_in_ifs(connection)
            certain = connection.transport is Transport.TLS and one_pool and not _changes_together(connection)
            result = CheckResult.FAILED if certain else CheckResult.UNKNOWN
            yield Judgement(result, placed, connection, ("keepalive", placed.directive.name))


def _sets_in_ifs(connection: Connection) -> bool:
    return any(inner.type == "http.if" and inner.own("set") for inner in connection.block.scope.blocks)


def _keeps_connections(group: Group) -> bool:
    """``keepalive 32 local`` is the default of groups since 1.29.7."""
    own = group.block.own("keepalive")[-1:]
    return not own or _keeps(own[0])


def _keeps(keepalive: Placed) -> bool:
    args = keepalive.directive.args
    return bool(args) and bool(args[0].lstrip("0"))


def _shared_keepalive(group: Group) -> Placed | None:
    for placed in group.block.own("keepalive")[-1:]:
        if _keeps(placed) and "local" not in placed.directive.args:
            return placed
    return None


def _verification_of(connection: Connection, group: Group) -> tuple[object, ...]:
    """What nginx verifies on connections to the group: a name in the target is the group's."""
    if connection.verification is not Flag.ON:
        return ("unverified",)
    names = connection.names if connection.fixed_name is not None else {(group.name,)}
    return (connection.bundle, frozenset(map(_in_one_case, names)))


def _in_one_case(name: Value) -> Value:
    """X509_check_host compares names without case."""
    return tuple(part.lower() if isinstance(part, str) else part for part in name)


def _shared_sessions(relevant: Sequence[Connection], literal: AbstractSet[tuple[str, str]]) -> Iterator[Judgement]:
    peers: dict[tuple[str, str], list[Connection]] = {}
    for connection in relevant:
        opens = connection.is_verified and connection.names != {()}  # an empty name is refused every time
        if opens and flag(connection.setting("session_reuse")) is not Flag.OFF:
            for peer in _session_peers(connection, literal):
                peers.setdefault(peer, []).append(connection)
    for sharing in peers.values():
        first = sharing[0].bundle
        for connection in sharing:
            if connection.bundle != first:
                yield Judgement(CheckResult.FAILED, connection.placed, connection, _keys(connection))


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
    texts = map(constant, hosts)
    peers = {text.lower() for text in texts if text is not None}
    if connection.module.tls_scheme == "https://":
        peers = {peer.removesuffix(":443") for peer in peers}
    return {(connection.module.family, peer) for peer in peers}
