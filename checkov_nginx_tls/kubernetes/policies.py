"""Policies of nginx/kubernetes-ingress, and what the policies that are attached somewhere make nginx verify.

Source: its ``pkg/apis/configuration/v1/types.go``, ``internal/configs/policy.go`` (the first egressMTLS policy of a
place wins, ``sslName`` defaults to ``$proxy_host``) and ``pkg/apis/configuration/validation/policy.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from checkov_nginx_tls.kubernetes.objects import References
from checkov_nginx_tls.kubernetes.settings import Level, Setting, all_of, unknown
from checkov_nginx_tls.kubernetes.values import at, is_on, is_templated, mapping, sequence, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects

GROUP: Final = "k8s.nginx.org"


class PolicyName(NamedTuple):
    """What refers to a Policy; ``namespace`` is empty where it is not known."""

    namespace: str
    name: str


def section(policy: KubernetesObject, name: str) -> Mapping[str, Any] | None:
    """A section of a Policy's specification, None if it has no such section or is somebody else's Policy."""
    found = policy.spec.get(name)
    return found if policy.group == GROUP and isinstance(found, dict) else None


def attached(references: object, owner: KubernetesObject) -> list[PolicyName]:
    """The policies of a ``policies`` field; the owner's namespace is meant where none is given."""
    found = []
    for one in [references] if is_templated(references) else sequence(references):
        name = text(one) if is_templated(one) else text(at(one, "name"))
        if name:
            found.append(PolicyName(text(at(one, "namespace")) or owner.namespace, name))
    return found


def listed(annotation: object, owner: KubernetesObject) -> list[PolicyName]:
    """The policies of an annotation: names, separated by commas, that may be preceded by a namespace and a slash."""
    if is_templated(annotation):
        return [PolicyName(owner.namespace, text(annotation))]
    found = []
    for written in text(annotation).split(","):
        namespace, slash, name = written.strip().rpartition("/")
        if name:
            found.append(PolicyName(namespace if slash else owner.namespace, name))
    return found


def egress_settings(names: Iterable[PolicyName], prefix: str, path: str, objects: Objects) -> Level:
    """What the first egressMTLS policy among these makes nginx do with the certificates of upstreams.

    A policy that is not in the scan may be one.
    """
    missing = ""
    for one in names:
        found = objects.derived(_policies).find(one.name, one.namespace, path)
        title = f"Policy {one.namespace}/{one.name}" if one.namespace else f"Policy {one.name}"
        if is_templated(one.name):
            missing = missing or f'a template decides which policy is attached: "{one.name}"'
        elif not found:
            missing = missing or f"{title} is not in the scan"
        else:
            level = _settings_of(found, title, prefix)
            if level:
                return unknown(prefix, missing) if missing else level
    return unknown(prefix, missing) if missing else {}


def _policies(objects: Objects) -> References[KubernetesObject]:
    return References((one.name, one, one) for one in objects.of_kind("Policy") if one.group == GROUP)


def _settings_of(found: Iterable[KubernetesObject], title: str, prefix: str) -> Level:
    """What policies, one of which is meant, set; empty where none of them is an egressMTLS policy."""
    answers = {policy: is_on(egress.get("verifyServer")) for policy in found for egress in [_egress(policy)] if egress}
    if not answers:
        return {}
    values = set(answers.values())
    if len(values) > 1:
        return unknown(prefix, f"there are several {title}, and they differ")
    if None in values:
        return unknown(prefix, f"a template decides egressMTLS.verifyServer of {title}")
    policy = next(iter(answers))
    # Without trusted certificates or a name nothing is accepted: the policy's own rule says so.
    return all_of(prefix, Setting("on" if answers[policy] else "off", title, policy=policy))


def _egress(policy: KubernetesObject) -> Mapping[str, Any]:
    return mapping(section(policy, "egressMTLS"))
