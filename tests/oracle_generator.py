"""Random configurations that nginx accepts, and what their authors plainly meant.

`cases` is a hypothesis strategy. A case is a tree of blocks: settings of every family on every level, in snippets
that several blocks may share, and passes with literal or variable targets, each of which a client can reach. The
generator knows of each pass what it would take to judge nginx's behaviour and nothing of nginx's own: which
identities the configuration admits by a constant bundle and a constant name (`Pass.admits`). Who receives data is
for nginx to show, which `oracle_random` asks.

Conventions: ``<target>`` is the upstream whose identity changes. `OTHER_NAME`'s certificate (identity
``wrong_name``) is right for a pass that fixes that name. ``root_and_impostor.pem`` admits the impostor, whose
certificate has every name that an attacker would like.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count, product
from typing import TYPE_CHECKING, TypeVar

from hypothesis import strategies as st

from oracle_certificates import BACKEND_NAME, OTHER_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hypothesis.vendor.pretty import RepresentationPrinter

Choice = TypeVar("Choice")

ANY_NAME = "*"
"""A name that is not fixed: nobody is admitted by it but the upstream that was meant."""

SAME_AS_HOST = "="
"""The name in the target, whatever that is."""

QUOTED_NOTHING = '""'

UNDOTTED_NAME = "backend"
"""The name of a group for which nobody has a certificate."""

TARGET_ADDRESSES = ("<target>", "<target:unix>")
"""Addresses of upstreams, which a client may name where they are written out somewhere."""

REQUEST_LIMIT = 20
"""Requests for one pass beyond which knobs are left alone."""

_KEYS = ("", "a", "b", "c", "d")
"""Values of the argument ``k`` that choose between the results of maps; they fall on both halves of
``split_clients``."""


@dataclass(frozen=True)
class Family:
    """The words of one module."""

    prefix: str
    pass_directive: str
    context: str = "http"
    tls: str = ""
    plain: str = ""
    bare: bool = False


PROXY = Family("proxy", "proxy_pass", tls="https", plain="http")
GRPC = Family("grpc", "grpc_pass", tls="grpcs", plain="grpc", bare=True)
UWSGI = Family("uwsgi", "uwsgi_pass", tls="suwsgi", plain="uwsgi", bare=True)
STREAM = Family("proxy", "proxy_pass", context="stream")
HTTP_FAMILIES = (PROXY, GRPC, UWSGI)


@dataclass(frozen=True)
class Source:
    """A text in a directive, and what it can be worth.

    ``values`` are the constants that the configuration allows, and `ANY_NAME` where the client chooses.
    ``knobs`` are the parts of a request that change the value. ``sets`` are rewrite directives that the text
    needs in its location, ``server_sets`` in the server, ``blocks`` blocks beside the server.
    """

    text: str
    values: frozenset[str]
    knobs: frozenset[str] = frozenset()
    sets: tuple[str, ...] = ()
    server_sets: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """The argument of a pass; ``values`` are the names in it, the rest is as in `Source`.

    ``transport`` is ``tls``, ``plain``, ``mixed`` where requests decide, or ``listener`` where `$scheme` does.
    """

    text: str
    transport: str
    values: frozenset[str]
    knobs: frozenset[str] = frozenset()
    sets: tuple[str, ...] = ()
    server_sets: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """A directive with the value that nginx reads in ``text``, and what that means if it is a name."""

    name: str
    value: str
    text: str
    source: Source | None = None


@dataclass(frozen=True)
class Snippet:
    """Settings in a file of their own, with a snippet that it includes."""

    file: str
    settings: tuple[Setting, ...]
    inner: Snippet | None = None

    def all_settings(self) -> tuple[Setting, ...]:
        return (*self.settings, *(self.inner.all_settings() if self.inner else ()))

    def files(self) -> Iterator[tuple[str, str]]:
        include = f"include {self.inner.file};\n" if self.inner else ""
        yield self.file, include + "".join(f"{setting.text}\n" for setting in self.settings)
        if self.inner:
            yield from self.inner.files()


@dataclass(frozen=True)
class Route:
    """How a client reaches a pass."""

    path: str = "/"
    x: str = ""
    """The argument that ``if ($arg_x)`` looks at."""
    method: str = "GET"
    direct: str = ""
    """A path that leads there without the detour that ``path`` takes: a mirror keeps no connection, this does."""


@dataclass(eq=False)
class Pass:
    """A pass directive in one block. ``text`` is its argument."""

    family: Family
    text: str
    level: Level
    transport: str
    """``tls``, ``plain``, or ``mixed`` where requests decide; stream's is told by ``proxy_ssl``."""
    host_names: frozenset[str]
    """The names that stand in the target, which count where no ``*_ssl_name`` is set."""
    knobs: frozenset[str] = frozenset()
    route: Route = Route()
    listeners: tuple[Listener, ...] = ()
    dead: bool = False
    """It serves nothing: a later pass replaces it, or a ``return`` answers first."""

    def setting(self, name: str) -> Setting | None:
        return self.level.effective(f"{self.family.prefix}_ssl_{name}")

    @property
    def verified(self) -> bool:
        setting = self.setting("verify")
        return setting is not None and setting.value == "on"

    @property
    def speaks_tls(self) -> bool:
        if self.family is STREAM:
            switch = self.level.effective("proxy_ssl")
            return switch is not None and switch.value == "on"
        if self.transport == "listener":
            return any(listener.tls for listener in self.listeners)
        return self.transport != "plain"

    @property
    def lacks_bundle(self) -> bool:
        """Verification is on and has no bundle, which stops nginx unless the pass is plain."""
        bundle = self.setting("trusted_certificate")
        return self.verified and (bundle is None or not bundle.value)

    @property
    def names(self) -> frozenset[str]:
        """The names that the configuration fixes for verification."""
        setting = self.setting("name")
        if setting is None or setting.source is None or SAME_AS_HOST in setting.source.values:
            return self.host_names
        if self.level.kind == "limit_except" and setting.source.sets:
            return frozenset({""})  # limit_except does not see what its location sets
        return setting.source.values

    @property
    def changes_name(self) -> bool:
        """Requests decide which of several names nginx verifies, whatever the target."""
        setting = self.setting("name")
        fixed = setting is not None and setting.source is not None and SAME_AS_HOST not in setting.source.values
        return fixed and self.verified and len(self.names) > 1 and ANY_NAME not in self.names

    @property
    def depends_twice(self) -> bool:
        """Requests decide on the name, and on more, which may never go together."""
        return self.changes_name and (self.transport == "mixed" or len(self.host_names) > 1)

    def may_share_with(self, other: Pass) -> bool:
        """Connections or sessions of another pass may come to this one, so that a finding there is enough."""
        hosts = self.host_names & other.host_names or ANY_NAME in self.host_names | other.host_names
        return other is not self and bool(hosts) and self.family.context == other.family.context

    @property
    def all_knobs(self) -> frozenset[str]:
        if not self.speaks_tls:
            return self.knobs - {"sni"}
        setting = self.setting("name")
        return self.knobs if setting is None or setting.source is None else self.knobs | setting.source.knobs

    @property
    def admits(self) -> frozenset[str]:
        """The identities that may receive its data over TLS: by bundle, and by a name that is fixed."""
        if not self.verified:
            return frozenset({"trusted"})
        bundle = self.setting("trusted_certificate")
        names = self.names
        admitted = {"trusted"} if BACKEND_NAME in names or ANY_NAME in names else set()
        if OTHER_NAME in names:
            admitted.add("wrong_name")
        command = self.setting("conf_command")
        replaced = command is not None and "VERIFYCA" in command.value.upper()
        if bundle is not None and bundle.value == "both" and not replaced and names - {"", ANY_NAME}:
            admitted.add("impostor")
        return frozenset(admitted)

    @property
    def leaves_it_to_openssl(self) -> bool:
        """nginx does not verify, and a VerifyMode makes OpenSSL look at the chain but not at the name.

        Whom that lets in depends on the store that another command names, here nobody. It is no verification.
        """
        command = self.setting("conf_command")
        mode = command is not None and "VerifyMode" in command.value
        return mode and self.speaks_tls and not self.verified and not self.dead

    @property
    def stays_here(self) -> bool:
        """It reaches a unix socket, for which nobody needs verification."""
        return "<target:unix>" in self.text

    @property
    def wanted(self) -> frozenset[str]:
        """The honest identities that it may be meant for."""
        return frozenset({"trusted", *(("wrong_name",) if self.names & {OTHER_NAME, ANY_NAME} else ())})

    def requests(self) -> Iterator[Shot]:
        """What a hostile client sends to it."""
        knobs = sorted(self.all_knobs)
        choices = [KNOBS[knob] for knob in knobs]
        listeners = self.listeners if "scheme" in self.all_knobs else self.listeners[:1]
        combinations = [dict(zip(knobs, values)) for values in product(*choices)][:REQUEST_LIMIT]
        direct = [replace(self.route, path=self.route.direct, direct="")] if self.route.direct else []
        for listener in listeners:
            for values in combinations:
                for route in [self.route, *direct]:
                    yield Shot(listener, route, tuple(sorted(values.items())))


@dataclass(frozen=True)
class Listener:
    """A listening placeholder and what it speaks."""

    name: str
    tls: bool = False
    stream: bool = False


@dataclass(frozen=True)
class Shot:
    """One request: a listener, the way to the pass, and the values of its knobs."""

    listener: Listener
    route: Route
    knobs: tuple[tuple[str, str], ...]


@dataclass(eq=False)
class Level:
    """A block."""

    kind: str
    head: str
    parent: Level | None
    settings: list[Setting] = field(default_factory=list)
    snippets: list[Snippet] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    children: list[Level] = field(default_factory=list)
    children_file: str = ""
    """The file that the blocks in it stand in, if they are included."""
    late: bool = False
    """The settings stand at the end."""
    listeners: tuple[Listener, ...] = ()
    double_members: bool = False
    """A group has two members of equal rank, which take turns."""

    def effective(self, name: str) -> Setting | None:
        level: Level | None = self
        while level is not None:
            own = level.own(name)
            if own:
                return own[-1]
            level = level.parent
        return None

    def own(self, name: str) -> list[Setting]:
        included = (setting for snippet in self.snippets for setting in snippet.all_settings())
        return [setting for setting in (*included, *self.settings) if setting.name == name]

    def walk(self) -> Iterator[Level]:
        yield self
        for child in self.children:
            yield from child.walk()

    def clone(self, parent: Level) -> Level:
        """A copy in another block."""
        copy = replace(self, parent=parent, children=[], passes=[])
        copy.children = [child.clone(copy) for child in self.children]
        copy.passes = [replace(one, level=copy) for one in self.passes]
        return copy

    def render(self, files: dict[str, str], indent: str = "") -> str:
        """The block as text; what it includes goes into `files`."""
        inner = indent + "    "
        for snippet in self.snippets:
            files.update(snippet.files())
        settings = [f"include {snippet.file};" for snippet in self.snippets] + [one.text for one in self.settings]
        passes = [f"{one.family.pass_directive} {one.text};" for one in self.passes]
        early, late = ([], settings) if self.late else (settings, [])
        children = "".join(child.render(files, inner) for child in self.children)
        if self.children_file:
            files[self.children_file] = children
            children = f"{inner}include {self.children_file};\n"
        lines = "".join(
            f"{inner}{line}\n" for line in [*self.raw, *dict.fromkeys(self.sets), *early, *passes, *self.tail]
        )
        end = "".join(f"{inner}{line}\n" for line in late)
        return f"{indent}{self.head} {{\n{lines}{children}{end}{indent}}}\n"


@dataclass(eq=False)
class Case:
    """A configuration."""

    http: Level
    stream: Level

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: bool) -> None:  # hypothesis asks for it
        printer.text(repr(self))

    def __repr__(self) -> str:
        config, files = self.render()
        return "\n" + "".join(f"--- {name}\n{text}" for name, text in {"nginx.conf": config, **files}.items())

    def levels(self) -> Iterator[Level]:
        yield from self.http.walk()
        yield from self.stream.walk()

    def passes(self) -> list[Pass]:
        return [one for level in self.levels() for one in level.passes]

    def render(self) -> tuple[str, dict[str, str]]:
        """The main file and those that it includes."""
        files: dict[str, str] = {}
        blocks = [level.render(files) for level in (self.http, self.stream) if level.children]
        return "events {}\n" + "".join(blocks), files

    def lacks_bundle(self) -> bool:
        """A pass for which nginx loads a bundle has verification on and none."""
        return any(one.lacks_bundle for one in self.passes())

    def lend_bundles(self) -> None:
        """Give every pass that lacks a bundle one, so that the rest of the configuration can be judged."""
        for server in self.http.children:
            server.children_file = ""  # from here on servers that shared a file may differ
        for one in self.passes():
            name = f"{one.family.prefix}_ssl_trusted_certificate"
            if one.lacks_bundle:
                level = one.level.parent if one.level.kind in ("if", "limit_except") else one.level
                assert level is not None
                level.settings = [own for own in level.settings if own.name != name]
                if level.own(name):
                    level.snippets = [_without(snippet, name) for snippet in level.snippets]
                level.settings.append(Setting(name, "root", f"{name} <root.pem>;"))


def _without(snippet: Snippet, name: str) -> Snippet:
    inner = _without(snippet.inner, name) if snippet.inner else None
    return Snippet(f"{snippet.file}_", tuple(one for one in snippet.settings if one.name != name), inner)


KNOBS: Mapping[str, tuple[str, ...]] = {
    "k": _KEYS,
    "n": (BACKEND_NAME, OTHER_NAME, UNDOTTED_NAME, *TARGET_ADDRESSES),
    "xn": (BACKEND_NAME, OTHER_NAME, UNDOTTED_NAME, *TARGET_ADDRESSES),
    "cn": (BACKEND_NAME, OTHER_NAME, UNDOTTED_NAME, *TARGET_ADDRESSES),
    "label": ("backend", "other"),
    "host": (BACKEND_NAME, OTHER_NAME, UNDOTTED_NAME, *TARGET_ADDRESSES),
    "s": ("https", "http"),
    "gs": ("grpcs", "grpc"),
    "us": ("suwsgi", "uwsgi"),
    "ip": ("192.0.2.1", "10.1.1.1"),
    "p": ("1",),
    "scheme": ("",),
    "sni": (BACKEND_NAME, OTHER_NAME),
}
"""The parts of a request that a client can turn, and the values that a hostile one tries."""

_COMMANDS = (
    ("VerifyCAFile <root_and_impostor.pem>",),
    ("CipherString DEFAULT",),
    ("VerifyMode Request",),
    ("CipherString DEFAULT", "verifycafile <root_and_impostor.pem>"),
    ("VerifyCAStore file:<root_and_impostor.pem>",),
    ("MinProtocol TLSv1.2", "CipherString DEFAULT"),
)


class _Writer:
    """Draws one case."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw
        self._numbers = count(1)
        self._listeners = count(1)
        self._blocks: dict[str, list[str]] = {"http": [], "stream": []}

    # -------------------------------------------------------------------------------------- drawing

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """One of `choices`; the first is the simplest."""
        return choices[self._draw(st.integers(0, len(choices) - 1))]

    def chance(self, one_in: int) -> bool:
        return self._draw(st.integers(0, one_in - 1)) == one_in - 1

    def case(self) -> Case:
        http = Level("http", "http", None)
        stream = Level("stream", "stream", None)
        plan = self.pick(("http", "http", "http", "http", "stream", "both"))
        if plan != "stream":
            self.fill_http(http)
        if plan != "http":
            self.fill_stream(stream)
        for level in (http, stream):
            groups, double = self.groups(level.kind)
            level.raw += [*groups, *dict.fromkeys(self._blocks[level.kind])]
            level.double_members = double
        return Case(http, stream)

    # --------------------------------------------------------------------------------------- blocks

    def fill_http(self, http: Level) -> None:
        families = self.pick(((PROXY,), (PROXY,), (GRPC,), (UWSGI,), (PROXY, GRPC), HTTP_FAMILIES))
        self.settle(http, families, "http")
        server = self.server(http, families)
        if self.chance(3):
            other = self.server(http, families, filled=not (share := self.chance(2)))
            if share:
                server.children_file = other.children_file = "shared.conf"
                other.sets += server.sets
                other.children += [child.clone(other) for child in server.children]
        for one in http.children:
            for level in one.walk():
                for each in level.passes:
                    each.listeners = one.listeners

    def server(self, http: Level, families: Sequence[Family], *, filled: bool = True) -> Level:
        server = Level("server", "server", http)
        http.children.append(server)
        kinds = self.pick(((False,), (False,), (False,), (True,), (False, True)))
        server.listeners = tuple(Listener(f"listen{next(self._listeners)}", tls) for tls in kinds)
        server.raw += [f"listen <{one.name}>{' ssl' if one.tls else ''};" for one in server.listeners]
        if any(kinds):
            server.raw.append("ssl_certificate <trusted.pem>; ssl_certificate_key <trusted.key>;")
        self.settle(server, families, "server")
        if filled:
            for _number in range(self.pick((1, 1, 2, 2, 3))):
                self.location(server, server, families, "/")
        return server

    def location(self, server: Level, parent: Level, families: Sequence[Family], prefix: str) -> None:
        path = f"{prefix}l{next(self._numbers)}/"
        called = ("named", "rewrite", "try", "mirror") if parent is server else ()
        way = self.pick(("prefix",) * 6 + ("exact", "regex", "deep", "deep", *called))
        heads = {"exact": f"location = {path}", "regex": f'location ~ "^{path}$"', "rewrite": f"location /t{path}"}
        heads.update(dict.fromkeys(("named", "try"), f"location @n{path.replace('/', '')}"))
        heads["mirror"] = f"location = /s{path}"
        level = Level("location", heads.get(way, f"location {path}"), parent)
        calls = {
            "named": f"error_page 418 = @n{path.replace('/', '')}; return 418;",
            "try": f"try_files /none @n{path.replace('/', '')};",
            "rewrite": f"rewrite ^ /t{path} last;",
            "mirror": f"mirror /s{path};",
        }
        if way in calls:
            caller = Level("location", f"location {path}", parent)
            caller.raw.append(calls[way])
            self.settle(caller, families, "caller")
            parent.children.append(caller)
        parent.children.append(level)
        deep = way == "deep"
        self.settle(level, families, "outer" if deep else "location")
        if not deep or self.chance(2):
            direct = f"/s{path}" if way == "mirror" else ""
            self.passes(server, level, families, Route(path, direct=direct), uri_allowed=way in ("prefix", "exact"))
        if deep:
            for _number in range(self.pick((1, 1, 2))):
                self.location(server, level, families, path)

    def passes(
        self, server: Level, level: Level, families: Sequence[Family], route: Route, *, uri_allowed: bool
    ) -> None:
        family = self.pick(families)
        kind = self.pick(("own",) * 8 + ("if", "if", "if inherits", "limit", "two", "returned", "returned if"))
        if kind == "two" and len(families) > 1:
            others = [one for one in families if one is not family]
            self.add_pass(server, level, self.pick(others), route, uri_allowed=uri_allowed).dead = True
        if kind not in ("if", "limit") or self.chance(2):
            condition = kind == "limit" and family is PROXY
            own = replace(route, method="POST" if condition else "GET", x="1" if kind == "if inherits" else "")
            last = self.add_pass(server, level, family, own, uri_allowed=uri_allowed)
            last.dead = kind.startswith("returned")
        if kind == "if inherits":
            level.children.append(Level("if", "if ($arg_x)", level, raw=["set $y 1;"]))
        elif kind in ("if", "returned if"):
            block = Level("if", "if ($arg_x)", level)
            level.children.append(block)
            inner = self.add_pass(server, block, self.pick(families), replace(route, x="1"), uri_allowed=False)
            inner.dead = kind == "returned if"
        elif kind == "limit" and family is PROXY:
            block = Level("limit_except", "limit_except POST", level)
            level.children.append(block)
            self.add_pass(server, block, family, route, uri_allowed=False)
        if kind.startswith("returned"):
            level.tail.append("return 204;")

    def fill_stream(self, stream: Level) -> None:
        self.settle(stream, (STREAM,), "http")
        self.switch(stream, (None, None, None, "on", "off"))
        for _number in range(self.pick((1, 2, 2, 3))):
            listener = Listener(f"listen{next(self._listeners)}", stream=True)
            server = Level("server", "server", stream, raw=[f"listen <{listener.name}>;"], listeners=(listener,))
            stream.children.append(server)
            self.settle(server, (STREAM,), "location")
            self.switch(server, ("on", "on", "on", "on", None, "off"))
            target = self.stream_target()
            server.sets += [*target.server_sets, *target.sets]
            self._blocks["stream"] += target.blocks
            one = Pass(STREAM, target.text, server, "switched", target.values, target.knobs)
            one.listeners = (listener,)
            server.passes.append(one)

    def switch(self, level: Level, choices: Sequence[str | None]) -> None:
        value = self.pick(choices)
        if value is not None:
            level.settings.append(Setting("proxy_ssl", value, f"proxy_ssl {self.flag(value)};"))

    def groups(self, context: str) -> tuple[list[str], bool]:
        lines = []
        double = False
        for name in (BACKEND_NAME, OTHER_NAME, "backend"):
            members = self.pick((*("one",) * 5, "weight", "backup", "two"))
            double |= members == "two"
            text = {
                "one": "server <target>;",
                "weight": "server <target> weight=2;",
                "backup": "server <target> max_fails=0; server <target> max_fails=0 backup;",
                "two": "server <target> max_fails=0; server <target> max_fails=0;",
            }[members]
            if context == "http":
                text += self.pick(("", "", "", " keepalive 4;", " keepalive 4;", " keepalive 4 local;"))
            lines.append(f"upstream {name} {{ {text} }}")
        return lines, double

    # -------------------------------------------------------------------------------------- settings

    def settle(self, level: Level, families: Sequence[Family], where: str) -> None:
        """Draw the level's settings, for some of the families, perhaps in a snippet."""
        if STREAM not in families and self.chance(8):
            families = HTTP_FAMILIES
        for family in families:
            level.settings += self.settings(family, level, where)
        level.late = self.chance(6)
        if level.settings and self.chance(6):
            inner = None
            half = len(level.settings) // 2 if self.chance(2) else 0
            if half:
                inner = Snippet(f"snippets/s{next(self._numbers)}.conf", tuple(level.settings[:half]))
            file = f"snippets/s{next(self._numbers)}.conf"
            level.snippets.append(Snippet(file, tuple(level.settings[half:]), inner))
            level.settings = []

    def settings(self, family: Family, level: Level, where: str) -> Iterator[Setting]:
        prefix = f"{family.prefix}_ssl_"
        dense = where in ("location", "http")
        verify = self.pick(
            (None, None, "on", "on", "on", "on", "on", "off") if dense else (None,) * 6 + ("on", "on", "off")
        )
        if verify is not None:
            yield Setting(f"{prefix}verify", verify, f"{self.word(prefix + 'verify')} {self.flag(verify)};")
        bundles: tuple[str | None, ...] = (None,) * 8 + ("root", "both", "")
        if verify == "on":
            bundles = ("root", "root", "root", "root", "both", "both", None, "")
        bundle = self.pick(bundles)
        if bundle is not None:
            file = {"root": "<root.pem>", "both": "<root_and_impostor.pem>", "": '""'}[bundle]
            yield Setting(f"{prefix}trusted_certificate", bundle, f"{prefix}trusted_certificate {self.quoted(file)};")
        if self.chance(4):
            yield self.name(family, level, where)
        for name, values in (("session_reuse", ("off", "on")), ("server_name", ("on", "off"))):
            if self.chance(6):
                value = self.pick(values)
                yield Setting(prefix + name, value, f"{prefix}{name} {self.flag(value)};")
        if self.chance(8):
            depth = self.pick(("1", "2", "0", "3"))
            yield Setting(f"{prefix}verify_depth", depth, f"{prefix}verify_depth {depth};")
        if self.chance(10):
            command = self.pick(_COMMANDS)
            lines = " ".join(f"{prefix}conf_command {one};" for one in command)
            yield Setting(f"{prefix}conf_command", " ".join(command), lines)
        if self.chance(12):
            yield Setting(f"{prefix}ciphers", "DEFAULT", f"{prefix}ciphers DEFAULT;")

    def name(self, family: Family, level: Level, where: str) -> Setting:
        source = self.name_source(family, where)
        source = replace(source, sets=(*source.server_sets, *source.sets), server_sets=())
        level.sets += source.sets
        self._blocks[family.context] += source.blocks
        directive = f"{family.prefix}_ssl_name"
        return Setting(directive, source.text, f"{directive} {self.quoted(source.text or QUOTED_NOTHING)};", source)

    def name_source(self, family: Family, where: str) -> Source:
        plain = (BACKEND_NAME, BACKEND_NAME, OTHER_NAME)
        kind = self.pick(("constant",) * 4 + ("odd", "variable", "variable", "client", "host"))
        if kind == "odd":
            text = self.pick(("BACKEND.Test", f"{BACKEND_NAME}:8443", "", f"{BACKEND_NAME}.", ".test", "127.0.0.1"))
            known = {"BACKEND.Test": BACKEND_NAME, f"{BACKEND_NAME}:8443": BACKEND_NAME, ".test": ANY_NAME}
            return Source(text, frozenset({known.get(text, text)}))
        if kind == "variable":
            return self.variable(plain, family, where)
        if kind == "client":
            return self.client(family, where)
        if kind == "host" and family is PROXY and where == "location":
            return Source("$proxy_host", frozenset({SAME_AS_HOST}))
        text = self.pick(plain)
        return Source(text, frozenset({text}))

    def flag(self, value: str) -> str:
        return self.pick((value, value, value, value, value.upper(), value.title(), f"'{value}'", f'"{value}"'))

    def word(self, name: str) -> str:
        return f'"{name}"' if self.chance(12) else name

    def quoted(self, value: str) -> str:
        return f'"{value}"' if value[:1] not in "\"'" and self.chance(8) else value

    # ---------------------------------------------------------------------------------- texts and values

    def add_pass(self, server: Level, level: Level, family: Family, route: Route, *, uri_allowed: bool) -> Pass:
        target = self.target(family, uri_allowed=uri_allowed)
        own = level.parent if level.kind in ("if", "limit_except") else level
        assert own is not None
        own.sets += () if level.kind == "limit_except" else target.sets
        server.sets += (*target.server_sets, *(target.sets if level.kind == "limit_except" else ()))
        self._blocks["http"] += target.blocks
        one = Pass(family, target.text, level, target.transport, target.values, target.knobs, route)
        level.passes.append(one)
        return one

    def target(self, family: Family, *, uri_allowed: bool) -> Target:
        others = ("plain", "host", "host", "scheme", "scheme", "whole", "uri")
        kind = self.pick((*("group",) * 6, *("literal",) * 3, *others))
        hosts = {BACKEND_NAME: BACKEND_NAME, "BACKEND.TEST": BACKEND_NAME, OTHER_NAME: OTHER_NAME, "backend": "backend"}
        host = self.pick((BACKEND_NAME,) * 5 + tuple(hosts))
        names = frozenset({hosts[host]})
        if kind == "literal":
            text, name = self.pick((("<target>", "127.0.0.1"), ("<target:unix>", "unix")))
            host, names = text, frozenset({name})
            if family is PROXY and name == "unix":
                host += ":/" if uri_allowed else ":"
        scheme = family.tls.upper() if self.chance(8) else family.tls
        target = Target(f"{scheme}://{host}", "tls", names)
        if kind == "plain":
            bare = family.bare and self.chance(2)
            target = Target(host if bare else f"{family.plain}://{host}", "plain", names)
        elif kind == "host":
            target = self.host_target(family, scheme)
        elif kind == "scheme":
            target = self.scheme_target(family, host, names)
        elif kind == "whole":
            target = self.whole_target(family)
        elif kind == "uri" and family is PROXY:
            endings = ("$request_uri", "/x$uri", "$uri$is_args$args", "/$arg_k", *(("/", "/x/") if uri_allowed else ()))
            host = self.pick((host, "<target>"))
            names = frozenset({hosts.get(host, "127.0.0.1")})
            target = Target(f"{scheme}://{host}{self.pick(endings)}", "tls", names)
        return target

    def whole_target(self, family: Family) -> Target:
        texts = [f"{family.tls}://{BACKEND_NAME}", f"{family.plain}://{BACKEND_NAME}", f"{family.tls}://{OTHER_NAME}"]
        source = self.variable(texts + ([BACKEND_NAME] if family.bare else []), family, "location")
        tls = {value for value in source.values if value.startswith(f"{family.tls}:")}
        kind = "tls" if tls == source.values else "mixed" if tls else "plain"
        names = frozenset(value.rpartition("/")[2] for value in tls)
        return Target(source.text, kind, names, source.knobs, source.sets, source.server_sets, source.blocks)

    def host_target(self, family: Family, scheme: str) -> Target:
        if self.chance(3):
            source = self.client(family, "location")
        else:
            source = self.variable((BACKEND_NAME, OTHER_NAME, "backend", "<target>"), family, "location")
        names = frozenset("127.0.0.1" if value == "<target>" else value for value in source.values)
        text = f"{scheme}://{source.text}"
        return Target(text, "tls", names, source.knobs, source.sets, source.server_sets, source.blocks)

    def scheme_target(self, family: Family, host: str, names: frozenset[str]) -> Target:
        kind = self.pick(("variable", "variable", "client", "$scheme"))
        if kind == "$scheme" and family is PROXY:
            return Target(f"$scheme://{host}", "listener", names, frozenset({"scheme"}))
        if kind == "client":
            knob = {"https": "s", "grpcs": "gs", "suwsgi": "us"}[family.tls]
            return Target(f"$arg_s://{host}", "mixed", names, frozenset({knob}))
        source = self.variable((family.tls, family.plain), family, "location")
        kinds = "plain" if family.tls not in source.values else "tls" if len(source.values) == 1 else "mixed"
        text = f"{source.text}://{host}"
        return Target(text, kinds, names, source.knobs, source.sets, source.server_sets, source.blocks)

    def stream_target(self) -> Source:
        kind = self.pick(("group", "group", "group", "literal", "variable"))
        if kind == "group":
            host = self.pick((BACKEND_NAME, BACKEND_NAME, "BACKEND.TEST", OTHER_NAME, "backend"))
            return Source(host, frozenset({host.lower()}))
        if kind == "literal":
            host, name = self.pick((("<target>", "127.0.0.1"), ("<target:unix>", "unix")))
            return Source(host, frozenset({name}))
        return self.variable((BACKEND_NAME, OTHER_NAME, "backend"), STREAM, "location")

    def variable(self, candidates: Sequence[str], family: Family, where: str) -> Source:
        """A variable that is worth one or two of `candidates`."""
        name = f"v{next(self._numbers)}"
        text = f"${{{name}}}" if self.chance(6) else f"${name}"
        value, other = self.pick(candidates), self.pick(candidates)
        both = frozenset({value, other})
        kinds: tuple[str, ...] = ("map", "geo", "split", "partial map")
        if where == "location":
            kinds = ("set", "set", *kinds, "server set", "chain", "set if", "set if", "if set")
        if family is STREAM:
            return self.stream_variable(name, value, other, where)
        kind = self.pick(kinds)
        if kind == "if set":
            lines = (f"if ($arg_k) {{ set ${name} {other}; }}", f"set ${name} {value};")
            return Source(text, frozenset({value}), frozenset({"k"}), lines)
        if kind in ("set", "server set", "set if"):
            lines = (
                f"set ${name} {value};",
                *((f"if ($arg_k) {{ set ${name} {other}; }}",) if kind == "set if" else ()),
            )
            knobs = frozenset({"k"} if kind == "set if" else ())
            values = both if kind == "set if" else frozenset({value})
            if kind == "server set" or (kind == "set if" and self.chance(2)):
                return Source(text, values, knobs, (), lines)
            return Source(text, values, knobs, lines)
        block, values, knob = {
            "map": (f"map $arg_k ${name} {{ default {value}; a {other}; }}", both, "k"),
            "chain": (f"map $arg_k ${name} {{ default {value}; a {other}; }}", both, "k"),
            "geo": (f"geo $arg_ip ${name} {{ default {value}; 10.0.0.0/8 {other}; }}", both, "ip"),
            "split": (f'split_clients "$arg_k" ${name} {{ 50% {value}; * {other}; }}', both, "k"),
            "partial map": (f"map $arg_k ${name} {{ a {value}; b {other}; }}", both | {""}, "k"),
        }[kind]
        if kind == "chain":
            return Source(f"$w{name}", values, frozenset({knob}), (f"set $w{name} {text};",), (), (block,))
        return Source(text, values, frozenset({knob}), blocks=(block,))

    def stream_variable(self, name: str, value: str, other: str, where: str) -> Source:
        text, one = f"${name}", frozenset({value})
        kind = self.pick(("set", "set", "map", "geo", "split") if where == "location" else ("map", "geo", "split"))
        if kind == "set":
            return Source(text, one, sets=(f"set ${name} {value};",))
        if kind == "geo":
            return Source(text, one, blocks=(f"geo ${name} {{ default {value}; 10.0.0.0/8 {value}; }}",))
        if kind == "split":
            return Source(text, one, blocks=(f'split_clients "$remote_addr" ${name} {{ 50% {value}; * {value}; }}',))
        block = f"map $ssl_preread_server_name ${name} {{ default {value}; {OTHER_NAME} {other}; }}"
        return Source(text, one | {other}, frozenset({"sni"}), ("ssl_preread on;",), blocks=(block,))

    def client(self, family: Family, where: str) -> Source:
        """A name that the client chooses."""
        if family is STREAM:
            return Source("$ssl_preread_server_name", frozenset({ANY_NAME}), frozenset({"sni"}), ("ssl_preread on;",))
        text, knob = self.pick(
            (("$arg_n", "n"), ("$http_x_n", "xn"), ("$cookie_n", "cn"), ("$host", "host"), ("$http_host", "host"))
        )
        if self.chance(8):
            text, knob = "$arg_label.test", "label"
        name = f"c{next(self._numbers)}"
        kinds = ("direct", "map") if where != "location" else ("direct", "map", "set", "capture", "numbered")
        kind = self.pick(kinds)
        any_name, knobs = frozenset({ANY_NAME}), frozenset({knob})
        if kind == "map":
            return Source(f"${name}", any_name, knobs, blocks=(f'map $arg_none ${name} {{ default "{text}"; }}',))
        if kind == "set":
            return Source(f"${name}", any_name, knobs, (f'set ${name} "{text}";',))
        if kind == "capture" and knob != "label":
            return Source(f"${name}", any_name, knobs, (f'if ({text} ~ "^(?<{name}>.+)$") {{ set $y 1; }}',))
        if kind == "numbered" and knob != "label":
            return Source(f"${name}", any_name, knobs, (f'if ({text} ~ "^(.+)$") {{ set ${name} $1; }}',))
        return Source(text, any_name, knobs)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A random case."""
    return _Writer(draw).case()
