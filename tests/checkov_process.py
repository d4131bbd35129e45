"""Runs the real `checkov` and `checkov-nginx-tls` as their users do: in processes of their own, offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
POLICIES = REPOSITORY / "policies"
DEMO = REPOSITORY / "tests" / "fixtures" / "demo"
CHECKOV = (str(Path(sys.executable).with_name("checkov")),)
WAY_TWO = (sys.executable, "-m", "checkov_nginx_tls", "scan")
MODES = ("fork", "thread", "none")

NGINX_CONF = """\
events {}
http {
    server {
        listen 443 ssl;
        server_name app.example.com;
        location / {
            proxy_pass https://app.internal.example.com;
            proxy_ssl_verify off;
        }
        location /rpc {
            grpc_pass grpcs://rpc.internal.example.com;
        }
        location /good {
            proxy_pass https://good.internal.example.com;
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate /etc/ssl/ca.pem;
            proxy_ssl_server_name on;
        }
    }
}
"""
VERIFY_OFF = "nginx.conf:http.server(app.example.com:443).location(/).proxy_ssl_verify"
VERIFY_UNSET = "nginx.conf:http.server(app.example.com:443).location(/rpc).grpc_pass"

# The check of a published article; only its import and its ID are changed.
ARTICLE_CHECK = """\
from checkov.common.models.enums import CheckResult
from checkov_nginx_tls.checks.base_nginx_check import BaseNginxCheck

class NginxProxySslVerifyOff(BaseNginxCheck):
    def __init__(self):
        name = "Ensure proxy_ssl_verify is not disabled"
        id = "{id}"
        super().__init__(name=name, check_id=id)
    def check_resource_config(self, config):
        if 'proxy_ssl_verify' in config and config['proxy_ssl_verify'] == ['off']:
            return CheckResult.FAILED, config
        return CheckResult.PASSED, config

check = NginxProxySslVerifyOff()
"""

_SEVERAL = """\
import contextlib, io, json, sys, warnings
warnings.simplefilter("ignore")
from checkov_nginx_tls.cli import scan
finished = []
for arguments in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            code = scan(arguments)
        except SystemExit as stop:
            code = stop.code
    finished.append([code, out.getvalue(), err.getvalue()])
json.dump(finished, sys.stdout)
"""


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    def reports(self) -> list[dict[str, Any]]:
        """The reports of the last JSON document printed: one for each `-d`."""
        documents = []
        decoder = json.JSONDecoder()
        position = 0
        while position < len(self.out.rstrip()):
            document, end = decoder.raw_decode(self.out, position)
            documents.append(document)
            position = end + len(self.out[end:]) - len(self.out[end:].lstrip())
        last = documents[-1]
        return last if isinstance(last, list) else [last] if "check_type" in last else []

    def report(self, check_type: str = "nginx") -> dict[str, Any]:
        """The one report of this type; fails if there are none or several."""
        (found,) = [report for report in self.reports() if report["check_type"] == check_type]
        return found

    def failed(self, check_type: str = "nginx") -> set[tuple[str, str]]:
        """(check ID, resource) of every failed check."""
        return {
            (record["check_id"], record["resource"]) for record in self.report(check_type)["results"]["failed_checks"]
        }


def run(
    program: Sequence[str],
    *arguments: str | Path,
    cwd: Path,
    mode: str = "fork",
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> Finished:
    """Run a command in `cwd` and wait for it; `mode` is how Checkov runs its runners."""
    finished = subprocess.run(
        [*program, *map(str, arguments)],
        cwd=cwd,
        env={**_environment(cwd), "CHECKOV_PARALLELIZATION_TYPE": mode, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Finished(finished.returncode, finished.stdout, finished.stderr)


def run_several(scans: Sequence[Sequence[str | Path]], cwd: Path) -> list[Finished]:
    """Run several `checkov-nginx-tls scan` one after the other in one process, which saves its start-up."""
    finished = subprocess.run(
        [sys.executable, "-c", _SEVERAL],
        cwd=cwd,
        env=_environment(cwd),
        input=json.dumps([["--skip-download", *map(str, arguments)] for arguments in scans]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return [Finished(*one) for one in json.loads(finished.stdout)]


def write(directory: Path, files: Mapping[str, str]) -> Path:
    """Write files below a directory, with the directories that they need; returns the directory."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def _environment(home: Path) -> dict[str, str]:
    """The environment without anything of this machine that Checkov would obey."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CKV_", "CHECKOV_", "BC_"))}
    ours.pop("LOG_LEVEL", None)
    return {**ours, "HOME": str(home), "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true", "PYTHONWARNINGS": "ignore"}
