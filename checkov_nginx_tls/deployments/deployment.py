"""What is said about where files end up, and paths of the target machine as far as a text tells them."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Final

from checkov_nginx_tls.formats.file_names import spellings
from checkov_nginx_tls.formats.shell_variables import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Exists = Callable[[str], bool]

_SEGMENT_LIMIT: Final = 50

_TAG: Final = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}\n]*%\}|\{#[^{}\n]*#\}")


@dataclass(frozen=True)
class Deployment:
    """A file, or the contents of a directory, end up on the target machine.

    ``deployed`` is the absolute POSIX path there, or without a leading slash the end of one. ``source`` is the
    absolute path in the tree; where it is empty, ``key`` names text embedded in the file ``document``.
    ``path`` and ``line`` (from 1) are the place that says so. Deployments of one ``unit`` end up on one machine.
    With ``only``, just those files directly in ``source`` are meant whose names match it.
    """

    deployed: str
    source: str
    document: str
    key: str
    path: str
    line: int
    unit: str
    only: str = ""


def untagged(text: str) -> str:
    """A text with UNKNOWN for each tag of a template."""
    return _TAG.sub(UNKNOWN, text)


def split(path: str) -> tuple[str, ...]:
    """The segments of a POSIX path."""
    return tuple(segment for segment in path.split("/") if segment)


def known_end(path: str) -> tuple[tuple[str, ...], bool]:
    """The segments of a POSIX path behind the last that is not known, and whether they start at the root."""
    segments = _normalised(path)
    known = _behind_unknown(segments)
    return known, path.startswith("/") and len(known) == len(segments)


def target(path: str) -> str:
    """The absolute path that a text names, or the end of it that is known; empty where it does not say."""
    segments = _normalised(path)
    known = [*_behind_unknown(segments[:-1]), *segments[-1:]]
    if len(known) > _SEGMENT_LIMIT:
        return ""
    if len(known) == len(segments):
        return "/" + "/".join(known) if path.startswith("/") else ""
    return "" if UNKNOWN in known[0] else "/".join(known)


def copied(destination: str, source: str) -> Iterator[str]:
    """Where a copied file or directory goes, which also depends on whether there is a directory already."""
    name = posixpath.basename(source.rstrip("/"))
    directory, _, last = destination.rpartition("/")
    yield target(destination)
    if not last:
        last = posixpath.basename(directory)
    elif UNKNOWN in last:
        return
    if not source.endswith("/") and name not in {"", ".", ".."} and last not in spellings(name):
        yield target(f"{destination}/{name}")


def _normalised(path: str) -> tuple[str, ...]:
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    return tuple(segments)


def _behind_unknown(segments: tuple[str, ...]) -> tuple[str, ...]:
    return segments[max((number for number, segment in enumerate(segments, 1) if UNKNOWN in segment), default=0) :]


def around(path: str) -> Iterator[str]:
    """The directories around a path of the tree, the nearest first."""
    directory = os.path.dirname(path)
    while directory != path:
        yield directory
        path, directory = directory, os.path.dirname(directory)


def first_existing(directories: Iterable[str], source: str, exists: Exists) -> str:
    """The first of the paths that ``source`` may mean that is in the tree, else an empty string."""
    if not source or UNKNOWN in source:
        return ""
    paths = (os.path.normpath(os.path.join(directory, source)) for directory in directories)
    return next((path for path in paths if exists(path)), "")
