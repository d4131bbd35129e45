"""Outbound TLS connections as documents, which ``schema.json`` describes.

A document holds facts under nginx's own names, and what a policy cannot work out from one connection alone: where
values come from, what a variable can be, and what connections have in common. Only ``verified`` is an opinion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from checkov.common.models.enums import CheckResult

import checkov_nginx_tls.checks  # noqa: F401  # registers our checks
from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck
from checkov_nginx_tls.checks.registry import registry
from checkov_nginx_tls.export import values
from checkov_nginx_tls.export.settings import Setting, Settings
from checkov_nginx_tls.export.shared import Groups, sessions
from checkov_nginx_tls.lone_offs import lone_offs
from checkov_nginx_tls.modules import MODULES, is_zero
from checkov_nginx_tls.resources import ResourceNames
from checkov_nginx_tls.sharing import changes_together, keepalive_of, sets_in_ifs
from checkov_nginx_tls.suppressions import Suppressions
from checkov_nginx_tls.targets import Transport
from checkov_nginx_tls.texts import printable
from checkov_nginx_tls.upstreams import Flag, bundle_of, connections, verification_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from checkov_nginx_tls.export.values import Json
    from checkov_nginx_tls.lone_offs import LoneOff
    from checkov_nginx_tls.model import Block, Configuration, Placed
    from checkov_nginx_tls.suppressions import Skip
    from checkov_nginx_tls.upstreams import Connection

SCHEMA_VERSION: Final = "1.0"
"""Of the documents. The first number changes when a field goes or means something else, the second when one comes."""

_DECIDE_VERIFICATION: Final = frozenset(f"CKV_NGINX_CUSTOM_{number}" for number in ("02", "05", "06", "07"))
"""The rules that say whether a connection with verification on is verified."""


def documents(configurations: Sequence[Configuration], root: str) -> list[Json]:
    """The documents of configurations, sorted by file and line.

    There is one for every pass that nginx may serve over TLS; for every other one for which verification is turned on
    and which does not get it, or keeps nginx from starting; and for every directive that turns verification off where
    no connection is in sight. ``root`` is what files are relative to, as the user named it.
    """
    files = {file.source.id: file for configuration in configurations for file in configuration.files.values()}
    scan = _Scan({name: ResourceNames(file) for name, file in files.items()}, Suppressions(files.values()), root)
    found = [pair for configuration in configurations for pair in _Describer(configuration, scan).described()]
    return [document for _key, document in sorted(found, key=lambda pair: pair[0])]


class _Scan(NamedTuple):
    """What is the same for all configurations of a scan."""

    names: Mapping[str, ResourceNames]
    suppressions: Suppressions
    root: str


class _Client(NamedTuple):
    """What opens connections where there is no pass: nginx's module, and the prefix of its directives."""

    module: str
    ssl_prefix: str
    transport: str | None


class _Describer:
    """Describes the connections of one configuration."""

    def __init__(self, configuration: Configuration, scan: _Scan) -> None:
        self._configuration = configuration
        self._scan = scan
        self._connections = connections(configuration)
        self._settings = Settings()
        self._groups = Groups(self._connections)
        self._sessions = sessions(self._connections)
        self._opinions = _opinions(configuration, self._connections)
        self._elsewhere: dict[Connection, list[tuple[Placed, bool]]] = {}
        for connection, placed, used in verification_elsewhere(self._connections):
            self._elsewhere.setdefault(connection, []).append((placed, used))

    def described(self) -> Iterator[tuple[tuple[Any, ...], Json]]:
        """The documents, each with what it is sorted by."""
        for connection in self._connections:
            if self._matters(connection):
                yield self._key(connection.placed), self._of_connection(connection)
        for off in lone_offs(self._configuration, self._connections):
            yield self._key(off.placed), self._of_lone_off(off)

    def _matters(self, connection: Connection) -> bool:
        if connection.handles and connection.transport is not Transport.PLAINTEXT:
            return True
        if not all(used for _placed, used in self._elsewhere.get(connection, [])):
            return True
        wants_bundle = connection.verification is Flag.ON and connection.loads_bundle
        return wants_bundle and "" in connection.possible("trusted_certificate").answers(bundle_of)

    def _key(self, placed: Placed) -> tuple[Any, ...]:
        directive = placed.directive
        way = tuple((include.source.name, include.start) for include in placed.includes)
        main = self._configuration.main.source
        return (directive.source.name, directive.start, directive.source.key, main.name, main.key, way)

    def _of_connection(self, connection: Connection) -> Json:
        module = connection.module
        placed = connection.placed
        missing = _missing_includes(connection.block)
        settings = self._settings.of(connection, hidden=bool(missing))
        settings.append(Setting(module.pass_directive, printable(connection.target), (placed,)))
        elsewhere = self._elsewhere.get(connection, [])
        keepalives = (keepalive_of(group).placed for group in connection.groups)
        causes = [
            *(one for setting in settings for one in setting.placed),
            *(one for one, _used in elsewhere),
            *(one for one in keepalives if one is not None),
        ]
        groups = {group.name for group in connection.groups}
        names = map(values.name, connection.names)
        named = connection.fixed_name is not None
        return {
            **self._head(placed, module.nginx_name, connection.block),
            "pass_directive": module.pass_directive,
            "ssl_prefix": module.ssl_prefix,
            "target": printable(connection.target),
            "transport": values.TRANSPORTS[connection.transport],
            "serves_requests": connection.handles,
            "loads_bundle": connection.loads_bundle,
            "loopback": connection.stays_on_this_machine,
            "verified": self._verified(connection),
            **_keys(settings),
            **self._intermediate(connection),
            "targets": [values.target(one, groups) for one in connection.targets],
            "name_directive": f"{module.ssl_prefix}_name" if named else module.pass_directive,
            "names": sorted(names, key=lambda name: str(name["name"])),
            "name_varies_with_target": changes_together(connection),
            "if_sets_variables": sets_in_ifs(connection),
            "groups": self._groups.of(connection),
            "sessions": self._sessions.get(connection, []),
            "verification_elsewhere": [{**values.named_place(one.directive), "used": used} for one, used in elsewhere],
            "undecided": {**_undecided(settings), **_undecided_transport(connection)},
            "missing_includes": missing,
            "skips": self._skips(causes),
            "origins": _origins(settings),
        }

    def _of_lone_off(self, off: LoneOff) -> Json:
        """A directive that turns verification off, without a connection."""
        name = off.placed.directive.name
        client = _client(off.block, name)
        setting = Setting(name, "off", (off.placed,))
        if not off.certain:
            setting = Setting(name, None, (off.placed,), tuple(map(_written, off.block.possible(name).directives)))
        return {
            **self._head(off.placed, client.module, off.block),
            "pass_directive": None,
            "ssl_prefix": client.ssl_prefix,
            "target": None,
            "transport": client.transport,
            "serves_requests": True,
            "loads_bundle": False,
            "loopback": False,
            "verified": False if off.certain else None,
            **_keys([setting]),
            "targets": [],
            "name_directive": None,
            "names": [],
            "name_varies_with_target": False,
            "if_sets_variables": False,
            "groups": [],
            "sessions": [],
            "verification_elsewhere": [],
            "undecided": _undecided([setting]),
            "missing_includes": _missing_includes(off.block),
            "skips": self._skips([off.placed]),
            "origins": _origins([setting]),
        }

    def _head(self, placed: Placed, module: str, block: Block) -> Json:
        directive = placed.directive
        source = directive.source
        path = self._scan.names[source.id].logical_path(directive)
        return {
            "schema_version": SCHEMA_VERSION,
            "file": printable(source.name),
            "line": directive.line,
            "end_line": source.position(directive.head_end - 1).line,
            "module": module,
            "resource": f"{printable(source.name)}:{printable(path)}",
            "context": block.type,
            "root": printable(self._scan.root),
            "configuration": printable(self._configuration.main.source.name),
            "includes": [values.place(include) for include in placed.includes],
        }

    def _verified(self, connection: Connection) -> bool | None:
        """Whether only a peer with a certificate for a name that the configuration fixes is sent anything."""
        if connection.transport is Transport.PLAINTEXT or connection.verification in (Flag.OFF, Flag.UNSET):
            return False
        opinions = self._opinions.get(connection, set())
        if connection.verification is Flag.ON and CheckResult.FAILED in opinions:
            return False
        known = connection.verification is Flag.ON and connection.transport is Transport.TLS
        return True if known and CheckResult.UNKNOWN not in opinions else None

    def _intermediate(self, connection: Connection) -> Json:
        """Whether the bundle holds an intermediate CA, looked at only where the depth allows none."""
        placed = connection.setting("verify_depth")
        depth = placed.directive.args[0] if placed is not None and placed.directive.args else ""
        if not is_zero(depth) or not connection.bundle:
            return {}
        from checkov_nginx_tls.certificates import read_bundle

        file = self._configuration.read(connection.bundle)
        return {"bundle_has_intermediate": None if file is None else read_bundle(file.data).has_intermediate}

    def _skips(self, causes: Sequence[Placed]) -> list[Json]:
        """The skip comments that cover directives from which a finding may come, each with those that it covers."""
        covered: dict[Skip, list[Json]] = {}
        for placed in dict.fromkeys(causes):
            for skip in self._scan.suppressions.covering([placed.directive, *placed.includes]):
                covered.setdefault(skip, []).append(values.named_place(placed.directive))
        return [
            {
                "id": skip.check_id,
                "reason": printable(skip.reason),
                "file": printable(skip.source.name),
                "line": skip.line,
                "covers": places,
            }
            for skip, places in covered.items()
        ]


def _client(block: Block, verify: str) -> _Client:
    """Whom a directive in a block tells whether to verify."""
    family = block.type.partition(".")[0]
    if verify == "js_fetch_verify":
        return _Client(f"ngx_{family}_js_module", "js_fetch", "tls")
    if verify == "ssl_verify":
        return _Client("ngx_mgmt_module" if family == "mgmt" else "ngx_http_acme_module", "ssl", "tls")
    module = next(one for one in MODULES if one.family == family and one.verify == verify)
    return _Client(module.nginx_name, module.ssl_prefix, None)


def _opinions(configuration: Configuration, found: Sequence[Connection]) -> dict[Connection, set[CheckResult]]:
    opinions: dict[Connection, set[CheckResult]] = {}
    for check in registry.builtin_checks():
        if check.id in _DECIDE_VERIFICATION and isinstance(check, BaseUpstreamCheck):
            for judgement in check.judge(configuration, found):
                if judgement.connection is not None:
                    opinions.setdefault(judgement.connection, set()).add(judgement.result)
    return opinions


def _keys(settings: Sequence[Setting]) -> Json:
    """The keys of a document that bear nginx's own names."""
    return {one.name: one.value for one in sorted(settings, key=lambda one: one.name) if one.is_set}


def _undecided(settings: Sequence[Setting]) -> Json:
    return {one.name: list(one.possible) for one in settings if one.possible}


def _undecided_transport(connection: Connection) -> Json:
    return {"transport": [printable(connection.target)]} if connection.transport is Transport.UNDECIDED else {}


def _origins(settings: Sequence[Setting]) -> Json:
    """Where the directives stand, those included whose empty value means the same as none."""
    found = {one.name: values.place(one.placed[0].directive) for one in settings if one.placed}
    return dict(sorted(found.items()))


def _written(placed: Placed | None) -> str | None:
    return None if placed is None else printable(" ".join(placed.directive.args))


def _missing_includes(block: Block) -> list[str]:
    """Includes around a block that are not in the scanned tree, and template expressions that stand for directives."""
    missing = (placed.directive for placed in block.missing_includes())
    return list(dict.fromkeys(printable((one.args if one.name == "include" else (one.name,))[0]) for one in missing))
