"""Where the scalars of YAML files go on the target machine.

Ansible and cloud-init name a path beside a text, compose files mount configs, pods the texts of ConfigMaps.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.embedded.regions import absolute
from checkov_nginx_tls.formats.containers import mounts, texts, uses
from checkov_nginx_tls.formats.yaml_nodes import collections

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.formats.containers import Mount
    from checkov_nginx_tls.formats.yaml_nodes import Node

_MOUNTS: Final = 20
"""Places where one object is mounted that are looked at."""

_TEXTS: Final = frozenset({"content", "block", "line"})


def scalar_targets(documents: Sequence[Node]) -> dict[Node, str]:
    """Absolute paths by the scalars that end up there, as far as the documents of one file say it."""
    found: dict[Node, str] = {}
    for scalar, path in chain(_configs(documents), _files(documents), _mounted(documents)):
        if absolute(path):
            found.setdefault(scalar, path)
    return found


def _configs(documents: Sequence[Node]) -> Iterator[tuple[Node, str]]:
    for document in documents:
        configs = document.get("configs")
        for use in uses(document, "configs"):
            yield configs.get(use.name, "content"), use.target


def _files(documents: Sequence[Node]) -> Iterator[tuple[Node, str]]:
    for node in collections(documents):
        path = node.text("dest") or node.text("path")
        yield from ((child, path) for key, child in node.children if path and key in _TEXTS)


def _mounted(documents: Sequence[Node]) -> Iterator[tuple[Node, str]]:
    mounted: dict[tuple[str, str], list[Mount]] = {}
    for node in collections(documents):
        for mount in mounts(node):
            same = mounted.setdefault((mount.kind, mount.name), [])
            if len(same) < _MOUNTS:
                same.append(mount)
    for node in collections(documents) if mounted else ():
        for mount in mounted.get((node.text("kind"), node.text("metadata", "name")), ()):
            yield from ((text.content, mount.path_of(text.name)) for text in texts(node))
