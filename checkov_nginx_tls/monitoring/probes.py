"""What the blackbox exporter has to do to see an upstream's certificate as nginx sees it."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.inputs import STANDARD_INPUT_NAME
from checkov_nginx_tls.model import ancestors, may_hold
from checkov_nginx_tls.modules import STORE_COMMANDS
from checkov_nginx_tls.monitoring.peers import Unprobed, fixed, peers
from checkov_nginx_tls.protocol_versions import VERSIONS, admitted_versions
from checkov_nginx_tls.resources import server_label
from checkov_nginx_tls.syntax import Templated, source_id
from checkov_nginx_tls.targets import Transport, name_in
from checkov_nginx_tls.upstreams import Flag, connections, flag, is_named_by_address, matches_nothing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.model import Block, Configuration, Placed
    from checkov_nginx_tls.monitoring.peers import Peer
    from checkov_nginx_tls.syntax import Source
    from checkov_nginx_tls.targets import Target
    from checkov_nginx_tls.upstreams import Connection

_CONFIGURATION_DIRECTORY: Final = "/etc/nginx"
"""Where relative paths begin if the configuration does not say where its main file is: packages and images have it."""

_NO_FILE: Final = ("data:", "engine:", "store:")
_DEFAULT_VERSIONS: Final = ("TLSv1.2", "TLSv1.3")


class Place(NamedTuple):
    """The block of a pass directive: the file of the directive, the server and the location as they are called.

    ``server`` and ``location`` are "" where there is none in sight. ``text`` names the block in one line.
    """

    file: str
    server: str
    location: str
    text: str


class Settings(NamedTuple):
    """How nginx speaks TLS to an upstream.

    ``name`` is the name that nginx verifies, or would; ``sends_name`` says whether it also asks for it (SNI).
    ``bundle`` is the file of trusted certificates, "" where nginx does not verify. ``certificate`` and ``key`` are
    those of the client, "" for none. ``versions`` are the oldest and the newest version of TLS. Files are as the
    exporter finds them.
    """

    name: str
    sends_name: bool
    bundle: str
    certificate: str
    key: str
    versions: tuple[str, str]


class Probe(NamedTuple):
    """One address to watch because of one block. ``upstream`` is the group it is a member of, "" for none."""

    address: str
    upstream: str
    module: str
    settings: Settings
    place: Place


class LeftOut(NamedTuple):
    """What is not watched, and the reason.

    ``target`` is the pass directive's argument, ``address`` what it leads to, "" where that is all of it or not known;
    ``line`` is that of the directive.
    """

    place: Place
    line: int
    module: str
    target: str
    address: str
    reason: str


class Plan(NamedTuple):
    """What is watched and what is not, each once, in a stable order."""

    probes: tuple[Probe, ...]
    left_out: tuple[LeftOut, ...]


class PathMap:
    """Where the exporter finds the files that nginx's configuration names: directories or files, old name to new."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        named = [(posixpath.normpath(old), new) for old, new in pairs]
        self._pairs = sorted(named, key=lambda pair: len(pair[0]), reverse=True)

    def __call__(self, path: str) -> str:
        """The path for the exporter: the longest name that leads to it is replaced, whatever ``..`` are on the way."""
        plain = posixpath.normpath(path)
        for old, new in self._pairs:
            start = old.rstrip("/") + "/"
            if plain == old:
                return new
            if plain.startswith(start):
                return posixpath.join(new, plain[len(start) :])
        return path


def plan(configurations: Sequence[Configuration], path_map: PathMap) -> Plan:
    """Everything that the TLS connections of these configurations reach."""
    probes: set[Probe] = set()
    left_out: set[LeftOut] = set()
    for configuration in configurations:
        for connection in connections(configuration):
            if connection.handles and connection.transport is not Transport.PLAINTEXT:
                place = _place(connection)
                for found in _look_at(configuration, connection, place, path_map):
                    if isinstance(found, Probe):
                        probes.add(found)
                    else:
                        line, module = _line(configuration, connection), connection.module.name
                        left_out.add(LeftOut(place, line, module, connection.target, found.address, found.reason))
    return Plan(tuple(sorted(probes)), tuple(sorted(left_out)))


def _look_at(
    configuration: Configuration, connection: Connection, place: Place, path_map: PathMap
) -> Iterator[Probe | Unprobed]:
    try:
        settings = _settings(connection, _Files(configuration, path_map))
    except Unprobed as unprobed:
        yield unprobed
        return
    for peer in peers(connection):
        yield peer if isinstance(peer, Unprobed) else _probe(connection, peer, settings, place)


def _probe(connection: Connection, peer: Peer, settings: Settings, place: Place) -> Probe | Unprobed:
    try:
        name = _name(connection, peer.target, verified=bool(settings.bundle))
    except Unprobed as unprobed:
        return unprobed
    return Probe(peer.address, peer.upstream, connection.module.name, settings._replace(name=name), place)


def _settings(connection: Connection, files: _Files) -> Settings:
    """The settings of a connection without the name, which may be another for each of its targets."""
    verified = _is_verified(connection)
    if not verified and connection.stays_on_this_machine:
        raise Unprobed("nginx does not verify it, and it is on nginx's own machine")
    _refuse_proxy_protocol(connection)
    certificate, key = _client_certificate(connection, files)
    return Settings(
        name="",
        sends_name=_sends_name(connection),
        bundle=_bundle(connection, files) if verified else "",
        certificate=certificate,
        key=key,
        versions=_versions(connection),
    )


class _Files:
    """The paths of one configuration, as the exporter finds them."""

    def __init__(self, configuration: Configuration, path_map: PathMap) -> None:
        key = configuration.main.source.key
        self._directory = posixpath.dirname(key) if key.startswith("/") else _CONFIGURATION_DIRECTORY
        self._path_map = path_map

    def path(self, placed: Placed) -> str:
        """The file that a directive names; nginx reads a relative path from the directory of its main file."""
        directive = placed.directive
        path = directive.args[0]
        if isinstance(path, Templated) or "$" in path:
            raise Unprobed(f"{directive.name} is not fixed: {path}")
        if path.startswith(_NO_FILE):
            raise Unprobed(f"{directive.name} is no file, and the exporter reads only files")
        if not path.isprintable():
            raise Unprobed(f"{directive.name} names a file in letters that are not UTF-8, or do not print")
        return self._path_map(posixpath.join(self._directory, path))


def _is_verified(connection: Connection) -> bool:
    if connection.verification is Flag.UNDECIDED:
        directive = f"{connection.module.ssl_prefix}_verify"
        raise Unprobed(f"{directive} is on or off depending on a value that is not in these files")
    return connection.verification is Flag.ON


def _refuse_proxy_protocol(connection: Connection) -> None:
    placed = connection.block.scope.effective("proxy_protocol", connection.given)
    if connection.module.family == "stream" and flag(placed) is not Flag.OFF and placed is not None:
        raise Unprobed("nginx sends a PROXY protocol header before TLS begins, and the exporter cannot")


def _bundle(connection: Connection, files: _Files) -> str:
    for command in _listed(connection, "conf_command"):
        args = command.directive.args
        if args and args[0].lower() in STORE_COMMANDS:
            raise Unprobed(
                f"{command.directive.name} {args[0]} replaces the trusted certificates: remove it (CKV_NGINX_CUSTOM_05)"
            )
    placed = connection.trusted_certificate
    if placed is None or not connection.bundle:
        raise Unprobed(
            f"nginx does not start: {connection.module.trusted_certificate} is missing (CKV_NGINX_CUSTOM_02)"
        )
    return files.path(placed)


def _client_certificate(connection: Connection, files: _Files) -> tuple[str, str]:
    """The client's certificate and key; nginx shows them whether or not it verifies."""
    certificate, key = connection.setting("certificate"), connection.setting("certificate_key")
    if certificate is None or not certificate.directive.args or not certificate.directive.args[0]:
        return "", ""
    if key is None or not key.directive.args or not key.directive.args[0]:
        raise Unprobed(f"nginx does not start: {certificate.directive.name} has no {certificate.directive.name}_key")
    passwords = connection.setting("password_file")
    if passwords is not None:
        raise Unprobed(f"the client's key has a password ({passwords.directive.name}), and the exporter takes none")
    return files.path(certificate), files.path(key)


def _sends_name(connection: Connection) -> bool:
    value = flag(connection.setting("server_name"))
    if value is Flag.UNDECIDED:
        directive = f"{connection.module.ssl_prefix}_server_name"
        raise Unprobed(f"{directive} is on or off depending on a value that is not in these files")
    return value is Flag.ON


def _versions(connection: Connection) -> tuple[str, str]:
    """The oldest and the newest version without a gap between them, for OpenSSL offers nothing above a gap.

    The defaults of nginx where a template decides.
    """
    protocols, commands = _listed(connection, "protocols"), _listed(connection, "conf_command")
    if any(_is_open(connection, placed) for placed in (*protocols, *commands)):
        return _DEFAULT_VERSIONS
    admitted = list(admitted_versions(protocols, commands))
    if not admitted:
        return _DEFAULT_VERSIONS
    oldest = VERSIONS.index(admitted[0])
    together = [version for number, version in enumerate(admitted) if VERSIONS[oldest + number] == version]
    return together[0], together[-1]


def _listed(connection: Connection, setting: str) -> list[Placed]:
    """The directives in effect for a setting that may be given several times, and those that a template may put there.

    nginx takes them from the nearest level that has any.
    """
    name, given = f"{connection.module.ssl_prefix}_{setting}", connection.given
    found: list[Placed] = []
    for block in connection.block.scope.inheritance():
        found += [placed for placed in block.own(name) if may_hold(placed.conditions, given)]
        if not all(set(placed.conditions) - set(given) for placed in found):
            break
    return found


def _is_open(connection: Connection, placed: Placed) -> bool:
    """Whether a template decides if a directive is there, or what it says."""
    conditions = set(placed.conditions) - set(connection.given)
    return bool(conditions) or any(isinstance(value, Templated) for value in placed.directive.args)


def _name(connection: Connection, target: Target, *, verified: bool) -> str:
    """The name that nginx verifies, or would; raises Unprobed where no certificate can have it, or it is not known."""
    prefix = connection.module.ssl_prefix
    names = connection.names if connection.fixed_name is not None else frozenset({name_in(target.host)})
    if is_named_by_address(connection):
        raise Unprobed(f"the name to verify is the address that DNS gives: set {prefix}_name")
    if len(names) != 1:
        raise Unprobed(f"the name to verify is one of several that a request chooses: {prefix}_name")
    name = fixed(next(iter(names)), f"the name to verify ({prefix}_name)")
    if matches_nothing(connection, name):
        if verified:
            raise Unprobed(
                f'nginx refuses every certificate, for none has the name "{name}": set {prefix}_name '
                "(CKV_NGINX_CUSTOM_08)"
            )
        raise Unprobed(
            f'nginx does not verify it, and could not: no certificate has the name "{name}"; set {prefix}_name too'
        )
    if name.startswith("."):
        raise Unprobed(
            f'{prefix}_name "{name}" accepts every name below it, and the exporter takes one (CKV_NGINX_CUSTOM_06)'
        )
    return name


def _place(connection: Connection) -> Place:
    source = connection.placed.directive.source
    file = _file(source)
    blocks = list(ancestors(connection.block))
    server = next((_server(block) for block in blocks if block.type in ("http.server", "stream.server")), "")
    location = next((_arguments(block) for block in blocks if block.type == "http.location"), "")
    kind = "stream server" if connection.module.family == "stream" else "server"
    condition = connection.block.type.partition(".")[2] if connection.block.noname else ""
    parts = [
        f"{kind} {server}" if server else "",
        f"location {location}" if location else "",
        f"{condition} {_arguments(connection.block)}" if condition else "",
    ]
    text = ", ".join(filter(None, parts))
    return Place(file, server, location, f"{text} ({file})" if text else file)


def _server(block: Block) -> str:
    head = block.placed.directive if block.placed is not None else None
    return server_label(head.block or ()) if head is not None else ""


def _arguments(block: Block) -> str:
    return " ".join(block.placed.directive.args) if block.placed is not None else ""


def _file(source: Source) -> str:
    """What a file is called; one of a dump on standard input as on its machine."""
    return source.key if _is_piped(source) else source_id(source.name, source.key)


def _line(configuration: Configuration, connection: Connection) -> int:
    """The line of the pass directive in what ``_file`` names."""
    directive = connection.placed.directive
    if not _is_piped(directive.source):
        return directive.line
    return directive.line - directive.source.position(configuration.files[directive.source.id].extent[0]).line + 1


def _is_piped(source: Source) -> bool:
    """Whether it is one of the files that nginx -T prints, on standard input."""
    return source.name == STANDARD_INPUT_NAME and source.key.startswith("/")
