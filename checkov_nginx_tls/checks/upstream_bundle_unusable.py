"""CKV_NGINX_CUSTOM_12: a trusted bundle that nginx cannot read, or that no chain can end in."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.bundles import Fault, faults
from checkov_nginx_tls.certificates import Kind
from checkov_nginx_tls.checks.base_bundle_check import BaseBundleCheck, quoted
from checkov_nginx_tls.modules import HTTP_PROXY
from checkov_nginx_tls.rule import CIS_UPSTREAM_CERTIFICATE_TRUSTED, Rule
from checkov_nginx_tls.targets import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from checkov_nginx_tls.bundles import TrustedBundle
    from checkov_nginx_tls.certificates import Bundle


class UpstreamBundleUnusable(BaseBundleCheck):
    """See ``rule``."""

    rule = Rule(
        id="CKV_NGINX_CUSTOM_12",
        title="Ensure the trusted CA bundle can anchor trust",
        severity="HIGH",
        guideline=HTTP_PROXY.url("proxy_ssl_trusted_certificate"),
        cwe=295,
        benchmarks=(CIS_UPSTREAM_CERTIFICATE_TRUSTED,),
        precision="very-high",
        what=(
            "The file that *_ssl_trusted_certificate names for a verified connection is in the scanned tree, at its "
            "own place or where something there deploys it from, and it holds no certificate in PEM format, or a "
            "damaged one, or no self-signed one (only intermediate CAs and upstreams' own certificates), or all of "
            "those have expired. Or it holds a private key."
        ),
        why=(
            "nginx does not start with a file that it cannot read, and without a valid root certificate it answers 502 "
            "for every request. It fails closed, but under pressure the quick way out is to turn verification off. "
            "With the private key of a CA, everybody who reads the file can make certificates that nginx trusts."
        ),
        example="""\
server {
    listen 80;
    location / {
        proxy_pass https://backend.example.com;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate tls/intermediate.pem;  # holds a CA that another one signed, but not that one
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
        proxy_ssl_trusted_certificate tls/root.pem;  # holds the self-signed CA at the end of the chain
        proxy_ssl_server_name on;
    }
}
""",
        nginx=(
            "nginx reads the file block by block and refuses to start if a block of any kind is damaged, or if none is "
            "a certificate (ngx_ssl_cache_ca_create, PEM_read_bio_X509_AUX). It never sets X509_V_FLAG_PARTIAL_CHAIN: "
            "a chain must end in a self-signed certificate of the file, or in a CA that a TRUSTED CERTIFICATE block "
            "trusts for TLS servers. Intermediate CAs in the file only help to build chains. Text between blocks, "
            "CRLF, CRLs and keys do not disturb it."
        ),
    )

    def judge_bundle(self, found: TrustedBundle, now: datetime) -> CheckResult | None:
        """See BaseBundleCheck."""
        connection = found.connection
        wrong = faults(found.bundle, now)
        if connection.loads_bundle and any(fault.stops_nginx for fault in wrong):
            return CheckResult.FAILED
        if not connection.is_verified:
            return None
        if connection.transport is Transport.TLS:
            return CheckResult.FAILED if wrong else CheckResult.PASSED
        return CheckResult.UNKNOWN if wrong else None

    def explain_bundle(self, found: TrustedBundle, now: datetime, users: str) -> str:
        """See BaseBundleCheck."""
        file, bundle = found.file, found.bundle
        command = _Command("ca.pem" if file.key else file.path)
        said = {
            Fault.NO_CERTIFICATE: _no_certificate,
            Fault.DAMAGED: _damaged,
            Fault.NO_ANCHOR: _no_anchor,
            Fault.NO_VALID_ANCHOR: _no_valid_anchor,
            Fault.PRIVATE_KEY: _private_key,
        }
        sentences = [said[fault](bundle, command, now) for fault in faults(bundle, now)]
        return f"{file.name}, the CA bundle of {users}, {' Besides, it '.join(sentences)}"


class _Command:
    """Command lines that work on a file: ``source`` is its name, ``target`` that of a new file beside it."""

    def __init__(self, path: str) -> None:
        path = f"./{path}" if path.startswith("-") else path
        self.source: Final = shlex.quote(path)
        self.target: Final = shlex.quote(f"{path}.new")

    @property
    def move(self) -> str:
        """Puts the new file in place of the old."""
        return f"mv {self.target} {self.source}"

    @property
    def listing(self) -> str:
        """Shows the certificates of the file, and fails where one is damaged."""
        return f"openssl crl2pkcs7 -nocrl -certfile {self.source} | openssl pkcs7 -print_certs -noout"


def _no_certificate(bundle: Bundle, command: _Command, _now: datetime) -> str:
    source, target = command.source, command.target
    form = "PEM" if "PKCS7" in bundle.others else "DER"
    what, how = {
        Kind.EMPTY: ("is empty", ""),
        Kind.DER: ("is a certificate in DER format", f"openssl x509 -inform DER -in {source} -out {target}"),
        Kind.PKCS7: ("is PKCS#7", f"openssl pkcs7 -inform {form} -print_certs -in {source} -out {target}"),
        Kind.PKCS12: ("is PKCS#12", f"openssl pkcs12 -nokeys -in {source} -out {target}"),
        Kind.UTF_16: ("is written in UTF-16", f"iconv -f UTF-16 -t UTF-8 {source} > {target}"),
        Kind.BASE64: ("is in base64 once more", f"base64 -d {source} > {target}"),
        Kind.ESCAPED: (r"has \n in place of line feeds", f"printf '%b' \"$(cat {source})\" > {target}"),
        Kind.INDENTED: ("has spaces in front of -----BEGIN", f"sed 's/^[[:blank:]]*//' {source} > {target}"),
    }.get(bundle.kind, (f"holds no certificate{_only(bundle.others)}", ""))
    remedy = f"This converts it: {how} && {command.move}" if how else "Put the upstreams' root CA there, in PEM format."
    return f"{what}: nginx reads only PEM, finds no certificate, and does not start. {remedy}"


def _only(others: Sequence[str]) -> str:
    return f", only {', '.join(map(quoted, others[:3]))}" if others else ""


def _damaged(bundle: Bundle, command: _Command, _now: datetime) -> str:
    line, reason = bundle.damage or (1, "")
    return (
        f"is damaged, and nginx does not start: in the block at line {line}, {reason}. Copy that block again from "
        f"where it came from; this must then list all certificates: {command.listing}"
    )


def _no_anchor(bundle: Bundle, command: _Command, _now: datetime) -> str:
    refused = [one for one in bundle.certificates if one.trusted is False]
    if refused:
        return (
            f"says itself that {quoted(refused[0].subject)} is not trusted for TLS servers: nginx refuses every "
            "upstream. This writes a certificate without such a remark: "
            f"openssl x509 -clrtrust -clrreject -in {command.source} -out {command.target}"
        )
    held = "; ".join(f"{quoted(one.subject)}, signed by {quoted(one.issuer)}" for one in bundle.certificates[:3])
    signers = [one for one in bundle.certificates if one.is_intermediate] or bundle.certificates
    subjects = {one.subject for one in bundle.certificates}
    missing = next((one for one in signers if one.issuer not in subjects), signers[0])
    return (
        f"holds no self-signed certificate, and only in one does nginx end a chain: it refuses every upstream. "
        f"There is {held}. Add the root CA's certificate, which is {quoted(missing.issuer)} or above it: "
        f"openssl x509 -in root.pem >> {command.source}"
    )


def _no_valid_anchor(bundle: Bundle, command: _Command, now: datetime) -> str:
    last = max(bundle.anchors, key=lambda anchor: anchor.not_after)
    date = last.not_after.date() if last.not_after <= now else last.not_before.date()
    state = f"expired on {date}" if last.not_after <= now else f"is not valid before {date}"
    others = f", and the {len(bundle.anchors) - 1} others are not valid either" if len(bundle.anchors) > 1 else ""
    return (
        f"holds no valid root certificate: {quoted(last.subject)} {state}{others}. nginx refuses every upstream. "
        f"Add the CA's present one (openssl x509 -in root.pem >> {command.source}) and take out what has expired."
    )


def _private_key(bundle: Bundle, command: _Command, _now: datetime) -> str:
    return (
        f"holds a private key, in line {bundle.private_keys[0]}. To verify, nginx needs none, and whoever reads the "
        f"file has it. Remove it, and replace it wherever it is used: "
        f"sed '/BEGIN .*PRIVATE KEY/,/END .*PRIVATE KEY/d' {command.source} > {command.target} && {command.move}"
    )
