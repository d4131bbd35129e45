"""Inputs that nobody writes by accident: each is judged, or named in one line, and takes nothing with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

import pytest
from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.cli import main

if TYPE_CHECKING:
    from pathlib import Path

OFF = "location / { proxy_pass https://b.example.com; proxy_ssl_verify off; }\n"

ALIASES = b"".join(b"%c: &%c [%s]\n" % (name + 1, name + 1, b",".join([b"*%c" % name] * 10)) for name in range(97, 110))
DEEP = "".join(" " * depth + "a:\n" for depth in range(2000)) + " " * 2000 + f'a: "{OFF.strip()}"\n'

SMALL: dict[str, tuple[str, bytes, list[str]]] = {
    "a NUL before the name": ("a.conf", b"\0" + OFF.encode(), ["a.conf:1", "a.conf:1"]),
    "UTF-16": ("a.conf", OFF.encode("utf-16"), ["a.conf:1"]),
    "a nest of blocks": ("a.conf", b"a {" * 100_000 + b"}" * 100_000 + OFF.encode(), ["a.conf:1"]),
    "blocks that do not end": ("a.conf", OFF.encode() + b"a {\n" * 100_000, ["a.conf:202"]),
    "ends without blocks": ("a.conf", OFF.encode() + b"}\n" * 100_000, ["a.conf:2"]),
    "a word of ten million characters": ("a.conf", OFF.encode() + b"a" * 10_000_000 + b";", ["a.conf:2"]),
    "a comment of ten million characters": ("a.conf", b"#" + b"a" * 10_000_000 + b"\n" + OFF.encode(), ["a.conf:1"]),
    "quotes": ("a.conf", OFF.encode() + b'"' * 999_999, ["a.conf:2"]),
    "backslashes": ("a.conf", OFF.encode() + b"\\" * 999_999, ["a.conf:2"]),
    "dollars": ("a.conf", OFF.encode() + b"${" * 500_000, ["a.conf:2"]),
    "percents": ("a.conf", OFF.encode() + b"%a" * 500_000, ["a.conf:2"]),
    "signs": ("a.conf", OFF.encode() + b"@A" * 500_000, ["a.conf:2"]),
    "a Lua block that does not end": ("a.conf", b"content_by_lua_block {" + b"[==[" * 500_000, ["a.conf:1"]),
}

JUDGED: dict[str, tuple[str, bytes]] = {
    "other encodings": ("a.conf", b"# caf\xe9 \xff\xfe\n" + OFF.encode()),
    "a lone surrogate": ("a.yaml", b'nginx.conf: "server { # \\ud800 \\n ' + OFF.strip().encode() + b' }"\n'),
    "YAML aliases of aliases": ("a.yaml", b'a: &a ["' + OFF.strip().encode() + b'"]\n' + ALIASES),
    "deep YAML": ("a.yaml", DEEP.encode()),
    "a line of ten million characters": ("a.conf", (b"set $a " + b"b" * 990 + b"; ") * 10_000 + OFF.encode()),
    "an include of a thousand directories": ("a.conf", b"include '" + b"a/" * 1000 + b"x'; " + OFF.encode()),
    "conditions that do not end": ("a.conf", OFF.encode() + b"{% if x %}" * 10_000),
}


def scan(root: Path) -> tuple[list[str], list[str]]:
    """The findings of 01, and the places of the problems, relative to the root."""
    analysis = analyse(str(root))
    failed = [
        os.path.relpath(one.path, root)
        for one in analysis.outcomes
        if one.result is CheckResult.FAILED and one.check.id == "CKV_NGINX_CUSTOM_01"
    ]
    return failed, [f"{os.path.relpath(one.path, root)}:{one.line}" for one in analysis.problems]


@pytest.mark.parametrize("case", SMALL)
def test_what_nginx_refuses_is_named(case: str, tmp_path: Path) -> None:
    name, content, problems = SMALL[case]
    (tmp_path / name).write_bytes(content)
    assert scan(tmp_path)[1] == problems


@pytest.mark.parametrize("case", JUDGED)
def test_what_is_only_odd_is_judged(case: str, tmp_path: Path) -> None:
    name, content = JUDGED[case]
    (tmp_path / name).write_bytes(content)
    assert scan(tmp_path) == ([name], [])


@pytest.mark.parametrize("mark", ["{{", "{%", "<%", "<", "%{ if ", "{{ if x }}", "{# ", "<<A ", "$(", "'", "[["])
@pytest.mark.parametrize("name", ["a.conf", "a.conf.j2", "a.yaml", "a.tf", "a.sh", "Dockerfile", "a.conf.tftpl"])
def test_marks_without_end_stop_nothing(mark: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(OFF + mark * 20_000)
    (tmp_path / "good.conf").write_text(OFF)
    assert "good.conf" in scan(tmp_path)[0]


def _binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 100)


HOSTILE_FILES: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "loop of links": lambda path: path.symlink_to(path),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to nowhere": lambda path: path.symlink_to("/nowhere/at/all"),
    "link to outside": lambda path: path.symlink_to("/etc/passwd"),
    "directory": lambda path: path.mkdir(),
    "binary": _binary,
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_hostile_files_take_nothing_with_them(tmp_path: Path) -> None:
    for number, make in enumerate(HOSTILE_FILES.values()):
        make(tmp_path / f"hostile{number}.conf")
    for number, (_, content, _) in enumerate(SMALL.values()):
        (tmp_path / f"refused{number}.conf").write_bytes(content)
    for number in range(20):
        (tmp_path / f"good{number:02}.conf").write_text(OFF)
    failed, problems = scan(tmp_path)
    assert failed == [f"good{number:02}.conf" for number in range(20)]
    assert {place.rpartition(":")[0] for place in problems} == {f"refused{number}.conf" for number in range(len(SMALL))}


@pytest.mark.parametrize("command", ["lint", "explain --undecided", "export", "monitor --output out", "fix"])
def test_nothing_that_a_terminal_obeys_is_printed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "\x1b[1mx.conf").write_text(
        'server { server_name "a\x1b[2m"; location "/\x1b[3m" { proxy_pass https://b.example.com; } '
        'location "/\x1b[4m" { proxy_pass $x\x1b[5m; proxy_ssl_name "\x1b[6m"; }\n'
        'location "/\x1b[9m" { proxy_pass https://192.0.2.1; } }'
    )
    (tmp_path / "\x1b[7m.conf").write_text('location "/\x1b[8m" { proxy_pass https://c.internal;')
    monkeypatch.chdir(tmp_path)
    main([*command.split(), str(tmp_path)])
    out, err = capsys.readouterr()
    said = err if command == "fix" else out + err  # its diff is shown as it is where no terminal reads it
    assert "x1b" in said
    assert "\x1b" not in said


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("events {} http { include gone.conf; server { " + OFF + "} }")
    (tmp_path / "gone.conf").write_text("# " + "x" * 10)

    def keep(directory: str, names: list[str]) -> None:
        (tmp_path / "gone.conf").unlink(missing_ok=True)

    analysis = analyse(str(tmp_path), keep=keep)
    assert [one.check.id for one in analysis.outcomes if one.result is CheckResult.FAILED] == ["CKV_NGINX_CUSTOM_01"]
    assert ("gone.conf", 1) in [(os.path.basename(one.path), one.line) for one in analysis.problems]


@pytest.mark.fuzz
@pytest.mark.parametrize("name", ["a.conf", "a.yaml"])
def test_a_million_directives_are_judged(name: str, tmp_path: Path) -> None:
    indent = "" if name == "a.conf" else "    "
    head = "" if name == "a.conf" else "nginx.conf: |\n"
    (tmp_path / name).write_text(head + indent + OFF + f"{indent}a;\n" * 1_000_000)
    assert scan(tmp_path) == ([name], [])


def test_a_file_of_a_hundred_megabytes_is_named(tmp_path: Path) -> None:
    with (tmp_path / "big.conf").open("w") as file:
        file.truncate(100_000_000)
    (tmp_path / "good.conf").write_text(OFF)
    analysis = analyse(str(tmp_path))
    assert [os.path.basename(one.path) for one in analysis.outcomes if one.result is CheckResult.FAILED] == [
        "good.conf"
    ]
    assert [warning for warning in analysis.remarks if "big.conf" in warning and "16 MB" in warning]
