"""SARIF 2.1.0 of findings: rules and results, in a log of their own or within one that Checkov has made.

Knows nothing of Checkov. What GitHub takes and shows of it is described in "SARIF support for code scanning" of its
documentation: texts of descriptions are cut at 1024 characters, 20 tags, 100 related locations, 25,000 results, and
of the fingerprints ``primaryLocationLineHash`` alone is looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from checkov_nginx_tls.explanations import as_markdown, as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from checkov_nginx_tls.findings import Finding, Fix, Location
    from checkov_nginx_tls.places import Region
    from checkov_nginx_tls.rule import Rule

SCHEMA: Final = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/main/sarif-2.1/schema/sarif-schema-2.1.0.json"
TOOL: Final = "checkov-nginx-tls"
FINGERPRINT: Final = "checkovNginxTls/v1"
RESULT_LIMIT: Final = 25_000
"""Results of a run beyond which GitHub refuses the whole file."""

LEVELS: Final = {"CRITICAL": "error", "HIGH": "error", "MEDIUM": "warning", "LOW": "note"}
"""SARIF's level for each severity."""

_SCORES: Final = {"CRITICAL": "10.0", "HIGH": "8.9", "MEDIUM": "6.9", "LOW": "3.9"}
"""GitHub's security-severity: the highest score that it shows as the severity of this name."""

_DESCRIPTION: Final = 1024
_HELP_WIDTH: Final = 100
_LINK: Final = re.compile(r"\[(?=[^\]\n]*\]\()")

JSON = dict[str, Any]


def rule_of(rule: Rule) -> JSON:
    """The descriptor of one of our rules."""
    return {
        **_descriptor(rule.id, rule.title, rule.severity, rule.guideline),
        "fullDescription": {"text": _cut(rule.what)},
        "help": {"text": as_text(rule, _HELP_WIDTH), "markdown": as_markdown(rule)},
        "properties": {
            "tags": ["security", f"external/cwe/cwe-{rule.cwe:03}", *map(_tag, rule.benchmarks), "nginx", "tls"],
            "precision": rule.precision,
            "security-severity": _SCORES[rule.severity],
        },
    }


def rule_of_check(check_id: str, title: str, severity: str | None, guideline: str | None) -> JSON:
    """The descriptor of a user's check, of which no more is known."""
    descriptor = _descriptor(check_id, title, severity, guideline)
    if severity is not None:
        descriptor["properties"] = {"tags": ["security", "nginx"], "security-severity": _SCORES[severity]}
    return descriptor


def result_of(finding: Finding, rule_index: int) -> JSON:
    """A finding as a result; ``rule_index`` is the position of its rule among those of the run."""
    result: JSON = {
        "ruleId": finding.check_id,
        "ruleIndex": rule_index,
        "level": level(finding.severity),
        "message": {"text": _linked(finding.message, finding.related)},
        "locations": [
            {
                "physicalLocation": _physical_location(finding.uri, finding.region, finding.snippet),
                "logicalLocations": [{"fullyQualifiedName": f"{finding.file}:{finding.resource}"}],
            }
        ],
        "partialFingerprints": {
            FINGERPRINT: finding.fingerprint,
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
        },
    }
    if finding.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "physicalLocation": _physical_location(place.uri, place.region),
                "message": {"text": _unlinked(place.text)},
            }
            for number, place in enumerate(finding.related, 1)
        ]
    if finding.suppression is not None:
        kind = "inSource" if finding.suppression.in_source else "external"
        result["suppressions"] = [{"kind": kind, "justification": finding.suppression.reason}]
    if finding.fixes:
        result["fixes"] = [fix_of(fix) for fix in finding.fixes]
    return result


def fix_of(fix: Fix) -> JSON:
    """The edits that mend a finding together, by file, in the order of the regions."""
    by_file: dict[str, list[JSON]] = {}
    for edit in sorted(fix.edits, key=lambda edit: (edit.uri, edit.region.start_line, edit.region.start_column or 1)):
        replacement: JSON = {"deletedRegion": _region(edit.region)}
        if edit.text:
            replacement["insertedContent"] = {"text": edit.text}
        by_file.setdefault(edit.uri, []).append(replacement)
    return {
        "description": {"text": _unlinked(fix.description)},
        "artifactChanges": [
            {"artifactLocation": {"uri": uri}, "replacements": replacements} for uri, replacements in by_file.items()
        ],
    }


def notification(text: str, place: tuple[str, Region] | None = None) -> JSON:
    """Something that kept a file from being judged, and its URI and region where they are known."""
    found: JSON = {"level": "error", "message": {"text": _unlinked(text)}}
    if place is not None:
        found["locations"] = [{"physicalLocation": _physical_location(*place)}]
    return found


def log_of(rules: Sequence[JSON], findings: Sequence[Finding], notifications: Sequence[JSON], version: str) -> JSON:
    """A whole log of one run; each finding's rule must be among ``rules``."""
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    driver: JSON = {"name": TOOL, "version": version, "semanticVersion": version, "rules": list(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                **_run_properties(notifications),
                "results": [result_of(finding, index[finding.check_id]) for finding in findings],
            }
        ],
    }


def complete(
    log: JSON, findings: Mapping[int, Finding], rules: Sequence[JSON], notifications: Sequence[JSON], version: str
) -> JSON:
    """Put our rules and results in place of those that Checkov made of them; ``log`` itself stays as it is.

    ``findings`` are ours, by the positions of their results; they take those in the order of the files, for Checkov
    lists some frameworks' in that of the directory. Our rules come behind the others', so that results of
    other frameworks are what they would be without ours, index of the rule included. Raises KeyError, IndexError,
    TypeError or ValueError where the log is not of the form that Checkov 3 gives it.
    """
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    ours = {rule["id"] for rule in rules}
    kept = [rule for rule in driver["rules"] if rule["id"] not in ours]
    index = {rule["id"]: number for number, rule in enumerate([*kept, *rules])}
    results = [{**made, "ruleIndex": index[made["ruleId"]]} for made in run["results"]]
    for number, finding in findings.items():
        if results[number]["ruleId"] != finding.check_id:
            raise ValueError(f"result {number} is of {results[number]['ruleId']}, not of {finding.check_id}")
    for number, finding in zip(sorted(findings), sorted(findings.values(), key=_position)):
        results[number] = result_of(finding, index[finding.check_id])
    tool = {
        **run["tool"],
        "driver": {**driver, "rules": [*kept, *rules]},
        "extensions": [{"name": TOOL, "version": version, "semanticVersion": version}],
    }
    return {**log, "runs": [{**run, "tool": tool, **_run_properties(notifications), "results": results}]}


def too_many(results: int) -> str:
    """What to say about more results than GitHub takes."""
    return (
        f"the SARIF file holds {results} results, and GitHub refuses files with more than {RESULT_LIMIT}: scan parts "
        "of the tree, or leave out frameworks or rules"
    )


def level(severity: str | None) -> str:
    """SARIF's level of a severity; a check without one counts as an error, as Checkov has it."""
    return LEVELS.get(severity or "", "error")


def _position(finding: Finding) -> tuple[bool, str, int, int, str, str]:
    region = finding.region
    place = (finding.uri, region.start_line, region.start_column or 0)
    return (finding.suppression is not None, *place, finding.check_id, finding.resource)


def _run_properties(notifications: Sequence[JSON]) -> JSON:
    invocation: JSON = {"executionSuccessful": True}
    if notifications:
        invocation["toolExecutionNotifications"] = list(notifications)
    return {"columnKind": "unicodeCodePoints", "invocations": [invocation]}


def _descriptor(check_id: str, title: str, severity: str | None, guideline: str | None) -> JSON:
    descriptor: JSON = {
        "id": check_id,
        "name": _identifier(title),
        "shortDescription": {"text": _cut(title)},
        "fullDescription": {"text": _cut(title)},
        "help": {"text": f"{title}\n{guideline}" if guideline else title},
        "defaultConfiguration": {"level": level(severity)},
    }
    if guideline is not None and guideline.startswith(("https://", "http://")):
        descriptor["helpUri"] = guideline
    return descriptor


def _identifier(title: str) -> str:
    """A title as SARIF wants a rule's name: words without anything between them, each with one capital."""
    return "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", title))[:255] or "Check"


def _tag(benchmark: str) -> str:
    """``CIS NGINX Benchmark 4.1.10`` as a tag: CIS-NGINX-4.1.10."""
    return "-".join(word for word in benchmark.split() if word != "Benchmark")


def _cut(text: str) -> str:
    return text if len(text) <= _DESCRIPTION else f"{text[: _DESCRIPTION - 3]}..."


def _physical_location(uri: str, region: Region, snippet: str = "") -> JSON:
    described = _region(region)
    if snippet:
        described["snippet"] = {"text": snippet}
    return {"artifactLocation": {"uri": uri}, "region": described}


def _region(region: Region) -> JSON:
    described = {"startLine": region.start_line, "endLine": region.end_line}
    if region.start_column is not None and region.end_column is not None:
        described.update(startColumn=region.start_column, endColumn=region.end_column)
    return described


def _linked(message: str, related: Iterable[Location]) -> str:
    """A message in which the places that it names lead to the related locations."""
    numbers: dict[str, int] = {}
    for number, place in enumerate(related, 1):
        numbers.setdefault(place.place, number)
    text = _unlinked(message)
    if not numbers:
        return text
    longest_first = sorted(numbers, key=len, reverse=True)
    places = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w:])")
    return places.sub(lambda match: f"[{match[0]}]({numbers[match[0]]})", text)


def _unlinked(text: str) -> str:
    """A text of which no part is taken for a link, whatever stands in the scanned files."""
    return _LINK.sub(r"\\[", text)
