"""All rules of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import checkov_nginx_tls.checks  # noqa: F401  # registers our checks
from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck
from checkov_nginx_tls.checks.registry import registry
from checkov_nginx_tls.kubernetes.catalogue import KUBERNETES_RULES

if TYPE_CHECKING:
    from checkov_nginx_tls.rule import Rule


def rules() -> tuple[Rule, ...]:
    """The rules in the order of their IDs."""
    nginx = (check.rule for check in registry.builtin_checks() if isinstance(check, BaseUpstreamCheck))
    return (*nginx, *(rule.rule for rule in KUBERNETES_RULES))
