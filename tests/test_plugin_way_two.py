"""`checkov-nginx-tls scan`, which takes every argument of `checkov`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checkov_nginx_tls import plugin
from checkov_process import (
    ARTICLE_CHECK,
    CHECKOV,
    DEMO,
    NGINX_CONF,
    POLICIES,
    VERIFY_OFF,
    VERIFY_UNSET,
    WAY_TWO,
    Finished,
    run,
    run_several,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path

OFF, UNSET = "CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_03"
OURS = {(OFF, VERIFY_OFF), (UNSET, VERIFY_UNSET)}
JSON = ("--skip-download", "--output", "json")
NGINX = ("--framework", "nginx")


def named(name: str) -> set[tuple[str, str]]:
    return {(check_id, resource.replace("nginx.conf", name)) for check_id, resource in OURS}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(
        tmp_path_factory.mktemp("tree"),
        {
            "nginx.conf": NGINX_CONF,
            "sites-available/default": NGINX_CONF,
            "main.tf": 'resource "aws_s3_bucket" "data" {}\n',
        },
    )


@pytest.fixture(scope="module")
def several(tree: Path) -> dict[str, Finished]:
    scans: dict[str, tuple[str, ...]] = {
        "directory": ("-d", ".", "-o", "json", *NGINX),
        "policies": ("-d", ".", "-o", "json", *NGINX, "--external-checks-dir", str(POLICIES)),
        "file": ("-f", "nginx.conf", "-o", "json", *NGINX),
        "no extension": ("-f", "sites-available/default", "-o", "json"),
        "several": ("-d", "sites-available", "-d", ".", "-o", "json", *NGINX),
        "not nginx": ("-f", "main.tf", *NGINX, "--quiet"),
        "skipped": ("-d", ".", "--skip-framework", "nginx", "-o", "json"),
        "list": ("--list", *NGINX),
        "list all": ("--list",),
        "list other": ("--list", "--framework", "dockerfile"),
        "help": ("--help",),
        "unknown argument": ("--no-such-argument",),
    }
    return dict(zip(scans, run_several(list(scans.values()), tree)))


def test_the_framework_nginx(several: dict[str, Finished]) -> None:
    finished = several["directory"]

    assert finished.code == 1
    assert [report["check_type"] for report in finished.reports()] == ["nginx"]
    assert finished.failed() == OURS | named("sites-available/default")


def test_the_policies_directory_adds_nothing(several: dict[str, Finished]) -> None:
    assert several["policies"].report() == several["directory"].report()


def test_files(several: dict[str, Finished]) -> None:
    assert several["file"].failed() == OURS
    assert several["no extension"].failed() == named("sites-available/default")


def test_several_directories_give_one_report(several: dict[str, Finished]) -> None:
    assert several["several"].failed() == named("default") | OURS | named("sites-available/default")


def test_a_file_of_another_framework_gives_nothing(several: dict[str, Finished]) -> None:
    assert several["not nginx"] == Finished(0, "\n", "")


def test_the_framework_can_be_skipped(several: dict[str, Finished]) -> None:
    types = {report["check_type"] for report in several["skipped"].reports()}
    assert "terraform" in types
    assert "nginx" not in types


def test_checks_are_listed(several: dict[str, Finished]) -> None:
    for scan in ("list", "list all"):
        assert several[scan].code == 0
        assert f"| {OFF} " in several[scan].out
        assert "Ensure upstream certificate verification is not disabled" in several[scan].out
    assert "CKV_DOCKER_1" not in several["list"].out
    assert "CKV_DOCKER_1" in several["list all"].out
    assert OFF not in several["list other"].out


def test_arguments_are_checkovs_own(several: dict[str, Finished]) -> None:
    assert several["help"].code == 0
    assert several["help"].out.startswith("usage: checkov-nginx-tls scan ")
    assert "--external-checks-dir" in several["help"].out
    assert several["unknown argument"].code == 2
    assert several["unknown argument"].err.startswith("usage: checkov-nginx-tls scan ")


@pytest.mark.parametrize("mode", ["fork", "thread"])
def test_users_checks_run(tree: Path, tmp_path: Path, mode: str) -> None:
    checks = {"__init__.py": "", "article.py": ARTICLE_CHECK.format(id="CKV_USER_01")}
    write(tmp_path, checks)

    finished = run(
        WAY_TWO,
        *("-d", tree, *JSON, "--framework", "nginx", "terraform", "--external-checks-dir", tmp_path),
        cwd=tmp_path,
        mode=mode,
    )

    assert finished.failed() >= {("CKV_USER_01", "nginx.conf:http.server(app.example.com:443).location(/)")}
    assert finished.report("terraform")
    assert finished.err == ""


def test_both_ways_find_the_same_in_the_demonstration(tmp_path: Path) -> None:
    way_one = run(CHECKOV, "-d", DEMO, "--external-checks-dir", POLICIES, *JSON, cwd=tmp_path)
    way_two = run(WAY_TWO, "-d", DEMO, "--external-checks-dir", POLICIES, *JSON, cwd=tmp_path)

    assert way_one.report() == way_two.report()
    assert way_one.report()["summary"]["failed"] > 0
    assert way_one.code == way_two.code == 1
    types = {report["check_type"] for report in way_one.reports()}
    assert types >= {"nginx", "dockerfile", "kubernetes", "terraform"}
    assert types == {report["check_type"] for report in way_two.reports()}


def test_a_checkov_that_lists_otherwise_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    generator: Any = SimpleNamespace()

    plugin._improve_list(generator)

    assert vars(generator) == {}
    assert "docs_generator.get_checks" in caplog.text


def test_listed_checks_obey_the_platforms_filter() -> None:
    generator: Any = SimpleNamespace(
        get_checks=lambda frameworks, **_: [("CKV_X_1", "resource", "a", "b", "c", "")] if frameworks else [],
        get_compare_key=lambda row: row[0],
    )
    plugin._improve_list(generator)

    assert {row[0] for row in generator.get_checks()} >= {OFF, UNSET}
    assert {row[0] for row in generator.get_checks(["all"], filtered_policy_ids=[OFF])} == {"CKV_X_1", OFF}
    assert {row[0] for row in generator.get_checks(["arm"])} == {"CKV_X_1"}
