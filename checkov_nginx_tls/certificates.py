"""What files of trusted certificates hold, read as nginx reads them.

nginx hands ``*_ssl_trusted_certificate`` to OpenSSL's ``PEM_read_bio_X509_AUX``, block by block up to the end
(``ngx_ssl_cache_ca_create``); one damaged block, of whatever kind, and it does not start. What stands between blocks
is of no account. OpenSSL's reader is followed line by line here, because the ``cryptography`` library's differs from
it: in what may stand around a block and inside it, and in ``TRUSTED CERTIFICATE`` blocks.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_LENGTH: Final = 4 * 1024 * 1024
"""Bytes beyond which a file is no bundle; those of distributions have a quarter of a megabyte."""
_PIECE: Final = 254
"""Bytes that OpenSSL takes for a line, however long the line is."""
_DATA_LINE: Final = 64
"""Characters that a line of data may have behind a blank line."""

_TRAILING: Final = bytes([*range(0x21), *range(0x80, 0x100)])
"""What OpenSSL strips from the end of a line: the C compiler of x86 takes bytes over 127 for negative numbers."""
_BEGIN: Final = b"-----BEGIN "
_END: Final = b"-----END "
_DASHES: Final = b"-----"
_NOTABLE: Final = re.compile(rb"-----BEGIN |\0")
_BOM: Final = b"\xef\xbb\xbf"
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_CERTIFICATE_LABELS: Final = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"})

_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_STAND_IN: Final = re.compile(
    rb"""(?x)
    \A(?: version\ https://git-lfs | \x00GITCRYPT | \$ANSIBLE_VAULT; | age-encryption\.org/ )
    | ENC\[AES256_GCM, | -----BEGIN\ (?: PGP\ MESSAGE | AGE\ ENCRYPTED\ FILE )-----
    | \{\{[^{}\n]*\}\} | \{%[^%\n]*%\} | <%[^%\n]*%> | \$\{\w[^{}\n]*\}
    """
)
_TLS_SERVERS: Final = frozenset({bytes.fromhex("2b06010505070301"), bytes.fromhex("551d2500")})
"""The purposes serverAuth and anyExtendedKeyUsage, in DER."""


class Kind(Enum):
    """What a file is, as far as its bytes tell: PEM where it holds a certificate, or begins with a damaged block."""

    PEM = "PEM"
    DER = "DER"
    PKCS7 = "PKCS#7"
    PKCS12 = "PKCS#12"
    UTF_16 = "UTF-16"
    BASE64 = "PEM in base64"
    ESCAPED = "PEM with escaped line feeds"
    INDENTED = "PEM with indented lines"
    EMPTY = "empty"
    STAND_IN = "a stand-in for the real file: a pointer, a template, or encrypted"
    LARGE = "larger than any real bundle: it was not looked at"
    OTHER = "something else"


_SIGNS: Final = (
    (Kind.UTF_16, re.compile(rb"\A(?:\xff\xfe|\xfe\xff|-\x00-\x00|\x00-\x00-)")),
    (Kind.PKCS12, re.compile(rb"(?s)\A\x30[\x80-\x84].{0,4}\x02\x01\x03\x30")),
    (Kind.DER, re.compile(rb"\A\x30[\x80-\x84]")),
    (Kind.PKCS7, re.compile(rb"-----BEGIN (?:PKCS7|PKCS #7 SIGNED DATA)-----")),
    (Kind.BASE64, re.compile(rb"\A\s*LS0tLS1CRUdJTi")),
    (Kind.ESCAPED, re.compile(rb"-----BEGIN [A-Z0-9 ]*CERTIFICATE-----\\(?:r\\)?n")),
    (Kind.INDENTED, re.compile(rb"(?m)^[ \t]+-----BEGIN [A-Z0-9 ]*CERTIFICATE-----")),
    (Kind.EMPTY, re.compile(rb"\A\s*\Z")),
)


class Damage(NamedTuple):
    """What nginx cannot read: the line of the block's BEGIN, counted from 1, and what is wrong with it."""

    line: int
    reason: str


@dataclass(frozen=True)
class Certificate:
    """What matters of a certificate for those who trust it.

    ``subject`` and ``issuer`` are in RFC 4514's notation. Times have a time zone. ``key`` is the DER of its public
    key, empty where it cannot be read. ``is_ca`` says that it may sign others. ``is_self_signed`` says what OpenSSL
    takes for it: issuer and subject are the same, and so is the key as far as the key identifiers say.
    ``trusted`` is what a ``TRUSTED CERTIFICATE`` says about TLS servers, None for nothing.
    """

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    key: bytes
    is_ca: bool
    is_self_signed: bool
    trusted: bool | None

    @property
    def is_anchor(self) -> bool:
        """Whether a chain may end in it: without ``X509_V_FLAG_PARTIAL_CHAIN`` that takes a root, or explicit trust."""
        if self.trusted is None:
            return self.is_self_signed
        return self.trusted and (self.is_self_signed or self.is_ca)

    @property
    def is_intermediate(self) -> bool:
        """Whether it is a CA that another one signed."""
        return self.is_ca and self.issuer != self.subject

    def is_valid(self, now: datetime) -> bool:
        """Whether its time has come and is not over."""
        return self.not_before <= now < self.not_after


@dataclass(frozen=True)
class Bundle:
    """What a file holds.

    ``certificates`` are those in front of any ``damage``; nginx takes further ``unread`` ones that mean nothing to
    the ``cryptography`` library. ``private_keys`` are the lines, counted from 1, in which one begins. ``others`` are
    the labels of the other blocks.
    """

    kind: Kind
    certificates: tuple[Certificate, ...]
    unread: int
    private_keys: tuple[int, ...]
    others: tuple[str, ...]
    damage: Damage | None

    @property
    def anchors(self) -> tuple[Certificate, ...]:
        """The certificates in which a chain may end, whatever their dates."""
        return tuple(certificate for certificate in self.certificates if certificate.is_anchor)

    @property
    def has_intermediate(self) -> bool:
        """Whether one of them is a CA that another one signed."""
        return any(certificate.is_intermediate for certificate in self.certificates)


@lru_cache(maxsize=8)
def read_bundle(data: bytes) -> Bundle:
    """Read a file's bytes. Nothing is raised, whatever they are; the result holds nothing of a private key."""
    if len(data) > _LENGTH:
        return Bundle(Kind.LARGE, (), 0, (), (), None)
    certificates: list[Certificate] = []
    unread = 0
    others: dict[str, None] = {}
    damage = None
    for block in _blocks(data):
        if block.problem:
            damage = Damage(block.line, block.problem)
            break
        if block.label not in _CERTIFICATE_LABELS:
            others[block.label.decode("ascii", "replace")] = None
            continue
        try:
            certificate = _certificate(block.content)
        except _Damaged as problem:
            damage = Damage(block.line, str(problem))
            break
        if certificate is None:
            unread += 1
        else:
            certificates.append(certificate)
    return Bundle(
        kind=_kind(data, is_pem=bool(certificates or unread or damage)),
        certificates=tuple(certificates),
        unread=unread,
        private_keys=tuple(_lines_with(_PRIVATE_KEY, data)),
        others=tuple(others),
        damage=damage,
    )


def _kind(data: bytes, *, is_pem: bool) -> Kind:
    if _STAND_IN.search(data) is not None:
        return Kind.STAND_IN
    if is_pem:
        return Kind.PEM
    kind = next((kind for kind, sign in _SIGNS if sign.search(data) is not None), Kind.OTHER)
    return _der_kind(data) if kind is Kind.DER else kind


def _der_kind(data: bytes) -> Kind:
    if b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" in data[:64]:
        return Kind.PKCS7
    try:
        _certificate(data)
    except _Damaged:
        return Kind.OTHER
    return Kind.DER


def _lines_with(pattern: re.Pattern[bytes], data: bytes) -> Iterator[int]:
    line, position = 1, 0
    for match in pattern.finditer(data):
        line += data.count(b"\n", position, match.start())
        position = match.start()
        yield line


# PEM


class _Block(NamedTuple):
    """A PEM block: the line of its BEGIN, its label, what it holds if it is a certificate, or the problem with it."""

    line: int
    label: bytes
    content: bytes
    problem: str = ""


class _Piece(NamedTuple):
    """What OpenSSL takes for a line; ``goes_on`` says that it ends inside a real line."""

    line: int
    text: bytes
    goes_on: bool


class _Reader:
    """Reads a file as ``BIO_gets`` does: a NUL hides the rest of its piece, and one at the start ends the file."""

    def __init__(self, data: bytes) -> None:
        self._data: Final = data
        self._position = 0
        self._line = 1

    def __iter__(self) -> Iterator[_Piece]:
        while self._position < len(self._data):
            start, line = self._position, self._line
            end = self._data.find(b"\n", start, start + _PIECE)
            goes_on = end < 0 and start + _PIECE <= len(self._data)
            if end < 0:
                end = self._position = min(start + _PIECE, len(self._data))
            else:
                self._position = end + 1
                self._line += 1
            text, nul, _ = self._data[start:end].partition(b"\0")
            if nul and not text:
                self._position = len(self._data)
            else:
                yield _Piece(line, text, goes_on and not nul)

    def beginning(self) -> _Piece | None:
        """The next line that begins a block, with what OpenSSL strips from it stripped; None where there is none."""
        start = self._position
        self._skip()
        first = self._position == start
        for piece in self:
            text = piece.text[len(_BOM) :] if first and piece.text.startswith(_BOM) else piece.text
            text = text.rstrip(_TRAILING)
            if text.startswith(_BEGIN) and text.endswith(_DASHES) and len(text) >= len(_BEGIN + _DASHES):
                return piece._replace(text=text)
            first = False
            self._skip()
        return None

    def _skip(self) -> None:
        """Pass over pieces that begin no block and hold no NUL."""
        found = _NOTABLE.search(self._data, self._position)
        end = found.start() if found is not None else len(self._data)
        start = self._data.rfind(b"\n", self._position, end) + 1 or self._position
        start = end - (end - start) % _PIECE
        self._line += self._data.count(b"\n", self._position, start)
        self._position = start


def _blocks(data: bytes) -> Iterator[_Block]:
    """The blocks of a file, up to the first that OpenSSL cannot read (``PEM_read_bio_ex``)."""
    reader = _Reader(data)
    while (piece := reader.beginning()) is not None:
        block = _block(piece.line, piece.text[len(_BEGIN) : -len(_DASHES)], reader)
        yield block
        if block.problem:
            return


def _block(line: int, label: bytes, pieces: Iterable[_Piece]) -> _Block:
    """The block that begins in front of ``pieces`` (``get_header_and_data``)."""
    end = _END + label + _DASHES
    header: list[bytes] = []
    body: list[bytes] = []
    blank = short = goes_on = False
    for piece in pieces:
        text = piece.text.rstrip(_TRAILING)
        went_on, goes_on = goes_on, piece.goes_on
        if not text:
            if blank and not went_on:
                return _Block(line, label, b"", f"line {piece.line} is blank")
            blank = blank or not went_on
            continue
        if text.startswith(_END):
            if text != end:
                return _Block(line, label, b"", f"line {piece.line} is not its -----END line")
            return _decoded(line, label, header if blank else [], body if blank else header)
        if short or (blank and len(text) > _DATA_LINE):
            return _Block(line, label, b"", f"line {piece.line} is of the wrong length behind a blank line")
        if blank:
            body.append(text)
            short = len(text) < _DATA_LINE
        else:
            header.append(text)
    return _Block(line, label, b"", "its -----END line is missing")


def _decoded(line: int, label: bytes, header: list[bytes], body: list[bytes]) -> _Block:
    written = b"".join(body).translate(None, b" \t\r\n").partition(b"-")[0]
    if _BASE64.fullmatch(written) is None:
        return _Block(line, label, b"", "what it holds is not base64")
    if not written:
        return _Block(line, label, b"", "it is empty")
    if label not in _CERTIFICATE_LABELS:
        return _Block(line, label, b"")
    if header:
        return _Block(line, label, b"", "a blank line or a header stands in it")
    return _Block(line, label, base64.b64decode(written))


# DER


class _Damaged(Exception):
    """OpenSSL refuses a certificate; the message says why."""


def _certificate(content: bytes) -> Certificate | None:
    """The certificate in a block, and what it is trusted for where that stands behind it (``d2i_X509_AUX``).

    None where only OpenSSL can read it. Raises _Damaged for what OpenSSL refuses.
    """
    try:
        length = _element(content)[2]
    except ValueError:
        length = len(content)
    trusted = _explicit_trust(content[length:]) if len(content) > length else None
    from checkov_nginx_tls.x509_certificates import openssl_takes, read_certificate  # slow to import, seldom needed

    try:
        return read_certificate(content[:length], trusted=trusted)
    except ValueError as problem:
        if openssl_takes(content[:length]):
            return None
        raise _Damaged("what it holds is no certificate") from problem


def _explicit_trust(auxiliary: bytes) -> bool | None:
    """What an X509_CERT_AUX says about TLS servers: what is trusted, and, tagged, what is rejected."""
    try:
        parts = dict(_elements(_element(auxiliary, 0x30)[1]))
        trusted = [purpose for _, purpose in _elements(parts[0x30])] if 0x30 in parts else None
        rejected = [purpose for _, purpose in _elements(parts.get(0xA0, b""))]
    except ValueError as problem:
        raise _Damaged("something else follows the certificate in it") from problem
    if not _TLS_SERVERS.isdisjoint(rejected):
        return False
    return None if trusted is None else not _TLS_SERVERS.isdisjoint(trusted)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents of DER elements one behind the other."""
    while data:
        tag, content, length = _element(data)
        yield tag, content
        data = data[length:]


def _element(data: bytes, expected: int = 0) -> tuple[int, bytes, int]:
    """Tag, content and whole length of the first DER element; ValueError where there is none."""
    if len(data) < 2 or (expected and data[0] != expected):
        raise ValueError("no such element")
    start, length = 2, data[1]
    if length >= 0x80:
        if length == 0x80:
            raise ValueError("of indefinite length, which BER has")
        start += length - 0x80
        length = int.from_bytes(data[2:start], "big")
    if start > 10 or len(data) < start + length:
        raise ValueError("too long")
    return data[0], data[start : start + length], start + length
