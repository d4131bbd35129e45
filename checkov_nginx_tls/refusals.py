"""What nginx refuses when it starts, in its own words: such a configuration has no verdict to give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.files import Problem
from checkov_nginx_tls.modules import FLAGS, MODULES
from checkov_nginx_tls.upstreams import Flag, flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.model import Block, Configuration, Placed

_ONCE: Final = frozenset(
    {
        *FLAGS,
        *(module.pass_directive for module in MODULES),
        *(
            f"{module.ssl_prefix}_{setting}"
            for module in MODULES
            for setting in (
                "trusted_certificate",
                "verify_depth",
                "name",
                "crl",
                "certificate",
                "certificate_key",
                "ciphers",
                "password_file",
            )
        ),
    }
)


def refusals(configuration: Configuration) -> Iterator[Problem]:
    """Directives of this package's concern that make nginx refuse the configuration."""
    for block in configuration.root.walk():
        if block.data:
            continue
        seen: set[str] = set()
        for placed in block.simple:
            name = placed.directive.name
            if name in _ONCE:
                reason = f'"{name}" directive is duplicate' if name in seen else _refused(block, placed)
                seen.add(name)
                if reason is not None:
                    yield Problem(placed.directive.source.path, placed.directive.line, reason)


def _refused(block: Block, placed: Placed) -> str | None:
    directive = placed.directive
    if len(directive.args) != 1:
        return f'invalid number of arguments in "{directive.name}" directive'
    value = directive.args[0]
    if directive.name in FLAGS:
        if flag(placed) is not Flag.UNDECIDED or "$" in value:
            return None
        return f'invalid value "{value}" in "{directive.name}" directive, it must be "on" or "off"'
    if directive.name == "proxy_pass" and block.type.startswith("http") and "$" not in value:
        return None if value.lower().startswith(("http://", "https://")) else f'invalid URL prefix in "{value}"'
    return None
