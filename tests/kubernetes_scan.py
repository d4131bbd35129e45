"""Scans Kubernetes objects with Checkov's own kubernetes runner, in this process, with our rules in it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checkov.kubernetes.runner import Runner
from checkov.runner_filter import RunnerFilter

from checkov_nginx_tls import plugin

if TYPE_CHECKING:
    from checkov.common.output.record import Record
    from checkov.common.output.report import Report

CHECKS = "CKV_NGINX_CUSTOM_*"
LOGGER = "checkov_nginx_tls.kubernetes.checkov_checks"

Place = tuple[str, int]


@dataclass(frozen=True)
class Scanned:
    """``undecided`` are the messages about objects that a rule could not judge, ``warnings`` what users see."""

    report: Report
    undecided: tuple[str, ...]
    warnings: tuple[str, ...]

    def failed(self, check_id: str) -> list[Record]:
        return [record for record in self.report.failed_checks if record.check_id == check_id]

    def undecided_by(self, check_id: str) -> list[str]:
        return [message for message in self.undecided if f" {check_id}: " in message]


class _Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def of(self, level: int) -> tuple[str, ...]:
        return tuple(record.getMessage() for record in self.records if record.levelno == level)


def scan(path: Path, *, checks: str = CHECKS) -> Scanned:
    """Scan a directory with ``-d``, or a file with ``-f``."""
    plugin._surround_runners()
    messages = _Messages()
    logger = logging.getLogger(LOGGER)
    level = logger.level
    logger.addHandler(messages)
    logger.setLevel(logging.DEBUG)
    try:
        report = Runner().run(
            str(path) if path.is_dir() else None,
            files=None if path.is_dir() else [str(path)],
            runner_filter=RunnerFilter(framework=["kubernetes"], checks=[checks], show_progress_bar=False),
        )
    finally:
        logger.removeHandler(messages)
        logger.setLevel(level)
    assert not isinstance(report, list)
    assert messages.of(logging.ERROR) == ()
    return Scanned(report, messages.of(logging.DEBUG), messages.of(logging.WARNING))


def marked(fixture: Path) -> set[Place]:
    """The lines, by file, that end with the comment ``# finding``."""
    files = sorted(fixture.rglob("*.yaml")) if fixture.is_dir() else [fixture]
    return {
        (str(file.resolve()), number)
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if line.endswith("# finding")
    }


def found(records: list[Record], places: set[Place]) -> tuple[set[Place], list[Record]]:
    """The places inside the objects of these records, and the records whose objects hold none."""
    hit: set[Place] = set()
    without = []
    for record in records:
        path = str(Path(record.file_abs_path).resolve())
        first, last = record.file_line_range
        inside = {place for place in places if place[0] == path and first <= place[1] <= last}
        hit |= inside
        if len(inside) != 1:
            without.append(record)
    return hit, without
