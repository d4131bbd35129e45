"""The Lua and njs scripts that a configuration runs: those that stand in it, and those that it loads from the tree."""

from __future__ import annotations

import os
import re
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from checkov_nginx_tls.script_verification import Language, look_into
from checkov_nginx_tls.syntax import ESCAPE, SyntaxProblem, Templated, decode, make_source, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checkov_nginx_tls.model import Block, Configuration, Placed
    from checkov_nginx_tls.syntax import Directive, Source

_LOAD_LIMIT: Final = 1000
"""Scripts that one directive is followed to: the one that it names, and those that this one loads."""

_PREFIX: Final = re.compile(r"\$(?:prefix|\{prefix\})/")
_IS_NAME: Final = re.compile(r"[\w$]+(?:\.[\w$]+)*")


_MENTIONS_VARIABLES: Final = re.compile(r"\bngx\s*\.\s*var\b|\.\s*variables\b")
_ASSIGNED: Final = re.compile(r"""[.\[]\s*["']?([A-Za-z0-9_]{1,100})["']?(?:\s*\])?\s*=(?!=)""")


@dataclass(frozen=True, eq=False)
class Script:
    """A script that runs because of the directive ``placed``, which holds it or loads it.

    ``text`` is what nginx hands to the interpreter, ``source`` the file in which it stands, ``offsets`` the places of
    its characters there: () where they cannot be told.
    """

    language: Language
    text: str
    placed: Placed
    source: Source
    offsets: Sequence[int]

    @property
    def is_file(self) -> bool:
        """Whether it is a file of its own."""
        return self.source is not self.placed.directive.source


def scripts_of(configuration: Configuration) -> Iterator[Script]:
    """The scripts of a configuration, each once for every directive and context through which it runs.

    A file that is not in the scanned tree, or whose name depends on a variable or a template, is left out.
    """
    files = _ScriptFiles(configuration)
    for name, blocks in configuration.blocks_with.items():
        if _is_of_script(name):
            for block in blocks:
                for placed in block.own(name):
                    yield from files.of(placed, block)


class AssignedByScripts(NamedTuple):
    """The variables to which scripts may give a value, in lower case; ``out_of_sight`` says that some are not seen."""

    names: frozenset[str]
    out_of_sight: bool


def assigned_by_scripts(configuration: Configuration) -> AssignedByScripts:
    """What scripts may do to variables, with ``ngx.var.name = ...`` and ``r.variables.name = ...``."""
    if not any(map(_is_of_script, configuration.blocks_with)):
        return AssignedByScripts(frozenset(), out_of_sight=False)
    names: set[str] = set()
    seen: set[Directive] = set()
    for script in scripts_of(configuration):
        seen.add(script.placed.directive)
        if _MENTIONS_VARIABLES.search(script.text):
            names.update(name.lower() for name in _ASSIGNED.findall(script.text))
    named = (
        placed.directive
        for name, blocks in configuration.blocks_with.items()
        if _is_of_script(name)
        for block in blocks
        for placed in block.own(name)
    )
    out_of_sight = any(one not in seen and one.name != "js_set" for one in named)
    return AssignedByScripts(frozenset(names), out_of_sight)


def _is_of_script(directive_name: str) -> bool:
    return "_by_lua" in directive_name or directive_name in ("js_import", "js_include", "js_set")


class _ScriptFiles:
    """The files of a configuration's scripts, each read once."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._sources: dict[str, Source | None] = {}

    def of(self, placed: Placed, block: Block) -> Iterator[Script]:
        """The script that a directive holds or names, and those that it leads to."""
        pending = deque(_held_by(placed))
        language, path = _named_by(placed.directive)
        if path:
            pending.extend(self._load(placed, language, _beside_configuration(language, path, block)))
        found: set[str] = set()
        while pending:
            script = pending.popleft()
            if script.source.id in found:
                continue
            found.add(script.source.id)
            yield script
            for name in look_into(script.language, script.text).loads if len(found) < _LOAD_LIMIT else ():
                pending.extend(self._imported(script, name, block))

    def _imported(self, script: Script, name: str, block: Block) -> Iterator[Script]:
        """The script that another one loads by a name."""
        if script.language is Language.LUA:
            yield from self._load(script.placed, Language.LUA, _on_package_path(name, block))
            return
        beside = os.path.normpath(os.path.join(os.path.dirname(script.source.path), name))
        source = self._source(beside) if script.is_file else None
        if source is not None and source.path == beside:
            yield _file(script.placed, Language.NJS, source)
        else:
            yield from self._load(script.placed, Language.NJS, _beside_configuration(Language.NJS, name, block))

    def _load(self, placed: Placed, language: Language, places: Iterable[str]) -> Iterator[Script]:
        """The script in the first of some places that has one."""
        source = next((one for one in map(self._source, places) if one is not None), None)
        if source is not None:
            yield _file(placed, language, source)

    def _source(self, path: str) -> Source | None:
        if path not in self._sources:
            file = self._configuration.read(path)
            self._sources[path] = (
                replace(make_source(file.real, file.path, decode(file.data)), key=file.key) if file else None
            )
        return self._sources[path]


def _file(placed: Placed, language: Language, source: Source) -> Script:
    """The script that is a file. Of one embedded in a manifest the lines there are not known."""
    return Script(language, source.text, placed, source, () if source.key else range(len(source.text) + 1))


def _held_by(placed: Placed) -> Iterator[Script]:
    """The script that stands in a directive: a Lua block, or an argument."""
    directive = placed.directive
    source, arguments = directive.source, directive.args
    if directive.name.endswith("_by_lua_block") and arguments:
        text = arguments[-1]
        start = directive.head_end - 1 - len(text)
        yield Script(Language.LUA, text, placed, source, range(start, directive.head_end))
        return
    index = int(directive.name in ("set_by_lua", "js_set"))  # behind the variable
    if index >= len(arguments):
        return
    text = arguments[index]
    if directive.name.endswith("_by_lua"):
        yield Script(Language.LUA, text, placed, source, _offsets_of_argument(directive, index))
    elif directive.name == "js_set" and not _IS_NAME.fullmatch(text):
        yield Script(Language.NJS, text, placed, source, _offsets_of_argument(directive, index))


def _offsets_of_argument(directive: Directive, index: int) -> Sequence[int]:
    """Where an argument's characters stand; () where the file's text is not what nginx reads, as in quoted YAML."""
    source = directive.source
    try:
        tokens = list(tokenize(source, source.text[directive.start : directive.head_end], {}, []))
    except SyntaxProblem:
        return ()
    token, quoted = tokens[min(index + 1, len(tokens) - 1)]
    if token != directive.args[index]:
        return ()
    first, last = directive.start + token.start + quoted, directive.start + token.stop - quoted
    escaped = {match.start() + 1 for match in ESCAPE.finditer(source.text, first, last)}
    return [offset for offset in range(first, last + 1) if offset not in escaped]


def _named_by(directive: Directive) -> tuple[Language, str]:
    """The language and the path of the file that a directive names, "" for none."""
    arguments = directive.args
    path = ""
    if directive.name.endswith("_by_lua_file"):
        path = next(iter(arguments[directive.name == "set_by_lua_file" :]), "")  # behind the variable
    elif directive.name in ("js_import", "js_include"):
        path = next(iter(arguments[-1:]), "")
    language = Language.LUA if "_by_lua" in directive.name else Language.NJS
    return language, "" if "$" in path or isinstance(path, Templated) else path


def _beside_configuration(language: Language, path: str, block: Block) -> list[str]:
    """Where a relative path may lead, from the directory of the main file.

    Lua's are relative to nginx's prefix (``ngx_http_lua_rebase_path``), which the configuration does not tell: packages
    have it in that directory or, where the main file is ``conf/nginx.conf``, in the one around it. njs looks in that
    directory and in those of ``js_path``.
    """
    if language is Language.LUA:
        return [path, os.path.join(os.pardir, path)]
    paths = [placed.directive.args for level in block.inheritance() for placed in level.own("js_path")]
    return [path, *(os.path.join(args[0], path) for args in paths if args)]


def _on_package_path(name: str, block: Block) -> Iterator[str]:
    """Where Lua's ``require`` looks for a name: at the templates of ``lua_package_path``."""
    placed = block.effective("lua_package_path")
    templates = "".join(placed.directive.args[:1]).split(";") if placed is not None else []
    for template in templates:
        if "?" in template:
            path = _PREFIX.sub("", template).replace("?", name.replace(".", "/"))
            yield from _beside_configuration(Language.LUA, path, block)
