"""One certificate in DER, read with the ``cryptography`` library, or judged by OpenSSL itself."""

from __future__ import annotations

import ssl
import warnings
from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from checkov_nginx_tls.certificates import Certificate


def read_certificate(der: bytes, *, trusted: bool | None) -> Certificate:
    """What matters of a certificate; ``trusted`` is what its block says besides about TLS servers.

    Raises ValueError where the library cannot read it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # negative serial numbers and the like, which OpenSSL takes
        try:
            return _certificate(x509.load_der_x509_certificate(der), trusted)
        except Exception as problem:  # the library raises this and that, KeyError among them
            raise ValueError(str(problem)) from problem


def openssl_takes(der: bytes) -> bool:
    """Whether OpenSSL reads a certificate."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _certificate(certificate: x509.Certificate, trusted: bool | None) -> Certificate:
    extensions = certificate.extensions
    return Certificate(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=_time(certificate, "not_valid_before"),
        not_after=_time(certificate, "not_valid_after"),
        key=_key(certificate),
        is_ca=_is_ca(extensions),
        is_self_signed=certificate.issuer == certificate.subject and _names_itself(certificate, extensions),
        trusted=trusted,
    )


def _time(certificate: x509.Certificate, name: str) -> datetime:
    """A date with its time zone, which the library has since version 42."""
    aware = getattr(certificate, f"{name}_utc", None)
    time: datetime = aware if aware is not None else getattr(certificate, name).replace(tzinfo=timezone.utc)
    return time


def _key(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # noqa: BLE001  # unsupported algorithms and curves; versions differ
        return b""


def _is_ca(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _names_itself(certificate: x509.Certificate, extensions: x509.Extensions) -> bool:
    """Whether the key that its authority key identifier names may be its own (``X509_check_akid``)."""
    try:
        authority = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return True
    try:
        own = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        own = None
    if None not in (own, authority.key_identifier) and own != authority.key_identifier:
        return False
    return authority.authority_cert_serial_number in (None, certificate.serial_number)
