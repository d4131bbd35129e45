"""What files of certificates hold, and what is wrong with them at a fixed time."""

from __future__ import annotations

import base64
import datetime as dt
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bundle_files as files
from bundle_files import EXPIRED, INTERMEDIATE, LEAF, OTHER_ROOT, RENEWED, ROOT, issue, pem_block, trusted_certificate
from checkov_nginx_tls.bundles import Fault, expiring, faults
from checkov_nginx_tls.certificates import Kind, read_bundle
from checkov_nginx_tls.x509_certificates import _time

if TYPE_CHECKING:
    from oracle_certificates import Certificates

NOW = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.timezone.utc)
DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)

CLIENT = "06082b06010505070302"
ANY = "0604551d2500"


def foreign(label: bytes, content: bytes = b"abc") -> bytes:
    return pem_block(content, label)


def with_negative_serial() -> bytes:
    number = 0x7766554433221100
    return issue("Odd Root", serial=number).der.replace(number.to_bytes(8, "big"), b"\x87" + b"\x66" * 7)


def with_unknown_curve(certificates: Certificates) -> bytes:
    lines = certificates.file("root.pem").read_bytes().splitlines()[1:-1]
    curve = bytes.fromhex("2a8648ce3d0301")
    return base64.b64decode(b"".join(lines)).replace(curve + b"\x07", curve + b"\x04")


GOOD = {
    "a root": ROOT.pem,
    "the same one twice": ROOT.pem * 2,
    "a self-signed certificate that is no CA": issue("backend.example.com", authority=False).pem,
    "a chain": LEAF.pem + INTERMEDIATE.pem + ROOT.pem,
    "text around": b"Some text.\n" + ROOT.pem + b"More.\n" + OTHER_ROOT.pem + b"The end.",
    "CRLF": ROOT.pem.replace(b"\n", b"\r\n"),
    "no final line feed": ROOT.pem.rstrip(),
    "a byte order mark": b"\xef\xbb\xbf" + ROOT.pem,
    "a byte order mark behind a block": ROOT.pem + b"\xef\xbb\xbf" + ROOT.pem,
    "long lines": pem_block(ROOT.der, width=10_000),
    "lines as long as OpenSSL's buffer": pem_block(ROOT.der, width=254),
    "short lines": pem_block(ROOT.der, width=1),
    "a blank line in front of the data": ROOT.pem.replace(b"E-----\n", b"E-----\n\n", 1),
    "spaces behind lines": ROOT.pem.replace(b"\n", b" \t\n"),
    "spaces in front of the data": ROOT.pem.replace(b"\n", b"\n  ").replace(b"  -----END", b"-----END").rstrip(b" "),
    "a CRL too": ROOT.pem + foreign(b"X509 CRL"),
    "something else in front": foreign(b"FOO") + ROOT.pem,
    "the old label": ROOT.pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
    "an expired one too": EXPIRED.pem + ROOT.pem,
    "trusted for servers": trusted_certificate(ROOT.der),
    "trusted for anything": trusted_certificate(ROOT.der, purpose=ANY),
    "trusted for nothing in particular": pem_block(ROOT.der, b"TRUSTED CERTIFICATE"),
    "rejected for clients": trusted_certificate(ROOT.der, purpose=CLIENT, rejected=True),
    "an intermediate that is trusted for servers": trusted_certificate(INTERMEDIATE.der),
    "a negative serial number": pem_block(with_negative_serial()),
    "NULs behind it": ROOT.pem + b"\0\0\0",
    "a NUL in the text": b"te\0xt\n" + ROOT.pem,
}  # fmt: skip

NO_CERTIFICATE = {
    "nothing": (b"", Kind.EMPTY),
    "blank lines": (b"\n \r\n", Kind.EMPTY),
    "text": (b"# to do\n", Kind.OTHER),
    "a CRL": (foreign(b"X509 CRL"), Kind.OTHER),
    "a request": (foreign(b"CERTIFICATE REQUEST"), Kind.OTHER),
    "DER": (ROOT.der, Kind.DER),
    "DER with a negative serial number": (with_negative_serial(), Kind.DER),
    "PKCS#7": (foreign(b"PKCS7"), Kind.PKCS7),
    "PKCS#7 in DER": (bytes.fromhex("3082010006092a864886f70d010702") + b"\0" * 245, Kind.PKCS7),
    "PKCS#12": (bytes.fromhex("30820100020103308200f906092a864886f70d010701") + b"\0" * 240, Kind.PKCS12),
    "other DER": (b"\x30\x82\x01\x00" + b"\0" * 256, Kind.OTHER),
    "UTF-16": (ROOT.pem.decode().encode("utf-16"), Kind.UTF_16),
    "UTF-16 without byte order mark": (ROOT.pem.decode().encode("utf-16-le"), Kind.UTF_16),
    "base64 of PEM": (base64.b64encode(ROOT.pem), Kind.BASE64),
    "escaped line feeds": (ROOT.pem.replace(b"\n", b"\\n"), Kind.ESCAPED),
    "indented lines": (b"".join(b"  %s\n" % line for line in ROOT.pem.splitlines()), Kind.INDENTED),
    "CR only": (ROOT.pem.replace(b"\n", b"\r"), Kind.OTHER),
    "something behind BEGIN": (ROOT.pem.replace(b"E-----\n", b"E----- x\n", 1), Kind.OTHER),
    "lower case": (ROOT.pem.lower(), Kind.OTHER),
    "a NUL at the start": (b"\0\n" + ROOT.pem, Kind.OTHER),
}

SECOND_BLOCK = ROOT.pem.count(b"\n") + 1

DAMAGED = {
    "no END": (ROOT.pem[:-40], 1),
    "a line cut off": (ROOT.pem[:200], 1),
    "another END": (ROOT.pem.replace(b"END CERTIFICATE", b"END FOO"), 1),
    "no base64": (ROOT.pem.replace(b"\nMII", b"\n!MII", 1), 1),
    "too little base64": (ROOT.pem.replace(b"\nMII", b"\nMI", 1), 1),
    "no base64 in the second": (ROOT.pem + OTHER_ROOT.pem.replace(b"\nMII", b"\n*MII", 1), SECOND_BLOCK),
    "no base64 in another block": (ROOT.pem + b"-----BEGIN FOO-----\n?\n-----END FOO-----\n", SECOND_BLOCK),
    "another block without END": (b"text\n-----BEGIN FOO-----\n" + ROOT.pem, 2),
    "an empty block": (ROOT.pem + pem_block(b""), SECOND_BLOCK),
    "a blank line inside": (ROOT.pem.replace(b"\nMII", b"\nMII\n\n", 1), 1),
    "two blank lines": (ROOT.pem.replace(b"E-----\n", b"E-----\n\n\n", 1), 1),
    "a blank line and long lines": (pem_block(ROOT.der, width=76).replace(b"E-----\n", b"E-----\n\n", 1), 1),
    "a blank line and a short line": (pem_block(ROOT.der, width=60).replace(b"E-----\n", b"E-----\n\n", 1), 1),
    "a header": (ROOT.pem.replace(b"E-----\n", b"E-----\nFoo: bar\n\n", 1), 1),
    "no certificate": (pem_block(b"\x31" + ROOT.der[1:]), 1),
    "half a certificate": (pem_block(ROOT.der[:100]), 1),
    "something behind the certificate": (pem_block(ROOT.der + b"garbage"), 1),
}  # fmt: skip

NO_ANCHOR = {
    "a leaf": LEAF.pem,
    "an intermediate": INTERMEDIATE.pem,
    "both": LEAF.pem + INTERMEDIATE.pem,
    "a root that is rejected for servers": trusted_certificate(ROOT.der, rejected=True),
    "a root that is rejected for everything": trusted_certificate(ROOT.der, purpose=ANY, rejected=True),
    "a root that is trusted for clients": trusted_certificate(ROOT.der, purpose=CLIENT),
    "an intermediate that is trusted for clients": trusted_certificate(INTERMEDIATE.der, purpose=CLIENT),
    "a leaf that is trusted for servers": trusted_certificate(LEAF.der),
}

STAND_INS = {
    "a pointer of Git LFS": files.POINTER,
    "git-crypt": b"\0GITCRYPT\0abc",
    "a vault of Ansible": b"$ANSIBLE_VAULT;1.1;AES256\n6162\n",
    "SOPS": b'{"data": "ENC[AES256_GCM,data:abc,iv:abc,tag:abc,type:str]"}',
    "age": b"age-encryption.org/v1\n-> X25519 abc\n",
    "armoured age": foreign(b"AGE ENCRYPTED FILE"),
    "PGP": b"-----BEGIN PGP MESSAGE-----\n\nabcd\n=abcd\n-----END PGP MESSAGE-----\n",
    "Jinja": b"{{ ca_certificate }}\n",
    "Jinja in a block": b"-----BEGIN CERTIFICATE-----\n{{ ca }}\n-----END CERTIFICATE-----\n",
    "Jinja beside a block": INTERMEDIATE.pem + b"{% if root is defined %}\n{{ root }}\n{% endif %}\n",
    "ERB": b"<%= @ca %>\n",
    "envsubst": b"${CA_BUNDLE}\n",
}


def wrong_with(data: bytes) -> tuple[Fault, ...]:
    return faults(read_bundle(data), NOW)


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_bundles_that_nginx_can_use(data: bytes) -> None:
    assert wrong_with(data) == ()
    assert read_bundle(data).kind is Kind.PEM


@pytest.mark.parametrize(("data", "kind"), NO_CERTIFICATE.values(), ids=NO_CERTIFICATE)
def test_files_without_a_certificate(data: bytes, kind: Kind) -> None:
    assert wrong_with(data) == (Fault.NO_CERTIFICATE,)
    assert read_bundle(data).kind is kind


@pytest.mark.parametrize(("data", "line"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files(data: bytes, line: int) -> None:
    assert wrong_with(data) == (Fault.DAMAGED,)
    damage = read_bundle(data).damage
    assert damage is not None
    assert damage.line == line


@pytest.mark.parametrize("data", NO_ANCHOR.values(), ids=NO_ANCHOR)
def test_bundles_in_which_no_chain_can_end(data: bytes) -> None:
    assert wrong_with(data) == (Fault.NO_ANCHOR,)


@pytest.mark.parametrize("data", STAND_INS.values(), ids=STAND_INS)
def test_what_stands_in_for_the_real_file(data: bytes) -> None:
    assert read_bundle(data).kind is Kind.STAND_IN


def test_a_root_is_valid_from_its_first_second_until_before_its_last() -> None:
    bundle = read_bundle(issue("Root", starts=NOW - DAY, ends=NOW + DAY).pem)
    for moment in (NOW - DAY, NOW, NOW + DAY - SECOND):
        assert faults(bundle, moment) == ()
    for moment in (NOW - DAY - SECOND, NOW + DAY):
        assert faults(bundle, moment) == (Fault.NO_VALID_ANCHOR,)


def test_times_of_other_zones_are_understood() -> None:
    bundle = read_bundle(issue("Root", ends=NOW).pem)
    east = dt.timezone(dt.timedelta(hours=9))
    assert faults(bundle, (NOW - SECOND).astimezone(east)) == ()
    assert faults(bundle, NOW.astimezone(east)) == (Fault.NO_VALID_ANCHOR,)


def test_one_valid_root_is_enough() -> None:
    future = issue("Future Root", starts=NOW + DAY)
    assert wrong_with(EXPIRED.pem) == (Fault.NO_VALID_ANCHOR,)
    assert wrong_with(EXPIRED.pem + future.pem) == (Fault.NO_VALID_ANCHOR,)
    assert wrong_with(EXPIRED.pem + future.pem + ROOT.pem) == ()


@pytest.mark.parametrize("position", ["in front", "behind", "alone"])
def test_a_private_key_is_found(position: str) -> None:
    key, text = ROOT.key_pem, b"text\n"
    data = {"in front": text + key + ROOT.pem, "behind": ROOT.pem + text + key, "alone": text + key}[position]
    alone = (Fault.NO_CERTIFICATE,) if position == "alone" else ()
    assert wrong_with(data) == (*alone, Fault.PRIVATE_KEY)
    (line,) = read_bundle(data).private_keys
    assert data.splitlines()[line - 1] == b"-----BEGIN PRIVATE KEY-----"


@pytest.mark.parametrize("kind", ["RSA ", "EC ", "DSA ", "ENCRYPTED ", "OPENSSH ", ""])
def test_a_private_key_of_any_kind_is_found_behind_damage_too(kind: str) -> None:
    data = ROOT.pem[:100] + b"\n-----BEGIN %sPRIVATE KEY-----\nabc\n" % kind.encode()
    assert wrong_with(data) == (Fault.DAMAGED, Fault.PRIVATE_KEY)


def test_a_public_key_is_no_secret() -> None:
    assert wrong_with(ROOT.pem + foreign(b"PUBLIC KEY") + foreign(b"EC PARAMETERS")) == ()


def test_a_key_of_an_unknown_curve(certificates: Certificates) -> None:
    odd = with_unknown_curve(certificates)
    bundle = read_bundle(pem_block(odd))
    assert [one.subject for one in bundle.anchors] == ["CN=Oracle Root A"]
    assert bundle.anchors[0].key == b""


def test_a_certificate_that_only_openssl_reads_may_be_the_root() -> None:
    """Its date has a month that does not exist, which OpenSSL notices only when it verifies."""
    odd = pem_block(ROOT.der.replace(b"000101000000Z", b"001301000000Z"))
    bundle = read_bundle(INTERMEDIATE.pem + odd)
    assert (len(bundle.certificates), bundle.unread) == (1, 1)
    assert faults(bundle, NOW) == ()


def test_what_a_bundle_says_of_its_certificates() -> None:
    leaf, intermediate, root = read_bundle(LEAF.pem + INTERMEDIATE.pem + ROOT.pem).certificates
    assert (leaf.subject, leaf.issuer) == ("CN=backend.example.com", "CN=Test Intermediate")
    assert (leaf.is_ca, intermediate.is_ca, root.is_ca) == (False, True, True)
    assert (leaf.is_anchor, intermediate.is_anchor, root.is_anchor) == (False, False, True)
    assert (root.not_before, root.not_after) == (files.LONG_AGO, files.FUTURE)
    assert root.not_after.tzinfo is not None


def test_a_key_that_signed_itself_under_another_identifier_is_no_root(certificates: Certificates) -> None:
    """As a CA does that has a new key under its old name."""
    old, new = issue("Rolled Root"), issue("Rolled Root", key_name="new key")
    rolled = issue("Rolled Root", old, key_name="new key")
    assert wrong_with(rolled.pem) == (Fault.NO_ANCHOR,)
    assert wrong_with(new.pem) == ()


def test_an_intermediate_is_a_ca_that_another_one_signed(certificates: Certificates) -> None:
    for name, expected in (("intermediate_only", True), ("root", False), ("trusted", False), ("empty", False)):
        assert read_bundle(certificates.file(f"{name}.pem").read_bytes()).has_intermediate == expected


def test_dates_of_older_versions_of_the_library() -> None:
    naive = dt.datetime(2030, 1, 2, 3, 4, 5)  # noqa: DTZ001  # as they were before version 42
    old = SimpleNamespace(not_valid_after=naive)
    assert _time(old, "not_valid_after") == naive.replace(tzinfo=dt.timezone.utc)  # type: ignore[arg-type]


class TestExpiring:
    """An anchor that expires within a number of days, or has expired."""

    @pytest.mark.parametrize(
        ("left", "expected"),
        [(30 * DAY, True), (30 * DAY + SECOND, False), (DAY, True), (-DAY, True), (400 * DAY, False)],
    )
    def test_within_the_days(self, left: dt.timedelta, expected: bool) -> None:
        bundle = read_bundle(ROOT.pem + issue("Ending Root", ends=NOW + left).pem)
        assert [one.subject for one in expiring(bundle, NOW, 30)] == ["CN=Ending Root"] * expected

    def test_the_number_of_days_is_the_users(self) -> None:
        bundle = read_bundle(issue("Ending Root", ends=NOW + 10 * DAY).pem)
        assert [bool(expiring(bundle, NOW, days)) for days in (0, 9, 10, 99999)] == [False, False, True, True]

    def test_the_first_comes_first_and_each_once(self) -> None:
        early, late = issue("Early Root", ends=NOW + DAY), issue("Late Root", ends=NOW + 2 * DAY)
        bundle = read_bundle(late.pem + early.pem + late.pem)
        assert [one.subject for one in expiring(bundle, NOW, 30)] == ["CN=Early Root", "CN=Late Root"]

    def test_only_anchors_count(self) -> None:
        intermediate = issue("Ending Intermediate", ROOT, ends=NOW + DAY)
        assert expiring(read_bundle(ROOT.pem + intermediate.pem), NOW, 30) == ()
        trusted = trusted_certificate(intermediate.der)
        assert len(expiring(read_bundle(ROOT.pem + trusted), NOW, 30)) == 1

    def test_a_renewed_one_does_not_matter_and_one_with_a_new_key_does(self) -> None:
        assert expiring(read_bundle(EXPIRED.pem + RENEWED.pem), NOW, 30) == ()
        other_key = issue("Expired Test Root", key_name="another key")
        assert len(expiring(read_bundle(EXPIRED.pem + other_key.pem), NOW, 30)) == 1
        soon = issue("Expired Test Root", ends=NOW + DAY)
        assert len(expiring(read_bundle(EXPIRED.pem + soon.pem), NOW, 30)) == 2

    def test_large_bundles_are_the_business_of_distributions(self) -> None:
        roots = [issue(f"Root {number}").pem for number in range(20)]
        assert len(expiring(read_bundle(b"".join([*roots[:19], EXPIRED.pem])), NOW, 30)) == 1
        assert expiring(read_bundle(b"".join([*roots, EXPIRED.pem])), NOW, 30) == ()


class TestHostileFiles:
    """Nothing is raised and no warning given, whatever a file holds."""

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=400))
    def test_any_bytes(self, data: bytes) -> None:
        faults(read_bundle(data), NOW)

    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def test_bytes_of_a_certificate_changed(self, data: st.DataObject) -> None:
        content = bytearray(data.draw(st.sampled_from([ROOT.der, LEAF.der, with_negative_serial()])))
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        label = data.draw(st.sampled_from([b"CERTIFICATE", b"TRUSTED CERTIFICATE"]))
        for text in (pem_block(bytes(content), label), bytes(content)):
            bundle = read_bundle(text)
            faults(bundle, NOW)
            expiring(bundle, NOW, 30)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.sampled_from([
        ROOT.pem, b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"-----BEGIN PRIVATE KEY-----",
        b"MIIB\n", b"\n", b" ", b"\0", b":", b"=", b"-", b"\xef\xbb\xbf", b"x" * 254, b"\r", b"\x80", b"{{", b"}}",
    ])))  # fmt: skip
    def test_pieces_in_any_order(self, pieces: list[bytes]) -> None:
        faults(read_bundle(b"".join(pieces)), NOW)

    @pytest.mark.parametrize(
        "data",
        [
            b"\n" * 4_000_000,
            b"\0\n" * 2_000_000,
            b"a\n" * 2_000_000 + b"\0",
            b"a\0\n" * 1_300_000,
            b"-----BEGIN " * 360_000,
            b"-----BEGIN PRIVATE KEY-----\n" * 140_000,
            b"-----BEGIN CERTIFICATE-----\n" + b"A" * 4_000_000 + b"\n-----END CERTIFICATE-----\n",
            b"-----BEGIN " + b"A " * 2_000_000,
            b"{{" * 2_000_000,
            b"\x30\x84\xff\xff\xff\xff" + b"\0" * 4_000_000,
        ],
        ids=["line feeds", "NULs", "NUL", "hidden", "begins", "keys", "one line", "words", "braces", "length"],
    )
    def test_long_files_of_one_thing(self, data: bytes) -> None:
        faults(read_bundle(data), NOW)

    def test_what_is_larger_than_any_bundle_is_not_looked_at(self) -> None:
        assert read_bundle(ROOT.pem + b"\n" * 5_000_000).kind is Kind.LARGE
