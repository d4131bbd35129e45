"""The documents of what a command's arguments name: directories, files, or standard input."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, NamedTuple

from checkov_nginx_tls.configurations import find_configurations
from checkov_nginx_tls.export.documents import documents
from checkov_nginx_tls.files import SIZE_LIMIT, keep_as_checkov
from checkov_nginx_tls.inputs import NO_PATH, STANDARD_INPUT, grouped, text_alone
from checkov_nginx_tls.refusals import refusals
from checkov_nginx_tls.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.configurations import Configurations
    from checkov_nginx_tls.export.values import Json


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
    unfit = {path: _unfit(path) for path in paths if path != STANDARD_INPUT and not os.path.isdir(path)}
    exported.problems.extend(printable(f"{path}: {problem}") for path, problem in unfit.items() if problem is not None)
    if STANDARD_INPUT in paths:
        _add_standard_input(exported, standard_input())
    for group in grouped([path for path in paths if path != STANDARD_INPUT and unfit.get(path) is None]):
        _add(exported, find_configurations(group.root, group.files, keep_as_checkov), group.root or os.curdir)
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
    _add(exported, text_alone(data), os.curdir, NO_PATH)


def _add(exported: Exported, found: Configurations, root: str, base: str | None = None) -> None:
    """Add what was found; ``base`` is the directory that documents call ``root``, if that is another one."""
    exported.documents.extend(documents(found.configurations, root))
    refused = (problem for one in found.configurations for problem in (*one.problems, *refusals(one)))
    real_base = os.path.realpath(base or root)
    for path, line, reason in sorted({(one.path, one.line, one.reason) for one in (*found.problems, *refused)}):
        shown = os.path.normpath(os.path.join(root, os.path.relpath(path, real_base)))
        exported.problems.append(printable(f"{shown}:{line}: {reason}"))
    exported.warnings.extend(map(printable, found.warnings))
