"""CKV_NGINX_CUSTOM_10: versions of the protocol that are broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, places
from checkov_nginx_tls.checks.openssl_settings import (
    Fault,
    Settings,
    is_open,
    judge_settings,
    places_concerned,
)
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.protocol_versions import OBSOLETE, VERSION_COMMANDS, admitted_versions
from checkov_nginx_tls.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection


class UpstreamProtocolsObsolete(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_10",
        title="Ensure upstream TLS excludes obsolete protocol versions",
        severity="MEDIUM",
        guideline=HTTP_PROXY.url("proxy_ssl_protocols"),
        cwe=327,
        benchmarks=("CIS NGINX Benchmark 4.1.4",),
        precision="very-high",
        what=(
            "An effective proxy_ssl_protocols (grpc_, uwsgi_, zone_sync_ssl_protocols), or an effective "
            "*_ssl_conf_command Protocol, admits SSLv2, SSLv3, TLSv1 or TLSv1.1 for a TLS connection, verified or not, "
            "or stands in a file whose connections are not known. Leaving both out is fine: since nginx 1.27.3 only "
            "TLSv1.2 and TLSv1.3 are on by default."
        ),
        why=(
            "RFC 6176, RFC 7568 and RFC 8996 forbid these versions: they rest on MD5 and SHA-1, and known attacks read "
            "parts of what is sent (POODLE, BEAST). Whoever stands between nginx and the upstream may get both to fall "
            "back to the oldest version that they admit. And with a version left out in between (TLSv1 TLSv1.2), nginx "
            "offers the old one only."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_verify_depth 2;
        proxy_ssl_server_name on;
        proxy_ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
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
        proxy_ssl_protocols TLSv1.2 TLSv1.3;
    }
}
""",
        nginx=(
            "Several *_ssl_protocols in one block add up; the nearest block that has any wins. The default is TLSv1.2 "
            "TLSv1.3 since 1.27.3; from 1.23.4 it was TLSv1 to TLSv1.3, from 1.9.1 TLSv1 to TLSv1.2, and before that "
            "SSLv3 too: with an older nginx, set it. *_ssl_conf_command comes afterwards (ngx_ssl_conf_commands): "
            "Protocol turns on what it names and turns off what it names with a minus, ALL means every version, and "
            "what it does not name stays; MinProtocol and MaxProtocol only narrow the choice. Many builds of OpenSSL 3 "
            "offer TLSv1 and TLSv1.1 at security level 0 only; this rule goes by what is written."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        return judge_settings(configuration, connections, _inspect, "protocols")

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        first = judgements[0]
        fault = first.detail
        connections = connections_of(judgements)
        if not isinstance(fault, Fault):
            return f"which protocol versions {places(connections)} may use depends on a value that is not known here"
        directive = first.cause.directive
        where = places_concerned(connections, fault)
        if directive.name.endswith("_conf_command"):
            return (
                f"{' '.join((directive.name, *directive.args))} turns on what is obsolete for {where}: {fault.admits}. "
                "Remove it, or name TLSv1.2 and TLSv1.3 only."
            )
        return (
            f"{directive.name} admits obsolete versions for {where}: {fault.admits}. Write {directive.name} TLSv1.2 "
            "TLSv1.3, which is also the default since nginx 1.27.3."
        )


def _inspect(settings: Settings) -> list[Fault] | None:
    commands = settings.commands_named(*VERSION_COMMANDS)
    if any(map(is_open, [*settings.protocols, *commands])):
        return None
    versions = admitted_versions(settings.protocols, commands)
    by_directive: dict[int, Fault] = {}
    for version in OBSOLETE:
        placed = versions.get(version)
        if placed is not None:
            before = by_directive.get(id(placed))
            by_directive[id(placed)] = Fault(placed, f"{before.admits}, {version}" if before else version)
    return list(by_directive.values())
