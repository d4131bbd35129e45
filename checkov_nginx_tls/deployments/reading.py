"""Reads what the files of a tree say about where files end up, each kind of file by its own reader."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.deployments.compose import build_contexts, from_compose
from checkov_nginx_tls.deployments.dockerfiles import from_dockerfile
from checkov_nginx_tls.deployments.manifests import Manifest, may_say_something
from checkov_nginx_tls.deployments.playbooks import from_playbook
from checkov_nginx_tls.deployments.pods import Pods
from checkov_nginx_tls.formats.file_names import Format, format_of, spellings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from checkov_nginx_tls.deployments.deployment import Deployment, Exists

# Limits that real files stay far below: they keep the cost of hostile ones flat.
_DEPLOYMENT_LIMIT: Final = 20_000
_STEP_LIMIT: Final = 20_000
_CONTEXT_LIMIT: Final = 8


def may_tell_deployments(name: str, data: bytes) -> bool:
    """Whether ``deployments`` has to read a file with this name that holds these bytes: a cheap question."""
    kind = format_of(name)
    return kind is Format.DOCKERFILE or (kind is Format.YAML and may_say_something(data))


def deployments(texts: Mapping[str, str], exists: Exists) -> tuple[Deployment, ...]:
    """What texts, by their absolute paths, say about where files end up: see ``may_tell_deployments``.

    ``exists`` says whether an absolute path is a file or a directory of the tree.
    """
    said: list[Deployment] = []
    contexts: dict[str, dict[str, None]] = {}
    pods = Pods(exists)
    for path in sorted(texts):
        if format_of(path) is Format.YAML:
            manifest = Manifest(path, texts[path], exists)
            said += filter(_is_whole, islice(chain(from_compose(manifest), from_playbook(manifest)), _STEP_LIMIT))
            pods.read(manifest)
            for dockerfile, directory in build_contexts(manifest):
                known = contexts.setdefault(dockerfile, {})
                if len(known) < _CONTEXT_LIMIT:
                    known[directory] = None
    dockerfiles = (
        from_dockerfile(path, texts[path], contexts.get(path, ()), exists)
        for path in sorted(texts)
        if format_of(path) is Format.DOCKERFILE
    )
    found = filter(_is_whole, chain(chain.from_iterable(dockerfiles), said, pods.deployments()))
    return tuple(dict.fromkeys(chain.from_iterable(map(_with_rendered, islice(found, _DEPLOYMENT_LIMIT)))))


def _is_whole(deployment: Deployment) -> bool:
    """Whether both the file and where it goes are known."""
    return deployment.deployed != "" and (deployment.source != "" or deployment.key != "")


def _with_rendered(deployment: Deployment) -> Iterator[Deployment]:
    """A deployment, and what the target machine probably makes of the template it puts there."""
    yield deployment
    directory, name = posixpath.split(deployment.deployed)
    if len(spellings(name)) > 1:
        yield replace(deployment, deployed=posixpath.join(directory, spellings(name)[-1]))
