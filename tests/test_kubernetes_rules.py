"""Each rule about Kubernetes objects on its fixtures: ``fail_*``, ``pass_*`` and ``undecided_*``.

A fixture is a YAML file below tests/fixtures/kubernetes/ID, or a directory of them. In a fail fixture the comment
``# finding`` stands at the end of the line with the ``kind`` of every object that the rule must report, and nowhere
else. To add a case, add a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.kubernetes.catalogue import KUBERNETES_RULES
from checkov_nginx_tls.kubernetes.definitions import JUDGED_KINDS
from kubernetes_scan import found, marked, scan

if TYPE_CHECKING:
    from checkov_nginx_tls.kubernetes.kubernetes_rule import KubernetesRule

FIXTURES = Path(__file__).parent / "fixtures" / "kubernetes"
FAIL = sorted(FIXTURES.glob("*/fail_*"))
PASS = sorted(FIXTURES.glob("*/pass_*"))
UNDECIDED = sorted(FIXTURES.glob("*/undecided_*"))

each_rule = pytest.mark.parametrize("rule", KUBERNETES_RULES, ids=lambda rule: str(rule.rule.id))


def name(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("fixture", FAIL, ids=name)
def test_fail_fixture_has_the_findings_it_marks(fixture: Path) -> None:
    expected = marked(fixture)
    assert expected, "a fail fixture marks the kind of its objects with '# finding'"
    records = scan(fixture).failed(fixture.parent.name)
    hit, without = found(records, expected)
    assert [record.resource for record in without] == []
    assert hit == expected
    assert all(record.details and record.severity and record.guideline for record in records)


@pytest.mark.parametrize("fixture", PASS, ids=name)
def test_pass_fixture_has_no_finding(fixture: Path) -> None:
    assert not marked(fixture)
    scanned = scan(fixture)
    assert scanned.failed(fixture.parent.name) == []
    assert scanned.undecided_by(fixture.parent.name) == []


@pytest.mark.parametrize("fixture", UNDECIDED, ids=name)
def test_undecided_fixture_is_neither_passed_nor_failed_but_counted(fixture: Path) -> None:
    assert not marked(fixture)
    scanned = scan(fixture)
    assert scanned.failed(fixture.parent.name) == []
    assert scanned.undecided_by(fixture.parent.name)
    (warning,) = scanned.warnings
    assert "Kubernetes object(s) undecided" in warning


def test_fixtures_are_fixtures_of_rules() -> None:
    """Every rule has both kinds; nothing else stands there that would not be tested."""
    ours = {rule.rule.id for rule in KUBERNETES_RULES}
    for fixtures in (FAIL, PASS, UNDECIDED):
        assert {fixture.parent.name for fixture in fixtures} == ours
    tested = {*FAIL, *PASS, *UNDECIDED}
    assert {path for path in FIXTURES.glob("*/*") if path.suffix in {".yaml", ""}} == tested


@each_rule
def test_the_examples_of_a_rule_are_true(rule: KubernetesRule, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
    bad.write_text(rule.rule.example, encoding="utf-8")
    good.write_text(rule.rule.use_instead, encoding="utf-8")
    scanned = scan(bad)
    assert {record.check_id for record in scanned.report.failed_checks} == {rule.rule.id}
    scanned = scan(good)
    assert scanned.report.failed_checks == []
    assert scanned.undecided == ()
    assert rule.rule.id in {record.check_id for record in scanned.report.passed_checks}


@each_rule
def test_a_rule_says_everything_about_itself(rule: KubernetesRule) -> None:
    text = rule.rule
    assert text.severity in {"LOW", "MEDIUM", "HIGH"}
    assert text.language == "yaml"
    assert text.guideline.startswith(("https://kubernetes.github.io/ingress-nginx/", "https://docs.nginx.com/"))
    assert all((text.title, text.what, text.why, text.nginx, text.cwe, rule.kinds))


def test_the_kinds_that_are_judged_are_those_of_the_rules() -> None:
    assert {kind for rule in KUBERNETES_RULES for kind in rule.kinds} == JUDGED_KINDS


def test_ids_are_in_order() -> None:
    ids = [rule.rule.id for rule in KUBERNETES_RULES]
    assert ids == sorted(set(ids))


def test_results_are_those_that_checkov_keeps() -> None:
    scanned = scan(FIXTURES / "CKV_NGINX_CUSTOM_31" / "fail_protocol_alone.yaml")
    (record,) = scanned.failed("CKV_NGINX_CUSTOM_31")
    assert record.resource == "Ingress.shop.shop"
    assert record.check_result == {
        "result": CheckResult.FAILED,
        "evaluated_keys": [
            "metadata/annotations/nginx.ingress.kubernetes.io/backend-protocol",
            "metadata/annotations/nginx.ingress.kubernetes.io/proxy-ssl-verify",
        ],
    }
