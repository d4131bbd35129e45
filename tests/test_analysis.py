"""From files to outcomes: discovery, includes, boundaries, skips, users' checks, hostile input."""

from __future__ import annotations

import os
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls import files as files_module
from checkov_nginx_tls import model as model_module
from checkov_nginx_tls.analysis import Analysis, analyse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BAD = "proxy_pass https://backend.example.com; proxy_ssl_verify off;\n"


def write(root: Path, tree: Mapping[str, str | bytes]) -> None:
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def scan(root: Path, tree: Mapping[str, str | bytes]) -> Analysis:
    write(root, tree)
    return analyse(str(root))


def results(analysis: Analysis, root: Path, result: CheckResult = CheckResult.FAILED) -> list[str]:
    """``ID file:line resource`` of all outcomes of a kind."""
    base = root.resolve()
    return [
        f"{outcome.check.id[-2:]} {Path(outcome.path).relative_to(base)}:{outcome.start_line} {outcome.resource}"
        for outcome in analysis.outcomes
        if outcome.result is result
    ]


def reasons(analysis: Analysis) -> list[str]:
    return [f"{Path(problem.path).name}:{problem.line}: {problem.reason}" for problem in analysis.problems]


# discovery


@pytest.mark.parametrize(
    "name", ["nginx.conf", "proxy", "deep/er/site.inc", "sites-available/default", "x.conf.sample", "notes.txt"]
)
def test_files_are_found_by_what_they_hold(tmp_path: Path, name: str) -> None:
    assert len(results(scan(tmp_path, {name: BAD}), tmp_path)) == 1


@pytest.mark.parametrize("name", ["README.md", "app.py", "x.min.js", "Cargo.lock", "Dockerfile", "x.html", "x.t"])
def test_documentation_programs_and_lock_files_are_left_out(tmp_path: Path, name: str) -> None:
    assert scan(tmp_path, {name: BAD}) == Analysis((), (), (), ())


@pytest.mark.parametrize(
    "text",
    [
        "ProxyPass / https://backend.example.com/\nSSLProxyVerify none\n",
        "proxy_pass: https://backend.example.com;\n",
        "proxy_pass = https://backend.example.com;\n",
        "the proxy_pass directive; proxy_ssl_verify is a directive too\n",
        "[Service]\nExecStart=/usr/bin/x; proxy\n",
        "#!/bin/sh\nproxy_pass https://x;\n",
    ],
)
def test_other_formats_are_not_nginx(tmp_path: Path, text: str) -> None:
    assert scan(tmp_path, {"some.conf": text}) == Analysis((), (), (), ())


@pytest.mark.parametrize(
    "name",
    [
        "sites-enabled/www.example.org",
        "example.rs",
        "app.example.sh",
        "changelog.example.com",
        "license.example.com",
        "readme.io.conf",
        "nginx-lock.conf",
        "a.min.conf",
    ],
)
def test_site_files_may_be_named_like_something_else(tmp_path: Path, name: str) -> None:
    text = "# a site\nserver { location / { proxy_pass https://a.example.com; } }"
    assert len(results(scan(tmp_path, {name: text}), tmp_path)) == 1


@pytest.mark.parametrize(
    "head",
    [
        "proxy_cache_path /x keys_zone=a:1m;",
        "limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;",
        'log_format a escape=json \'{"b": "$uri"; }\';',
        "geo $x { default 1; }",
        "split_clients ${remote_addr}x $y { * a; }",
        "map $x $y { }",
        "{% if x %}",
        "{%- set x = 1 -%}",
    ],
)
def test_site_files_may_begin_with_other_things(tmp_path: Path, head: str) -> None:
    text = f"{head}\n# a site\nserver {{ location / {{ proxy_pass https://a.example.com; }} }}"
    assert len(results(scan(tmp_path, {"www.example.org": text}), tmp_path)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "location / {\rproxy_pass https://a.b;\r}",
        "#!/usr/sbin/nginx -c\nlocation / { proxy_pass https://a.b; }",
        "#!!! managed by hand !!!\nlocation / { proxy_pass https://a.b; }",
        "location / { proxy_pass https://a.b/" + "x" * 3000 + "; }",
        "location / { proxy_pass\n" + "# note\n" * 600 + "https://a.b; }",
    ],
)
def test_unusual_forms_are_found(tmp_path: Path, text: str) -> None:
    assert len(results(scan(tmp_path, {"a.conf": text}), tmp_path)) == 1


def test_a_file_that_is_only_included_is_judged_too(tmp_path: Path) -> None:
    tree = {
        "nginx.conf": "http { include sites/*; }",
        "sites/LICENSE.md": "server { location / { proxy_pass https://a; } }",
    }
    assert results(scan(tmp_path, tree), tmp_path) == ["03 sites/LICENSE.md:1 server(_:80).location(/).proxy_pass"]


def test_a_broken_main_file_is_named_although_it_only_includes(tmp_path: Path) -> None:
    assert len(reasons(scan(tmp_path, {"main.conf": "http {\n include sites/*;\n"}))) == 1


def test_prose_about_nginx_is_no_parsing_error(tmp_path: Path) -> None:
    text = "To pass requests on, write\n    proxy_pass https://x;\nin a location"
    assert scan(tmp_path, {"INSTALL": text, "notes.txt": text}) == Analysis((), (), (), ())


def test_explicit_files_that_cannot_be_scanned_are_named(tmp_path: Path) -> None:
    analysis = analyse(None, [str(tmp_path / "missing.conf"), str(tmp_path)])
    assert {reason.partition(": ")[2] for reason in reasons(analysis)} == {
        "the file does not exist",
        "the file is a directory",
    }


def test_an_empty_directory_has_nothing(tmp_path: Path) -> None:
    assert analyse(str(tmp_path)) == Analysis((), (), (), ())


def test_a_directory_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert not analyse(str(tmp_path / "missing")).outcomes


def test_what_the_path_filter_leaves_out_is_not_opened(tmp_path: Path) -> None:
    write(
        tmp_path, {"nginx.conf": "include skipped/x.conf; location / { proxy_pass https://a; }", "skipped/x.conf": BAD}
    )

    def keep(_directory: str, names: list[str]) -> None:
        if "skipped" in names:
            names.remove("skipped")

    with opened() as paths:
        analysis = analyse(str(tmp_path), keep=keep)
    assert not [path for path in paths if "skipped" in path]
    (outcome,) = [one for one in analysis.outcomes if one.result is CheckResult.FAILED]
    assert 'Not in the scanned tree, and so not looked at: "skipped/x.conf" (nginx.conf:1)' in outcome.message


@pytest.mark.parametrize(
    "text",
    [
        "rtmp { server { listen 1935; application live { live on; } } }",
        "tcp { upstream u { server 192.0.2.1:1; } server { listen 1; proxy_pass u; } }",
        "http { server { location / { if ($arg_x) { proxy_ssl_verify_by_lua_block { return } } } } }",
    ],
)
def test_what_modules_of_others_take_is_not_refused(tmp_path: Path, text: str) -> None:
    seen = "http { server { location / { proxy_pass https://a.example.com; } } }"
    assert not scan(tmp_path, {"nginx.conf": f"events {{ }}\n{text}\n{seen}\n"}).problems


def test_a_file_over_the_size_limit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "SIZE_LIMIT", 100)
    analysis = scan(tmp_path, {"big.conf": BAD * 10})
    assert not analysis.outcomes
    assert "big.conf" in analysis.remarks[0]


@pytest.mark.skipif(sys.platform == "win32", reason="no permission bits")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"secret.conf": BAD, "good.conf": BAD})
    (tmp_path / "secret.conf").chmod(0)
    if os.access(tmp_path / "secret.conf", os.R_OK):
        pytest.skip("this user may read everything")
    analysis = analyse(str(tmp_path))
    assert reasons(analysis) == ["secret.conf:1: the file cannot be read: Permission denied"]
    assert len(results(analysis, tmp_path)) == 1


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open

    def refuse(path: str, *arguments: int) -> int:
        if str(path).endswith("secret.conf"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *arguments)

    monkeypatch.setattr(os, "open", refuse)
    analysis = scan(tmp_path, {"secret.conf": BAD, "good.conf": BAD})
    assert reasons(analysis) == ["secret.conf:1: the file cannot be read: Permission denied"]
    assert len(results(analysis, tmp_path)) == 1


# includes


def test_includes_are_relative_to_the_main_file_even_nested(tmp_path: Path) -> None:
    analysis = scan(
        tmp_path,
        {
            "nginx.conf": "events {} http { include conf.d/*.conf; }",
            "conf.d/a.conf": "server { include snippets/verify.conf; location / { proxy_pass https://a.example; } }",
            "snippets/verify.conf": "proxy_ssl_server_name on; proxy_ssl_verify on; proxy_ssl_trusted_certificate c;",
            "conf.d/snippets/verify.conf": "proxy_ssl_verify off;",
        },
    )
    assert results(analysis, tmp_path) == ["01 conf.d/snippets/verify.conf:1 proxy_ssl_verify"]
    passed = {line[:2] for line in results(analysis, tmp_path, CheckResult.PASSED)}
    assert {"01", "02", "03"} <= passed


def test_globs_are_read_in_the_order_of_the_c_locale(tmp_path: Path) -> None:
    analysis = scan(
        tmp_path,
        {
            "nginx.conf": "events {} http { server { include parts/*.inc; } }",
            "parts/10.inc": "proxy_set_header A 10;",
            "parts/B.inc": "proxy_set_header A B;",
            "parts/.hidden.inc": BAD,
            "parts/a.inc": "location / { proxy_pass https://a.example.com; }",
            "parts/2.inc": "proxy_set_header A 2;",
        },
    )
    assert results(analysis, tmp_path) == [
        "01 parts/.hidden.inc:1 proxy_ssl_verify",
        "03 parts/a.inc:1 location(/).proxy_pass",
    ]


def test_wildcards_in_the_name_of_a_directory_are_no_pattern(tmp_path: Path) -> None:
    tree = {
        "apps/[id]/nginx.conf": "events {} http { include tls.inc; server { location / { proxy_pass https://a.b; } } }",
        "apps/[id]/tls.inc": "proxy_ssl_server_name on; proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;",
    }
    assert results(scan(tmp_path, tree), tmp_path) == []


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("c/*.[ab]onf", "x.aonf"),
        ("c/[!x]?", "yy"),
        ("c/[^x]?", "yy"),
        (r"c/\*.x", "*.x"),
        ("c/[z-a]*", ""),
        ("*/yy", "yy"),
    ],
)
def test_patterns_are_those_of_glob(tmp_path: Path, pattern: str, matched: str) -> None:
    names = ["x.aonf", "x.conf", "yy", "xy", "*.x", "y.x"]
    tree = {f"c/{name}": f"location /{number} {{ proxy_pass http://a; }}" for number, name in enumerate(names)}
    write(tmp_path, {**tree, "nginx.conf": f"http {{ server {{ include {pattern}; }} }}"})
    reached = {Path(path).name for path, _ in analyse(None, [str(tmp_path / "nginx.conf")]).resources()}
    assert reached - {"nginx.conf"} == ({matched} if matched else set())


def test_a_pattern_goes_through_directories_only(tmp_path: Path) -> None:
    write(tmp_path, {"d/file": "", "d/x/a.inc": ""})
    scanned = files_module.ScannedFiles([str(tmp_path)], str(tmp_path))
    assert scanned.glob(str(tmp_path), "d/*/../x/*.inc") == [os.path.realpath(tmp_path / "d/x/a.inc")]


def test_a_pattern_that_multiplies_is_named(tmp_path: Path) -> None:
    write(tmp_path, {f"d{number}/a.conf": "" for number in range(20)})
    write(tmp_path, {"nginx.conf": f"http {{ include {'*/../' * 9}*.inc; server {{ location / {{ {BAD} }} }} }}"})
    analysis = analyse(str(tmp_path))
    assert reasons(analysis) == [f'nginx.conf:1: "{"*/../" * 9}*.inc" is not followed: more than 50000 paths match']
    assert results(analysis, tmp_path) == ["01 nginx.conf:1 http.server(_:80).location(/).proxy_ssl_verify"]


def test_dots_behind_a_link_are_followed_as_the_system_does(tmp_path: Path) -> None:
    write(tmp_path, {"a/c/on.inc": "proxy_ssl_verify off;", "c/off.inc": "proxy_ssl_verify on;", "a/b/x": ""})
    (tmp_path / "l").symlink_to(tmp_path / "a" / "b")
    main = "http { include l/../c/*; server { location / { proxy_pass https://a.b; } } }"
    assert "01 a/c/on.inc:1 proxy_ssl_verify" in results(scan(tmp_path, {"nginx.conf": main}), tmp_path)


def test_including_a_directory_is_named(tmp_path: Path) -> None:
    analysis = scan(
        tmp_path, {"nginx.conf": "http { include d; server { location / { proxy_pass https://a; } } }", "d/x": ""}
    )
    assert reasons(analysis) == ['nginx.conf:1: "d" is no file that nginx can include: d']


def test_a_long_chain_of_includes_is_named(tmp_path: Path) -> None:
    tree = {f"f{number}.conf": f"include f{number + 1}.conf;" for number in range(600)}
    analysis = scan(tmp_path, {**tree, "f600.conf": "proxy_pass https://a.b;", "good.conf": BAD})
    assert "inside one another" in reasons(analysis)[0]
    assert results(analysis, tmp_path) == ["01 good.conf:1 proxy_ssl_verify"]


@pytest.mark.parametrize(("depth", "is_named"), [(250, False), (251, True)])
def test_blocks_and_includes_are_counted_where_they_stand_inside_one_another(
    tmp_path: Path, depth: int, *, is_named: bool
) -> None:
    blocks = "".join(f"location /{'a/' * number} {{\n" for number in range(1, 10)) + BAD + "}" * 9
    includes = depth - 11  # http, server and nine locations are the other levels
    tree = {f"f{number}.inc": f"include f{number + 1}.inc;" for number in range(1, includes)}
    beside = "location /beside { }\n" * 300
    main = f"events {{}} http {{ server {{\n{beside} include f1.inc;\n}} }}"
    analysis = scan(tmp_path, {"nginx.conf": main, **tree, f"f{includes}.inc": blocks})
    assert ["more than 250 blocks" in reason for reason in reasons(analysis)] == [True] * is_named


@pytest.mark.parametrize(("count", "is_named"), [(5, False), (6, True)])
def test_files_are_included_up_to_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, *, is_named: bool
) -> None:
    monkeypatch.setattr(model_module, "INCLUDE_LIMIT", 5)
    includes = "include empty.inc; " * count
    analysis = scan(tmp_path, {"nginx.conf": f"http {{ {includes} server {{ }} }}", "empty.inc": ""})
    assert ["more than 5 includes" in reason for reason in reasons(analysis)] == [True] * is_named


def test_a_configuration_of_too_many_directives_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "DIRECTIVE_LIMIT", 1000)
    tree = {f"f{number}.conf": f"include f{number + 1}.conf; include f{number + 1}.conf;" for number in range(8)}
    analysis = scan(tmp_path, {**tree, "f8.conf": "proxy_pass https://a.b;" + "proxy_set_header a b;" * 9})
    assert "more than 1000 directives" in reasons(analysis)[0]


def test_a_connection_that_fails_in_one_context_does_not_pass_in_another(tmp_path: Path) -> None:
    tree = {
        "nginx.conf": """events {} http {
            server { proxy_ssl_verify off; include s.inc; }
            server { proxy_ssl_verify on; proxy_ssl_server_name on; proxy_ssl_trusted_certificate c; include s.inc; }
        }""",
        "s.inc": "location / { proxy_pass https://a.b; }",
    }
    analysis = scan(tmp_path, tree)
    assert results(analysis, tmp_path) == ["01 nginx.conf:2 http.server(_:80).proxy_ssl_verify"]
    assert not [line for line in results(analysis, tmp_path, CheckResult.PASSED) if line.startswith("01")]


def test_a_cause_in_a_shared_file_is_one_finding(tmp_path: Path) -> None:
    analysis = scan(
        tmp_path,
        {
            "nginx.conf": "events {} http { "
            + "".join(
                f"server {{ listen {port}; include tls.conf; location / {{ proxy_pass https://a{port}; }} }}"
                for port in range(20)
            )
            + "}",
            "tls.conf": "proxy_ssl_verify off;",
        },
    )
    assert results(analysis, tmp_path) == ["01 tls.conf:1 proxy_ssl_verify"]
    (message,) = [outcome.message for outcome in analysis.outcomes if outcome.result is CheckResult.FAILED]
    assert "https://a0 (nginx.conf:1)" in message
    assert "17 more" in message


def test_a_file_that_includes_itself_is_named(tmp_path: Path) -> None:
    analysis = scan(
        tmp_path, {"a.conf": "include b.conf; proxy_pass https://a.example.com;", "b.conf": "include a.conf;"}
    )
    assert reasons(analysis) == ["b.conf:1: the file includes itself: a.conf -> b.conf -> a.conf"]
    assert results(analysis, tmp_path) == ["03 a.conf:1 proxy_pass"]


def test_an_include_bomb_is_named(tmp_path: Path) -> None:
    tree = {f"f{number}.conf": f"include f{number + 1}.conf; include f{number + 1}.conf;" for number in range(30)}
    analysis = scan(tmp_path, {**tree, "f30.conf": "proxy_pass https://a.example.com;"})
    assert results(analysis, tmp_path) == ["03 f30.conf:1 proxy_pass"]
    assert "more than 50000 includes" in reasons(analysis)[0]


def test_files_beside_an_include_bomb_are_judged(tmp_path: Path) -> None:
    tree = {f"f{number}.conf": f"include f{number + 1}.conf; include f{number + 1}.conf;" for number in range(30)}
    main = "events {} http { include good.conf; include f0.conf; }"
    good = "server { location / { proxy_pass https://a.example.com; } }"
    analysis = scan(tmp_path, {**tree, "nginx.conf": main, "good.conf": good, "other/nginx.conf": f"http {{ {good} }}"})
    assert results(analysis, tmp_path) == [
        "03 good.conf:1 server(_:80).location(/).proxy_pass",
        "03 other/nginx.conf:1 http.server(_:80).location(/).proxy_pass",
    ]
    (reason,) = reasons(analysis)
    assert "more than 50000 includes" in reason


def test_files_that_include_all_of_each_other_are_named_once(tmp_path: Path) -> None:
    tree = {f"f{number}.conf": "include *.conf; proxy_pass https://a.example.com;" for number in range(60)}
    analysis = scan(tmp_path, tree)
    assert len(results(analysis, tmp_path)) == 60
    assert len(reasons(analysis)) == 61


def test_an_included_file_that_does_not_parse_is_named(tmp_path: Path) -> None:
    analysis = scan(
        tmp_path,
        {
            "nginx.conf": "events {} http { include broken.inc; server { location / { proxy_pass https://a.b; } } }",
            "broken.inc": "proxy_ssl_verify on\n",
        },
    )
    assert reasons(analysis) == ['broken.inc:2: unexpected end of file, expecting ";" or "}"']
    assert results(analysis, tmp_path) == ["03 nginx.conf:1 http.server(_:80).location(/).proxy_pass"]


def test_a_file_that_does_not_parse_takes_no_other_with_it(tmp_path: Path) -> None:
    on = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; proxy_ssl_server_name on;"
    tree = {
        "nginx.conf": f"events {{}} http {{ {on} include sites/*.conf; }}",
        "sites/a.conf": "server {\n",
        "sites/b.conf": "server { location / { proxy_pass https://a.example.com; } }",
    }
    analysis = scan(tmp_path, tree)
    assert len(reasons(analysis)) == 1
    assert results(analysis, tmp_path) == []
    assert [one[:18] for one in results(analysis, tmp_path, CheckResult.PASSED) if one[:2] == "03"] == [
        "03 sites/b.conf:1 "
    ]


# boundaries


class opened:  # noqa: N801  # a context manager
    """Records every path that is opened or listed while it is active."""

    paths: list[str] | None = None
    installed = False

    def __enter__(self) -> list[str]:
        if not opened.installed:
            sys.addaudithook(self._hook)
            opened.installed = True
        opened.paths = []
        return opened.paths

    def __exit__(self, *_: object) -> None:
        opened.paths = None

    @staticmethod
    def _hook(event: str, arguments: tuple[object, ...]) -> None:
        if opened.paths is not None and event in {"open", "os.listdir", "os.scandir"}:
            opened.paths.append(str(arguments[0]))


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links")
def test_nothing_outside_the_scanned_directory_is_opened(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    write(outside, {"secret.conf": BAD, "d/secret.conf": BAD})
    write(
        root,
        {
            "nginx.conf": f"""
                events {{}}
                http {{
                    include ../outside/secret.conf;
                    include ../outside/*.conf;
                    include {outside}/secret.conf;
                    include {outside}/*.conf;
                    include /etc/hostname;
                    include link.conf;
                    include linked/secret.conf;
                    include linked/*.conf;
                    include */secret.conf;
                    include link*/../../outside/*.conf;
                    include loop/nginx.conf;
                    server {{ location / {{ proxy_pass https://a.example.com; }} }}
                }}""",
        },
    )
    (root / "link.conf").symlink_to(outside / "secret.conf")
    (root / "linked").symlink_to(outside)
    (root / "loop").symlink_to(root)
    with opened() as paths:
        analysis = analyse(str(root))
    real = [os.path.realpath(path) for path in paths if not path.isdigit()]
    assert str(root / "nginx.conf") in real
    assert [path for path in real if not f"{path}/".startswith(f"{root}/") and path.startswith(str(tmp_path))] == []
    assert "/etc/hostname" not in real
    assert [line[:2] for line in results(analysis, root)] == ["03"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.conf")
    write(tmp_path, {"nginx.conf": f"include pipe.conf; {BAD}"})
    assert len(results(analyse(str(tmp_path)), tmp_path)) == 1


# skips


def test_a_skip_at_a_location_removes_it_from_an_inherited_cause(tmp_path: Path) -> None:
    text = """
    events {}
    http {
        proxy_ssl_verify off;
        server {
            location /a {
                # checkov:skip=CKV_NGINX_CUSTOM_01:tested by hand
                proxy_pass https://a.example.com;
            }
            location /b { %s
                proxy_pass https://b.example.com;
            }
        }
    }
    """
    analysis = scan(tmp_path, {"nginx.conf": text % ""})
    (failed,) = [one for one in analysis.outcomes if one.result is CheckResult.FAILED]
    assert "b.example.com" in failed.message
    assert "a.example.com" not in failed.message
    analysis = scan(tmp_path, {"nginx.conf": text % "# checkov:skip=CKV_NGINX_CUSTOM_01:too"})
    (skipped,) = [one for one in analysis.outcomes if one.result is CheckResult.SKIPPED]
    assert (skipped.start_line, skipped.skip_reason) == (4, "tested by hand")
    assert not analysis.unused_skips


def test_a_skip_on_an_include_covers_what_it_brings(tmp_path: Path) -> None:
    tree = {"nginx.conf": "events {} http { server {\ninclude app.conf; # checkov:skip=CKV_NGINX_CUSTOM_03:why\n} }"}
    analysis = scan(tmp_path, {**tree, "app.conf": "location / { proxy_pass https://a.example.com; }"})
    assert results(analysis, tmp_path) == []
    assert len(results(analysis, tmp_path, CheckResult.SKIPPED)) == 1


def test_a_skip_that_skips_nothing_is_a_warning(tmp_path: Path) -> None:
    text = (
        "location / { # checkov:skip=CKV_NGINX_CUSTOM_01,CKV_NGINX_CUSTOM_31,CKV_NGINX_CUSTOM_99,CKV_DOCKER_1:x\n"
        "proxy_pass https://a.b;}"
    )
    assert [skip.text for skip in scan(tmp_path, {"a.conf": text}).unused_skips] == [
        "a.conf:1: checkov:skip=CKV_NGINX_CUSTOM_01 skips nothing: remove it, or move it to the finding",
        (
            "a.conf:1: checkov:skip=CKV_NGINX_CUSTOM_31 skips nothing: the rule is about Kubernetes objects, where an "
            "annotation skips"
        ),
        "a.conf:1: checkov:skip=CKV_NGINX_CUSTOM_99 names no check",
    ]


# what nginx refuses


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("proxy_ssl_verify yes; proxy_pass https://a;", 'invalid value "yes" in "proxy_ssl_verify" directive'),
        ("proxy_ssl_verify; proxy_pass https://a;", 'invalid number of arguments in "proxy_ssl_verify" directive'),
        ("proxy_ssl_verify on; proxy_ssl_verify on; proxy_pass http://a;", '"proxy_ssl_verify" directive is duplicate'),
        ("location / { proxy_pass backend; }", 'invalid URL prefix in "backend"'),
        (
            "upstream { server a; }\nserver { location / { proxy_pass http://a; } }",
            'invalid number of arguments in "upstream" directive',
        ),
        ("location { proxy_pass http://a; }", 'invalid number of arguments in "location" directive'),
        ("location ~ a b { proxy_pass http://a; }", 'invalid number of arguments in "location" directive'),
        ("location / { if { proxy_pass http://a; } }", 'invalid number of arguments in "if" directive'),
    ],
)
def test_refusals_are_problems_in_the_words_of_nginx(tmp_path: Path, text: str, reason: str) -> None:
    assert any(reason in found for found in reasons(scan(tmp_path, {"a.conf": text})))


@pytest.mark.parametrize(
    ("inside", "name"),
    [
        ("upstream u { server a; proxy_ssl_verify on; }", "proxy_ssl_verify"),
        ("proxy_pass http://a;", "proxy_pass"),
        ("server { proxy_pass http://a; }", "proxy_pass"),
        ("server { if ($a) { proxy_pass http://a; } }", "proxy_pass"),
        ("server { proxy_ssl on; }", "proxy_ssl"),
        ("server { server { listen 80; } }", "server"),
        ("server { upstream u { server a; } }", "upstream"),
        ("location / { return 200; }", "location"),
        ("server { limit_except GET { deny all; } }", "limit_except"),
    ],
)
def test_what_stands_where_nginx_does_not_allow_it_is_named(tmp_path: Path, inside: str, name: str) -> None:
    text = f"events {{}} http {{ {inside} server {{ location / {{ {BAD} }} }} }}"
    assert reasons(scan(tmp_path, {"nginx.conf": text})) == [f'nginx.conf:1: "{name}" directive is not allowed here']


@pytest.mark.parametrize(
    "inside",
    [
        "server { location / { if ($a) { proxy_pass http://a; } } }",
        "map $a $b { proxy_pass 1; location 2; }",
        "server { {% if a %}proxy_pass http://a;{% endif %} }",
        "server { {{ name }}proxy_pass http://a; }",
        "upstream {% if a %}u{% endif %} { server a; }",
    ],
)
def test_what_nginx_allows_or_a_template_decides_is_not_refused(tmp_path: Path, inside: str) -> None:
    text = f"events {{}} http {{ {inside} server {{ location / {{ {BAD} }} }} }}"
    assert reasons(scan(tmp_path, {"nginx.conf": text})) == []


def test_a_template_may_give_a_part_of_http_at_its_top_level(tmp_path: Path) -> None:
    server = f"server {{ location / {{ {BAD} }} }}"
    analysis = scan(tmp_path, {"nginx.conf": f"events {{}}\n{{% if a %}}\n{server}\n{{% endif %}}\nhttp {{ }}\n"})
    assert [block.type for block in analysis.judged[0].configuration.blocks][2:4] == ["http.server", "http.location"]
    assert reasons(analysis) == []
    assert scan(tmp_path, {"nginx.conf": f"events {{}}\n{server}\nhttp {{ }}\n"}).problems != ()


@pytest.mark.parametrize(
    "text",
    [
        "upstream { server a; }\nserver { location / { proxy_pass https://a.example.com; } }",
        "upstream a { server; }\nserver { location / { proxy_pass https://a; } }",
        "location / { proxy_pass; }\nlocation /b { proxy_pass https://a.example.com; }",
        "proxy_pass;\nlocation /b { proxy_pass https://a.example.com; }",
        "location / { proxy_pass https://a.example.com; proxy_ssl_name; proxy_ssl_trusted_certificate; }",
        "location / { proxy_pass https://a.example.com; proxy_ssl_conf_command; proxy_ssl_ciphers; }",
        "location / { proxy_pass https://a.example.com; proxy_ssl_verify_depth; proxy_ssl_protocols; }",
    ],
)
def test_a_directive_without_arguments_hides_no_finding(tmp_path: Path, text: str) -> None:
    analysis = scan(tmp_path, {"a.conf": text})
    assert [reason for reason in reasons(analysis) if "invalid number of arguments" not in reason] == []
    assert "03" in {one[:2] for one in results(analysis, tmp_path)}


# hostile input


def test_a_binary_file_named_nginx_conf_is_named(tmp_path: Path) -> None:
    analysis = scan(tmp_path, {"nginx.conf": bytes(range(256)) * 40, "other.conf": bytes(range(256)) * 40})
    assert reasons(analysis) == ["nginx.conf:1: the file is not text: it is not judged"]


def test_ten_thousand_nested_braces_are_named(tmp_path: Path) -> None:
    analysis = scan(tmp_path, {"nginx.conf": f"{'a {' * 10_000}\n{BAD}{'}' * 10_000}"})
    assert "nested more than" in reasons(analysis)[0]


def test_ten_megabytes_are_judged(tmp_path: Path) -> None:
    server = b"server { location / { proxy_pass https://a.b; } # " + b"x" * 2000 + b"\n}\n"
    analysis = scan(tmp_path, {"big.conf": server * 5000})
    assert len(results(analysis, tmp_path)) == 5000


def test_a_lua_block_of_quotes_costs_no_time(tmp_path: Path) -> None:
    text = 'content_by_lua_block { "' + '\\"' * 200_000 + "\n}\n" + BAD
    assert len(results(scan(tmp_path, {"a.conf": text}), tmp_path)) == 1


def test_one_hostile_file_hides_no_other(tmp_path: Path) -> None:
    tree: dict[str, str | bytes] = {
        "a.conf": BAD,
        "bom.conf": b"\xef\xbb\xbf" + BAD.encode(),
        "utf16.conf": BAD.encode("utf-16"),
        "open.conf": f"server {{ {BAD}",
        "z.conf": BAD,
    }
    analysis = scan(tmp_path, tree)
    assert results(analysis, tmp_path) == ["01 a.conf:1 proxy_ssl_verify", "01 z.conf:1 proxy_ssl_verify"]
    assert [reason.partition(":")[0] for reason in reasons(analysis)] == ["bom.conf", "open.conf", "utf16.conf"]


def test_a_very_long_line_is_quoted_in_part(tmp_path: Path) -> None:
    text = "".join(f"location /{number} {{ proxy_pass https://a{number}; }} " for number in range(500))
    analysis = scan(tmp_path, {"a.conf": text})
    assert len(results(analysis, tmp_path)) == 500
    last = next(outcome for outcome in analysis.outcomes if "/499)" in outcome.resource)
    assert last.excerpt.code_block == ((1, "proxy_pass https://a499; } \n"),)


def test_a_check_that_raises_is_no_silent_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from checkov_nginx_tls.checks.upstream_verify_disabled import UpstreamVerifyDisabled

    def broken(*_: object) -> Iterator[object]:
        raise RuntimeError("no luck")

    monkeypatch.setattr(UpstreamVerifyDisabled, "judge", broken)
    analysis = scan(tmp_path, {"a.conf": BAD})
    assert reasons(analysis) == [
        "a.conf:1: check CKV_NGINX_CUSTOM_01 failed to run (RuntimeError: no luck): the file is not wholly judged by it"
    ]


def test_what_a_check_finds_before_it_raises_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from checkov_nginx_tls.checks.upstream_verify_unset import UpstreamVerifyUnset

    judge = UpstreamVerifyUnset.judge

    def broken(*args: Any) -> Iterator[object]:
        yield next(iter(judge(*args)))
        raise RuntimeError("no luck")

    monkeypatch.setattr(UpstreamVerifyUnset, "judge", broken)
    analysis = scan(
        tmp_path, {"a.conf": "location /a { proxy_pass https://a; }\nlocation /b { proxy_pass https://b; }"}
    )
    assert [one[:2] for one in results(analysis, tmp_path)] == ["03"]
    assert "CKV_NGINX_CUSTOM_03 failed to run (RuntimeError: no luck)" in reasons(analysis)[0]


# names


def test_resource_names_tell_alike_siblings_apart(tmp_path: Path) -> None:
    text = """
    server { listen 80; server_name a.example.com b.example.com; location ^~ /x { proxy_pass https://a.b; } }
    server { listen [::]:443 ssl; location = /x { proxy_pass https://a.b; } }
    server { listen 127.0.0.1:8443; if ($a = "b") { proxy_pass https://a.b; } }
    server { listen 127.0.0.1:8443; location / { proxy_pass https://a.b; } location / { proxy_pass https://a.b; } }
    """
    assert [line.split(" ", 2)[2] for line in results(scan(tmp_path, {"a.conf": text}), tmp_path)] == [
        "server(a.example.com:80).location(^~ /x).proxy_pass",
        "server(_:443).location(= /x).proxy_pass",
        "server(_:8443).if($a = b).proxy_pass",
        "server(_:8443)#2.location(/).proxy_pass",
        "server(_:8443)#2.location(/)#2.proxy_pass",
    ]


def test_what_is_left_of_an_analysis_is_collected(tmp_path: Path) -> None:
    """The collector of cycles is paused; afterwards it looks at what was built meanwhile as at anything else."""
    write(tmp_path, {"nginx.conf": f"events {{}} http {{ server {{ location / {{ {BAD} }} }} }}"})
    built = [weakref.ref(analyse(str(tmp_path)).judged[0].configuration.root) for _ in range(100)]
    assert sum(block() is not None for block in built) < 50


def test_what_a_nested_include_reads_relative_to_the_main_file_is_judged_in_there_only(tmp_path: Path) -> None:
    tree = {
        "nginx.conf": "events {} http { server { proxy_ssl_verify on; proxy_ssl_trusted_certificate a; "
        "include sites/deep/er/x.conf; } }",
        "sites/deep/er/x.conf": "location / { include sites/other/pass.part; }",
        "sites/other/pass.part": "proxy_pass https://backend.example.com; proxy_ssl_server_name on;\n",
    }
    assert results(scan(tmp_path, tree), tmp_path) == []
