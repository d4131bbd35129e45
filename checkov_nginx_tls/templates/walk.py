"""Goes through a template tag by tag and makes values, arms and white space of them."""

from __future__ import annotations

from collections import Counter
from copy import copy
from typing import TYPE_CHECKING, Final

from checkov_nginx_tls.templates.conditions import Meanings
from checkov_nginx_tls.templates.constructs import Branch, Construct, doubt, has_words, kind_of
from checkov_nginx_tls.templates.lines import SPACE, Lines
from checkov_nginx_tls.templates.neutral import FILLER, Arm, Expression
from checkov_nginx_tls.templates.reader import BLANK, Reader
from checkov_nginx_tls.templates.values import choices_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checkov_nginx_tls.templates.overlay import Overlay
    from checkov_nginx_tls.templates.tags import Tag

_NOT_IN_LUA: Final = frozenset({"lone", "percent", "angle", "at", "interpolation"})
"""Families that are no templates where they stand in Lua."""

_AFTER_WORD: Final = f"{BLANK}\n;{{"


class Walk:
    """Goes through a text and its tags once; writes the overlay, and collects the arms and what else Neutral has."""

    def __init__(self, text: str, tags: Sequence[Tag], overlay: Overlay) -> None:
        self.lines: list[Arm] = []
        self.comments: list[tuple[int, int]] = []
        self._text = text
        self._tags = tags
        self._overlay = overlay
        self._lines = Lines(text, tags)
        self._kept: list[Construct] = []
        self._rests: list[Construct] = []
        self._meanings = Meanings()
        self._reader = Reader(text)
        outside = Construct([], [Branch(0, mark=";")], self._reader.place, [], complete=True)
        self._constructs = [outside]
        self._open_families: Counter[str] = Counter()

    def run(self) -> list[Arm]:
        """Go through everything; the arms."""
        handlers = {
            "open": self._open,
            "middle": self._middle,
            "close": self._close,
            "void": self._void,
            "comment": self._comment,
        }
        position = 0
        for tag, is_alone in zip(self._tags, _stand_alone(self._text, self._tags)):
            self._read(position, tag)
            self._meanings.pass_by(tag)
            if tag.kind in handlers:
                handlers[tag.kind](tag)
            else:
                self._value(tag, is_alone=is_alone)
            position = self._behind(tag)
        self._meanings.settle()
        self.lines += (arm for construct in self._kept for arm in construct.lines())
        return [arm for construct in self._kept for arm in construct.arms()]

    def _read(self, start: int, tag: Tag) -> None:
        """Read the text up to a tag; white space that the tag trims ends no comment."""
        end = self._lines.trimmed_from(tag, start)
        self._reader.read(start, end, self._branch)
        if self._reader.place.in_comment:
            self._overlay.hide(end, tag.start)
        else:
            self._reader.read(end, tag.start, self._branch)

    def _behind(self, tag: Tag) -> int:
        """Where to read on behind a tag: in a comment not before what it trims, which then does not end that."""
        place = self._reader.place
        if (place.in_comment or place.doubtful_until > tag.start) and self._lines.may_go_on(tag):
            self._doubt_line(tag.end + 1)
        end = self._lines.trimmed_to(tag) if place.in_comment else tag.end
        self._overlay.hide(tag.end, end)
        return end

    def _doubt_line(self, start: int) -> None:
        """Let a line be conditional from an offset on: a comment in front of it may go on."""
        end = self._reader.place.doubtful_until = self._lines.end(start)
        if self._text[start:end].lstrip(SPACE)[:1] not in ("", "#"):
            self.lines.append(Arm(start, end, doubt(start)))

    @property
    def _branch(self) -> Branch:
        return self._constructs[-1].branches[-1]

    def _value(self, tag: Tag, *, is_alone: bool) -> None:
        reader, branch, place = self._reader, self._branch, self._reader.place
        is_statement = is_alone and place.fresh and place.plain
        if (tag.kind == "lone" and not is_statement) or (place.lua and tag.family in _NOT_IN_LUA):
            reader.read(tag.start, tag.end, branch)
            return
        if place.in_comment and "\n" not in self._text[tag.start : tag.end]:
            return
        choices = choices_of(tag)
        if place.plain and not place.last and _may_begin_comment(choices):
            self._comment_out(tag, choices)
            return
        value = Expression(self._text[tag.start : tag.end], choices)
        before = " " if place.last == "string" and not place.until else ""
        key = f"{tag.family} {tag.word} {' '.join(tag.code.split())}"
        self._overlay.value(tag.start, tag.end, value, before=before, after=";" if is_statement else "", key=key)
        if is_statement:
            place.head = tag.start
            reader.punctuate(";", tag.end - 1, branch)
            return
        if place.plain:
            reader.word(tag.start)
        if place.until != "\n":
            branch.add(value.choices)

    def _comment_out(self, tag: Tag, choices: tuple[str, ...]) -> None:
        """A value is the beginning of a comment, or nothing."""
        self._blank(tag.start, tag.end)
        if "" in choices:
            self._doubt_line(tag.end)
            return
        place = self._reader.place
        self._overlay.open_comment(tag.start, tag.end)
        place.until, place.since = "\n", tag.start

    def _void(self, tag: Tag) -> None:
        self._blank(tag.start, tag.end)

    def _blank(self, start: int, end: int) -> None:
        place = self._reader.place
        self._overlay.fill(start, end, FILLER if place.in_string else " ")
        if not place.until:
            place.last = ""

    def _comment(self, tag: Tag) -> None:
        if self._reader.place.plain:
            start = tag.start + len(tag.word)
            self.comments.append((start, start + len(tag.code)))
        self._blank(tag.start, tag.end)

    def _open(self, tag: Tag) -> None:
        kind = kind_of(tag)
        test = self._meanings.enter(tag, kind)
        construct = Construct([tag], [Branch(tag.end)], copy(self._reader.place), [test], kind == "plain")
        self._open_families[tag.family] += 1
        self._constructs.append(construct)
        self._blank(tag.start, tag.end)

    def _middle(self, tag: Tag) -> None:
        construct = self._constructs[-1]
        if construct.complete or construct.tags[0].family != tag.family:
            self._blank(tag.start, tag.end)
            return
        self._end_branch(tag)
        self._end_line_of(construct, tag)
        self._reader.place = copy(construct.place)
        self._blank(tag.start, tag.end)
        if construct.is_broken:
            self._overlay.open_comment(tag.start, tag.end)
            self._reader.place.since = tag.start
        elif construct.place.doubtful_until > construct.start:
            self._doubt_line(tag.end)
        construct.complete = tag.word in ("else", "^")
        test = self._meanings.turn(tag)
        if not construct.complete:
            construct.tests.append(test)
        construct.tags.append(tag)
        construct.branches.append(Branch(tag.end))

    def _close(self, tag: Tag) -> None:
        if not self._open_families[tag.family]:
            self._blank(tag.start, tag.end)
            return
        while self._constructs[-1].tags[0].family != tag.family:
            for branch in self._leave(tag).branches:
                self._absorb(branch)
        self._end_branch(tag)
        construct = self._leave(tag)
        construct.tags.append(tag)
        self._blank(tag.start, tag.end)
        hides = [branch.place.in_comment for branch in construct.branches]
        hides += [] if construct.complete else [construct.place.in_comment]
        if any(hides) and not all(hides):
            self._end_comment(construct)
        elif construct.ends_in_doubt():
            self._doubt_line(tag.end)
        if construct.kind == "macro" and not any(branch.mark for branch in construct.branches):
            self._erase(construct)
        elif construct.is_value():
            self._make_value(construct)
        else:
            self._keep(construct)

    def _leave(self, tag: Tag) -> Construct:
        """The innermost construct ends, and what names stand for in it."""
        construct = self._constructs.pop()
        self._open_families[construct.tags[0].family] -= 1
        self._meanings.leave(tag)
        return construct

    def _end_branch(self, tag: Tag) -> None:
        branch = self._branch
        branch.end = tag.start
        branch.place = copy(self._reader.place)
        while self._rests and self._rests[-1].end >= branch.start:
            construct = self._rests.pop()
            if construct.rest is not None and construct.rest[1] > tag.start:
                construct.rest = construct.rest[0], tag.start

    def _end_line_of(self, construct: Construct, tag: Tag) -> None:
        """A branch ends at a tag, perhaps in a comment: that must not hide the next branch, which begins in none."""
        place, around = self._reader.place, construct.place
        construct.is_broken |= around.in_comment and not (place.in_comment and place.since == around.since)
        is_own = place.in_comment and (construct.is_broken or not around.in_comment)
        if is_own and not (place.fresh and self._lines.is_last(tag)):
            self._blank_comment(tag.start)

    def _blank_comment(self, end: int) -> None:
        """Blank the comment that is open: what follows is not always commented out."""
        place = self._reader.place
        self._overlay.fill(place.since, end)
        place.until = ""

    def _end_comment(self, construct: Construct) -> None:
        """A construct of which some branches end in a comment, or are left out in one: what follows is conditional."""
        last = construct.tags[-1]
        place = self._reader.place
        if self._lines.is_last(last):
            place.doubtful_until = self._lines.end(last.end)
            return
        if place.in_comment:
            self._blank_comment(last.start)
        construct.rest = last.end, self._lines.end(last.end)
        place.doubtful_until = construct.rest[1]
        self._rests.append(construct)

    def _erase(self, construct: Construct) -> None:
        """Forget what was read in a construct, and that it was there."""
        while self._kept and self._kept[-1].start > construct.start:
            self._kept.pop()
        self._reader.place = copy(construct.place)
        self._blank(construct.start, construct.end)

    def _make_value(self, construct: Construct) -> None:
        """Make a construct one opaque value."""
        self._erase(construct)
        choices = construct.choices()
        if choices == ("",):
            return
        is_apart = self._write_value(construct, construct.end, choices)
        place = self._reader.place
        if not place.until:
            self._reader.word(construct.start)
            place.last = "" if is_apart else "word"
        self._branch.add(choices)

    def _write_value(self, construct: Construct, end: int, choices: tuple[str, ...]) -> bool:
        """Write a value up to an offset, apart from the words around it where no branch joins them.

        Says whether it is kept apart from what follows.
        """
        place, branches = construct.place, construct.branches
        joins_before = place.last == "word" and any(has_words(branch.pieces[:1]) for branch in branches)
        joins_behind = any(has_words(branch.pieces[-1:]) for branch in branches)
        is_followed = bool(self._text[end : end + 1].strip(_AFTER_WORD))
        before = " " if place.last and not place.until and not joins_before else ""
        after = " " if is_followed and not place.until and not joins_behind else ""
        value = Expression(self._text[construct.start : construct.end], choices)
        self._overlay.value(construct.start, end, value, before=before, after=after)
        return bool(after)

    def _keep(self, construct: Construct) -> None:
        """Keep a construct's statements as its arms."""
        branches, place = construct.branches, construct.place
        self._kept.append(construct)
        if construct.ends_statement():
            self._write_value(construct, branches[0].marked, construct.choices())
            for branch in branches[1:]:
                self._overlay.fill(branch.start, branch.marked + 1)
        elif place.fresh and not place.lua:
            # A statement that ends behind the construct must not swallow the first one of the next arm.
            for branch in branches[:-1]:
                if not branch.place.fresh and branch.place.until in ("", "\n"):
                    self._overlay.fill(branch.end, branch.end + 1, ";")
        self._balance(branches)
        for branch in branches:
            self._absorb(branch)
        if construct.kind == "macro":  # what is in it is rendered elsewhere
            self._reader.place = copy(place)

    def _balance(self, branches: Sequence[Branch]) -> None:
        """Blank the braces that would be too many if all branches were rendered.

        The heads that remain are those of the first branch with most of them; the ends are those of the first branch
        too, or of the last one if statements stand before them.
        """
        opening = max(branches, key=lambda branch: len(branch.opened))
        ends_late = any(branch.closed and branch.mark != "}" for branch in branches)
        closing = max(branches[::-1] if ends_late else branches, key=lambda branch: len(branch.closed))
        for branch in branches:
            excess = (branch.opened if branch is not opening else []), (branch.closed if branch is not closing else [])
            for extents in excess:
                for start, end in extents:
                    self._overlay.fill(start, end)
                extents.clear()

    def _absorb(self, branch: Branch) -> None:
        """Let the branch around know of the statements in one."""
        outer = self._branch
        if branch.mark or has_words(branch.pieces):
            outer.add(())
        if not outer.mark:
            outer.mark, outer.marked = branch.mark, branch.marked
        for start, _ in branch.closed:
            outer.punctuate("}", start, start)
        for start, end in branch.opened:
            outer.punctuate("{", start, end - 1)


def _may_begin_comment(choices: tuple[str, ...]) -> bool:
    """Whether all values that are something begin a comment."""
    said = [choice for choice in choices if choice]
    return bool(said) and all(choice.startswith("#") and "\n" not in choice for choice in said)


def _stand_alone(text: str, tags: Sequence[Tag]) -> list[bool]:
    """For each tag whether only other values follow it on its line, and no end of a statement behind that."""
    found: list[bool] = []
    alone = False
    following: Tag | None = None
    for tag in reversed(tags):
        behind = text[tag.end : following.start if following is not None else None]
        rest = behind.lstrip(SPACE)
        ends_line = "\n" in behind[: len(behind) - len(rest)]
        if rest[:1] in (";", "{"):
            alone = False
        elif tag.kind == "output":
            alone = True
        elif following is not None and not rest and not ends_line:
            alone = alone or following.kind not in ("value", "output")
        else:
            alone = ends_line or rest[:1] in ("", "}") or (rest[0] == "#" and behind[0] != "#")
        found.append(alone)
        following = tag
    return found[::-1]
