"""Regions of shell scripts and Dockerfiles: the here-documents in which they write nginx configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.embedded.regions import OpaqueValues, Region, absolute, rewritten
from checkov_nginx_tls.formats.heredocs import heredocs, without_bodies
from checkov_nginx_tls.formats.shell_variables import choices, constants, expanded

if TYPE_CHECKING:
    from checkov_nginx_tls.formats.heredocs import Heredoc

_COMMAND_END: Final = re.compile(r";|&&|\|\|")
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

    regions = []
    for heredoc in found:
        is_copied = is_dockerfile and _COPY.match(heredoc.head) is not None
        target, expansion = _copied(heredoc) if is_copied else _redirected(heredoc)
        overlay = text[heredoc.start : heredoc.end]
        if expansion is not None:
            overlay = rewritten(overlay, expansion, value)
        key = " ".join((target or heredoc.word).split())
        deployed = absolute(expanded(target, variables))
        regions.append(Region(heredoc.start, heredoc.end, overlay, values.within(overlay), key, deployed, ""))
    return regions


def _redirected(heredoc: Heredoc) -> tuple[str, re.Pattern[str] | None]:
    """Where a command writes a here-document, empty if nowhere, and what the shell expands in it."""
    begin = 0
    for separator in _COMMAND_END.finditer(heredoc.head, 0, heredoc.at):
        begin = separator.end()
    following = _COMMAND_END.search(heredoc.head, heredoc.at)
    command = heredoc.head[begin : following.start() if following is not None else len(heredoc.head)]
    paths = [re.sub("[\"']", "", match["path"]) for match in _TARGET.finditer(command)]
    target = next((path for path in paths if not path.startswith("/dev/")), "")
    run = _RUN_SCRIPT.match(heredoc.head)
    literal = heredoc.literal or (run is not None and run.end() == heredoc.at)
    return target, None if literal else _SHELL_EXPANSION


def _copied(heredoc: Heredoc) -> tuple[str, re.Pattern[str] | None]:
    """Where COPY or ADD write a here-document, and what the builder expands in it."""
    words = [word for word in _COPY.sub("", heredoc.head, count=1).split() if not word.startswith("--")]
    target = words[-1] if len(words) > 1 else heredoc.word
    if target.endswith("/") or len(words) > 2:
        target = f"{target.rstrip('/')}/{heredoc.word}"
    return target, None if heredoc.literal else _COPY_EXPANSION
