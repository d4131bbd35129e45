"""Rule texts for people: in a terminal, as Markdown pages, as JSON."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from checkov_nginx_tls.rule import Rule

CWE_PAGE: Final = "https://cwe.mitre.org/data/definitions/{}.html"


class Section(NamedTuple):
    """A part of a rule's text: a paragraph, a list where ``items`` holds any, and an example."""

    title: str
    text: str = ""
    items: tuple[str, ...] = ()
    code: str = ""


def sections(rule: Rule) -> tuple[Section, ...]:
    """A rule's text in the order in which it is read."""
    return (
        Section("What it looks at", rule.what),
        Section("Why it matters", rule.why),
        Section("Fails", code=rule.example),
        Section("Use instead", code=rule.use_instead),
        Section("What nginx does", rule.nginx),
        Section("How to suppress it", _suppression(rule)),
        Section(
            "References",
            items=(
                rule.guideline,
                f"CWE-{rule.cwe}: {CWE_PAGE.format(rule.cwe)}",
                *rule.benchmarks,
            ),
        ),
    )


def as_text(rule: Rule, width: int) -> str:
    """A rule's text for a terminal of this many columns."""
    lines = [f"{rule.id}  {rule.severity}", *textwrap.wrap(rule.title, width), ""]
    for section in sections(rule):
        lines.append(section.title)
        lines += _wrapped(section.text, width, "  ")
        lines += (f"  {item}" for item in section.items)
        lines += (f"    {line}".rstrip() for line in section.code.splitlines())
        lines.append("")
    return "\n".join(lines)


def as_markdown(rule: Rule) -> str:
    """A rule's page."""
    lines = [f"# {rule.id}: {rule.title}", "", f"Severity: {rule.severity}", ""]
    for section in sections(rule):
        lines += [f"## {section.title}", ""]
        if section.text:
            lines += [*_wrapped(section.text, 120, ""), ""]
        if section.items:
            lines += [*(f"- {item}" for item in section.items), ""]
        if section.code:
            lines += [f"```{rule.language}", *section.code.splitlines(), "```", ""]
    return "\n".join(lines)


def as_json(rule: Rule) -> dict[str, Any]:
    """A rule's metadata and text as JSON's types."""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "guideline": rule.guideline,
        "precision": rule.precision,
        "cwe": rule.cwe,
        "benchmarks": list(rule.benchmarks),
        "language": rule.language,
        "what": rule.what,
        "why": rule.why,
        "example": rule.example,
        "use_instead": rule.use_instead,
        "nginx": rule.nginx,
        "suppress": _suppression(rule),
    }


def table_as_text(rules: Sequence[Rule], width: int) -> str:
    """All rules, each with its ID, severity and title."""
    indent = max((len(rule.id) for rule in rules), default=0) + 2
    lines: list[str] = []
    for rule in rules:
        head = f"{rule.id.ljust(indent)}{rule.severity.ljust(8)}"
        lines += textwrap.wrap(head + rule.title, max(width, 60), subsequent_indent=" " * len(head))
    return "\n".join(lines)


def table_as_markdown(rules: Iterable[Rule], pages: str = "") -> str:
    """All rules as a table; ``pages`` is the directory to whose pages the IDs link, "" for none."""
    lines = ["| ID | severity | what it asks for |", "|---|---|---|"]
    for rule in rules:
        name = f"[`{rule.id}`]({pages}/{rule.id}.md)" if pages else f"`{rule.id}`"
        lines.append(f"| {name} | {rule.severity} | {rule.title} |")
    return "\n".join(lines)


def _suppression(rule: Rule) -> str:
    if rule.language == "yaml":
        return (
            f'Add the annotation checkov.io/skip1: "{rule.id}=REASON" to the object that the finding names '
            '(skip2, skip3 and so on for more rules). REASON holds no "=", at which Checkov would end. Comments do not '
            "skip in Kubernetes objects. In Terraform write the comment "
            f"# checkov:skip={rule.id}:REASON inside the resource."
        )
    return (
        f"Write the comment # checkov:skip={rule.id}:REASON on the directive that the finding points to, or on its own "
        "line directly above it; first in a block it covers the whole block."
    )


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
