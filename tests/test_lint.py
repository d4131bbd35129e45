"""`checkov-nginx-tls lint`: the findings of a scan, one a line and in other forms, and its exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from checkov.common.runners.base_runner import filter_ignored_paths

from checkov_nginx_tls.cli import main
from checkov_nginx_tls.files import keep_as_checkov
from checkov_nginx_tls.lint import lint
from checkov_nginx_tls.runner import Runner
from checkov_process import DEMO, NGINX_CONF, write
from kubernetes_scan import scan
from sarif_schema import schema_errors, validator_complaints

if TYPE_CHECKING:
    from checkov.common.output.report import Report

OFF, UNSET, INGRESS = "CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_03", "CKV_NGINX_CUSTOM_31"
OBJECTS = Path(__file__).parent / "fixtures" / "kubernetes"
LINE = re.compile(
    r"(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+): (?P<level>error|warning|note) (?P<id>\w+) (?P<text>.+)"
)
UNDECIDED = (
    "checkov-nginx-tls: 2 undecided, because a value that decides is not in these files; "
    "'checkov-nginx-tls explain --undecided PATH' lists them"
)
GOOD = """\
location / {
    proxy_pass https://a.example.com;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate /ca.pem;
    proxy_ssl_server_name on;
}
"""
BAD = "location / { proxy_pass https://a.example.com; }\n"
INCLUDING = "events {}\nhttp {\n    proxy_ssl_verify off;\n    include conf.d/*.conf;\n}\n"
IN_SERVER = f"server {{\n    {BAD}}}\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["lint", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))


def recorded(*reports: Report) -> set[tuple[Any, ...]]:
    """The findings of reports: ID, file, first line, message, whether it is skipped."""
    return {
        (one.check_id, os.path.realpath(one.file_abs_path), " ".join(one.details), skipped)
        for report in reports
        for skipped, records in ((False, report.failed_checks), (True, report.skipped_checks))
        for one in records
    }


@pytest.mark.parametrize("directory", [DEMO, OBJECTS], ids=["demo", "objects"])
def test_it_finds_what_a_scan_finds(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(directory)

    found = lint(["."], {})

    scanned = recorded(Runner().run(root_folder="."), scan(directory).report)
    assert (
        {(one.check_id, one.path, one.message, one.suppression is not None) for one in found.findings}
        == scanned
        != set()
    )


def test_one_line_each_and_exit_1(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, {"nginx.conf": NGINX_CONF, "a b/c.conf": BAD})

    code, out, err = run(capsys)

    assert (code, err) == (1, "")
    found = [match.groupdict() for match in map(LINE.fullmatch, out.splitlines()) if match is not None]
    assert len(found) == len(out.splitlines())
    assert [(one["file"], one["line"], one["column"], one["level"], one["id"]) for one in found] == [
        ("a b/c.conf", "1", "14", "error", UNSET),
        ("nginx.conf", "8", "13", "error", OFF),
        ("nginx.conf", "11", "13", "error", UNSET),
    ]
    assert found[1]["text"].startswith("proxy_ssl_verify is off for https://app.internal.example.com (nginx.conf:7): ")


def test_levels_are_those_of_severities(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("    proxy_ssl_server_name on;\n", "    proxy_ssl_protocols TLSv1;\n")
    write(tree, {"a.conf": text})

    _, out, _ = run(capsys)

    assert [line.split()[1:3] for line in out.splitlines()] == [
        ["note", "CKV_NGINX_CUSTOM_09"],
        ["warning", "CKV_NGINX_CUSTOM_10"],
    ]


def test_nothing_found_is_silent(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, {"a.conf": GOOD, "skipped.conf": f"# checkov:skip={UNSET}: a lab\n\n{BAD}"})

    assert run(capsys) == (0, "", "")
    code, out, _ = run(capsys, "--format", "json")
    found = json.loads(out)
    assert (code, found["findings"], found["problems"], found["undecided"]) == (0, [], [], 0)
    assert [(one["file"], one["line"], one["reason"]) for one in found["skipped"]] == [("skipped.conf", 3, "a lab")]


def test_what_cannot_be_judged_is_a_line_and_exit_2(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, {"broken.conf": BAD.replace("}", ""), "bad.conf": BAD})

    code, out, err = run(capsys, "broken.conf", "bad.conf", "none.conf")

    assert code == 2
    assert out.startswith(f"bad.conf:1:14: error {UNSET} ")
    assert err.splitlines() == [
        'broken.conf:2:1: error not judged: unexpected end of file, expecting "}" for "location" of line 1',
        "none.conf:1:1: error not judged: the file does not exist",
    ]


@pytest.mark.parametrize("path", ["/dev/null", ""])
def test_what_is_neither_a_file_nor_a_directory_is_called_so(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    neither = f"checkov-nginx-tls: {path or repr(path)} is neither a file nor a directory"

    assert run(capsys, path) == (2, "", f"{neither}; what a program prints goes to standard input: -\n")
    assert main(["explain", "--undecided", path]) == 2
    assert capsys.readouterr().err == f"{neither}\n"


def test_undecided_ones_and_useless_skips_are_mentioned(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        tree,
        {
            "a.conf.j2": "location / { proxy_pass {{ url }}; }\n",
            "b.conf": f"{GOOD}# checkov:skip={OFF}:why\nlocation /b {{ }}\n",
            "ingress.yaml": "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: a\n  annotations:\n"
            '    nginx.ingress.kubernetes.io/backend-protocol: "{{ protocol }}"\n',
        },
    )

    code, out, err = run(capsys)

    assert (code, out) == (0, "")
    assert err.splitlines() == [
        f"checkov-nginx-tls: warning: b.conf:7: checkov:skip={OFF} skips nothing: remove it, or move it to the finding",
        UNDECIDED,
    ]


def test_the_standard_input_is_a_file_in_this_directory(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, {"off.conf": "proxy_ssl_verify off;\n"})
    give(monkeypatch, BAD.replace("{ ", "{\n    include off.conf;\n    "))

    code, out, err = run(capsys, "-")

    assert (code, err) == (1, "")
    assert out.startswith(f"off.conf:1:1: error {OFF} proxy_ssl_verify is off for https://a.example.com (<stdin>:3)")


def test_the_standard_input_stands_for_a_file(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, {"nginx.conf": INCLUDING, "conf.d/a.conf": f"server {{ {GOOD} }}\n"})
    give(monkeypatch, IN_SERVER)

    code, out, _ = run(capsys, "--stdin-filename", "conf.d/a.conf", "-", ".")

    assert code == 1
    (line,) = out.splitlines()
    assert line.startswith(
        f"nginx.conf:3:5: error {OFF} proxy_ssl_verify is off for https://a.example.com (conf.d/a.conf:2)"
    )
    assert run(capsys, ".") == (0, "", "")


def test_the_standard_input_may_be_an_object(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, (OBJECTS / INGRESS / "fail_turned_off.yaml").read_text())

    code, out, _ = run(capsys, "--stdin-filename", "new.yaml", "-")

    assert (code, out.split(" ")[0], out.split(" ")[2]) == (1, "new.yaml:8:5:", INGRESS)


def test_an_annotation_at_which_checkov_ends_is_an_error(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (OBJECTS / INGRESS / "fail_turned_off.yaml").read_text()
    skip = f'    checkov.io/skip1: "{INGRESS}=accepted, ticket?id=7"'
    (tree / "a.yaml").write_text(text.replace("  annotations:\n", f"  annotations:\n{skip}\n"))

    code, out, err = run(capsys, "a.yaml")

    assert (code, out) == (2, "")
    assert err.startswith('a.yaml:1:1: error not judged: Checkov ends at the second "=" of the annotation checkov.io/')


def test_the_standard_input_may_hold_a_bundle_too(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = f"server {{ listen 80; {' '.join(GOOD.split())} }}".replace("/ca.pem", "ca.pem")
    manifest = (
        f"kind: ConfigMap\nmetadata: {{name: web}}\ndata:\n  ca.pem: garbage\n  a.conf: |\n    {conf}\n---\n"
        "kind: Pod\nspec:\n  containers: [{volumeMounts: [{name: v, mountPath: /etc/nginx}]}]\n"
        "  volumes: [{name: v, configMap: {name: web}}]\n"
    )
    write(tree, {"pod.yaml": manifest.replace("ca.pem: garbage", "ca.crt: none")})
    give(monkeypatch, manifest)

    code, out, _ = run(capsys, "--stdin-filename", "pod.yaml", "-")

    assert (code, out.split(" ")[2]) == (1, "CKV_NGINX_CUSTOM_12")


def test_a_name_for_no_standard_input_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--stdin-filename", "a.conf", "a.conf")

    assert (code, out, len(err.splitlines())) == (2, "", 1)


def test_the_standard_input_is_no_directory(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = "checkov-nginx-tls: conf.d is a directory; --stdin-filename names a file\n"
    (tree / "conf.d").mkdir()

    assert run(capsys, "--stdin-filename", "conf.d", "-") == (2, "", error)


def test_what_is_in_a_given_directory_is_judged_with_it(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        tree, {"nginx.conf": INCLUDING.replace("off", "on;proxy_ssl_server_name on;proxy_ssl_trusted_certificate /c")}
    )
    write(tree, {"conf.d/a.conf": IN_SERVER, "elsewhere/b.conf": BAD})

    assert run(capsys, ".", "conf.d/a.conf", "conf.d", "nginx.conf")[1].count("\n") == 1
    assert run(capsys, "conf.d/a.conf")[1].startswith(f"conf.d/a.conf:2:18: error {UNSET}")
    assert run(capsys, "conf.d", "elsewhere")[1].count("\n") == 2


def test_paths_are_shown_as_editors_find_them(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, {"here/x": "", "there/a.conf": BAD})
    monkeypatch.chdir(tree / "here")

    assert run(capsys, "../there")[1].startswith(f"{tree.resolve()}/there/a.conf:1:14: error")
    monkeypatch.chdir(tree)
    assert run(capsys, tree / "there")[1].startswith("there/a.conf:1:14: error")


def test_workflow_commands_are_escaped(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        tree,
        {
            ".git/HEAD": "",
            "deploy/a,b:c%.conf": BAD.replace("a.example", "%41"),
            "deploy/broken.conf": "location / { proxy_pass https://a;",
        },
    )

    code, out, err = run(capsys, "--format", "github", "deploy")

    assert code == 2
    assert out.startswith(
        f"::error file=deploy/a%2Cb%3Ac%25.conf,line=1,endLine=1,col=14,endColumn=41,title={UNSET}::nobody sets "
        "proxy_ssl_verify for https://%2541.com, and"
    )
    assert err.startswith("::error file=deploy/broken.conf,line=1::not judged: unexpected end of file")


def test_json_has_everything(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, {"a.conf": BAD})

    (found,) = json.loads(run(capsys, "--format", "json")[1])["findings"]

    assert re.fullmatch(r"[0-9a-f]{32}", found.pop("fingerprint"))
    assert found.pop("message").startswith("nobody sets proxy_ssl_verify for https://a.example.com")
    assert found.pop("guideline").startswith("https://nginx.org/")
    assert found == {
        "file": "a.conf",
        "line": 1,
        "column": 14,
        "end_line": 1,
        "end_column": 47,
        "id": UNSET,
        "title": "Ensure upstream certificate verification is enabled",
        "severity": "HIGH",
        "level": "error",
        "resource": "location(/).proxy_pass",
    }


def test_sarif_is_valid_and_complete(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tree, {"a.conf": BAD, "b.conf": BAD.replace(" }", f" }} # checkov:skip={UNSET}:why"), "c.conf": BAD[:-3]})

    code, out, _ = run(capsys, "--format", "sarif")

    log = json.loads(out)
    assert code == 2
    assert schema_errors(log) == []
    (made,) = log["runs"]
    assert made["tool"]["driver"]["name"] == "checkov-nginx-tls"
    assert [(one["ruleId"], "suppressions" in one) for one in made["results"]] == [(UNSET, False), (UNSET, True)]
    (invocation,) = made["invocations"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "c.conf"}


def test_more_results_than_github_takes_are_announced(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkov_nginx_tls.sarif.RESULT_LIMIT", 1)
    write(tree, {"a.conf": BAD, "b.conf": BAD})

    assert "2 results, and GitHub refuses files with more than 1" in run(capsys, "--format", "sarif")[2]
    assert run(capsys)[2] == ""


def test_the_sarif_sdk_has_nothing_against_it(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = write(tree, {"lint.sarif": run(capsys, "--format", "sarif", OBJECTS)[1]}) / "lint.sarif"

    assert [one for one in validator_complaints(written) if "informationUri" not in one] == []


@pytest.mark.parametrize(
    "environment",
    [{}, {"CKV_IGNORED_DIRECTORIES": "vendor,build"}, {"CKV_IGNORE_HIDDEN_DIRECTORIES": "false"}],
    ids=["default", "names", "hidden"],
)
def test_it_leaves_out_what_checkov_leaves_out(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[filter_ignored_paths.__module__]
    for name in ("CKV_IGNORED_DIRECTORIES", "CKV_IGNORE_HIDDEN_DIRECTORIES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if "CKV_IGNORED_DIRECTORIES" in environment:
        monkeypatch.setattr(module, "ignored_directories", environment["CKV_IGNORED_DIRECTORIES"].split(","))
    monkeypatch.setattr(module, "IGNORE_HIDDEN_DIRECTORY_ENV", "CKV_IGNORE_HIDDEN_DIRECTORIES" not in environment)
    names = ["a", ".git", "node_modules", ".terraform", "vendor", "build", ".hidden.conf", "x.conf"]
    ours, theirs = list(names), list(names)

    keep_as_checkov("/x", ours)
    filter_ignored_paths("/x", theirs, None)

    assert ours == theirs


def test_a_given_directory_is_read_whatever_is_given_beside_it(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = "events {} http { include tls.conf; server { location / { proxy_pass https://a.example.com; } } }"
    settings = "proxy_ssl_verify on; proxy_ssl_trusted_certificate /ca.pem; proxy_ssl_server_name on;"
    write(tree, {"hidden/.h/nginx.conf": conf, "hidden/.h/tls.conf": settings})

    assert run(capsys, "hidden/.h/nginx.conf") == (0, "", "")
    assert run(capsys, "hidden", "hidden/.h/nginx.conf") == (0, "", "")


def test_a_reader_that_goes_away_is_no_error(tree: Path) -> None:
    write(tree, {"a.conf": "\n".join(BAD.replace("/ ", f"/{number} ").strip() for number in range(2000))})
    command = f"{sys.executable} -m checkov_nginx_tls lint | head -n 1"

    finished = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60)

    assert finished.stdout.startswith("a.conf:1:15: error")
    assert finished.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_output_encoding_will_do(tree: Path, encoding: str) -> None:
    write(tree, {"ä.conf": BAD})
    (tree / os.fsdecode(b"\xff.conf")).write_text(BAD)

    finished = subprocess.run(
        [sys.executable, "-m", "checkov_nginx_tls", "lint"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
        timeout=60,
    )

    names = [line.split(b":")[0].decode(encoding) for line in finished.stdout.splitlines()]
    assert names == [r"\xe4.conf" if encoding == "ascii" else "ä.conf", r"\xff.conf"]
    assert (finished.returncode, finished.stderr) == (1, b"")


def test_it_starts_without_checkov(tree: Path) -> None:
    write(tree, {"a.conf": BAD, "ingress.yaml": (OBJECTS / INGRESS / "fail_turned_off.yaml").read_text()})
    program = (
        "import sys\nfrom checkov_nginx_tls.cli import main\nmain(['lint'])\n"
        "heavy = 'checkov.main checkov.common.runners.base_runner checkov.runner_filter networkx'.split()\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert len(finished.stdout.splitlines()) == 2
    assert finished.stderr == "[]\n"


@pytest.mark.benchmark
def test_it_takes_less_than_half_a_second() -> None:
    resource = pytest.importorskip("resource", reason="no processor times of other processes here")

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "checkov_nginx_tls", "lint", str(DEMO)]
        subprocess.run(command, capture_output=True, check=False, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return float(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

    assert min(seconds() for _ in range(5)) < 0.5
