"""What the ConfigMaps of ingress controllers set for all their objects.

A ConfigMap does not say that it is a controller's; the keys that only controllers know do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checkov_nginx_tls.kubernetes.settings import Level, merged, settings_in
from checkov_nginx_tls.kubernetes.values import mapping

if TYPE_CHECKING:
    from checkov_nginx_tls.kubernetes.objects import Objects


class Defaults(NamedTuple):
    """What snippets in ConfigMaps set at each level."""

    http: Level
    server: Level
    location: Level


def community_defaults(objects: Objects) -> Defaults:
    """Those of kubernetes/ingress-nginx: ``http-snippet``, ``server-snippet``, ``location-snippet``."""
    return _defaults(objects, "snippet")


def f5_defaults(objects: Objects) -> Defaults:
    """Those of nginx/kubernetes-ingress: ``http-snippets``, ``server-snippets``, ``location-snippets``."""
    return _defaults(objects, "snippets")


def values_of(objects: Objects, key: str) -> list[object]:
    """What the ConfigMaps of a scan say under a key."""
    data = (mapping(one.content.get("data")) for one in objects.of_kind("ConfigMap"))
    return [values[key] for values in data if key in values]


def _defaults(objects: Objects, ending: str) -> Defaults:
    return Defaults(*(_level(objects, f"{level}-{ending}") for level in Defaults._fields))


def _level(objects: Objects, key: str) -> Level:
    data = ((one, mapping(one.content.get("data"))) for one in objects.of_kind("ConfigMap"))
    return merged(settings_in(values[key], f"{key} of {one.title}") for one, values in data if key in values)
