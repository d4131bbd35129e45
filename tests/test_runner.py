from __future__ import annotations

import json
import os
import pickle
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

import pytest
from checkov.common.bridgecrew.integration_features.integration_feature_registry import integration_feature_registry
from checkov.common.runners import base_runner
from checkov.common.util.json_utils import CustomJSONEncoder
from checkov.runner_filter import RunnerFilter

from checkov_nginx_tls.runner import Runner
from checkov_nginx_tls.texts import printable
from checkov_process import NGINX_CONF, VERIFY_OFF, VERIFY_UNSET, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from checkov.common.output.report import Report

OFF, UNSET = "CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_03"
PLAIN_LOCATION = "location / {\n    proxy_pass https://app.internal.example.com;\n    proxy_ssl_verify off;\n}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "tree", {"nginx.conf": NGINX_CONF})


def scan(root: Path | str | None, files: Sequence[Path | str] = (), **filters: Any) -> Report:
    return Runner().run(
        root_folder=None if root is None else str(root),
        files=[str(file) for file in files] or None,
        runner_filter=RunnerFilter(show_progress_bar=False, **filters),
    )


def failed(report: Report) -> list[tuple[str, str]]:
    return sorted((record.check_id, record.resource) for record in report.failed_checks)


def test_a_failed_check_is_a_complete_record(tree: Path) -> None:
    (record,) = [record for record in scan(tree).failed_checks if record.check_id == OFF]

    assert record.resource == VERIFY_OFF
    assert record.file_path == "/nginx.conf"
    assert record.file_abs_path == str(tree / "nginx.conf")
    assert record.file_line_range == [8, 8]
    assert record.code_block == [(8, "            proxy_ssl_verify off;\n")]
    assert record.check_result["evaluated_keys"]
    assert set(record.check_result) == {"result", "evaluated_keys"}
    assert record.check_class == "checkov_nginx_tls.checks.upstream_verify_disabled"
    assert record.severity is not None
    assert record.severity.name == "HIGH"
    assert record.guideline is not None
    assert record.guideline.startswith("https://nginx.org/")
    assert len(record.details) == 1
    assert "proxy_ssl_verify" in record.details[0]


def test_passed_checks_are_reported_without_details(tree: Path) -> None:
    report = scan(tree)

    assert [record.check_id for record in report.passed_checks]
    assert not any(record.details for record in report.passed_checks)
    assert report.resources


@pytest.mark.parametrize(
    ("outputs", "has_findings"), [(["cli", "json"], False), (["cli", "sarif"], True), (None, True)]
)
def test_findings_are_made_for_sarif_and_for_callers_that_tell_no_output(
    tree: Path, outputs: list[str] | None, has_findings: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Namespace(output=outputs) if outputs is not None else None
    monkeypatch.setattr(integration_feature_registry, "config", config)
    report = scan(tree)
    assert report.failed_checks
    assert {getattr(record, "finding", None) is not None for record in report.failed_checks} == {has_findings}
    assert all(getattr(record, "finding", None) is None for record in report.passed_checks)


def test_a_skipped_check_keeps_its_reason(tmp_path: Path) -> None:
    skip = "proxy_ssl_verify off; # checkov:skip=CKV_NGINX_CUSTOM_01: a lab"
    write(tmp_path, {"app.conf": PLAIN_LOCATION.replace("proxy_ssl_verify off;", skip)})

    (record,) = scan(tmp_path).skipped_checks

    assert record.check_result["suppress_comment"] == "a lab"


def test_a_report_survives_pickle_and_json(tree: Path) -> None:
    report = scan(tree)

    assert failed(pickle.loads(pickle.dumps(report))) == failed(report)  # noqa: S301  # as Checkov's runners do
    assert json.loads(json.dumps(report.get_dict(), cls=CustomJSONEncoder))["summary"]["failed"] == 2


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {OFF, UNSET}),
        ({"checks": [OFF]}, {OFF}),
        ({"checks": ["CKV_NGINX_*"]}, {OFF, UNSET}),
        ({"checks": ["CKV_DOCKER_*"]}, set()),
        ({"checks": ["CKV_DOCKER_*"], "all_external": True}, {OFF, UNSET}),
        ({"checks": ["HIGH"]}, {OFF, UNSET}),
        ({"checks": ["CRITICAL"]}, set()),
        ({"skip_checks": [UNSET]}, {OFF}),
        ({"skip_checks": ["CKV_NGINX_CUSTOM_*"]}, set()),
        ({"skip_checks": ["HIGH"]}, set()),
        ({"skip_checks": ["MEDIUM"]}, {OFF, UNSET}),
        ({"skip_checks": [f"{OFF}:/nginx.conf$"]}, {UNSET}),
        ({"skip_checks": [f"{OFF}:^/nginx.conf"]}, {UNSET}),
        ({"skip_checks": [f"{OFF}:other"]}, {OFF, UNSET}),
        ({"skip_checks": ["CKV_NGINX_CUSTOM_*:nginx"]}, set()),
    ],
)
def test_checks_are_filtered_as_checkov_filters(tree: Path, filters: dict[str, Any], expected: set[str]) -> None:
    assert {check_id for check_id, _ in failed(scan(tree, **filters))} == expected


def test_paths_are_filtered_as_checkov_filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directories = ["conf.d", "skipped", ".hidden", "node_modules", "vendored"]
    write(tmp_path, {f"{directory}/app.conf": PLAIN_LOCATION for directory in directories})
    monkeypatch.setattr(base_runner, "ignored_directories", ["node_modules", "vendored"])

    files = {record.file_path for record in scan(tmp_path, excluded_paths=["skipped"]).failed_checks}

    assert files == {"/conf.d/app.conf"}


def test_excluded_paths_are_matched_with_the_root_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a checkout's own path happens to contain excludes nothing, and `^conf.d` means the one at the top."""
    write(tmp_path / "work", {"conf.d/app.conf": PLAIN_LOCATION, "deep/conf.d/app.conf": PLAIN_LOCATION})
    monkeypatch.chdir(tmp_path / "work")

    report = scan(".", excluded_paths=["work", r"^\./conf\.d"])

    assert {record.file_path for record in report.failed_checks} == {"/deep/conf.d/app.conf"}


def test_explicit_files_are_named_from_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"sites-available/default": PLAIN_LOCATION, "main.tf": 'resource "a" "b" {}\n'})
    monkeypatch.chdir(tmp_path)

    report = scan(None, ["sites-available/default", "main.tf"])

    assert failed(report) == [(OFF, "sites-available/default:location(/).proxy_ssl_verify")]
    assert {record.file_path for record in report.failed_checks} == {"/sites-available/default"}
    assert {record.file_abs_path for record in report.failed_checks} == {str(tmp_path / "sites-available/default")}


def test_a_root_that_is_a_link_keeps_its_name(tmp_path: Path) -> None:
    write(tmp_path / "real", {"app.conf": PLAIN_LOCATION})
    (tmp_path / "link").symlink_to(tmp_path / "real")

    (record,) = scan(tmp_path / "link").failed_checks

    assert record.file_path == "/app.conf"
    assert record.file_abs_path == str(tmp_path / "link" / "app.conf")


@pytest.mark.parametrize("text", ["", 'resource "a" "b" {}\n', "\x00\x01binary"])
def test_an_explicit_file_that_is_not_nginx_gives_nothing(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, {"main.tf": text})

    report = scan(None, [tmp_path / "main.tf"])

    assert Runner().should_scan_file("main.tf")
    assert report.is_empty(full=True)
    assert capsys.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("checkov_nginx_tls")]


def test_nothing_to_scan_is_an_empty_report(tmp_path: Path) -> None:
    assert scan(tmp_path).is_empty(full=True)
    assert scan(None).is_empty(full=True)


def test_parsing_errors_name_file_line_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"conf.d/broken.conf": "server {\n  location / {\n    proxy_pass https://a.example.com;\n"})

    report = scan(tmp_path)

    (error,) = report.parsing_errors
    file, line, reason = error.split(":", 2)
    assert (file, line.isdigit(), bool(reason.strip())) == ("/conf.d/broken.conf", True, True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("checkov-nginx-tls: 1 nginx parsing error")
    assert "CKV_PARSE_ERROR_FAIL=true" in line


def test_undecided_connections_are_counted_in_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bundle_elsewhere = PLAIN_LOCATION.replace("off;", "on;\n    include somewhere/else.conf;")
    write(tmp_path, {"a.conf": bundle_elsewhere, "b.conf": bundle_elsewhere})

    with caplog.at_level("DEBUG", "checkov_nginx_tls.runner"):
        report = scan(tmp_path)

    assert failed(report) == []
    ours = [record for record in caplog.records if record.name == "checkov_nginx_tls.runner"]
    (warning,) = [record.getMessage() for record in ours if record.levelname == "WARNING"]
    assert warning.startswith("2 nginx connection(s) undecided")
    assert "checkov-nginx-tls explain --undecided PATH" in warning
    assert len([record for record in ours if record.levelname == "DEBUG"]) == 2


def test_a_warning_of_the_analysis_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    skip = "# checkov:skip=CKV_NGINX_CUSTOM_02: not needed\n"
    write(tmp_path, {"app.conf": PLAIN_LOCATION.replace("proxy_ssl_verify", f"{skip}    proxy_ssl_verify")})

    scan(tmp_path)
    scan(tmp_path)

    (warning,) = [record for record in caplog.records if record.name == "checkov_nginx_tls.runner"]
    assert warning.levelname == "WARNING"
    assert "app.conf:3" in warning.getMessage()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_and_lines_are_printable(tmp_path: Path) -> None:
    text = PLAIN_LOCATION.replace("location /", "location /\x1b[31m").encode() + b"# caf\xe9 \x9b\r\n"
    text = text.replace(b"proxy_ssl_verify off;", b"proxy_ssl_verify off; # \xe9\x07\r")
    (tmp_path / os.fsdecode(b"caf\xe9\n.conf")).write_bytes(text)

    (record,) = [record for record in scan(tmp_path).failed_checks if record.check_id == OFF]

    assert record.file_path == r"/caf\xe9\x0a.conf"
    assert record.resource == r"caf\xe9\x0a.conf:location(/\x1b[31m).proxy_ssl_verify"
    assert record.code_block == [(3, "    proxy_ssl_verify off; # \\xe9\\x07\n")]
    json.dumps(record.__dict__, cls=CustomJSONEncoder).encode()
    record.to_string().encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain é\t/", "plain é\t/"), ("a\x00b", r"a\x00b"), ("\udcff", r"\xff"), ("\x9b\x7f", r"\x9b\x7f"), ("", "")],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_the_progress_bar_ends_full(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkov.common.util.tqdm_utils.ProgressBar.should_show_progress_bar", lambda *_: True)
    runner = Runner()

    runner.run(root_folder=str(tree), runner_filter=RunnerFilter())

    assert runner.pbar.pbar is not None
    assert runner.pbar.pbar.n == runner.pbar.pbar.total > 0


def test_the_progress_bar_stays_off_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkov.common.util.tqdm_utils.ProgressBar.should_show_progress_bar", lambda *_: True)
    runner = Runner()

    runner.run(root_folder=str(tmp_path), runner_filter=RunnerFilter())

    assert runner.pbar.pbar is None


def test_results_do_not_depend_on_how_the_root_is_spelled(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)

    spellings = [str(tree), ".", f"{tree}/", "../tree"]

    assert {str(failed(scan(root))) for root in spellings} == {str([(OFF, VERIFY_OFF), (UNSET, VERIFY_UNSET)])}
