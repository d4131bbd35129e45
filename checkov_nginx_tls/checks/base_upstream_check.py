"""The class that our rules about outbound connections derive from."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from checkov.common.models.enums import CheckCategories, CheckResult

from checkov_nginx_tls.checks.base_nginx_check import BaseNginxCheck

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.checks.rule import Rule
    from checkov_nginx_tls.conf import BlockConf
    from checkov_nginx_tls.model import Configuration, Placed
    from checkov_nginx_tls.upstreams import Connection


@dataclass(frozen=True, eq=False)
class Judgement:
    """A rule's opinion of one connection, or of a directive whose connections are not known.

    ``cause`` is the directive at which somebody would mend it; for a pass it is the connection's own.
    ``evaluated_keys`` names the directives that decided.
    """

    result: CheckResult
    cause: Placed
    connection: Connection | None
    evaluated_keys: tuple[str, ...]


class BaseUpstreamCheck(BaseNginxCheck):
    """A rule that judges every outbound connection of a configuration."""

    rule: ClassVar[Rule]

    def __init__(self) -> None:
        super().__init__(
            name=self.rule.title,
            id=self.rule.id,
            categories=(CheckCategories.NETWORKING,),
            supported_resources=("http.location", "http.if", "http.limit_except", "stream.server"),
            guideline=self.rule.guideline,
            severity=self.rule.severity,
        )
        self.benchmarks = {name.rpartition(" ")[0]: [name.rpartition(" ")[2]] for name in self.rule.benchmarks}

    @abstractmethod
    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """A judgement for every connection the rule looks at, and for causes whose connections are not known."""

    @abstractmethod
    def explain(self, judgements: Sequence[Judgement]) -> str:
        """What is wrong and what to do, for the judgements of one cause that failed or are undecided."""

    def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
        """A rule about connections judges no block on its own."""
        raise NotImplementedError(conf)


def places(connections: Sequence[Connection]) -> str:
    """The targets of connections and where they stand, the first three of them."""
    shown: dict[str, None] = {}
    for connection in connections:
        shown.setdefault(f"{connection.target} ({connection.placed.directive.place})")
    names = list(shown)
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


def missing_includes(judgements: Sequence[Judgement]) -> str:
    """A sentence that names includes around the connections whose files are not in the scanned tree, or ""."""
    names: dict[str, None] = {}
    for judgement in judgements:
        if judgement.connection is not None:
            for placed in judgement.connection.block.missing_includes():
                names.setdefault(f'"{placed.directive.args[0]}" ({placed.directive.place})')
    if not names:
        return ""
    return f" Not in the scanned tree, and so not looked at: {', '.join(names)}."
