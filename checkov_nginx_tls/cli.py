"""The command ``checkov-nginx-tls``.

Exit codes: Checkov's own for ``scan``; 0 done and 2 could not run for the others.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

from checkov_nginx_tls import __version__

PROGRAM = "checkov-nginx-tls"
POLICY_FILE = "checkov_nginx_tls_policies.py"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code; ``arguments`` are those of the process if not given.

    Raises SystemExit where argparse or Checkov do.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["scan"]:
        return scan(arguments[1:])
    options = _parser().parse_args(arguments)
    exit_code: int = options.run()
    return exit_code


def scan(arguments: list[str]) -> int:
    """Run Checkov with the nginx framework; ``arguments`` are Checkov's. Returns its exit code."""
    sys.argv = [f"{PROGRAM} scan", *arguments]  # Checkov reads its own name and configuration files off it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=SyntaxWarning)
        from checkov.main import Checkov

        from checkov_nginx_tls.plugin import register_framework

        register_framework()
        return Checkov(argv=list(arguments)).run() or 0


def print_policies_directory() -> int:
    """Print the directory for ``--external-checks-dir``; 2 if this installation has none."""
    directory = find_policies_directory(Path(__file__).resolve().parent)
    if directory is None:
        print(f"{PROGRAM}: this installation has no policies directory; reinstall it", file=sys.stderr)
        return 2
    print(directory)
    return 0


def find_policies_directory(package: Path) -> Path | None:
    """The policies of the package at this path: inside an installed one, beside it in a repository."""
    for directory in (package / "policies", package.parent / "policies"):
        if (directory / POLICY_FILE).is_file():
            return directory
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Checkov for nginx: TLS to upstream servers.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    # "scan" never gets here with arguments: argparse would take those that are Checkov's for its own.
    commands.add_parser("scan", help="run checkov with the framework nginx; takes every argument of checkov")
    policies = commands.add_parser("policies-dir", help="print the directory for checkov's --external-checks-dir")
    policies.set_defaults(run=print_policies_directory)
    return parser
