"""Template tags in YAML: out of a parser's way, and to which block scalar they belong."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.formats.yaml_nodes import collections

if TYPE_CHECKING:
    from checkov_nginx_tls.formats.yaml_nodes import Node

_TAG_START: Final = re.compile(r"\{\{|\{%|\{#|<%")
_TAG_ENDS: Final = {"{{": "}}", "{%": "%}", "{#": "#}", "<%": "%>"}
_LINE_OF_TAGS: Final = re.compile(r"(?m)^[ \t]*\0[\0 \t\r]*$")


def without_tags(text: str) -> str:
    """A template in which lines of tags have become empty lines, and other tags words; its length stays.

    An empty line has no indentation, so that it may stand wherever YAML is indented, or begin a block scalar.
    """
    parts = []
    position = 0
    missing: set[str] = set()
    for match in _TAG_START.finditer(text):
        if match.start() < position or match[0] in missing:
            continue
        end = text.find(_TAG_ENDS[match[0]], match.end())
        if end < 0:
            missing.add(match[0])
            continue
        parts += [text[position : match.start()], re.sub(r"[^\n]", "\0", text[match.start() : end + 2])]
        position = end + 2
    marked = "".join([*parts, text[position:]])
    return _LINE_OF_TAGS.sub(lambda match: "\n" * len(match[0]), marked).replace("\0", "x")


_CONTROL: Final = re.compile(
    r"""(?x)
    (?: \{\{-? | \{%[-+]? | <%-? ) \s*
    (?: (?P<close> end )
      | (?P<open> (?: if | with | range | block | define | for | unless | case | macro | call | filter | raw )\b
                  | [^\n%]*\bdo\b ) )
    """
)
_CONTENT: Final = re.compile(r"\n( *)\S")


def trim_block_scalars(document: Node, text: str, written: str) -> None:
    """Let block scalars end where their content in ``text`` does: tags behind it belong to what comes next.

    Left to the block are tags that close what was opened in it, and those that are indented as its content is. Its
    value is then that content as written.
    ``written`` is the text with its tags.
    """
    for collection in collections([document]):
        for node in collection.members:
            content = _CONTENT.search(text, node.start, node.end) if node.style in ("|", ">") else None
            if content is not None:
                node.end = _end(node, len(content[1]), text, written)
                node.value = dedent(written[content.start() + 1 : node.end])


def _end(block: Node, indent: int, text: str, written: str) -> int:
    """The end of a block scalar whose content begins with that many blanks."""
    end = block.start + len(text[block.start : block.end].rstrip())
    end += len(written[end : block.end].partition("\n")[0]) + 1
    depth = _opened(written[block.start : end])
    position = end
    for line in written[end : block.end].split("\n"):
        position += len(line) + 1
        if line.strip() and depth == 0 and len(line) - len(line.lstrip(" ")) < indent:
            break
        depth += _opened(line)
        if depth < 0:
            break
        if line.strip() and depth == 0:
            end = position
    return min(end, block.end)


def _opened(text: str) -> int:
    """How many constructs are open behind a text, less those it closes."""
    return sum(1 if match["open"] is not None else -1 for match in _CONTROL.finditer(text))
