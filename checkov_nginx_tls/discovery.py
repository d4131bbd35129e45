"""Which files of a tree, and which parts of files, are nginx configuration: told from what they hold.

Half of the nginx files in public repositories have no "nginx" in their path, and much stands inside YAML,
Dockerfiles and scripts.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.deployments import may_tell_deployments
from checkov_nginx_tls.embedded import embedded_regions, may_embed
from checkov_nginx_tls.files import NO_CONTENTS, Problem, TooLarge, Unreadable, keep_all, read, walk
from checkov_nginx_tls.formats.file_names import Format, format_of
from checkov_nginx_tls.signatures import (
    is_binary,
    is_judged,
    is_script,
    may_matter,
    shows_connections,
    shows_includes,
    shows_main,
    starts_like_nginx,
)
from checkov_nginx_tls.syntax import decode, source_id
from checkov_nginx_tls.texts import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from checkov_nginx_tls.embedded import Region
    from checkov_nginx_tls.files import Keep
    from checkov_nginx_tls.syntax import ParsedFile

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
_DOMAINS: Final = frozenset("cc md mm org pl pm py rs sh".split())
"""Endings of programs and documents under which site files are named too: www.example.org."""
_NOT_OPENED: Final = _LEFT_OUT - _DOMAINS
_FOREIGN_NAMES: Final = re.compile(
    r"(?i)(?:dockerfile(?:\..*)?|.*\.dockerfile|containerfile|makefile|jenkinsfile|vagrantfile|changelog.*|changes"
    r"|readme.*|license.*|copying|authors|.*[.-]min\..*|.*[.-]lock(?:\..*)?)"
)
_PLAIN_NGINX: Final = re.compile(rb"(?:[ \t\r\n]|#[^\n]*\n)*[a-z_]+[ \t](?:[^\n:;{}]|:(?=\S))*(?:\n[ \t\r\n]*)?[;{]")
"""How a file named like YAML begins that is nginx configuration: with a statement that is no key of a mapping."""

_PROSE: Final = re.compile(r".*\.(?i:txt|text)|[A-Z_-]+")


@dataclass(frozen=True)
class Candidate:
    """A file that may be nginx configuration: its real path and its bytes; or a region of one of another format.

    ``opens_connections`` says that it holds a directive this package judges; a file that only includes others
    matters as the context of those.
    """

    path: str
    data: bytes
    opens_connections: bool
    region: Region | None = None

    @property
    def id(self) -> str:
        """The id of its source: see ``Source.id``."""
        return self.path if self.region is None else source_id(self.path, self.region.key)

    @property
    def content(self) -> bytes:
        """What nginx would read."""
        return self.data if self.region is None else self.region.content


@dataclass(frozen=True)
class Discovery:
    """Candidates in a stable order, files that could not be read, and messages about what was left out.

    ``names`` are the real paths of all files that the path filter let through, whatever they hold. ``manifests`` are
    the bytes of those that may say where on the target machine others end up.
    """

    names: tuple[str, ...]
    manifests: Mapping[str, bytes]
    candidates: tuple[Candidate, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def discover(
    root: str | None, files: Sequence[str], keep: Keep = keep_all, contents: Mapping[str, bytes] = NO_CONTENTS
) -> Discovery:
    """Find nginx configuration below ``root`` and among ``files``; no directory outside ``root`` is listed.

    A file among ``files`` is looked at whatever its name, but one named like a program or a document must start
    as nginx configuration does. ``contents`` are what is read instead of the files at some real paths, of which those
    among ``files`` need not exist: these are taken for nginx configuration whatever they show.
    """
    found = _Found(contents)
    if root is not None:
        real_root = os.path.realpath(root)
        for directory, names in walk(real_root, keep, found.unreadable_directory):
            start = os.path.join(directory, "")
            for name in names:
                found.look_at(start + name, name, is_left_out(name))
    for file in files:
        path = os.path.realpath(file)
        if path in contents or os.path.isfile(path):
            found.look_at(path, os.path.basename(path), left_out=False)
            if path in contents:
                found.take_given(path, contents[path])
        else:
            reason = "the file is a directory" if os.path.isdir(file) else "the file does not exist"
            found.problems.append(Problem(os.path.abspath(file), 1, reason))
    return Discovery(
        names=tuple(found.seen),
        manifests=found.manifests,
        candidates=tuple(found.candidates),
        problems=tuple(found.problems),
        warnings=tuple(found.warnings()),
    )


class _Found:
    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = contents
        self.manifests: dict[str, bytes] = {}
        self.candidates: list[Candidate] = []
        self.problems: list[Problem] = []
        self.too_large: list[str] = []
        self.seen: dict[str, None] = {}

    def look_at(self, path: str, name: str, left_out: bool) -> None:
        if path in self.seen:
            return
        self.seen[path] = None
        data = None if left_out else self._read(path)
        if data is None:
            return
        if may_tell_deployments(name, data):
            self.manifests[path] = data
        if may_matter(data) or name == "nginx.conf":
            self._take(path, name, data)

    def take_given(self, path: str, data: bytes) -> None:
        """Take what somebody hands over for nginx configuration even if it shows none: it may break off too early."""
        name = os.path.basename(path)
        is_known = any(candidate.path == path for candidate in self.candidates)
        is_other = is_binary(data) or may_embed(name) or _has_foreign_name(name)
        if data.strip() and not is_known and not is_other:
            self.candidates.append(Candidate(path, data, opens_connections=True))

    def _read(self, path: str) -> bytes | None:
        try:
            return read(path, self._contents)
        except TooLarge:
            self.too_large.append(path)
        except Unreadable as error:
            self.problems.append(Problem(path, 1, str(error)))
        return None

    def _take(self, path: str, name: str, data: bytes) -> None:
        """Keep what a file holds of nginx configuration."""
        is_plain = starts_like_nginx(data) or (format_of(name) is Format.YAML and _PLAIN_NGINX.match(data) is not None)
        is_host = may_embed(name) and not is_plain
        if _has_foreign_name(name) and not is_host and not is_plain:
            return
        opens_connections = shows_connections(data)
        if is_binary(data):
            if opens_connections or name == "nginx.conf":
                self.problems.append(Problem(path, 1, "the file is not text: it is not judged"))
            return
        matters = opens_connections or shows_includes(data)
        regions = embedded_regions(path, decode(data)) if matters or is_host or is_script(data) else ()
        for region in regions:
            self.candidates.append(Candidate(path, data, shows_connections(region.content), region))
        if matters and not regions and not is_host:
            self.candidates.append(Candidate(path, data, opens_connections))

    def unreadable_directory(self, error: OSError) -> None:
        reason = f"the directory cannot be read: {error.strerror}"
        self.problems.append(Problem(str(error.filename), 1, reason))

    def warnings(self) -> list[str]:
        if not self.too_large:
            return []
        return [f"files over 16 MB were left out of the nginx scan: {listed(self.too_large, 5)}"]


def is_left_out(name: str) -> bool:
    """Whether a file need not be opened: it is named like documentation, a program or data, and not like a site."""
    return _extension(name) in _NOT_OPENED and not may_embed(name)


def is_worth_a_problem(candidate: Candidate) -> bool:
    """Whether something that cannot be parsed would matter if it could, and is no text about nginx."""
    is_main = os.path.basename(candidate.path) == "nginx.conf" or shows_main(candidate.content)
    return is_main or (candidate.opens_connections and not _may_be_prose(candidate))


def _may_be_prose(candidate: Candidate) -> bool:
    if candidate.region is not None or starts_like_nginx(candidate.data):
        return False
    return _PROSE.fullmatch(os.path.basename(candidate.path)) is not None


def _has_foreign_name(name: str) -> bool:
    extension = _extension(name)
    return extension in _LEFT_OUT or (extension != "conf" and _FOREIGN_NAMES.fullmatch(name) is not None)


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def opens_connections(file: ParsedFile) -> bool:
    """Whether a file holds a directive that this package judges."""
    pending = list(file.directives)
    while pending:
        directive = pending.pop()
        if is_judged(directive.name) or any(is_judged(reading.name) for reading in directive.readings):
            return True
        pending.extend(directive.block or ())
    return False
