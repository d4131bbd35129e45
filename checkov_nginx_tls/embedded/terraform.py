"""Regions of Terraform and other HCL: the here-documents that attributes are set to."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from checkov_nginx_tls.embedded.regions import OpaqueValues, Region, absolute, rewritten
from checkov_nginx_tls.formats.heredocs import Terminators
from checkov_nginx_tls.formats.keys import step

_DEPTH: Final = 64
"""Blocks inside blocks beyond which keys are not followed."""

_LABELS: Final = 8
"""Labels of a block that its key names; real ones have two."""

_TOKEN: Final = re.compile(
    r"""(?x)
    (?P<heredoc> <<-?[ \t]*"?(?P<delimiter>[A-Za-z_][\w-]*)"?[ \t\r]*\n )
  | (?P<comment> \#[^\n]* | //[^\n]* | /\*[\s\S]*?(?:\*/|\Z) )
  | (?P<attribute> (?:[A-Za-z_][\w-]*|"[^"\n]*") [ \t]{0,99} (?:=(?!=)|:) )
  | (?P<string> "[^"\\\n]*(?:\\.[^"\\\n]*)*"? )
  | (?P<word> [A-Za-z_][\w.-]* )
  | (?P<mark> [{}\n,] )
    """
)
_EXPRESSION: Final = re.compile(
    r"""(?x)
    \$(?P<dollar>\$)(?=\{)
  | %(?P<percent>%)(?=\{)
  | %\{~?[ ]{0,9}if\b[^{}\n]*\} (?P<then>[^\s;{}%$]*)
    (?: %\{~?[ ]{0,9}else[ ]{0,9}~?\} (?P<otherwise>[^\s;{}%$]*) )? %\{~?[ ]{0,9}endif[ ]{0,9}~?\}
  | %\{(?P<control>[^{}\n]*)\}[ \t\n]?
  | \$\{ [^{}]* (?: \{ [^{}]* (?: \{[^{}]*\} [^{}]* )* \} [^{}]* )* \}
    """
)
_CHOICE: Final = re.compile(r'\$\{[^?{}]*\?\s*"([^"$%\\]*)"\s*:\s*"([^"$%\\]*)"\s*~?\}')
_CONTENT: Final = frozenset({"content", "data"})
_DESTINATION: Final = frozenset({"destination", "path", "filename"})


@dataclass
class _Block:
    """A block or object: the path of keys that leads to it, the attribute being read, where its content goes."""

    path: str
    attribute: str = ""
    destination: str = ""


def hcl_regions(text: str) -> list[Region]:
    """The here-documents of a file."""
    return _File(text).read()


class _File:
    """Follows blocks and attributes through one file, and makes regions of its here-documents."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.terminators = Terminators(text, str.strip)
        self.values = OpaqueValues(text)
        self.found: list[tuple[_Block, Region]] = []
        self.blocks = [_Block("")]
        self.labels: list[str] = []
        self.assigned = False

    def read(self) -> list[Region]:
        position = 0
        while (match := _TOKEN.search(self.text, position)) is not None:
            position = match.end()
            if match["heredoc"] is not None:
                position = self.heredoc(match["delimiter"], position)
            elif match["mark"] is not None:
                self.punctuate(match["mark"])
            elif match["comment"] is None:
                self.name(match)
        return [replace(region, deployed=block.destination) for block, region in self.found]

    def heredoc(self, delimiter: str, start: int) -> int:
        """Take a here-document; returns where to go on."""
        terminator = self.terminators.find(delimiter, start)
        if terminator is None:
            return start
        end, position = terminator
        block = self.blocks[-1]
        overlay = rewritten(self.text[start:end], _EXPRESSION, self.value)
        key = step(block.path, block.attribute or delimiter)
        region = Region(start, end, overlay, self.values.within(overlay), key, "", "")
        self.found.append((block if block.attribute in _CONTENT else _Block(""), region))
        return position

    def name(self, match: re.Match[str]) -> None:
        """Take an attribute, a block's type or label, or what is assigned."""
        block = self.blocks[-1]
        name = match[0].rstrip("=: \t").strip('"')
        if self.assigned:
            if match["string"] is not None and block.attribute in _DESTINATION:
                block.destination = absolute(name)
        elif match["attribute"] is not None and not self.labels:
            block.attribute = name
            self.assigned = True
        else:
            self.labels.append(name)

    def punctuate(self, mark: str) -> None:
        """Take the start or end of a block, or what ends an assignment."""
        if mark == "{":
            block = self.blocks[-1]
            if len(self.blocks) < _DEPTH:
                path = block.path
                for label in self.labels[:_LABELS] or [block.attribute]:
                    path = step(path, label) if label else path
                block = _Block(path)
            self.blocks.append(block)
        elif mark == "}" and len(self.blocks) > 1:
            self.blocks.pop()
        self.labels = []
        self.assigned = False

    def value(self, match: re.Match[str]) -> str:
        """What stands in an overlay for an expression, an escape or a control tag."""
        if match["dollar"] or match["percent"]:
            return match["dollar"] or match["percent"]
        if match["control"] is not None:
            return _jinja_tag(match["control"].strip("~").strip(), match[0])
        if match["then"] is not None:
            return self.values.character(match[0], (match["then"], match["otherwise"] or ""))
        choice = _CHOICE.fullmatch(match[0])
        return self.values.character(match[0], choice.groups() if choice is not None else ())


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
