"""CKV_NGINX_CUSTOM_32: an upstream with TLS that NGINX Ingress Controller does not verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.kubernetes.kubernetes_rule import Judgement, KubernetesRule, gravest
from checkov_nginx_tls.kubernetes.nginx_ingress_controller import POLICIES, SSL_SERVICES, Connection, connections
from checkov_nginx_tls.kubernetes.settings import GRPC, Judged, Outcome, judge
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects

_POLICY: Final = (
    "a Policy with egressMTLS: verifyServer: true, trustedCertSecret with the name of a Secret of type nginx.org/ca, "
    "and sslName with the DNS name in the upstream's certificate"
)


class UpstreamUnverified(KubernetesRule):
    """See ``rule``."""

    kinds = ("VirtualServer", "VirtualServerRoute", "Ingress")
    rule = Rule(
        id="CKV_NGINX_CUSTOM_32",
        title="Ensure NGINX Ingress Controller verifies TLS upstreams",
        severity="HIGH",
        guideline=(
            "https://docs.nginx.com/nginx-ingress-controller/configuration/"
            "virtualserver-and-virtualserverroute-resources/#upstreamtls"
        ),
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        language="yaml",
        what=(
            "A VirtualServer or VirtualServerRoute with an upstream whose tls.enable is true, or an Ingress with "
            "nginx.org/ssl-services (also for services in nginx.org/grpc-services), that no egressMTLS policy in "
            "force there makes nginx verify. A policy that is in force and does not verify is reported itself "
            "(CKV_NGINX_CUSTOM_33)."
        ),
        why=(
            "TLS alone encrypts and verifies nothing: whoever can answer for a pod's address reads and changes all "
            "traffic."
        ),
        example="""\
apiVersion: k8s.nginx.org/v1
kind: VirtualServer
metadata:
  name: shop
  namespace: shop
spec:
  host: shop.example.com
  upstreams:
    - name: shop
      service: shop
      port: 8443
      tls:
        enable: true
  routes:
    - path: /
      action:
        pass: shop
""",
        use_instead="""\
apiVersion: k8s.nginx.org/v1
kind: VirtualServer
metadata:
  name: shop
  namespace: shop
spec:
  host: shop.example.com
  upstreams:
    - name: shop
      service: shop
      port: 8443
      tls:
        enable: true
  routes:
    - path: /
      policies:
        - name: verify-shop
      action:
        pass: shop
---
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: verify-shop
  namespace: shop
spec:
  egressMTLS:
    verifyServer: true
    trustedCertSecret: shop-ca
    sslName: shop.shop.svc
    serverName: true
    verifyDepth: 2
---
# kubectl create secret generic shop-ca --namespace shop --type nginx.org/ca --from-file ca.crt=ca.pem
apiVersion: v1
kind: Secret
type: nginx.org/ca
metadata:
  name: shop-ca
  namespace: shop
data:
  ca.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t  # ca.pem in base64: the CA that signs the upstream's
""",
        nginx=(
            "tls.enable and ssl-services become proxy_pass https:// (grpc_pass grpcs:// for upstreams of type grpc), "
            "and nginx verifies nothing unless told to. Policies of a route or subroute come before those of the "
            "VirtualServer's spec; a subroute with policies of its own has none of the route that refers to it; of "
            "several egressMTLS policies in one place the first counts. A policy in a VirtualServer's spec becomes "
            "proxy_ssl directives of the server block, which gRPC upstreams ignore: attach it to their routes. Only a "
            "minion of mergeable Ingresses has its policies in its own locations; the policies of other Ingresses "
            "stand in the server block."
        ),
    )

    def judge(self, subject: KubernetesObject, objects: Objects) -> Judgement | None:
        """See KubernetesRule."""
        return gravest(_judgements(subject, objects))


def _judgements(subject: KubernetesObject, objects: Objects) -> Iterator[Judgement]:
    keys = (f"metadata/annotations/{SSL_SERVICES}",) if subject.kind == "Ingress" else ("spec/upstreams",)
    for connection in connections(subject, objects):
        outcome = judge(connection.levels, connection.prefix)
        if outcome.judged is Judged.VERIFIED and not connection.undecided:
            yield Judgement(CheckResult.PASSED, keys=keys)
        elif outcome.judged is Judged.VERIFIED or _is_reported_elsewhere(outcome):
            continue
        elif connection.undecided or outcome.judged is Judged.UNDECIDED:
            reason = connection.undecided or (outcome.setting.undecided if outcome.setting is not None else "")
            yield Judgement(CheckResult.UNKNOWN, f"{connection.upstream}: {reason}", keys)
        else:
            yield Judgement(CheckResult.FAILED, _explained(subject, connection, outcome), keys)


def _is_reported_elsewhere(outcome: Outcome) -> bool:
    """Whether a policy in force is at fault: the finding stands there."""
    return outcome.judged is Judged.OFF and outcome.setting is not None and outcome.setting.policy is not None


def _explained(subject: KubernetesObject, connection: Connection, outcome: Outcome) -> str:
    """What is wrong with a connection, and what to write where."""
    target = f"{connection.place} to upstream {connection.upstream}"
    if subject.kind == "Ingress":
        target = f"service {connection.upstream}"
    at_fault = outcome.setting.place if outcome.setting is not None else ""
    if outcome.judged is Judged.OFF:
        return f"{at_fault} says {connection.prefix}_verify off for {target}: remove it, and attach {_POLICY}."
    if outcome.judged in (Judged.NO_BUNDLE, Judged.NO_NAME):
        return (
            f"{at_fault} turns verification on for {target}, but sets {outcome.judged.value}: replace it by {_POLICY}."
        )
    if subject.kind == "Ingress":
        return (
            f"Nothing verifies {target}. In {subject.title} set the annotation {POLICIES[0]} to the name of {_POLICY}."
        )
    reach = " (a policy of the VirtualServer's spec does not reach gRPC upstreams)" if connection.prefix == GRPC else ""
    return (
        f"Nothing verifies {target}{reach}. In {subject.title} add to the policies of the {connection.place} {_POLICY}."
    )
