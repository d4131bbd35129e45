"""CKV_NGINX_CUSTOM_04: verification that is turned on where no connection uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, places
from checkov_nginx_tls.modules import GRPC
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import idle_verification

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection


class UpstreamVerifyIdle(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_04",
        title="Ensure upstream TLS directives take effect",
        severity="HIGH",
        guideline=GRPC.url("grpc_ssl_verify"),
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        precision="very-high",
        what=(
            "Verification is turned on, but by the directive of another module than the one that passes the requests "
            "on (proxy_ssl_verify beside grpc_pass), or for a stream that does not speak TLS because proxy_ssl is not "
            "on; and no other TLS connection uses the directive."
        ),
        why=(
            "The file reads as if the upstream were verified, and nginx says nothing: directives of another module are "
            "legal. Requests go to whoever answers, in the second case in plain text."
        ),
        example="""\
server {
    listen 80;
    location / {
        grpc_pass grpcs://backend.example.com:443;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
    }
}
""",
        use_instead="""\
server {
    listen 80;
    location / {
        grpc_pass grpcs://backend.example.com:443;
        grpc_ssl_verify on;
        grpc_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        grpc_ssl_verify_depth 2;
        grpc_ssl_server_name on;
    }
}
""",
        nginx=(
            "Each module has its own directives and merges only those (ngx_http_grpc_merge_loc_conf and its like). In "
            "stream, TLS settings count only with proxy_ssl on (ngx_stream_proxy_init_upstream)."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        del configuration
        idle = idle_verification(connections)
        for connection in connections:
            cause = idle.get(connection)
            if cause is not None:
                switch = connection.module.tls_flag
                needed = switch if connection.transport is Transport.PLAINTEXT and switch else connection.module.verify
                yield Judgement(CheckResult.FAILED, cause, connection, (cause.directive.name, needed))
            elif connection.is_verified and connection.transport is Transport.TLS:
                keys = (connection.module.verify,)
                yield Judgement(CheckResult.PASSED, connection.placed, connection, keys)

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        idle, needed = judgements[0].evaluated_keys
        connections = connections_of(judgements)
        module = connections[0].module
        if needed == module.tls_flag:
            return (
                f"{idle} is on, but {places(connections)} is plain text: {needed} is not on. Set {needed} to on, or "
                f"remove the TLS settings."
            )
        return (
            f"{idle} does nothing for {places(connections)}: {module.pass_directive} takes {needed} and "
            f"{module.trusted_certificate}. Set those."
        )
