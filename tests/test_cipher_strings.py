"""What cipher strings admit: a table, and OpenSSL's own answer wherever the one at hand knows the suites."""

from __future__ import annotations

import ssl
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checkov_nginx_tls.cipher_strings import CipherString, evaluate, weak_ciphersuites

_EVERYTHING = "aNULL eNULL EXPORT RC4 DES 3DES MD5"
_CIS = "ALL:!EXP:!NULL:!ADH:!LOW:!SSLv2:!SSLv3:!MD5:!RC4"

ADMITS = (
    ("DEFAULT", ""),
    ("", ""),
    ("HIGH:!aNULL:!MD5", ""),
    ("HIGH", "aNULL"),
    ("AES", "aNULL"),
    ("ALL", "aNULL EXPORT RC4 DES 3DES MD5"),
    ("ALL:COMPLEMENTOFALL", _EVERYTHING),
    ("COMPLEMENTOFALL", "aNULL eNULL MD5"),
    ("COMPLEMENTOFDEFAULT", "aNULL EXPORT RC4 DES 3DES MD5"),
    ("ALL:!COMPLEMENTOFDEFAULT:!eNULL", ""),
    ("ALL:!aNULL:!EXPORT:!LOW:!RC4:!3DES:!MD5", ""),
    (_CIS, "aNULL 3DES"),
    ("HIGH:MEDIUM:!aNULL", "RC4 3DES MD5"),
    ("LOW", "aNULL DES"),
    ("EXP", "aNULL EXPORT RC4 DES MD5"),
    ("EXPORT40:!aNULL:!RC4:!MD5", "EXPORT DES"),
    ("EXPORT56:!DES", "EXPORT RC4 MD5"),
    ("FIPS:!aNULL", "3DES"),
    ("RSA", "eNULL EXPORT RC4 DES 3DES MD5"),
    ("ECDHE", "eNULL RC4 3DES"),
    ("kECDHE+AES", "aNULL"),
    ("EECDH+AESGCM:EDH+AESGCM", ""),
    ("ECDH+AESGCM:DH+AESGCM", "aNULL"),
    ("DES-CBC3-SHA", "3DES"),
    ("EDH-RSA-DES-CBC3-SHA", "3DES"),
    ("TLS_RSA_WITH_RC4_128_SHA", "RC4"),
    ("rc4-sha", ""),
    ("RC4-SHA256", ""),
    ("AECDH-NULL-SHA", "aNULL eNULL"),
    ("EXP1024-RC4-MD5", "EXPORT RC4 MD5"),
    # separators and operators
    ("AES128-GCM-SHA256 RC4-SHA", "RC4"),
    ("AES128-GCM-SHA256,RC4-SHA", "RC4"),
    ("AES128-GCM-SHA256;:RC4-SHA:", "RC4"),
    ("HIGH!aNULL", ""),
    ("HIGH-aNULL", ""),
    ("HIGH:-aNULL", ""),
    ("HIGH:-aNULL:aNULL+AES", "aNULL"),
    ("HIGH:!aNULL:aNULL", ""),
    ("!RC4:RC4-SHA", ""),
    ("HIGH:!aNULL:+RC4", ""),
    ("RC4:+RC4:@STRENGTH", "RC4 MD5 aNULL EXPORT"),
    ("RC4+UNKNOWN:AES128-SHA", ""),
    ("RC4+aRSA+SHA", "RC4 EXPORT"),
    ("RC4+3DES", ""),
    ("HIGH+FIPS", ""),
    ("UNKNOWN:!UNKNOWN:-UNKNOWN", ""),
    # words for the beginning only
    ("DEFAULT:RC4:aNULL:eNULL", ""),
    ("DEFAULTRC4", ""),
    ("RC4-SHA:DEFAULT", "RC4"),
    ("SUITEB128ONLY:RC4", ""),
    ("SUITEB192", ""),
    ("RC4-SHA:SUITEB128", "RC4"),
    ("PROFILE=SYSTEM", ""),
)


@pytest.mark.parametrize(("text", "weaknesses"), ADMITS)
def test_what_a_string_admits(text: str, weaknesses: str) -> None:
    found = evaluate(text)
    assert found.well_formed
    assert {weakness for suite in found.weak for weakness in suite.weaknesses} == set(weaknesses.split())


@pytest.mark.parametrize(
    "text", ["ALL:?", "ALL:$x", "ALL:+", "ALL:RC4+", "! aNULL", "ALL:@FOO", "ALL:@SECLEVEL=6", "ALL:@", "é", "[A|B]"]
)
def test_what_openssl_refuses(text: str) -> None:
    assert evaluate(text) == CipherString(well_formed=False)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("ALL", None),
        ("ALL@SECLEVEL=0", 0),
        ("@SECLEVEL=2:ALL", 2),
        ("DEFAULT@SECLEVEL=1", 1),
        ("ECDHE-RSA-AES128-GCM-SHA256@SECLEVEL=0", 0),
        ("ALL:@SECLEVEL=0:@SECLEVEL=3", 3),
        ("@SECLEVEL=1!ALL:HIGH", 1),
        ("SUITEB128:@SECLEVEL=0", None),
    ],
)
def test_the_security_level(text: str, level: int | None) -> None:
    assert evaluate(text).level == level


@pytest.mark.parametrize(
    ("level", "weaknesses"),
    [(None, _EVERYTHING), (0, _EVERYTHING), (1, "RC4 3DES"), (2, "3DES"), (3, ""), (5, "")],
)
def test_what_is_left_at_a_security_level(level: int | None, weaknesses: str) -> None:
    left = evaluate("ALL:eNULL").offered_at(level)
    assert {weakness for suite in left for weakness in suite.weaknesses} == set(weaknesses.split())


def test_the_part_that_lets_a_suite_in() -> None:
    found = evaluate("MEDIUM:-RC4:RC4-SHA:!aNULL:ALL:!PSK:!SRP")
    parts = {suite.name: suite.part for suite in found.weak}
    assert parts["DES-CBC3-SHA"] == "MEDIUM"
    assert parts["RC4-SHA"] == "RC4-SHA"
    assert parts["RC4-MD5"] == "ALL"
    assert "ADH-AES128-SHA" not in parts


def test_suites_of_tls_1_3() -> None:
    assert weak_ciphersuites("TLS_AES_128_CCM_8_SHA256: TLS_SHA256_SHA256") == ("TLS_SHA256_SHA256",)
    assert weak_ciphersuites("") == ()


def test_a_long_string_takes_no_time() -> None:
    start = time.monotonic()
    for text in ("+".join(["RC4"] * 1000), ":".join(["-ALL:ALL"] * 400), ":" * 4000, "!" * 4000, "RC4" * 1300):
        evaluate(text)
    assert time.monotonic() - start < 2


# ------------------------------------------------------------------------------------------- OpenSSL's own answer

_MARKS = ("Au=None", "Enc=None", "Mac=MD5", "Enc=RC4", "Enc=3DES", "Enc=DES")
_OPENSSL = ssl.OPENSSL_VERSION.startswith("OpenSSL ")
_STANDARD_NAMES = ssl.OPENSSL_VERSION_INFO >= (3, 2)


def _admitted_here(text: str) -> dict[str, bool] | None:
    """The suites that the OpenSSL at hand admits, and whether they are weak; None where it refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.set_ciphers(text)
    except ssl.SSLError:
        return None
    return {
        suite["name"]: any(mark in suite["description"] for mark in _MARKS)
        for suite in context.get_ciphers()
        if suite["protocol"] != "TLSv1.3"
    }


_SUITES_HERE = _admitted_here("ALL:COMPLEMENTOFALL") or {}
_WEAK_HERE = frozenset(name for name, is_weak in _SUITES_HERE.items() if is_weak)
_WORDS = [
    *"""
    ALL COMPLEMENTOFALL HIGH MEDIUM LOW EXP EXPORT EXPORT40 FIPS
    RSA kRSA aRSA DHE EDH kDHE kEDH DH ADH aDH kDHr aDSS DSS ECDHE EECDH kECDHE kEECDH ECDH AECDH aECDH aECDSA ECDSA
    PSK kPSK aPSK kRSAPSK kDHEPSK kECDHEPSK SRP kSRP aSRP GOST aGOST kGOST aNULL eNULL NULL
    AES AES128 AES256 AESGCM AESCCM AESCCM8 CAMELLIA CAMELLIA128 CAMELLIA256 CHACHA20 ARIA ARIA256 SEED IDEA RC2 RC4
    DES 3DES CBC MD5 SHA SHA1 SHA256 SHA384 GOST94 SSLv3 TLSv1 TLSv1.0 TLSv1.2 TLSv1.3
    DEFAULT SUITEB128 FOO RC4-SHA DES-CBC3-SHA EXP-RC4-MD5 EDH-RSA-DES-CBC3-SHA
    """.split(),
    *_SUITES_HERE,
    *(["TLS_RSA_WITH_NULL_SHA256", "TLS_DH_anon_WITH_AES_128_CBC_SHA"] if _STANDARD_NAMES else []),
]

_words = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map("+".join)
_rules = st.one_of(
    st.tuples(st.sampled_from(["", "", "", "!", "-", "+"]), _words).map("".join),
    # OpenSSL forgets this word where another follows with "+", which nobody writes.
    st.sampled_from(["COMPLEMENTOFDEFAULT", "!COMPLEMENTOFDEFAULT", "-COMPLEMENTOFDEFAULT"]),
    st.sampled_from(["@STRENGTH", "@SECLEVEL=0", "@SECLEVEL=2", "", "+", "@FOO", "!", "?"]),
)
_strings = st.lists(st.tuples(_rules, st.sampled_from([":", ":", ",", " ", ";", "::"])).map("".join), max_size=6).map(
    "".join
)


@pytest.mark.skipif(not _OPENSSL, reason="Python is built with another library")
@settings(max_examples=300, deadline=None)
@given(text=_strings)
@example("HIGH!aNULL")
@example("HIGH@SECLEVEL=0")
@example("DEFAULTeNULL")
@example("DEFAULT:eNULL:aNULL")
@example("eNULL:DEFAULT")
@example("SUITEB128:eNULL")
@example("HIGH:-aNULL:aNULL")
@example("eNULL:@SECLEVEL=1eNULL")
@example(_CIS)
def test_openssl_says_the_same(text: str) -> None:
    ours = evaluate(text)
    here = _admitted_here(text)
    assert {suite.name for suite in ours.weak} & _WEAK_HERE == _WEAK_HERE & set(here or ())
    if not ours.well_formed:
        assert here is None


@pytest.mark.skipif(not _OPENSSL, reason="Python is built with another library")
def test_every_weak_suite_of_openssl_is_known() -> None:
    assert {suite.name for suite in evaluate("ALL:COMPLEMENTOFALL").weak} >= _WEAK_HERE
