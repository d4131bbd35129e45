"""Which hosts are on the public internet, as far as their names and addresses tell."""

from __future__ import annotations

import ipaddress
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_RESERVED: Final = tuple(
    f".{name}" for name in "example.com example.net example.org home.arpa in-addr.arpa ip6.arpa onion".split()
)
"""Domains that the list of public suffixes knows, or that lie below one it knows, and that nobody serves on the
internet (RFC 2606, RFC 8375, RFC 7686). Those it does not know (.test, .internal, .local, .corp ...) are not public."""

_IN_USE_FOR_TWO_LABELS: Final = frozenset("com net org info biz edu gov mil".split())
_NAMESPACES: Final = frozenset({"ci", "qa"})
"""Country codes that are rather a namespace of Kubernetes where they follow one label."""

_INTERNAL: Final = frozenset("internal intern intranet int private priv corp lan local svc vpc vpce".split())
"""Words by which a name says that it is resolved inside a network only: ``db.int.vendor.io``, and the names that AWS
gives load balancers and endpoints in a private network, ``internal-web-1.eu-west-1.elb.amazonaws.com``."""

_DOCUMENTATION: Final = ipaddress.ip_network("3fff::/20")
"""RFC 9637, which older versions of Python do not know."""


@lru_cache(maxsize=4096)
def is_public(host: str) -> bool:
    """Whether a host without port is a public address, or a name that anybody on the internet could look up.

    IPv6 addresses stand in brackets. Not public are addresses and names that are reserved, names without a dot, names
    that say they are internal, and ``one.two`` unless ``two`` is a country or one of the old top-level domains: in
    Kubernetes ``web.dev`` is a service and its namespace.
    """
    try:
        address = ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return _is_public_name(host.lower().rstrip("."))
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address.is_site_local or address in _DOCUMENTATION:
            return False
    return address.is_global and not address.is_multicast


def _is_public_name(name: str) -> bool:
    labels = name.split(".")
    if len(labels) < 2 or f".{name}".endswith(_RESERVED):
        return False
    if len(labels) == 2 and not _tells_a_domain(labels[1]):
        return False
    suffix = public_suffixes(labels[-1]).publicsuffix(name)
    if suffix is None:
        return False
    own = labels[: len(labels) - len(suffix.split("."))]
    return not any(word in _INTERNAL for label in own for word in label.split("-"))


def _tells_a_domain(top_level: str) -> bool:
    return top_level in _IN_USE_FOR_TWO_LABELS or (len(top_level) == 2 and top_level not in _NAMESPACES)


@lru_cache(maxsize=64)
def public_suffixes(top_level: str) -> PublicSuffixList:
    """The public suffixes of a top-level domain, those of the list's private section included.

    To make the whole list takes ten times as long, and a scan mostly asks for one or two top-level domains.
    """
    from publicsuffixlist import PublicSuffixList

    names = (top_level, _decoded(top_level))
    ends = tuple(f".{name}" for name in names)
    return PublicSuffixList([rule for rule in _rules() if rule in names or rule.endswith(ends)], accept_unknown=False)


@cache
def _rules() -> tuple[str, ...]:
    """The rules of the list of public suffixes, international names as they are read."""
    from publicsuffixlist import PSLFILE

    lines = Path(PSLFILE).read_text(encoding="utf-8").splitlines()
    return tuple(line.split(" ", 1)[0] for line in lines if not line.startswith("//"))


def _decoded(label: str) -> str:
    """A label of a name as it is read: ``рф`` for ``xn--p1ai``; as it is where it is not the code of one."""
    try:
        return label.encode("ascii").decode("idna")
    except UnicodeError:
        return label
