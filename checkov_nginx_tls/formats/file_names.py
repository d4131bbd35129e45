"""What the name of a file tells: the format of its text, and the name of the file that is made of a template."""

from __future__ import annotations

import enum
import re
from typing import Final

TEMPLATE_EXTENSIONS: Final = tuple(
    "template tmpl tpl j2 jinja jinja2 erb epp ctmpl gotmpl tftpl mustache hbs in sample example dist default".split()
)
"""What templates and samples have behind the name of the file that is made of them."""


_TEMPLATES: Final = frozenset(TEMPLATE_EXTENSIONS)


class Format(enum.Enum):
    """A format of files that hold other files, or say where those go."""

    YAML = enum.auto()
    SHELL = enum.auto()
    DOCKERFILE = enum.auto()
    HCL = enum.auto()


_DOCKERFILE: Final = re.compile(r"(?:docker|container)file(?:[._-].*)?|.*[._-](?:docker|container)file")
_FORMATS: Final = {
    **dict.fromkeys(("yaml", "yml", "sls"), Format.YAML),
    **dict.fromkeys(("sh", "bash", "zsh", "ksh"), Format.SHELL),
    **dict.fromkeys(("tf", "tofu", "hcl", "nomad"), Format.HCL),
}


def format_of(name: str) -> Format | None:
    """The format that a file's name or path tells, templates of such files included."""
    plain = name[max(name.rfind("/"), name.rfind("\\")) + 1 :].lower()
    if "file" in plain and _DOCKERFILE.fullmatch(plain) is not None:
        return Format.DOCKERFILE
    stem, dot, extension = plain.rpartition(".")
    while stem and extension in _TEMPLATES:
        stem, dot, extension = stem.rpartition(".")
    return _FORMATS.get(extension) if dot else None


def spellings(name: str) -> tuple[str, ...]:
    """A file name, and the name without the extension of a template."""
    stem, _, extension = name.rpartition(".")
    return (name, stem) if stem and extension.lower() in TEMPLATE_EXTENSIONS else (name,)
