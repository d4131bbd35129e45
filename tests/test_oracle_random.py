"""nginx and the scanner agree on random configurations.

``NGINX_ORACLE_CASES`` is the number of cases (a hundred unless set), ``NGINX_ORACLE_SEED`` the seed. A
disagreement is shown in full, in the smallest configuration that hypothesis could find. It is kept by hand in
test_oracle_found once it is understood.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from oracle_generator import Case, cases
from oracle_random import differences

if TYPE_CHECKING:
    from nginx_oracle import Oracle

pytestmark = pytest.mark.oracle

_CASES = int(os.environ.get("NGINX_ORACLE_CASES", "100"))
_SEED = int(os.environ.get("NGINX_ORACLE_SEED", "1"))


class Disagreement(Exception):
    """nginx and the scanner differ."""


def test_random_configurations(newest_oracle: Oracle) -> None:
    @seed(_SEED)
    @settings(
        max_examples=_CASES,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases())
    def agree(case: Case) -> None:
        found = differences(newest_oracle, case)
        if found:
            raise Disagreement("\n".join(found))

    agree()
