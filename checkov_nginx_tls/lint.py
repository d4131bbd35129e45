"""``checkov-nginx-tls lint``: what a scan finds, without Checkov's start, for editors, hooks and terminals.

The same analysis, rules and skips as those of ``scan``. Not run: users' checks and Checkov's own frameworks, and so
the rules about Kubernetes objects on what helm, kustomize and Terraform make of their files.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls import __version__, sarif, streams
from checkov_nginx_tls.files import keep_as_checkov
from checkov_nginx_tls.findings import findings
from checkov_nginx_tls.inputs import NO_PATH, STANDARD_INPUT, grouped
from checkov_nginx_tls.places import Region
from checkov_nginx_tls.repository_paths import RepositoryPaths
from checkov_nginx_tls.shares import analyse_in_shares
from checkov_nginx_tls.texts import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from checkov_nginx_tls.analysis import Analysis, UnusedSkip
    from checkov_nginx_tls.files import Problem
    from checkov_nginx_tls.findings import Finding

PROGRAM: Final = "checkov-nginx-tls"
NOTHING, FOUND, UNREADABLE = 0, 1, 2
"""Exit codes: no finding, findings, and something that could not be read or judged."""

_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice"}
"""GitHub's workflow commands by SARIF's levels."""


class Unjudged(NamedTuple):
    """Something that could not be read or judged; see Finding for ``path``, ``file`` and ``uri``."""

    path: str
    line: int
    reason: str
    file: str
    uri: str


class _Part(NamedTuple):
    """What was found in a part of what is judged. ``undecided`` counts connections and objects."""

    findings: tuple[Finding, ...]
    problems: tuple[Unjudged, ...]
    remarks: tuple[str, ...] = ()
    unused_skips: tuple[UnusedSkip, ...] = ()
    undecided: int = 0


class Linted(NamedTuple):
    """What was found. ``undecided`` counts connections and objects, ``warnings`` are sentences for the log."""

    findings: tuple[Finding, ...]
    problems: tuple[Unjudged, ...]
    warnings: tuple[str, ...]
    undecided: int

    @property
    def failed(self) -> list[Finding]:
        """The findings that nothing skips."""
        return [finding for finding in self.findings if finding.suppression is None]

    @property
    def exit_code(self) -> int:
        """See ``NOTHING``, ``FOUND`` and ``UNREADABLE``; the greatest that applies."""
        return UNREADABLE if self.problems else FOUND if self.failed else NOTHING


def run(paths: Sequence[str], output_format: str, stdin_filename: str | None) -> int:
    """Lint directories, files and the standard input ("-"), print what was found, and return the exit code."""
    contents = {}
    if STANDARD_INPUT in paths:
        contents[os.path.realpath(stdin_filename or NO_PATH)] = streams.standard_input()
    linted = lint([path for path in paths if path != STANDARD_INPUT], contents, in_full=output_format == "sarif")
    _print(FORMATS[output_format](linted), sys.stdout)
    _print("".join(f"{line}\n" for line in _remarks(linted, output_format)), sys.stderr)
    return linted.exit_code


def lint(paths: Sequence[str], contents: Mapping[str, bytes], *, in_full: bool = False) -> Linted:
    """Judge directories and files, and what ``contents`` has instead of the files at some real paths.

    A directory is judged as ``scan -d`` does it, with what else is given that is in it; files that are in none are
    judged together, as ``scan -f`` does.
    """
    groups = grouped([*paths, *contents])
    parts = [part for group in groups for part in _judged(*group, contents, in_full=in_full)]
    remarks = dict.fromkeys(remark for part in parts for remark in part.remarks)
    unused_skips = sorted(skip for part in parts for skip in part.unused_skips)
    return Linted(
        findings=tuple(sorted((one for part in parts for one in part.findings), key=_position)),
        problems=tuple(sorted({one for part in parts for one in part.problems})),
        warnings=(*remarks, *(skip.text for skip in unused_skips)),
        undecided=sum(part.undecided for part in parts),
    )


def _judged(root: str | None, files: Sequence[str], contents: Mapping[str, bytes], *, in_full: bool) -> list[_Part]:
    """What is found below a directory and in files: in nginx configuration, and in Kubernetes objects."""
    from checkov_nginx_tls.kubernetes.file_findings import judge_files, looked_at

    paths = RepositoryPaths(root)
    use = partial(_part, paths=paths, in_full=in_full)
    parts = analyse_in_shares(
        root, files, use, keep=keep_as_checkov, contents=contents, base=os.getcwd(), with_passes=False
    )
    objects = judge_files(looked_at(root, files), paths, contents)
    problems = tuple(_unjudged(problem, paths) for problem in objects.problems)
    undecided = {(one.path, one.line, one.title) for one in objects.undecided}
    return [*parts, _Part(objects.findings, problems, undecided=len(undecided))]


def _part(analysis: Analysis, paths: RepositoryPaths, *, in_full: bool) -> _Part:
    undecided = {
        (outcome.path, outcome.resource) for outcome in analysis.outcomes if outcome.result is CheckResult.UNKNOWN
    }
    return _Part(
        findings=tuple(finding for _, finding in findings(analysis, paths, in_full=in_full)),
        problems=tuple(_unjudged(problem, paths) for problem in analysis.problems),
        remarks=analysis.remarks,
        unused_skips=analysis.unused_skips,
        undecided=len(undecided),
    )


def _unjudged(problem: Problem, paths: RepositoryPaths) -> Unjudged:
    file = printable(paths.path(problem.path))
    return Unjudged(problem.path, problem.line, printable(problem.reason), file, paths.uri(problem.path))


def as_lines(linted: Linted) -> str:
    """One line for each finding, in the form that editors know from compilers."""
    return "".join(
        f"{shown(one.path)}:{one.region.start_line}:{one.region.start_column or 1}: {sarif.level(one.severity)} "
        f"{one.check_id} {one.message}\n"
        for one in linted.failed
    )


def as_json(linted: Linted) -> str:
    """Everything that was found, for programs."""
    found = {
        "findings": [_as_json(one) for one in linted.failed],
        "skipped": [
            {**_as_json(one), "reason": one.suppression.reason}
            for one in linted.findings
            if one.suppression is not None
        ],
        "problems": [{"file": shown(one.path), "line": one.line, "reason": one.reason} for one in linted.problems],
        "undecided": linted.undecided,
    }
    return json.dumps(found, indent=2) + "\n"


def as_sarif(linted: Linted) -> str:
    """A SARIF log; files that could not be judged are notifications of it."""
    from checkov_nginx_tls.catalogue import rules

    notifications = [sarif.notification(one.reason, (one.uri, Region(one.line, one.line))) for one in linted.problems]
    log = sarif.log_of([sarif.rule_of(rule) for rule in rules()], linted.findings, notifications, __version__)
    return json.dumps(log, indent=2) + "\n"


def as_workflow_commands(linted: Linted) -> str:
    """Commands by which a workflow of GitHub marks lines in a pull request."""
    return "".join(f"{_command(one)}\n" for one in linted.failed)


FORMATS: Final[Mapping[str, Callable[[Linted], str]]] = {
    "text": as_lines,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_workflow_commands,
}


def shown(path: str) -> str:
    """A path as editors find it: relative to the current directory if it is in there."""
    here = os.path.realpath(os.curdir)
    inside = path.startswith(here.rstrip(os.sep) + os.sep)
    return printable(os.path.relpath(path, here) if inside else path)


def _remarks(linted: Linted, output_format: str) -> Iterator[str]:
    """What is said on standard error, one line each."""
    for problem in linted.problems:
        if output_format == "github":
            yield f"::error {_properties(file=problem.file, line=problem.line)}::not judged: {_data(problem.reason)}"
        else:
            yield f"{shown(problem.path)}:{problem.line}:1: error not judged: {problem.reason}"
    yield from (f"{PROGRAM}: warning: {printable(warning)}" for warning in linted.warnings)
    if output_format == "sarif" and len(linted.findings) > sarif.RESULT_LIMIT:
        yield f"{PROGRAM}: warning: {sarif.too_many(len(linted.findings))}"
    if linted.undecided:
        yield (
            f"{PROGRAM}: {linted.undecided} undecided, because a value that decides is not in these files; "
            f"'{PROGRAM} explain --undecided PATH' lists them"
        )


def _as_json(finding: Finding) -> dict[str, Any]:
    region = finding.region
    return {
        "file": shown(finding.path),
        "line": region.start_line,
        "column": region.start_column or 1,
        "end_line": region.end_line,
        "end_column": region.end_column,
        "id": finding.check_id,
        "title": finding.title,
        "severity": finding.severity,
        "level": sarif.level(finding.severity),
        "message": finding.message,
        "resource": finding.resource,
        "guideline": finding.guideline,
        "fingerprint": finding.fingerprint,
    }


def _command(finding: Finding) -> str:
    region = finding.region
    columns = {}
    if region.start_column is not None and region.start_line == region.end_line:
        columns = {"col": region.start_column, "endColumn": region.end_column}
    properties = _properties(
        file=finding.file, line=region.start_line, endLine=region.end_line, **columns, title=finding.check_id
    )
    return f"::{_COMMANDS[sarif.level(finding.severity)]} {properties}::{_data(finding.message)}"


def _properties(**values: object) -> str:
    return ",".join(
        f"{name}={_data(str(value)).replace(':', '%3A').replace(',', '%2C')}" for name, value in values.items()
    )


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _position(finding: Finding) -> tuple[str, int, int, str, str]:
    region = finding.region
    return (finding.path, region.start_line, region.start_column or 1, finding.check_id, finding.resource)


def _print(text: str, stream: Any) -> None:
    """Print text, whatever the stream's encoding; a reader that has gone away is no error."""
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        streams.discard(stream)
