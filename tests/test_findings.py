"""Findings as plain data: fingerprints, related places, edits, and the names of files."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.findings import Edit, Finding, Fingerprints, findings, fingerprint
from checkov_nginx_tls.places import Region
from checkov_nginx_tls.repository_paths import RepositoryPaths
from checkov_nginx_tls.syntax import make_source
from checkov_process import write

INHERITED = """\
events {}
http {
    include base.conf;
    server {
        listen 80;
        server_name shop.example.com;
        location / { proxy_pass https://192.0.2.8:8443; }
        location /again { proxy_pass https://192.0.2.9:8443; }
    }
}
"""
BASE = "proxy_ssl_verify off;\n"
OWN = INHERITED.replace("include base.conf;", BASE)
UNSET = "location / { proxy_pass https://192.0.2.8; }\n"
PLAIN = "location / { proxy_pass http://www.google.com; }\n"
NAMELESS = """\
location / {
    proxy_pass https://192.0.2.8;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate /ca.pem;
}
"""
CIPHERS = f"proxy_ssl_ciphers RC4-MD5;\n{NAMELESS.replace('192.0.2.8', 'a.example.com')}"


def found(tree: Path, *check_ids: str) -> list[Finding]:
    """The findings of a tree, or those of these rules (by their numbers)."""
    all_findings = [finding for _, finding in findings(analyse(str(tree)), RepositoryPaths(str(tree)))]
    return [one for one in all_findings if not check_ids or one.check_id.rpartition("_")[2] in check_ids]


def fingerprint_of(directory: Path, text: str, check_id: str, name: str = "a.conf") -> str:
    (finding,) = found(write(directory, {name: text}), check_id)
    return finding.fingerprint


@pytest.mark.parametrize(
    "moved",
    [
        "# ten lines\n" * 10 + OWN,
        "\n" * 10 + OWN.replace("    ", "\t"),
        OWN.replace("\n", "\r\n"),
        OWN.replace(" {\n", "\n{\n"),
        " ".join(OWN.split()),
        OWN.replace("location / {", "# why\n        location '/' {"),
        OWN.replace("listen 80;", "listen 80; location /new { root /srv; }"),
        OWN.replace(BASE, BASE + "log_not_found on;"),
        OWN.replace(" off;", ' "OFF" ;'),
    ],
    ids="comments tabs CRLF braces one-line quotes neighbour sibling case".split(),
)
def test_moved_and_reformatted_findings_keep_their_fingerprints(tmp_path: Path, moved: str) -> None:
    before = found(write(tmp_path / "before", {"nginx.conf": OWN}))
    after = found(write(tmp_path / "after", {"nginx.conf": moved}))

    assert [one.fingerprint for one in after] == [one.fingerprint for one in before]
    assert len(before) == 1


@pytest.mark.parametrize(
    ("text", "number", "changed"),
    [
        (UNSET, "03", UNSET.replace("location /", "location /other")),
        (UNSET, "03", UNSET.replace("192.0.2.8", "192.0.2.9")),
        (UNSET, "03", UNSET.replace("proxy_pass https", "grpc_pass grpcs")),
        (PLAIN, "14", PLAIN.replace("www", "api")),
        (CIPHERS, "11", CIPHERS.replace("RC4-MD5", "DES-CBC3-SHA")),
        (f"server {{ {UNSET} }}", "03", f"server {{ server_name other; {UNSET} }}"),
    ],
)
def test_another_cause_has_another_fingerprint(tmp_path: Path, text: str, number: str, changed: str) -> None:
    before = fingerprint_of(tmp_path / "before", text, number)

    assert fingerprint_of(tmp_path / "after", changed, number) != before
    assert fingerprint_of(tmp_path / "elsewhere", text, number, "b.conf") != before


@pytest.mark.parametrize(("text", "number"), [(OWN, "01"), (NAMELESS, "08"), (CIPHERS, "11")])
def test_the_target_is_no_part_of_other_causes(tmp_path: Path, text: str, number: str) -> None:
    before = fingerprint_of(tmp_path / "before", text, number)
    after = fingerprint_of(tmp_path / "after", text.replace("192.0.2.8", "192.0.2.80").replace("//a.", "//b."), number)

    assert after == before


def test_findings_that_nothing_tells_apart_are_numbered(tmp_path: Path) -> None:
    zones = "server { zone_sync; zone_sync_ssl on; zone_sync_server 192.0.2.1:1; zone_sync_server 192.0.2.1:1; }\n"
    both = found(write(tmp_path, {"nginx.conf": f"events {{}}\nstream {{ {zones} }}\n"}), "03")
    assert len({one.fingerprint for one in both}) == len(both) == 2
    numbers = Fingerprints()
    first, second, again = (numbers.take("A", "a.conf", "http", ("x", "off"), Region(n, n)) for n in (3, 9, 3))
    assert first == fingerprint("A", "a.conf", "http", ("x", "off"))
    assert first != second
    assert again == first
    assert numbers.take("A", "a.conf", "http", ("x", "on"), Region(3, 3)) not in (first, second)


def test_a_fingerprint_is_a_pure_function_of_unambiguous_parts() -> None:
    assert fingerprint("A", "a", "b", ("c", "d")) == fingerprint("A", "a", "b", ["c", "d"])
    assert fingerprint("A", "a", "b", ("c d",)) != fingerprint("A", "a", "b", ("c", "d"))
    assert len(fingerprint("A", "\udcff", "\0", ())) == 32


def test_an_inherited_value_leads_to_its_users_and_includes(tmp_path: Path) -> None:
    tree = write(tmp_path, {"nginx.conf": INHERITED, "base.conf": BASE})

    (finding,) = found(tree)

    assert finding.uri == "base.conf"
    assert finding.region == Region(1, 1, 1, 22)
    assert finding.snippet == "proxy_ssl_verify off;"
    assert "is off for https://192.0.2.8:8443 (nginx.conf:7), https://192.0.2.9:8443 (nginx.conf:8), set at " in (
        finding.message
    )
    assert ", set at base.conf:1: nginx talks" in finding.message
    assert [(one.place, one.text) for one in finding.related] == [
        ("nginx.conf:7", "the connection: proxy_pass https://192.0.2.8:8443"),
        ("nginx.conf:8", "the connection: proxy_pass https://192.0.2.9:8443"),
        ("nginx.conf:3", "includes base.conf"),
    ]
    assert finding.related[0].region == Region(7, 7, 22, 56)


def test_directives_that_decide_or_are_mentioned_are_related(tmp_path: Path) -> None:
    text = (
        "server {\n"
        "    proxy_ssl_verify on;\n"
        "    ssl_trusted_certificate /clients.pem;\n"
        "    location /a { proxy_pass https://a.example.com; }\n"
        "    location /b {\n"
        "        proxy_ssl_trusted_certificate '';\n"
        "        proxy_pass https://b.example.com;\n"
        "    }\n"
        "}\n"
    )
    (finding,) = found(write(tmp_path, {"a.conf": text}), "02")

    assert [(one.place, one.text) for one in finding.related] == [
        ("a.conf:6", "in effect: proxy_ssl_trusted_certificate  (location)"),
        ("a.conf:3", "ssl_trusted_certificate /clients.pem"),
        ("a.conf:4", "the connection: proxy_pass https://a.example.com"),
        ("a.conf:7", "the connection: proxy_pass https://b.example.com"),
    ]


def test_a_script_leads_to_the_directive_that_loads_it(tmp_path: Path) -> None:
    files = {
        "nginx.conf": "events {}\nhttp { server { location / { access_by_lua_file auth.lua; } } }\n",
        "auth.lua": 'local http = require "resty.http"\nhttp.new():request_uri(u, {ssl_verify = false})\n',
    }
    (finding,) = found(write(tmp_path, files), "15")

    assert (finding.uri, finding.region.start_line) == ("auth.lua", 2)
    assert [(one.place, one.text) for one in finding.related] == [("nginx.conf:2", "loads the script")]


def test_a_snippet_in_a_hundred_places_names_no_more_than_dashboards_show(tmp_path: Path) -> None:
    locations = "".join(f"location /{n} {{ proxy_pass https://192.0.2.1:{n}; }}\n" for n in range(1, 151))
    (finding,) = found(write(tmp_path, {"a.conf": f"server {{\nproxy_ssl_verify off;\n{locations}}}\n"}))

    assert len(finding.related) == 100


def test_a_finding_survives_the_way_between_processes(tmp_path: Path) -> None:
    for finding in found(write(tmp_path, {"nginx.conf": INHERITED, "base.conf": BASE})):
        assert pickle.loads(pickle.dumps(finding)) == finding  # noqa: S301  # our own


def test_an_edit_has_the_region_of_its_offsets() -> None:
    source = make_source("/a.conf", "a.conf", "a;\n  proxy_ssl_verify off;\n")
    start = source.text.index("off")

    assert Edit.of(source, "a.conf", start, start + 3, "on") == Edit("a.conf", Region(2, 2, 20, 23), "on")
    assert Edit.of(source, "a.conf", start, start, "x") == Edit("a.conf", Region(2, 2, 20, 20), "x")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write(tmp_path / "work", {".git/HEAD": "", "deploy/nginx/conf.d/a.conf": "", "deploy/nginx/nginx.conf": ""})


@pytest.mark.parametrize("here", ["", "deploy", "deploy/nginx/conf.d", ".."])
@pytest.mark.parametrize("root", ["deploy/nginx", "deploy", ""])
def test_paths_are_those_in_the_work_tree(
    repository: Path, monkeypatch: pytest.MonkeyPatch, here: str, root: str
) -> None:
    monkeypatch.chdir(repository / here)
    file = str(repository / "deploy" / "nginx" / "conf.d" / "a.conf")
    (repository.parent / "link").symlink_to(repository)

    for spelled in (repository / root, os.path.relpath(repository / root), repository.parent / "link" / root):
        assert RepositoryPaths(str(spelled)).uri(file) == "deploy/nginx/conf.d/a.conf"
    assert RepositoryPaths(None).uri(file) == "deploy/nginx/conf.d/a.conf"


def test_a_git_file_marks_a_work_tree_too(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "", "module/.git": "gitdir: ../.git/modules/module\n", "module/a/x.conf": ""})

    assert RepositoryPaths(str(tmp_path / "module" / "a")).path(str(tmp_path / "module" / "a" / "x.conf")) == "a/x.conf"
    assert RepositoryPaths(str(tmp_path)).path(str(tmp_path / "module" / "a" / "x.conf")) == "module/a/x.conf"


def test_without_a_work_tree_the_root_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"tree/conf.d/a.conf": "", "elsewhere/x": ""})
    file = str(tmp_path / "tree" / "conf.d" / "a.conf")
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert RepositoryPaths(str(tmp_path / "tree")).path(file) == "conf.d/a.conf"
    assert RepositoryPaths(None).path(file) == "a.conf"
    monkeypatch.chdir(tmp_path)
    assert RepositoryPaths(None).path(file) == "tree/conf.d/a.conf"
    assert RepositoryPaths(str(tmp_path / "elsewhere")).uri(file) == Path(file).as_uri()


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("a b#1?.conf", "a%20b%231%3F.conf"),
        ("Größe.conf", "Gr%C3%B6%C3%9Fe.conf"),
        ("a:b%20.conf", "a%3Ab%2520.conf"),
        (os.fsdecode(b"\xff.conf"), "%FF.conf"),
    ],
)
def test_uris_are_percent_encoded(tmp_path: Path, name: str, uri: str) -> None:
    assert RepositoryPaths(str(tmp_path)).uri(str(tmp_path / "d" / name)) == f"d/{uri}"


class TestFixes:
    """A finding carries the edits that mend it, where the files alone say what is right."""

    VERIFIED = "proxy_ssl_trusted_certificate /ca.pem;\nlocation / {\n    proxy_pass https://a.internal;\n"

    def test_an_off_with_everything_else_there(self, tmp_path: Path) -> None:
        (finding,) = found(write(tmp_path, {"a.conf": f"{self.VERIFIED}    proxy_ssl_verify off;\n}}\n"}), "01")
        (fix,) = finding.fixes
        assert [(edit.uri, edit.region, edit.text) for edit in fix.edits] == [
            ("a.conf", Region(4, 4, 22, 25), "on"),
            ("a.conf", Region(4, 4, 26, 26), "\n    proxy_ssl_verify_depth 2;\n    proxy_ssl_server_name on;"),
        ]

    def test_a_private_upstream_whose_ca_nobody_named(self, tmp_path: Path) -> None:
        text = "location / {\n    proxy_pass https://a.internal;\n}\n"
        (finding,) = found(write(tmp_path, {"a.conf": text}), "03")
        assert finding.fixes == ()

    def test_a_skipped_finding(self, tmp_path: Path) -> None:
        text = f"{self.VERIFIED}    proxy_ssl_verify off; # checkov:skip=CKV_NGINX_CUSTOM_01:later\n}}\n"
        (finding,) = found(write(tmp_path, {"a.conf": text}), "01")
        assert finding.suppression is not None
        assert finding.fixes == ()
