"""The two ways into Checkov, and every change that is made to it.

Way one, unmodified ``checkov --external-checks-dir policies``: the file in ``policies/`` calls ``activate``,
once for each runner. By then Checkov's list of runners is sealed, so nginx is scanned in the hook that runs
after all of them, ``BaseIntegrationFeature.post_scan``, whose report Checkov adds to its own. The hook has to
be registered in the main process, but Checkov usually imports external checks in forked processes only. What
each of them sends home whatever its framework is its log stream; ``activate`` swaps it for one that registers
the hook where it is received.

Way two, ``checkov-nginx-tls scan``: ``register_framework`` adds a runner before Checkov reads its arguments.

The rules about Kubernetes objects are checks of Checkov's own kubernetes and terraform runners (helm and kustomize
render for the former), registered when such a runner has something to judge.

What is changed in Checkov, here and nowhere else; where a version has no such attribute, its own behaviour
stays and a warning says so:

- ``runner_registry.log_stream`` in runner processes, as said above.
- ``Sarif.create_json``: one message for all findings of a rule, no columns, tags or fingerprints, and attachments that
  the schema refuses. Our rules and results are put in place of those; the others' stay as they are.
- ``Report.get_test_suite`` and ``GitLabSast._create_iac_vulnerability``: what a record says of its own case becomes
  the message of the failure, and the description of the vulnerability, which otherwise repeat the title of the rule.
- ``Baseline._is_check_in_baseline``: Checkov compares the names of resources only; those of Kubernetes objects may
  stand in several files, of which a baseline holds one.
- ``docs_generator.get_checks``: ``--list`` knows Checkov's own registries only (way two).
- ``check_definitions`` of the kubernetes runner and ``check_tf_definition`` of the terraform runners: they show a
  check one object at a time. A context around them registers our checks, knows the other objects, and adds to the
  report what a record says about its own case.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import io
import logging
import multiprocessing
import os
import site
import sys
import sysconfig
import threading
from functools import wraps
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from checkov.common.bridgecrew.check_type import CheckType, checkov_runners
from checkov.common.bridgecrew.code_categories import CodeCategoryMapping, CodeCategoryType
from checkov.common.bridgecrew.integration_features.base_integration_feature import BaseIntegrationFeature
from checkov.common.bridgecrew.integration_features.integration_feature_registry import (
    integration_feature_registry,
)
from checkov.common.bridgecrew.platform_integration import bc_integration
from checkov.common.output.report import Report, merge_reports

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType, ModuleType

    from checkov.common.output.record import Record
    from checkov.common.typing import _BaseRunner
    from checkov.runner_filter import RunnerFilter

PACKAGE = "checkov_nginx_tls"
DISTRIBUTION = "checkov-nginx-tls"
CHECK_TYPE = "nginx"
NOT_SCANNED = "nginx is not scanned; use `checkov-nginx-tls scan` instead of `checkov`"

logger = logging.getLogger(__name__)

_lock = threading.Lock()


def activate(policy_file: str) -> None:
    """Add nginx to the scan of which this process is a part; called again, or in way two, it changes nothing.

    ``policy_file`` is the file below ``--external-checks-dir`` that calls. Cheap: it reads and scans nothing.
    Raises ImportError if the package resolves only by what Checkov added to the import path for external
    checks: then the main process, where the scan is to run, could not import it.
    """
    with _lock:
        if _framework_is_registered():
            return
        if not _resolves_in_main_process(policy_file):
            raise ImportError("it is not installed where Checkov runs, only found beside the policy file")
        _surround_runners()
        if multiprocessing.parent_process() is not None:
            _notify_main_process()
        else:
            _register_feature()


def register_framework() -> None:
    """Add the framework "nginx" to Checkov in this process, before its arguments are read (way two)."""
    from checkov import docs_generator, main

    from checkov_nginx_tls.kubernetes import checkov_checks
    from checkov_nginx_tls.runner import Runner

    with _lock:
        if _framework_is_registered():
            return
        checkov_runners.append(CHECK_TYPE)
        setattr(CheckType, "NGINX", CHECK_TYPE)  # noqa: B010
        _register_category()
        main.DEFAULT_RUNNERS.append(Runner())
        _surround_runners()
        checkov_checks.register()
        _improve_outputs()
        _improve_list(docs_generator)


def _framework_is_registered() -> bool:
    return CHECK_TYPE in checkov_runners


def _register_category() -> None:
    """Checkov looks the category of every report up when it decides about exit codes and licences."""
    CodeCategoryMapping.setdefault(CHECK_TYPE, CodeCategoryType.IAC)


class _Scan(NamedTuple):
    """What Checkov is scanning at this moment."""

    root_folder: str | None
    files: list[str] | None
    external_checks_dir: list[str]
    runner_filter: RunnerFilter


class NginxFeature(BaseIntegrationFeature):
    """Scans nginx configuration when Checkov's own runners are done, once for each ``-d``."""

    def __init__(self) -> None:
        super().__init__(bc_integration=bc_integration, order=100)  # after Checkov's own features
        self._report: Report | None = None
        self.user_check_files: set[str] = set()

    def is_valid(self) -> bool:
        """Always: what it does needs no platform."""
        return True

    def pre_scan(self) -> None:
        """Nothing: the feature is registered when the scan is already running."""

    def pre_runner(self, runner: _BaseRunner) -> None:
        """Nothing: the runners are Checkov's own."""

    def post_runner(self, scan_reports: Report) -> None:
        """Nothing: the reports of Checkov's runners stay as they are."""

    def post_scan(self, merged_reports: list[Report]) -> Report | None:  # noqa: ARG002  # Checkov's signature
        """Scan what Checkov just scanned.

        Returns the report that Checkov is to add to its own; for a later ``-d`` it is merged into the report
        of the first one, as Checkov does with those of its runners, and nothing is returned.
        """
        scan = _scan_in_progress()
        if scan is None:
            _warn_about_version("RunnerRegistry.run", NOT_SCANNED)
            return None
        from checkov_nginx_tls.runner import Runner

        _register_category()
        _improve_outputs()
        report = Runner().run(
            root_folder=scan.root_folder,
            external_checks_dir=self._directories_to_load(scan.external_checks_dir),
            files=scan.files,
            runner_filter=scan.runner_filter,
        )
        if self._report is None:
            self._report = report
            return report
        merge_reports(self._report, report)
        return None

    def _directories_to_load(self, external_checks_dir: list[str]) -> list[str]:
        """The external directories with nginx checks that runner processes imported and this one did not."""
        missing = self.user_check_files.difference(_user_check_files())
        return [directory for directory in external_checks_dir if any(_is_below(file, directory) for file in missing)]


def _scan_in_progress() -> _Scan | None:
    """Read from the running ``RunnerRegistry.run`` what it works on; None if this Checkov has no such method.

    The hook is given reports only. Which of several ``-d`` they are about, what the platform excludes and
    where ``--external-checks-git`` was cloned to are nowhere else to be had.
    """
    from checkov.common.runners.runner_registry import RunnerRegistry

    frame: FrameType | None = sys._getframe()  # noqa: SLF001  # inspect.currentframe() is the same thing
    while frame is not None:
        caller = frame.f_locals
        if frame.f_code.co_name == "run" and isinstance(caller.get("self"), RunnerRegistry):
            try:
                return _Scan(
                    root_folder=caller["root_folder"],
                    files=caller["files"],
                    external_checks_dir=caller["external_checks_dir"] or [],
                    runner_filter=caller["self"].runner_filter,
                )
            except (KeyError, AttributeError):
                return None
        frame = frame.f_back
    return None


def _register_feature() -> NginxFeature:
    """The one feature of this process."""
    for feature in integration_feature_registry.features:
        if isinstance(feature, NginxFeature):
            return feature
    return NginxFeature()


class _NotifyingLogStream(io.StringIO):
    """Stands for a runner's log stream; received by the main process, it registers the hook there."""

    def __init__(self, stream: io.StringIO) -> None:
        super().__init__()
        self._stream = stream

    def __reduce__(self) -> tuple[Callable[[str, tuple[str, ...]], io.StringIO], tuple[str, tuple[str, ...]]]:
        return _receive, (self._stream.getvalue(), _user_check_files())


def _user_check_files() -> tuple[str, ...]:
    """The files of users' nginx checks that this process has imported, without importing ours."""
    loaded = sys.modules.get(f"{PACKAGE}.checks.registry")
    files: tuple[str, ...] = loaded.registry.user_check_files() if loaded is not None else ()
    return files


def _notify_main_process() -> None:
    """Swap the log stream that this runner process will send home."""
    from checkov.common.runners import runner_registry

    stream = getattr(runner_registry, "log_stream", None)
    if not isinstance(stream, io.StringIO):
        _warn_about_version("runner_registry.log_stream", NOT_SCANNED)
    elif not isinstance(stream, _NotifyingLogStream):
        setattr(runner_registry, "log_stream", _NotifyingLogStream(stream))  # noqa: B010


def _receive(log: str, user_check_files: tuple[str, ...]) -> io.StringIO:
    """Run in the main process for each runner's result: register the hook, return the log stream.

    ``user_check_files`` are the files of users' nginx checks that the runner process imported; this one has
    not.
    """
    with _lock:
        if not _framework_is_registered():
            _register_feature().user_check_files.update(user_check_files)
    stream = io.StringIO()
    stream.write(log)
    return stream


def _resolves_in_main_process(policy_file: str) -> bool:
    """Whether the package is found without what Checkov put on the import path for external checks.

    The main process never gets these entries, and dies if it cannot import what ``_NotifyingLogStream``
    names.
    """
    entries = _lasting_path_entries(policy_file)
    spec = PathFinder.find_spec(PACKAGE, entries)
    if spec is not None and spec.origin is not None:
        return True
    return any(True for _ in importlib.metadata.distributions(name=DISTRIBUTION, path=entries))


def _lasting_path_entries(policy_file: str) -> list[str]:
    """The entries of sys.path that are not due to the loading of external checks.

    Checkov inserts every directory that it walks behind the first entry. Those below
    ``--external-checks-dir`` are known by their place; where a cloned ``--external-checks-git`` starts is not
    known, so all above and below the policy file count as inserted. Directories of installed packages stay,
    wherever they are.
    """
    config = integration_feature_registry.config
    directories = list(getattr(config, "external_checks_dir", None) or [])
    policies = os.path.dirname(os.path.abspath(policy_file))
    from_git = bool(getattr(config, "external_checks_git", None))

    def lasts(entry: str) -> bool:
        if os.path.realpath(entry) in installed:
            return True
        if from_git and (_is_below(entry, policies) or _is_below(policies, entry)):
            return False
        return not any(_is_below(entry, directory) for directory in directories)

    installed = {os.path.realpath(path) for path in _package_directories()}
    return [entry for position, entry in enumerate(sys.path) if position == 0 or lasts(entry)]


def _package_directories() -> list[str]:
    """Where this Python imports from on its own account."""
    paths = sysconfig.get_paths()
    installed = [paths["purelib"], paths["platlib"], site.getusersitepackages()]
    return installed + [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _is_below(path: str, directory: str) -> bool:
    """Whether ``path`` is ``directory`` or something in it, links resolved."""
    path, directory = (os.path.realpath(os.path.expanduser(name)) for name in (path, directory))
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)


def _warn_about_version(attribute: str, consequence: str) -> None:
    logger.warning("checkov-nginx-tls: this version of Checkov has no %s; %s", attribute, consequence)


def _surround_runners() -> None:
    """Let the rules about Kubernetes objects run in Checkov's own runners; idempotent and cheap."""
    from checkov.kubernetes.runner import Runner as KubernetesRunner
    from checkov.terraform.plan_runner import Runner as PlanRunner
    from checkov.terraform.runner import Runner as TerraformRunner

    _surround(KubernetesRunner, "check_definitions")
    _surround(TerraformRunner, "check_tf_definition")
    _surround(PlanRunner, "check_tf_definition")


def _surround(runner: type, method: str) -> None:
    """Let the rules about Kubernetes objects know, during a method of a runner, all objects of its definitions."""
    original = vars(runner).get(method)
    if original is None:
        name = f"{runner.__module__}.{runner.__name__}.{method}"
        _warn_about_version(name, "Kubernetes objects are not judged")
        return
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def surrounded(self: Any, *args: Any, **kwargs: Any) -> Any:
        from checkov_nginx_tls.kubernetes.definitions import JUDGED_KINDS, objects_of

        objects = list(objects_of(self.definitions))
        if not any(one.kind in JUDGED_KINDS for one in objects):
            return original(self, *args, **kwargs)
        from checkov_nginx_tls.kubernetes import checkov_checks

        with _lock:
            checkov_checks.register()
        given = inspect.signature(original).bind(self, *args, **kwargs).arguments
        lines = getattr(self, "definitions_raw", None) or {}
        with checkov_checks.scan_of(objects, given["report"], given.get("root_folder"), lines):
            return original(self, *args, **kwargs)

    setattr(runner, method, surrounded)


def _improve_outputs() -> None:
    """Let Checkov's outputs say of our records what they know; idempotent.

    How is loaded by the outputs that are asked for.
    """

    def sarif(made: dict[str, Any], this: Any) -> dict[str, Any]:
        from checkov_nginx_tls import record_findings

        def has_result(report: Report, record: Record) -> bool:
            return this._create_rule_id(check_type=report.check_type, record=record) in this.rule_index_map  # noqa: SLF001

        return record_findings.completed_sarif(made, this.reports, has_result)

    def junit(made: Any, this: Report, *_args: object, **_kwargs: object) -> object:
        from checkov_nginx_tls import record_findings

        return record_findings.complete_test_suite(made, this)

    def gitlab(made: dict[str, Any], _this: object, record: Record) -> dict[str, Any]:
        from checkov_nginx_tls import record_findings

        return record_findings.completed_vulnerability(made, record)

    def baseline(made: bool, this: Any, check: Record) -> bool:
        from checkov_nginx_tls import record_findings

        return made and (
            not record_findings.is_ours(check) or record_findings.is_in_baseline(this.failed_checks, check)
        )

    _improve("sarif", "Sarif.create_json", sarif, "SARIF results of nginx do not follow the schema")
    _improve("report", "Report.get_test_suite", junit, "JUnit's failures of nginx say the titles of rules only")
    _improve(
        "gitlab_sast",
        "GitLabSast._create_iac_vulnerability",
        gitlab,
        "GitLab's report describes nginx findings by a link only",
    )
    _improve(
        "baseline", "Baseline._is_check_in_baseline", baseline, "baselines take objects of one name for the same object"
    )


def _improve(module: str, name: str, improved: Callable[..., Any], consequence: str) -> None:
    """Let a method of Checkov's outputs return what ``improved`` makes of its result, the object and the arguments.

    Idempotent. Where Checkov has no such method, or ``improved`` raises, its own result stays and one warning says so.
    """
    class_name, method = name.split(".")
    try:
        owner = getattr(importlib.import_module(f"checkov.common.output.{module}"), class_name)
        original = getattr(owner, method)
    except (ImportError, AttributeError):
        _warn_about_version(name, consequence)
        return
    if hasattr(original, "__wrapped__"):
        return
    warned: list[str] = []

    @wraps(original)
    def method_of_ours(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        try:
            return improved(made, self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  # another Checkov may do anything in another way
            if not warned:
                warned.append(f"{type(error).__name__}: {error}")
                logger.warning(
                    "checkov-nginx-tls: this version of Checkov has another %s (%s); %s", name, warned[0], consequence
                )
            return made

    setattr(owner, method, method_of_ours)


def _improve_list(docs_generator: ModuleType) -> None:
    """Show the nginx checks in Checkov's ``--list``."""
    original = getattr(docs_generator, "get_checks", None)
    if original is None:
        _warn_about_version("docs_generator.get_checks", "--list does not show the nginx checks")
        return

    @wraps(original)
    def get_checks(
        frameworks: list[str] | None = None, *args: object, **kwargs: Iterable[str]
    ) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [_with_link(row) for row in original(frameworks, *args, **kwargs)]
        wanted = kwargs.get("filtered_policy_ids") or []
        if {"all", CHECK_TYPE}.intersection(frameworks or ["all"]):
            rows += [row for row in _list_rows() if not wanted or row[0] in wanted]
        return sorted(rows, key=docs_generator.get_compare_key)

    setattr(docs_generator, "get_checks", get_checks)  # noqa: B010


def _with_link(row: tuple[str, ...]) -> tuple[str, ...]:
    """A row of ``--list``; Checkov links all checks to its own repository, ours are documented elsewhere."""
    from checkov_nginx_tls.kubernetes.catalogue import KUBERNETES_RULES

    links = {rule.rule.id: rule.rule.guideline for rule in KUBERNETES_RULES}
    return (*row[:-1], links[row[0]]) if row[0] in links else row


def _list_rows() -> list[tuple[str, ...]]:
    """One row of ``--list`` for each check and block type: id, type, entity, policy, framework, link."""
    from checkov_nginx_tls.checks.registry import registry

    return [
        (check.id, "resource", entity, check.name, CHECK_TYPE, check.guideline or "")
        for check in registry.checks()
        for entity in check.supported_entities
    ]
