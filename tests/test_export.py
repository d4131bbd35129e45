"""The command ``export`` and the documents that it prints."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from checkov_nginx_tls.cli import main
from checkov_nginx_tls.export.documents import SCHEMA_VERSION
from checkov_nginx_tls.export.printing import SCHEMA, dump
from checkov_nginx_tls.export.reading import read_documents
from checkov_nginx_tls.files import SIZE_LIMIT
from checkov_process import DEMO, write
from rego_engine import VALIDATOR

if TYPE_CHECKING:
    from oracle_certificates import Certificates

    Document = dict[str, Any]


def documents_of(root: Path, files: dict[str, str]) -> list[Document]:
    """The documents of files below a directory, without problems."""
    write(root, files)
    exported = read_documents([str(root)], bytes)
    assert exported.problems == []
    for document in exported.documents:
        VALIDATOR.validate(document)
    return exported.documents


def document_of(root: Path, inside: str, around: str = "", **files: str) -> Document:
    """The document of the only pass in a location of a complete configuration."""
    text = f"events {{}}\nhttp {{\n{around}\nserver {{ location / {{\n{inside}\n}} }} }}\n"
    found = documents_of(root, {"nginx.conf": text, **{f"{name}.conf": content for name, content in files.items()}})
    assert len(found) == 1
    return found[0]


def nginx_keys(document: Document) -> dict[str, Any]:
    return {name: value for name, value in document.items() if "_ssl" in name and name != "ssl_prefix"}


# ---------------------------------------------------------------------------------------- nginx's own names


def test_a_policy_can_be_written_as_nginx_is_configured(tmp_path: Path) -> None:
    document = document_of(tmp_path, "proxy_pass https://app.test:8443;\nproxy_ssl_verify ON;")

    assert document["proxy_pass"] == document["target"] == "https://app.test:8443"
    assert nginx_keys(document) == {"proxy_ssl_verify": "on"}
    assert document["verified"] is False, "nginx does not start"
    assert (document["file"], document["line"], document["end_line"]) == ("nginx.conf", 5, 5)
    assert document["resource"] == "nginx.conf:http.server(_:80).location(/).proxy_pass"
    assert document["origins"] == {
        "proxy_pass": {"file": "nginx.conf", "line": 5},
        "proxy_ssl_verify": {"file": "nginx.conf", "line": 6},
    }


def test_inherited_and_included_directives_are_there_with_their_origins(tmp_path: Path) -> None:
    document = document_of(
        tmp_path,
        "include tls.conf;\nproxy_pass https://app.test;",
        "proxy_ssl_trusted_certificate ca.pem; grpc_ssl_verify off;",
        tls="proxy_ssl_verify on;\nproxy_ssl_verify_depth 2;\n",
    )

    assert nginx_keys(document) == {
        "proxy_ssl_trusted_certificate": "ca.pem",
        "proxy_ssl_verify": "on",
        "proxy_ssl_verify_depth": "2",
    }
    assert document["origins"]["proxy_ssl_trusted_certificate"] == {"file": "nginx.conf", "line": 3}
    assert document["origins"]["proxy_ssl_verify_depth"] == {"file": "tls.conf", "line": 2}
    assert document["verified"] is True


def test_a_pass_over_several_lines_ends_where_it_ends(tmp_path: Path) -> None:
    document = document_of(tmp_path, "proxy_pass\n  'https://app.test'\n;")

    assert (document["line"], document["end_line"]) == (5, 7)


@pytest.mark.parametrize(
    ("inside", "keys"),
    [
        ("proxy_ssl_protocols TLSv1.2; proxy_ssl_protocols TLSv1.3;", {"proxy_ssl_protocols": "TLSv1.2 TLSv1.3"}),
        ('proxy_ssl_ciphers "HIGH:!aNULL";', {"proxy_ssl_ciphers": "HIGH:!aNULL"}),
        ('proxy_ssl_trusted_certificate ""; proxy_ssl_crl "";', {}),
        ('proxy_ssl_name "";', {"proxy_ssl_name": ""}),
        ("proxy_ssl_server_name oFf;", {"proxy_ssl_server_name": "off"}),
    ],
)
def test_values(tmp_path: Path, inside: str, keys: dict[str, str]) -> None:
    assert nginx_keys(document_of(tmp_path, f"proxy_pass https://app.test; {inside}")) == keys


def test_an_empty_value_keeps_its_origin(tmp_path: Path) -> None:
    document = document_of(tmp_path, 'proxy_pass https://app.test;\nproxy_ssl_trusted_certificate "";')

    assert document["origins"]["proxy_ssl_trusted_certificate"] == {"file": "nginx.conf", "line": 6}


def test_commands_for_openssl_are_objects(tmp_path: Path) -> None:
    document = document_of(
        tmp_path,
        "proxy_pass https://app.test;\nproxy_ssl_conf_command MinProtocol TLSv1.2;\n"
        "proxy_ssl_conf_command VerifyCAFile '/etc/our ca.pem';",
        "proxy_ssl_conf_command CipherString DEFAULT;",
    )

    assert document["proxy_ssl_conf_command"] == [
        {"name": "MinProtocol", "value": "TLSv1.2", "file": "nginx.conf", "line": 6},
        {"name": "VerifyCAFile", "value": "/etc/our ca.pem", "file": "nginx.conf", "line": 7},
    ]


@pytest.mark.parametrize("name", ["proxy_ssl_verify:", "proxy_ssl_Verify", "proxy_ssl_"])
def test_directives_that_nginx_does_not_know_are_there_as_they_are(name: str, tmp_path: Path) -> None:
    assert nginx_keys(document_of(tmp_path, f"proxy_pass https://app.test; {name} on;")) == {name: "on"}


def test_zone_sync_knows_no_session_reuse_and_so_it_is_no_flag(tmp_path: Path) -> None:
    text = (
        "stream { server { zone_sync; zone_sync_ssl on; zone_sync_server a.test:1; zone_sync_ssl_session_reuse 3; } }"
    )
    (document,) = documents_of(tmp_path, {"a.conf": text})

    assert document["zone_sync_ssl_session_reuse"] == "3"


@pytest.mark.parametrize(
    ("text", "module", "prefix", "keys"),
    [
        ("location / { grpc_pass grpcs://a.test; grpc_ssl_verify off; }", "ngx_http_grpc_module", "grpc_ssl", {}),
        ("location / { uwsgi_pass suwsgi://a.test; uwsgi_ssl_verify off; }", "ngx_http_uwsgi_module", "uwsgi_ssl", {}),
        (
            "server { listen 1; proxy_ssl on; proxy_pass a.test:443; proxy_ssl_verify off; }",
            "ngx_stream_proxy_module",
            "proxy_ssl",
            {"proxy_ssl": "on"},
        ),
        (
            "stream { server { zone_sync; zone_sync_ssl on; zone_sync_server a.test:443; zone_sync_ssl_verify off; } }",
            "ngx_stream_zone_sync_module",
            "zone_sync_ssl",
            {"zone_sync_ssl": "on"},
        ),
    ],
)
def test_every_module(tmp_path: Path, text: str, module: str, prefix: str, keys: dict[str, str]) -> None:
    (document,) = documents_of(tmp_path, {"a.conf": text})

    assert document["module"] == module
    assert document["ssl_prefix"] == prefix
    assert nginx_keys(document) == {f"{prefix}_verify": "off", **keys}
    assert document["verified"] is False


# ------------------------------------------------------------------------------------- which documents there are


@pytest.mark.parametrize(
    "inside",
    [
        "proxy_pass http://app.test; proxy_ssl_verify off;",
        "set $app app.test; proxy_pass http://$app; proxy_ssl_verify off;",
        "set $app app.test; proxy_pass http://$app; proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;",
        "proxy_pass https://app.test; return 204;",
        "fastcgi_pass app.test:9000;",
    ],
)
def test_what_speaks_no_tls_has_no_document(tmp_path: Path, inside: str) -> None:
    assert (
        documents_of(tmp_path, {"nginx.conf": f"events {{}} http {{ server {{ location / {{ {inside} }} }} }}"}) == []
    )


def test_plain_text_for_which_nginx_wants_trusted_certificates_has_one(tmp_path: Path) -> None:
    document = document_of(tmp_path, "set $app app.test; proxy_pass http://$app; proxy_ssl_verify on;")

    assert (document["transport"], document["loads_bundle"], document["verified"]) == ("plaintext", True, False)


def test_a_stream_that_verifies_in_vain_has_one(tmp_path: Path) -> None:
    text = "stream { proxy_ssl_verify on; server { listen 1; proxy_pass app.test:443; } }"
    (document,) = documents_of(tmp_path, {"nginx.conf": text})

    assert (document["transport"], document["verified"]) == ("plaintext", False)
    assert document["verification_elsewhere"] == [
        {"directive": "proxy_ssl_verify", "file": "nginx.conf", "line": 1, "used": False}
    ]


@pytest.mark.parametrize(
    ("text", "module", "name"),
    [
        ("proxy_ssl_verify off;", "ngx_http_proxy_module", "proxy_ssl_verify"),
        ("http { js_fetch_verify off; }", "ngx_http_js_module", "js_fetch_verify"),
        ("stream { js_fetch_verify off; }", "ngx_stream_js_module", "js_fetch_verify"),
        ("http { acme_issuer a { uri https://a.test; ssl_verify off; } }", "ngx_http_acme_module", "ssl_verify"),
        ("mgmt { ssl_verify off; }", "ngx_mgmt_module", "ssl_verify"),
    ],
)
def test_an_off_without_a_connection_has_one(tmp_path: Path, text: str, module: str, name: str) -> None:
    (document,) = documents_of(tmp_path, {"a.conf": text})

    assert (document["module"], document["target"], document["verified"]) == (module, None, False)
    assert document[name] == "off"
    assert f"{document['ssl_prefix']}_verify" == name
    assert document["origins"] == {name: {"file": "a.conf", "line": 1}}


def test_each_context_of_an_included_file_has_one(tmp_path: Path) -> None:
    found = documents_of(
        tmp_path,
        {
            "nginx.conf": "events {}\nhttp { server {\ninclude app.conf;\n}\nserver {\nproxy_ssl_verify off;\n"
            "include app.conf; } }",
            "app.conf": "location / { proxy_pass https://app.test; }",
        },
    )

    assert [(one["file"], one["configuration"], one["includes"]) for one in found] == [
        ("app.conf", "nginx.conf", [{"file": "nginx.conf", "line": line}]) for line in (3, 7)
    ]
    assert [nginx_keys(one) for one in found] == [{}, {"proxy_ssl_verify": "off"}]


# --------------------------------------------------------------------------------------- what is not known


def test_what_a_template_fills_in_is_null_and_undecided(tmp_path: Path) -> None:
    text = (
        "location / { proxy_pass https://app.test; proxy_ssl_verify {{ verify }}; proxy_ssl_ciphers '{{ c }}:!RC4'; }"
    )
    (document,) = documents_of(tmp_path, {"app.conf.j2": text})

    assert nginx_keys(document) == {"proxy_ssl_verify": None, "proxy_ssl_ciphers": None}
    assert document["undecided"] == {"proxy_ssl_ciphers": ["{{ c }}:!RC4"], "proxy_ssl_verify": ["{{ verify }}"]}
    assert document["verified"] is None


def test_arms_of_a_template_are_undecided(tmp_path: Path) -> None:
    text = """location / {
    proxy_pass https://app.test;
    {% if secure %}
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate ca.pem;
    {% endif %}
}
"""
    (document,) = documents_of(tmp_path, {"app.conf.j2": text})

    assert document["undecided"] == {
        "proxy_ssl_trusted_certificate": ["ca.pem", None],
        "proxy_ssl_verify": ["on", None],
    }
    assert document["proxy_ssl_verify"] is document["proxy_ssl_trusted_certificate"] is document["verified"] is None


def test_lists_that_a_template_makes_are_undecided(tmp_path: Path) -> None:
    text = """location / {
    proxy_pass https://app.test;
    {% if old %}
    proxy_ssl_protocols TLSv1.1; proxy_ssl_protocols TLSv1.2;
    proxy_ssl_conf_command CipherString {{ ciphers }};
    {% endif %}
}
"""
    (document,) = documents_of(tmp_path, {"app.conf.j2": text})

    assert nginx_keys(document) == {"proxy_ssl_protocols": None, "proxy_ssl_conf_command": None}
    command = {"name": "CipherString", "value": None, "file": "app.conf.j2", "line": 5}
    assert document["undecided"] == {
        "proxy_ssl_protocols": ["TLSv1.1 TLSv1.2", None],
        "proxy_ssl_conf_command": [[command], []],
    }
    assert document["origins"]["proxy_ssl_protocols"] == {"file": "app.conf.j2", "line": 4}


def test_a_default_of_a_template_is_a_value(tmp_path: Path) -> None:
    text = "location / { proxy_pass https://app.test; proxy_ssl_verify {{ verify | default('off') }}; }"
    (document,) = documents_of(tmp_path, {"app.conf.j2": text})

    assert (document["proxy_ssl_verify"], document["undecided"], document["verified"]) == ("off", {}, False)


def test_a_scheme_that_a_template_fills_in_is_undecided(tmp_path: Path) -> None:
    (document,) = documents_of(tmp_path, {"app.conf.j2": "location / { proxy_pass {{ scheme }}://app.test; }"})

    assert document["transport"] is None
    assert document["undecided"] == {"transport": ["{{ scheme }}://app.test"]}


def test_an_include_that_is_not_in_the_tree_may_hold_the_bundle_and_verifies_nothing(tmp_path: Path) -> None:
    inside = "include /srv/tls.conf; include mime.types; proxy_pass https://app.test;"
    unset = document_of(tmp_path / "a", inside)
    turned_on = document_of(tmp_path / "b", f"{inside} proxy_ssl_verify on;")

    assert unset["missing_includes"] == turned_on["missing_includes"] == ["/srv/tls.conf"]
    assert "proxy_ssl_verify" not in unset
    assert unset["verified"] is False
    assert turned_on["proxy_ssl_trusted_certificate"] is None
    assert turned_on["undecided"] == {"proxy_ssl_trusted_certificate": [None]}
    assert turned_on["verified"] is None


def test_what_variables_can_be(tmp_path: Path) -> None:
    document = document_of(
        tmp_path,
        "proxy_pass https://$app.test$request_uri; proxy_ssl_name $host:443; proxy_ssl_server_name on;",
        "map $arg_a $app { default a; b b; }",
    )

    assert [target["host"] for target in document["targets"]] == ["a.test", "b.test"]
    assert document["name_directive"] == "proxy_ssl_name"
    assert document["names"] == [{"name": "<client>", "depends_on": ["client"], "kind": None}]


@pytest.mark.parametrize(
    ("target", "kind", "loopback"),
    [
        ("https://app.test", "name", False),
        ("https://192.0.2.1:8443", "address", False),
        ("https://[2001:db8::1]:8443", "address", False),
        ("https://127.0.0.1", "address", True),
        ("https://localhost:8443", "name", True),
        ("https://unix:/run/app.sock", "unix", True),
        ("https://app", "group", False),
        ("https://here", "group", True),
    ],
)
def test_kinds_of_targets(tmp_path: Path, target: str, kind: str, loopback: bool) -> None:
    groups = "upstream app { server 192.0.2.1; } upstream here { server 127.0.0.1; }"
    document = document_of(tmp_path, f"proxy_pass {target};", groups)

    assert [one["kind"] for one in document["targets"]] == [kind]
    assert document["loopback"] is loopback


def test_an_intermediate_in_the_bundle_is_looked_for_where_the_depth_is_nought(
    tmp_path: Path, certificates: Certificates
) -> None:
    bundle = certificates.file("root.pem").read_bytes() + certificates.file("intermediate_only.pem").read_bytes()
    (tmp_path / "ca.pem").write_bytes(bundle)
    inside = "proxy_pass https://app.test; proxy_ssl_verify on; proxy_ssl_trusted_certificate {}; {}"

    depth = "proxy_ssl_verify_depth 0;"
    assert document_of(tmp_path, inside.format("ca.pem", depth))["bundle_has_intermediate"] is True
    assert document_of(tmp_path, inside.format("/srv/ca.pem", depth))["bundle_has_intermediate"] is None
    assert "bundle_has_intermediate" not in document_of(tmp_path, inside.format("ca.pem", ""))


@pytest.mark.parametrize("depth", ["\u00b2", "\u0660", "''", "00"])
def test_a_depth_is_nought_only_in_ascii(depth: str, tmp_path: Path) -> None:
    inside = "proxy_pass https://app.test; proxy_ssl_verify on; proxy_ssl_trusted_certificate /ca.pem;"
    write(tmp_path, {"a.conf": f"location / {{ {inside} proxy_ssl_verify_depth {depth}; }}\n"})

    exported = read_documents([str(tmp_path)], bytes)
    (document,) = exported.documents
    assert document["proxy_ssl_verify_depth"] == depth.strip("'")
    assert ("bundle_has_intermediate" in document) == (depth == "00")
    assert ["invalid number" in problem for problem in exported.problems] == ([] if depth == "00" else [True])


# ------------------------------------------------------------------------------------------- comments


def test_skip_comments_say_what_they_cover(tmp_path: Path) -> None:
    text = """server {
    proxy_ssl_verify off; # checkov:skip=CKV_NGINX_CUSTOM_01:throw-away hosts
    location /a { proxy_pass https://a.test; }
    location /b {
        # checkov:skip=CKV_ACME_1,CKV_NGINX_CUSTOM_09:not ours

        proxy_pass https://b.test;
    }
}
"""
    a, b = documents_of(tmp_path, {"a.conf": text})
    off = {"directive": "proxy_ssl_verify", "file": "a.conf", "line": 2}
    ours = {"id": "CKV_NGINX_CUSTOM_01", "reason": "throw-away hosts", "file": "a.conf", "line": 2, "covers": [off]}

    assert a["skips"] == [ours]
    assert sorted(one["id"] for one in b["skips"]) == ["CKV_ACME_1", "CKV_NGINX_CUSTOM_01", "CKV_NGINX_CUSTOM_09"]
    here = {"directive": "proxy_pass", "file": "a.conf", "line": 7}
    assert all(one["covers"] == [here] for one in b["skips"] if one["id"] != "CKV_NGINX_CUSTOM_01")


# ------------------------------------------------------------------------------------- reading and printing


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, list[str]]:
    code = main(["export", *arguments])
    out, err = capsys.readouterr()
    return code, out, err.splitlines()


def test_the_formats_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    printed = {form: run(capsys, str(DEMO), "--format", form) for form in ("json", "ndjson", "yaml")}

    assert {(code, tuple(err)) for code, _out, err in printed.values()} == {(0, ())}
    found = json.loads(printed["json"][1])
    assert len(found) == 17
    assert [json.loads(line) for line in printed["ndjson"][1].splitlines()] == found
    assert list(yaml.safe_load_all(printed["yaml"][1])) == found
    assert printed["yaml"][1].count("\n---\n") == 16, "where Conftest splits"
    assert run(capsys, str(DEMO)) == printed["json"], "the default, and always the same"


def test_documents_are_sorted_by_file_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(capsys, str(DEMO))[1])
    places = [(one["file"], one["line"]) for one in found]

    assert places == sorted(places)
    assert len(set(places)) == 17


def test_texts_that_yaml_would_break_on_survive() -> None:
    texts = {
        "a": "on",
        "b": "1.0",
        "c": "~",
        "d": "{{ x }}",
        "e": "a: b # c",
        "f": "\\xff",
        "g": "\N{SNOWMAN}",
        "h": "",
    }
    text = "".join(dump([texts, {"same": [texts, texts]}], "yaml"))

    assert text.isascii()
    assert "&" not in text, "Conftest's reader need not know aliases"
    assert list(yaml.safe_load_all(text)) == [texts, {"same": [texts, texts]}]


@pytest.mark.parametrize("text", ["12e5", "1e7", "0o14", "y", "n", "1_000", "a: b", "a"])
def test_texts_in_yaml_are_texts_to_every_reader(text: str) -> None:
    """Readers of YAML 1.2, and Go's, take other bare words for numbers and booleans than PyYAML does."""
    assert "".join(dump([{"target": text, "line": 1}], "yaml")) == f'---\n"target": "{text}"\n"line": 1\n'


def test_standard_input_is_a_fragment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = b"location / {\n proxy_pass https://app.test;\n}"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    code, out, err = run(capsys, "-")

    (document,) = json.loads(out)
    assert (code, err) == (0, [])
    assert (document["file"], document["line"], document["root"]) == ("stdin", 2, ".")
    assert document["resource"] == "stdin:location(/).proxy_pass"


def test_a_dump_on_standard_input() -> None:
    dump_of_nginx = b"""# configuration file /etc/nginx/nginx.conf:
events {}
http { include conf.d/*.conf; }
# configuration file /etc/nginx/conf.d/app.conf:
server { location / { proxy_pass https://app.test; } }
"""
    (document,) = read_documents(["-"], lambda: dump_of_nginx).documents

    assert (document["file"], document["line"]) == ("stdin", 5)
    assert document["includes"] == [{"file": "stdin", "line": 3}]


def test_nothing_is_included_for_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"tls.conf": "proxy_ssl_verify off;"})
    monkeypatch.chdir(tmp_path)
    text = f"location / {{ include tls.conf; include {tmp_path}/tls.conf; proxy_pass https://app.test; }}"
    (document,) = read_documents(["-"], text.encode).documents

    assert document["missing_includes"] == ["tls.conf", f"{tmp_path}/tls.conf"]
    assert "proxy_ssl_verify" not in document


def test_several_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = "location / { proxy_pass https://app.test; }"
    write(
        tmp_path,
        {"a/one.conf": location, "b/one.conf": location, "one.conf": "include two.conf;", "two.conf": location},
    )
    monkeypatch.chdir(tmp_path)
    found = read_documents(["a", "./b", "one.conf", "two.conf", "a"], bytes).documents

    assert [(one["root"], one["file"], one["configuration"]) for one in found] == [
        ("a", "one.conf", "one.conf"),
        ("./b", "one.conf", "one.conf"),
        (".", "two.conf", "one.conf"),
    ]


def test_what_checkov_leaves_out_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location = "location / { proxy_pass https://app.test; }"
    found = documents_of(tmp_path, {"a.conf": location, ".git/b.conf": location, "node_modules/x/c.conf": location})
    assert [one["file"] for one in found] == ["a.conf"]

    monkeypatch.setenv("CKV_IGNORE_HIDDEN_DIRECTORIES", "false")
    monkeypatch.setenv("CKV_IGNORED_DIRECTORIES", "x")
    assert [one["file"] for one in documents_of(tmp_path, {})] == [".git/b.conf", "a.conf"]


def test_what_cannot_be_read_is_said_and_the_rest_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    location = "location / { proxy_pass https://app.test; "
    write(
        tmp_path,
        {"nginx/a.conf": location + "}", "nginx/b.conf": location, "c.conf": "server { proxy_pass https://a; }"},
    )
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "nginx", "gone", "c.conf")

    assert code == 2
    assert [one["file"] for one in json.loads(out)] == ["a.conf"]
    assert err == [
        "checkov-nginx-tls: gone: there is no such file or directory",
        'checkov-nginx-tls: nginx/b.conf:1: unexpected end of file, expecting "}" for "location" of line 1',
        'checkov-nginx-tls: c.conf:1: "proxy_pass" directive is not allowed here',
    ]


def test_what_is_no_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with open("large.conf", "wb") as file:
        file.truncate(SIZE_LIMIT + 1)

    assert read_documents(["pipe", "large.conf", "-"], bytes).problems == [
        'pipe: not a regular file: write "-" and give its content on standard input',
        "large.conf: larger than 16 MB",
        "standard input: nothing came",
    ]
    assert read_documents(["-"], lambda: b"#" * (SIZE_LIMIT + 1)).problems == ["standard input: larger than 16 MB"]


def test_nothing_on_standard_input_is_named() -> None:
    assert read_documents(["-"], lambda: b"").problems == ["standard input: nothing came"]


def test_names_and_values_that_no_terminal_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / os.fsdecode(b"a\xff\x1b.conf")).write_bytes(
        b'location / { proxy_pass https://app.test; proxy_ssl_name "a\xfe\x07"; }'
    )
    code, out, err = run(capsys, str(tmp_path), "--format", "yaml")

    document = yaml.safe_load(out)
    assert (code, err) == (0, [])
    assert (document["file"], document["proxy_ssl_name"]) == ("a\\xff\\x1b.conf", "a\\xfe\\x07")


def test_nothing_to_export_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, str(tmp_path)) == (0, "[]\n", ["checkov-nginx-tls: no outbound TLS connection of nginx found"])
    assert run(capsys, str(tmp_path), "--format", "yaml")[1] == ""


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "checkov_nginx_tls", "export", str(DEMO)]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)

    assert done.returncode == 2
    assert done.stderr == "checkov-nginx-tls: standard output was closed before everything was printed\n"


# ---------------------------------------------------------------------------------------- schema and cost


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--schema")
    schema = json.loads(out)

    assert (code, err) == (0, [])
    Draft202012Validator.check_schema(schema)
    assert schema == VALIDATOR.schema
    assert schema["$id"] == f"urn:checkov-nginx-tls:export:{SCHEMA_VERSION}"
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_the_schema_refuses_what_is_none_of_the_documents(tmp_path: Path) -> None:
    good = document_of(tmp_path, "proxy_pass https://app.test; proxy_ssl_verify off;")
    for change in ({"proxy_ssl_verify": "yes"}, {"proxy_ssl_verfiy": 1}, {"verified": "no"}, {"line": 0}, {"new": 1}):
        assert not VALIDATOR.is_valid({**good, **change}), change
    for name in ("schema_version", "verified", "origins"):
        assert not VALIDATOR.is_valid({key: value for key, value in good.items() if key != name}), name


def test_every_field_is_explained() -> None:
    schema = json.loads(Path(SCHEMA).read_text(encoding="utf-8"))
    for name, field in schema["properties"].items():
        of_nginx = name.endswith(("_pass", "_ssl", "_verify", "_server"))
        assert of_nginx or field.get("description"), name


def test_nothing_heavy_is_imported() -> None:
    script = (
        "import sys, os\n"
        "from checkov_nginx_tls.cli import main\n"
        f"code = main(['export', {str(DEMO)!r}])\n"
        "heavy = {'checkov.main', 'checkov.common.runners.base_runner', 'checkov.runner_filter', 'networkx', 'boto3',\n"
        "         'cryptography'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.benchmark
def test_it_starts_quickly() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "checkov_nginx_tls", "export", str(DEMO)], capture_output=True, check=True
        )
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.4


def test_each_connection_sees_its_own_condition_and_a_few_others(tmp_path: Path) -> None:
    settings = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;"
    locations = "".join(
        f"location /{n} {{ proxy_pass https://app; {settings} proxy_ssl_name n{n}.test; }}\n" for n in range(4)
    )
    text = f"events {{}} http {{ upstream app {{ server 192.0.2.1; keepalive 4; }} server {{\n{locations} }} }}"
    write(tmp_path, {"nginx.conf": text})
    users = [one["groups"][0]["users"] for one in read_documents([str(tmp_path)], bytes).documents]

    assert [[(one["names"][0], one["own"]) for one in some] for some in users] == [
        [("n0.test", True), ("n1.test", False)],
        [("n0.test", False), ("n1.test", True)],
        [("n0.test", False), ("n1.test", False), ("n2.test", True)],
        [("n0.test", False), ("n1.test", False), ("n3.test", True)],
    ]


def test_a_connection_without_tls_has_no_condition_of_its_own(tmp_path: Path) -> None:
    servers = (
        "server { listen 1; proxy_pass app; proxy_ssl on; } server { listen 2; proxy_pass app; proxy_ssl_verify on; }"
    )
    write(tmp_path, {"nginx.conf": f"events {{}} stream {{ upstream app {{ server 192.0.2.1:1; }} {servers} }}"})
    users = [one["groups"][0]["users"] for one in read_documents([str(tmp_path)], bytes).documents]
    assert [[(one["verifies"], one["own"]) for one in some] for some in users] == [[(False, True)], [(False, False)]]


@pytest.mark.benchmark
def test_many_connections_to_one_group(tmp_path: Path) -> None:
    settings = "proxy_ssl_verify on; proxy_ssl_name n{0}.test; proxy_ssl_trusted_certificate {0}.pem;"
    location = "location /{0} {{ proxy_pass https://app; " + settings + " }}\n"
    locations = "".join(map(location.format, range(2000)))
    text = f"events {{}} http {{ upstream app {{ server 192.0.2.1; keepalive 4; }} server {{\n{locations} }} }}"
    write(tmp_path, {"nginx.conf": text})
    start = time.perf_counter()
    found = read_documents([str(tmp_path)], bytes).documents

    assert time.perf_counter() - start < 2
    assert len(json.dumps(found)) < 10_000_000
    assert [one["groups"][0]["users"][-1]["names"] for one in found[2:4]] == [["n2.test"], ["n3.test"]]
