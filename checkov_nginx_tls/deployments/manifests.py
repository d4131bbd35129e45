"""A YAML file that may say where files go: its documents, and what the readers of all its kinds ask of it."""

from __future__ import annotations

import os
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.deployments.deployment import Deployment, first_existing
from checkov_nginx_tls.formats.yaml_documents import documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from checkov_nginx_tls.deployments.deployment import Exists
    from checkov_nginx_tls.formats.yaml_nodes import Node

_SIZE_LIMIT: Final = 2_000_000
"""Characters beyond which a text is left out; people write no such manifests."""

_SIGNS: Final = (
    (b"services", b"volumes"),
    (b"services", b"build"),
    (b"services", b"file"),
    (b"ConfigMap", b"data"),
    (b"configMap", b"volumeMounts"),
    (b"configMapGenerator", b"files"),
    (b"src", b"dest"),
    (b"file.", b"salt://"),
)


def may_say_something(data: bytes) -> bool:
    """Whether words are in the bytes without which they say nothing: a cheap question."""
    return len(data) <= _SIZE_LIMIT and any(first in data and second in data for first, second in _SIGNS)


class Manifest:
    """The documents of the YAML file at an absolute path of the tree."""

    def __init__(self, path: str, text: str, exists: Exists) -> None:
        self.path: Final = path
        self.roots: Final = documents(text)
        self._exists = exists
        self._line_ends = list(accumulate(len(line) + 1 for line in text.split("\n")))

    def line(self, node: Node) -> int:
        """The line of a node, from 1."""
        return bisect_right(self._line_ends, node.start) + 1

    def unit(self, node: Node) -> str:
        """What is described by a node of the file as one machine."""
        return f"{self.path}:{self.line(node)}"

    def beside(self, relative: str) -> str:
        """The path that is relative to the directory of the file."""
        return os.path.normpath(os.path.join(os.path.dirname(self.path), relative))

    def deployments(
        self, node: Node, source: str, targets: Iterable[str], unit: str, directories: Iterable[str]
    ) -> Iterator[Deployment]:
        """What a node says: ``source``, in the first of the directories that has it, goes to ``targets``."""
        file = first_existing(directories, source, self._exists)
        for target in targets:
            yield Deployment(target, file, "", "", self.path, self.line(node), unit)
