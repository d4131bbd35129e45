"""The files of a scanned tree, by their directories and names; templates also by the names of what is made of them."""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from checkov_nginx_tls.deployments.deployment import around
from checkov_nginx_tls.formats.file_names import TEMPLATE_EXTENSIONS, spellings
from checkov_nginx_tls.patterns import is_pattern, segment_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

K = TypeVar("K")
T = TypeVar("T")

_NOT_DEPLOYED: Final = re.compile(
    r"(?i)(?:readme|licen[sc]e|copying|changelog|makefile|dockerfile|containerfile)(?:\..*)?|.*\.(?:ya?ml|json|toml)"
)
"""What stands beside configuration in a repository and is not matched there by a pattern meant for the machine."""

ALTERNATIVES: Final = 5
"""How many paths beside the best one are kept, and a Match names at most."""


class Tree:
    """The files with the absolute paths ``names`` in the directory ``root``."""

    def __init__(self, names: Sequence[str], root: str) -> None:
        self.root: Final = root.rstrip(os.sep)
        self._names = names

    @cached_property
    def files(self) -> frozenset[str]:
        """The paths of all files."""
        return frozenset(self._names)

    @cached_property
    def directories(self) -> dict[str, list[str]]:
        """The names of the files in each directory, also where it holds directories only."""
        found = grouped(map(os.path.split, sorted(self._names)))
        for path in list(found):
            for directory in around(path):
                if directory in found:
                    break
                found[directory] = []
        return found

    @cached_property
    def files_like(self) -> Endings:
        """Files by the ends of their paths, templates under both names."""
        names = ((name, path) for path in self._names for name in spellings(os.path.basename(path)))
        return Endings(grouped(names), self.root)

    @cached_property
    def directories_like(self) -> Endings:
        """Directories by the ends of their paths."""
        inside = (path for path in self.directories if len(path) > len(self.root) + 1)
        return Endings(grouped((os.path.basename(path), path) for path in inside), self.root)

    def glob(self, directory: str, segments: Sequence[str]) -> Iterator[tuple[str, str]]:
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
            for name, file in self.files_in(path, segments[-1]).items():
                yield shown + name, file

    def files_in(self, directory: str, segment: str) -> dict[str, str]:
        """Paths of the files in a directory that a name or pattern means, by their names when deployed."""
        if not is_pattern(segment):
            path = os.path.join(directory, segment)
            paths = (path, *(f"{path}.{extension}" for extension in TEMPLATE_EXTENSIONS))
            file = next((path for path in paths if path in self.files), None)
            return {segment: file} if file else {}
        found: dict[str, str] = {}
        for entry in self.directories.get(directory, ()):
            shown = next((name for name in reversed(spellings(entry)) if segment_matches(segment, name)), None)
            if shown is not None and not _NOT_DEPLOYED.fullmatch(entry) and (shown == entry or shown not in found):
                found[shown] = os.path.join(directory, entry)
        return found

    @cached_property
    def _subdirectories(self) -> dict[str, list[str]]:
        return grouped(os.path.split(path) for path in sorted(self.directories) if os.path.basename(path))


def grouped(pairs: Iterable[tuple[K, T]]) -> dict[K, list[T]]:
    """Values by their keys."""
    found: dict[K, list[T]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


class Endings:
    """Paths in the tree ``root`` by how they end, given by their last names."""

    def __init__(self, by_name: Mapping[str, list[str]], root: str) -> None:
        self._by_name = by_name
        self._root_parts = len(root.split(os.sep))
        self._ending: dict[tuple[str, ...], list[str]] = {}
        self._places: dict[tuple[str, ...], Places] = {}

    def ending(self, wanted: tuple[str, ...]) -> list[Places]:
        """The paths that end with all of ``wanted``, with less of it, and so on to its last segment only."""
        name = wanted[-1]
        if (name,) not in self._ending:
            for path in self._by_name.get(name, ()):
                parts = path.split(os.sep)[self._root_parts : -1]
                for start in range(len(parts) + 1):
                    self._ending.setdefault((*parts[start:], name), []).append(path)
        found: list[Places] = []
        for start in range(len(wanted) - 1, -1, -1):
            end = wanted[start:]
            if end not in self._ending:
                break
            if end not in self._places:
                self._places[end] = Places(self._ending[end], end)
            found.insert(0, self._places[end])
        return found


class Places:
    """Paths that end alike, by where that end starts and by where they are."""

    def __init__(self, paths: Iterable[str], end: Sequence[str]) -> None:
        self._name: Final = end[-1]
        self._by_start: dict[str, list[str]] = {}
        self._inside: dict[str, list[str]] = {}
        for path in sorted(paths, key=self._rank):
            start = os.sep.join(path.split(os.sep)[: -len(end)]) or os.sep
            for places, directories in ((self._by_start, [start]), (self._inside, around(path))):
                for directory in directories:
                    same = places.setdefault(directory, [])
                    if len(same) <= ALTERNATIVES + 1:  # one of them may be the including file
                        same.append(path)

    def near(self, directory: str) -> list[str]:
        """The first few that are in the directory, or whose common end starts in it or around it: the nearest first."""
        found = [*self._inside.get(directory, ())]
        for start in (directory, *around(directory)):
            found.extend(self._by_start.get(start, ()))
        return sorted(sorted(found, key=self._rank), key=lambda path: distance(path, directory))

    def far(self, directory: str) -> list[str]:
        """The first few: the nearest first."""
        directories = (directory, *around(directory))
        return list(dict.fromkeys(path for place in directories for path in self._inside.get(place, ())))

    def _rank(self, path: str) -> tuple[int, bool, str]:
        return path.count(os.sep), os.path.basename(path) != self._name, path


def common(path: str, other: str) -> int:
    """With how many equal segments two paths start."""
    segments, others = path.split(os.sep), other.split(os.sep)
    length = min(len(segments), len(others))
    return next((index for index in range(length) if segments[index] != others[index]), length)


def distance(path: str, directory: str) -> tuple[int, int]:
    """What sorts paths by their distance from a directory."""
    return -common(path, directory), path.count(os.sep)


def on_one_line(directory: str, other: str) -> bool:
    """Whether one directory is the other, or is around it or in it."""
    one, two = os.path.join(directory, ""), os.path.join(other, "")
    return one.startswith(two) or two.startswith(one)
