"""The rules about Kubernetes objects in the real Checkov: both ways, all modes, rendered charts, Terraform, outputs."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from checkov.common.models.enums import CheckResult
from checkov.common.output.report import Report
from checkov.kubernetes.checks.resource.registry import registry
from checkov.kubernetes.runner import Runner as KubernetesRunner
from checkov.runner_filter import RunnerFilter
from checkov.terraform.plan_runner import Runner as PlanRunner
from checkov.terraform.runner import Runner as TerraformRunner

from checkov_nginx_tls import plugin
from checkov_nginx_tls.cli import main
from checkov_nginx_tls.kubernetes import checkov_checks
from checkov_nginx_tls.kubernetes.rules.egress_policy_unverified import EgressPolicyUnverified
from checkov_process import CHECKOV, MODES, NGINX_CONF, POLICIES, WAY_TWO, run, write
from kubernetes_scan import CHECKS, scan

if TYPE_CHECKING:
    from pathlib import Path

    from checkov.common.output.record import Record

INGRESS, UPSTREAM, POLICY = (f"CKV_NGINX_CUSTOM_{number}" for number in (31, 32, 33))
JSON = ("--skip-download", "--output", "json")

PROTOCOL_ONLY = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    nginx.ingress.kubernetes.io/backend-protocol: HTTPS
"""
VIRTUAL_SERVER = """\
apiVersion: k8s.nginx.org/v1
kind: VirtualServer
metadata:
  name: {name}
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
        - name: {policy}
      action:
        pass: shop
"""
VERIFYING = """\
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: verify
spec:
  egressMTLS:
    verifyServer: true
    trustedCertSecret: shop-ca
    sslName: shop.shop.svc
---
apiVersion: v1
kind: Secret
type: nginx.org/ca
metadata:
  name: shop-ca
data:
  ca.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t
"""
LIMIT = """\
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: limit
spec:
  rateLimit:
    rate: 10r/s
"""
TREE = {
    "ingress.yaml": PROTOCOL_ONLY,
    "good.yaml": VIRTUAL_SERVER.format(name="good", policy="verify"),
    "bad.yaml": VIRTUAL_SERVER.format(name="bad", policy="limit"),
    "policies/verify.yaml": VERIFYING,
    "policies/limit.yaml": LIMIT,
    "missing.yaml": VIRTUAL_SERVER.format(name="missing", policy="elsewhere"),
}
FAILED = {(INGRESS, "Ingress.default.shop"), (UPSTREAM, "VirtualServer.default.bad")}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "tree", TREE)


def ours(failed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {one for one in failed if one[0].startswith("CKV_NGINX_CUSTOM_")}


@pytest.mark.parametrize("mode", MODES)
def test_way_one_in_every_mode(tree: Path, tmp_path: Path, mode: str) -> None:
    """All frameworks, so that forked processes and threads are used; one warning about what is undecided."""
    write(tree, {"nginx.conf": NGINX_CONF, "main.tf": "", "Dockerfile": "FROM scratch\n"})

    finished = run(CHECKOV, "-d", tree, "--external-checks-dir", POLICIES, *JSON, cwd=tmp_path, mode=mode)

    assert finished.code == 1
    assert ours(finished.failed("kubernetes")) == FAILED
    assert len(finished.failed("nginx")) == 2
    (warning,) = finished.err.splitlines()
    assert "1 Kubernetes object(s) undecided" in warning
    passed = finished.report("kubernetes")["results"]["passed_checks"]
    assert (UPSTREAM, "VirtualServer.default.good") in {(record["check_id"], record["resource"]) for record in passed}


def test_way_one_with_files(tree: Path, tmp_path: Path) -> None:
    files = ("-f", tree / "bad.yaml", "-f", tree / "good.yaml", "-f", tree / "policies/limit.yaml")

    finished = run(CHECKOV, *files, "--external-checks-dir", POLICIES, "--check", CHECKS, *JSON, cwd=tmp_path)

    assert finished.failed("kubernetes") == {(UPSTREAM, "VirtualServer.default.bad")}
    assert "1 Kubernetes object(s) undecided" in finished.err


@pytest.mark.parametrize("mode", MODES)
def test_way_two_in_every_mode(tree: Path, tmp_path: Path, mode: str) -> None:
    """With the policies as well, which change nothing."""
    write(tree, {"nginx.conf": NGINX_CONF})
    frameworks = ("--framework", "kubernetes", "nginx", "terraform")

    finished = run(WAY_TWO, "-d", tree, *frameworks, "--external-checks-dir", POLICIES, *JSON, cwd=tmp_path, mode=mode)

    assert ours(finished.failed("kubernetes")) == FAILED
    assert len(finished.report("kubernetes")["results"]["failed_checks"]) == len(finished.failed("kubernetes"))
    assert len(finished.failed("nginx")) == 2
    assert len([line for line in finished.err.splitlines() if "Kubernetes object(s) undecided" in line]) == 1


def test_a_record_has_everything(tree: Path, tmp_path: Path) -> None:
    arguments = ("-f", tree / "ingress.yaml", "--check", CHECKS)

    finished = run(CHECKOV, *arguments, "--external-checks-dir", POLICIES, *JSON, cwd=tmp_path)

    (record,) = finished.report("kubernetes")["results"]["failed_checks"]
    assert record["severity"] == "HIGH"
    assert record["check_name"] == "Ensure ingress-nginx verifies TLS backends"
    assert record["guideline"].startswith("https://kubernetes.github.io/ingress-nginx/")
    assert record["file_line_range"] == [1, 6]
    (detail,) = record["details"]
    assert detail.startswith("Nothing turns verification on: nginx.ingress.kubernetes.io/proxy-ssl-verify is off")
    assert set(record["check_result"]) == {"result", "evaluated_keys"}


def test_sarif_says_what_is_wrong_and_keeps_to_the_schema(tree: Path, tmp_path: Path) -> None:
    arguments = ("-d", tree, "--framework", "kubernetes", "--external-checks-dir", POLICIES)

    finished = run(CHECKOV, *arguments, "--skip-download", "--output", "sarif", cwd=tmp_path)

    results = json.loads((tmp_path / "results.sarif").read_text())["runs"][0]["results"]
    messages = {result["ruleId"]: result for result in results}
    assert finished.code == 1
    assert all("attachments" not in result for result in results if result["ruleId"].startswith("CKV_NGINX_CUSTOM_"))
    assert messages[UPSTREAM]["message"]["text"].startswith("Nothing verifies route / to upstream shop.")
    assert messages[UPSTREAM]["level"] == "error"
    assert messages[INGRESS]["locations"][0]["physicalLocation"]["region"]["snippet"] == {
        "text": "nginx.ingress.kubernetes.io/backend-protocol: HTTPS"
    }


def test_filters_obey_severity_and_id(tree: Path, tmp_path: Path) -> None:
    arguments = ("-d", tree, "--framework", "kubernetes", "--external-checks-dir", POLICIES, *JSON)

    high = run(CHECKOV, *arguments, "--check", "HIGH", cwd=tmp_path)
    without = run(CHECKOV, *arguments, "--skip-check", INGRESS, cwd=tmp_path)
    soft = run(CHECKOV, *arguments, "--check", CHECKS, "--soft-fail-on", "HIGH", cwd=tmp_path)

    assert ours(high.failed("kubernetes")) == FAILED
    assert ours(without.failed("kubernetes")) == FAILED - {(INGRESS, "Ingress.default.shop")}
    assert (soft.failed("kubernetes"), soft.code) == (FAILED, 0)


FAKE_HELM = """\
#!/bin/sh
case $1 in
version) echo 'version.BuildInfo{Version:"v3.12.0", GitCommit:"x"}' ;;
template) cat "$3/rendered.yaml" ;;
esac
"""
RENDERED = "---\n# Source: shop/templates/all.yaml\n" + "---\n# Source: shop/templates/all.yaml\n".join(
    [VIRTUAL_SERVER.format(name="good", policy="verify"), VIRTUAL_SERVER.format(name="bad", policy="limit")]
    + [document.strip("\n") + "\n" for document in (*VERIFYING.split("---\n"), LIMIT)]
)


@pytest.mark.parametrize("mode", ["fork", "thread"])
def test_rendered_charts(tmp_path: Path, mode: str) -> None:
    """With a program that renders as helm does: what is tested is what becomes of its output."""
    write(tmp_path / "bin", {"helm": FAKE_HELM})
    (tmp_path / "bin" / "helm").chmod(0o755)
    chart = {"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "rendered.yaml": RENDERED}
    write(tmp_path / "charts" / "shop", {**chart, "templates/all.yaml": "# {{ .Values.x }}\n"})

    finished = run(
        CHECKOV,
        *("-d", tmp_path / "charts", "--framework", "helm", "terraform", "--external-checks-dir", POLICIES, *JSON),
        cwd=tmp_path,
        mode=mode,
        environment={"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"},
    )

    assert ours(finished.failed("helm")) == {(UPSTREAM, "VirtualServer.default.bad")}
    assert "undecided" not in finished.err


def test_kustomize_output(tmp_path: Path) -> None:
    """Only the overlay attaches the policy that verifies."""
    if shutil.which("kubectl") is None and shutil.which("kustomize") is None:
        pytest.skip("needs kubectl or kustomize")
    head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    base = VIRTUAL_SERVER.format(name="shop", policy="limit").replace("      policies:\n        - name: limit\n", "")
    patch = "apiVersion: k8s.nginx.org/v1\nkind: VirtualServer\nmetadata: {name: shop}\n"
    write(
        tmp_path / "app",
        {
            "base/kustomization.yaml": f"{head}resources: [shop.yaml]\n",
            "base/shop.yaml": base,
            "overlays/prod/kustomization.yaml": f"{head}namespace: shop\nresources: [../../base, verify.yaml]\n"
            "patches:\n  - path: patch.yaml\n",
            "overlays/prod/verify.yaml": VERIFYING,
            "overlays/prod/patch.yaml": f"{patch}spec: {{policies: [{{name: verify}}]}}\n",
        },
    )

    finished = run(
        CHECKOV,
        *("-d", tmp_path / "app", "--framework", "kustomize", "dockerfile", "--external-checks-dir", POLICIES, *JSON),
        cwd=tmp_path,
    )

    failed = ours(finished.failed("kustomize"))
    passed = {record["resource"] for record in finished.report("kustomize")["results"]["passed_checks"]}
    assert failed == {(UPSTREAM, "base:VirtualServer.default.shop")}
    assert any(name.startswith("overlay:") and name.endswith(":VirtualServer.shop.shop") for name in passed)


TERRAFORM = """\
resource "kubernetes_ingress_v1" "bad" {
  metadata {
    name = "bad"
    annotations = {
      "nginx.ingress.kubernetes.io/backend-protocol" = "HTTPS"
    }
  }
}

resource "kubernetes_ingress_v1" "accepted" {
  # checkov:skip=CKV_NGINX_CUSTOM_31:moves next month
  metadata {
    name = "accepted"
    annotations = {
      "nginx.ingress.kubernetes.io/backend-protocol" = "HTTPS"
    }
  }
}

resource "kubernetes_ingress_v1" "good" {
  metadata {
    name      = "good"
    namespace = "shop"
    annotations = {
      "nginx.ingress.kubernetes.io/backend-protocol" = "HTTPS"
      "nginx.ingress.kubernetes.io/proxy-ssl-verify" = "on"
      "nginx.ingress.kubernetes.io/proxy-ssl-secret" = "shop/shop-ca"
      "nginx.ingress.kubernetes.io/proxy-ssl-name"   = "shop.shop.svc"
    }
  }
  spec {
    rule {
      host = "a.example.com"
    }
    rule {
      host = "b.example.com"
    }
  }
}

resource "kubernetes_secret_v1" "ca" {
  metadata {
    name      = "shop-ca"
    namespace = "shop"
  }
  data = {
    "ca.crt" = file("ca.pem")
  }
}

resource "kubernetes_manifest" "server" {
  manifest = {
    apiVersion = "k8s.nginx.org/v1"
    kind       = "VirtualServer"
    metadata   = { name = "server", namespace = "shop" }
    spec = {
      upstreams = [{ name = "u", tls = { enable = true } }, { name = "plain" }]
      routes    = [{ path = "/", policies = [{ name = "verify" }], action = { pass = "u" } }]
    }
  }
}

resource "kubernetes_manifest" "verify" {
  manifest = {
    apiVersion = "k8s.nginx.org/v1"
    kind       = "Policy"
    metadata   = { name = "verify", namespace = "shop" }
    spec       = { egressMTLS = { verifyServer = true, trustedCertSecret = "x", sslName = "y" } }
  }
}

resource "kubernetes_manifest" "off" {
  count = 2
  manifest = {
    apiVersion = "k8s.nginx.org/v1"
    kind       = "Policy"
    metadata   = { name = "off" }
    spec       = { egressMTLS = { verifyServer = false } }
  }
}

resource "kubectl_manifest" "yaml" {
  yaml_body = <<YAML
apiVersion: k8s.nginx.org/v1
kind: Policy
metadata:
  name: yaml
spec:
  egressMTLS:
    tlsSecret: client
YAML
}

resource "helm_release" "text" {
  name  = "text"
  chart = "shop"
  values = [<<-EOT
    ingress:
      annotations:
        nginx.ingress.kubernetes.io/backend-protocol: HTTPS
        nginx.ingress.kubernetes.io/proxy-ssl-verify: "off"
    EOT
  ]
}

resource "helm_release" "encoded" {
  name   = "encoded"
  chart  = "shop"
  values = [yamlencode({ ingress = { annotations = { "nginx.ingress.kubernetes.io/backend-protocol" = "HTTPS" } } })]
}

resource "helm_release" "set" {
  name  = "set"
  chart = "shop"
  set {
    name  = "ingress.annotations.nginx\\\\.ingress\\\\.kubernetes\\\\.io/backend-protocol"
    value = "GRPCS"
  }
}

resource "helm_release" "plain" {
  name   = "plain"
  chart  = "shop"
  values = ["replicas: 2"]
}

resource "kubernetes_manifest" "out_of_reach" {
  manifest = yamldecode(<<-EOT
    apiVersion: k8s.nginx.org/v1
    kind: Policy
    metadata:
      name: out-of-reach
    spec:
      egressMTLS:
        tlsSecret: client
    EOT
  )
}
"""


def in_process(runner: type[Any], frameworks: list[str], root: Path | None, files: list[str] | None = None) -> Report:
    plugin._surround_runners()
    report = runner().run(
        str(root) if root else None,
        files=files,
        runner_filter=RunnerFilter(framework=frameworks, checks=[CHECKS], show_progress_bar=False),
    )
    assert isinstance(report, Report)
    return report


def of(records: list[Record]) -> set[tuple[str, str]]:
    return {(record.check_id, record.resource) for record in records}


def test_terraform(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, {"main.tf": TERRAFORM})

    report = in_process(TerraformRunner, ["terraform"], tmp_path)

    failed = {(check, resource.partition("[")[0]) for check, resource in of(report.failed_checks)}
    assert failed == {
        (INGRESS, "kubernetes_ingress_v1.bad"),
        (INGRESS, "helm_release.text"),
        (INGRESS, "helm_release.encoded"),
        (INGRESS, "helm_release.set"),
        (POLICY, "kubernetes_manifest.off"),
        (POLICY, "kubectl_manifest.yaml"),
    }
    assert of(report.skipped_checks) == {(INGRESS, "kubernetes_ingress_v1.accepted")}
    assert of(report.passed_checks) == {
        (INGRESS, "kubernetes_ingress_v1.good"),
        (UPSTREAM, "kubernetes_manifest.server"),
        (POLICY, "kubernetes_manifest.verify"),
    }
    assert all(record.details and record.severity for record in report.failed_checks)
    assert "1 Kubernetes object(s) undecided" in caplog.text


@pytest.mark.parametrize("field", ["data_wo", "binary_data", "binary_data_wo"])
def test_terraform_fields_of_a_secret(tmp_path: Path, field: str) -> None:
    """The controller sees no difference between them."""
    written = TERRAFORM.partition('resource "kubernetes_manifest"')[0].replace("data = {", f"{field} = {{")
    write(tmp_path, {"main.tf": written})

    report = in_process(TerraformRunner, ["terraform"], tmp_path)

    assert of(report.passed_checks) == {(INGRESS, "kubernetes_ingress_v1.good")}


def test_terraform_through_the_program(tmp_path: Path) -> None:
    write(tmp_path / "tree", {"main.tf": TERRAFORM})

    finished = run(CHECKOV, "-d", tmp_path / "tree", "--external-checks-dir", POLICIES, *JSON, cwd=tmp_path)

    assert (INGRESS, "kubernetes_ingress_v1.bad") in finished.failed("terraform")


def test_terraform_plan(tmp_path: Path) -> None:
    def planned(name: str, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        return {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name, "values": values}

    annotations = {"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS"}
    server = {
        "apiVersion": "k8s.nginx.org/v1",
        "kind": "VirtualServer",
        "metadata": {"name": "server"},
        "spec": {
            "upstreams": [{"name": "u", "tls": {"enable": True}}],
            "routes": [{"path": "/", "action": {"pass": "u"}}],
        },
    }
    resources = [
        planned("ingress", "kubernetes_ingress_v1", {"metadata": [{"name": "x", "annotations": annotations}]}),
        planned("server", "kubernetes_manifest", {"manifest": server}),
    ]
    plan = {
        "format_version": "1.0",
        "terraform_version": "1.5.0",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": [
            {**one, "change": {"actions": ["create"], "before": None, "after": {}}} for one in resources
        ],
        "configuration": {"root_module": {}},
    }
    write(tmp_path, {"plan.json": json.dumps(plan)})

    report = in_process(PlanRunner, ["terraform_plan"], None, [str(tmp_path / "plan.json")])

    assert of(report.failed_checks) == {
        (INGRESS, "kubernetes_ingress_v1.ingress"),
        (UPSTREAM, "kubernetes_manifest.server"),
    }


def test_the_list_of_checks_has_them_with_their_pages(tmp_path: Path) -> None:
    finished = run(WAY_TWO, "--list", "--framework", "kubernetes", cwd=tmp_path)

    rows = [line for line in finished.out.splitlines() if "| CKV_NGINX_CUSTOM_" in line]
    assert [row.split("|")[2].strip() for row in rows if INGRESS in row] == [INGRESS]
    assert "kubernetes.github.io/ingress-nginx" in rows[0]
    assert len(rows) == 7  # one for each rule and kind


def test_an_annotation_skips_with_its_reason_and_a_comment_does_not(tmp_path: Path) -> None:
    skipping = PROTOCOL_ONLY + f'    checkov.io/skip1: "{INGRESS}=moves next month"\n'
    commented = PROTOCOL_ONLY.replace("name: shop", "name: commented") + f"    # checkov:skip={INGRESS}:no\n"
    write(tmp_path, {"a.yaml": skipping, "b.yaml": commented})

    report = scan(tmp_path).report

    (skipped,) = [record for record in report.skipped_checks if record.check_id == INGRESS]
    assert skipped.check_result["suppress_comment"] == "moves next month"
    assert of(report.failed_checks) == {(INGRESS, "Ingress.default.commented")}


def test_one_mistake_is_one_finding(tmp_path: Path) -> None:
    """A policy that does not verify is reported, and not everything that it is attached to."""
    policy = VERIFYING.replace("verifyServer: true", "verifyServer: false")
    servers = "---\n".join(VIRTUAL_SERVER.format(name=name, policy="verify") for name in "ab")
    write(tmp_path, {"a.yaml": f"{servers}---\n{policy}"})

    assert of(scan(tmp_path).report.failed_checks) == {(POLICY, "Policy.default.verify")}


def test_undecided_objects_are_listed_with_their_reasons(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["explain", "--undecided", str(tree)]) == 0
    expected = f"missing.yaml:1: {UPSTREAM}: VirtualServer missing: shop: Policy elsewhere is not in the scan\n"
    assert capsys.readouterr().out == expected

    write(
        tree,
        {
            "deep.yaml": "apiVersion: v1\nkind: Ingress\na: " + "[" * 3000,
            "date.yaml": "apiVersion: v1\nkind: Ingress\na: 2020-13-45\n",
        },
    )
    assert main(["explain", "--undecided", str(tree)]) == 0
    assert capsys.readouterr().out == expected
    assert caplog.text == ""

    write(tmp_path, {"list.yaml": "apiVersion: v1\nkind: List\nitems: []\n"})
    assert main(["explain", "--undecided", str(tmp_path / "list.yaml")]) == 0
    assert capsys.readouterr().out == "nothing is undecided\n"


def test_a_rule_that_raises_is_a_parsing_error_and_no_pass(
    tree: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(EgressPolicyUnverified, "judge", lambda *_: 1 / 0)

    report = in_process(KubernetesRunner, ["kubernetes"], tree)

    assert [error.rpartition("/")[2] for error in sorted(report.parsing_errors)] == [
        "limit.yaml: Policy limit",
        "verify.yaml: Policy verify",
    ]
    assert of(report.failed_checks) == FAILED
    assert f"check {POLICY} failed on Policy verify" in caplog.text


def test_without_the_others_what_an_object_refers_to_is_undecided(tmp_path: Path) -> None:
    checkov_checks.register()
    (check,) = [
        check
        for check in registry.get_checks("VirtualServer")
        if check.id == UPSTREAM and isinstance(check, checkov_checks.KubernetesCheck)
    ]
    document, without = (yaml.safe_load(VIRTUAL_SERVER.format(name="a", policy=policy)) for policy in ("verify", '""'))
    assert check.run("a.yaml", document, "", "VirtualServer", {})["result"] is CheckResult.UNKNOWN
    assert check.run("a.yaml", without, "", "VirtualServer", {})["result"] is CheckResult.FAILED


def test_another_checkov_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    class Runner:
        pass

    plugin._surround(Runner, "check_definitions")

    assert vars(Runner).get("check_definitions") is None
    assert "Runner.check_definitions" in caplog.text


def test_preparation_twice_changes_nothing() -> None:
    plugin._surround_runners()
    checkov_checks.register()
    before = len(list(registry.all_checks()))
    method = KubernetesRunner.check_definitions

    plugin._surround_runners()
    checkov_checks.register()

    assert len(list(registry.all_checks())) == before
    assert KubernetesRunner.check_definitions is method
