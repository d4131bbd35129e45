"""The rules as checks of Checkov's kubernetes and terraform runners; the only module here that knows them.

Checkov hands a check one object at a time. ``scan_of`` is around a whole scan of one of its runners and knows the
other objects; each check asks ``_scan`` for them. Runners may share a process, in threads.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from checkov.common.bridgecrew.severities import get_severity
from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.kubernetes.checks.resource.base_spec_check import BaseK8Check
from checkov.kubernetes.checks.resource.registry import registry
from checkov.runner_filter import RunnerFilter
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

from checkov_nginx_tls.kubernetes.catalogue import KUBERNETES_RULES
from checkov_nginx_tls.kubernetes.kubernetes_rule import Judgement, gravest
from checkov_nginx_tls.kubernetes.objects import Objects, object_of
from checkov_nginx_tls.kubernetes.terraform import objects_in, resource_types
from checkov_nginx_tls.kubernetes.values import mapping
from checkov_nginx_tls.repository_paths import RepositoryPaths
from checkov_nginx_tls.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from checkov.common.output.record import Record
    from checkov.common.output.report import Report
    from checkov.common.typing import _CheckResult, _SkippedCheck

    from checkov_nginx_tls.kubernetes.kubernetes_rule import KubernetesRule
    from checkov_nginx_tls.kubernetes.objects import KubernetesObject

    Lines = Sequence[tuple[int, str]]

DETAILS: Final = "details"
"""Under this key of a check's result its message travels to the record, which Checkov makes without one."""

SCANNED_FILE: Final = "scanned_file"
"""Likewise the path of the file: that in the kubernetes runner's records is wrong where -d is a relative path."""

OBJECT: Final = "object"
"""Likewise the object: Checkov knows the lines of one by its name, which another one in the file may have as well."""

_READ_IN_PLACE: Final = frozenset({"kubernetes", "terraform", "terraform_plan"})
"""The frameworks whose records are of the files themselves; helm and kustomize render others and rename the records."""

logger = logging.getLogger(__name__)


class Scan:
    """What one runner scans, and what became of it."""

    def __init__(self, objects: Iterable[KubernetesObject]) -> None:
        self.objects = Objects(objects)
        self.undecided: dict[tuple[str, str], None] = {}
        self.broken: dict[str, None] = {}


_scan: Final[ContextVar[Scan | None]] = ContextVar("checkov_nginx_tls_kubernetes_scan", default=None)


@contextmanager
def scan_of(
    objects: Iterable[KubernetesObject], report: Report, root: str | None, lines: Mapping[str, Lines]
) -> Iterator[None]:
    """Let the checks that run inside know the objects of a runner; afterwards complete the report and the log.

    ``root`` is the directory that is scanned, None where single files are. ``lines`` are those of the files that the
    runner has read.
    """
    scan = Scan(objects)
    token = _scan.set(scan)
    try:
        yield
    finally:
        _scan.reset(token)
    paths = RepositoryPaths(root or None) if report.check_type in _READ_IN_PLACE else None
    for record in (*report.failed_checks, *report.passed_checks, *report.skipped_checks):
        _complete(record, paths, lines)
    report.add_parsing_errors(scan.broken)
    if scan.undecided:
        logger.warning(
            "%d Kubernetes object(s) undecided: a value or an object that decides is not in the scanned files (a "
            "Policy, a Secret, a template expression). 'checkov-nginx-tls explain --undecided PATH' lists those in "
            "YAML and JSON files, LOG_LEVEL=DEBUG all",
            len(scan.undecided),
        )


def register() -> None:
    """Create the checks, which registers them in Checkov's registries, as external ones; once in a process."""
    if any(isinstance(check, KubernetesCheck) for _, check in registry.all_checks()):
        return
    for rule in KUBERNETES_RULES:
        for check in (KubernetesCheck(rule), TerraformCheck(rule)):
            RunnerFilter.notify_external_check(check.id)
            check.severity = get_severity(rule.rule.severity)  # type: ignore[assignment]  # declared as None
            check.benchmarks = {name.rpartition(" ")[0]: [name.rpartition(" ")[2]] for name in rule.rule.benchmarks}


class KubernetesCheck(BaseK8Check):
    """A rule in Checkov's kubernetes, helm and kustomize runners."""

    def __init__(self, rule: KubernetesRule) -> None:
        super().__init__(
            name=rule.rule.title,
            id=rule.rule.id,
            categories=[CheckCategories.NETWORKING],
            supported_entities=list(rule.kinds),
            guideline=rule.rule.guideline,
        )
        self._rule = rule

    def run(
        self,
        scanned_file: str,
        entity_configuration: dict[str, Any],
        entity_name: str,
        entity_type: str,
        skip_info: _SkippedCheck,
    ) -> _CheckResult:
        """Judge one object; nothing of it stays in the check, which other threads may be running."""
        one = object_of(entity_configuration, scanned_file)
        subjects = [one] if one is not None else []
        if skip_info:
            skipped = super().run(scanned_file, entity_configuration, entity_name, entity_type, skip_info)
            result = _skipped(skipped, self._rule, subjects, scanned_file)
        else:
            result = _result(self._rule, subjects, scanned_file)
        return {**result, OBJECT: one}  # type: ignore[typeddict-unknown-key]  # as in _result

    def scan_spec_conf(self, conf: dict[str, Any]) -> CheckResult:
        """Not used: ``run`` judges."""
        raise NotImplementedError


class TerraformCheck(BaseResourceCheck):
    """A rule in Checkov's terraform and terraform_plan runners."""

    def __init__(self, rule: KubernetesRule) -> None:
        super().__init__(
            name=rule.rule.title,
            id=rule.rule.id,
            categories=[CheckCategories.NETWORKING],
            supported_resources=resource_types(rule.kinds),
            guideline=rule.rule.guideline,
        )
        self._rule = rule

    def run(
        self,
        scanned_file: str,
        entity_configuration: dict[str, Any],
        entity_name: str,
        entity_type: str,
        skip_info: _SkippedCheck,
    ) -> _CheckResult:
        """Judge the objects of one resource, as KubernetesCheck.run does."""
        subjects = _subjects(self._rule, entity_type, entity_configuration)
        if skip_info:
            skipped = super().run(scanned_file, entity_configuration, entity_name, entity_type, skip_info)
            return _skipped(skipped, self._rule, subjects, scanned_file)
        return _result(self._rule, subjects, scanned_file)

    def scan_resource_conf(self, conf: dict[str, list[Any]]) -> CheckResult:
        """Not used: ``run`` judges."""
        raise NotImplementedError


def _subjects(rule: KubernetesRule, resource_type: str, resource: object) -> list[KubernetesObject]:
    """The objects of a resource of Terraform that a rule is about; none where its count is 0."""
    if mapping(resource).get("count") == [0]:
        return []
    return [one for one in objects_in(resource_type, resource, "") if one.kind in rule.kinds]


def _result(rule: KubernetesRule, subjects: Iterable[KubernetesObject], file: str) -> _CheckResult:
    """A judgement as Checkov keeps it; UNKNOWN makes no record."""
    judgement = _opinion(rule, subjects, file)
    result: dict[str, Any] = {"result": judgement.result, "evaluated_keys": list(judgement.keys), SCANNED_FILE: file}
    if judgement.message:
        result[DETAILS] = [printable(judgement.message)]
    return result  # type: ignore[return-value]  # Checkov's type does not know the additional key


def _skipped(
    result: _CheckResult, rule: KubernetesRule, subjects: Iterable[KubernetesObject], file: str
) -> _CheckResult:
    """Checkov's result of a skipped check, with what the check would have said, for reports show that as well."""
    scan = _scan.get() or Scan(subjects)
    judgement = gravest(one for one in (_judged(rule, subject, scan, file) for subject in subjects) if one is not None)
    said: dict[str, Any] = {SCANNED_FILE: file}
    if judgement is not None and judgement.result is CheckResult.FAILED:
        said.update({"evaluated_keys": list(judgement.keys), DETAILS: [printable(judgement.message)]})
    return {**result, **said}  # type: ignore[typeddict-item]  # as in _result


def _opinion(rule: KubernetesRule, subjects: Iterable[KubernetesObject], file: str) -> Judgement:
    """The gravest judgement of several objects, written down in the scan where it is undecided."""
    scan = _scan.get() or Scan(subjects)
    judgements = []
    for subject in subjects:
        judgement = _judged(rule, subject, scan, file)
        if judgement is None:
            continue
        judgements.append(judgement)
        if judgement.result is CheckResult.UNKNOWN:
            scan.undecided[file, subject.title] = None
            place = f"{file}: {subject.title}"
            logger.debug("Kubernetes object undecided: %s: %s: %s", place, rule.rule.id, judgement.message)
    return gravest(judgements) or Judgement(CheckResult.UNKNOWN)


def _judged(rule: KubernetesRule, subject: KubernetesObject, scan: Scan, file: str) -> Judgement | None:
    """A rule's judgement; where it raises that is no pass, but an object that could not be judged."""
    try:
        return rule.judge(subject, scan.objects)
    except Exception:
        logger.exception("check %s failed on %s in %s", rule.rule.id, subject.title, file)
        scan.broken[f"{file}: {subject.title}"] = None
        return None


def _complete(record: Record, paths: RepositoryPaths | None, lines: Mapping[str, Lines]) -> None:
    """Give one of our records its message, the lines of its object, and the path of its file in the repository.

    Others stay as they are.
    """
    if not record.check_class.startswith(__name__):
        return
    details = record.check_result.pop(DETAILS, None)  # type: ignore[typeddict-item]
    if details:
        record.details = details
    one: KubernetesObject | None = record.check_result.pop(OBJECT, None)  # type: ignore[typeddict-item]
    written = lines.get(one.path) if one is not None else None
    if one is not None and written:
        first, last = one.extent(written)
        record.file_line_range = [first, last]
        record.code_block = list(written[first - 1 : last])
    file = record.check_result.pop(SCANNED_FILE, None) or record.file_abs_path  # type: ignore[typeddict-item]
    if paths is not None and os.path.isfile(file):
        record.file_abs_path = os.path.abspath(file)
        name = paths.path(file)
        if os.path.isabs(name):  # a link leads out of the repository; the link itself is in there
            directory, link = os.path.split(record.file_abs_path)
            name = os.path.normpath(os.path.join(paths.path(directory), link))
        record.repo_file_path = "/" + printable(name).lstrip("/")
