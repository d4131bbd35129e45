"""Templated nginx configuration in, text of the same length that nginx's syntax can be read from.

Tags of Jinja and its kin (Liquid, lua-resty-template), Go templates, Handlebars, ERB and EPP are found and sorted
into values, output, control and comments; so are envsubst's defaults, ``%var%``, ``<placeholder>`` and ``@VAR@``.
nginx's syntax is then followed through the text between them, every arm of a construct from where the construct
begins: a construct inside one statement becomes one opaque value, one that holds statements becomes arms.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from copy import copy
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FILLER: Final = "\U0010fffd"
"""A character of an overlay that stands for no character at all."""

_BLANK: Final = f" \t\r{FILLER}"
_FIRST_OPAQUE: Final = 0xF0000
_LAST_OPAQUE: Final = 0xFFFFD
_CHOICES: Final = 16
"""Possible values of one expression beyond which they count as unknown."""

_CHOICE_LENGTH: Final = 1000
_DEPTH: Final = 250
"""Blocks that an arm may leave open or close for its braces to be balanced; nginx files are not nested so deep."""


class Expression(NamedTuple):
    """What an opaque character stands for.

    ``text`` is the expression as written. ``choices`` are its possible values where the text says so: one for a
    default or a constant, several for the arms of a condition, "" among them where nothing may be rendered;
    empty where they are unknown.
    """

    text: str
    choices: tuple[str, ...]


class Case(NamedTuple):
    """One arm of a control construct.

    ``construct`` is what is tested, with normalised white space; two constructs with the same text test the same.
    A single condition stands for itself: ``if a``, ``if a ... else`` and ``if not a`` are one construct. A chain of
    conditions is one construct as a whole. Names that a loop, a macro or an assignment in the same text sets carry
    the number of that setting, and every loop is a construct of its own with a number; the numbers mean nothing
    outside of the text.

    ``arm`` counts from 0: of a single condition 0 is that it holds and 1 that it does not; of a chain the arms in
    their order, the else last; of a loop or macro 0 is its body. ``arms`` is the number of alternatives, exactly
    one of which is rendered: where there is no else, rendering nothing is one of them, and ``complete``, which
    says that one of the written arms is always rendered, is False.
    """

    construct: str
    arm: int
    arms: int
    complete: bool


class Arm(NamedTuple):
    """The offsets of an arm's content, which is rendered only in that case."""

    start: int
    end: int
    case: Case


class Neutral(NamedTuple):
    """A neutralised text, its expressions by the characters that stand for them, its arms, outer before inner."""

    text: str
    expressions: Mapping[str, Expression]
    arms: tuple[Arm, ...]


def neutralise(text: str, expressions: Mapping[str, Expression] = MappingProxyType({})) -> Neutral:
    """Turn a template into text of the same length that nginx's syntax can be read from.

    Values become opaque characters followed by FILLERs, control tags white space, template comments at the end of
    a line comments of nginx. ``text`` may hold FILLERs and the characters of ``expressions``: both are kept, and
    new characters follow them. A tag without end is left as it is, and so is plain nginx.
    """
    tags = _Scanner(text).tags()
    if not tags:
        return Neutral(text, expressions, ())
    walk = _Walk(text, tags)
    walk.run()
    return _written(text, walk, expressions)


# What tags a text has


class _Tag(NamedTuple):
    """A tag of a template.

    ``kind``: value, lone (a value only where it stands alone), output (a value of whole statements), open, middle,
    close, void (control without content) or comment. ``word`` is its keyword and ``code`` what follows that.
    """

    start: int
    end: int
    kind: str
    family: str
    word: str
    code: str


_MARK: Final = re.compile(
    r"""(?mx)
    (?P<curly> \{\{ ) | (?P<jinja> \{% ) | (?P<hash> \{\# ) | (?P<erb> <%(?!%) )
  | (?P<line> ^>[ \t]*(?:if|elseif|else|for|end)\b[^\n]* )
  | (?P<shell> \$\{\w+:?[-=+?](?:[^{}\n]|\$\{[^{}\n]*\})*\} )
  | (?P<lone> ^[ \t]*(?:\$(?:\{[A-Za-z_]\w*\}|[A-Z_][A-Z0-9_]*)|[A-Z][A-Z0-9]*_[A-Z0-9_]+)(?=[ \t\r]*$) )
  | (?P<percent> %(?![0-9A-Fa-f]{2}%)[A-Za-z_][A-Za-z0-9_]+%(?![0-9A-Fa-f]{2}) )
  | (?P<angle> (?<![?\\])(?<!\?P)(?<!\\[kg])<[A-Za-z][\w.-]*(?:[ ][\w.-]+)*> )
  | (?P<at> @[A-Z][A-Z0-9_]+@ )
    """
)
_HTML: Final = re.compile(
    r"(?i)<(?:html|head|body|title|h\d|p|br|hr|b|i|u|a|div|span|center|pre|code|ul|ol|li|dl|dt|dd|table|tr|td|th|script"
    r"|style|link|meta|img|strong|em|form|input|label|button|small|footer|header|main|nav|section|svg|iframe|noscript)>"
)
_STRING: Final = r""" "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*` """
_INSIDE: Final = {
    "curly": re.compile(rf"(?x) (?P<string>{_STRING}) | \\. | (?P<open>\{{\{{) | (?P<brace>[{{}}])"),
    "jinja": re.compile(rf"(?x) (?P<string>{_STRING}) | \\. | (?P<open>\{{%) | (?P<close>%\}})"),
    "erb": re.compile(rf"(?x) (?P<string>{_STRING}) | \\. | (?P<open><%) | (?P<close>%>)"),
}
_OPENERS: Final = {"curly": "{{", "jinja": "{%", "erb": "<%"}
_CLOSERS: Final = {"curly": "}}", "jinja": "%}", "erb": "%>"}
_COMMENT: Final = re.compile(
    r"""(?x)
    (?P<go> \{\{[-~]?\s*/\*+ ) | (?P<bars> \{\{[-~]?!-- ) | (?P<bang> \{\{[-~]?! ) | (?P<hash> \{\#[-+]? )
  | (?P<ruby> <%-?[ \t]*\#+ )
    """
)
_END: Final = {
    "line": re.compile(r"\n"),
    "go": re.compile(r"\*/\s*[-~]?\}\}"),
    "bars": re.compile(r"--[-~]?\}\}"),
    "bang": re.compile(r"[-~]?\}\}"),
    "hash": re.compile(r"[-+]?#\}"),
    "ruby": re.compile(r"[-=]?%>"),
    "raw": re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}"),
    "verbatim": re.compile(r"\{%[-+]?\s*endverbatim\s*[-+]?%\}"),
    "comment": re.compile(r"\{%[-+]?\s*endcomment\s*[-+]?%\}"),
}
"""What ends that which starts with a comment's opener, or with a tag that takes what follows verbatim."""

_VERBATIM: Final = re.compile(r"\{%[-+]?\s*(raw|verbatim|comment)\s*[-+]?%\}")
_TABLE: Final = re.compile(rf"(?x)\s* (?: (?:{_STRING}|[\w.]+) \s* (?: [,}}] | =(?!=) ) | \[ | \Z )")
"""How a table of Lua inside another begins, which looks like a value's tag."""

_SORTS: Final = {
    "jinja": re.compile(
        r"""(?x)
        (?P<close> end\w* )\b
      | (?P<middle> elif|elsif|elseif|else[ ]if|else|when )\b
      | (?P<open> if|unless|case|for|tablerow|while|macro|function|capture|set(?=\s+[\w.]+\s*(?:\||\Z)) )\b
      | (?P<output> include|render )\b
      | (?P<void> )
        """
    ),
    "curly": re.compile(
        r"""(?x)
        (?P<close> end(?=\s*\Z) | / )
      | (?P<middle> else\b(?:\s*(?:if|with)\b)? | \^(?=\s*\Z) )
      | (?P<open> (?:if|with|range|define|block)(?=\s+[^\s|]|\() | \#\s*[\w.@*>-]* | \^ )
      | (?P<output> (?:template|include|partial|tpl)\b | > )
      | (?P<void> (?=\$\w*(?:\s*,\s*\$\w+)?\s*:?=(?!=)) | (?:break|continue)(?=\s*\Z) )
      | (?P<value> )
        """
    ),
    "erb": re.compile(
        r"(?x) (?P<value> =+ ) | (?P<middle> \}?\s*(?:elsif|else|when) )\b | (?P<close> end\b|\} ) | (?P<void> )"
    ),
}
_RENDERED_COMMENT: Final = re.compile(r"\|\s*comment\b(?:\([^()]*\))?\Z")
"""Ansible's filter that makes a comment of a text."""

_RUBY_OPEN: Final = re.compile(
    r"(?m)^[ \t]*(?P<word>if|unless|case|while|until|for|begin)\b(?!.*\bend[ \t]*$)(?P<code>.*)"
)
_RUBY_DO: Final = re.compile(r"(?m)(?:\bdo|\{)[ \t]*(?:\|[^|\n]*\|)?[ \t]*$")
_RUBY_END: Final = re.compile(r"(?m)^[ \t]*(?:end\b|\})")


class _Scanner:
    """Finds the tags of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: dict[str, re.Match[str] | None] = {}
        self._is_jinja = "{%" in text

    def tags(self) -> list[_Tag]:
        tags: list[_Tag] = []
        match = _MARK.search(self._text)
        while match is not None:
            found = self._at(match)
            tags += found
            match = _MARK.search(self._text, found[-1].end if found else match.start() + 1)
        return tags

    def _at(self, mark: re.Match[str]) -> list[_Tag]:
        """The tag at a mark, with the one that ends what it takes verbatim; none where it does not end."""
        family, start, stop = mark.lastgroup or "", *mark.span()
        comment = _COMMENT.match(self._text, start)
        if comment is not None:
            return self._comment(comment)
        if family in _CLOSERS:
            end = self._end_of_tag(family, stop)
            return [] if end is None else self._delimited(family, start, end)
        written = mark.group().lstrip()
        if family == "line":
            return [_Tag(start, stop, *_sorted("jinja", written[1:]))._replace(family=family)]
        if family == "angle" and _HTML.fullmatch(written):
            return []
        return [_Tag(stop - len(written), stop, "lone" if family == "lone" else "value", family, "", written)]

    def _comment(self, opener: re.Match[str]) -> list[_Tag]:
        kind, start = opener.lastgroup or "", opener.start()
        end = self._end(kind, opener.end())
        if end is None or (kind == "hash" and self._is_block(start, end.start())):
            return []
        return [_Tag(start, end.end(), "comment", kind, opener.group(), self._text[opener.end() : end.start()])]

    def _is_block(self, start: int, end: int) -> bool:
        """Whether ``{#`` and a later ``#}`` are rather a block of nginx that begins with a comment."""
        before = self._text[max(0, start - 200) : start].rpartition("\n")[2]
        newline = self._end("line", start)
        return bool(before.strip()) and newline is not None and newline.start() < end and not self._is_jinja

    def _delimited(self, family: str, start: int, stop: int) -> list[_Tag]:
        text = self._text
        verbatim = _VERBATIM.fullmatch(text, start, stop)
        if verbatim is not None:
            end = self._end(verbatim.group(1), stop)
            if end is None:
                return []
            if verbatim.group(1) == "comment":
                return [_Tag(start, end.end(), "void", family, "", "")]
            return [_Tag(*edges, "void", family, "", "") for edges in ((start, stop), end.span())]
        code = text[start + 2 : stop - 2].replace(FILLER, "")
        if family == "curly" and _TABLE.match(code):
            return []
        return [_Tag(start, stop, *_sorted(family, code))]

    def _end(self, name: str, position: int) -> re.Match[str] | None:
        """The next place behind a position that matches what ``_END`` has under a name; sought once."""
        known = self._ends.get(name)
        if name not in self._ends or (known is not None and known.start() < position):
            known = self._ends[name] = _END[name].search(self._text, position)
        return known

    def _end_of_tag(self, family: str, position: int) -> int | None:
        """The end of the tag whose content begins at a position; strings in it may hold what else would end it."""
        text, opener, closer = self._text, _OPENERS[family], _CLOSERS[family]
        depth = openers = 0
        for token in _INSIDE[family].finditer(text, position):
            kind, written = token.lastgroup, token.group()
            if kind == "close":
                return token.end()
            if kind == "brace" and written == "}" and not depth:
                return token.end() + 1 if text.startswith(closer, token.start()) else None
            if kind == "brace":
                depth += 1 if written == "{" else -1
            openers += opener in written
            if kind == "open" or openers == 4:
                # Something like an apostrophe may have hidden the end.
                end = text.find(closer, position, token.start())
                return end + 2 if end >= 0 and opener not in text[position:end] else None
        return None


def _sorted(family: str, code: str) -> tuple[str, str, str, str]:
    """Kind, family, keyword and remaining code of what stands between a tag's delimiters."""
    code = code.strip()
    code = code[code[:1] in ("-", "+", "~") : len(code) - (code[-1:] in ("-", "+", "~"))].strip()
    if family == "curly":
        code = code[1:-1] if code[:1] == "{" and code[-1:] == "}" else code.lstrip("&")
    match = _SORTS[family].match(code)
    kind, word = (match.lastgroup or "", match.group()) if match is not None else ("void", "")
    code = code[len(word) :].strip()
    if family == "erb" and kind == "void":
        return _ruby(code)
    if family == "curly" and word == "/":
        word, code = f"/{code}", ""
    if kind == "value" and _RENDERED_COMMENT.search(code):
        kind = "void"
    if family == "erb" and kind == "close":
        word = "end"
    separator = "" if word[:1] == "#" else " "
    return kind, family, separator.join(word.strip("}").split()), code


def _ruby(code: str) -> tuple[str, str, str, str]:
    """Like ``_sorted``: code of Ruby or Puppet may hold several statements, which may balance one another."""
    opener, block = _RUBY_OPEN.search(code), _RUBY_DO.search(code)
    ends = len(_RUBY_END.findall(code))
    opened = len(_RUBY_OPEN.findall(code)) + len(_RUBY_DO.findall(code)) - ends
    if opener is not None and opened > 0:
        line, whole = opener.group("code"), code[opener.start("code") :]
        return "open", "erb", opener.group("word"), (whole if opener.group("word") == "case" else line).strip()
    if block is not None and opened > 0:
        return "open", "erb", "do", code
    return "close" if ends and opened < 0 else "void", "erb", "end", code


# What nginx's syntax is between the tags

_TOKEN: Final = re.compile(
    r"""(?x)
    (?P<space> [ \t\r\n\U0010fffd]+ ) | (?P<mark> [;{}] ) | (?P<quote> ["'] ) | (?P<comment> \# )
  | (?P<word> (?: [^ \t\r\n;{\\$]+ | \\[\s\S]? | \$\{? )+ )
    """
)
_REST_OF_WORD: Final = re.compile(r"(?P<word>(?:[^ \t\r\n;{\\$]+|\\[\s\S]?|\$\{?)+)")
_LUA: Final = re.compile(r"""(?:--)?\[(?P<level>=*)\[|--|["']|[{}]""")
_END_OF_STRING: Final = {
    '"': re.compile(r'[^"\\]*(?:\\[\s\S][^"\\]*)*"'),
    "'": re.compile(r"[^'\\]*(?:\\[\s\S][^'\\]*)*'"),
}


@dataclass
class _Place:
    """A place in nginx's syntax.

    ``fresh``: a statement may begin. ``last``: what ends right here, "word", "string" or "". ``until``: what ends
    the string or comment around, which began at ``since``. ``head``: where the statement began, ``naming`` whether
    this is still its first word, ``lua_head`` whether that announces Lua. ``lua``: how many braces of Lua are open.
    """

    fresh: bool = True
    last: str = ""
    until: str = ""
    since: int = 0
    head: int = 0
    naming: bool = False
    lua_head: bool = False
    lua: int = 0

    @property
    def in_string(self) -> bool:
        return self.until in _END_OF_STRING and not self.lua


@dataclass(eq=False)
class _Part:
    """What is read of one arm, from ``start`` to ``end``.

    ``mark``, at ``marked``, is the first ``;``, ``{`` or ``}`` in it, or the quote that ends a string from before it;
    ``words`` and ``tail`` say whether anything stands before and behind that. ``pieces`` are the texts before it, each
    with its alternatives, or None if they are unknown; ``leading`` and ``trailing`` say whether they begin and end
    with white space, and are None without any. ``opened`` are the heads of the blocks it leaves open, ``closed`` the
    braces that close blocks from before it, the first of them behind other statements if ``late``. ``place`` is
    where it ends; ``comment`` says that it only comments out what follows the construct.
    """

    start: int
    end: int = 0
    mark: str = ""
    marked: int = 0
    words: bool = False
    tail: bool = False
    pieces: list[tuple[str, ...]] | None = field(default_factory=list)
    length: int = 0
    leading: bool | None = None
    trailing: bool | None = None
    opened: list[tuple[int, int]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    late: bool = False
    place: _Place = field(default_factory=_Place)
    comment: bool = False

    def add(self, choices: tuple[str, ...]) -> None:
        """Note a text with its alternatives, none if it is unknown."""
        solid = not choices or any(choice.strip(_BLANK) for choice in choices)
        if self.mark:
            self.tail = self.tail or solid
            return
        self.words = self.words or solid
        self.leading = not solid if self.leading is None else self.leading
        self.trailing = not solid
        self.length += sum(map(len, choices))
        if not choices or self.length > _CHOICE_LENGTH:
            self.pieces = None
        elif self.pieces is not None:
            self.pieces.append(choices)

    def punctuate(self, mark: str, head: int, offset: int) -> None:
        """Note a mark and where its statement began."""
        if mark == "{" and len(self.opened) < _DEPTH:
            self.opened.append((max(head, self.start), offset + 1))
        elif mark == "}" and self.opened:
            self.opened.pop()
        elif mark == "}" and len(self.closed) < _DEPTH:
            self.late = self.late or (not self.closed and bool(self.mark))
            self.closed.append(offset)
        if self.mark:
            self.tail = True
        else:
            self.mark, self.marked = mark, offset

    def choices(self) -> tuple[str, ...]:
        """The possible texts before the mark; none if they are unknown."""
        if self.pieces is None:
            return ()
        found: Iterable[str] = ("",)
        for single, pieces in groupby(self.pieces, lambda piece: len(piece) == 1):
            for piece in [("".join(one for (one,) in pieces),)] if single else pieces:
                found = dict.fromkeys(before + one for before in found for one in piece)
                if len(found) > _CHOICES:
                    return ()
        return tuple(found)


class _Reader:
    """Follows nginx's syntax as nginx and lua-nginx-module read it, whatever it holds."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.place = _Place()

    def read(self, start: int, end: int, part: _Part) -> None:
        """Go through a piece of the text."""
        while start < end:
            if self.place.until:
                start = self._enclosed(start, end, part)
            elif self.place.lua:
                start = self._lua(start, end, part)
            else:
                start = self._plain(start, end, part)

    def begin(self, start: int) -> None:
        """A word or string begins."""
        place = self.place
        if place.fresh:
            place.fresh, place.head, place.naming = False, start, True

    def punctuate(self, mark: str, offset: int, part: _Part) -> None:
        """A statement or block ends, or a block begins."""
        place = self.place
        part.punctuate(mark, place.head, offset)
        lua = 1 if mark == "{" and place.lua_head else 0
        self.place = _Place(head=offset, lua=lua)

    def _plain(self, start: int, end: int, part: _Part) -> int:
        text, place = self._text, self.place
        match = _REST_OF_WORD.match(text, start, end) if place.last == "word" else None
        match = match or _TOKEN.match(text, start, end)
        if match is None:
            return end
        kind, stop = match.lastgroup, match.end()
        if kind == "mark":
            self.punctuate(match.group(), start, part)
        elif kind == "comment":
            place.until, place.since, place.last = "\n", start, ""
        elif kind == "space":
            place.last, place.naming = "", False
            part.add((" " if "\n" in match.group() else match.group(),))
        else:
            self.begin(start)
            place.last = "word"
            place.lua_head = text.endswith("_by_lua_block", start, stop) if place.naming else place.lua_head
            if kind == "quote" and text.find(match.group(), stop) >= 0:
                place.until, place.since, place.last = match.group(), start, "string"
            part.add((match.group(),))
        return stop

    def _enclosed(self, start: int, end: int, part: _Part) -> int:
        """Go to the end of a string, comment or long bracket."""
        text, place = self._text, self.place
        string = _END_OF_STRING.get(place.until)
        if string is not None:
            match = string.match(text, start, end)
            stop = match.end() if match is not None else end + 1
            if place.lua and "\n" in text[start:stop]:
                stop = text.index("\n", start) + 1
        else:
            found = text.find(place.until, start, end)
            stop = found + len(place.until) if found >= 0 else end + 1
        if place.in_string:
            part.add((text[start : min(stop, end)],))
        if stop <= end:
            if place.in_string and place.since < part.start:
                part.punctuate(place.until, place.head, stop)
            place.until = ""
        return min(stop, end)

    def _lua(self, start: int, end: int, part: _Part) -> int:
        match = _LUA.search(self._text, start, end)
        if match is None:
            return end
        place, token, level = self.place, match.group(), match.group("level")
        if token in "{}":
            place.lua += 1 if token == "{" else -1
            if not place.lua:
                self.punctuate("}", match.start(), part)
        else:
            place.since = match.start()
            place.until = f"]{level}]" if level is not None else "\n" if token == "--" else token
        return match.end()


# What the tags make of it


class _Edit(NamedTuple):
    """What becomes of a tag or construct.

    ``kind``: value, which begins with ``before`` and ends with ``after``; comment, which begins with ``before``;
    or blank, filled with ``before``.
    """

    start: int
    end: int
    kind: str
    before: str = ""
    after: str = ""
    choices: tuple[str, ...] = ()
    key: str = ""


@dataclass(eq=False)
class _Frame:
    """A construct that is open: its tags, the parts between them, and what there was when it began.

    ``kind``: if, case, loop, macro or plain, which is rendered as if it were not there. ``closers`` are the tags that
    end it, ``place`` is where it begins and ``counts`` how many edits, fills and arms there were. ``tests`` are its
    conditions, each with whether it is negated; the first one of a case is its subject, and its first part is empty.
    ``shadowed`` are the numbers that the names set by it had before.
    """

    kind: str
    start: int
    tags: list[_Tag]
    closers: tuple[str, ...]
    parts: list[_Part]
    place: _Place
    counts: tuple[int, int, int]
    tests: list[tuple[str, bool]]
    shadowed: dict[str, int | None] = field(default_factory=dict)
    complete: bool = False


_NOT_IN_CODE: Final = frozenset({"lone", "percent", "angle", "at"})
"""Families that are no templates where they stand in Lua."""

_KINDS: Final = {
    **dict.fromkeys(("for", "tablerow", "while", "until", "do", "range", "#each"), "loop"),
    **dict.fromkeys(("macro", "function", "capture", "set", "define", "#*inline"), "macro"),
    **dict.fromkeys(("block", "begin"), "plain"),
    "case": "case",
}
"""Constructs by the words that open them; all others are conditions."""

_HELPERS: Final = frozenset({"#if", "#unless", "#with", "#each", "#*inline"})
_NEGATED: Final = frozenset({"unless", "#unless", "^"})
_SETS_CONTEXT: Final = {"with": ".", "range": ".", "define": ".", "#with": "*", "#each": "*", "#*inline": "*"}
"""What names are relative to in these constructs: of Go's those with a leading dot, of Handlebars' all."""

_REST_OF_LINE: Final = re.compile(rf"[{_BLANK}]*(?:\n|\Z)")
_SPACE: Final = re.compile(rf"[{_BLANK}\n]*")
_AFTER_WORD: Final = f"{_BLANK}\n;{{"
_UP_TO_END: Final = re.compile(rf"[{_BLANK}]*(?:[\n}}]|(?<=[{_BLANK}])\#|\Z)")
_END_OF_CONDITION: Final = re.compile(r"\s*(?:\bthen|\bdo|\{)\Z")
_PARENTHESES: Final = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_NOT: Final = re.compile(rf"(?:not\b\s*|!\s*)([\w.$@:\[\]\"'|-]+|{_PARENTHESES})")
_WHEN: Final = re.compile(r"\bwhen\b")
_JOINED: Final = re.compile(r"\b(?:and|or)\b|&&|\|\|")
_NOT_INSIDE: Final = re.compile(r"(?P<unequal>!=|~=)|\b(?P<is>is) not\b|\bnot (?P<in>in)\b|\Ane\b")
_DECLARED: Final = re.compile(r"\A\$\w+\s*:?=\s*")
_NAME: Final = re.compile(r"""[$@]?[A-Za-z_]\w*|(?<![\w)\]"'$])\.(?=\w|\s|\Z)""")
_BARS: Final = re.compile(r"\|([^|\n]*)\|")
_TARGETS: Final = re.compile(r"(.*?)(?:\bin\b|:?=)")
_ASSIGNMENT: Final = re.compile(r"(?:set|local|assign|with)?\s*([$@]?\w+(?:\s*,\s*[$@]?\w+)*)\s*:?=(?!=)")


class _Walk:
    """Goes through a text and its tags once; collects edits, what to fill over them with a character, and arms."""

    def __init__(self, text: str, tags: Sequence[_Tag]) -> None:
        self.edits: list[_Edit] = []
        self.fills: list[tuple[int, int, str]] = []
        self.arms: list[Arm] = []
        self._text = text
        self._tags = tags
        self._alone = _alone(text, tags)
        self._reader = _Reader(text)
        self._root = _Part(0, pieces=None)
        self._frames: list[_Frame] = []
        self._closers: Counter[str] = Counter()
        self._scope: dict[str, int] = {}
        self._tested: dict[str, int] = {}

    def run(self) -> None:
        """Go through everything."""
        handlers = {
            "open": self._open,
            "middle": self._middle,
            "close": self._close,
            "void": self._void,
            "comment": self._comment,
        }
        position = 0
        for index, tag in enumerate(self._tags):
            self._reader.read(position, tag.start, self._part)
            position = tag.end
            if tag.kind in handlers:
                handlers[tag.kind](tag)
            else:
                self._value(tag, alone=self._alone[index])

    @property
    def _part(self) -> _Part:
        return self._frames[-1].parts[-1] if self._frames else self._root

    def _value(self, tag: _Tag, *, alone: bool) -> None:
        reader, part, place = self._reader, self._part, self._reader.place
        stands_alone = alone and place.fresh and not place.until and not place.lua
        commented = place.until == "\n" and not place.lua and "\n" not in self._text[tag.start : tag.end]
        if (tag.kind == "lone" and not stands_alone) or (place.lua and tag.family in _NOT_IN_CODE):
            reader.read(tag.start, tag.end, part)
        elif stands_alone:
            place.head = tag.start
            self.edits.append(_value(tag, after=";"))
            reader.punctuate(";", tag.end - 1, part)
        elif not commented:
            edit = _value(tag, before=" " if place.last == "string" and not place.until else "")
            self.edits.append(edit)
            if not place.until and not place.lua:
                reader.begin(tag.start)
                place.last = "word"
            if place.until != "\n":
                part.add(edit.choices)

    def _void(self, tag: _Tag) -> None:
        match = _ASSIGNMENT.match(tag.code)
        self._blank(tag)
        if match is not None:
            self._bind(_NAME.findall(match.group(1)), tag.start)

    def _blank(self, tag: _Tag | _Edit) -> None:
        place = self._reader.place
        self.edits.append(_Edit(tag.start, tag.end, "blank", FILLER if place.in_string else " "))
        if not place.until:
            place.last, place.naming = "", False

    def _comment(self, tag: _Tag) -> None:
        place = self._reader.place
        if place.until or place.lua or _REST_OF_LINE.match(self._text, tag.end) is None:
            self._blank(tag)
        else:
            closer = self._text[tag.start + len(tag.word) + len(tag.code) : tag.end]
            before = " " if place.last else ""
            self.edits.append(_Edit(tag.start, tag.end, "comment", before, closer, key=tag.word))
            place.last, place.naming = "", False

    def _open(self, tag: _Tag) -> None:
        word, code = tag.word, tag.code
        kind = _KINDS.get(word, "if")
        closers: tuple[str, ...] = (f"{tag.family}:end", f"{tag.family}:end{word}")
        if word[:1] in ("#", "^"):
            closers = (f"{tag.family}:/{word.strip('#*^>') or code.partition(' ')[0]}",)
            code = code if word in _HELPERS else f"{word[1:]} {code}"
        counts = (len(self.edits), len(self.fills), len(self.arms))
        place = copy(self._reader.place)
        part = self._part if kind == "plain" else _Part(tag.end)
        self._blank(tag)
        test, negated = self._test(code)
        frame = _Frame(kind, tag.start, [tag], closers, [part], place, counts, [(test, negated ^ (word in _NEGATED))])
        self._bind_in(frame, code)
        self._closers.update(closers)
        self._frames.append(frame)
        first = _WHEN.split(code, 1)[1:] if kind == "case" else []
        if first:
            self._begin_part(frame, tag, *first)

    def _middle(self, tag: _Tag) -> None:
        frame = self._frames[-1] if self._frames else None
        if frame is None or frame.kind in ("macro", "plain") or frame.complete or frame.tags[0].family != tag.family:
            self._blank(tag)
            return
        self._end_part(frame, tag)
        self._return_to(frame)
        self._blank(tag)
        frame.complete = tag.word in ("else", "^")
        self._begin_part(frame, tag, *([] if frame.complete else [tag.code]))

    def _begin_part(self, frame: _Frame, tag: _Tag, *conditions: str) -> None:
        frame.tags.append(tag)
        frame.parts.append(_Part(tag.end))
        subject = f"{_WHEN.split(frame.tags[0].code, 1)[0]} when " if frame.kind == "case" else ""
        frame.tests += [self._test(subject + condition) for condition in conditions]

    def _close(self, tag: _Tag) -> None:
        closer = f"{tag.family}:{tag.word}"
        if not self._closers[closer]:
            self._blank(tag)
            return
        frame = self._frames.pop()
        while closer not in frame.closers:
            self._forget(frame)
            if frame.kind != "plain":
                for part in frame.parts:
                    self._absorb(part)
            frame = self._frames.pop()
        self._forget(frame)
        self._end_part(frame, tag)
        frame.tags.append(tag)
        self._blank(tag)
        if frame.kind == "plain":
            return
        if frame.kind == "case":
            del frame.tags[0], frame.parts[0], frame.tests[0]
        mark = self._inside_statement(frame)
        if frame.kind == "macro":
            self._macro(frame)
        elif mark is not None:
            self._collapse(frame, mark)
        else:
            self._keep(frame)

    def _forget(self, frame: _Frame) -> None:
        """A construct ends: its closers and its context no longer count."""
        self._closers.subtract(frame.closers)
        for name, number in frame.shadowed.items():
            if number is None:
                self._scope.pop(name, None)
            else:
                self._scope[name] = number

    def _end_part(self, frame: _Frame, tag: _Tag) -> None:
        part, place = frame.parts[-1], self._reader.place
        if frame.kind == "plain":
            return
        part.end = tag.start
        in_comment = place.until == "\n" and not place.lua and place.since >= part.start
        if in_comment and _REST_OF_LINE.match(self._text, tag.end) is None:
            # The rest of the line is commented out in this arm only.
            self.fills.append((place.since, tag.start, " "))
            part.comment = not part.words and not part.mark
            place.until = ""
        part.place = copy(place)

    def _inside_statement(self, frame: _Frame) -> str | None:
        """The mark that ends a construct inside one statement, "" if none does; None if it is not inside one."""
        place, parts = frame.place, frame.parts
        if place.lua or place.until == "\n" or any(part.place.until != place.until for part in parts):
            return None
        marks = {part.mark for part in parts}
        if marks == {""}:
            return "" if not place.fresh or any(part.words for part in parts) else None
        if place.fresh or place.until or len(marks) > 1 or not frame.complete or any(part.tail for part in parts):
            return None
        mark = marks.pop()
        return mark if mark in (";", "{") else None

    def _collapse(self, frame: _Frame, mark: str) -> None:
        """Make a construct one opaque value."""
        self._drop(frame)
        end = frame.tags[-1].end
        edit = self._shared(frame, end, mark)
        self._return_to(frame)
        if edit.choices == ("",) and not mark:
            self._blank(edit)
            return
        self.edits.append(edit)
        part, place = self._part, self._reader.place
        if not place.until:
            self._reader.begin(edit.start)
            place.last = "" if edit.after else "word"
        part.add(edit.choices)
        if mark:
            self._reader.punctuate(mark, end - 1, part)

    def _shared(self, frame: _Frame, end: int, mark: str) -> _Edit:
        """The edit that makes one value of what all arms have before a mark, apart from words where they are."""
        place, rest = frame.place, self._text[end : end + 1].strip(_AFTER_WORD)
        before = after = ""
        if not place.until:
            leading = place.last == "string" or all(part.leading is not False for part in frame.parts)
            trailing = all(part.trailing is not False for part in frame.parts)
            before = " " if place.last and leading else ""
            after = mark or (" " if rest and trailing else "")
        choices = self._choices(frame, left=bool(before or not place.last), right=bool(after or not rest))
        return _Edit(frame.start, end, "value", before, after, choices)

    def _drop(self, frame: _Frame) -> None:
        """Forget what the construct's content became."""
        edits, fills, arms = frame.counts
        del self.edits[edits:], self.fills[fills:], self.arms[arms:]

    def _choices(self, frame: _Frame, *, left: bool, right: bool) -> tuple[str, ...]:
        """The possible values of a construct, without the white space on the sides where it is apart from others."""
        choices: dict[str, None] = {}
        in_string = bool(frame.place.until)
        for part, opener, closer in zip(frame.parts, frame.tags, frame.tags[1:]):
            texts = part.choices()
            if not texts or frame.kind == "loop":
                return ()
            trim_left = self._text[opener.end - 3] in "-~" or (left and not in_string)
            trim_right = self._text[closer.start + 2] in "-~" or (right and not in_string)
            for text in texts:
                stripped = text.lstrip() if trim_left else text
                stripped = stripped.rstrip() if trim_right else stripped
                choices[_unquoted(stripped) if stripped.strip() else ""] = None
        if not frame.complete:
            choices[""] = None
        return tuple(choices)

    def _return_to(self, frame: _Frame) -> None:
        """Read on from where a construct began."""
        place = self._reader.place = copy(frame.place)
        if not place.until:
            place.last, place.naming = "", False

    def _macro(self, frame: _Frame) -> None:
        """A macro's content is rendered elsewhere: only whole statements are kept."""
        self._return_to(frame)
        if any(part.mark for part in frame.parts):
            self.arms += self._arms(frame)
        else:
            self._drop(frame)
            self.edits.append(_Edit(frame.start, frame.tags[-1].end, "blank", " "))

    def _keep(self, frame: _Frame) -> None:
        """Keep a construct's statements as its arms."""
        arms, parts, place = self._arms(frame), frame.parts, frame.place
        self.arms += arms
        if len(parts) == 1 and parts[0].comment and len(frame.tests) == 1:
            case = arms[0].case
            self.arms.append(Arm(*self._rest_of_line(frame.tags[-1]), case._replace(arm=1 - case.arm)))
        if not place.fresh and not place.until and frame.complete and {part.mark for part in parts} == {";"}:
            self._share(frame)
        elif place.fresh and not place.lua:
            # A statement that ends behind the construct must not swallow the first one of the next arm.
            unended = [part for part in parts[:-1] if not part.place.fresh and not part.place.until]
            self.fills += [(part.end, part.end + 1, ";") for part in unended]
        self._balance(parts)
        for part in parts:
            self._absorb(part)

    def _share(self, frame: _Frame) -> None:
        """Make one value of what all arms have before they end the statement around them."""
        first, *others = frame.parts
        start = frame.counts[0]
        stop = bisect_left(self.edits, (first.marked,), start)
        self.edits[start:stop] = [self._shared(frame, first.marked, "")]
        self.fills += [(part.start, part.marked + 1, " ") for part in others]

    def _balance(self, parts: Sequence[_Part]) -> None:
        """Blank the braces that would be too many if all arms were rendered.

        The heads that remain are those of the first arm with most of them; the ends are those of the first arm too,
        or of the last one if statements stand before them.
        """
        opened = max((len(part.opened) for part in parts), default=0)
        closed = max((len(part.closed) for part in parts), default=0)
        opening = [part for part in parts if len(part.opened) == opened]
        closing = [part for part in parts if len(part.closed) == closed]
        if any(part.late for part in parts):
            closing.reverse()
        for part in parts:
            if part is not opening[0]:
                self.fills += [(start, end, " ") for start, end in part.opened]
                part.opened = []
            if part is not closing[0]:
                self.fills += [(offset, offset + 1, " ") for offset in part.closed]
                part.closed = []

    def _absorb(self, part: _Part) -> None:
        """Let the part around know of the statements in one."""
        outer = self._part
        for offset in part.closed:
            outer.punctuate("}", offset, offset)
        outer.late = outer.late or part.late
        if part.mark or part.words:
            outer.pieces = None
            outer.words = True
            outer.tail = outer.tail or bool(outer.mark) or part.tail
            if not outer.mark:
                outer.mark, outer.marked = part.mark, part.marked
        for head, stop in part.opened:
            outer.punctuate("{", head, stop - 1)

    def _rest_of_line(self, tag: _Tag) -> tuple[int, int]:
        """What follows a tag on its line, up to the next control tag."""
        index = bisect_left(self._tags, (tag.end,))
        while index < len(self._tags) and self._tags[index].kind not in ("open", "middle", "close"):
            index += 1
        end = self._tags[index].start if index < len(self._tags) else len(self._text)
        newline = self._text.find("\n", tag.end, end)
        return tag.end, end if newline < 0 else newline

    def _arms(self, frame: _Frame) -> list[Arm]:
        tag, count = frame.tags[0], len(frame.parts)
        alternatives = count if frame.complete else count + 1
        numbers: Iterable[int] = range(count)
        if frame.kind in ("loop", "macro"):
            construct = f"{tag.word} {' '.join(tag.code.split())} #{tag.start}"
        elif len(frame.tests) == 1:
            test, negated = frame.tests[0]
            construct, alternatives = f"if {test}", 2
            numbers = (1, 0) if negated else (0, 1)
        else:
            construct = "if " + " elif ".join(f"not {test}" if negated else test for test, negated in frame.tests)
        return [
            Arm(part.start, part.end, Case(construct, number, alternatives, frame.complete))
            for part, number in zip(frame.parts, numbers)
        ]

    def _test(self, code: str) -> tuple[str, bool]:
        """A condition in a form that equals that of its negation, and whether it is negated."""
        text = _END_OF_CONDITION.sub("", " ".join(_DECLARED.sub("", code).split())).replace("'", '"')
        negated = False
        for _ in range(4):
            match = _NOT.fullmatch(text)
            if match is not None:
                text, negated = match.group(1), not negated
            if re.fullmatch(_PARENTHESES, text):
                text = text[1:-1].strip()
        if not _JOINED.search(text):
            plain, count = _NOT_INSIDE.subn(
                lambda match: "==" if match["unequal"] else match["is"] or match["in"] or "eq", text
            )
            if count == 1:
                text, negated = plain, not negated
        bound = {f"{name}={self._scope[name]}" for name in (*_NAME.findall(text), "*") if name in self._scope}
        return (f"{text} [{', '.join(sorted(bound))}]" if bound else text), negated

    def _bind_in(self, frame: _Frame, code: str) -> None:
        """Number the names that a construct sets for its content."""
        tag = frame.tags[0]
        bars = _BARS.findall(code) if tag.family == "erb" else []
        targets = None if bars else _TARGETS.match(code)
        head = code if frame.kind == "macro" else bars[-1] if bars else targets.group(1) if targets is not None else ""
        context = _SETS_CONTEXT.get(tag.word, "")
        if frame.kind in ("loop", "macro"):
            number = tag.start
        elif context or (tag.word[:1] == "#" and tag.word not in _HELPERS):
            number = self._tested.setdefault(frame.tests[0][0], tag.start)
            context = context or "*"
        else:
            return
        names = [*_NAME.findall(head), context]
        frame.shadowed.update((name, self._scope.get(name)) for name in names)
        self._bind(names, number)

    def _bind(self, names: Iterable[str], number: int) -> None:
        self._scope.update(dict.fromkeys(names, number))


def _alone(text: str, tags: Sequence[_Tag]) -> list[bool]:
    """For each tag whether only other values follow it on its line, and no end of a statement behind that."""
    alone = [False] * len(tags)
    for index in range(len(tags) - 1, -1, -1):
        tag = tags[index]
        following = tags[index + 1] if index + 1 < len(tags) else None
        end = following.start if following is not None else len(text)
        behind = _SPACE.match(text, tag.end, end)
        stop = behind.end() if behind is not None else tag.end
        if text[stop : stop + 1] in (";", "{") and stop < end:
            continue
        if tag.kind == "output":
            alone[index] = True
        elif following is not None and stop == end and "\n" not in text[tag.end : stop]:
            alone[index] = alone[index + 1] if following.kind in ("value", "output") else True
        else:
            alone[index] = _UP_TO_END.match(text, tag.end, end) is not None
    return alone


# What values an expression may have

_LITERAL: Final = r"""(?:"[^"\\]*"|'[^'\\]*'|`[^`]*`|-?\d[\w.]*)"""
_SAME: Final = r"(?:\s*\|\s*(?:quote|squote|trim|string|toString|int|e|escape|safe)\b(?:\(\))?)*\s*\Z"
"""Filters behind a value that leave it as it is for nginx."""

_VALUES: Final = tuple(
    re.compile(pattern.replace("LIT", _LITERAL).replace("SAME", _SAME), re.DOTALL)
    for pattern in (
        r"\A(LIT)SAME",
        # Jinja and Python
        r"""\A(LIT)\s+if\s+(?:(?!\selse\s)[^"'`]|"[^"]*"|'[^']*')*(?:\selse\s+(LIT))?\Z""",
        r"\|\s*ternary\(\s*(LIT)\s*,\s*(LIT)\s*\)SAME",
        r"\A(?:(?!\bif\b|\bor\b|\band\b)[^~+])*\|\s*d(?:efault)?\(\s*(LIT)\s*(?:,[^()]*)?\)SAME",
        r"\.get(?:['\"]\])?\(\s*(?:LIT)\s*,\s*(LIT)\s*\)\Z",
        # Go: Sprig's functions, and those of docker-gen, confd and consul-template
        r"\|\s*ternary\s+(LIT)\s+(LIT)SAME",
        r"\Aternary\s+(LIT)\s+(LIT)\s[^|]*\Z",
        r"\|\s*default\s+(LIT)SAME",
        r"\Adefault\s+(LIT)\s[^|]*SAME",
        r"\A(?:or|coalesce)\s[^|]*\s(LIT)SAME",
        r"\Awhen\s[^|]*\s(LIT)\s+(LIT)\Z",
        r"\A(?:getv|getenv|env|keyOrDefault|envOrDefault)\s+(?:LIT)\s+(LIT)SAME",
        # Ruby; "or" is Jinja's too
        r"\A(?:(?!\s:\s)[^\"'`])*\s\?\s*(LIT)\s*:\s*(LIT)\Z",
        r"\A[\w.@$:\[\]()\"'-]+\s*(?:\bor\b|\|\|)\s*(LIT)\Z",
    )
)
_SHELL: Final = re.compile(r"\$\{\w+:?([-=+?])([^$]*)\}")


def _value(tag: _Tag, *, before: str = "", after: str = "") -> _Edit:
    """The edit that makes a tag an opaque value."""
    key = f"{tag.family} {tag.word} {' '.join(tag.code.split())}"
    return _Edit(tag.start, tag.end, "value", before, after, _choices(tag), key)


def _choices(tag: _Tag) -> tuple[str, ...]:
    """The values that a tag's own text names."""
    if tag.family == "shell":
        match = _SHELL.fullmatch(tag.code)
        if match is None or match.group(1) == "?":
            return ()
        return (match.group(2), "") if match.group(1) == "+" else (match.group(2),)
    if tag.kind == "output" or tag.family not in _CLOSERS:
        return ()
    code = tag.code.strip()
    if len(code) > _CHOICE_LENGTH:
        return ()
    if re.fullmatch(_PARENTHESES, code):
        code = code[1:-1].strip()
    for pattern in _VALUES:
        match = pattern.search(code)
        if match is not None:
            texts = [_unquoted(text or "") for text in match.groups()]
            interpolated = any("#{" in text for text in texts)
            return () if interpolated else tuple(dict.fromkeys(text if text.strip() else "" for text in texts))
    return ()


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" and text[0] not in text[1:-1]
    return text[1:-1] if quoted else text


# The overlay


def _written(text: str, walk: _Walk, expressions: Mapping[str, Expression]) -> Neutral:
    used = [*expressions, *re.findall(f"[{chr(_FIRST_OPAQUE)}-{chr(_LAST_OPAQUE)}]", text)]
    number = max(map(ord, used), default=_FIRST_OPAQUE - 1)
    characters: dict[str, str] = {}
    found = dict(expressions)
    pieces: list[str] = []
    position = 0
    for edit in walk.edits:
        written = text[edit.start : edit.end]
        pieces.append(text[position : edit.start])
        position = edit.end
        if edit.kind == "blank":
            pieces.append(_filled(written, edit.before))
        elif edit.kind == "comment":
            pieces.append(_as_comment(written, edit))
        else:
            key = edit.key or " ".join(written.split())
            character = characters.get(key)
            if character is None:
                number = min(number + 1, _LAST_OPAQUE)
                character = characters[key] = chr(number)
                found[character] = Expression(written, edit.choices if number < _LAST_OPAQUE else ())
            fillers = len(written) - len(edit.before) - len(edit.after) - 1
            pieces.append(f"{edit.before}{character}{FILLER * fillers}{edit.after}")
    pieces.append(text[position:])
    neutral = "".join(pieces)
    if walk.fills:
        filled = list(neutral)
        for start, end, fill in walk.fills:
            filled[start:end] = _filled(text[start:end], fill)
        neutral = "".join(filled)
    return Neutral(neutral, found, tuple(sorted(walk.arms, key=lambda arm: (arm.start, -arm.end))))


def _filled(text: str, fill: str) -> str:
    return re.sub(r"[^\n]", fill, text)


def _as_comment(text: str, edit: _Edit) -> str:
    """A template's comment as comments of nginx: one in each of its lines that begins with white space."""
    opener, closer = len(edit.key), len(edit.after)
    body = " " * opener + text[opener : len(text) - closer] + " " * closer
    lines = []
    for number, line in enumerate(body.split("\n")):
        bare = line.lstrip()
        sign = len(edit.before) if number == 0 else len(line) - len(bare) - 1
        room = bare and sign >= 0
        lines.append(" " * sign + "#" + line[sign + 1 :] if room else " " * len(line))
    return "\n".join(lines)
