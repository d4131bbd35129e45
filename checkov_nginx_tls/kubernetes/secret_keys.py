"""Which certificates a Secret holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.kubernetes.values import is_templated, mapping

if TYPE_CHECKING:
    from checkov_nginx_tls.kubernetes.objects import KubernetesObject

CA_KEY: Final = "ca.crt"
"""The key under which both controllers expect the trusted certificates."""


def has_ca(secret: KubernetesObject) -> bool | None:
    """Whether a Secret has trusted certificates; None where a template decides."""
    content = secret.content
    for field in ("data", "stringData", "binaryData"):
        if CA_KEY in mapping(content.get(field)):
            return True
    return None if any(is_templated(content.get(field)) for field in ("data", "stringData")) else False
