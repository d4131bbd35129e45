"""What the scanner makes of a corpus of repositories: one row of numbers for each.

``python tests/corpus_table.py DIRECTORY`` prints the table; ``DIRECTORY/nginx`` holds the repositories.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.configurations import find_configurations
from checkov_nginx_tls.discovery import discover
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.upstreams import connections

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = "repository candidates embedded tls undecided plaintext failed undecided_by problems".split()


class Found(NamedTuple):
    """A pass directive and what nginx may speak there: ``transports`` in all configurations that it stands in."""

    path: str
    line: int
    transports: frozenset[Transport]
    verifications: frozenset[str]


def found_in(repository: Path) -> list[Found]:
    """The pass directives of a repository, by path (relative to the repository's parent) and line."""
    places: dict[tuple[str, int], set[tuple[Transport, str]]] = {}
    for configuration in find_configurations(str(repository)).configurations:
        for one in connections(configuration):
            directive = one.placed.directive
            path = str(Path(directive.source.path).relative_to(repository.resolve().parent))
            places.setdefault((path, directive.line), set()).add((one.transport, one.verification.value))
    return [
        Found(*place, frozenset(transport for transport, _ in said), frozenset(flag for _, flag in said))
        for place, said in sorted(places.items())
    ]


def row(repository: Path) -> list[str]:
    """The numbers of one repository, in the order of HEADER."""
    candidates = discover(str(repository), []).candidates
    analysis = analyse(str(repository))
    transports: Counter[Transport] = Counter()
    for one in found_in(repository):
        certain = next((kind for kind in (Transport.TLS, Transport.UNDECIDED) if kind in one.transports), None)
        transports[certain or Transport.PLAINTEXT] += 1
    results = {
        kind: Counter(outcome.check.id[-2:] for outcome in analysis.outcomes if outcome.result is kind)
        for kind in (CheckResult.FAILED, CheckResult.UNKNOWN)
    }
    reasons = Counter(_shape(problem.reason) for problem in analysis.problems)
    return [
        repository.name,
        str(len(candidates)),
        str(sum(candidate.region is not None for candidate in candidates)),
        *(str(transports[kind]) for kind in (Transport.TLS, Transport.UNDECIDED, Transport.PLAINTEXT)),
        _counts(results[CheckResult.FAILED]),
        _counts(results[CheckResult.UNKNOWN]),
        _counts(reasons),
    ]


def table(corpus: Path) -> Iterator[str]:
    """The header and a row for each repository, separated by tabs."""
    yield "\t".join(HEADER)
    for repository in sorted((corpus / "nginx").iterdir()):
        yield "\t".join(row(repository))


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counter.items())) or "-"


def _shape(reason: str) -> str:
    """A reason without what is particular to one file."""
    return " ".join(reason.split('"')[::2]).partition(" for ")[0].strip(" ,:")


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table(Path(sys.argv[1])))
