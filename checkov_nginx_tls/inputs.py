"""The configurations that a command's arguments name: directories, files, or standard input."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from checkov_nginx_tls.configurations import find_configurations
from checkov_nginx_tls.files import keep_as_checkov

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.configurations import Configurations
    from checkov_nginx_tls.model import Configuration

STANDARD_INPUT: Final = "stdin"
"""What messages call the file that came on standard input."""

_DASH: Final = "-"


class NoInput(Exception):
    """An argument names nothing that a command could read; the message says which and why."""


class Inputs(NamedTuple):
    """What was found; ``problems`` are lines about what could not be read or parsed, ``warnings`` sentences."""

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
        if path != _DASH and not os.path.exists(path):
            raise NoInput(f"{path} does not exist")
        if path != _DASH and not os.path.isfile(path) and not os.path.isdir(path):
            raise NoInput(f"{path} is neither a file nor a directory; what a program prints goes to standard input: -")
    found = [_read_text(standard_input())] if _DASH in paths else []
    found += [_inputs(one, os.path.relpath) for one in _read([path for path in paths if path != _DASH])]
    return Inputs(
        configurations=tuple(configuration for one in found for configuration in one.configurations),
        problems=tuple(dict.fromkeys(problem for one in found for problem in one.problems)),
        warnings=tuple(warning for one in found for warning in one.warnings),
    )


def _read(paths: Sequence[str]) -> Iterator[Configurations]:
    real = dict.fromkeys(map(os.path.realpath, paths))
    directories = [path for path in real if os.path.isdir(path)]
    if not real:
        return
    base = os.path.commonpath([path if path in directories else os.path.dirname(path) for path in real])
    outermost = [path for path in directories if not any(_is_inside(path, other) for other in directories)]
    for directory in outermost:
        yield find_configurations(directory, keep=keep_as_checkov, base=base)
    files = [path for path in real if path not in directories and not any(_is_inside(path, one) for one in outermost)]
    if files:
        yield find_configurations(None, files, keep_as_checkov, base=base)


def _is_inside(path: str, directory: str) -> bool:
    return path.startswith(os.path.join(directory, ""))


def _read_text(data: bytes) -> Inputs:
    """The configuration in a text, which stands for a file alone in a directory."""
    if not data.strip():
        raise NoInput("nothing came on standard input")
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, STANDARD_INPUT), "wb") as file:
            file.write(data)
        return _inputs(find_configurations(directory), os.path.basename)


def _inputs(found: Configurations, shown: Callable[[str], str]) -> Inputs:
    problems = [*found.problems, *(problem for one in found.configurations for problem in one.problems)]
    lines = (f"{shown(problem.path)}:{problem.line}: {problem.reason}" for problem in problems)
    return Inputs(found.configurations, tuple(lines), found.warnings)
