"""Which file of trusted CA certificates verifies an upstream: one that the user names, or the system's."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.files import Unreadable, read
from checkov_nginx_tls.fixes.edits import Unmendable
from checkov_nginx_tls.formats.file_names import Format, format_of
from checkov_nginx_tls.public_hosts import is_public
from checkov_nginx_tls.syntax import decode
from checkov_nginx_tls.targets import is_address, name_in
from checkov_nginx_tls.variables import constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.upstreams import Connection
    from checkov_nginx_tls.variables import Value

DEBIAN: Final = "/etc/ssl/certs/ca-certificates.crt"
"""The system's bundle on Debian, Ubuntu, Alpine, Arch and Gentoo."""

_RED_HAT: Final = "/etc/pki/tls/certs/ca-bundle.crt"
_SUSE: Final = "/etc/ssl/ca-bundle.pem"
_FREE_BSD: Final = "/usr/local/share/certs/ca-root-nss.crt"
_PLACES: Final = (DEBIAN, _RED_HAT, _SUSE, _FREE_BSD, "/etc/ssl/cert.pem")
_IMAGES: Final = (
    (
        _RED_HAT,
        re.compile(r"(?i)red-?hat|\brhel|\bubi(?:\d|\b)|centos|fedora|rocky|alma|amazonlinux|oracle-?linux|photon"),
    ),
    (_SUSE, re.compile(r"(?i)suse|\bsle[sd]?\d*\b|\bbci\b")),
)
_FROM: Final = re.compile(r"(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(?P<image>\S+)(?:[ \t]+AS[ \t]+(?P<name>\S+))?")
_NGINX: Final = re.compile(r"(?i)nginx|openresty")
_INSTALLATION: Final = re.compile(r"/(?:etc|usr/local(?:/etc)?|opt)/(?:nginx|openresty)(?:/|\Z)")
_EXAMPLE_NAMES: Final = (".example.com", ".example.net", ".example.org")
_EXAMPLE_NETWORKS: Final = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)


class Reach(IntEnum):
    """From where an upstream can be reached, which tells who may have signed its certificate.

    EXAMPLE is for names and addresses that stand for public ones in documentation (RFC 2606, RFC 5737, RFC 3849).
    """

    PRIVATE = 0
    EXAMPLE = 1
    PUBLIC = 2


@dataclass(frozen=True)
class Trust:
    """The bundles to write, as nginx is to read them: ``ca`` for private upstreams, ``system_ca`` for public ones.

    None for ``ca`` means that nobody named one, for ``system_ca`` that of the distribution that a file is for.
    ``roots`` are the real paths of the directories that were pointed at: what an image holds is looked for below them.
    """

    ca: str | None = None
    system_ca: str | None = None
    roots: tuple[str, ...] = ()
    _systems: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)

    def bundle_for(self, connection: Connection, names: Iterable[Value]) -> str:
        """The bundle with which a connection is verified that looks for these names.

        Raises Unmendable where nobody said who signs its certificate.
        """
        reaches = {_reach_of_name(name) for name in names} | set(_reaches(connection))
        if Reach.PRIVATE in reaches and Reach.PUBLIC in reaches and len(connection.tls_hosts) > 1:
            raise Unmendable(
                f"{connection.target} leads to public and to private upstreams, which hardly share their CA: set "
                f"{connection.module.trusted_certificate} by hand"
            )
        reach = min(reaches, default=Reach.PRIVATE)
        if reach is Reach.PUBLIC or (reach is Reach.EXAMPLE and self.ca is None):
            return self.system_bundle(connection.placed.directive.source.path)
        if self.ca is None:
            shown = " and ".join(f'"{name}"' for name in sorted(filter(None, map(constant, names)))[:3])
            raise Unmendable(
                f"{shown or connection.target} is no public DNS name: name the file with the CA certificate that signs "
                "the certificate of this upstream with --ca"
            )
        return self.ca

    def any_bundle(self, connection: Connection) -> str:
        """A bundle for a connection that is not verified, and that nginx does not start without."""
        return self.ca or self.system_bundle(connection.placed.directive.source.path)

    def system_bundle(self, path: str) -> str:
        """The system's bundle on the machine that the file at a path is for.

        That is the one that stands in an unpacked image around the file, or that of the distribution on which the
        Dockerfile nearest to it builds, or else Debian's.
        """
        if self.system_ca is not None:
            return self.system_ca
        directory = os.path.dirname(path)
        if directory not in self._systems:
            found = _in_image(directory, self.roots) or _of_dockerfile(directory, self.roots)
            self._systems[directory] = found or DEBIAN
        return self._systems[directory]


def _reaches(connection: Connection) -> Iterator[Reach]:
    """The reach of the addresses of a connection, those of the servers of a group for the group."""
    for host in connection.tls_hosts:
        text = constant(name_in(host))
        if text is None:
            continue
        groups = connection.groups_named(text)
        if not groups:
            yield _reach(text)
        for member in (member for group in groups for member in group.members):
            yield _reach(constant(name_in((member,))) or "")


def _reach_of_name(name: Value) -> Reach:
    """The reach of a name of which only the end may be known."""
    end = name[-1] if name else ""
    if not isinstance(end, str) or (len(name) > 1 and not end.startswith(".")):
        return Reach.PRIVATE
    return _reach(end if len(name) == 1 else f"name{end}")


@lru_cache(maxsize=4096)
def _reach(host: str) -> Reach:
    if is_address(host):
        address = ipaddress.ip_address(host.strip("[]"))
        if any(address in network for network in _EXAMPLE_NETWORKS):
            return Reach.EXAMPLE
    elif f".{host.lower()}".endswith(_EXAMPLE_NAMES):
        return Reach.EXAMPLE
    return Reach.PUBLIC if is_public(host) else Reach.PRIVATE


def _in_image(directory: str, roots: Sequence[str]) -> str | None:
    """The bundle in the root file system that a directory is in, unpacked in the tree or the machine's own."""
    match = _INSTALLATION.search(directory)
    bases = [*roots, *([directory[: match.start()] or os.sep] if match is not None else [])]
    for place in _PLACES:
        if any(os.path.isfile(os.path.join(base, place.lstrip("/"))) for base in bases):
            return place
    return None


def _of_dockerfile(directory: str, roots: Sequence[str]) -> str | None:
    """The bundle of the distribution on which the Dockerfiles in or nearest around a directory build, if they agree."""
    while any(directory == root or directory.startswith(root.rstrip(os.sep) + os.sep) for root in roots):
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            return None
        found = {_built_on(os.path.join(directory, name)) for name in names if format_of(name) is Format.DOCKERFILE}
        found.discard(None)
        if found:
            return found.pop() if len(found) == 1 else None
        directory = os.path.dirname(directory)
    return None


def _built_on(path: str) -> str | None:
    """The system's bundle in the image that a Dockerfile builds; None where that has nothing to do with nginx."""
    try:
        text = decode(read(path))
    except Unreadable:
        return None
    stages: dict[str, str] = {}
    image = ""
    for match in _FROM.finditer(text):
        image = stages.get(match["image"].lower(), match["image"])
        if match["name"]:
            stages[match["name"].lower()] = image
    if not image or _NGINX.search(text) is None:
        return None
    return next((bundle for bundle, pattern in _IMAGES if pattern.search(image)), DEBIAN)
