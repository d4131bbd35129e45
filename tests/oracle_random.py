"""What nginx does with a random case, what the scanner says of it, and where the two disagree."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.analysis import analyse
from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck
from checkov_nginx_tls.checks.registry import registry
from checkov_nginx_tls.deployments import DeployedFiles
from checkov_nginx_tls.files import ScannedFiles, keep_all
from checkov_nginx_tls.includes import IncludeResolver
from checkov_nginx_tls.model import assemble
from checkov_nginx_tls.syntax import ParsedFile
from checkov_nginx_tls.upstreams import connections
from nginx_oracle import NginxRefused, render
from oracle_generator import GRPC, PROXY, STREAM, TARGET_ADDRESSES, UNDOTTED_NAME, UWSGI, Case, Pass, Shot
from oracle_scan import CHECK_PREFIX, failing_ids, write_for_scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from checkov_nginx_tls.model import Configuration
    from checkov_nginx_tls.upstreams import Connection
    from nginx_oracle import NginxRun, Oracle
    from oracle_backends import Backends

SECURITY = frozenset(("01", "03", "04", "05", "06", "07"))
OWN_SETTINGS = frozenset(("01", "03", "05", "06"))
"""Checks that speak of a connection for its own settings."""

_ANSWER_SECONDS = 5.0
_PATIENCE_SECONDS = 0.05
_QUIET_SECONDS = 0.001
_CONFIRMATIONS = 3
"""A busy machine may make one attempt look otherwise; a disagreement shows in each."""

_USES_KEPT_OF = {GRPC: {GRPC}, PROXY: {GRPC, PROXY}, UWSGI: {GRPC, PROXY}, STREAM: {STREAM}}
"""Whose kept connections a family can use."""

_TRIES = 2
"""A session that an unverified pass has stored makes the next verified handshake fail, but only that."""


@dataclass
class Seen:
    """What happened to one pass. ``exposed`` are identities that received its data over TLS and should not."""

    exposed: set[str] = field(default_factory=set)
    served: bool = False
    """Alone with an honest upstream it reached it over TLS."""
    in_plain: bool = False
    """Its data reached somebody in plain text."""


@dataclass
class Behaviour:
    """nginx's side."""

    lacks_bundle: bool
    message: str = ""
    passes: list[Seen] = field(default_factory=list)


@dataclass
class Verdict:
    """The scanner's side: the failing checks, and those of each pass."""

    failing: frozenset[str]
    passes: list[frozenset[str]]
    may_share: list[bool]
    """07 is undecided: group and name both depend on the request, and may belong together."""
    undecided: int
    problems: tuple[str, ...]


# ------------------------------------------------------------------------------------------------- nginx


def run(oracle: Oracle, case: Case) -> Behaviour:
    """Start nginx once and play every request in every order that can matter."""
    config, files = case.render()
    try:
        with oracle.start(config, files) as nginx:
            return _Attack(nginx, oracle.backends, case).play()
    except NginxRefused as refusal:
        return Behaviour(refusal.result.lacks_bundle, refusal.result.message)


class _Attack:
    """A hostile client and its upstreams."""

    def __init__(self, nginx: NginxRun, backends: Backends, case: Case) -> None:
        self._nginx = nginx
        self._backends = backends
        self._passes = case.passes()
        self._seen = [Seen() for _one in self._passes]
        self._http2 = any(one.family is GRPC for one in self._passes)
        self._rounds = 2 if case.http.double_members or case.stream.double_members else 1
        self._plain: set[tuple[int, Shot]] = set()
        self._alone: dict[tuple[int, Shot], set[str]] = {}
        unwritten = {address for address in TARGET_ADDRESSES if not any(address in one.text for one in self._passes)}
        self._shots = [
            (number, shot)
            for number, one in enumerate(self._passes)
            if not one.dead
            for shot in one.requests()
            if unwritten.isdisjoint(dict(shot.knobs).values())
        ]

    def play(self) -> Behaviour:
        """Every request alone with the honest upstreams; then all forth and back with each upstream, so that each
        comes after every other one; then with an impostor that takes over from the honest upstream."""
        for identity in ("trusted", "wrong_name", "impostor"):
            self._backends.pretend(identity)
            for number, shot in self._shots:
                self._fire_alone(number, shot, identity)
        self._fire_mixed()
        sweep = self._shots * self._rounds
        for identity in ("impostor", "wrong_name", "trusted"):
            self._backends.clear()
            self._backends.pretend(identity)
            for number, shot in [*sweep, *reversed(sweep)]:
                self._fire(number, shot)
        self._backends.pretend("impostor")
        for number, shot in sweep:
            self._fire(number, shot)
        self._fire_in_pairs()
        return Behaviour(lacks_bundle=False, passes=self._seen)

    def _fire_alone(self, number: int, shot: Shot, identity: str) -> None:
        """Send a request without the connections of others to an honest upstream that the pass may be meant for.

        If its name depends on the request, each upstream that one of the names admits may not be admitted by this.
        """
        one = self._passes[number]
        for _try in range(_TRIES if identity in one.wanted or one.changes_name else 0):
            self._backends.clear()
            self._fire(number, shot, alone=True)
            if identity in self._alone[number, shot] if one.changes_name else self._seen[number].served:
                break

    def _fire_in_pairs(self) -> None:
        """Each request with one of several names right after one of every other pass: a refusal forgets sessions."""
        changing = [(number, shot) for number, shot in self._shots if self._passes[number].changes_name]
        served = {number: shot for number, shot in reversed(self._shots) if self._alone.get((number, shot))}
        for identity in ("impostor", "wrong_name", "trusted"):
            self._backends.clear()
            self._backends.pretend(identity)
            for number, shot in changing:
                for other, first in served.items():
                    if other != number:
                        self._fire(other, first)
                        self._fire(number, shot)

    def _fire_mixed(self) -> None:
        """Requests that may be plain or TLS, each without the connections of the others.

        A TLS request that finds a plain connection in the pool shakes hands on it in vain.
        """
        for identity in ("impostor", "wrong_name"):
            self._backends.pretend(identity)
            for number, shot in self._shots:
                if self._passes[number].transport in ("mixed", "listener"):
                    self._backends.clear()
                    self._fire(number, shot)

    def _fire(self, number: int, shot: Shot, *, alone: bool = False) -> None:
        before = self._received()
        _send(self._nginx, shot, lambda: self._received() != before)
        after = self._settled() if self._http2 else self._received()
        reached = {key for key, count in after.items() if count > before.get(key, 0)}
        one, seen = self._passes[number], self._seen[number]
        encrypted = {identity for identity, tls in reached if tls}
        seen.in_plain |= any(not tls for _identity, tls in reached)
        if alone:
            self._alone.setdefault((number, shot), set()).update(encrypted)
            seen.served |= bool(encrypted - {"impostor"})
        if alone and not encrypted and reached:
            self._plain.add((number, shot))  # whatever the pool gives it, nobody promised TLS for this request
        elif one.speaks_tls and (number, shot) not in self._plain:
            seen.exposed |= encrypted - (one.admits & self._alone[number, shot] if one.changes_name else one.admits)

    def _settled(self) -> dict[tuple[str, bool], int]:
        """What arrived, once nothing more does: HTTP/2 has frames to send after the answer."""
        held = self._received()
        while True:
            time.sleep(_QUIET_SECONDS)
            now = self._received()
            if now == held:
                return now
            held = now

    def _received(self) -> dict[tuple[str, bool], int]:
        totals: dict[tuple[str, bool], int] = {}
        for connection in self._backends.connections():
            key = connection.identity, connection.tls
            totals[key] = totals.get(key, 0) + connection.received
        return totals


def _send(nginx: NginxRun, shot: Shot, has_arrived: Callable[[], bool]) -> None:
    """Send one request and wait for the answer, or for the end of the connection.

    A pooled connection may lead to an upstream that speaks another protocol and never answers: once the data has
    arrived there is nothing more to learn.
    """
    port = nginx.addresses.listeners[shot.listener.name]
    connection = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS)
    if shot.listener.tls:
        connection = _TLS_CLIENT.wrap_socket(connection, server_hostname="client.test")
    with connection, contextlib.suppress(ConnectionError, ssl.SSLError):
        knobs = dict(shot.knobs)
        request = render(_request(shot, knobs), nginx.addresses)
        connection.sendall(_client_hello(knobs["sni"]) if "sni" in knobs else request)
        connection.settimeout(_PATIENCE_SECONDS)
        deadline = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(socket.timeout):
                if not connection.recv(65536) or "sni" in knobs:
                    return
                continue
            if has_arrived():
                return


def _tls_client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TLS_CLIENT = _tls_client()


def _request(shot: Shot, knobs: Mapping[str, str]) -> str:
    arguments = {name: knobs[name] for name in ("k", "n", "label", "ip", "p") if name in knobs}
    for scheme in ("s", "gs", "us"):
        if scheme in knobs:
            arguments["s"] = knobs[scheme]
    if shot.route.x:
        arguments["x"] = shot.route.x
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    lines = [
        f"{shot.route.method} {shot.route.path}{'?' if query else ''}{query} HTTP/1.1",
        f"Host: {knobs.get('host', 'client.test')}",
        "Connection: close",
    ]
    if shot.route.method == "POST":
        lines.append("Content-Length: 0")
    if "xn" in knobs:
        lines.append(f"X-N: {knobs['xn']}")
    if "cn" in knobs:
        lines.append(f"Cookie: n={knobs['cn']}")
    return "\r\n".join(lines) + "\r\n\r\n"


def _client_hello(name: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


# ----------------------------------------------------------------------------------------------- scanner


def scan(oracle: Oracle, case: Case) -> Verdict:
    """Judge the case as Checkov would, and each pass by itself."""
    config, files = case.render()
    with tempfile.TemporaryDirectory(prefix="oracle-scan-") as name:
        directory = Path(name).resolve()
        write_for_scanner(directory, oracle, config, files)
        analysis = analyse(str(directory))
        each = _of_each_pass(directory)
    problems = tuple(f"{problem.path}:{problem.line}: {problem.reason}" for problem in analysis.problems)
    order = in_order(case)
    assert len(order) == len(each)
    passes = [each[order.index(one)] for one in case.passes()]
    return Verdict(
        failing_ids(analysis),
        [one.failing for one in passes],
        ["07" in one.undecided for one in passes],
        sum(len(one.undecided - {"07"}) for one in passes),
        problems,
    )


def in_order(case: Case) -> list[Pass]:
    """The passes in the scanner's order: of one block by module."""
    rank = {"proxy_pass": 0, "grpc_pass": 1, "uwsgi_pass": 2}
    return [
        one for level in case.levels() for one in sorted(level.passes, key=lambda one: rank[one.family.pass_directive])
    ]


class _Opinion(NamedTuple):
    """The checks that fail for a pass, and those that are undecided."""

    failing: frozenset[str]
    undecided: frozenset[str]


def connections_in(directory: Path) -> tuple[Connection, ...]:
    """The connections of the configuration in a directory."""
    return connections(_configuration(directory))


def _configuration(directory: Path) -> Configuration:
    scanned = ScannedFiles([str(directory)], str(directory), keep_all)
    main = scanned.load(str(directory / "nginx.conf"))
    assert isinstance(main, ParsedFile)
    resolver = IncludeResolver(scanned, [str(directory)], DeployedFiles([], tuple))
    return assemble(main, resolver, dt.datetime.now(dt.timezone.utc))


def _of_each_pass(directory: Path) -> list[_Opinion]:
    configuration = _configuration(directory)
    found = connections(configuration)
    said: dict[tuple[Connection, CheckResult], set[str]] = {}
    for check in registry.builtin_checks():
        if isinstance(check, BaseUpstreamCheck):
            for judgement in check.judge(configuration, found):
                if judgement.connection is not None:
                    key = judgement.connection, judgement.result
                    said.setdefault(key, set()).add(check.id.removeprefix(CHECK_PREFIX))
    return [
        _Opinion(*(frozenset(said.get((one, result), ())) for result in (CheckResult.FAILED, CheckResult.UNKNOWN)))
        for one in found
    ]


# -------------------------------------------------------------------------------------------- comparison


def differences(oracle: Oracle, case: Case) -> list[str]:
    """What nginx and the scanner differ on each time they are asked; the last line shows all about it.

    A case that lacks bundles is judged a second time with bundles lent to it, which changes it.
    """
    found: list[str] = []
    for _time in range(_CONFIRMATIONS):
        behaviour, verdict = run(oracle, case), scan(oracle, case)
        found = list(disagreements(case, behaviour, verdict))
        if not found:
            break
    else:
        return [*found, f"nginx: {behaviour}", f"scanner: {verdict}", repr(case)]
    if not behaviour.lacks_bundle:
        return []
    case.lend_bundles()
    if case.lacks_bundle():
        return ["bundles that were lent did not arrive", repr(case)]
    return differences(oracle, case)


def disagreements(case: Case, behaviour: Behaviour, verdict: Verdict) -> Iterator[str]:
    """Sentences about everything on which nginx and the scanner differ."""
    for problem in verdict.problems:
        yield f"the scanner reports {problem}"
    if verdict.undecided:
        yield f"the scanner leaves {verdict.undecided} undecided"
    if behaviour.lacks_bundle != ("02" in verdict.failing):
        yield f"02: nginx lacks a bundle: {behaviour.lacks_bundle}"
    if behaviour.message:
        if not behaviour.lacks_bundle:
            yield f"nginx does not start: {behaviour.message}"
        return
    unsafe = [
        _is_unsafe(one, seen, failing, idle=one in idle_stream_passes(case), may_share=may_share)
        for one, seen, failing, may_share in zip(case.passes(), behaviour.passes, verdict.passes, verdict.may_share)
    ]
    refused = [
        not one.dead and one.verified and one.speaks_tls and not seen.served
        for one, seen in zip(case.passes(), behaviour.passes)
    ]
    found = bool(verdict.failing & SECURITY)
    if found and not any(unsafe):
        unclear = any(share and seen.exposed for share, seen in zip(verdict.may_share, behaviour.passes))
        found = not unclear and not _accept_what_they_share(case, verdict, refused)
    if any(unsafe) != found:
        yield f"security: nginx {any(unsafe)}, scanner {sorted(verdict.failing & SECURITY)}"
    for one, seen, failing, bad, closed in zip(case.passes(), behaviour.passes, verdict.passes, unsafe, refused):
        shared = one.verified and any(
            others & SECURITY and one.may_share_with(other) for other, others in zip(case.passes(), verdict.passes)
        )
        yield from _about(one, seen, failing, bad=bad, closed=closed, shared=shared)
    if any(refused) != ("08" in verdict.failing) and not any(one.depends_twice for one in case.passes()):
        yield f"08: nginx {any(refused)}, scanner {'08' in verdict.failing}"


def _accept_what_they_share(case: Case, verdict: Verdict, refused: Sequence[bool]) -> bool:
    """Whether 07 alone speaks, of connections that nobody here can abuse, as these bundles and names happen to be.

    Nobody has a certificate that any of them accepts, or that one of them wants in a group whose name is undotted; or
    nobody who trusts the smaller bundle can use what is kept
    under the larger one: uwsgi keeps nothing, grpc uses what grpc keeps, and proxy what both keep.
    """
    together = list(zip(case.passes(), verdict.passes, refused))
    flagged = [(one, closed) for one, failing, closed in together if failing & SECURITY]
    if any(failing & SECURITY - {"07"} for failing in verdict.passes):
        return False
    bundles = [(one, bundle.value) for one, _closed in flagged if (bundle := one.setting("trusted_certificate"))]
    careless = [_USES_KEPT_OF[one.family] for one, bundle in bundles if bundle == "root"]
    keepers = {one.family for one, bundle in bundles if bundle == "both"}
    if any(UNDOTTED_NAME in one.names for one, _closed in flagged):
        return True
    differ = bool(careless) and bool(keepers)
    return (differ and not any(keepers & used for used in careless)) or all(closed for _one, closed in flagged)


def _is_unsafe(one: Pass, seen: Seen, failing: frozenset[str], *, idle: bool, may_share: bool) -> bool:
    """Whether a pass deserves a finding; where the design leaves it open, the scanner may choose."""
    if one.stays_here and one.setting("verify") is None:
        return "04" in failing  # 03 lets loopback go; 04 says that verification was meant
    exposed = set() if may_share and not failing & SECURITY else seen.exposed
    return bool(exposed) or one.leaves_it_to_openssl or (idle and seen.in_plain)


def _about(one: Pass, seen: Seen, failing: frozenset[str], *, bad: bool, closed: bool, shared: bool) -> Iterator[str]:
    name = f"{one.family.pass_directive} {one.text} of {one.route.path}"
    if bad and not failing & SECURITY and not shared:
        yield f"{name}: reached {sorted(seen.exposed)}, in plain {seen.in_plain}; scanner {sorted(failing)}"
    own = failing & OWN_SETTINGS
    if own and not bad:
        yield f"{name}: reached nobody it should not; scanner {sorted(own)}"
    if "04" in failing and not bad:
        yield f"{name}: reached nobody it should not; scanner 04"
    if closed != ("08" in failing) and not one.depends_twice:
        yield f"{name}: refuses its upstream: {closed}; scanner {sorted(failing)}"


def idle_stream_passes(case: Case) -> list[Pass]:
    """Stream passes in plain text for which verification is on, by a directive that no TLS pass uses."""
    passes = [one for one in case.passes() if one.family is STREAM]
    used = {id(one.setting("verify")) for one in passes if one.speaks_tls}
    return [one for one in passes if not one.speaks_tls and one.verified and id(one.setting("verify")) not in used]
