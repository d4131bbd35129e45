"""Scripts in and beside configuration: what they say of verification, where they are found, where findings stand."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from checkov.common.models.enums import CheckResult
from hypothesis import given
from hypothesis import strategies as st

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.script_verification import LENGTH_LIMIT, Language, look_into

if TYPE_CHECKING:
    from pathlib import Path

    from checkov_nginx_tls.analysis import Analysis, Outcome

CHECK = "CKV_NGINX_CUSTOM_15"
LUA, NJS = Language.LUA, Language.NJS


def said(language: Language, text: str) -> list[tuple[str, bool | None]]:
    """What a script says of verification: the text of each place, and whether it verifies there."""
    return [(text[one.start : one.end], one.verifies) for one in look_into(language, text).mentions]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("c:request_uri(u, {ssl_verify = false})", "ssl_verify = false"),
        ("c:request_uri(u, {ssl_verify=false, a=1})", "ssl_verify=false"),
        ("{ssl_verify = false; a = 1}", "ssl_verify = false"),
        ("{a = 1,\n  ssl_verify =\n false }", "ssl_verify =\n false"),
        ('{["ssl_verify"] = false}', '["ssl_verify"] = false'),
        ("{[ 'ssl_verify' ]=false}", "[ 'ssl_verify' ]=false"),
        ("o.ssl_verify = false", "ssl_verify = false"),
        ("o.ssl_verify = false\nreturn o", "ssl_verify = false"),
        ('o["ssl_verify"] = false', '["ssl_verify"] = false'),
        ("f()['ssl_verify'] = false;", "['ssl_verify'] = false"),
        ("{f = function() o.ssl_verify = false end}", "ssl_verify = false"),
        ("{ssl_verify = --[[ ]] false -- x\n}", "ssl_verify = --[[ ]] false"),
        ("say([[ don't ]]) f{ssl_verify=false}", "ssl_verify=false"),
        ("{[[ ' ]], ssl_verify=false}", "ssl_verify=false"),
        ("x = i < 10 and b > 3 f{ssl_verify=false}", "ssl_verify=false"),
        ("::again:: goto again f{ssl_verify=false}", "ssl_verify=false"),
        (r"s = '\'' .. \"\\\" f{ssl_verify=false}".replace('\\"', '"'), "ssl_verify=false"),
        ("s:sslhandshake()", "sslhandshake()"),
        ("s:sslhandshake(nil)", "sslhandshake(nil)"),
        ("s:sslhandshake(nil, host)", "sslhandshake(nil, host)"),
        ("s:sslhandshake(nil, (host), false)", "sslhandshake(nil, (host), false)"),
        ("s:sslhandshake(nil, host, nil, true)", "sslhandshake(nil, host, nil, true)"),
        ('s:sslhandshake(f(1, 2), "a,)", {1, 2} and false, x)', None),
        ("s.sslhandshake(s, nil, host)", "sslhandshake(s, nil, host)"),
        ("s.sslhandshake(s, nil, host, false)", "sslhandshake(s, nil, host, false)"),
        ("c:ssl_handshake(nil, host, false)", "ssl_handshake(nil, host, false)"),
        ("assert(s:sslhandshake(\n  nil,\n  host\n))", "sslhandshake(\n  nil,\n  host\n)"),
    ],
)
def test_lua_that_does_not_verify(text: str, place: str | None) -> None:
    assert said(LUA, text) == ([(place, False)] if place is not None else [(text[2:], None)])


@pytest.mark.parametrize(
    "text",
    [
        "-- {ssl_verify = false}",
        "--[[ {ssl_verify = false} ]]",
        "--[==[ ]] {ssl_verify = false} ]==]",
        "s = '{ssl_verify = false}'",
        "s = [[{ssl_verify = false}]]",
        "say([==[ ]] {ssl_verify = false}]==])",
        "local ssl_verify = false",
        "local a, ssl_verify = false",
        "if o.ssl_verify == false then end",
        "{no_ssl_verify = false, ssl_verify_depth = false}",
        "{'ssl_verify', false}",
        "function M:sslhandshake(session) end",
        "function M.inner.sslhandshake(session) end",
        "local f = s.sslhandshake",
        "helper.sslhandshake(s)",
        "sslhandshake()",
        "{ssl_verify = false",
        "[[ {ssl_verify = false}",
        "#!/usr/bin/lua s:sslhandshake()",
    ],
)
def test_lua_that_says_nothing(text: str) -> None:
    assert [one for one in said(LUA, text) if one[1] is not None] == []


@pytest.mark.parametrize(
    ("text", "verifies"),
    [
        ("{ssl_verify = true}", True),
        ("{ssl_verify = verify}", None),
        ("{ssl_verify = not insecure}", None),
        ("{ssl_verify = false or verify}", None),
        ("{ssl_verify = true and verify}", None),
        ("o.ssl_verify = false and 1", None),
        ("o.ssl_verify = f(false)", None),
        ("s:sslhandshake(nil, host, true)", True),
        ("s:sslhandshake(nil, host, verify)", None),
        ("s:sslhandshake(...)", None),
        ("s:sslhandshake(nil, unpack(more))", None),
        ("c:ssl_handshake(true)", None),
        ("c:ssl_handshake(nil, host, true)", True),
    ],
)
def test_lua_that_verifies_or_lets_somebody_else_decide(text: str, verifies: bool | None) -> None:
    assert [one[1] for one in said(LUA, text)] == [verifies]


@pytest.mark.parametrize(
    ("text", "verifies"),
    [
        ("ngx.fetch(u)", True),
        ("ngx.fetch(u, {verify: true})", True),
        ("ngx.fetch(u, {verify: flag})", None),
        ("ngx.fetch(u, options)", None),
        ("ngx.fetch(u, options())", None),
        ("ngx.fetch(u, options({verify: false}))", None),
        ("ngx.fetch(u, {verify: false || flag})", None),
        ("ngx.fetch(`https://${a}/${f(b, c)}`, {verify: false})", False),
        ("ngx\n.fetch(u, { // {\n verify: false /* } */ })", False),
        ("ngx.fetch(u, {list: [[1, 2], [3]], verify: false,})", False),
        ("ngx.fetch(u, {...common}); const common = {verify: false}", False),
        ("ngx.fetch(u, Object.assign({}, Object.assign({verify: 0})))", False),
        ('return /[/"]/.test(u) ? ngx.fetch(u, {verify: false}) : 1', False),
        ("a = b / c; ngx.fetch(u, {verify: false}); d / e", False),
        ("let o = {}; o.verify = false\nngx.fetch(u, o)", False),
        ("let o = {}; o.verify = false || flag; ngx.fetch(u, o)", None),
        ("let o = {...o}; ngx.fetch(u, o)", None),
        ("let p = {verify: false}; x.p = p; ngx.fetch(u, x.p)", None),
        ("let verify = false; ngx.fetch(u, {method: 'GET', verify})", None),
        ("function f(o) { ngx.fetch(u, {...o}) }", None),
        ("ngx.fetch(...call)", None),
        ("ngx.fetch(u, ...rest)", None),
        ("ngx.fetch(u, {[`ver` + 'ify']: false})", None),
        ("ngx.fetch(u, {[`verify`]: false})", False),
        ("ngx.fetch(u, {['method']: 'GET'})", True),
        ("const o = {verify: false}; ngx.fetch(u, {...o, verify: true})", True),
    ],
)
def test_njs(text: str, verifies: bool | None) -> None:
    assert [one[1] for one in said(NJS, text)] == [verifies]


@pytest.mark.parametrize(
    "text",
    [
        "// ngx.fetch(u, {verify: false})",
        "/* ngx.fetch(u, {verify: false}) */",
        "'ngx.fetch(u, {verify: false})'",
        "`ngx.fetch(u, {verify: false})`",
        "x = /ngx.fetch(u, {verify: false})/",
        "/* ngx.fetch(u, {verify: false})",
        "fetch(u, {verify: false})",
        "jwt.decode(u, {verify: false})",
    ],
)
def test_njs_that_says_nothing(text: str) -> None:
    assert said(NJS, text) == []


def test_what_scripts_load() -> None:
    lua = """require "a.b" local c = require("c.d") require('e') require [[f]] -- require "g"
    s = 'require "h"' require(name) required("i") """
    assert [name for name in look_into(LUA, lua).loads if name[:1] != "["] == ["a.b", "c.d", "e"]
    njs = """import a from './a.js'; import {b} from "b.js"; import "c.js"; // import d from 'd.js'
    const s = "import e from 'e.js'"; import(name); """
    assert look_into(NJS, njs).loads == ("./a.js", "b.js", "c.js")


def test_a_script_that_is_too_long_says_nothing() -> None:
    script = "s:sslhandshake()\n"
    assert said(LUA, script + " " * (LENGTH_LIMIT - len(script))) == [("sslhandshake()", False)]
    assert said(LUA, script + " " * LENGTH_LIMIT) == []


_PIECES = [*"()[]{}.,:;=\"'`/*-$ \n\\0", "[[", "]]", "--", "--[[", "/*", "*/", "//", "${", "...", "!"]
_WORDS = "ngx fetch verify false true nil ssl_verify sslhandshake function require import from Object assign s".split()


@given(st.lists(st.sampled_from([*_PIECES, *_WORDS]) | st.text(max_size=3), max_size=60).map("".join))
def test_any_text_is_looked_into(text: str) -> None:
    for language, words in ((LUA, ("ssl_verify", "[", "ssl")), (NJS, ("verify", '"', "'", "[", "ngx"))):
        for script in (text, f"fetch sslhandshake require import {text}"):
            for one in look_into(language, script).mentions:
                assert 0 <= one.start < one.end <= len(script)
                if language is LUA:
                    assert script.startswith(words, one.start)


@pytest.mark.parametrize("language", Language, ids=lambda language: str(language.value))
@pytest.mark.parametrize(
    "piece",
    [
        *("[[", "[=[", "--[[\n", "/* ", "/", "\n/", "=/[", '"', "'\\", "`", "`${", "{", "(", "ngx.fetch(", "a.", "a<"),
        *("f(", "s:sslhandshake(", "{ssl_verify=", "ssl_verify=false,", "['ssl_verify']", "function a.", "super("),
        *("ngx.fetch(u,o);", "ngx.fetch(u,{...{", "ngx.fetch(u,Object.assign(", "o={...o},", "a?.", "return ", "  "),
    ],
)
@pytest.mark.benchmark
def test_time_stays_linear(language: Language, piece: str) -> None:
    """Quadratic time would be a hundred times as long for ten times the text."""
    seconds = []
    for length in (3_000, 30_000):
        text = f"fetch sslhandshake import\n{piece * (length // len(piece))}"
        start = time.process_time()
        look_into(language, text)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 40 * seconds[0] + 0.5


def write(directory: Path, **files: str) -> Analysis:
    """The analysis of a directory with these files; in their names "__" is a slash, and the last "_" a dot."""
    for name, text in files.items():
        stem, _, extension = name.replace("__", "/").rpartition("_")
        path = directory / f"{stem}.{extension}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return analyse(str(directory))


def places(analysis: Analysis, result: CheckResult = CheckResult.FAILED) -> list[str]:
    """``file:line:column-column name`` of the check's outcomes."""
    return [_place(one) for one in analysis.outcomes if one.check.id == CHECK and one.result is result]


def _place(one: Outcome) -> str:
    region = one.region
    return f"{os.path.basename(one.path)}:{region.start_line}:{region.start_column}-{region.end_column} {one.resource}"


def pointed_at(analysis: Analysis) -> list[tuple[int, str]]:
    """The lines and the texts at which the check's findings, of one line each, point."""
    failed = [one for one in analysis.outcomes if one.check.id == CHECK and one.result is CheckResult.FAILED]
    return [(one.start_line, one.snippet) for one in failed]


OFF = "x({ssl_verify=false})"
HTTP = "events {{}} http {{ {} }}"


def test_places_in_a_block(tmp_path: Path) -> None:
    text = "server {\n  content_by_lua_block {\n    x({ssl_verify=false}) x({ssl_verify=false})\n s:sslhandshake() }\n}"
    resource = "server(_:80).content_by_lua_block"
    assert places(write(tmp_path, web_conf=text)) == [
        f"web.conf:3:8-24 {resource}.ssl_verify",
        f"web.conf:3:30-46 {resource}.ssl_verify#2",
        f"web.conf:4:4-18 {resource}.sslhandshake",
    ]


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("'x({ssl_verify=false})'", 1),
        ('"x({ssl_verify=false})"', 1),
        ("'\n x({ssl_verify=false})'", 2),
        (r"""'a = \"\\\"\" b = "\\n" --[[ \t\d ]] x({ssl_verify=false})'""", 1),
        (r'''"a=\"b\" x({ssl_verify=false})"''', 1),
        ("'\n a = \"\\n\"\n --[[ \\' ]] x({ssl_verify=false})\n'", 3),
    ],
)
def test_places_in_an_argument(tmp_path: Path, argument: str, line: int) -> None:
    analysis = write(tmp_path, web_conf=f"  content_by_lua {argument}; # x")
    assert pointed_at(analysis) == [(line, "ssl_verify=false")]
    assert places(analysis)[0].endswith(" content_by_lua.ssl_verify")


def test_places_in_yaml(tmp_path: Path) -> None:
    """Where YAML's escapes make another text of it, the finding stands on the directive."""
    argument = "content_by_lua 'x({ssl_verify=false}) --/';"
    block = 'access_by_lua_block { a = "/" x({ssl_verify=false}) }'
    quoted = f"{argument} {block}".replace('"', r"\"").replace("/", r"\/")
    data = f'  a.conf: |\n    {argument}\n    {block}\n  b.conf: "{quoted}"\n'
    analysis = write(tmp_path, map_yaml=f"kind: ConfigMap\nmetadata: {{name: w}}\ndata:\n{data}")
    off = "ssl_verify=false"
    assert pointed_at(analysis) == [(5, off), (6, off), (7, argument.replace("/", r"\/")), (7, off)]


def test_njs_in_an_argument(tmp_path: Path) -> None:
    text = "js_set $a main.handle;\njs_set $b 'ngx.fetch(u, {verify: false})';\n"
    assert places(write(tmp_path, web_conf=text)) == ["web.conf:2:26-39 js_set.verify"]


def test_a_template_decides(tmp_path: Path) -> None:
    text = "content_by_lua_block { x({ssl_verify={{ verify }}, a={{1}, {2}}}) }"
    analysis = write(tmp_path, web_conf=text)
    assert places(analysis) == places(analysis, CheckResult.PASSED) == []


def test_a_script_is_one_finding_wherever_it_is_loaded(tmp_path: Path) -> None:
    locations = "\n".join(f"location /{number} {{ content_by_lua_file lua/a.lua; }}" for number in range(20))
    main = HTTP.format(f"server {{ listen 80; {locations} }} server {{ listen 81; {locations} }}")
    analysis = write(tmp_path, nginx_conf=main, other__nginx_conf=main, lua__a_lua=f"\n{OFF} {OFF}")
    assert places(analysis) == ["a.lua:2:4-20 ssl_verify", "a.lua:2:26-42 ssl_verify#2"]
    outcome = next(one for one in analysis.outcomes if one.result is CheckResult.FAILED)
    assert "and 75 more" in outcome.message
    assert outcome.excerpt.code_block == ((2, f"{OFF} {OFF}\n"),)


@pytest.mark.parametrize(
    ("text", "skipped", "failed"),
    [
        (f"# SKIP\ncontent_by_lua_block {{ {OFF} }}", 1, 0),
        (f"content_by_lua_block {{\n{OFF}\n}} # SKIP", 1, 0),
        (f"location / {{\n# SKIP\n\ncontent_by_lua_block {{ {OFF} {OFF} }}\n}}", 2, 0),
        (f"content_by_lua_block {{\n# SKIP\n{OFF}\n}}", 0, 1),
        (f"content_by_lua_block {{\n-- SKIP\n{OFF}\n}}", 0, 1),
        (f"content_by_lua '\n{OFF}\n'; # SKIP", 1, 0),
        ("content_by_lua_file a.lua; # SKIP", 1, 0),
        ("content_by_lua_file a.lua; # SKIP\naccess_by_lua_file a.lua;", 0, 1),
        ("content_by_lua_file a.lua; # SKIP\naccess_by_lua_file a.lua; # SKIP", 1, 0),
    ],
)
def test_skips(tmp_path: Path, text: str, skipped: int, failed: int) -> None:
    text = text.replace("SKIP", f"checkov:skip={CHECK}:a reason")
    analysis = write(tmp_path, web_conf=text, a_lua=OFF)
    assert len(places(analysis, CheckResult.SKIPPED)) == skipped
    assert len(places(analysis)) == failed


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"conf__nginx_conf": "init_by_lua_file a.lua;", "conf__a_lua": OFF}, True),
        ({"conf__nginx_conf": "init_by_lua_file a.lua;", "a_lua": OFF}, True),
        ({"conf__nginx_conf": "init_by_lua_file ../../a.lua;", "a_lua": OFF}, False),
        ({"conf__nginx_conf": "include more.conf;", "conf__more_conf": "init_by_lua_file a.lua;", "a_lua": OFF}, True),
        ({"nginx_conf": "init_by_lua_file $name.lua;", "name_lua": OFF}, False),
        ({"nginx_conf": "init_by_lua_file {{ name }}.lua;", "name_lua": OFF}, False),
        ({"nginx_conf": "init_by_lua_file *.lua;", "name_lua": OFF}, False),
        ({"nginx_conf": "init_by_lua_file a.lua;", "a_lua": "\x00\ufffd" + OFF}, True),
        (
            {
                "nginx_conf": "lua_package_path '/x/?.lua;lua/?.lua'; init_by_lua 'require \"a.b\"';",
                "lua__a__b_lua": OFF,
            },
            True,
        ),
        ({"nginx_conf": "lua_package_path 'lua/?.lua'; init_by_lua 'require \"a\"';", "a_lua": OFF}, False),
        ({"nginx_conf": "init_by_lua 'require \"a\"';", "a_lua": OFF}, False),
        (
            {
                "nginx_conf": "lua_package_path '?.lua;;'; init_by_lua_file a.lua;",
                "a_lua": "require 'b'",
                "b_lua": "require 'a' require 'c'",
                "c_lua": OFF,
            },
            True,
        ),
    ],
)
def test_files_that_lua_is_loaded_from(tmp_path: Path, files: dict[str, str], expected: bool) -> None:
    files = {name: HTTP.format(text) if name.endswith("nginx_conf") else text for name, text in files.items()}
    assert bool(places(write(tmp_path, **files))) is expected


def test_nothing_outside_the_tree_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.lua").write_text(OFF, encoding="utf-8")
    inside = tmp_path / "tree"
    inside.mkdir()
    (inside / "link.lua").symlink_to(tmp_path / "secret.lua")
    paths = ("../secret.lua", str(tmp_path / "secret.lua"), "link.lua")
    text = "".join(f"location /{number} {{ content_by_lua_file {path}; }}" for number, path in enumerate(paths))
    assert places(write(inside, nginx_conf=HTTP.format(f"server {{ {text} }}"))) == []


def test_what_the_scan_leaves_out_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, nginx_conf=HTTP.format("init_by_lua_file a.lua;"), a_lua=OFF)

    def keep(_directory: str, names: list[str]) -> None:
        names[:] = [name for name in names if name != "a.lua"]

    assert places(analyse(str(tmp_path), keep=keep)) == []


def test_scripts_that_load_each_other_end(tmp_path: Path) -> None:
    files = {f"m{number}_lua": f"require 'm{(number + 1) % 50}'" for number in range(50)}
    main = HTTP.format("lua_package_path '?.lua'; init_by_lua 'require \"m0\"';")
    assert places(write(tmp_path, nginx_conf=main, **{**files, "m7_lua": f"{files['m7_lua']} {OFF}"})) != []


def test_a_directive_passes_whose_scripts_verify(tmp_path: Path) -> None:
    text = """
    content_by_lua_block { s:sslhandshake(nil, host, true) }
    access_by_lua_block { s:sslhandshake(nil, host, verify) }
    log_by_lua_block { ngx.say(1) }
    """
    analysis = write(tmp_path, web_conf=text)
    assert [place.rpartition(" ")[2] for place in places(analysis, CheckResult.PASSED)] == ["content_by_lua_block"]


def test_the_lexers_are_imported_only_for_scripts_that_speak_of_verification(tmp_path: Path) -> None:
    program = f"""
import sys
from checkov_nginx_tls.analysis import analyse
analyse({str(tmp_path)!r})
sys.exit("pygments.lexers" in sys.modules)
"""
    for script, is_imported in (("ngx.say(1)", False), (OFF, True)):
        write(tmp_path, web_conf=f"content_by_lua_block {{ {script} }}")
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == is_imported
