"""Rules 12 and 13, and what rule 08 says of bundles: which file a directive names, and what is said of it."""

from __future__ import annotations

import base64
import datetime as dt
import logging
import shutil
import subprocess
from textwrap import dedent, indent
from typing import TYPE_CHECKING, NamedTuple, Union

import pytest
from checkov.common.models.enums import CheckResult

from bundle_files import (
    EXPIRED,
    INTERMEDIATE,
    LEAF,
    ROOT,
    RULES,
    fixture_files,
    issue,
    pem_block,
    trusted_certificate,
)
from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.bundles import faults
from checkov_nginx_tls.certificates import read_bundle
from checkov_nginx_tls.checks import upstream_bundle_expiring
from checkov_nginx_tls.formats.containers import config_map_texts
from checkov_nginx_tls.formats.yaml_documents import documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from checkov_nginx_tls.analysis import Analysis

NOW = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.timezone.utc)
DAY = dt.timedelta(days=1)
ENDING = issue("Ending Root", ends=NOW + 20 * DAY)

Tree = dict[str, Union[str, bytes]]


def verified(bundle: str, settings: str = "", target: str = "https://backend.example.com") -> str:
    """A main file with one verified connection, the bundle in line 6."""
    return (
        f"events {{}}\nhttp {{\nserver {{\nlisten 80;\nproxy_ssl_verify on;\nproxy_ssl_trusted_certificate {bundle};\n"
        f"{settings}\nlocation / {{ proxy_pass {target}; }}\n}}\n}}\n"
    )


def scan(root: Path, tree: Mapping[str, str | bytes]) -> Analysis:
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
    return analyse(str(root), now=NOW)


def said(analysis: Analysis) -> list[str]:
    """``ID result file:line`` of what 12 and 13 say, their passes left out."""
    assert analysis.problems == ()
    words = {CheckResult.FAILED: "failed", CheckResult.UNKNOWN: "undecided", CheckResult.SKIPPED: "skipped"}
    return [
        f"{one.check.id[-2:]} {words[one.result]} {one.path.rpartition('/')[2]}:{one.start_line}"
        for one in analysis.outcomes
        if one.check.id[-2:] in {"12", "13"} and one.result in words
    ]


def messages(analysis: Analysis) -> str:
    return "\n".join(one.message for one in analysis.outcomes if one.check.id[-2:] in {"12", "13"})


def test_the_fixtures_are_what_the_script_makes() -> None:
    written = {
        str(path.relative_to(RULES)): path.read_bytes()
        for rule in ("CKV_NGINX_CUSTOM_12", "CKV_NGINX_CUSTOM_13")
        for path in (RULES / rule).rglob("*")
        if path.is_file() and path.suffix in {".pem", ".crt", ".j2"}
    }
    assert written == fixture_files()


def test_no_fixture_holds_a_private_key() -> None:
    assert not any(read_bundle(content).private_keys for content in fixture_files().values())


# which file it is


class Place(NamedTuple):
    """A tree in which ``nginx.conf``, or what ``tree`` holds instead, names a bundle; whether it is found."""

    name: str
    bundle: str
    tree: Tree
    found: bool = True
    main: str = "nginx.conf"


def copying(copied: str, main: str = "nginx.conf") -> str:
    """A Dockerfile that copies the main file to its place, and what its caller says."""
    return f"FROM nginx\nCOPY {main} /etc/nginx/nginx.conf\nCOPY {copied}\n"


PLACES = [
    Place("beside the main file", "ca.pem", {"ca.pem": "F"}),
    Place("in a directory", "tls/ca.pem", {"tls/ca.pem": "F"}),
    Place("a relative path in quotes", '"my ca.pem"', {"my ca.pem": "F"}),
    Place("another directory", "../ca.pem", {"ca.pem": "F"}, main="nginx/nginx.conf"),
    Place("relative paths do not start at the including file", "ca.pem", {"sub/ca.pem": "F"}, found=False),
    Place("outside the tree", "/etc/ssl/ca.pem", {}, found=False),
    Place("a variable", "$ca", {"ca.pem": "F"}, found=False),
    Place("a pattern is a name", "*.pem", {"tls/ca.pem": "F"}, found=False),
    Place("a directory", "tls", {"tls/ca.pem": "F"}, found=False),
    Place("a template of the name", "{{ ca }}", {"ca.pem": "F"}, found=False),
    Place(
        "COPY",
        "/run/ca.pem",
        {"Dockerfile": copying("certs/x.crt /run/ca.pem"), "certs/x.crt": "F"},
    ),
    Place(
        "COPY of a directory",
        "/etc/nginx/tls/ca.pem",
        {"Dockerfile": copying("docker/ /etc/nginx/"), "docker/tls/ca.pem": "F"},
    ),
    Place(
        "a relative path, deployed",
        "tls/ca.pem",
        {"Dockerfile": copying("certs /etc/nginx/tls", "conf/nginx.conf"), "certs/ca.pem": "F"},
        main="conf/nginx.conf",
    ),
    Place(
        "COPY from another image",
        "/run/ca.pem",
        {"Dockerfile": copying("--from=ca certs/x.crt /run/ca.pem"), "certs/x.crt": "F"},
        found=False,
    ),
    Place(
        "COPY of a template",
        "/run/ca.pem",
        {"Dockerfile": copying("ca.pem.tmpl /run/ca.pem"), "ca.pem.tmpl": "F"},
        found=False,
    ),
    Place(
        "a volume",
        "/etc/nginx/ca.pem",
        {
            "compose.yml": """
                services:
                  web:
                    image: nginx
                    volumes: [./nginx.conf:/etc/nginx/nginx.conf, ./secrets/upstream.pem:/etc/nginx/ca.pem:ro]
                """,
            "secrets/upstream.pem": "F",
        },
    ),
    Place(
        "a secret of compose",
        "/run/secrets/ca",
        {
            "compose.yml": """
                services:
                  web:
                    image: nginx
                    volumes: [./nginx.conf:/etc/nginx/nginx.conf]
                    secrets: [ca]
                secrets:
                  ca: {file: ./ca.pem}
                """,
            "ca.pem": "F",
        },
    ),
    Place("the end of the path", "/etc/nginx/tls/ca.pem", {"tls/ca.pem": "F"}),
    Place("more of the path", "/etc/nginx/tls/ca.pem", {"nginx/tls/ca.pem": "F"}, main="nginx/conf/nginx.conf"),
    Place("the whole path", "/etc/nginx/tls/ca.pem", {"rootfs/etc/nginx/tls/ca.pem": "F"}),
    Place("the name only", "/etc/nginx/ca.pem", {"certs/ca.pem": "F"}, found=False),
    Place("the name only, beside it", "/etc/nginx/ca.pem", {"ca.pem": "F"}, found=False),
    Place("the end of the path, a template", "/etc/nginx/tls/ca.pem", {"tls/ca.pem.j2": "F"}, found=False),
    Place("the end of the path, a sample", "/etc/nginx/tls/ca.pem", {"tls/ca.pem.example": "F"}, found=False),
    Place("another project's", "/etc/nginx/tls/ca.pem", {"b/tls/ca.pem": "F"}, found=False, main="a/nginx.conf"),
    Place("its tests'", "/etc/nginx/tls/ca.pem", {"tests/tls/ca.pem": "F"}, found=False),
    Place("a tree that is the machine's", "tls/ca.pem", {"etc/nginx/tls/ca.pem": "F"}, main="etc/nginx/nginx.conf"),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place.name))
def test_the_bundle_is_found_where_the_repository_keeps_it(place: Place, tmp_path: Path) -> None:
    tree = {name: INTERMEDIATE.pem if content == "F" else content for name, content in place.tree.items()}
    analysis = scan(tmp_path, {**tree, place.main: verified(place.bundle)})
    assert said(analysis) == (["12 failed nginx.conf:6"] if place.found else [])
    if place.found:
        (name,) = (name for name, content in place.tree.items() if content == "F")
        assert name in messages(analysis)


def config_map(name: str, **data: bytes | str) -> str:
    """A ConfigMap; in the names of keys ``_`` stands for a dot."""
    pairs = "".join(
        f"  {key.replace('_', '.')}: |\n{indent(text if isinstance(text, str) else text.decode(), '    ')}\n"
        for key, text in data.items()
    )
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{pairs}"


POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: proxy
spec:
  containers:
    - name: nginx
      image: nginx
      volumeMounts:
        - {name: conf, mountPath: /etc/nginx}
        - {name: ca, mountPath: /run/ca.pem, subPath: ca.pem}
  volumes:
    - {name: conf, configMap: {name: conf}}
    - {name: ca, configMap: {name: ca}}
"""


class TestConfigMaps:
    def test_a_bundle_in_another_one(self, tmp_path: Path) -> None:
        manifests = [config_map("conf", nginx_conf=verified("/run/ca.pem")), config_map("ca", ca_pem=INTERMEDIATE.pem)]
        analysis = scan(tmp_path, {"proxy.yaml": "---\n".join([*manifests, POD])})
        assert said(analysis) == ["12 failed proxy.yaml:12"]
        assert messages(analysis).startswith("proxy.yaml[ConfigMap/ca.data[ca.pem]], the CA bundle of https://")
        assert "openssl x509 -in root.pem >> ca.pem" in messages(analysis)

    def test_a_bundle_in_the_same_one(self, tmp_path: Path) -> None:
        both = config_map("conf", nginx_conf=verified("tls.pem"), tls_pem=ROOT.pem + EXPIRED.pem)
        assert said(scan(tmp_path, {"proxy.yaml": f"{both}---\n{POD}"})) == ["13 failed proxy.yaml:12"]

    def test_a_bundle_in_a_list(self, tmp_path: Path) -> None:
        both = config_map("conf", nginx_conf=verified("tls.pem"), tls_pem=INTERMEDIATE.pem)
        listed = "kind: List\nitems:\n" + "".join(f"  - {indent(one, '    ').lstrip()}" for one in (both, POD))
        assert [line.partition(":")[0] for line in said(scan(tmp_path, {"proxy.yaml": listed}))] == [
            "12 failed proxy.yaml"
        ]

    def test_a_chart_that_copies_it_in(self, tmp_path: Path) -> None:
        conf = config_map("conf", nginx_conf=verified("/run/ca.pem"))
        ca = config_map("ca", ca_pem='{{ .Files.Get "ca.pem" | indent 4 }}')
        assert said(scan(tmp_path, {"proxy.yaml": f"{conf}---\n{ca}---\n{POD}"})) == []

    @pytest.mark.parametrize("tag", ["# {{ .Values.note }}", "{{- if .Values.on }}", "{{ .Values.more }}: b"])
    def test_a_bundle_in_a_chart_that_is_there_in_full(self, tmp_path: Path, tag: str) -> None:
        end = "{{- end }}\n" if "if" in tag else ""
        ca = config_map("ca", ca_pem=INTERMEDIATE.pem).replace("\ndata:\n", f"\n{tag}\ndata:\n") + end
        conf = config_map("conf", nginx_conf=verified("/run/ca.pem"))
        assert len(said(scan(tmp_path, {"proxy.yaml": f"{conf}---\n{ca}---\n{POD}"}))) == 1

    @pytest.mark.parametrize(
        "manifest",
        [
            "",
            "a: [",
            "[" * 100_000,
            "kind: ConfigMap",
            "kind: ConfigMap\ndata: []\nmetadata: 3",
            "? [a]\n: b",
            "\0",
            "a: &a [*a]",
        ],
    )
    def test_odd_manifests(self, manifest: str) -> None:
        assert config_map_texts(documents(manifest)) == {}


# what is judged


class Case(NamedTuple):
    """What 12 and 13 say of a main file beside ``a.pem`` (unusable), ``b.pem`` (good) and ``c.pem`` (ends soon)."""

    name: str
    text: str
    expected: list[str]


EITHER = verified("a.pem;\n{% else %}\nproxy_ssl_trusted_certificate OTHER", "{% endif %}").replace(
    "proxy_ssl_trusted_certificate a", "{% if x %}\nproxy_ssl_trusted_certificate a"
)

CASES = [
    Case("a usable bundle", verified("b.pem"), []),
    Case("an anchor that ends soon", verified("c.pem"), ["13 failed nginx.conf:6"]),
    Case("no bundle", verified('""'), []),
    Case("not verified", verified("a.pem").replace("verify on", "verify off"), []),
    Case("plain text", verified("a.pem", target="http://backend.example.com"), []),
    Case("plain text at run time", verified("a.pem", target="http://127.0.0.1$uri"), []),
    Case("TLS or not", verified("a.pem", target="$arg_s://backend.example.com"), ["12 failed nginx.conf:6"]),
    Case("not known whether TLS", verified("a.pem", target="{{ s }}://b.example.com"), ["12 undecided nginx.conf:8"]),
    Case("not known, and it ends", verified("c.pem", target="{{ s }}://b.example.com"), ["13 undecided nginx.conf:8"]),
    Case("the pass serves nothing", verified("a.pem", "return 204;"), []),
    Case("hidden", verified("a.pem").replace("/ {", "/ { proxy_ssl_trusted_certificate b.pem;"), []),
    Case("of another module", verified("a.pem").replace("proxy_ssl_t", "grpc_ssl_t"), []),
    Case("skipped", verified("a.pem; # checkov:skip=CKV_NGINX_CUSTOM_12:not this one"), ["12 skipped nginx.conf:6"]),
    Case(
        "one directive, two passes",
        verified("a.pem", "location /b { proxy_pass https://b.example.com; }"),
        ["12 failed nginx.conf:6"],
    ),
    Case("a template's arms agree", EITHER.replace("OTHER", "a.pem"), ["12 failed nginx.conf:9"]),
    Case("a template's arms disagree", EITHER.replace("OTHER", "b.pem"), []),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_what_is_judged(case: Case, tmp_path: Path) -> None:
    tree: Tree = {"a.pem": LEAF.pem, "b.pem": ROOT.pem, "c.pem": ROOT.pem + ENDING.pem, "nginx.conf": case.text}
    assert said(scan(tmp_path, tree)) == case.expected


def test_what_keeps_nginx_from_starting_needs_no_request(tmp_path: Path) -> None:
    for number, text in enumerate(
        (
            verified("a.pem", target="http://127.0.0.1$uri"),
            verified("a.pem", "return 204;"),
            verified("a.pem", target="{{ s }}://backend.example.com$uri"),
        )
    ):
        analysis = scan(tmp_path / str(number), {"a.pem": b"", "nginx.conf": text})
        assert said(analysis) == ["12 failed nginx.conf:6"]


def test_a_snippet_names_one_file_in_each_configuration(tmp_path: Path) -> None:
    snippet = "proxy_ssl_verify on;\nproxy_ssl_trusted_certificate ca.pem;\n"
    main = "events {}\nhttp { server { location / { include ../snippet.conf; proxy_pass https://b.example.com; } } }\n"
    tree: Tree = {
        "snippet.conf": snippet,
        "a/nginx.conf": main,
        "a/ca.pem": LEAF.pem,
        "b/nginx.conf": main,
        "b/ca.pem": b"",
    }
    analysis = scan(tmp_path, tree)
    assert said(analysis) == ["12 failed snippet.conf:2"]
    assert "a/ca.pem, the CA bundle of https://b.example.com (a/nginx.conf:2)" in messages(analysis)
    assert "b/ca.pem, the CA bundle of https://b.example.com (b/nginx.conf:2)" in messages(analysis)


def test_one_bundle_is_unusable_or_ends_soon_and_never_both(tmp_path: Path) -> None:
    for number, (content, expected) in enumerate(
        (
            (EXPIRED.pem, "12"),
            (ENDING.pem, "13"),
            (ENDING.pem + LEAF.pem[:90], "12"),
            (ENDING.pem + ROOT.key_pem, "12"),
            (EXPIRED.pem + ROOT.pem, "13"),
        )
    ):
        analysis = scan(tmp_path / str(number), {"nginx.conf": verified("ca.pem"), "ca.pem": content})
        assert said(analysis) == [f"{expected} failed nginx.conf:6"]


def test_the_date_is_said(tmp_path: Path) -> None:
    content = ROOT.pem + ENDING.pem + EXPIRED.pem
    message = messages(scan(tmp_path, {"nginx.conf": verified("ca.pem"), "ca.pem": content}))
    assert '"CN=Expired Test Root" expired on 2001-02-03 (UTC), "CN=Ending Root" expires on 2026-03-21 (UTC)' in message


def test_passes_are_reported_at_the_pass(tmp_path: Path) -> None:
    analysis = scan(tmp_path, {"nginx.conf": verified("ca.pem"), "ca.pem": ROOT.pem})
    passed = {one.check.id[-2:]: one.start_line for one in analysis.outcomes if one.result is CheckResult.PASSED}
    assert (passed["12"], passed["13"]) == (8, 8)


def test_the_finding_points_to_the_documentation_of_the_directive(tmp_path: Path) -> None:
    settings = "proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate a.pem;"
    text = f"events {{}}\nstream {{ server {{ listen 1; {settings} proxy_pass b.example.com:1; }} }}\n"
    analysis = scan(tmp_path, {"nginx.conf": text, "a.pem": LEAF.pem})
    (failed,) = (one for one in analysis.outcomes if one.check.id[-2:] == "12")
    assert (
        failed.guideline
        == "https://nginx.org/en/docs/stream/ngx_stream_proxy_module.html#proxy_ssl_trusted_certificate"
    )


def test_no_key_material_leaves_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = issue("Throw-away Test Root")
    analysis = scan(tmp_path, {"nginx.conf": verified("ca.pem"), "ca.pem": key.pem + key.key_pem})
    assert said(analysis) == ["12 failed nginx.conf:6"]
    secret = key.key_pem.splitlines()[1].decode()
    seed = base64.b64encode(base64.b64decode(secret)[-32:]).decode()
    for text in (repr(analysis), caplog.text, repr(read_bundle(key.pem + key.key_pem))):
        assert secret[:40] not in text
        assert seed[:20] not in text


def test_a_bundle_is_read_for_the_time_of_the_scan(tmp_path: Path) -> None:
    tree: Tree = {"nginx.conf": verified("ca.pem"), "ca.pem": ENDING.pem}
    scan(tmp_path, tree)
    for days, expected in ((-11, []), (-10, ["13"]), (19, ["13"]), (20, ["12"])):
        analysis = analyse(str(tmp_path), now=NOW + days * DAY)
        assert [one.partition(" ")[0] for one in said(analysis)] == expected


# the number of days


@pytest.fixture
def _forget_days() -> Iterator[None]:
    upstream_bundle_expiring._days.cache_clear()
    yield
    upstream_bundle_expiring._days.cache_clear()


@pytest.mark.usefixtures("_forget_days")
class TestDaysOfNotice:
    @pytest.mark.parametrize(
        ("days", "fails"), [("19", False), ("20", True), (" 99999 ", True), ("0", False), ("", True)]
    )
    def test_the_environment_says_how_many(
        self, days: str, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("CHECKOV_NGINX_TLS_EXPIRY_DAYS", days)
        analysis = scan(tmp_path, {"nginx.conf": verified("ca.pem"), "ca.pem": ENDING.pem})
        assert bool(said(analysis)) == fails
        assert caplog.text == ""

    @pytest.mark.parametrize("days", ["soon", "-1", "1.5", "100000", "٣٠", "30 days"])
    def test_anything_else_gets_one_warning_and_the_default(
        self, days: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("CHECKOV_NGINX_TLS_EXPIRY_DAYS", days)
        tree: Tree = {f"{name}/nginx.conf": verified("ca.pem") for name in "abc"}
        analysis = scan(tmp_path, {**tree, **{f"{name}/ca.pem": ENDING.pem for name in "abc"}})
        assert said(analysis) == ["13 failed nginx.conf:6"] * 3
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert record.getMessage() == f"CHECKOV_NGINX_TLS_EXPIRY_DAYS={days!r} is not a number of days: 30 is used"

    def test_the_warning_does_not_depend_on_bundles(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("CHECKOV_NGINX_TLS_EXPIRY_DAYS", "soon")
        scan(tmp_path, {"nginx.conf": verified("/etc/ssl/ca.pem")})
        assert len(caplog.records) == 1


# what is said


COMMANDS = {
    "DER": ROOT.der,
    "UTF-16": ROOT.pem.decode().encode("utf-16"),
    "base64": base64.b64encode(ROOT.pem),
    "escapes": ROOT.pem.replace(b"\n", b"\\n"),
    "indentation": b"".join(b" \t%s\n" % line for line in ROOT.pem.splitlines()),
    "key": b"text\n" + ROOT.key_pem + ROOT.pem + ROOT.key_pem,
}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
@pytest.mark.parametrize("name", ["ca.pem", "tls/my ca's.crt", "-ca.pem"])
@pytest.mark.parametrize("content", COMMANDS.values(), ids=COMMANDS)
def test_the_commands_of_messages_mend_the_file(content: bytes, name: str, tmp_path: Path) -> None:
    analysis = scan(tmp_path, {"nginx.conf": verified(f'"{name}"'), name: content})
    (message,) = messages(analysis).splitlines()
    start = next(
        at for word in ("openssl ", "iconv ", "base64 -d", "printf ", "sed ") if (at := message.find(word)) >= 0
    )
    subprocess.run(["sh", "-c", message[start:]], cwd=tmp_path, check=True, capture_output=True)
    assert faults(read_bundle((tmp_path / name).read_bytes()), NOW) == ()
    assert said(analyse(str(tmp_path), now=NOW)) == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
@pytest.mark.parametrize(("option", "form"), [([], "PEM"), (["-outform", "DER"], "DER")])
def test_the_command_for_pkcs7_mends_the_file(option: list[str], form: str, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT.pem)
    packed = ["openssl", "crl2pkcs7", "-nocrl", "-certfile", "root.pem", "-out", "ca.p7b", *option]
    subprocess.run(packed, cwd=tmp_path, check=True, capture_output=True)
    message = messages(scan(tmp_path, {"nginx.conf": verified("ca.p7b")}))
    assert f"-inform {form}" in message
    subprocess.run(["sh", "-c", message[message.index("openssl ") :]], cwd=tmp_path, check=True, capture_output=True)
    assert faults(read_bundle((tmp_path / "ca.p7b").read_bytes()), NOW) == ()


MESSAGES = {
    "empty": (b"", ["ca.pem, the CA bundle of https://backend.example.com (nginx.conf:8), is empty", "does not start"]),
    "only a CRL": (pem_block(b"abc", b"X509 CRL"), ['holds no certificate, only "X509 CRL"', "does not start"]),
    "damage": (ROOT.pem + LEAF.pem[:90], ["in the block at line 10, its -----END line is missing", "crl2pkcs7"]),
    "intermediate": (INTERMEDIATE.pem, ['"CN=Test Intermediate", signed by "CN=Test Root"', '"CN=Test Root" or above']),
    "leaf and intermediate": (LEAF.pem + INTERMEDIATE.pem, ['is "CN=Test Root" or above', "-in root.pem >> ca.pem"]),
    "expired": (EXPIRED.pem, ['"CN=Expired Test Root" expired on 2001-02-03.', "-in root.pem >> ca.pem"]),
    "not yet": (issue("New", starts=NOW + DAY).pem, ['"CN=New" is not valid before 2026-03-02.']),
    "rejected": (trusted_certificate(ROOT.der, rejected=True), ['"CN=Test Root" is not trusted', "-clrreject"]),
    "key": (ROOT.pem + ROOT.key_pem, ["holds a private key, in line 10."]),
    "key and no certificate": (ROOT.key_pem, ['only "PRIVATE KEY"', "Besides, it holds a private key, in line 1."]),
}  # fmt: skip


@pytest.mark.parametrize(("content", "parts"), MESSAGES.values(), ids=MESSAGES)
def test_messages_say_what_is_wrong_and_what_to_do(content: bytes, parts: list[str], tmp_path: Path) -> None:
    message = messages(scan(tmp_path, {"nginx.conf": verified("ca.pem"), "ca.pem": content}))
    assert [part for part in parts if part not in message] == []
    assert message.count("\n") == 0


def test_long_names_are_cut(tmp_path: Path) -> None:
    root = issue("R" * 64)
    content = b"".join(issue(f"Intermediate {number}", root).pem for number in range(10))
    message = messages(scan(tmp_path, {"nginx.conf": verified("ca.pem"), "ca.pem": content}))
    assert "Intermediate 2" in message
    assert "Intermediate 3" not in message


# rule 08


@pytest.mark.parametrize(
    ("depth", "content", "fails"),
    [
        ("0", ROOT.pem + INTERMEDIATE.pem, True),
        ("00", ROOT.pem + INTERMEDIATE.pem, True),
        ("1", ROOT.pem + INTERMEDIATE.pem, False),
        ("0", ROOT.pem, False),
        ("0", b"no certificate", False),
    ],
)
def test_depth_zero_fails_with_a_known_intermediate(depth: str, content: bytes, fails: bool, tmp_path: Path) -> None:
    text = verified("ca.pem", f"proxy_ssl_verify_depth {depth};")
    outcomes = scan(tmp_path, {"nginx.conf": text, "ca.pem": content}).outcomes
    failed = {(one.check.id[-2:], one.start_line) for one in outcomes if one.result is CheckResult.FAILED}
    assert (("08", 7) in failed) == fails
