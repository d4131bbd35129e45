"""The scanner's answer to the question that `nginx_oracle` puts to nginx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import Analysis, analyse
from nginx_oracle import Addresses, Oracle, Text, listener_names, render

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHECK_PREFIX = "CKV_NGINX_CUSTOM_"

_FIRST_LISTENER_PORT = 8080


def without_loopback(addresses: Addresses) -> Addresses:
    """`addresses` with every upstream's host moved to a documentation network, one host each.

    Ports stay. Check 03 exempts loopback targets, which would hide from a comparison what it should show.
    """
    upstreams = {
        name: (f"192.0.2.{number}", port)
        for number, (name, (_host, port)) in enumerate(sorted(addresses.upstreams.items()), start=10)
    }
    return Addresses(addresses.certificates, upstreams, addresses.unix_paths, addresses.listeners)


def scanned_addresses(oracle: Oracle, template: Text, files: Mapping[str, Text], *, loopback: bool) -> Addresses:
    """What the placeholders stand for when the scanner reads the configuration."""
    names = listener_names([template, *files.values()])
    ports = {name: port for port, name in enumerate(names, start=_FIRST_LISTENER_PORT)}
    addresses = oracle.addresses(ports)
    return addresses if loopback else without_loopback(addresses)


def write_for_scanner(
    directory: Path,
    oracle: Oracle,
    template: Text,
    files: Mapping[str, Text] = {},
    *,
    loopback: bool = False,
) -> None:
    """Write the main file, nginx.conf, and `files` into `directory` as the scanner shall see them.

    Upstreams stand at 192.0.2.x unless `loopback` keeps them where they are.
    """
    addresses = scanned_addresses(oracle, template, files, loopback=loopback)
    contents = {**files, "nginx.conf": template}
    write_files(directory, {name: render(content, addresses) for name, content in contents.items()})


def write_files(directory: Path, contents: Mapping[str, bytes]) -> None:
    """Write files by relative path, with the directories they need."""
    for name, content in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def failing_ids(analysis: Analysis) -> frozenset[str]:
    """The checks that failed, without their common prefix."""
    return frozenset(
        outcome.check.id[len(CHECK_PREFIX) :]
        for outcome in analysis.outcomes
        if outcome.result == CheckResult.FAILED and outcome.check.id.startswith(CHECK_PREFIX)
    )


def scan_ids(directory: Path) -> frozenset[str]:
    """The checks that fail for the configuration in `directory`, without their common prefix."""
    return failing_ids(analyse(str(directory)))
