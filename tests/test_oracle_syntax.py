"""nginx does with awkward bytes what the table says; the parser's tests use the same table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checkov_nginx_tls.analysis import analyse
from oracle_scan import failing_ids, write_files
from syntax_traps import NO_BUNDLE, TRAPS, Trap, plain_value, value_in_message

if TYPE_CHECKING:
    from pathlib import Path

    from nginx_oracle import Oracle

pytestmark = pytest.mark.oracle


def test_names_are_unique() -> None:
    assert len({trap.name for trap in TRAPS}) == len(TRAPS)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: str(trap.name))
def test_nginx_reads_a_trap_as_the_table_says(oracle: Oracle, trap: Trap) -> None:
    result = oracle.check(trap.config, trap.files)
    assert result.starts == trap.starts, result.message
    assert trap.reason in result.message
    if trap.value is not None:
        assert value_in_message(result.starts, result.message) == plain_value(trap.value)


@pytest.mark.parametrize(
    "trap",
    [trap for trap in TRAPS if trap.parse_error or trap.starts or trap.refusal == NO_BUNDLE],
    ids=lambda trap: str(trap.name),
)
def test_the_scanner_reads_a_trap_as_nginx_does(tmp_path: Path, trap: Trap) -> None:
    write_files(tmp_path, {**trap.files, "nginx.conf": trap.config})
    analysis = analyse(str(tmp_path))
    assert bool(analysis.problems) == trap.parse_error
    if trap.value is not None:
        expected = "01" if plain_value(trap.value) == b"off" else "02"
        assert failing_ids(analysis) & {"01", "02", "03"} == {expected}
