"""The Kubernetes objects in what Checkov's kubernetes and terraform runners have read.

Each of their processes asks for them, most in vain: what this module loads is little, and none of the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.kubernetes.objects import object_of
from checkov_nginx_tls.kubernetes.terraform import objects_in
from checkov_nginx_tls.kubernetes.values import mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject

JUDGED_KINDS: Final = frozenset({"Ingress", "Policy", "VirtualServer", "VirtualServerRoute"})
"""The kinds of objects that rules judge; they look at others for what these refer to."""


def objects_of(definitions: object) -> Iterator[KubernetesObject]:
    """The objects in what a runner has read: by file a list of documents, or blocks of Terraform."""
    for path, content in mapping(definitions).items():
        for document in content if isinstance(content, list) else ():
            one = object_of(document, str(path))
            if one is not None:
                yield one
        for block in sequence(mapping(content).get("resource")):
            for resource_type, named in mapping(block).items():
                for resource in mapping(named).values():
                    yield from objects_in(resource_type, resource, "")
