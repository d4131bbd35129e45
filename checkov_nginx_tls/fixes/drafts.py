"""What the modules that mend single rules get, and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.analysis import Outcome
    from checkov_nginx_tls.checks.base_upstream_check import Judgement
    from checkov_nginx_tls.fixes.edits import Edit
    from checkov_nginx_tls.fixes.trust import Trust
    from checkov_nginx_tls.fixes.world import World
    from checkov_nginx_tls.model import Block
    from checkov_nginx_tls.syntax import Directive
    from checkov_nginx_tls.upstreams import Connection


@dataclass(frozen=True)
class Case:
    """A finding to be mended: a failed outcome of one of our rules, in the world that it was found in."""

    outcome: Outcome
    world: World
    trust: Trust

    @property
    def judgements(self) -> Sequence[Judgement]:
        """What the finding rests on, at least one."""
        return self.outcome.judgements

    @property
    def directive(self) -> Directive:
        """The directive where the finding stands."""
        return self.outcome.judgements[0].cause.directive

    @property
    def connections(self) -> list[Connection]:
        """The connections that the finding is about."""
        return [one.connection for one in self.judgements if one.connection is not None]


class Draft(NamedTuple):
    """The edits that mend a finding, and the blocks whose settings they change."""

    edits: tuple[Edit, ...]
    touched: frozenset[Block] = frozenset()
