"""Certificates whose bytes never change, and the files made of them in the fixtures of rules 12 and 13.

Keys are Ed25519 keys made from names, and dates lie far away, so that every run makes the same bytes; a test compares
them with the fixtures. ``python tests/bundle_files.py`` writes them anew.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES = Path(__file__).parent / "fixtures" / "rules"
UNUSABLE, EXPIRING = "CKV_NGINX_CUSTOM_12", "CKV_NGINX_CUSTOM_13"

LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.timezone.utc)
PAST = dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)
FUTURE = dt.datetime(2999, 12, 31, tzinfo=dt.timezone.utc)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ed25519.Ed25519PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        """The private key in PEM. No file with one belongs into the repository."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    starts: dt.datetime = LONG_AGO,
    ends: dt.datetime = FUTURE,
    authority: bool = True,
    key_name: str = "",
    serial: int = 0,
) -> Issued:
    """A certificate of ``issuer``, self-signed without one; the same arguments give the same bytes."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256((key_name or name).encode()).digest())
    signer = issuer.key if issuer is not None else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(serial or int.from_bytes(hashlib.sha256(f"{name} {ends}".encode()).digest()[:8], "big") // 2 + 1)
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    return Issued(builder.sign(signer, None), key)


ROOT = issue("Test Root")
OTHER_ROOT = issue("Other Test Root")
EXPIRED = issue("Expired Test Root", ends=PAST)
RENEWED = issue("Expired Test Root")
INTERMEDIATE = issue("Test Intermediate", ROOT)
LEAF = issue("backend.example.com", INTERMEDIATE, authority=False)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n"


def fixture_files() -> Mapping[str, bytes]:
    """What the fixtures hold besides configuration, by path below the rules' directory."""
    roots = [issue(f"Test Root {number}").pem for number in range(20)]
    damaged = ROOT.pem.replace(b"-----END CERTIFICATE-----\n", b"")
    unusable = {
        "beside/tls/intermediate.pem": INTERMEDIATE.pem,
        "beside/tls/root.pem": ROOT.pem,
        "fail_damaged_uwsgi/ca.pem": OTHER_ROOT.pem + damaged,
        "fail_deployed_by_compose/proxy/ca.pem": LEAF.pem,
        "fail_deployed_by_dockerfile/docker/certs/ca.pem": INTERMEDIATE.pem,
        "fail_der/tls/ca.crt": ROOT.der,
        "fail_empty_stream/ca.pem": b"",
        "fail_every_anchor_expired/ca.pem": EXPIRED.pem + INTERMEDIATE.pem,
        "fail_leaf_only_grpc/tls/ca.pem": LEAF.pem,
        "fail_once_for_many_connections/tls/ca.pem": INTERMEDIATE.pem + LEAF.pem,
        "fail_path_suffix/tls/ca.pem": INTERMEDIATE.pem,
        "fail_two_bundles/a.pem": INTERMEDIATE.pem,
        "fail_two_bundles/b.pem": b"# to do\n",
        "fail_two_bundles/c.pem": ROOT.pem,
        "fail_variable_in_plain_target/ca.pem": ROOT.pem[:-30],
        "fail_zone_sync/ca.pem": INTERMEDIATE.pem,
        "pass_anchor_of_any_kind/backend.pem": issue("backend.example.com", authority=False).pem,
        "pass_anchor_of_any_kind/chain.pem": b"Text.\r\n" + (LEAF.pem + ROOT.pem).replace(b"\n", b"\r\n"),
        "pass_anchor_of_any_kind/expired_and_living.pem": EXPIRED.pem + ROOT.pem,
        "pass_explicitly_trusted_intermediate/ca.pem": trusted_certificate(INTERMEDIATE.der),
        "pass_not_used/ca.pem": INTERMEDIATE.pem,
        "pass_only_the_name_fits/elsewhere/ca.pem": INTERMEDIATE.pem,
        "pass_plain_target_at_run_time/ca.pem": INTERMEDIATE.pem,
        "pass_stand_in/pointer.pem": POINTER,
        "pass_stand_in/rendered.pem": b"{{ lookup('file', 'ca.pem') }}\n",
        "pass_template_of_a_bundle/tls/ca.pem.j2": INTERMEDIATE.pem,
    }
    expiring = {
        "beside/tls/new.pem": ROOT.pem,
        "beside/tls/old-and-new.pem": EXPIRED.pem + ROOT.pem,
        "fail_deployed_by_config_map/old-and-new.pem": EXPIRED.pem + ROOT.pem,
        "fail_expired_beside_living/ca.pem": ROOT.pem + EXPIRED.pem,
        "fail_grpc_and_uwsgi/ca.pem": EXPIRED.pem + ROOT.pem + INTERMEDIATE.pem,
        "fail_stream/ca.pem": EXPIRED.pem + ROOT.pem,
        "fail_twenty_certificates/ca.pem": b"".join(roots[:19]) + EXPIRED.pem,
        "pass_every_anchor_expired/ca.pem": EXPIRED.pem,
        "pass_expired_intermediate/ca.pem": ROOT.pem + issue("Test Intermediate", ROOT, ends=PAST).pem,
        "pass_large_bundle/ca.pem": b"".join(roots) + EXPIRED.pem,
        "pass_living/ca.pem": ROOT.pem,
        "pass_not_verified/ca.pem": EXPIRED.pem + ROOT.pem,
        "pass_renewed/ca.pem": EXPIRED.pem + RENEWED.pem,
    }
    return {
        **{f"{UNUSABLE}/{name}": content for name, content in unusable.items()},
        **{f"{EXPIRING}/{name}": content for name, content in expiring.items()},
    }


def trusted_certificate(certificate: bytes, *, purpose: str = "06082b06010505070301", rejected: bool = False) -> bytes:
    """A ``TRUSTED CERTIFICATE`` block that trusts, or rejects, a DER certificate for a purpose (its OID in DER)."""
    oid = bytes.fromhex(purpose)
    listed = (b"\xa0" if rejected else b"\x30") + bytes([len(oid)]) + oid
    return pem_block(certificate + b"\x30" + bytes([len(listed)]) + listed, b"TRUSTED CERTIFICATE")


def pem_block(content: bytes, label: bytes = b"CERTIFICATE", width: int = 64) -> bytes:
    """A PEM block with lines of ``width`` characters."""
    written = base64.b64encode(content)
    lines = [written[start : start + width] for start in range(0, len(written), width)]
    return b"-----BEGIN " + label + b"-----\n" + b"\n".join(lines) + b"\n-----END " + label + b"-----\n"


if __name__ == "__main__":
    for name, content in fixture_files().items():
        path = RULES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
