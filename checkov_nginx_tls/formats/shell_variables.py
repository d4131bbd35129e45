"""Variables of shell scripts, Dockerfiles and compose files: what they may be, as far as a text says it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN: Final = "\U000f0000"
"""Stands in a word for what only the deployment knows."""

_WORD_LIMIT: Final = 4096
"""Characters beyond which a word counts as unknown: its variables could make it much longer."""

_ASSIGNMENT: Final = re.compile(
    r"""(?mx)
    ^ (?: (?:export|readonly|ENV|ARG) [ \t]+ )? (?P<name> [A-Za-z_]\w*) =
      (?: '(?P<single> [^'\n]*)' | "(?P<double> [^"$`\\\n]*)" | (?P<bare> [^\s"'$`\\;&|<>()]*) )
      [ \t]* (?:;|\#.*)? \r? $
  | ^ [ \t]* (?: (?P<open> (?:if|case|for|while|until|select) \b (?! .*[\s;](?:fi|esac|done)\b )
                        | (?:function [ \t]+)? [\w-]+ [ \t]* (?:\([ \t]*\))? [ \t]* \{ [ \t]* (?:\#.*)? \r? $ )
              | (?P<close> (?:fi|esac|done)\b | \} ) )
    """
)
_CHANGE: Final = re.compile(
    r"""(?x)
    (?<![\w$-]) ([A-Za-z_]\w*) \+?=
  | \$\{ ([A-Za-z_]\w*) :?=
  | (?<![\w$-]) (?:read|for|unset|mapfile|getopts|printf[ \t]+-v) \b ([^\n;|&]*)
    """
)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::?-([^${}]*)|[^{}]*)\}|(\w+))")
_EXPANSION: Final = re.compile(r"\$\{?([A-Za-z_]\w*)(?:(:?[-=+])([^$`\\\"'{}\s;]*))?\}?")


def constants(script: str) -> dict[str, str]:
    """Variables that a script sets once, unconditionally and at the start of a line, to a constant."""
    found: dict[str, str] = {}
    depth = 0
    for match in _ASSIGNMENT.finditer(script):
        if match["open"] is not None:
            depth += 1
        elif match["close"] is not None:
            depth = max(0, depth - 1)
        elif not depth:
            found[match["name"]] = match["single"] or match["double"] or match["bare"] or ""
    changes: Counter[str] = Counter()
    for match in _CHANGE.finditer(script) if found else ():
        changes.update(re.findall(r"\w+", match[3]) if match[3] is not None else [match[1] or match[2]])
    return {name: value for name, value in found.items() if changes[name] == 1}


def expanded(word: str, values: Mapping[str, str]) -> str:
    """A word with the values or defaults of its variables; UNKNOWN for those that have none."""
    if len(word) > _WORD_LIMIT:
        return UNKNOWN
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[3], match[2] or UNKNOWN), word)


def choices(expansion: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """What an expansion of a variable may become; nothing where that is not known."""
    match = _EXPANSION.fullmatch(expansion)
    if match is None:
        return ()
    name, operator, word = match.groups()
    if operator is None:
        return (values[name],) if name in values else ()
    return (word, "") if operator.endswith("+") else (word,)
