"""Finds the tags of a template, and sorts them into values, output, control and comments."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from checkov_nginx_tls.templates.neutral import FILLER


class Tag(NamedTuple):
    """A tag of a template, or a comment.

    ``family`` is how it is delimited. ``kind``: value, lone (a value only where it stands alone), output (a value of
    whole statements), open, middle, close, void (control without content) or comment. ``word`` is its keyword and
    ``code`` what follows that; of a comment, its opener and its text. ``whole`` is all that stands between the
    delimiters of a tag with code. ``trims_before`` and ``trims_behind`` say that white space there is not rendered.
    """

    start: int
    end: int
    family: str
    kind: str
    word: str
    code: str
    whole: str = ""
    trims_before: bool = False
    trims_behind: bool = False


DELIMITERS: Final = {
    "curly": ("{{", "}}"),
    "jinja": ("{%", "%}"),
    "erb": ("<%", "%>"),
    "directive": ("%{", "}"),
    "interpolation": ("${", "}"),
}
"""The families whose tags hold code; the last two are those of Terraform."""

_HTML: Final = (
    "html|head|body|title|h[1-6]|p|br|hr|b|i|u|a|div|span|center|pre|code|ul|ol|li|dl|dt|dd|table|tr|td|th|script|style"
    "|link|meta|img|strong|em|form|input|label|button|small|footer|header|main|nav|section|svg|iframe|noscript"
)
_MARK: Final = re.compile(
    r"""(?mx)
    ^(?P<line> >[ \t]*(?:if|elseif|else|for|end)\b[^\n]* )
  | ^[ \t]*(?P<lone> \$\{[A-Za-z_]\w*\} | \$[A-Z_][A-Z0-9_]* | [A-Z][A-Z0-9]*_[A-Z0-9_]+ )(?=[ \t\r]*$)
  | (?=[{<$%@])(?:
    # comments of Go, Handlebars (two kinds), Jinja, ERB and Liquid
    (?P<go> \{\{[-~]?\s*/\*+ ) | (?P<bars> \{\{[-~]?!-- ) | (?P<bang> \{\{[-~]?! ) | (?P<hash> \{\#[-+]? )
  | (?P<ruby> <%-?[ \t]*\#+ ) | (?P<liquid> \{%[-+]?\s*comment\s*[-+]?%\} )
  | (?P<raw> \{%[-+]?\s*(?:raw|verbatim)\s*[-+]?%\} )
  | (?P<curly> \{\{ ) | (?P<jinja> \{% ) | (?P<erb> <%(?!%) )
  | (?P<directive> (?<!%)%\{(?=~?\s*(?:if|else|endif|for|endfor)\b) )
  | (?P<shell> \$\{\w+:?[-=+?](?:[^{}\n]|\$\{[^{}\n]*\})*\} )
  | (?P<interpolation> (?<!\$)\$\{(?!\w+\})(?=[~!(\s]*["A-Za-z_]) )
  | (?P<percent> %(?![0-9A-Fa-f]{2}%)[A-Za-z_][A-Za-z0-9_]+%(?![0-9A-Fa-f]{2}) )
  | (?P<angle> (?<![?\\])(?<!\?P)(?<!\\[kg])<(?!(?i:HTML)>)[A-Za-z][\w.-]*(?:[ ][\w.-]+)*> )
  | (?P<at> @[A-Z][A-Z0-9_]+@ )
    )
    """.replace("HTML", _HTML)
)
_END: Final = {
    "go": re.compile(r"\*/\s*[-~]?\}\}"),
    "bars": re.compile(r"--[-~]?\}\}"),
    "bang": re.compile(r"[-~]?\}\}"),
    "hash": re.compile(r"[-+]?#\}"),
    "ruby": re.compile(r"[-=]?%>"),
    "liquid": re.compile(r"\{%[-+]?\s*endcomment\s*[-+]?%\}"),
    "raw": re.compile(r"\{%[-+]?\s*end(?:raw|verbatim)\s*[-+]?%\}"),
}
"""What ends comments, and what a tag takes verbatim, by the families of that which begins them."""

_STRING: Final = r""" "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*` """
_INSIDE: Final = {
    "curly": re.compile(rf"(?x) {_STRING} | \\(?: \{{\{{ | . ) | \{{\{{ | [{{}}]"),
    "jinja": re.compile(rf"(?x) {_STRING} | \\(?: \{{% | . ) | \{{% | %\}}"),
    "erb": re.compile(rf"(?x) {_STRING} | \\(?: <% | . ) | <% | %>"),
    "directive": re.compile(rf"(?x) {_STRING} | \\(?: %\{{ | . ) | %\{{ | [{{}}]"),
    "interpolation": re.compile(rf"(?x) {_STRING} | \\(?: \$\{{ | . ) | \$\{{ | [{{}}]"),
}
_TABLE: Final = re.compile(rf"(?x)\s* (?: (?:{_STRING}|[\w.]+) \s* (?: [,}}] | =(?!=) ) | \[ | \Z )")
"""How a table of Lua inside another begins, which looks like a value's tag."""

_KEYWORDS: Final = {
    "jinja": re.compile(
        r"""(?x)
        (?P<close> end(?:if|unless|case|for|tablerow|while|macro|function|capture|set|with|block|filter|autoescape
          |call)? )\b
      | (?P<middle> elif|elsif|elseif|else[ ]if|else|when )\b
      | (?P<open> if|unless|case|for|tablerow|while|macro|function|capture|set(?=\s+[\w.]+\s*(?:\||\Z))
          |with|block|filter|autoescape|call )\b
      | (?P<output> include|render )\b
      | (?P<void> )
        """
    ),
    "curly": re.compile(
        r"""(?xs)
        (?P<close> end(?=\s*\Z) | / )
      | (?P<middle> else\b(?:\s*(?:if|with)\b)? | \^(?=\s*\Z) )
      | (?P<open> (?:if|with|range|define|block)(?=\s+[^\s|]|\() | \#(?:(?:if|unless|with|each)\b)? | \^ )
      | (?P<output> (?:template|include|partial|tpl)\b | > )
      | (?P<void> (?=\$\w*(?:\s*,\s*\$\w+)?\s*:?=(?!=)) | (?:break|continue)(?=\s*\Z)
      | (?=.*\|\s*comment\b(?:\([^()]*\))?\Z) )  # Ansible's filter that makes a comment of a text
      | &?(?P<value> )
        """
    ),
    "erb": re.compile(
        r"""(?x)
        (?P<value> =+ ) | (?:\}\s*)?(?P<middle> elsif|else|when )\b | (?P<close> end\b|\} ) | (?P<void> )
        """
    ),
    "directive": re.compile(r"(?P<close> endif|endfor )\b | (?P<middle> else )\b | (?P<open> if|for )\b", re.VERBOSE),
    "interpolation": re.compile(r"(?P<value>)"),
}
_TESTING: Final = frozenset({"if", "unless", "elif", "elsif", "case", "for", "while", "range"})
"""Words of tags that need code behind them."""

_CLOSERS: Final = {
    **{family: closer for family, (_, closer) in DELIMITERS.items()},
    **dict.fromkeys(("go", "bars", "bang"), "}}"),
    "hash": "#}",
    "ruby": "%>",
    "liquid": "%}",
}
_LINE: Final = 10_000
"""Characters of a line in front of a tag that are looked at."""

_STRINGS: Final = re.compile(rf"(?x) \\. | {_STRING}")
_END_OF_STATEMENT: Final = re.compile(r";[ \t\r]*[#}\n]")
_COMMENTED: Final = re.compile(r"(?:^|[\s;{}])#")

_RUBY: Final = re.compile(
    r"""(?mx)
    ^[ \t]*(?P<open> if|unless|case|while|until|for|begin )\b (?!.*\bend[ \t]*$)
  | (?P<block> \bdo|\{ )[ \t]*(?:\|[^|\n]*\|)?[ \t]*$
  | ^[ \t]*(?P<close> end\b|\} )
    """
)


_SIGNS: Final = ("{{", "{%", "{#", "<%", "%{", "${")
_SIGN_PATTERNS: Final = (
    re.compile("@[A-Z]"),
    re.compile("%[A-Za-z_]"),
    re.compile("<[A-Za-z]"),
    re.compile(r"\n[ \t]*(?:>|\$[A-Z_]|[A-Z][A-Z0-9]*_)"),
)
"""What begins a tag, in forms that are found faster than with all alternatives at once."""


def _may_have_tags(text: str) -> bool:
    if any(sign in text for sign in _SIGNS) or any(pattern.search(text) is not None for pattern in _SIGN_PATTERNS):
        return True
    return _MARK.match(text) is not None  # the first line, which no line feed precedes


def find_tags(text: str) -> list[Tag]:
    """The tags of a text in their order."""
    if not _may_have_tags(text):
        return []
    finder = _Finder(text)
    tags: list[Tag] = []
    mark = _MARK.search(text)
    while mark is not None:
        found = finder.at(mark)
        tags += found
        mark = _MARK.search(text, found[-1].end if found else mark.start() + 1)
    return tags


class _Finder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: dict[str, re.Match[str] | None] = {}
        self._is_jinja = "{%" in text

    def at(self, mark: re.Match[str]) -> list[Tag]:
        """The tag at a mark, with the one that ends what it takes verbatim; none where it does not end."""
        family = mark.lastgroup or ""
        start, stop = mark.span(family)
        if family in _END:
            return self._verbatim(family, start, stop)
        if family in DELIMITERS:
            return self._delimited(family, start, stop)
        if family == "line":
            return [Tag(start, stop, family, *_classified("jinja", mark[family][1:]))]
        return [Tag(start, stop, family, "lone" if family == "lone" else "value", "", mark[family])]

    def _verbatim(self, family: str, start: int, stop: int) -> list[Tag]:
        end = self._end(family, stop)
        if end is None or (family == "hash" and self._is_block(start, end.start())):
            return []
        if family == "raw":
            return [Tag(*edges, family, "void", "", "") for edges in ((start, stop), end.span())]
        text = self._text
        opener, code = text[start:stop], text[stop : end.start()]
        return [Tag(start, end.end(), family, "comment", opener, code, "", *self._trims(family, start, end.end()))]

    def _delimited(self, family: str, start: int, stop: int) -> list[Tag]:
        end = self._end_of_tag(family, stop)
        if end is None or self._holds_statements(family, start, end):
            return []
        code = self._text[stop : end - len(DELIMITERS[family][1])].replace(FILLER, "")
        if family == "curly" and _TABLE.match(code):
            return []
        kind, word, behind, whole = _classified(family, code)
        if word in _TESTING and not behind:
            return []
        return [Tag(start, end, family, kind, word, behind, whole, *self._trims(family, start, end))]

    def _trims(self, family: str, start: int, end: int) -> tuple[bool, bool]:
        """Whether a tag trims the white space before it and behind it; ERB's before it trims blanks only."""
        text = self._text
        marks = "~" if family in ("bars", "directive", "interpolation") else "-~"
        before = family not in ("erb", "ruby") and text[start + 2] in marks
        return before, text[end - len(_CLOSERS[family]) - 1] in marks

    def _holds_statements(self, family: str, start: int, end: int) -> bool:
        """Whether statements of nginx stand where a tag's code would: then its opener is none.

        It is rather the end of a table of Lua, or a word in a comment, while tags may be written in comments too.
        """
        text = self._text
        if text.find("\n", start, end) < 0 or _END_OF_STATEMENT.search(text, start, end) is None:
            return False
        line = text[max(text.rfind("\n", 0, start) + 1, start - _LINE) : start]
        is_code = family == "curly" and _END_OF_STATEMENT.search(_STRINGS.sub("", text[start:end])) is not None
        return is_code or _COMMENTED.search(line) is not None

    def _end(self, family: str, position: int) -> re.Match[str] | None:
        """The next place behind a position that matches what ``_END`` has for a family; sought once."""
        known = self._ends.get(family)
        if family not in self._ends or (known is not None and known.start() < position):
            known = self._ends[family] = _END[family].search(self._text, position)
        return known

    def _is_block(self, start: int, end: int) -> bool:
        """Whether ``{#`` and a later ``#}`` are rather a block of nginx that begins with a comment, or in comments."""
        if self._is_jinja or self._text.find("\n", start, end) < 0:
            return False
        before = self._text[max(0, start - _LINE) : start].rpartition("\n")[2]
        return before.strip()[-1:] not in ("", ";", "{", "}") or _COMMENTED.search(before) is not None

    def _end_of_tag(self, family: str, position: int) -> int | None:
        """The end of the tag whose content begins at a position; strings in it may hold what else would end it."""
        text = self._text
        opener, closer = DELIMITERS[family]
        depth = openers = 0
        for token in _INSIDE[family].finditer(text, position):
            written = token.group()
            if written == closer and not depth:
                return token.end()
            if written == "{":
                depth += 1
            elif written == "}" and depth:
                depth -= 1
            elif written == "}":
                return token.end() + 1 if text.startswith(closer, token.start()) else None
            openers += opener in written
            if written == opener or openers == 4:
                # Something like an apostrophe may have hidden the end.
                end = text.find(closer, position, token.start())
                return end + 2 if end >= 0 and opener not in text[position:end] else None
        return None


def _classified(family: str, code: str) -> tuple[str, str, str, str]:
    """Kind and keyword of what stands between a tag's delimiters, the code behind the keyword, and the whole."""
    code = code.strip("-+~").strip()
    if family == "curly" and code[:1] == "{" and code[-1:] == "}":
        code = code[1:-1].strip()
        return "value", "", code, code
    match = _KEYWORDS[family].match(code)
    if match is None:
        return "void", "", code, code
    kind = match.lastgroup or ""
    word, behind = "".join(match[kind].split()), code[match.end() :].strip()
    return (*(_ruby(behind) if family == "erb" and kind == "void" else (kind, word, behind)), code)


def _ruby(code: str) -> tuple[str, str, str]:
    """Like ``_classified``: code of Ruby or Puppet may hold several statements, which may balance one another."""
    found = list(_RUBY.finditer(code))
    depth = sum(-1 if match["close"] else 1 for match in found)
    if depth <= 0:
        return "close" if depth else "void", "", code
    keyword = next((match for match in found if match["open"]), None)
    return ("open", "do", code) if keyword is None else ("open", keyword["open"], code[keyword.end() :].strip())
