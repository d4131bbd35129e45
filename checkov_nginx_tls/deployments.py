"""Which file of a scanned tree a path of the target machine means.

``include /etc/nginx/snippets/tls.conf`` names a file on the machine nginx will run on. Dockerfiles, compose files,
manifests and playbooks say what is put there; where none does, the path itself is compared with those in the tree.
"""

from __future__ import annotations

import enum
import json
import os
import posixpath
import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Callable, Final, NamedTuple, TypeVar

import yaml

from checkov_nginx_tls.patterns import is_pattern, segment_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Exists = Callable[[str], bool]

T = TypeVar("T")

ALTERNATIVES: Final = 5
"""How many of the files that were not chosen a Match names at most."""

EXTRA_EXTENSIONS: Final = tuple(
    "template tmpl tpl j2 jinja jinja2 erb epp ctmpl gotmpl mustache hbs in sample example dist default".split()
)
"""What templates and samples have behind the name of the file that is made of them."""

UNKNOWN: Final = "\U000f0000"
"""Stands in ``Deployment.deployed`` for a part of a name that only the deployment knows."""

_OPAQUE: Final = re.compile("[\U000f0000-\U000ffffd]")
_PREFIXES: Final = ("/etc/nginx", "/usr/local/nginx/conf", "/usr/local/openresty/nginx/conf", "/opt/bitnami/nginx/conf")
"""Where relative includes start, as nginx is commonly built."""
_TEMPLATES: Final = ("etc", "nginx", "templates")
_RENDERED: Final = ("etc", "nginx", "conf.d")
"""Where the official image puts what it makes of its templates."""

# Limits that real files stay far below: they keep the cost of hostile ones flat.
_DEPLOYMENT_LIMIT: Final = 20_000
_CANDIDATE_LIMIT: Final = 1000
_YAML_LIMIT: Final = 2_000_000
_DEPTH_LIMIT: Final = 100
_WORD_LIMIT: Final = 4096
_VALUE_LIMIT: Final = 255
_SEGMENT_LIMIT: Final = 50
_STEP_LIMIT: Final = 20_000
_ITEM_LIMIT: Final = 200
_PLACE_LIMIT: Final = 8

_NOT_DEPLOYED: Final = re.compile(
    r"(?i)(?:readme|licen[sc]e|copying|changelog|makefile|dockerfile|containerfile)(?:\..*)?|.*\.(?:ya?ml|json|toml)"
)
"""What stands beside configuration in a repository and is not matched there by a pattern meant for the machine."""
_DOCKERFILE: Final = re.compile(r"(?i)(?:docker|container)file(?:[._-].*)?|.*[._-](?:docker|container)file")
_YAML: Final = re.compile(r"(?i).*\.(?:ya?ml|sls)")
_YAML_SIGNS: Final = (
    ("services", "volumes"),
    ("services", "build"),
    ("services", "file"),
    ("ConfigMap", "data"),
    ("configMap", "volumeMounts"),
    ("configMapGenerator", "files"),
    ("src", "dest"),
    ("file.managed", "source"),
    ("file.recurse", "source"),
)

_BACKTICK_ESCAPES: Final = re.compile(r"(?i)(?:#[^\n]*\n)*?#[ \t]*escape[ \t]*=[ \t]*`")
_HEREDOC: Final = re.compile(r"<<-?[\"']?(\w+)")
_ASSIGNMENT: Final = re.compile(r"(\w+)=(\"[^\"]*\"|'[^']*'|\S*)")
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::?-([^${}]*)|[^{}]*)\}|(\w+))")

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]+")
_TAG: Final = re.compile(r"\{\{[^{}\n]*\}\}|\{%[^{}\n]*%\}|\{#[^{}\n]*#\}")
_TAG_LINE: Final = re.compile(rf"(?m)^[ \t]*(?:(?:{_TAG.pattern})[ \t\r]*)+$")
_GO_TEMPLATE: Final = re.compile(r"\{\{-|\{\{[ \t]*(?:[.$(]|(?:include|template|if|end|with|range)\b)")

_EXPRESSION: Final = re.compile(r"\{\{[^{}]*\}\}")
_LOOP_EXPRESSION: Final = re.compile(
    r"""\{\{\s*(?P<name>\w+)(?:\.(?P<attribute>\w+)|\[["'](?P<index>\w+)["']\])?\s*(?:\|\s*(?P<filter>basename)\s*)?\}\}"""
)
_COPYING: Final = tuple(f"{prefix}{name}" for prefix in ("", "ansible.builtin.") for name in ("copy", "template"))
_FREE_FORM: Final = re.compile(r"""(\w+)=((?:"[^"]*"|'[^']*'|\{\{[^{}]*\}\}|[^\s"'])*)""")
_ANSIBLE_PLACE: Final = re.compile(r"\{\{\s*(role_path|playbook_dir)\s*\}\}")
_LOOPS: Final = ("loop", "with_items", "with_list")
_TASKS: Final = re.compile(r"(.+)[\\/](?:tasks|handlers)[\\/]")
_SALT: Final = "salt://"


@dataclass(frozen=True)
class Deployment:
    """A file, or the contents of a directory, end up on the target machine.

    ``deployed`` is the absolute POSIX path there, or without a leading slash the end of one. ``source`` is the
    absolute path in the tree; where it is empty, ``key`` names text embedded in the file ``document``.
    ``path`` and ``line`` (from 1) are the place that says so. With ``only``, just those files directly in
    ``source`` are meant whose names match it. Deployments of one ``unit`` end up on one machine.
    """

    deployed: str
    source: str
    document: str
    key: str
    path: str
    line: int
    only: str = ""
    unit: str = ""


class Reason(enum.Enum):
    """Why a file is taken for the one that an include names."""

    DEPLOYED = "deployed"
    SUFFIX = "path suffix"
    NAME = "file name"


class Match(NamedTuple):
    """A file that an include names: its absolute path, and its key there where it is embedded in that file.

    ``deployment`` belongs to Reason.DEPLOYED. ``alternatives`` are paths that were nearly as good, best first;
    for a pattern that no deployment explains they are directories.
    """

    path: str
    key: str
    reason: Reason
    deployment: Deployment | None
    alternatives: tuple[str, ...]


def may_tell_deployments(name: str) -> bool:
    """Whether a file is named like those whose texts ``deployments`` reads."""
    return _is_dockerfile(name) or _is_yaml(name)


def deployments(texts: Mapping[str, str], exists: Exists) -> tuple[Deployment, ...]:
    """What texts, by their absolute paths, say about where files end up.

    ``exists`` says whether an absolute path is a file or a directory of the tree.
    """
    manifests = _Manifests(exists)
    for path in sorted(texts):
        if _is_yaml(os.path.basename(path)):
            manifests.read(path, texts[path])
    dockerfiles = (
        _dockerfile(path, texts[path], manifests.contexts.get(path, ()), exists)
        for path in sorted(texts)
        if _is_dockerfile(os.path.basename(path))
    )
    found = chain(chain.from_iterable(dockerfiles), manifests.deployments())
    return tuple(dict.fromkeys(chain.from_iterable(map(_with_rendered, islice(found, _DEPLOYMENT_LIMIT)))))


def _is_dockerfile(name: str) -> bool:
    return _DOCKERFILE.fullmatch(name) is not None


def _is_yaml(name: str) -> bool:
    return _YAML.fullmatch(_spellings(name)[-1]) is not None


def _with_rendered(deployment: Deployment) -> Iterator[Deployment]:
    """A deployment, and what the target machine probably makes of the template it puts there."""
    yield deployment
    directory, name = posixpath.split(deployment.deployed)
    if len(_spellings(name)) > 1:
        yield replace(deployment, deployed=posixpath.join(directory, _spellings(name)[-1]))


class DeployedFiles:
    """Finds the files of a tree that includes name by their paths on the target machine.

    ``names`` are the absolute paths of all files of the tree, which lies in the directory ``root``.
    ``deployments`` is called once, when first needed.
    """

    def __init__(
        self, names: Sequence[str], deployments: Callable[[], tuple[Deployment, ...]], root: str = os.sep
    ) -> None:
        self._names = names
        self._tell_deployments = deployments
        self._root = root.rstrip(os.sep)
        self._units_of: dict[str, frozenset[str]] = {}
        self._hits: dict[tuple[str, ...], list[_Hit]] = {}

    def find(self, argument: str, includer: str, key: str = "") -> list[Match]:
        """The files that an include names, in nginx's order; empty where none is known.

        ``argument`` is as nginx has it: a path or a pattern of glob(3), relative or absolute, with private-use
        characters for what only a template knows. ``includer`` is the absolute path of the including file,
        ``key`` the place in it where the including text is embedded.
        """
        wanted, absolute = _wanted(argument)
        if not wanted or is_pattern(wanted[0]):
            return []
        # Links in sites-enabled are made on the machine.
        available = tuple(re.sub(r"-enabled$", "-available", segment) for segment in wanted)
        for segments in dict.fromkeys([wanted, available]):
            hits = self._hits_for(segments, absolute, includer, key)
            found = self._choose([hit for hit in hits if self._is_related(hit, includer)], includer)
            if not found and any(map(is_pattern, segments)):
                found = self._find_in_similar_directory(segments, includer)
            elif not found:
                found = self._find_similar_file(segments, hits, includer)
            if found:
                return found
        return []

    def _hits_for(self, wanted: tuple[str, ...], absolute: bool, includer: str, key: str) -> list[_Hit]:
        for directory in ("/",) if absolute else self._starts_of_relative(includer):
            path = (*_split(directory), *wanted)
            if path not in self._hits:
                self._hits[path] = list(self._deployed_at(path))
                if path[: len(_RENDERED)] == _RENDERED:
                    templates = self._deployed_at((*_TEMPLATES, *path[len(_RENDERED) :]))
                    self._hits[path].extend(
                        hit._replace(shown=hit.shown.replace("templates", "conf.d", 1)) for hit in templates
                    )
            hits = [hit for hit in self._hits[path] if (hit.path, hit.key) != (includer, key)]
            if hits:
                return hits
        return []

    def _is_related(self, hit: _Hit, includer: str) -> bool:
        """Whether what puts a file on a machine may well put the including file there too."""
        directory = os.path.dirname(includer)
        return (
            _unit(hit.deployment) in self._units(includer)
            or _on_one_line(os.path.dirname(hit.path), directory)
            or _on_one_line(os.path.dirname(hit.deployment.path), directory)
        )

    def _units(self, path: str) -> frozenset[str]:
        """The units that a file ends up on."""
        if path not in self._units_of:
            self._units_of[path] = frozenset(map(_unit, self._deployments_of(path)))
        return self._units_of[path]

    def _starts_of_relative(self, includer: str) -> Iterable[str]:
        """Directories of the target machine that relative includes of a file may start from."""
        found: list[str] = []
        for deployment in islice(self._deployments_of(includer), _PLACE_LIMIT):
            rest = includer[len(deployment.source) :] if deployment.source else ""
            location = _split(deployment.deployed + rest.replace(os.sep, "/"))
            if deployment.deployed.startswith("/"):
                found.extend("/" + "/".join(location[:end]) for end in range(len(location) - 1, 0, -1))
        return dict.fromkeys([*found, *_PREFIXES])

    def _deployments_of(self, path: str) -> Iterator[Deployment]:
        for source in (path, *_around(path)):
            for deployment in self._by_source.get(source, ()):
                if not deployment.only or segment_matches(deployment.only, path[len(source) + 1 :]):
                    yield deployment

    def _deployed_at(self, wanted: tuple[str, ...]) -> Iterator[_Hit]:
        """What deployments put at a path, or where a pattern matches."""
        fixed = _fixed(wanted)
        for end in range(fixed + 1):
            for deployment, _ in self._leading_to(wanted[:end], self._by_end):
                yield from self._inside(deployment, wanted[:end], wanted[end:])
        if fixed < len(wanted):
            for deployment, end in self._leading_to(wanted[:fixed], self._by_directory):
                rest = _split(deployment.deployed)[end:]
                if len(rest) <= len(wanted) - fixed and all(map(segment_matches, wanted[fixed:], rest)):
                    yield from self._inside(deployment, (*wanted[:fixed], *rest), wanted[fixed + len(rest) :])

    def _leading_to(
        self, path: tuple[str, ...], index: Mapping[str, list[tuple[Deployment, int]]]
    ) -> Iterator[tuple[Deployment, int]]:
        """Deployments whose paths up to the given number of segments are ``path``, or its end."""
        yield from index.get("/" + "/".join(path), ())[:_CANDIDATE_LIMIT]
        for deployment, end in index.get(path[-1], ())[:_CANDIDATE_LIMIT] if path else ():
            segments = _split(deployment.deployed)[:end]
            if path[-end:] == segments:
                yield deployment, end

    def _inside(self, deployment: Deployment, deployed: tuple[str, ...], rest: tuple[str, ...]) -> Iterator[_Hit]:
        """What a deployment puts at ``rest`` below the path where it goes."""
        shown = "/".join(deployed)
        if deployment.key:
            if not rest:
                yield _Hit(shown, deployment.document, deployment.key, deployment)
        elif not rest:
            if deployment.source in self._files and not deployment.only:
                yield _Hit(shown, deployment.source, "", deployment)
        elif deployment.source in self._entries:
            for name, path in self._glob(deployment.source, rest):
                if not deployment.only or (len(rest) == 1 and segment_matches(deployment.only, os.path.basename(path))):
                    yield _Hit(f"{shown}/{name}", path, "", deployment)

    def _choose(self, hits: list[_Hit], includer: str) -> list[Match]:
        """One file for each path: those of the machine that fits the including file best."""
        if not hits:
            return []
        directory = os.path.dirname(includer)
        own = self._units(includer)
        ranked = sorted(hits, key=lambda hit: (_unit(hit.deployment) not in own, _distance(hit.path, directory)))
        unit = _unit(ranked[0].deployment)
        chosen: dict[str, _Hit] = {}
        for hit in ranked:
            if _unit(hit.deployment) == unit:
                other = chosen.setdefault(hit.shown, hit)
                if _hides(hit.deployment, other.deployment):
                    chosen[hit.shown] = hit
        taken = {hit.path for hit in chosen.values()}
        others = tuple(islice(dict.fromkeys(hit.path for hit in ranked if hit.path not in taken), ALTERNATIVES))
        return [Match(hit.path, hit.key, Reason.DEPLOYED, hit.deployment, others) for _, hit in sorted(chosen.items())]

    def _find_similar_file(self, wanted: tuple[str, ...], hits: list[_Hit], includer: str) -> list[Match]:
        """A file that is named like a path, or that is deployed to it from elsewhere in the tree."""
        directory = os.path.dirname(includer)
        like = self._files_like.ending(wanted)
        similar = {path: Reason.SUFFIX for places in like[:-1] for path in places.near(directory)}
        for path in self._files_in(directory, wanted[-1]).values():
            similar.setdefault(path, Reason.NAME)
        similar.pop(includer, None)
        if not similar and len({hit[1:3] for hit in hits}) == 1:
            return self._choose(hits, includer)
        for path in like[0].far(directory) if like else ():
            if len(like) > 1:
                similar.setdefault(path, Reason.SUFFIX)
            elif like[0].directories == 1 or _on_one_line(os.path.dirname(path), directory):
                similar.setdefault(path, Reason.NAME)
        similar.pop(includer, None)
        others = tuple(similar)[1 : ALTERNATIVES + 1]
        return [Match(path, "", reason, None, others) for path, reason in islice(similar.items(), 1)]

    def _find_in_similar_directory(self, wanted: tuple[str, ...], includer: str) -> list[Match]:
        """What a pattern matches in a directory that is named like the one it reads."""
        fixed = _fixed(wanted)
        directory = os.path.dirname(includer)
        like = self._directories_like.ending(wanted[:fixed])
        paths = list(dict.fromkeys(path for places in like for path in places.near(directory)))
        if not paths and like and like[-1].directories == 1:
            paths = [path for path in like[0].far(directory) if self._share_a_directory(path, directory)]
        for path in paths:
            found = sorted(self._glob(path, wanted[fixed:]))
            if all(file != includer for _, file in found):  # a file does not include itself
                others = tuple(other for other in paths if other != path)[:ALTERNATIVES]
                return [Match(file, "", Reason.SUFFIX, None, others) for _, file in found]
        return []

    def _share_a_directory(self, path: str, other: str) -> bool:
        """Whether two paths share a directory inside the tree."""
        return _common(path.split(os.sep), other.split(os.sep)) > len(self._root.split(os.sep))

    def _glob(self, directory: str, segments: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Files that a relative pattern matches: as they are called when deployed, and their paths."""
        level = [("", directory)]
        for segment in segments[:-1]:
            level = [
                (f"{shown}{name}/", os.path.join(path, name))
                for shown, path in level
                for name in self._subdirectories.get(path, ())
                if segment_matches(segment, name)
            ]
        for shown, path in level:
            for name, file in self._files_in(path, segments[-1]).items():
                yield shown + name, file

    def _files_in(self, directory: str, segment: str) -> dict[str, str]:
        if not is_pattern(segment):
            path = os.path.join(directory, segment)
            paths = (path, *(f"{path}.{extension}" for extension in EXTRA_EXTENSIONS))
            file = next((path for path in paths if path in self._files), None)
            return {segment: file} if file else {}
        found: dict[str, str] = {}
        for entry in self._entries.get(directory, ()):
            shown = next((name for name in reversed(_spellings(entry)) if segment_matches(segment, name)), None)
            if shown is not None and not _NOT_DEPLOYED.fullmatch(entry) and (shown == entry or shown not in found):
                found[shown] = os.path.join(directory, entry)
        return found

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(self._names)

    @cached_property
    def _files_like(self) -> _Endings:
        """Files by their names, with and without an extra extension."""
        names = ((name, path) for path in self._names for name in _spellings(os.path.basename(path)))
        return _Endings(_grouped(names), self._root)

    @cached_property
    def _entries(self) -> dict[str, list[str]]:
        """The names of the files in each directory, also where it holds directories only."""
        found = _grouped(map(os.path.split, sorted(self._names)))
        for path in list(found):
            for directory in _around(path):
                if directory in found:
                    break
                found[directory] = []
        return found

    @cached_property
    def _subdirectories(self) -> dict[str, list[str]]:
        return _grouped(os.path.split(path) for path in sorted(self._entries) if os.path.basename(path))

    @cached_property
    def _directories_like(self) -> _Endings:
        inside = (path for path in self._entries if len(path) > len(self._root) + 1)
        return _Endings(_grouped((os.path.basename(path), path) for path in inside), self._root)

    @cached_property
    def _deployments(self) -> tuple[Deployment, ...]:
        return self._tell_deployments()

    @cached_property
    def _by_source(self) -> dict[str, list[Deployment]]:
        return _grouped((deployment.source or deployment.document, deployment) for deployment in self._deployments)

    @cached_property
    def _by_end(self) -> dict[str, list[tuple[Deployment, int]]]:
        """Deployments, with the number of segments, by their paths, or where those are but an end, the last name."""
        return _grouped(
            (_leading(deployment, end), (deployment, end))
            for deployment in self._deployments
            for end in [len(_split(deployment.deployed))]
        )

    @cached_property
    def _by_directory(self) -> dict[str, list[tuple[Deployment, int]]]:
        """The same by each directory in the paths, with the number of segments up to it."""
        return _grouped(
            (_leading(deployment, end), (deployment, end))
            for deployment in self._deployments
            for end in range(1, len(_split(deployment.deployed)))
        )


class _Hit(NamedTuple):
    shown: str
    path: str
    key: str
    deployment: Deployment


class _Endings:
    """Paths in the tree ``root`` by how they end, given by their last names."""

    def __init__(self, by_name: Mapping[str, list[str]], root: str) -> None:
        self._by_name = by_name
        self._root_parts = len(root.split(os.sep))
        self._ending: dict[tuple[str, ...], list[str]] = {}
        self._places: dict[tuple[str, ...], _Places] = {}

    def ending(self, wanted: tuple[str, ...]) -> list[_Places]:
        """The paths that end with all of ``wanted``, with less of it, and so on to its last segment only."""
        name = wanted[-1]
        if (name,) not in self._ending:
            for path in self._by_name.get(name, ()):
                parts = path.split(os.sep)[self._root_parts : -1]
                for start in range(len(parts) + 1):
                    self._ending.setdefault((*parts[start:], name), []).append(path)
        found: list[_Places] = []
        for start in range(len(wanted) - 1, -1, -1):
            end = wanted[start:]
            if end not in self._ending:
                break
            if end not in self._places:
                self._places[end] = _Places(self._ending[end], end)
            found.insert(0, self._places[end])
        return found


class _Places:
    """Paths that end alike, by where that end starts and by where they are."""

    def __init__(self, paths: Iterable[str], end: Sequence[str]) -> None:
        self._name: Final = end[-1]
        self.directories: Final = len({os.path.dirname(path) for path in paths})
        self._starts: dict[str, list[str]] = {}
        self._below: dict[str, list[str]] = {}
        self._around: dict[str, list[str]] = {}
        for path in sorted(paths, key=self._rank):
            start = os.sep.join(path.split(os.sep)[: -len(end)]) or os.sep
            _add(self._starts, [start], path)
            _add(self._below, _around(start), path)
            _add(self._around, _around(path), path)

    def near(self, directory: str) -> list[str]:
        """The first few whose common end starts in the directory, around it or in it: the nearest first."""
        found = [*self._below.get(directory, ())]
        for start in (directory, *_around(directory)):
            found.extend(self._starts.get(start, ()))
        return sorted(sorted(found, key=self._rank), key=lambda path: _distance(path, directory))

    def far(self, directory: str) -> list[str]:
        """The first few: the nearest first."""
        directories = (directory, *_around(directory))
        return list(dict.fromkeys(path for around in directories for path in self._around.get(around, ())))

    def _rank(self, path: str) -> tuple[int, bool, str]:
        return path.count(os.sep), os.path.basename(path) != self._name, path


def _add(found: dict[str, list[str]], keys: Iterable[str], path: str) -> None:
    for key in keys:
        paths = found.setdefault(key, [])
        if len(paths) <= ALTERNATIVES + 1:  # one of them may be the including file
            paths.append(path)


def _grouped(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _unit(deployment: Deployment) -> str:
    return deployment.unit or deployment.path


def _hides(deployment: Deployment, other: Deployment) -> bool:
    """Whether a deployment hides another to the same path: it is more specific, or comes later."""
    return (len(deployment.deployed), deployment.line) > (len(other.deployed), other.line)


def _leading(deployment: Deployment, end: int) -> str:
    """The path up to a number of segments, or where only the end of the path is known, the last of those."""
    segments = _split(deployment.deployed)[:end]
    return "/" + "/".join(segments) if deployment.deployed.startswith("/") else segments[-1]


def _around(path: str) -> Iterator[str]:
    """The directories around a path, the nearest first."""
    directory = os.path.dirname(path)
    while directory != path:
        yield directory
        path, directory = directory, os.path.dirname(directory)


def _common(segments: Sequence[str], others: Sequence[str]) -> int:
    """With how many equal segments two paths start."""
    length = min(len(segments), len(others))
    return next((index for index in range(length) if segments[index] != others[index]), length)


def _distance(path: str, directory: str) -> tuple[int, int]:
    """What sorts paths by their distance from a directory."""
    segments = path.split(os.sep)
    return -_common(segments, directory.split(os.sep)), len(segments)


def _on_one_line(directory: str, other: str) -> bool:
    """Whether one directory is the other, or is around it or in it."""
    one, two = os.path.join(directory, ""), os.path.join(other, "")
    return one.startswith(two) or two.startswith(one)


def _split(path: str) -> tuple[str, ...]:
    return tuple(segment for segment in path.split("/") if segment)


def _wanted(argument: str) -> tuple[tuple[str, ...], bool]:
    """The segments of an include's argument behind the last that is not known, and whether they start at the root.

    There are none where the last segment itself is not known.
    """
    segments, absolute = _normalised(argument)
    unknown = max((number for number, segment in enumerate(segments, 1) if _OPAQUE.search(segment)), default=0)
    return segments[unknown:], absolute and not unknown


def _normalised(path: str) -> tuple[tuple[str, ...], bool]:
    """The segments of a POSIX path, and whether it is absolute."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    return tuple(segments), path.startswith("/")


def _fixed(segments: Sequence[str]) -> int:
    """How many segments stand in front of the first that is a pattern."""
    return next((index for index, segment in enumerate(segments) if is_pattern(segment)), len(segments))


def _spellings(name: str) -> tuple[str, ...]:
    """A file name, and the name without its extra extension."""
    stem, _, extension = name.rpartition(".")
    return (name, stem) if stem and extension.lower() in EXTRA_EXTENSIONS else (name,)


def _target(path: str) -> str:
    """The absolute path that a text names, or the end of it that is known; empty where it does not say."""
    segments, absolute = _normalised(path)
    unknown = max((number for number, segment in enumerate(segments[:-1], 1) if _OPAQUE.search(segment)), default=0)
    known = segments[unknown:]
    if len(known) > _SEGMENT_LIMIT:
        return ""
    if absolute and not unknown:
        return "/" + "/".join(known)
    if not unknown or (len(known) == 1 and _OPAQUE.search(known[0])):
        return ""
    return "/".join(known)


def _copied(destination: str, source: str) -> Iterator[str]:
    """Where a copied file or directory goes, which also depends on whether there is a directory already."""
    name = posixpath.basename(source.rstrip("/"))
    directory, _, last = destination.rpartition("/")
    yield _target(destination)
    if not last:
        last = posixpath.basename(directory)
    elif _OPAQUE.search(last):
        return
    if not source.endswith("/") and name not in {"", ".", ".."} and last not in _spellings(name):
        yield _target(f"{destination}/{name}")


def _dockerfile(path: str, text: str, contexts: Iterable[str], exists: Exists) -> Iterator[Deployment]:
    directories = (*contexts, *_around(path))
    variables: dict[str, str] = {}
    stage, workdirs = "", {"": "/"}
    for line, name, rest in _instructions(text):
        if name == "FROM":
            words = [word.lower() for word in rest.split() if not word.startswith("--")]
            stage = words[2] if len(words) > 2 else ""
            workdirs[stage] = workdirs.get(words[0], "/") if words else "/"
        elif name in {"ENV", "ARG"}:
            _assign(variables, rest)
        elif name == "WORKDIR":
            workdirs[stage] = posixpath.join(workdirs[stage], _expanded(rest.strip("\"' \t"), variables))[:_VALUE_LIMIT]
        elif name in {"COPY", "ADD"}:
            words = [_expanded(word, variables) for word in _copy_arguments(rest)]
            destination = words[-1] if words else ""
            if not _OPAQUE.match(destination):
                destination = posixpath.join(workdirs[stage], destination)
            for source in words[:-1]:
                folder, last = posixpath.split(source)
                only = last if is_pattern(last) else ""
                file = _first(directories, (folder if only else source).lstrip("/"), exists)
                for deployed in [_target(destination)] if only else _copied(destination, source):
                    if file and deployed:
                        yield Deployment(deployed, file, "", "", path, line, only, path)


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """The instructions of a Dockerfile: line (from 1), name in capitals, and the rest."""
    lines = [line.strip() for line in text.split("\n")]
    last = {line: number for number, line in enumerate(lines)} if "<<" in text else {}
    escape = "`" if _BACKTICK_ESCAPES.match(text) else "\\"
    parts: list[str] = []
    first = number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if not line or line.startswith("#"):
            continue
        first = first if parts else number
        parts.append(line[:-1] if line.endswith(escape) else line)
        if line.endswith(escape) and number < len(lines):
            continue
        name, _, rest = " ".join(parts).replace("\t", " ").partition(" ")
        parts = []
        yield first, name.upper(), rest.strip()
        if name.upper() in {"RUN", "COPY", "ADD"}:
            for heredoc in _HEREDOC.findall(rest):
                if last.get(heredoc, -1) >= number:
                    number = lines.index(heredoc, number) + 1


def _assign(variables: dict[str, str], rest: str) -> None:
    if "=" not in rest:
        rest = rest.replace(" ", "=", 1)
    for name, value in _ASSIGNMENT.findall(rest):
        expanded = _expanded(value.strip("\"'"), variables)
        variables[name] = expanded if len(expanded) <= _VALUE_LIMIT else UNKNOWN


def _copy_arguments(rest: str) -> list[str]:
    """The sources of a COPY or ADD and its destination; none where the sources are not in the tree."""
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        if flag.startswith("--from"):
            return []
    if rest.startswith("["):
        try:
            words = json.loads(rest)
        except (ValueError, RecursionError):
            return []
        return [word for word in words if isinstance(word, str)] if isinstance(words, list) else []
    return [word.strip("\"'") for word in rest.split() if "<<" not in word]


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    """A word with the variables' values; UNKNOWN for what has none."""
    if len(word) > _WORD_LIMIT:
        return UNKNOWN
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[3], match[2] or UNKNOWN), word)


def _first(directories: Iterable[str], source: str, exists: Exists) -> str:
    """The first of the paths that ``source`` may mean that is in the tree, else an empty string."""
    if _OPAQUE.search(source):
        return ""
    paths = (os.path.normpath(os.path.join(directory, source)) for directory in directories)
    return next((path for path in paths if exists(path)), "")


class _Said(NamedTuple):
    """What goes to the paths ``deployed``: the first of ``places`` that has ``source`` in it."""

    places: tuple[str, ...]
    source: str
    deployed: tuple[str, ...]
    line: int
    unit: str


class _ConfigMap(NamedTuple):
    """The keys of a ConfigMap: those whose text stands in ``document``, and those that are ``files`` of the tree."""

    document: str
    name: str
    data: Mapping[str, _Node]
    files: Mapping[str, str]


class _Manifests:
    """YAML texts: compose files, Kubernetes manifests, kustomizations, Ansible tasks and Salt states.

    What is only looked at counts as a step as well, so that aliases cannot multiply the cost of a text.
    """

    def __init__(self, exists: Exists) -> None:
        self.contexts: Final[dict[str, dict[str, None]]] = {}
        """Build contexts by the paths of Dockerfiles."""
        self._exists = exists
        self._said: list[tuple[str, list[_Said]]] = []
        self._pods: list[tuple[str, list[_Node]]] = []
        self._config_maps: dict[tuple[str, str], list[_ConfigMap]] = {}
        self._expressions: dict[str, str] = {}
        self._written: dict[str, str] = {}

    def read(self, path: str, text: str) -> None:
        """Take notice of what a text says."""
        if len(text) > _YAML_LIMIT or not any(all(sign in text for sign in signs) for signs in _YAML_SIGNS):
            return
        roots = [] if _GO_TEMPLATE.search(text) else _read_yaml(text)
        if not roots and _TAG.search(text):
            roots = _read_yaml(self._without_tags(text))
        nodes = list(_nodes(roots))
        steps = chain(
            chain.from_iterable(_compose_mounts(path, root) for root in roots),
            chain.from_iterable(chain(_ansible_copies(path, node), _salt_files(path, node)) for node in nodes),
        )
        self._said.append((path, list(islice(steps, _STEP_LIMIT))))
        self._pods.append((path, [node for node in nodes if "containers" in node.pairs and "volumes" in node.pairs]))
        for service in chain.from_iterable(root.get("services").pairs.values() for root in roots):
            self._read_context(path, service.get("build"))
        for node in nodes:
            if node.get("kind").text == "ConfigMap":
                name = node.get("metadata").get("name").text
                self._add(path, name, _ConfigMap(path, self._with_tags(name), node.get("data").pairs, {}))
        for name, files in self._generated(path, nodes).items():
            self._add(path, name, _ConfigMap("", name, {}, files))

    def deployments(self) -> Iterator[Deployment]:
        """What all texts say together."""
        for path, said in self._said:
            for places, source, deployed, line, unit in said:
                file = _first(places, source, self._exists) if source else ""
                for target in filter(None, deployed if file else ()):
                    yield Deployment(target, file, "", "", path, line, unit=unit)
        for path, pods in self._pods:
            steps = chain.from_iterable(self._mounts(path, pod) for pod in pods)
            yield from filter(None, islice(steps, _STEP_LIMIT))

    def _without_tags(self, text: str) -> str:
        """A text with its template tags out of YAML's way; lines stay, equal expressions stay equal."""

        def opaque(match: re.Match[str]) -> str:
            character = chr(min(ord(UNKNOWN) + 1 + len(self._expressions), 0xFFFFD))
            character = self._expressions.setdefault(" ".join(match[0].split()), character)
            self._written.setdefault(character, match[0])
            return character

        return _TAG.sub(opaque, _TAG_LINE.sub("", text))

    def _with_tags(self, text: str) -> str:
        return _OPAQUE.sub(lambda match: self._written.get(match[0], match[0]), text)

    def _read_context(self, path: str, build: _Node) -> None:
        if build.text or build.pairs:
            directory = _beside(path, _compose_text(build.text or build.get("context").text or "."))
            dockerfile = os.path.normpath(os.path.join(directory, build.get("dockerfile").text or "Dockerfile"))
            contexts = self.contexts.setdefault(dockerfile, {})
            if len(contexts) < _PLACE_LIMIT:
                contexts[directory] = None

    def _generated(self, path: str, nodes: Iterable[_Node]) -> dict[str, dict[str, str]]:
        """The files of the ConfigMaps that a kustomization generates, by key."""
        generators = chain.from_iterable(node.get("configMapGenerator").items for node in nodes)
        entries = ((generator, entry) for generator in generators for entry in generator.get("files").items)
        found: dict[str, dict[str, str]] = {}
        for generator, entry in islice(entries, _STEP_LIMIT):
            key, _, file = entry.text.rpartition("=")
            source = _beside(path, file)
            if file and self._exists(source):
                found.setdefault(generator.get("name").text, {})[key or os.path.basename(source)] = source
        return found

    def _add(self, path: str, name: str, config_map: _ConfigMap) -> None:
        for place in (path, *_around(path)):
            known = self._config_maps.setdefault((name, place), [])
            if len(known) < _PLACE_LIMIT:
                known.append(config_map)

    def _mounts(self, path: str, pod: _Node) -> Iterator[Deployment | None]:
        """Where the ConfigMaps that a pod mounts end up in it."""
        volumes = {volume.get("name").text: volume for volume in pod.get("volumes").items[:_ITEM_LIMIT]}
        unit = f"{path}:{pod.line}"
        containers = chain(*(pod.get(name).items[:_ITEM_LIMIT] for name in ("containers", "initContainers")))
        for mount in chain.from_iterable(container.get("volumeMounts").items for container in containers):
            yield None
            directory, part = mount.get("mountPath"), mount.get("subPath").text
            volume = volumes.get(mount.get("name").text, _NOTHING)
            for file, key, source, document in self._volume(path, volume):
                deployed = _target(directory.text if part else f"{directory.text}/{file}")
                fits = deployed and file and part in {"", file}
                yield Deployment(deployed, source, document, key, path, directory.line, unit=unit) if fits else None

    def _volume(self, path: str, volume: _Node) -> Iterator[tuple[str, str, str, str]]:
        """What a volume of ConfigMaps holds: path in it, key, source and document."""
        for part in (volume, *volume.get("projected").get("sources").items[:_ITEM_LIMIT]):
            mounted = part.get("configMap")
            name = mounted.get("name").text
            items = {item.get("key").text: item.get("path").text for item in mounted.get("items").items[:_ITEM_LIMIT]}
            places = (path, *_around(path)) if name else ()
            found = next((self._config_maps[name, place] for place in places if (name, place) in self._config_maps), ())
            for config_map in found:
                for key in config_map.data:
                    shown = f"ConfigMap/{config_map.name}.data"
                    shown += f".{key}" if _IDENTIFIER.fullmatch(key) else f"[{' '.join(key.split())}]"
                    yield items.get(key, "" if items else key), shown, "", config_map.document
                for key, source in config_map.files.items():
                    yield items.get(key, "" if items else key), "", source, ""


class _Node:
    """A node of a YAML text: a scalar's ``text``, a sequence's ``items`` or a mapping's ``pairs``."""

    __slots__ = ("items", "line", "pairs", "text")

    def __init__(self, line: int, text: str = "") -> None:
        self.line: Final = line
        self.text: Final = text
        self.items: list[_Node] = []
        self.pairs: dict[str, _Node] = {}

    def get(self, key: str) -> _Node:
        """What a mapping has at a key, merged mappings included; an empty node where it has nothing."""
        found = self.pairs.get(key)
        if found is None and "<<" in self.pairs:
            merged = self.pairs["<<"]
            parents = (merged, *merged.items[:_PLACE_LIMIT])
            found = next((parent.pairs[key] for parent in parents if key in parent.pairs), None)
        return found or _NOTHING


_NOTHING: Final = _Node(0)


def _read_yaml(text: str) -> list[_Node]:
    """The documents of a YAML text; none where it is not YAML. Nothing is constructed, aliases share a node."""
    roots: list[_Node] = []
    stack: list[tuple[_Node, bool]] = []
    anchors: dict[str, _Node] = {}
    try:
        for event in yaml.parse(text.encode("utf-8", "replace"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.CollectionEndEvent):
                node, is_mapping = stack.pop()
                if is_mapping:
                    node.pairs = {key.text: value for key, value in zip(node.items[::2], node.items[1::2])}
                    node.items = []
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            if isinstance(event, yaml.AliasEvent):
                node = anchors.get(event.anchor or "", _NOTHING)
            else:
                line = event.start_mark.line + 1 if event.start_mark else 0
                node = _Node(line, event.value if isinstance(event, yaml.ScalarEvent) else "")
                anchors[event.anchor or ""] = node
            (stack[-1][0].items if stack else roots).append(node)
            if isinstance(event, yaml.CollectionStartEvent):
                stack.append((node, isinstance(event, yaml.MappingStartEvent)))
                if len(stack) > _DEPTH_LIMIT:
                    return []
    except (yaml.YAMLError, ValueError, OverflowError):
        return []
    return roots


def _nodes(roots: Iterable[_Node]) -> Iterator[_Node]:
    """All mappings of YAML documents, each once, in the order of the text."""
    pending = [*roots][::-1]
    seen = set()
    while pending:
        node = pending.pop()
        if id(node) not in seen:
            seen.add(id(node))
            if node.pairs:
                yield node
            children = (child for child in (*node.items, *node.pairs.values()) if child.items or child.pairs)
            pending.extend([*children][::-1])


def _beside(path: str, relative: str) -> str:
    """The path that is relative to the directory of a file."""
    return os.path.normpath(os.path.join(os.path.dirname(path), relative))


def _compose_text(text: str) -> str:
    """A value of a compose file with the defaults of its variables, UNKNOWN for those that have none."""
    return _expanded(text, {"PWD": "."})


def _compose_mounts(path: str, root: _Node) -> Iterator[_Said]:
    place = (os.path.dirname(path),)
    for service in root.get("services").pairs.values():
        unit = f"{path}:{service.line}"
        for volume in service.get("volumes").items:
            source, _, target = _compose_text(volume.text).partition(":")
            target = target.partition(":")[0]
            if volume.pairs:
                source, target = (_compose_text(volume.get(name).text) for name in ("source", "target"))
            is_path = volume.get("type").text == "bind" or source.startswith(".")
            yield _Said(place, source if is_path else "", (_target(target),), volume.line, unit)
        for kind, directory in (("configs", "/"), ("secrets", "/run/secrets/")):
            for use in service.get(kind).items:
                name = use.text or use.get("source").text
                target = posixpath.join(directory, use.get("target").text or name)
                source = _compose_text(root.get(kind).get(name).get("file").text)
                yield _Said(place, source, (_target(target),), use.line, unit)


def _ansible_copies(path: str, task: _Node) -> Iterator[_Said]:
    match = _TASKS.match(path)
    role = match[1] if match else os.path.dirname(path)
    name = task.get("loop_control").get("loop_var").text or "item"
    loop = next((task.get(key).items for key in _LOOPS if task.get(key).items), [_NOTHING])
    for folder, source, destination, line in _ansible_modules(task):
        for item in loop[:_ITEM_LIMIT]:
            file, target = (_with_item(value, name, item) for value in (source, destination))
            places = [os.path.join(place, part) for place in (role, os.path.dirname(path)) for part in (folder, "")]
            start = _ANSIBLE_PLACE.match(file)
            if start:
                places = [role] if start[1] == "role_path" else list(_around(path))
                file = file[start.end() :].lstrip("/")
            known = "{{" not in file and (start or not file.startswith(("/", "~")))
            deployed = tuple(_copied(_EXPRESSION.sub(UNKNOWN, target), file))
            yield _Said(tuple(places), file if known else "", deployed, line, role if match else path)


def _ansible_modules(task: _Node) -> Iterator[tuple[str, str, str, int]]:
    """The copying modules that a task calls: folder of a role, source, destination and line (from 1)."""
    for name in (*_COPYING, "action"):
        call, more = task.get(name), task.get("args")
        arguments = {key: call.get(key).text or more.get(key).text for key in ("src", "dest", "remote_src")}
        module = name
        if call.text:
            text = call.text[:_WORD_LIMIT]
            module = (text.split(None, 1) or [""])[0] if name == "action" else name
            arguments.update((key, value.strip("\"'")) for key, value in _FREE_FORM.findall(text))
        remote = arguments["remote_src"].lower() in {"yes", "true", "1", "on"}
        if module in _COPYING and arguments["src"] and arguments["dest"] and not remote:
            folder = "templates" if module.endswith("template") else "files"
            yield folder, arguments["src"], arguments["dest"], call.get("dest").line or call.line


def _with_item(text: str, name: str, item: _Node) -> str:
    """A text with the item of a loop in it."""

    def value(match: re.Match[str]) -> str:
        attribute = match["attribute"] or match["index"]
        found = item.get(attribute).text if attribute else item.text
        if match["name"] != name or not found:
            return match[0]
        return posixpath.basename(found) if match["filter"] else found

    return _LOOP_EXPRESSION.sub(value, text[:_WORD_LIMIT])


def _salt_files(path: str, states: _Node) -> Iterator[_Said]:
    for name, state in states.pairs.items():
        for function in ("file.managed", "file.recurse"):
            options = state.get(function).items[:_ITEM_LIMIT]
            sources = next((option.get("source") for option in options if "source" in option.pairs), _NOTHING)
            target = next((option.get("name").text for option in options if "name" in option.pairs), name)
            for source in (sources, *sources.items):
                segments, _ = _wanted(source.text[len(_SALT) :] if source.text.startswith(_SALT) else "")
                yield _Said(tuple(_around(path)), "/".join(segments), (_target(target),), source.line, path)
