"""Which bundles nginx can read and end a chain in: rules 12 and 13 against the real nginx."""

from __future__ import annotations

import base64
import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundle_files import pem_block, trusted_certificate
from checkov_nginx_tls.bundles import expiring, faults
from checkov_nginx_tls.certificates import read_bundle
from oracle_families import FAMILIES, HTTP_FAMILIES, HTTP_PROXY, STREAM, Family
from oracle_scan import scan_ids, write_for_scanner

if TYPE_CHECKING:
    from pathlib import Path

    from nginx_oracle import Oracle
    from oracle_certificates import Certificates

pytestmark = pytest.mark.oracle

IDENTITIES = ("trusted", "intermediate", "impostor")
BLOCK_BY_BLOCK = (1, 27, 2)
"""The version from which nginx reads the file itself (``ngx_ssl_cache_ca_create``), and not through OpenSSL."""

CLIENT, ANY = "06082b06010505070302", "0604551d2500"


class Case(NamedTuple):
    """A bundle and what nginx makes of it.

    ``verdict`` is "refused" where nginx does not start, or the identities that it accepts, or "" for none.
    ``before`` is the verdict of nginx before BLOCK_BY_BLOCK where that differs. ``lenient`` says that the scanner
    does not see why nobody is accepted.
    """

    name: str
    bundle: bytes
    verdict: str
    before: str | None = None
    lenient: bool = False


class Kit:
    """The pieces of bundles: the oracle's certificates, and further ones with the name and key of its root."""

    def __init__(self, certificates: Certificates) -> None:
        self.root = certificates.file("root.pem").read_bytes()
        self.intermediate = certificates.file("intermediate_only.pem").read_bytes()
        self.leaf = certificates.file("trusted.pem").read_bytes()
        self.pinned = certificates.file("impostor.pem").read_bytes()
        self.crl = certificates.file("crl.pem").read_bytes()
        self.key = certificates.file("trusted.key").read_bytes()
        self._certificate = x509.load_pem_x509_certificate(self.root)

    def variant(
        self,
        *extensions: x509.ExtensionType,
        starts: int = -30,
        ends: int = 300,
        authority: bool | None = True,
        identifier: bool = True,
    ) -> bytes:
        """Another certificate of the root's name and key. Its signature is wrong, which nobody checks."""
        now = dt.datetime.now(dt.timezone.utc)
        key = self._certificate.public_key()
        signer = load_pem_private_key(self.key, None)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self._certificate.subject)
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(77)
            .not_valid_before(now + dt.timedelta(starts))
            .not_valid_after(now + dt.timedelta(ends))
        )
        if authority is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if identifier:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)

    def named(self, serial: int) -> x509.AuthorityKeyIdentifier:
        """An authority key identifier that names the root and a serial number."""
        return x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(self._certificate.subject)], serial)


def der_of(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def with_bytes(pem: bytes, old: str, new: str) -> bytes:
    """A certificate with other bytes, in hexadecimal, in one place."""
    content = der_of(pem)
    assert bytes.fromhex(old) in content
    return pem_block(content.replace(bytes.fromhex(old), bytes.fromhex(new), 1))


def block(label: str, content: bytes = b"abc") -> bytes:
    return pem_block(content, label.encode())


def key_usage(*, signs: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        encipher_only=False,
        decipher_only=False,
        **dict.fromkeys(others, False),
    )


def cases(kit: Kit) -> list[Case]:
    root, intermediate, leaf, crl, key = kit.root, kit.intermediate, kit.leaf, kit.crl, kit.key
    der = der_of(root)
    first_line = root.splitlines()[1]
    usual = "trusted intermediate"
    usage = x509.ExtendedKeyUsage
    year = f"{dt.datetime.now(dt.timezone.utc) - dt.timedelta(30):%y}".encode().hex()
    return [
        Case("a root", root, usual),
        Case("a root twice", root * 2, usual),
        Case("a root and a leaf", root + leaf, usual),
        Case("a root and an intermediate", intermediate + root, usual),
        Case("a root and a CRL", root + crl, usual),
        Case("a self-signed certificate", kit.pinned, "impostor"),
        Case("a root and a self-signed certificate", root + kit.pinned, f"{usual} impostor"),
        Case("a key and a root", key + root, usual),
        Case("a root and a key", root + key, usual),
        Case("text around", b"text\n" + root + b"\ntext\n" + root + b"text", usual),
        Case("CRLF", root.replace(b"\n", b"\r\n"), usual),
        Case("no final line feed", root.rstrip(), usual),
        Case("a byte order mark", b"\xef\xbb\xbf" + root, usual),
        Case("a byte order mark behind text", b"text\n\xef\xbb\xbf" + root, "refused"),
        Case("a byte order mark behind a block", leaf + b"\xef\xbb\xbf" + root, usual),
        Case("the old label", root.replace(b"CERTIFICATE", b"X509 CERTIFICATE"), usual),
        Case("another block", block("FOO") + root, usual),
        *(Case(f"lines of {width}", pem_block(der, width=width), usual) for width in (1, 76, 253, 254, 255, 9999)),
        Case("spaces behind lines", root.replace(b"\n", b" \t\n"), usual),
        Case("bytes over 127 behind a line", root.replace(b"E-----\n", b"E-----\xc2\xa0\n", 1), usual),
        Case("spaces in front of data", root.replace(b"\nM", b"\n  M"), usual),
        Case("a blank line in front of the data", root.replace(b"E-----\n", b"E-----\n\n", 1), usual),
        Case("NULs behind it", root + b"\0\0", usual),
        Case("a NUL in text", b"te\0xt\n" + root, usual),
        # files that nginx cannot read
        Case("an empty file", b"", "refused"),
        Case("a comment", b"# to do\n", "refused"),
        Case("a key", key, "refused"),
        Case("a CRL", crl, "refused", before=""),
        Case("DER", der, "refused"),
        Case("PKCS#7", block("PKCS7"), "refused"),
        Case("a request", block("CERTIFICATE REQUEST"), "refused"),
        Case("UTF-16", root.decode().encode("utf-16"), "refused"),
        Case("base64 of PEM", base64.b64encode(root), "refused"),
        Case("escaped line feeds", root.replace(b"\n", b"\\n"), "refused"),
        Case("indented lines", b"".join(b"  %s\n" % line for line in root.splitlines()), "refused"),
        Case("CR only", root.replace(b"\n", b"\r"), "refused"),
        Case("lower case", root.replace(b"CERTIFICATE", b"certificate"), "refused"),
        Case("something behind BEGIN", root.replace(b"E-----\n", b"E----- x\n", 1), "refused"),
        Case("a NUL at the start", b"\0\n" + root, "refused"),
        Case("cut off", root[:-40], "refused"),
        Case("cut off in a line", root[:200], "refused"),
        Case("another END", root.replace(b"END CERTIFICATE", b"END FOO"), "refused"),
        Case("something behind END", root.replace(b"END CERTIFICATE-----", b"END CERTIFICATE----- x"), "refused"),
        Case("no base64", root.replace(first_line, b"!" + first_line), "refused"),
        Case("no base64 in the second", root + root.replace(first_line, b"*" + first_line), "refused"),
        Case("a character of base64 too many", root.replace(b"\n-----END", b"=\n-----END"), "refused"),
        Case("a damaged key behind it", root + key.replace(b"\nM", b"\n!M"), "refused"),
        Case("a damaged CRL in front of it", crl.replace(b"M", b"!") + root, "refused"),
        Case("a block without END behind it", root + b"-----BEGIN FOO-----\nYWJj\n", "refused"),
        Case("an empty block", root + block("CERTIFICATE", b""), "refused"),
        Case("an empty block of another kind", block("FOO", b"") + root, "refused"),
        Case("a blank line in the data", root.replace(first_line, first_line + b"\n"), "refused"),
        Case("a blank line behind the data", root.replace(b"\n-----END", b"\n\n-----END"), "refused"),
        Case("a blank line and long lines", pem_block(der, width=76).replace(b"E-----\n", b"E-----\n\n", 1), "refused"),
        Case("a header", root.replace(b"E-----\n", b"E-----\nFoo: bar\n\n", 1), "refused"),
        Case("bad DER", pem_block(b"\x31" + der[1:]), "refused"),
        Case("bad DER in the second", root + pem_block(b"\x31" + der[1:]), "refused"),
        Case("half a certificate", pem_block(der[:100]), "refused"),
        Case("something behind the certificate", pem_block(der + b"garbage"), "refused", before=usual),
        Case("the same in a trusted one", pem_block(der + b"garbage", b"TRUSTED CERTIFICATE"), "refused"),
        # files in which no chain can end
        Case("a leaf", leaf, ""),
        Case("an intermediate", intermediate, ""),
        Case("a leaf and an intermediate", leaf + intermediate, ""),
        Case("an expired root", kit.variant(starts=-60, ends=-1), ""),
        Case("a future root", kit.variant(starts=1), ""),
        Case("an expired root and a valid one", kit.variant(starts=-60, ends=-1) + root, usual),
        Case("a valid root and an expired one", root + kit.variant(starts=-60, ends=-1), usual),
        Case("a root without key identifiers", kit.variant(identifier=False), usual),
        Case("a root that names another key", kit.variant(x509.AuthorityKeyIdentifier(b"x" * 20, None, None)), ""),
        Case("a root that names another serial number", kit.variant(kit.named(5)), ""),
        Case("a root that names its own serial number", kit.variant(kit.named(77)), usual),
        Case("a root with a wrong signature", kit.variant(), usual),
        Case("a root with a negative serial number", with_bytes(kit.variant(), "02014d", "0201cd"), usual),
        Case("a root for servers", kit.variant(usage([ExtendedKeyUsageOID.SERVER_AUTH])), usual),
        Case("a root that may sign", kit.variant(key_usage(signs=True)), usual),
        # what each certificate is trusted for
        Case("trusted without purpose", pem_block(der, b"TRUSTED CERTIFICATE"), usual),
        Case("trusted for servers", trusted_certificate(der), usual),
        Case("trusted for anything", trusted_certificate(der, purpose=ANY), usual),
        Case("trusted for clients", trusted_certificate(der, purpose=CLIENT), ""),
        Case("rejected for servers", trusted_certificate(der, rejected=True), ""),
        Case("rejected for anything", trusted_certificate(der, purpose=ANY, rejected=True), ""),
        Case("rejected for clients", trusted_certificate(der, purpose=CLIENT, rejected=True), usual),
        Case("an intermediate trusted for servers", trusted_certificate(der_of(intermediate)), "intermediate"),
        Case("the same for anything", trusted_certificate(der_of(intermediate), purpose=ANY), "intermediate"),
        Case("the same for clients", trusted_certificate(der_of(intermediate), purpose=CLIENT), ""),
        Case("a leaf trusted for servers", trusted_certificate(der_of(leaf)), ""),
        # what the scanner lets pass: it may be the certificate of a server itself, or nothing at all
        Case("a root that is no CA", kit.variant(authority=False), "", lenient=True),
        Case("a root that does not say so", kit.variant(authority=None), "", lenient=True),
        Case("a root that may not sign", kit.variant(key_usage(signs=False)), "", lenient=True),
        Case("a root for clients", kit.variant(usage([ExtendedKeyUsageOID.CLIENT_AUTH])), "", lenient=True),
        Case("rejected in front of the same one", trusted_certificate(der, rejected=True) + root, "", lenient=True),
        Case("an unknown curve", with_bytes(root, "2a8648ce3d030107", "2a8648ce3d030104"), "", lenient=True),
        Case("a date that is none", with_bytes(root, f"170d{year}", "170d7878"), "", lenient=True),
    ]  # fmt: skip


def connection(family: Family, inside: str = "") -> str:
    """A main file with one connection that ``ca.pem`` verifies."""
    on = "@ssl_verify on; @ssl_verify_depth 5; @ssl_trusted_certificate ca.pem;"
    on += f" @ssl_name backend.test; @ssl_session_reuse off; {inside}"
    if family is STREAM:
        return family.document(f"server {{ listen <listen>; proxy_ssl on; {on} @pass <target>; }}")
    return family.document(f"server {{ listen <listen>; location / {{ {on} @pass @tls://<target>; }} }}")


def verdict(oracle: Oracle, config: str, bundle: bytes) -> str:
    judgement = oracle.judge(config, {"ca.pem": bundle}, identities=IDENTITIES)
    if not judgement.result.starts:
        return "refused"
    return " ".join(name for name in IDENTITIES if name in judgement.reached)


def test_nginx_does_what_the_cases_say(oracle: Oracle) -> None:
    config = connection(HTTP_PROXY)
    wrong = []
    for case in cases(Kit(oracle.certificates)):
        reads_blocks = oracle.binary.version >= BLOCK_BY_BLOCK
        expected = case.verdict if reads_blocks or case.before is None else case.before
        found = verdict(oracle, config, case.bundle)
        if found != expected:
            wrong.append((case.name, expected, found))
    assert wrong == []


def test_the_scanner_says_so(newest_oracle: Oracle, tmp_path: Path) -> None:
    wrong = []
    for number, case in enumerate(cases(Kit(newest_oracle.certificates))):
        directory = tmp_path / str(number)
        write_for_scanner(directory, newest_oracle, connection(HTTP_PROXY))
        (directory / "ca.pem").write_bytes(case.bundle)
        expected = (case.verdict in {"", "refused"} and not case.lenient) or b"PRIVATE KEY" in case.bundle
        if ("12" in scan_ids(directory)) != expected:
            wrong.append(case.name)
    assert wrong == []


def test_the_reader_tells_what_keeps_nginx_from_starting(newest_oracle: Oracle) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    wrong = []
    for case in cases(Kit(newest_oracle.certificates)):
        found = faults(read_bundle(case.bundle), now)
        if any(fault.stops_nginx for fault in found) != (case.verdict == "refused"):
            wrong.append(case.name)
    assert wrong == []


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.name))
def test_every_family_reads_bundles_alike(oracle: Oracle, family: Family) -> None:
    kit = Kit(oracle.certificates)
    config = connection(family)
    trusted = trusted_certificate(der_of(kit.intermediate))
    for bundle, expected in (
        (b"", "refused"),
        (kit.root[:-40], "refused"),
        (der_of(kit.root), "refused"),
        (kit.intermediate + kit.leaf, ""),
        (kit.variant(starts=-60, ends=-1), ""),
        (trusted, "intermediate"),
        (kit.key + kit.root, "trusted intermediate"),
    ):
        assert verdict(oracle, config, bundle) == expected


@pytest.mark.parametrize("family", HTTP_FAMILIES, ids=lambda family: str(family.name))
def test_a_bundle_that_cannot_be_read_is_refused_where_no_request_comes_too(oracle: Oracle, family: Family) -> None:
    on = "@ssl_verify on; @ssl_trusted_certificate ca.pem;"
    for inside, starts in (
        (f"location / {{ {on} @pass @plain://<target>$uri; }}", False),
        (f"location / {{ {on} return 204; @pass @tls://<target>; }}", False),
        (f"location @unused {{ {on} @pass @tls://<target>; }}", False),
        (f"{on} location / {{ @pass @plain://<target>; }}", True),
        (f"location / {{ {on} @ssl_verify off; @pass @tls://<target>; }}".replace("@ssl_verify on;", ""), True),
    ):
        config = family.document(f"server {{ listen <listen>; {inside} }}")
        assert oracle.check(config, {"ca.pem": b"damaged"}).starts == starts


@pytest.mark.parametrize(
    "value", ["missing.pem", "$ca", "ca.pem*", "data:ca.pem", "store:ca.pem", "engine:a:b", "tls", "/dev/null"]
)
def test_only_a_file_of_that_very_name_is_a_bundle(oracle: Oracle, value: str) -> None:
    root = Kit(oracle.certificates).root
    config = connection(HTTP_PROXY)
    assert oracle.check(config, {"ca.pem": root, "tls/ca.pem": root}).starts
    config = config.replace("certificate ca.pem", f"certificate {value}")
    assert not oracle.check(config, {"ca.pem": root, "tls/ca.pem": root}).starts


def test_a_stream_without_tls_reads_no_bundle(oracle: Oracle) -> None:
    config = connection(STREAM)
    assert not oracle.check(config, {"ca.pem": b"damaged"}).starts
    assert oracle.check(config.replace("proxy_ssl on;", ""), {"ca.pem": b"damaged"}).starts


def test_a_root_is_trusted_to_its_end_and_not_beyond(oracle: Oracle, tmp_path: Path) -> None:
    """Rule 13 warns of that end while nginx still says nothing."""
    kit = Kit(oracle.certificates)
    for ends, expected in ((1, "trusted intermediate"), (-1, "")):
        bundle = kit.variant(starts=-60, ends=ends)
        assert verdict(oracle, connection(HTTP_PROXY), bundle) == expected
        assert len(expiring(read_bundle(bundle), dt.datetime.now(dt.timezone.utc), 30)) == 1
        write_for_scanner(tmp_path / str(ends), oracle, connection(HTTP_PROXY))
        (tmp_path / str(ends) / "ca.pem").write_bytes(bundle)
        assert ("13" in scan_ids(tmp_path / str(ends))) == (ends > 0)


PIECES = (
    *(b"\n", b"\n\n", b" ", b"\t", b"\r", b"-", b"=", b":", b"\0", b"\x80", b"A", b"!", b"-----", b"\xef\xbb\xbf"),
    *(b"x" * 300, b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"-----BEGIN FOO-----\n"),
)


@st.composite
def mangled(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Some blocks with small changes, many of them where lines end."""
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(seeds), min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 3))):
        ends = [at for at, byte in enumerate(data) if byte == ord("\n")] or [0]
        at = draw(st.one_of(st.integers(0, len(data)), st.sampled_from(ends)))
        if draw(st.booleans()):
            data[at:at] = draw(st.sampled_from(PIECES))
        else:
            del data[at : at + draw(st.sampled_from((1, 2, 70)))]
    return bytes(data)


def assert_nginx_agrees(oracle: Oracle, bundle: bytes, known: frozenset[str]) -> None:
    """What stops nginx according to the reader does, and what does not, does not.

    The ``cryptography`` library takes a few certificates with changed bytes that OpenSSL refuses: those are let pass.
    """
    read = read_bundle(bundle)
    stops = any(fault.stops_nginx for fault in faults(read, dt.datetime.now(dt.timezone.utc)))
    if stops or (not read.unread and all(repr(one) in known for one in read.certificates)):
        assert oracle.check(connection(HTTP_PROXY), {"ca.pem": bundle}).starts != stops


def seeds_of(kit: Kit) -> tuple[tuple[bytes, ...], frozenset[str]]:
    trusted = trusted_certificate(der_of(kit.root))
    blocks = (kit.root, kit.intermediate, trusted, kit.crl, kit.key, b"text\n", block("FOO"))
    return blocks, frozenset(repr(one) for text in blocks for one in read_bundle(text).certificates)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mangled_files(newest_oracle: Oracle, data: st.DataObject) -> None:
    seeds, known = seeds_of(Kit(newest_oracle.certificates))
    assert_nginx_agrees(newest_oracle, data.draw(mangled(seeds)), known)


@pytest.mark.fuzz
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_very_many_mangled_files(newest_oracle: Oracle, data: st.DataObject) -> None:
    seeds, known = seeds_of(Kit(newest_oracle.certificates))
    assert_nginx_agrees(newest_oracle, data.draw(mangled(seeds)), known)
