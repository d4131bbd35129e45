"""What nginx variables can hold, as far as the configuration tells."""

from __future__ import annotations

import re
from enum import Enum
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple, Union

from checkov_nginx_tls.model import ancestors
from checkov_nginx_tls.rewrites import is_named, rewrite_levels, stands_before, surely_run
from checkov_nginx_tls.scripts import assigned_by_scripts
from checkov_nginx_tls.syntax import Templated
from checkov_nginx_tls.templates import Expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.model import Block, Configuration, Placed


class Unfixed(Enum):
    """A part of a value that the configuration does not fix.

    CLIENT is chosen by the client, MACHINE by neither the client nor anybody (an address, a port, the time),
    DEPLOYMENT by whoever renders the template, once; and of UNKNOWN nothing can be said.
    """

    CLIENT = "client"
    MACHINE = "machine"
    DEPLOYMENT = "deployment"
    UNKNOWN = "unknown"


Value = tuple[Union[str, Unfixed], ...]
"""A value in parts: constants, and what is not fixed. Neighbouring constants are joined; () is the empty string."""

UNKNOWN_VALUE: Final[Value] = (Unfixed.UNKNOWN,)
CLIENT_VALUE: Final[Value] = (Unfixed.CLIENT,)

_EXPANSION_LIMIT: Final = 256
"""Possible values beyond which a text counts as unknown."""

_LENGTH_LIMIT: Final = 1 << 14
"""Characters beyond which a text with variables counts as unknown: much longer than any URL that nginx takes."""

_DEPTH_LIMIT: Final = 100
"""Variables in variables beyond which nginx sees a cycle in maps (``ngx_http_variable_depth``)."""

_STEP_LIMIT: Final = 2048
"""Variables and their values that are looked at for one text, beyond which further ones count as unknown.

Without it, ``set $b $a$a; set $c $b$b;`` and so on would take twice as long with every line.
"""

_VARIABLE: Final = re.compile(r"(\$is_args\$args\b)|\$(?:\{([A-Za-z0-9_]+)\}|([1-9]|[A-Za-z0-9_]+))")
"""``ngx_http_script_compile``: behind a digit other than 0 a name ends, unless braces hold it."""

_ARGUMENTS: Final[frozenset[Value]] = frozenset({("?", Unfixed.CLIENT), ()})
"""What the two variables for arguments are together."""

_GROUP: Final = re.compile(
    r"""\\.|\[(?:\\.|[^\]\\])+\]|(?P<open>\((?:\?P?[<'](?P<name>[A-Za-z_]\w*)[>']|(?!\?)))(?P<slash>/?)""", re.DOTALL
)
_PATH: Final[Value] = ("/", Unfixed.CLIENT)
_CLIENT: Final = frozenset(
    "args content_length content_type document_uri host is_args query_string remote_user request request_body"
    " request_filename request_method request_uri ssl_alpn_protocol ssl_preread_alpn_protocols ssl_preread_protocol"
    " ssl_preread_server_name ssl_server_name uri".split()
)
_CLIENT_PREFIXES: Final = (
    "arg_",
    "cookie_",
    "http_",
    "jwt_",
    "proxy_protocol_tlv_",
    "ssl_client_",
    "upstream_cookie_",
    "upstream_http_",
    "upstream_trailer_",
)
_MACHINE: Final = frozenset(
    "binary_remote_addr bytes_received bytes_sent connection connection_requests connection_time hostname https msec"
    " nginx_version pid pipe protocol proxy_port realip_remote_addr realip_remote_port remote_addr remote_port"
    " request_id request_length request_time server_addr server_name server_port server_protocol"
    " ssl_cipher ssl_protocol ssl_session_id time_iso8601 time_local upstream_addr upstream_status".split()
)
_VALUE_BLOCKS: Final = ("map", "geo", "split_clients")
_SETTINGS: Final = {
    "map": frozenset({"include"}),
    "geo": frozenset({"include", "proxy", "delete"}),
    "split_clients": frozenset[str](),
}
"""What begins lines of two words that are no results; those of one word never are one."""

_IN_MAP: Final = "~"
"""Stands among the names of variables being expanded, where ``$1`` is of the map's regular expression."""

_HTTP_SERVER: Final = frozenset({"http.server"})
_SERVERS: Final = _HTTP_SERVER | {"stream.server"}
_ROOTED: Final = re.compile(r"/|https?://|\$scheme|\$(?:document_|request_)?uri", re.IGNORECASE)
_INTERNAL_REDIRECTS: Final = frozenset({"rewrite", "error_page", "try_files", "auth_request", "mirror", "index"})


class Variables:
    """The variables of one configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self._steps = 0
        self._maps: dict[tuple[str, str], tuple[list[str], bool]] = {}
        self._captures: dict[str, bool] = {}
        self._set: set[tuple[str, str]] = set()
        self._rewrites = _Rewrites()
        self._tls_addresses = _tls_addresses(configuration)
        self._schemes_of: dict[Block | None, frozenset[Value]] = {}
        self._assigned_by_others, self._by_scripts_out_of_sight = _assigned_by_others(configuration)
        for block in configuration.blocks_with.get("set", ()):
            lines = (placed.directive.args for placed in block.own("set"))
            self._set.update((block.type.partition(".")[0], args[0].lstrip("$").lower()) for args in lines if args)
        for kind in _VALUE_BLOCKS:
            for block in configuration.blocks_named.get(kind, ()):
                self._add_results(kind, block)
        for text in _regular_expressions(configuration):
            for name, rooted in _groups(text) if "(" in text else ():
                if name:
                    self._captures[name] = rooted and self._captures.get(name, True)

    def _add_results(self, kind: str, block: Block) -> None:
        """Note what a map, geo or split_clients block makes its variable."""
        args = block.placed.directive.args if block.placed is not None else ()
        if args:
            key = block.type.partition(".")[0], args[-1].lstrip("$").lower()
            texts, complete = self._maps.get(key, ([], True))  # arms of a template may each have one
            more, more_complete = _results(kind, block)
            self._maps[key] = _distinct([*texts, *more]), complete and more_complete

    def expand(self, text: str, block: Block) -> frozenset[Value]:
        """Every value that a text with variables can have when a request is in ``block``."""
        self._steps = 0
        return self._expand(text, block, frozenset())

    def _expand(self, text: str, block: Block, active: frozenset[str]) -> frozenset[Value]:
        choices: list[frozenset[Value]] = []
        for part in text.parts if isinstance(text, Templated) else (text,):
            if isinstance(part, Expression):
                choices.append(self._filled_in(part, block, active))
                continue
            position = 0
            for match in _VARIABLE.finditer(part):
                choices.append(frozenset({(part[position : match.start()],)}))
                choices.append(_ARGUMENTS if match[1] else self._values(match[2] or match[3], block, active))
                position = match.end()
            choices.append(frozenset({(part[position:],)}))
        if len(choices) > 1 and (
            prod(map(len, choices)) > _EXPANSION_LIMIT or sum(map(_longest, choices)) > _LENGTH_LIMIT
        ):
            return frozenset({UNKNOWN_VALUE})
        return frozenset(_join(part for value in combination for part in value) for combination in product(*choices))

    def _filled_in(self, expression: Expression, block: Block, active: frozenset[str]) -> frozenset[Value]:
        """What a template puts in the place of an expression; what it chooses itself is a constant to nginx."""
        if not expression.choices:
            return frozenset({(Unfixed.DEPLOYMENT,)})
        return frozenset(value for choice in expression.choices for value in self._expand(choice, block, active))

    def _values(self, name: str, block: Block, active: frozenset[str]) -> frozenset[Value]:
        from_environment = name.isupper()  # no variable of nginx's is; envsubst's are
        name = name.lower()
        if name in active or len(active) > _DEPTH_LIMIT or self._steps > _STEP_LIMIT:
            return frozenset({UNKNOWN_VALUE})
        active |= {name}
        family = block.type.partition(".")[0]
        texts, complete = self._rewrites.assigned(name, block) if (family, name) in self._set else ([], True)
        if not texts and (family, name) in self._maps:
            texts, complete = self._maps[family, name]
            active |= {_IN_MAP}
        elif not texts and (family, name) in self._set:
            texts = [""] if complete else []
        if name in self._assigned_by_others or (self._by_scripts_out_of_sight and "" in texts):
            complete = False
        if len(texts) > _EXPANSION_LIMIT:
            texts, complete = [], False
        self._steps += 1 + len(texts)
        if texts or not complete:
            values = frozenset(value for text in texts for value in self._expand(text, block, active))
            return values if complete else values | {UNKNOWN_VALUE}
        if name == "scheme" and not from_environment:
            return self._schemes(block)
        if name == "request_uri" or (name in ("uri", "document_uri") and self._rewrites.starts_with_slash(block)):
            return frozenset({_PATH})
        of_location = name.isdigit() and _IN_MAP not in active
        if self._captures.get(name) or (of_location and _captured_path(int(name), block)):
            return frozenset({_PATH, ()})
        value = self._builtin(name)
        return frozenset({(Unfixed.DEPLOYMENT,) if from_environment and value == UNKNOWN_VALUE else value})

    def _schemes(self, block: Block) -> frozenset[Value]:
        server = _server_of(block, _HTTP_SERVER)
        if server not in self._schemes_of:
            self._schemes_of[server] = _schemes(server, self._tls_addresses)
        return self._schemes_of[server]

    def _builtin(self, name: str) -> Value:
        if name.isdigit() or name in self._captures or name in _CLIENT or name.startswith(_CLIENT_PREFIXES):
            return CLIENT_VALUE
        return (Unfixed.MACHINE,) if name in _MACHINE else UNKNOWN_VALUE


def _assigned_by_others(configuration: Configuration) -> tuple[frozenset[str], bool]:
    """The variables to which others than ``set`` may give a value, and whether there are scripts that nobody sees.

    For what these assign, a configuration sets a variable to the empty string first: scripts can only assign to
    variables that are there.
    """
    lines = (
        placed.directive.args
        for block in configuration.blocks_with.get("auth_request_set", ())
        for placed in block.own("auth_request_set")
    )
    by_scripts = assigned_by_scripts(configuration)
    names = {*by_scripts.names, *(args[0].lstrip("$").lower() for args in lines if args)}
    return frozenset(names), by_scripts.out_of_sight


def constant(value: Value) -> str | None:
    """The value as text where the configuration fixes all of it."""
    if not value:
        return ""
    return value[0] if len(value) == 1 and isinstance(value[0], str) else None


def _join(parts: Iterable[str | Unfixed]) -> Value:
    joined: list[str | Unfixed] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)


def _longest(choice: frozenset[Value]) -> int:
    """The characters of the longest of these values."""
    return max((sum(len(part) for part in value if isinstance(part, str)) for value in choice), default=0)


def _results(kind: str, block: Block) -> tuple[list[str], bool]:
    """The results of a map, geo or split_clients block, and whether all of them are in sight."""
    texts: list[str] = []
    has_default = False
    for placed in block.simple:
        directive = placed.directive
        if not directive.args or directive.name in _SETTINGS[kind]:
            continue
        has_default |= directive.name in ("default", "*")
        texts.append(directive.args[-1])
    if not has_default and kind != "split_clients":
        texts.append("")
    return texts, not block.unresolved


def _regular_expressions(configuration: Configuration) -> Iterator[str]:
    """Texts that may be regular expressions."""
    for name in ("location", "if", "map"):
        for block in configuration.blocks_named.get(name, ()):
            yield from block.placed.directive.args if block.placed is not None else ()
    for block in configuration.blocks:
        yield from block.names if block.data else ()
    for name in ("server_name", "rewrite"):
        for block in configuration.blocks_with.get(name, ()):
            for placed in block.own(name):
                yield from placed.directive.args


def _distinct(texts: Iterable[str]) -> list[str]:
    """Texts without repetitions, and no more of them than it takes to know that they are too many."""
    found: dict[tuple[object, ...], str] = {}
    for text in texts:
        found.setdefault(_identity(text), text)
        if len(found) > _EXPANSION_LIMIT:
            break
    return [*found.values()]


def _identity(text: str) -> tuple[object, ...]:
    return (text, text.parts) if isinstance(text, Templated) else (text,)


class _Set(NamedTuple):
    """A text that ``set`` gives a variable, and the locations in which it does: no more than two of them."""

    text: str
    locations: list[Block]


class _Server:
    """What the rewrite module finds in the locations of one server.

    ``redirects`` says whether a request may change its location.
    """

    def __init__(self, server: Block) -> None:
        self._sets: dict[str, dict[tuple[object, ...], _Set]] = {}
        self._unrooted_at: set[Block] = set()
        self._unrooted = False
        self.redirects = any(block.own(name) for block in server.inheritance() for name in _INTERNAL_REDIRECTS)
        for block in server.walk():
            self.redirects = self.redirects or any(block.own(name) for name in _INTERNAL_REDIRECTS)
            for args in _rewrites_in([block]):
                if len(args) < 2 or not _ROOTED.match(args[1]):
                    self._unrooted = self._unrooted or args[-1:] != ("break",)
                    self._unrooted_at.update(_served_by(block))
            for placed in block.own("set") if block is not server else ():
                args = placed.directive.args
                if len(args) == 2:
                    self._add(args[0].lstrip("$").lower(), args[1], _served_by(block)[-1])

    def _add(self, name: str, text: str, location: Block) -> None:
        known = self._sets.setdefault(name, {})
        if len(known) <= _EXPANSION_LIMIT:
            locations = known.setdefault(_identity(text), _Set(text, [])).locations
            if len(locations) < 2 and location not in locations:
                locations.append(location)

    def set_elsewhere(self, name: str, but: Block | None) -> list[str]:
        """The texts that ``set`` gives a variable in its locations, all but one of them."""
        return [one.text for one in self._sets.get(name, {}).values() if one.locations != [but]]

    def rewrites_to_no_slash(self, levels: Sequence[Block]) -> bool:
        """Whether a rewrite, that of these blocks or one that goes on elsewhere, may leave a path without a slash."""
        return self._unrooted or not self._unrooted_at.isdisjoint(levels)


class _Effect(NamedTuple):
    """What the directives of a block do to a variable.

    They leave one of ``texts``, or what there was before unless ``replaces``; ``is_set`` says that the block itself
    sets it.
    """

    texts: list[str]
    replaces: bool
    is_set: bool

    def on(self, before: list[str]) -> list[str]:
        """What the variable may be worth behind them."""
        if self.replaces or not self.texts:
            return self.texts or before
        return [*(before or [""]), *self.texts]


class _Rewrites:
    """What the rewrite module has done to a request when it is in a block; each server is looked through once."""

    def __init__(self) -> None:
        self._servers: dict[Block, _Server] = {}
        self._effects: dict[tuple[Block, str], _Effect] = {}
        self._sure: dict[Block, frozenset[int]] = {}

    def assigned(self, name: str, block: Block) -> tuple[list[str], bool]:
        """The texts that ``set`` may have given a variable, and whether they are all.

        There are none where nobody sets it on the way. A request that was redirected inside nginx brings what the first
        location set.
        """
        levels = rewrite_levels(block)
        server = _server_of(block, _SERVERS)
        texts: list[str] = []
        for level in levels:
            texts = self._effect(level, name).on(texts)
        fixed = any(self._effect(level, name).is_set for level in levels if level is not server)
        if fixed or server is None:
            return texts, fixed
        if server is not block and (self._server(server).redirects or is_named(block)):
            elsewhere = self._server(server).set_elsewhere(name, block.parent if _is_limit(block) else None)
            texts = [*(texts or ([""] if elsewhere else [])), *elsewhere]
        return texts, not any(level.unresolved for level in levels)

    def starts_with_slash(self, block: Block) -> bool:
        """Whether ``$uri`` does: a rewrite may leave a path without one, which then is part of the host before it."""
        server = _server_of(block, _HTTP_SERVER)
        levels = rewrite_levels(block)
        if server is not None:
            return not self._server(server).rewrites_to_no_slash(levels)
        return all(len(args) > 1 and _ROOTED.match(args[1]) for args in _rewrites_in(levels))

    def _server(self, server: Block) -> _Server:
        if server not in self._servers:
            self._servers[server] = _Server(server)
        return self._servers[server]

    def _sets_surely_run(self, level: Block) -> frozenset[int]:
        """The ids of the ``set`` directives of a block that neither a request nor a template leaves out."""
        if level not in self._sure:
            sure = (placed for placed in surely_run(level, "set") if not placed.conditions)
            self._sure[level] = frozenset(map(id, sure))
        return self._sure[level]

    def _effect(self, level: Block, name: str) -> _Effect:
        """What the rewrite directives of a block do to a variable, those of its ``if`` blocks among them."""
        key = (level, name)
        if key not in self._effects:
            sets = [placed for placed in level.own("set") if _value_set(placed, name) is not None]
            sure = self._sets_surely_run(level) if sets else frozenset()
            last = next((index for index in range(len(sets) - 1, -1, -1) if id(sets[index]) in sure), None)
            certain = sets[last] if last is not None else None
            texts = [_value_set(placed, name) or "" for placed in sets[last or 0 :]]  # they are run or not
            for inner in level.blocks:
                head = inner.placed
                if inner.type == "http.if" and not (certain and head and stands_before(head, certain)):
                    texts += _sets(inner, name)
            self._effects[key] = _Effect(_distinct(texts), certain is not None, bool(sets))
        return self._effects[key]


def _served_by(block: Block) -> list[Block]:
    """The block, and the location around it whose requests it serves."""
    return [block, block.parent] if block.noname and block.parent is not None else [block]


def _is_limit(block: Block) -> bool:
    return block.type == "http.limit_except"


def _rewrites_in(levels: Iterable[Block]) -> Iterator[tuple[str, ...]]:
    yield from (placed.directive.args for level in levels for placed in level.own("rewrite"))


def _server_of(block: Block, types: frozenset[str]) -> Block | None:
    return next((one for one in ancestors(block) if one.type in types), None)


def _sets(block: Block, name: str) -> list[str]:
    return [text for placed in block.own("set") if (text := _value_set(placed, name)) is not None]


def _value_set(placed: Placed, name: str) -> str | None:
    args = placed.directive.args
    return args[1] if len(args) == 2 and args[0].lower() == f"${name}" else None


def _captured_path(number: int, block: Block) -> bool:
    """Whether ``$number`` is a group of the location's regular expression that begins with a slash, or nothing."""
    levels = rewrite_levels(block)
    location = levels[-1].scope.placed
    args = location.directive.args if location is not None else ()
    if len(args) != 2 or args[0] not in ("~", "~*") or not 0 < number <= len(groups := list(_groups(args[1]))):
        return False
    others = any(level.own("rewrite") for level in levels) or any(
        inner.type == "http.if" for level in levels for inner in level.blocks
    )
    return groups[number - 1][1] and not others


def _groups(regular_expression: str) -> Iterator[tuple[str, bool]]:
    """The capturing groups: each one's name, or "", and whether it begins with a slash."""
    for match in _GROUP.finditer(regular_expression):
        if match.group("open"):
            rooted = match.group("slash") == "/" and "|" not in regular_expression
            yield (match.group("name") or "").lower(), rooted


def _tls_addresses(configuration: Configuration) -> frozenset[str]:
    """The addresses that speak TLS for every server that listens on them (``ngx_http_add_addresses``)."""
    listens = (
        placed.directive.args for block in configuration.blocks_with.get("listen", ()) for placed in block.own("listen")
    )
    return frozenset(_address(args) for args in listens if _says_tls(args))


def _says_tls(listen: Sequence[str]) -> bool:
    return "ssl" in listen or "quic" in listen


def _address(listen: Sequence[str]) -> str:
    """The address of a ``listen`` in one spelling: ``*:80`` for ``80``, ``*`` and ``0.0.0.0``."""
    text = listen[0].lower() if listen else ""
    if text.isdecimal():
        return f"*:{text}"
    host, separator, port = text.rpartition(":")
    if text.startswith("unix:") or text.endswith("]") or not separator:
        host, port = text, "80"
    return f"{'*' if host == '0.0.0.0' else host}:{port}"  # noqa: S104  # what it is written for


def _schemes(server: Block | None, tls_addresses: frozenset[str]) -> frozenset[Value]:
    """``$scheme``: what the listeners of a server speak, both where they are not in sight."""
    both: frozenset[Value] = frozenset({("http",), ("https",)})
    if server is None:
        return both
    listens = [placed.directive.args for placed in server.own("listen")]
    switches = [placed.directive.args for placed in server.own("ssl")]
    unseen = bool(server.unresolved) or (server.placed is None and not listens)
    unseen |= any(isinstance(arg, Templated) for args in [*listens, *switches] for arg in args)
    if unseen or any(placed.directive.args == ("on",) for placed in server.own("ssl")):
        return both
    speaking = [_says_tls(args) or _address(args) in tls_addresses for args in listens or [("*:80",)]]
    speaks_tls, speaks_plain = any(speaking), not all(speaking)
    return frozenset({*([("https",)] if speaks_tls else []), *([("http",)] if speaks_plain else [])})
