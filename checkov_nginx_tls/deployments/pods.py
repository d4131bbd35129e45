"""What Kubernetes pods find where they mount ConfigMaps, those that kustomizations generate among them."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.deployments.deployment import Deployment, around, target, untagged
from checkov_nginx_tls.formats.containers import mounts, texts
from checkov_nginx_tls.formats.yaml_nodes import collections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.deployments.deployment import Exists
    from checkov_nginx_tls.deployments.manifests import Manifest
    from checkov_nginx_tls.formats.containers import Mount

_STEP_LIMIT: Final = 20_000
_PLACE_LIMIT: Final = 8


class _Text(NamedTuple):
    """A text of a ConfigMap: the file ``source`` of the tree, or what stands in ``document`` at ``key``."""

    source: str
    document: str
    key: str


class Pods:
    """Collects the pods and ConfigMaps of all manifests: a pod may mount what another file defines."""

    def __init__(self, exists: Exists) -> None:
        self._exists = exists
        self._mounts: list[tuple[str, list[tuple[Mount, int, str]]]] = []
        self._config_maps: dict[tuple[str, str], list[dict[str, _Text]]] = {}

    def read(self, manifest: Manifest) -> None:
        """Take notice of the pods and ConfigMaps of a manifest."""
        path = manifest.path
        mounted: list[tuple[Mount, int, str]] = []
        self._mounts.append((path, mounted))
        for node in collections(manifest.roots):
            mounted += [(mount, manifest.line(mount.path), manifest.unit(node)) for mount in mounts(node)]
            if node.text("kind") == "ConfigMap":
                held = {text.name: _Text("", path, text.key) for text in texts(node)}
                self._add(path, node.text("metadata", "name"), held)
            for generator in node.get("configMapGenerator").members:
                held = {}
                for entry in generator.get("files").members:
                    name, _, file = entry.value.rpartition("=")
                    source = manifest.beside(file)
                    if file and self._exists(source):
                        held[name or os.path.basename(source)] = _Text(source, "", "")
                self._add(path, generator.text("name"), held)

    def deployments(self) -> Iterator[Deployment]:
        """What all manifests say together."""
        for path, mounted in self._mounts:
            steps = (step for mount, line, unit in mounted for step in self._found_at(mount, path, line, unit))
            yield from islice(steps, _STEP_LIMIT)

    def _add(self, path: str, name: str, held: dict[str, _Text]) -> None:
        for place in (path, *around(path)):
            known = self._config_maps.setdefault((name, place), [])
            if len(known) < _PLACE_LIMIT:
                known.append(held)

    def _found_at(self, mount: Mount, path: str, line: int, unit: str) -> Iterator[Deployment]:
        """What a pod finds at one of its mounts: the texts of the nearest ConfigMaps of that name."""
        if mount.kind != "ConfigMap":
            return
        nearest = (self._config_maps.get((mount.name, place)) for place in (path, *around(path)))
        for held in next(filter(None, nearest), ()):
            for name, text in held.items():
                deployed = target(untagged(mount.path_of(name)))
                yield Deployment(deployed, text.source, text.document, text.key, path, line, unit)
