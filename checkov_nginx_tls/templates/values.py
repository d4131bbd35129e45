"""The values that an expression's own text names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates.tags import DELIMITERS

if TYPE_CHECKING:
    from checkov_nginx_tls.templates.tags import Tag

CHOICES_LENGTH: Final = 1000
"""Characters of code or text beyond which the values count as unknown."""

PARENTHESES: Final = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_LITERAL: Final = r"""(?:"[^"\\]*"|'[^'\\]*'|`[^`]*`|-?\d[\w.]*)"""
_SAME: Final = r"(?:\s*\|\s*(?:quote|squote|trim|string|toString|int|e|escape|safe)\b(?:\(\))?)*\s*\Z"
"""Filters behind a value that leave it as it is for nginx."""

_VALUES: Final = tuple(
    re.compile(pattern.replace("LIT", _LITERAL).replace("SAME", _SAME), re.DOTALL)
    for pattern in (
        r"\A(LIT)SAME",
        # Jinja and Python
        r"""\A(LIT)\s+if\s+(?:(?!\selse\s)[^"'`]|"[^"]*"|'[^']*')*(?:\selse\s+(LIT))?\Z""",
        r"\|\s*ternary\(\s*(LIT)\s*,\s*(LIT)\s*\)SAME",
        r"\A(?:(?!\bif\b|\bor\b|\band\b)[^~+])*\|\s*d(?:efault)?\(\s*(LIT)\s*(?:,[^()]*)?\)SAME",
        r"\.get(?:['\"]\])?\(\s*(?:LIT)\s*,\s*(LIT)\s*\)\Z",
        # Go: Sprig's functions, and those of docker-gen, confd and consul-template
        r"\|\s*ternary\s+(LIT)\s+(LIT)SAME",
        r"\Aternary\s+(LIT)\s+(LIT)\s[^|]*\Z",
        r"\|\s*default\s+(LIT)SAME",
        r"\Adefault\s+(LIT)\s[^|]*SAME",
        r"\A(?:or|coalesce)\s[^|]*\s(LIT)SAME",
        r"\Awhen\s[^|]*\s(LIT)\s+(LIT)\Z",
        r"\A(?:getv|getenv|env|keyOrDefault|envOrDefault)\s+(?:LIT)\s+(LIT)SAME",
        # Ruby; "or" is Jinja's too
        r"\A(?:(?!\s:\s)[^\"'`])*\s\?\s*(LIT)\s*:\s*(LIT)\Z",
        r"\A[\w.@$:\[\]()\"'-]+\s*(?:\bor\b|\|\|)\s*(LIT)\Z",
    )
)
_SHELL: Final = re.compile(r"\$\{\w+:?([-=+])([^$]*)\}")


def choices_of(tag: Tag) -> tuple[str, ...]:
    """The values that a tag may have; none if they are unknown."""
    shell = _SHELL.fullmatch(tag.code) if tag.family == "shell" else None
    if shell is not None:
        return (shell[2], "") if shell[1] == "+" else (shell[2],)
    code = tag.code
    if tag.kind == "output" or tag.family not in DELIMITERS or len(code) > CHOICES_LENGTH:
        return ()
    if re.fullmatch(PARENTHESES, code):
        code = code[1:-1].strip()
    match = next(filter(None, (pattern.search(code) for pattern in _VALUES)), None)
    if match is None or "#{" in "".join(filter(None, match.groups())):
        return ()
    return tuple(dict.fromkeys(unquoted(text or "") for text in match.groups()))


def unquoted(text: str) -> str:
    """What a literal says, or a word of nginx; "" for nothing but white space."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" and text[0] not in text[1:-1]
    said = text[1:-1] if quoted else text
    return said if said.strip() else ""
