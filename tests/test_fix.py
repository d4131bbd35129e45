"""``checkov-nginx-tls fix`` as a user runs it: on the cases below tests/fixtures/fixes, and in all other ways."""

from __future__ import annotations

import io
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.cli import main
from checkov_nginx_tls.fixes import MENDED, Fix, Refusal, Trust, World, fix_for
from checkov_nginx_tls.fixes.mending import mend
from oracle_certificates import make_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from checkov_nginx_tls.analysis import Analysis

FIXES = Path(__file__).parent / "fixtures" / "fixes"
CASES = sorted(path for path in FIXES.iterdir() if path.is_dir())
DEMO = Path(__file__).parent / "fixtures" / "demo"

PUBLIC = "location / {\n    proxy_pass https://api.vendor.io;\n}\n"
PUBLIC_MENDED = (
    "location / {\n    proxy_pass https://api.vendor.io;\n    proxy_ssl_verify on;\n"
    "    proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;\n    proxy_ssl_verify_depth 2;\n"
    "    proxy_ssl_server_name on;\n}\n"
)
PRIVATE = "location / {\n    proxy_pass https://app.internal;\n}\n"


class Result(NamedTuple):
    """What one run of the command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., Result]:
    """Runs the command in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes | None = None) -> Result:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(["fix", *arguments])
        out, err = capfdbinary.readouterr()
        return Result(code, out.decode("utf-8", "surrogateescape"), err.decode())

    return run


def files_in(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def lay_out(case: Path, target: Path) -> dict[str, bytes]:
    """Write the files of a case, and say what they have to become."""
    if (case / "before").is_dir():
        shutil.copytree(case / "before", target, dirs_exist_ok=True)
        after = files_in(case / "after") if (case / "after").is_dir() else {}
        return {**files_in(target), **after}
    shutil.copy(case / "before.conf", target / "nginx.conf")
    after_file = case / "after.conf"
    return {"nginx.conf": (after_file if after_file.exists() else case / "before.conf").read_bytes()}


def failing(path: Path) -> set[str]:
    outcomes = analyse(str(path)).outcomes
    return {outcome.check.id for outcome in outcomes if outcome.result is CheckResult.FAILED}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, tmp_path: Path, fix: Callable[..., Result]) -> None:
    expected = lay_out(case, tmp_path)
    before = files_in(tmp_path)
    options = shlex.split((case / "options").read_text()) if (case / "options").exists() else []
    refused = (case / "refused").read_text().splitlines() if (case / "refused").exists() else []

    shown = fix(".", *options)
    assert files_in(tmp_path) == before, "without --write nothing is written"
    assert bool(shown.out) == (expected != before)
    assert sorted(line for line in shown.err.splitlines() if " not mended: " in line) == refused
    assert shown.code == (2 if refused else 1 if expected != before else 0)

    written = fix(".", *options, "--write")
    assert files_in(tmp_path) == expected
    assert written.code == shown.code

    again = fix(".", *options)
    assert again.out == ""
    assert again.code == (2 if refused else 0)
    if "--check" not in options:
        assert failing(tmp_path) & MENDED.keys() == {line.split(": ")[1].split()[0] for line in refused}


def test_every_rule_that_is_mended_has_cases() -> None:
    numbers = {case.name[:2] for case in CASES if case.name[0].isdigit()}
    assert numbers == {check_id[-2:] for check_id in MENDED}


# ------------------------------------------------------------------------------------------------- what is printed


@pytest.mark.parametrize("program", ["git apply --whitespace=nowarn -", "patch --binary -p1"])
def test_the_diff_can_be_applied(program: str, tmp_path: Path, fix: Callable[..., Result]) -> None:
    if shutil.which(program.partition(" ")[0]) is None:
        pytest.skip("not here")
    texts = {
        "a.conf": PUBLIC.encode(),
        "sub dir/b.conf": b"location / {\r\n\tproxy_pass https://api.vendor.io; # \xff\r\n}",
        "c.conf": b"proxy_pass https://api.vendor.io;",
        "with blanks.conf": PUBLIC.encode(),
        'with a tab\t, "quotes" and a \\.conf': PUBLIC.encode(),
        "é\N{SNOWMAN}.conf": PUBLIC.encode(),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text)
    diff = fix(".").out.encode("utf-8", "surrogateescape")
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    subprocess.run(program.split(), input=diff, check=True)
    applied = {name: (tmp_path / name).read_bytes() for name in texts}
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
    assert fix(".", "--write").code == 1
    assert applied == {name: (tmp_path / name).read_bytes() for name in texts}
    assert applied["a.conf"] == PUBLIC_MENDED.encode()


def test_the_diff_is_coloured_on_a_terminal(
    tmp_path: Path, fix: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.conf").write_text(PUBLIC)
    assert "\x1b[" not in fix("a.conf").out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = fix("a.conf").out.splitlines()
    assert "\x1b[32m+    proxy_ssl_verify on;\x1b[0m" in lines
    assert "\x1b[1m--- a/a.conf\x1b[0m" in lines
    assert " location / {" in lines
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in fix("a.conf").out


def test_a_terminal_is_shown_nothing_that_it_obeys(
    tmp_path: Path, fix: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.conf").write_text(PUBLIC + "# \x1b[2J\n")
    assert "# \x1b[2J" in fix("a.conf").out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    out = fix("a.conf").out
    assert "\x1b" not in out
    assert "# \\x1b[2J" in out


def test_paths_are_relative_to_the_current_directory(tmp_path: Path, fix: Callable[..., Result]) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.conf").write_text(PRIVATE)
    assert fix("conf").err.startswith("conf/a.conf:2: CKV_NGINX_CUSTOM_03 not mended: ")
    assert fix(str(tmp_path / "conf" / "a.conf")).err.startswith("conf/a.conf:2: CKV_NGINX_CUSTOM_03 not mended: ")


def test_refusals_name_lines_of_the_files_as_they_are(tmp_path: Path, fix: Callable[..., Result]) -> None:
    (tmp_path / "a.conf").write_text(PUBLIC + PRIVATE.replace("/", "/b/", 1))
    assert fix(".").err.startswith("a.conf:5: CKV_NGINX_CUSTOM_03 not mended: ")
    assert fix(".", "--write").err.startswith("a.conf:9: CKV_NGINX_CUSTOM_03 not mended: ")


def test_the_summary_counts_and_names_bundles(tmp_path: Path, fix: Callable[..., Result]) -> None:
    (tmp_path / "a.conf").write_text(PUBLIC)
    (tmp_path / "b.conf").write_text(PUBLIC)
    assert fix(".").err == (
        "2 findings in 2 files can be mended (--write does it)\n"
        "nginx must find /etc/ssl/certs/ca-certificates.crt where it runs, and does not start without\n"
    )
    written = fix(".", "--write")
    assert written.out == "mended a.conf\nmended b.conf\n"
    assert written.err.startswith("2 findings in 2 files mended\n")
    assert fix(".").err == "nothing to change\n"


def test_findings_that_nobody_mends_are_mentioned(tmp_path: Path, fix: Callable[..., Result]) -> None:
    (tmp_path / "nginx.conf").write_text(
        "events {}\nhttp { server { location / { proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;"
        " proxy_ssl_verify_depth 2; proxy_ssl_server_name on; proxy_pass https://app.internal; } } }\n"
    )
    (tmp_path / "ca.pem").write_text("")
    result = fix(".")
    assert result.code == 0
    assert result.err == "nothing to change; findings of CKV_NGINX_CUSTOM_12 are for you\n"


# ------------------------------------------------------------------------------------------------- standard input


def test_a_fragment_from_standard_input(fix: Callable[..., Result]) -> None:
    assert fix("-", stdin=PUBLIC.encode()) == Result(1, PUBLIC_MENDED, "")
    assert fix("-", stdin=PUBLIC_MENDED.encode()) == Result(0, PUBLIC_MENDED, "")
    refused = fix("-", stdin=PRIVATE.encode())
    assert (refused.code, refused.out) == (2, PRIVATE)
    assert refused.err.startswith('<stdin>:2: CKV_NGINX_CUSTOM_03 not mended: "app.internal" is no public DNS name')
    with_ca = fix("-", "--ca", "/etc/nginx/ca.pem", stdin=PRIVATE.encode())
    assert with_ca.code == 1
    assert "    proxy_ssl_trusted_certificate /etc/nginx/ca.pem;\n" in with_ca.out


def test_standard_input_that_is_nothing_comes_out_as_it_is(fix: Callable[..., Result]) -> None:
    assert fix("-", stdin=b"") == Result(0, "", "")
    assert fix("-", stdin=b"root /srv;\n") == Result(0, "root /srv;\n", "")


def test_standard_input_that_cannot_be_read_comes_out_as_it_is(fix: Callable[..., Result]) -> None:
    broken = "location / {\n    proxy_pass https://api.vendor.io;\n"
    result = fix("-", stdin=broken.encode())
    assert (result.code, result.out) == (2, broken)
    assert result.err == '<stdin>:3: not read: unexpected end of file, expecting "}" for "location" of line 1\n'


def test_standard_input_that_is_no_configuration_is_named(fix: Callable[..., Result]) -> None:
    result = fix("-", stdin=b"server { location / { proxy_pass\n")
    assert (result.code, result.out) == (2, "server { location / { proxy_pass\n")
    assert result.err == '<stdin>:2: not read: unexpected end of file, expecting ";" or "}"\n'


def test_standard_input_reads_no_file(tmp_path: Path, fix: Callable[..., Result]) -> None:
    (tmp_path / "tls.conf").write_text("proxy_ssl_verify_depth 3;\n")
    text = "location / {\n    include tls.conf;\n    proxy_pass https://api.vendor.io;\n}\n"
    result = fix("-", stdin=text.encode())
    assert (result.code, result.out) == (2, text)
    assert 'the file of include "tls.conf" (<stdin>:2) is not here' in result.err


def test_standard_input_that_stands_for_a_file(tmp_path: Path, fix: Callable[..., Result]) -> None:
    yaml = "kind: ConfigMap\nmetadata: {name: web}\ndata:\n  a.conf: |\n" + "".join(
        f"    {line}\n" for line in PUBLIC.splitlines()
    )
    mended = fix("-", "--stdin-filename", "deploy/cm.yaml", stdin=yaml.encode())
    assert (mended.code, mended.err) == (1, "")
    assert "\n        proxy_ssl_verify on;\n" in mended.out
    (tmp_path / "tls.conf").write_text("proxy_ssl_verify off;\n")
    text = "location / {\n    include tls.conf;\n    proxy_pass https://api.vendor.io;\n}\n"
    result = fix("-", "--stdin-filename", "a.conf", stdin=text.encode())
    assert result == Result(
        2, text, "tls.conf:1: CKV_NGINX_CUSTOM_01 not mended: it is mended in tls.conf: run fix there\n"
    )
    assert (tmp_path / "tls.conf").read_text() == "proxy_ssl_verify off;\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.conf").write_text(PUBLIC)
    command = f"{sys.executable} -m checkov_nginx_tls fix . | head -n 1"
    result = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout == "--- a/0.conf\n"
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("300 findings in 300 files can be mended")


# ------------------------------------------------------------------------------------------------- what is asked


def test_what_could_not_be_read_is_said_and_the_rest_is_mended(tmp_path: Path, fix: Callable[..., Result]) -> None:
    (tmp_path / "a.conf").write_text(PUBLIC)
    (tmp_path / "b.conf").write_text("server { proxy_ssl_verify off;\n")
    result = fix(".", "--write")
    assert result.code == 2
    assert result.out == "mended a.conf\n"
    assert result.err.startswith("b.conf:2: not read: unexpected end of file")


def test_files_and_directories_together(tmp_path: Path, fix: Callable[..., Result]) -> None:
    for name in ("x/a.conf", "x/deep/b.conf", "y/c.conf", "y/d.conf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(PUBLIC)
    result = fix("x", "x/deep", "x/a.conf", "y/c.conf", "--write")
    assert result.out == "mended x/a.conf\nmended x/deep/b.conf\nmended y/c.conf\n"
    assert (tmp_path / "y" / "d.conf").read_text() == PUBLIC


def test_what_is_hidden_or_of_other_people_is_left_alone(tmp_path: Path, fix: Callable[..., Result]) -> None:
    for name in (".git/a.conf", "node_modules/x/b.conf", ".hidden.conf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(PUBLIC)
    assert fix() == Result(0, "", "nothing to change\n")
    assert fix(".hidden.conf").code == 1
    assert fix(".", ".hidden.conf").out.startswith("--- a/.hidden.conf\n")


CHECKED = (
    "location / {\n    proxy_ssl_verify on;\n    proxy_ssl_trusted_certificate /ca.pem;\n"
    "    proxy_ssl_protocols TLSv1 TLSv1.2;\n    proxy_ssl_ciphers ALL;\n    proxy_ssl_name $host;\n"
    "    proxy_pass https://api.vendor.io;\n}\n"
)
"""Findings of 06 (HIGH), 10 and 11 (MEDIUM); 09 (LOW) comes when 06 is mended."""


@pytest.mark.parametrize(
    ("options", "mended"),
    [
        (("--check", "CKV_NGINX_CUSTOM_10"), {"10"}),
        (("--check", "ckv_nginx_custom_10,CKV_NGINX_CUSTOM_11"), {"10", "11"}),
        (("--check", "CKV_NGINX_CUSTOM_10", "--check", "CKV_NGINX_CUSTOM_11"), {"10", "11"}),
        (("--check", "CKV_NGINX_CUSTOM_10", "CKV_NGINX_CUSTOM_11"), {"10", "11"}),
        (("--check", "CKV_NGINX_CUSTOM_10", "a.conf"), {"10"}),
        (("--check", "CKV_NGINX_CUSTOM_1?"), {"10", "11"}),
        (("--check", "10"), {"10"}),
        (("--check", "6"), {"06"}),
        (("--check", "HIGH"), {"06"}),
        (("--check", "medium"), {"06", "10", "11"}),
        (("--check", "*"), {"06", "10", "11"}),
        ((), {"06", "10", "11"}),
    ],
)
def test_selecting_checks(
    options: tuple[str, ...], mended: set[str], tmp_path: Path, fix: Callable[..., Result]
) -> None:
    file = tmp_path / "a.conf"
    file.write_text(CHECKED)
    paths = () if "a.conf" in options else ("a.conf",)
    assert fix(*paths, *options, "--write").code == 1
    assert failing(tmp_path) & {f"CKV_NGINX_CUSTOM_{number}" for number in ("06", "10", "11")} == {
        f"CKV_NGINX_CUSTOM_{number}" for number in {"06", "10", "11"} - mended
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "nowhere does not exist"),
        (("-", "."), "standard input (-) is read alone: leave the other paths out"),
        (("-", "--write"), "--write needs files: what is read from standard input is printed"),
        (("--stdin-filename", "a.conf", "."), "--stdin-filename needs the path -, which stands for the standard input"),
        (("--check", "CKV_NGINX_CUSTOM_99", "."), 'there is no nginx rule "CKV_NGINX_CUSTOM_99"; '),
        (("--check", "CKV_AWS_1", "."), 'there is no nginx rule "CKV_AWS_1"; '),
        (("--check", "CKV_NGINX_CUSTOM_12", "."), "findings of CKV_NGINX_CUSTOM_12 cannot be mended automatically; "),
        (("--ca", "{{ ca }}", "."), '--ca "{{ ca }}" cannot be written into a configuration'),
        (("--ca", "/a;b", "."), '--ca "/a;b" cannot be written into a configuration'),
        (("--ca", "", "."), '--ca "" cannot be written into a configuration'),
        (("--system-ca", "/etc", "."), "--system-ca /etc is a directory; nginx reads a PEM file"),
        (("--ca", "empty.pem", "."), "--ca empty.pem is no PEM file with CA certificates, which nginx needs"),
    ],
)
def test_one_line_says_what_is_wrong_with_a_call(
    arguments: tuple[str, ...], message: str, tmp_path: Path, fix: Callable[..., Result]
) -> None:
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "a.conf").write_text(PUBLIC)
    result = fix(*arguments, stdin=b"")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"checkov-nginx-tls fix: {message}")
    assert result.err.count("\n") == 1
    assert (tmp_path / "a.conf").read_text() == PUBLIC


def test_a_bundle_that_is_here_may_be_named(tmp_path: Path, fix: Callable[..., Result]) -> None:
    make_certificates(tmp_path)
    assert fix("-", "--ca", "root.pem", stdin=PRIVATE.encode()).code == 1


# ------------------------------------------------------------------------------------------------- trusted certificates


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("https://api.vendor.io", "system"),
        ("https://backend.example.com", "ca"),
        ("https://api.svc.cluster.local", "ca"),
        ("https://core", "ca"),
        ("https://10.0.0.1", None),
    ],
)
def test_who_signs_the_certificate(target: str, expected: str | None, fix: Callable[..., Result]) -> None:
    text = f"location / {{ proxy_pass {target}; }}\n"
    result = fix("-", "--ca", "ca", "--system-ca", "system", stdin=text.encode())
    written = f"proxy_ssl_trusted_certificate {expected};" if expected is not None else ""
    assert written in result.out
    assert result.code == (2 if expected is None else 1)


def test_names_of_documentation_count_as_public_ones_without_ca(fix: Callable[..., Result]) -> None:
    result = fix("-", stdin=b"location / { proxy_pass https://backend.example.com; }\n")
    assert "proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;" in result.out


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("FROM nginx:1.29\n", "/etc/ssl/certs/ca-certificates.crt"),
        ("FROM nginx:alpine\n", "/etc/ssl/certs/ca-certificates.crt"),
        ("FROM rockylinux:9\nRUN dnf install -y nginx\n", "/etc/pki/tls/certs/ca-bundle.crt"),
        ("FROM opensuse/leap\nRUN zypper install nginx\n", "/etc/ssl/ca-bundle.pem"),
        ("FROM fedora AS build\nRUN make\nFROM nginx\nCOPY --from=build x y\n", "/etc/ssl/certs/ca-certificates.crt"),
        (
            "FROM --platform=linux/amd64 fedora AS base\nFROM base\nRUN dnf install nginx\n",
            "/etc/pki/tls/certs/ca-bundle.crt",
        ),
        ("FROM fedora\nRUN dnf install python3\n", "/etc/ssl/certs/ca-certificates.crt"),
    ],
)
def test_the_system_bundle_of_an_image(
    dockerfile: str, expected: str, tmp_path: Path, fix: Callable[..., Result]
) -> None:
    (tmp_path / "deploy" / "conf.d").mkdir(parents=True)
    (tmp_path / "Dockerfile").write_text("FROM opensuse\nRUN zypper install nginx # for something else\n")
    (tmp_path / "deploy" / "Dockerfile").write_text(dockerfile)
    (tmp_path / "deploy" / "conf.d" / "a.conf").write_text(PUBLIC)
    has_nginx = "nginx" in dockerfile
    expected = expected if has_nginx else "/etc/ssl/ca-bundle.pem"
    assert f"+    proxy_ssl_trusted_certificate {expected};" in fix(".").out.splitlines()


def test_depth_nought_below_an_intermediate(tmp_path: Path, fix: Callable[..., Result]) -> None:
    directory = make_certificates(tmp_path).directory
    pem = (directory / "root.pem").read_text() + (directory / "intermediate_only.pem").read_text()
    (tmp_path / "ca.pem").write_text(pem)
    (tmp_path / "nginx.conf").write_text(
        "events {}\nhttp {\n    proxy_ssl_verify on;\n    proxy_ssl_trusted_certificate ca.pem;\n"
        "    proxy_ssl_verify_depth 0;\n    proxy_ssl_server_name on;\n    server {\n        location / {\n"
        "            proxy_pass https://backend.test;\n        }\n    }\n}\n"
    )
    assert failing(tmp_path) == {"CKV_NGINX_CUSTOM_08"}
    assert fix("nginx.conf", "--write").code == 1
    assert "    proxy_ssl_verify_depth 2;\n" in (tmp_path / "nginx.conf").read_text()
    assert failing(tmp_path) == set()


# ------------------------------------------------------------------------------------------------- as a library


def test_one_finding_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.conf"
    file.write_text(PUBLIC + PRIVATE.replace("/", "/b/", 1))
    analysis = analyse(str(tmp_path))
    world = World(analysis)
    fixes = [
        fix_for(outcome, world, Trust())
        for outcome in analysis.outcomes
        if outcome.result is CheckResult.FAILED and outcome.check.id == "CKV_NGINX_CUSTOM_03"
    ]
    made = fixes[0]
    assert isinstance(made, Fix)
    assert [(edit.source.path, edit.start, edit.end) for edit in made.edits] == [(str(file.resolve()), 50, 50)]
    assert made.edits[0].text.startswith("\n    proxy_ssl_verify on;\n")
    assert made.description == "Turn verification on, with what it needs to succeed."
    assert isinstance(fixes[1], Refusal)
    assert fixes[1].outcome.start_line == 5
    assert file.read_text() == PUBLIC + PRIVATE.replace("/", "/b/", 1)


def test_findings_of_other_rules_have_no_fix(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text(
        "server { location / { content_by_lua_block { c:sslhandshake(nil, n, false) } } }\n"
    )
    analysis = analyse(str(tmp_path))
    failed = [outcome for outcome in analysis.outcomes if outcome.result is CheckResult.FAILED]
    assert [outcome.check.id for outcome in failed] == ["CKV_NGINX_CUSTOM_15"]
    assert fix_for(failed[0], World(analysis), Trust()) is None


def test_a_harmful_fix_does_not_keep_others_from_being_made(tmp_path: Path, fix: Callable[..., Result]) -> None:
    """What goes wrong is found by what it touches, not by trying each fix by itself."""
    (tmp_path / "ca.pem").write_text("no certificate\n")
    blocks = [
        f"    location /{number}/ {{\n        proxy_ssl_trusted_certificate {bundle};\n"
        f"        proxy_pass https://app{number}.internal;\n    }}\n"
        for number, bundle in enumerate(["ca.pem", "/etc/nginx/ca.pem"] * 20)
    ]
    (tmp_path / "nginx.conf").write_text(f"events {{}}\nhttp {{\nserver {{\n{''.join(blocks)}}}\n}}\n")
    scans = 0

    def scan(contents: Mapping[str, bytes]) -> Analysis:
        nonlocal scans
        scans += 1
        return analyse(str(tmp_path), contents=contents)

    mending = mend(scan, Trust(), lambda _check_id: True)
    assert len(mending.mended) == 20
    assert len(mending.refusals) == 20
    assert all("it would bring CKV_NGINX_CUSTOM_12 in " in refusal.reason for refusal in mending.refusals)
    text = mending.after[str((tmp_path / "nginx.conf").resolve())].decode()
    for number, block in enumerate(text.split("    location ")[1:]):
        assert ("proxy_ssl_verify on;" in block) == bool(number % 2)
    assert scans < 5


def test_certificates_that_expire_soon_are_no_reason_not_to_verify(tmp_path: Path, fix: Callable[..., Result]) -> None:
    directory = make_certificates(tmp_path).directory
    (tmp_path / "nginx.conf").write_text(
        "events {}\nhttp {\n    server {\n        location / {\n            proxy_pass https://app.internal;\n"
        "            proxy_ssl_trusted_certificate root_expiring.pem;\n        }\n    }\n}\n"
    )
    assert (directory / "root_expiring.pem").exists()
    result = fix("nginx.conf", "--write")
    assert result.code == 1
    assert "findings of CKV_NGINX_CUSTOM_13 are for you" in result.err


def test_the_demonstration_is_mended_as_far_as_it_goes(tmp_path: Path, fix: Callable[..., Result]) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    result = fix("demo", "--ca", "tls/internal-ca.pem", "--write")
    assert result.code == 2
    assert result.out.splitlines() == [
        "mended demo/nginx/conf.d/office.conf",
        "mended demo/nginx/edge.conf",
        "mended demo/nginx/snippets/legacy-upstream.conf",
    ]
    assert failing(tmp_path / "demo") == {"CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_03"}
