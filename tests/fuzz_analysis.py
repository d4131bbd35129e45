"""Coverage-guided fuzzing from files to outcomes: ``python tests/fuzz_analysis.py [options of libFuzzer]``.

The first byte of an input chooses the names of files; the rest, cut at a separator, is what they hold. An input that
makes the analysis raise, that stops one of its rules, that takes too much memory, or that gives another result the
second time, is a finding.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Final

import atheris

with atheris.instrument_imports(include=["checkov_nginx_tls", "crossplane"]):
    from checkov_nginx_tls.analysis import analyse

if TYPE_CHECKING:
    from checkov_nginx_tls.analysis import Analysis

MEMORY_LIMIT: Final = 2 << 30
"""Bytes that an analysis of a few kilobytes is never near."""

SEPARATOR: Final = b"\n=====\n"
NAMES: Final = (
    ("nginx.conf", "conf.d/app.conf", "snippets/tls.conf"),
    ("site.conf.j2", "defaults/main.yml", "tasks/main.yml"),
    ("templates/default.conf.template", "docker-compose.yml", "Dockerfile"),
    ("config-map.yaml", "nginx.conf", "deployment.yaml"),
    ("Dockerfile", "entrypoint.sh", "nginx.conf"),
    ("main.tf", "nginx.conf.tftpl", "nginx.conf"),
    ("templates/configmap.yaml", "values.yaml", "templates/_helpers.tpl"),
    ("nginx.conf.erb", "nginx.txt", "app.lua"),
)


def check_one_input(data: bytes) -> None:
    """Analyse what an input stands for, twice."""
    directory = tempfile.mkdtemp(dir=SCRATCH)
    try:
        names = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
        for name, content in zip(names, data[1:].split(SEPARATOR)):
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        analysis = analyse(directory)
        stopped = [problem.reason for problem in analysis.problems if "failed to run" in problem.reason]
        assert not stopped, stopped
        assert shown(analysis) == shown(analyse(directory))
    finally:
        shutil.rmtree(directory)


def shown(analysis: Analysis) -> list[tuple[object, ...]]:
    """What two analyses of the same files must have in common."""
    shown: list[tuple[object, ...]] = [
        (one.check.id, one.result, one.path, one.start_line, one.resource, one.message) for one in analysis.outcomes
    ]
    return [*shown, analysis.problems, analysis.remarks, analysis.unused_skips]


if __name__ == "__main__":
    SCRATCH: Final = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)  # noqa: S108  # memory
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    try:
        atheris.Setup(sys.argv, check_one_input)
        atheris.Fuzz()
    finally:
        shutil.rmtree(SCRATCH)
