"""Our records in Checkov's outputs: what each output is to say of them, made of what Checkov made.

Every function here takes Checkov's own output and returns or completes it; where a version of Checkov gives it another
form they raise, and the caller keeps Checkov's.
"""

from __future__ import annotations

import itertools
import logging
import os
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Callable, Final
from urllib.parse import quote

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls import __version__, sarif
from checkov_nginx_tls.catalogue import rules as all_rules
from checkov_nginx_tls.findings import Finding, Fingerprints, Suppression
from checkov_nginx_tls.kubernetes.object_findings import WrittenObject, finding_of_object
from checkov_nginx_tls.runner import CHECK_TYPE, NginxRecord
from checkov_nginx_tls.suppressions import NO_REASON
from checkov_nginx_tls.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov.common.output.record import Record
    from checkov.common.output.report import Report
    from checkov.common.typing import _BaselineFailedChecks
    from junit_xml import TestSuite

    from checkov_nginx_tls.rule import Rule

    HasResult = Callable[[Report, Record], bool]

_PACKAGE: Final = __name__.partition(".")[0]
_BASELINE: Final = "baseline-skipped"
"""What Checkov gives as the reason of records that it skips for a baseline."""

logger = logging.getLogger(__name__)


def is_ours(record: Record) -> bool:
    """Whether a record is of the nginx framework, or of one of our rules in another framework."""
    return isinstance(record, NginxRecord) or record.check_class.startswith(f"{_PACKAGE}.")


def message_of(record: Record) -> str:
    """What one of our records says of its own case, "" if nothing."""
    return " ".join(record.details) if is_ours(record) else ""


def completed_sarif(log: dict[str, Any], reports: Sequence[Report], has_result: HasResult) -> dict[str, Any]:
    """A SARIF log with our rules and results in place of those that Checkov made of our records.

    ``has_result`` tells whether Checkov makes a result of a record at all. Raises ValueError, KeyError and their like
    where results and records do not belong together.
    """
    records = [
        (record, report.check_type)
        for report in reports
        for record in itertools.chain(report.failed_checks, report.skipped_checks)
        if has_result(report, record)
    ]
    findings = _by_position(records)
    count = len(records)
    others = {record.check_id for number, (record, _) in enumerate(records) if number not in findings}
    checks: dict[str, Record] = {}
    for number in sorted(findings):
        checks.setdefault(records[number][0].check_id, records[number][0])
    own = [report for report in reports if report.check_type == CHECK_TYPE]
    if not findings and not own:
        return log
    (run,) = log["runs"]
    if len(run["results"]) != count:
        raise ValueError(f"Checkov made {len(run['results'])} results of {count} records")
    if count > sarif.RESULT_LIMIT:
        logger.warning("checkov-nginx-tls: %s", sarif.too_many(count))
    errors = [sarif.notification(error) for report in own for error in report.parsing_errors]
    return sarif.complete(log, findings, _descriptors(checks, others), errors, __version__)


def _by_position(records: Sequence[tuple[Record, str]]) -> dict[int, Finding]:
    """The findings of our records among those of reports of some types, by position.

    Made in the order of the files, whether they failed or are skipped: fingerprints of what only places tell apart
    have numbers.
    """
    known = _Findings()
    ours = [number for number, (record, _) in enumerate(records) if is_ours(record)]
    ours.sort(key=lambda number: (records[number][0].file_path, records[number][0].file_line_range))
    found = {number: known.of(*records[number]) for number in ours}
    return {number: finding for number, finding in found.items() if finding is not None}


def _descriptors(checks: dict[str, Record], others: set[str]) -> list[dict[str, Any]]:
    """Our rules, those of users' checks behind them; an ID that another framework uses keeps that one's rule."""
    ours = [sarif.rule_of(rule) for rule in all_rules()]
    ids = {rule["id"] for rule in ours}
    users = [
        sarif.rule_of_check(check_id, record.check_name, _severity(record), record.guideline)
        for check_id, record in checks.items()
        if check_id not in ids
    ]
    return [rule for rule in (*ours, *users) if rule["id"] not in others]


def complete_test_suite(suite: TestSuite, report: Report) -> TestSuite:
    """Make what our records say of their own cases the messages of their failures in JUnit's XML; in place."""
    records = [*report.passed_checks, *report.failed_checks, *report.skipped_checks]
    if any(map(is_ours, records)) and len(records) != len(suite.test_cases):
        raise ValueError(f"Checkov made {len(suite.test_cases)} test cases of {len(records)} records")
    for record, case in zip(records, suite.test_cases):
        message = message_of(record)
        for failure in case.failures if message else ():
            failure["message"] = message
            failure["output"] = f"\nDetails: {message}{failure['output']}"
    return suite


def completed_vulnerability(vulnerability: dict[str, Any], record: Record) -> dict[str, Any]:
    """A vulnerability of GitLab's SAST report, described by what one of our records says of its own case."""
    message = message_of(record)
    return {**vulnerability, "description": message} if message else vulnerability


def is_in_baseline(entries: Sequence[_BaselineFailedChecks], record: Record) -> bool:
    """Whether a baseline holds one of our records, of the same file: objects in several files may have one name."""
    return any(
        entry["file"] == record.file_path
        and any(
            finding["resource"] == record.resource and record.check_id in finding["check_ids"]
            for finding in entry["findings"]
        )
        for entry in entries
    )


class _Findings:
    """The findings of our records in one output."""

    def __init__(self) -> None:
        self._fingerprints = Fingerprints()

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in all_rules()}

    def of(self, record: Record, check_type: str) -> Finding | None:
        """The finding of a record as it stands after baselines and platform; None if nothing is known of it."""
        if isinstance(record, NginxRecord):
            found = record.finding
            if found is None:
                return None
            return replace(found, severity=_severity(record), suppression=found.suppression or _suppression(record))
        rule = self._rules.get(record.check_id)
        if rule is None:
            return None
        return finding_of_object(
            rule,
            _severity(record) or rule.severity,
            message_of(record),
            _written(record, check_type),
            record.check_result.get("evaluated_keys") or [],
            _suppression(record),
            self._fingerprints,
        )


def _written(record: Record, check_type: str) -> WrittenObject:
    """An object as a record has it; what helm and kustomize records quote is not what stands in the file."""
    file = _unprinted(record.repo_file_path.lstrip("/"), record.file_abs_path)
    first, last = record.file_line_range
    return WrittenObject(
        path=record.file_abs_path,
        file=file,
        uri=quote(os.fsencode(file)),
        lines=(first, last),
        code=record.code_block or (),
        resource=record.resource,
        is_written=check_type == "kubernetes",
    )


def _unprinted(name: str, path: str) -> str:
    """The end of an absolute path of which a record has a printable form; that form itself if there is none."""
    parts = path.split(os.sep)
    ends = ("/".join(parts[first:]) for first in range(len(parts)))
    return next((end for end in ends if printable(end) == name), name)


def _severity(record: Record) -> str | None:
    """A severity that SARIF has a level for, None where the record has none."""
    name = record.severity.name if record.severity is not None else None
    return name if name in sarif.LEVELS else None


def _suppression(record: Record) -> Suppression | None:
    if record.check_result["result"] != CheckResult.SKIPPED:
        return None
    comment = (record.check_result.get("suppress_comment") or "").strip()
    in_source = comment != _BASELINE and not isinstance(record, NginxRecord)
    return Suppression(comment or NO_REASON, in_source)
