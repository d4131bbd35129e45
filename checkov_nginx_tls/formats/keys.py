"""Keys of places in a file of data: paths of names such as ``ConfigMap/web.data[nginx.conf]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from checkov_nginx_tls.formats.yaml_nodes import Node

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]+")


_LENGTH: Final = 200
"""Characters of a name that count: real ones are shorter."""


def step(prefix: str, name: str) -> str:
    """A path and one more name, in brackets unless it is an identifier."""
    name = shortened(name)
    if _IDENTIFIER.fullmatch(name) is not None:
        return f"{prefix}.{name}" if prefix else name
    return f"{prefix}[{name}]"


def shortened(name: str) -> str:
    """A name as keys show it, with single blanks for its white space."""
    return " ".join(name[:_LENGTH].split())


def object_name(node: Node) -> str:
    """Kind and name of a Kubernetes object, with which the keys in it begin; empty where a node is none."""
    kind, name = node.text("kind"), node.text("metadata", "name")
    if not kind or not (name or node.text("apiVersion")):
        return ""
    return f"{kind[:_LENGTH]}/{name[:_LENGTH]}" if name else kind[:_LENGTH]
