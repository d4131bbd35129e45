"""Patterns of glob(3), which nginx's includes are."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from typing import Final

_MAGIC: Final = frozenset("*?[")
_RESPELLED: Final = re.compile(r"(?s)\\(.)|\[\^")


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
    try:
        return re.compile(fnmatch.translate(_RESPELLED.sub(_in_python, segment)))
    except re.error:  # a range like [z-a] matches nothing
        return re.compile(r"(?!)")


def _in_python(match: re.Match[str]) -> str:
    """What fnmatch calls a negated set, or a character that is meant literally."""
    if match[1] is None:
        return "[!"
    return f"[{match[1]}]" if is_pattern(match[1]) else match[1]
