"""CKV_NGINX_CUSTOM_06: the client chooses which name is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, keys_of, places
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.variables import Unfixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection
    from checkov_nginx_tls.variables import Value


class UpstreamNameChosen(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_06",
        title="Ensure the verified upstream name is fixed by the configuration",
        severity="HIGH",
        guideline=HTTP_PROXY.url("proxy_ssl_name"),
        cwe=297,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        what=(
            "Verification is on, and the name that the certificate must carry comes from the request ($host, $http_*, "
            "$arg_*, $uri, a regular expression's capture, and what set or map derive from them), or begins with a "
            "dot. A map whose results are all constants is fine."
        ),
        why=(
            "The chain is still verified, but the client says which certificate is right: any holder of a certificate "
            "from the same CA is accepted, and with a public CA that is everybody. A name that begins with a dot "
            "accepts every subdomain."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_server_name on;
        proxy_ssl_name $host;
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
        proxy_ssl_server_name on;
        proxy_ssl_name backend.example.com;
    }
}
""",
        nginx=(
            "The name is *_ssl_name, or else the host of the pass directive, as evaluated for the request, up to the "
            "first colon (ngx_http_upstream_ssl_name); X509_check_host takes a leading dot for any subdomain."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        del configuration
        for connection in connections:
            if not connection.is_verified:
                continue
            result = _judge(connection)
            name = connection.fixed_name
            cause = connection.placed if name is None or result is CheckResult.PASSED else name
            keys = keys_of(connection.module, "pass", "name")
            if result is not CheckResult.PASSED or connection.transport is Transport.TLS:
                yield Judgement(result, cause, connection, keys)

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        connections = connections_of(judgements)
        setting = f"{connections[0].module.ssl_prefix}_name"
        if judgements[0].result is CheckResult.UNKNOWN:
            return f"which name is verified for {places(connections)} depends on a value that is not known here"
        written = judgements[0].cause.directive.args[0]
        if any(_accepts_subdomains(name) for connection in connections for name in connection.names):
            return f'{setting} "{written}" accepts every subdomain for {places(connections)}. Give the whole name.'
        return (
            f"the client chooses the name that is verified for {places(connections)}: it comes from {written}. Set "
            f"{setting} to the upstream's name, or take it from a map whose results are all constants."
        )


def _judge(connection: Connection) -> CheckResult:
    names = connection.names
    if any(Unfixed.CLIENT in name or _accepts_subdomains(name) for name in names):
        return CheckResult.FAILED if connection.transport is Transport.TLS else CheckResult.UNKNOWN
    return CheckResult.UNKNOWN if any(Unfixed.UNKNOWN in name for name in names) else CheckResult.PASSED


def _accepts_subdomains(name: Value) -> bool:
    return bool(name) and isinstance(name[0], str) and name[0].startswith(".")
