"""What the nginx configuration that a controller writes says about an upstream's certificate.

A controller writes directives at the levels http, server and location; an object sets some of them by fields and
annotations, others by snippets of nginx text. As in nginx, a level that sets a directive overrides the outer ones.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject

PROXY: Final = "proxy_ssl"
GRPC: Final = "grpc_ssl"
_WANTED: Final = ("verify", "trusted_certificate", "name")
_DIRECTIVES: Final = frozenset(f"{prefix}_{setting}" for prefix in (PROXY, GRPC) for setting in _WANTED)
NO_NAMES: Final = frozenset({"", "$proxy_host", "${proxy_host}", "upstream_balancer"})
"""What names nothing that a certificate could hold: the group of servers, which ingress-nginx calls so."""


class Setting(NamedTuple):
    """A directive's value and where it comes from.

    ``undecided`` says why the value is not known, and is empty where it is. ``policy`` is the Policy that decided.
    """

    value: str
    place: str
    undecided: str = ""
    policy: KubernetesObject | None = None


Level = dict[str, Setting]
"""The directives that one level sets, by name."""


def all_of(prefix: str, setting: Setting) -> Level:
    """The level at which one setting decides all directives that start with ``prefix``."""
    return {f"{prefix}_{name}": setting for name in _WANTED}


def unknown(prefix: str, reason: str) -> Level:
    """The level at which nothing is known of these directives."""
    return all_of(prefix, Setting("", "", reason))


class Judged(Enum):
    """What becomes of an upstream's certificate."""

    VERIFIED = "verified"
    UNSET = "nobody turns verification on"
    OFF = "verification is turned off"
    NO_BUNDLE = "no trusted certificate"
    NO_NAME = "no name to verify"
    UNDECIDED = "undecided"


class Outcome(NamedTuple):
    """The judgement, and the setting that decided if there is one."""

    judged: Judged
    setting: Setting | None = None


def judge(levels: Sequence[Mapping[str, Setting]], prefix: str) -> Outcome:
    """Whether connections whose directives start with ``prefix`` are verified; ``levels`` begin with the outermost.

    Without a name nginx expects that of the group of servers, which controllers make up: it is in no certificate.
    """
    verify, bundle, name = (_effective(levels, f"{prefix}_{setting}") for setting in _WANTED)
    if verify is None:
        return Outcome(Judged.UNSET)
    if not verify.undecided and verify.value != "on":
        return Outcome(Judged.OFF, verify)
    if bundle is None or (not bundle.value and not bundle.undecided):
        return Outcome(Judged.NO_BUNDLE, verify)
    if name is None or (name.value in NO_NAMES and not name.undecided):
        return Outcome(Judged.NO_NAME, verify)
    for setting in (verify, bundle, name):
        if setting.undecided:
            return Outcome(Judged.UNDECIDED, setting)
    return Outcome(Judged.VERIFIED, verify)


def _effective(levels: Iterable[Mapping[str, Setting]], directive: str) -> Setting | None:
    found = None
    for level in levels:
        found = level.get(directive, found)
    return found


def merged(parts: Iterable[Mapping[str, Setting]]) -> Level:
    """One level of several texts that stand in it.

    Where two set the same directive, nginx refuses to start; until that is mended, the value that does not verify
    counts.
    """
    level: Level = {}
    for part in parts:
        for directive, setting in part.items():
            if directive not in level or (level[directive].value == "on" and setting.value != "on"):
                level[directive] = setting
    return level


def settings_in(snippet: object, place: str) -> Mapping[str, Setting]:
    """What a snippet of nginx text sets at its own level; ``place`` is what messages call it."""
    return _parsed(snippet, place) if isinstance(snippet, str) and "_ssl_" in snippet else {}


@lru_cache(maxsize=1000)
def _parsed(snippet: str, place: str) -> Mapping[str, Setting]:
    """See settings_in; many objects are judged by what one of them says for all."""
    from checkov_nginx_tls.syntax import SyntaxProblem, Templated, parse

    try:
        directives = parse("", place, snippet.encode("utf-8", "surrogatepass")).directives
    except SyntaxProblem as problem:
        unknown = Setting("", place, f"{place} cannot be read: {problem.reason}")
        return dict.fromkeys(_DIRECTIVES, unknown)
    level: Level = {}
    for directive in directives:
        if directive.name in _DIRECTIVES and len(directive.args) == 1:
            value = directive.args[0]
            reason = f"a template decides {directive.name} in {place}"
            known = not directive.conditions and not isinstance(value, Templated)
            level[directive.name] = Setting(value.lower(), place, "" if known else reason)
    return level
