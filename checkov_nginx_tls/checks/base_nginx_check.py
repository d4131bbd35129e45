"""The class that nginx checks derive from, ours and users'."""

from __future__ import annotations

import inspect
from abc import ABCMeta, abstractmethod
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Callable, Final

from checkov.common.checks.base_check import BaseCheck
from checkov.common.models.enums import CheckCategories, CheckResult

from checkov_nginx_tls.checks.registry import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checkov.common.bridgecrew.severities import Severity

    from checkov_nginx_tls.conf import BlockConf

SEVERITIES: Final = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


def _is_concrete(cls: type) -> bool:
    abstract: frozenset[str] = getattr(cls, "__abstractmethods__", frozenset())
    if abstract == {"scan_resource_conf"} and _scans_under_another_name(cls):
        cls.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]  # one of three names suffices
        abstract = frozenset()
    return not abstract


def _scans_under_another_name(cls: type) -> bool:
    scan_entity_conf: Callable[..., Any] | None = getattr(cls, "scan_entity_conf", None)
    overridden = getattr(scan_entity_conf, "__module__", __name__) != __name__
    return overridden or hasattr(cls, "check_resource_config")


def _can_be_created(cls: type) -> bool:
    """Whether a class needs no arguments, and is more than a base of other checks."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]  # read only
    needs_none = all(
        parameter.default is not parameter.empty or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in parameters
    )
    own_init = cls.__init__.__module__ != __name__  # type: ignore[misc]  # read only
    return needs_none and (own_init or bool(getattr(cls, "id", None)))


class _SelfRegistering(ABCMeta):
    """Creates, and so registers, a concrete check class that needs no arguments once it is defined."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        if _is_concrete(cls) and _can_be_created(cls):
            try:
                cls()
            except NameError:  # its own name, or one further down in its file, is not bound yet
                registry.defer(cls)


class BaseNginxCheck(BaseCheck, metaclass=_SelfRegistering):
    """A check that runs once on every nginx block of the types it supports.

    Derive from it, pass ``name``, ``id``, ``categories`` and ``supported_resources`` to ``__init__`` or give them
    as class attributes, implement ``scan_resource_conf(conf)`` and return a ``CheckResult``. Defining the class
    registers the check.

    ``supported_resources`` holds block types ("http.server", "http.location", "stream.server", ...), in which
    ``*`` and ``?`` match as in file names. ``severity`` is LOW, MEDIUM, HIGH or CRITICAL. ``check_id`` is
    another name for ``id``, and ``check_resource_config(config)``, which may also return a tuple of the result
    and the configuration, another for ``scan_resource_conf``.

    Raises ValueError where the ID is missing or a value is none of those.
    """

    def __init__(
        self,
        name: str | None = None,
        id: str | None = None,  # noqa: A002  # Checkov's name for it
        categories: Iterable[CheckCategories] | None = None,
        supported_resources: Iterable[str] | None = None,
        *,
        check_id: str | None = None,
        guideline: str | None = None,
        severity: str | Severity | None = None,
    ) -> None:
        attributes = type(self)
        identity = id or check_id or getattr(attributes, "id", None)
        if not identity:
            raise ValueError(f"the nginx check {attributes.__name__} has no ID: pass id=")
        supported = supported_resources or getattr(attributes, "supported_resources", None) or ("*",)
        if isinstance(supported, str):
            raise ValueError(f"{identity}: supported_resources is a list of block types, not a text")  # noqa: TRY004
        super().__init__(
            name=name or getattr(attributes, "name", None) or attributes.__name__,
            id=identity,
            categories=list(categories or getattr(attributes, "categories", None) or [CheckCategories.NETWORKING]),
            supported_entities=tuple(supported),
            block_type="nginx",
            guideline=guideline or getattr(attributes, "guideline", None),
        )
        self.supported_resources = tuple(supported)
        self.severity_name = _severity_name(identity, severity or getattr(attributes, "severity", None))
        registry.register(self)

    def supports(self, block_type: str) -> bool:
        """Whether the check runs on blocks of that type."""
        return any(fnmatchcase(block_type, pattern) for pattern in self.supported_resources)

    def scan_entity_conf(self, conf: dict[str, Any], entity_type: str) -> CheckResult:
        """Called by Checkov's ``BaseCheck.run``; hands the block to ``scan_resource_conf``.

        Raises TypeError where that returns no CheckResult.
        """
        self.entity_type = entity_type
        scan: Callable[[Any], CheckResult | tuple[CheckResult, Any]]
        scan = getattr(self, "check_resource_config", self.scan_resource_conf)
        result = scan(conf)
        verdict = result[0] if isinstance(result, tuple) else result
        if not isinstance(verdict, CheckResult):
            raise TypeError(f"the check returned {verdict!r}, which is no CheckResult")
        return verdict

    @abstractmethod
    def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
        """Judge one block: ``conf`` maps a directive's name to its arguments in effect there."""


def _severity_name(check_id: str, severity: str | Severity | None) -> str | None:
    if severity is None:
        return None
    name = str(getattr(severity, "name", severity)).upper()
    if name not in SEVERITIES:
        raise ValueError(f"{check_id}: severity {name} is none of {', '.join(SEVERITIES)}")
    return name
