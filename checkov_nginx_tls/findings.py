"""Findings as reports show them: plain data, without the nginx model behind it.

A finding's fingerprint is a pure function of the check's ID, the file's URI, the logical path of the cause inside the
file, and the cause: the directive's name and its arguments as nginx decodes them. Moved lines, white space, quotes and
comments do not change it; another file, another block, and another value do. The target of a pass directive belongs
to it only where the rule is about the target (03 and 14).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.places import Region
from checkov_nginx_tls.texts import printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.analysis import Analysis, Outcome
    from checkov_nginx_tls.fixes import Fix as MendingFix
    from checkov_nginx_tls.places import RelatedPlace
    from checkov_nginx_tls.repository_paths import RepositoryPaths
    from checkov_nginx_tls.syntax import Source


class Suppression(NamedTuple):
    """Why a finding does not count: ``in_source`` is False where something outside the files says so."""

    reason: str
    in_source: bool = True


class Location(NamedTuple):
    """A place that has to do with a finding; see RelatedPlace for ``place`` and ``text``."""

    uri: str
    region: Region
    place: str
    text: str


class Edit(NamedTuple):
    """A change to a file that mends a finding: ``text`` in place of a region, which is empty to insert."""

    uri: str
    region: Region
    text: str

    @classmethod
    def of(cls, source: Source, uri: str, start: int, end: int, text: str) -> Edit:
        """Replace what stands between two offsets into the text of a source."""
        first, behind = source.position(start), source.position(end)
        return cls(uri, Region(first.line, behind.line, first.column, behind.column), text)


class Fix(NamedTuple):
    """Edits that mend a finding together, and what they do in one sentence."""

    description: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Finding:
    """A failed check, or a skipped one, with everything that a report says of it.

    ``severity`` is LOW, MEDIUM, HIGH or CRITICAL, None where a user's check has none. ``path`` is absolute,
    ``file`` is the path in the repository and ``uri`` the same as a URI. ``resource`` is the logical path inside the
    file. ``snippet`` is the text of the region, "" where it is too long. ``related`` are other places to look at.
    ``fixes`` mend it, where one right answer exists that needs nothing but what the files say.
    """

    check_id: str
    title: str
    severity: str | None
    message: str
    guideline: str | None
    path: str
    file: str
    uri: str
    region: Region
    snippet: str
    resource: str
    fingerprint: str
    related: tuple[Location, ...] = ()
    suppression: Suppression | None = None
    fixes: tuple[Fix, ...] = ()


class Fingerprints:
    """Fingerprints of one scan: of findings that only places tell apart, the second and later ones get a number."""

    def __init__(self) -> None:
        self._places: dict[str, dict[Region, int]] = {}

    def take(self, check_id: str, uri: str, resource: str, cause: Sequence[str], place: Region) -> str:
        """The fingerprint of the next finding in the order of the files; one that is found again keeps its own."""
        value = fingerprint(check_id, uri, resource, cause)
        places = self._places.setdefault(value, {})
        number = places.setdefault(place, len(places))
        return value if number == 0 else fingerprint(check_id, uri, resource, (*cause, f"#{number + 1}"))


def fingerprint(check_id: str, uri: str, resource: str, cause: Sequence[str]) -> str:
    """32 hexadecimal digits; see the text of this module for what they depend on."""
    text = json.dumps([check_id, uri, resource, *cause])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def findings(analysis: Analysis, paths: RepositoryPaths, *, in_full: bool = True) -> Iterator[tuple[Outcome, Finding]]:
    """The findings among the outcomes of an analysis, each with its outcome, in their order.

    Not ``in_full`` they lack what only SARIF shows: related places and fixes.
    """
    fingerprints = Fingerprints()
    fixes_of = _maker_of_fixes(analysis, paths) if in_full else None
    for outcome in analysis.outcomes:
        if outcome.result in (CheckResult.FAILED, CheckResult.SKIPPED):
            uri = paths.uri(outcome.path)
            value = fingerprints.take(outcome.check.id, uri, outcome.resource, outcome.cause, outcome.region)
            is_open = outcome.result is CheckResult.FAILED
            fixes = fixes_of(outcome) if fixes_of is not None and is_open else ()
            related = tuple(_location(place, paths) for place in outcome.related) if in_full else ()
            yield outcome, _finding(outcome, paths, value, related, fixes)


def _finding(
    outcome: Outcome, paths: RepositoryPaths, value: str, related: tuple[Location, ...], fixes: tuple[Fix, ...]
) -> Finding:
    check = outcome.check
    skipped = outcome.result is CheckResult.SKIPPED
    return Finding(
        check_id=check.id,
        title=check.name,
        severity=check.severity_name,
        message=printable(outcome.message) or check.name,
        guideline=outcome.guideline,
        path=outcome.path,
        file=printable(paths.path(outcome.path)),
        uri=paths.uri(outcome.path),
        region=outcome.region,
        snippet=printable_lines(outcome.snippet),
        resource=printable(outcome.resource),
        fingerprint=value,
        related=related,
        suppression=Suppression(printable(outcome.skip_reason.strip())) if skipped else None,
        fixes=fixes,
    )


def _maker_of_fixes(analysis: Analysis, paths: RepositoryPaths) -> Callable[[Outcome], tuple[Fix, ...]]:
    """What makes the fixes of failed outcomes; what that needs is loaded here."""
    from checkov_nginx_tls.fixes import Refusal, Trust, World, fix_for

    world, trust = World(analysis), Trust()

    def fixes_of(outcome: Outcome) -> tuple[Fix, ...]:
        fix = fix_for(outcome, world, trust)
        return () if fix is None or isinstance(fix, Refusal) else (_fix(fix, paths),)

    return fixes_of


def _fix(fix: MendingFix, paths: RepositoryPaths) -> Fix:
    edits = (Edit.of(one.source, paths.uri(one.source.path), one.start, one.end, one.text) for one in fix.edits)
    return Fix(fix.description, tuple(edits))


def _location(related: RelatedPlace, paths: RepositoryPaths) -> Location:
    return Location(paths.uri(related.path), related.region, printable(related.place), printable(related.text))
