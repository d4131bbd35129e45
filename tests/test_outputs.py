"""The nginx report in everything that Checkov can print, and what its flags make of it."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from checkov_process import (
    CHECKOV,
    NGINX_CONF,
    POLICIES,
    REPOSITORY,
    VERIFY_OFF,
    VERIFY_UNSET,
    Finished,
    run,
    run_several,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

OFF, UNSET = "CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_03"
OURS = {(OFF, VERIFY_OFF), (UNSET, VERIFY_UNSET)}
FORMATS = {
    "cli": "results_cli.txt",
    "json": "results_json.json",
    "sarif": "results_sarif.sarif",
    "junitxml": "results_junitxml.xml",
    "gitlab_sast": "results_gitlab_sast.json",
    "github_failed_only": "results_github_failed_only.md",
    "cyclonedx": "results_cyclonedx.xml",
    "cyclonedx_json": "results_cyclonedx.json",
    "spdx": "results_spdx.spdx",
}
SKIPPED = """\
location / {
    proxy_pass https://lab.internal.example.com;
    proxy_ssl_verify off; # checkov:skip=CKV_NGINX_CUSTOM_01: a lab
}
"""
BROKEN = "server {\n    location / {\n        proxy_pass https://a.example.com;\n"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that scans of the unmodified Checkov write, in all its formats.

    With csv among them Checkov writes no other format, so it has a scan of its own.
    """
    directory = tmp_path_factory.mktemp("outputs")
    write(directory / "tree", {"nginx.conf": NGINX_CONF, "conf.d/lab.conf": SKIPPED, "Dockerfile": "FROM scratch\n"})
    (directory / "written").mkdir()
    for names in (FORMATS, ["csv"]):
        finished = run(
            CHECKOV,
            *("-d", ".", "--external-checks-dir", POLICIES, "--skip-download", "--framework", "dockerfile"),
            *(argument for name in names for argument in ("--output", name)),
            *("--output-file-path", "../written"),
            cwd=directory / "tree",
        )
        assert finished.code == 1
        assert "Traceback" not in finished.err
    return directory / "written"


def test_every_format_is_written_and_names_the_finding(outputs: Path) -> None:
    written = {path.name: path.read_text() for path in outputs.iterdir()}

    packages_only = FORMATS["spdx"]
    assert set(FORMATS.values()) <= set(written)
    assert all(OFF in written[file] for file in FORMATS.values() if file != packages_only)


def test_cli(outputs: Path) -> None:
    text = (outputs / FORMATS["cli"]).read_text()

    assert "nginx scan results:" in text
    assert "Failed checks: 2, Skipped checks: 1" in text
    assert f"FAILED for resource: {VERIFY_OFF}" in text
    assert "File: /nginx.conf:8-8" in text
    assert "            proxy_ssl_verify off;\n" in text
    assert "Suppress comment: a lab" in text


def test_json(outputs: Path) -> None:
    reports = json.loads((outputs / FORMATS["json"]).read_text())
    (ours,) = [report for report in reports if report["check_type"] == "nginx"]

    assert {(record["check_id"], record["resource"]) for record in ours["results"]["failed_checks"]} == OURS
    assert ours["summary"]["resource_count"] > 0


@pytest.fixture(scope="module")
def sarif(outputs: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((outputs / FORMATS["sarif"]).read_text())
    return document


def test_sarif_follows_the_official_schema(sarif: dict[str, Any]) -> None:
    schema = json.loads((REPOSITORY / "tests" / "data" / "sarif-schema-2.1.0.json").read_text())

    validator = jsonschema.validators.validator_for(schema)(schema)

    assert [error.message for error in validator.iter_errors(sarif)] == []


def test_sarif_results(sarif: dict[str, Any]) -> None:
    (execution,) = sarif["runs"]
    results = {result["ruleId"]: result for result in execution["results"] if "suppressions" not in result}
    off = results[OFF]

    assert off["level"] == "error"
    assert "proxy_ssl_verify" in off["message"]["text"]
    assert off["message"]["text"] != "Ensure upstream certificate verification is not disabled"
    location = off["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "nginx.conf"
    assert location["region"]["startLine"] == location["region"]["endLine"] == 8
    rule = execution["tool"]["driver"]["rules"][off["ruleIndex"]]
    assert rule["id"] == OFF
    assert rule["shortDescription"]["text"] == "Ensure upstream certificate verification is not disabled"
    assert rule["helpUri"].startswith("https://nginx.org/")
    assert "CKV_DOCKER_2" in results


def test_sarif_of_other_frameworks_is_what_it_is_without_us(outputs: Path, sarif: dict[str, Any]) -> None:
    arguments = ("-d", ".", "--skip-download", "--framework", "dockerfile", "--output", "sarif")
    run(CHECKOV, *arguments, "--output-file-path", "../alone", cwd=outputs.parent / "tree")
    (alone,) = json.loads((outputs.parent / "alone" / "results_sarif.sarif").read_text())["runs"]
    (together,) = sarif["runs"]

    def of_others(found: list[dict[str, Any]], key: str) -> str:
        return json.dumps([one for one in found if not one[key].startswith("CKV_NGINX_CUSTOM_")])

    assert of_others(together["results"], "ruleId") == json.dumps(alone["results"]) != "[]"
    assert of_others(together["tool"]["driver"]["rules"], "id") == json.dumps(alone["tool"]["driver"]["rules"])


def test_sarif_is_the_same_both_ways_and_from_any_directory(outputs: Path, sarif: dict[str, Any]) -> None:
    arguments = ("-d", outputs.parent / "tree", "--framework", "dockerfile", "nginx", "--output", "sarif")
    run_several([(*arguments, "--output-file-path", "elsewhere")], outputs.parent)
    (other,) = json.loads((outputs.parent / "elsewhere" / "results_sarif.sarif").read_text())["runs"]

    def ours(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [result for result in found if result["ruleId"].startswith("CKV_NGINX_CUSTOM_")]

    assert ours(other["results"]) == ours(sarif["runs"][0]["results"]) != []
    assert other["tool"] == sarif["runs"][0]["tool"]


def test_sarif_suppressions(sarif: dict[str, Any]) -> None:
    suppressions = [
        (result["ruleId"], result["suppressions"]) for result in sarif["runs"][0]["results"] if "suppressions" in result
    ]

    assert suppressions == [(OFF, [{"kind": "inSource", "justification": "a lab"}])]


def test_junit(outputs: Path) -> None:
    suites = ET.parse(outputs / FORMATS["junitxml"]).getroot()  # noqa: S314  # our own output
    (suite,) = [suite for suite in suites if suite.attrib["name"] == "nginx scan"]

    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("2", "1")


def test_gitlab(outputs: Path) -> None:
    found = json.loads((outputs / FORMATS["gitlab_sast"]).read_text())["vulnerabilities"]

    assert {"CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_03"} <= {
        identifier["value"] for vulnerability in found for identifier in vulnerability["identifiers"]
    }
    assert {"file": "nginx.conf", "start_line": 8, "end_line": 8}.items() <= next(
        vulnerability["location"] for vulnerability in found if vulnerability["identifiers"][0]["value"] == OFF
    ).items()


def test_cyclonedx(outputs: Path) -> None:
    document = json.loads((outputs / FORMATS["cyclonedx_json"]).read_text())

    assert {OFF, UNSET} <= {vulnerability["id"] for vulnerability in document["vulnerabilities"]}
    ET.parse(outputs / FORMATS["cyclonedx"])  # noqa: S314  # our own output


def test_csv(outputs: Path) -> None:
    (file,) = outputs.glob("*_iac.csv")

    rows = list(csv.DictReader(file.read_text().splitlines()))

    assert [row for row in rows if row["Misconfigurations"] == OFF and row["Resource"] == VERIFY_OFF]


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    directory = tmp_path_factory.mktemp("flags")
    write(directory / "tree", {"nginx.conf": NGINX_CONF})
    write(directory / "grown", {"nginx.conf": "# moved\n" * 3 + NGINX_CONF, "conf.d/new.conf": NGINX_CONF})
    write(directory / "good", {"app.conf": NGINX_CONF[: NGINX_CONF.index("        location / ")] + "}}\n"})
    nginx = ("-d", "tree", "--framework", "nginx")
    scans: dict[str, tuple[str, ...]] = {
        "none": (*nginx, "-o", "json"),
        "soft": (*nginx, "--soft-fail"),
        "soft high": (*nginx, "--soft-fail-on", "HIGH"),
        "soft medium": (*nginx, "--soft-fail-on", "MEDIUM"),
        "soft wildcard": (*nginx, "--soft-fail-on", "CKV_NGINX_CUSTOM_*"),
        "soft one": (*nginx, "--soft-fail-on", OFF),
        "soft both": (*nginx, "--soft-fail-on", f"{OFF},{UNSET}"),
        "hard high": (*nginx, "--hard-fail-on", "HIGH"),
        "hard critical": (*nginx, "--hard-fail-on", "CRITICAL"),
        "hard and soft": (*nginx, "--soft-fail", "--hard-fail-on", OFF),
        "hard other": (*nginx, "--hard-fail-on", "CKV_NGINX_CUSTOM_02"),
        "check": (*nginx, "-o", "json", "--check", "CKV_NGINX_CUSTOM_*", "--skip-check", UNSET),
        "check severity": (*nginx, "-o", "json", "--check", "HIGH"),
        "skip path": (*nginx, "-o", "json", "--skip-check", f"{OFF}:nginx.conf$"),
        "compact": (*nginx, "--compact"),
        "quiet": (*nginx, "--quiet"),
        "verbose": nginx,
        "create baseline": (*nginx, "--create-baseline"),
        "baseline": ("-d", "grown", "--framework", "nginx", "-o", "json", "--baseline", "tree/.checkov.baseline"),
        "same baseline": (*nginx, "--baseline", "tree/.checkov.baseline"),
        "nothing to connect to": ("-d", "good", "--framework", "nginx"),
    }
    return dict(zip(scans, run_several(list(scans.values()), directory)))


@pytest.mark.parametrize(
    ("flag", "code"),
    [
        ("none", 1),
        ("soft", 0),
        ("soft high", 0),
        ("soft medium", 1),
        ("soft wildcard", 0),
        ("soft one", 1),
        ("soft both", 0),
        ("hard high", 1),
        ("hard critical", 0),
        ("hard and soft", 1),
        ("hard other", 0),
        ("create baseline", 1),
        ("baseline", 1),
        ("same baseline", 0),
        ("nothing to connect to", 0),
    ],
)
def test_exit_codes(flags: dict[str, Finished], flag: str, code: int) -> None:
    assert flags[flag].code == code


def test_filters(flags: dict[str, Finished]) -> None:
    assert flags["check"].failed() == {(OFF, VERIFY_OFF)}
    assert flags["check severity"].failed() == OURS
    assert flags["skip path"].failed() == {(UNSET, VERIFY_UNSET)}


def test_a_baseline_hides_what_was_there_and_no_more(flags: dict[str, Finished]) -> None:
    assert flags["baseline"].failed() == {
        (check_id, resource.replace("nginx.conf", "conf.d/new.conf")) for check_id, resource in OURS
    }


def test_compact_and_quiet(flags: dict[str, Finished]) -> None:
    line = "            proxy_ssl_verify off;\n"
    assert line in flags["verbose"].out
    assert line not in flags["compact"].out
    assert "PASSED for resource: nginx.conf" in flags["verbose"].out
    assert "PASSED for resource" not in flags["quiet"].out
    assert "By Prisma Cloud" not in flags["quiet"].out


def test_parsing_errors_fail_on_demand(tmp_path: Path) -> None:
    write(tmp_path / "tree", {"broken.conf": BROKEN})
    arguments = ("-d", "tree", "--external-checks-dir", POLICIES, "--skip-download", "--framework", "dockerfile")

    lenient = run(CHECKOV, *arguments, cwd=tmp_path)
    strict = run(CHECKOV, *arguments, cwd=tmp_path, environment={"CKV_PARSE_ERROR_FAIL": "true"})

    assert (lenient.code, strict.code) == (0, 1)
    for finished in (lenient, strict):
        assert "Parsing errors: 1" in finished.out
        assert "/broken.conf:" in finished.out
        (line,) = finished.err.splitlines()
        assert line.startswith("checkov-nginx-tls: 1 nginx parsing error")
