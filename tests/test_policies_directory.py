"""What may live below `policies/`, and how users find it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from checkov_nginx_tls import __version__
from checkov_nginx_tls.cli import find_policies_directory, main
from checkov_process import POLICIES, write

FILES = [
    path for path in POLICIES.rglob("*") if path.is_file() and "__pycache__" not in path.relative_to(POLICIES).parts
]
# Known from Python 3.10 on; what external checks were seen to shadow before is named.
STANDARD_LIBRARY = getattr(sys, "stdlib_module_names", frozenset({"token", "types", "inspect", "parser", "rego"}))


def test_only_files_that_checkov_does_not_take_for_its_own_policies() -> None:
    """Checkov loads any YAML or JSON file below the directory as a policy of every framework."""
    assert {path.suffix for path in FILES} <= {".py", ".md", ".rego"}
    assert {path.name for path in FILES} >= {"__init__.py", "checkov_nginx_tls_policies.py"}


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix == ".py"], ids=lambda path: path.name)
def test_python_files_can_be_imported_by_their_bare_names_and_signed(path: Path) -> None:
    text = path.read_bytes()

    assert path.stem not in STANDARD_LIBRARY
    assert text.endswith(b"\n")
    assert b"\r" not in text
    assert b"checkov-digest" not in text
    assert b"from ." not in text


def test_policies_dir_prints_the_directory(capsys: pytest.CaptureFixture[str]) -> None:
    """The one of this repository, or its copy inside an installed wheel."""
    assert main(["policies-dir"]) == 0
    directory = Path(capsys.readouterr().out.rstrip("\n"))
    names = [path.relative_to(POLICIES) for path in FILES]
    assert [(directory / name).read_bytes() for name in names] == [path.read_bytes() for path in FILES]


def test_an_installed_package_has_its_own_policies(tmp_path: Path) -> None:
    policy = "checkov_nginx_tls_policies.py"
    site = write(tmp_path / "site", {f"checkov_nginx_tls/policies/{policy}": "", f"policies/{policy}": ""})
    repository = write(tmp_path / "repository", {"checkov_nginx_tls/cli.py": "", f"policies/{policy}": ""})
    foreign = write(tmp_path / "foreign", {"checkov_nginx_tls/cli.py": "", "policies/other.py": ""})

    assert find_policies_directory(site / "checkov_nginx_tls") == site / "checkov_nginx_tls" / "policies"
    assert find_policies_directory(repository / "checkov_nginx_tls") == repository / "policies"
    assert find_policies_directory(foreign / "checkov_nginx_tls") is None


def test_an_installation_without_policies_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("checkov_nginx_tls.cli.find_policies_directory", lambda _: None)

    assert main(["policies-dir"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "out"),
    [
        (["--version"], 0, f"checkov-nginx-tls {__version__}\n"),
        (["--help"], 0, "usage: checkov-nginx-tls "),
        ([], 2, ""),
    ],
)
def test_the_other_arguments(arguments: list[str], code: int, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)

    assert stop.value.code == code
    assert capsys.readouterr().out.startswith(out)


def test_what_needs_no_checkov_does_not_wait_for_it() -> None:
    script = (
        "import sys\n"
        "from checkov_nginx_tls.cli import main\n"
        "main(['policies-dir'])\n"
        "sys.exit('checkov' in sys.modules)\n"
    )

    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
