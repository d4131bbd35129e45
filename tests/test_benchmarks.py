"""What the analysis may cost at most, as ratios measured in one run; see measures.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import pytest

from measures import MEASURES, Measure, other_scanners

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.benchmark
@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
def test_the_cost_is_within_its_limit(measure: Callable[[Path], Measure], tmp_path: Path) -> None:
    result = measure(tmp_path)
    assert result.holds, f"{result.name}: {result.ratio:.2f}, at most {result.limit}; {result.told}"


@pytest.mark.benchmark
def test_other_scanners_are_slower(tmp_path: Path) -> None:
    results = list(other_scanners(tmp_path))
    if not results:
        pytest.skip("GIXY_NG and GIXY_NEXT name no programs")
    for result in results:
        assert result.holds, f"{result.name}: {result.ratio:.2f}, at most {result.limit}; {result.told}"
