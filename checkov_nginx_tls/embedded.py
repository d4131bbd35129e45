"""nginx configuration inside files of other formats: YAML, shell scripts, Dockerfiles, Terraform and nginx -T dumps.

Every place that holds some becomes a Region with an overlay: a text as long as what the host file says there, in
which the host's escapes are undone and its variables have become opaque values, so that all offsets stay valid.
What is found may itself be a script or a YAML file (a start script in a ConfigMap, cloud-init in Terraform): then
the places inside it count instead.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, Final, NamedTuple

import yaml

from checkov_nginx_tls.signatures import may_show_connections, shows_connections, shows_includes, starts_like_nginx
from checkov_nginx_tls.templates import FILLER, Expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True)
class Region:
    """A place in a host file that holds nginx configuration.

    ``start`` and ``end`` are offsets into the host's text, and ``overlay``, as long as what lies between them, is
    what nginx would read: FILLERs stand for no character, and the characters of ``expressions`` for values that
    the host puts there. ``key`` names the place and is unique in the file. ``deployed`` is the absolute path under
    which the host says that nginx finds it, or empty. ``context`` is the nginx context into which the host says
    that it goes ("main", "http", "http.server", "http.location", "stream", "stream.server"), or empty.
    """

    start: int
    end: int
    overlay: str
    expressions: Mapping[str, Expression]
    key: str
    deployed: str
    context: str


_Reader = Callable[[str], "list[Region]"]

_FIRST_OPAQUE: Final = 0xF0000
"""The code point of the first opaque value; they are numbered upwards from it."""

_NESTING: Final = 3
"""Formats inside formats that are followed."""

_DEPTH: Final = 64
"""Collections inside collections beyond which YAML and HCL are not followed; real files stay under 30."""


def embedded_regions(name: str, text: str) -> tuple[Region, ...]:
    """Places of a file that hold nginx configuration, in the order of the text.

    ``name`` is the file's name or path and tells its format together with the text. Nothing is raised: a text that
    is not what its name says holds nothing.
    """
    if not _may_matter(_bytes(text)):
        return ()
    regions = _dumped(text)
    if not regions:
        reader = _reader(name, text)
        hosts = reader(text) if reader is not None else []
        regions = [region for host in hosts for region in _unpacked(host, _NESTING) if _holds_nginx(region)]
    return tuple(_with_unique_keys(regions))


# What matters

_BLOCK: Final = re.compile(rb"\b(?:server|http|events|stream|upstream[ \t]|map[ \t])[^\n{};]{0,200}\{")
_NGINX_BLOCK: Final = re.compile(rb"(?m)^[ \t]*(?:server|upstream[ \t]+[^\s{};]+|map[ \t]+[^{};\n]+)[ \t\r\n]*\{")
_NAMED_LIKE_NGINX: Final = re.compile(r"(?i)nginx|\.conf\b")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _may_matter(data: bytes) -> bool:
    """Whether a text that fails this cheap test holds nothing for sure."""
    if (may_show_connections(data) and (b";" in data or b"{" in data)) or (b"include" in data and b";" in data):
        return True
    return any(word in data for word in (b"nginx", b".conf", b"nippet")) and _BLOCK.search(data) is not None


def _holds_nginx(region: Region) -> bool:
    data = _bytes(region.overlay.replace(FILLER, ""))
    if shows_connections(data) or shows_includes(data):
        return True
    if not region.context and _NAMED_LIKE_NGINX.search(f"{region.key} {region.deployed}") is None:
        return False
    return starts_like_nginx(data) or _NGINX_BLOCK.search(data) is not None


def _with_unique_keys(regions: Iterable[Region]) -> Iterator[Region]:
    counts: Counter[str] = Counter()
    used: set[str] = set()
    for region in sorted(regions, key=lambda region: region.start):
        counts[region.key] += 1
        key = region.key if counts[region.key] == 1 else f"{region.key}#{counts[region.key]}"
        while key in used:
            counts[region.key] += 1
            key = f"{region.key}#{counts[region.key]}"
        used.add(key)
        yield replace(region, key=key)


# Formats

_TEMPLATE_ENDING: Final = re.compile(
    r"\.(?:j2|jinja2?|erb|epp|tmpl|gotmpl|tpl|template|tftpl|in|example|sample|dist)\Z"
)
_SHELL_SHEBANG: Final = re.compile(r"#![^\n]{0,200}\b(?:ba|z|k|mk|da|a)?sh\b")
_YAML_BLOCK: Final = re.compile(r"""(?m)^[ \t]*(?:- +)*["']?[\w./-]+["']?:[ \t]*[|>][-+0-9]{0,2}[ \t\r]*$""")
_DOCKERFILE: Final = re.compile(r"(?:dockerfile|containerfile)(?:[.-].*)?|.*\.(?:dockerfile|containerfile)")


_YAML_ENDINGS: Final = frozenset({"yaml", "yml"})
_SHELL_ENDINGS: Final = frozenset({"sh", "bash", "zsh", "ksh"})
_HCL_ENDINGS: Final = frozenset({"tf", "tofu", "hcl", "nomad"})


def may_embed(name: str) -> bool:
    """Whether a file is named like one of another format that may hold nginx configuration."""
    return _reader_by_name(name) is not None


def _reader(name: str, text: str) -> _Reader | None:
    if _SHELL_SHEBANG.match(text) is not None:
        return _shell
    reader = _reader_by_name(name)
    if reader is None and (text.startswith("#cloud-config") or _is_helm_template(name, text)):
        return _yaml
    return reader


def _reader_by_name(name: str) -> _Reader | None:
    plain = re.split(r"[/\\]", name)[-1].lower()
    if _DOCKERFILE.fullmatch(plain) is not None:
        return _dockerfile
    while (ending := _TEMPLATE_ENDING.search(plain)) is not None:
        plain = plain[: ending.start()]
    extension = plain.rpartition(".")[2] if "." in plain else ""
    if extension in _YAML_ENDINGS:
        return _yaml
    if extension in _SHELL_ENDINGS:
        return _shell
    return _hcl if extension in _HCL_ENDINGS else None


def _is_helm_template(name: str, text: str) -> bool:
    return name.lower().endswith((".tpl", ".gotmpl")) and "{{" in text and _YAML_BLOCK.search(text) is not None


def _unpacked(region: Region, nesting: int) -> list[Region]:
    """The places inside a region that is a script or a YAML file itself, or the region."""
    written = region.overlay.replace(FILLER, "")
    is_yaml = _YAML_BLOCK.search(written) is not None
    if not nesting or not ("<<" in written or is_yaml) or not _may_matter(_bytes(written)):
        return [region]
    plain, offsets = _undented(region.overlay)
    inner = _shell(plain)
    if not inner and is_yaml:
        inner = _yaml(plain)
    if not inner:
        return [region]
    return [_lifted(region, offsets, found) for nested in inner for found in _unpacked(nested, nesting - 1)]


def _undented(overlay: str) -> tuple[str, list[int]]:
    """The characters of an overlay without FILLERs and common indentation, and where they stand in it."""
    lines = overlay.replace(FILLER, "").split("\n")
    indents = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip()]
    indent = min(indents, default=0)
    characters = []
    offsets = []
    column = 0
    for offset, character in enumerate(overlay):
        if character == FILLER:
            continue
        if column >= indent or character != " ":
            characters.append(character)
            offsets.append(offset)
        column = 0 if character == "\n" else column + 1
    return "".join(characters), offsets


def _lifted(outer: Region, offsets: list[int], inner: Region) -> Region:
    """A region of a region's plain text, as a region of the host's text."""
    if inner.start == inner.end:
        start = end = offsets[inner.start] if inner.start < len(offsets) else len(outer.overlay)
    else:
        start, end = offsets[inner.start], offsets[inner.end - 1] + 1
    characters = list(outer.overlay[start:end])
    for character, offset in zip(inner.overlay, offsets[inner.start : inner.end]):
        characters[offset - start] = character
    return replace(
        inner,
        start=outer.start + start,
        end=outer.start + end,
        overlay="".join(characters),
        expressions={**outer.expressions, **inner.expressions},
        key=f"{outer.key}[{inner.key}]",
    )


# Overlays


class _Values:
    """Hands out opaque characters for the expressions of a host text: one for each distinct expression."""

    def __init__(self, text: str) -> None:
        self.expressions: dict[str, Expression] = {}
        self._characters: dict[str, str] = {}
        self._taken = {character for character in text if ord(character) >= _FIRST_OPAQUE}
        self._next = _FIRST_OPAQUE

    def opaque(self, text: str, choices: tuple[str, ...]) -> str:
        character = self._characters.get(text)
        if character is None:
            while chr(self._next) in self._taken and chr(self._next) < FILLER:
                self._next += 1
            character = self._characters[text] = chr(self._next)
            self.expressions[character] = Expression(text, choices)
            if chr(self._next + 1) < FILLER:
                self._next += 1
        return character

    def within(self, overlay: str) -> dict[str, Expression]:
        """The expressions whose characters occur in an overlay."""
        if not self.expressions:
            return {}
        return {character: self.expressions[character] for character in set(overlay) & self.expressions.keys()}


def _rewritten(text: str, pattern: re.Pattern[str], value: Callable[[re.Match[str]], str]) -> str:
    """An overlay of a text: what a pattern matches becomes ``value``, not longer than it, and FILLERs.

    A backslash stays next to the character that it escapes, a dollar sign next to the name behind it, and a line
    next to its line feed.
    """
    parts = []
    position = 0
    escaping = False
    for match in pattern.finditer(text):
        if match.start() > position:
            parts.append(text[position : match.start()])
            escaping = False
        shown = value(match)
        filling = FILLER * (match.end() - match.start() - len(shown))
        if not escaping and (shown in ("\\", "$") or shown.isspace()):
            parts.append(filling + shown)
        else:
            parts.append(shown + filling)
        escaping = shown == "\\" and not escaping
        position = match.end()
    parts.append(text[position:])
    return "".join(parts)


_TEMPLATE_MARK: Final = re.compile(r"[$`*?{}<>%~\s\U000f0000-\U0010ffff]")


def _absolute(path: str) -> str:
    """A path that is absolute and constant, or nothing."""
    return path if path.startswith("/") and _TEMPLATE_MARK.search(path) is None else ""


_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]+")


def _step(prefix: str, key: str) -> str:
    """A path of keys and one more."""
    if _IDENTIFIER.fullmatch(key) is not None:
        return f"{prefix}.{key}" if prefix else key
    return f"{prefix}[{' '.join(key.split())}]"


# nginx -T

_DUMP: Final = re.compile(r"(?m)^# configuration file ([^\n]+):\r?$")
_STATEMENT: Final = re.compile(r"(?m)[;{}][ \t\r]*$")


def _dumped(text: str) -> list[Region]:
    """The files of a dump by ``nginx -T``; all of them, for they include each other."""
    if "# configuration file " not in text:
        return []
    marks = list(_DUMP.finditer(text))
    if not marks or _STATEMENT.search(text, 0, marks[0].start()) is not None:
        return []
    regions = []
    for mark, following in zip(marks, [*(mark.start() for mark in marks[1:]), len(text)]):
        start = min(mark.end() + 1, following)
        path = mark.group(1)
        regions.append(Region(start, following, text[start:following], {}, path, _absolute(path), ""))
    return regions if any(_holds_nginx(region) for region in regions) else []


# Heredocs of shell scripts and Dockerfiles


class _Heredoc(NamedTuple):
    """``head`` is the logical line with the operator and ``at`` the operator's offset in it."""

    head: str
    at: int
    word: str
    literal: bool
    start: int
    end: int


_OPERATOR: Final = re.compile(
    r"""(?x)
    '[^']*' | "[^"\\$]*(?:(?:\\.|\$(?!\())[^"\\$]*)*" | \\. | (?<!\S)\#.* | <<<
  | (?P<operator> << ) (?P<dash>-?) [ \t]*
    (?: (?P<quote>["'])(?P<quoted>[^"']+)(?P=quote) | (?P<backslash>\\?)(?P<word>[^\s;&|<>()"'`$\\]+) )
    """
)
_WORD: Final = re.compile(r"""<<-?[ \t]*["'\\]?([^\s;&|<>()"'`$\\]+|(?<=["'])[^"'\n]+)""")


def _heredocs(text: str) -> Iterator[_Heredoc]:
    if "<<" not in text:
        return
    lines = text.split("\n")
    starts = _line_starts(lines)
    words = {match.group(1) for match in _WORD.finditer(text)}
    ends = _lines_that_are(words, (line.rstrip("\r") for line in lines))
    dashed_ends = _lines_that_are(words, (line.lstrip("\t").rstrip("\r") for line in lines))
    number = 0
    while number < len(lines):
        if lines[number].lstrip().startswith("#"):
            number += 1
            continue
        head, number = _logical_line(lines, number)
        if "<<" not in head:
            continue
        for match in _OPERATOR.finditer(head):
            word = match["quoted"] or match["word"]
            end = word and _first_from((dashed_ends if match["dash"] else ends).get(word, []), number)
            if word and end:
                literal = bool(match["quoted"] or match["backslash"])
                yield _Heredoc(head, match.start(), word, literal, starts[number], starts[end])
                number = end + 1


def _line_starts(lines: list[str]) -> list[int]:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _lines_that_are(words: set[str], lines: Iterable[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if line in words:
            found.setdefault(line, []).append(number)
    return found


def _first_from(numbers: list[int], number: int) -> int | None:
    index = bisect_left(numbers, number)
    return numbers[index] if index < len(numbers) else None


def _logical_line(lines: list[str], number: int) -> tuple[str, int]:
    """A line with the lines that a backslash continues it with, and the number of the line after it."""
    parts = []
    while True:
        line = lines[number].rstrip("\r")
        number += 1
        continued = (len(line) - len(line.rstrip("\\"))) % 2 == 1 and number < len(lines)
        parts.append(line[:-1] if continued else line)
        if not continued:
            return " ".join(parts), number


_COMMAND_END: Final = re.compile(r";|&&|\|\|")
_TARGET: Final = re.compile(
    r"""(?x)
    (?: (?<![\d&<>=-])1?>>?\|? [ \t]* | \btee\b (?:[ \t]+-\S+)* [ \t]+ )
    (?P<path> (?: "[^"]*" | '[^']*' | [^\s;&|<>()"'`] )+ )
    """
)
_SHELL_EXPANSION: Final = re.compile(
    r"""(?x)
    \\ (?: (?P<escaped>[$`\\]) | \n )
  | \$\{ [^{}\n]* (?: \{[^{}\n]*\} [^{}\n]* )* \}
  | \$\( [^()]* (?: \( [^()]* (?: \([^()]*\) [^()]* )* \) [^()]* )* \)
  | `[^`\\]*(?:\\.[^`\\]*)*`
  | \$(?: [A-Za-z_][A-Za-z0-9_]* | [0-9@*\#?$!-] )
    """,
    re.DOTALL,
)
_COPY_EXPANSION: Final = re.compile(
    r"(?s)\\(?P<escaped>.)|\$\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}|\$(?:[A-Za-z_]\w*|[0-9]+|[@*#?$!-])"
)
_COPY: Final = re.compile(r"(?i)[ \t]*(?:ONBUILD[ \t]+)?(?:COPY|ADD)[ \t]")
_RUN_SCRIPT: Final = re.compile(r"(?i)[ \t]*(?:ONBUILD[ \t]+)?RUN[ \t]+(?:--\S+[ \t]+)*")


def _shell(text: str) -> list[Region]:
    heredocs = list(_heredocs(text))
    script = _Script(text, heredocs)
    return [script.redirected(heredoc) for heredoc in heredocs]


def _dockerfile(text: str) -> list[Region]:
    heredocs = list(_heredocs(text))
    script = _Script(text, heredocs)
    return [
        script.copied(heredoc) if _COPY.match(heredoc.head) is not None else script.redirected(heredoc)
        for heredoc in heredocs
    ]


class _Script:
    """Makes regions of the heredocs of one script."""

    def __init__(self, text: str, heredocs: list[_Heredoc]) -> None:
        self.text = text
        starts = [0, *(heredoc.end for heredoc in heredocs)]
        ends = [*(heredoc.start for heredoc in heredocs), len(text)]
        self.constants = _constants("".join(text[start:end] for start, end in zip(starts, ends))) if heredocs else {}
        self.values = _Values(text)

    def redirected(self, heredoc: _Heredoc) -> Region:
        """A heredoc that a command writes somewhere, or that is a command's script."""
        begin = 0
        for separator in _COMMAND_END.finditer(heredoc.head, 0, heredoc.at):
            begin = separator.end()
        following = _COMMAND_END.search(heredoc.head, heredoc.at)
        command = heredoc.head[begin : following.start() if following is not None else len(heredoc.head)]
        paths = [re.sub("[\"']", "", match["path"]) for match in _TARGET.finditer(command)]
        target = next((path for path in paths if not path.startswith("/dev/")), "")
        run = _RUN_SCRIPT.match(heredoc.head)
        literal = heredoc.literal or (run is not None and run.end() == heredoc.at)
        deployed = _absolute(self.expanded(target))
        return self.region(heredoc, target or heredoc.word, deployed, None if literal else _SHELL_EXPANSION)

    def copied(self, heredoc: _Heredoc) -> Region:
        """A heredoc that a Dockerfile's COPY or ADD writes."""
        words = [word for word in _COPY.sub("", heredoc.head, count=1).split() if not word.startswith("--")]
        target = words[-1] if len(words) > 1 else heredoc.word
        if target.endswith("/") or len(words) > 2:
            target = f"{target.rstrip('/')}/{heredoc.word}"
        deployed = _absolute(self.expanded(target))
        return self.region(heredoc, target, deployed, None if heredoc.literal else _COPY_EXPANSION)

    def region(self, heredoc: _Heredoc, key: str, deployed: str, expansion: re.Pattern[str] | None) -> Region:
        overlay = self.text[heredoc.start : heredoc.end]
        if expansion is not None:
            overlay = _rewritten(overlay, expansion, self._value)
        return Region(
            heredoc.start, heredoc.end, overlay, self.values.within(overlay), " ".join(key.split()), deployed, ""
        )

    def expanded(self, path: str) -> str:
        """A path with the constants of the script in their places."""
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: self._constant(match[1] or match[2], match[0]), path)

    def _constant(self, name: str, default: str) -> str:
        return self.constants.get(name, default)

    def _value(self, match: re.Match[str]) -> str:
        if match[0].startswith("\\"):
            return match["escaped"] or ""
        return self.values.opaque(match[0], _choices(match[0], self.constants))


_ASSIGNMENT: Final = re.compile(
    r"""(?mx)
    ^ (?: (?:export|readonly|ENV|ARG) [ \t]+ )? (?P<name> [A-Za-z_]\w*) =
      (?: '(?P<single> [^'\n]*)' | "(?P<double> [^"$`\\\n]*)" | (?P<bare> [^\s"'$`\\;&|<>()]*) )
      [ \t]* (?:;|\#.*)? \r? $
  | ^ [ \t]* (?: (?P<open> (?:if|case|for|while|until|select) \b (?! .*[\s;](?:fi|esac|done)\b )
                        | (?:function [ \t]+)? [\w-]+ [ \t]* (?:\([ \t]*\))? [ \t]* \{ [ \t]* (?:\#.*)? \r? $ )
              | (?P<close> (?:fi|esac|done)\b | \} ) )
    """
)
_CHANGE: Final = re.compile(
    r"""(?x)
    (?<![\w$-]) ([A-Za-z_]\w*) \+?=
  | \$\{ ([A-Za-z_]\w*) :?=
  | (?<![\w$-]) (?:read|for|unset|mapfile|getopts|printf[ \t]+-v) \b ([^\n;|&]*)
    """
)
_PARAMETER: Final = re.compile(r"\$\{?([A-Za-z_]\w*)(?:(:?[-=+])([^$`\\\"'{}\s;]*))?\}?")


def _constants(script: str) -> dict[str, str]:
    """Variables that a script sets once, unconditionally and at the start of a line, to a constant."""
    constants: dict[str, str] = {}
    depth = 0
    for match in _ASSIGNMENT.finditer(script):
        if match["open"] is not None:
            depth += 1
        elif match["close"] is not None:
            depth = max(0, depth - 1)
        elif not depth:
            constants[match["name"]] = match["single"] or match["double"] or match["bare"] or ""
    if not constants:
        return {}
    changes: Counter[str] = Counter()
    for match in _CHANGE.finditer(script):
        changes.update(re.findall(r"\w+", match[3]) if match[3] is not None else [match[1] or match[2]])
    return {name: value for name, value in constants.items() if changes[name] == 1}


def _choices(expansion: str, constants: Mapping[str, str]) -> tuple[str, ...]:
    """What a shell's expansion of a variable may become, as far as the script says it."""
    match = _PARAMETER.fullmatch(expansion)
    if match is None:
        return ()
    name, operator, word = match.groups()
    if operator is None:
        return (constants[name],) if name in constants else ()
    return (word, "") if operator.endswith("+") else (word,)


# Terraform and other HCL


@dataclass
class _HclBlock:
    """A block or object: the path of keys that leads to it, the attribute being read, where its content goes."""

    path: str
    attribute: str = ""
    destination: str = ""


_HCL_TOKEN: Final = re.compile(
    r"""(?x)
    (?P<heredoc> <<-?[ \t]*"?(?P<delimiter>[A-Za-z_][\w-]*)"?[ \t\r]*\n )
  | (?P<comment> \#[^\n]* | //[^\n]* | /\*[\s\S]*?(?:\*/|\Z) )
  | (?P<attribute> (?:[A-Za-z_][\w-]*|"[^"\n]*") [ \t]{0,99} (?:=(?!=)|:) )
  | (?P<string> "[^"\\\n]*(?:\\.[^"\\\n]*)*"? )
  | (?P<word> [A-Za-z_][\w.-]* )
  | (?P<mark> [{}\n,] )
    """
)
_HCL_EXPRESSION: Final = re.compile(
    r"""(?x)
    \$(?P<dollar>\$)(?=\{)
  | %(?P<percent>%)(?=\{)
  | %\{~?[ ]{0,9}if\b[^{}\n]*\} (?P<then>[^\s;{}%$]*)
    (?: %\{~?[ ]{0,9}else[ ]{0,9}~?\} (?P<otherwise>[^\s;{}%$]*) )? %\{~?[ ]{0,9}endif[ ]{0,9}~?\}
  | %\{(?P<control>[^{}\n]*)\}[ \t\n]?
  | \$\{ [^{}]* (?: \{ [^{}]* (?: \{[^{}]*\} [^{}]* )* \} [^{}]* )* \}
    """
)
_HCL_CHOICE: Final = re.compile(r'\$\{[^?{}]*\?\s*"([^"$%\\]*)"\s*:\s*"([^"$%\\]*)"\s*~?\}')
_HCL_CONTENT: Final = frozenset({"content", "data"})
_HCL_DESTINATION: Final = frozenset({"destination", "path", "filename"})


def _hcl(text: str) -> list[Region]:
    return _Hcl(text).read()


class _Hcl:
    """Follows blocks and attributes through one file, and makes regions of its heredocs."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = _line_starts(self.lines)
        words = {match[1] for match in _WORD.finditer(text)}
        self.ends = _lines_that_are(words, (line.strip() for line in self.lines))
        self.values = _Values(text)
        self.found: list[tuple[_HclBlock, Region]] = []
        self.blocks = [_HclBlock("")]
        self.labels: list[str] = []
        self.assigned = False

    def read(self) -> list[Region]:
        position = 0
        while (match := _HCL_TOKEN.search(self.text, position)) is not None:
            position = match.end()
            if match["heredoc"] is not None:
                position = self.heredoc(match["delimiter"], position)
            elif match["mark"] is not None:
                self.punctuate(match["mark"])
            elif match["comment"] is None:
                self.name(match)
        return [replace(region, deployed=block.destination) for block, region in self.found]

    def heredoc(self, delimiter: str, start: int) -> int:
        """Take a heredoc; returns where to go on."""
        end = _first_from(self.ends.get(delimiter, []), bisect_left(self.starts, start))
        if end is None:
            return start
        block = self.blocks[-1]
        overlay = _rewritten(self.text[start : self.starts[end]], _HCL_EXPRESSION, self._value)
        key = _step(block.path, block.attribute or delimiter)
        region = Region(start, self.starts[end], overlay, self.values.within(overlay), key, "", "")
        self.found.append((block if block.attribute in _HCL_CONTENT else _HclBlock(""), region))
        return self.starts[end] + len(self.lines[end])

    def name(self, match: re.Match[str]) -> None:
        """Take an attribute, a block's type or label, or what is assigned."""
        block = self.blocks[-1]
        name = match[0].rstrip("=: \t").strip('"')
        if self.assigned:
            if match["string"] is not None and block.attribute in _HCL_DESTINATION:
                block.destination = _absolute(name)
        elif match["attribute"] is not None and not self.labels:
            block.attribute = name
            self.assigned = True
        else:
            self.labels.append(name)

    def punctuate(self, mark: str) -> None:
        if mark == "{":
            block = self.blocks[-1]
            if len(self.blocks) < _DEPTH:
                path = block.path
                for label in self.labels or [block.attribute]:
                    path = _step(path, label) if label else path
                block = _HclBlock(path)
            self.blocks.append(block)
        elif mark == "}" and len(self.blocks) > 1:
            self.blocks.pop()
        self.labels = []
        self.assigned = False

    def _value(self, match: re.Match[str]) -> str:
        if match["dollar"] or match["percent"]:
            return match["dollar"] or match["percent"]
        if match["control"] is not None:
            return _jinja_tag(match["control"].strip("~").strip(), match[0])
        if match["then"] is not None:
            return self.values.opaque(match[0], (match["then"], match["otherwise"] or ""))
        choice = _HCL_CHOICE.fullmatch(match[0])
        return self.values.opaque(match[0], choice.groups() if choice is not None else ())


def _jinja_tag(code: str, written: str) -> str:
    """A control tag of HCL in the spelling of Jinja, as long as it was written.

    Jinja's is one character longer: a blank gives way to it, within or behind the tag, or else the condition's
    first character.
    """
    if code.startswith("end"):
        code = "end"
    blank = written[-1] if written[-1] != "}" else ""
    if len(code) + 4 <= len(written) - len(blank):
        return "{%" + code.ljust(len(written) - len(blank) - 4) + "%}" + blank
    if len(code) + 4 > len(written) and code.startswith("if "):
        code = "if " + code[4:]
    return "{%" + code + "%}" if len(code) + 4 == len(written) else " " * len(written)


# YAML


@dataclass(eq=False)
class _Node:
    """A scalar, or a collection with its children by their keys, which are None in a sequence.

    ``style`` is the character that a scalar starts with, empty for plain scalars and collections. ``value`` is
    only meant for scalars of one line.
    """

    start: int
    end: int
    style: str = ""
    value: str = ""
    children: list[tuple[str | None, _Node]] = field(default_factory=list)

    def get(self, key: str) -> _Node | None:
        return next((child for name, child in self.children if name == key), None)

    def text(self, *keys: str) -> str:
        """The scalar under a path of keys, empty where there is none."""
        node: _Node | None = self
        for key in keys:
            node = node.get(key) if node is not None else None
        return node.value if node is not None and "\n" not in node.value else ""

    def each(self, key: str) -> Iterator[_Node]:
        """The members of the collection under a key."""
        collection = self.get(key)
        if collection is not None:
            yield from (child for _, child in collection.children)


class _Place(NamedTuple):
    """A scalar with the path of keys that leads to it, its last key, and the collection and object it is in."""

    scalar: _Node
    path: str
    key: str
    parent: _Node
    parent_key: str
    kind: str


_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DOCUMENT_START: Final = re.compile(r"(?m)^---(?=[ \t\r\n]|\Z)")
_UNREADABLE: Final = re.compile(
    r"[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*[ \t\r\n]+)*")
_FOLD: Final = r"(?P<fold> (?<![ \t]) [ \t]* (?:\r?\n[ \t]*)+ )"
_DOUBLE_QUOTED: Final = re.compile(
    rf"(?x) \\(?: x(?P<two>[0-9A-Fa-f]{{2}}) | u(?P<four>[0-9A-Fa-f]{{4}}) | U(?P<eight>[0-9A-Fa-f]{{8}})"
    rf" | (?P<joined>\r?\n[ \t]*) | (?P<named>[\s\S]) ) | {_FOLD}"
)
_SINGLE_QUOTED: Final = re.compile(rf"(?x) (?P<quote>'') | {_FOLD}")
_PLAIN: Final = re.compile(rf"(?x) {_FOLD}")
_NAMED_ESCAPES: Final = dict(zip("0abtnvfreN_LP", "\0\a\b\t\n\v\f\r\x1b\x85\xa0\u2028\u2029"))
_ASSIGNED: Final = re.compile(r"\s*([\w./-]+)=")
_COMPOSE_VALUE: Final = re.compile(r"\$(?P<dollar>\$)|\$\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}|\$[A-Za-z_]\w*")
_CONTEXTS: Final = {
    "configuration-snippet": "http.location",
    "location-snippet": "http.location",
    "auth-snippet": "http.location",
    "server-snippet": "http.server",
    "http-snippet": "http",
    "stream-snippet": "stream",
    "main-snippet": "main",
}
_GATEWAY_CONTEXTS: Final = {
    "main": "main",
    "http": "http",
    "http.server": "http.server",
    "http.server.location": "http.location",
}


def _yaml(text: str) -> list[Region]:
    documents = _documents(text)
    deployed = _deployments(documents)
    values = _Values(text)
    regions = []
    for document in documents:
        services = document.get("services")
        is_compose = services is not None and any(name is not None for name, _ in services.children)
        for place in _places(document):
            region = _scalar_region(text, place, deployed)
            if region is not None:
                regions.append(_interpolated(region, values) if is_compose else region)
    return regions


def _scalar_region(text: str, place: _Place, deployed: Mapping[int, str]) -> Region | None:
    scalar = place.scalar
    start, end = _content(text, scalar)
    content = text[start:end]
    if ";" not in content and "{" not in content:
        return None
    path = place.path
    if place.parent_key in ("environment", "labels") and place.parent.children[0][0] is None:
        assigned = _ASSIGNED.match(content)
        if assigned is not None:
            start += assigned.end()
            content = content[assigned.end() :]
            path = _step(path.rpartition("[")[0], assigned[1])
    if scalar.style == '"':
        content = _rewritten(content, _DOUBLE_QUOTED, _unescaped)
    elif scalar.style == "'":
        content = _rewritten(content, _SINGLE_QUOTED, _unescaped)
    elif not scalar.style:
        content = _rewritten(content, _PLAIN, _unescaped)
    return Region(start, end, content, {}, path or "document", deployed.get(id(scalar), ""), _context(place))


def _content(text: str, scalar: _Node) -> tuple[int, int]:
    """Where the content of a scalar starts and ends, without its header or quotes."""
    properties = _PROPERTIES.match(text, scalar.start, scalar.end)
    start = properties.end() if properties is not None else scalar.start
    if not scalar.style:
        return start, scalar.end
    if scalar.style in "\"'":
        return start + 1, max(start + 1, scalar.end - 1)
    header_end = text.find("\n", start, scalar.end)
    if header_end < 0:
        return scalar.end, scalar.end
    end = scalar.end
    last_line = text.rfind("\n", 0, end) + 1
    return header_end + 1, last_line if not text[last_line:end].strip() else end


def _unescaped(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups["fold"] is not None:
        breaks = groups["fold"].count("\n")
        return " " if breaks == 1 else "\n" * (breaks - 1)
    if groups.get("quote") is not None:
        return "'"
    if groups["named"] is not None:
        return _NAMED_ESCAPES.get(groups["named"], groups["named"])
    if groups["joined"] is not None:
        return ""
    code = int(groups["two"] or groups["four"] or groups["eight"], 16)
    return "?" if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)


def _interpolated(region: Region, values: _Values) -> Region:
    """A region in which the variables of a compose file are opaque values."""
    if "$" not in region.overlay:
        return region
    characters = [(offset, character) for offset, character in enumerate(region.overlay) if character != FILLER]
    plain = "".join(character for _, character in characters)

    def value(match: re.Match[str]) -> str:
        return match["dollar"] or values.opaque(match[0], _choices(match[0], {}))

    overlay = _rewritten(plain, _COMPOSE_VALUE, value)
    inner = Region(0, len(plain), overlay, values.within(overlay), "", "", "")
    lifted = _lifted(region, [offset for offset, _ in characters], inner)
    head = region.overlay[: lifted.start - region.start]
    tail = region.overlay[lifted.end - region.start :]
    return replace(region, overlay=head + lifted.overlay + tail, expressions=lifted.expressions)


def _context(place: _Place) -> str:
    if place.key == "value":
        return _GATEWAY_CONTEXTS.get(place.parent.text("context"), "")
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|_", "-", place.key.rpartition("/")[2]).lower()
    context = _CONTEXTS.get(name.removesuffix("s"), "")
    return "stream.server" if context == "http.server" and place.kind == "TransportServer" else context


def _places(document: _Node) -> Iterator[_Place]:
    """The scalars of a document."""
    pending = [(document, "", "", "")]
    while pending:
        node, path, key, kind = pending.pop()
        identity = _identity(node)
        if identity:
            path, kind = identity, node.text("kind")
        for index, (name, child) in enumerate(node.children):
            if name is not None:
                child_path = _step(path, name)
            else:
                child_path = f"{path}[{' '.join(child.text('name').split()) or index}]"
            if child.children:
                pending.append((child, child_path, name or "", kind))
            else:
                yield _Place(child, child_path, name or "", node, key, kind)


def _identity(node: _Node) -> str:
    """Kind and name of a Kubernetes object."""
    kind, name = node.text("kind"), node.text("metadata", "name")
    if not kind or not (name or node.text("apiVersion")):
        return ""
    return f"{kind}/{name}" if name else kind


# Where the scalars of YAML files go

_MOUNTS: Final = 20
"""Places where one object is mounted, and sources of one volume, that are looked at."""


def _deployments(documents: list[_Node]) -> dict[int, str]:
    """Absolute paths by the identities of the scalars that end up there."""
    found: dict[int, str] = {}
    mounts: dict[tuple[str, str], list[_Mount]] = {}
    for document in documents:
        _compose_configs(document, found)
        for node in _collections(document):
            destination = _absolute(node.text("dest") or node.text("path"))
            for key, child in node.children if destination else ():
                if key in ("content", "block", "line"):
                    found[id(child)] = destination
            for source, mount in _mounts(node):
                if len(mounts.setdefault(source, [])) < _MOUNTS:
                    mounts[source].append(mount)
    for document in documents if mounts else ():
        for node in _collections(document):
            for mount in mounts.get((node.text("kind"), node.text("metadata", "name")), ()):
                _mounted(node, mount, found)
    return found


def _mounted(node: _Node, mount: _Mount, found: dict[int, str]) -> None:
    for name in ("data", "stringData"):
        data = node.get(name)
        for key, content in data.children if data is not None else ():
            path = mount.path_of(key or "")
            if path:
                found.setdefault(id(content), path)


def _collections(document: _Node) -> Iterator[_Node]:
    pending = [document]
    while pending:
        node = pending.pop()
        if node.children:
            yield node
            pending.extend(child for _, child in node.children)


def _compose_configs(document: _Node, found: dict[int, str]) -> None:
    targets: dict[str, str] = {}
    for service in document.each("services"):
        for config in service.each("configs"):
            source = config.text("source") or config.value
            targets.setdefault(source, _absolute(config.text("target") or f"/{source}"))
    configs = document.get("configs") if targets else None
    for name, config in configs.children if configs is not None else ():
        content = config.get("content")
        if content is not None:
            found[id(content)] = targets.get(name or "", "")


class _Mount(NamedTuple):
    """A volume of files in a container; ``items`` are their paths in the volume by their keys, None for all."""

    items: Mapping[str, str] | None
    path: str
    sub_path: str

    def path_of(self, key: str) -> str:
        inside = key if self.items is None else self.items.get(key, "")
        if not inside:
            return ""
        if self.sub_path:
            if inside != self.sub_path and not inside.startswith(f"{self.sub_path}/"):
                return ""
            return _absolute(self.path + inside[len(self.sub_path) :])
        return _absolute(f"{self.path.rstrip('/')}/{inside}")


def _mounts(pod: _Node) -> Iterator[tuple[tuple[str, str], _Mount]]:
    """What the containers of a pod mount: kind and name of an object, and where it is mounted."""
    if pod.get("volumes") is None:
        return
    volumes: dict[str, list[tuple[tuple[str, str], dict[str, str] | None]]] = {}
    for volume in pod.each("volumes"):
        projected = volume.get("projected")
        for source in (volume, *(projected.each("sources") if projected is not None else ())):
            for kind, where, name in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
                reference = source.get(where)
                if reference is not None:
                    items = {item.text("key"): item.text("path") for item in reference.each("items")}
                    wanted = (kind, reference.text(name) or reference.text("name"))
                    volumes.setdefault(volume.text("name"), []).append((wanted, items or None))
    for containers in ("containers", "initContainers"):
        for container in pod.each(containers):
            for mount in container.each("volumeMounts"):
                for wanted, paths in volumes.get(mount.text("name"), [])[:_MOUNTS]:
                    yield wanted, _Mount(paths, mount.text("mountPath"), mount.text("subPath"))


# Reading YAML


def _documents(text: str) -> list[_Node]:
    """The documents of a stream: each as PyYAML reads it, or else without its template tags, or else by its lines."""
    readable = _UNREADABLE.sub(lambda match: " " if match[0] == "\r" else "?", text)
    first = 1 if text.startswith("\ufeff") else 0
    bounds = [first, *(match.start() for match in _DOCUMENT_START.finditer(readable, first)), len(text)]
    without_tags = ""
    documents = []
    for start, end in zip(bounds, bounds[1:]):
        document = _loaded(readable, readable, start, end)
        if document is None:
            without_tags = without_tags or _without_tags(readable)
            if without_tags != readable:
                document = _loaded(without_tags, readable, start, end)
            document = document or _Lines(without_tags, readable, start, end).read()
            _trim_blocks(document, without_tags, readable)
        documents.append(document)
    return documents


class _Frame:
    """A collection that is being read, and in a mapping the key whose value comes next."""

    def __init__(self, node: _Node, is_mapping: bool) -> None:
        self.node = node
        self.is_mapping = is_mapping
        self.key: str | None = None

    def add(self, node: _Node, key: str) -> None:
        if self.is_mapping and self.key is None:
            self.key = key
        else:
            self.node.children.append((self.key, node))
            self.key = None


def _loaded(text: str, written: str, start: int, end: int) -> _Node | None:
    """A document by PyYAML, None where it refuses. ``written`` is the text with its template tags."""
    root = _Node(start, end)
    frames = [_Frame(root, is_mapping=False)]
    try:
        for event in yaml.parse(text[start:end], Loader=_LOADER):
            if isinstance(event, yaml.CollectionEndEvent):
                frames.pop()
                continue
            if not isinstance(event, yaml.NodeEvent) or event.start_mark is None or event.end_mark is None:
                continue
            node = _Node(start + event.start_mark.index, start + event.end_mark.index)
            key = "?"
            if isinstance(event, yaml.ScalarEvent):
                node.style = event.style or ""
                key = node.value = _value(event, text, written, node)
            frames[-1].add(node, key)
            if isinstance(event, yaml.CollectionStartEvent):
                if len(frames) > _DEPTH:
                    return None
                frames.append(_Frame(node, isinstance(event, yaml.MappingStartEvent)))
    except (yaml.YAMLError, ValueError, OverflowError):
        return None
    return root.children[0][1] if len(root.children) == 1 else root


def _value(event: yaml.ScalarEvent, text: str, written: str, node: _Node) -> str:
    shown = written[node.start : node.end]
    if text is written or shown == text[node.start : node.end]:
        return str(event.value)
    return _unquoted(shown)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else value


_TAG: Final = re.compile(r"\{\{|\{%|\{#|<%")
_TAG_ENDS: Final = {"{{": "}}", "{%": "%}", "{#": "#}", "<%": "%>"}
_BLOCK_HEADER: Final = re.compile(r"(?:\A|[ \t])[|>][-+0-9]{0,2}[ \t\r]*\Z")


def _without_tags(text: str) -> str:
    """A template in which lines of tags are blank and other tags are words; lengths and lines stay."""
    parts = []
    position = 0
    missing: set[str] = set()
    for match in _TAG.finditer(text):
        if match.start() < position or match[0] in missing:
            continue
        end = text.find(_TAG_ENDS[match[0]], match.end())
        if end < 0:
            missing.add(match[0])
            continue
        parts += [text[position : match.start()], re.sub(r"[^\n]", "\0", text[match.start() : end + 2])]
        position = end + 2
    parts.append(text[position:])
    return "\n".join(_without_lines_of_tags("".join(parts).split("\n"))).replace("\0", "x")


def _without_lines_of_tags(lines: list[str]) -> list[str]:
    """Lines in which those of tags, which are NULs, are blank, or content where they are a block scalar's first.

    A block scalar takes its indentation from its first lines, blank ones included.
    """
    first: list[int] | None = None
    for number, line in enumerate(lines):
        content = line.strip(" \t\r")
        if content.strip("\0 \t"):
            indent = len(line) - len(line.lstrip(" "))
            for index in first or ():
                lines[index] = (" " * indent + "x" * len(lines[index]))[: len(lines[index])]
            first = [] if _BLOCK_HEADER.search(content) is not None else None
        elif content:
            lines[number] = line.replace("\0", " ")
            if first is not None:
                first.append(number)
    return lines


_CONTROL: Final = re.compile(
    r"""(?x)
    (?: \{\{-? | \{%[-+]? | <%-? ) \s*
    (?: (?P<close> end )
      | (?P<open> (?: if | with | range | block | define | for | unless | case | macro | call | filter | raw )\b
                  | [^\n%]*\bdo\b ) )
    """
)


def _trim_blocks(document: _Node, text: str, written: str) -> None:
    """Let block scalars end where their content does: tags behind it belong to what comes next.

    Only tags that close what was opened in the block are left to it.
    """
    for collection in _collections(document):
        for _, node in collection.children:
            if node.style not in ("|", ">"):
                continue
            end = node.start + len(text[node.start : node.end].rstrip())
            end = written.find("\n", end) + 1 or len(written)
            depth = 0
            for match in _CONTROL.finditer(written, node.start, node.end):
                if match.start() >= end and depth <= 0:
                    break
                depth += 1 if match["open"] is not None else -1
                if match.start() >= end and depth == 0:
                    end = written.find("\n", match.end()) + 1 or len(written)
                    break
            node.end = min(end, node.end)


_LINE_DASH: Final = re.compile(r"-(?:[ \t]+|\Z)")
_LINE_KEY: Final = re.compile(
    r"""(?x)
    (?P<key> "[^"]*" | '[^']*' | [^\s"'\#:] (?: [^:] | :(?=\S) )* ) [ \t]* : (?:[ \t]+|\Z)
    """
)
_LINE_BLOCK: Final = re.compile(r"(?:[&!]\S*[ \t]+)*(?P<style>[|>])[-+0-9]{0,2}[ \t]*(?:[ \t]#.*)?")


class _Lines:
    """Reads a document by the indentation of its lines: block scalars, and scalars of one line."""

    def __init__(self, text: str, written: str, start: int, end: int) -> None:
        self.written = written
        self.start = start
        self.end = end
        self.lines = text[start:end].split("\n")
        self.starts = [start + line_start for line_start in _line_starts(self.lines)]
        self.open_nodes = [(-1, _Node(start, end))]

    def read(self) -> _Node:
        number = 0
        while number < len(self.lines):
            line = self.lines[number].rstrip(" \t\r")
            column = len(line) - len(line.lstrip(" "))
            number += 1
            if column < len(line) and line[column] != "#" and line not in ("---", "..."):
                number = self.entry(number, line, column)
        return self.open_nodes[0][1]

    def entry(self, number: int, line: str, column: int) -> int:
        """Take a line with dashes, a key and a value; returns the number of the line after the value."""
        offset = self.starts[number - 1]
        node = None
        parent_column = column
        while (dash := _LINE_DASH.match(line, column)) is not None:
            node = self.add(2 * column + 1, offset + column, None)
            parent_column = column
            column = dash.end()
        match = _LINE_KEY.match(line, column)
        if match is not None:
            key = _unquoted(self.written[offset + column : offset + match.end("key")].strip())
            node = self.add(2 * column, offset + column, key)
            parent_column = column
            column = match.end()
        if node is None or column >= len(line) or line[column] == "#":
            return number
        node.start, node.end = offset + column, offset + len(line)
        block = _LINE_BLOCK.fullmatch(line, column)
        if block is None:
            written = self.written[node.start : node.end]
            node.value = _unquoted(written)
            node.style = written[0] if node.value != written else ""
            return number
        node.style = block["style"]
        while number < len(self.lines) and _is_content(self.lines[number], parent_column):
            number += 1
        node.end = min(self.starts[number], self.end)
        return number

    def add(self, level: int, start: int, key: str | None) -> _Node:
        """Open a node below those that are less indented."""
        while self.open_nodes[-1][0] >= level or len(self.open_nodes) > _DEPTH:
            self.open_nodes.pop()
        node = _Node(start, start)
        self.open_nodes[-1][1].children.append((key, node))
        self.open_nodes.append((level, node))
        return node


def _is_content(line: str, parent_column: int) -> bool:
    stripped = line.lstrip(" ")
    return not stripped.strip() or len(line) - len(stripped) > parent_column
