"""Names of resources: the logical path of a directive inside its file, without line numbers.

Checkov's baseline compares nothing else, so these names are a contract (see the grammar in ``logical_path``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from checkov_nginx_tls.syntax import Directive, ParsedFile

_LABELLED: Final = frozenset({"location", "if", "limit_except", "upstream"})


class ResourceNames:
    """Logical paths of one file's directives; the names of its blocks are worked out once."""

    def __init__(self, file: ParsedFile) -> None:
        self._key = file.source.key
        self._segments: dict[Directive, str] = {}
        self._name(file.directives)

    def logical_path(self, directive: Directive) -> str:
        """``segment *("." segment) ["." directive]``, a segment for every block around it in its file.

        A segment is a context with a label, ``server(app.example.com:443)`` or ``location(^~ /api/)``, and
        ``#n`` from 2 where siblings are alike. A block's own path ends with its segment. What is embedded in a file of
        another format has the key of its place in front: ``ConfigMap/web.data[nginx.conf]:http``.
        """
        parts = [self._segments.get(directive.written, directive.name)]
        parent = directive.parent
        while parent is not None:
            parts.append(self._segments[parent])
            parent = parent.parent
        return self.in_file(".".join(reversed(parts)))

    def in_file(self, path: str) -> str:
        """A logical path with the key in front, if there is one."""
        return f"{self._key}:{path}" if self._key else path

    def _name(self, directives: tuple[Directive, ...]) -> None:
        seen: dict[str, int] = {}
        for directive in directives:
            if directive.block is None:
                continue
            segment = _segment(directive, directive.block)
            seen[segment] = seen.get(segment, 0) + 1
            self._segments[directive] = segment if seen[segment] == 1 else f"{segment}#{seen[segment]}"
            self._name(directive.block)


def _segment(directive: Directive, block: tuple[Directive, ...]) -> str:
    if directive.name == "server":
        return f"server({server_label(block)})"
    if directive.name in _LABELLED:
        return f"{directive.name}({' '.join(directive.args)})"
    return directive.name


def server_label(block: tuple[Directive, ...]) -> str:
    """What names call a server: its first server_name as written, or "_", and the port of its first listen, or 80."""
    names = [child.args[0] for child in block if child.name == "server_name" and child.args]
    listens = [child.args[0] for child in block if child.name == "listen" and child.args]
    return f"{names[0] if names else '_'}:{_port(listens[0]) if listens else '80'}"


def _port(listen: str) -> str:
    if listen.startswith("unix:"):
        return listen
    if listen.startswith("["):
        return listen.partition("]")[2].lstrip(":") or "80"
    _, colon, port = listen.rpartition(":")
    if colon:
        return port
    return listen if listen.isdigit() or "$" in listen else "80"
