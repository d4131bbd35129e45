"""What control constructs test, in a form that says when two of them test the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates.values import PARENTHESES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checkov_nginx_tls.templates.tags import Tag

_NEGATED: Final = frozenset({"unless", "#unless", "^"})
_DECLARED: Final = re.compile(r"\A\$\w+\s*:?=\s*")
_END_OF_CONDITION: Final = re.compile(r"\s*(?:\bthen|\bdo|\{)\Z")
_NOT: Final = re.compile(rf"(?:not\b\s*|!\s*)([\w.$@:\[\]\"'|-]+|{PARENTHESES})")
_JOINED: Final = re.compile(r"\b(?:and|or)\b|&&|\|\|")
_NOT_INSIDE: Final = re.compile(r"!=|~=|\bis not\b|\bnot in\b|\Ane\b")
_POSITIVE: Final = {"!=": "==", "~=": "==", "is not": "is", "not in": "in", "ne": "eq"}

_NAME: Final = re.compile(r"""[$@]?[A-Za-z_]\w*|(?<![\w)\]"'$])\.(?=\w|\s|\Z)""")
_BARS: Final = re.compile(r"(?s).*\|([^|\n]*)\|")
_TARGETS: Final = re.compile(r"(.*?)(?:\bin\b|:?=)")
_ASSIGNMENT: Final = re.compile(r"(?:set|local|assign|with)?\s*([$@]?\w+(?:\s*,\s*[$@]?\w+)*)\s*:?=(?!=)")
_CONTEXTS: Final = {"with": ".", "range": ".", "define": ".", "#": "*", "#with": "*", "#each": "*"}
"""What names are relative to in these constructs: of Go's those with a leading dot, of Handlebars' all."""


def tested(tag: Tag, settings: Mapping[str, int]) -> tuple[str, bool]:
    """A tag's condition in a form that equals that of its negation, and whether it is negated.

    ``settings`` are the numbers of the settings that names stand for.
    """
    text = _END_OF_CONDITION.sub("", " ".join(_DECLARED.sub("", tag.code).split())).replace("'", '"')
    negated = tag.word in _NEGATED
    for _ in range(4):
        match = _NOT.fullmatch(text)
        if match is not None:
            text, negated = match[1], not negated
        if re.fullmatch(PARENTHESES, text):
            text = text[1:-1].strip()
    if not _JOINED.search(text):
        plain, count = _NOT_INSIDE.subn(lambda match: _POSITIVE[match[0]], text)
        if count == 1:
            text, negated = plain, not negated
    set_here = sorted({f"{name}={settings[name]}" for name in (*_NAME.findall(text), "*") if name in settings})
    return (f"{text} [{', '.join(set_here)}]" if set_here else text), negated


def assigned(tag: Tag) -> list[str]:
    """The names that a tag without content sets."""
    match = _ASSIGNMENT.match(tag.code)
    return _NAME.findall(match[1]) if match is not None else []


def names_within(tag: Tag, kind: str) -> list[str]:
    """The names that mean something else inside the construct that a tag opens."""
    context = _CONTEXTS.get(tag.word)
    if kind == "if" and context is None:
        return []
    targets = (_BARS if tag.family == "erb" else _TARGETS).match(tag.code)
    head = tag.code if kind == "macro" else targets[1] if targets is not None else ""
    return [*_NAME.findall(head), *filter(None, [context])]
