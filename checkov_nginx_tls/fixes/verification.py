"""01, 02 and 03: verification is turned on, with all that it needs to succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Final

from checkov_nginx_tls.fixes.drafts import Draft
from checkov_nginx_tls.fixes.edits import Unmendable, replaced
from checkov_nginx_tls.fixes.names import Naming, naming
from checkov_nginx_tls.fixes.settings import InEffect, Plan, anchor_of, commands_of
from checkov_nginx_tls.modules import STORE_COMMANDS, VERIFIES_BY_DEFAULT, ZONE_SYNC, is_zero
from checkov_nginx_tls.public_hosts import is_public
from checkov_nginx_tls.targets import Transport, is_address
from checkov_nginx_tls.texts import listed
from checkov_nginx_tls.upstreams import Flag, bundle_of, flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from checkov_nginx_tls.checks.base_upstream_check import Judgement
    from checkov_nginx_tls.fixes.drafts import Case
    from checkov_nginx_tls.fixes.trust import Trust
    from checkov_nginx_tls.fixes.world import World
    from checkov_nginx_tls.model import Block
    from checkov_nginx_tls.syntax import Directive
    from checkov_nginx_tls.upstreams import Connection

DEPTH: Final = "2"
"""Intermediate CAs that are allowed: chains of public CAs have one or two, and nginx allows one by default."""

_OFF: Final = "CKV_NGINX_CUSTOM_01"
_UNVERIFIED: Final = (_OFF, "CKV_NGINX_CUSTOM_03", "CKV_NGINX_CUSTOM_04")
_OUTERMOST: Final = frozenset({"http", "stream"})
_WITH_SETTINGS: Final = frozenset({"server", "location", "if", "limit_except"})


def mend_off(case: Case) -> Draft:
    """01: an explicit off becomes on, and everybody who inherits it gets what verification needs.

    A connection whose finding a comment skips keeps its off: it is written next to its pass.
    """
    offs = _offs(case)
    if not case.connections:
        edits = [replaced(case.world.file_of(case.directive), case.directive, 1, _default_of(case.judgements[0]))]
        return Draft(tuple(edits))
    for off in offs:
        _check_in_sight(case.world, off)
    concerned = [one for one in _users(case.world, offs) if _is_concerned(one)]
    skipped = [one for one in concerned if case.world.is_skipped(_OFF, one)]
    verified = [one for one in concerned if one not in skipped]
    wants = needs_of(verified, case.trust, case.directive)
    wants.update({one: {"verify": "off"} for one in skipped})
    plan = Plan(case.world, wants, frozenset(verified), common=offs[0] if len(offs) == 1 else None)
    switched = [replaced(case.world.file_of(off), off, 1, "on") for off in offs]
    return Draft((*switched, *plan.edits()), plan.touched())


def mend_bundle(case: Case) -> Draft:
    """02: verification that is on gets its bundle and, as nginx never started with it, a depth and SNI.

    A name that cannot be verified is for other rules.
    """
    connections = case.connections
    others = [one for one in connections if not one.is_verified]
    verified = (one for one in connections if one.is_verified)
    wants = needs_of(verified, case.trust, case.directive, names=_name_as_it_is)
    bundles = {values["trusted_certificate"] for values in wants.values() if "trusted_certificate" in values}
    for one in others:
        one_for_all = next(iter(bundles)) if len(bundles) == 1 else case.trust.any_bundle(one)
        wants[one] = {"trusted_certificate": one_for_all}
    plan = Plan(case.world, wants, common=case.directive)
    return Draft(tuple(plan.edits()), plan.touched())


def mend_unset(case: Case) -> Draft:
    """03: verification is turned on next to the pass."""
    return turned_on(case.world, case.trust, case.connections)


def turned_on(
    world: World,
    trust: Trust,
    connections: Iterable[Connection],
    as_they_will_be: Mapping[Connection, Connection] | None = None,
) -> Draft:
    """Verification turned on next to the passes of connections, and for those that will inherit it from there.

    ``as_they_will_be`` are the connections as other edits of the same fix make them. Raises Unmendable where one of
    them could not be verified.
    """
    changed = as_they_will_be or {}
    first = list(connections)
    everybody = with_heirs(world, first)
    wants = needs_of(everybody, trust, first[0].placed.directive, changed)
    for one in first:
        if one.verification is not Flag.ON:
            wants[one] = {**wants[one], "verify": "on"}
    plan = Plan(world, wants, frozenset(everybody), as_they_will_be=changed)
    return Draft(tuple(plan.edits()), plan.touched())


def needs_of(
    connections: Iterable[Connection],
    trust: Trust,
    at: Directive,
    as_they_will_be: Mapping[Connection, Connection] | None = None,
    names: Callable[[Connection], Naming] = naming,
) -> dict[Connection, Mapping[str, str]]:
    """What each of some connections lacks; ``at`` is the directive where their finding stands.

    Raises Unmendable with the reasons of all for which it cannot be known.
    """
    found: dict[Connection, Mapping[str, str]] = {}
    reasons: dict[str, None] = {}
    for one in connections:
        try:
            changed = (as_they_will_be or {}).get(one, one)
            found[one] = needs(changed, trust, name=names(changed) if _is_used(changed) else None)
        except Unmendable as error:  # noqa: PERF203  # all reasons are wanted
            directive = one.placed.directive
            reasons[str(error) if directive.place == at.place else f"{error} ({directive.place})"] = None
    if reasons:
        raise Unmendable(listed(list(reasons), separator="; "))
    return found


def needs(
    connection: Connection, trust: Trust, settings: InEffect | None = None, name: Naming | None = None, bundle: str = ""
) -> Mapping[str, str]:
    """The values of settings that a connection lacks so that its verification can succeed.

    ``name`` and ``bundle`` are those that are known from elsewhere. Raises Unmendable where one cannot be known.
    """
    settings = settings or InEffect()
    lacks_bundle = _lacks_bundle(connection, settings)
    if not _is_used(connection):
        return {"trusted_certificate": trust.any_bundle(connection)} if lacks_bundle and connection.loads_bundle else {}
    found: dict[str, str] = {}
    named = name or naming(connection)
    if named.written is not None:
        found["name"] = named.written
    if lacks_bundle:
        store = _store(connection)
        if store is not None and trust.ca is None and not bundle:
            raise Unmendable(
                f"{store.args[0]} ({store.place}) names trusted certificates for OpenSSL, and no "
                f"{connection.module.trusted_certificate} is in effect: say with --ca which file is right"
            )
        found["trusted_certificate"] = bundle or trust.bundle_for(connection, named.names)
    depths = settings.possible(connection, "verify_depth")
    if depths == (None,) or all(one is not None and is_zero("".join(one.directive.args)) for one in depths):
        found["verify_depth"] = DEPTH
    flags = {flag(placed) for placed in settings.possible(connection, "server_name")}
    if flags <= {Flag.OFF, Flag.UNSET} and connection.module is not ZONE_SYNC:
        found["server_name"] = "on"
    return found


def _lacks_bundle(connection: Connection, settings: InEffect) -> bool:
    bundles = {bool(bundle_of(placed)) for placed in settings.possible(connection, "trusted_certificate")}
    if len(bundles) > 1:
        raise Unmendable(
            f"a template decides whether {connection.target} has a {connection.module.trusted_certificate}"
        )
    return bundles == {False}


def _store(connection: Connection) -> Directive | None:
    """A command by which OpenSSL gets trusted certificates of its own."""
    commands = (placed.directive for placed in commands_of(connection))
    return next((one for one in commands if one.args and one.args[0].lower() in STORE_COMMANDS), None)


def _name_as_it_is(connection: Connection) -> Naming:
    """What a connection is verified for now, right or wrong."""
    return Naming(connection.names, None)


def _is_used(connection: Connection) -> bool:
    """Whether a connection serves requests over TLS, perhaps."""
    return connection.handles and connection.transport is not Transport.PLAINTEXT


def _is_concerned(connection: Connection) -> bool:
    """Whether verification means anything to a connection, were it only that nginx loads a bundle for it."""
    return _is_used(connection) or connection.loads_bundle


def _check_in_sight(world: World, off: Directive) -> None:
    """Raise Unmendable where connections may inherit an off that are not in the scanned files."""
    for block, _ in world.contexts(off):
        if block.parent is None and block.type in _OUTERMOST:
            raise Unmendable(
                f"it counts for everything in {block.type}, and what else stands there is not known: scan it together "
                f"with the file that includes {off.source.name}"
            )
        for hidden in (placed.directive for heir in _heirs(block, off.name) for placed in heir.unresolved):
            what = f'include "{hidden.args[0]}"' if hidden.name == "include" else hidden.name
            raise Unmendable(f"what {what} ({hidden.place}) stands for is not here, and would be verified as well")


def _heirs(block: Block, name: str) -> Iterator[Block]:
    """A block, and those in it that take a setting from it."""
    pending = [block]
    while pending:
        heir = pending.pop()
        yield heir
        inner = (one for one in heir.blocks if one.type.rpartition(".")[2] in _WITH_SETTINGS)
        pending.extend(one for one in inner if not one.own(name))


def _offs(case: Case) -> list[Directive]:
    """The directives that turn verification off for the connections of a finding; a template may choose among some."""
    offs = {case.directive: None}
    for connection in case.connections:
        possible = connection.possible("verify").directives
        offs.update((placed.directive, None) for placed in possible if placed is not None)
    return list(offs)


def _users(world: World, directives: Iterable[Directive]) -> list[Connection]:
    """All connections for which one of some directives may decide on verification."""
    wanted = set(directives)
    found: dict[Connection, None] = {}
    for directive in wanted:
        for block, _ in world.contexts(directive):
            for connection in world.below(block):
                possible = connection.possible("verify").directives
                if any(placed is not None and placed.directive in wanted for placed in possible):
                    found[connection] = None
    return [connection for connection in world.connections if connection in found] if len(wanted) > 1 else list(found)


def with_heirs(world: World, connections: Sequence[Connection], at: Directive | None = None) -> list[Connection]:
    """Connections, and those that inherit what is turned on for them, in all places where their files are included.

    That happens next to their passes unless ``at`` is the directive. Raises Unmendable where a comment skips one.
    """
    found = dict.fromkeys(connections)
    module = connections[0].module
    for anchor in dict.fromkeys([at] if at is not None else [anchor_of(one).directive for one in connections]):
        for block, _ in world.contexts(anchor):
            for heir in world.below(block):
                shares = heir.module.ssl_prefix == module.ssl_prefix
                if heir not in found and shares and _inherits_verification(heir, block) and _is_concerned(heir):
                    found[heir] = None
    for one in found:
        if any(world.is_skipped(check_id, one) for check_id in _UNVERIFIED):
            raise Unmendable(f"{one.target} ({one.placed.directive.place}) is skipped, and would be verified as well")
    return list(found)


def _inherits_verification(connection: Connection, block: Block) -> bool:
    """Whether what a block will say of verification is new to a connection."""
    if connection.verification is Flag.ON:
        return False
    for level in connection.block.scope.inheritance():
        if level.own(connection.module.verify):
            return False
        if level is block:
            return True
    return False


def _default_of(judgement: Judgement) -> str:
    """What an off without connections becomes, if that can do no harm: of the clients that verify by default, on."""
    directive = judgement.cause.directive
    if directive.name not in VERIFIES_BY_DEFAULT:
        raise Unmendable(
            "the connections that it is for are not in the scanned files: scan them together with what includes this"
        )
    values = _set_around(directive)
    if directive.name == "ssl_verify":
        if not any(values.get("ssl_trusted_certificate", ())) and not _reaches_public_server(values):
            raise Unmendable(
                "the system's CA certificates would be trusted, and this server is no public one: set "
                "ssl_trusted_certificate too"
            )
        return "on"
    if "js_fetch_trusted_certificate" not in values:
        raise Unmendable("njs trusts no CA by itself: set js_fetch_trusted_certificate beside it, and this to on")
    return "on"


def _set_around(directive: Directive) -> dict[str, tuple[str, ...]]:
    """The values that are set beside a directive, and in the blocks around it, in the same file."""
    values: dict[str, tuple[str, ...]] = {}
    block = directive.parent
    while block is not None:
        values = {**{one.name: one.args for one in block.block or ()}, **values}
        block = block.parent
    return values


def _reaches_public_server(values: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether what an ACME client, or NGINX Plus for its reports, talks to is on the public internet."""
    endpoints = [word.partition("=")[2] for word in values.get("usage_report", ()) if word.startswith("endpoint=")]
    for address in [*values.get("uri", ()), *endpoints]:
        host = address.rpartition("://")[2].partition("/")[0].partition(":")[0]
        if is_address(host) or not is_public(host):
            return False
    return values.get("uri") != ()
