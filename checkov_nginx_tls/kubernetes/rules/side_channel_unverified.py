"""CKV_NGINX_CUSTOM_34: connections for authentication that nobody verifies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.kubernetes.kubernetes_rule import Judgement, KubernetesRule, gravest
from checkov_nginx_tls.kubernetes.policies import section
from checkov_nginx_tls.kubernetes.values import is_on, is_templated, text
from checkov_nginx_tls.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects


class _Channel(NamedTuple):
    """A section of a Policy that makes nginx connect somewhere, and whom it talks to.

    ``urls`` are fields with addresses; without them ``flag`` is the field that turns TLS on.
    """

    section: str
    peer: str
    urls: tuple[str, ...] = ()
    flag: str = ""


_CHANNELS: Final = (
    _Channel("jwt", "the server of the key set", urls=("jwksURI",)),
    _Channel("oidc", "the identity provider", urls=("tokenEndpoint", "jwksURI")),
    _Channel("externalAuth", "the authentication server", flag="sslEnabled"),
)


class SideChannelUnverified(KubernetesRule):
    """See ``rule``."""

    kinds = ("Policy",)
    rule = Rule(
        id="CKV_NGINX_CUSTOM_34",
        title="Ensure authentication side channels verify TLS",
        severity="HIGH",
        guideline="https://docs.nginx.com/nginx-ingress-controller/configuration/policy-resource/policy-reference/#oidc",
        cwe=295,
        benchmarks=(),
        language="yaml",
        what=(
            "A Policy of NGINX Ingress Controller that makes nginx fetch keys (jwt.jwksURI), exchange codes for tokens "
            "(oidc) or ask an authentication server (externalAuth.sslEnabled) over TLS, with sslVerify not true."
        ),
        why=(
            "What comes back on these connections decides who is let in. Whoever can answer in place of the other side "
            "hands out keys or verdicts of their own, and is logged in as anybody."
        ),
        example="""\
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: login
spec:
  jwt:
    realm: shop
    token: $http_token
    jwksURI: https://idp.example.com/keys
""",
        use_instead="""\
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: login
spec:
  jwt:
    realm: shop
    token: $http_token
    jwksURI: https://idp.example.com/keys
    sslVerify: true
    sslVerifyDepth: 2
    sniEnabled: true
""",
        nginx=(
            "sslVerify is false unless it is set, and becomes proxy_ssl_verify off, or no directive at all, which is "
            "the same. With sslVerify and without trustedCertSecret (a Secret of type nginx.org/ca) the certificates "
            "of the container's system are trusted. sslVerifyDepth is 1 unless it is set."
        ),
    )

    def judge(self, subject: KubernetesObject, objects: Objects) -> Judgement | None:
        """See KubernetesRule."""
        del objects
        return gravest(_judgements(subject))


def _judgements(subject: KubernetesObject) -> Iterator[Judgement]:
    for channel in _CHANNELS:
        fields = section(subject, channel.section)
        speaks_tls = _speaks_tls(channel, fields) if fields is not None else False
        if fields is None or speaks_tls is False:
            continue
        verifies = is_on(fields.get("sslVerify"))
        key = (f"spec/{channel.section}/sslVerify",)
        if verifies:
            if speaks_tls:
                yield Judgement(CheckResult.PASSED, keys=key)
        elif verifies is None or speaks_tls is None:
            what = "sslVerify" if verifies is None else "whether TLS is spoken"
            yield Judgement(CheckResult.UNKNOWN, f"a template decides {channel.section}: {what}", key)
        else:
            yield Judgement(
                CheckResult.FAILED,
                f"nginx does not verify {channel.peer}. In {subject.title} set {channel.section}.sslVerify to true, "
                f"{channel.section}.sslVerifyDepth to 2 if there is more than one intermediate CA, and "
                f"{channel.section}.trustedCertSecret if the system's certificates are not the ones to trust.",
                key,
            )


def _speaks_tls(channel: _Channel, fields: Mapping[str, Any]) -> bool | None:
    """Whether a section makes nginx speak TLS; None where a template decides."""
    if channel.flag:
        return is_on(fields.get(channel.flag))
    urls = [text(fields.get(name)).strip().lower() for name in channel.urls]
    if any(url.startswith("https:") for url in urls):
        return True
    return None if any(is_templated(url) and not url.startswith("http:") for url in urls) else False
