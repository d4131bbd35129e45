"""The choice of the file that an include names by its path on the target machine."""

from __future__ import annotations

import enum
import os
import re
from itertools import islice
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from checkov_nginx_tls.deployments.deployed_paths import DeployedPaths, Hit, fixed_segments
from checkov_nginx_tls.deployments.deployment import Deployment, around, known_end
from checkov_nginx_tls.deployments.tree import ALTERNATIVES, Tree, distance
from checkov_nginx_tls.patterns import is_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROLE: Final = re.compile(r"[/\\](?:files|templates)(?=[/\\])")


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


class DeployedFiles:
    """Finds the files of a tree that includes name by their paths on the target machine.

    ``names`` are the absolute paths of all files of the tree, which lies in the directory ``root``.
    ``deployments`` is called once, when first needed.
    """

    def __init__(
        self, names: Sequence[str], deployments: Callable[[], tuple[Deployment, ...]], root: str = os.sep
    ) -> None:
        self._tree = Tree(names, root)
        self._deployed = DeployedPaths(deployments, self._tree)

    def find(self, argument: str, includer: str, key: str = "") -> list[Match]:
        """The files that an include names, in nginx's order; empty where none is known.

        ``argument`` is as nginx has it: a path or a pattern of glob(3), relative or absolute, with UNKNOWN for what
        only a template knows. ``includer`` is the absolute path of the including file, ``key`` the place in it
        where the including text is embedded.
        """
        wanted, absolute = known_end(argument)
        if not wanted or is_pattern(wanted[0]):
            return []
        # Links in sites-enabled are made on the machine.
        available = tuple(re.sub(r"-enabled$", "-available", segment) for segment in wanted)
        for segments in dict.fromkeys([wanted, available]):
            found = self._choose(self._deployed.find(segments, absolute, includer, key), includer)
            if not found and any(map(is_pattern, segments)):
                found = self._find_in_similar_directory(segments, includer)
            elif not found:
                found = self._find_similar_file(segments, includer)
            if found:
                return found
        return []

    def _choose(self, hits: list[Hit], includer: str) -> list[Match]:
        """One file for each path: those of the machine that fits the including file best."""
        if not hits:
            return []
        directory = os.path.dirname(includer)
        own = self._deployed.units(includer)
        ranked = sorted(hits, key=lambda hit: (hit.deployment.unit not in own, distance(hit.path, directory)))
        unit = ranked[0].deployment.unit
        chosen: dict[str, Hit] = {}
        for hit in ranked:
            if hit.deployment.unit == unit:
                other = chosen.setdefault(hit.shown, hit)
                if _hides(hit.deployment, other.deployment):
                    chosen[hit.shown] = hit
        taken = {hit.path for hit in chosen.values()}
        others = tuple(islice(dict.fromkeys(hit.path for hit in ranked if hit.path not in taken), ALTERNATIVES))
        return [Match(hit.path, hit.key, Reason.DEPLOYED, hit.deployment, others) for _, hit in sorted(chosen.items())]

    def _find_similar_file(self, wanted: tuple[str, ...], includer: str) -> list[Match]:
        """A file at hand that is named like a path; one further away belongs to something else more often than not."""
        directory = os.path.dirname(includer)
        like = self._tree.files_like.ending(wanted)
        if not like:
            return []
        similar = {path: Reason.SUFFIX for places in like[:-1] for path in places.near(directory)}
        for above in (directory, *around(directory)):
            for path in self._tree.files_in(above, wanted[-1]).values():
                similar.setdefault(path, Reason.NAME)
        for path in like[0].far(directory):
            if _role_of(path) == _role_of(includer) != "":
                similar.setdefault(path, Reason.NAME)
        similar.pop(includer, None)
        others = tuple(similar)[1 : ALTERNATIVES + 1]
        return [Match(path, "", reason, None, others) for path, reason in islice(similar.items(), 1)]

    def _find_in_similar_directory(self, wanted: tuple[str, ...], includer: str) -> list[Match]:
        """What a pattern matches in a directory that is named like the one it reads."""
        fixed = fixed_segments(wanted)
        directory = os.path.dirname(includer)
        like = self._tree.directories_like.ending(wanted[:fixed])
        paths = list(dict.fromkeys(path for places in like for path in places.near(directory)))
        for path in paths:
            found = sorted(self._tree.glob(path, wanted[fixed:]))
            if all(file != includer for _, file in found):  # a file does not include itself
                others = tuple(other for other in paths if other != path)[:ALTERNATIVES]
                return [Match(file, "", Reason.SUFFIX, None, others) for _, file in found]
        return []


def _role_of(path: str) -> str:
    """The directory of an Ansible role or a Puppet module, which keeps files and templates beside one another."""
    match = _ROLE.search(path)
    return path[: match.start()] if match is not None else ""


def _hides(deployment: Deployment, other: Deployment) -> bool:
    """Whether a deployment hides another to the same path: it is more specific, or comes later."""
    return (len(deployment.deployed), deployment.line) > (len(other.deployed), other.line)
