"""What the README says about rules and requirements is what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.catalogue import rules

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")


def test_the_table_of_rules_is_complete_and_true() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| [`CKV_NGINX_CUSTOM_")]
    assert rows == [
        f"| [`{rule.id}`](policies/rules/{rule.id}.md) | {rule.severity} | {rule.title} |" for rule in rules()
    ]


def test_the_requirements_are_those_of_the_package() -> None:
    python, checkov = re.search(r"Python ([\d.]+) or newer, and Checkov ([\d.]+) or newer", README).groups()  # type: ignore[union-attr]
    assert f'requires-python = ">={python}"' in PROJECT
    assert f'"checkov>={checkov}"' in PROJECT


def test_the_number_of_findings_in_the_demonstration_is_true() -> None:
    outcomes = analyse(str(REPOSITORY / "tests" / "fixtures" / "demo")).outcomes
    failed = [outcome for outcome in outcomes if outcome.result is CheckResult.FAILED]
    assert len(failed) == 8
    assert "eight mistakes in the nginx configuration" in README
