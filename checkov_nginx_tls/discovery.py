"""Which files of a tree are nginx configuration: told from what they hold, hardly from their names.

Half of the nginx files in public repositories have no "nginx" in their path. A directive that opens a
connection to an upstream, ended by ";", occurs in no other configuration format.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.files import Problem, TooLarge, Unreadable, keep_all, read, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.files import Keep

_EGRESS_WORDS: Final = (b"_pass", b"_ssl", b"js_", b"_by_lua", b"acme_issuer", b"mgmt")
_EGRESS: Final = re.compile(
    rb"""(?mx)
    (?: ^ | [;{}] ) [ \t]*
    (?:
        ["']? (?: (?:proxy|grpc|uwsgi)_pass
                | (?:proxy|grpc|uwsgi|zone_sync)_ssl (?:_[a-z_]+)?
                | js_(?:fetch_[a-z_]+ | import | content | set | access | preload_object)
                | [a-z_]+_by_lua (?:_file)? )
        ["']? [ \t\r\n]+ [^\s=:;] [^;]{0,2000} ;
      | ["']? (?: mgmt | acme_issuer [ \t]+ [^\s{};]+ | [a-z_]+_by_lua_block (?: [ \t]+ \$\w+ )? ) ["']? [ \t\r\n]* \{
    )
    """
)
_INCLUDE: Final = re.compile(rb"""(?m)(?:^|[;{}])[ \t]*["']?include["']?[ \t]+[^\s=:;][^;]{0,2000};""")

_DOCUMENTATION: Final = frozenset(
    "md mdx markdown rst adoc asciidoc html htm xhtml xml wiki org tex pod texi man po pot ipynb pdf".split()
)
_PROGRAMS: Final = frozenset(
    "py pyi pyx js mjs cjs jsx ts tsx mts go rs rb php java kt kts scala groovy c h cc cpp cxx hpp hh cs fs vb swift m"
    " mm pl pm t lua sh bash zsh fish ksh csh ps1 psm1 bat cmd awk sed r jl hs erl ex exs clj el vim nix sql css scss"
    " sass less vue svelte dart zig proto graphql snap patch diff".split()
)
_DATA: Final = frozenset(
    "json jsonc json5 yaml yml toml tf tfvars hcl csv tsv lock map svg ini properties gradle log".split()
)
_LEFT_OUT: Final = _DOCUMENTATION | _PROGRAMS | _DATA
_LEFT_OUT_NAMES: Final = re.compile(
    r"(?i)(?:dockerfile(?:\..*)?|.*\.dockerfile|containerfile|makefile|jenkinsfile|vagrantfile|changelog.*|changes"
    r"|readme.*|license.*|copying|authors|.*[.-]min\..*|.*[.-]lock(?:\..*)?)"
)
_HEAD: Final = 8192
_TEXT_BYTES: Final = bytes({*range(32, 256), 8, 9, 10, 12, 13, 27})


@dataclass(frozen=True)
class Candidate:
    """A file that may be nginx configuration: its real path and its bytes.

    ``opens_connections`` says that it holds a directive this package judges; a file that only includes others
    matters as the context of those.
    """

    path: str
    data: bytes
    opens_connections: bool


@dataclass(frozen=True)
class Discovery:
    """Candidates in a stable order, files that could not be read, and messages about what was left out."""

    candidates: tuple[Candidate, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def discover(root: str | None, files: Sequence[str], keep: Keep = keep_all) -> Discovery:
    """Find nginx configuration below ``root`` and among ``files``; no directory outside ``root`` is listed."""
    found = _Found()
    if root is not None:
        real_root = os.path.realpath(root)
        for directory, names in walk(real_root, keep, found.unreadable_directory):
            for name in names:
                found.look_at(os.path.join(directory, name))
    for file in files:
        real = os.path.realpath(file)
        if os.path.lexists(file):
            found.look_at(real)
    return Discovery(tuple(found.candidates), tuple(found.problems), tuple(found.warnings()))


class _Found:
    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.problems: list[Problem] = []
        self.too_large: list[str] = []
        self.seen: set[str] = set()

    def look_at(self, path: str) -> None:
        if path in self.seen or is_left_out(os.path.basename(path)) or os.path.islink(path):
            return
        self.seen.add(path)
        if not os.path.isfile(path):
            return
        try:
            data = read(path)
        except TooLarge:
            self.too_large.append(path)
            return
        except Unreadable as error:
            self.problems.append(Problem(path, 1, str(error)))
            return
        opens_connections = _opens_connections(data)
        if _is_binary(data):
            if opens_connections or os.path.basename(path) == "nginx.conf":
                self.problems.append(Problem(path, 1, "the file is not text: it is not judged"))
        elif opens_connections or _includes_files(data):
            self.candidates.append(Candidate(path, data, opens_connections))

    def unreadable_directory(self, error: OSError) -> None:
        reason = f"the directory cannot be read: {error.strerror}"
        self.problems.append(Problem(str(error.filename), 1, reason))

    def warnings(self) -> list[str]:
        if not self.too_large:
            return []
        names = ", ".join(self.too_large[:5])
        more = f" and {len(self.too_large) - 5} more" if len(self.too_large) > 5 else ""
        return [f"files over 16 MB were left out of the nginx scan: {names}{more}"]


def is_left_out(name: str) -> bool:
    """Whether a file name is that of documentation, program source, data or a lock file."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return extension in _LEFT_OUT or _LEFT_OUT_NAMES.fullmatch(name) is not None


def _opens_connections(data: bytes) -> bool:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.replace(b"\0", b"")
    if data.startswith(b"#!") or not any(word in data for word in _EGRESS_WORDS):
        return False
    return _EGRESS.search(data[3:] if data.startswith(b"\xef\xbb\xbf") else data) is not None


def _includes_files(data: bytes) -> bool:
    return b"include" in data and not data.startswith(b"#!") and _INCLUDE.search(data) is not None


def _is_binary(data: bytes) -> bool:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    head = data[:_HEAD]
    return len(head.translate(None, _TEXT_BYTES)) * 50 > len(head)
