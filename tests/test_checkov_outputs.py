"""Our records in Checkov's SARIF, JUnit and GitLab outputs and in baselines, and other frameworks' beside them."""

from __future__ import annotations

import copy
import json
import logging
import os
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from checkov.common.bridgecrew.severities import get_severity
from checkov.common.models.enums import CheckResult
from checkov.common.output.baseline import Baseline
from checkov.common.output.gitlab_sast import GitLabSast
from checkov.common.output.record import Record
from checkov.common.output.report import Report
from checkov.common.output.sarif import Sarif

from checkov_nginx_tls import plugin
from checkov_nginx_tls.lint import lint
from checkov_nginx_tls.runner import Runner
from checkov_process import NGINX_CONF, write
from kubernetes_scan import scan
from sarif_schema import schema_errors

OFF, UNSET, INGRESS = "CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_03", "CKV_NGINX_CUSTOM_31"
PATCHED = (
    (Sarif, "create_json"),
    (Report, "get_test_suite"),
    (GitLabSast, "_create_iac_vulnerability"),
    (Baseline, "_is_check_in_baseline"),
)
LAB = "location / {\n    proxy_pass https://lab.example.com; # checkov:skip=CKV_NGINX_CUSTOM_03:  a lab \n}\n"
OBJECT = """\
# the shop
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop{skip}
  annotations:
    nginx.ingress.kubernetes.io/backend-protocol: "HTTPS"
"""
SKIPPED_OBJECT = OBJECT.replace("{skip}", "-2") + f'    checkov.io/skip1: "{INGRESS}=moves next week"\n'


@pytest.fixture
def improved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin's changes to Checkov's outputs, taken back at the end."""
    for owner, name in PATCHED:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    plugin._improve_outputs()
    plugin._improve_outputs()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(
        tmp_path_factory.mktemp("tree") / "work",
        {
            ".git/HEAD": "",
            "deploy/nginx.conf": NGINX_CONF,
            "deploy/conf.d/lab.conf": LAB,
            "deploy/conf.d/broken.conf": "location / { proxy_pass https://a.example.com;\n",
            "deploy/k8s/a.yaml": OBJECT.replace("{skip}", "") + "---\n" + SKIPPED_OBJECT,
        },
    )


def reports(tree: Path) -> list[Report]:
    """What a scan of a tree gives: our framework's report and kubernetes' among those of others."""
    return [
        other("dockerfile"),
        scan(tree / "deploy").report,
        other("terraform"),
        Runner().run(root_folder=str(tree / "deploy")),
    ]


def other(check_type: str) -> Report:
    report = Report(check_type)
    for number in range(2):
        report.add_record(record(f"CKV_{check_type.upper()}_{number}"))
    report.add_record(record(f"CKV_{check_type.upper()}_0", CheckResult.SKIPPED))
    return report


def record(check_id: str, result: CheckResult = CheckResult.FAILED) -> Record:
    return Record(
        check_id=check_id,
        check_name="Ensure something",
        check_result={"result": result, "suppress_comment": " why"},
        code_block=[(1, "a\n")],
        file_path="/a",
        file_line_range=[1, 1],
        resource="a:b",
        evaluations=None,
        check_class="checkov.something",
        file_abs_path="/a",
        details=["what is wrong there"],
        severity=get_severity("LOW"),
    )


def sarif(made: list[Report]) -> dict[str, Any]:
    (run,) = Sarif(made, None).json["runs"]
    return dict(run)


def of_others(run: dict[str, Any]) -> str:
    rules = [rule for rule in run["tool"]["driver"]["rules"] if not rule["id"].startswith("CKV_NGINX_CUSTOM_")]
    results = [result for result in run["results"] if not result["ruleId"].startswith("CKV_NGINX_CUSTOM_")]
    return json.dumps([rules, results])


def ours(run: dict[str, Any]) -> list[dict[str, Any]]:
    return [result for result in run["results"] if result["ruleId"].startswith("CKV_NGINX_CUSTOM_")]


def uri_of(result: dict[str, Any]) -> str:
    return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def test_results_and_rules_of_others_stay_byte_for_byte(tree: Path, improved: None) -> None:
    alone = sarif([other("dockerfile"), other("terraform")])
    together = sarif(reports(tree))

    assert of_others(together) == of_others(alone)
    assert "extensions" not in alone["tool"]
    assert len(ours(together)) == 5


def test_our_results_say_everything(tree: Path, improved: None) -> None:
    run = sarif(reports(tree))

    assert schema_errors({"version": "2.1.0", "runs": [{**run, "results": ours(run)}]}) == []
    found = {(result["ruleId"], uri_of(result), "suppressions" in result): result for result in ours(run)}
    assert set(found) == {
        (OFF, "deploy/nginx.conf", False),
        (UNSET, "deploy/nginx.conf", False),
        (UNSET, "deploy/conf.d/lab.conf", True),
        (INGRESS, "deploy/k8s/a.yaml", False),
        (INGRESS, "deploy/k8s/a.yaml", True),
    }
    off = found[OFF, "deploy/nginx.conf", False]
    assert off["message"]["text"].startswith(
        "proxy_ssl_verify is off for https://app.internal.example.com ([nginx.conf:7](1)): nginx talks to whoever "
    )
    assert off["locations"][0]["physicalLocation"]["region"]["startColumn"] == 13
    ingress = found[INGRESS, "deploy/k8s/a.yaml", False]
    assert ingress["message"]["text"].startswith("Nothing turns verification on")
    assert ingress["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 7,
        "endLine": 7,
        "startColumn": 5,
        "endColumn": 58,
        "snippet": {"text": 'nginx.ingress.kubernetes.io/backend-protocol: "HTTPS"'},
    }
    skipped = found[INGRESS, "deploy/k8s/a.yaml", True]
    assert skipped["suppressions"] == [{"kind": "inSource", "justification": "moves next week"}]
    assert skipped["message"] == ingress["message"]
    assert found[UNSET, "deploy/conf.d/lab.conf", True]["suppressions"] == [
        {"kind": "inSource", "justification": "a lab"}
    ]
    (invocation,) = run["invocations"]
    (error,) = invocation["toolExecutionNotifications"]
    assert error["message"]["text"].startswith("/conf.d/broken.conf:")


@pytest.mark.parametrize("here", [".", "deploy", "deploy/k8s", ".."])
def test_no_uri_depends_on_the_directory_or_on_the_spelling_of_the_root(
    tree: Path, improved: None, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    expected = ours(sarif(reports(tree)))
    monkeypatch.chdir(tree / here)
    spelled = Path(os.path.relpath(tree / "deploy"))

    found = ours(sarif([scan(spelled).report, Runner().run(root_folder=str(spelled))]))

    without_index = [{**result, "ruleIndex": 0} for result in found]
    assert without_index == [{**result, "ruleIndex": 0} for result in expected]


def test_objects_are_found_where_they_stand_however_they_are_written(tmp_path: Path, improved: None) -> None:
    annotations = {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"}
    metadata = {"name": "shop", "annotations": annotations}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata}
    several = {"apiVersion": "v1", "kind": "List", "items": [ingress]}
    written = OBJECT.replace("{skip}", "")
    write(
        tmp_path,
        {
            "flow.yaml": f"# a\n{json.dumps(ingress, indent=1)}\n",
            "list.json": json.dumps(several, indent=2),
            "one.json": json.dumps(ingress),
            "same.yaml": f'{written}    checkov.io/skip1: "{INGRESS}=why"\n---\n\n{written}',
        },
    )

    results = ours(sarif([scan(tmp_path).report]))

    place = itemgetter("uri", "line", "column")
    places = [result["locations"][0]["physicalLocation"] for result in results]
    found = [
        {
            "uri": one["artifactLocation"]["uri"],
            "line": one["region"]["startLine"],
            "column": one["region"]["startColumn"],
            "fingerprint": result["partialFingerprints"]["checkovNginxTls/v1"],
        }
        for one, result in zip(places, results)
    ]
    assert sorted(map(place, found)) == [
        ("flow.yaml", 8, 5),
        ("list.json", 11, 12),
        ("one.json", 1, 105),
        ("same.yaml", 7, 5),
        ("same.yaml", 17, 5),
    ]
    linted = lint([str(tmp_path)], {}).findings
    assert sorted((one.uri, one.region.start_line, one.fingerprint) for one in linted) == sorted(
        (one["uri"], one["line"], one["fingerprint"]) for one in found
    )
    assert len({one["fingerprint"] for one in found}) == 5


def test_names_of_files_are_those_in_the_repository_byte_for_byte(
    tmp_path: Path, improved: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # Checkov logs names as they are, which pytest's workers cannot send home
    for name in (b"\xff.yaml", b"a\nb.yaml", b"\\x41.yaml", b"c%20d.yaml"):
        write(tmp_path, {f"tree/{os.fsdecode(name)}": OBJECT.replace("{skip}", "")})

    found = {(uri_of(one), one["partialFingerprints"]["checkovNginxTls/v1"]) for one in results_below(tmp_path)}

    assert {uri for uri, _ in found} == {"%FF.yaml", "a%0Ab.yaml", "%5Cx41.yaml", "c%2520d.yaml"}
    assert {(one.uri, one.fingerprint) for one in lint([str(tmp_path / "tree")], {}).findings} == found


def test_a_link_has_its_own_name(tmp_path: Path, improved: None) -> None:
    write(tmp_path, {"elsewhere/y.yaml": OBJECT.replace("{skip}", ""), "tree/.git/HEAD": "", "tree/deploy/x": ""})
    (tmp_path / "tree" / "deploy" / "link.yaml").symlink_to(tmp_path / "elsewhere" / "y.yaml")

    assert [uri_of(one) for one in results_below(tmp_path)] == ["deploy/link.yaml"]


def results_below(directory: Path) -> list[dict[str, Any]]:
    return ours(sarif([scan(directory / "tree").report]))


def test_ten_lines_at_the_top_change_no_fingerprint(tree: Path, improved: None, tmp_path: Path) -> None:
    before = sarif(reports(tree))
    moved = tmp_path / "moved"
    for path in sorted((tree / "deploy").rglob("*.*")):
        if path.is_file():
            name = f"deploy/{path.relative_to(tree / 'deploy')}"
            write(moved, {".git/HEAD": "", name: "# a line\n" * 10 + path.read_text()})
    after = sarif(reports(moved))

    def fingerprints(run: dict[str, Any]) -> list[Any]:
        return [result["partialFingerprints"] for result in ours(run)]

    def lines(run: dict[str, Any]) -> list[int]:
        return [result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in ours(run)]

    assert fingerprints(after) == fingerprints(before)
    assert lines(after) == [line + 10 for line in lines(before)]


def test_a_baselined_result_is_suppressed_from_outside(tree: Path, improved: None) -> None:
    made = reports(tree)
    for report in made:
        for one in report.failed_checks:
            if one.check_id in (OFF, INGRESS):
                one.check_result["result"] = CheckResult.SKIPPED
                one.check_result["suppress_comment"] = "baseline-skipped"
                report.skipped_checks.append(one)
        report.failed_checks = [one for one in report.failed_checks if one.check_id not in (OFF, INGRESS)]

    kinds = {
        (result["ruleId"], suppression["kind"], suppression["justification"])
        for result in ours(sarif(made))
        for suppression in result.get("suppressions", ())
    }
    assert kinds == {
        (OFF, "external", "baseline-skipped"),
        (INGRESS, "external", "baseline-skipped"),
        (INGRESS, "inSource", "moves next week"),
        (UNSET, "inSource", "a lab"),
    }


def test_a_severity_that_checkov_changed_counts(tree: Path, improved: None) -> None:
    made = reports(tree)
    for one in made[-1].failed_checks:
        one.severity = get_severity("LOW")

    levels = {result["ruleId"]: result["level"] for result in ours(sarif([made[-1]])) if "suppressions" not in result}
    assert levels == {OFF: "note", UNSET: "note"}


def test_too_many_results_are_announced(
    tree: Path, improved: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("checkov_nginx_tls.sarif.RESULT_LIMIT", 4)

    assert len(sarif(reports(tree))["results"]) == 11
    (message,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert "the SARIF file holds 11 results, and GitHub refuses files with more than 4" in message


@pytest.mark.parametrize(("owner", "name"), PATCHED)
def test_where_checkov_has_no_such_method_its_own_output_stays(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for patched, method in PATCHED:
        monkeypatch.setattr(patched, method, getattr(patched, method))
    monkeypatch.delattr(owner, name)

    plugin._improve_outputs()

    assert not hasattr(owner, name)
    (warning,) = caplog.messages
    assert f"this version of Checkov has no {owner.__name__}.{name}; " in warning


def results_of_fewer(this: Sarif) -> list[dict[str, Any]]:
    return original_results(this)[:-1]


def results_of_another_form(this: Sarif) -> list[dict[str, Any]]:
    return [{"rule": one["ruleId"]} for one in original_results(this)]


original_results = Sarif._create_results


@pytest.mark.parametrize("results", [results_of_fewer, results_of_another_form])
def test_where_checkov_makes_another_sarif_it_stays_with_one_warning(
    tree: Path, improved: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, results: Any
) -> None:
    monkeypatch.setattr(Sarif, "_create_results", results)
    given = reports(tree)
    caplog.clear()

    run = sarif(given)
    again = sarif(given)

    assert run["results"] == results(Sarif(given, None))
    assert run == again
    assert "extensions" not in run["tool"]
    (warning,) = caplog.messages
    assert warning.startswith("checkov-nginx-tls: this version of Checkov has another Sarif.create_json (")
    assert warning.endswith("); SARIF results of nginx do not follow the schema")


def test_a_sarif_without_anything_of_ours_is_not_looked_at(improved: None, caplog: pytest.LogCaptureFixture) -> None:
    report = other("dockerfile")
    run = sarif([report])

    assert run["results"][0]["attachments"] == [{"description": "what is wrong there"}]
    assert "invocations" not in run
    assert caplog.messages == []


def test_junit_says_what_is_wrong(tree: Path, improved: None) -> None:
    kubernetes, nginx = (one.get_test_suite() for one in reports(tree) if one.check_type in ("kubernetes", "nginx"))

    failures = [(case.name, failure) for case in nginx.test_cases for failure in case.failures]
    assert len(failures) == 2
    name, failure = next(one for one in failures if OFF in one[0])
    assert name == f"[HIGH][{OFF}] Ensure upstream certificate verification is not disabled"
    assert failure["message"].startswith("proxy_ssl_verify is off for https://app.internal.example.com (nginx.conf:7)")
    assert failure["output"].startswith(f"\nDetails: {failure['message']}\nResource: nginx.conf:http.server")
    (about,) = [one for case in kubernetes.test_cases if INGRESS in case.name for one in case.failures]
    assert about["message"].startswith("Nothing turns verification on")
    (theirs,) = [
        failure
        for case in other("terraform").get_test_suite().test_cases
        for failure in case.failures
        if "_1]" in case.name
    ]
    assert theirs["message"] == "Ensure something"
    assert "Details" not in theirs["output"]


def test_gitlab_says_what_is_wrong_and_where_in_the_repository(tree: Path, improved: None) -> None:
    found = GitLabSast(reports(tree)).sast_json["vulnerabilities"]

    described = {one["identifiers"][0]["value"]: one for one in found}
    assert described[OFF]["description"].startswith("proxy_ssl_verify is off for https://app.internal.example.com")
    assert described[OFF]["location"]["file"] == "deploy/nginx.conf"
    assert described[INGRESS]["description"].startswith("Nothing turns verification on")
    assert described["CKV_TERRAFORM_0"]["description"] == "Further info can be found None"


def baseline_of(made: list[Report]) -> Baseline:
    recorded = Baseline()
    for report in made:
        recorded.add_findings_from_report(report)
    compared = Baseline()
    compared.failed_checks = json.loads(json.dumps(recorded.to_dict()))["failed_checks"]
    return compared


def left(made: list[Report], baseline: Baseline) -> set[tuple[str, str, str]]:
    baseline.compare_and_reduce_reports(made)
    return {(one.check_id, one.file_path, one.resource) for report in made for one in report.failed_checks}


def test_a_baseline_holds_the_same_cause_and_no_other(tree: Path, improved: None, tmp_path: Path) -> None:
    baseline = baseline_of(reports(tree))
    assert left(reports(tree), baseline) == set()

    other_block = NGINX_CONF.replace(
        "location /good", "location /new { proxy_pass https://new.example.com; }\n        location /good"
    )
    changed = write(
        tmp_path / "changed",
        {
            "deploy/nginx.conf": "# moved\n" * 3 + other_block,
            "deploy/other.conf": NGINX_CONF,
            "deploy/k8s/a.yaml": "# moved\n" + OBJECT.replace("{skip}", ""),
            "deploy/k8s/overlay/a.yaml": OBJECT.replace("{skip}", ""),
        },
    )
    server = "http.server(app.example.com:443)"
    assert left(reports(changed), baseline) == {
        (UNSET, "/nginx.conf", f"nginx.conf:{server}.location(/new).proxy_pass"),
        (OFF, "/other.conf", f"other.conf:{server}.location(/).proxy_ssl_verify"),
        (UNSET, "/other.conf", f"other.conf:{server}.location(/rpc).grpc_pass"),
        (INGRESS, "/k8s/overlay/a.yaml", "Ingress.default.shop"),
    }


def test_records_print_nothing_of_their_findings_as_json(tree: Path) -> None:
    report = Runner().run(root_folder=str(tree / "deploy"))

    text = json.dumps(report.get_dict(), default=str)
    assert "fingerprint" not in text
    assert copy.copy(report.failed_checks[0]).check_id == report.failed_checks[0].check_id
