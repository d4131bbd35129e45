"""Every nginx configuration of a scan, from the files found to the blocks assembled."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.deployments import DeployedFiles, Deployment, deployments
from checkov_nginx_tls.deployments.deployment import around
from checkov_nginx_tls.discovery import discover, is_worth_a_problem, opens_connections
from checkov_nginx_tls.files import NO_CONTENTS, Problem, ScannedFiles, keep_all
from checkov_nginx_tls.includes import IncludeResolver, NoIncludes, search_directories
from checkov_nginx_tls.model import MAIN, Configuration, assemble, context_of
from checkov_nginx_tls.syntax import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from checkov_nginx_tls.discovery import Candidate, Discovery
    from checkov_nginx_tls.files import Keep
    from checkov_nginx_tls.syntax import ParsedFile


_INCLUDE: Final = "include"
"""What stands in a file that includes others, also as a part of another format."""


@dataclass(frozen=True)
class Configurations:
    """The configurations of a scan that open connections.

    ``problems`` are the files that could not be read or parsed, ``warnings`` sentences for the log.
    """

    configurations: tuple[Configuration, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]

    def joined(self, others: Configurations) -> Configurations:
        """These and others of the same scan."""
        return Configurations(
            (*self.configurations, *others.configurations),
            (*self.problems, *others.problems),
            (*self.warnings, *others.warnings),
        )


class Tree:
    """The nginx files of a scan: those that include each other, and those that stand alone.

    ``together`` are the configurations of the former. The files of ``alone`` include nothing and are included by none,
    so that any of them can be assembled without the others: see ``configurations_of``. For the arguments see
    ``find_configurations``.
    """

    def __init__(
        self,
        root: str | None,
        files: Sequence[str],
        keep: Keep,
        now: datetime | None,
        contents: Mapping[str, bytes],
        base: str | None,
    ) -> None:
        found = discover(root, files, keep, contents)
        boundaries = [
            *([root] if root is not None else []),
            *(os.path.dirname(os.path.realpath(file)) for file in files),
        ]
        self._now = now or datetime.now(timezone.utc)
        self._scanned = ScannedFiles(boundaries, base or root or os.getcwd(), keep, contents)
        for candidate in found.candidates:
            self._scanned.preload(candidate)
        self._resolvers = _Resolvers(
            self._scanned,
            DeployedFiles(found.names, lambda: _deployments(found), os.path.realpath(root or os.sep)),
        )
        together, joined = self.configurations_of(()), 0
        loaded = [candidate for candidate in found.candidates if _INCLUDE.encode() in candidate.data]
        while len(loaded) > joined:  # they load what they include
            together, joined = self.configurations_of(loaded), len(loaded)
            loaded = [candidate for candidate in found.candidates if self._scanned.is_loaded(candidate.id)]
        self.together = replace(together, problems=(*found.problems, *together.problems), warnings=found.warnings)
        self.alone = tuple(one for one in found.candidates if not self._scanned.is_loaded(one.id))

    def configurations_of(self, candidates: Sequence[Candidate]) -> Configurations:
        """The configurations of some of the files: of any that stand alone."""
        parsed, problems = _parsed(candidates, self._scanned)
        return Configurations(tuple(_assembled(parsed, self._resolvers, self._now)), tuple(problems), ())

    def all_configurations(self) -> Configurations:
        """The configurations of all files."""
        return self.together.joined(self.configurations_of(self.alone))


def find_configurations(
    root: str | None,
    files: Sequence[str] = (),
    keep: Keep = keep_all,
    now: datetime | None = None,
    contents: Mapping[str, bytes] = NO_CONTENTS,
    base: str | None = None,
) -> Configurations:
    """Find, parse and assemble the nginx configuration below ``root`` and in ``files``.

    A file stands in the configurations that include it, or else on its own. Nothing outside ``root`` and the
    directories of ``files`` is read; ``keep(directory, names)`` removes from ``names``, in place, what is left out.
    ``now`` is the time to judge certificates by, with a time zone: the present one if it is None. ``contents`` are what
    is read instead of the files at some real paths, of which those among ``files`` need not exist. Messages name files
    relative to ``base``, which is ``root`` unless given, or else the current directory.
    """
    return Tree(root, files, keep, now, contents, base).all_configurations()


def _parsed(candidates: Sequence[Candidate], scanned: ScannedFiles) -> tuple[list[ParsedFile], list[Problem]]:
    parsed: list[ParsedFile] = []
    problems: list[Problem] = []
    for candidate in candidates:
        file = scanned.load(candidate.id)
        if not isinstance(file, Problem):
            parsed.append(file)
        elif is_worth_a_problem(candidate):
            problems.append(file)
    return parsed, problems


def _assembled(parsed: Sequence[ParsedFile], resolvers: _Resolvers, now: datetime) -> list[Configuration]:
    mains = {file.source.id: file for file in parsed if context_of(file) == MAIN}
    configurations = [assemble(file, resolvers.of(file), now) for file in _outermost(mains, resolvers)]
    reached = {name for configuration in configurations for name in configuration.files}
    fragments = {file.source.id: file for file in parsed if file.source.id not in reached}
    configurations += [assemble(file, resolvers.of(file), now) for file in _outermost(fragments, resolvers)]
    configurations += [assemble(file, resolvers.without_includes(file), now) for file in _unjudged(configurations)]
    relevant = {file for one in configurations for file in one.files.values() if opens_connections(file)}
    return [one for one in configurations if not one.assembled or not relevant.isdisjoint(one.files.values())]


def _unjudged(configurations: Sequence[Configuration]) -> Iterable[ParsedFile]:
    """The files of configurations that are too large to be judged, and that no other configuration includes."""
    judged = {name for one in configurations if one.assembled for name in one.files}
    files = {name: file for one in configurations if not one.assembled for name, file in one.files.items()}
    return [file for name, file in files.items() if name not in judged]


def _deployments(found: Discovery) -> tuple[Deployment, ...]:
    """What the files of the scan, and the places of what is embedded in them, say about where files end up."""
    texts = {path: decode(data) for path, data in found.manifests.items()}
    files_by_directory = {os.path.dirname(path): path for path in found.names}
    directories = {one for path in files_by_directory.values() for one in around(path)}
    names = {*found.names, *directories}
    embedded = (
        Deployment(one.region.deployed, "", one.path, one.region.key, one.path, 1, unit=one.path)
        for one in found.candidates
        if one.region is not None and one.region.deployed
    )
    return (*deployments(texts, names.__contains__), *embedded)


class _Resolvers:
    """One resolver of includes for each file with which a configuration may begin."""

    def __init__(self, scanned: ScannedFiles, deployed: DeployedFiles) -> None:
        self._scanned = scanned
        self._deployed = deployed
        self._resolvers: dict[str, IncludeResolver] = {}

    def of(self, file: ParsedFile) -> IncludeResolver:
        if file.source.id not in self._resolvers:
            self._resolvers[file.source.id] = IncludeResolver(self._scanned, self._directories(file), self._deployed)
        return self._resolvers[file.source.id]

    def without_includes(self, file: ParsedFile) -> IncludeResolver:
        """One that finds the other files that a configuration names, but follows no include."""
        return NoIncludes(self._scanned, self._directories(file), self._deployed)

    def _directories(self, file: ParsedFile) -> list[str]:
        own = os.path.dirname(file.source.path)
        if context_of(file) == MAIN:
            return [own]
        return search_directories(file.source.path, self._scanned.boundary(file.source.path) or own)


def _outermost(files: Mapping[str, ParsedFile], resolvers: _Resolvers) -> list[ParsedFile]:
    """Files that no other one of them includes; of files that include each other in a circle, the first."""
    includes = {name: _includes_of(file, resolvers.of(file)) for name, file in files.items()}
    included = {target for path, targets in includes.items() for target in targets if target != path}
    outermost = [file for path, file in files.items() if path not in included]
    reached = _reachable(includes, (file.source.id for file in outermost))
    for path, file in files.items():
        if path not in reached:
            outermost.append(file)
            reached |= _reachable(includes, [path])
    return outermost


def _includes_of(file: ParsedFile, resolver: IncludeResolver) -> set[str]:
    targets: set[str] = set()
    pending = list(file.directives) if _INCLUDE in file.source.text else []
    while pending:
        directive = pending.pop()
        pending.extend(directive.block or directive.readings)
        if directive.name == "include" and len(directive.args) == 1:
            found = resolver.resolve(directive) or ()
            targets.update(loaded.source.id for loaded in found if not isinstance(loaded, Problem))
    return targets


def _reachable(includes: Mapping[str, set[str]], start: Iterable[str]) -> set[str]:
    reached: set[str] = set()
    pending = list(start)
    while pending:
        path = pending.pop()
        if path not in reached:
            reached.add(path)
            pending.extend(includes.get(path, ()))
    return reached
