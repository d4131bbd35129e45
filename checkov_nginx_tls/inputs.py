"""The configurations that a command's arguments name: directories, files, or standard input."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from checkov_nginx_tls.configurations import find_configurations
from checkov_nginx_tls.files import keep_as_checkov
from checkov_nginx_tls.refusals import refusals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.configurations import Configurations
    from checkov_nginx_tls.model import Configuration

STANDARD_INPUT: Final = "-"
"""The path that means standard input."""

INSTEAD: Final = f"what a program prints goes to standard input: {STANDARD_INPUT}"
"""What to do about a path that cannot be read as a file."""

STANDARD_INPUT_NAME: Final = "stdin"
"""What messages call the file that came from there."""

NO_PATH: Final = "<stdin>"
"""Stands for the path of what came from there, or of the directory around it: nothing has that name, so nothing beside
it is read."""


class Group(NamedTuple):
    """Paths that are scanned together: a directory with files in it, or with the root None files that are in none."""

    root: str | None
    files: tuple[str, ...]


def grouped(paths: Iterable[str]) -> list[Group]:
    """Directories, each once however they are nested, and files, which are scanned with the directory they are in.

    Whatever is no directory counts as a file, whether it exists or not. Directories are as somebody spelled them.
    """
    directories = {os.path.realpath(path): path for path in paths if os.path.isdir(path)}
    outermost = {real: given for real, given in directories.items() if _around(real, directories) is None}
    files: dict[str | None, list[str]] = {real: [] for real in outermost}
    for path in paths:
        if not os.path.isdir(path):
            files.setdefault(_around(os.path.realpath(path), outermost), []).append(path)
    return [Group(outermost[real] if real else None, tuple(dict.fromkeys(given))) for real, given in files.items()]


def _around(path: str, directories: Iterable[str]) -> str | None:
    """The one of some real paths of directories that a real path is in, itself left out."""
    return next((one for one in directories if path.startswith(os.path.join(one, ""))), None)


def text_alone(data: bytes) -> Configurations:
    """The configurations in what came on standard input: a file alone, whose includes are not in sight."""
    directory = os.path.realpath(NO_PATH)
    path = os.path.join(directory, STANDARD_INPUT_NAME)
    return find_configurations(None, [path], contents={path: data}, base=directory)


def unfit(path: str) -> str | None:
    """Why nothing can be read at a path, None if it is that of a file or directory, or of nothing at all."""
    if path == STANDARD_INPUT or (path and not os.path.exists(path)) or os.path.isfile(path) or os.path.isdir(path):
        return None
    return f"{path or repr(path)} is neither a file nor a directory"


class NoInput(Exception):
    """An argument names nothing that a command could read; the message says which and why."""


class Inputs(NamedTuple):
    """What was found; ``problems`` are lines about what could not be read or nginx refuses, ``warnings`` sentences."""

    configurations: tuple[Configuration, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def read_inputs(paths: Sequence[str], standard_input: Callable[[], bytes]) -> Inputs:
    """Find the configurations in ``paths``; "-" is what ``standard_input`` gives, which may be what nginx -T prints.

    Files are named relative to the directory among the paths, or to the deepest one that holds them all, so that names
    do not depend on where the command runs. Raises NoInput before anything is read if a path is no file or
    directory, or if nothing came on standard input.
    """
    for path in paths:
        reason = unfit(path)
        if reason is not None:
            raise NoInput(f"{reason}; {INSTEAD}")
        if path != STANDARD_INPUT and not os.path.exists(path):
            raise NoInput(f"{path} does not exist")
    found = [_read_text(standard_input())] if STANDARD_INPUT in paths else []
    found += [_inputs(one, os.path.relpath) for one in _read([path for path in paths if path != STANDARD_INPUT])]
    return Inputs(
        configurations=tuple(configuration for one in found for configuration in one.configurations),
        problems=tuple(dict.fromkeys(problem for one in found for problem in one.problems)),
        warnings=tuple(warning for one in found for warning in one.warnings),
    )


def _read(paths: Sequence[str]) -> Iterator[Configurations]:
    if not paths:
        return
    real = map(os.path.realpath, paths)
    base = os.path.commonpath([path if os.path.isdir(path) else os.path.dirname(path) for path in real])
    for group in grouped(paths):
        yield find_configurations(group.root, group.files, keep_as_checkov, base=base)


def _read_text(data: bytes) -> Inputs:
    if not data.strip():
        raise NoInput("nothing came on standard input")
    return _inputs(text_alone(data), os.path.basename)


def _inputs(found: Configurations, shown: Callable[[str], str]) -> Inputs:
    refused = (problem for one in found.configurations for problem in (*one.problems, *refusals(one)))
    lines = (f"{shown(problem.path)}:{problem.line}: {problem.reason}" for problem in (*found.problems, *refused))
    return Inputs(found.configurations, tuple(lines), found.warnings)
