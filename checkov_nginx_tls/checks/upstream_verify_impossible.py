"""CKV_NGINX_CUSTOM_08: verification that refuses the right upstream too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.certificates import read_bundle
from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, keys_of, places
from checkov_nginx_tls.modules import HTTP_PROXY, ZONE_SYNC, is_zero
from checkov_nginx_tls.rule import Rule
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import matches_nothing
from checkov_nginx_tls.variables import constant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration, Placed
    from checkov_nginx_tls.upstreams import Connection


class UpstreamVerifyImpossible(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_08",
        title="Ensure upstream certificate verification can succeed",
        severity="MEDIUM",
        guideline=HTTP_PROXY.url("proxy_ssl_name"),
        cwe=295,
        benchmarks=(),
        what=(
            "Verification is on, and no certificate can have the name that nginx looks for: an IP address or a unix "
            "socket without *_ssl_name, the name of an upstream group that has no dot and that no member has, an empty "
            "name, or a name with a trailing dot. Or *_ssl_verify_depth is 0 and the bundle holds an intermediate CA."
        ),
        why=(
            "nginx answers 502 for the right upstream too. It fails closed, but under pressure the quick way out is to "
            "turn verification off."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://192.0.2.10:8443;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/nginx/ca.pem;
        proxy_ssl_server_name on;
    }
}
""",
        use_instead="""\
server {
    listen 80;
    location / {
        proxy_pass https://192.0.2.10:8443;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/nginx/ca.pem;
        proxy_ssl_server_name on;
        proxy_ssl_name backend.example.com;
    }
}
""",
        nginx=(
            "The name is *_ssl_name, or else the host of the pass directive: the name of the upstream group, not of "
            "its members (ngx_http_upstream_ssl_name). X509_check_host never looks at the IP addresses in a "
            "certificate. *_ssl_verify_depth counts intermediates: 0 allows none, and the default of 1 allows one."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        intermediates: dict[str, bool] = {}
        for connection in connections:
            if (
                not connection.is_verified
                or connection.module is ZONE_SYNC
                or connection.transport is not Transport.TLS
            ):
                continue
            if _name_cannot_match(connection):
                cause = connection.fixed_name or connection.placed
                yield Judgement(CheckResult.FAILED, cause, connection, keys_of(connection.module, "pass", "name"))
            elif (depth := _zero_depth(connection)) is not None and _knows_intermediate(
                configuration, connection, intermediates
            ):
                yield Judgement(
                    CheckResult.FAILED, depth, connection, keys_of(connection.module, "pass", "verify_depth")
                )
            else:
                yield Judgement(
                    CheckResult.PASSED, connection.placed, connection, keys_of(connection.module, "pass", "name")
                )

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        connections = connections_of(judgements)
        prefix = connections[0].module.ssl_prefix
        if judgements[0].cause.directive.name == f"{prefix}_verify_depth":
            return (
                f"{prefix}_verify_depth 0 allows no intermediate CA, and the bundle of {places(connections)} holds "
                "one. Set it to the number of intermediates between root and upstream; 2 is a good choice."
            )
        name = min(text for text in map(constant, connections[0].names) if text is not None)
        return (
            f'no certificate matches the name "{name}" that nginx looks for at {places(connections)}: every request '
            f"ends in 502. Set {prefix}_name to a DNS name in the upstream's certificate."
        )


def _name_cannot_match(connection: Connection) -> bool:
    names = [constant(name) for name in connection.names]
    if not names or None in names:
        return False
    return all(matches_nothing(connection, name) for name in names if name is not None)


def _zero_depth(connection: Connection) -> Placed | None:
    placed = connection.setting("verify_depth")
    if placed is None or not placed.directive.args:
        return None
    return placed if is_zero(placed.directive.args[0]) else None


def _knows_intermediate(configuration: Configuration, connection: Connection, known: dict[str, bool]) -> bool:
    bundle = connection.bundle
    if bundle not in known:
        file = configuration.read(bundle)
        known[bundle] = file is not None and read_bundle(file.data).has_intermediate
    return known[bundle]
