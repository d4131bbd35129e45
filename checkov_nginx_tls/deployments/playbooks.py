"""What Ansible tasks and Salt states copy to the machines that they manage."""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.deployments.deployment import around, copied, known_end, target, untagged
from checkov_nginx_tls.formats.yaml_nodes import Node, collections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.deployments.deployment import Deployment
    from checkov_nginx_tls.deployments.manifests import Manifest

_FOLDERS: Final = {
    f"{prefix}{module}": folder
    for prefix in ("", "ansible.builtin.")
    for module, folder in (("copy", "files"), ("template", "templates"))
}
"""Where a role keeps what a module copies."""

_FREE_FORM: Final = re.compile(r"""(\w+)=((?:"[^"]*"|'[^']*'|\{\{[^{}]*\}\}|[^\s"'])*)""")
_ITEM: Final = re.compile(
    r"""\{\{\s*(?P<name>\w+)(?:\.(?P<attribute>\w+)|\[["'](?P<index>\w+)["']\])?\s*(?:\|\s*(?P<filter>basename)\s*)?\}\}"""
)
_START: Final = re.compile(r"\{\{\s*(role_path|playbook_dir)\s*\}\}")
_LOOPS: Final = ("loop", "with_items", "with_list")
_TASKS: Final = re.compile(r"(.+)[\\/](?:tasks|handlers)[\\/]")
_SALT: Final = "salt://"
_TEXT_LIMIT: Final = 4096
"""Characters of a path or a call that are looked at."""


def from_playbook(manifest: Manifest) -> Iterator[Deployment]:
    """What the tasks or states of a file say."""
    for node in collections(manifest.roots):
        for copy in _copies(node):
            yield from _copied_files(manifest, node, copy)
        yield from _salt_files(manifest, node)


class _Copy(NamedTuple):
    """A task's call of a module that copies; ``folder`` is where a role keeps such files."""

    folder: str
    source: str
    destination: str
    node: Node


def _copies(task: Node) -> Iterator[_Copy]:
    for name in (*_FOLDERS, "action"):
        call = task.get(name)
        arguments = {key: call.text(key) or task.text("args", key) for key in ("src", "dest", "remote_src")}
        module = name
        if call.value:
            text = call.value[:_TEXT_LIMIT]
            module = (text.split(None, 1) or [""])[0] if name == "action" else name
            arguments.update((key, value.strip("\"'")) for key, value in _FREE_FORM.findall(text))
        is_remote = arguments["remote_src"].lower() in {"yes", "true", "1", "on"}
        if module in _FOLDERS and arguments["src"] and arguments["dest"] and not is_remote:
            place = call.get("dest") if call.text("dest") else call
            yield _Copy(_FOLDERS[module], arguments["src"], arguments["dest"], place)


def _copied_files(manifest: Manifest, task: Node, copy: _Copy) -> Iterator[Deployment]:
    path = manifest.path
    here = os.path.dirname(path)
    match = _TASKS.match(path)
    role = match[1] if match else here
    name = task.text("loop_control", "loop_var") or "item"
    items = next((task.get(key).members for key in _LOOPS if task.get(key).members), [Node(0, 0)])
    for item in items:
        source, destination = (_with_item(text, name, item) for text in (copy.source, copy.destination))
        places = [os.path.join(place, folder) for place in (role, here) for folder in (copy.folder, "")]
        start = _START.match(source)
        if start:
            places = [role] if start[1] == "role_path" else list(around(path))
            source = source[start.end() :].lstrip("/")
        elif source.startswith(("/", "~")):
            source = ""
        source = untagged(source)
        targets = copied(untagged(destination), source)
        yield from manifest.deployments(copy.node, source, targets, role if match else path, places)


def _with_item(text: str, name: str, item: Node) -> str:
    """A text with the item of a loop in it."""

    def value(match: re.Match[str]) -> str:
        attribute = match["attribute"] or match["index"]
        found = item.text(attribute) if attribute else item.value
        if match["name"] != name or not found:
            return match[0]
        return posixpath.basename(found) if match["filter"] else found

    return _ITEM.sub(value, text[:_TEXT_LIMIT])


def _salt_files(manifest: Manifest, states: Node) -> Iterator[Deployment]:
    path = manifest.path
    for name, state in states.children:
        for function in ("file.managed", "file.recurse"):
            options = {key: value for option in state.get(function).members for key, value in option.children}
            sources = options.get("source", Node(0, 0))
            deployed = options["name"].value if "name" in options else name or ""
            for source in (sources, *sources.members):
                if source.value.startswith(_SALT):
                    segments, _ = known_end(untagged(source.value[len(_SALT) :]))
                    targets = [target(untagged(deployed))]
                    yield from manifest.deployments(source, "/".join(segments), targets, path, around(path))
