"""Which weak ciphers an OpenSSL cipher string admits, told without asking the OpenSSL of this machine.

What OpenSSL makes of a string depends on how it was built: the same words admit RC4 or export ciphers here and are
unknown there. This is an evaluator of our own (``ssl_cipher_process_rulestr`` in OpenSSL's ``ssl/ssl_ciph.c``) over a
table of the weak suites that OpenSSL has had since 1.0, with the attributes of the newest version that knew them. A
suite that is not weak cannot change a verdict, so there are none in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Attributes = Mapping[str, frozenset[str]]
    """Values by attribute: those that a suite has, or one of which a word of a string asks for."""

WEAKNESSES: Final = ("aNULL", "eNULL", "EXPORT", "RC4", "DES", "3DES", "MD5")
"""What makes a suite weak, in OpenSSL's words: no authentication, no encryption, key lengths of the nineties, and
algorithms that are broken."""

INTEGRITY_ONLY: Final = frozenset({"TLS_SHA256_SHA256", "TLS_SHA384_SHA384"})
"""The suites of TLS 1.3 without encryption, which OpenSSL can be built with since 3.4."""

_LAST_LEVEL: Final = {"RC4": 1, "3DES": 2}
"""The highest security level at which OpenSSL still offers a weak suite (``ssl_security_default_callback``); 0 for
the others."""

_SEPARATORS: Final = re.compile(r"[:;, ]*")
_RULE: Final = re.compile(r"(?P<operator>[-+!@]?)(?P<words>[\w.=-]+(?:\+[\w.=-]+)*)(?!\+)", re.ASCII)
_DEFAULT: Final = "ALL:!COMPLEMENTOFDEFAULT:!eNULL"
_SUITE_B: Final = ("SUITEB128", "SUITEB192")
_LEVEL: Final = re.compile(r"SECLEVEL=([0-5])")


class WeakSuite(NamedTuple):
    """A weak suite that a string admits: ``part`` is the element of the string that lets it in."""

    name: str
    weaknesses: tuple[str, ...]
    part: str


@dataclass(frozen=True)
class CipherString:
    """What a cipher string says.

    ``well_formed`` is False where OpenSSL refuses it ("invalid command"); then it says nothing else. ``weak`` are the
    weak suites it admits; ``level`` is the security level that it sets, None where it sets none.
    """

    well_formed: bool
    weak: tuple[WeakSuite, ...] = ()
    level: int | None = None

    def offered_at(self, level: int | None) -> tuple[WeakSuite, ...]:
        """The weak suites that are offered at a security level; all for None, a level that nobody set.

        Which level OpenSSL then has depends on its version and build, and before 1.1.0 there were none.
        """
        if level is None:
            return self.weak
        return tuple(suite for suite in self.weak if level <= min(_LAST_LEVEL.get(one, 0) for one in suite.weaknesses))


@lru_cache(maxsize=1024)
def evaluate(text: str) -> CipherString:
    """What OpenSSL makes of a cipher string for TLS 1.2 and below."""
    if text.startswith(_SUITE_B):  # replaces the whole string
        return CipherString(well_formed=True)
    state = _State()
    if text.startswith("DEFAULT"):  # a word of its own at the very beginning only, whatever follows it
        state.apply(_DEFAULT)
        text = text[len("DEFAULT") :]
    if not state.apply(text):
        return CipherString(well_formed=False)
    weak = tuple(
        WeakSuite(name, _weaknesses(_SUITES[name]), part) for name, part in state.admitted.items() if part is not None
    )
    return CipherString(well_formed=True, weak=weak, level=state.level)


def weak_ciphersuites(text: str) -> tuple[str, ...]:
    """The weak ones in a list of suites for TLS 1.3, which knows names and colons only."""
    return tuple(name for name in map(str.strip, text.split(":")) if name in INTEGRITY_ONLY)


class _State:
    """The suites while a string is read: the part that admitted each, None for none; a killed one is gone."""

    def __init__(self) -> None:
        self.admitted: dict[str, str | None] = dict.fromkeys(_SUITES)
        self.level: int | None = None

    def apply(self, text: str) -> bool:
        """Read a string; False where OpenSSL refuses it."""
        position = _end_of_separators(text, 0)
        while position < len(text):
            match = _RULE.match(text, position)
            if match is None or not self._apply(match["operator"], match["words"]):
                return False
            end = match.end()
            if match["operator"] == "@":  # whatever follows up to the next separator is thrown away
                end = next((index for index in range(end, len(text)) if text[index] in ":;, "), len(text))
            position = _end_of_separators(text, end)
        return True

    def _apply(self, operator: str, words: str) -> bool:
        if operator == "@":
            return self._command(words)
        if operator != "+":  # which moves suites to the end and admits none
            for name in list(_matching(words, self.admitted)):
                if operator == "!":
                    del self.admitted[name]
                elif operator == "-":
                    self.admitted[name] = None
                else:
                    self.admitted[name] = self.admitted[name] or words
        return True

    def _command(self, word: str) -> bool:
        match = _LEVEL.fullmatch(word)
        if match is not None:
            self.level = int(match[1])
        return match is not None or word == "STRENGTH"


def _end_of_separators(text: str, position: int) -> int:
    match = _SEPARATORS.match(text, position)
    return match.end() if match is not None else position


def _matching(words: str, suites: Mapping[str, object]) -> Iterator[str]:
    """The suites that every one of the words, joined by ``+``, means; a word that is not known means none."""
    asked: dict[str, frozenset[str]] = {}
    for word in words.split("+"):
        meaning = _ALIASES.get(word)
        if meaning is None:
            return
        for attribute, values in meaning.items():
            asked[attribute] = asked.get(attribute, values) & values
    yield from (name for name in suites if all(_SUITES[name][key] & values for key, values in asked.items()))


def _weaknesses(suite: Attributes) -> tuple[str, ...]:
    found = {
        *({"aNULL"} if "NULL" in suite["authentication"] else ()),
        *({"eNULL"} if "NULL" in suite["encryption"] else suite["encryption"]),
        *({"EXPORT"} if suite["strength"] & _EXPORT else ()),
        *suite["mac"],
    }
    return tuple(weakness for weakness in WEAKNESSES if weakness in found)


# ------------------------------------------------------------------------------------------------- the table

_EXPORT: Final = frozenset({"EXP40", "EXP56"})

_CIPHERS: Final = {
    # As in OpenSSL's names: what it encrypts with, its strength classes, and the name in standards.
    "NULL": ("NULL", "NONE", "NULL"),
    "RC4": ("RC4", "MEDIUM", "RC4_128"),
    "DES-CBC": ("DES", "LOW", "DES_CBC"),
    "DES-CBC3": ("3DES", "MEDIUM FIPS", "3DES_EDE_CBC"),
    "3DES-EDE-CBC": ("3DES", "MEDIUM FIPS", "3DES_EDE_CBC"),
    "SEED": ("SEED", "MEDIUM", "SEED_CBC"),
    "AES128": ("AES128", "HIGH FIPS", "AES_128_CBC"),
    "AES256": ("AES256", "HIGH FIPS", "AES_256_CBC"),
    "AES128-GCM": ("AES128GCM", "HIGH FIPS", "AES_128_GCM"),
    "AES256-GCM": ("AES256GCM", "HIGH FIPS", "AES_256_GCM"),
    "CAMELLIA128": ("CAMELLIA128", "HIGH", "CAMELLIA_128_CBC"),
    "CAMELLIA256": ("CAMELLIA256", "HIGH", "CAMELLIA_256_CBC"),
}
_EXPORT_CIPHERS: Final = {
    "RC4": ("RC4", "EXP40", "RC4_40"),
    "RC2-CBC": ("RC2", "EXP40", "RC2_CBC_40"),
    "DES-CBC": ("DES", "EXP40", "DES40_CBC"),
}
_EXPORT1024_CIPHERS: Final = {
    "RC4": ("RC4", "EXP56", "RC4_56"),
    "RC2-CBC": ("RC2", "EXP56", "RC2_CBC_56"),
    "DES-CBC": ("DES", "EXP56", "DES_CBC"),
}
_ANONYMOUS: Final = (
    "RC4-MD5 DES-CBC-SHA DES-CBC3-SHA SEED-SHA AES128-SHA AES256-SHA AES128-SHA256 AES256-SHA256 AES128-GCM-SHA256"
    " AES256-GCM-SHA384 CAMELLIA128-SHA CAMELLIA256-SHA CAMELLIA128-SHA256 CAMELLIA256-SHA256"
)
_ELLIPTIC: Final = "NULL-SHA RC4-SHA DES-CBC3-SHA"
_SHARED_KEY: Final = "NULL-SHA NULL-SHA256 NULL-SHA384 RC4-SHA 3DES-EDE-CBC-SHA"

_FAMILIES: Final = (
    # What names begin with, key exchange, authentication, the name in standards, and the weak suites.
    ("", "RSA", "RSA", "RSA", "NULL-MD5 NULL-SHA NULL-SHA256 RC4-MD5 RC4-SHA DES-CBC-SHA DES-CBC3-SHA"),
    ("DHE-RSA-", "DHE", "RSA", "DHE_RSA", "DES-CBC3-SHA"),
    ("EDH-RSA-", "DHE", "RSA", "DHE_RSA", "DES-CBC-SHA"),
    ("DHE-DSS-", "DHE", "DSS", "DHE_DSS", "RC4-SHA DES-CBC3-SHA"),
    ("EDH-DSS-", "DHE", "DSS", "DHE_DSS", "DES-CBC-SHA"),
    ("ADH-", "DHE", "NULL", "DH_anon", _ANONYMOUS),
    ("DH-RSA-", "DHr", "DH", "DH_RSA", "DES-CBC-SHA DES-CBC3-SHA"),
    ("DH-DSS-", "DHd", "DH", "DH_DSS", "DES-CBC-SHA DES-CBC3-SHA"),
    ("ECDHE-RSA-", "ECDHE", "RSA", "ECDHE_RSA", _ELLIPTIC),
    ("ECDHE-ECDSA-", "ECDHE", "ECDSA", "ECDHE_ECDSA", _ELLIPTIC),
    ("AECDH-", "ECDHE", "NULL", "ECDH_anon", f"{_ELLIPTIC} AES128-SHA AES256-SHA"),
    ("ECDH-RSA-", "ECDHr", "ECDH", "ECDH_RSA", _ELLIPTIC),
    ("ECDH-ECDSA-", "ECDHe", "ECDH", "ECDH_ECDSA", _ELLIPTIC),
    ("PSK-", "PSK", "PSK", "PSK", _SHARED_KEY),
    ("DHE-PSK-", "DHEPSK", "PSK", "DHE_PSK", _SHARED_KEY),
    ("RSA-PSK-", "RSAPSK", "RSA", "RSA_PSK", _SHARED_KEY),
    ("ECDHE-PSK-", "ECDHEPSK", "PSK", "ECDHE_PSK", _SHARED_KEY),
    ("SRP-", "SRP", "SRP", "SRP_SHA", "3DES-EDE-CBC-SHA"),
    ("SRP-RSA-", "SRP", "RSA", "SRP_SHA_RSA", "3DES-EDE-CBC-SHA"),
    ("SRP-DSS-", "SRP", "DSS", "SRP_SHA_DSS", "3DES-EDE-CBC-SHA"),
    ("EXP-", "RSA", "RSA", "RSA_EXPORT", "RC4-MD5 RC2-CBC-MD5 DES-CBC-SHA"),
    ("EXP-EDH-RSA-", "DHE", "RSA", "DHE_RSA_EXPORT", "DES-CBC-SHA"),
    ("EXP-EDH-DSS-", "DHE", "DSS", "DHE_DSS_EXPORT", "DES-CBC-SHA"),
    ("EXP-ADH-", "DHE", "NULL", "DH_anon_EXPORT", "RC4-MD5 DES-CBC-SHA"),
    ("EXP-DH-RSA-", "DHr", "DH", "DH_RSA_EXPORT", "DES-CBC-SHA"),
    ("EXP-DH-DSS-", "DHd", "DH", "DH_DSS_EXPORT", "DES-CBC-SHA"),
    ("EXP1024-", "RSA", "RSA", "RSA_EXPORT1024", "RC4-MD5 RC4-SHA RC2-CBC-MD5 DES-CBC-SHA"),
    ("EXP1024-DHE-DSS-", "DHE", "DSS", "DHE_DSS_EXPORT1024", "RC4-SHA DES-CBC-SHA"),
)
_OLD_NAMES: Final = {
    "EDH-RSA-DES-CBC3-SHA": "DHE-RSA-DES-CBC3-SHA",
    "EDH-DSS-DES-CBC3-SHA": "DHE-DSS-DES-CBC3-SHA",
}


def _suites() -> Iterator[tuple[str, str, Attributes]]:
    """Every weak suite: OpenSSL's name, the name in standards, and its attributes."""
    for prefix, exchange, authentication, standard, endings in _FAMILIES:
        ciphers = _EXPORT_CIPHERS if prefix.startswith("EXP-") else _CIPHERS
        if prefix.startswith("EXP1024-"):
            ciphers = _EXPORT1024_CIPHERS
        for ending in endings.split():
            cipher, _dash, mac = ending.rpartition("-")
            encryption, strength, cipher_standard = ciphers[cipher]
            name = f"{prefix}{ending}"
            attributes = {
                "name": name,
                "exchange": exchange,
                "authentication": authentication,
                "encryption": encryption,
                "mac": "AEAD" if encryption.endswith("GCM") else mac,
                "version": _first_version(exchange, mac),
                "strength": strength,
                "by_default": "yes" if encryption == "NULL" else "no",  # not in ALL, and so in neither
            }
            values = {key: frozenset(value.split()) for key, value in attributes.items()}
            yield name, f"TLS_{standard}_WITH_{cipher_standard}_{mac}", values


def _first_version(exchange: str, mac: str) -> str:
    if mac in ("SHA256", "SHA384"):
        return "TLSv1" if exchange.endswith("PSK") else "TLSv1.2"
    return "TLSv1" if exchange.startswith("ECDH") else "SSLv3"


_SUITES: Final[Mapping[str, Attributes]] = {name: attributes for name, _standard, attributes in _suites()}

_NAMED: Final = "RSA DSS ECDSA PSK SRP DH ECDH"
_ENCRYPTED: Final = (
    "RC4 RC2 DES 3DES SEED AES128 AES256 AES128GCM AES256GCM CAMELLIA128 CAMELLIA256"  # every one but NULL
)


def _asking(**words: str) -> Attributes:
    return {attribute: frozenset(values.split()) for attribute, values in words.items()}


_ALIASES: Final[Mapping[str, Attributes]] = {
    **{name: _asking(name=name) for name in _SUITES},
    **{standard: _asking(name=name) for name, standard, _attributes in _suites()},
    **{old: _asking(name=name) for old, name in _OLD_NAMES.items()},
    "ALL": _asking(encryption=_ENCRYPTED),
    "COMPLEMENTOFALL": _asking(encryption="NULL"),
    "COMPLEMENTOFDEFAULT": _asking(by_default="no"),
    # Key exchange
    "kRSA": _asking(exchange="RSA"),
    "kDHE": _asking(exchange="DHE"),
    "kEDH": _asking(exchange="DHE"),
    "DH": _asking(exchange="DHE DHr DHd"),
    "kDH": _asking(exchange="DHr DHd"),
    "kDHr": _asking(exchange="DHr"),
    "kDHd": _asking(exchange="DHd"),
    "kECDHE": _asking(exchange="ECDHE"),
    "kEECDH": _asking(exchange="ECDHE"),
    "ECDH": _asking(exchange="ECDHE ECDHr ECDHe"),
    "kECDH": _asking(exchange="ECDHr ECDHe"),
    "kECDHr": _asking(exchange="ECDHr"),
    "kECDHe": _asking(exchange="ECDHe"),
    "kPSK": _asking(exchange="PSK"),
    "kRSAPSK": _asking(exchange="RSAPSK"),
    "kDHEPSK": _asking(exchange="DHEPSK"),
    "kECDHEPSK": _asking(exchange="ECDHEPSK"),
    "PSK": _asking(exchange="PSK RSAPSK DHEPSK ECDHEPSK"),
    "kSRP": _asking(exchange="SRP"),
    "SRP": _asking(exchange="SRP"),
    # Authentication
    "aRSA": _asking(authentication="RSA"),
    "aDSS": _asking(authentication="DSS"),
    "DSS": _asking(authentication="DSS"),
    "aECDSA": _asking(authentication="ECDSA"),
    "ECDSA": _asking(authentication="ECDSA"),
    "aPSK": _asking(authentication="PSK"),
    "aSRP": _asking(authentication="SRP"),
    "aDH": _asking(authentication="DH"),
    "aECDH": _asking(authentication="ECDH"),
    "aNULL": _asking(authentication="NULL"),
    # Both
    "RSA": _asking(exchange="RSA", authentication="RSA"),
    "DHE": _asking(exchange="DHE", authentication=_NAMED),
    "EDH": _asking(exchange="DHE", authentication=_NAMED),
    "ECDHE": _asking(exchange="ECDHE", authentication=_NAMED),
    "EECDH": _asking(exchange="ECDHE", authentication=_NAMED),
    "ADH": _asking(exchange="DHE", authentication="NULL"),
    "AECDH": _asking(exchange="ECDHE", authentication="NULL"),
    # Encryption
    "eNULL": _asking(encryption="NULL"),
    "NULL": _asking(encryption="NULL"),
    "RC4": _asking(encryption="RC4"),
    "RC2": _asking(encryption="RC2"),
    "DES": _asking(encryption="DES"),
    "3DES": _asking(encryption="3DES"),
    "SEED": _asking(encryption="SEED"),
    "AES": _asking(encryption="AES128 AES256 AES128GCM AES256GCM"),
    "AES128": _asking(encryption="AES128 AES128GCM"),
    "AES256": _asking(encryption="AES256 AES256GCM"),
    "AESGCM": _asking(encryption="AES128GCM AES256GCM"),
    "CAMELLIA": _asking(encryption="CAMELLIA128 CAMELLIA256"),
    "CAMELLIA128": _asking(encryption="CAMELLIA128"),
    "CAMELLIA256": _asking(encryption="CAMELLIA256"),
    "CBC": _asking(encryption="DES 3DES RC2 SEED AES128 AES256 CAMELLIA128 CAMELLIA256"),
    # Message authentication
    "MD5": _asking(mac="MD5"),
    "SHA": _asking(mac="SHA"),
    "SHA1": _asking(mac="SHA"),
    "SHA256": _asking(mac="SHA256"),
    "SHA384": _asking(mac="SHA384"),
    # The first version of the protocol that had the suite
    "SSLv3": _asking(version="SSLv3"),
    "TLSv1": _asking(version="TLSv1"),
    "TLSv1.0": _asking(version="TLSv1"),
    "TLSv1.2": _asking(version="TLSv1.2"),
    # Strength
    "HIGH": _asking(strength="HIGH"),
    "MEDIUM": _asking(strength="MEDIUM"),
    "LOW": _asking(strength="LOW"),
    "EXP": _asking(strength="EXP40 EXP56"),
    "EXPORT": _asking(strength="EXP40 EXP56"),
    "EXPORT40": _asking(strength="EXP40"),
    "EXPORT56": _asking(strength="EXP56"),
    "FIPS": _asking(strength="FIPS", encryption=_ENCRYPTED),
}
