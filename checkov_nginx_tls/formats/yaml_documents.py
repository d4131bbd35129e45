"""YAML text to nodes: each document as PyYAML reads it, or else without its template tags, or else by its lines.

Nothing is constructed, nothing is raised, and the cost of aliases is bounded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.formats.yaml_lines import read_lines, unquoted
from checkov_nginx_tls.formats.yaml_nodes import DEPTH, Node
from checkov_nginx_tls.formats.yaml_tags import trim_block_scalars, without_tags

if TYPE_CHECKING:
    from yaml import ScalarEvent

_ALIASED: Final = 20_000
"""Nodes that the aliases of a document may stand for; what is beyond is left out, as is an alias inside its anchor."""

_START: Final = re.compile(r"(?m)^---(?=[ \t\r\n]|\Z)")
_UNREADABLE: Final = re.compile(
    r"[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)


def documents(text: str) -> list[Node]:
    """The documents of a stream, with offsets into ``text`` and the values that it shows, template tags included."""
    readable = _UNREADABLE.sub(lambda match: " " if match[0] == "\r" else "?", text)
    first = 1 if text.startswith("\ufeff") else 0
    bounds = [first, *(match.start() for match in _START.finditer(readable, first)), len(text)]
    plain = ""
    found = []
    for start, end in zip(bounds, bounds[1:]):
        document = _loaded(readable, readable, start, end)
        if document is None:
            plain = plain or without_tags(readable)
            document = _loaded(plain, readable, start, end) if plain != readable else None
            document = document or read_lines(plain, readable, start, end)
            trim_block_scalars(document, plain, readable)
        found.append(document)
    return found


class _Frame:
    """A collection that is being read, and in a mapping the key whose value comes next."""

    def __init__(self, node: Node, anchor: str | None, is_mapping: bool) -> None:
        self.node = node
        self.anchor = anchor
        self.is_mapping = is_mapping
        self.key: str | None = None

    def add(self, node: Node) -> None:
        self.node.size += node.size
        if self.is_mapping and self.key is None:
            self.key = node.value if not node.children else "?"
        else:
            self.node.children.append((self.key, node))
            self.key = None


def _loaded(text: str, written: str, start: int, end: int) -> Node | None:
    """A document by PyYAML, None where it refuses. ``written`` is the text with its template tags."""
    import yaml

    frames = [_Frame(Node(start, end), None, is_mapping=False)]
    anchors: dict[str | None, Node] = {}
    aliased = 0
    try:
        for event in yaml.parse(text[start:end], Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.CollectionEndEvent):
                frame = frames.pop()
                frames[-1].add(frame.node)
                anchors[frame.anchor] = frame.node
            if not isinstance(event, yaml.NodeEvent) or event.start_mark is None or event.end_mark is None:
                continue
            node = Node(start + event.start_mark.index, start + event.end_mark.index)
            if isinstance(event, yaml.CollectionStartEvent):
                if len(frames) > DEPTH or text.startswith("{{", node.start):
                    return None
                frames.append(_Frame(node, event.anchor, isinstance(event, yaml.MappingStartEvent)))
                continue
            if isinstance(event, yaml.ScalarEvent):
                node.style = event.style or ""
                node.value = _value(event, text, written, node)
                anchors[event.anchor] = node
            elif event.anchor in anchors and aliased + anchors[event.anchor].size <= _ALIASED:
                node = anchors[event.anchor]
                aliased += node.size
            frames[-1].add(node)
    except (yaml.YAMLError, ValueError, OverflowError):
        return None
    root = frames[0].node
    return root.members[0] if len(root.children) == 1 else root


def _value(event: ScalarEvent, text: str, written: str, node: Node) -> str:
    shown = written[node.start : node.end]
    return str(event.value) if text is written or shown == text[node.start : node.end] else unquoted(shown)
