"""The Rego policy in the programs that run it: Conftest and OPA, where they are on the PATH.

``.ci/run`` installs Conftest where Go is there.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from checkov_process import DEMO, REPOSITORY, write
from rego_engine import REGO, scan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

POLICY = str(REGO)
README = REPOSITORY / "README.md"
EXPORT = (sys.executable, "-m", "checkov_nginx_tls", "export")

needs_conftest = pytest.mark.skipif(shutil.which("conftest") is None, reason="no conftest on the PATH")
needs_opa = pytest.mark.skipif(shutil.which("opa") is None, reason="no opa on the PATH")


def run(*command: str, given: str = "", cwd: Path | None = None) -> tuple[int, str]:
    """The exit code and the output of a program that has nothing to complain about itself."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


def export(*arguments: str, cwd: Path | None = None) -> str:
    return run(*EXPORT, *arguments, cwd=cwd)[1]


def conftest(text: str, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of ``conftest test``, and its results."""
    code, out = run("conftest", "test", "--policy", POLICY, "--output", "json", *arguments, "-", given=text)
    return code, json.loads(out)


def failures(results: list[dict[str, Any]], kind: str = "failures") -> set[tuple[str, str, int]]:
    found = [one["metadata"] for result in results for one in result.get(kind, [])]
    return {(one["id"], one["file"], one["line"]) for one in found}


@needs_conftest
def test_its_own_tests_pass_in_conftest() -> None:
    code, out = run("conftest", "verify", "--policy", POLICY, "--output", "json")

    assert code == 0
    passed = sum(result["successes"] for result in json.loads(out))
    assert passed == (REGO / "nginx_ssl_test.rego").read_text(encoding="utf-8").count("\ntest_")


@needs_opa
def test_its_own_tests_pass_in_opa() -> None:
    assert run("opa", "test", POLICY)[0] == 0


@needs_opa
def test_its_style_is_that_of_opa() -> None:
    assert run("opa", "check", "--strict", POLICY) == (0, "")
    assert run("opa", "fmt", "--list", "--fail", POLICY) == (0, "")


@needs_conftest
@pytest.mark.parametrize(
    "arguments",
    [("yaml",), ("json",), ("yaml", "--combine"), ("json", "--combine")],
    ids=" ".join,
)
def test_conftest_finds_what_the_scanner_finds(arguments: tuple[str, ...]) -> None:
    form, *more = arguments
    code, results = conftest(export("--format", form, str(DEMO)), "--parser", form, *more)

    assert code == 1
    assert failures(results) == scan(DEMO).failed


@needs_conftest
@pytest.mark.parametrize("name", ["12e5", "0o14", "y"])
def test_names_that_yaml_may_take_for_something_else_are_names(name: str, tmp_path: Path) -> None:
    text = f"""events {{}}
http {{
    upstream {name} {{ server app.internal:8443; }}
    server {{
        location / {{
            proxy_pass https://{name};
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate /etc/nginx/ca.pem;
        }}
    }}
}}
"""
    write(tmp_path, {"nginx.conf": text})
    _, results = conftest(export("--format", "yaml", str(tmp_path)), "--parser", "yaml")
    assert failures(results) == scan(tmp_path).failed == {("CKV_NGINX_CUSTOM_08", "nginx.conf", 6)}


@needs_conftest
def test_messages_and_annotations_point_to_the_file_in_the_repository(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"deploy/nginx/app.conf": "location / {\n    proxy_pass https://app.test;\n    proxy_ssl_verify off;\n}"},
    )
    text = export("--format", "yaml", "deploy/nginx", cwd=tmp_path)
    command = ("conftest", "test", "--policy", POLICY, "--parser", "yaml", "--no-color", "-")

    code, out = run(*command, given=text)
    assert code == 1
    message = "deploy/nginx/app.conf:3: CKV_NGINX_CUSTOM_01: proxy_ssl_verify is off for https://app.test"
    assert f"FAIL - - main - {message} (deploy/nginx/app.conf:2): nginx talks to whoever answers." in out
    code, out = run(*command, "--output", "github", given=text)
    assert "::error file=deploy/nginx/app.conf,line=3::" in out


@needs_conftest
def test_what_is_not_decided_warns_and_fails_only_when_asked_to(tmp_path: Path) -> None:
    write(tmp_path, {"app.conf.j2": "location / { proxy_pass https://app.test; proxy_ssl_verify {{ verify }}; }"})
    text = export(str(tmp_path))

    code, results = conftest(text, "--parser", "json")
    assert (code, failures(results)) == (0, set())
    assert failures(results, "warnings") == {("CKV_NGINX_CUSTOM_01", "app.conf.j2", 1)}
    assert conftest(text, "--parser", "json", "--fail-on-warn")[0] == 1


@needs_conftest
def test_nginx_conf_without_the_export_does_not_look_clean() -> None:
    file = str(DEMO / "nginx" / "nginx.conf")
    done = subprocess.run(
        ["conftest", "test", "--policy", POLICY, "--parser", "nginx", "--output", "json", file],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unknown parser" in done.stderr:
        pytest.skip("this conftest has no parser for nginx.conf")
    assert done.returncode == 1
    (result,) = json.loads(done.stdout)
    (message,) = (one["msg"] for one in result["failures"])
    assert message.startswith("this is what Conftest reads in nginx.conf by itself, without includes, inheritance")


USERS_POLICY: Mapping[str, str] = {
    "policy/own.rego": """package main

import rego.v1

deny contains msg if {
	input.proxy_ssl_verify == "on"
	not input.proxy_ssl_trusted_certificate
	msg := sprintf("%s:%d: no bundle", [input.file, input.line])
}

deny contains msg if {
	not input[sprintf("%s_verify", [input.ssl_prefix])]
	not input.loopback
	msg := sprintf("%s:%d: never set", [input.file, input.line])
}

deny contains msg if {
	some command in input.proxy_ssl_conf_command
	lower(command.name) == "verifycafile"
	msg := sprintf("%s:%d: other store", [command.file, command.line])
}
"""
}


@needs_conftest
def test_a_policy_as_users_write_it(tmp_path: Path) -> None:
    text = """server {
    proxy_ssl_verify on;
    location /a { proxy_pass https://a.test; }
    location /b { proxy_pass https://b.test; proxy_ssl_trusted_certificate ca.pem; }
    location /c { grpc_pass grpcs://c.test; }
    location /d {
        proxy_pass https://d.test;
        proxy_ssl_trusted_certificate ca.pem;
        proxy_ssl_conf_command VerifyCAFile other.pem;
    }
}
"""
    write(tmp_path, {"app.conf": text, **USERS_POLICY})
    command = ("conftest", "test", "--policy", str(tmp_path / "policy"), "--parser", "yaml", "--output", "json", "-")
    code, out = run(*command, given=export("--format", "yaml", str(tmp_path / "app.conf"), cwd=tmp_path))

    assert code == 1
    (result,) = json.loads(out)
    assert {one["msg"] for one in result["failures"]} == {
        "app.conf:3: no bundle",
        "app.conf:5: never set",
        "app.conf:9: other store",
    }


@needs_conftest
def test_the_policy_in_the_readme(tmp_path: Path) -> None:
    (policy,) = re.findall(r"^```rego\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    write(tmp_path, {"policy/own.rego": policy})
    command = ("conftest", "test", "--policy", str(tmp_path / "policy"), "--parser", "yaml", "--output", "json", "-")
    code, out = run(*command, given=export("--format", "yaml", str(DEMO)))

    assert code == 1
    (failure,) = json.loads(out)[0]["failures"]
    assert failure["msg"] == "nginx/edge.conf:28: nginx does not start without trusted certificates"


@needs_opa
def test_opa_takes_the_export_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "connections.json").write_text(export(str(DEMO)), encoding="utf-8")
    code, out = run(
        "opa",
        "eval",
        "--input",
        str(tmp_path / "connections.json"),
        "--data",
        POLICY,
        "data.main.deny",
        "--format",
        "raw",
    )

    assert code == 0
    assert {(one["id"], one["file"], one["line"]) for one in json.loads(out)} == scan(DEMO).failed
