"""Which certificates a Secret holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.kubernetes.values import is_templated, mapping

if TYPE_CHECKING:
    from checkov_nginx_tls.kubernetes.objects import KubernetesObject

CA_KEY: Final = "ca.crt"
"""The key under which both controllers expect the trusted certificates."""

_FIELDS: Final = ("data", "stringData")


def has_ca(secret: KubernetesObject) -> bool | None:
    """Whether a Secret has trusted certificates.

    None where a template decides, and for a Secret without any data: something in the cluster fills that in.
    """
    fields = [secret.content.get(field) for field in _FIELDS]
    if any(mapping(field).get(CA_KEY) for field in fields):
        return True
    keys = {key for field in fields for key in mapping(field) if not str(key).startswith("__")}  # Checkov's own
    return None if not keys or any(map(is_templated, fields)) else False
