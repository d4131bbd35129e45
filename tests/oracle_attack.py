"""Hand-written cases: a configuration, the requests of a hostile client, and what must come of it.

`Attack` is the compact form of a case for one statement. ``inside`` is the content of ``http``, or of ``stream``
with ``context``; the groups ``backend.test``, ``other.test`` and ``plain`` of ``<target>`` stand beside it, and
``ON`` means verification with ``<root.pem>``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nginx_oracle import JUDGED_IDENTITIES, Request
from oracle_scan import scan_ids, write_for_scanner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nginx_oracle import Oracle

ALL_CHECKS = frozenset(f"0{number}" for number in range(1, 9))

_WORDS = {
    "OFF": "@ssl_verify off;",
    "ON": "@ssl_verify on; @ssl_trusted_certificate <root.pem>;",
    "BOTH": "@ssl_verify on; @ssl_trusted_certificate <root_and_impostor.pem>;",
    "SERVER": "server { listen <listen>;",
}


@dataclass(frozen=True)
class Attack:
    """One configuration and who must receive data over TLS when the requests are sent, in this order."""

    name: str
    inside: str
    expected: str
    """The checks that must fail, and no others of 01 to 08."""
    reached: str = ""
    """Identities besides ``trusted`` that receive data over TLS."""
    trusted: bool = True
    """The trusted upstream receives data over TLS."""
    requests: tuple[Request, ...] = (Request(),)
    identities: tuple[str, ...] = JUDGED_IDENTITIES
    context: str = "http"
    prefix: str = "proxy"
    groups: str = "upstream backend.test { server <target>; } upstream other.test { server <target>; }"
    files: Mapping[str, str] = field(default_factory=dict)
    lacks_bundle: bool = False
    since: tuple[int, ...] = ()
    """The first version of nginx that behaves so."""

    @property
    def config(self) -> str:
        """The main file."""
        text = self.inside
        for word, meaning in _WORDS.items():
            text = text.replace(f"{word} ", f"{meaning} ")
        text = text.replace("@ssl_", f"{self.prefix}_ssl_")
        return f"events {{}}\n{self.context} {{\n{self.groups}\n{text}\n}}\n"


def gets(*paths: str, **more: str) -> tuple[Request, ...]:
    """Requests for paths, all with the same ``host``."""
    return tuple(Request(path, host=more.get("host", "client.test")) for path in paths)


def assert_nginx_does(oracle: Oracle, case: Attack) -> None:
    """nginx behaves as the case says."""
    if case.lacks_bundle:
        assert oracle.check(case.config, case.files).lacks_bundle
        return
    reached: set[str] = set()
    for identity in case.identities:
        judgement = oracle.judge(case.config, case.files, case.requests, (identity,))
        assert judgement.result.starts, judgement.result.message
        reached |= judgement.reached
    assert reached == {*case.reached.split(), *(("trusted",) if case.trusted else ())}


def assert_scanner_says(oracle: Oracle, case: Attack, directory: Path) -> None:
    """The scanner finds what the case says."""
    write_for_scanner(directory, oracle, case.config, case.files)
    assert scan_ids(directory) & ALL_CHECKS == set(case.expected.split())
