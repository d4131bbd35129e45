"""Which versions of the protocol nginx lets a TLS connection fall back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checkov_nginx_tls.model import Placed

VERSIONS: Final = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""All versions, oldest first, as nginx and OpenSSL call them."""

OBSOLETE: Final = VERSIONS[:4]
"""The versions that RFC 6176, RFC 7568 and RFC 8996 forbid."""

VERSION_COMMANDS: Final = frozenset({"protocol", "minprotocol", "maxprotocol"})
"""Commands of ``*_ssl_conf_command`` that say something about versions, in lower case."""

_BY_DEFAULT: Final = VERSIONS[4:]
_ALL: Final = VERSIONS[1:]  # OpenSSL's "ALL" since 1.1.0, which has no SSLv2
_NAMES: Final = {
    **{version.lower(): version for version in VERSIONS},
    "dtlsv1": "TLSv1",  # OpenSSL has one bit for both
    "dtlsv1.2": "TLSv1.2",
}


def admitted_versions(protocols: Iterable[Placed], commands: Iterable[Placed]) -> dict[str, Placed | None]:
    """The versions that are admitted, each with the directive that lets it in, None for nginx's default.

    ``protocols`` are the effective ``*_ssl_protocols``, whose values nginx joins; ``commands`` the effective
    ``*_ssl_conf_command``, which OpenSSL carries out afterwards and in order (``ngx_ssl_conf_commands``). ``Protocol``
    turns single versions on or off and leaves the others; ``MinProtocol`` and ``MaxProtocol`` set bounds, of which the
    last ones count, and turn nothing on. Values that nginx or OpenSSL refuses are passed over.
    """
    named = {_NAMES.get(value.lower(), ""): placed for placed in protocols for value in placed.directive.args}
    versions: dict[str, Placed | None] = {version: named[version] for version in VERSIONS if version in named}
    if not named:
        versions = dict.fromkeys(_BY_DEFAULT)
    lowest, highest = VERSIONS[0], VERSIONS[-1]
    for placed in commands:
        name, value = _command(placed)
        if name == "protocol":
            _switch(versions, value, placed)
        elif name == "minprotocol":
            lowest = _NAMES.get(value, VERSIONS[0])
        elif name == "maxprotocol":
            highest = _NAMES.get(value, VERSIONS[-1])
    within = VERSIONS[VERSIONS.index(lowest) : VERSIONS.index(highest) + 1]
    return {version: versions[version] for version in within if version in versions}


def _command(placed: Placed) -> tuple[str, str]:
    args = placed.directive.args
    return (args[0].lower(), args[1].strip().lower()) if len(args) == 2 else ("", "")


def _switch(versions: dict[str, Placed | None], value: str, placed: Placed) -> None:
    """Carry out the ``Protocol`` command: names with ``-`` are turned off, with ``+`` or alone on."""
    for item in map(str.strip, value.split(",")):
        name = item[1:] if item.startswith(("+", "-")) else item
        for version in _ALL if name == "all" else (_NAMES.get(name, ""),):
            if item.startswith("-"):
                versions.pop(version, None)
            elif version and version not in versions:
                versions[version] = placed
