"""Finds the regions of a file: which reader its format needs, and which of the places read hold nginx configuration.

What is found may itself be a script or a YAML file (a start script in a ConfigMap, cloud-init in Terraform): then
the places inside it count instead.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Final

from checkov_nginx_tls.embedded.dumps import dumped_files
from checkov_nginx_tls.embedded.regions import Region, lifted, without_fillers
from checkov_nginx_tls.embedded.shell_scripts import dockerfile_regions, shell_regions
from checkov_nginx_tls.embedded.terraform import hcl_regions
from checkov_nginx_tls.embedded.yaml_scalars import yaml_regions
from checkov_nginx_tls.formats.file_names import Format, format_of
from checkov_nginx_tls.signatures import may_matter, shows_connections, shows_includes, starts_like_nginx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Reader = Callable[[str], "list[Region]"]

_READERS: Final[dict[Format, _Reader]] = {
    Format.YAML: yaml_regions,
    Format.SHELL: shell_regions,
    Format.DOCKERFILE: dockerfile_regions,
    Format.HCL: hcl_regions,
}
_NESTING: Final = 3
"""Formats inside formats that are followed."""

_SHELL_SHEBANG: Final = re.compile(r"#![^\n]{0,200}\b(?:ba|z|k|mk|da|a)?sh\b")
_YAML_BLOCK: Final = re.compile(r"""(?m)^[ \t]*(?:- +)*["']?[\w./-]+["']?:[ \t]*[|>][-+0-9]{0,2}[ \t\r]*$""")
_NGINX_BLOCK: Final = re.compile(rb"(?m)^[ \t]*(?:server|upstream[ \t]+[^\s{};]+|map[ \t]+[^{};\n]+)[ \t\r\n]*\{")
_NAMED_LIKE_NGINX: Final = re.compile(r"(?i)nginx|\.conf\b")


def may_embed(name: str) -> bool:
    """Whether a file is named like one of another format that may hold nginx configuration."""
    return format_of(name) is not None


def embedded_regions(name: str, text: str) -> tuple[Region, ...]:
    """Places of a file that hold nginx configuration, in the order of the text.

    ``name`` is the file's name or path and tells its format together with the text. Nothing is raised: a text that
    is not what its name says holds nothing.
    """
    if not may_matter(_bytes(text)):
        return ()
    regions = dumped_files(text)
    if not any(map(_holds_nginx, regions)):  # the files of a dump include each other: all of them count, or none
        reader = _reader(name, text)
        hosts = reader(text) if reader is not None else []
        regions = [region for host in hosts for region in _unpacked(host, _NESTING) if _holds_nginx(region)]
    return tuple(_with_unique_keys(regions))


def _reader(name: str, text: str) -> _Reader | None:
    if _SHELL_SHEBANG.match(text) is not None:
        return shell_regions
    found = format_of(name)
    if found is not None:
        return _READERS[found]
    is_helm_template = name.lower().endswith((".tpl", ".gotmpl")) and "{{" in text and _has_block_scalar(text)
    return yaml_regions if text.startswith("#cloud-config") or is_helm_template else None


def _has_block_scalar(text: str) -> bool:
    return _YAML_BLOCK.search(text) is not None


def _unpacked(region: Region, nesting: int) -> list[Region]:
    """The places inside a region that is a script or a YAML file itself, or the region."""
    text = region.text
    is_yaml = _has_block_scalar(text)
    if not nesting or not ("<<" in text or is_yaml) or not may_matter(_bytes(text)):
        return [region]
    indent = min((len(line) - len(line.lstrip(" ")) for line in text.split("\n") if line.strip()), default=0)
    plain, offsets = without_fillers(region.overlay, indent)
    inner = [
        replace(lifted(region, offsets, found), key=f"{region.key}[{found.key}]")
        for place in shell_regions(plain) or (yaml_regions(plain) if is_yaml else [])
        for found in _unpacked(place, nesting - 1)
    ]
    return inner or [region]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _holds_nginx(region: Region) -> bool:
    data = _bytes(region.text)
    if shows_connections(data) or shows_includes(data):
        return True
    if not region.context and _NAMED_LIKE_NGINX.search(f"{region.key} {region.deployed}") is None:
        return False
    return starts_like_nginx(data) or _NGINX_BLOCK.search(data) is not None


def _with_unique_keys(regions: Iterable[Region]) -> Iterator[Region]:
    counts: Counter[str] = Counter()
    used: set[str] = set()
    for region in sorted(regions, key=lambda region: region.start):
        key = region.key
        while key in used:
            counts[region.key] += 1
            key = f"{region.key}#{counts[region.key] + 1}"
        used.add(key)
        yield replace(region, key=key)
