"""The rules about Kubernetes objects without Checkov's runners: YAML and JSON files in, findings out.

Files are read by the parsers of Checkov's kubernetes runner, and what it leaves out is left out: templates of Helm,
files that are no YAML, documents that are no objects.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.files import NO_CONTENTS, Problem, TooLarge, Unreadable, keep_as_checkov, read, walk
from checkov_nginx_tls.findings import Finding, Fingerprints, Suppression
from checkov_nginx_tls.kubernetes.catalogue import KUBERNETES_RULES
from checkov_nginx_tls.kubernetes.definitions import JUDGED_KINDS
from checkov_nginx_tls.kubernetes.object_findings import WrittenObject, finding_of_object
from checkov_nginx_tls.kubernetes.objects import Objects, object_of
from checkov_nginx_tls.kubernetes.values import at, mapping, sequence, text
from checkov_nginx_tls.suppressions import NO_REASON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from checkov_nginx_tls.kubernetes.kubernetes_rule import KubernetesRule
    from checkov_nginx_tls.kubernetes.objects import KubernetesObject
    from checkov_nginx_tls.repository_paths import RepositoryPaths

    Lines = Sequence[tuple[int, str]]

_ENDINGS: Final = (".yaml", ".yml", ".json")
_KIND: Final = re.compile(
    rb"kind[\"']?[ \t]*:[ \t]*[\"']?(%s|Secret|ConfigMap|List)\b"
    % b"|".join(kind.encode() for kind in sorted(JUDGED_KINDS))
)
"""Objects that are judged, that others refer to, and lists of them."""

_HELM: Final = re.compile(rb"\{\{-?\s*\.(?:Release|Values)\.")
_SKIP: Final = re.compile(r"(?:checkov|bridgecrew|cortex)\.io/skip")


class Undecided(NamedTuple):
    """An object that a rule could not judge, where it stands, and why."""

    path: str
    line: int
    check_id: str
    title: str
    message: str


class Judged(NamedTuple):
    """What the rules say about the objects of some files."""

    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    undecided: tuple[Undecided, ...]


class _Placed(NamedTuple):
    one: KubernetesObject
    lines: Lines

    @property
    def extent(self) -> tuple[int, int]:
        return self.one.extent(self.lines)


def looked_at(root: str | None, files: Iterable[str]) -> Iterable[str]:
    """The real paths of the files below a directory that a scan looks at, and of others; each once.

    What cannot be listed is a problem of the analysis.
    """
    below = walk(os.path.realpath(root), keep_as_checkov, lambda _error: None) if root is not None else ()
    paths = (os.path.join(directory, name) for directory, names in below for name in names)
    return dict.fromkeys([*paths, *map(os.path.realpath, files)])


def judge_files(files: Iterable[str], paths: RepositoryPaths, contents: Mapping[str, bytes] = NO_CONTENTS) -> Judged:
    """Judge the objects in those of the files (real paths) that may hold any.

    ``contents`` are what is read instead of the files at some paths.
    """
    objects, problems = _objects(files, contents)
    if not any(placed.one.kind in JUDGED_KINDS for placed in objects):
        return Judged((), tuple(problems), ())
    known = Objects(placed.one for placed in objects)
    fingerprints = Fingerprints()
    findings: list[Finding] = []
    undecided: list[Undecided] = []
    for placed in objects:
        problems += _unreadable_skips(placed)
        for rule in KUBERNETES_RULES:
            if placed.one.kind not in rule.kinds:
                continue
            try:
                judgement = rule.judge(placed.one, known)
            except Exception as error:  # noqa: BLE001  # a rule's mistake must neither end the run nor pass silently
                reason = f"check {rule.rule.id} failed to run ({type(error).__name__}: {error}) on {placed.one.title}"
                problems.append(Problem(placed.one.path, placed.extent[0], reason))
                continue
            if judgement is None:
                continue
            if judgement.result is CheckResult.UNKNOWN:
                place = placed.one.path, placed.extent[0]
                undecided.append(Undecided(*place, rule.rule.id, placed.one.title, judgement.message))
            elif judgement.result is CheckResult.FAILED:
                findings.append(_finding(rule, judgement.message, judgement.keys, placed, paths, fingerprints))
    return Judged(tuple(findings), tuple(problems), tuple(undecided))


def _finding(
    rule: KubernetesRule,
    message: str,
    keys: Sequence[str],
    placed: _Placed,
    paths: RepositoryPaths,
    fingerprints: Fingerprints,
) -> Finding:
    path = placed.one.path
    first, last = placed.extent
    subject = WrittenObject(
        path=path,
        file=paths.path(path),
        uri=paths.uri(path),
        lines=(first, last),
        code=placed.lines[first - 1 : last],
        resource=_resource(placed.one),
        is_written=True,
    )
    suppression = _suppression(placed.one, rule.rule.id)
    return finding_of_object(rule.rule, rule.rule.severity, message, subject, keys, suppression, fingerprints)


def _objects(files: Iterable[str], contents: Mapping[str, bytes]) -> tuple[list[_Placed], list[Problem]]:
    """The objects in the files that mention a kind that matters; nothing is parsed where none is judged."""
    mentioned: dict[str, tuple[bytes, set[str]]] = {}
    problems = []
    for path in files:
        if not path.endswith(_ENDINGS) or not (path in contents or os.path.isfile(path)):
            continue
        try:
            data = read(path, contents)
        except TooLarge:
            continue  # the analysis has said so
        except Unreadable as error:
            problems.append(Problem(path, 1, str(error)))
            continue
        kinds = {kind.decode() for kind in _KIND.findall(data)}
        if kinds and b"apiVersion" in data and _HELM.search(data) is None:
            mentioned[path] = data, kinds
    if not any(not kinds.isdisjoint(JUDGED_KINDS) for _, kinds in mentioned.values()):
        return [], problems
    return [placed for path, (data, _) in mentioned.items() for placed in _read(path, data)], problems


def _read(path: str, data: bytes) -> Iterator[_Placed]:
    """The objects of a file, lists taken apart."""
    from checkov.kubernetes.parser import k8_json, k8_yaml
    from checkov.kubernetes.parser.validatior import K8sValidator
    from yaml import YAMLError

    content = data.decode("utf-8-sig", "replace")
    try:
        documents = (k8_json if path.endswith(".json") else k8_yaml).loads(content)
    except (YAMLError, TypeError, ValueError, RecursionError):
        return
    lines = tuple(enumerate(content.splitlines(keepends=True), 1))
    items: list[object] = []
    for document in documents:
        if not K8sValidator.is_valid_template(document)[0]:
            continue
        items += sequence(mapping(document).get("items")) if at(document, "kind") == "List" else [document]
    for item in items:
        one = object_of(item, path)
        if one is not None and (one.name or one.labels):
            yield _Placed(one, lines)


def _resource(one: KubernetesObject) -> str:
    """What Checkov calls an object in its records."""
    labels = ".".join(f"{name}-{value}" for name, value in one.labels.items() if not name.startswith("__"))
    return f"{one.kind}.{one.namespace or 'default'}.{one.name or labels or 'default'}"


def _suppression(one: KubernetesObject, check_id: str) -> Suppression | None:
    """Of several annotations that skip a rule, the first."""
    for value in _skips(one).values():
        skipped, equals, reason = value.partition("=")
        if skipped == check_id:
            return Suppression((reason.strip() if equals else "") or NO_REASON)
    return None


def _unreadable_skips(placed: _Placed) -> Iterator[Problem]:
    for name, value in _skips(placed.one).items():
        if value.count("=") > 1:
            reason = f'Checkov ends at the second "=" of the annotation {name} of {placed.one.title}: leave it out'
            yield Problem(placed.one.path, placed.extent[0], reason)


def _skips(one: KubernetesObject) -> dict[str, str]:
    """The annotations that skip rules."""
    return {str(name): text(value) for name, value in one.annotations.items() if _SKIP.search(str(name))}
