"""The nodes of YAML documents: scalars and collections, with their places in the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEPTH: Final = 64
"""Collections inside collections beyond which nothing is followed; real files stay under 30."""


@dataclass(eq=False)
class Node:
    """A scalar, or a collection with its children by their keys, which are None in a sequence.

    ``start`` and ``end`` are offsets into the text. ``style`` is the character that a scalar starts with, empty for
    plain scalars and collections. ``value`` is what YAML reads, but of a scalar with a tag that had to be taken out
    it is as written. An alias is the node that it names; ``size`` is the number of nodes here and below, those of
    aliases included.
    """

    start: int
    end: int
    style: str = ""
    value: str = ""
    children: list[tuple[str | None, Node]] = field(default_factory=list)
    size: int = 1

    def get(self, *keys: str) -> Node:
        """What stands under a path of keys, merged mappings included; an empty node where there is nothing."""
        node = self
        for key in keys:
            found = node.by_key.get(key) if node.children else None
            node = found or Node(node.end, node.end)
        return node

    def text(self, *keys: str) -> str:
        """The scalar of one line under a path of keys, empty where there is none."""
        value = self.get(*keys).value
        return "" if "\n" in value else value

    @property
    def members(self) -> list[Node]:
        """What a collection holds."""
        return [child for _, child in self.children]

    @cached_property
    def by_key(self) -> dict[str | None, Node]:
        """Children by their keys, the first of each, and those of merged mappings."""
        found: dict[str | None, Node] = {}
        for key, child in self.children:
            found.setdefault(key, child)
        merged = found.get("<<")
        for parent in (merged, *merged.members) if merged is not None else ():
            for key, child in parent.children:
                found.setdefault(key, child)
        return found


def collections(roots: Iterable[Node]) -> Iterator[Node]:
    """All collections of documents, each once, in the order of the text."""
    pending = [*roots][::-1]
    seen: set[Node] = set()
    while pending:
        node = pending.pop()
        if node.children and node not in seen:
            seen.add(node)
            yield node
            pending.extend(node.members[::-1])
