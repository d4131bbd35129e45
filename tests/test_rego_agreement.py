"""The Rego policy and the scanner say the same of the same files, although the policy sees the export only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from checkov_process import DEMO
from oracle_cases import CASES
from oracle_generator import Case, cases
from rego_engine import (
    Policy,
    assert_verified_is_what_the_policy_says,
    exported,
    scan,
    verdict_of,
    write_case,
)
from test_oracle_found import FOUND
from test_oracle_rules import CASES as ATTACKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nginx_oracle import Text
    from oracle_certificates import Certificates

pytest.importorskip("regopy", reason="no Rego engine here: install regopy")

FIXTURES = sorted((Path(__file__).parent / "fixtures" / "rules").glob("*/*_*"))
_RANDOM_CASES = int(os.environ.get("REGO_RANDOM_CASES", "500"))

_TABLE: list[tuple[str, Text, Mapping[str, Text]]] = [
    *((case.name, case.config, case.files) for case in CASES),
    *((name, attack.config, attack.files) for name, attack in ATTACKS),
    *((f"found: {attack.name}", attack.config, attack.files) for attack in FOUND),
]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy()


def assert_agreement(policy: Policy, root: Path | None, *files: Path) -> None:
    found = exported(root, files)
    said = [policy.findings(document) for document in found]
    assert verdict_of(said) == scan(root, files)
    for findings, document in zip(said, found):
        assert_verified_is_what_the_policy_says(findings, document)


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_on_the_fixtures_of_the_rules(policy: Policy, fixture: Path) -> None:
    if fixture.is_dir():
        assert_agreement(policy, fixture)
    else:
        assert_agreement(policy, None, fixture)


def test_on_the_demonstration(policy: Policy) -> None:
    assert_agreement(policy, DEMO)


@pytest.mark.parametrize(("config", "files"), [case[1:] for case in _TABLE], ids=[case[0] for case in _TABLE])
def test_on_the_cases_of_the_oracle(
    policy: Policy, config: Text, files: Mapping[str, Text], certificates: Certificates, tmp_path: Path
) -> None:
    write_case(tmp_path, certificates, config, files)
    assert_agreement(policy, tmp_path)


@pytest.mark.fuzz
@settings(max_examples=_RANDOM_CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_on_random_configurations(policy: Policy, certificates: Certificates, case: Case) -> None:
    config, files = case.render()
    with tempfile.TemporaryDirectory() as directory:
        write_case(Path(directory), certificates, config, files)
        assert_agreement(policy, Path(directory))
