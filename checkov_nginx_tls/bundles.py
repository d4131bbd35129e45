"""The trusted certificates of verified connections, as far as they stand in the scanned tree."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.certificates import Bundle, Certificate, Kind, read_bundle
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.upstreams import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from checkov_nginx_tls.includes import TreeFile
    from checkov_nginx_tls.model import Configuration, Placed
    from checkov_nginx_tls.upstreams import Connection

WATCHED: Final = 20
"""Certificates that a bundle may hold whose dates are a project's business; larger ones come from a distribution."""


class TrustedBundle(NamedTuple):
    """A bundle that a connection is verified with, or that nginx loads for it when it starts.

    ``placed`` is the directive that names it.
    """

    connection: Connection
    placed: Placed
    file: TreeFile
    bundle: Bundle


class Fault(Enum):
    """Why a bundle cannot stay as it is."""

    NO_CERTIFICATE = "it holds no certificate that nginx can read"
    DAMAGED = "a block of it is damaged"
    NO_ANCHOR = "no chain can end in what it holds"
    NO_VALID_ANCHOR = "every certificate in which a chain can end has expired, or is not valid yet"
    PRIVATE_KEY = "it holds a private key"

    @property
    def stops_nginx(self) -> bool:
        """Whether nginx does not start with such a bundle."""
        return self in {Fault.NO_CERTIFICATE, Fault.DAMAGED}


def trusted_bundles(configuration: Configuration, connections: Sequence[Connection]) -> Iterator[TrustedBundle]:
    """The bundles in the tree; what only stands in for the real file, or is larger than any, is left out."""
    files: dict[str, TreeFile | None] = {}
    for connection in connections:
        placed = connection.trusted_certificate
        name = connection.bundle
        if placed is None or not name or isinstance(name, Templated) or not _is_loaded(connection):
            continue
        if name not in files:
            files[name] = configuration.read(name)
        file = files[name]
        bundle = read_bundle(file.data) if file is not None else None
        if file is not None and bundle is not None and bundle.kind not in {Kind.STAND_IN, Kind.LARGE}:
            yield TrustedBundle(connection, placed, file, bundle)


def _is_loaded(connection: Connection) -> bool:
    return connection.verification is Flag.ON and (connection.loads_bundle or connection.is_verified)


def faults(bundle: Bundle, now: datetime) -> tuple[Fault, ...]:
    """What is wrong with a bundle at a time that has a time zone."""
    found = []
    if bundle.damage is not None:
        found.append(Fault.DAMAGED)
    elif bundle.kind is not Kind.PEM:
        found.append(Fault.NO_CERTIFICATE)
    elif not bundle.unread and not bundle.anchors:
        found.append(Fault.NO_ANCHOR)
    elif not bundle.unread and not any(anchor.is_valid(now) for anchor in bundle.anchors):
        found.append(Fault.NO_VALID_ANCHOR)
    return (*found, Fault.PRIVATE_KEY) if bundle.private_keys else tuple(found)


def expiring(bundle: Bundle, now: datetime, days: int) -> tuple[Certificate, ...]:
    """The anchors that expire within a number of days, or have, the first first.

    One that was renewed is left out: nginx takes the certificate of the same name and key that lives longer.
    """
    if len(bundle.certificates) + bundle.unread > WATCHED:
        return ()
    due = [anchor for anchor in bundle.anchors if anchor.not_after - now <= timedelta(days)]
    lasting = {(anchor.subject, anchor.key) for anchor in bundle.anchors if anchor not in due and anchor.key}
    left = [anchor for anchor in due if (anchor.subject, anchor.key) not in lasting]
    return tuple(sorted(dict.fromkeys(left), key=lambda anchor: anchor.not_after))
