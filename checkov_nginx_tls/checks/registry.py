"""The registry of nginx checks: ours, and those that users define."""

from __future__ import annotations

import inspect
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from checkov_nginx_tls.checks.base_nginx_check import BaseNginxCheck

_OURS: Final = "checkov_nginx_tls.checks."


class Registry:
    """Checks by ID; the first that takes an ID keeps it, except that ours always keep theirs.

    Checkov imports a user's file once for each of its runners, in threads too; the same check from the same
    file counts once.
    """

    def __init__(self) -> None:
        self._builtin: dict[str, BaseNginxCheck] = {}
        self._user: dict[str, BaseNginxCheck] = {}
        self._deferred: list[type] = []
        self._warnings: dict[str, None] = {}
        self._lock = threading.RLock()

    def register(self, check: BaseNginxCheck) -> None:
        """Add a check, unless its ID is taken."""
        with self._lock:
            if type(check).__module__.startswith(_OURS):
                self._builtin[check.id] = check
                return
            if _is_copy_of_ours(check):
                return
            holder = self._user.setdefault(check.id, check)
            if holder is not check and _definition_of(holder) != _definition_of(check):
                taken, by = _definition_of(check), _definition_of(holder)
                self._warnings[
                    f"check ID {check.id} of {taken[1]} in {taken[0]} is taken by {by[1]} in {by[0]}; it is ignored"
                ] = None

    def defer(self, check_class: type) -> None:
        """Remember a class that could not be created yet; it is when the checks are asked for."""
        with self._lock:
            self._deferred.append(check_class)

    def checks(self) -> tuple[BaseNginxCheck, ...]:
        """All checks that run: ours in the order of their IDs, then users' in the order of registration."""
        return (*self.builtin_checks(), *self.user_checks())

    def builtin_checks(self) -> tuple[BaseNginxCheck, ...]:
        """Our checks in the order of their IDs."""
        return tuple(self._builtin[check_id] for check_id in sorted(self._builtin))

    def user_checks(self) -> tuple[BaseNginxCheck, ...]:
        """Users' checks in the order of registration, without those whose ID is one of ours."""
        with self._lock:
            self._create_deferred()
            return tuple(check for check_id, check in self._user.items() if check_id not in self._builtin)

    def user_check_files(self) -> tuple[str, ...]:
        """Absolute paths of the files that define users' checks."""
        with self._lock:
            self._create_deferred()
            return tuple(sorted({_file_of(check) for check in self._user.values()}))

    def warnings(self) -> tuple[str, ...]:
        """What a user should know about ignored checks, each once."""
        with self._lock:
            ours = [
                f"check ID {check_id} of {_file_of(check)} belongs to checkov-nginx-tls; "
                "it is ignored: choose another ID"
                for check_id, check in self._user.items()
                if check_id in self._builtin
            ]
            return (*ours, *self._warnings)

    def _create_deferred(self) -> None:
        deferred, self._deferred = self._deferred, []
        for problem in map(_create, deferred):
            if problem is not None:
                self._warnings[problem] = None


def _create(check_class: type) -> str | None:
    """Create, and so register, a check; what to say if that fails."""
    try:
        check_class()
    except Exception as error:  # noqa: BLE001  # a user's class may fail in any way; the others go on
        name = f"{check_class.__qualname__} in {check_class.__module__}"
        return f"the check {name} cannot be created ({type(error).__name__}: {error}); it does not run"
    return None


def _is_copy_of_ours(check: BaseNginxCheck) -> bool:
    """Whether Checkov runs our own source as an external check, as it does with a clone of the whole repository."""
    return Path(_file_of(check)).parts[-3:-1] == ("checkov_nginx_tls", "checks")


def _definition_of(check: BaseNginxCheck) -> tuple[str, str]:
    """The file and the name of a check's class."""
    return _file_of(check), type(check).__qualname__


def _file_of(check: BaseNginxCheck) -> str:
    module = sys.modules.get(type(check).__module__)
    file = getattr(module, "__file__", None)
    if file is None:
        file = inspect.unwrap(type(check).__init__).__code__.co_filename
    return str(file)


registry: Final = Registry()
