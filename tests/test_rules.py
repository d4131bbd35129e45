"""Each rule on its fixture files: ``fail_*`` and ``pass_*`` below tests/fixtures/rules/ID.

A fixture is a file, or a directory with a nginx.conf. In a ``pass_undecided*`` fixture the rule says that it does not
know, in other pass fixtures it does not. In a fail fixture the comment ``# finding`` stands on every
line where the rule must have a finding, and nowhere else. To add a case, add a file. The directory ``beside`` holds the
files that the examples in a rule's text name.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import Analysis, analyse
from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck
from checkov_nginx_tls.checks.registry import registry

RULES = Path(__file__).parent / "fixtures" / "rules"
FAIL = sorted(RULES.glob("*/fail_*"))
PASS = sorted(RULES.glob("*/pass_*"))


def scan(fixture: Path) -> Analysis:
    analysis = analyse(str(fixture)) if fixture.is_dir() else analyse(None, [str(fixture)])
    assert not analysis.problems
    return analysis


def findings(analysis: Analysis, check_id: str, result: CheckResult = CheckResult.FAILED) -> set[tuple[str, int]]:
    return {
        (outcome.path, outcome.start_line)
        for outcome in analysis.outcomes
        if outcome.check.id == check_id and outcome.result is result
    }


def marked_lines(fixture: Path) -> set[tuple[str, int]]:
    files = sorted(path for path in fixture.rglob("*") if path.is_file()) if fixture.is_dir() else [fixture]
    return {
        (str(file.resolve()), number)
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if line.endswith("# finding")
    }


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("fixture", FAIL, ids=name)
def test_fail_fixture_has_the_findings_it_marks(fixture: Path) -> None:
    expected = marked_lines(fixture)
    assert expected, "a fail fixture marks its lines with '# finding'"
    analysis = scan(fixture)
    assert findings(analysis, fixture.parent.name) == expected
    failed = [outcome for outcome in analysis.outcomes if outcome.result is CheckResult.FAILED]
    assert all(outcome.message for outcome in failed)


@pytest.mark.parametrize("fixture", PASS, ids=name)
def test_pass_fixture_has_no_finding(fixture: Path) -> None:
    assert not marked_lines(fixture)
    analysis = scan(fixture)
    assert findings(analysis, fixture.parent.name) == set()
    undecided = findings(analysis, fixture.parent.name, CheckResult.UNKNOWN)
    assert bool(undecided) is fixture.name.startswith("pass_undecided")


def test_each_finding_is_reported_once() -> None:
    for fixture in FAIL:
        failed = [
            (outcome.check.id, outcome.path, outcome.resource)
            for outcome in scan(fixture).outcomes
            if outcome.result is CheckResult.FAILED
        ]
        assert len(failed) == len(set(failed)), fixture


def test_every_rule_has_fixtures_of_both_kinds() -> None:
    ours = {check.id for check in registry.builtin_checks()}
    assert {fixture.parent.name for fixture in FAIL} == ours
    assert {fixture.parent.name for fixture in PASS} == ours


def rules() -> list[BaseUpstreamCheck]:
    return [check for check in registry.builtin_checks() if isinstance(check, BaseUpstreamCheck)]


@pytest.mark.parametrize("check", rules(), ids=lambda check: check.id)
def test_the_examples_of_a_rule_are_true(check: BaseUpstreamCheck, tmp_path: Path) -> None:
    beside = RULES / check.id / "beside"  # the files that the examples name
    if beside.is_dir():
        shutil.copytree(beside, tmp_path, dirs_exist_ok=True)
    bad = tmp_path / "bad.conf"
    bad.write_text(check.rule.example, encoding="utf-8")
    good = tmp_path / "good.conf"
    good.write_text(check.rule.use_instead, encoding="utf-8")
    failed = {o.check.id for o in scan(bad).outcomes if o.result is CheckResult.FAILED}
    assert failed == {check.id}
    outcomes = scan(good).outcomes
    assert {o.check.id for o in outcomes if o.result is not CheckResult.PASSED} == set()
    assert check.id in {o.check.id for o in outcomes}


@pytest.mark.parametrize("check", rules(), ids=lambda check: check.id)
def test_a_rule_says_everything_about_itself(check: BaseUpstreamCheck) -> None:
    rule = check.rule
    assert rule.severity in {"LOW", "MEDIUM", "HIGH"}
    assert rule.guideline.startswith("https://nginx.org/en/docs/")
    assert all((rule.title, rule.what, rule.why, rule.example, rule.use_instead, rule.nginx, rule.cwe))
