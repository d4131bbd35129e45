"""The command ``checkov-nginx-tls``.

Exit codes: Checkov's own for ``scan``; for the others 0 done, 1 findings or changes needed, 2 could not run, or could
not read something. Errors are one line on standard error.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from checkov_nginx_tls import __version__, streams
from checkov_nginx_tls.texts import printable

if TYPE_CHECKING:
    from checkov_nginx_tls.rule import Rule

PROGRAM = "checkov-nginx-tls"
POLICY_FILE = "checkov_nginx_tls_policies.py"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code; ``arguments`` are those of the process if not given.

    Raises SystemExit where argparse or Checkov do.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["scan"]:
        return scan(arguments[1:])
    streams.open_missing()
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names and values of nginx are any bytes
    try:
        exit_code: int = options.run(options)
        sys.stdout.flush()
    except streams.InputClosed:
        return _error("standard input is closed")
    except OSError as error:
        if not streams.is_failure(error):
            raise
        streams.discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            return _error("standard output was closed before everything was printed")
        return _error(f"standard output: {error.strerror}")
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


def lint(options: argparse.Namespace) -> int:
    """Print what a scan finds, without Checkov's start; returns 0, 1 where there is something, or 2."""
    from checkov_nginx_tls.inputs import INSTEAD, STANDARD_INPUT, unfit
    from checkov_nginx_tls.lint import run

    if options.stdin_filename is not None and STANDARD_INPUT not in options.paths:
        return _error("--stdin-filename needs the path -, which stands for the standard input")
    if options.stdin_filename and os.path.isdir(options.stdin_filename):
        return _error(f"{options.stdin_filename} is a directory; --stdin-filename names a file")
    reason = next(filter(None, map(unfit, options.paths)), None)
    if reason is not None:
        return _error(f"{reason}; {INSTEAD}")
    return run(options.paths, options.format, options.stdin_filename)


def explain(options: argparse.Namespace) -> int:
    """Print the text of a rule, or a table of all; with ``--undecided`` what could not be decided, and why."""
    if options.undecided is not None:
        return list_undecided(options.undecided)
    from checkov_nginx_tls.catalogue import rules as all_rules
    from checkov_nginx_tls.explanations import as_json, as_markdown, as_text, table_as_markdown, table_as_text

    rules = all_rules()
    width = shutil.get_terminal_size().columns
    if options.id is None:
        texts = {
            "text": lambda: table_as_text(rules, width),
            "markdown": lambda: table_as_markdown(rules),
            "json": lambda: json.dumps([as_json(rule) for rule in rules], indent=2),
        }
        print(texts[options.format]())
        return 0
    rule = next((rule for rule in rules if _names(options.id, rule)), None)
    if rule is None:
        return _error(f'there is no rule "{options.id}"; {PROGRAM} explain lists them all')
    if options.format == "json":
        print(json.dumps(as_json(rule), indent=2))
    else:
        print(as_markdown(rule) if options.format == "markdown" else as_text(rule, width), end="")
    return 0


def list_undecided(path: str) -> int:
    """Print what no rule could decide below a directory, or in a file, with the reason.

    That is connections of nginx, and Kubernetes objects in YAML and JSON files. 2 if something could not be judged.
    """
    from checkov_nginx_tls.inputs import unfit

    reason = unfit(path)
    if reason is not None:
        return _error(reason)
    if not os.path.exists(path):
        return _error(f"{path} does not exist")
    from checkov.common.models.enums import CheckResult

    from checkov_nginx_tls.analysis import analyse
    from checkov_nginx_tls.files import keep_as_checkov
    from checkov_nginx_tls.kubernetes.file_findings import judge_files, looked_at
    from checkov_nginx_tls.repository_paths import RepositoryPaths

    root, files = (path, []) if os.path.isdir(path) else (None, [path])
    analysis = analyse(root, files, keep=keep_as_checkov)
    objects = judge_files(looked_at(root, files), RepositoryPaths(root))
    problems = sorted({*analysis.problems, *objects.problems})
    base = os.path.realpath(root or os.curdir)
    undecided = [outcome for outcome in analysis.outcomes if outcome.result is CheckResult.UNKNOWN]
    for outcome in undecided:
        place = os.path.relpath(outcome.path, base)
        _print(f"{place}:{outcome.start_line}: {outcome.check.id}: {outcome.resource}: {outcome.message}")
    for problem in problems:
        _print(f"{os.path.relpath(problem.path, base)}:{problem.line}: not judged: {problem.reason}")
    for one in objects.undecided:
        _print(f"{os.path.relpath(one.path, base)}:{one.line}: {one.check_id}: {one.title}: {one.message}")
    if not undecided and not problems and not objects.undecided:
        print("nothing is undecided")
    return 2 if problems else 0


def monitor(options: argparse.Namespace) -> int:
    """Write what Prometheus needs to watch the certificates of upstreams, or with ``--fail-if-stale`` compare it."""
    from checkov_nginx_tls.inputs import NoInput, read_inputs
    from checkov_nginx_tls.monitoring.documents import documents
    from checkov_nginx_tls.monitoring.probes import PathMap, plan
    from checkov_nginx_tls.monitoring.summary import summary
    from checkov_nginx_tls.monitoring.writing import replace, stale

    try:
        inputs = read_inputs(options.paths or [os.curdir], streams.standard_input)
    except (NoInput, OSError) as error:
        return _error(str(error))
    for problem in (*inputs.problems, *inputs.warnings):
        _print(f"{PROGRAM}: {problem}", sys.stderr)
    found = plan(inputs.configurations, PathMap(options.path_map))
    if inputs.problems and not any(found):
        return _error("nothing could be read that has upstreams, so nothing is written")
    try:
        changed = (stale if options.fail_if_stale else replace)(options.output, documents(found, options.exporter))
    except OSError as error:
        return _error(f"{error.filename or options.output}: {error.strerror or error}")
    for line in summary(found):
        _print(line)
    state = "stale" if options.fail_if_stale else "written"
    print(f"{state} in {options.output}: {', '.join(changed)}" if changed else f"{options.output} is up to date")
    if inputs.problems:
        return _error("what is named above could not be read, or nginx refuses it: its upstreams may not be watched")
    return 1 if options.fail_if_stale and changed else 0


def _path_pair(text: str) -> tuple[str, str]:
    old, separator, new = text.partition("=")
    if not old or not separator or not new:
        raise argparse.ArgumentTypeError(f"{text!r} is not FROM=TO")
    return old, new


def _host_and_port(text: str) -> str:
    # Prometheus and its templates give other characters, such as $ and {{, a meaning.
    match = re.fullmatch(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", text)
    if match is None or int(match[1]) not in range(1, 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


def export(options: argparse.Namespace) -> int:
    """Print a document for each outbound TLS connection, or with ``--schema`` what the documents look like.

    2 if something could not be read; what could is printed all the same.
    """
    from checkov_nginx_tls.export.printing import SCHEMA, dump
    from checkov_nginx_tls.export.reading import read_documents

    if options.schema:
        print(Path(SCHEMA).read_text(encoding="utf-8"), end="")
        return 0
    exported = read_documents(options.paths or [os.curdir], streams.standard_input)
    for text in dump(exported.documents, options.format):
        sys.stdout.write(text)
    sys.stdout.flush()
    if not exported.documents and not exported.problems:
        exported.warnings.append("no outbound TLS connection of nginx found")
    for line in (*exported.warnings, *exported.problems):
        _print(f"{PROGRAM}: {line}", sys.stderr)
    return 2 if exported.problems else 0


def _print(line: str, stream: TextIO | None = None) -> None:
    """Print a line with texts of scanned files in it, without what a terminal would obey."""
    print(printable(line), file=stream)


def _names(name: str, rule: Rule) -> bool:
    """Whether somebody means a rule: by its ID in any case, or by its number alone."""
    number = rule.id.rpartition("_")[2]
    return name.upper() == rule.id or name.zfill(len(number)) == number


def _error(message: str) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return 2


def print_policies_directory(_options: argparse.Namespace) -> int:
    """Print the directory for ``--external-checks-dir``; 2 if this installation has none."""
    directory = find_policies_directory(Path(__file__).resolve().parent)
    if directory is None:
        return _error("this installation has no policies directory; reinstall it")
    print(directory)
    return 0


def find_policies_directory(package: Path) -> Path | None:
    """The policies of the package at this path: inside an installed one, beside it in a repository."""
    for directory in (package / "policies", package.parent / "policies"):
        if (directory / POLICY_FILE).is_file():
            return directory
    return None


def fix(options: argparse.Namespace) -> int:
    """Mend findings in files, or show how; see ``checkov_nginx_tls.fixes``."""
    from checkov_nginx_tls.fixes.command import run

    return run(options)


def _add_fix(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fixing = commands.add_parser(
        "fix",
        help="mend what has one right answer, and say why the rest has not",
        description=(
            "Mends findings of rules 01 to 11 and 14 where one right answer exists, and prints the change as a unified "
            "diff. Verification is turned on with all that it needs: trusted CA certificates, the name where the "
            "target does not tell it, SNI, and a depth of 2."
        ),
        epilog=(
            "Exit code: 0 nothing to change, 1 changes shown or made, 2 something could not be mended or read (what "
            "could is shown or made all the same)."
        ),
    )
    fixing.add_argument(
        "path",
        nargs="*",
        metavar="PATH",
        help="files and directories (the current one unless given), or - to read a fragment from standard input and "
        "print it corrected",
    )
    fixing.add_argument(
        "--ca",
        metavar="FILE",
        help="PEM file with the CA certificates that sign those of private upstreams, as nginx is to read it",
    )
    fixing.add_argument(
        "--system-ca",
        metavar="FILE",
        help="the same for public DNS names: the system's CA certificates, /etc/ssl/certs/ca-certificates.crt unless "
        "the image that the files are for is of a distribution that keeps them elsewhere",
    )
    fixing.add_argument(
        "--stdin-filename",
        metavar="PATH",
        help="which file the standard input is: for its format, for names in messages, and for includes",
    )
    fixing.add_argument("--write", action="store_true", help="change the files instead of showing the changes")
    fixing.add_argument(
        "--check",
        action="append",
        nargs="+",
        default=[],
        metavar="ID",
        help="mend findings of these rules only: IDs, * and ? in them, and severities (which mean the higher ones "
        "too), as for checkov",
    )
    fixing.set_defaults(run=fix)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Checkov for nginx: TLS to upstream servers.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    # "scan" never gets here with arguments: argparse would take those that are Checkov's for its own.
    commands.add_parser("scan", help="run checkov with the framework nginx; takes every argument of checkov")
    _add_lint(commands)
    explanation = commands.add_parser("explain", help="print the text of a rule, or a table of all rules")
    explanation.add_argument("id", nargs="?", metavar="ID", help="CKV_NGINX_CUSTOM_03, or 3")
    explanation.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    explanation.add_argument(
        "--undecided", metavar="PATH", help="list the connections below PATH that no rule could decide, and why"
    )
    explanation.set_defaults(run=explain)
    _add_fix(commands)
    _add_monitor(commands)
    _add_export(commands)
    policies = commands.add_parser("policies-dir", help="print the directory for checkov's --external-checks-dir")
    policies.set_defaults(run=print_policies_directory)
    return parser


def _add_monitor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    monitoring = commands.add_parser(
        "monitor",
        help="write Prometheus configuration that watches the certificates of TLS upstreams",
        description=(
            "Write modules for the Prometheus blackbox exporter, targets, a scrape job and alert rules that watch the "
            "certificate of every TLS upstream. What nginx verifies is verified in the same way. Of an upstream that "
            "nginx could verify but does not, only the expiry is watched (label verified=false): nginx itself goes on "
            "when it ends. What cannot be watched is listed with the reason."
        ),
        epilog="Exit codes: 0 done, 1 stale (with --fail-if-stale), 2 something could not be read.",
    )
    monitoring.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help='directories or files, "-" for standard input (`nginx -T | ... monitor -`); the current directory if none',
    )
    monitoring.add_argument("--output", required=True, metavar="DIR", help="the directory to write the files to")
    monitoring.add_argument(
        "--path-map",
        action="append",
        default=[],
        type=_path_pair,
        metavar="FROM=TO",
        help="a file or directory of nginx's configuration, and its place where the exporter runs; may be repeated. "
        "Relative paths in the configuration begin at /etc/nginx",
    )
    monitoring.add_argument(
        "--exporter",
        default="127.0.0.1:9115",
        type=_host_and_port,
        metavar="HOST:PORT",
        help="where Prometheus finds the blackbox exporter (%(default)s)",
    )
    monitoring.add_argument(
        "--fail-if-stale", action="store_true", help="write nothing; end with 1 if files would change (for CI)"
    )
    monitoring.set_defaults(run=monitor)


def _add_lint(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    linting = commands.add_parser(
        "lint",
        help="print findings one a line, without Checkov's start: for editors, hooks and terminals",
        description="Judges nginx configuration, and Kubernetes objects in YAML and JSON files, by the same rules and "
        "with the same skips as scan, but without users' checks, and without what helm, kustomize and Terraform make "
        "of their files.",
        epilog="Exit codes: 0 nothing found, 1 findings, 2 something could not be read or judged. Levels: error for "
        "HIGH, warning for MEDIUM, note for LOW.",
    )
    linting.add_argument(
        "paths", nargs="*", metavar="PATH", default=["."], help="directories, files, or - for the standard input (.)"
    )
    linting.add_argument("--format", choices=("text", "json", "sarif", "github"), default="text")
    linting.add_argument(
        "--stdin-filename", metavar="PATH", help="which file the standard input is: for names in messages and includes"
    )
    linting.set_defaults(run=lint)


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    exporting = commands.add_parser(
        "export",
        help="print outbound TLS connections as JSON or YAML, for policy engines",
        description="Print a document for each outbound TLS connection, with the settings that nginx would use for it.",
        epilog="Exit codes: 0 done, 2 something could not be read; what could is printed all the same.",
    )
    exporting.add_argument(
        "paths", nargs="*", metavar="PATH", help='directories or files, "-" for standard input; "." if there is none'
    )
    exporting.add_argument(
        "--format",
        choices=("json", "ndjson", "yaml"),
        default="json",
        help="an array of documents (the default), a document a line, or YAML documents, as Conftest reads them",
    )
    exporting.add_argument("--schema", action="store_true", help="print the JSON Schema of a document instead")
    exporting.set_defaults(run=export)
