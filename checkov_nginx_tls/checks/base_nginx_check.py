"""The class that nginx checks derive from, ours and users'."""

from __future__ import annotations

import inspect
from abc import ABCMeta, abstractmethod
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Callable

from checkov.common.checks.base_check import BaseCheck
from checkov.common.models.enums import CheckCategories, CheckResult

from checkov_nginx_tls.checks.registry import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checkov_nginx_tls.conf import BlockConf


def _is_concrete(cls: type) -> bool:
    abstract: frozenset[str] = getattr(cls, "__abstractmethods__", frozenset())
    if abstract == {"scan_resource_conf"} and hasattr(cls, "check_resource_config"):
        cls.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]  # one of two names suffices
        abstract = frozenset()
    return not abstract


def _needs_no_arguments(cls: type) -> bool:
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]  # read only
    return all(
        parameter.default is not parameter.empty or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in parameters
    )


class _SelfRegistering(ABCMeta):
    """Creates, and so registers, a concrete check class that needs no arguments once it is defined."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        if _is_concrete(cls) and _needs_no_arguments(cls):
            cls()


class BaseNginxCheck(BaseCheck, metaclass=_SelfRegistering):
    """A check that runs once on every nginx block of the types it supports.

    Derive from it, pass ``name``, ``id``, ``categories`` and ``supported_resources`` to ``__init__``, implement
    ``scan_resource_conf(conf)`` and return a ``CheckResult``. Defining the class registers the check.

    ``supported_resources`` holds block types ("http.server", "http.location", "stream.server", ...), in which
    ``*`` and ``?`` match as in file names. ``severity`` is LOW, MEDIUM, HIGH or CRITICAL. ``check_id`` is
    another name for ``id``, and ``check_resource_config(config)``, which may also return a tuple of the result
    and the configuration, another for ``scan_resource_conf``.
    """

    def __init__(
        self,
        name: str,
        id: str | None = None,  # noqa: A002  # Checkov's name for it
        categories: Iterable[CheckCategories] = (CheckCategories.NETWORKING,),
        supported_resources: Iterable[str] = ("*",),
        *,
        check_id: str | None = None,
        guideline: str | None = None,
        severity: str | None = None,
    ) -> None:
        identity = id or check_id
        if not identity:
            raise ValueError(f"the nginx check {type(self).__name__} has no ID: pass id=")
        supported = tuple(supported_resources)
        super().__init__(
            name=name,
            id=identity,
            categories=list(categories),
            supported_entities=supported,
            block_type="nginx",
            guideline=guideline,
        )
        self.supported_resources = supported
        self.severity_name = severity.upper() if severity else None
        registry.register(self)

    def supports(self, block_type: str) -> bool:
        """Whether the check runs on blocks of that type."""
        return any(fnmatchcase(block_type, pattern) for pattern in self.supported_resources)

    def scan_entity_conf(self, conf: dict[str, Any], entity_type: str) -> CheckResult:
        """Called by Checkov's ``BaseCheck.run``; hands the block to ``scan_resource_conf``."""
        self.entity_type = entity_type
        scan: Callable[[Any], CheckResult | tuple[CheckResult, Any]]
        scan = getattr(self, "check_resource_config", self.scan_resource_conf)
        result = scan(conf)
        return result[0] if isinstance(result, tuple) else result

    @abstractmethod
    def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
        """Judge one block: ``conf`` maps a directive's name to its arguments in effect there."""
