"""Patterns of glob(3), which nginx's includes are."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_MAGIC: Final = frozenset("*?[")
_CLASSES: Final = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "A-Fa-f0-9",
    "space": r" \t-\r",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
}
"""Classes of characters as the C locale has them, in sets of re."""

_CLASS: Final = rf"\[:(?:{'|'.join(_CLASSES)}):\]"
_TOKEN: Final = re.compile(
    rf"""(?xs)
    \\. | (?P<stars> \*+ ) | (?P<any> \? )
  | \[ (?: (?P<negated> [!^] ) | (?![!^]) )
    (?P<members> (?: {_CLASS} | \\. | [^\\] ) (?: {_CLASS} | \\. | [^]\\] )* ) \]
  | .
    """
)
_MEMBER: Final = re.compile(r"(?xs) \[:(?P<name> [a-z]+ ):\] | (?P<low> \\?. ) (?: - (?P<high> \\?. ) )?")


def is_pattern(path: str) -> bool:
    """Whether nginx takes the argument of an include for a pattern (``ngx_conf_include``)."""
    return not _MAGIC.isdisjoint(path)


def segment_matches(segment: str, name: str) -> bool:
    """Whether a segment of a path or pattern, without a slash, matches a name."""
    if not is_pattern(segment):
        return segment == name
    return (name[:1] != "." or segment[0] == ".") and _compiled(segment).match(name) is not None


def path_matches(pattern: str, path: str) -> bool:
    """Whether a path or pattern matches a path, segment by segment."""
    segments, names = pattern.split("/"), path.split("/")
    return len(segments) == len(names) and all(map(segment_matches, segments, names))


@lru_cache(maxsize=1024)
def _compiled(segment: str) -> re.Pattern[str]:
    """What matches a pattern, in time that does not grow with the number of its stars."""
    parts = [""]
    for token in _TOKEN.finditer(segment):
        if token["stars"]:
            parts.append("")
        elif token["members"]:
            parts[-1] += _one_of(token["members"], negated=bool(token["negated"]))
        else:
            parts[-1] += "." if token["any"] else re.escape(token[0][-1])
    # A star takes as little as it can, and a lookahead never tries again.
    inner = [f"(?=(?P<g{number}>.*?{part}))(?P=g{number})" for number, part in enumerate(parts[1:-1])]
    return re.compile("".join([parts[0], *inner, *(f".*{part}" for part in parts[1:][-1:])]) + r"\Z", re.DOTALL)


def _one_of(members: str, *, negated: bool) -> str:
    """The characters in brackets as a set of re."""
    found = ""
    for member in _MEMBER.finditer(members):
        low, high = member["low"], member["high"]
        if member["name"]:
            found += _CLASSES[member["name"]]
        elif not high:
            found += re.escape(low[-1])
        elif low[-1] <= high[-1]:
            found += f"{re.escape(low[-1])}-{re.escape(high[-1])}"
    if not found:  # a range like [z-a]
        return "." if negated else "(?!)"
    return f"[{'^' * negated}{found}]"
