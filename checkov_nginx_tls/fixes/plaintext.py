"""14: requests to a host on the internet are encrypted, where it is plain how."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from checkov_nginx_tls.fixes.drafts import Draft
from checkov_nginx_tls.fixes.edits import Unmendable, begun_anew
from checkov_nginx_tls.fixes.verification import turned_on
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.public_hosts import is_public
from checkov_nginx_tls.targets import Transport, is_address
from checkov_nginx_tls.variables import constant

if TYPE_CHECKING:
    from checkov_nginx_tls.fixes.drafts import Case
    from checkov_nginx_tls.upstreams import Connection


def mend_plaintext(case: Case) -> Draft:
    """14: http:// becomes https:// for a public DNS name that is written out without a port, and is verified.

    A port says which service is meant, and nobody speaks both on the same one. The servers of a group have ports, and
    targets of gRPC have to.
    """
    directive = case.directive
    changed = {one: _encrypted(one) for one in case.world.passing(directive)}
    module = case.connections[0].module
    old, new = module.plain_scheme or "", module.tls_scheme or ""
    switched = begun_anew(case.world.file_of(directive), directive, 1, old, new)
    draft = turned_on(case.world, case.trust, changed, changed)
    return Draft((switched, *draft.edits), draft.touched)


def _encrypted(connection: Connection) -> Connection:
    """A connection as it is over TLS. Raises Unmendable where it is not plain that its upstream speaks it."""
    module, target = connection.module, connection.target
    scheme = module.plain_scheme or ""
    hosts = {constant(one.host) for one in connection.targets}
    host = next(iter(hosts)) if len(hosts) == 1 else None
    if host is None or host not in target:
        raise Unmendable(f"{target} is put together from variables: write {module.tls_scheme} where the value is set")
    if module is not HTTP_PROXY or not target.lower().startswith(scheme):
        raise Unmendable(
            f"whether {host} speaks TLS is not known: write {module.tls_scheme}, with its port, if it does"
        )
    if connection.groups:
        raise Unmendable(
            f"the servers of the group {host} have ports for plain text: write {module.tls_scheme}, and those for TLS"
        )
    if is_address(host) or ":" in host or not is_public(host):
        what = "a port" if ":" in host and not is_address(host) else "no DNS name"
        raise Unmendable(
            f"{target} has {what}: write {module.tls_scheme}, with the port for TLS and the name to verify"
        )
    for placed in connection.block.scope.effective_all("proxy_redirect"):
        if placed.directive.args[:1] and host in placed.directive.args[0]:
            raise Unmendable(
                f"proxy_redirect ({placed.directive.place}) rewrites {scheme} as well: change both by hand"
            )
    targets = tuple(replace(one, transport=Transport.TLS) for one in connection.targets)
    names = connection.names if connection.fixed_name is not None else frozenset({(host,)})
    return replace(connection, transport=Transport.TLS, loads_bundle=True, targets=targets, names=names)
