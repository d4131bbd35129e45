"""The only door to the file system: what may be read, and each file read and parsed once.

A scan reads only inside the directories it was pointed at. Paths are resolved before they are opened, so
neither ``..`` nor an absolute include nor a symbolic link leads outside.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Callable, Final

from checkov_nginx_tls.formats.containers import config_map_texts
from checkov_nginx_tls.formats.yaml_documents import documents
from checkov_nginx_tls.patterns import is_pattern, segment_matches
from checkov_nginx_tls.syntax import ParsedFile, Source, SyntaxProblem, decode, make_source, parse, parse_region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from checkov_nginx_tls.discovery import Candidate

    Keep = Callable[[str, list[str]], None]

SIZE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes beyond which a file is left out, and the scan says so."""

MATCH_LIMIT: Final = 50_000
"""Paths that a pattern may match: more than real ones do, while "*/../" multiplies them each time."""

_TRUE: Final = frozenset({"y", "yes", "t", "true", "on", "1"})
"""Values of variables that Checkov takes for true."""

_OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, order=True)
class Problem:
    """Something that keeps a file, or a part of it, from being judged. ``line`` counts from 1."""

    path: str
    line: int
    reason: str


class Unreadable(Exception):
    """A file cannot be read; the message says why."""


class TooLarge(Unreadable):
    """A file is larger than SIZE_LIMIT."""


class TooManyMatches(Exception):
    """A pattern, or its beginning, matches more than MATCH_LIMIT paths."""


NO_CONTENTS: Final[Mapping[str, bytes]] = MappingProxyType({})
"""Every file is read from the disk."""


def keep_all(_directory: str, _names: list[str]) -> None:
    """A path filter that leaves nothing out."""


def keep_as_checkov(_directory: str, names: list[str]) -> None:
    """A path filter that leaves out what Checkov's scans do: hidden names, and directories of dependencies.

    Like Checkov it heeds the variables CKV_IGNORED_DIRECTORIES and CKV_IGNORE_HIDDEN_DIRECTORIES
    (``checkov.common.runners.base_runner``, which costs a second to import).
    """
    ignored = os.environ.get("CKV_IGNORED_DIRECTORIES", "node_modules,.terraform,.serverless").split(",")
    hidden = os.environ.get("CKV_IGNORE_HIDDEN_DIRECTORIES", "True").lower() in _TRUE
    names[:] = [name for name in names if name not in ignored and not (hidden and name.startswith("."))]


class ScannedFiles:
    """Files inside ``boundaries`` (absolute directories) that the path filter ``keep`` lets through.

    ``keep(directory, names)`` removes from ``names``, in place, what is left out. Messages name files relative
    to ``base``. ``contents`` are what is read instead of the files at some real paths.
    """

    def __init__(
        self, boundaries: Sequence[str], base: str, keep: Keep = keep_all, contents: Mapping[str, bytes] = NO_CONTENTS
    ) -> None:
        self._base = os.path.realpath(base)
        self._boundaries = tuple(sorted({*map(os.path.realpath, boundaries)}, key=len))
        self._keep = keep
        self._contents = contents
        self._candidates: dict[str, Candidate] = {}
        self._machines: dict[str, dict[str, str]] = {}
        self._last_machine: dict[str, dict[str, str]] = {}
        self._hosts: dict[str, Source] = {}
        self._parsed: dict[str, ParsedFile | Problem] = {}
        self._config_maps: dict[str, dict[str, str]] = {}
        self._kept: dict[str, dict[str, bool]] = {}
        self._inside: dict[str, str | None] = {}
        self._globs: dict[tuple[str, str], list[str] | None] = {}

    def name(self, path: str) -> str:
        """What messages call the file at a real path."""
        return os.path.relpath(path, self._base).replace(os.sep, "/")

    def preload(self, candidate: Candidate) -> None:
        """Remember what discovery has read, so that no file is read twice."""
        self._candidates[candidate.id] = candidate
        deployed = candidate.region.deployed if candidate.region is not None else ""
        if deployed:
            machine = self._last_machine.get(candidate.path, {})
            if deployed in machine:
                machine = {}
            machine[deployed] = candidate.id
            self._last_machine[candidate.path] = self._machines[candidate.id] = machine

    def machine_of(self, name: str) -> Mapping[str, str]:
        """What a file holds for the same machine as one of its embedded texts: ids by their paths on that machine.

        Where a path comes a second time in a file, the next machine begins: another dump, another pod. Empty where
        the file does not say to which path the text goes.
        """
        return self._machines.get(name, {})

    def inside(self, path: str) -> str | None:
        """The real path of ``path``, or None where that lies outside or is filtered out."""
        if path not in self._inside:
            real = os.path.realpath(path)
            # What one boundary filters out may be inside another that somebody points at.
            is_kept = any(self._is_kept(real, boundary) for boundary in self._boundaries_around(real))
            self._inside[path] = real if is_kept else None
        return self._inside[path]

    def boundary(self, real: str) -> str | None:
        """The outermost boundary directory that holds a real path."""
        return next(self._boundaries_around(real), None)

    def load(self, name: str) -> ParsedFile | Problem:
        """The parsed file at a real path, or the problem that keeps it from being parsed.

        Of what is embedded in a file, the name is its source's id.
        """
        loaded = self._parsed.get(name)
        if loaded is None:
            loaded = self._parsed[name] = self._load(name)
        return loaded

    def read(self, real: str, key: str = "") -> bytes | None:
        """What the file at a real path holds, or a ConfigMap in it at a key; None where that cannot be read."""
        try:
            if not key:
                return read(real, self._contents)
            if real not in self._config_maps:
                self._config_maps[real] = config_map_texts(documents(decode(read(real, self._contents))))
        except Unreadable:
            return None
        text = self._config_maps[real].get(key)
        return text.encode("utf-8", "surrogateescape") if text is not None else None

    def is_loaded(self, name: str) -> bool:
        """Whether ``load`` was asked for what has this path, or this id."""
        return name in self._parsed

    def is_known(self, name: str) -> bool:
        """Whether discovery has read what has this path, or this id."""
        return name in self._candidates

    def is_file(self, path: str) -> bool:
        """Whether a real path is a regular file."""
        try:
            return stat.S_ISREG(os.lstat(path).st_mode)
        except (OSError, ValueError):
            return False

    def glob(self, directory: str, pattern: str) -> list[str] | None:
        """Real paths of what a pattern matches, read from ``directory``, in the order in which nginx reads them.

        That is the order of the C locale (glob(3)). None where the directory in front of the first wildcard is
        not in the scanned tree. Raises TooManyMatches.
        """
        key = (directory, pattern)
        if key not in self._globs:
            self._globs[key] = self._glob(directory, pattern)
        return self._globs[key]

    def _glob(self, directory: str, pattern: str) -> list[str] | None:
        segments = pattern.split("/")
        first = next(index for index, segment in enumerate(segments) if is_pattern(segment))
        base = self.inside(os.path.join(directory, "/".join(segments[:first]) or ("/" if first else "")))
        if base is None or not os.path.isdir(base):
            return None
        found = [("", base)]
        for segment in segments[first:]:
            directories = ((shown, real) for shown, real in found if os.path.isdir(real))
            matches = (match for shown, real in directories for match in self._matches(shown, real, segment))
            found = [*islice(matches, MATCH_LIMIT + 1)]
            if len(found) > MATCH_LIMIT:
                raise TooManyMatches(f"more than {MATCH_LIMIT} paths match")
        return [real for _, real in sorted(found, key=lambda match: os.fsencode(match[0]))]

    def _matches(self, shown: str, directory: str, segment: str) -> Iterator[tuple[str, str]]:
        """What a segment of a pattern matches in a real directory: as nginx spells it, and the real path."""
        names: Iterable[str] = [segment]
        if is_pattern(segment):
            try:
                entries = os.listdir(directory)
            except OSError:
                return
            names = (name for name in entries if segment_matches(segment, name))
        for name in names:
            real = self.inside(os.path.join(directory, name))
            if real is not None and os.path.lexists(real):
                yield f"{shown}/{name}", real

    def _load(self, name: str) -> ParsedFile | Problem:
        candidate = self._candidates.get(name)
        path = name if candidate is None else candidate.path
        try:
            if candidate is None:
                return parse(path, self.name(path), read(path, self._contents))
            if candidate.region is None:
                return parse(path, self.name(path), candidate.data)
            return parse_region(self._host(candidate), candidate.region)
        except SyntaxProblem as problem:
            return Problem(path, problem.line, problem.reason)
        except Unreadable as error:
            return Problem(path, 1, str(error))

    def _host(self, candidate: Candidate) -> Source:
        """The file in which a candidate is embedded, whose lines are counted once."""
        path = candidate.path
        if path not in self._hosts:
            self._hosts[path] = make_source(path, self.name(path), decode(candidate.data))
        return self._hosts[path]

    def _boundaries_around(self, real: str) -> Iterator[str]:
        for boundary in self._boundaries:
            if real == boundary or real.startswith(boundary.rstrip(os.sep) + os.sep):
                yield boundary

    def _is_kept(self, real: str, boundary: str) -> bool:
        known = self._kept.setdefault(boundary, {boundary: True})
        pending = []
        while real not in known:
            pending.append(real)
            real = os.path.dirname(real)
        kept = known[real]
        for path in reversed(pending):
            directory, name = os.path.split(path)
            names = [name]
            if kept:
                self._keep(directory, names)
            kept = known[path] = kept and bool(names)
        return kept


def read(path: str, contents: Mapping[str, bytes] = NO_CONTENTS) -> bytes:
    """The bytes of the regular file at a real path, or those that ``contents`` has for it.

    Raises TooLarge or Unreadable.
    """
    if path in contents:
        return contents[path]
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except (OSError, ValueError) as error:
        raise Unreadable(f"the file cannot be read: {_reason(error)}") from error
    try:
        return _read(descriptor)
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {_reason(error)}") from error
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("not a regular file")
    if status.st_size > SIZE_LIMIT:
        raise TooLarge(f"the file is larger than {SIZE_LIMIT // 1024 // 1024} MB")
    # One byte more than the file has shows its end, unless it is growing.
    data = os.read(descriptor, status.st_size + 1)
    if len(data) == status.st_size:
        return data
    parts = [data]
    while data and sum(map(len, parts)) <= SIZE_LIMIT:
        data = os.read(descriptor, SIZE_LIMIT)
        parts.append(data)
    return b"".join(parts)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def walk(root: str, keep: Keep, on_error: Callable[[OSError], None]) -> Iterator[tuple[str, list[str]]]:
    """Directories below ``root`` that ``keep`` lets through, each with the names of its files, in a stable order.

    Links, and what is neither a file nor a directory, are left out.
    """
    pending = [root]
    while pending:
        directory = pending.pop()
        directories: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        names.append(entry.name)
                    elif entry.is_dir(follow_symlinks=False):
                        directories.append(entry.name)
        except OSError as error:
            on_error(error)
            continue
        keep(directory, directories)
        keep(directory, names)
        yield directory, sorted(names, key=os.fsencode)
        pending += [os.path.join(directory, name) for name in sorted(directories, key=os.fsencode, reverse=True)]
