"""What compose files mount into services, and where they build images."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from checkov_nginx_tls.deployments.deployment import target, untagged
from checkov_nginx_tls.formats.containers import uses
from checkov_nginx_tls.formats.shell_variables import expanded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.deployments.deployment import Deployment
    from checkov_nginx_tls.deployments.manifests import Manifest


def from_compose(manifest: Manifest) -> Iterator[Deployment]:
    """What a compose file says; the other YAML files have no services with volumes."""
    here = (os.path.dirname(manifest.path),)
    for root in manifest.roots:
        for service in root.get("services").members:
            for volume in service.get("volumes").members:
                source, _, deployed = _plain(volume.value).partition(":")
                deployed = deployed.partition(":")[0]
                if volume.children:
                    source, deployed = (_plain(volume.text(name)) for name in ("source", "target"))
                is_path = source.startswith(".") or volume.text("type") == "bind"
                unit = manifest.unit(service)
                yield from manifest.deployments(volume, source if is_path else "", [target(deployed)], unit, here)
        for kind in ("configs", "secrets"):
            for use in uses(root, kind):
                source = _plain(root.text(kind, use.name, "file"))
                targets = [target(_plain(use.target))]
                yield from manifest.deployments(use.node, source, targets, manifest.unit(use.service), here)


def build_contexts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Paths of Dockerfiles, with the directories that they are built in."""
    for root in manifest.roots:
        for service in root.get("services").members:
            build = service.get("build")
            if build.value or build.children:
                directory = manifest.beside(_plain(build.value or build.text("context") or "."))
                dockerfile = os.path.join(directory, build.text("dockerfile") or "Dockerfile")
                yield os.path.normpath(dockerfile), directory


def _plain(text: str) -> str:
    """A value with the defaults of its variables, UNKNOWN for those that have none."""
    return expanded(untagged(text), {"PWD": "."})
