"""How Kubernetes objects are read and found, whatever stands in them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from checkov.common.models.enums import CheckResult
from hypothesis import given, settings
from hypothesis import strategies as st

from checkov_nginx_tls.kubernetes.catalogue import KUBERNETES_RULES
from checkov_nginx_tls.kubernetes.ingress_nginx import PREFIX
from checkov_nginx_tls.kubernetes.kubernetes_rule import Judgement, gravest
from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects, object_of
from checkov_nginx_tls.kubernetes.terraform import objects_in
from checkov_nginx_tls.kubernetes.values import is_on, is_templated, sequence


def policy(name: str, namespace: str = "", path: str = "/a/b/c.yaml", **spec: Any) -> KubernetesObject:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    content = {"apiVersion": "k8s.nginx.org/v1", "kind": "Policy", "metadata": metadata, "spec": spec}
    found = object_of(content, path)
    assert found is not None
    return found


def paths(found: tuple[KubernetesObject, ...]) -> list[str]:
    return [one.path for one in found]


def test_the_nearest_object_of_a_name_is_meant() -> None:
    objects = Objects([policy("p", path=path) for path in ("/r/a/x.yaml", "/r/a/y.yaml", "/r/b/x.yaml", "/r/z.yaml")])

    assert paths(objects.named("Policy", "p", "", "/r/a/x.yaml")) == ["/r/a/x.yaml"]
    assert paths(objects.named("Policy", "p", "", "/r/a/vs.yaml")) == ["/r/a/x.yaml", "/r/a/y.yaml"]
    assert paths(objects.named("Policy", "p", "", "/r/b/deeper/vs.yaml")) == ["/r/b/x.yaml"]
    assert paths(objects.named("Policy", "p", "", "/elsewhere/vs.yaml")) == paths(objects.of_kind("Policy"))
    assert objects.named("Policy", "q", "", "/r/a/x.yaml") == ()
    assert objects.named("Secret", "p", "", "/r/a/x.yaml") == ()


def test_namespaces_separate_objects_and_a_missing_one_does_not() -> None:
    objects = Objects([policy("p", "a", "/a.yaml"), policy("p", "b", "/b.yaml"), policy("q", path="/c.yaml")])

    assert paths(objects.named("Policy", "p", "b", "/a.yaml")) == ["/b.yaml"]
    assert objects.named("Policy", "p", "c", "/a.yaml") == ()
    assert paths(objects.named("Policy", "p", "", "/a.yaml")) == ["/a.yaml"]
    assert paths(objects.named("Policy", "q", "a", "/a.yaml")) == ["/c.yaml"]


def test_an_object_of_the_namespace_comes_before_one_without() -> None:
    objects = Objects([policy("p", path="/near/p.yaml"), policy("p", "a", "/far/p.yaml")])

    assert paths(objects.named("Policy", "p", "a", "/near/vs.yaml")) == ["/far/p.yaml"]


@pytest.mark.parametrize("document", [None, [], "text", 1, {}, {"kind": 5}, {"kind": None}, {"kind": ""}])
def test_what_is_no_object(document: object) -> None:
    assert object_of(document, "a.yaml") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), (None, False), ("true", False), ("{{ x }}", None), (1, False), ([], False)],
)
def test_booleans(value: object, *, expected: bool | None) -> None:
    assert is_on(value) is expected


@pytest.mark.parametrize("value", ["{{ a }}", "a{% if b %}", "${A}", "$(A)", "%host%", "@HOST@", "<host>", "<%= a %>"])
def test_expressions_of_templates(value: str) -> None:
    assert is_templated(value)


@pytest.mark.parametrize(
    "value", ["", "a", "$proxy_host", "AUTO_HTTP", "100%", "a@b.example", "a < b", None, 5, ["{{"]]
)
def test_constants(value: object) -> None:
    assert not is_templated(value)


def test_a_mapping_counts_as_a_list_of_one() -> None:
    assert list(sequence({"a": 1})) == [{"a": 1}]
    assert list(sequence([1])) == [1]
    assert [list(sequence(value)) for value in (None, "ab", 3)] == [[], [], []]


def test_the_gravest_judgement() -> None:
    passed, unknown, failed = (
        Judgement(result) for result in (CheckResult.PASSED, CheckResult.UNKNOWN, CheckResult.FAILED)
    )
    assert gravest([passed, failed, unknown]) is failed
    assert gravest([passed, unknown]) is unknown
    assert gravest([]) is None


NAMES = st.sampled_from(["shop", "other", "", "shop/ca", "{{ x }}"])
SCALARS = st.one_of(
    NAMES,
    st.sampled_from(["on", "off", "HTTPS", "GRPCS", "proxy_ssl_verify on;", "proxy_ssl_verify {", "a,b,,/", "\ud800"]),
    st.booleans(),
    st.none(),
    st.integers(-1, 3),
    st.floats(allow_nan=False),
)
KEYS = st.sampled_from(
    (
        "name namespace labels annotations policies upstreams routes subroutes route action pass proxy upstream splits "
        "matches tls enable type location-snippets server-snippets http-snippets routeSelector matchLabels rules host "
        "http paths backend service defaultBackend egressMTLS verifyServer trustedCertSecret sslName jwt jwksURI oidc "
        "externalAuth sslEnabled sslVerify data stringData ca.crt http-snippet proxy-ssl-location-only app "
        f"{PREFIX}backend-protocol {PREFIX}proxy-ssl-secret {PREFIX}proxy-ssl-verify {PREFIX}configuration-snippet "
        f"{PREFIX}proxy-ssl-name {PREFIX}secure-backends {PREFIX}server-snippet nginx.org/ssl-services "
        "nginx.org/policies nginx.org/mergeable-ingress-type nginx.org/grpc-services kubernetes.io/ingress.class"
    ).split()
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(KEYS, st.integers(0, 2), st.booleans(), st.none()), inner, max_size=5),
    ),
    max_leaves=12,
)
SPEC = st.one_of(ANYTHING, st.dictionaries(KEYS, ANYTHING, max_size=8))
OBJECTS = st.builds(
    lambda kind, metadata, spec, data, version: {
        "apiVersion": version,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        "data": data,
    },
    st.sampled_from("Ingress VirtualServer VirtualServerRoute Policy Secret ConfigMap".split()),
    SPEC,
    SPEC,
    SPEC,
    st.one_of(st.just("k8s.nginx.org/v1"), SCALARS),
)


def judge_all(documents: list[Any]) -> None:
    found = [one for document in documents for one in [object_of(document, "a.yaml")] if one is not None]
    objects = Objects(found)
    for one in found:
        for rule in KUBERNETES_RULES:
            judgement = rule.judge(one, objects) if one.kind in rule.kinds else None
            assert judgement is None or judgement.result in CheckResult
            assert judgement is None or judgement.message or judgement.result is CheckResult.PASSED


@settings(max_examples=300, deadline=None)
@given(st.lists(OBJECTS, max_size=4))
def test_no_document_makes_a_rule_raise(documents: list[Any]) -> None:
    judge_all(documents)


@pytest.mark.fuzz
@settings(max_examples=2_000, deadline=None)
@given(st.lists(OBJECTS, max_size=6))
def test_no_document_at_all_makes_a_rule_raise(documents: list[Any]) -> None:
    judge_all(documents)


RESOURCES = "kubernetes_ingress_v1 kubernetes_manifest kubectl_manifest helm_release kubernetes_secret aws_vpc".split()


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(RESOURCES), st.dictionaries(st.sampled_from("metadata spec manifest values set".split()), ANYTHING)
)
def test_no_resource_of_terraform_raises(resource_type: str, resource: dict[str, Any]) -> None:
    for one in objects_in(resource_type, resource, "main.tf"):
        judge_all([one.content])


def virtual_server(number: int, policies: int) -> dict[str, Any]:
    return {
        "apiVersion": "k8s.nginx.org/v1",
        "kind": "VirtualServer",
        "metadata": {"name": f"vs{number}"},
        "spec": {
            "upstreams": [{"name": "u", "tls": {"enable": True}}],
            "routes": [
                {"path": "/", "policies": [{"name": f"p{number % policies}"}], "action": {"pass": "u"}},
                {"path": "/more", "route": "route"},
            ],
        },
    }


@pytest.mark.benchmark
@pytest.mark.parametrize("policies", [1, 5000])
def test_thousands_of_objects_take_seconds(policies: int) -> None:
    ca = {"verifyServer": True, "trustedCertSecret": "s", "sslName": "n"}
    documents: list[Any] = []
    for number in range(5000):
        documents += [
            virtual_server(number, policies),
            dict(policy(f"p{number % policies}", egressMTLS=ca).content),
            {
                "kind": "Ingress",
                "metadata": {
                    "name": f"i{number}",
                    "annotations": {
                        f"{PREFIX}backend-protocol": "HTTPS",
                        f"{PREFIX}proxy-ssl-verify": "on",
                        f"{PREFIX}proxy-ssl-secret": "default/s",
                        f"{PREFIX}proxy-ssl-name": "n",
                        f"{PREFIX}server-snippet": "gzip on; proxy_ssl_name n;",
                    },
                },
                "spec": {"rules": [{"host": "one.example.com"}]},
            },
            {
                "apiVersion": "k8s.nginx.org/v1",
                "kind": "VirtualServerRoute",
                "metadata": {"name": "route"},
                "spec": {
                    "upstreams": [{"name": "u", "tls": {"enable": True}}],
                    "subroutes": [{"path": "/more", "action": {"pass": "u"}}],
                },
            },
            {"kind": "ConfigMap", "metadata": {"name": f"c{number}"}, "data": {"http-snippet": "gzip on;"}},
        ]
    start = time.monotonic()
    judge_all(documents)
    assert time.monotonic() - start < 30
