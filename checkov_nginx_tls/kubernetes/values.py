"""Reading other people's YAML: any type may stand anywhere, and nothing raises."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EXPRESSION: Final = re.compile(r"\{\{|\{%|<%|\$\{|\$\(|%[A-Za-z_]\w*%|@[A-Za-z_]\w*@|<[A-Za-z_][\w-]*>")
"""Expressions of Jinja, Go templates, ERB, envsubst, Terraform, kustomize, autoconf, and placeholders."""


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, or else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[Any]:
    """The value if it is a list, or else an empty one; a single mapping counts as a list of one.

    Checkov reads some lists with one element so, and a cluster takes no mapping where a list belongs.
    """
    return value if isinstance(value, list) else (value,) if isinstance(value, dict) else ()


def text(value: object) -> str:
    """The value if it is a string, or else an empty one."""
    return value if isinstance(value, str) else ""


def at(value: object, *keys: str) -> Any:
    """What stands in mappings in mappings under these keys, or None."""
    for key in keys:
        value = mapping(value).get(key)
    return value


def is_templated(value: object) -> bool:
    """Whether a template fills in a part of a string, which is then not known."""
    return isinstance(value, str) and _EXPRESSION.search(value) is not None


def is_on(value: object) -> bool | None:
    """Whether a boolean field is true; None where a template decides. A quoted "true" is not a boolean."""
    return None if is_templated(value) else value is True
