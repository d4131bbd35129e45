"""CKV_NGINX_CUSTOM_03: a TLS connection for which nobody turned verification on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import (
    BaseUpstreamCheck,
    Judgement,
    connections_of,
    keys_of,
    missing_includes,
    places,
    remedy,
)
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import Flag, idle_verification

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection


class UpstreamVerifyUnset(BaseUpstreamCheck):
    """See ``rule``."""

    target_is_cause = True
    rule = Rule(
        id="CKV_NGINX_CUSTOM_03",
        title="Ensure upstream certificate verification is enabled",
        severity="HIGH",
        guideline=HTTP_PROXY.url("proxy_ssl_verify"),
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        precision="very-high",
        what=(
            "A TLS connection to an upstream for which no *_ssl_verify is in effect. A bundle, SNI or a name without "
            "it does not verify anything. Connections that stay on the machine (127.0.0.0/8, ::1, localhost, "
            "unix sockets) pass."
        ),
        why=(
            "nginx's default is off, in every module and every version: the connection is encrypted, and nginx talks "
            "to whoever answers. Anybody who can answer in the upstream's place reads and changes every request."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
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
            "The merge default of proxy_ssl_verify, grpc_ssl_verify, uwsgi_ssl_verify and stream's proxy_ssl_verify is "
            "0 (ngx_http_proxy_merge_loc_conf and its like). *_ssl_trusted_certificate is only opened when "
            "verification is on."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        del configuration
        idle = idle_verification(connections)
        for connection in connections:
            result = _judge(connection)
            if result is not None and (result is CheckResult.PASSED or connection not in idle):
                yield Judgement(result, connection.placed, connection, keys_of(connection.module, "pass", "verify"))

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        connections = connections_of(judgements)
        first = connections[0]
        module = first.module
        if judgements[0].result is CheckResult.UNKNOWN:
            return f"whether nginx speaks TLS to {places(connections)} depends on a value that is not known here"
        return (
            f"nobody sets {module.verify} for {first.target}, and nginx's default is off: it talks to whoever answers."
            f"{_idle_bundle(first)} {remedy(first)}{missing_includes(judgements)}"
        )


def _judge(connection: Connection) -> CheckResult | None:
    if not connection.handles or connection.transport is Transport.PLAINTEXT:
        return None
    if connection.verification is Flag.ON:
        return CheckResult.PASSED if connection.transport is Transport.TLS else None
    if connection.verification is not Flag.UNSET:
        return None
    if connection.stays_on_this_machine:
        return CheckResult.PASSED
    return CheckResult.FAILED if connection.transport is Transport.TLS else CheckResult.UNKNOWN


def _idle_bundle(connection: Connection) -> str:
    bundle = connection.trusted_certificate
    if bundle is None:
        return ""
    return f" {connection.module.trusted_certificate} at {bundle.directive.place} does nothing without it."
