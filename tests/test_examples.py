"""The examples for pipelines, hooks and editors: each is parsed, and its commands run on the demonstration project.

Nothing is installed here: programs that install are replaced by ones that write down what they are asked for, and those
that scan do so afterwards, all in one process, with the arguments that the examples gave them.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from checkov_nginx_tls.cli import main
from checkov_process import CHECKOV, DEMO, REPOSITORY, run
from sarif_schema import schema_errors

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES: dict[str, Any] = runpy.run_path(str(REPOSITORY / ".ci" / "examples.py"))
ALL = EXAMPLES["examples"]()
FOUND = {
    "nginx/conf.d/api.conf",
    "nginx/conf.d/office.conf",
    "nginx/edge.conf",
    "nginx/nginx.conf",
    "nginx/snippets/legacy-upstream.conf",
    "nginx/stream.d/database.conf",
}

STUB = """\
#!{python}
import json, os, shutil, sys
from pathlib import Path

def run(*command):
    os.execv({python!r}, [{python!r}, *command])

def note(kind, **more):
    with open({record!r}, "a") as record:
        record.write(json.dumps({{"kind": kind, "arguments": arguments, "cwd": os.getcwd(), **more}}) + "\\n")

program, arguments = Path(sys.argv[0]).name, sys.argv[1:]
if program.startswith("python") and arguments[:2] == ["-m", "venv"]:
    shutil.copytree({stubs!r}, Path(arguments[2]) / "bin", symlinks=True)
elif program in ("pip", "pipx") or arguments[:2] == ["-m", "pip"]:
    note("install")
elif program == "checkov" or arguments[:1] == ["scan"]:
    note(program)
    sys.exit(1)
elif program == "checkov-nginx-tls":
    run("-m", "checkov_nginx_tls", *arguments)
else:
    run(*arguments)
"""
SCANS = """\
import contextlib, io, json, os, sys, warnings
warnings.simplefilter("ignore")
from checkov_nginx_tls.cli import main
codes = []
for scan in json.load(sys.stdin):
    os.chdir(scan["cwd"])
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            codes.append(main(scan["arguments"]))
        except SystemExit as stop:
            codes.append(stop.code)
json.dump(codes, sys.stdout)
"""


class Ran:
    """What became of the examples: what each installed, its exit codes, and its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.codes: dict[str, list[int]] = {}
        self.output: dict[str, str] = {}
        self.notes: dict[str, list[dict[str, Any]]] = {}
        self.scans: dict[str, int] = {}

    def project(self, name: str) -> Path:
        return self.directory / name

    def installed(self, name: str) -> list[str]:
        return [" ".join(note["arguments"]) for note in self.notes[name] if note["kind"] == "install"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    directory = tmp_path_factory.mktemp("examples")
    stubs, record = directory / "stubs", directory / "record"
    stubs.mkdir()
    for name in ("python3", "python", "pip", "pipx", "checkov", "checkov-nginx-tls"):
        (stubs / name).write_text(STUB.format(python=sys.executable, record=str(record), stubs=str(stubs)))
        (stubs / name).chmod(0o755)
    found = Ran(directory)
    for example in ALL:
        project = found.project(example.name)
        EXAMPLES["prepare"](project)
        record.write_text("")
        given = {name: value.replace("$PWD", str(project)) for name, value in example.environment}
        finished = [
            subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
                cwd=project,
                env={"PATH": f"{stubs}:/usr/bin:/bin", "HOME": str(project), "PYTHONPATH": str(REPOSITORY), **given},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            for command in example.commands
        ]
        found.codes[example.name] = [one.returncode for one in finished]
        found.output[example.name] = "".join(one.stdout + one.stderr for one in finished)
        found.notes[example.name] = [json.loads(line) for line in record.read_text().splitlines()]
    scans = {name: note for name, notes in found.notes.items() for note in notes if note["kind"] == "checkov-nginx-tls"}
    finished_scans = subprocess.run(
        [sys.executable, "-c", SCANS],
        input=json.dumps(list(scans.values())),
        env={"PATH": "/usr/bin:/bin", "HOME": str(directory), "PYTHONPATH": str(REPOSITORY)}
        | {"CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished_scans.returncode == 0, finished_scans.stderr
    found.scans = dict(zip(scans, json.loads(finished_scans.stdout)))
    return found


@pytest.fixture(autouse=True)
def needs_bash_and_git() -> None:
    for program in ("bash", "git"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here")


@pytest.mark.parametrize("example", ALL, ids=lambda example: str(example.name))
def test_the_last_command_finds_something_and_the_others_succeed(example: Any, ran: Ran) -> None:
    *first, last = ran.codes[example.name]

    assert (set(first) <= {0}, last) == (True, example.exit_code), ran.output[example.name]
    if example.name in ran.scans:
        assert ran.scans[example.name] == 1


@pytest.mark.parametrize("example", [one for one in ALL if one.reports], ids=lambda example: str(example.name))
def test_the_reports_name_the_files_with_findings(example: Any, ran: Ran) -> None:
    for name in example.reports:
        assert files_in(ran.project(example.name) / name) == FOUND


def files_in(report: Path) -> set[str]:
    """The files with findings of ours in a report of any of the formats."""
    if report.suffix == ".xml":
        cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314  # our own output
        failed = [case for case in cases if case.find("failure") is not None]
        return {case.attrib["file"].lstrip("/") for case in failed if "CKV_NGINX" in case.attrib["name"]}
    document = json.loads(report.read_text())
    if report.suffix == ".sarif":
        (made,) = document["runs"]
        ours = [one for one in made["results"] if one["ruleId"].startswith("CKV_NGINX") and "suppressions" not in one]
        assert schema_errors({**document, "runs": [{**made, "results": ours}]}) == []
        return {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in ours}
    return {
        one["location"]["file"]
        for one in document["vulnerabilities"]
        if one["identifiers"][0]["value"].startswith("CKV_NGINX")
    }


def test_what_is_installed_is_what_the_place_lacks(ran: Ran) -> None:
    assert {example.name: ran.installed(example.name) for example in ALL} == {
        "GitHub Actions": [f"install --quiet {REPOSITORY}"],
        "GitLab CI": ["-m pip install --quiet checkov checkov-nginx-tls"],
        "Azure Pipelines": ["install --quiet checkov checkov-nginx-tls"],
        "Jenkins": ["install --quiet checkov checkov-nginx-tls"],
        "container": ["-m pip install --no-cache-dir checkov-nginx-tls"],
        "pipx": ["install checkov", "inject --include-apps checkov checkov-nginx-tls"],
        "pre-commit checkov-nginx-tls-lint": [],
        "pre-commit checkov-nginx-tls-fix": [],
        "pre-commit checkov-nginx-tls-scan": [],
    }


def test_the_container_scans_with_the_policies_of_the_package(ran: Ran) -> None:
    (note,) = [note for note in ran.notes["container"] if note["kind"] == "checkov"]
    project = ran.project("container")

    assert (project / ".policies").resolve() == REPOSITORY / "policies"
    finished = run(CHECKOV, *note["arguments"], "--output", "json", cwd=project)
    assert finished.code == 1
    assert len(finished.failed("nginx")) == 8


def test_the_action_says_where_its_report_is(ran: Ran) -> None:
    output = (ran.project("GitHub Actions") / ".output").read_text()

    assert output == "sarif-file=checkov-nginx-tls.sarif\n"


def test_the_workflow_may_upload() -> None:
    workflow = yaml.safe_load(EXAMPLES["block"]("GitHub Actions", "yaml"))
    (job,) = workflow["jobs"].values()
    *_, upload = job["steps"]

    assert workflow["permissions"] == {"contents": "read", "security-events": "write"}
    assert upload["if"] == "always()"
    assert re.fullmatch(r"github/codeql-action/upload-sarif@v\d+", upload["uses"])


def test_the_action_is_a_composite_one() -> None:
    action = yaml.safe_load((REPOSITORY / "action.yml").read_text())

    assert action["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in action["runs"]["steps"])
    assert all(one["description"] for one in (*action["inputs"].values(), *action["outputs"].values()))
    # What a workflow passes in reaches the shell as variables: an expression in a script would be run as a part of it.
    assert not any("${{" in step["run"] for step in action["runs"]["steps"])


def test_inputs_of_the_action_may_have_several_lines(tmp_path: Path) -> None:
    action = yaml.safe_load((REPOSITORY / "action.yml").read_text())
    (scan,) = [step for step in action["runs"]["steps"] if step.get("id") == "scan"]
    program = tmp_path / "checkov-nginx-tls" / "bin" / "checkov-nginx-tls"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$*"\n')
    program.chmod(0o755)
    environment = {
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "SCAN_DIRECTORY": ".",
        "SCAN_FRAMEWORK": "nginx\nkubernetes\n",
        "SCAN_ARGUMENTS": "--soft-fail-on\nMEDIUM",
        "SCAN_CHECK": "",
        "SCAN_SARIF_FILE": "a.sarif",
    }

    command = ["bash", "-e", "-o", "pipefail", "-c", scan["run"]]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)

    assert "--framework nginx kubernetes --skip-download" in done.stdout
    assert "--compact --soft-fail-on MEDIUM --output" in done.stdout


def test_the_hooks_are_what_pre_commit_takes() -> None:
    clientlib = pytest.importorskip("pre_commit.clientlib", reason="no pre-commit here")

    loaded = clientlib.load_manifest(str(REPOSITORY / ".pre-commit-hooks.yaml"))

    assert [hook["id"] for hook in loaded] == [f"checkov-nginx-tls-{name}" for name in ("lint", "fix", "scan")]
    assert not any(hook["pass_filenames"] for hook in loaded)


def lint_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(DEMO)
    assert main(["lint", "."]) == 1
    return capsys.readouterr().out.splitlines()


def test_the_task_of_vs_code_matches_every_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,) = json.loads(EXAMPLES["block"]("Visual Studio Code", "json"))["tasks"]
    pattern = task["problemMatcher"]["pattern"]
    lines = lint_lines(capsys, monkeypatch)

    matches = [re.fullmatch(pattern["regexp"], line) for line in lines]

    assert task["command"] == "checkov-nginx-tls lint ."
    assert {match[pattern["file"]] for match in matches if match is not None} == FOUND
    assert all(match is not None and match[pattern["severity"]] == "error" for match in matches)
    assert all(match is not None and match[pattern["code"]].startswith("CKV_NGINX_CUSTOM_") for match in matches)
    assert all(match is not None and match[pattern["message"]].endswith(".") for match in matches)


def test_vim_understands_every_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vim = shutil.which("vim")
    if vim is None:
        pytest.skip("no vim here")
    lines = lint_lines(capsys, monkeypatch)
    (tmp_path / "lines").write_text("\n".join(lines))
    settings = EXAMPLES["block"]("Vim", "vim").replace("autocmd FileType nginx setlocal", "set")
    (tmp_path / "script.vim").write_text(
        f"{settings}\ncgetfile {tmp_path}/lines\n"
        "call writefile(map(getqflist(), {_, one -> join([bufname(one.bufnr), one.lnum, one.col, one.type], ' ')}), "
        f"'{tmp_path}/found')\nqall!\n"
    )

    subprocess.run([vim, "-Nu", "NONE", "-es", "-S", tmp_path / "script.vim"], check=False, timeout=60)

    assert (tmp_path / "found").read_text().splitlines() == [" ".join([*line.split(":")[:3], "e"]) for line in lines]
