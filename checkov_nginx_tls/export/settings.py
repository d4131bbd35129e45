"""nginx's directives in effect for a connection, under their own names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.export.values import place
from checkov_nginx_tls.modules import FLAGS
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.texts import printable
from checkov_nginx_tls.upstreams import Flag, flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.export.values import Json
    from checkov_nginx_tls.model import Block, Placed
    from checkov_nginx_tls.modules import Module
    from checkov_nginx_tls.templates import Case

_EMPTY_MEANS_UNSET: Final = ("_trusted_certificate", "_crl", "_certificate")
"""Endings of directives whose empty value is the same to nginx as none (``ngx_http_proxy_set_ssl``)."""


class Setting(NamedTuple):
    """One of nginx's directives as a connection has it.

    ``value`` is None where it is not known, and then ``possible`` are the texts that it may be, None for not set; or
    where nobody set it. ``placed`` is where it comes from: an empty value may mean the same as none.
    """

    name: str
    value: str | list[Json] | None
    placed: Placed | None
    possible: tuple[str | None, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether somebody set it, or may have."""
        return self.value is not None or bool(self.possible)


class Settings:
    """The settings of a configuration's blocks; each block is looked through once."""

    def __init__(self) -> None:
        self._names: dict[tuple[Block, str], list[str]] = {}

    def of(self, module: Module, block: Block, given: Sequence[Case], *, hidden: bool) -> list[Setting]:
        """A module's TLS settings in effect in a block where the given cases of templates hold, by name.

        ``hidden`` says that some may stand in files that are not in sight. That matters for the trusted certificates
        only: verification that is not in sight counts as not set.
        """
        prefix = f"{module.ssl_prefix}_"
        names = {name for level in block.inheritance() for name in self._names_in(level, prefix)}
        names.update(filter(None, [module.tls_flag, module.trusted_certificate]))
        found = [setting(block, name, given) for name in sorted(names)]
        if hidden:
            unseen = {module.trusted_certificate}
            found = [one._replace(possible=(None,)) if one.name in unseen and not one.is_set else one for one in found]
        return [one for one in found if one.is_set or one.placed is not None]

    def _names_in(self, level: Block, prefix: str) -> list[str]:
        key = (level, prefix)
        if key not in self._names:
            names = {placed.directive.name for placed in level.simple if not placed.directive.is_opaque}
            self._names[key] = [name for name in names if name.startswith(prefix)]
        return self._names[key]


def setting(block: Block, name: str, given: Sequence[Case]) -> Setting:
    """One directive in effect in a block; see ``Settings.of``."""
    if name.endswith("_conf_command"):
        commands = block.effective_all(name, given)
        return Setting(name, [_command(one) for one in commands] or None, commands[0] if commands else None)
    placed = block.effective(name, given)
    possible = block.possible(name, given)
    value = {Flag.ON: "on", Flag.OFF: "off"}.get(flag(placed)) if name in FLAGS else None
    if value is not None:
        return Setting(name, value, placed)
    texts = dict.fromkeys(map(_text, possible))
    known = name not in FLAGS and len(texts) == 1 and not any(map(_is_open, possible))
    if name.endswith("_protocols") and known:
        texts = {" ".join(filter(None, map(_text, block.effective_all(name, given)))): None}
        known = not any(map(_is_open, block.effective_all(name, given)))
    if name.endswith(_EMPTY_MEANS_UNSET):
        texts = dict.fromkeys(text or None for text in texts)
    if known or list(texts) == [None]:
        return Setting(name, next(iter(texts)), placed)
    return Setting(name, None, placed, tuple(texts))


def _text(placed: Placed | None) -> str | None:
    return printable(" ".join(placed.directive.args)) if placed is not None else None


def _is_open(placed: Placed | None) -> bool:
    return placed is not None and any(isinstance(arg, Templated) for arg in placed.directive.args)


def _command(placed: Placed) -> Json:
    """A command for OpenSSL; what a template fills in is None."""
    args = [None if isinstance(arg, Templated) else printable(arg) for arg in placed.directive.args]
    return {"name": args[0] if args else "", "value": args[1] if len(args) > 1 else "", **place(placed.directive)}
