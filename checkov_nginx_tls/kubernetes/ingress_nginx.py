"""What kubernetes/ingress-nginx makes of the annotations of an Ingress.

Source: its ``internal/ingress/annotations/proxyssl/main.go``, ``internal/ingress/controller/controller.go`` and
``rootfs/etc/nginx/template/nginx.tmpl``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.kubernetes.controllers import community_defaults, values_of
from checkov_nginx_tls.kubernetes.secret_keys import has_ca
from checkov_nginx_tls.kubernetes.settings import GRPC, NO_NAMES, PROXY, Level, Setting, merged, settings_in
from checkov_nginx_tls.kubernetes.values import at, is_templated, sequence, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects

PREFIX: Final = "nginx.ingress.kubernetes.io/"
TLS_PROTOCOLS: Final = frozenset({"HTTPS", "GRPCS", "AUTO_HTTP"})
"""Backend protocols with TLS; AUTO_HTTP is that of the client's connection."""
_NOT_ALLOWED: Final = (
    "the controller's ConfigMap is not in the scan or says nothing of allow-snippet-annotations; without that, "
    "versions from 1.9 on ignore snippets in annotations"
)
_TRUE: Final = frozenset({"true", "1", "t"})


def annotation(ingress: KubernetesObject, name: str) -> str:
    """An annotation as the controller reads it, "" where it is missing or not a string."""
    return text(ingress.annotations.get(PREFIX + name)).strip()


def protocol(ingress: KubernetesObject) -> str:
    """The protocol to the backends in capitals, "" for the default."""
    return annotation(ingress, "backend-protocol").upper()


def meant_tls_once(ingress: KubernetesObject) -> bool:
    """Whether an annotation that today's controller ignores asks for TLS to the backends."""
    value = ingress.annotations.get(f"{PREFIX}secure-backends")
    return not protocol(ingress) and (value is True or text(value).strip().lower() in _TRUE)


def is_canary(ingress: KubernetesObject) -> bool:
    """Whether an Ingress only adds backends to another one of the same host and path, whose settings count for them.

    Source: ``createServers`` and ``mergeAlternativeBackends`` in the controller.
    """
    return annotation(ingress, "canary").lower() in _TRUE


def directives_of(ingress: KubernetesObject) -> str:
    """The start of the names of the directives that its backends obey."""
    return GRPC if protocol(ingress) == "GRPCS" else PROXY


def servers(ingress: KubernetesObject, objects: Objects) -> Iterator[list[Mapping[str, Setting]]]:
    """For each host of an Ingress the levels around its locations, the outermost first."""
    defaults = objects.derived(community_defaults)
    wide = objects.derived(_server_wide)
    location = merged(
        (
            defaults.location,
            own_settings(ingress, objects),
            _snippet(ingress, "configuration-snippet", objects),
        )
    )
    for host in hosts(ingress):
        server = merged((defaults.server, wide.get((_class(ingress), host), {})))
        yield [defaults.http, server, location]


class SecretName(NamedTuple):
    """What ``proxy-ssl-secret`` names, both empty if it is not of the form namespace/name."""

    namespace: str
    name: str


def secret_name(ingress: KubernetesObject) -> SecretName:
    """The Secret that an Ingress names for its backends."""
    namespace, slash, name = annotation(ingress, "proxy-ssl-secret").partition("/")
    well_formed = bool(slash and namespace and name) and "/" not in name
    return SecretName(namespace, name) if well_formed else SecretName("", "")


def own_settings(ingress: KubernetesObject, objects: Objects) -> Level:
    """What the proxy-ssl annotations of an Ingress set for its own locations.

    All of them count only with a Secret, and verification only with trusted certificates in it.
    """
    written = annotation(ingress, "proxy-ssl-secret")
    if is_templated(written):
        reason = f'a template decides {PREFIX}proxy-ssl-secret: "{written}"'
        return _rendered(ingress, Setting("", ingress.title, reason))
    secret = secret_name(ingress)
    if not secret.name:
        return {}
    refusal = _refusal(ingress, secret, objects)
    if refusal is not None:
        return _rendered(ingress, Setting("", ingress.title, refusal)) if refusal else {}
    place = f"Secret {secret.namespace}/{secret.name}"
    found = objects.named("Secret", secret.name, secret.namespace, ingress.path)
    answers = {has_ca(one) for one in found}
    if answers == {True}:
        return _rendered(ingress, Setting(place, place))
    if answers == {False}:
        return _named(ingress)
    reason = f"{place} is not in the scan; without ca.crt in it verification is ignored"
    if found:
        reason = f"whether {place} has a key ca.crt is not clear: a template, no data, or several Secrets of that name"
    return _rendered(ingress, Setting("", place, reason))


def _refusal(ingress: KubernetesObject, secret: SecretName, objects: Objects) -> str | None:
    """Why the Secret may be refused, "" if it is for sure, None if it is not."""
    if not ingress.namespace or ingress.namespace == secret.namespace or is_templated(ingress.namespace):
        return None
    allowed = objects.derived(_cross_namespace)
    if "true" in allowed:
        return None
    if allowed:
        return ""
    return (
        f"Secret {secret.namespace}/{secret.name} is in another namespace; the controller refuses it unless "
        "allow-cross-namespace-resources in its ConfigMap allows it"
    )


def _cross_namespace(objects: Objects) -> set[str]:
    return {text(value).strip().lower() for value in values_of(objects, "allow-cross-namespace-resources")}


def _location_only(objects: Objects) -> bool:
    return "true" in {text(value).strip().lower() for value in values_of(objects, "proxy-ssl-location-only")}


def _rendered(ingress: KubernetesObject, bundle: Setting) -> Level:
    """The directives of an Ingress whose Secret has, or may have, trusted certificates."""
    written = annotation(ingress, "proxy-ssl-verify")
    verify = Setting("on" if written == "on" else "off", f"{PREFIX}proxy-ssl-verify of {ingress.title}")
    if is_templated(written):
        verify = verify._replace(undecided=f'a template decides {PREFIX}proxy-ssl-verify: "{written}"')
    elif written == "on" and bundle.undecided:
        verify = verify._replace(undecided=bundle.undecided)
    return {f"{PROXY}_verify": verify, f"{PROXY}_trusted_certificate": bundle, **_named(ingress)}


def _named(ingress: KubernetesObject) -> Level:
    name = annotation(ingress, "proxy-ssl-name")
    return {f"{PROXY}_name": Setting(name, f"{PREFIX}proxy-ssl-name of {ingress.title}")} if name else {}


def hosts(ingress: KubernetesObject) -> list[str]:
    """The hosts of an Ingress, "" for requests to any other."""
    found = {text(at(rule, "host")) for rule in sequence(ingress.spec.get("rules"))}
    return sorted(found) or [""]


def _server_wide(objects: Objects) -> dict[tuple[str, str], Level]:
    """What Ingresses set for the whole servers of their hosts, by class and host.

    The first Ingress of a host with trusted certificates decides for all of them; which one is the oldest is not
    in the scan, so that one value is known only where they agree.
    """
    location_only = _location_only(objects)
    annotated: dict[tuple[str, str], list[Level]] = {}
    snippets: dict[tuple[str, str], list[Mapping[str, Setting]]] = {}
    for ingress in objects.of_kind("Ingress"):
        if is_canary(ingress):
            continue
        own = {} if location_only else own_settings(ingress, objects)
        snippet = _snippet(ingress, "server-snippet", objects)
        for host in hosts(ingress) if own or snippet else ():
            key = (_class(ingress), host)
            if f"{PROXY}_verify" in own:
                annotated.setdefault(key, []).append(own)
            if snippet:
                snippets.setdefault(key, []).append(snippet)
    return {key: merged((*snippets.get(key, ()), _first(annotated.get(key, ())))) for key in {*annotated, *snippets}}


def _first(levels: Sequence[Level]) -> Level:
    """The settings of the first of several Ingresses, undecided where they differ."""
    if not levels:
        return {}
    verify = f"{PROXY}_verify"
    level = next((level for level in levels if not level[verify].undecided), levels[0])
    if len({level[verify].value for level in levels}) == 1:
        return level
    reason = "of several Ingresses of one host the oldest decides whether its server verifies"
    return {**level, verify: level[verify]._replace(undecided=reason)}


def obeys_snippets(objects: Objects) -> bool | None:
    """Whether annotations with snippets have an effect; None where no ConfigMap says so, for versions differ."""
    allowed = {text(value).strip().lower() for value in values_of(objects, "allow-snippet-annotations")}
    return True if "true" in allowed else False if "false" in allowed else None


def _snippet(ingress: KubernetesObject, name: str, objects: Objects) -> Mapping[str, Setting]:
    """What a snippet sets. Where it may have no effect, what turns verification off counts all the same."""
    obeyed = objects.derived(obeys_snippets)
    if obeyed is False:
        return {}
    settings = settings_in(ingress.annotations.get(PREFIX + name), f"{name} of {ingress.title}")
    if obeyed:
        return settings
    return {
        directive: one if one.undecided or one.value in ("off", *NO_NAMES) else one._replace(undecided=_NOT_ALLOWED)
        for directive, one in settings.items()
    }


def _class(ingress: KubernetesObject) -> str:
    """The class whose controller takes an Ingress."""
    return text(ingress.annotations.get("kubernetes.io/ingress.class")) or text(ingress.spec.get("ingressClassName"))
