"""Regions of shell scripts and Dockerfiles: the here-documents in which they write nginx configuration."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.embedded.regions import OpaqueValues, Region, absolute, rewritten
from checkov_nginx_tls.formats.heredocs import heredocs, without_bodies
from checkov_nginx_tls.formats.shell_variables import choices, constants, expanded

if TYPE_CHECKING:
    from checkov_nginx_tls.formats.heredocs import Heredoc

_TARGET: Final = re.compile(
    r"""(?x)
    (?: (?<![\d&<>=-])1?>>?\|? [ \t]* | \btee\b (?:[ \t]+-\S+)* [ \t]+ )
    (?P<path> (?: "[^"]*" | '[^']*' | [^\s;&|<>()"'`] )+ )
    """
)
_SHELL_EXPANSION: Final = re.compile(
    r"""(?x)
    \\ (?: (?P<escaped>[$`\\]) | \n )
  | \$\{ [^{}\n]* (?: \{[^{}\n]*\} [^{}\n]* )* \}
  | \$\( [^()]* (?: \( [^()]* (?: \([^()]*\) [^()]* )* \) [^()]* )* \)
  | `[^`\\]*(?:\\.[^`\\]*)*`
  | \$(?: [A-Za-z_][A-Za-z0-9_]* | [0-9@*\#?$!-] )
    """,
    re.DOTALL,
)
_COPY_EXPANSION: Final = re.compile(
    r"(?s)\\(?P<escaped>.)|\$\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}|\$(?:[A-Za-z_]\w*|[0-9]+|[@*#?$!-])"
)
_COPY: Final = re.compile(r"(?i)[ \t]*(?:ONBUILD[ \t]+)?(?:COPY|ADD)[ \t]")
_HEAD_LIMIT: Final = 1000
"""Characters that RUN may have in front of a script."""

_RUN_SCRIPT: Final = re.compile(r"(?i)[ \t]*(?:ONBUILD[ \t]+)?RUN[ \t]+(?:--\S+[ \t]+)*")


def shell_regions(text: str) -> list[Region]:
    """The here-documents of a shell script."""
    return _regions(text, is_dockerfile=False)


def dockerfile_regions(text: str) -> list[Region]:
    """The here-documents of a Dockerfile."""
    return _regions(text, is_dockerfile=True)


def _regions(text: str, is_dockerfile: bool) -> list[Region]:
    found = list(heredocs(text))
    variables = constants(without_bodies(text, found)) if found else {}
    values = OpaqueValues(text)

    def value(match: re.Match[str]) -> str:
        if match[0].startswith("\\"):
            return match["escaped"] or ""
        return values.character(match[0], choices(match[0], variables))

    # A line may have many here-documents: what it says of them is read once.
    output, copied = cache(_output), cache(_copied)
    regions = []
    for heredoc in found:
        is_copied = is_dockerfile and _COPY.match(heredoc.head) is not None
        target = copied(heredoc.head).of(heredoc.word) if is_copied else output(heredoc.command)
        overlay = text[heredoc.start : heredoc.end]
        if not heredoc.literal and (is_copied or not _is_run(heredoc)):
            overlay = rewritten(overlay, _COPY_EXPANSION if is_copied else _SHELL_EXPANSION, value)
        key = " ".join((target or heredoc.word).split())
        deployed = absolute(expanded(target, variables))
        regions.append(Region(heredoc.start, heredoc.end, overlay, values.within(overlay), key, deployed, ""))
    return regions


def _output(command: str) -> str:
    """The file that a command writes, empty if none."""
    paths = (re.sub("[\"']", "", match["path"]) for match in _TARGET.finditer(command))
    return next((path for path in paths if not path.startswith("/dev/")), "")


def _is_run(heredoc: Heredoc) -> bool:
    """Whether a Dockerfile runs it as a script."""
    return heredoc.at <= _HEAD_LIMIT and _RUN_SCRIPT.fullmatch(heredoc.head, 0, heredoc.at) is not None


class _Copy(NamedTuple):
    """Where COPY or ADD write their here-documents, empty where that has the name of the only one."""

    target: str
    is_directory: bool

    def of(self, word: str) -> str:
        """Where one goes."""
        target = self.target or word
        return f"{target.rstrip('/')}/{word}" if self.is_directory else target


def _copied(head: str) -> _Copy:
    words = [word for word in _COPY.sub("", head, count=1).split() if not word.startswith("--")]
    target = words[-1] if len(words) > 1 else ""
    return _Copy(target, target.endswith("/") or len(words) > 2)
