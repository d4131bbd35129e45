"""What Dockerfiles copy into images."""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.deployments.deployment import Deployment, around, copied, first_existing, target
from checkov_nginx_tls.formats.heredocs import heredocs, without_bodies
from checkov_nginx_tls.formats.shell_variables import UNKNOWN, expanded
from checkov_nginx_tls.patterns import is_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from checkov_nginx_tls.deployments.deployment import Exists

_VALUE_LIMIT: Final = 255
_BACKTICK_ESCAPES: Final = re.compile(r"(?i)(?:#[^\n]*\n)*?#[ \t]*escape[ \t]*=[ \t]*`")
_ASSIGNMENT: Final = re.compile(r"(\w+)=(\"[^\"]*\"|'[^']*'|\S*)")


def from_dockerfile(path: str, text: str, contexts: Iterable[str], exists: Exists) -> Iterator[Deployment]:
    """What a Dockerfile says; ``contexts`` are directories that it is known to be built in."""
    directories = (*contexts, *around(path))
    variables: dict[str, str] = {}
    stage, workdirs = "", {"": "/"}
    for line, name, rest in _instructions(text):
        if name == "FROM":
            words = [word.lower() for word in rest.split() if not word.startswith("--")]
            stage = words[2] if len(words) > 2 else ""
            workdirs[stage] = workdirs.get(words[0], "/") if words else "/"
        elif name in {"ENV", "ARG"}:
            _assign(variables, rest)
        elif name == "WORKDIR":
            workdirs[stage] = posixpath.join(workdirs[stage], expanded(rest.strip("\"' \t"), variables))[:_VALUE_LIMIT]
        elif name in {"COPY", "ADD"}:
            words = [expanded(word, variables) for word in _copy_arguments(rest)]
            destination = words[-1] if words else ""
            if not destination.startswith(UNKNOWN):
                destination = posixpath.join(workdirs[stage], destination)
            for source in words[:-1]:
                folder, last = posixpath.split(source)
                only = last if is_pattern(last) else ""
                file = first_existing(directories, (folder if only else source).lstrip("/") or ".", exists)
                for deployed in [target(destination)] if only else copied(destination, source):
                    yield Deployment(deployed, file, "", "", path, line, path, only)


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """The instructions of a Dockerfile: line (from 1), name in capitals, and the rest."""
    escape = "`" if _BACKTICK_ESCAPES.match(text) else "\\"
    found: list[tuple[int, list[str]]] = []
    is_continued = False
    for number, line in enumerate(map(str.strip, without_bodies(text, heredocs(text)).split("\n")), 1):
        if not line or line.startswith("#"):
            continue
        if not is_continued:
            found.append((number, []))
        found[-1][1].append(line.removesuffix(escape))
        is_continued = line.endswith(escape)
    for number, parts in found:
        name, _, rest = " ".join(parts).replace("\t", " ").partition(" ")
        yield number, name.upper(), rest.strip()


def _assign(variables: dict[str, str], rest: str) -> None:
    if "=" not in rest:
        rest = rest.replace(" ", "=", 1)
    for name, value in _ASSIGNMENT.findall(rest):
        given = expanded(value.strip("\"'"), variables)
        variables[name] = given if len(given) <= _VALUE_LIMIT else UNKNOWN


def _copy_arguments(rest: str) -> list[str]:
    """The sources of a COPY or ADD and its destination; none where the sources are not in the tree."""
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        if flag.startswith("--from"):
            return []
    if rest.startswith("["):
        try:
            words = json.loads(rest)
        except (ValueError, RecursionError):
            return []
        return [word for word in words if isinstance(word, str)] if isinstance(words, list) else []
    return [word.strip("\"'") for word in rest.split() if "<<" not in word]
