"""Which file an include directive means inside a scanned tree."""

from __future__ import annotations

import logging
import os
import posixpath
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.deployments import UNKNOWN
from checkov_nginx_tls.deployments.deployment import around
from checkov_nginx_tls.files import Problem, TooManyMatches
from checkov_nginx_tls.formats.file_names import TEMPLATE_EXTENSIONS
from checkov_nginx_tls.patterns import is_pattern, path_matches
from checkov_nginx_tls.syntax import Templated, source_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.deployments import DeployedFiles, Match
    from checkov_nginx_tls.files import ScannedFiles
    from checkov_nginx_tls.syntax import Directive, ParsedFile, Source

logger: Final = logging.getLogger(__name__)


class TreeFile(NamedTuple):
    """A file of the scanned tree that is no configuration.

    ``path`` is what messages call it, relative to the scanned directory. ``key`` names the place in that file where
    it is embedded, and is "" where it is a file of its own. ``real`` is the file's real path.
    """

    path: str
    key: str
    data: bytes
    real: str

    @property
    def name(self) -> str:
        """What messages call it, with the place in the file."""
        return source_id(self.path, self.key)

    def __repr__(self) -> str:
        """Without what it holds, which may be a secret."""
        return f"<{self.name}>"


class IncludeResolver:
    """Resolves the includes of one configuration, and finds other files that it names.

    nginx resolves a relative path against the directory of the main file, in nested includes too
    (``ngx_conf_include``, ``ngx_conf_full_name`` with ``conf_prefix``). ``directories`` holds that directory,
    or, where the main file is not known, the directories to try in turn. What is not there is looked for where
    ``deployed`` says that the repository keeps it.
    """

    def __init__(self, files: ScannedFiles, directories: Sequence[str], deployed: DeployedFiles) -> None:
        self._files = files
        self._directories = tuple(directories)
        self._deployed = deployed
        self._resolved: dict[Directive, list[ParsedFile | Problem] | None] = {}

    def resolve(self, include: Directive) -> list[ParsedFile | Problem] | None:
        """The files that an include directive reads, in nginx's order; None where they are not in the tree.

        A file that cannot be parsed, or a directory, is given as the problem with it, as is a pattern that matches
        too much.
        """
        if include not in self._resolved:
            self._resolved[include] = self._resolve(include)
        return self._resolved[include]

    def _resolve(self, include: Directive) -> list[ParsedFile | Problem] | None:
        try:
            names = self._find(include)
        except TooManyMatches as error:
            return [Problem(include.source.path, include.line, f'"{include.args[0]}" is not followed: {error}')]
        return None if names is None else [self._load(name, include) for name in names]

    def read(self, main: Source, argument: str) -> TreeFile | None:
        """The file that a directive names in the configuration that begins with ``main``; None where it is not there.

        Relative paths are resolved as those of includes are (``ngx_conf_full_name`` with ``conf_prefix``). What
        is not there is looked for where the repository keeps what it deploys to that path. A file that nothing
        deploys there counts if its path ends likewise; one that merely has the same name, or is a template, does not.
        """
        if not argument or "\0" in argument or isinstance(argument, Templated):
            return None
        for directory in self._directories if not main.key else ():
            real = self._files.inside(os.path.join(directory, argument))
            if real is not None and self._files.is_file(real):
                return self._read(real)
        for match in self._deployed.find(argument, main.path, main.key) if not is_pattern(argument) else ():
            real = self._files.inside(match.path)
            if real is None or _is_template(real):
                continue
            if match.deployment is not None or _ends_likewise(match, argument, main):
                return self._read(real, match.key)
        return None

    def _read(self, real: str, key: str = "") -> TreeFile | None:
        """The file at a real path, or what is embedded in it there."""
        data = self._files.read(real, key)
        return TreeFile(self._files.name(real), key, data, real) if data is not None else None

    def _load(self, name: str, include: Directive) -> ParsedFile | Problem:
        if self._files.is_known(name) or self._files.is_file(name):
            return self._files.load(name)
        reason = f'"{include.args[0]}" is no file that nginx can include: {self._files.name(name)}'
        return Problem(include.source.path, include.line, reason)

    def _find(self, include: Directive) -> list[str] | None:
        """Real paths, or ids of what is embedded."""
        argument = _plain(include.args[0])
        if not argument or "\0" in argument:
            return None
        found = self._find_beside(argument, include) if include.source.key else self._find_in_directories(argument)
        if found:
            return found
        matches = {
            source_id(match.path, match.key): match
            for match in self._deployed.find(argument, include.source.path, include.source.key)
        }
        # Other texts of a ConfigMap, such as mime.types, hold nothing that matters here and were not kept.
        known = [name for name, match in matches.items() if not match.key or self._files.is_known(name)]
        if known:
            _tell(include, [matches[name] for name in known])
            return known
        return found

    def _find_in_directories(self, argument: str) -> list[str] | None:
        for directory in self._directories:
            found = self._find_in(directory, argument)
            if found is not None and (found or len(self._directories) == 1):
                return found
        return None

    def _find_in(self, directory: str, argument: str) -> list[str] | None:
        if is_pattern(argument):
            return self._files.glob(directory, argument)
        real = self._files.inside(os.path.join(directory, argument))
        return [real] if real is not None and os.path.lexists(real) else None

    def _find_beside(self, argument: str, include: Directive) -> list[str] | None:
        """What else is embedded in the same file: by its path on the target machine, or else by its name."""
        source = include.source
        machine = self._files.machine_of(source.id)
        if not machine:
            beside = source_id(source.path, f"{_parent(source.key)}[{posixpath.basename(argument)}]")
            return [beside] if beside != source.id and self._files.is_known(beside) else None
        own = next(path for path, name in machine.items() if name == source.id)
        for directory in dict.fromkeys(map(posixpath.dirname, (next(iter(machine)), own))):
            wanted = posixpath.normpath(posixpath.join(directory, argument))
            found = sorted(path for path in machine if path != own and path_matches(wanted, path))
            if found:
                return [machine[path] for path in found]
        return None


class NoIncludes(IncludeResolver):
    """Finds no file for any include: for the files of a configuration that is too large to be judged as a whole."""

    def resolve(self, include: Directive) -> None:
        """See IncludeResolver."""
        del include


def search_directories(path: str, boundary: str) -> list[str]:
    """Where the includes of a fragment may be relative to: its directory and those around it, up to ``boundary``."""
    directories = [*around(path)]
    return directories[: directories.index(boundary) + 1] if boundary in directories else directories


def _is_template(path: str) -> bool:
    """Whether a file is named like a template or a sample of what is deployed."""
    return os.path.basename(path).rpartition(".")[2].lower() in TEMPLATE_EXTENSIONS


def _ends_likewise(match: Match, argument: str, main: Source) -> bool:
    """Whether a path in the tree ends with a whole absolute one, or beside or around ``main`` with a part of it.

    The part has at least one directory. A monorepo has many ``certs/ca.pem``, those of its tests among them.
    """
    found, wanted = match.path.split(os.sep), [segment for segment in argument.split("/") if segment]
    pairs = list(zip(reversed(found), reversed(wanted)))
    common = next((number for number, (one, other) in enumerate(pairs) if one != other), len(pairs))
    if common < 2:
        return False
    start = os.path.join(os.sep.join(found[:-common]), "")
    return (argument.startswith("/") and common == len(wanted)) or main.path.startswith(start)


def _plain(argument: str) -> str:
    """An argument in which one character stands for each expression of a template."""
    if isinstance(argument, Templated):
        return "".join(part if isinstance(part, str) else UNKNOWN for part in argument.parts)
    return argument


def _parent(key: str) -> str:
    """A key without its last step, which is written in brackets: those of files' names are."""
    return key.rpartition("[")[0]


def _tell(include: Directive, matches: Sequence[Match]) -> None:
    if not logger.isEnabledFor(logging.DEBUG):
        return
    reason = matches[0].deployment
    because = f"{reason.path}:{reason.line}" if reason is not None else matches[0].reason.value
    paths = ", ".join(match.path for match in matches)
    others = ", ".join(dict.fromkeys(other for match in matches for other in match.alternatives))
    also = f"; also possible: {others}" if others else ""
    logger.debug('nginx include "%s" at %s is %s (%s)%s', include.args[0], include.place, paths, because, also)
