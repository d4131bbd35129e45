"""The class that the rules about trusted certificates derive from."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.bundles import TrustedBundle, trusted_bundles
from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement, keys_of, places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection

NAME_LENGTH: Final = 200
"""Characters of a certificate's name that a message shows."""


class _JudgedBundle(NamedTuple):
    """A bundle as one of the connections uses it, and the time at which it is judged."""

    found: TrustedBundle
    now: datetime


class BaseBundleCheck(BaseUpstreamCheck):
    """A rule that judges the bundles in the scanned tree; a finding stands on the directive that names one."""

    @abstractmethod
    def judge_bundle(self, found: TrustedBundle, now: datetime) -> CheckResult | None:
        """The verdict on a bundle as one connection uses it, None where it is not looked at."""

    @abstractmethod
    def explain_bundle(self, found: TrustedBundle, now: datetime, users: str) -> str:
        """What is wrong with a bundle and what to do; ``users`` names the connections that use it."""

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        for found in trusted_bundles(configuration, connections):
            result = self.judge_bundle(found, configuration.now)
            if result is not None:
                connection = found.connection
                cause = connection.placed if result is CheckResult.PASSED else found.placed
                keys = keys_of(connection.module, "verify", "trusted_certificate")
                yield Judgement(result, cause, connection, keys, _JudgedBundle(found, configuration.now))

    def explain(self, judgements: Sequence[Judgement]) -> str:
        """See BaseUpstreamCheck. A relative path may mean several files: one for each configuration."""
        by_file: dict[str, list[_JudgedBundle]] = {}
        for judgement in judgements:
            if isinstance(judgement.detail, _JudgedBundle):
                by_file.setdefault(judgement.detail.found.file.name, []).append(judgement.detail)
        return " ".join(
            self.explain_bundle(group[0].found, group[0].now, places([one.found.connection for one in group]))
            for group in by_file.values()
        )


def quoted(name: str) -> str:
    """A certificate's name as messages show it."""
    return f'"{name[:NAME_LENGTH]}"'
