"""What a person is told about a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkov_nginx_tls.targets import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.monitoring.probes import Plan


def summary(plan: Plan) -> Iterator[str]:
    """What is watched, and a line for everything that is left out."""
    verified = {probe.address for probe in plan.probes if probe.settings.bundle}
    others = {probe.address for probe in plan.probes} - verified
    yield (
        f"watched: {len(verified)} {_addresses(len(verified))} that nginx verifies, and the expiry at {len(others)} "
        "that it does not verify"
    )
    local = sum(map(is_loopback, verified | others))
    if local:
        yield f"{local} of them on nginx's own machine: the exporter has to run there"
    yield f"left out: {len(plan.left_out) or 'nothing'}"
    for one in sorted(plan.left_out, key=lambda one: (one.place.file, one.line)):
        towards = f" -> {one.address}" if one.address not in one.target else ""
        yield f"  {one.place.file}:{one.line}: {one.target}{towards}: {one.reason}"


def _addresses(number: int) -> str:
    return "address" if number == 1 else "addresses"
