"""Which file an include directive means inside a scanned tree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from checkov_nginx_tls.files import Problem, Unreadable, is_pattern, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.files import ScannedFiles
    from checkov_nginx_tls.syntax import Directive, ParsedFile


class IncludeResolver:
    """Resolves the includes of one configuration.

    nginx resolves a relative path against the directory of the main file, in nested includes too
    (``ngx_conf_include``, ``ngx_conf_full_name`` with ``conf_prefix``). ``directories`` holds that directory,
    or, where the main file is not known, the directories to try in turn.
    """

    def __init__(self, files: ScannedFiles, directories: Sequence[str]) -> None:
        self._files = files
        self._directories = tuple(directories)

    def resolve(self, include: Directive) -> list[ParsedFile | Problem] | None:
        """The files that an include directive reads, in nginx's order; None where they are not in the tree.

        A file that cannot be parsed, or a directory, is given as the problem with it.
        """
        argument = include.args[0]
        if not argument or "\0" in argument:
            return None
        for directory in self._directories:
            found = self._find(directory, argument)
            if found is not None and (found or len(self._directories) == 1):
                return [self._load(path, include) for path in found]
        return None

    def _load(self, path: str, include: Directive) -> ParsedFile | Problem:
        if self._files.is_file(path):
            return self._files.load(path)
        reason = f'"{include.args[0]}" is no file that nginx can include: {self._files.name(path)}'
        return Problem(include.source.path, include.line, reason)

    def read(self, argument: str) -> bytes | None:
        """The bytes of a file that a directive names, None where it is not in the tree or cannot be read.

        Relative paths are resolved as those of includes are (``ngx_conf_full_name`` with ``conf_prefix``).
        """
        for directory in self._directories:
            real = self._files.inside(os.path.join(directory, argument)) if "\0" not in argument else None
            if real is not None and self._files.is_file(real):
                try:
                    return read(real)
                except Unreadable:
                    return None
        return None

    def _find(self, directory: str, argument: str) -> list[str] | None:
        if is_pattern(argument):
            return self._files.glob(directory, argument)
        real = self._files.inside(os.path.join(directory, argument))
        return [real] if real is not None and os.path.lexists(real) else None


def search_directories(path: str, boundary: str) -> list[str]:
    """Where the includes of a fragment may be relative to: its directory and those around it, up to ``boundary``."""
    directories = []
    directory = os.path.dirname(path)
    while True:
        directories.append(directory)
        if directory == boundary or os.path.dirname(directory) == directory:
            return directories
        directory = os.path.dirname(directory)
