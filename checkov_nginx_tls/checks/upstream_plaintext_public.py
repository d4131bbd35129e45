"""CKV_NGINX_CUSTOM_14: requests leave for the public internet unencrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, connections_of, places
from checkov_nginx_tls.model import always_holds, ancestors
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.public_hosts import is_public
from checkov_nginx_tls.rule import Rule
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import Transport, name_in
from checkov_nginx_tls.texts import listed
from checkov_nginx_tls.variables import UNKNOWN_VALUE, constant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.model import Block, Configuration
    from checkov_nginx_tls.targets import Target
    from checkov_nginx_tls.templates import Case
    from checkov_nginx_tls.upstreams import Connection
    from checkov_nginx_tls.variables import Value

_ACME: Final = ".well-known/acme-challenge"


class UpstreamPlaintextPublic(BaseUpstreamCheck):
    """See ``rule``."""

    target_is_cause = True
    rule = Rule(
        id="CKV_NGINX_CUSTOM_14",
        title="Ensure traffic to public upstreams is encrypted",
        severity="MEDIUM",
        guideline=HTTP_PROXY.url("proxy_pass"),
        cwe=319,
        benchmarks=(),
        what=(
            "A proxy_pass with http://, or a grpc_pass or uwsgi_pass without TLS, to a host on the public internet: a "
            "name under a public suffix (com, co.uk, herokuapp.com), or an address that is neither private nor "
            "reserved. A group is judged by its servers, a variable by the values that set and map give it. Not "
            "looked at: names that say they are internal (api.internal.vendor.io, AWS's internal-*), a service and "
            "its namespace (web.dev), names that a server_name of the same configuration answers to, what "
            "/.well-known/acme-challenge/ fetches (plain by the standard), $scheme://, where the client chooses, and "
            "hosts that the client or nobody in sight chooses."
        ),
        why=(
            "Everybody on the way reads and changes requests and answers: passwords, session cookies, tokens. That "
            "the client came over https does not help: nginx decrypts, and sends the rest of the way in the clear."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass http://api.vendor.io;
    }
}
""",
        use_instead="""\
server {
    listen 80;
    location / {
        proxy_pass https://api.vendor.io;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
        proxy_ssl_verify_depth 2;
        proxy_ssl_server_name on;
    }
}
""",
        nginx=(
            "The scheme alone decides: http://, grpc:// and uwsgi://, and no scheme in grpc_pass and uwsgi_pass, are "
            "plaintext on any port, 443 included; *_ssl_* directives change nothing about it "
            "(ngx_http_proxy_pass and its like). With https:// and no port nginx connects to 443; the servers of a "
            "group keep the ports that stand there, 80 where none does."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        own_names = _OwnNames.of(configuration)
        for connection in connections:
            if connection.handles and connection.module.tls_flag is None:
                result = _judge(connection, own_names)
                if result is CheckResult.PASSED or (result is not None and not _is_for_acme(connection.block)):
                    yield Judgement(result, connection.placed, connection, (connection.module.pass_directive,))

    def guideline_of(self, judgement: Judgement) -> str:
        """See BaseUpstreamCheck."""
        connection = judgement.connection
        if connection is None:
            return self.rule.guideline
        return connection.module.url(connection.module.pass_directive)

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck."""
        connections = connections_of(judgements)
        if judgements[0].result is CheckResult.UNKNOWN:
            return (
                f"whether requests to {places(connections)} leave for the internet unencrypted depends on a value that "
                "is not known here"
            )
        module = connections[0].module
        hosts = (host for one in connections for target in _plaintext(one) for host in _hosts(one, target))
        public = list(dict.fromkeys(host.place for host in hosts if host.name is not None and is_public(host.name)))
        return (
            f"nginx sends requests over the internet unencrypted in {places(connections)}: to "
            f"{listed(public)}. Write {module.tls_scheme} if the upstream speaks TLS, in a group with the "
            f"port for it, and turn {module.verify} on; or reach it at a private address."
        )


class _Host(NamedTuple):
    """A host that a connection may reach: its name without port, None where it is not known, and where it stands.

    A template renders it where ``conditions`` hold.
    """

    name: str | None
    place: str
    conditions: tuple[Case, ...] = ()


class _OwnNames(NamedTuple):
    """The names that the servers of a configuration answer to, and the ends of those that begin with ``*``."""

    names: frozenset[str]
    ends: tuple[str, ...]

    @classmethod
    def of(cls, configuration: Configuration) -> _OwnNames:
        servers = (block for block in configuration.blocks_with.get("server_name", ()) if block.type == "http.server")
        lines = (placed.directive.args for block in servers for placed in block.own("server_name"))
        names = {name.lower() for args in lines for name in args}
        ends = {name.lstrip("*") for name in names if name.startswith(("*.", "."))}
        return cls(frozenset(names), tuple(sorted(ends)))

    def hold(self, host: str) -> bool:
        return host.lower() in self.names or f".{host.lower()}".endswith(self.ends)


def _judge(connection: Connection, own_names: _OwnNames) -> CheckResult | None:
    """None where the hosts, or whether they are reached over TLS, are for somebody else to choose."""
    undecided = {target.host for target in connection.targets if target.transport is Transport.UNDECIDED}
    result: CheckResult | None = CheckResult.PASSED
    in_plain_text: list[tuple[Case, ...]] = []
    for target in _plaintext(connection):
        for host in _hosts(connection, target):
            if host.name is None:
                result = None if result is CheckResult.PASSED else result
            elif not own_names.hold(host.name) and is_public(host.name):
                result = CheckResult.UNKNOWN
                if target.host not in undecided:
                    in_plain_text.append(host.conditions)
    return CheckResult.FAILED if always_holds(in_plain_text, connection.given) else result


def _plaintext(connection: Connection) -> list[Target]:
    """The targets that are plaintext, but those that are TLS where the client asks for it: ``$scheme://``."""
    encrypted = {target.host for target in connection.targets if target.transport is Transport.TLS}
    return [
        target
        for target in connection.targets
        if target.transport is Transport.PLAINTEXT and target.host not in encrypted
    ]


def _hosts(connection: Connection, target: Target) -> Iterator[_Host]:
    """The hosts of a target, those of its servers where it is a group; without unix sockets."""
    text = constant(target.host)
    groups = connection.groups_named(text) if text is not None else []
    if not groups:
        yield from _host(target.host, "")
    servers = [(group, server) for group in groups for server in group.block.own("server")]
    for owner, placed in servers:
        directive = placed.directive
        if directive.args and "down" not in directive.args:
            address = directive.args[0]
            known = UNKNOWN_VALUE if isinstance(address, Templated) else (address,)
            yield from _host(known, f" ({directive.place})", (*owner.conditions, *placed.conditions))


def _host(value: Value, place: str, conditions: tuple[Case, ...] = ()) -> Iterator[_Host]:
    name = constant(name_in(value))
    if name is None:
        yield _Host(None, "")
    elif not name.lower().startswith("unix:"):
        yield _Host(name, f"{name}{place}", conditions)


def _is_for_acme(block: Block) -> bool:
    """Whether a block serves the challenges by which a certificate is issued, which are fetched without TLS."""
    locations = (one.placed for one in ancestors(block) if one.type == "http.location")
    return any(_ACME in arg.replace("\\", "") for placed in locations if placed for arg in placed.directive.args)
