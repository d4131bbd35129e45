"""Configuration as nginx assembles it: blocks with includes expanded, effective values and their origins.

A file that is included twice gives two sets of blocks, one in each including context, which share the same
directives of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Callable, Final, NamedTuple, TypeVar

from checkov_nginx_tls.files import Problem
from checkov_nginx_tls.modules import HARMLESS_INCLUDES
from checkov_nginx_tls.syntax import Templated, undecided_among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from checkov_nginx_tls.includes import IncludeResolver, TreeFile
    from checkov_nginx_tls.syntax import Directive, ParsedFile
    from checkov_nginx_tls.templates import Case

T = TypeVar("T")

MAIN: Final = "main"
"""The type of a configuration's outermost block."""

INCLUDE_LIMIT: Final = 50_000
"""Files that one configuration may include, counted every time, before it is not judged: files that include
each other in pairs double at every level."""

DIRECTIVE_LIMIT: Final = 2_000_000
"""Directives that one configuration may have with its includes expanded."""

NESTING_LIMIT: Final = 250
"""Blocks and includes inside one another that a configuration may have."""

_RENDERING_LIMIT: Final = 4096
"""Renderings of a template that are looked at together: all combinations of the arms of its constructs."""

_ALTERNATIVE_LIMIT: Final = 200
"""Directives in arms of a template, whatever these test, that are looked at together."""

_SETTING_LIMIT: Final = 256
"""Constructs of a template around directives of one name beyond which these are not told apart by their arms."""

_ROUNDS: Final = 8
"""How often is looked again whether each arm of a construct has something."""

_INHERITING: Final = frozenset(
    {"http.server", "http.location", "http.if", "http.limit_except", "stream.server", "mail.server"}
)
_NONAME: Final = frozenset({"http.if", "http.limit_except"})
_DATA_BLOCKS: Final = frozenset({"map", "geo", "types", "split_clients", "match", "charset_map"})
_HTTP_SERVER_ONLY: Final = frozenset({"location", "root", "index", "return", "rewrite", "error_page"})
_HTTP_BLOCKS: Final = frozenset({"server", "location", "upstream", "if", "limit_except"})
_MAIN_ONLY: Final = frozenset(
    {"http", "events", "stream", "mail", "mgmt", "user", "worker_processes", "pid", "load_module", "daemon"}
)
_HTTP_ONLY: Final = frozenset(
    {"acme_issuer", "server", "upstream", "map", "geo", "split_clients", "limit_req_zone", "log_format"}
)


class Placed(NamedTuple):
    """A directive in one including context: ``includes`` are the include directives on the way to it."""

    directive: Directive
    includes: tuple[Directive, ...]

    @property
    def conditions(self) -> tuple[Case, ...]:
        """The arms of templates' control constructs around the directive and the includes on the way to it."""
        if not self.includes:
            return self.directive.conditions
        return tuple(case for one in (*self.includes, self.directive) for case in one.conditions)


@dataclass(frozen=True, eq=False)
class Possible:
    """The directives one of which decides where a template chooses; None stands for nobody having set it."""

    directives: tuple[Placed | None, ...]

    @property
    def merged(self) -> Placed | None:
        """The one directive, or one that stands for several which say different things."""
        return self.directives[0] if len(self.directives) == 1 else self._merged

    @cached_property
    def _merged(self) -> Placed | None:
        chosen = [placed for placed in self.directives if placed is not None]
        if len(chosen) == len(self.directives) and len({placed.directive.args for placed in chosen}) == 1:
            return chosen[-1]
        merged = undecided_among([placed.directive if placed is not None else None for placed in self.directives])
        return Placed(merged, chosen[0].includes)

    def answers(self, question: Callable[[Placed | None], T]) -> frozenset[T]:
        """What a function says of them; it is called once for each, however many connections ask."""
        if question not in self._answers:
            self._answers[question] = frozenset(map(question, self.directives))
        return self._answers[question]

    @cached_property
    def _answers(self) -> dict[Callable[[Placed | None], object], frozenset[Any]]:
        return {}


_NOBODY: Final = Possible((None,))


@dataclass(eq=False)
class Block:
    """A block in one including context.

    ``type`` is its context ("main", "http", "http.server", "http.location", "stream.server", ...), ``placed``
    its own directive (None for the outermost block), ``parent`` the block around it. ``simple`` holds the
    directives without a block that stand in it, includes expanded, in order; ``blocks`` those with one.
    ``unresolved`` are include directives whose files are not in the scanned tree, and template expressions that
    stand for directives; ``data`` says that the block's lines are data and no directives (``map`` and its like).
    """

    type: str
    placed: Placed | None
    parent: Block | None
    data: bool = False
    simple: list[Placed] = field(default_factory=list, init=False)
    blocks: list[Block] = field(default_factory=list, init=False)
    unresolved: list[Placed] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._outer = self.parent if self.type in _INHERITING and self.parent and self.parent.type != MAIN else None
        self._directives: dict[str, list[Placed]] = {}
        self._decided: dict[tuple[str, tuple[Case, ...]], Possible] = {}
        self._depends: dict[str, frozenset[str]] = {}
        self._rendered: dict[str, frozenset[tuple[Case, ...]]] = {}

    def add(self, placed: Placed) -> None:
        """Put in a directive without a block, behind those that are there."""
        self.simple.append(placed)
        own = self._directives.get(placed.directive.name)
        if own is None:
            self._directives[placed.directive.name] = [placed]
        else:
            own.append(placed)

    @property
    def names(self) -> Iterable[str]:
        """The names of the block's own directives without a block, each once."""
        return self._directives

    def own(self, name: str) -> Sequence[Placed]:
        """The block's own directives of that name, in order."""
        return self._directives.get(name, ())

    @property
    def noname(self) -> bool:
        """Whether nginx gives the block the upstream of the location around it (``clcf->noname``)."""
        return self.type in _NONAME

    @property
    def scope(self) -> Block:
        """The block whose settings of upstreams apply: a noname block takes those of the location around it."""
        return self.parent if self.noname and self.parent is not None else self

    def inheritance(self) -> Iterator[Block]:
        """The block and those it inherits from, nearest first.

        nginx merges location from the outer location, from server, from http, and stream's server from
        stream (``ngx_http_merge_locations``, ``ngx_stream_merge_servers``); nothing comes from main.
        """
        block: Block | None = self if self.type != MAIN else None
        while block is not None:
            yield block
            block = block._outer  # noqa: SLF001  # a block as well

    def levels_with(self, name: str) -> Iterator[Block]:
        """Those of ``inheritance`` that have directives of a name themselves."""
        block = self.nearest(name)
        while block is not None:
            yield block
            outer = block._outer  # noqa: SLF001  # a block as well
            block = outer.nearest(name) if outer is not None else None

    def nearest(self, name: str) -> Block | None:
        """The first of ``inheritance`` that has directives of a name itself, None where none has."""
        block: Block | None = self if self.type != MAIN else None
        while block is not None and name not in block._directives:  # noqa: SLF001  # a block as well
            block = block._outer  # noqa: SLF001
        return block

    def nearest_of(self, names: AbstractSet[str]) -> Block | None:
        """The first of ``inheritance`` that has directives of one of the names itself, None where none has."""
        block: Block | None = self if self.type != MAIN else None
        while block is not None and names.isdisjoint(block._directives):  # noqa: SLF001  # a block as well
            block = block._outer  # noqa: SLF001
        return block

    def rendered(self, name: str) -> frozenset[tuple[Case, ...]]:
        """The cases in which a template gives the block itself a directive of that name; see ``shortened``."""
        if name not in self._directives:
            return frozenset()
        if name not in self._rendered:
            self._rendered[name] = frozenset(shortened({placed.conditions for placed in self.own(name)}))
        return self._rendered[name]

    def effective(self, name: str, given: Sequence[Case] = ()) -> Placed | None:
        """The directive that decides in this block where the cases in ``given`` hold: see ``possible``.

        Where a template chooses among directives that say different things, one that stands for them.
        """
        return self.possible(name, given).merged

    def possible(self, name: str, given: Sequence[Case] = ()) -> Possible:
        """The directives one of which decides in this block: the last one of the nearest level that has any.

        More than one where a template chooses.
        """
        block = self.nearest(name)
        return block._possible(name, given) if block is not None else _NOBODY  # noqa: SLF001  # a block as well

    def _possible(self, name: str, given: Sequence[Case]) -> Possible:
        """``possible`` in a block that has directives of the name itself."""
        relevant = tuple(case for case in given if case.construct in self._constructs(name)) if given else ()
        key = (name, relevant)
        if key not in self._decided:
            self._decided[key] = Possible(tuple(self._find_possible(name, relevant)))
        return self._decided[key]

    def _find_possible(self, name: str, given: Sequence[Case]) -> list[Placed | None]:
        own = self.own(name)
        if not any(placed.conditions for placed in own):
            return [own[-1]]
        own = [placed for placed in own if may_hold(placed.conditions, given)]
        if own and always_holds([placed.conditions for placed in own], given):
            return [*own]
        outer = self.parent.possible(name, given) if self.type in _INHERITING and self.parent is not None else _NOBODY
        return [*own, *outer.directives]

    def _constructs(self, name: str) -> frozenset[str]:
        """The constructs of templates on which it depends what this block has, or inherits, of a name.

        Beyond _SETTING_LIMIT they are not told apart.
        """
        if name not in self._depends:
            placed = (placed for level in self.levels_with(name) for placed in level.own(name))
            found = {case.construct for one in placed for case in one.conditions}
            self._depends[name] = frozenset(found if len(found) <= _SETTING_LIMIT else ())
        return self._depends[name]

    def effective_all(self, name: str, rendering: Sequence[Case] = ()) -> list[Placed]:
        """All directives of that name at the nearest level that has any: how nginx inherits lists.

        ``rendering`` holds a case of every construct on which it depends whether one of them is there.
        """
        for block in self.levels_with(name):
            own = [placed for placed in block.own(name) if may_hold(placed.conditions, rendering)]
            if own:
                return own
        return []

    def walk(self) -> Iterator[Block]:
        """The block and every block in it, in order."""
        pending = [self]
        while pending:
            block = pending.pop()
            yield block
            pending.extend(reversed(block.blocks))

    def missing_includes(self) -> Iterator[Placed]:
        """Unresolved includes at the levels this block inherits from, nearest first."""
        for block in self.inheritance():
            yield from block.unresolved


def may_hold(conditions: Iterable[Case], given: Sequence[Case]) -> bool:
    """Whether a template may render both what stands under these conditions and what stands under the given ones."""
    if not given:
        return True
    arms = {case.construct: case.arm for case in given}
    return all(arms.get(case.construct, case.arm) == case.arm for case in conditions)


def always_holds(
    alternatives: Collection[Sequence[Case]], given: Sequence[Case] = (), renderings: int = _RENDERING_LIMIT
) -> bool:
    """Whether a template renders one of the alternatives in any case in which the given ones hold.

    False where that takes more than so many renderings to see.
    """
    if not alternatives or () in alternatives:
        return bool(alternatives)
    known = {(case.construct, case.arm) for case in given}
    left = {
        tuple(case for case in cases if (case.construct, case.arm) not in known)
        for cases in alternatives
        if may_hold(cases, given)
    }
    if () in left:
        return True
    left = _exhaustive(shortened(left))
    if not left:
        return False
    first = min(left)[0]
    if first.arms > renderings:
        return False
    return all(always_holds(left, [first._replace(arm=arm)], renderings // first.arms) for arm in range(first.arms))


def shortened(alternatives: set[tuple[Case, ...]]) -> set[tuple[Case, ...]]:
    """As many of the alternatives as are looked at together: that there are more makes nothing certain."""
    if () in alternatives:
        return {()}
    return alternatives if len(alternatives) <= _ALTERNATIVE_LIMIT else set(sorted(alternatives)[:_ALTERNATIVE_LIMIT])


def _exhaustive(alternatives: set[tuple[Case, ...]]) -> set[tuple[Case, ...]]:
    """Those of them only that stand in constructs of which each arm has one: the others do not help where it has none.

    That others are left out may leave an arm without one; this is seen to a few times only.
    """
    for _ in range(_ROUNDS):
        arms: dict[str, set[int]] = {}
        for case in (case for cases in alternatives for case in cases):
            arms.setdefault(case.construct, set()).add(case.arm)
        left = {cases for cases in alternatives if all(len(arms[case.construct]) == case.arms for case in cases)}
        if len(left) == len(alternatives):
            break
        alternatives = left
    return alternatives


class _TooLarge(Exception):
    pass


@dataclass(frozen=True, eq=False)
class Configuration:
    """One configuration: the file nginx would start with, or a fragment that no other file includes.

    ``assembled`` is False where it is larger than any real one; then ``root`` is empty.
    ``complete`` is False for a fragment: what stands around it is not known. ``files`` are all files in it by
    their sources' ids; ``problems`` the files it includes that cannot be read, and includes that cannot work.
    ``read`` gives the file that a directive names, None where it is not in the scanned tree. ``now`` is when the
    scan began, with a time zone.
    """

    main: ParsedFile
    root: Block
    assembled: bool
    complete: bool
    files: Mapping[str, ParsedFile]
    problems: tuple[Problem, ...]
    read: Callable[[str], TreeFile | None]
    now: datetime

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """All its blocks in order, the outermost first."""
        return tuple(self.root.walk())

    @cached_property
    def blocks_with(self) -> Mapping[str, Sequence[Block]]:
        """The blocks that have directives of a name themselves, by that name, each list in order; none with data."""
        found: dict[str, list[Block]] = {}
        for block in self.blocks:
            for name in block.names if not block.data else ():
                found.setdefault(name, []).append(block)
        return found

    @cached_property
    def blocks_named(self) -> Mapping[str, Sequence[Block]]:
        """The blocks by the names of their own directives, each list in order."""
        found: dict[str, list[Block]] = {}
        for block in self.blocks:
            if block.placed is not None:
                found.setdefault(block.placed.directive.name, []).append(block)
        return found

    @cached_property
    def unresolved_blocks(self) -> Sequence[Block]:
        """The blocks in which something is not in the scanned tree, in order; none with data."""
        return tuple(block for block in self.blocks if block.unresolved and not block.data)


def assemble(main: ParsedFile, resolver: IncludeResolver, now: datetime) -> Configuration:
    """Expand the includes of ``main`` and build its blocks; ``now`` is when the scan began."""
    kind = context_of(main)
    root = Block(kind, None, None)
    assembler = _Assembler(resolver, main)
    assembled = True
    try:
        assembler.fill(root, main.directives, ())
    except _TooLarge:
        assembled, root = False, Block(kind, None, None)
    problems = tuple(assembler.problems)
    complete = kind == MAIN and not main.context
    reader = partial(resolver.read, main.source)
    return Configuration(main, root, assembled, complete, assembler.files, problems, reader, now)


class _Assembler:
    def __init__(self, resolver: IncludeResolver, main: ParsedFile) -> None:
        self.resolver = resolver
        self.files = {main.source.id: main}
        self.problems: list[Problem] = []
        self.included = 0
        self.directives = 0
        self.depth = 0
        self.open_files = [main]
        self.looping: set[Directive] = set()

    def fill(self, block: Block, directives: tuple[Directive, ...], includes: tuple[Directive, ...]) -> None:
        self.directives += len(directives)
        for directive in directives:
            if directive.is_opaque and not block.data:
                self.put_opaque(block, directive, includes)
            elif directive.block is not None:
                self.add_block(block, Placed(directive, includes))
            elif directive.name == "include" and len(directive.args) == 1:
                self.include(block, Placed(directive, includes))
            else:
                block.add(Placed(directive, includes))

    def put_opaque(self, block: Block, directive: Directive, includes: tuple[Directive, ...]) -> None:
        """Put in a directive whose name a template fills in, and what it may be; of a block only what is likely."""
        if directive.block is not None:
            self.add_block(block, Placed(directive.as_block_in(block.type), includes))
            return
        placed = Placed(directive, includes)
        block.add(placed)
        if not directive.readings or any(reading.is_guess for reading in directive.readings):
            block.unresolved.append(placed)
        self.fill(block, directive.readings, includes)

    def add_block(self, parent: Block, placed: Placed) -> None:
        directive = placed.directive
        is_data = parent.data or directive.name in _DATA_BLOCKS
        child = Block(_type_of(parent, placed), placed, parent, is_data)
        parent.blocks.append(child)
        self.descend(placed)
        self.fill(child, directive.block or (), placed.includes)
        self.depth -= 1

    def include(self, block: Block, placed: Placed) -> None:
        block.add(placed)
        files = self.resolver.resolve(placed.directive)
        if files is None:
            if not is_harmless(placed.directive.args[0]):
                block.unresolved.append(placed)
            return
        for file in files:
            if isinstance(file, Problem):
                self.problems.append(file)
                block.unresolved.append(placed)
                continue
            self.included += 1
            if file in self.open_files:
                self.complain_of_loop(placed, file)
                continue
            self.descend(placed)
            self.files[file.source.id] = file
            self.open_files.append(file)
            self.fill(block, file.directives, (*placed.includes, placed.directive))
            self.open_files.pop()
            self.depth -= 1

    def descend(self, placed: Placed) -> None:
        """Go one level deeper, unless the configuration is larger than any real one."""
        self.depth += 1
        for count, limit, what in (
            (self.included, INCLUDE_LIMIT, "includes"),
            (self.directives, DIRECTIVE_LIMIT, "directives"),
            (self.depth, NESTING_LIMIT, "blocks and includes inside one another"),
        ):
            if count > limit:
                self.complain(placed, f"more than {limit} {what}: the configuration is not judged")
                raise _TooLarge

    def complain_of_loop(self, placed: Placed, file: ParsedFile) -> None:
        """Name the chain, once for each include: another way to the same one tells nothing new."""
        if placed.directive not in self.looping:
            self.looping.add(placed.directive)
            chain = " -> ".join(opened.source.name for opened in [*self.open_files, file])
            self.complain(placed, f"the file includes itself: {chain}")

    def complain(self, placed: Placed, reason: str) -> None:
        directive = placed.directive
        self.problems.append(Problem(directive.source.path, directive.line, reason))


def ancestors(block: Block) -> Iterator[Block]:
    """The block and every block around it, innermost first."""
    around: Block | None = block
    while around is not None:
        yield around
        around = around.parent


def is_harmless(argument: str) -> bool:
    """Whether an include names a file that distributions ship and that holds no TLS directive."""
    name = argument.rsplit("/", 1)[-1]
    return name in HARMLESS_INCLUDES or name.startswith("koi-")


def _type_of(parent: Block, placed: Placed) -> str:
    name = placed.directive.name
    if parent.type == MAIN:
        # A template defines parts of the http block at its own top level.
        return f"http.{name}" if placed.conditions and name in _HTTP_BLOCKS else name
    return f"{parent.type.split('.', 1)[0]}.{name}"


def context_of(file: ParsedFile) -> str:
    """The context in which a file's top level stands, told from what it holds where nothing around it says."""
    if file.context:
        return file.context
    directives = file.directives
    names = {directive.name for directive in directives}
    if names & _MAIN_ONLY:
        return MAIN
    if names & _HTTP_ONLY:
        servers = (directive.block or () for directive in directives if directive.name == "server")
        return "stream" if any(_is_stream_server(server, is_whole=True) for server in servers) else "http"
    if _is_stream_server(directives, is_whole=bool(names & {"listen", "server_name"})):
        return "stream.server"
    return "http.server" if names & {"listen", "server_name", "location"} else "http.location"


def _is_stream_server(directives: tuple[Directive, ...], *, is_whole: bool) -> bool:
    """Whether a server of a stream holds these: all of one, or a part that a location of http may hold as well.

    A server of http holds no pass directive itself.
    """
    names = {directive.name for directive in directives}
    if names & _HTTP_SERVER_ONLY:
        return False
    if names & {"proxy_ssl", "ssl_preread"}:
        return True
    passes = (directive.args[0] for directive in directives if directive.name == "proxy_pass" and directive.args)
    targets = [target for target in passes if "://" not in target]
    return any(is_whole or ("$" not in target and not isinstance(target, Templated)) for target in targets)
