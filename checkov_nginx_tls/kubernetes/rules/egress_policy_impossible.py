"""CKV_NGINX_CUSTOM_35: an egressMTLS policy whose verification can never succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.kubernetes.kubernetes_rule import Judgement, KubernetesRule
from checkov_nginx_tls.kubernetes.policies import section
from checkov_nginx_tls.kubernetes.secret_keys import has_ca
from checkov_nginx_tls.kubernetes.values import is_on, is_templated, text
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule

if TYPE_CHECKING:
    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects

_SECRET: Final = "trustedCertSecret"
_NAME: Final = "sslName"
_SECRET_TYPE: Final = "nginx.org/ca"
_GROUP_NAME: Final = "$proxy_host"


class EgressPolicyImpossible(KubernetesRule):
    """See ``rule``."""

    kinds = ("Policy",)
    rule = Rule(
        id="CKV_NGINX_CUSTOM_35",
        title="Ensure egressMTLS verification can succeed",
        severity="MEDIUM",
        guideline="https://docs.nginx.com/nginx-ingress-controller/configuration/policy-resource/policy-reference/#egressmtls",
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        language="yaml",
        what=(
            "A Policy of NGINX Ingress Controller whose egressMTLS.verifyServer is true, without trustedCertSecret or "
            "without sslName, or whose trustedCertSecret names a Secret in the scan that is not of type nginx.org/ca "
            "or has no ca.crt."
        ),
        why=(
            "Every request to the upstream fails. It fails safely, but whoever is woken by it will be tempted to turn "
            "verification off."
        ),
        example="""\
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: shop
  namespace: shop
spec:
  egressMTLS:
    verifyServer: true
    trustedCertSecret: shop-ca
---
apiVersion: v1
kind: Secret
type: nginx.org/ca
metadata:
  name: shop-ca
  namespace: shop
data:
  ca.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t
""",
        use_instead="""\
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: shop
  namespace: shop
spec:
  egressMTLS:
    verifyServer: true
    trustedCertSecret: shop-ca
    sslName: shop.shop.svc  # the DNS name in the upstream's certificate
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
            "sslName becomes proxy_ssl_name and is $proxy_host by default: that is the name of the group of servers "
            "that the controller makes up (vs_shop_shop_shop), which is in no certificate. Without trustedCertSecret, "
            "or with one that is not of type nginx.org/ca with a key ca.crt, the controller refuses the policy and "
            "answers 500 wherever it is attached."
        ),
    )

    def judge(self, subject: KubernetesObject, objects: Objects) -> Judgement | None:
        """See KubernetesRule."""
        egress = section(subject, "egressMTLS")
        if egress is None or is_on(egress.get("verifyServer")) is not True:
            return None
        secret, name = text(egress.get(_SECRET)), text(egress.get(_NAME))
        if not name or name.strip("{} ") == _GROUP_NAME.strip("{} "):
            return _failed(
                subject,
                _NAME,
                f"without {_NAME} nginx expects the name of the group of servers that the controller makes up, which "
                "is in no certificate. Set it to the DNS name in the upstream's certificate",
            )
        if not secret:
            return _failed(
                subject,
                _SECRET,
                f"verification needs trusted certificates. Set {_SECRET} to the name of a Secret of type "
                f"{_SECRET_TYPE} with the CA certificate under the key ca.crt",
            )
        return _of_secret(subject, secret, objects)


def _of_secret(subject: KubernetesObject, name: str, objects: Objects) -> Judgement:
    """Whether the Secret of a policy can serve."""
    key = (f"spec/egressMTLS/{_SECRET}",)
    if is_templated(name):
        return Judgement(CheckResult.UNKNOWN, f"a template decides egressMTLS.{_SECRET}: {name}", key)
    found = objects.named("Secret", name, subject.namespace, subject.path)
    if not found:
        return Judgement(CheckResult.UNKNOWN, f"Secret {name} is not in the scan", key)
    answers = {_serves(secret) for secret in found}
    if answers == {True}:
        return Judgement(CheckResult.PASSED, keys=key)
    if answers == {False}:
        return _failed(
            subject,
            _SECRET,
            f"Secret {name} is refused. Make it one of type {_SECRET_TYPE}, with the CA certificate under the key "
            "ca.crt",
        )
    return Judgement(CheckResult.UNKNOWN, f"whether Secret {name} is of use is not clear", key)


def _serves(secret: KubernetesObject) -> bool | None:
    if is_templated(secret.content.get("type")):
        return None
    return has_ca(secret) if secret.content.get("type") == _SECRET_TYPE else False


def _failed(subject: KubernetesObject, field: str, sentence: str) -> Judgement:
    return Judgement(CheckResult.FAILED, f"{subject.title}: {sentence}.", (f"spec/egressMTLS/{field}",))
