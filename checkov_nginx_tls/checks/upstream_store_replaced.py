"""CKV_NGINX_CUSTOM_05: an OpenSSL command that replaces the trusted certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, places
from checkov_nginx_tls.checks.rule import Rule
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.targets import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration, Placed
    from checkov_nginx_tls.upstreams import Connection

_STORE_COMMANDS: Final = frozenset({"verifycafile", "verifycapath", "verifycastore"})


class UpstreamStoreReplaced(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_05",
        title="Ensure OpenSSL commands do not override upstream verification",
        severity="HIGH",
        guideline=HTTP_PROXY.url("proxy_ssl_conf_command"),
        cwe=295,
        benchmarks=(),
        what=(
            "Verification is on, and an effective *_ssl_conf_command sets VerifyCAFile, VerifyCAPath or VerifyCAStore."
        ),
        why=(
            "The command replaces the certificates that *_ssl_trusted_certificate named: whoever holds a certificate "
            "from the other store is accepted, and the intended upstream may be refused. The directive that a reader "
            "looks at says something else."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/nginx/backend-ca.pem;
        proxy_ssl_server_name on;
        proxy_ssl_conf_command VerifyCAFile /etc/nginx/other.pem;
    }
}
""",
        use_instead="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/nginx/backend-ca.pem;
        proxy_ssl_server_name on;
    }
}
""",
        nginx=(
            "nginx hands the commands to SSL_CONF_cmd after it has loaded the trusted certificates "
            "(ngx_ssl_conf_commands); command names are compared without case. A level that has any command inherits "
            "none. VerifyMode does not weaken verification that is on."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        del configuration
        for connection in connections:
            if not connection.is_verified or connection.names == {()}:  # an empty name is refused every time
                continue
            keys = (f"{connection.module.ssl_prefix}_conf_command",)
            cause = _replacing(connection)
            if cause is not None:
                certain = connection.transport is Transport.TLS
                yield Judgement(CheckResult.FAILED if certain else CheckResult.UNKNOWN, cause, connection, keys)
            elif connection.transport is Transport.TLS:
                yield Judgement(CheckResult.PASSED, connection.placed, connection, keys)

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        directive = judgements[0].cause.directive
        connections = connections_of(judgements)
        return (
            f"{directive.args[0]} replaces the certificates of {connections[0].module.trusted_certificate} for "
            f"{places(connections)}. Remove it, and name the bundle in the latter only."
        )


def _replacing(connection: Connection) -> Placed | None:
    for placed in connection.settings("conf_command"):
        if placed.directive.args and placed.directive.args[0].lower() in _STORE_COMMANDS:
            return placed
    return None
