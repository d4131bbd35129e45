"""As much of HTTP/2 as it takes to answer one nginx, or to ask it, without a library.

Frames are read whole; header blocks are neither compressed nor decoded beyond the response's status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA = 0
HEADERS = 1
RESET = 3
SETTINGS = 4
GOAWAY = 7
END_STREAM = 1
ACK = 1
END_HEADERS = 4

_STATUS_BY_INDEX = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
_INDEXED = 0x80
_LITERAL_STATUS = 0x48


@dataclass(frozen=True)
class Frame:
    """One frame as it travels."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    def encode(self) -> bytes:
        """The bytes of the frame."""
        head = len(self.payload).to_bytes(3, "big") + bytes((self.kind, self.flags))
        return head + self.stream.to_bytes(4, "big") + self.payload


def read_frames(read: Callable[[int], bytes]) -> Iterator[Frame]:
    """Frames until the peer is silent; ``read(n)`` returns n bytes, or fewer at the end."""
    while True:
        head = read(9)
        if len(head) < 9:
            return
        length = int.from_bytes(head[:3], "big")
        payload = read(length)
        if len(payload) < length:
            return
        yield Frame(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, payload)


def literal_headers(headers: Sequence[tuple[str, str]]) -> bytes:
    """A header block of literals that nothing is indexed from; names and values under 127 bytes."""
    block = bytearray()
    for name, value in headers:
        block.append(0)
        for text in (name, value):
            block.append(len(text))
            block += text.encode("latin-1")
    return bytes(block)


def response(stream: int, body: bytes) -> bytes:
    """The frames of a complete 200 response with `body`."""
    head = bytes((_INDEXED | 8,)) + literal_headers([("content-type", "application/grpc")])
    return Frame(HEADERS, END_HEADERS, stream, head).encode() + Frame(DATA, END_STREAM, stream, body).encode()


def status_of(block: bytes) -> int:
    """The status at the start of nginx's header block; 0 when it is encoded in another way."""
    start = 0
    while start < len(block) and block[start] & 0xE0 == 0x20:
        start += 1
    if start >= len(block):
        return 0
    first = block[start]
    if first & _INDEXED:
        return _STATUS_BY_INDEX.get(first & 0x7F, 0)
    if first == _LITERAL_STATUS and block[start + 1 : start + 2] == b"\x03":
        return int(block[start + 2 : start + 5])
    return 0
