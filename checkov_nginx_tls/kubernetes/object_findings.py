"""Findings about Kubernetes objects: where in an object the key stands that decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checkov_nginx_tls.findings import Finding
from checkov_nginx_tls.formats.yaml_documents import documents
from checkov_nginx_tls.places import Region
from checkov_nginx_tls.syntax import make_source
from checkov_nginx_tls.texts import printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.findings import Fingerprints, Suppression
    from checkov_nginx_tls.formats.yaml_nodes import Node
    from checkov_nginx_tls.rule import Rule


class WrittenObject(NamedTuple):
    """An object as it stands in a file, or in what was rendered from it.

    ``file`` and ``uri`` are the file's names in the repository. ``lines`` are the first and the last line, and
    ``code`` the lines with their numbers, which need not be those of a file on disk: then ``is_written`` is False and
    nothing in it is pointed to. ``resource`` is what Checkov calls the object.
    """

    path: str
    file: str
    uri: str
    lines: tuple[int, int]
    code: Sequence[tuple[int, str]]
    resource: str
    is_written: bool


class _Deciding(NamedTuple):
    """The key of an object that decides, or the innermost one around it that is there, and where that stands.

    ``cause`` is the whole path of the key, and its value where it has one that is a scalar.
    """

    cause: tuple[str, ...]
    region: Region
    snippet: str


def finding_of_object(
    rule: Rule,
    severity: str,
    message: str,
    subject: WrittenObject,
    keys: Sequence[str],
    suppression: Suppression | None,
    fingerprints: Fingerprints,
) -> Finding:
    """The finding of a rule about an object; ``keys`` are the places in it that decide (see Judgement)."""
    deciding = _deciding(subject.code, keys)
    region, snippet = Region(max(1, subject.lines[0]), max(1, *subject.lines)), ""
    if deciding is not None and subject.is_written:
        region, snippet = deciding.region, deciding.snippet
    cause = deciding.cause if deciding is not None else ()
    return Finding(
        check_id=rule.id,
        title=rule.title,
        severity=severity,
        message=printable(message) or rule.title,
        guideline=rule.guideline,
        path=subject.path,
        file=printable(subject.file),
        uri=subject.uri,
        region=region,
        snippet=printable_lines(snippet),
        resource=printable(subject.resource),
        fingerprint=fingerprints.take(rule.id, subject.uri, subject.resource, cause, region),
        suppression=suppression,
    )


def _deciding(code: Sequence[tuple[int, str]], keys: Sequence[str]) -> _Deciding | None:
    """The last of the keys that stands in an object, or else the innermost key around the last one."""
    if not code or not keys:
        return None
    text = "".join(line for _, line in code)
    root = documents(text)[0]
    while root.children and root.children[0][0] is None:
        root = root.members[0]
    chains = [(key, _chain(root, key)) for key in keys]
    present = [(key, chain) for key, chain in chains if "/".join(name for name, _ in chain) == key]
    key, chain = (present or chains)[-1]
    if not chain:
        return None
    name, node = chain[-1]
    start = max(text.rfind(name, 0, node.start), 0)
    end = node.start + len(text[node.start : node.end].rstrip())
    if node.children or "\n" in text[start:end]:
        end = start + len(name)
    region = Region.of(make_source("", "", text), start, end)
    above = code[0][0] - 1
    return _Deciding(
        cause=(key, node.value) if present and not node.children else (key,),
        region=region._replace(start_line=region.start_line + above, end_line=region.end_line + above),
        snippet=text[start:end],
    )


def _chain(node: Node, path: str) -> list[tuple[str, Node]]:
    """The keys on a path, which may hold "/" themselves, with what stands under each, as far as they are there."""
    best: list[tuple[str, Node]] = []
    for key, child in node.children:
        if key == path:
            return [(key, child)]
        if key is not None and path.startswith(f"{key}/"):
            best = max(best, [(key, child), *_chain(child, path[len(key) + 1 :])], key=len)
    return best
