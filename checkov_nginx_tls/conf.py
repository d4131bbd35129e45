"""What a check that looks at blocks receives: the directives in effect in one block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from crossplane.analyzer import DIRECTIVES, NGX_CONF_FLAG

from checkov_nginx_tls.modules import FLAGS, HANDLERS

if TYPE_CHECKING:
    from checkov_nginx_tls.model import Block, Placed

_FLAG_DIRECTIVES: Final = FLAGS | {
    name for name, masks in DIRECTIVES.items() if any(mask & NGX_CONF_FLAG for mask in masks)
}
_NOT_INHERITED: Final = frozenset(
    "alias break content_by_lua content_by_lua_block content_by_lua_file empty_gif if include js_content"
    " listen perl return rewrite server_name set stub_status try_files".split()
)


class Origin(NamedTuple):
    """Where a value comes from: the directive's name, the file relative to the scanned directory, the line."""

    directive: str
    file: str
    line: int


class BlockConf(dict[str, Any]):
    """The directives in effect in a block, inherited ones included: name to list of arguments.

    Values are what is written, with those of flag directives in lower case; nginx's defaults are not in it.
    Of a directive that may repeat, the last one stands here, and ``all`` gives every one.
    """

    def __init__(self, block: Block) -> None:
        super().__init__()
        self._placed: dict[str, list[Placed]] = {}
        self.entity_type: Final = block.type
        for level in block.inheritance() if block.type != "main" else (block,):
            own: dict[str, list[Placed]] = {}
            for placed in level.simple:
                if not placed.directive.is_guess:
                    own.setdefault(placed.directive.name, []).append(placed)
            for name, placed_list in own.items():
                if name not in self._placed and (level is block or _inherits(block, name)):
                    self._placed[name] = placed_list
        for name, placed_list in self._placed.items():
            self[name] = _arguments(placed_list[-1])

    def all(self, name: str) -> list[list[str]]:
        """The arguments of every directive of that name in effect here, in order."""
        return [_arguments(placed) for placed in self._placed.get(name, [])]

    def origin(self, name: str) -> Origin | None:
        """The directive that set the value, None where nobody did."""
        placed = self._placed.get(name)
        if not placed:
            return None
        directive = placed[-1].directive
        return Origin(directive.name, directive.source.name, directive.line)


def _inherits(block: Block, name: str) -> bool:
    if name in HANDLERS:
        return block.noname
    return name not in _NOT_INHERITED


def _arguments(placed: Placed) -> list[str]:
    directive = placed.directive
    if directive.name in _FLAG_DIRECTIVES and len(directive.args) == 1:
        return [directive.args[0].lower()]
    return list(directive.args)
