"""A scan that is shared among processes says the same as one that is not, in the same order."""

from __future__ import annotations

import inspect
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from checkov.common.parallelizer.parallel_runner import parallel_runner
from checkov.runner_filter import RunnerFilter

from checkov_nginx_tls import shares
from checkov_nginx_tls.lint import lint
from checkov_nginx_tls.runner import Runner
from checkov_nginx_tls.shares import analyse_in_shares
from generated_trees import write_tree

if TYPE_CHECKING:
    from checkov.common.output.report import Report

    from checkov_nginx_tls.analysis import Analysis

FIXTURES = Path(__file__).parent / "fixtures"
MODES = [("fork", 1), ("fork", 2), ("fork", 5), ("thread", 4), ("none", 4)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that stand alone, files that include each other, files that are broken, and comments that skip nothing."""
    root = tmp_path_factory.mktemp("shares")
    write_tree(root / "m", 30, 40)
    (root / "a.conf").write_text("include m/snippet.inc; proxy_pass https://a.example.com;\n")
    (root / "m" / "snippet.inc").write_text("proxy_ssl_verify off;\n")
    (root / "m" / "site000" / "broken.conf").write_text("server { proxy_pass https://b.example.com;\n")
    for name in ("b", "n", "z"):
        (root / f"{name}.conf").write_text(
            "# checkov:skip=CKV_NGINX_CUSTOM_02:nothing\nserver { proxy_pass https://$b$c; proxy_ssl_verify on; }\n"
        )
    (root / "demo").symlink_to(FIXTURES / "demo")
    return root


def use_workers(monkeypatch: pytest.MonkeyPatch, mode: str, count: int) -> None:
    monkeypatch.setattr(shares, "SHARED_FROM", 0)
    monkeypatch.setattr(parallel_runner, "type", mode)
    monkeypatch.setattr(parallel_runner, "workers_number", count)


def shown(report: Report) -> list[dict[str, Any]]:
    return [
        {
            **vars(record),
            "severity": record.severity and record.severity.name,
            "finding": getattr(record, "finding", None),
        }
        for record in report.get_all_records()
    ]


@pytest.mark.parametrize(("mode", "count"), MODES)
@pytest.mark.parametrize("root", ["tree", "demo", "rules"])
def test_reports_are_the_same(
    root: str, mode: str, count: int, tree: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tree if root == "tree" else FIXTURES / root
    whole = Runner().run(str(directory), runner_filter=RunnerFilter())
    use_workers(monkeypatch, mode, count)
    report = Runner().run(str(directory), runner_filter=RunnerFilter())
    assert shown(report) == shown(whole)
    assert report.parsing_errors == whole.parsing_errors
    assert report.resources == whole.resources
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


@pytest.mark.parametrize(("mode", "count"), MODES)
def test_lint_says_the_same(mode: str, count: int, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lint([str(tree)], {})
    assert whole.warnings
    assert whole.problems
    use_workers(monkeypatch, mode, count)
    assert lint([str(tree)], {}) == whole


def test_several_processes_are_used(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_workers(monkeypatch, "fork", 3)
    processes = analyse_in_shares(str(tree), [], lambda _analysis: os.getpid())
    assert len(set(processes) - {os.getpid()}) == len(processes) == 4


def test_few_files_are_not_shared(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_runner, "type", "fork")
    monkeypatch.setattr(parallel_runner, "workers_number", 3)
    assert analyse_in_shares(str(tree), [], lambda _analysis: os.getpid()) == [os.getpid()]


def test_what_stands_around_configuration_is_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config_map = "kind: ConfigMap\ndata:\n  a.conf: proxy_pass https://b.example.com;\n  c: {}\n---\n"
    (tmp_path / "all.yaml").write_text(config_map.format("x" * 30_000) * 10)
    monkeypatch.setattr(parallel_runner, "type", "fork")
    monkeypatch.setattr(parallel_runner, "workers_number", 3)
    assert analyse_in_shares(str(tmp_path), [], lambda _analysis: os.getpid()) == [os.getpid()]


def _waits_for_the_dead() -> bool:
    return "child_conn.close()" not in inspect.getsource(type(parallel_runner)._run_function_multiprocess_fork)


@pytest.mark.skipif(_waits_for_the_dead(), reason="this version of Checkov waits for a killed process for ever")
def test_what_a_killed_process_owes_is_not_lost(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_workers(monkeypatch, "fork", 3)
    parent = os.getpid()

    def die_elsewhere(analysis: Analysis) -> list[str]:
        paths = [outcome.path for outcome in analysis.outcomes]
        if os.getpid() != parent and any("00012.conf" in path for path in paths):
            os.kill(os.getpid(), signal.SIGKILL)
        return paths

    found = [path for paths in analyse_in_shares(str(tree), [], die_elsewhere) for path in paths]
    assert {Path(path).name for path in found} >= {f"{number:05}.conf" for number in range(30)}


def test_an_exception_in_a_process_is_one_here(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_workers(monkeypatch, "fork", 2)

    def fail(_analysis: Analysis) -> None:
        raise ArithmeticError("on purpose")

    with pytest.raises(ArithmeticError):
        analyse_in_shares(str(tree), [], fail)
