"""All rules about Kubernetes objects, in the order of their IDs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.kubernetes.rules.egress_policy_impossible import EgressPolicyImpossible
from checkov_nginx_tls.kubernetes.rules.egress_policy_unverified import EgressPolicyUnverified
from checkov_nginx_tls.kubernetes.rules.ingress_backend_unverified import IngressBackendUnverified
from checkov_nginx_tls.kubernetes.rules.side_channel_unverified import SideChannelUnverified
from checkov_nginx_tls.kubernetes.rules.upstream_unverified import UpstreamUnverified

if TYPE_CHECKING:
    from checkov_nginx_tls.kubernetes.kubernetes_rule import KubernetesRule

KUBERNETES_RULES: Final[tuple[KubernetesRule, ...]] = (
    IngressBackendUnverified(),
    UpstreamUnverified(),
    EgressPolicyUnverified(),
    SideChannelUnverified(),
    EgressPolicyImpossible(),
)
