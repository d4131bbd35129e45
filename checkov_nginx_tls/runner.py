"""The Checkov runner of the nginx framework: files in, a Checkov report out.

The only module that builds Checkov's records. What the files mean is decided in
``checkov_nginx_tls.analysis``; here the outcomes are filtered, named and written down the way Checkov's own
runners do it.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import cache, partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from checkov.common.bridgecrew.integration_features.integration_feature_registry import integration_feature_registry
from checkov.common.bridgecrew.severities import get_severity
from checkov.common.checks.base_check_registry import BaseCheckRegistry
from checkov.common.models.enums import CheckResult
from checkov.common.output.record import Record
from checkov.common.output.report import Report
from checkov.common.runners.base_runner import BaseRunner, filter_ignored_paths
from checkov.common.util.consts import PARSE_ERROR_FAIL_FLAG
from checkov.runner_filter import RunnerFilter

from checkov_nginx_tls.checks.registry import registry
from checkov_nginx_tls.collector import without_collector
from checkov_nginx_tls.repository_paths import RepositoryPaths
from checkov_nginx_tls.shares import analyse_in_shares
from checkov_nginx_tls.suppressions import NO_REASON
from checkov_nginx_tls.texts import printable, printable_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov.common.typing import _CheckResult
    from checkov.common.util.tqdm_utils import ProgressBar

    from checkov_nginx_tls.analysis import Analysis, Excerpt, Order, Outcome, UnusedSkip
    from checkov_nginx_tls.checks.base_nginx_check import BaseNginxCheck
    from checkov_nginx_tls.files import Problem
    from checkov_nginx_tls.findings import Finding

CHECK_TYPE = "nginx"

logger = logging.getLogger(__name__)


class NginxRecord(Record):
    """A record that also holds its finding, where SARIF is made; passed checks have none.

    In a slot, for Checkov prints all other attributes of a record as JSON.
    """

    __slots__ = ("finding",)

    finding: Finding | None


class Runner(BaseRunner[None, None, None]):
    """Scans nginx configuration; takes and returns what every Checkov runner does."""

    check_type = CHECK_TYPE

    def should_scan_file(self, filename: str) -> bool:  # noqa: ARG002  # Checkov's signature
        """Take every file given with ``-f``: its content decides whether it is nginx configuration."""
        return True

    def run(
        self,
        root_folder: str | None = None,
        external_checks_dir: list[str] | None = None,
        files: list[str] | None = None,
        runner_filter: RunnerFilter | None = None,
        collect_skip_comments: bool = True,  # noqa: ARG002, FBT002  # Checkov's signature
    ) -> Report:
        """Scan a directory, files, or both.

        ``files`` are taken whatever their name. ``collect_skip_comments`` is accepted for Checkov's sake:
        comments that skip a check are part of the analysis. Nothing found in a file raises; see the report's
        parsing errors.
        """
        runner_filter = runner_filter or RunnerFilter()
        if not runner_filter.show_progress_bar:
            self.pbar.turn_off_progress_bar()
        _load_external_checks(external_checks_dir or [])
        _prepare_checks()

        paths = _Paths(root_folder)
        progress = _Progress(self.pbar)

        def keep(directory: str, names: list[str]) -> None:
            filter_ignored_paths(paths.as_given(directory), names, runner_filter.excluded_paths)

        with without_collector(until_exit=True):
            try:
                parts = analyse_in_shares(
                    root_folder,
                    [os.path.abspath(file) for file in files or []],
                    partial(_part, paths=paths, repository=RepositoryPaths(root_folder), for_sarif=_makes_sarif()),
                    keep=keep,
                    should_run=_Filter(runner_filter, paths).should_run,
                    on_progress=progress.show,
                )
            finally:
                progress.close()
            whole = _whole(parts)
            _log(whole, paths)
            return _report(whole, paths)


class _ExternalCheckLoader(BaseCheckRegistry):
    """Checkov's loader of ``--external-checks-dir``, which belongs to its registries.

    nginx checks register themselves in ``checkov_nginx_tls.checks.registry``, so this one stays empty.
    """

    def extract_entity_details(self, entity: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        raise NotImplementedError


def _load_external_checks(directories: list[str]) -> None:
    """Import the users' checks below these directories exactly as Checkov's own runners do.

    Checkov logs a file that cannot be imported and goes on; with ``--external-checks-public-key`` only the
    bytes that it verified are run.
    """
    loader = _ExternalCheckLoader(report_type=CHECK_TYPE)
    for directory in directories:
        loader.load_external_checks(directory)


class _Filter:
    """Checkov's filter of checks, asked once for each check; for each of its files only where paths matter to it."""

    def __init__(self, runner_filter: RunnerFilter, paths: _Paths) -> None:
        self._filter = runner_filter
        self._paths = paths
        self._by_path = bool(getattr(runner_filter, "skip_checks_regex_patterns", True))
        self._answers: dict[tuple[BaseNginxCheck, str], bool] = {}

    def should_run(self, check: BaseNginxCheck, path: str) -> bool:
        """Whether a check runs on a file."""
        key = (check, path if self._by_path else "")
        if key not in self._answers:
            self._answers[key] = self._filter.should_run_check(
                check, report_type=CHECK_TYPE, file_origin_paths=[path, self._paths.file_path(path)]
            )
        return self._answers[key]


class _Paths:
    """How one scan names its files: relative to the scanned directory, or to the current one without it."""

    def __init__(self, root: str | None) -> None:
        self._given = root or os.curdir
        self._real = os.path.realpath(self._given)
        self.root = os.path.abspath(self._given)

    def relative(self, path: str) -> str:
        """Path relative to the scan's root, separated by "/"; the path itself where there is no such path."""
        try:
            return os.path.relpath(path, self._real).replace(os.sep, "/")
        except ValueError:  # another drive of Windows
            return path.replace(os.sep, "/")

    def file_path(self, path: str) -> str:
        """The path that users see; Checkov's records start it with "/"."""
        return "/" + printable(self.relative(path)).lstrip("/")

    def absolute(self, path: str) -> str:
        """Absolute path below the root as given, its links not resolved: outputs derive names from it."""
        relative = self.relative(path)
        outside = os.path.isabs(relative) or relative.startswith("../")
        return path if outside else os.path.normpath(os.path.join(self.root, relative))

    def as_given(self, directory: str) -> str:
        """The directory as ``os.walk`` over the given root spells it, and ``--skip-path`` sees it."""
        relative = self.relative(directory)
        return self._given if relative == "." else os.path.join(self._given, relative)


class _Progress:
    """Feeds Checkov's progress bar, which has to know its total first, from an analysis that learns it late.

    Updating or closing a bar that was never given a total raises.
    """

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar
        self._total = 0
        self._done = 0

    def show(self, done: int, total: int, name: str) -> None:
        """Show that ``done`` of ``total`` files are finished, and which is being read, "" for none."""
        if total <= 0:
            return
        if total != self._total:
            self._bar.initiate(total)
            self._total, self._done = total, 0
        if name:
            self._bar.set_additional_data({"Current File Scanned": printable(name)})
        if done > self._done:
            self._bar.update(done - self._done)
            self._done = done

    def close(self) -> None:
        """Close the bar if it was ever shown."""
        if self._total:
            self._bar.close()


def _prepare_checks() -> None:
    """Give every check what Checkov's filters look at: a severity, and the mark of a custom check."""
    for check in registry.checks():
        RunnerFilter.notify_external_check(check.id)
        if check.severity is None:
            check.severity = get_severity(check.severity_name)  # type: ignore[assignment]  # declared as None


@cache
def _warn_once(message: str, root: str) -> None:  # noqa: ARG001  # what the cache tells apart
    """Log a warning once for each scanned directory, and one about users' checks (``root`` "") once a process."""
    logger.warning(message)


class _Part(NamedTuple):
    """What a report, and the log, say of an analysis: of that of a whole scan, or of a share of one.

    ``records`` have what they are sorted by in front. ``undecided`` are the places of undecided connections, each with
    what is said of them.
    """

    records: list[tuple[Order, Record]]
    resources: list[str]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    unused_skips: tuple[UnusedSkip, ...]
    undecided: list[tuple[Order, str]]


def _makes_sarif() -> bool:
    """Whether SARIF is among the outputs that Checkov was asked for; True where it was not started as a program."""
    outputs = getattr(integration_feature_registry.config, "output", None)
    return outputs is None or "sarif" in outputs


def _findings(analysis: Analysis, repository: RepositoryPaths) -> dict[int, Finding]:
    """The findings of an analysis by the ids of their outcomes."""
    from checkov_nginx_tls.findings import findings

    return {id(outcome): finding for outcome, finding in findings(analysis, repository)}


def _part(analysis: Analysis, paths: _Paths, repository: RepositoryPaths, *, for_sarif: bool) -> _Part:
    """Make the records of an analysis."""
    records = _Records(paths, repository)
    found = _findings(analysis, repository) if for_sarif else {}
    builtin = {check.id for check in registry.builtin_checks()}
    part = _Part([], [], analysis.problems, analysis.remarks, analysis.unused_skips, [])
    part.resources.extend(records.resource(path, resource) for path, resource in analysis.resources())
    for outcome in analysis.outcomes:
        if outcome.result != CheckResult.UNKNOWN:
            part.records.append((outcome.order, records.of(outcome, found.get(id(outcome)))))
        elif outcome.check.id in builtin:
            place = f"{paths.file_path(outcome.path)}:{outcome.start_line}"
            part.undecided.append((outcome.order, f"{place}: {outcome.check.id}: {printable(outcome.message)}"))
    return part


def _whole(parts: Sequence[_Part]) -> _Part:
    """All parts of a scan as one."""
    if len(parts) == 1:
        return parts[0]
    return _Part(
        records=sorted((one for part in parts for one in part.records), key=itemgetter(0)),
        resources=[resource for part in parts for resource in part.resources],
        problems=tuple(sorted({problem for part in parts for problem in part.problems})),
        remarks=tuple(dict.fromkeys(remark for part in parts for remark in part.remarks)),
        unused_skips=tuple(sorted(skip for part in parts for skip in part.unused_skips)),
        undecided=sorted((one for part in parts for one in part.undecided), key=itemgetter(0)),
    )


def _log(whole: _Part, paths: _Paths) -> None:
    """Say what Checkov's report has no place for."""
    for warning in (*whole.remarks, *(skip.text for skip in whole.unused_skips)):
        _warn_once(printable(warning), "" if warning in registry.warnings() else paths.root)
    for _, text in whole.undecided:
        logger.debug("nginx connection undecided: %s", text)
    if whole.undecided:
        logger.warning(
            "%d nginx connection(s) undecided: a value that decides is not in the scanned files (a variable, an "
            "include, a template expression). 'checkov-nginx-tls explain --undecided PATH' lists them",
            len({(path, resource) for (path, _, _, resource), _ in whole.undecided}),
        )
    if whole.problems:
        print(
            f"checkov-nginx-tls: {len(whole.problems)} nginx parsing error(s), listed in the report; "
            f"{PARSE_ERROR_FAIL_FLAG}=true makes them fail the scan",
            file=sys.stderr,
        )


def _report(whole: _Part, paths: _Paths) -> Report:
    report = Report(CHECK_TYPE)
    for resource in whole.resources:
        report.add_resource(resource)
    for problem in whole.problems:
        location = f"{paths.file_path(problem.path)}:{problem.line}"
        report.add_parsing_error(f"{location}: {printable(problem.reason)}")
    for _, record in whole.records:
        report.add_record(record)
    return report


class _ShownFile(NamedTuple):
    """What records call a file."""

    file_path: str
    file_abs_path: str
    repo_file_path: str


class _ShownExcerpt(NamedTuple):
    """What records show of a place."""

    code_block: list[tuple[int, str]]
    file_line_range: list[int]
    resource: str


class _Records:
    """Makes records; those of one file, and of one place in it, share what they say of it."""

    def __init__(self, paths: _Paths, repository: RepositoryPaths) -> None:
        self._paths = paths
        self._repository = repository
        self._files: dict[str, _ShownFile] = {}
        self._excerpts: dict[Excerpt, _ShownExcerpt] = {}

    def resource(self, path: str, resource: str) -> str:
        """The name of what a logical path in a file leads to."""
        return f"{self._file(path).file_path.lstrip('/')}:{printable(resource)}"

    def of(self, outcome: Outcome, finding: Finding | None) -> Record:
        """The record of an outcome."""
        check = outcome.check
        file, excerpt = self._file(outcome.path), self._excerpt(outcome.excerpt)
        record = NginxRecord(
            check_id=check.id,
            bc_check_id=check.bc_id,
            check_name=check.name,
            check_result=_check_result(outcome),
            code_block=excerpt.code_block,
            file_path=file.file_path,
            file_line_range=excerpt.file_line_range,
            resource=excerpt.resource,
            evaluations=None,
            check_class=check.__class__.__module__,
            file_abs_path=file.file_abs_path,
            severity=check.severity,
            details=[printable(outcome.message)] if outcome.message else None,
        )
        record.set_guideline(outcome.guideline)
        record.repo_file_path = file.repo_file_path
        record.finding = finding
        return record

    def _file(self, path: str) -> _ShownFile:
        if path not in self._files:
            self._files[path] = _ShownFile(
                self._paths.file_path(path),
                printable(self._paths.absolute(path)),
                "/" + printable(self._repository.path(path)).lstrip("/"),
            )
        return self._files[path]

    def _excerpt(self, excerpt: Excerpt) -> _ShownExcerpt:
        if excerpt not in self._excerpts:
            self._excerpts[excerpt] = _ShownExcerpt(
                [(number, printable_line(line)) for number, line in excerpt.code_block],
                [excerpt.region.start_line, excerpt.region.end_line],
                self.resource(excerpt.path, excerpt.resource),
            )
        return self._excerpts[excerpt]


def _check_result(outcome: Outcome) -> _CheckResult:
    """The result as Checkov keeps it: only what survives pickling and JSON."""
    result: _CheckResult = {"result": outcome.result, "evaluated_keys": list(outcome.evaluated_keys)}
    if outcome.result == CheckResult.SKIPPED:
        result["suppress_comment"] = printable(outcome.skip_reason.strip()) or NO_REASON
    return result
