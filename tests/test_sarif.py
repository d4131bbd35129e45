"""SARIF of findings: rules, results, fixes, and what dashboards ask of them."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from checkov_nginx_tls import sarif
from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.catalogue import rules
from checkov_nginx_tls.findings import Edit, Finding, Fix, Location, Suppression, findings
from checkov_nginx_tls.places import Region
from checkov_nginx_tls.repository_paths import RepositoryPaths
from checkov_process import write
from sarif_schema import SCHEMA, schema_errors, validator_complaints

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from checkov_nginx_tls.rule import Rule

each_rule = pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.id))
RULES = [sarif.rule_of(rule) for rule in rules()]
NO_PAGE = "does not provide 'informationUri'"  # the project has no page of its own to name


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "check_id": "CKV_NGINX_CUSTOM_01",
        "title": "Ensure something",
        "severity": "HIGH",
        "message": "proxy_ssl_verify is off for https://a (conf.d/a.conf:12), https://b (b.conf:1): nginx talks.",
        "guideline": "https://nginx.org/x",
        "path": "/w/base.conf",
        "file": "base.conf",
        "uri": "base.conf",
        "region": Region(3, 3, 5, 26),
        "snippet": "proxy_ssl_verify off;",
        "resource": "http.proxy_ssl_verify",
        "fingerprint": "0" * 32,
        "related": (
            Location("conf.d/a.conf", Region(12, 12, 1, 9), "conf.d/a.conf:12", "the connection"),
            Location("a.conf", Region(1, 1, 1, 9), "a.conf:1", "another"),
            Location("b.conf", Region(1, 1, 1, 9), "b.conf:1", "the connection"),
        ),
    }
    return Finding(**{**values, **changes})


def log(found: Sequence[Finding], notifications: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return sarif.log_of(RULES, found, notifications, "1.0.0")


@each_rule
def test_a_rule_is_all_that_a_dashboard_shows(rule: Rule) -> None:
    made = sarif.rule_of(rule)

    assert made["name"].isalnum()
    assert 0 < len(made["shortDescription"]["text"]) <= 1024
    assert 0 < len(made["fullDescription"]["text"]) <= 1024
    assert made["help"]["markdown"].startswith(f"# {rule.id}: {rule.title}\n")
    assert rule.why.split(". ")[0].split()[0] in made["help"]["text"]
    assert made["helpUri"] == rule.guideline
    tags = made["properties"]["tags"]
    assert tags[:2] == ["security", f"external/cwe/cwe-{rule.cwe}"]
    assert ("CIS-NGINX-4.1.10" in tags) == ("CIS NGINX Benchmark 4.1.10" in rule.benchmarks)
    assert len(tags) == len(set(tags)) <= 20
    assert made["properties"]["precision"] in ("very-high", "high", "medium", "low")


@each_rule
def test_level_and_score_agree_with_the_severity(rule: Rule) -> None:
    made = sarif.rule_of(rule)

    score = float(made["properties"]["security-severity"])
    github = "CRITICAL" if score > 9 else "HIGH" if score >= 7 else "MEDIUM" if score >= 4 else "LOW"
    assert github == rule.severity
    levels = {"HIGH": "error", "MEDIUM": "warning", "LOW": "note"}
    assert made["defaultConfiguration"]["level"] == levels[rule.severity] == sarif.level(rule.severity)


def test_a_users_check_has_a_rule_too() -> None:
    made = sarif.rule_of_check("CKV_ACME_1", "Ensure responses are buffered", "MEDIUM", "not a link")
    bare = sarif.rule_of_check("CKV_ACME_2", "%", None, None)

    assert made["properties"] == {"tags": ["security", "nginx"], "security-severity": "6.9"}
    assert "helpUri" not in made
    assert (bare["name"], bare["defaultConfiguration"]["level"]) == ("Check", "error")
    assert "properties" not in bare
    both = [finding(check_id="CKV_ACME_1"), finding(check_id="CKV_ACME_2", severity=None)]
    assert schema_errors(sarif.log_of([made, bare], both, [], "1.0.0")) == []


def test_a_result_has_columns_links_and_fingerprints() -> None:
    (result,) = log([finding()])["runs"][0]["results"]

    location = result["locations"][0]
    assert location["physicalLocation"]["region"] == {
        "startLine": 3,
        "endLine": 3,
        "startColumn": 5,
        "endColumn": 26,
        "snippet": {"text": "proxy_ssl_verify off;"},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "base.conf:http.proxy_ssl_verify"}]
    assert result["partialFingerprints"] == {
        "checkovNginxTls/v1": "0" * 32,
        "primaryLocationLineHash": "0" * 32 + ":1",
    }
    assert [one["id"] for one in result["relatedLocations"]] == [1, 2, 3]
    assert result["message"]["text"] == (
        "proxy_ssl_verify is off for https://a ([conf.d/a.conf:12](1)), https://b ([b.conf:1](3)): nginx talks."
    )
    assert "suppressions" not in result
    assert "fixes" not in result


def test_text_of_scanned_files_makes_no_links() -> None:
    link, escaped = "off for [x](https://evil.example)", r"off for \[x](https://evil.example)"
    related = Location("b.conf", Region(12, 12), "b.conf:13", link)
    trap = finding(message=f"{link} and [::1]:443 (b.conf:12)", related=(related,), fixes=(Fix(link, ()),))
    (result,) = log([trap], [sarif.notification("[a](b)")])["runs"][0]["results"]

    assert result["message"]["text"] == f"{escaped} and [::1]:443 (b.conf:12)"
    assert result["relatedLocations"][0]["message"]["text"] == escaped
    assert result["fixes"][0]["description"]["text"] == escaped


def test_suppressions_have_their_kind_and_reason() -> None:
    results = log(
        [finding(suppression=Suppression("a lab")), finding(suppression=Suppression("known", in_source=False))]
    )["runs"][0]["results"]

    assert [result["suppressions"] for result in results] == [
        [{"kind": "inSource", "justification": "a lab"}],
        [{"kind": "external", "justification": "known"}],
    ]


def test_fixes_are_edits_by_file() -> None:
    fix = Fix(
        "turn verification on",
        (
            Edit("b.conf", Region(9, 9, 1, 1), "x;\n"),
            Edit("a.conf", Region(4, 4, 22, 25), "on"),
            Edit("a.conf", Region(2, 2, 1, 8), ""),
        ),
    )
    made = log([finding(fixes=(fix,))])

    assert made["runs"][0]["results"][0]["fixes"] == [
        {
            "description": {"text": "turn verification on"},
            "artifactChanges": [
                {
                    "artifactLocation": {"uri": "a.conf"},
                    "replacements": [
                        {"deletedRegion": {"startLine": 2, "endLine": 2, "startColumn": 1, "endColumn": 8}},
                        {
                            "deletedRegion": {"startLine": 4, "endLine": 4, "startColumn": 22, "endColumn": 25},
                            "insertedContent": {"text": "on"},
                        },
                    ],
                },
                {
                    "artifactLocation": {"uri": "b.conf"},
                    "replacements": [
                        {
                            "deletedRegion": {"startLine": 9, "endLine": 9, "startColumn": 1, "endColumn": 1},
                            "insertedContent": {"text": "x;\n"},
                        }
                    ],
                },
            ],
        }
    ]
    assert schema_errors(made) == []


def test_what_could_not_be_judged_is_a_notification() -> None:
    made = log([], [sarif.notification("unexpected end of file", ("a.conf", Region(3, 3)))])

    (invocation,) = made["runs"][0]["invocations"]
    assert invocation == {
        "executionSuccessful": True,
        "toolExecutionNotifications": [
            {
                "level": "error",
                "message": {"text": "unexpected end of file"},
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "a.conf"},
                            "region": {"startLine": 3, "endLine": 3},
                        }
                    }
                ],
            }
        ],
    }
    assert schema_errors(made) == []


def checkovs_log() -> dict[str, Any]:
    def rule(check_id: str) -> dict[str, Any]:
        return {"id": check_id, "name": check_id, "shortDescription": {"text": check_id}}

    def result(check_id: str, index: int) -> dict[str, Any]:
        return {"ruleId": check_id, "ruleIndex": index, "message": {"text": check_id}, "attachments": []}

    ids = ["CKV_AWS_1", "CKV_NGINX_CUSTOM_31", "CKV_AWS_2", "CKV_NGINX_CUSTOM_01"]
    return {
        "$schema": "https://example.com",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Checkov", "rules": [rule(one) for one in ids]}},
                "results": [result(one, ids.index(one)) for one in (*ids, "CKV_AWS_1")],
            }
        ],
    }


def test_completed_logs_leave_others_as_they_would_be_without_us() -> None:
    given = checkovs_log()
    untouched = copy.deepcopy(given)
    ours = {
        1: finding(check_id="CKV_NGINX_CUSTOM_31", uri="z.yaml"),
        3: finding(check_id="CKV_NGINX_CUSTOM_01", uri="a.conf"),
    }

    (run,) = sarif.complete(given, ours, RULES, [], "1.0.0")["runs"]

    assert given == untouched
    made = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in made[:2]] == ["CKV_AWS_1", "CKV_AWS_2"]
    assert made[2:] == RULES
    others = [result for result in run["results"] if result["ruleId"].startswith("CKV_AWS")]
    assert [(result["ruleId"], result["ruleIndex"], result["attachments"]) for result in others] == [
        ("CKV_AWS_1", 0, []),
        ("CKV_AWS_2", 1, []),
        ("CKV_AWS_1", 0, []),
    ]
    placed = [run["results"][number] for number in (1, 3)]
    assert [one["ruleId"] for one in placed] == ["CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_31"]
    assert all(made[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert run["tool"]["extensions"][0]["name"] == "checkov-nginx-tls"


@pytest.mark.parametrize(
    ("number", "error"), [(0, ValueError), (9, IndexError)], ids=["of another rule", "of no result"]
)
def test_results_that_do_not_belong_to_the_findings_are_refused(number: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        sarif.complete(checkovs_log(), {number: finding()}, RULES, [], "1.0.0")


@pytest.mark.parametrize("broken", [{}, {"runs": []}, {"runs": [{"tool": {"driver": {}}}]}])
def test_a_log_of_another_form_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        sarif.complete(broken, {}, RULES, [], "1.0.0")


SERVERS = 200


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The log of a generated tree: many servers and files, odd names, skips, templates, text of other formats."""
    directory = tmp_path_factory.mktemp("large")
    files = {
        f"sites/site {number} (ü).conf": (
            "# moved\n" * (number % 7) + f"server {{\n    server_name s{number}.example.com;\n"
            f"    location / {{ proxy_pass https://192.0.2.{number % 250}; }}\n"
            f"    location /off {{ proxy_ssl_verify off; proxy_pass https://b{number}.example.com; }}"
            f"{' # checkov:skip=CKV_NGINX_CUSTOM_01: known' if number % 5 == 0 else ''}\n"
            "    location /on {\n        proxy_ssl_verify on;\n        proxy_ssl_trusted_certificate /ca.pem;\n"
            "        proxy_ssl_ciphers 'RC4-MD5';\n        proxy_ssl_protocols TLSv1;\n"
            "        proxy_pass https://[::1]:8443;\n    }\n"
            "    location /plain { proxy_pass http://www.google.com/[x](y); }\n}\n"
        )
        for number in range(SERVERS)
    }
    files["nginx.conf"] = "events {}\nhttp {\n    include sites/*.conf;\n}\n"
    files["broken.conf"] = "server { location / { proxy_pass https://a.example.com;\n"
    files["k8s/cm.yaml"] = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  a.conf: |\n    location / {\n"
        "      proxy_pass https://a.example.com;\n    }\n"
    )
    write(directory, files)
    paths = RepositoryPaths(str(directory))
    analysis = analyse(str(directory))
    found = [one for _, one in findings(analysis, paths)]
    problems = [
        sarif.notification(one.reason, (paths.uri(one.path), Region(one.line, one.line))) for one in analysis.problems
    ]
    return log(found, problems)


def test_every_result_of_a_large_scan_follows_the_schema(large: dict[str, Any]) -> None:
    (run,) = large["runs"]
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.validators.validator_for(schema)(
        {**schema["definitions"]["result"], "definitions": schema["definitions"]}
    )

    assert len(run["results"]) > 6 * SERVERS
    assert schema_errors({**large, "runs": [{**run, "results": run["results"][:1]}]}) == []
    assert [error.message for result in run["results"] for error in validator.iter_errors(result)] == []
    assert not validator.is_valid({**run["results"][0], "attachments": [{"description": "a text"}]})


def test_a_large_scan_stays_within_the_limits_of_dashboards(large: dict[str, Any]) -> None:
    run = large["runs"][0]
    results = run["results"]

    assert len(results) <= sarif.RESULT_LIMIT
    assert len(run["tool"]["driver"]["rules"]) == len(rules())
    assert all(len(result.get("relatedLocations", [])) <= 100 for result in results)
    uris = {one["physicalLocation"]["artifactLocation"]["uri"] for result in results for one in result["locations"]}
    assert "sites/site%200%20%28%C3%BC%29.conf" in uris
    assert all(uri.isascii() and "\\" not in uri and " " not in uri and not uri.startswith("/") for uri in uris)
    fingerprints = [result["partialFingerprints"]["checkovNginxTls/v1"] for result in results]
    assert len(set(fingerprints)) == len(results)
    assert sum("suppressions" in result for result in results) == SERVERS // 5


def test_the_sarif_sdk_has_nothing_against_a_large_scan(large: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "large.sarif"
    file.write_text(json.dumps(large))

    assert [one for one in validator_complaints(file) if NO_PAGE not in one] == []
