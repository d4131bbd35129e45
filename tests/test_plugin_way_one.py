"""Unmodified `checkov -d DIR --external-checks-dir policies`."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import sysconfig
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from checkov.common.bridgecrew.check_type import checkov_runners
from checkov.common.bridgecrew.integration_features.integration_feature_registry import (
    integration_feature_registry,
)
from checkov.common.runners import runner_registry

from checkov_nginx_tls import plugin
from checkov_process import (
    ARTICLE_CHECK,
    CHECKOV,
    MODES,
    NGINX_CONF,
    POLICIES,
    REPOSITORY,
    VERIFY_OFF,
    VERIFY_UNSET,
    Finished,
    run,
    write,
)

OFF, UNSET = "CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_03"
OURS = {(OFF, VERIFY_OFF), (UNSET, VERIFY_UNSET)}
OTHER_FRAMEWORKS = {
    "Dockerfile": "FROM scratch\n",
    "main.tf": 'resource "aws_s3_bucket" "data" {}\n',
}
JSON = ("--skip-download", "--output", "json")
WITH_POLICIES = ("--external-checks-dir", POLICIES, *JSON)
# More than a pipe holds: a process that sends it waits until it is read.
MANY_FINDINGS = "".join(f'resource "aws_s3_bucket" "data{number}" {{}}\n' for number in range(300))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "tree", {"nginx.conf": NGINX_CONF, **OTHER_FRAMEWORKS})


@pytest.fixture(scope="session")
def bare_checkov(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The command `checkov` of an environment with everything that is installed here but our package."""
    directory = tmp_path_factory.mktemp("bare")
    packages = directory / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "checkov_nginx_tls" not in entry.name.replace("-", "_"):
            (packages / entry.name).symlink_to(entry)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory / "venv"], check=True)
    (site,) = (directory / "venv").glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{packages}\n")
    script = directory / "checkov"
    script.write_text("import sys\nfrom checkov.main import Checkov\nsys.exit(Checkov().run())\n")
    return (str(directory / "venv" / "bin" / "python"), "-W", "ignore", str(script))


@pytest.mark.parametrize("mode", MODES)
def test_all_frameworks_and_users_checks(tree: Path, tmp_path: Path, mode: str) -> None:
    """One nginx report beside the others; a user's check runs; ours keep their IDs; paths are left out."""
    write(tree, dict.fromkeys((".hidden/a.conf", "vendored/a.conf", "skipped/a.conf"), NGINX_CONF))
    write(
        tmp_path / "users",
        {
            "__init__.py": "",
            "article.py": ARTICLE_CHECK.format(id="CKV_USER_01"),
            "deeper/__init__.py": "",
            "deeper/original_article.py": ARTICLE_CHECK.format(id=OFF),
        },
    )

    finished = run(
        CHECKOV,
        *("-d", tree, "--external-checks-dir", tmp_path / "users", *WITH_POLICIES, "--skip-path", "skipped"),
        cwd=tmp_path,
        mode=mode,
        environment={"CKV_IGNORED_DIRECTORIES": "vendored"},
    )

    assert finished.code == 1
    article = {("CKV_USER_01", "nginx.conf:http.server(app.example.com:443).location(/)")}
    assert finished.failed() == OURS | article
    assert {report["check_type"] for report in finished.reports()} > {"terraform", "dockerfile"}
    assert finished.report()["summary"]["parsing_errors"] == 0
    (warning,) = [line for line in finished.err.splitlines() if "original_article.py" in line]
    assert "choose another ID" in warning
    assert finished.err.splitlines() == [warning]


@pytest.mark.parametrize("frameworks", [["dockerfile"], ["dockerfile", "kubernetes"]], ids=["one", "two"])
def test_several_directories_give_one_report(tmp_path: Path, frameworks: list[str]) -> None:
    """With one framework Checkov starts no process, with two it does."""
    for name in ("a", "b"):
        write(tmp_path / name, {f"{name}.conf": NGINX_CONF})

    finished = run(
        CHECKOV,
        *("-d", tmp_path / "a", "-d", tmp_path / "missing", "-d", tmp_path / "b", *WITH_POLICIES),
        *("--framework", *frameworks),
        cwd=tmp_path,
    )

    assert finished.code == 1
    assert finished.failed() == {
        (check_id, resource.replace("nginx.conf", f"{name}.conf")) for check_id, resource in OURS for name in "ab"
    }


def test_a_directory_scanned_before_external_checks_were_loaded_is_not_mistaken_for_a_later_one(
    tmp_path: Path,
) -> None:
    """Where there is nothing for terraform_json it loads no external checks, so the hook comes with the second."""
    write(tmp_path / "a", {"a.conf": NGINX_CONF})
    write(tmp_path / "b", {"nginx.conf": NGINX_CONF, "cdk.tf.json": '{"resource": {"aws_s3_bucket": {"b": {}}}}'})

    finished = run(
        CHECKOV,
        *("-d", tmp_path / "a", "-d", tmp_path / "b", *WITH_POLICIES, "--framework", "terraform_json"),
        cwd=tmp_path,
    )

    assert finished.failed() == OURS


def test_files_together_with_one_of_another_framework(tree: Path) -> None:
    (tree / "nginx.conf").rename(tree / "default")

    finished = run(CHECKOV, "-f", "default", "-f", "Dockerfile", *WITH_POLICIES, cwd=tree)

    assert finished.failed() == {(check_id, resource.replace("nginx.conf", "default")) for check_id, resource in OURS}
    assert finished.report("dockerfile")


def test_a_directory_together_with_a_file(tree: Path, tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere.conf": NGINX_CONF})

    finished = run(
        CHECKOV,
        *("-d", tree, "-f", tmp_path / "elsewhere.conf", *WITH_POLICIES, "--framework", "dockerfile"),
        cwd=tmp_path,
    )

    elsewhere = {(check_id, resource.replace("nginx.conf", "../elsewhere.conf")) for check_id, resource in OURS}
    assert finished.failed() == OURS | elsewhere


def test_an_empty_directory_is_clean(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    finished = run(CHECKOV, "-d", tmp_path / "empty", *WITH_POLICIES, cwd=tmp_path)

    assert (finished.code, finished.reports(), finished.err) == (0, [], "")


def assert_stopped(finished: Finished, reason: str) -> None:
    (line,) = finished.err.splitlines()
    assert line.startswith("checkov-nginx-tls: nginx is not scanned")
    assert reason in line
    assert "pip install checkov-nginx-tls" in line
    assert (finished.code, finished.out) == (2, "")


@pytest.mark.parametrize("mode", MODES)
def test_without_the_package_the_scan_fails(tree: Path, bare_checkov: tuple[str, ...], mode: str) -> None:
    write(tree, {"many.tf": MANY_FINDINGS})

    finished = run(bare_checkov, "-d", tree, *WITH_POLICIES, cwd=tree, mode=mode, timeout=60)

    assert_stopped(finished, "No module named 'checkov_nginx_tls'")


@pytest.mark.parametrize("mode", ["fork", "thread"])
def test_a_package_beside_the_policies_is_not_enough(
    tree: Path, tmp_path: Path, bare_checkov: tuple[str, ...], mode: str
) -> None:
    """The runner processes find it, because Checkov puts the directories it walks on their import path."""
    checks = tmp_path / "checks"
    shutil.copytree(POLICIES, checks / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    (checks / "checkov_nginx_tls").symlink_to(REPOSITORY / "checkov_nginx_tls")

    finished = run(bare_checkov, "-d", tree, "--external-checks-dir", checks, *JSON, cwd=tmp_path, mode=mode)

    assert_stopped(finished, "only found beside the policy file")


def test_checks_from_a_git_repository(tree: Path, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    repository = write(
        tmp_path / "shared",
        {"ours/__init__.py": "", "ours/article.py": ARTICLE_CHECK.format(id="CKV_USER_01")},
    )
    shutil.copytree(POLICIES, repository / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "checks"]):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)

    finished = run(CHECKOV, "-d", tree, "--external-checks-git", repository.as_uri(), *JSON, cwd=tmp_path)

    assert {check_id for check_id, _ in finished.failed()} == {OFF, UNSET, "CKV_USER_01"}
    assert finished.err == ""


def test_signed_policies(tree: Path, tmp_path: Path) -> None:
    pytest.importorskip("checkov.common.external_checks.verification", reason="this Checkov verifies nothing")
    checks, key = tmp_path / "checks", tmp_path / "key.pem"
    shutil.copytree(POLICIES, checks / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    write(checks, {"users/__init__.py": "", "users/article.py": ARTICLE_CHECK.format(id="CKV_USER_01")})
    sign(checks, key)
    arguments = ("-d", tree, "--external-checks-dir", checks, "--external-checks-public-key", key, *JSON)

    finished = run(CHECKOV, *arguments, "--framework", "dockerfile", "kubernetes", cwd=tmp_path)

    assert {check_id for check_id, _ in finished.failed()} == {OFF, UNSET, "CKV_USER_01"}
    assert finished.err == ""

    with (checks / "policies" / "checkov_nginx_tls_policies.py").open("r+") as file:
        file.write("#")
    assert run(CHECKOV, *arguments, "--framework", "dockerfile", cwd=tmp_path).code == 2


def sign(directory: Path, public_key: Path) -> None:
    """Append Checkov's trailer to every file, made with a new key."""
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    for file in directory.rglob("*.py"):
        text = file.read_bytes()
        digest = key.sign(text, ec.ECDSA(hashes.SHA256())).hex()
        file.write_bytes(text + f"# checkov-digest: {digest}\n".encode())
    public_key.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def test_activation_is_cheap(tmp_path: Path) -> None:
    """A dozen processes do it, and none of them analyses anything."""
    script = (
        "import sys, checkov.common.runners.runner_registry\n"
        "from checkov_nginx_tls.plugin import activate\n"
        f"activate({str(POLICIES / 'checkov_nginx_tls_policies.py')!r})\n"
        "heavy = {'crossplane', 'checkov.main', 'checkov_nginx_tls.runner', 'checkov_nginx_tls.analysis'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )

    finished = run((sys.executable, "-c", script), cwd=tmp_path)

    assert (finished.code, finished.err) == (0, "")


@pytest.fixture
def no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integration_feature_registry, "features", [])


@pytest.mark.usefixtures("no_features")
def test_activation_twice_registers_once() -> None:
    for _ in range(2):
        plugin.activate(str(POLICIES / "checkov_nginx_tls_policies.py"))

    assert [type(feature) for feature in integration_feature_registry.features] == [plugin.NginxFeature]


@pytest.mark.usefixtures("no_features")
def test_activation_changes_nothing_inside_the_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "checkov_runners", [*checkov_runners, "nginx"])

    plugin.activate(str(POLICIES / "checkov_nginx_tls_policies.py"))
    plugin._receive("log", ("/users/check.py",))

    assert integration_feature_registry.features == []


@pytest.mark.usefixtures("no_features")
def test_what_a_runner_process_sends_registers_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    monkeypatch.setattr(runner_registry, "log_stream", io.StringIO("what was logged"))

    plugin._notify_main_process()
    plugin._notify_main_process()
    received = pickle.loads(pickle.dumps(vars(runner_registry)["log_stream"]))  # noqa: S301

    assert type(received) is io.StringIO
    assert received.getvalue() == "what was logged"
    assert [type(feature) for feature in integration_feature_registry.features] == [plugin.NginxFeature]


def test_an_unknown_checkov_is_warned_about(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delattr(runner_registry, "log_stream")

    plugin._notify_main_process()

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "runner_registry.log_stream" in record.getMessage()
    assert "checkov-nginx-tls scan" in record.getMessage()


@pytest.mark.usefixtures("no_features")
def test_a_checkov_that_calls_the_hook_otherwise_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    assert plugin.NginxFeature().post_scan([]) is None

    (record,) = [record for record in caplog.records if record.name == "checkov_nginx_tls.plugin"]
    assert "RunnerRegistry.run" in record.getMessage()
    assert "checkov-nginx-tls scan" in record.getMessage()


@pytest.mark.parametrize(
    ("config", "path", "expected"),
    [
        ({}, ["bin", "checks", "checks/policies"], True),
        ({"external_checks_dir": ["checks/policies"]}, ["bin", "checks/policies", "checks"], True),
        ({"external_checks_dir": ["checks"]}, ["bin", "checks/policies", "checks"], False),
        ({"external_checks_dir": ["checks"]}, ["checks", "checks/policies"], True),
        ({"external_checks_dir": ["checks"]}, ["bin", "checks", "installed"], True),
        ({"external_checks_dir": ["checks"]}, ["bin", "checks/policies", "checks", "site"], True),
        ({"external_checks_git": ["url"]}, ["bin", "checks", "checks/policies"], False),
        ({"external_checks_git": ["url"]}, ["bin", "checks", "installed"], True),
        ({"external_checks_dir": ["."]}, ["bin", "checks", "."], False),
        ({"external_checks_dir": ["."]}, ["bin", "checks", "lasting"], True),
        ({}, ["bin"], False),
    ],
)
def test_the_package_must_resolve_without_the_external_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], path: list[str], *, expected: bool
) -> None:
    """`checks` and `lasting` hold the package itself, `installed` and `site` only say that it is installed."""
    package = {"checkov_nginx_tls/__init__.py": ""}
    metadata = {"checkov_nginx_tls-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: checkov-nginx-tls\n"}
    write(tmp_path / "checks", {**package, "policies/policy.py": ""})
    write(tmp_path / "lasting", package)
    write(tmp_path / "installed", metadata)
    write(tmp_path / "site", metadata)
    (tmp_path / "bin").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lasting"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / entry) for entry in path])
    monkeypatch.setattr(integration_feature_registry, "config", Namespace(**config))

    assert plugin._resolves_in_main_process("checks/policies/policy.py") is expected
