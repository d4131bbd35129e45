"""Files are replaced as a whole or not at all, and only if nobody has changed them meanwhile."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO


class NotWritten(Exception):
    """A file is as it was; the message says why, ``path`` which."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path


def replace_together(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Replace the files at some real paths, which hold ``before``, with ``after``: all of them or none.

    Mode, owner and extended attributes stay. Raises NotWritten; then every file holds what it held.
    """
    with ExitStack() as stack:
        copies: dict[str, str] = {}
        for path, data in after.items():
            file = stack.enter_context(_locked(path))
            copies[path] = stack.enter_context(_copy(path, file, data))
        done: list[str] = []
        for path, copy in copies.items():
            try:
                _check_unchanged(path, before[path])
                os.replace(copy, path)
            except (OSError, NotWritten) as error:
                for one in done:
                    _put_back(one, before[one])
                raise error if isinstance(error, NotWritten) else _not_written(path, error) from error
            done.append(path)
        for directory in {os.path.dirname(path) for path in after}:
            _flush_directory(directory)


@contextmanager
def _locked(path: str) -> Iterator[BinaryIO | None]:
    """A file that another run of this program does not write meanwhile; that one then sees that it has changed."""
    if not os.access(path, os.W_OK):
        raise NotWritten(path, "may not be written: it is read-only")
    if fcntl is None:
        yield None  # an open file cannot be replaced on Windows
        return
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed below
    except OSError as error:
        raise _not_written(path, error) from error
    with file:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        yield file


@contextmanager
def _copy(path: str, original: BinaryIO | None, data: bytes) -> Iterator[str]:
    """A file beside another one, ready to take its place, that is gone afterwards if it does not."""
    copy = ""
    try:
        try:
            # A name with a dot in front: no "include conf.d/*.conf" matches it.
            descriptor, copy = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=os.path.dirname(path))
            with os.fdopen(descriptor, "wb") as file:
                if original is not None:
                    _adopt(file.fileno(), original.fileno())
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _not_written(path, error) from error
        yield copy
    finally:
        with suppress(OSError):
            os.unlink(copy)


def _check_unchanged(path: str, before: bytes) -> None:
    with open(path, "rb") as file:
        if os.path.islink(path) or file.read() != before:
            raise NotWritten(path, "has changed since it was read, and is left as it is: run the command again")


def _adopt(copy: int, original: int) -> None:
    """Give a new file the owner, the extended attributes and the mode of another one."""
    status, made = os.fstat(original), os.fstat(copy)
    if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(copy, status.st_uid, status.st_gid)
        except OSError as error:
            raise OSError(error.errno, "its owner and group cannot be kept") from error
    if hasattr(os, "listxattr"):
        with suppress(OSError):
            for name in os.listxattr(original):
                with suppress(OSError):
                    os.setxattr(copy, name, os.getxattr(original, name))
    os.fchmod(copy, stat.S_IMODE(status.st_mode))


def _put_back(path: str, data: bytes) -> None:
    """Give a file that was replaced its old contents again."""
    with suppress(OSError, NotWritten), _locked(path) as file, _copy(path, file, data) as copy:
        os.replace(copy, path)


def _not_written(path: str, error: OSError) -> NotWritten:
    return NotWritten(path, f"cannot be written: {error.strerror or error}")


def _flush_directory(directory: str) -> None:
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
