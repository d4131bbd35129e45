"""The class that our rules about outbound connections derive from."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from checkov.common.models.enums import CheckCategories, CheckResult

from checkov_nginx_tls.checks.base_nginx_check import BaseNginxCheck
from checkov_nginx_tls.texts import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.conf import BlockConf
    from checkov_nginx_tls.model import Configuration, Placed
    from checkov_nginx_tls.modules import Module
    from checkov_nginx_tls.rule import Rule
    from checkov_nginx_tls.syntax import Directive, Source
    from checkov_nginx_tls.upstreams import Connection


@dataclass(frozen=True, eq=False)
class Spot:
    """A place in a directive, or in a script that it loads, by which a finding is told from others there.

    ``start`` and ``end`` are offsets into the text of ``source``, which is that of the directive, or the script's.
    ``name`` tells it from other places in the same directive or script.
    """

    source: Source
    start: int
    end: int
    name: str

    @property
    def id(self) -> tuple[str, int, str]:
        """What two spots have in common that are the same."""
        return self.source.id, self.start, self.name


class Judgement(NamedTuple):
    """A rule's opinion of one connection, or of a directive whose connections are not known.

    ``cause`` is the directive at which somebody would mend it; for a pass it is the connection's own.
    ``evaluated_keys`` names the directives that decided. ``detail`` is what the rule found there, if it needs that to
    explain itself; a Spot is where the finding points to.
    """

    result: CheckResult
    cause: Placed
    connection: Connection | None
    evaluated_keys: tuple[str, ...]
    detail: object = None

    @property
    def is_guess(self) -> bool:
        """Whether it rests on a directive that may be another one: see ``Directive.is_guess``."""
        passed = self.connection.placed.directive.is_guess if self.connection is not None else False
        return passed or self.cause.directive.is_guess

    @property
    def spot(self) -> Spot | None:
        """Where a finding points to, if that is not the directive as a whole."""
        return self.detail if isinstance(self.detail, Spot) else None


class BaseUpstreamCheck(BaseNginxCheck):
    """A rule that judges every outbound connection of a configuration."""

    rule: ClassVar[Rule]
    target_is_cause: ClassVar[bool] = False
    """Whether another target in a pass directive makes another finding of it."""

    def __init__(self) -> None:
        super().__init__(
            name=self.rule.title,
            id=self.rule.id,
            categories=(CheckCategories.NETWORKING,),
            supported_resources=("upstream",),
            guideline=self.rule.guideline,
            severity=self.rule.severity,
        )
        self.benchmarks = {name.rpartition(" ")[0]: [name.rpartition(" ")[2]] for name in self.rule.benchmarks}

    @abstractmethod
    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """A judgement for every connection the rule looks at, and for causes whose connections are not known."""

    def guideline_of(self, judgement: Judgement) -> str:
        """The documentation of the directive to set, in the module whose connection it is."""
        module = judgement.connection.module if judgement.connection is not None else None
        directive = judgement.evaluated_keys[-1]
        if module is not None and directive.startswith(module.ssl_prefix):
            return module.url(directive)
        return self.rule.guideline

    @abstractmethod
    def explain(self, judgements: Sequence[Judgement]) -> str:
        """What is wrong and what to do, for the judgements of one cause that failed or are undecided."""

    def scan_resource_conf(self, conf: BlockConf) -> CheckResult:
        """A rule about connections judges no block on its own."""
        raise NotImplementedError(conf)


@cache
def keys_of(module: Module, *settings: str) -> tuple[str, ...]:
    """The directives of a module for settings ("verify"), or "pass" for its pass directive: for ``evaluated_keys``.

    The same tuple each time, of which a judgement of each connection holds one.
    """
    return tuple(module.pass_directive if one == "pass" else f"{module.ssl_prefix}_{one}" for one in settings)


def connections_of(judgements: Sequence[Judgement]) -> list[Connection]:
    """The connections of judgements, those without one left out."""
    return [judgement.connection for judgement in judgements if judgement.connection is not None]


def remedy(connection: Connection) -> str:
    """How to turn verification on for a connection, in one sentence."""
    module = connection.module
    prefix = module.ssl_prefix
    named = connection.setting("name") is not None
    name = "" if named else f", {prefix}_name the DNS name in it if that is not the host of {module.pass_directive}"
    return (
        f"Set {module.verify} to on, give {module.trusted_certificate} the CA certificate that signs the upstream's "
        f"certificate{name}, and set {prefix}_verify_depth to 2 if there is more than one intermediate CA."
    )


def places(connections: Sequence[Connection]) -> str:
    """The targets of connections and where they stand, the first three of them."""
    shown: dict[str, None] = {}
    for connection in connections:
        shown.setdefault(f"{connection.target} ({connection.placed.directive.place})")
    return listed(list(shown))


def origin(cause: Placed, connections: Sequence[Connection]) -> str:
    """Where a value was set, as a part of a sentence, unless that is in the block of every connection; then ""."""
    directive = cause.directive
    if all(connection.placed.directive.parent is directive.parent for connection in connections):
        return ""
    level = f" ({directive.parent.name})" if directive.parent is not None else ""
    return f", set at {directive.place}{level}"


def missing_includes(judgements: Sequence[Judgement]) -> str:
    """A sentence that names includes around the connections whose files are not in the scanned tree, or ""."""
    missing = [one for connection in connections_of(judgements) for one in connection.block.missing_includes()]
    return f" Not in the scanned tree, and so not looked at: {_includes(missing)}." if missing else ""


def unseen_connections(missing: Sequence[Placed]) -> str:
    """What a directive is in effect for where no connection is in sight, for a message.

    ``missing`` are the includes whose files may hold them; none where the directive's own file is included elsewhere.
    """
    if not missing:
        return "every TLS connection in the configuration that includes this"
    return f"TLS connections in files that are not in the scanned tree: {_includes(missing)}"


def _includes(missing: Iterable[Placed]) -> str:
    return listed([*dict.fromkeys(placed.directive for placed in missing)], show=_include)


def _include(directive: Directive) -> str:
    return f'"{directive.args[0] if directive.name == "include" else directive.name}" ({directive.place})'
