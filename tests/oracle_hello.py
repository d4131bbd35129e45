"""Upstreams that tell what nginx offers: the ClientHello as it is on the wire, and the versions that it agrees to."""

from __future__ import annotations

import queue
import socket
import ssl
import struct
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from checkov_nginx_tls.cipher_strings import evaluate

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

_SERVER_NAME = 0
_SUPPORTED_VERSIONS = 43
_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
_SIGNALLING = frozenset({0x00FF, 0x5600})
_RECORD_HEAD = 5
_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Hello:
    """A ClientHello.

    ``versions`` are the protocol versions it offers; a client that sends no list of them offers all up to its
    highest, of which only that one is named. ``suites`` are the numbers of the cipher suites, in order.
    """

    versions: frozenset[str]
    suites: tuple[int, ...]
    server_name: str | None


class _Reader(NamedTuple):
    data: bytes

    def vector(self, width: int) -> tuple[bytes, _Reader]:
        """A vector with its length in front, in `width` bytes, and what follows it."""
        length = int.from_bytes(self.data[:width], "big")
        return self.data[width : width + length], _Reader(self.data[width + length :])


def parse_hello(message: bytes) -> Hello:
    """The ClientHello in a handshake message."""
    version = int.from_bytes(message[4:6], "big")
    _session, rest = _Reader(message[38:]).vector(1)
    suites, rest = rest.vector(2)
    _compression, rest = rest.vector(1)
    extensions, _rest = rest.vector(2)
    versions = [version]
    name: str | None = None
    left = _Reader(extensions)
    while left.data:
        kind = int.from_bytes(left.data[:2], "big")
        content, left = _Reader(left.data[2:]).vector(2)
        if kind == _SUPPORTED_VERSIONS:
            versions = _numbers(_Reader(content).vector(1)[0])
        elif kind == _SERVER_NAME:
            name = _Reader(content[3:]).vector(2)[0].decode()
    offered = tuple(number for number in _numbers(suites) if number not in _SIGNALLING)
    return Hello(frozenset(_VERSIONS[number] for number in versions if number in _VERSIONS), offered, name)


def _numbers(data: bytes) -> list[int]:
    return [number for (number,) in struct.iter_unpack(">H", data)]


def weak_suites(hello: Hello | None) -> set[str]:
    """The weak ones among the suites that are offered, as far as Python's OpenSSL knows their numbers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL")
    names = {suite["id"] & 0xFFFF: suite["name"] for suite in context.get_ciphers()}
    weak = {suite.name for suite in evaluate("ALL:COMPLEMENTOFALL").weak}
    return {names.get(number, "") for number in hello.suites} & weak if hello is not None else set()


class HelloListener:
    """A server that reads each client's ClientHello and hangs up. A context manager."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._hellos: queue.Queue[Hello | None] = queue.Queue()
        self._thread = threading.Thread(target=self._serve, name="oracle-hello", daemon=True)

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_WAIT_SECONDS)
        self._socket.close()

    def next(self) -> Hello | None:
        """What the next client said; None where it sent no ClientHello."""
        return self._hellos.get(timeout=_WAIT_SECONDS)

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._socket.accept()
            except OSError:
                return
            with client:
                client.settimeout(_WAIT_SECONDS)
                self._hellos.put(_read_hello(client))


def _read_hello(client: socket.socket) -> Hello | None:
    try:
        with client.makefile("rb") as stream:
            head = stream.read(_RECORD_HEAD)
            if head[:1] != b"\x16":
                return None
            return parse_hello(stream.read(int.from_bytes(head[3:5], "big")))
    except OSError:
        return None


class VersionServers:
    """A TLS server for each of ``versions`` that speaks no other, at security level 0. A context manager."""

    versions = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")

    def __init__(self, chain: Path, key: Path) -> None:
        self._sockets = {version: socket.create_server(("127.0.0.1", 0)) for version in self.versions}
        self._spoken: dict[str, queue.Queue[bool]] = {version: queue.Queue() for version in self.versions}
        self._threads = [
            threading.Thread(target=self._serve, args=(version, _only(version, chain, key)), daemon=True)
            for version in self.versions
        ]

    def address(self, version: str) -> str:
        """``127.0.0.1:PORT`` of a version's server."""
        return f"127.0.0.1:{self._sockets[version].getsockname()[1]}"

    def spoke(self, version: str) -> bool:
        """Whether the next client of that server agreed to its version."""
        return self._spoken[version].get(timeout=_WAIT_SECONDS)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for one in self._sockets.values():
            one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_WAIT_SECONDS)
        for one in self._sockets.values():
            one.close()

    def _serve(self, version: str, context: ssl.SSLContext) -> None:
        while True:
            try:
                client, _address = self._sockets[version].accept()
            except OSError:
                return
            client.settimeout(_WAIT_SECONDS)
            self._spoken[version].put(_agrees(client, context))


def _agrees(client: socket.socket, context: ssl.SSLContext) -> bool:
    try:
        context.wrap_socket(client, server_side=True).close()
    except OSError:
        return False
    finally:
        client.close()
    return True


def _only(version: str, chain: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the old versions are what this is about
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
    return context
