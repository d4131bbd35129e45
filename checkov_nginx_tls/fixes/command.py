"""``checkov-nginx-tls fix``: what the command prints and writes, and its exit codes."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Callable, Final

from checkov_nginx_tls import streams
from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.checks.registry import registry
from checkov_nginx_tls.files import SIZE_LIMIT, keep_as_checkov
from checkov_nginx_tls.fixes import MENDED, Refusal, Trust
from checkov_nginx_tls.fixes.edits import is_writable
from checkov_nginx_tls.fixes.mending import Mending, mend, without
from checkov_nginx_tls.inputs import NO_PATH, STANDARD_INPUT, grouped
from checkov_nginx_tls.texts import printable, printable_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from checkov_nginx_tls.analysis import Analysis
    from checkov_nginx_tls.fixes.mending import Scan

NOTHING, CHANGES, NOT_ALL = 0, 1, 2
"""The exit codes: nothing to change, changes shown or made, something could not be mended or read."""

_SEVERITIES: Final = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
_CHECK: Final = re.compile(r"(?i)CKV_|(?:LOW|MEDIUM|HIGH|CRITICAL|\d+)(?:,|\Z)|.*\*")


class _Usage(Exception):
    """The command cannot run as it was called; the message says what to do."""


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    try:
        paths, names = _paths_and_checks(options.path, options.check, has_name=options.stdin_filename is not None)
        is_wanted = _selection(names)
        trust = Trust(_bundle("--ca", options.ca), _bundle("--system-ca", options.system_ca))
        if paths == [STANDARD_INPUT]:
            return _run_on_stdin(trust, is_wanted, options.stdin_filename, write=options.write)
        return _run_on_files(paths, trust, is_wanted, write=options.write)
    except _Usage as error:
        _complain(f"checkov-nginx-tls fix: {error}")
        return NOT_ALL


# ---------------------------------------------------------------------------------------------------- what was asked


def _paths_and_checks(
    words: Sequence[str], checks: Sequence[Sequence[str]], *, has_name: bool
) -> tuple[list[str], list[str]]:
    """The paths, and the names of checks; what follows those and does not look like one is a path."""
    texts = [group[0] for group in checks] + [word for group in checks for word in group[1:] if _CHECK.match(word)]
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if has_name and words != [STANDARD_INPUT]:
        raise _Usage("--stdin-filename needs the path -, which stands for the standard input")
    paths = [*words, *(word for group in checks for word in group[1:] if not _CHECK.match(word))] or [os.curdir]
    if STANDARD_INPUT in paths and len(paths) > 1:
        raise _Usage("standard input (-) is read alone: leave the other paths out")
    for path in paths:
        if path != STANDARD_INPUT and not os.path.exists(path):
            raise _Usage(f"{path} does not exist")
    return paths, names


def _selection(names: Sequence[str]) -> Callable[[str], bool]:
    """Which checks are meant by IDs, which may have wildcards, and severities: as Checkov's ``--check``."""
    if not names:
        return lambda _check_id: True
    chosen: set[str] = set()
    for name in names:
        upper = name.upper()
        if upper in _SEVERITIES:
            wanted = _SEVERITIES[_SEVERITIES.index(upper) :]
            matching = {check.id for check in registry.builtin_checks() if check.severity_name in wanted}
        else:
            full = f"CKV_NGINX_CUSTOM_{name.zfill(2)}" if name.isdigit() else upper
            matching = {check.id for check in registry.builtin_checks() if fnmatchcase(check.id, full)}
            if not matching:
                raise _Usage(f'there is no nginx rule "{name}"; checkov-nginx-tls explain lists them all')
        if not matching & MENDED.keys():
            raise _Usage(f"findings of {name} cannot be mended automatically; checkov-nginx-tls explain says how")
        chosen |= matching
    return chosen.__contains__


def _bundle(option: str, value: str | None) -> str | None:
    """A bundle as nginx is to read it, which is checked where it is a file here as well."""
    if value is None:
        return None
    if not is_writable(value) or not value.strip():
        raise _Usage(f'{option} "{value}" cannot be written into a configuration: use letters, digits, and ./_-+@')
    if os.path.isdir(value):
        raise _Usage(f"{option} {value} is a directory; nginx reads a PEM file with CA certificates")
    if os.path.isfile(value):
        from checkov_nginx_tls.certificates import Kind, read_bundle

        with suppress(OSError), open(value, "rb") as file:
            bundle = read_bundle(file.read(SIZE_LIMIT))
            if bundle.damage is not None or bundle.kind not in {Kind.PEM, Kind.STAND_IN, Kind.LARGE}:
                raise _Usage(f"{option} {value} is no PEM file with CA certificates, which nginx needs")
    return value


# ----------------------------------------------------------------------------------------------------- what is mended


def _scan_of(root: str | None, files: Sequence[str]) -> Scan:
    def scan(contents: Mapping[str, bytes]) -> Analysis:
        return analyse(root, files, keep=keep_as_checkov, contents=contents, base=os.curdir)

    return scan


def _run_on_files(paths: Sequence[str], trust: Trust, is_wanted: Callable[[str], bool], *, write: bool) -> int:
    mendings = []
    scans = []
    for root, files in grouped(paths):
        roots = (os.path.realpath(root),) if root is not None else tuple(dict.fromkeys(map(_directory, files)))
        scans.append(_scan_of(root, files))
        mendings.append(mend(scans[-1], replace(trust, roots=roots), is_wanted))
    all_written = True
    for number, mending in enumerate(mendings):
        if not write:
            _show(mending)
        elif unwritten := _write(mending):
            mendings[number] = without(mending, unwritten, scans[number])
            all_written = False
    for mending in mendings:
        _tell(mending, mending.refusals_after if write else mending.refusals)
    _sum_up(mendings, "nothing to change" if all_written else "nothing was written", write=write)
    if not all_written or any(mending.refusals or mending.problems for mending in mendings):
        return NOT_ALL
    return CHANGES if any(mending.after for mending in mendings) else NOTHING


def _run_on_stdin(trust: Trust, is_wanted: Callable[[str], bool], filename: str | None, *, write: bool) -> int:
    """Mend a fragment, or what a file holds in an editor; what comes in goes out again where it cannot be read."""
    if write:
        raise _Usage("--write needs files: what is read from standard input is printed")
    data = streams.standard_input()
    base = os.path.realpath(os.curdir)
    path = os.path.realpath(filename) if filename is not None else os.path.join(base, NO_PATH, NO_PATH)
    if filename is None:
        base = os.path.dirname(path)  # there is no such directory: nothing else is read
    trust = replace(trust, roots=(os.path.dirname(path),))

    def scan(contents: Mapping[str, bytes]) -> Analysis:
        return analyse(None, [path], contents={path: data, **contents}, base=base)

    mending = mend(scan, trust, is_wanted, lambda changed: changed == path)
    _print_bytes(mending.after.get(path, data))
    _tell(mending, mending.refusals, base)
    if mending.refusals or mending.problems:
        return NOT_ALL
    return CHANGES if mending.after else NOTHING


def _directory(path: str) -> str:
    return os.path.dirname(os.path.realpath(path))


# -------------------------------------------------------------------------------------------------- what comes of it


def _show(mending: Mending) -> None:
    """Print the diff: byte for byte, but to a terminal, which is shown nothing that it would obey."""
    from checkov_nginx_tls.fixes.diffs import coloured, unified_diff

    is_terminal = sys.stdout.isatty()
    paint = is_terminal and not os.environ.get("NO_COLOR")
    for path in sorted(mending.after):
        diff = unified_diff(_name(path), mending.before[path], mending.after[path])
        lines = map(printable_line, diff) if is_terminal else diff
        text = "".join(coloured(line) if paint else line for line in lines)
        _print_bytes(text.encode("utf-8", "surrogateescape"))


def _write(mending: Mending) -> set[str]:
    """Replace the files, and then say which; the paths of those that could not be."""
    from checkov_nginx_tls.fixes.writing import NotWritten, replace_together

    unwritten: set[str] = set()
    written: list[str] = []
    for group in sorted(mending.together, key=sorted):
        changed = {path: mending.after[path] for path in sorted(group) if path in mending.after}
        try:
            replace_together(mending.before, changed)
        except NotWritten as error:
            unwritten |= changed.keys()
            others = ", ".join(_name(path) for path in changed if path != error.path)
            also = f"; left as it is with it, for the same fix: {others}" if others else ""
            _complain(f"{_name(error.path)}: {error}{also}")
        else:
            written += changed
    _print_bytes("".join(f"mended {printable(_name(path))}\n" for path in written).encode())
    return unwritten


def _tell(mending: Mending, refusals: Sequence[Refusal], base: str = os.curdir) -> None:
    """Say what was not mended, and why."""
    for problem in mending.problems:
        _complain(f"{_name(problem.path, base)}:{problem.line}: not read: {problem.reason}")
    for refusal in refusals:
        outcome = refusal.outcome
        _complain(f"{_name(outcome.path, base)}:{outcome.start_line}: {outcome.check.id} not mended: {refusal.reason}")


def _sum_up(mendings: Sequence[Mending], nothing: str, *, write: bool) -> None:
    """Say what was done in one line, ``nothing`` where no file changes, and what nginx needs then."""
    mended = sum(len(mending.mended) for mending in mendings)
    files = sum(len(mending.after) for mending in mendings)
    refused = sum(len(mending.refusals) for mending in mendings)
    left_out = sorted({outcome.check.id for mending in mendings for outcome in mending.left_out})
    bundles = sorted({bundle for mending in mendings for bundle in mending.bundles})
    done = "mended" if write else "can be mended (--write does it)"
    parts = [f"{_count(mended, 'finding')} in {_count(files, 'file')} {done}" if files else nothing]
    parts += [f"{_count(refused, 'finding')} not mended, see above"] if refused else []
    parts += [f"findings of {', '.join(left_out)} are for you"] if left_out else []
    _complain("; ".join(parts))
    if bundles:
        _complain(f"nginx must find {', '.join(bundles)} where it runs, and does not start without")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print_bytes(data: bytes) -> None:
    """Print what is in files as it is; a reader that has gone away is no error."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        streams.discard(sys.stdout)


def _complain(text: str) -> None:
    print(printable(text), file=sys.stderr)


def _name(path: str, base: str = os.curdir) -> str:
    try:
        return os.path.relpath(path, os.path.realpath(base)).replace(os.sep, "/")
    except ValueError:  # another drive of Windows
        return path
