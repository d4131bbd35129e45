"""07 and 09: what a connection says, and what it takes over from others, when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov_nginx_tls.fixes.drafts import Draft
from checkov_nginx_tls.fixes.edits import Unmendable
from checkov_nginx_tls.fixes.settings import Plan

if TYPE_CHECKING:
    from checkov_nginx_tls.fixes.drafts import Case


def mend_shared(case: Case) -> Draft:
    """07: sessions are not reused where they alone are shared. Shared connections have more than one way out."""
    name = case.directive.name
    if name == "keepalive":
        raise Unmendable(
            'kept connections are shared: write "local" behind the number (nginx 1.29.7 or newer), give each its own '
            "upstream group, or verify them alike"
        )
    if name.endswith("_ssl_name"):
        raise Unmendable(
            'the name changes from request to request: give each name its own upstream group, or write "keepalive 0" '
            "into the group (nginx 1.29.7 or newer)"
        )
    return _written(case, "session_reuse", "off")


def mend_sni(case: Case) -> Draft:
    """09: the name is sent: off becomes on where all its connections want it, or on is written next to the pass."""
    return _written(case, "server_name", "on")


def _written(case: Case, setting: str, value: str) -> Draft:
    plan = Plan(case.world, {one: {setting: value} for one in case.connections}, common=case.directive)
    return Draft(tuple(plan.edits()), plan.touched())
