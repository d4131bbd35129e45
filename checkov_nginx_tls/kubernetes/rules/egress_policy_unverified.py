"""CKV_NGINX_CUSTOM_33: an egressMTLS policy that does not verify the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.kubernetes.kubernetes_rule import Judgement, KubernetesRule
from checkov_nginx_tls.kubernetes.policies import section
from checkov_nginx_tls.kubernetes.values import is_on
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule

if TYPE_CHECKING:
    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects

_KEY: Final = "spec/egressMTLS/verifyServer"


class EgressPolicyUnverified(KubernetesRule):
    """See ``rule``."""

    kinds = ("Policy",)
    rule = Rule(
        id="CKV_NGINX_CUSTOM_33",
        title="Ensure egressMTLS policies verify the server",
        severity="HIGH",
        guideline="https://docs.nginx.com/nginx-ingress-controller/configuration/policy-resource/policy-reference/#egressmtls",
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        language="yaml",
        what="A Policy of NGINX Ingress Controller whose egressMTLS.verifyServer is not true.",
        why=(
            "The policy's name promises mutual TLS, but only nginx shows a certificate: whoever can answer for a "
            "pod's address reads and changes all traffic of every route that the policy is attached to."
        ),
        example="""\
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: shop
  namespace: shop
spec:
  egressMTLS:
    tlsSecret: shop-client
""",
        use_instead="""\
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: shop
  namespace: shop
spec:
  egressMTLS:
    tlsSecret: shop-client
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
            "The policy becomes proxy_ssl_verify on where verifyServer is true and proxy_ssl_verify off otherwise, in "
            "the server block or in the locations of the routes that it is attached to (grpc_ssl_verify there for gRPC "
            "upstreams). The default is false. The field is a boolean: the unquoted YAML words true, on and yes are "
            "the same, and a quoted string is refused."
        ),
    )

    def judge(self, subject: KubernetesObject, objects: Objects) -> Judgement | None:
        """See KubernetesRule."""
        del objects
        egress = section(subject, "egressMTLS")
        if egress is None:
            return None
        written = egress.get("verifyServer")
        answer = is_on(written)
        if answer is None:
            return Judgement(CheckResult.UNKNOWN, f"a template decides egressMTLS.verifyServer: {written}", (_KEY,))
        if answer:
            return Judgement(CheckResult.PASSED, keys=(_KEY,))
        complaint = "egressMTLS.verifyServer is not set, and is false by default"
        if isinstance(written, str):
            complaint = f'egressMTLS.verifyServer is the string "{written}", not a boolean'
        elif written is not None:
            complaint = f"egressMTLS.verifyServer is {str(written).lower()}"
        return Judgement(
            CheckResult.FAILED,
            f"{complaint}. In {subject.title} set it to true, trustedCertSecret to the name of a Secret of type "
            "nginx.org/ca with the CA certificate, and sslName to the DNS name in the upstream's certificate.",
            (_KEY,),
        )
