"""Rule 15 and njs: what the scanner says of a script, and whom nginx talks to when it runs it.

Lua is in no nginx at hand: what the rule says of it rests on the documentation that script_verification names.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nginx_oracle import Oracle

pytestmark = pytest.mark.oracle

_CHECK = "CKV_NGINX_CUSTOM_15"
_URL = "'https://<target>/'"


@pytest.fixture
def oracle(newest_oracle: Oracle) -> Oracle:
    """The newest nginx, if it has njs."""
    if not newest_oracle.check("events {} http { js_fetch_verify on; }").starts:
        pytest.skip("this nginx has no njs")
    return newest_oracle


def _main(settings: str = "js_import main.js;") -> str:
    return f"events {{}} http {{ {settings} server {{ listen <listen>; location / {{ js_content main.handle; }} }} }}"


def _script(options: str, before: str = "", resource: str = _URL) -> str:
    """A module that fetches with these options, "" for none."""
    arguments = f"{resource}, {options}" if options else resource
    return f"""
        async function handle(r) {{
            {before}
            try {{
                const answer = await ngx.fetch({arguments});
                r.return(200, await answer.text());
            }} catch (error) {{
                r.return(502, String(error));
            }}
        }}
        export default {{handle}};
    """


def _lets_impostors_in(oracle: Oracle, files: Mapping[str, str], settings: str = "js_import main.js;") -> bool:
    judgement = oracle.judge(_main(settings), files, identities=("impostor",))
    assert judgement.result.starts, judgement.result.message
    return "impostor" in judgement.reached


def _has_finding(directory: Path, files: Mapping[str, str], settings: str = "js_import main.js;") -> bool:
    for name, text in {"nginx.conf": _main(settings), **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("<listen>", "8080").replace("<target>", "127.0.0.1:8443"), encoding="utf-8")
    analysis = analyse(str(directory))
    assert not analysis.problems
    return any(one.check.id == _CHECK and one.result is CheckResult.FAILED for one in analysis.outcomes)


@pytest.mark.parametrize(
    ("options", "verifies"),
    [
        ("", True),
        ("{}", True),
        ("{verify: true}", True),
        ("{verify: 1}", True),
        ("{verify: false}", False),
        ("{verify: 0}", False),
        ("{verify: null}", False),
        ("{verify: undefined}", False),
        ("{verify: void 0}", False),
        ("{verify: NaN}", False),
        ('{verify: ""}', False),
        ("{verify: !1}", False),
        ("{verify: !true}", False),
        ('{verify: "false"}', True),
        ('{verify: "off"}', True),
        ("{'verify': false}", False),
        ('{"verify": false}', False),
        ('{["verify"]: false}', False),
        ("{Verify: false}", True),
        ("{verify: false, verify: true}", True),
        ("{verify: true, verify: false}", False),
        ("{verify: false || true}", True),
        ("{headers: {verify: false}}", True),
        ("{body: JSON.stringify({verify: false}), method: 'POST'}", True),
        ("Object.assign({verify: false}, {method: 'GET'})", False),
        ("Object.assign({method: 'GET'}, {verify: false})", False),
    ],
)
def test_the_option_of_one_call(oracle: Oracle, tmp_path: Path, options: str, verifies: bool) -> None:
    files = {"main.js": _script(options)}
    assert _lets_impostors_in(oracle, files) is not verifies
    assert _has_finding(tmp_path, files) is not verifies


@pytest.mark.parametrize(
    ("before", "options", "verifies"),
    [
        ("const o = {verify: false};", "o", False),
        ("const o = {}; o.verify = false;", "o", False),
        ("const o = {}; o['verify'] = 0;", "o", False),
        ("const o = {verify: true};", "o", True),
        ("const o = {verify: false}; const p = {};", "p", True),
        ("const s = '{verify: false}'; // {verify: false}\n", "{}", True),
    ],
)
def test_an_object_with_a_name(oracle: Oracle, tmp_path: Path, before: str, options: str, verifies: bool) -> None:
    files = {"main.js": _script(options, before)}
    assert _lets_impostors_in(oracle, files) is not verifies
    assert _has_finding(tmp_path, files) is not verifies


def test_the_option_belongs_to_the_call_and_not_to_the_request(oracle: Oracle, tmp_path: Path) -> None:
    for options, resource, verifies in (
        ("", f"new Request({_URL}, {{verify: false}})", True),
        ("{verify: false}", f"new Request({_URL})", False),
    ):
        files = {"main.js": _script(options, resource=resource)}
        assert _lets_impostors_in(oracle, files) is not verifies
        assert _has_finding(tmp_path, files) is not verifies


def test_fetch_by_another_spelling(oracle: Oracle, tmp_path: Path) -> None:
    files = {"main.js": _script("{verify: false}").replace("ngx.fetch", 'ngx["fetch"]')}
    assert _lets_impostors_in(oracle, files)
    assert _has_finding(tmp_path, files)


def test_the_option_overrides_the_directive(oracle: Oracle, tmp_path: Path) -> None:
    files = {"main.js": _script("{verify: false}")}
    settings = "js_import main.js; js_fetch_verify on; js_fetch_trusted_certificate <root.pem>;"
    assert _lets_impostors_in(oracle, files, settings)
    assert _has_finding(tmp_path, files, settings.replace("<root.pem>", "root.pem"))


_OFF = _script("{verify: false}")
_LEADS_ON = "import other from '{}'; export default {{handle: other.handle}};"


@pytest.mark.parametrize(
    ("settings", "files"),
    [
        ("js_import main.js;", {"main.js": _OFF}),
        ("js_import main from js/any.js;", {"js/any.js": _OFF}),
        ("js_import ./js/main.js;", {"js/main.js": _OFF}),
        ("js_path js; js_import main.js;", {"js/main.js": _OFF}),
        ("js_import main.js; js_path js;", {"js/main.js": _OFF}),
        ("include inner/more.conf;", {"inner/more.conf": "js_import main.js;", "main.js": _OFF}),
        ("js_import main.js;", {"main.js": _LEADS_ON.format("b.js"), "b.js": _OFF}),
        ("js_import js/main.js;", {"js/main.js": _LEADS_ON.format("./b.js"), "js/b.js": _OFF}),
        ("js_import js/main.js;", {"js/main.js": _LEADS_ON.format("b.js"), "js/b.js": _OFF}),
        ("js_import js/main.js;", {"js/main.js": _LEADS_ON.format("../b.js"), "b.js": _OFF}),
        ("js_import js/main.js;", {"js/main.js": _LEADS_ON.format("b.js"), "b.js": _OFF}),
        ("js_path lib; js_import js/main.js;", {"js/main.js": _LEADS_ON.format("b.js"), "lib/b.js": _OFF}),
        ("js_import a.js; js_import main.js;", {"a.js": "export default {}", "main.js": _OFF}),
    ],
)
def test_files_that_nginx_loads(oracle: Oracle, tmp_path: Path, settings: str, files: Mapping[str, str]) -> None:
    assert _lets_impostors_in(oracle, files, settings)
    assert _has_finding(tmp_path, files, settings)


@pytest.mark.parametrize(
    ("settings", "files"),
    [
        ("js_import main.js;", {"main.js": _script(""), "b.js": _OFF}),
        ("js_import main.js; js_path js;", {"main.js": _script(""), "js/main.js": _OFF}),
        ("js_import js/main.js;", {"js/main.js": _LEADS_ON.format("b.js"), "js/b.js": _script(""), "b.js": _OFF}),
        ("include inner/more.conf;", {"inner/more.conf": "js_import main.js;", "inner/main.js": _OFF, "main.js": ""}),
    ],
)
def test_files_that_nginx_does_not_load(
    oracle: Oracle, tmp_path: Path, settings: str, files: Mapping[str, str]
) -> None:
    files = {name: text or _script("") for name, text in files.items()}
    assert not _lets_impostors_in(oracle, files, settings)
    assert not _has_finding(tmp_path, files, settings)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory in which a unix socket can be."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as directory:
        yield Path(directory)


def test_scripts_are_beside_the_main_file_and_not_in_the_prefix(oracle: Oracle, short_path: Path) -> None:
    main = short_path / "conf" / "nginx.conf"
    main.parent.mkdir()
    http = f"js_import main.js; server {{ listen unix:{short_path}/s; }}"
    main.write_text(f"pid nginx.pid; error_log stderr; events {{}} http {{ {http} }}", encoding="utf-8")
    command = [str(oracle.binary.path), "-t", "-p", str(short_path), "-c", str(main)]
    for place, code in (("main.js", 1), ("conf/main.js", 0)):
        (short_path / place).write_text(_OFF, encoding="utf-8")
        assert subprocess.run(command, check=False, capture_output=True, cwd="/").returncode == code
