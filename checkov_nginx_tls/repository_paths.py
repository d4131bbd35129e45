"""What dashboards call the files of a scan: paths in the repository that holds them, and URIs."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote


class RepositoryPaths:
    """Names files relative to the git work tree that holds the directory ``root``, or else to that directory.

    Where a scan has no root, but single files, each counts with the work tree that holds it, or else with the current
    directory if it is in there, or else with its own directory. Nothing else depends on the directory from which the
    scan was started, nor on how ``root`` is spelled.
    """

    def __init__(self, root: str | None) -> None:
        self._root = os.path.realpath(root) if root is not None else None
        self._paths: dict[str, str] = {}
        self._uris: dict[str, str] = {}

    def path(self, path: str) -> str:
        """The path in the repository, separated by "/"; the absolute path of what is not in there."""
        if path not in self._paths:
            real = os.path.realpath(path)
            base = self._base(os.path.dirname(real))
            inside = os.path.relpath(real, base) if _is_in(base, real) else real
            self._paths[path] = inside.replace(os.sep, "/")
        return self._paths[path]

    def uri(self, path: str) -> str:
        """The path as a relative URI reference, or a URI of an absolute path; bytes that are not UTF-8 stay bytes."""
        if path not in self._uris:
            inside = self.path(path)
            self._uris[path] = Path(inside).as_uri() if os.path.isabs(inside) else quote(os.fsencode(inside))
        return self._uris[path]

    def _base(self, directory: str) -> str:
        if self._root is not None:
            return work_tree(self._root) or self._root
        here = os.path.realpath(os.curdir)
        return work_tree(directory) or (here if _is_in(here, directory) else directory)


@lru_cache(maxsize=4096)
def work_tree(directory: str) -> str | None:
    """The git work tree that holds a real path of a directory, None where there is none."""
    while not os.path.lexists(os.path.join(directory, ".git")):
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return directory


def _is_in(directory: str, path: str) -> bool:
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)
