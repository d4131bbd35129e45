"""Python's collector of cycles, out of the way while a scan builds what lives until its end."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MANY_OBJECTS: Final = 50_000
"""New objects that the collector is spared. What is left of them waits for its next full run."""


@contextmanager
def without_collector(*, until_exit: bool = False) -> Iterator[None]:
    """Pause the collector: it would look again and again at everything that is built, and find nothing to collect.

    ``until_exit`` is for programs that end soon: much of what was built is not looked at later either, but by the next
    such call, so that a process which scans again and again does not grow.
    """
    was_enabled = gc.isenabled()
    if until_exit and gc.get_freeze_count() > _MANY_OBJECTS:
        gc.unfreeze()
        gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if gc.get_count()[0] > _MANY_OBJECTS:
                gc.freeze()  # with the next line: nothing of it is young, so that the collector does not begin with it
                if not until_exit:
                    gc.unfreeze()
            gc.enable()
