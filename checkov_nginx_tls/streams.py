"""The standard streams of the process, each of which may be closed, full, or read by nobody any more."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TextIO

_FAILURES: Final = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What writing to an open stream ends with."""


def open_missing() -> None:
    """Let what is printed go nowhere where the process was started without standard output or standard error."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for as long as the process lives


class InputClosed(Exception):
    """The process was started without standard input, which it is to read."""


def standard_input() -> bytes:
    """Everything on standard input. Raises InputClosed."""
    if sys.stdin is None:
        raise InputClosed
    return sys.stdin.buffer.read()


def is_failure(error: OSError) -> bool:
    """Whether an error is that of writing to a stream, which unlike one of a file has no name."""
    return error.filename is None and error.errno in _FAILURES


def discard(stream: TextIO) -> None:
    """Let what is still to be printed go nowhere: Python would complain once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
