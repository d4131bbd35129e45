"""CKV_NGINX_CUSTOM_07: connections or sessions shared by traffic that is verified differently."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, keys_of, places
from checkov_nginx_tls.modules import DOCUMENTATION, GRPC
from checkov_nginx_tls.rule import Rule
from checkov_nginx_tls.sharing import (
    KEEPING_MODULES,
    changes_together,
    in_one_case,
    keepalive_of,
    mixed_sessions,
    sets_in_ifs,
    speaking_tls,
    users_of_groups,
)
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.variables import constant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.modules import Module
    from checkov_nginx_tls.sharing import Users, Verification
    from checkov_nginx_tls.upstreams import Connection, Group


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
        relevant = speaking_tls(connections)
        yield from _shared_connections(relevant)
        yield from _shared_sessions(connections)
        yield from _changing_names(relevant)
        for connection in relevant:
            if connection.is_verified and connection.transport is Transport.TLS:
                yield Judgement(CheckResult.PASSED, connection.placed, connection, _keys(connection.module))

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


@cache
def _keys(module: Module) -> tuple[str, ...]:
    return ("keepalive", *keys_of(module, "verify", "trusted_certificate", "session_reuse"))


def _shared_connections(relevant: Sequence[Connection]) -> Iterator[Judgement]:
    order = {connection: number for number, connection in enumerate(relevant)}
    for group, sharing in users_of_groups(relevant).items():
        if len(sharing) < 2:  # most groups are used in one way
            continue
        keepalive = keepalive_of(group)
        if keepalive.placed is not None and keepalive.is_shared and any(users.way.is_verified for users in sharing):
            steady = [users for users in sharing if not users.way.changes_together]
            certain = {one for users in _differing(group, steady) for one in users.connections}
            differing = [one for users in _differing(group, sharing) for one in users.connections]
            for connection in sorted(differing, key=order.__getitem__):
                is_certain = connection in certain and keepalive.is_certain_for(group, connection)
                result = CheckResult.FAILED if is_certain else CheckResult.UNKNOWN
                yield Judgement(result, keepalive.placed, connection, _keys(connection.module))


def _differing(group: Group, sharing: Sequence[Users]) -> list[Users]:
    """Verified connections that may be handed one that was opened under other conditions, and those that open it."""
    conditions = {users: users.way.verification(group) for users in sharing}
    keepers = [users for users in sharing if users.way.module in KEEPING_MODULES]
    verified = [users for users in sharing if users.way.is_verified]
    # grpc can only use what grpc keeps: "no connection data found for keepalive http2 connection".
    kept = {conditions[users] for users in keepers}
    kept_by_grpc = {conditions[users] for users in keepers if users.way.module is GRPC}
    wanted = {conditions[users] for users in verified}
    wanted_by_others = {conditions[users] for users in verified if users.way.module is not GRPC}

    def is_concerned(users: Users) -> bool:
        is_grpc, own = users.way.module is GRPC, conditions[users]
        handed = users.way.is_verified and _has_another(kept_by_grpc if is_grpc else kept, own)
        opens = users.way.module in KEEPING_MODULES and _has_another(wanted if is_grpc else wanted_by_others, own)
        return handed or opens

    return [users for users in sharing if is_concerned(users)]


def _has_another(conditions: AbstractSet[Verification | None], own: Verification | None) -> bool:
    return len(conditions) > 1 or (bool(conditions) and own not in conditions)


def _changing_names(relevant: Sequence[Connection]) -> Iterator[Judgement]:
    """Connections to a group that keeps them, with names that change from request to request."""
    for connection in relevant:
        placed = connection.fixed_name
        if placed is None or not connection.is_verified or connection.module not in KEEPING_MODULES:
            continue
        names = {in_one_case(name) for name in connection.names}
        constants = all(constant(name) is not None for name in names)
        if len(names) < 2 or not constants:
            continue
        keeping = [(group, keepalive) for group in connection.groups if (keepalive := keepalive_of(group)).keeps]
        if keeping:
            one_pool = any(keepalive.is_shared for _, keepalive in keeping) or not sets_in_ifs(connection)
            kept = any(keepalive.is_certain_for(group, connection) for group, keepalive in keeping)
            certain = connection.transport is Transport.TLS and one_pool and kept and not changes_together(connection)
            result = CheckResult.FAILED if certain else CheckResult.UNKNOWN
            yield Judgement(result, placed, connection, ("keepalive", placed.directive.name))


def _shared_sessions(connections: Sequence[Connection]) -> Iterator[Judgement]:
    for connection, mixed in mixed_sessions(connections).items():
        if mixed.bundles - {connection.bundle}:
            yield Judgement(CheckResult.FAILED, connection.placed, connection, _keys(connection.module))
