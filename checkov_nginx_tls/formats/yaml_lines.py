"""YAML read by the indentation of its lines: what is left of a document that no parser takes.

Block scalars and scalars of one line are found; flow collections and scalars of several lines are not.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

from checkov_nginx_tls.formats.yaml_nodes import DEPTH, Node

_STEP: Final = re.compile(
    r"""(?x)
    (?: - | (?P<key> (?: "[^"]*" | '[^']*' ) [ \t]* | [^\s"'\#:] (?: [^:] | :(?=\S) )* ) : ) (?:[ \t]+|\Z)
    """
)
_BLOCK: Final = re.compile(r"(?:[&!]\S*[ \t]+)*(?P<style>[|>])[-+0-9]{0,2}[ \t]*(?:[ \t]#.*)?")


def read_lines(text: str, written: str, start: int, end: int) -> Node:
    """The part of ``text`` between two offsets; values and keys are as in ``written``, which has the same offsets."""
    lines = text[start:end].split("\n")
    starts = [*accumulate((len(line) + 1 for line in lines), initial=start)]
    root = Node(start, end)
    open_nodes = [(-1, root)]
    number = 0
    while number < len(lines):
        line, offset = lines[number].rstrip(" \t\r"), starts[number]
        number += 1
        indent = column = _indent(line)
        node = key = None
        while key is None and (step := _STEP.match(line, column)) is not None:
            if step["key"] is not None:
                key = unquoted(written[offset + column : offset + step.end("key")].strip())
            node = Node(offset + column, offset + column)
            # A sequence may stand in the column of the key that it belongs to.
            level = 2 * column + (key is None)
            while open_nodes[-1][0] >= level or len(open_nodes) > DEPTH:
                open_nodes.pop()
            open_nodes[-1][1].children.append((key, node))
            open_nodes.append((level, node))
            indent, column = column, step.end()
        if node is None or line[column : column + 1] in ("", "#"):
            continue
        node.start, node.end = offset + column, offset + len(line)
        block = _BLOCK.fullmatch(line, column)
        if block is not None:
            node.style = block["style"]
            while number < len(lines) and (not lines[number].strip() or _indent(lines[number]) > indent):
                number += 1
            node.end = min(starts[number], end)
        else:
            shown = written[node.start : node.end]
            node.value = unquoted(shown)
            node.style = shown[0] if node.value != shown else ""
    return root


def unquoted(value: str) -> str:
    """A scalar without its quotes."""
    return value[1:-1] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else value


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
