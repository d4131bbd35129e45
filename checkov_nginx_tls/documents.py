"""Outbound TLS connections as documents for policy engines; ``export_schema.json`` describes them.

A document holds facts under nginx's own names, and what a policy cannot work out from one connection alone: where
values come from, what a variable can be, and what connections have in common. Only ``verified`` is an opinion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from checkov.common.models.enums import CheckResult

import checkov_nginx_tls.checks  # noqa: F401  # registers our checks
from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck
from checkov_nginx_tls.checks.registry import registry
from checkov_nginx_tls.lone_offs import lone_offs
from checkov_nginx_tls.modules import FLAGS, MODULES
from checkov_nginx_tls.resources import ResourceNames
from checkov_nginx_tls.sharing import (
    changes_together,
    is_local,
    keepalive_of,
    resumers,
    sets_in_ifs,
    speaking_tls,
    users_of_groups,
    verification_of,
)
from checkov_nginx_tls.suppressions import Suppressions
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.targets import Transport, is_address, name_in
from checkov_nginx_tls.texts import printable
from checkov_nginx_tls.upstreams import Flag, bundle_of, connections, flag, verification_elsewhere
from checkov_nginx_tls.variables import Unfixed, constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from checkov_nginx_tls.lone_offs import LoneOff
    from checkov_nginx_tls.model import Block, Configuration, Placed
    from checkov_nginx_tls.modules import Module
    from checkov_nginx_tls.sharing import Verification
    from checkov_nginx_tls.syntax import Directive
    from checkov_nginx_tls.targets import Target
    from checkov_nginx_tls.templates import Case
    from checkov_nginx_tls.upstreams import Connection, Group
    from checkov_nginx_tls.variables import Value

    Json = dict[str, Any]
    """An object of JSON. Its keys are in the order in which they are printed."""

SCHEMA_VERSION: Final = "1.0"
"""Of the documents. The first number changes when a field goes or means something else, the second when one comes."""

_TRANSPORTS: Final = {Transport.TLS: "tls", Transport.PLAINTEXT: "plaintext", Transport.UNDECIDED: None}
_EMPTY_MEANS_UNSET: Final = ("_trusted_certificate", "_crl", "_certificate")
"""Endings of directives whose empty value is the same to nginx as none (``ngx_http_proxy_set_ssl``)."""

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


class _Setting(NamedTuple):
    """One of nginx's directives as a connection has it.

    ``value`` is None where it is not known; then ``possible`` are the texts that it may be, None for not set.
    ``placed`` is where it comes from.
    """

    name: str
    value: str | list[Json] | None
    placed: Placed | None
    possible: tuple[str | None, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether the document has a key for it."""
        return self.value is not None or bool(self.possible)


class _Speaker(NamedTuple):
    """What speaks TLS where there is no pass: nginx's module, the prefix of its directives."""

    module: str
    ssl_prefix: str
    always_tls: bool


def _speaker(block: Block, verify: str) -> _Speaker:
    """Whom a directive in a block tells whether to verify."""
    family = block.type.partition(".")[0]
    if verify == "js_fetch_verify":
        return _Speaker(f"ngx_{family}_js_module", "js_fetch", always_tls=True)
    if verify == "ssl_verify":
        return _Speaker("ngx_mgmt_module" if family == "mgmt" else "ngx_http_acme_module", "ssl", always_tls=True)
    module = next(one for one in MODULES if one.family == family and one.verify == verify)
    return _Speaker(module.nginx_name, module.ssl_prefix, always_tls=False)


class _Describer:
    """Describes the connections of one configuration."""

    def __init__(self, configuration: Configuration, scan: _Scan) -> None:
        self._configuration = configuration
        self._scan = scan
        self._connections = connections(configuration)
        self._users = {
            group: _Users(group, users) for group, users in users_of_groups(speaking_tls(self._connections)).items()
        }
        self._sessions = _sessions(self._connections)
        self._elsewhere: dict[Connection, list[tuple[Placed, bool]]] = {}
        for connection, placed, used in verification_elsewhere(self._connections):
            self._elsewhere.setdefault(connection, []).append((placed, used))
        self._opinions = _opinions(configuration, self._connections)
        self._directives: dict[tuple[Block, str], list[str]] = {}

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
        return wants_bundle and not all(map(bundle_of, connection.possible("trusted_certificate")))

    def _key(self, placed: Placed) -> tuple[Any, ...]:
        directive = placed.directive
        way = tuple((include.source.name, include.start) for include in placed.includes)
        main = self._configuration.main.source
        return (directive.source.name, directive.start, directive.source.key, main.name, main.key, way)

    def _of_connection(self, connection: Connection) -> Json:
        module = connection.module
        placed = connection.placed
        hidden = [_missing(one.directive) for one in connection.block.missing_includes()]
        settings = self._settings(connection.block.scope, module, placed.conditions, hidden=bool(hidden))
        settings.append(_Setting(module.pass_directive, connection.target, placed))
        elsewhere = self._elsewhere.get(connection, [])
        groups = [self._group(group, connection) for group in connection.groups]
        causes = [
            *(setting.placed for setting in settings if setting.placed is not None),
            *connection.settings("conf_command"),
            *(one for one, _used in elsewhere),
            *(keepalive for keepalive in map(keepalive_of, connection.groups) if keepalive is not None),
        ]
        named = connection.fixed_name is not None
        names = sorted(map(_name, connection.names), key=lambda name: str(name["name"]))
        return {
            **self._head(placed, module.nginx_name, connection.block.type),
            "pass_directive": module.pass_directive,
            "ssl_prefix": module.ssl_prefix,
            "target": printable(connection.target),
            "transport": _TRANSPORTS[connection.transport],
            "serves_requests": connection.handles,
            "loads_bundle": connection.loads_bundle,
            "loopback": connection.stays_on_this_machine,
            "verified": self._verified(connection),
            **_keys(settings),
            **self._intermediate(connection),
            "targets": [_target(target, connection.groups) for target in connection.targets],
            "name_directive": f"{module.ssl_prefix}_name" if named else module.pass_directive,
            "names": names,
            "name_varies_with_target": changes_together(connection),
            "if_sets_variables": sets_in_ifs(connection),
            "groups": groups,
            "sessions": self._sessions.get(connection, []),
            "verification_elsewhere": [
                {"directive": one.directive.name, **_place(one), "used": used} for one, used in elsewhere
            ],
            **self._tail(settings, causes, hidden, self._undecided_transport(connection)),
        }

    def _of_lone_off(self, off: LoneOff) -> Json:
        """A directive that turns verification off, without a connection."""
        name = off.placed.directive.name
        speaker = _speaker(off.block, name)
        value = _Setting(name, "off", off.placed)
        if not off.certain:
            texts = tuple(" ".join(one.directive.args) if one is not None else None for one in off.block.possible(name))
            value = _Setting(name, None, off.placed, texts)
        return {
            **self._head(off.placed, speaker.module, off.block.type),
            "pass_directive": None,
            "ssl_prefix": speaker.ssl_prefix,
            "target": None,
            "transport": "tls" if speaker.always_tls else None,
            "serves_requests": True,
            "loads_bundle": False,
            "loopback": False,
            "verified": False if off.certain else None,
            **_keys([value]),
            "targets": [],
            "name_directive": None,
            "names": [],
            "name_varies_with_target": False,
            "if_sets_variables": False,
            "groups": [],
            "sessions": [],
            "verification_elsewhere": [],
            **self._tail([value], [off.placed], [_missing(one.directive) for one in off.block.missing_includes()], {}),
        }

    def _head(self, placed: Placed, module: str, context: str) -> Json:
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
            "context": context,
            "root": printable(self._scan.root),
            "configuration": printable(self._configuration.main.source.name),
            "includes": [_place_of(include) for include in placed.includes],
        }

    def _tail(self, settings: Sequence[_Setting], causes: Sequence[Placed], hidden: Sequence[str], more: Json) -> Json:
        undecided = {setting.name: [_shown(text) for text in setting.possible] for setting in settings}
        origins = {setting.name: _place(setting.placed) for setting in settings if setting.placed is not None}
        return {
            "undecided": {name: texts for name, texts in undecided.items() if texts} | more,
            "missing_includes": list(dict.fromkeys(hidden)),
            "skips": self._skips(causes),
            "origins": dict(sorted(origins.items())),
        }

    def _settings(self, block: Block, module: Module, given: Sequence[Case], *, hidden: bool) -> list[_Setting]:
        """The directives of a module in effect in a block; ``hidden`` says that some may not be in sight."""
        prefix = f"{module.ssl_prefix}_"
        names = {name for level in block.inheritance() for name in self._names_in(level, prefix)}
        if module.tls_flag is not None:
            names.add(module.tls_flag)
        names.add(module.trusted_certificate)
        found = [_setting(block, name, given) for name in sorted(names)]
        if hidden:
            unseen = {module.trusted_certificate}
            found = [one._replace(possible=(None,)) if one.name in unseen and not one.is_set else one for one in found]
        return found

    def _names_in(self, level: Block, prefix: str) -> list[str]:
        key = (level, prefix)
        if key not in self._directives:
            names = {placed.directive.name for placed in level.simple if not placed.directive.is_opaque}
            self._directives[key] = [name for name in names if name.startswith(prefix)]
        return self._directives[key]

    def _verified(self, connection: Connection) -> bool | None:
        """Whether only a peer with a certificate for a name that the configuration fixes is sent anything."""
        if connection.transport is Transport.PLAINTEXT or connection.verification in (Flag.OFF, Flag.UNSET):
            return False
        opinions = self._opinions.get(connection, set())
        if connection.verification is Flag.ON and CheckResult.FAILED in opinions:
            return False
        known = connection.verification is Flag.ON and connection.transport is Transport.TLS
        return True if known and CheckResult.UNKNOWN not in opinions else None

    def _undecided_transport(self, connection: Connection) -> Json:
        return {"transport": [_shown(connection.target)]} if connection.transport is Transport.UNDECIDED else {}

    def _intermediate(self, connection: Connection) -> Json:
        """Whether the bundle holds an intermediate CA, looked at only where the depth allows none."""
        placed = connection.setting("verify_depth")
        depth = placed.directive.args[0] if placed is not None and placed.directive.args else ""
        if not depth.isdigit() or int(depth) or not connection.bundle:
            return {}
        from checkov_nginx_tls.certificates import read_bundle

        file = self._configuration.read(connection.bundle)
        return {"bundle_has_intermediate": None if file is None else read_bundle(file.data).has_intermediate}

    def _group(self, group: Group, connection: Connection) -> Json:
        keepalive = keepalive_of(group)
        users = self._users.get(group)
        return {
            "name": printable(group.name),
            "members": [printable(member) for member in group.members],
            "keepalive": _keepalive(keepalive) if keepalive is not None else None,
            "users": users.seen_by(connection) if users is not None else [],
        }

    def _skips(self, causes: Sequence[Placed]) -> list[Json]:
        """The skip comments that cover directives from which a finding may come, each with those that it covers."""
        covered: dict[Any, list[Json]] = {}
        for placed in dict.fromkeys(causes):
            for skip in self._scan.suppressions.covering([placed.directive, *placed.includes]):
                covered.setdefault(skip, []).append({"directive": placed.directive.name, **_place(placed)})
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


class _Users:
    """The different conditions under which connections to a group are opened."""

    def __init__(self, group: Group, users: Sequence[Connection]) -> None:
        self._conditions: list[Json] = []
        self._index: dict[Connection, int] = {}
        known: dict[Any, int] = {}
        alike: dict[Any, list[int]] = {}
        for one in users:
            verification = verification_of(one, group)
            kind = (one.module, verification is not None, changes_together(one))
            index = known.setdefault((kind, verification), len(known))
            if index == len(self._conditions):
                self._conditions.append(_condition(one, verification))
                alike.setdefault(kind, []).append(index)
            self._index[one] = index
        # Two of a kind suffice to tell whether any differs from one: thousands of names need not be in every document.
        self._shown = {index for indexes in alike.values() for index in indexes[:2]}

    def seen_by(self, connection: Connection) -> list[Json]:
        """At most two of each kind, and the connection's own, which has a mark."""
        own = self._index.get(connection)
        shown = sorted(self._shown | ({own} if own is not None else set()))
        return [{**self._conditions[index], "own": index == own} for index in shown]


def _condition(connection: Connection, verification: Verification | None) -> Json:
    return {
        "module": connection.module.nginx_name,
        "verifies": verification is not None,
        "trusted_certificate": printable(verification.bundle) if verification is not None else "",
        "names": sorted(map(_text, verification.names)) if verification is not None else [],
        "name_varies_with_target": changes_together(connection),
    }


def _sessions(found: Sequence[Connection]) -> dict[Connection, list[Json]]:
    """The peers whose TLS sessions each connection may resume, where they are verified with different bundles."""
    sessions: dict[Connection, list[Json]] = {}
    for (_family, peer), sharing in sorted(resumers(found).items()):
        if len({one.bundle for one in sharing}) > 1:
            first = printable(sharing[0].bundle)
            for one in sharing:
                bundles = {"trusted_certificate": printable(one.bundle), "first_trusted_certificate": first}
                sessions.setdefault(one, []).append({"peer": printable(peer), **bundles})
    return sessions


def _opinions(configuration: Configuration, found: Sequence[Connection]) -> dict[Connection, set[CheckResult]]:
    opinions: dict[Connection, set[CheckResult]] = {}
    for check in registry.builtin_checks():
        if check.id in _DECIDE_VERIFICATION and isinstance(check, BaseUpstreamCheck):
            for judgement in check.judge(configuration, found):
                if judgement.connection is not None:
                    opinions.setdefault(judgement.connection, set()).add(judgement.result)
    return opinions


def _setting(block: Block, name: str, given: Sequence[Case]) -> _Setting:
    if name.endswith("_conf_command"):
        commands = block.effective_all(name, given)
        return _Setting(name, list(map(_command, commands)) or None, commands[0] if commands else None)
    possible = block.possible(name, given)
    placed = block.effective(name, given)
    if name in FLAGS:
        value = {Flag.ON: "on", Flag.OFF: "off"}.get(flag(placed))
        known = value is not None or placed is None
        texts = [value] if known else [_arguments(one) for one in possible]
    else:
        several = block.effective_all(name, given) if len(possible) == 1 and possible[0] is not None else []
        texts = [" ".join(text for one in several for text in one.directive.args)] if several else []
        texts = texts or list(dict.fromkeys(map(_arguments, possible)))
        values = [arg for one in (several or possible) if one is not None for arg in one.directive.args]
        known = len(texts) == 1 and not any(isinstance(value, Templated) for value in values)
    if name.endswith(_EMPTY_MEANS_UNSET):
        texts = list(dict.fromkeys(text or None for text in texts))
        known = known or texts == [None]
    return _Setting(name, texts[0], placed) if known else _Setting(name, None, placed, tuple(texts))


def _arguments(placed: Placed | None) -> str | None:
    return " ".join(placed.directive.args) if placed is not None else None


def _command(placed: Placed) -> Json:
    """A command for OpenSSL; what a template fills in is None."""
    args = [None if isinstance(arg, Templated) else printable(arg) for arg in placed.directive.args]
    return {"name": args[0] if args else "", "value": args[1] if len(args) > 1 else "", **_place(placed)}


def _keys(settings: Iterable[_Setting]) -> Json:
    """The keys of a document that bear nginx's own names."""
    return {
        setting.name: printable(setting.value) if isinstance(setting.value, str) else setting.value
        for setting in sorted(settings, key=lambda setting: setting.name)
        if setting.is_set
    }


def _keepalive(placed: Placed) -> Json:
    args = placed.directive.args
    return {"connections": printable(args[0]) if args else "", "local": is_local(placed), **_place(placed)}


def _target(target: Target, groups: Sequence[Group]) -> Json:
    return {
        "transport": _TRANSPORTS[target.transport],
        "host": _text(target.host),
        "depends_on": _depends_on(target.host),
        "kind": _kind(name_in(target.host), {group.name for group in groups}, constant(target.host)),
    }


def _name(name: Value) -> Json:
    return {"name": _text(name), "depends_on": _depends_on(name), "kind": _kind(name, set(), None)}


def _kind(name: Value, groups: set[str], host: str | None) -> str | None:
    """What a name is, None where the configuration does not fix it."""
    text = constant(name)
    if text is None:
        return None
    if host is not None and host.lower() in groups:
        return "group"
    if text.lower().startswith("unix:"):
        return "unix"
    if is_address(text):
        return "address"
    return "name" if text else "empty"


def _text(value: Value) -> str:
    """A value in which ``<client>`` and its like stand for what the configuration does not fix."""
    return "".join(printable(part) if isinstance(part, str) else f"<{part.value}>" for part in value)


def _depends_on(value: Value) -> list[str]:
    return sorted({part.value for part in value if isinstance(part, Unfixed)})


def _missing(directive: Directive) -> str:
    """What an include that is not in the scanned tree names, or a template expression that stands for directives."""
    return printable(directive.args[0] if directive.name == "include" and directive.args else directive.name)


def _place(placed: Placed) -> Json:
    return _place_of(placed.directive)


def _place_of(directive: Directive) -> Json:
    return {"file": printable(directive.source.name), "line": directive.line}


def _shown(text: str | None) -> str | None:
    return None if text is None else printable(text)
