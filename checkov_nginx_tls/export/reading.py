"""The documents of what a command's arguments name: directories, files, or standard input."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from checkov_nginx_tls.configurations import find_configurations
from checkov_nginx_tls.export.documents import documents
from checkov_nginx_tls.files import SIZE_LIMIT, keep_as_checkov
from checkov_nginx_tls.refusals import refusals
from checkov_nginx_tls.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.configurations import Configurations
    from checkov_nginx_tls.export.values import Json

STANDARD_INPUT: Final = "-"
"""The PATH that means standard input."""

_STANDARD_INPUT_FILE: Final = "stdin"
"""What documents and messages call the file that came from there."""


class Exported(NamedTuple):
    """The documents of some paths.

    ``problems`` are lines about what could not be read, or not wholly; ``warnings`` are sentences.
    """

    documents: list[Json]
    problems: list[str]
    warnings: list[str]


def read_documents(paths: Sequence[str], standard_input: Callable[[], bytes]) -> Exported:
    """Read directories, files and, for "-", standard input; files see one another, as those of a directory do.

    Nothing outside the directories, and those of the files, is read. A problem with one path keeps nothing of the
    others back.
    """
    exported = Exported([], [], [])
    files: list[str] = []
    for path in dict.fromkeys(paths):
        if path == STANDARD_INPUT:
            _add_standard_input(exported, standard_input())
        elif os.path.isdir(path):
            _add(exported, find_configurations(path, keep=keep_as_checkov), path)
        elif (problem := _unfit(path)) is not None:
            exported.problems.append(printable(f"{path}: {problem}"))
        else:
            files.append(path)
    if files:
        _add(exported, find_configurations(None, files, keep_as_checkov), os.curdir)
    return exported


def _unfit(path: str) -> str | None:
    """Why a file is not read, None if it is."""
    if not os.path.exists(path):
        return "there is no such file or directory"
    if not os.path.isfile(path):
        return f'not a regular file: write "{STANDARD_INPUT}" and give its content on standard input'
    return _too_large(os.path.getsize(path))


def _too_large(size: int) -> str | None:
    return f"larger than {SIZE_LIMIT // 1024 // 1024} MB" if size > SIZE_LIMIT else None


def _add_standard_input(exported: Exported, data: bytes) -> None:
    """A text that stands for a file alone in a directory: what it includes is not in sight."""
    problem = _too_large(len(data)) if data.strip() else "nothing came"
    if problem is not None:
        exported.problems.append(f"standard input: {problem}")
        return
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, _STANDARD_INPUT_FILE), "wb") as file:
            file.write(data)
        _add(exported, find_configurations(directory), os.curdir, directory)


def _add(exported: Exported, found: Configurations, root: str, base: str | None = None) -> None:
    """Add what was found; ``base`` is the directory that documents call ``root``, if that is another one."""
    exported.documents.extend(documents(found.configurations, root))
    refused = (problem for one in found.configurations for problem in (*one.problems, *refusals(one)))
    real_base = os.path.realpath(base or root)
    for path, line, reason in sorted({(one.path, one.line, one.reason) for one in (*found.problems, *refused)}):
        shown = os.path.normpath(os.path.join(root, os.path.relpath(path, real_base)))
        exported.problems.append(printable(f"{shown}:{line}: {reason}"))
    exported.warnings.extend(map(printable, found.warnings))
