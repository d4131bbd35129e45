"""nginx's directives in effect for a connection, under their own names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.checks.openssl_settings import Inspector
from checkov_nginx_tls.export.values import place
from checkov_nginx_tls.modules import FLAGS
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.texts import printable
from checkov_nginx_tls.upstreams import Flag, flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checkov_nginx_tls.checks.openssl_settings import Fault
    from checkov_nginx_tls.export.values import Json
    from checkov_nginx_tls.model import Block, Placed
    from checkov_nginx_tls.templates import Case
    from checkov_nginx_tls.upstreams import Connection

_EMPTY_MEANS_UNSET: Final = ("_trusted_certificate", "_crl", "_certificate")
"""Endings of directives whose empty value is the same to nginx as none (``ngx_http_proxy_set_ssl``)."""


class Setting(NamedTuple):
    """One of nginx's directives as a connection has it.

    ``value`` is None where it is not known, and then ``possible`` are the values that it may have, None for not set; or
    where nobody set it. ``placed`` are the directives from which it may come, the one that decides first: an empty
    value may mean the same as none.
    """

    name: str
    value: str | list[Json] | None
    placed: tuple[Placed, ...]
    possible: tuple[str | list[Json] | None, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether somebody set it, or may have."""
        return self.value is not None or bool(self.possible)


class Settings:
    """The settings of a configuration's connections; each block is looked through once."""

    def __init__(self) -> None:
        self._names: dict[tuple[Block, str], list[str]] = {}
        self._protocols = Inspector(_nothing, ("protocols",))
        self._commands = Inspector(_nothing, ("conf_command",))

    def of(self, connection: Connection, *, hidden: bool) -> list[Setting]:
        """The TLS settings in effect for a connection, by name.

        ``hidden`` says that some may stand in files that are not in sight. That matters for the trusted certificates
        only: verification that is not in sight counts as not set.
        """
        module, block = connection.module, connection.block.scope
        lists = {
            f"{module.ssl_prefix}_protocols": self._lines(connection),
            f"{module.ssl_prefix}_conf_command": self._lists(connection),
        }
        names = {name for level in block.inheritance() for name in self._names_in(level, f"{module.ssl_prefix}_")}
        names.update(filter(None, [module.tls_flag, module.trusted_certificate]))
        found = [
            lists[name]._replace(name=name) if name in lists else _single(block, name, connection.given)
            for name in sorted(names)
        ]
        if hidden:
            unseen = {module.trusted_certificate}
            found = [one._replace(possible=(None,)) if one.name in unseen and not one.is_set else one for one in found]
        return [one for one in found if one.is_set or one.placed]

    def _names_in(self, level: Block, prefix: str) -> list[str]:
        key = (level, prefix)
        if key not in self._names:
            names = {placed.directive.name for placed in level.simple if not placed.directive.is_opaque}
            self._names[key] = [name for name in names if name.startswith(prefix)]
        return self._names[key]

    def _lines(self, connection: Connection) -> Setting:
        """``*_ssl_protocols``, whose lines in a block add up, in every rendering of a template."""
        renderings = [rendering.protocols for rendering in self._protocols.in_effect(connection).settings]
        texts = dict.fromkeys(" ".join(map(_text, lines)) or None for lines in renderings)
        placed = _distinct(renderings)
        if len(texts) == 1 and not any(map(_is_open, placed)):
            return Setting("", next(iter(texts)), placed)
        return Setting("", None, placed, tuple(texts) or (None,))

    def _lists(self, connection: Connection) -> Setting:
        """``*_ssl_conf_command``, each of which counts, in every rendering of a template."""
        renderings = dict.fromkeys(rendering.commands for rendering in self._commands.in_effect(connection).settings)
        lists = [[_command(one) for one in commands] for commands in renderings]
        placed = _distinct(renderings)
        if len(lists) == 1:
            return Setting("", lists[0] or None, placed)
        return Setting("", None, placed, tuple(lists) or (None,))


def _nothing(_settings: object) -> list[Fault]:
    return []


def _distinct(renderings: Iterable[Sequence[Placed]]) -> tuple[Placed, ...]:
    return tuple({id(placed): placed for rendering in renderings for placed in rendering}.values())


def _single(block: Block, name: str, given: Sequence[Case]) -> Setting:
    """A directive of which one is in effect in a block where the given cases of templates hold."""
    possible = block.possible(name, given)
    merged = possible.merged
    placed = () if merged is None else (merged,)
    value = {Flag.ON: "on", Flag.OFF: "off"}.get(flag(merged)) if name in FLAGS else None
    if value is not None:
        return Setting(name, value, placed)
    texts = dict.fromkeys(None if one is None else _text(one) for one in possible.directives)
    known = name not in FLAGS and len(texts) == 1 and not any(_is_open(one) for one in possible.directives if one)
    if name.endswith(_EMPTY_MEANS_UNSET):
        texts = dict.fromkeys(text or None for text in texts)
    if known or list(texts) == [None]:
        return Setting(name, next(iter(texts)), placed)
    return Setting(name, None, placed, tuple(texts))


def _text(placed: Placed) -> str:
    return printable(" ".join(placed.directive.args))


def _is_open(placed: Placed) -> bool:
    return any(isinstance(arg, Templated) for arg in placed.directive.args)


def _command(placed: Placed) -> Json:
    """A command for OpenSSL; what a template fills in is None."""
    args = [None if isinstance(arg, Templated) else printable(arg) for arg in placed.directive.args]
    return {"name": args[0] if args else "", "value": args[1] if len(args) > 1 else "", **place(placed.directive)}
