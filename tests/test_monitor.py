"""What ``checkov-nginx-tls monitor`` writes for a configuration, and how it treats the files that are there."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from checkov_nginx_tls.cli import main
from checkov_nginx_tls.inputs import read_inputs
from checkov_nginx_tls.monitoring.documents import documents
from checkov_nginx_tls.monitoring.probes import PathMap, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

DEMO = Path(__file__).resolve().parent / "fixtures" / "demo"
NAMES = {"blackbox.yml", "targets.json", "prometheus-scrape.yml", "alerts.yml", "left-out.json"}
EXPORTER = "127.0.0.1:9115"

VERIFIED = "proxy_ssl_verify on; proxy_ssl_trusted_certificate /etc/ssl/ca.pem; proxy_ssl_server_name on;"


class Found(NamedTuple):
    """What the documents of a configuration say."""

    targets: list[dict[str, Any]]
    modules: dict[str, Any]
    left_out: list[dict[str, str]]

    def of(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """The addresses that one kind of probes asks, and the TLS settings of each."""
        return [
            (target["targets"][0], self.modules[target["labels"]["module"]]["tcp"]["tls_config"])
            for target in self.targets
            if target["labels"]["probe"] == kind
        ]

    @property
    def reasons(self) -> list[str]:
        return [one["reason"] for one in self.left_out]


def http(text: str) -> str:
    return f"events {{}} http {{ server {{ listen 80; server_name app.example.com; {text} }} }}"


def found_in(directory: Path, text: str, paths: Sequence[tuple[str, str]] = ()) -> Found:
    (directory / "nginx.conf").write_text(text, encoding="utf-8", errors="surrogateescape")
    inputs = read_inputs([str(directory)], bytes)
    assert inputs.problems == ()
    files = documents(plan(inputs.configurations, PathMap(paths)), EXPORTER)
    assert set(files) == NAMES
    return Found(
        json.loads(files["targets.json"]),
        yaml.safe_load(files["blackbox.yml"])["modules"],
        json.loads(files["left-out.json"]),
    )


# ------------------------------------------------------------------------------------------- addresses

ADDRESSES = {
    "https_default": ("location / { proxy_pass https://a.example.com; }", ["a.example.com:443"]),
    "https_port_and_uri": ("location / { proxy_pass https://a.example.com:8443/b?c; }", ["a.example.com:8443"]),
    "ipv6": (
        "location / { proxy_pass https://[2001:db8::1]/; proxy_ssl_name a.example.com; }",
        ["[2001:db8::1]:443"],
    ),
    "map": ("location / { proxy_pass https://$host_of_map:444; }", ["a.example.com:444", "b.example.com:444"]),
    "set": ("set $u a.example.com; location / { proxy_pass https://$u; }", ["a.example.com:443"]),
    # A group's members have port 80 unless they say otherwise, over TLS too.
    "group": ("location / { proxy_pass https://group.example.com; }", ["a1:80", "a2:8443", "a3:80"]),
    "group_in_capitals": ("location / { proxy_pass https://GROUP.example.com/; }", ["a1:80", "a2:8443", "a3:80"]),
    "plain": ("location / { proxy_pass http://group.example.com; }", []),
    "replaced": ("location / { proxy_pass https://a.example.com; return 204; }", []),
}
GROUP = """
map $host $host_of_map { default a.example.com; b b.example.com; }
upstream group.example.com { server a1 weight=2; server a2:8443 backup; server a3 max_fails=1; }
"""


@pytest.mark.parametrize("name", ADDRESSES)
def test_addresses_are_those_that_nginx_connects_to(name: str, tmp_path: Path) -> None:
    location, expected = ADDRESSES[name]
    found = found_in(tmp_path, f"events {{}} http {{ {GROUP} {VERIFIED} server {{ listen 80; {location} }} }}")
    assert [address for address, _ in found.of("verification")] == expected
    assert [address for address, _ in found.of("certificate")] == expected
    assert found.left_out == []


def test_members_of_a_group_are_verified_by_the_name_of_the_group(tmp_path: Path) -> None:
    text = (
        f"events {{}} http {{ {GROUP} {VERIFIED} server {{ location / {{ proxy_pass https://group.example.com; }} }} }}"
    )
    found = found_in(tmp_path, text)
    assert {tls["server_name"] for _, tls in found.of("verification")} == {"group.example.com"}
    assert {target["labels"]["upstream"] for target in found.targets} == {"group.example.com"}


LEFT_OUT = {
    "unix_socket": ("proxy_pass https://unix:/run/a.sock:/; proxy_ssl_name a.example.com;", "it is a unix socket"),
    "client": ("proxy_pass https://$http_host;", "the host is not known: the client chooses it"),
    "variable": ("proxy_pass https://$nobody_sets_it;", "variable whose values are not in these files"),
    "template": ("proxy_pass https://{{ backend }};", "the host is not known: it is filled in when this is rendered"),
    "no_port": ("grpc_pass grpcs://a.example.com; grpc_ssl_verify on; grpc_ssl_trusted_certificate x;", "has no port"),
    "no_address": ("proxy_pass https://a.example.com:99999;", "it is no host, with or without a port"),
    "ip_address": ("proxy_pass https://192.0.2.1;", 'none has the name "192.0.2.1": set proxy_ssl_name'),
    "names": (
        "proxy_pass https://a.example.com; proxy_ssl_name $host_of_map;",
        "one of several that a request chooses",
    ),
    "open_name": (
        "proxy_pass https://a.example.com; proxy_ssl_name $http_host;",
        "(proxy_ssl_name) is not known: the cl",
    ),
    "subdomains": ("proxy_pass https://a.example.com; proxy_ssl_name .example.com;", "accepts every name below it"),
    "no_bundle": ('proxy_pass https://a.example.com; proxy_ssl_trusted_certificate "";', "nginx does not start"),
    "open_bundle": (
        "proxy_pass https://a.example.com; proxy_ssl_trusted_certificate {{ ca }};",
        "is not fixed: {{ ca }}",
    ),
    "store": (
        "proxy_pass https://a.example.com; proxy_ssl_conf_command VerifyCAPath /x;",
        "replaces the trusted certif",
    ),
    "store_perhaps": (
        "proxy_pass https://a.example.com; {% if x %} proxy_ssl_conf_command VerifyCAFile /x; {% endif %}",
        "replaces the trusted certif",
    ),
    "data": (
        "proxy_pass https://a.example.com; proxy_ssl_certificate data:x; proxy_ssl_certificate_key data:x;",
        "proxy_ssl_certificate is no file",
    ),
    "no_key": ("proxy_pass https://a.example.com; proxy_ssl_certificate x.pem;", "has no proxy_ssl_certificate_key"),
    "password": (
        "proxy_pass https://a; proxy_ssl_certificate a; proxy_ssl_certificate_key b; proxy_ssl_password_file c;",
        "the client's key has a password",
    ),
    "open_flag": ("proxy_pass https://a.example.com; proxy_ssl_verify {{ verify }};", "proxy_ssl_verify is on or off"),
    "open_sni": (
        "proxy_pass https://a.example.com; proxy_ssl_server_name {{ sni }};",
        "proxy_ssl_server_name is on or",
    ),
    "unverified_address": ("proxy_pass https://192.0.2.1; proxy_ssl_verify off;", "does not verify it, and could not"),
    "unverified_local": ("proxy_pass https://localhost; proxy_ssl_verify off;", "on nginx's own machine"),
    "bytes": ("proxy_pass https://a.example.com; proxy_ssl_trusted_certificate /\udcff;", "that are not UTF-8"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_cannot_be_watched_is_left_out_with_the_reason(name: str, tmp_path: Path) -> None:
    location, reason = LEFT_OUT[name]
    text = f"events {{}} http {{ {GROUP} server {{ {VERIFIED} location /a/ {{ {location} }} }} }}"
    found = found_in(tmp_path, text)
    assert found.targets == []
    (one,) = found.left_out
    assert reason in one["reason"]
    assert (one["file"], one["location"]) == ("nginx.conf", "/a/")
    assert one["target"] == location.split(";")[0].partition(" ")[2]


MEMBERS = """
upstream group { server a.example.com down; server unix:/x; server s.example.com service=_a resolve; server {{ m }}; }
"""


def test_members_are_left_out_one_by_one(tmp_path: Path) -> None:
    location = "location / { proxy_pass https://group; proxy_ssl_name a.example.com; }"
    found = found_in(tmp_path, f"events {{}} http {{ {MEMBERS} server {{ {VERIFIED} {location} }} }}")
    assert {one["address"]: one["reason"].partition(":")[0] for one in found.left_out} == {
        "a.example.com": "the member is marked down",
        "unix:/x": "it is a unix socket, and the exporter's tcp probe takes none",
        "s.example.com": "the member's addresses and ports come from an SRV record",
        "{{ m }}": "the member is not known",
    }


@pytest.mark.parametrize(
    "members", ["", "include members.conf;", "{% for one in all %} server {{ one }}; {% endfor %}"]
)
def test_a_group_without_members_in_sight_is_left_out(members: str, tmp_path: Path) -> None:
    group = f"upstream group {{ zone z 64k; {members} }}"
    location = "location / { proxy_pass https://group; proxy_ssl_name a.example.com; }"
    found = found_in(tmp_path, f"events {{}} http {{ {group} server {{ {VERIFIED} {location} }} }}")
    assert found.targets == []
    assert found.reasons


def test_members_that_a_template_chooses_are_not_passed_over(tmp_path: Path) -> None:
    arms = [f"upstream group.example.com {{ server {name}.example.com:443; }}" for name in ("a", "b")]
    location = f"server {{ {VERIFIED} location / {{ proxy_pass https://group.example.com; }} }}"
    text = f"events {{}} http {{ {{% if x %}} {arms[0]} {{% else %}} {arms[1]} {{% endif %}} {location} }}"
    found = found_in(tmp_path, text)
    assert [address for address, _ in found.of("verification")] == ["b.example.com:443"]
    (reason,) = found.reasons
    assert reason.startswith('further members of the upstream group "group.example.com" depend on')


STREAM = """
stream {
    upstream db { server db1.example.com:5432; server db2.example.com; }
    server { listen 5432; proxy_ssl on; proxy_ssl_name db.example.com; proxy_ssl_verify on;
             proxy_ssl_trusted_certificate db.pem; proxy_pass db; }
    server { listen 5433; proxy_ssl on; proxy_protocol on; proxy_pass db1.example.com:5432; }
}
"""


def test_stream_and_grpc_are_watched_too(tmp_path: Path) -> None:
    grpc = http(
        "location / { grpc_pass grpcs://rpc.example.com:9443; grpc_ssl_verify on; grpc_ssl_trusted_certificate x; }"
    )
    found = found_in(tmp_path, f"{STREAM} {grpc}")
    labels = {target["targets"][0]: target["labels"] for target in found.targets}
    assert set(labels) == {"db1.example.com:5432", "rpc.example.com:9443"}
    stream, rpc = labels["db1.example.com:5432"], labels["rpc.example.com:9443"]
    assert (stream["nginx_module"], stream["server"], stream["upstream"]) == ("stream proxy", "_:5432", "db")
    assert stream["blocks"] == "stream server _:5432 (nginx.conf)"
    assert "location" not in stream
    assert (rpc["nginx_module"], rpc["location"]) == ("grpc", "/")
    assert [reason.partition(",")[0] for reason in found.reasons] == [
        "nginx does not start: it has no port",
        "nginx sends a PROXY protocol header before TLS begins",
    ]


# ---------------------------------------------------------------------------------------------- modules


def test_one_module_for_each_distinct_bundle_name_and_client_certificate(tmp_path: Path) -> None:
    other_bundle = "proxy_ssl_trusted_certificate /other.pem;"
    client = "proxy_ssl_certificate /c.pem; proxy_ssl_certificate_key /c.key;"
    settings = ["", "", other_bundle, client, "proxy_ssl_name b.example.com;"]
    locations = "".join(
        f"location /{number} {{ proxy_pass https://a.example.com; {text} }}" for number, text in enumerate(settings)
    )
    found = found_in(tmp_path, http(VERIFIED + locations))
    verify = {name: one["tcp"]["tls_config"] for name, one in found.modules.items() if name.startswith("verify_")}
    assert sorted(verify.values(), key=str) == sorted(
        [
            {"ca_file": "/etc/ssl/ca.pem", "server_name": "a.example.com"},
            {"ca_file": "/other.pem", "server_name": "a.example.com"},
            {
                "ca_file": "/etc/ssl/ca.pem",
                "server_name": "a.example.com",
                "cert_file": "/c.pem",
                "key_file": "/c.key",
            },
            {"ca_file": "/etc/ssl/ca.pem", "server_name": "b.example.com"},
        ],
        key=str,
    )
    others = [one["tcp"]["tls_config"] for name, one in found.modules.items() if not name.startswith("verify_")]
    assert all(tls["insecure_skip_verify"] and "ca_file" not in tls for tls in others)
    assert len(others) == 3
    assert {"cert_file", "key_file"} <= set.union(*map(set, others))
    # The name of a module does not depend on what else there is.
    alone = found_in(tmp_path, http(VERIFIED + "location / { proxy_pass https://a.example.com; }"))
    assert set(alone.modules) < set(found.modules)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", {}),
        ("proxy_ssl_protocols TLSv1.2 TLSv1.3;", {}),
        ("proxy_ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", {"min_version": "TLS10", "max_version": "TLS12"}),
        ("proxy_ssl_protocols SSLv3 TLSv1;", {"min_version": "TLS10", "max_version": "TLS10"}),
        ("proxy_ssl_protocols TLSv1.3;", {"min_version": "TLS13"}),
        ("proxy_ssl_protocols TLSv1.1 TLSv1.3;", {"min_version": "TLS11", "max_version": "TLS11"}),
        ("proxy_ssl_conf_command MinProtocol TLSv1.3;", {"min_version": "TLS13"}),
        ("proxy_ssl_protocols {{ versions }};", {}),
        ("{% if old %} proxy_ssl_protocols TLSv1.1; {% endif %}", {}),
    ],
)
def test_versions_of_tls_are_those_that_nginx_offers(settings: str, expected: dict[str, str], tmp_path: Path) -> None:
    found = found_in(tmp_path, http(f"{VERIFIED} {settings} location / {{ proxy_pass https://a.example.com; }}"))
    for kind in ("verification", "certificate"):
        ((_, tls),) = found.of(kind)
        assert {name: value for name, value in tls.items() if name.endswith("_version")} == expected


@pytest.mark.parametrize(("flag", "name"), [("on", "a.example.com"), ("off", "0.0.0.0")])  # noqa: S104
def test_the_certificate_is_read_with_the_name_that_nginx_sends(flag: str, name: str, tmp_path: Path) -> None:
    text = f"{VERIFIED} location / {{ proxy_ssl_server_name {flag}; proxy_pass https://a.example.com; }}"
    found = found_in(tmp_path, http(text))
    ((_, verification),) = found.of("verification")
    ((_, certificate),) = found.of("certificate")
    assert verification["server_name"] == "a.example.com"
    assert certificate["server_name"] == name
    assert {target["labels"]["sni"] for target in found.targets} == {flag}


def test_only_the_expiry_of_an_unverified_upstream_is_watched(tmp_path: Path) -> None:
    found = found_in(tmp_path, http("location / { proxy_pass https://a.example.com; }"))
    (target,) = found.targets
    assert target["targets"] == ["a.example.com:443"]
    assert (target["labels"]["probe"], target["labels"]["verified"]) == ("certificate", "false")
    ((_, tls),) = found.of("certificate")
    assert tls["insecure_skip_verify"] is True


def test_files_are_those_that_the_exporter_finds(tmp_path: Path) -> None:
    text = http(
        "proxy_ssl_verify on; proxy_ssl_trusted_certificate tls/ca.pem; "
        "proxy_ssl_certificate /run/secrets/c.pem; proxy_ssl_certificate_key /run/secrets-too/c.key; "
        "location / { proxy_pass https://a.example.com; }"
    )
    paths = [("/etc/nginx", "/srv/nginx"), ("/run/secrets/", "/s"), ("/etc/nginx/tls/ca.pem", "/ca.crt")]
    ((_, tls),) = found_in(tmp_path, text).of("verification")
    files = ("ca_file", "cert_file", "key_file")
    assert [tls[name] for name in files] == ["/etc/nginx/tls/ca.pem", "/run/secrets/c.pem", "/run/secrets-too/c.key"]
    for mapping in (paths[:2], paths[1::-1]):
        ((_, tls),) = found_in(tmp_path, text, mapping).of("verification")
        assert [tls[name] for name in files] == ["/srv/nginx/tls/ca.pem", "/s/c.pem", "/run/secrets-too/c.key"]
    ((_, tls),) = found_in(tmp_path, text, paths).of("verification")
    assert tls["ca_file"] == "/ca.crt"


@pytest.mark.parametrize(
    ("written", "directory", "expected"),
    [
        ("../pki/ca.pem", "/etc/pki", "/srv/pki/ca.pem"),
        ("/etc//pki/./ca.pem", "/etc/nginx/../pki/", "/srv/pki/ca.pem"),
        ("../pki/ca.pem", "/etc/nginx", "/etc/nginx/../pki/ca.pem"),
        ("ca.pem", "/", "/srv/pki/etc/nginx/ca.pem"),
    ],
)
def test_ways_up_lead_to_the_same_file(written: str, directory: str, expected: str, tmp_path: Path) -> None:
    location = "location / { proxy_pass https://a.example.com; }"
    text = http(f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {written}; {location}")
    ((_, tls),) = found_in(tmp_path, text, [(directory, "/srv/pki")]).of("verification")
    assert tls["ca_file"] == expected


# ----------------------------------------------------------------------------------------------- labels


def test_an_upstream_of_several_blocks_is_probed_once_and_names_them_all(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "api.conf").write_text("location /api { proxy_pass https://a.example.com; }\n", encoding="utf-8")
    for name in ("b", "a"):
        text = f"server {{ listen 443 ssl; server_name {name}.example.com; include api.conf; }}\n"
        (tmp_path / "sites" / f"{name}.conf").write_text(text, encoding="utf-8")
    more = "location /x { if ($slow) { proxy_pass https://a.example.com; } }"
    text = f"events {{}} http {{ {VERIFIED} include sites/*.conf; server {{ listen 80; {more} }} }}"
    found = found_in(tmp_path, text)
    assert len(found.of("verification")) == len(found.of("certificate")) == 1
    for target in found.targets:
        labels = target["labels"]
        assert (labels["file"], labels["server"], labels["location"]) == ("api.conf", "a.example.com:443", "/api")
        assert labels["blocks"].split("; ") == [
            "server a.example.com:443, location /api (api.conf)",
            "server b.example.com:443, location /api (api.conf)",
            "server _:80, location /x, if $slow (nginx.conf)",
        ]


def test_very_many_blocks_are_counted(tmp_path: Path) -> None:
    locations = "".join(f"location /{number:02} {{ proxy_pass https://a.example.com; }}" for number in range(25))
    found = found_in(tmp_path, http(VERIFIED + locations))
    blocks = found.targets[0]["labels"]["blocks"].split("; ")
    assert len(blocks) == 21
    assert blocks[-1] == "and 5 more"


def test_labels_hold_whatever_stands_in_a_configuration(tmp_path: Path) -> None:
    location = 'location ~ "^/{{ x }}\\"\n\u2028\udcff$" { proxy_pass https://a.example.com; proxy_ssl_name 0x1F.1e3; }'
    found = found_in(tmp_path, http(VERIFIED + location))
    assert '"\n\u2028\ufffd$' in found.targets[0]["labels"]["location"]
    ((_, tls),) = found.of("verification")
    assert tls["server_name"] == "0x1F.1e3"
    names = {target["labels"]["module"] for target in found.targets}
    assert all(name.isidentifier() for name in names)
    assert names == set(found.modules)


def test_no_two_targets_make_the_same_series(tmp_path: Path) -> None:
    found = found_in(tmp_path, (DEMO / "nginx" / "nginx.conf").read_text(encoding="utf-8"))
    assert read_inputs([str(DEMO)], bytes).configurations
    keys = [(target["targets"][0], sorted(target["labels"].items())) for target in found.targets]
    assert len({str(key) for key in keys}) == len(keys)


# ----------------------------------------------------------------------------------------- the command


def run(*arguments: str | Path) -> int:
    return main(["monitor", *map(str, arguments)])


def contents(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_ino) for path in directory.iterdir()}


def test_files_are_replaced_only_where_they_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree, output = tmp_path / "tree", tmp_path / "new" / "monitoring"
    tree.mkdir()
    conf = tree / "nginx.conf"
    conf.write_text(http(VERIFIED + "location / { proxy_pass https://a.example.com; }"), encoding="utf-8")
    assert run(tree, "--output", output) == 0
    before = contents(output)
    assert set(before) == NAMES
    os.chmod(output / "targets.json", 0o640)
    capsys.readouterr()

    assert run(tree, "--output", output) == 0
    assert capsys.readouterr().out.endswith(f"\n{output} is up to date\n")
    assert contents(output) == before

    conf.write_text(conf.read_text(encoding="utf-8").replace("location /", "location /new"), encoding="utf-8")
    assert run(tree, "--output", output, "--fail-if-stale") == 1
    assert capsys.readouterr().out.endswith(f"stale in {output}: targets.json\n")
    assert contents(output) == before

    assert run(tree, "--output", output) == 0
    changed = {name for name, content in contents(output).items() if content != before[name]}
    assert changed == {"targets.json"}
    assert (output / "targets.json").stat().st_mode & 0o777 == 0o640
    assert run(tree, "--output", output, "--fail-if-stale") == 0


def test_nothing_is_written_where_only_the_state_was_asked_for(tmp_path: Path) -> None:
    assert run(DEMO, "--output", tmp_path / "none", "--fail-if-stale") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_files_may_lie_in_the_tree_and_do_not_depend_on_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nginx.conf").write_text(
        http(VERIFIED + "location / { proxy_pass https://a.example.com; } location /u { proxy_pass https://$http_x; }"),
        encoding="utf-8",
    )
    output = tmp_path / "monitoring"
    assert run(tmp_path, "--output", output) == 0
    monkeypatch.chdir(tmp_path)
    assert run("--output", "monitoring", "--fail-if-stale") == 0
    assert run("nginx.conf", tmp_path / "nginx.conf", "--output", "monitoring", "--fail-if-stale") == 0
    assert "  nginx.conf:1: https://$http_x: the host is not known: the client chooses it\n" in capsys.readouterr().out


def test_files_of_several_directories_are_told_apart(tmp_path: Path) -> None:
    for name in ("edge", "core"):
        (tmp_path / name).mkdir()
        text = http(f"{VERIFIED} location / {{ proxy_pass https://{name}.example.com; }}")
        (tmp_path / name / "nginx.conf").write_text(text, encoding="utf-8")
    edge, core = tmp_path / "edge", tmp_path / "core"
    assert run(edge, core, edge, core / "nginx.conf", "--output", tmp_path / "out") == 0
    targets = json.loads((tmp_path / "out" / "targets.json").read_text(encoding="utf-8"))
    assert {(one["targets"][0], one["labels"]["file"]) for one in targets} == {
        ("edge.example.com:443", "edge/nginx.conf"),
        ("core.example.com:443", "core/nginx.conf"),
    }


DUMP = """\
nginx: the configuration file /usr/local/nginx/conf/nginx.conf syntax is ok
nginx: configuration file /usr/local/nginx/conf/nginx.conf test is successful
# configuration file /usr/local/nginx/conf/nginx.conf:
events {}
http {
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate ca.pem;
    include sites/*.conf;
}

# configuration file /usr/local/nginx/conf/sites/a.conf:
server {
    listen 80;
    location / { proxy_pass https://a.example.com; }
    location /u { proxy_pass https://$http_x; }
}
"""


def test_what_nginx_prints_is_read_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DUMP.encode())))
    assert run("-", "--output", tmp_path) == 0
    targets = json.loads((tmp_path / "targets.json").read_text(encoding="utf-8"))
    assert targets[0]["labels"]["file"] == "/usr/local/nginx/conf/sites/a.conf"
    assert "/usr/local/nginx/conf/ca.pem" in (tmp_path / "blackbox.yml").read_text(encoding="utf-8")
    assert "  /usr/local/nginx/conf/sites/a.conf:4: https://$http_x: " in capsys.readouterr().out


@pytest.mark.parametrize("text", [b"", b" \n"])
def test_nothing_on_standard_input_is_an_error(
    text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert run("-", "--output", tmp_path / "out") == 2
    assert capsys.readouterr() == ("", "checkov-nginx-tls: nothing came on standard input\n")
    assert not (tmp_path / "out").exists()


def test_a_path_that_does_not_exist_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(DEMO, tmp_path / "typo", "--output", tmp_path / "out") == 2
    assert capsys.readouterr() == ("", f"checkov-nginx-tls: {tmp_path / 'typo'} does not exist\n")
    assert not (tmp_path / "out").exists()


def test_a_pipe_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert run(tmp_path / "pipe", "--output", tmp_path / "out") == 2
    assert capsys.readouterr().err.endswith(
        "is neither a file nor a directory; what a program prints goes to standard input: -\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_mistake_in_the_only_file_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nginx.conf").write_text("location / { proxy_pass https://a.example.com;", encoding="utf-8")
    assert run(tmp_path, "--output", tmp_path / "out") == 2
    assert capsys.readouterr().err.endswith(": nothing could be read that has upstreams, so nothing is written\n")
    assert not (tmp_path / "out").exists()


def test_bytes_that_are_no_text_are_printed(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_bytes(http("location / { proxy_pass https://a\xff; }").encode("latin-1"))
    command = [sys.executable, "-m", "checkov_nginx_tls", "monitor", str(tmp_path), "--output", str(tmp_path / "out")]
    result = subprocess.run(command, check=True, capture_output=True)
    assert rb"  nginx.conf:1: https://a\xff: it is no host, with" in result.stdout
    assert json.loads((tmp_path / "out" / "left-out.json").read_bytes())[0]["target"] == "https://a\ufffd"


@pytest.mark.parametrize("option", [[], ["--fail-if-stale"]])
def test_what_cannot_be_read_is_told_and_the_rest_is_written(
    option: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = http(VERIFIED + "location / { proxy_pass https://a.example.com; }")
    (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
    (tmp_path / "broken.conf").write_text("location / {\n proxy_pass https://b.example.com;\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run("--output", "out", *option) == 2
    problem, last = capsys.readouterr().err.splitlines()
    assert problem.startswith("checkov-nginx-tls: broken.conf:3: unexpected end of file")
    said = "what is named above could not be read, or nginx refuses it: its upstreams may not be watched"
    assert last == f"checkov-nginx-tls: {said}"
    assert (tmp_path / "out").exists() == (not option)


def test_what_nginx_refuses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    location = "location / {\nproxy_pass https://a.example.com;\nproxy_ssl_verify on;\nproxy_ssl_verify on;\n}"
    (tmp_path / "nginx.conf").write_text(http(location), encoding="utf-8")
    assert run(tmp_path, "--output", tmp_path / "out") == 2
    assert capsys.readouterr().err.splitlines()[0].endswith('nginx.conf:4: "proxy_ssl_verify" directive is duplicate')


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert run(DEMO, "--output", tmp_path / "file") == 2
    assert run(DEMO, "--output", tmp_path / "file" / "below") == 2
    (tmp_path / "out" / "targets.json").mkdir(parents=True)
    assert run(DEMO, "--output", tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.partition(": ")[0] for line in captured.err.splitlines()] == ["checkov-nginx-tls"] * 3


@pytest.mark.parametrize(
    "option",
    [
        ["--path-map", "/etc"],
        ["--path-map", "=/x"],
        ["--exporter", "http://x:1"],
        ["--exporter", "x"],
        ["--exporter", "x{{:1"],
        ["--exporter", "$1:9115"],
        ["--exporter", "::1:9115"],
        ["--exporter", "x:0"],
        ["--exporter", "x:65536"],
        ["--exporter", "x:\u0661"],
        [],
    ],
)
def test_wrong_arguments_are_refused(option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["--output", str(tmp_path / "out")] if option else []
    with pytest.raises(SystemExit) as stopped:
        run(DEMO, *output, *option)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("exporter", ["exporter.example.com:9115", "blackbox:1", "192.0.2.1:65535", "[2001:db8::1]:80"])
def test_the_exporter_may_be_any_host(exporter: str, tmp_path: Path) -> None:
    assert run(DEMO, "--output", tmp_path, "--exporter", exporter) == 0
    assert exporter in (tmp_path / "prometheus-scrape.yml").read_text(encoding="utf-8")


def test_the_same_configuration_gives_the_same_bytes(tmp_path: Path) -> None:
    program = "import sys; from checkov_nginx_tls.cli import main; sys.exit(main(sys.argv[1:]))"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", program, "monitor", str(DEMO), "--output", str(tmp_path / seed)]
        assert subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL).returncode == 0
    files = [{path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()} for seed in ("1", "2")]
    assert files[0] == files[1]


def test_nothing_of_checkov_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys; from checkov_nginx_tls.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or ('checkov imported' if 'checkov' in sys.modules else 0))"
    )
    command = [sys.executable, "-c", program, "monitor", str(DEMO), "--output", str(tmp_path)]
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
