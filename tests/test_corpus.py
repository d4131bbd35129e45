"""The scanner on a corpus of public repositories, which ``NGINX_CORPUS`` names; without it these tests are skipped.

``corpus/expected.tsv`` is the table that corpus_table prints: a change in behaviour shows there. In
``corpus/labels.tsv`` a person who read the files says what nginx speaks at some of their passes.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import pytest

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.configurations import find_configurations
from checkov_nginx_tls.targets import Transport
from corpus_table import Found, found_in, table

CORPUS = Path(os.environ.get("NGINX_CORPUS", ""))
DATA = Path(__file__).parent / "corpus"

pytestmark = pytest.mark.skipif(not os.environ.get("NGINX_CORPUS"), reason="NGINX_CORPUS names no corpus")

_DIRECTIVE = re.compile(rb"(?m)^[ \t]*(?:(?:proxy|grpc|uwsgi)_pass|(?:proxy|grpc|uwsgi)_ssl_\w+)[ \t]+[^\s=:][^;\n]*;")
_TEMPLATE_OF_A_TEMPLATE = "ROLE_NAME.j2"
_DELIBERATELY_BROKEN = ("/missing-semicolon/", "cleanConf.")


@pytest.fixture(scope="module")
def passes() -> dict[tuple[str, int], Found]:
    return {(one.path, one.line): one for repository in (CORPUS / "nginx").iterdir() for one in found_in(repository)}


def test_the_table_is_as_expected() -> None:
    expected = (DATA / "expected.tsv").read_text(encoding="utf-8").splitlines()
    assert list(table(CORPUS)) == expected, "if the change is meant: python tests/corpus_table.py $NGINX_CORPUS"


def test_what_is_not_nginx_has_no_findings_and_no_parsing_errors() -> None:
    for repository in (CORPUS / "not-nginx").iterdir():
        analysis = analyse(str(repository))
        assert analysis.outcomes == ()
        assert analysis.problems == ()


def test_connections_that_a_person_can_tell_are_found(passes: dict[tuple[str, int], Found]) -> None:
    with (DATA / "labels.tsv").open(encoding="utf-8") as file:
        labels = list(csv.DictReader(file, delimiter="\t"))
    found: list[bool] = []
    wrong: list[str] = []
    for label in labels:
        one = passes.get((label["path"], int(label["line"])))
        transports = one.transports if one is not None else frozenset()
        expected = {"tls": {Transport.TLS}, "tls-or-plain": {Transport.TLS, Transport.UNDECIDED}}.get(label["label"])
        if expected is not None:
            found.append(bool(transports & expected))
        elif label["label"] == "plain" and Transport.TLS in transports:
            wrong.append(f"{label['path']}:{label['line']}")
    assert len(found) >= 95
    assert sum(found) / len(found) >= 0.95
    assert wrong == []


def test_every_file_is_analysed_or_named() -> None:
    silent: list[str] = []
    named: list[str] = []
    total = 0
    for repository in sorted((CORPUS / "nginx").iterdir()):
        found = find_configurations(str(repository))
        analysed = {file.source.path for one in found.configurations for file in one.files.values()}
        problems = {problem.path for problem in found.problems}
        for path in map(str, sorted(repository.rglob("*"))):
            if os.path.isfile(path) and _DIRECTIVE.search(Path(path).read_bytes()):
                total += 1
                if path in analysed:
                    continue
                (named if path in problems else silent).append(path)
    assert silent == []
    unexpected = [path for path in named if not any(part in path for part in _DELIBERATELY_BROKEN)]
    assert len(unexpected) <= total * 0.01, unexpected
