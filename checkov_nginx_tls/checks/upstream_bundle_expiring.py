"""CKV_NGINX_CUSTOM_13: a trusted CA certificate that expires soon, or has expired."""

from __future__ import annotations

import logging
import os
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.bundles import WATCHED, expiring, faults
from checkov_nginx_tls.checks.base_bundle_check import BaseBundleCheck, quoted
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.rule import Rule
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.texts import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from checkov_nginx_tls.bundles import TrustedBundle
    from checkov_nginx_tls.checks.base_upstream_check import Judgement
    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection

DAYS_VARIABLE: Final = "CHECKOV_NGINX_TLS_EXPIRY_DAYS"
"""The environment variable with the number of days before its end in which a certificate is reported."""

DEFAULT_DAYS: Final = 30

_DAYS: Final = re.compile(r"[0-9]{1,5}")

logger: Final = logging.getLogger(__name__)


class UpstreamBundleExpiring(BaseBundleCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_13",
        title="Ensure trusted CA certificates do not expire soon",
        severity="MEDIUM",
        guideline=HTTP_PROXY.url("proxy_ssl_trusted_certificate"),
        cwe=298,
        benchmarks=(),
        what=(
            "A root certificate in the file that *_ssl_trusted_certificate names for a verified connection expires "
            f"within {DEFAULT_DAYS} days, or has expired. {DAYS_VARIABLE} in the environment sets another number of "
            "days. The file is in the scanned tree, at its own place or where something there deploys it from, and "
            f"holds at most {WATCHED} certificates. Where no valid root is left, CKV_NGINX_CUSTOM_12 says so instead. "
            "The rule turns red without a commit."
        ),
        why=(
            "From that day on nginx answers 502 for every upstream whose certificate that CA signed. It fails closed, "
            "but under pressure the quick way out is to turn verification off."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate tls/old-and-new.pem;  # holds two CAs; one has expired
        proxy_ssl_server_name on;
    }
}
""",
        use_instead="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate tls/new.pem;  # holds the CA that took its place
        proxy_ssl_server_name on;
    }
}
""",
        nginx=(
            "OpenSSL checks the dates of every certificate of a chain, the root's too, at each handshake "
            "(X509_V_ERR_CERT_HAS_EXPIRED); nginx says nothing when it loads an expired one. Of two certificates with "
            "the same name and key it takes the valid one: a CA that was renewed so does no harm."
        ),
    )

    def judge(self, configuration: Configuration, connections: Sequence[Connection]) -> Iterator[Judgement]:
        """See BaseUpstreamCheck."""
        days_of_notice()  # a bad value gets its warning where there is no bundle too
        return super().judge(configuration, connections)

    def judge_bundle(self, found: TrustedBundle, now: datetime) -> CheckResult | None:
        """See BaseBundleCheck."""
        connection = found.connection
        large = len(found.bundle.certificates) + found.bundle.unread > WATCHED
        if large or not connection.is_verified or faults(found.bundle, now):
            return None
        soon = expiring(found.bundle, now, days_of_notice())
        if connection.transport is Transport.TLS:
            return CheckResult.FAILED if soon else CheckResult.PASSED
        return CheckResult.UNKNOWN if soon else None

    def explain_bundle(self, found: TrustedBundle, now: datetime, users: str) -> str:
        """See BaseBundleCheck."""
        soon = expiring(found.bundle, now, days_of_notice())
        states = [
            f"{quoted(one.subject)} {'expired' if one.not_after <= now else 'expires'} on {one.not_after.date()} (UTC)"
            for one in soon
        ]
        source = shlex.quote("ca.pem" if found.file.key else found.file.path)
        return (
            f"{found.file.name}, the CA bundle of {users}: {listed(states)}. From then on nginx refuses every "
            f"upstream whose certificate such a CA signed. Add the CA's new certificate beside it "
            f"(openssl x509 -in new.pem >> {source}), and remove the old one when no upstream needs it any more."
        )


def days_of_notice() -> int:
    """The number of days before its end in which a certificate is reported: the environment's, or the default."""
    return _days(os.environ.get(DAYS_VARIABLE, ""))


@cache
def _days(text: str) -> int:
    """The number that a text is; anything else gets a warning, once, and the default."""
    if _DAYS.fullmatch(text.strip()):
        return int(text)
    if text.strip():
        logger.warning("%s=%r is not a number of days: %d is used", DAYS_VARIABLE, text[:100], DEFAULT_DAYS)
    return DEFAULT_DAYS
