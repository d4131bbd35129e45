"""What nginx/kubernetes-ingress makes of VirtualServers, VirtualServerRoutes and Ingresses.

Source: its ``internal/configs/virtualserver.go``, ``internal/configs/ingress.go`` and the templates beside them. The
server block of a VirtualServer or an Ingress gets proxy_ssl directives of its policies, never grpc_ssl ones; those are
written for routes, subroutes and minions only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from checkov_nginx_tls.kubernetes.controllers import f5_defaults
from checkov_nginx_tls.kubernetes.objects import References
from checkov_nginx_tls.kubernetes.policies import GROUP, PolicyName, attached, egress_settings, listed
from checkov_nginx_tls.kubernetes.settings import GRPC, PROXY, Level, Setting, merged, settings_in, unknown
from checkov_nginx_tls.kubernetes.values import at, is_on, is_templated, mapping, sequence, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects

SSL_SERVICES: Final = "nginx.org/ssl-services"
GRPC_SERVICES: Final = "nginx.org/grpc-services"
POLICIES: Final = ("nginx.org/policies", "nginx.com/policies")
_MERGEABLE: Final = "nginx.org/mergeable-ingress-type"
_DEPTH: Final = 6
"""Actions inside splits inside matches that are followed; the controller knows three levels."""


class Connection(NamedTuple):
    """An upstream with TLS where nginx connects to it.

    ``levels`` are what the levels of configuration around it set, the outermost first. ``undecided`` says why it is
    not known whether it has TLS, or what is around it, and is empty where it is.
    """

    upstream: str
    place: str
    prefix: str
    levels: Sequence[Mapping[str, Setting]]
    undecided: str = ""


def connections(subject: KubernetesObject, objects: Objects) -> Iterator[Connection]:
    """The connections with TLS that an object makes nginx open."""
    if subject.kind == "Ingress":
        return _of_ingress(subject, objects)
    if subject.group != GROUP:
        return iter(())
    return _of_virtual_server(subject, objects) if subject.kind == "VirtualServer" else _of_route(subject, objects)


# VirtualServer


class _Upstream(NamedTuple):
    prefix: str
    tls: bool | None


def _upstreams(subject: KubernetesObject) -> dict[str, _Upstream]:
    """The upstreams of an object that have TLS, or may have it, by name."""
    found = {}
    for one in sequence(subject.spec.get("upstreams")):
        tls = is_on(at(one, "tls", "enable"))
        if tls is not False and text(at(one, "name")):
            grpc = text(at(one, "type")).strip().lower() == "grpc"
            found[text(at(one, "name"))] = _Upstream(GRPC if grpc else PROXY, tls)
    return found


def _of_virtual_server(subject: KubernetesObject, objects: Objects) -> Iterator[Connection]:
    upstreams = _upstreams(subject)
    if not upstreams:
        return
    routes = sequence(subject.spec.get("routes"))
    around = _around_routes(subject, objects)
    for route in routes:
        place = f"route {text(at(route, 'path'))}"
        names = attached(at(route, "policies"), subject)
        snippet = at(route, "location-snippets")
        for name in _passed_to(route, upstreams):
            yield _connection(subject, objects, name, upstreams[name], place, around, names, snippet)
    if not routes:
        for name, upstream in upstreams.items():
            yield _connection(subject, objects, name, upstream, "the upstream", around, (), None)


def _around_routes(server: KubernetesObject, objects: Objects) -> list[Level]:
    """What a VirtualServer sets for its server block and around it."""
    spec = server.spec
    defaults = objects.derived(f5_defaults)
    policies = egress_settings(attached(spec.get("policies"), server), PROXY, server.path, objects)
    snippet = settings_in(spec.get("server-snippets"), f"server-snippets of {server.title}")
    http = settings_in(spec.get("http-snippets"), f"http-snippets of {server.title}")
    return [merged((defaults.http, http)), merged((defaults.server, policies, snippet))]


def _connection(
    owner: KubernetesObject,
    objects: Objects,
    name: str,
    upstream: _Upstream,
    place: str,
    around: Sequence[Level],
    policies: Iterable[PolicyName],
    snippet: object,
) -> Connection:
    location = merged(
        (
            objects.derived(f5_defaults).location,
            egress_settings(policies, upstream.prefix, owner.path, objects),
            settings_in(snippet, f"location-snippets of {owner.title}"),
        )
    )
    reason = "" if upstream.tls else f"a template decides tls.enable of upstream {name}"
    return Connection(name, place, upstream.prefix, (*around, location), reason)


def _passed_to(route: object, upstreams: Mapping[str, _Upstream]) -> list[str]:
    """The upstreams, of those given, that a route or subroute passes requests to."""
    found: dict[str, None] = {}
    pending = [(route, 0)]
    while pending:
        node, depth = pending.pop()
        action = mapping(at(node, "action"))
        for name in (text(action.get("pass")), text(at(action, "proxy", "upstream"))):
            if name in upstreams:
                found[name] = None
        if depth < _DEPTH:
            inner = (*sequence(at(node, "splits")), *sequence(at(node, "matches")))
            pending += [(one, depth + 1) for one in inner]
    return list(found)


# VirtualServerRoute


class _Parent(NamedTuple):
    server: KubernetesObject
    route: Mapping[str, Any]


class _Parents(NamedTuple):
    """The routes of VirtualServers that hand over to VirtualServerRoutes, by name and by one of their labels."""

    by_name: References[_Parent]
    by_label: References[_Parent]


def _of_route(subject: KubernetesObject, objects: Objects) -> Iterator[Connection]:
    upstreams = _upstreams(subject)
    if not upstreams:
        return
    parents = _parents_of(subject, objects)
    for subroute in sequence(subject.spec.get("subroutes")):
        place = f"subroute {text(at(subroute, 'path'))}"
        own = attached(at(subroute, "policies"), subject)
        snippet = at(subroute, "location-snippets")
        for name in _passed_to(subroute, upstreams):
            if not parents:
                yield _without_parent(subject, objects, name, upstreams[name], place, own, snippet)
            for parent in parents:
                policies = own or attached(parent.route.get("policies"), parent.server)
                inherited = snippet if snippet is not None else parent.route.get("location-snippets")
                around = _around_routes(parent.server, objects)
                yield _connection(subject, objects, name, upstreams[name], place, around, policies, inherited)


def _without_parent(
    subject: KubernetesObject,
    objects: Objects,
    name: str,
    upstream: _Upstream,
    place: str,
    policies: Sequence[PolicyName],
    snippet: object,
) -> Connection:
    """A connection of a route whose VirtualServer is not in the scan, and may verify for it.

    It cannot for gRPC upstreams of a subroute with policies of its own: these replace those of the VirtualServer's
    route, and those of its server block do not reach gRPC.
    """
    missing = unknown(upstream.prefix, f"the VirtualServer that refers to {subject.title} is not in the scan")
    around = [missing if upstream.prefix == PROXY or not policies else {}]
    return _connection(subject, objects, name, upstream, place, around, policies, snippet)


def _parents_of(subject: KubernetesObject, objects: Objects) -> list[_Parent]:
    parents = objects.derived(_all_parents)
    found = list(parents.by_name.find(subject.name, subject.namespace, subject.path))
    for name, value in subject.labels.items():
        for parent in parents.by_label.find(f"{name}={value}", "", subject.path):
            wanted = _selected(parent.route)
            if all(subject.labels.get(label) == required for label, required in wanted.items()):
                found.append(parent)
    return found


def _all_parents(objects: Objects) -> _Parents:
    by_name: list[tuple[str, KubernetesObject, _Parent]] = []
    by_label: list[tuple[str, KubernetesObject, _Parent]] = []
    for server in objects.of_kind("VirtualServer"):
        for route in sequence(server.spec.get("routes")) if server.group == GROUP else ():
            parent = _Parent(server, mapping(route))
            namespace, _, name = text(parent.route.get("route")).rpartition("/")
            if name:
                place = replace(server, namespace=namespace) if namespace else server
                by_name.append((name, place, parent))
            # One of the labels is enough to find the route by; the others are compared then.
            by_label += [(f"{label}={value}", server, parent) for label, value in _selected(route).items()][:1]
    return _Parents(References(by_name), References(by_label))


def _selected(route: object) -> Mapping[str, Any]:
    """The labels of the VirtualServerRoutes that a route selects, without Checkov's line numbers."""
    labels = mapping(at(route, "routeSelector", "matchLabels"))
    return {label: value for label, value in labels.items() if not str(label).startswith("__")}


# Ingress


def _of_ingress(subject: KubernetesObject, objects: Objects) -> Iterator[Connection]:
    written = subject.annotations.get(SSL_SERVICES)
    mergeable = text(subject.annotations.get(_MERGEABLE)).strip()
    if mergeable == "master":  # has no paths of its own, and its minions do not take this annotation from it
        return
    if is_templated(written):
        yield Connection(text(written), SSL_SERVICES, PROXY, (), f"a template decides {SSL_SERVICES}")
        return
    grpc = _services(subject.annotations.get(GRPC_SERVICES))
    backends = _backends(subject)
    for service in sorted(_services(written)):
        if not backends or service in backends:
            prefix = GRPC if service in grpc else PROXY
            levels = _levels_of_ingress(subject, objects, prefix, is_minion=mergeable == "minion")
            yield Connection(service, "service", prefix, levels)


def _levels_of_ingress(
    subject: KubernetesObject, objects: Objects, prefix: str, *, is_minion: bool
) -> Sequence[Mapping[str, Setting]]:
    defaults = objects.derived(f5_defaults)
    own = egress_settings(_policies_of(subject), prefix, subject.path, objects)
    server: list[Mapping[str, Setting]] = [defaults.server, _snippet(subject, "server-snippets")]
    location: list[Mapping[str, Setting]] = [defaults.location, _snippet(subject, "location-snippets")]
    if is_minion:
        location.append(own)
        for master in objects.derived(_masters).find(_host(subject), "", subject.path):
            server += [_snippet(master, "server-snippets")]
            server += [egress_settings(_policies_of(master), PROXY, master.path, objects)]
    else:
        server.append(own if prefix == PROXY else _if_versions_agree(own))
    return (defaults.http, merged(server), merged(location))


def _if_versions_agree(level: Level) -> Level:
    """What a policy sets for gRPC services of an Ingress: documented, but not in the templates of all versions."""
    reason = "whether a policy of an Ingress verifies gRPC services depends on the controller's version"
    return {
        directive: setting if setting.value == "off" else setting._replace(undecided=setting.undecided or reason)
        for directive, setting in level.items()
    }


def _policies_of(ingress: KubernetesObject) -> list[PolicyName]:
    return [one for name in POLICIES for one in listed(ingress.annotations.get(name), ingress)]


def _masters(objects: Objects) -> References[KubernetesObject]:
    """The master Ingresses, whose settings their minions inherit, by their hosts."""
    return References(
        (_host(ingress), ingress, ingress)
        for ingress in objects.of_kind("Ingress")
        if text(ingress.annotations.get(_MERGEABLE)).strip() == "master"
    )


def _host(ingress: KubernetesObject) -> str:
    """The host of a mergeable Ingress, which has exactly one."""
    return next((text(at(rule, "host")) for rule in sequence(ingress.spec.get("rules"))), "")


def _snippet(ingress: KubernetesObject, name: str) -> Mapping[str, Setting]:
    return settings_in(ingress.annotations.get(f"nginx.org/{name}"), f"{name} of {ingress.title}")


def _services(annotation: object) -> set[str]:
    return {name.strip() for name in text(annotation).split(",") if name.strip()}


def _backends(ingress: KubernetesObject) -> set[str]:
    """The services that an Ingress passes requests to."""
    spec = ingress.spec
    backends = [spec.get("defaultBackend"), spec.get("backend")]
    for rule in sequence(spec.get("rules")):
        backends += [at(path, "backend") for path in sequence(at(rule, "http", "paths"))]
    names = (text(at(one, "service", "name")) or text(at(one, "serviceName")) for one in backends)
    return {name for name in names if name}
