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
)
from checkov_nginx_tls.checks.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule
from checkov_nginx_tls.modules import HTTP_PROXY, MODULES, VERIFIES_BY_DEFAULT
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import Flag, flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Block, Configuration, Placed
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
        for cause, result in [*_unaccounted(configuration, connections), *_verified_clients(configuration)]:
            yield Judgement(result, cause, None, (cause.directive.name,))

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
            return (
                f"{name} is off for every TLS connection in the configuration that includes this. Set it to on and "
                f"give {bundle} the CA certificates that sign the upstreams' certificates."
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


def _unaccounted(
    configuration: Configuration, connections: Sequence[Connection]
) -> Iterator[tuple[Placed, CheckResult]]:
    """Explicit offs that may be in effect for connections outside the scanned tree, and for none inside."""
    possible = {connection.possible("verify") for connection in connections}
    accounted = {id(placed) for one in possible for placed in one.directives}
    used = {connection.module.verify for connection in connections}
    blocks = [block for block in configuration.blocks if not block.data]
    hidden = {
        id(placed)
        for block in blocks
        if block.unresolved
        for name in _verify_directives(block)
        for placed in block.possible(name).directives
    }
    for block in blocks:
        bare = block is configuration.root and not configuration.complete
        for name in _verify_directives(block):
            for off, result in _offs(block, name):
                reaches_unknown = id(off) in hidden or (bare and name not in used)
                if id(off) not in accounted and reaches_unknown:
                    yield off, result


def _verified_clients(configuration: Configuration) -> Iterator[tuple[Placed, CheckResult]]:
    """Explicit offs of the clients in nginx that verify by default."""
    for block in configuration.blocks:
        for name, contexts in VERIFIES_BY_DEFAULT.items():
            if block.type in contexts:
                yield from _offs(block, name)


def _offs(block: Block, name: str) -> Iterator[tuple[Placed, CheckResult]]:
    """A block's own directives that turn a flag off, or perhaps do where a template decides."""
    own = block.own(name)
    if not any(placed.conditions for placed in own):
        own = own[-1:]
    for placed in own:
        value = flag(placed)
        if value is Flag.OFF:
            yield placed, CheckResult.FAILED if len(own) == 1 and not placed.conditions else CheckResult.UNKNOWN
        elif value is Flag.UNDECIDED and any(isinstance(arg, Templated) for arg in placed.directive.args):
            yield placed, CheckResult.UNKNOWN


def _verify_directives(block: Block) -> list[str]:
    family = block.type.partition(".")[0]
    return sorted({module.verify for module in MODULES if module.family == family})
