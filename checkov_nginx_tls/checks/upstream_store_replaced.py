"""CKV_NGINX_CUSTOM_05: an OpenSSL command that replaces the trusted certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, connections_of, places
from checkov_nginx_tls.checks.openssl_settings import Fault, Inspector
from checkov_nginx_tls.modules import HTTP_PROXY, STORE_COMMANDS
from checkov_nginx_tls.rule import Rule
from checkov_nginx_tls.syntax import Templated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.checks.base_upstream_check import Judgement
    from checkov_nginx_tls.checks.openssl_settings import Settings
    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection


class UpstreamStoreReplaced(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_05",
        title="Ensure OpenSSL commands do not override upstream verification",
        severity="HIGH",
        guideline=HTTP_PROXY.url("proxy_ssl_conf_command"),
        cwe=295,
        benchmarks=(),
        precision="very-high",
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
        inspector = Inspector(_inspect, ("conf_command",))
        for connection in connections:
            if connection.is_verified and connection.names != {()}:  # an empty name is refused every time
                yield from inspector.judge(connection, "conf_command")

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        first = judgements[0]
        connections = connections_of(judgements)
        if not isinstance(first.detail, Fault):
            return (
                f"whether a command of OpenSSL replaces the trusted certificates of {places(connections)} depends on a "
                "value that is not known here"
            )
        command, bundle = first.cause.directive.args[0], connections[0].module.trusted_certificate
        return (
            f"{command} replaces the certificates of {bundle} for {places(connections)}. Remove it, and name the "
            "bundle in the latter only."
        )


def _inspect(settings: Settings) -> list[Fault] | None:
    commands = settings.commands_named(*STORE_COMMANDS)
    certain = [placed for placed in commands if not isinstance(placed.directive.args[0], Templated)]
    return None if commands and not certain else [Fault(placed, "certificates of another store") for placed in certain]
