"""What containers are given: the texts of ConfigMaps that pods mount, and the configs of compose files."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.formats.keys import object_name, step
from checkov_nginx_tls.formats.yaml_nodes import collections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from checkov_nginx_tls.formats.yaml_nodes import Node

_SOURCES: Final = 20
"""Objects in one volume that are looked at."""


class Text(NamedTuple):
    """A text that an object holds, by its name there; ``key`` is that of its place in the file."""

    name: str
    key: str
    content: Node


def texts(node: Node) -> Iterator[Text]:
    """What a ConfigMap or Secret holds."""
    for part in ("data", "stringData"):
        place = step(object_name(node), part)
        for name, content in node.get(part).children:
            yield Text(name or "", step(place, name or ""), content)


def config_map_texts(roots: Iterable[Node]) -> dict[str, str]:
    """What ConfigMaps hold, by the keys of the places (see ``Text``); of several with one key, the first."""
    found: dict[str, str] = {}
    for node in collections(roots):
        if node.text("kind") == "ConfigMap":
            for text in texts(node):
                found.setdefault(text.key, text.content.value)
    return found


class Mount(NamedTuple):
    """Where a container finds the texts of the object of a kind and a name.

    ``items`` are their paths in the volume by their names, empty for all texts as they are called. ``path`` is the
    scalar with the path of the mount, ``sub_path`` the part of the volume that is mounted.
    """

    kind: str
    name: str
    items: Mapping[str, str]
    path: Node
    sub_path: str

    def path_of(self, name: str) -> str:
        """Where a text is found, empty where it is not mounted."""
        inside = self.items.get(name, "") if self.items else name
        if not inside:
            return ""
        if not self.sub_path:
            return f"{self.path.value.rstrip('/')}/{inside}"
        is_mounted = inside == self.sub_path or inside.startswith(f"{self.sub_path}/")
        return self.path.value + inside[len(self.sub_path) :] if is_mounted else ""


def mounts(pod: Node) -> Iterator[Mount]:
    """What the containers of a pod, or of its template, mount."""
    volumes: dict[str, list[tuple[str, str, dict[str, str]]]] = {}
    for volume in pod.get("volumes").members:
        for source in (volume, *volume.get("projected", "sources").members):
            for kind, reference in (("ConfigMap", source.get("configMap")), ("Secret", source.get("secret"))):
                name = reference.text("name") or reference.text("secretName")
                items = {item.text("key"): item.text("path") for item in reference.get("items").members}
                if name:
                    volumes.setdefault(volume.text("name"), []).append((kind, name, items))
    for container in (*pod.get("containers").members, *pod.get("initContainers").members) if volumes else ():
        for mount in container.get("volumeMounts").members:
            for kind, name, items in volumes.get(mount.text("name"), [])[:_SOURCES]:
                yield Mount(kind, name, items, mount.get("mountPath"), mount.text("subPath"))


class Use(NamedTuple):
    """A service finds the config or secret of a name at the path ``target``; ``node`` says so."""

    name: str
    target: str
    service: Node
    node: Node


def uses(root: Node, kind: str) -> Iterator[Use]:
    """What the services of a compose file use of a kind: "configs" or "secrets"."""
    directory = {"configs": "/", "secrets": "/run/secrets/"}[kind]
    for service in root.get("services").members:
        for node in service.get(kind).members:
            name = node.value or node.text("source")
            yield Use(name, posixpath.join(directory, node.text("target") or name), service, node)
