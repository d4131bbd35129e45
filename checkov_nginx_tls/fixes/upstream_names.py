"""06 and 08: the name that is verified is fixed, and one that a certificate can bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov_nginx_tls.fixes.drafts import Draft
from checkov_nginx_tls.fixes.edits import Unmendable
from checkov_nginx_tls.fixes.names import constants, natural, only_name
from checkov_nginx_tls.fixes.settings import Plan
from checkov_nginx_tls.fixes.verification import DEPTH

if TYPE_CHECKING:
    from checkov_nginx_tls.fixes.drafts import Case
    from checkov_nginx_tls.upstreams import Connection


def mend_chosen_name(case: Case) -> Draft:
    """06: the name becomes that of the target, where the target has one that is fixed."""
    return _named(case, {one: _fixed(one) for one in case.connections})


def mend_impossible(case: Case) -> Draft:
    """08: the name becomes one that the target tells, or the depth one that allows intermediates."""
    if case.directive.name.endswith("_verify_depth"):
        wants = {one: {"verify_depth": DEPTH} for one in case.connections}
        plan = Plan(case.world, wants, common=case.directive)
        return Draft(tuple(plan.edits()), plan.touched())
    return _named(case, {one: _possible(one) for one in case.connections})


def _named(case: Case, names: dict[Connection, str]) -> Draft:
    plan = Plan(case.world, {one: {"name": name} for one, name in names.items()}, common=case.directive)
    return Draft(tuple(plan.edits()), plan.touched())


def _fixed(connection: Connection) -> str:
    """The name of a target that is one constant; it must be among those that a leading dot accepted."""
    name = only_name(connection)
    for text in constants(connection.names):
        if text.startswith(".") and not name.lower().endswith(text.lower()):
            raise Unmendable(f'{name} is no subdomain of "{text}": write the name that is right')
    return name


def _possible(connection: Connection) -> str:
    """The name to write for a connection: without the dot at its end, or else the target's."""
    written = connection.fixed_name
    if written is None:
        name = natural(connection).written
        if name is None:
            raise Unmendable(f"{connection.target} tells no name of a certificate")
        return name
    text = written.directive.args[0]
    if text.strip(".") and text.endswith(".") and "$" not in text:
        return text.rstrip(".")
    return only_name(connection)
