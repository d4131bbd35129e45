"""CKV_NGINX_CUSTOM_01: an explicit ``*_ssl_verify off``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import (
    BaseUpstreamCheck,
    Judgement,
    connections_of,
    missing_includes,
    origin,
    places,
    remedy,
    unseen_connections,
)
from checkov_nginx_tls.lone_offs import LoneOff, lone_offs
from checkov_nginx_tls.modules import HTTP_PROXY, VERIFIES_BY_DEFAULT
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection


class UpstreamVerifyDisabled(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_01",
        title="Ensure upstream certificate verification is not disabled",
        severity="HIGH",
        guideline=HTTP_PROXY.url("proxy_ssl_verify"),
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        precision="very-high",
        what=(
            "An explicit proxy_ssl_verify, grpc_ssl_verify, uwsgi_ssl_verify or zone_sync_ssl_verify off that is in "
            "effect for a TLS connection, or that stands in a file whose connections are not known; and "
            "js_fetch_verify off or, inside acme_issuer and mgmt, ssl_verify off, which are on unless turned off."
        ),
        why=(
            "nginx encrypts the connection but talks to whoever answers. Anybody who can answer in the upstream's "
            "place, through DNS, ARP, a reused address or a compromised neighbour, reads and changes every request: "
            "passwords, session cookies and tokens included."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify off;
    }
}
""",
        use_instead="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_verify_depth 2;
        proxy_ssl_server_name on;
    }
}
""",
        nginx=(
            "The nearest value wins: location, outer location, server, http (ngx_http_proxy_merge_loc_conf). With off, "
            "the trusted certificates are never even opened."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        for connection in connections:
            result = _judge(connection)
            if result is not None and connection.verify is not None:
                cause = connection.placed if result is CheckResult.PASSED else connection.verify
                yield Judgement(result, cause, connection, (connection.module.verify,))
        for off in lone_offs(configuration, connections):
            result = CheckResult.FAILED if off.certain else CheckResult.UNKNOWN
            yield Judgement(result, off.placed, None, (off.placed.directive.name,), off)

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        name = judgements[0].cause.directive.name
        if judgements[0].result is CheckResult.UNKNOWN and not connections_of(judgements):
            return f"whether {name} is off here depends on a value that is not known here"
        if name in VERIFIES_BY_DEFAULT:
            return f"{name} is off: nginx talks to whoever answers. Remove the line: the default verifies."
        connections = connections_of(judgements)
        bundle = name.replace("_verify", "_trusted_certificate")
        if judgements[0].result is CheckResult.UNKNOWN:
            return f"whether {name} is off for {places(connections)} depends on a value that is not known here"
        if not connections:
            off = judgements[0].detail
            where = unseen_connections(off.missing if isinstance(off, LoneOff) else ())
            return (
                f"{name} is off for {where}. Set it to on and give {bundle} the CA certificates that sign the "
                "upstreams' certificates."
            )
        return (
            f"{name} is off for {places(connections)}{origin(judgements[0].cause, connections)}: nginx talks to "
            f"whoever answers. {remedy(connections[0])}{missing_includes(judgements)}"
        )


def _judge(connection: Connection) -> CheckResult | None:
    if not connection.handles or connection.transport is Transport.PLAINTEXT:
        return None
    verification = connection.verification
    if verification is Flag.UNSET:
        return None
    if verification is Flag.ON:
        return CheckResult.PASSED if connection.transport is Transport.TLS else None
    if verification is Flag.OFF and connection.transport is Transport.TLS:
        return CheckResult.FAILED
    return CheckResult.UNKNOWN
