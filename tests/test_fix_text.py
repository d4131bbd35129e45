"""Edits change what they are about and nothing else, however a text is written."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.embedded import embedded_regions
from checkov_nginx_tls.fixes import Trust
from checkov_nginx_tls.fixes.diffs import unified_diff
from checkov_nginx_tls.fixes.mending import mend
from checkov_nginx_tls.syntax import decode, make_source, parse, parse_region

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from checkov_nginx_tls.analysis import Analysis
    from checkov_nginx_tls.syntax import Directive, ParsedFile

CA = "/etc/nginx/ca.pem"
COMPANIONS = re.compile(
    rb"(?:\r?\n[ \t]*| )proxy_ssl_(?:trusted_certificate /etc/nginx/ca\.pem|verify_depth 2|server_name on);"
)
INSERTED = re.compile(COMPANIONS.pattern.replace(b"(?:trusted", b"(?:verify on|trusted"))


def mended(text: bytes, name: str = "a.conf") -> bytes:
    """What becomes of a file."""
    path = f"/nowhere/{name}"

    def scan(contents: Mapping[str, bytes]) -> Analysis:
        return analyse(None, [path], contents={path: text, **contents})

    mending = mend(scan, Trust(ca=CA), lambda _check_id: True)
    assert not mending.problems
    return mending.after.get(path, text)


def statements(directives: Sequence[Directive]) -> list[object]:
    return [
        (one.name, one.args, statements(one.block) if one.block is not None else None)
        for one in directives
        if not one.name.startswith("proxy_ssl_")
    ]


def comments(file: ParsedFile) -> list[str]:
    return [comment.text for comment in file.comments]


BLANK = st.text(" \t", max_size=3)
LINE_END = st.sampled_from(["\n", "\r\n"])


@st.composite
def gaps(draw: st.DrawFn, *, needed: bool = False) -> str:
    """White space and comments, as they may stand between two words."""
    parts = [" "] if needed else []
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.integers(0, 2))
        parts.append(draw(BLANK))
        if kind == 0:
            parts.append(draw(LINE_END))
        elif kind == 1 and (parts[0] == " " or needed):
            comment = draw(st.text("ab ;{}\"'#é\t", max_size=8)).replace("{{", "")  # which would open a template's tag
            parts.append(f" #{comment}{draw(LINE_END)}")
    return "".join(parts)


OFF_VALUES = ("off", "OFF", "'off'", '"Off"')


@st.composite
def layouts(draw: st.DrawFn, *, off: bool = False) -> bytes:
    """A location with an unverified pass, its words in any layout and style; with ``off`` it is so explicitly."""
    between = partial(draw, gaps(needed=True))
    anywhere = partial(draw, gaps())
    quote = draw(st.sampled_from(["", '"', "'"]))
    passed = f"proxy_pass{between()}{quote}https://app.internal{quote}{anywhere()};"
    disabled = f"proxy_ssl_verify{between()}{draw(st.sampled_from(OFF_VALUES))}{anywhere()};"
    others = ["proxy_buffering off;", 'add_header X "a;b # }";', "proxy_read_timeout 5s;"]
    chosen = draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
    lines = draw(st.permutations([passed, *chosen, *([disabled] if off else [])]))
    inside = "".join(f"{anywhere()}{line}{anywhere()}" for line in lines)
    text = f"{anywhere()}location{between()}/{between()}{{{inside}{anywhere()}}}{anywhere()}"
    return text.encode()


@given(layouts())
@settings(max_examples=200, deadline=None)
def test_only_what_is_inserted_is_new(text: bytes) -> None:
    after = mended(text)
    assert len(INSERTED.findall(after)) == 4
    assert INSERTED.sub(b"", after) == text
    before_file, after_file = parse("/a", "a", text), parse("/a", "a", after)
    assert statements(after_file.directives) == statements(before_file.directives)
    assert comments(after_file) == comments(before_file)
    assert mended(after) == after


@given(layouts(off=True))
@settings(max_examples=150, deadline=None)
def test_only_the_value_changes(text: bytes) -> None:
    after = mended(text)
    assert len(COMPANIONS.findall(after)) == 3
    rest = COMPANIONS.sub(b"", after)
    values = [(index, value.encode()) for value in OFF_VALUES for index in _starts(text, value.encode())]
    ons = [text[:at] + re.sub(b"(?i)off", b"on", value) + text[at + len(value) :] for at, value in values]
    assert rest in ons
    assert comments(parse("/a", "a", after)) == comments(parse("/a", "a", text))
    assert mended(after) == after


def _starts(text: bytes, part: bytes) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(part), text)]


@given(layouts())
@settings(max_examples=60, deadline=None)
def test_inside_yaml_the_rest_stays_too(text: bytes) -> None:
    text = re.sub(rb"[\t\r]", b" ", text)
    indented = b"".join(b"    " + line + b"\n" for line in text.rstrip().split(b"\n"))
    yaml = b"kind: ConfigMap\nmetadata: {name: web}\ndata:\n  nginx.conf: |2\n" + indented + b"  other: x\n"
    after = mended(yaml, "cm.yaml")
    assert INSERTED.sub(b"", after) == yaml
    assert len(INSERTED.findall(after)) in (0, 4)
    regions = [embedded_regions("cm.yaml", decode(data)) for data in (yaml, after)]
    files = [parse_region(make_source("/a", "a", decode(data)), one[0]) for data, one in zip((yaml, after), regions)]
    assert statements(files[0].directives) == statements(files[1].directives)
    assert comments(files[0]) == comments(files[1])


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "  ", " # end"])
def test_the_end_of_a_file_stays(end: str) -> None:
    text = f"proxy_pass https://app.internal;{end}".encode()
    after = mended(text)
    assert after != text
    assert INSERTED.sub(b"", after) == text


def test_line_feeds_are_those_of_the_line() -> None:
    passed = b"  proxy_pass https://app.internal;"
    text = b"location /a {\r\n" + passed + b"\r\n}\nlocation /b {\n" + passed + b"\n}"
    after = mended(text)
    assert after.count(b"\r\n") == text.count(b"\r\n") + 4
    assert INSERTED.sub(b"", after) == text


LINES = st.lists(st.sampled_from(["a\n", "b\r\n", "c\n", "\n"]), max_size=8)


@given(LINES, LINES, st.sampled_from(["", "end"]), st.sampled_from(["", "end"]))
@settings(deadline=None)
def test_diffs_tell_all(before: list[str], after: list[str], before_end: str, after_end: str) -> None:
    old, new = "".join([*before, before_end]), "".join([*after, after_end])
    shown = list(unified_diff("n", old.encode(), new.encode()))
    assert bool(shown) == (old != new)
    if shown:
        assert shown[:2] == ["--- a/n\n", "+++ b/n\n"]
        assert _patched(old, shown[2:]) == new


def _patched(old: str, lines: Sequence[str]) -> str:
    """What a diff makes of a text."""
    left = old.split("\n")
    left = [*(f"{line}\n" for line in left[:-1]), *([left[-1]] if left[-1] else [])]
    parts: list[str] = []
    position = 0
    for line, following in zip(lines, [*lines[1:], ""]):
        body = line[1:-1] if following.startswith("\\") else line[1:]
        if line.startswith("@@"):
            first = int(line.split()[1].split(",")[0][1:])
            start = first if line.split()[1].endswith(",0") else first - 1
            parts += left[position:start]
            position = start
        elif line.startswith("+"):
            parts.append(body)
        elif line[0] in " -":
            assert left[position] == body
            parts += [body] if line[0] == " " else []
            position += 1
    return "".join([*parts, *left[position:]])
