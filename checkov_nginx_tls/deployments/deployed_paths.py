"""Deployments by the paths of the target machine, and by the files of the tree, that they concern."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Callable, Final, NamedTuple, TypeVar

from checkov_nginx_tls.deployments.deployment import around, split
from checkov_nginx_tls.deployments.tree import grouped, on_one_line
from checkov_nginx_tls.patterns import is_pattern, segment_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.deployments.deployment import Deployment
    from checkov_nginx_tls.deployments.tree import Tree

K = TypeVar("K")

_PREFIXES: Final = ("/etc/nginx", "/usr/local/nginx/conf", "/usr/local/openresty/nginx/conf", "/opt/bitnami/nginx/conf")
"""Where relative includes start, as nginx is commonly built."""

_TEMPLATES: Final = ("etc", "nginx", "templates")
_RENDERED: Final = ("etc", "nginx", "conf.d")
"""Where the official image puts what it makes of its templates."""

_CANDIDATE_LIMIT: Final = 1000
"""Related candidates for one path that are looked at; there are as many only where one directory deploys all."""

_PLACE_LIMIT: Final = 8
"""Places on the target machine of one including file from which its relative includes are tried."""

_FEW: Final = 8
"""Candidates that are faster looked at than looked up."""


class Hit(NamedTuple):
    """A deployment puts a file, or the place ``key`` in it, at the path ``shown`` of the target machine."""

    shown: str
    path: str
    key: str
    deployment: Deployment


class _Candidates:
    """Deployments that concern one path, by what may relate them to an including file."""

    def __init__(self, deployments: Sequence[Deployment], tree: Tree) -> None:
        self._deployments = deployments
        self._tree = tree

    def related_to(self, directory: str, units: Iterable[str]) -> list[Deployment]:
        """The first of those that may put a file of the directory, with these units, on the same machine too.

        They belong to one of the units, or they, or the files that they deploy, are in the directory, around it or in
        it.
        """
        if len(self._deployments) <= _FEW:
            return [*self._deployments]
        numbers = {number for unit in units for number in self._of_unit.get(unit, ())}
        numbers.update(number for place in (directory, *around(directory)) for number in self._at.get(place, ()))
        numbers.update(self._inside.get(directory, ()))
        return [self._deployments[number] for number in sorted(numbers)[:_CANDIDATE_LIMIT]]

    @cached_property
    def _of_unit(self) -> dict[str, list[int]]:
        return grouped((one.unit, number) for number, one in enumerate(self._deployments))

    @cached_property
    def _places(self) -> list[tuple[str, int]]:
        """The directories of the deployments, and of what they deploy, with their numbers."""
        return [
            (place, number)
            for number, one in enumerate(self._deployments)
            for place in (os.path.dirname(one.path), self._directory_of(one))
        ]

    def _directory_of(self, deployment: Deployment) -> str:
        is_directory = deployment.source in self._tree.directories
        return deployment.source if is_directory else os.path.dirname(deployment.source or deployment.document)

    @cached_property
    def _at(self) -> dict[str, list[int]]:
        return grouped(self._places)

    @cached_property
    def _inside(self) -> dict[str, list[int]]:
        return grouped((above, number) for place, number in self._places for above in around(place))


class DeployedPaths:
    """Finds what deployments put at paths of the target machine, and on which machines files of the tree end up.

    ``deployments`` is called once, when first needed.
    """

    def __init__(self, deployments: Callable[[], tuple[Deployment, ...]], tree: Tree) -> None:
        self._tell_deployments = deployments
        self._tree = tree
        self._hits: dict[tuple[tuple[str, ...], str, frozenset[str]], list[Hit]] = {}
        self._units: dict[str, frozenset[str]] = {}

    def find(self, wanted: tuple[str, ...], absolute: bool, includer: str, key: str) -> list[Hit]:
        """What is put where the segments of an include's argument lead, from the first start that leads anywhere.

        Only what may well be put on a machine together with the including file.
        """
        if not self._deployments:
            return []
        directory, units = os.path.dirname(includer), self.units(includer)
        for start in ((),) if absolute else self._starts_of_relative(includer):
            asked = (*start, *wanted), directory, units
            if asked not in self._hits:
                hits = (*self._put_at(*asked), *self._rendered_at(*asked))
                self._hits[asked] = [hit for hit in hits if _is_related(hit, directory, units)]
            others = [hit for hit in self._hits[asked] if (hit.path, hit.key) != (includer, key)]
            if others:
                return others
        return []

    def units(self, path: str) -> frozenset[str]:
        """The units (see Deployment) that a file of the tree ends up on."""
        if path not in self._units:
            self._units[path] = frozenset(deployment.unit for deployment in self._concerning(path))
        return self._units[path]

    def _starts_of_relative(self, includer: str) -> Iterable[tuple[str, ...]]:
        """Directories of the target machine that relative includes of a file may start from."""
        found: list[tuple[str, ...]] = []
        for deployment in islice(self._concerning(includer), _PLACE_LIMIT):
            if deployment.deployed.startswith("/"):
                rest = includer[len(deployment.source) :] if deployment.source else ""
                location = split(deployment.deployed + rest.replace(os.sep, "/"))
                found.extend(location[:end] for end in range(len(location) - 1, 0, -1))
        return dict.fromkeys([*found, *map(split, _PREFIXES)])

    def _concerning(self, path: str) -> Iterator[Deployment]:
        for source in (path, *around(path)):
            for deployment in self._by_source.get(source, ()):
                if not deployment.only or segment_matches(deployment.only, path[len(source) + 1 :]):
                    yield deployment

    def _rendered_at(self, wanted: tuple[str, ...], directory: str, units: frozenset[str]) -> Iterator[Hit]:
        """What the official image makes of templates that are put beside the path."""
        if wanted[: len(_RENDERED)] == _RENDERED:
            for hit in self._put_at((*_TEMPLATES, *wanted[len(_RENDERED) :]), directory, units):
                yield hit._replace(shown=hit.shown.replace("templates", "conf.d", 1))

    def _put_at(self, wanted: tuple[str, ...], directory: str, units: frozenset[str]) -> Iterator[Hit]:
        """What deployments put at a path, or where a pattern matches; see ``find`` for which of them."""
        fixed = fixed_segments(wanted)
        concerned = [(0, self._by_path.get(wanted[:end])) for end in range(fixed + 1)]
        concerned.append((0, self._below.get(wanted[:fixed]) if fixed < len(wanted) else None))
        concerned.extend((start, self._of_unknown_start.get(wanted[start])) for start in range(fixed))
        for start, candidates in concerned:
            for deployment in candidates.related_to(directory, units) if candidates is not None else ():
                yield from self._matched(deployment, start, wanted)

    def _matched(self, deployment: Deployment, start: int, wanted: tuple[str, ...]) -> Iterator[Hit]:
        """What a deployment puts at a path, if its own path is that from the segment ``start`` on, or leads there."""
        segments = split(deployment.deployed)
        if start + len(segments) > len(wanted) or not all(map(segment_matches, wanted[start:], segments)):
            return
        shown = "/".join((*wanted[:start], *segments))
        rest = wanted[start + len(segments) :]
        if deployment.key:
            if not rest:
                yield Hit(shown, deployment.document, deployment.key, deployment)
        elif not rest:
            if deployment.source in self._tree.files and not deployment.only:
                yield Hit(shown, deployment.source, "", deployment)
        elif deployment.source in self._tree.directories:
            for name, path in self._tree.glob(deployment.source, rest):
                if not deployment.only or (len(rest) == 1 and segment_matches(deployment.only, os.path.basename(path))):
                    yield Hit(f"{shown}/{name}", path, "", deployment)

    @cached_property
    def _deployments(self) -> tuple[Deployment, ...]:
        return self._tell_deployments()

    @cached_property
    def _by_source(self) -> dict[str, list[Deployment]]:
        return grouped((deployment.source or deployment.document, deployment) for deployment in self._deployments)

    def _candidates(self, deployments: Iterable[tuple[K, Deployment]]) -> dict[K, _Candidates]:
        return {key: _Candidates(some, self._tree) for key, some in grouped(deployments).items()}

    @cached_property
    def _by_path(self) -> dict[tuple[str, ...], _Candidates]:
        return self._candidates((split(one.deployed), one) for one in self._deployments if one.deployed.startswith("/"))

    @cached_property
    def _below(self) -> dict[tuple[str, ...], _Candidates]:
        """Deployments by the directories around their paths."""
        paths = ((split(one.deployed), one) for one in self._deployments if one.deployed.startswith("/"))
        return self._candidates((path[:end], one) for path, one in paths for end in range(len(path)))

    @cached_property
    def _of_unknown_start(self) -> dict[str, _Candidates]:
        """Deployments of which only the end of the path is known, by its first segment."""
        return self._candidates((split(one.deployed)[0], one) for one in self._deployments if one.deployed[:1] != "/")


def _is_related(hit: Hit, directory: str, units: frozenset[str]) -> bool:
    """Whether what puts a file on a machine may well put a file of the directory, with these units, there too."""
    return (
        hit.deployment.unit in units
        or on_one_line(os.path.dirname(hit.path), directory)
        or on_one_line(os.path.dirname(hit.deployment.path), directory)
    )


def fixed_segments(segments: Sequence[str]) -> int:
    """How many segments stand in front of the first that is a pattern."""
    return next((index for index, segment in enumerate(segments) if is_pattern(segment)), len(segments))
