"""Standard streams that are closed, full, or read by nobody any more: one line at most, and never a traceback."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from checkov_process import write

PROGRAM = f"{shlex.quote(sys.executable)} -m checkov_nginx_tls"
BAD = "location / { proxy_pass https://a.example.com; }\n"
CLOSED = "checkov-nginx-tls: standard output was closed before everything was printed\n"

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no shell with such streams here")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path, {f"{name}.conf": BAD for name in "abc"})


def run(tree: Path, command: str) -> tuple[int, str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{PROGRAM} {command}"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["lint -", "lint - a.conf", "export -", "fix -", "monitor - --output out"])
def test_a_closed_standard_input_is_no_empty_one(command: str, tree: Path) -> None:
    closed = "checkov-nginx-tls: standard input is closed\n"
    assert run(tree, f"{command} <&-") == (2, "", closed)


def test_a_closed_standard_input_matters_to_those_who_read_it(tree: Path) -> None:
    assert run(tree, "monitor . --output out <&-")[::2] == (0, "")
    assert run(tree, "lint - </dev/null") == (0, "", "")


@pytest.mark.parametrize(("command", "code"), [("lint .", 1), ("fix .", 1), ("export .", 0), ("explain 3", 0)])
def test_a_closed_standard_output_changes_nothing(tree: Path, command: str, code: int) -> None:
    returned, _, err = run(tree, f"{command} >&-")
    assert (returned, "Traceback" in err) == (code, False)
    assert run(tree, f"{command} >&- 2>&-") == (code, "", "")


@pytest.mark.parametrize("command", ["lint . --format sarif", "explain 3", "export .", "fix ."])
def test_a_full_standard_output_is_an_error(tree: Path, command: str) -> None:
    full = (2, "", "checkov-nginx-tls: standard output: No space left on device\n")
    assert run(tree, f"{command} >/dev/full") == full


@pytest.mark.parametrize("command", ["explain 3", "explain --undecided .", "monitor . --output out"])
def test_a_reader_that_goes_away_is_told_once(tree: Path, command: str) -> None:
    assert run(tree, f"{command} | exec 0<&-") == (2, "", CLOSED)


def test_files_are_written_whoever_reads_about_it(tree: Path) -> None:
    _, _, err = run(tree, "fix --write . | exec 0<&-")
    assert err.startswith("3 findings in 3 files mended")
    assert all("proxy_ssl_verify on;" in (tree / f"{name}.conf").read_text() for name in "abc")
