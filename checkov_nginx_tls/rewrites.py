"""Which directives of the rewrite module run on a request before it comes to a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.model import ancestors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.model import Block, Placed

_ENDS: Final = frozenset({"break"})
_SERVER_ENDS: Final = frozenset({"break", "last"})


def rewrite_levels(block: Block) -> list[Block]:
    """The blocks whose rewrite directives run on a request that comes to a pass in ``block``, in order.

    The server's run first, then those of one location with its ``if`` blocks, not those of the locations around it;
    and ``limit_except`` takes the request before its location's are run (``ngx_http_core_find_config_phase``).
    """
    levels = [around for around in ancestors(block) if around.type == "http.server"]
    if block.type == "http.if" and block.parent is not None:
        levels.append(block.parent)
    if block not in levels:
        levels.append(block)
    return levels


def surely_run(level: Block, name: str) -> Sequence[Placed]:
    """The directives of a name in a block that run on every request that its rewrite directives are run on.

    A ``break``, or a ``rewrite`` with that flag, ends them, also inside an ``if``; in a server ``last`` does
    (``ngx_http_script_break_code``, ``ngx_http_script_regex_end_code``). In a location it leads elsewhere.
    """
    own = level.own(name)
    ends = _ends(level) if own else []
    if not ends:
        return own
    first = min(ends, key=lambda end: end.directive.start)
    in_one_file = all(end.includes == first.includes and end.directive.source is first.directive.source for end in ends)
    return [placed for placed in own if in_one_file and stands_before(placed, first)]


def _ends(level: Block) -> list[Placed]:
    """Where the rewrite directives of a block may end: directives, and ``if`` blocks."""
    flags = _SERVER_ENDS if level.type == "http.server" else _ENDS
    ends = _ends_in(level, flags)
    for inner in level.blocks:
        if inner.type == "http.if" and inner.placed is not None and _ends_in(inner, flags):
            ends.append(inner.placed)
    return ends


def _ends_in(block: Block, flags: frozenset[str]) -> list[Placed]:
    return [*block.own("break"), *(one for one in block.own("rewrite") if flags.intersection(one.directive.args[2:]))]


def stands_before(first: Placed, second: Placed) -> bool:
    """Whether one directive is known to stand in front of another: both in the same file, included in the same way."""
    if first.includes != second.includes or first.directive.source is not second.directive.source:
        return False
    return first.directive.start < second.directive.start


def is_named(block: Block) -> bool:
    """Whether requests get into a location from another one only, behind all of the server: ``location @name``."""
    location = block.scope.placed
    args = location.directive.args if location is not None else ()
    return bool(args) and args[0].startswith("@")
