"""A scan of many files, shared among the processes that Checkov lets its runners use."""

from __future__ import annotations

import multiprocessing
import os
from itertools import accumulate
from typing import TYPE_CHECKING, Callable, Final, TypeVar

from checkov_nginx_tls.analysis import analysed, no_progress, run_all
from checkov_nginx_tls.collector import without_collector
from checkov_nginx_tls.configurations import Tree
from checkov_nginx_tls.files import NO_CONTENTS, keep_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from checkov_nginx_tls.analysis import Analysis, OnProgress, ShouldRun
    from checkov_nginx_tls.discovery import Candidate
    from checkov_nginx_tls.files import Keep

T = TypeVar("T")

SHARED_FROM: Final = 1 << 20
"""Bytes of configuration that stands alone from which on it pays to share them: some tenths of a second of work."""


def analyse_in_shares(
    root: str | None,
    files: Sequence[str],
    use: Callable[[Analysis], T],
    *,
    keep: Keep = keep_all,
    should_run: ShouldRun = run_all,
    on_progress: OnProgress = no_progress,
    contents: Mapping[str, bytes] = NO_CONTENTS,
    base: str | None = None,
    with_passes: bool = True,
) -> list[T]:
    """What ``use`` makes of the analyses of all shares of a scan, always in the same order.

    No finding depends on files of two shares. ``use`` may run in another process: what it returns must survive
    pickling. For the other arguments see ``analyse`` and ``analysed``.
    """
    with without_collector():
        tree = Tree(root, files, keep, None, contents, base)
        workers = _workers() if sum(len(one.content) for one in tree.alone) >= SHARED_FROM else 1
        if workers == 1:
            return [use(analysed(tree.all_configurations(), should_run, on_progress, with_passes=with_passes))]
        shares = _shares(tree.alone, workers)

        def analyse_share(number: int) -> tuple[int, T]:
            found = tree.configurations_of(shares[number]) if number < len(shares) else tree.together
            return number, use(analysed(found, should_run, no_progress, with_passes=with_passes))

        return _run(analyse_share, len(shares) + 1, on_progress)


def _workers() -> int:
    """The processes that Checkov may use here; 1 where it uses threads, or none, or this is a daemon, without children.

    ``CHECKOV_WORKERS_NUMBER`` and ``CHECKOV_PARALLELIZATION_TYPE`` say so, and else the machine.
    """
    from checkov.common.models.enums import ParallelizationType
    from checkov.common.parallelizer.parallel_runner import parallel_runner

    if parallel_runner.type != ParallelizationType.FORK or multiprocessing.current_process().daemon:
        return 1
    number = os.environ.get("CHECKOV_WORKERS_NUMBER", "")  # older Checkovs do not know it
    return max(1, int(number) if number.isdecimal() else int(parallel_runner.workers_number))


def _shares(candidates: Sequence[Candidate], count: int) -> list[list[Candidate]]:
    """So many shares of about the same number of bytes, in order."""
    ends = [*accumulate(len(candidate.content) for candidate in candidates)]
    shares: list[list[Candidate]] = [[] for _ in range(count)]
    for candidate, seen in zip(candidates, [0, *ends]):
        shares[min(seen * count // max(ends[-1], 1), count - 1)].append(candidate)
    return [share for share in shares if share]


def _run(analyse_share: Callable[[int], tuple[int, T]], count: int, on_progress: OnProgress) -> list[T]:
    """The results for all numbers in their order; what a process that was killed still owes is made here."""
    from checkov.common.parallelizer.parallel_runner import parallel_runner

    results: dict[int, T] = {}
    answers: Iterable[tuple[int, T] | None] = parallel_runner.run_function(analyse_share, [*range(count)], group_size=1)
    for answer in answers:
        if answer is not None:  # what older Checkovs make of an exception
            results[answer[0]] = answer[1]
            on_progress(len(results), count, "")
    for number in range(count):
        if number not in results:
            results[number] = analyse_share(number)[1]
    return [results[number] for number in range(count)]
