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
