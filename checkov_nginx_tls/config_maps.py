"""Files that Kubernetes puts into containers and whose text stands in a manifest: the keys of a ConfigMap."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]+")
_LENGTH: Final = 2_000_000
_DEPTH: Final = 100


def text_at(key: str, manifest: str) -> str | None:
    """The text at a key of a YAML manifest, None where there is none: ``ConfigMap/NAME.data[ca.pem]``.

    Keys are those of ``Deployment.key``.
    """
    if len(manifest) > _LENGTH:
        return None
    return next((text for name, text in _texts(manifest) if name == key), None)


def _texts(manifest: str) -> Iterator[tuple[str, str]]:
    for document in _documents(manifest):
        for config_map in _config_maps(document):
            name = _scalar(_pairs(config_map.get("metadata")).get("name"))
            for key, value in _pairs(config_map.get("data")).items():
                step = f".{key}" if _IDENTIFIER.fullmatch(key) else f"[{' '.join(key.split())}]"
                yield f"ConfigMap/{name}.data{step}", _scalar(value)


def _documents(manifest: str) -> list[yaml.Node]:
    """The documents of a YAML text as nodes, from which nothing is constructed."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if _depth(manifest, loader) > _DEPTH:
            return []
        return list(yaml.compose_all(manifest.encode("utf-8", "replace"), loader))
    except (yaml.YAMLError, ValueError, OverflowError):
        return []


def _depth(manifest: str, loader: type) -> int:
    """How deep its collections stand in one another: deep ones would end in a RecursionError, or worse."""
    depth = deepest = 0
    for event in yaml.parse(manifest.encode("utf-8", "replace"), loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        deepest = max(deepest, depth)
        if deepest > _DEPTH:
            break
    return deepest


def _config_maps(document: yaml.Node) -> Iterator[dict[str, yaml.Node]]:
    """A document that is a ConfigMap, or the ConfigMaps in one that is a list of resources."""
    pairs = _pairs(document)
    if _scalar(pairs.get("kind")) == "ConfigMap":
        yield pairs
    items = pairs.get("items")
    for item in items.value if isinstance(items, yaml.SequenceNode) else ():
        one = _pairs(item)
        if _scalar(one.get("kind")) == "ConfigMap":
            yield one


def _pairs(node: yaml.Node | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {_scalar(key): value for key, value in node.value}


def _scalar(node: yaml.Node | None) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else ""
