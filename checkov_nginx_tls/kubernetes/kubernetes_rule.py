"""The class that rules about Kubernetes objects derive from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from checkov.common.models.enums import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from checkov_nginx_tls.kubernetes.objects import KubernetesObject, Objects
    from checkov_nginx_tls.rule import Rule


class Judgement(NamedTuple):
    """A rule's opinion of an object: ``message`` says what is wrong and what to write where, or what is not known.

    ``keys`` are the places in the object that decided.
    """

    result: CheckResult
    message: str = ""
    keys: tuple[str, ...] = ()


class KubernetesRule(ABC):
    """A rule about objects of some kinds."""

    rule: ClassVar[Rule]
    kinds: ClassVar[tuple[str, ...]]

    @abstractmethod
    def judge(self, subject: KubernetesObject, objects: Objects) -> Judgement | None:
        """The judgement of one object among those of the scan, None if the rule does not look at it."""


_GRAVITY = (CheckResult.PASSED, CheckResult.UNKNOWN, CheckResult.FAILED)


def gravest(judgements: Iterable[Judgement]) -> Judgement | None:
    """The first of the gravest judgements: failed, undecided, passed."""
    found: Judgement | None = None
    for judgement in judgements:
        if found is None or _GRAVITY.index(judgement.result) > _GRAVITY.index(found.result):
            found = judgement
    return found
