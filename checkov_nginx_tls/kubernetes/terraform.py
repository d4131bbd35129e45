"""Kubernetes objects in Terraform resources, as Checkov reads them.

Checkov wraps values of a resource in lists: most of them where it reads a configuration, all of them where it reads a
plan. ``kubernetes_manifest`` holds a whole object (but not what ``yamldecode`` makes of a text, which Checkov leaves
as an expression without line feeds), ``kubectl_manifest`` its YAML text. The values of a ``helm_release`` are read
only for the annotations in them: what else a chart makes of its values is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from checkov_nginx_tls.kubernetes.objects import KubernetesObject, object_of
from checkov_nginx_tls.kubernetes.values import mapping, sequence, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TYPED: Final = {
    "kubernetes_ingress": "Ingress",
    "kubernetes_ingress_v1": "Ingress",
    "kubernetes_secret": "Secret",
    "kubernetes_secret_v1": "Secret",
    "kubernetes_config_map": "ConfigMap",
    "kubernetes_config_map_v1": "ConfigMap",
}
_SECRET_FIELDS: Final = ("data", "data_wo", "binary_data", "binary_data_wo")
"""What becomes the data of a Secret or a ConfigMap."""
_MANIFEST: Final = "kubernetes_manifest"
_YAML: Final = "kubectl_manifest"
_RELEASE: Final = "helm_release"
_HOLDERS: Final = frozenset({*_TYPED, _MANIFEST, _YAML, _RELEASE})

_DEPTH: Final = 40
_TEXT_LIMIT: Final = 1_000_000
_ANNOTATION: Final = re.compile(
    r"""(?x)
    (?P<name> nginx (?: \.ingress\.kubernetes\.io | \.org | \.com ) / [\w.-]+ ) ["']? [ ]* [:=] [ ]*
    (?: "(?P<double>[^"\n]*)" | '(?P<single>[^'\n]*)' | (?P<plain>[^\s,}"']+) )
    """
)
_SET: Final = re.compile(r"(nginx(?:\.ingress\.kubernetes\.io|\.org|\.com)/[\w.-]+)\Z")
_ESCAPED_DOT: Final = re.compile(r"\\+\.")


def resource_types(kinds: Iterable[str]) -> list[str]:
    """The types of resources that may hold objects of these kinds."""
    typed = [resource for resource, kind in _TYPED.items() if kind in kinds]
    return [*typed, _MANIFEST, _YAML, *([_RELEASE] if typed else [])]


def objects_in(resource_type: str, resource: object, path: str) -> Iterator[KubernetesObject]:
    """The objects that a resource of Terraform makes; ``path`` is its file."""
    if resource_type not in _HOLDERS:
        return
    for content in _contents(resource_type, mapping(_unwrapped(resource))):
        one = object_of(content, path)
        if one is not None:
            yield one


def _contents(resource_type: str, resource: Mapping[str, Any]) -> Iterable[object]:
    if resource_type in _TYPED:
        return [_as_in_yaml({**resource, "kind": _TYPED[resource_type]})]
    if resource_type == _MANIFEST:
        return [resource.get("manifest")]
    if resource_type == _YAML:
        return _documents(text(resource.get("yaml_body")))
    annotations = dict(_annotations(resource)) if resource_type == _RELEASE else {}
    if not annotations:
        return []
    name = f"of release {text(resource.get('name'))}"
    spec = {"rules": [{"host": name}]}  # its host is not known; it is not that of another release
    return [{"kind": "Ingress", "metadata": {"name": name, "annotations": annotations}, "spec": spec}]


def _unwrapped(value: object, depth: int = 0) -> Any:
    """A value without the lists around single ones; see values.sequence for those that belong there."""
    if depth > _DEPTH:
        return None
    if isinstance(value, list):
        return _unwrapped(value[0], depth + 1) if len(value) == 1 else [_unwrapped(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {key: _unwrapped(one, depth + 1) for key, one in value.items()}
    return value


def _as_in_yaml(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a resource under the names that they have in an object."""
    spec = mapping(content.get("spec"))
    rules = []
    for rule in sequence(spec.get("rule")):
        http = mapping(mapping(rule).get("http"))
        rules.append({**mapping(rule), "http": {"paths": list(sequence(http.get("path")))}})
    renamed = {
        "rules": rules,
        "ingressClassName": spec.get("ingress_class_name"),
        "defaultBackend": spec.get("default_backend"),
    }
    data = {key: value for field in _SECRET_FIELDS for key, value in mapping(content.get(field)).items()}
    return {**content, "spec": {**spec, **renamed}, **({"data": data} if data else {})}


def _documents(written: str) -> list[object]:
    import yaml

    try:
        return list(yaml.safe_load_all(written)) if len(written) < _TEXT_LIMIT else []
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return []


def _annotations(release: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The annotations of controllers in the values of a release: texts, expressions, and ``set`` blocks."""
    values = release.get("values")
    for value in [values] if isinstance(values, str) else sequence(values):
        for match in _ANNOTATION.finditer(text(value)[:_TEXT_LIMIT]):
            yield match["name"], match["double"] or match["single"] or match["plain"] or ""
    for block in (*sequence(release.get("set")), *sequence(release.get("set_sensitive"))):
        named = _SET.search(_ESCAPED_DOT.sub(".", text(mapping(block).get("name"))))
        if named is not None:
            yield named[1], text(mapping(block).get("value"))
