"""What a rule says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CIS_UPSTREAM_CERTIFICATE_TRUSTED: Final = "CIS NGINX Benchmark 4.1.10"


@dataclass(frozen=True)
class Rule:
    """A rule's metadata and text.

    ``severity`` is LOW, MEDIUM or HIGH; ``guideline`` the documentation of the directive to set; ``cwe`` a number
    of the Common Weakness Enumeration; ``benchmarks`` the items that ask for the same. The text: ``what`` the
    rule looks at, ``why`` it matters, an ``example`` that fails, what to ``use_instead``, and what ``nginx`` does
    exactly, with the source. ``language`` is that of the examples: "nginx", or "yaml" for Kubernetes objects.
    ``precision`` is how often a finding is right, as GitHub's dashboards count it: "very-high" where the scanned files
    alone decide, "high" where a finding also rests on what is outside them.
    """

    id: str
    title: str
    severity: str
    guideline: str
    cwe: int
    benchmarks: tuple[str, ...]
    what: str
    why: str
    example: str
    use_instead: str
    nginx: str
    language: str = "nginx"
    precision: str = "high"
