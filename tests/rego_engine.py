"""The policy ``policies/rego/nginx_ssl.rego`` in a Rego engine from PyPI, and what the scanner says."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from checkov.common.models.enums import CheckResult
from jsonschema import Draft202012Validator

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.configurations import find_configurations
from checkov_nginx_tls.export.documents import documents
from checkov_nginx_tls.export.printing import SCHEMA
from nginx_oracle import Addresses, listener_names, render
from oracle_scan import write_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nginx_oracle import Text
    from oracle_certificates import Certificates

    Document = dict[str, Any]
    Finding = tuple[str, str, int]
    """A check's ID, and the file and the line to mend."""

REGO = Path(__file__).resolve().parent.parent / "policies" / "rego"
RULES = frozenset(f"CKV_NGINX_CUSTOM_0{number}" for number in range(1, 9))
"""The rules that the policy knows."""

VALIDATOR = Draft202012Validator(json.loads(Path(SCHEMA).read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Verdict:
    """What fails, and what cannot be decided."""

    failed: frozenset[Finding]
    undecided: frozenset[Finding]


class Findings(NamedTuple):
    """What the policy denies, and what it warns of: objects with ``msg``, ``id``, ``file``, ``line`` ..."""

    denied: list[Document]
    warned: list[Document]


class Policy:
    """The policy, compiled once."""

    def __init__(self) -> None:
        from regopy import Interpreter

        self._interpreter = Interpreter()
        self._interpreter.add_module("nginx_ssl", (REGO / "nginx_ssl.rego").read_text(encoding="utf-8"))
        self._bundle = self._interpreter.build("deny = data.main.deny; warn = data.main.warn", [])

    def findings(self, document: Document | Sequence[Document]) -> Findings:
        """What the policy says of an input as Conftest hands it over."""
        self._interpreter.set_input_term(json.dumps(document))  # set_input escapes no quotes
        result = self._interpreter.query_bundle(self._bundle)[0]
        return Findings(result["deny"], result["warn"])


def scan(root: Path | None, files: Sequence[Path] = ()) -> Verdict:
    """The scanner's opinion of a directory, or of files."""
    analysis = analyse(None if root is None else str(root), list(map(str, files)))
    base = os.path.realpath(root or os.curdir)

    def found(result: CheckResult) -> frozenset[Finding]:
        return frozenset(
            (outcome.check.id, os.path.relpath(outcome.path, base), outcome.start_line)
            for outcome in analysis.outcomes
            if outcome.result is result and outcome.check.id in RULES
        )

    return Verdict(found(CheckResult.FAILED), found(CheckResult.UNKNOWN))


def exported(root: Path | None, files: Sequence[Path] = ()) -> list[Document]:
    """The documents of a directory, or of files, all of which the schema allows."""
    found = find_configurations(None if root is None else str(root), list(map(str, files)))
    result = documents(found.configurations, ".")
    for document in result:
        VALIDATOR.validate(document)
    return result


def verdict_of(findings: Sequence[Findings]) -> Verdict:
    """The policy's opinion of several documents."""
    denied, warned = (
        frozenset((one["id"], one["file"], one["line"]) for group in groups for one in group)
        for groups in ([one.denied for one in findings], [one.warned for one in findings])
    )
    return Verdict(denied, warned - denied)


def assert_verified_is_what_the_policy_says(findings: Findings, document: Document) -> None:
    """``verified`` comes from the scanner's rules, the policy's findings from the rest of the document."""
    denied, warned = ({one["id"][-2:] for one in group} for group in findings)
    if document["skips"]:
        return
    unsafe = denied - {"08"}  # what cannot succeed is verified all the same
    if document["verified"]:
        assert document["transport"] == "tls", document
        assert not unsafe | warned, document
    elif document["verified"] is None:
        assert not unsafe, document
        assert warned or document["transport"] is None, document
    else:
        assert unsafe | warned or document["loopback"], document


def write_case(directory: Path, certificates: Certificates, template: Text, files: Mapping[str, Text]) -> None:
    """Write a case of the oracle without asking any nginx: every upstream has an address of its own."""
    names = listener_names([template, *files.values()])
    addresses = Addresses(certificates, _Hosts(), _Sockets(), {name: port for port, name in enumerate(names, 8080)})
    contents = {**files, "nginx.conf": template}
    write_files(directory, {name: render(content, addresses) for name, content in contents.items()})


class _Hosts(dict[str, "tuple[str, int]"]):
    """Addresses of a documentation network, in the order in which they are asked for."""

    def __missing__(self, name: str) -> tuple[str, int]:
        self[name] = (f"192.0.2.{len(self) + 1}", 443)
        return self[name]


class _Sockets(dict[str, Path]):
    def __missing__(self, name: str) -> Path:
        return Path(f"/run/{name}.sock")
