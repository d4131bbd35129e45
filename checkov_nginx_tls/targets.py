"""What the argument of a pass directive means: plaintext or TLS, and to which host."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from checkov_nginx_tls.variables import Unfixed, constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.modules import Module
    from checkov_nginx_tls.variables import Value


class Transport(Enum):
    """Whether nginx speaks TLS to the upstream; UNDECIDED where a value that is not known decides."""

    TLS = "TLS"
    PLAINTEXT = "plaintext"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Target:
    """One possible meaning of a pass directive's argument.

    ``host`` is ``host``, ``host:port``, ``[v6]:port`` or ``unix:path`` without scheme and URI.
    """

    transport: Transport
    host: Value


def targets(module: Module, values: Iterable[Value]) -> tuple[Target, ...]:
    """The possible meanings of an argument with these values, in a stable order.

    A value that nginx refuses at run time ("invalid URL prefix", "no host in upstream") reaches nobody and is left
    out.
    """
    found = {target for value in values for target in _meanings(module, value)}
    return tuple(sorted(found, key=repr)) if len(found) > 1 else tuple(found)


def transport_of(found: Iterable[Target]) -> Transport:
    """TLS where any of the targets is, else undecided where any is, else plaintext."""
    transports = {target.transport for target in found}
    if Transport.TLS in transports:
        return Transport.TLS
    return Transport.UNDECIDED if Transport.UNDECIDED in transports else Transport.PLAINTEXT


def name_in(host: Value) -> Value:
    """The name that nginx verifies for a host: without the port, that is up to the first colon.

    ``[v6]`` keeps its brackets (``ngx_parse_inet6_url``), a unix socket its path (``ngx_parse_unix_domain_url``).
    """
    first = host[0] if host else ""
    if isinstance(first, str) and (first.startswith("[") or first.lower().startswith("unix:")):
        return (first.partition("]")[0] + "]",) if first.startswith("[") else host
    return up_to(host, ":")


def up_to(value: Value, characters: str) -> Value:
    """A value's parts in front of the first of some characters."""
    for number, part in enumerate(value):
        if isinstance(part, str):
            cut = min((part.index(character) for character in characters if character in part), default=-1)
            if cut >= 0:
                return (*value[:number], part[:cut]) if cut else value[:number]
    return value


def may_be(host: Value, text: str) -> bool:
    """Whether a client can make a host equal to a lower-cased text; a fixed host only is or is not."""
    fixed = constant(host)
    if fixed is not None or Unfixed.CLIENT not in host:
        return fixed is not None and fixed.lower() == text
    position, open_before = 0, False
    for part in host[:-1]:
        if isinstance(part, str):
            found = text.find(part.lower(), position)
            if found < 0 or (found > position and not open_before):
                return False
            position = found + len(part)
        open_before = not isinstance(part, str)
    last = host[-1]
    return not isinstance(last, str) or (text.endswith(last.lower()) and len(text) - len(last) >= position)


class ManyNames:
    """Lower-cased names among which those are found that a client can choose; most need no look."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._forward = sorted(self._names)
        self._backward = sorted(name[::-1] for name in self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def that_may_be(self, host: Value) -> list[str]:
        """The names that ``may_be`` finds a host to be able to equal."""
        text = constant(host)
        if text is not None:
            return [text.lower()] if text.lower() in self._names else []
        forward, backward = _fixed(host[0]), _fixed(host[-1])[::-1]
        if len(forward) >= len(backward):
            possible = _starting(self._forward, forward)
        else:
            possible = [name[::-1] for name in _starting(self._backward, backward)]
        return [name for name in possible if may_be(host, name)]


def _fixed(part: str | Unfixed) -> str:
    return part.lower() if isinstance(part, str) else ""


def _starting(names: Sequence[str], beginning: str) -> list[str]:
    """Those of the sorted names that begin so."""
    return [*takewhile(lambda name: name.startswith(beginning), islice(names, bisect_left(names, beginning), None))]


def is_loopback(address: str) -> bool:
    """Whether an address as nginx writes it (``host``, ``host:port``, ``[v6]:port``, ``unix:path``) is local."""
    if address.lower().startswith("unix:"):
        return True
    host = address[1:].partition("]")[0] if address.startswith("[") else address.partition(":")[0]
    return host.lower() == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


@lru_cache(maxsize=4096)
def is_address(host: str) -> bool:
    """Whether a host without port is an IPv4 address or an IPv6 address, in brackets or not."""
    if not host[-1:].isdigit() and ":" not in host:
        return False  # most are names, and it takes long to find that out the other way
    try:
        ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return False
    return True


def _meanings(module: Module, value: Value) -> Iterator[Target]:
    if not value:
        return
    first = value[0]
    if isinstance(first, str) and ("://" in first or len(value) == 1):
        yield from _with_scheme(module, value, first)
        return
    yield from _with_open_scheme(module, value, first)


def _with_scheme(module: Module, value: Value, first: str) -> Iterator[Target]:
    lowered = first.lower()
    for scheme, transport in ((module.tls_scheme, Transport.TLS), (module.plain_scheme, Transport.PLAINTEXT)):
        if scheme is not None and lowered.startswith(scheme):
            rest = first[len(scheme) :]
            host = _host((*([rest] if rest else []), *value[1:]))
            if host:
                yield Target(transport, host)
            return
    if module.bare_is_plaintext or module.tls_flag is not None:
        yield Target(Transport.PLAINTEXT, _host(value))


def _with_open_scheme(module: Module, value: Value, first: str | Unfixed) -> Iterator[Target]:
    """A value whose beginning is not fixed: by whom the scheme is chosen decides."""
    prefix = first.lower() if isinstance(first, str) else ""
    opener = value[1] if isinstance(first, str) else first
    chosen = Transport.TLS if opener is Unfixed.CLIENT else Transport.UNDECIDED
    host = _behind_scheme(value)
    if module.tls_scheme is not None and module.tls_scheme.startswith(prefix) and opener is not Unfixed.MACHINE:
        yield Target(chosen, host)
    if module.bare_is_plaintext or (module.plain_scheme is not None and module.plain_scheme.startswith(prefix)):
        yield Target(Transport.PLAINTEXT, host)


def _behind_scheme(value: Value) -> Value:
    for index, part in enumerate(value):
        if isinstance(part, str) and "://" in part:
            rest = part.partition("://")[2]
            return _host((*([rest] if rest else []), *value[index + 1 :]))
    return value[:1] if not isinstance(value[0], str) else value[1:2]


def _host(value: Value) -> Value:
    text = constant(value)
    if text is not None and text.lower().startswith("unix:"):
        return ("unix:" + text[5:].partition(":")[0],)
    return up_to(value, "/?#")
