"""Rule texts in the terminal, as pages and as JSON; what is generated from them is fresh."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checkov_nginx_tls.catalogue import rules
from checkov_nginx_tls.cli import main
from checkov_nginx_tls.explanations import as_markdown, as_text

if TYPE_CHECKING:
    from checkov_nginx_tls.rule import Rule

REPOSITORY = Path(__file__).resolve().parent.parent

each_rule = pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.id))


def test_generated_files_are_fresh() -> None:
    generated = runpy.run_path(str(REPOSITORY / ".ci" / "pages.py"))["generated"]()
    stale = [str(path) for path, text in generated.items() if not path.exists() or path.read_text("utf-8") != text]
    assert stale == [], "run: python .ci/pages.py"
    pages = {path.name for path in (REPOSITORY / "policies" / "rules").iterdir()}
    assert pages == {f"{rule.id}.md" for rule in rules()}


@each_rule
@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_text_fits_the_terminal(rule: Rule, width: int) -> None:
    text = as_text(rule, width)
    prose = [line for line in text.splitlines() if not line.startswith("    ") and "://" not in line]
    assert max(map(len, prose)) <= width


@each_rule
def test_a_rule_is_found_by_its_id_and_its_number(rule: Rule, capsys: pytest.CaptureFixture[str]) -> None:
    check_id = rule.id
    number = int(check_id.rpartition("_")[2])
    for name in (check_id, check_id.lower(), str(number), f"{number:02}"):
        assert main(["explain", name, "--format", "markdown"]) == 0
        assert capsys.readouterr().out == as_markdown(rule)


@each_rule
def test_json_has_everything(rule: Rule, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", rule.id, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["id"] == rule.id
    assert all(found[name] for name in ("title", "severity", "guideline", "cwe", "what", "why", "nginx", "suppress"))


def test_the_table_has_every_rule(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("CKV")] == [rule.id for rule in rules()]
    assert max(map(len, lines)) <= 70
    assert main(["explain", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(rules())


@pytest.mark.parametrize("name", ["99", "CKV_NGINX_CUSTOM_99", "CKV_AWS_1", "", "\u0663"])
def test_an_unknown_rule_is_an_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


def test_undecided_connections_are_listed_with_their_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.conf.j2").write_text("location / { proxy_pass {{ url }}; }\n", encoding="utf-8")
    (tmp_path / "b.conf").write_text("location / { proxy_pass https://x;\n", encoding="utf-8")
    assert main(["explain", "--undecided", str(tmp_path)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a.conf.j2:1: CKV_NGINX_CUSTOM_03: location(/).proxy_pass: whether nginx speaks TLS to")
    assert lines[1].startswith("b.conf:2: not judged: unexpected end of file")
    assert len(lines) == 2
    assert main(["explain", "--undecided", str(tmp_path / "a.conf.j2")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "/a.conf.j2:1: CKV_NGINX_CUSTOM_03: location(/).proxy_pass: whether" in line


def test_what_a_scan_leaves_out_is_not_undecided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for directory in ("node_modules/x", ".git"):
        (tmp_path / directory).mkdir(parents=True)
        (tmp_path / directory / "a.conf").write_text("location / { proxy_pass $x; }\n", encoding="utf-8")
    assert main(["explain", "--undecided", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "nothing is undecided\n"


def test_nothing_undecided_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--undecided", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "nothing is undecided\n"
    assert main(["explain", "--undecided", str(tmp_path / "none")]) == 2
