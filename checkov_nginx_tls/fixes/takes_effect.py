"""04: verification that was meant for a connection gets through to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from checkov_nginx_tls.fixes.drafts import Draft
from checkov_nginx_tls.fixes.edits import Unmendable, begun_anew, is_writable
from checkov_nginx_tls.fixes.names import Naming
from checkov_nginx_tls.fixes.settings import TLS, InEffect, Plan
from checkov_nginx_tls.fixes.verification import needs, with_heirs
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import Transport, is_address, name_in
from checkov_nginx_tls.upstreams import bundle_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checkov_nginx_tls.fixes.drafts import Case
    from checkov_nginx_tls.fixes.world import World
    from checkov_nginx_tls.syntax import Directive
    from checkov_nginx_tls.upstreams import Connection


def mend_idle(case: Case) -> Draft:
    """04: the directives get the prefix of the module that passes the requests on, or stream speaks TLS.

    Where directives cannot be renamed, because others use them or because they were meant for several modules, each
    connection gets its own, with the same values.
    """
    if case.connections[0].transport is Transport.PLAINTEXT:
        return _switched_on(case)
    old, new = _prefix(case.directive), case.connections[0].module.ssl_prefix
    is_meant_for_one = {connection.module.ssl_prefix for connection in case.connections} == {new}
    names = _renamed(case.world, case.directive, old, new) if is_meant_for_one and not case.outcome.skipped else {}
    settings = InEffect(names)
    everybody = [
        heir
        for prefix in dict.fromkeys(one.module.ssl_prefix for one in case.connections)
        for heir in with_heirs(
            case.world,
            [one for one in case.connections if one.module.ssl_prefix == prefix],
            case.directive if names else None,
        )
    ]
    wants = {one: dict(_needs(case, one, old, settings)) for one in everybody}
    for one in case.connections if not names else ():
        wants[one]["verify"] = "on"
    plan = Plan(case.world, wants, frozenset(wants), common=case.directive if names else None, settings=settings)
    edits = [begun_anew(case.world.file_of(directive), directive, 0, old, new) for directive in names]
    return Draft((*edits, *plan.edits()), plan.touched())


def _renamed(world: World, cause: Directive, old: str, new: str) -> dict[Directive, str]:
    """New names of the settings that stand beside a directive; none where somebody uses one of them.

    What is set for the right module already, a name with variables (each module has its own), and what a template
    decides on stay.
    """
    contexts = world.contexts(cause)
    block = contexts[0].block
    names: dict[Directive, str] = {}
    for placed in block.simple:
        directive = placed.directive
        name = f"{new}_{directive.name[len(old) + 1 :]}"
        if not directive.name.startswith(f"{old}_") or directive.source is not cause.source:
            continue
        if directive.parent is not cause.parent or placed.includes != contexts[0].placed.includes:
            continue
        if placed.conditions or (directive.name == f"{old}_name" and "$" in "".join(directive.args)):
            continue
        if any(context.block.own(name) for context in contexts):
            continue
        if any(_uses(directive, one) for one in _connections_of(world, directive, old)):
            continue
        names[directive] = name
    return names if cause in names else {}


def _connections_of(world: World, directive: Directive, prefix: str) -> list[Connection]:
    below = (one for block, _ in world.contexts(directive) for one in world.below(block))
    return [one for one in below if one.module.ssl_prefix == prefix]


def _uses(directive: Directive, connection: Connection) -> bool:
    """Whether a setting may be in effect for a connection that speaks TLS, or for which nginx loads a bundle."""
    if connection.transport is Transport.PLAINTEXT and not connection.loads_bundle:
        return False
    possible = connection.block.scope.possible(directive.name, connection.given).directives
    return any(placed is not None and placed.directive is directive for placed in possible)


def _needs(case: Case, connection: Connection, old: str, settings: InEffect) -> Mapping[str, str]:
    """What a connection lacks besides what is renamed for it; what the other module's directives say counts for it."""
    scope, given = connection.block.scope, connection.given
    bundle = bundle_of(scope.effective(f"{old}_trusted_certificate", given))
    if isinstance(bundle, Templated):
        raise Unmendable(
            f"{old}_trusted_certificate is filled in by a template: write it for {connection.module.ssl_prefix}"
        )
    placed = scope.effective(f"{old}_name", given)
    name = placed.directive.args[0] if placed is not None and placed.directive.args else ""
    named = None
    if connection.fixed_name is None and is_writable(name) and not is_address(name) and name.strip(".") == name:
        host = connection.tls_hosts[0] if len(connection.tls_hosts) == 1 else ()
        has_it = settings.possible(connection, "name") != (None,)
        needed = not has_it and name_in(host) != (name,)
        named = Naming(frozenset({(name,)}), name if needed else None)
    return needs(connection, case.trust, settings, named, bundle)


def _switched_on(case: Case) -> Draft:
    """Stream speaks TLS where that is plainly meant: verification and its bundle are there, and were set for it."""
    changed: dict[Connection, Connection] = {}
    for one in case.connections:
        switch = one.module.tls_flag or ""
        for placed in one.block.scope.possible(switch, one.given).directives:
            if placed is not None:
                raise Unmendable(
                    f"{switch} is off at {placed.directive.place}: say on there, or remove the TLS settings"
                )
        own = one.block.own(one.module.verify)
        if not own or not one.bundle:
            raise Unmendable(
                f"whether {one.target} speaks TLS is not said: set {switch} to on for it, or remove the TLS settings"
            )
        targets = tuple(replace(target, transport=Transport.TLS) for target in one.targets)
        names = one.names if one.fixed_name is not None else frozenset(name_in(target.host) for target in targets)
        changed[one] = replace(one, transport=Transport.TLS, loads_bundle=True, targets=targets, names=names)
    wants = {one: {TLS: "on", **needs(as_tls, case.trust)} for one, as_tls in changed.items()}
    plan = Plan(case.world, wants, frozenset(wants), as_they_will_be=changed)
    return Draft(tuple(plan.edits()), plan.touched())


def _prefix(directive: Directive) -> str:
    return directive.name.rpartition("_verify")[0]
