"""CKV_NGINX_CUSTOM_02: verification on, and nothing to verify against."""

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
)
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule
from checkov_nginx_tls.upstreams import Flag, bundle_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection


class UpstreamBundleMissing(BaseUpstreamCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_02",
        title="Ensure upstream certificate verification has a trusted CA bundle",
        severity="HIGH",
        guideline=HTTP_PROXY.url("proxy_ssl_trusted_certificate"),
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        precision="very-high",
        what=(
            "Verification is on for an upstream that is reached over TLS, or whose address contains a variable, and no "
            "*_ssl_trusted_certificate is in effect, or an empty one."
        ),
        why=(
            "nginx refuses to start or to reload. Under pressure the quick way out is to turn verification off again, "
            "and then it stays off. nginx has no built-in list of CAs and does not use the system's."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
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
            'nginx -t ends with "no proxy_ssl_trusted_certificate for proxy_ssl_verify", without file or line, if any '
            "location, used or not, has verification on and no bundle; a variable anywhere in the target counts as "
            'TLS, even in http://backend$request_uri (ngx_http_proxy_set_ssl). An explicit "" hides an outer bundle.'
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        del configuration
        for connection in connections:
            if connection.verify is None or connection.verification is not Flag.ON or not connection.loads_bundle:
                continue
            keys = keys_of(connection.module, "verify", "trusted_certificate")
            bundles = connection.possible("trusted_certificate").answers(bundle_of)
            if "" not in bundles:
                yield Judgement(CheckResult.PASSED, connection.placed, connection, keys)
                continue
            hidden = next(connection.block.missing_includes(), None)
            result = CheckResult.FAILED if bundles == {""} and hidden is None else CheckResult.UNKNOWN
            yield Judgement(result, connection.verify, connection, keys)

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        connections = connections_of(judgements)
        module = connections[0].module
        if judgements[0].result is CheckResult.UNKNOWN:
            return (
                f"whether {module.trusted_certificate} is set for {places(connections)} is not known."
                f"{missing_includes(judgements)}"
            )
        return (
            f"{module.verify} is on for {places(connections)} and no {module.trusted_certificate} is in effect: nginx "
            f"does not start. Add {module.trusted_certificate} with the CA certificate that signs the upstream's "
            f"certificate.{_empty(connections)}{_listener(connections)}"
        )


def _empty(connections: Sequence[Connection]) -> str:
    for connection in connections:
        bundle = connection.trusted_certificate
        if bundle is not None:
            return f" The empty value at {bundle.directive.place} hides any outer one."
    return ""


def _listener(connections: Sequence[Connection]) -> str:
    """Points out the listener's directive of nearly the same name."""
    for connection in connections:
        listener = connection.block.effective("ssl_trusted_certificate")
        if listener is not None:
            return (
                f" ssl_trusted_certificate at {listener.directive.place} is for clients and OCSP of the listener; "
                "it does not serve here."
            )
    return ""
