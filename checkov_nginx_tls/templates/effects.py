"""What a tag may change of what names stand for.

A template's code is not run, and the languages that templates are written in are many. So a change is ruled out only
where the code shows it: it sets no name, and calls nothing but what is known to leave its arguments as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from checkov_nginx_tls.templates.tags import Tag

EVERYTHING: Final = "*"
"""Stands for all names: what is called may have changed any of them, or an object that several names share."""

NAME: Final = re.compile(r"""[$@]{0,2}[A-Za-z_]\w*|(?<![\w)\]"'$])\.(?=\w|\s|\Z)""")
"""A name in code, or the dot from which names start in Go."""

STRING: Final = r"""(?:"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'|`[^`]*`)"""
"""A string in code, to be compiled with DOTALL."""

_TEXT: Final = re.compile(rf"\\.|{STRING}", re.DOTALL)
_FAMILIES: Final = frozenset({"curly", "jinja", "line", "erb"})
"""Families whose code may change something: Terraform's, for one, cannot."""

_KEYWORDS: Final = frozenset(
    "and or not in is if else elsif elif elseif unless then do end case when while until for return as ignore with"
    " without context recursive".split()
)
_BRACKETS: Final = re.compile(
    r"""(?:(?P<filter>\|\s*)|(?<![\w.$@]))(?P<path>[.$@\w]*\w\??)\s*\(|(?P<result>[)\]])(?<!\bsalt\[""\])\("""
)
_ARGUMENT: Final = r"""\s+(?=["'`$@.(]|:?\w)(?!(?:and|or|not|in|is|if|else|unless|then|do|as|ignore|with|without)\b)"""
_COMMANDS: Final = {
    "curly": re.compile(rf"(?:\A|[|(=])\s*(?P<path>[.$@\w]*\w){_ARGUMENT}"),
    "erb": re.compile(rf"(?:\A|[|(=,!&?{{\[+:]|\b(?:and|or|not|if|unless)\b)\s*(?P<path>[.$@\w]*\w\??){_ARGUMENT}"),
}
"""Calls without brackets."""

_FUNCTIONS: Final = frozenset(
    # Go, Sprig, Helm, confd, consul-template, docker-gen
    "and or not len index slice print printf println html js urlquery eq ne lt le gt ge default empty coalesce all any"
    " ternary quote squote cat indent nindent trim upper lower title substr nospace trunc abbrev contains replace split"
    " splitn join toString toYaml toJson atoi int int64 float64 add add1 sub div mod mul max min floor ceil round list"
    " first last rest initial append prepend concat reverse uniq without compact dict get hasKey pluck pick omit keys"
    " values deepCopy dig base dir ext clean b64enc b64dec sha1sum sha256sum regexMatch regexFind regexFindAll"
    " regexReplaceAll regexReplaceAllLiteral regexSplit semver semverCompare required fail lookup until untilStep seq"
    " env getv getvs gets exists ls lsdir getenv json jsonArray key keyExists keyOrDefault service services when where"
    " whereExist groupBy groupByMulti sha1 intersect"
    # Jinja, Ansible, Salt
    " query q range namespace url_for import"
    # Ruby, Puppet, Lua
    " defined member match pairs ipairs tostring tonumber type".split()
)
_METHODS: Final = frozenset(
    # Python, Jinja, Helm
    "get items keys values iteritems iterkeys itervalues split rsplit splitlines join startswith endswith strip lstrip"
    " rstrip lower upper replace format title capitalize count find index isdigit isalpha encode decode copy Path"
    " Get Glob Lines Has AsConfig AsSecrets"
    # Ruby, Puppet
    " each map collect select reject sort_by first last match scan sub gsub chomp start_with end_with each_with_index"
    " each_slice inject reduce detect group_by zip fetch dig lookupvar lookup call_function".split()
)
_ASKING: Final = re.compile(
    r"(?:build|can|contains|count|exists|find|format|from|function|get|has|is|join|length|list|make|need|parse|quote"
    r"|replace|should|sort|split|to|trim|where)(?=[A-Z_])\w*"
)
"""Functions that are called after what they ask for, or make."""

_BY_CHANCE: Final = re.compile(r"\b(?:random|shuffle|rand\w*|now|uuid\w*|sample|gen[A-Z]\w*)\b")
_CHANGES_IN_PLACE: Final = re.compile(
    r"\w!(?![=~])|<<|\.(?:pop|shift|clear|next|gets|push|append|prepend|unshift|insert|concat|delete|delete_at"
    r"|delete_if|keep_if|replace|fill|store|update|add)\b"
)
_SIGN: Final = r"\s*(?:\|\||&&|\*\*|<<|>>|[-+*/%|&^:.])?=(?![=~>])"
_ASSIGNMENT: Final = re.compile(rf"(?P<whose>[.\])]\s*)?(?P<name>(?<![\w$@])[$@]{{0,2}}[A-Za-z_]\w*|[\])]){_SIGN}")
_TARGETS: Final = re.compile(rf"(?P<names>[$@\w]+(?:\s*,\s*\*?[$@\w]+)*){_SIGN}")

_SETTING: Final = re.compile(r"(?:set|local|assign|with)\b\s*")
_COUNTING: Final = re.compile(r"(?:increment|decrement)\s+(?P<name>\w+)\Z")
_HARMLESS: Final = re.compile(r"(?s)(?:end\w*|break|continue|debug)?|(?:block|autoescape|filter|trans)\b.*")
_END_OF_STATEMENT: Final = re.compile(r"[\n;]")
_RUBY_CONTROL: Final = re.compile(
    r"(?:\}\s*)?(?:end|else|elsif|if|unless|while|until|case|when|for|ensure|begin|next|break|redo|then)\b|\}|\Z"
)
_RUBY_BLOCK: Final = re.compile(r"(?:\bdo|\{)\s*(?:\|[^|]*\|)?\s*\Z")


def changed_by(tag: Tag) -> set[str]:
    """The names that may stand for something else behind a tag, or EVERYTHING."""
    if tag.kind == "comment" or tag.family not in _FAMILIES:
        return set()
    code = tag.whole if tag.family == "erb" or tag.kind == "void" else tag.code
    if tag.family != "erb" or "#{" not in code:
        code = _TEXT.sub('""', code)
    if tag.kind == "output" or (tag.kind in ("open", "middle") and _BY_CHANCE.search(code)):
        return {EVERYTHING}
    if tag.family == "erb":
        return _by_ruby(code, is_value=tag.kind == "value")
    if tag.kind == "void" and tag.family != "curly":
        return _by_statement(tag.family, code)
    targets = _TARGETS.match(code) if tag.family == "curly" else None
    return _by_expression(tag.family, code) if targets is None else _by_assignment(tag.family, code)


def _by_statement(family: str, code: str) -> set[str]:
    """What is changed by a tag of Jinja or its kin that is nothing but a statement."""
    if _HARMLESS.fullmatch(code):
        return set()
    counted = _COUNTING.match(code)
    if counted is not None:
        return {counted["name"]}
    setting = _SETTING.match(code)
    return _by_assignment(family, code[setting.end() :] if setting is not None else code)


def _by_assignment(family: str, code: str) -> set[str]:
    """What is changed by an assignment: everything if it is none, or sets a part of an object."""
    targets = _TARGETS.match(code)
    if targets is None:
        return {EVERYTHING}
    return {*NAME.findall(targets["names"]), *_by_expression(family, code[targets.end() :])}


def _by_expression(family: str, code: str) -> set[str]:
    """What is changed by the calls and assignments in an expression."""
    commands = _COMMANDS.get(family)
    calls = [*_BRACKETS.finditer(code), *(commands.finditer(code) if commands is not None else ())]
    if not all(map(_is_harmless, calls)):
        return {EVERYTHING}
    assignments = list(_ASSIGNMENT.finditer(code)) if family != "curly" else []
    if any(one["whose"] or one["name"] in ")]" for one in assignments):
        return {EVERYTHING}
    return {one["name"] for one in assignments}


def _is_harmless(call: re.Match[str]) -> bool:
    """Whether a call changes nothing."""
    groups = call.groupdict()
    path = groups["path"]
    if path is None:
        return False
    name = re.split(r"[.$@]", path)[-1].rstrip("?")
    if groups.get("filter") or path.endswith("?") or path in _KEYWORDS:
        return True
    return name in (_METHODS if "." in path else _FUNCTIONS) or _ASKING.fullmatch(name) is not None


def _by_ruby(code: str, *, is_value: bool) -> set[str]:
    """What is changed by code of Ruby or Puppet."""
    if _CHANGES_IN_PLACE.search(code):
        return {EVERYTHING}
    if is_value:
        return _by_expression("erb", code.lstrip("="))
    changed: set[str] = set()
    for statement in map(str.strip, _END_OF_STATEMENT.split(code)):
        control = _RUBY_CONTROL.match(statement)
        if statement.startswith("#"):
            continue
        if control is not None:
            changed |= _by_expression("erb", statement[control.end() :].strip())
        elif _RUBY_BLOCK.search(statement):
            changed |= _by_expression("erb", statement)
        else:
            changed |= _by_assignment("erb", statement)
    return changed
