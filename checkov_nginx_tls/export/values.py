"""Places, and what variables can be, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from checkov_nginx_tls.targets import Transport, is_address, name_in
from checkov_nginx_tls.texts import printable
from checkov_nginx_tls.variables import Unfixed, constant

if TYPE_CHECKING:
    from collections.abc import Collection

    from checkov_nginx_tls.syntax import Directive
    from checkov_nginx_tls.targets import Target
    from checkov_nginx_tls.variables import Value

    Json = dict[str, Any]
    """An object of JSON. Its keys are in the order in which they are printed."""

TRANSPORTS: Final = {Transport.TLS: "tls", Transport.PLAINTEXT: "plaintext", Transport.UNDECIDED: None}


def place(directive: Directive) -> Json:
    """Where a directive stands."""
    return {"file": printable(directive.source.name), "line": directive.line}


def named_place(directive: Directive) -> Json:
    """Which directive stands where."""
    return {"directive": directive.name, **place(directive)}


def text(value: Value) -> str:
    """A value in which ``<client>`` and its like stand for what the configuration does not fix."""
    return "".join(printable(part) if isinstance(part, str) else f"<{part.value}>" for part in value)


def target(one: Target, groups: Collection[str]) -> Json:
    """A possible meaning of a pass directive's argument, among groups of these names."""
    host = constant(one.host)
    is_group = host is not None and host.lower() in groups
    return {
        "transport": TRANSPORTS[one.transport],
        "host": text(one.host),
        "depends_on": _depends_on(one.host),
        "kind": "group" if is_group else _kind(name_in(one.host)),
    }


def name(value: Value) -> Json:
    """A name that nginx may verify."""
    return {"name": text(value), "depends_on": _depends_on(value), "kind": _kind(value)}


def _depends_on(value: Value) -> list[str]:
    return sorted({part.value for part in value if isinstance(part, Unfixed)})


def _kind(value: Value) -> str | None:
    """What a name is, None where the configuration does not fix it."""
    fixed = constant(value)
    if fixed is None:
        return None
    if fixed.lower().startswith("unix:"):
        return "unix"
    if is_address(fixed):
        return "address"
    return "name" if fixed else "empty"
