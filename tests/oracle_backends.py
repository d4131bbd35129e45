"""Real TLS upstreams on loopback that remember who sent them what.

Each upstream speaks whatever arrives: HTTP/1, HTTP/2 (for ``grpc_pass``), uwsgi, or anything else, which it
echoes. TLS or plain text is told by the first byte. The body of every answer is the name of the identity that
answered, so that a client behind nginx knows whom it reached.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

import oracle_http2 as http2

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from oracle_certificates import Certificates

PLAINTEXT = "plaintext"
"""The identity that never speaks TLS."""

TARGET = "target"
"""The upstream whose identity a test chooses while nginx runs; see `Backends.pretend`."""

_IDLE_SECONDS = 10.0
_TLS_HANDSHAKE_BYTE = b"\x16"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_HTTP_START = re.compile(rb"[A-Z]{3,8} ")


@dataclass
class Connection:
    """What one upstream saw of one connection. It grows while the connection lives."""

    upstream: str
    """The upstream that was reached: an identity's name, or `TARGET`."""
    identity: str
    """The identity that the upstream had when the connection was made."""
    tls: bool = False
    handshake: bool = False
    """The TLS handshake was completed (nginx judges the certificate only after that)."""
    resumed: bool = False
    server_name: str | None = None
    """The SNI name."""
    received: int = 0
    """Bytes of application data."""


class Backends:
    """One upstream for every identity in `certificates`, one `PLAINTEXT`, and one `TARGET`.

    A context manager. Every upstream listens on a free port of 127.0.0.1 and on a unix socket in `directory`.
    """

    def __init__(self, certificates: Certificates, directory: Path) -> None:
        self._contexts = {
            name: self._context(identity.chain, identity.key) for name, identity in certificates.identities.items()
        }
        self.names: tuple[str, ...] = (*self._contexts, PLAINTEXT, TARGET)
        self._target = PLAINTEXT
        self._lock = threading.Lock()
        self._current = threading.local()
        self._connections: list[Connection] = []
        self._live: set[socket.socket] = set()
        self._idle = threading.Condition(self._lock)
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._closing = False
        self.ports: Mapping[str, int] = {name: self._listen_tcp(name) for name in self.names}
        self.unix_paths: Mapping[str, Path] = {
            name: self._listen_unix(name, directory / f"{name}.sock") for name in self.names
        }
        self._acceptor = threading.Thread(target=self._accept, name="oracle-acceptor", daemon=True)

    def __enter__(self) -> Self:
        self._selector.register(self._wake_reader, selectors.EVENT_READ, "")
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        self._wake_writer.send(b".")
        self._acceptor.join(_IDLE_SECONDS)
        self.disconnect()
        for key in list(self._selector.get_map().values()):
            listener = key.fileobj
            assert isinstance(listener, socket.socket)
            listener.close()
        self._selector.close()
        self._wake_writer.close()

    def pretend(self, identity: str) -> None:
        """Make `TARGET` answer new connections as `identity` from now on."""
        if identity != PLAINTEXT and identity not in self._contexts:
            raise KeyError(identity)
        self._target = identity

    def connections(self) -> tuple[Connection, ...]:
        """Every connection since the last `clear`, in order of arrival."""
        with self._lock:
            return tuple(self._connections)

    def clear(self) -> None:
        """Close what is open and forget every connection."""
        self.disconnect()
        with self._lock:
            self._connections.clear()

    def disconnect(self) -> None:
        """Close every open connection and wait until its record is final."""
        with self._lock:
            for connection in self._live:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.drain()

    def drain(self, timeout: float = 2.0) -> None:
        """Wait until no connection is open, `timeout` seconds at most. Meant for after nginx has gone."""
        deadline = time.monotonic() + timeout
        with self._idle:
            while self._live and time.monotonic() < deadline:
                self._idle.wait(deadline - time.monotonic())

    def data_by_identity(self) -> Mapping[str, int]:
        """Bytes of application data that arrived over TLS since the last `clear`, for each identity."""
        totals = dict.fromkeys(self._contexts, 0)
        for connection in self.connections():
            if connection.tls:
                totals[connection.identity] += connection.received
        return totals

    def _context(self, chain: Path, key: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.sni_callback = self._note_server_name
        return context

    def _note_server_name(
        self, _socket: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext
    ) -> None:
        self._current.record.server_name = name

    def _listen_tcp(self, name: str) -> int:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        self._register(listener, name)
        port: int = listener.getsockname()[1]
        return port

    def _listen_unix(self, name: str, path: Path) -> Path:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o666)
        self._register(listener, name)
        return path

    def _register(self, listener: socket.socket, name: str) -> None:
        listener.listen(128)
        self._selector.register(listener, selectors.EVENT_READ, name)

    def _accept(self) -> None:
        while not self._closing:
            for key, _events in self._selector.select():
                listener = key.fileobj
                assert isinstance(listener, socket.socket)
                if listener is self._wake_reader:
                    return
                client, _address = listener.accept()
                self._admit(client, key.data)

    def _admit(self, client: socket.socket, upstream: str) -> None:
        record = Connection(upstream, self._target if upstream == TARGET else upstream)
        with self._lock:
            self._connections.append(record)
            self._live.add(client)
        threading.Thread(target=self._serve, args=(client, record), daemon=True).start()

    def _serve(self, client: socket.socket, record: Connection) -> None:
        """Handle one connection to its end; a peer that goes away at any point is no error."""
        served = client
        try:
            client.settimeout(_IDLE_SECONDS)
            if client.family == socket.AF_INET:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            first = client.recv(1, socket.MSG_PEEK)
            if first == _TLS_HANDSHAKE_BYTE and record.identity in self._contexts:
                served = encrypted = self._wrapped(client, record)
                self._current.record = record
                encrypted.do_handshake()
                record.handshake = True
                record.resumed = bool(encrypted.session_reused)
            _answer(_Wire(served, record), record.identity)
        except (OSError, ValueError):
            pass
        finally:
            with self._idle:
                self._live.discard(served)
                self._idle.notify_all()
            served.close()

    def _wrapped(self, client: socket.socket, record: Connection) -> ssl.SSLSocket:
        record.tls = True
        context = self._contexts[record.identity]
        with self._lock:
            encrypted = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
            self._live.discard(client)
            self._live.add(encrypted)
        return encrypted


class _Wire:
    """Buffered reading that counts what arrives."""

    def __init__(self, connection: socket.socket, record: Connection) -> None:
        self._connection = connection
        self._record = record
        self._buffer = b""

    def read(self, count: int) -> bytes:
        """`count` bytes, or fewer at the end."""
        self._fill(lambda: len(self._buffer) >= count)
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def read_until(self, end: bytes) -> bytes:
        """Everything up to and including `end`, or what there is when the peer stops before."""
        self._fill(lambda: end in self._buffer)
        position = self._buffer.find(end)
        return self.read(len(self._buffer) if position < 0 else position + len(end))

    def start(self, count: int) -> bytes:
        """The first bytes that arrive, at least `count` of them unless the peer stops; they stay unread."""
        self._fill(lambda: len(self._buffer) >= count)
        return self._buffer

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._connection.sendall(data)

    def _fill(self, enough: Callable[[], bool]) -> None:
        while not enough():
            data = self._connection.recv(65536)
            if not data:
                return
            self._record.received += len(data)
            self._buffer += data


def _answer(wire: _Wire, identity: str) -> None:
    """Speak the peer's protocol until it is done."""
    start = wire.start(4)
    if start.startswith(http2.PREFACE[:4]):
        _answer_http2(wire, identity)
    elif start[:1] == b"\0":
        _answer_uwsgi(wire, identity)
    elif _HTTP_START.match(wire.start(9)):
        while _answer_http1(wire, identity) and wire.start(1):
            if not _HTTP_START.match(wire.start(9)):
                wire.write(_BAD_REQUEST)
                return
    else:
        _echo(wire)


def _answer_http1(wire: _Wire, identity: str) -> bool:
    """Answer one request; whether the connection stays open."""
    head = wire.read_until(b"\r\n\r\n")
    if not head.endswith(b"\r\n\r\n"):
        return False
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    wire.read(int(length.group(1)) if length else 0)
    stays = b"HTTP/1.1" in head.split(b"\r\n", 1)[0] and not re.search(rb"(?im)^connection:\s*close", head)
    wire.write(_http1_response(identity, stays=stays))
    return stays


def _answer_uwsgi(wire: _Wire, identity: str) -> None:
    head = wire.read(4)
    wire.read(int.from_bytes(head[1:3], "little"))
    wire.write(_http1_response(identity, stays=False))


def _http1_response(identity: str, *, stays: bool) -> bytes:
    body = identity.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s" % (
        len(body),
        b"keep-alive" if stays else b"close",
        body,
    )


def _answer_http2(wire: _Wire, identity: str) -> None:
    wire.read(len(http2.PREFACE))
    wire.write(http2.Frame(http2.SETTINGS, 0, 0, b"").encode())
    for frame in http2.read_frames(wire.read):
        if frame.kind == http2.SETTINGS and not frame.flags & http2.ACK:
            wire.write(http2.Frame(http2.SETTINGS, http2.ACK, 0, b"").encode())
        elif frame.kind in (http2.HEADERS, http2.DATA) and frame.flags & http2.END_STREAM:
            wire.write(http2.response(frame.stream, identity.encode()))


def _echo(wire: _Wire) -> None:
    while True:
        data = wire.start(1)
        if not data:
            return
        wire.write(wire.read(len(data)))
