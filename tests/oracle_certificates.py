"""Certificates of the oracle's upstreams: one honest authority, and everybody whom nginx must not trust.

Keys are derived from names, so that a file differs between two runs only in its signatures and dates.
All keys are elliptic-curve keys: making the whole set takes some hundredths of a second.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BACKEND_NAME = "backend.test"
"""The DNS name that every upstream's certificate bears, save that of ``wrong_name``."""

WILDCARD_NAME = "*.wild.test"
OTHER_NAME = "other.test"
EXPIRING_DAYS = 20
"""Days that the certificate of ``expiring`` is still valid."""

_CURVE_ORDER_FLOOR = 2**255
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """What a TLS server shows: the PEM chain (leaf first) and the key of the leaf."""

    name: str
    chain: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    """The files of one session.

    ``directory`` holds them all. Besides the identities' ``NAME.pem`` and ``NAME.key`` there are
    ``root.pem`` (the honest bundle), ``root_expiring.pem`` (its authority, which ends as early as
    ``expiring``), ``root_and_impostor.pem``, ``intermediate_only.pem`` (an authority without its
    root), ``crl.pem`` (of the root; revokes ``revoked``) and ``empty.pem``.
    """

    directory: Path
    identities: Mapping[str, Identity]

    def file(self, name: str) -> Path:
        """The path of the file called `name`; KeyError when there is none."""
        path = self.directory / name
        if not path.is_file():
            raise KeyError(name)
        return path


@dataclass(frozen=True)
class _Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_certificates(directory: Path) -> Certificates:
    """Write every certificate, key, bundle and CRL of a session into `directory`, which must exist."""
    root = _issue("Oracle Root A", None, authority=True)
    intermediate = _issue("Oracle Intermediate", root, authority=True)
    outer = _issue("Oracle Intermediate 1", root, authority=True)
    inner = _issue("Oracle Intermediate 2", outer, authority=True)
    names = (BACKEND_NAME, WILDCARD_NAME)
    chains: Mapping[str, Sequence[_Issued]] = {
        "trusted": [_issue(BACKEND_NAME, root, names=names)],
        "impostor": [_issue(BACKEND_NAME, None, names=_wished_for(directory), key_name="impostor")],
        "wrong_name": [_issue(OTHER_NAME, root, names=(OTHER_NAME,))],
        "intermediate": [_issue(BACKEND_NAME, intermediate, names=names), intermediate],
        "two_intermediates": [_issue(BACKEND_NAME, inner, names=names), inner, outer],
        "revoked": [_issue(BACKEND_NAME, root, names=names, key_name="revoked")],
        "expired": [_issue(BACKEND_NAME, root, names=names, key_name="expired", days=-1)],
        "expiring": [_issue(BACKEND_NAME, root, names=names, key_name="expiring", days=EXPIRING_DAYS)],
    }
    identities = {name: _write_identity(directory, name, chain) for name, chain in chains.items()}
    (directory / "root.pem").write_bytes(_pem(root))
    expiring = _issue("Oracle Root A", None, authority=True, days=EXPIRING_DAYS)
    (directory / "root_expiring.pem").write_bytes(_pem(expiring))
    (directory / "root_and_impostor.pem").write_bytes(_pem(root) + _pem(chains["impostor"][0]))
    (directory / "intermediate_only.pem").write_bytes(_pem(intermediate))
    (directory / "empty.pem").write_bytes(b"")
    (directory / "crl.pem").write_bytes(_crl(root, [chains["revoked"][0]]))
    return Certificates(directory, identities)


def _wished_for(directory: Path) -> tuple[str, ...]:
    """Every name that an attacker would like a certificate for, honest authorities or not."""
    odd = ("127.0.0.1", "localhost", "backend", f"{BACKEND_NAME}.", str(directory / "target.sock"))
    return (BACKEND_NAME, WILDCARD_NAME, OTHER_NAME, *odd)


def _key(name: str) -> ec.EllipticCurvePrivateKey:
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")
    return ec.derive_private_key(digest % _CURVE_ORDER_FLOOR + 1, ec.SECP256R1())


def _issue(
    common_name: str,
    issuer: _Issued | None,
    *,
    names: Sequence[str] = (),
    key_name: str = "",
    authority: bool = False,
    days: int = 300,
) -> _Issued:
    """A certificate of `issuer`, self-signed without one, that ends in a number of `days`."""
    key = _key(key_name or common_name + (issuer.certificate.subject.rfc4514_string() if issuer else ""))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    signing_key = issuer.key if issuer else key
    now = dt.datetime.now(dt.timezone.utc)
    serial = int.from_bytes(hashlib.sha256((key_name + common_name).encode()).digest()[:8], "big") // 2 + 1
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - 30 * _DAY)
        .not_valid_after(now + days * _DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if names:
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return _Issued(builder.sign(signing_key, hashes.SHA256()), key)


def _crl(issuer: _Issued, revoked: Sequence[_Issued]) -> bytes:
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - _DAY)
        .next_update(now + 300 * _DAY)
    )
    for issued in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(issued.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now - _DAY).build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _pem(issued: _Issued) -> bytes:
    return issued.certificate.public_bytes(serialization.Encoding.PEM)


def _write_identity(directory: Path, name: str, chain: Sequence[_Issued]) -> Identity:
    identity = Identity(name, directory / f"{name}.pem", directory / f"{name}.key")
    identity.chain.write_bytes(b"".join(_pem(issued) for issued in chain))
    identity.key.write_bytes(
        chain[0].key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return identity
