"""What else somebody looks at to understand a finding: where values come from, whom they concern, who includes it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.places import RelatedPlace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checkov_nginx_tls.checks.base_upstream_check import Judgement
    from checkov_nginx_tls.model import Placed
    from checkov_nginx_tls.syntax import Directive

LIMIT: Final = 100
"""Places of one finding that are named; GitHub shows no more."""

_LENGTH: Final = 200
"""Characters of a directive that are quoted."""


def related_places(judgements: Sequence[Judgement], message: str) -> tuple[RelatedPlace, ...]:
    """The places that have to do with the judgements of one cause, the cause itself left out.

    First the directives that decide beside it, then those that the finding's message mentions, then the connections
    concerned, then the include directives on the way to the cause and to the connections, outermost first.
    """
    cause = judgements[0].cause.directive
    seen = {_key(cause)}
    if judgements[0].spot is not None and judgements[0].spot.source is not cause.source:
        seen.clear()
    found = (
        RelatedPlace.of(directive, text)
        for directive, text in _directives(judgements, message)
        if _key(directive) not in seen and not seen.add(_key(directive))  # type: ignore[func-returns-value]  # None
    )
    return tuple(islice(found, LIMIT))


def _key(directive: Directive) -> tuple[str, int]:
    return directive.source.id, directive.start


def _directives(judgements: Sequence[Judgement], message: str) -> Iterator[tuple[Directive, str]]:
    for judgement in judgements:
        spot = judgement.spot
        if spot is not None and spot.source is not judgement.cause.directive.source:
            yield judgement.cause.directive, "loads the script"
    for judgement in judgements:
        yield from ((one, f"in effect: {_quoted(one)}{_level(one)}") for one in _deciding(judgement))
    for judgement in judgements:
        yield from ((one, _quoted(one)) for one in _mentioned(judgement, message))
    for judgement in judgements:
        if judgement.connection is not None:
            directive = judgement.connection.placed.directive
            yield directive, f"the connection: {_quoted(directive)}"
    for judgement in judgements:
        yield from _chain(judgement.cause)
        if judgement.connection is not None:
            yield from _chain(judgement.connection.placed)


def _deciding(judgement: Judgement) -> Iterator[Directive]:
    """The directives in effect for the connection that a rule looked at, the connection's own left out."""
    connection = judgement.connection
    if connection is None:
        return
    for name in judgement.evaluated_keys:
        placed = connection.block.scope.effective(name, connection.given)
        if placed is not None and name != connection.module.pass_directive:
            yield placed.directive


def _mentioned(judgement: Judgement, message: str) -> Iterator[Directive]:
    """Directives that do not decide, but that a message may point out: bundles in vain, includes that are missing."""
    connection = judgement.connection
    if connection is None:
        return
    bundles = (connection.trusted_certificate, connection.block.effective("ssl_trusted_certificate"))
    for placed in (*bundles, *connection.block.missing_includes()):
        if placed is not None and placed.directive.place in message:
            yield placed.directive


def _chain(placed: Placed) -> Iterator[tuple[Directive, str]]:
    targets = [*placed.includes[1:], placed.directive]
    return ((include, f"includes {target.source.name}") for include, target in zip(placed.includes, targets))


def _quoted(directive: Directive) -> str:
    text = " ".join((directive.name, *directive.args))
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}..."


def _level(directive: Directive) -> str:
    return f" ({directive.parent.name})" if directive.parent is not None else ""
