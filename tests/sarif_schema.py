"""The two judges of SARIF files: the official schema, and the validator of the SARIF SDK where it is installed."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMA = Path(__file__).parent / "data" / "sarif-schema-2.1.0.json"
MULTITOOL = shutil.which("sarif-multitool")


@functools.cache
def _validator() -> Any:
    schema = json.loads(SCHEMA.read_text())
    return jsonschema.validators.validator_for(schema)(schema)


def schema_errors(log: dict[str, Any]) -> list[str]:
    """What the official schema has against a log."""
    return [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(log)]


def validator_complaints(path: Path) -> list[str]:
    """Errors and warnings of the SARIF SDK's validator, GitHub's ingestion rules among them; skips where it is absent.

    Notes are left out: they are about the form of rule IDs, and about links, which cannot be followed offline.
    """
    if MULTITOOL is None:
        pytest.skip("no sarif-multitool on PATH: npm install --global @microsoft/sarif-multitool")
    # The program hands its arguments to a shell.
    finished = subprocess.run(
        [MULTITOOL, "validate", path.name, "--rule-kind", "'Sarif;Ghas'", "--level", "'Error;Warning'"],
        cwd=path.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Analysis completed successfully." in finished.stdout, finished.stdout + finished.stderr
    return re.findall(r"(?:error|warning) [A-Z]+\d+: .*", finished.stdout)
