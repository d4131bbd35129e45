"""What holds for every configuration: how it is laid out, and in which order files come, changes no result."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.syntax import SyntaxProblem, parse
from oracle_cases import CASES
from oracle_cases import Case as VerdictCase
from oracle_generator import Case, cases
from rego_engine import write_case
from test_syntax import our_directives

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.analysis import Analysis
    from checkov_nginx_tls.syntax import Directive
    from oracle_certificates import Certificates

FIXTURES = Path(__file__).parent / "fixtures"
_PLAIN = re.compile(r"[A-Za-z0-9_./:$~^*=@,+|()?<>!&%-]+")
_PLACE = re.compile(r":\d+")


def printed(directives: Sequence[Directive], style: random.Random) -> str:
    """A text that means the same, in another layout."""
    text = []
    for one in directives:
        gap = style.choice([" ", "\n", "\t  "])
        words = [_word(arg, style) for arg in one.args]
        if one.name == "if":  # crossplane takes the parentheses away
            words = ["(", *words, ")"]
        text += [gap.join([style.choice([one.name, f'"{one.name}"']), *words])]
        text += [style.choice(["", " ", "\n# note\n"])]
        if one.block is None:
            text += [";", style.choice(["\n", " # note\n", ""])]
        else:
            text += ["{", style.choice(["\n", ""]), printed(one.block, style), "}", style.choice(["\n", ""])]
    return "".join(text)


def _word(value: str, style: random.Random) -> str:
    if _PLAIN.fullmatch(value) and not value.endswith("$") and style.random() < 0.5:
        return value
    return '"' + re.sub(r'\\(?=["\\trn\']|$)|"', r"\\\g<0>", value).replace("\r", r"\r") + '"'


def meaning(analysis: Analysis) -> list[tuple[object, ...]]:
    """What an analysis says, without what depends on lines."""
    said = [(one.check.id, one.result.name, one.path, one.resource, one.cause) for one in analysis.outcomes]
    problems = [(one.path, _PLACE.sub("", one.reason)) for one in analysis.problems]
    return sorted([*said, *problems], key=repr)


def reprint(directory: Path, style: random.Random) -> None:
    """Print the configurations of a directory anew, those that parse."""
    for path in sorted(directory.rglob("*.conf")):
        try:
            file = parse(str(path), path.name, path.read_bytes())
        except SyntaxProblem:
            continue
        text = printed(file.directives, style)
        again = parse(str(path), path.name, os.fsencode(text))
        assert our_directives(again.directives) == our_directives(file.directives)
        path.write_bytes(os.fsencode(text))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_the_layout_changes_no_verdict(case: VerdictCase, certificates: Certificates, tmp_path: Path) -> None:
    write_case(tmp_path, certificates, case.config, case.files)
    before = meaning(analyse(str(tmp_path)))
    reprint(tmp_path, random.Random(1))  # noqa: S311  # the same sequence each time is the point
    assert meaning(analyse(str(tmp_path))) == before


@pytest.mark.fuzz
@settings(max_examples=150, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(), seed=st.integers(0, 1000))
def test_the_layout_changes_no_verdict_of_random_cases(certificates: Certificates, case: Case, seed: int) -> None:
    config, files = case.render()
    with tempfile.TemporaryDirectory() as directory:
        write_case(Path(directory), certificates, config, files)
        before = meaning(analyse(directory))
        reprint(Path(directory), random.Random(seed))  # noqa: S311  # the same sequence each time is the point
        assert meaning(analyse(directory)) == before


def test_the_order_of_files_changes_nothing() -> None:
    files = [str(path) for path in sorted((FIXTURES / "rules").rglob("*.conf"))][::3]
    before = analyse(None, files)
    random.Random(1).shuffle(files)  # noqa: S311  # the same sequence each time is the point
    after = analyse(None, files)
    assert [repr(one) for one in after.outcomes] == [repr(one) for one in before.outcomes]
    assert (after.problems, after.remarks) == (before.problems, before.remarks)
    assert after.unused_skips == before.unused_skips


def test_the_order_of_sets_changes_nothing() -> None:
    command = [sys.executable, "-m", "checkov_nginx_tls", "lint", "--format", "json", str(FIXTURES)]
    said = [
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=False)
        for seed in ("1", "2", "3")
    ]
    assert len(said[0].stdout) > 1000
    assert len({(one.returncode, one.stdout, one.stderr) for one in said}) == 1
