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
    from checkov_nginx_tls.syntax import ParsedFile

_EGRESS_WORDS: Final = (b"_pass", b"_ssl", b"js_", b"_by_lua", b"acme_issuer", b"mgmt")
_EGRESS_NAME: Final = (
    r"(?:proxy|grpc|uwsgi)_pass | (?:proxy|grpc|uwsgi|zone_sync)_ssl(?:_[a-z_]+)?"
    r" | js_[a-z_]+ | [a-z_]+_by_lua(?:_file)?"
)
# What may follow is as long as nginx takes a parameter, and some comments.
_EGRESS: Final = re.compile(
    rb"""(?mx)
    (?: ^ | [;{}\r] ) [ \t\r]*
    (?:
        ["']? (?: %s ) ["']? [ \t\r\n]+ [^\s=:;] [^;]{0,20000} ;
      | ["']? (?: mgmt | acme_issuer [ \t]+ [^\s{};]+ | [a-z_]+_by_lua_block (?: [ \t]+ \$\w+ )? ) ["']? [ \t\r\n]* \{
    )
    """
    % _EGRESS_NAME.encode()
)
_EGRESS_DIRECTIVE: Final = re.compile(rf"(?x) {_EGRESS_NAME} | mgmt | acme_issuer | [a-z_]+_by_lua_block")
_INCLUDE: Final = re.compile(rb"""(?m)(?:^|[;{}\r])[ \t\r]*["']?include["']?[ \t\r\n]+[^\s=:;][^;]{0,20000};""")
_MAIN: Final = re.compile(rb"(?m)(?:^|[;{}])[ \t]*(?:http|events|stream)[ \t\r\n]*\{")
_STARTS_LIKE_NGINX: Final = re.compile(
    rb"(?:[ \t\r\n]|#[^\n]*\n)*(?:server|http|events|stream|upstream [^\s{};]+|map [^{};\n]+)[ \t\r\n]*\{"
)

_DOCUMENTATION: Final = frozenset(
    "md mdx markdown rst adoc asciidoc html htm xhtml xml wiki org tex pod texi man po pot ipynb pdf".split()
)
_PROGRAMS: Final = frozenset(
    "py pyi pyx js mjs cjs jsx ts tsx mts go rs rb php java kt kts scala groovy c h cc cpp cxx hpp hh cs fs vb swift m"
    " mm pl pm t lua sh bash zsh fish ksh csh ps1 psm1 bat cmd awk sed r jl hs erl ex exs clj el vim nix sql css scss"
    " sass less vue svelte dart zig proto graphql snap patch diff".split()
)
_DATA: Final = frozenset(
    "json jsonc json5 yaml yml toml tf tfvars hcl csv tsv lock map svg ini properties gradle log sarif".split()
)
_LEFT_OUT: Final = _DOCUMENTATION | _PROGRAMS | _DATA
_DOMAINS: Final = frozenset("cc md mm org pl pm ps py rs sh".split())
"""Endings of programs and documents under which site files are named too: www.example.org."""
_LEFT_OUT_NAMES: Final = re.compile(
    r"(?i)(?:dockerfile(?:\..*)?|.*\.dockerfile|containerfile|makefile|jenkinsfile|vagrantfile|changelog.*|changes"
    r"|readme.*|license.*|copying|authors|.*[.-]min\..*|.*[.-]lock(?:\..*)?)"
)
_PROSE: Final = re.compile(r".*\.(?i:txt|text)|[A-Z_-]+")
_SHEBANG: Final = re.compile(rb"#![ \t]*/")
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
    """Find nginx configuration below ``root`` and among ``files``; no directory outside ``root`` is listed.

    A file among ``files`` is looked at whatever its name, but one named like a program or a document must start
    as nginx configuration does.
    """
    found = _Found()
    if root is not None:
        real_root = os.path.realpath(root)
        for directory, names in walk(real_root, keep, found.unreadable_directory):
            for name in names:
                if not is_left_out(name):
                    found.look_at(os.path.join(directory, name))
    for file in files:
        if os.path.isfile(file):
            found.look_at(os.path.realpath(file))
        else:
            reason = "the file is a directory" if os.path.isdir(file) else "the file does not exist"
            found.problems.append(Problem(os.path.abspath(file), 1, reason))
    return Discovery(tuple(found.candidates), tuple(found.problems), tuple(found.warnings()))


class _Found:
    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.problems: list[Problem] = []
        self.too_large: list[str] = []
        self.seen: set[str] = set()

    def look_at(self, path: str) -> None:
        if path in self.seen or os.path.islink(path) or not os.path.isfile(path):
            return
        self.seen.add(path)
        name = os.path.basename(path)
        try:
            data = read(path)
        except TooLarge:
            self.too_large.append(path)
            return
        except Unreadable as error:
            self.problems.append(Problem(path, 1, str(error)))
            return
        if _has_foreign_name(name) and not _STARTS_LIKE_NGINX.match(data):
            return
        opens_connections = _opens_connections(data)
        if _is_binary(data):
            if opens_connections or name == "nginx.conf":
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
    """Whether a file need not be opened: it is named like documentation, a program, data or a lock file."""
    return _has_foreign_name(name) and _extension(name) not in _DOMAINS


def may_be_prose(path: str) -> bool:
    """Whether a file that does not parse is rather a text about nginx than a broken configuration."""
    return _PROSE.fullmatch(os.path.basename(path)) is not None


def is_main_file(candidate: Candidate) -> bool:
    """Whether a file that cannot be parsed is nginx's main file all the same."""
    return os.path.basename(candidate.path) == "nginx.conf" or _MAIN.search(candidate.data) is not None


def opens_connections(file: ParsedFile) -> bool:
    """Whether a file holds a directive that this package judges."""
    pending = list(file.directives)
    while pending:
        directive = pending.pop()
        if _EGRESS_DIRECTIVE.fullmatch(directive.name):
            return True
        pending.extend(directive.block or ())
    return False


def _has_foreign_name(name: str) -> bool:
    extension = _extension(name)
    return extension in _LEFT_OUT or (extension != "conf" and _LEFT_OUT_NAMES.fullmatch(name) is not None)


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _opens_connections(data: bytes) -> bool:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.replace(b"\0", b"")
    if _SHEBANG.match(data) or not any(word in data for word in _EGRESS_WORDS):
        return False
    return _EGRESS.search(data[3:] if data.startswith(b"\xef\xbb\xbf") else data) is not None


def _includes_files(data: bytes) -> bool:
    return b"include" in data and not _SHEBANG.match(data) and _INCLUDE.search(data) is not None


def _is_binary(data: bytes) -> bool:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    head = data[:_HEAD]
    return len(head.translate(None, _TEXT_BYTES)) * 50 > len(head)
