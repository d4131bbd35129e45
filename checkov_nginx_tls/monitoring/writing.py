"""Generated files in a directory: replaced as a whole, and only where they changed."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def stale(directory: str, files: Mapping[str, str]) -> list[str]:
    """The names of the files that are missing in a directory or hold something else.

    Raises OSError where one cannot be read.
    """
    return [name for name, text in files.items() if _content(os.path.join(directory, name)) != text.encode("utf-8")]


def replace(directory: str, files: Mapping[str, str]) -> list[str]:
    """Write the stale files, each in one step, and return their names; the directory is made if there is none.

    A file keeps its permissions. Raises OSError where one cannot be written.
    """
    os.makedirs(directory, exist_ok=True)
    names = stale(directory, files)
    for name in names:
        _replace(os.path.join(directory, name), files[name].encode("utf-8"))
    return names


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _replace(path: str, data: bytes) -> None:
    """Readers see the old file or the new one; the new one lies beside the old one, for a rename to be possible."""
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, f".{name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
