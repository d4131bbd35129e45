"""Deployments by the paths of the target machine, and by the files of the tree, that they concern."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from checkov_nginx_tls.deployments.deployment import around, split
from checkov_nginx_tls.deployments.tree import grouped
from checkov_nginx_tls.patterns import is_pattern, segment_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.deployments.deployment import Deployment
    from checkov_nginx_tls.deployments.tree import Tree

_PREFIXES: Final = ("/etc/nginx", "/usr/local/nginx/conf", "/usr/local/openresty/nginx/conf", "/opt/bitnami/nginx/conf")
"""Where relative includes start, as nginx is commonly built."""

_TEMPLATES: Final = ("etc", "nginx", "templates")
_RENDERED: Final = ("etc", "nginx", "conf.d")
"""Where the official image puts what it makes of its templates."""

_CANDIDATE_LIMIT: Final = 1000
_PLACE_LIMIT: Final = 8


class Hit(NamedTuple):
    """A deployment puts a file, or the place ``key`` in it, at the path ``shown`` of the target machine."""

    shown: str
    path: str
    key: str
    deployment: Deployment


class DeployedPaths:
    """Finds what deployments put at paths of the target machine, and on which machines files of the tree end up.

    ``deployments`` is called once, when first needed.
    """

    def __init__(self, deployments: Callable[[], tuple[Deployment, ...]], tree: Tree) -> None:
        self._tell_deployments = deployments
        self._tree = tree
        self._hits: dict[tuple[str, ...], list[Hit]] = {}
        self._units: dict[str, frozenset[str]] = {}

    def find(self, wanted: tuple[str, ...], absolute: bool, includer: str, key: str) -> list[Hit]:
        """What is put where the segments of an include's argument lead, from the first start that leads anywhere."""
        for start in ((),) if absolute else self._starts_of_relative(includer):
            path = (*start, *wanted)
            if path not in self._hits:
                self._hits[path] = [*self._put_at(path), *self._rendered_at(path)]
            hits = [hit for hit in self._hits[path] if (hit.path, hit.key) != (includer, key)]
            if hits:
                return hits
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

    def _rendered_at(self, wanted: tuple[str, ...]) -> Iterator[Hit]:
        """What the official image makes of templates that are put beside the path."""
        if wanted[: len(_RENDERED)] == _RENDERED:
            for hit in self._put_at((*_TEMPLATES, *wanted[len(_RENDERED) :])):
                yield hit._replace(shown=hit.shown.replace("templates", "conf.d", 1))

    def _put_at(self, wanted: tuple[str, ...]) -> Iterator[Hit]:
        """What deployments put at a path, or where a pattern matches."""
        fixed = fixed_segments(wanted)
        for end in range(fixed + 1):
            for deployment in self._by_path.get(wanted[:end], ())[:_CANDIDATE_LIMIT]:
                yield from self._matched(deployment, 0, wanted)
        for deployment in self._below.get(wanted[:fixed], ())[:_CANDIDATE_LIMIT] if fixed < len(wanted) else ():
            yield from self._matched(deployment, 0, wanted)
        for start in range(fixed):
            for deployment in self._of_unknown_start.get(wanted[start], ())[:_CANDIDATE_LIMIT]:
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

    @cached_property
    def _by_path(self) -> dict[tuple[str, ...], list[Deployment]]:
        return grouped((split(one.deployed), one) for one in self._deployments if one.deployed.startswith("/"))

    @cached_property
    def _below(self) -> dict[tuple[str, ...], list[Deployment]]:
        """Deployments by the directories around their paths."""
        return grouped(
            (path[:end], one) for path, same in self._by_path.items() for one in same for end in range(len(path))
        )

    @cached_property
    def _of_unknown_start(self) -> dict[str, list[Deployment]]:
        """Deployments of which only the end of the path is known, by its first segment."""
        return grouped((split(one.deployed)[0], one) for one in self._deployments if not one.deployed.startswith("/"))


def fixed_segments(segments: Sequence[str]) -> int:
    """How many segments stand in front of the first that is a pattern."""
    return next((index for index, segment in enumerate(segments) if is_pattern(segment)), len(segments))
