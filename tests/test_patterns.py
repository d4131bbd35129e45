"""Patterns match what glob(3) matches."""

from __future__ import annotations

import ctypes
import random
import sys

import pytest

from checkov_nginx_tls.patterns import segment_matches

_PERIOD = 4
"""FNM_PERIOD of glibc: a dot in front is matched by a dot only."""


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("[[:digit:]]*.conf", "10-a.conf", True),
        ("[[:digit:]]*.conf", "a-10.conf", False),
        ("[![:alnum:]_]x", "-x", True),
        ("[![:alnum:]_]x", "_x", False),
        ("[[:upper:][:digit:]-]", "-", True),
        (r"[a\]b]x", "]x", True),
        (r"[a\]b]x", "ab]x", False),
        ("[]a]", "]", True),
        ("[a-]", "-", True),
        ("[z-ab]", "b", True),
        ("[z-a]", "z", False),
        ("[!z-a]", "z", True),
        ("[]", "[]", True),
        ("[a*", "[ab", True),
        ("[.]a", ".a", False),
        ("*a*b*", "xaxbx", True),
        ("*a*b*", "xbxax", False),
    ],
)
def test_a_pattern_matches(pattern: str, name: str, *, expected: bool) -> None:
    assert segment_matches(pattern, name) is expected


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="flags of glibc")
def test_patterns_match_as_in_c() -> None:
    fnmatch = ctypes.CDLL(None).fnmatch
    chance = random.Random(0)  # noqa: S311  # the same sequence each time is the point
    pieces = [
        "a",
        "b",
        "1",
        "-",
        "]",
        "*",
        "?",
        ".",
        "_",
        "[ab]",
        "[!a]",
        "[^a-b]",
        "[0-9]",
        "[a\\]-]",
        "[\\!a]",
        "\\*",
    ]
    pieces += [f"[[:{name}:]]" for name in ("alpha", "digit", "alnum", "upper", "punct", "space", "blank", "xdigit")]
    for _ in range(20_000):
        pattern = "".join(chance.choices(pieces, k=chance.randint(1, 4))) + "*"
        name = "".join(chance.choices("abB1-]._*! \t", k=chance.randint(1, 4)))
        in_c = fnmatch(pattern.encode(), name.encode(), _PERIOD) == 0
        assert segment_matches(pattern, name) is in_c, (pattern, name)
