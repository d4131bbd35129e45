"""Regions of YAML files: their scalars, with escapes and folded lines undone, and their keys."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.embedded.regions import OpaqueValues, Region, lifted, rewritten, without_fillers
from checkov_nginx_tls.embedded.yaml_targets import scalar_targets
from checkov_nginx_tls.formats.keys import object_name, shortened, step
from checkov_nginx_tls.formats.shell_variables import choices
from checkov_nginx_tls.formats.yaml_documents import documents
from checkov_nginx_tls.templates import FILLER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.formats.yaml_nodes import Node


class _Place(NamedTuple):
    """A node with the path of keys that leads to it, its last key, and the collection and object it is in."""

    node: Node
    path: str
    key: str
    parent: Node
    parent_key: str
    kind: str


_PROPERTIES: Final = re.compile(r"(?:[&!]\S*[ \t\r\n]+)*")
_FOLD: Final = r"(?P<fold> (?<![ \t]) [ \t]* (?:\r?\n[ \t]*)+ )"
_ESCAPES: Final = {
    '"': re.compile(
        rf"(?x) \\(?: x(?P<two>[0-9A-Fa-f]{{2}}) | u(?P<four>[0-9A-Fa-f]{{4}}) | U(?P<eight>[0-9A-Fa-f]{{8}})"
        rf" | (?P<joined>\r?\n[ \t]*) | (?P<named>[\s\S]) ) | {_FOLD}"
    ),
    "'": re.compile(rf"(?x) (?P<quote>'') | {_FOLD}"),
    "": re.compile(rf"(?x) {_FOLD}"),
}
"""What is not read as it is written in scalars, by their styles."""

_INDICATOR: Final = re.compile(r"\A[^#]*?>[-+]?([1-9])")
_FIRST_TEXT: Final = re.compile(r"(?m)^( *)[^ \r\n]")
_STEPS: Final = re.compile(r" *(?:- +)*")
_NAMED_ESCAPES: Final = dict(zip("0abtnvfreN_LP", "\0\a\b\t\n\v\f\r\x1b\x85\xa0\u2028\u2029"))
_ASSIGNMENTS: Final = frozenset({"environment", "labels", "literals"})
"""Sequences of NAME=TEXT: of compose files, and of a kustomization's generators."""

_ASSIGNED: Final = re.compile(r"\s*([\w./-]+)=")
_COMPOSE_VALUE: Final = re.compile(r"\$(?P<dollar>\$)|\$\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}|\$[A-Za-z_]\w*")
_SNIPPETS: Final = {
    "configuration-snippet": "http.location",
    "location-snippet": "http.location",
    "auth-snippet": "http.location",
    "global-auth-snippet": "http.location",
    "server-snippet": "http.server",
    "http-snippet": "http",
    "stream-snippet": "stream",
    "main-snippet": "main",
}
_GATEWAY_CONTEXTS: Final = {
    "main": "main",
    "http": "http",
    "http.server": "http.server",
    "http.server.location": "http.location",
}


def yaml_regions(text: str) -> list[Region]:
    """The scalars that may hold nginx configuration."""
    roots = documents(text)
    targets = scalar_targets(roots)
    values = OpaqueValues(text)
    regions = []
    for root in roots:
        is_compose = any(key is not None for key, _ in root.get("services").children)
        for place in _places(root):
            region = _region(text, place)
            if region is not None:
                region = replace(region, deployed=targets.get(place.node, ""))
                regions.append(_interpolated(region, values) if is_compose else region)
    return regions


def _places(document: Node) -> Iterator[_Place]:
    """The scalars in a document, each once: aliases come behind what they name."""
    pending = [_Place(document, "", "", document, "", "")]
    seen: set[Node] = set()
    while pending:
        place = pending.pop()
        node = place.node
        if node in seen:
            continue
        seen.add(node)
        if node.children:
            name = object_name(node)
            path, kind = (name, node.text("kind")) if name else (place.path, place.kind)
            steps = [
                step(path, key) if key is not None else f"{path}[{shortened(child.text('name')) or index}]"
                for index, (key, child) in enumerate(node.children)
            ]
            pending += [
                _Place(child, child_path, key or "", node, place.key, kind)
                for child_path, (key, child) in zip(steps[::-1], node.children[::-1])
            ]
        elif node is not document:
            yield place


def _region(text: str, place: _Place) -> Region | None:
    start, end = _content(text, place.node)
    content = text[start:end]
    if ";" not in content and "{" not in content:
        return None
    path, style = place.path, place.node.style
    if place.parent_key in _ASSIGNMENTS and place.parent.children[0][0] is None:
        assigned = _ASSIGNED.match(content)
        if assigned is not None:
            path = step(path.rpartition("[")[0], assigned[1])
            start += assigned.end()
            content = content[assigned.end() :]
    if style == ">":
        overlay = _folded(content, _indentation(text, place.node, content))
    else:
        overlay = rewritten(content, _ESCAPES[style], _unescaped) if style in _ESCAPES else content
    if place.parent_key == "literals":
        overlay = _without_quotes(overlay)
    return Region(start, end, overlay, {}, path, "", _context(place))


def _content(text: str, scalar: Node) -> tuple[int, int]:
    """Where the content of a scalar starts and ends, without its header or quotes."""
    properties = _PROPERTIES.match(text, scalar.start, scalar.end)
    start = properties.end() if properties is not None else scalar.start
    if not scalar.style:
        return start, scalar.end
    if scalar.style in "\"'":
        return start + 1, max(start + 1, scalar.end - 1)
    header_end = text.find("\n", start, scalar.end)
    if header_end < 0:
        return scalar.end, scalar.end
    last_line = text.rfind("\n", 0, scalar.end) + 1
    return header_end + 1, scalar.end if text[last_line : scalar.end].strip() else last_line


def _indentation(text: str, block: Node, content: str) -> int:
    """How many blanks stand in front of each line of a block scalar's content."""
    head = text[block.start : text.find("\n", block.start)]
    indicator = _INDICATOR.search(head)
    if indicator is None:
        first = _FIRST_TEXT.search(content)
        return len(first[1]) if first is not None else 0
    around = _STEPS.match(text, text.rfind("\n", 0, block.start) + 1, block.start)
    steps = around[0] if around is not None else ""
    is_item = not text[len(steps) + text.rfind("\n", 0, block.start) + 1 : block.start].strip()
    return int(indicator[1]) + (steps.rfind("-") if is_item else len(steps))


def _folded(content: str, indent: int) -> str:
    """What YAML makes of the lines of a folded block scalar: those that begin with a blank are left as they are."""
    lines = content.split("\n")
    ends = [*accumulate(len(line) + 1 for line in lines)]
    characters = list(content)
    folds = False
    end = 0
    for number, line in enumerate(lines):
        if not line.strip(" \r") and len(line.rstrip("\r")) <= indent:
            continue
        is_plain = line[indent : indent + 1] not in (" ", "\t")
        if folds and is_plain:
            characters[end - 1] = " " if end == ends[number] - len(line) - 1 else FILLER
        folds, end = is_plain, ends[number]
    return "".join(characters)


def _without_quotes(overlay: str) -> str:
    """What Kustomize makes of a literal: it takes quotes off both ends (``strings.Trim`` in ``parseLiteralSource``)."""
    quotes = f"\"'{FILLER}"
    end = len(overlay.rstrip())
    start, end = end - len(overlay[:end].lstrip(quotes)), len(overlay[:end].rstrip(quotes))
    return (
        FILLER * start + overlay[start:end] + FILLER * (len(overlay.rstrip()) - end) + overlay[len(overlay.rstrip()) :]
    )


def _unescaped(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups["fold"] is not None:
        breaks = groups["fold"].count("\n")
        return " " if breaks == 1 else "\n" * (breaks - 1)
    if groups.get("quote") is not None:
        return "'"
    if groups["named"] is not None:
        return _NAMED_ESCAPES.get(groups["named"], groups["named"])
    if groups["joined"] is not None:
        return ""
    code = int(groups["two"] or groups["four"] or groups["eight"], 16)
    return "?" if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)


def _interpolated(region: Region, values: OpaqueValues) -> Region:
    """A region in which the variables of a compose file are opaque values."""
    if "$" not in region.overlay:
        return region

    def value(match: re.Match[str]) -> str:
        return match["dollar"] or values.character(match[0], choices(match[0], {}))

    plain, offsets = without_fillers(region.overlay)
    overlay = rewritten(plain, _COMPOSE_VALUE, value)
    inner = replace(region, start=0, end=len(plain), overlay=overlay, expressions=values.within(overlay))
    return lifted(region, offsets, inner)


def _context(place: _Place) -> str:
    """The nginx context into which an ingress controller or gateway puts a snippet."""
    if place.key == "value":
        return _GATEWAY_CONTEXTS.get(place.parent.text("context"), "")
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|_", "-", place.key.rpartition("/")[2]).lower()
    context = _SNIPPETS.get(name.removesuffix("s"), "")
    return "stream.server" if context == "http.server" and place.kind == "TransportServer" else context
