"""The four families of outbound TLS, and templates that say the same in each of them.

In a family's template ``@ssl_`` stands for the prefix of its TLS directives, ``@pass`` for its pass directive,
``@tls://``, ``@TLS://`` and ``@plain://`` for its schemes. ``@other_ssl_`` is the prefix of another family, and
``@other_plain`` a pass of that family without TLS to the group.
"""

from __future__ import annotations

from dataclasses import dataclass

from oracle_certificates import BACKEND_NAME

_PLAIN = {"proxy": "http", "grpc": "grpc"}


@dataclass(frozen=True)
class Family:
    """One family's words. The stream family has no schemes."""

    name: str
    context: str
    prefix: str
    other_prefix: str
    tls_scheme: str = ""
    plain_scheme: str = ""

    def write(self, template: str) -> str:
        """`template` in this family's words."""
        words = (
            ("@ssl_", f"{self.prefix}_ssl_"),
            ("@other_ssl_", f"{self.other_prefix}_ssl_"),
            ("@other_plain", f"{self.other_prefix}_pass {_PLAIN[self.other_prefix]}://{BACKEND_NAME};"),
            ("@pass", f"{self.prefix}_pass"),
            ("@tls://", f"{self.tls_scheme}://"),
            ("@TLS://", f"{self.tls_scheme.upper()}://"),
            ("@plain://", f"{self.plain_scheme}://"),
        )
        for word, meaning in words:
            template = template.replace(word, meaning)
        return template

    def document(self, inside: str) -> str:
        """A main file with `inside` in this family's context, beside a group `BACKEND_NAME` of ``<target>``."""
        group = f"upstream {BACKEND_NAME} {{ server <target>; }}"
        return f"events {{}}\n{self.context} {{\n{group}\n{self.write(inside)}\n}}\n"


HTTP_PROXY = Family("http", "http", "proxy", "grpc", "https", "http")
GRPC = Family("grpc", "http", "grpc", "proxy", "grpcs", "grpc")
UWSGI = Family("uwsgi", "http", "uwsgi", "proxy", "suwsgi", "uwsgi")
STREAM = Family("stream", "stream", "proxy", "grpc")

HTTP_FAMILIES: tuple[Family, ...] = (HTTP_PROXY, GRPC, UWSGI)
FAMILIES: tuple[Family, ...] = (*HTTP_FAMILIES, STREAM)
