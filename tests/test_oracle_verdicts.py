"""One table, two judges: nginx and the scanner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oracle_cases import CASES, Case
from oracle_scan import scan_ids, write_for_scanner

if TYPE_CHECKING:
    from pathlib import Path

    from nginx_oracle import Oracle

pytestmark = pytest.mark.oracle

_BY_NAME = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
_COMPARED = frozenset(("01", "02", "03"))


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@_BY_NAME
def test_nginx_agrees_with_the_table(oracle: Oracle, case: Case) -> None:
    judgement = oracle.judge(case.config, case.files, case.requests)
    assert judgement.result.lacks_bundle == case.lacks_bundle, judgement.result.message
    assert judgement.result.starts != case.lacks_bundle, judgement.result.message
    if judgement.result.starts:
        assert judgement.unverified == case.unverified
        assert set(judgement.statuses("trusted")) == {200}


@_BY_NAME
def test_scanner_agrees_with_the_table(newest_oracle: Oracle, case: Case, tmp_path: Path) -> None:
    write_for_scanner(tmp_path, newest_oracle, case.config, case.files)
    failing = scan_ids(tmp_path)
    for alternatives in case.expected:
        assert failing & alternatives
    assert failing & _COMPARED <= frozenset().union(*case.expected)


def test_loopback_needs_no_verification_unless_it_was_turned_off(newest_oracle: Oracle, tmp_path: Path) -> None:
    template = """events {}
http { server { listen <listen>; location / { %s proxy_pass https://<target>; } } }
"""
    for name, settings, expected in (("default", "", frozenset()), ("off", "proxy_ssl_verify off;", {"01"})):
        directory = tmp_path / name
        directory.mkdir()
        write_for_scanner(directory, newest_oracle, template % settings, loopback=True)
        assert scan_ids(directory) & _COMPARED == expected
