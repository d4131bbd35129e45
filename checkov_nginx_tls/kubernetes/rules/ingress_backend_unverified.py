"""CKV_NGINX_CUSTOM_31: an Ingress whose backends ingress-nginx does not verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.kubernetes.ingress_nginx import (
    PREFIX,
    TLS_PROTOCOLS,
    annotation,
    directives_of,
    is_canary,
    meant_tls_once,
    obeys_snippets,
    protocol,
    secret_name,
    servers,
)
from checkov_nginx_tls.kubernetes.kubernetes_rule import Judgement, KubernetesRule, gravest
from checkov_nginx_tls.kubernetes.settings import GRPC, Judged, Outcome, judge
from checkov_nginx_tls.kubernetes.values import is_templated
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects

_PROTOCOL: Final = f"{PREFIX}backend-protocol"
_VERIFY: Final = f"{PREFIX}proxy-ssl-verify"
_SECRET: Final = f"{PREFIX}proxy-ssl-secret"
_NAME: Final = f"{PREFIX}proxy-ssl-name"
_REMEDY: Final = (
    f'Set {_VERIFY} to "on" in quotes, {_SECRET} to the namespace/name of a Secret with the CA certificate under the '
    f"key ca.crt, and {_NAME} to the DNS name in the backend's certificate."
)
_REMOVED: Final = ("secure-backends", "secure-verify-ca-secret")


class IngressBackendUnverified(KubernetesRule):
    """See ``rule``."""

    kinds = ("Ingress",)
    rule = Rule(
        id="CKV_NGINX_CUSTOM_31",
        title="Ensure ingress-nginx verifies TLS backends",
        severity="HIGH",
        guideline=(
            "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/"
            "#backend-certificate-authentication"
        ),
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        language="yaml",
        what=(
            "An Ingress whose annotation nginx.ingress.kubernetes.io/backend-protocol is HTTPS, GRPCS or AUTO_HTTP, "
            "and whose backends ingress-nginx does not verify, or cannot."
        ),
        why=(
            "The backend protocol alone encrypts and verifies nothing: whoever can answer for a pod's address reads "
            "and changes all traffic. Several annotations that look like verification are silently ignored."
        ),
        example="""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/backend-protocol: HTTPS
    nginx.ingress.kubernetes.io/proxy-ssl-verify: "on"  # ignored: no proxy-ssl-secret
spec:
  ingressClassName: nginx
  rules:
    - host: shop.example.com
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 8443}}}}
""",
        use_instead="""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/backend-protocol: HTTPS
    nginx.ingress.kubernetes.io/proxy-ssl-verify: "on"
    nginx.ingress.kubernetes.io/proxy-ssl-secret: shop/shop-ca
    nginx.ingress.kubernetes.io/proxy-ssl-name: shop.shop.svc
    nginx.ingress.kubernetes.io/proxy-ssl-server-name: "on"
    nginx.ingress.kubernetes.io/proxy-ssl-verify-depth: "2"
spec:
  ingressClassName: nginx
  rules:
    - host: shop.example.com
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 8443}}}}
---
# kubectl create secret generic shop-ca --namespace shop --from-file ca.crt=ca.pem
apiVersion: v1
kind: Secret
metadata:
  name: shop-ca
  namespace: shop
data:
  ca.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t  # ca.pem in base64: the CA that signs the backend's
""",
        nginx=(
            "proxy-ssl-verify is off unless it is exactly on: a quoted string, for an unquoted on is a YAML boolean, "
            'which no annotation can be, and "true" counts as off. Without proxy-ssl-secret all other proxy-ssl '
            "annotations are ignored, and without ca.crt in that Secret verification is. If the Secret does not exist, "
            "is not written namespace/name, or is in another namespace than the Ingress, clients get 503. Without "
            'proxy-ssl-name nginx expects the name "upstream_balancer", which is in no certificate, and answers 502. '
            "Of the Ingresses of one host the oldest with a ca.crt sets its server's defaults, unless the ConfigMap "
            "says proxy-ssl-location-only. An Ingress that is a canary obeys the annotations of the one it is a canary "
            "of, and is not looked at. For GRPCS there are no annotations that verify: only a configuration-snippet "
            "does: grpc_ssl_verify on; grpc_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt; grpc_ssl_name "
            "shop.shop.svc; with a file of the controller's container and the name in the certificate. Snippets in "
            'annotations are ignored unless the controller\'s ConfigMap says allow-snippet-annotations: "true" (by '
            "default since 1.9) and annotations-risk-level: Critical (since 1.12); its own http-snippet, "
            "server-snippet and location-snippet are not. The annotations secure-backends and "
            "secure-verify-ca-secret were removed years ago and do nothing. With ssl-passthrough, which the controller "
            "obeys if it is started with --enable-ssl-passthrough, clients talk TLS to the backend themselves."
        ),
    )

    def judge(self, subject: KubernetesObject, objects: Objects) -> Judgement | None:
        """See KubernetesRule."""
        if is_canary(subject):
            return None
        if is_templated(subject.annotations.get(_PROTOCOL)):
            return Judgement(CheckResult.UNKNOWN, f"a template decides {_PROTOCOL}", (_key(_PROTOCOL),))
        if meant_tls_once(subject):
            return Judgement(
                CheckResult.FAILED,
                f"{PREFIX}secure-backends was removed and is ignored: the backends get plaintext, or in versions that "
                f"obey it TLS that is not verified. Replace it by {_PROTOCOL}: HTTPS. {_REMEDY}",
                (_key(f"{PREFIX}secure-backends"),),
            )
        if protocol(subject) not in TLS_PROTOCOLS:
            return None
        if annotation(subject, "ssl-passthrough").lower() == "true":
            reason = "whether the controller is started with --enable-ssl-passthrough is not known"
            return Judgement(CheckResult.UNKNOWN, reason, (_key(f"{PREFIX}ssl-passthrough"),))
        return gravest(_judgements(subject, objects))


def _judgements(subject: KubernetesObject, objects: Objects) -> Iterator[Judgement]:
    for levels in servers(subject, objects):
        outcome = judge(levels, directives_of(subject))
        if outcome.judged is Judged.VERIFIED:
            yield Judgement(CheckResult.PASSED, keys=(_key(_PROTOCOL), _key(_VERIFY)))
        elif outcome.judged is Judged.UNDECIDED and outcome.setting is not None:
            yield Judgement(CheckResult.UNKNOWN, outcome.setting.undecided, (_key(_PROTOCOL), _key(_SECRET)))
        else:
            hint = _hint(subject, objects)
            yield Judgement(CheckResult.FAILED, hint + _explained(subject, outcome), (_key(_PROTOCOL), _key(_VERIFY)))


def _hint(subject: KubernetesObject, objects: Objects) -> str:
    """A sentence about snippets that have no effect, or ""."""
    ignored = f"{PREFIX}configuration-snippet" in subject.annotations and objects.derived(obeys_snippets) is False
    return "Its snippets are ignored, because the controller's allow-snippet-annotations is false. " if ignored else ""


def _explained(subject: KubernetesObject, outcome: Outcome) -> str:
    """What is wrong with an Ingress, and what to write in it."""
    prefix = directives_of(subject)
    at_fault = outcome.setting.place if outcome.setting is not None else ""
    if outcome.judged is Judged.OFF and "snippet" in at_fault:
        return f"{at_fault} says {prefix}_verify off: remove it there. {_removed(subject)}{_REMEDY}"
    if prefix == GRPC:
        return (
            "The proxy-ssl annotations do not reach a GRPCS backend: they become proxy_ssl directives, which "
            f"grpc_pass ignores. Add {PREFIX}configuration-snippet with grpc_ssl_verify on, "
            "grpc_ssl_trusted_certificate with the path of a CA bundle in the controller's container, and "
            "grpc_ssl_name with the DNS name in the backend's certificate, and let the controller's ConfigMap allow "
            'that (allow-snippet-annotations: "true").'
        )
    if outcome.judged is Judged.NO_BUNDLE:
        return f"{at_fault} turns verification on without trusted certificates, and nginx refuses that. {_REMEDY}"
    if outcome.judged is Judged.NO_NAME:
        return (
            f'Without the backend\'s name in {_NAME} nginx expects "upstream_balancer" in the certificate, and every '
            f"request fails: set it to the DNS name in the backend's certificate, and {PREFIX}proxy-ssl-server-name to "
            '"on".'
        )
    return f"{_complaint(subject)} {_removed(subject)}{_REMEDY}"


def _complaint(subject: KubernetesObject) -> str:
    """Why the annotations of an Ingress do not turn verification on."""
    verify = subject.annotations.get(_VERIFY)
    if verify is None:
        return f"Nothing turns verification on: {_VERIFY} is off unless it is set."
    if not isinstance(verify, str):
        return f"{_VERIFY} is not a string: YAML reads an unquoted on as a boolean."
    if verify.strip() == "on":
        return _why_ignored(subject)
    return f'{_VERIFY} is "{verify.strip()}", and whatever is not exactly "on" counts as off.'


def _why_ignored(subject: KubernetesObject) -> str:
    """Why an annotation that turns verification on has no effect."""
    written, secret = annotation(subject, "proxy-ssl-secret"), secret_name(subject)
    if not written:
        return f'{_VERIFY} is "on" and ignored, because {_SECRET} is not set.'
    if not secret.name:
        return f'{_SECRET} is "{written}", which is not of the form namespace/name.'
    if subject.namespace and secret.namespace != subject.namespace:
        return f"{_SECRET} names a Secret in another namespace, which the controller's ConfigMap does not allow."
    name = f"Secret {secret.namespace}/{secret.name}"
    return f"{name} has no certificate under the key ca.crt, and without one {_VERIFY} is ignored."


def _removed(subject: KubernetesObject) -> str:
    """A sentence about annotations that do nothing any more, or ""."""
    found = [name for name in _REMOVED if PREFIX + name in subject.annotations]
    return f"{PREFIX}{' and '.join(found)} was removed and does nothing. " if found else ""


def _key(name: str) -> str:
    return f"metadata/annotations/{name}"
