"""All fixes of a scan, applied to the texts until there is nothing left to mend.

Each round mends what does not touch each other, and analyses the result: a fix that does not make its finding go away,
or that brings a new one that cannot be mended as well, is not made.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Callable, Final, NamedTuple

from checkov.common.models.enums import CheckResult

from checkov_nginx_tls.fixes.edits import applied
from checkov_nginx_tls.fixes.fixing import MENDED, Fix, Refusal, fix_for
from checkov_nginx_tls.fixes.world import World
from checkov_nginx_tls.upstreams import Flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from checkov_nginx_tls.analysis import Analysis, Outcome
    from checkov_nginx_tls.checks.base_upstream_check import Judgement
    from checkov_nginx_tls.files import Problem
    from checkov_nginx_tls.fixes.edits import Edit
    from checkov_nginx_tls.fixes.trust import Trust
    from checkov_nginx_tls.fixes.world import Place
    from checkov_nginx_tls.model import Block

    Scan = Callable[[Mapping[str, bytes]], Analysis]
    """Analyses the files, with these contents instead of those on the disk."""

    Key = tuple[str, str, str]
    """What a finding is known by while texts change: its check, file and resource."""


_TOLERATED: Final = frozenset({"CKV_NGINX_CUSTOM_13"})
"""Rules whose findings a fix may bring: certificates that expire soon are good until then."""


@dataclass(frozen=True)
class Mending:
    """What came of it.

    ``before`` and ``after`` are the contents of the files that change, by their real paths. ``together`` are sets of
    those that must be written together or not at all. ``mended`` are the findings that went away, ``refusals`` the
    others as they stood before, and ``refusals_after`` as they stand then; ``problems`` the files that could not be
    judged, and ``left_out`` findings of rules that are not mended here. ``bundles`` are the files of trusted CA
    certificates that nginx did not need before.
    """

    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    together: tuple[frozenset[str], ...]
    mended: tuple[Outcome, ...]
    refusals: tuple[Refusal, ...]
    refusals_after: tuple[Refusal, ...]
    problems: tuple[Problem, ...]
    left_out: tuple[Outcome, ...]
    bundles: tuple[str, ...]


def mend(
    scan: Scan, trust: Trust, is_wanted: Callable[[str], bool], may_change: Callable[[str], bool] | None = None
) -> Mending:
    """Mend the findings of all checks whose IDs are wanted. Nothing is written.

    ``may_change`` says of the real path of a file whether it may be changed; all may unless it is given.
    """
    first = scan({})
    state = _State({}, first, ())
    refused: dict[Key, Refusal] = {}
    find = _Finder(trust, is_wanted, may_change or (lambda _path: True), refused)
    fixes, reasons = find.fixes(first)
    reasons_before = reasons
    tried_again = state.contents
    while fixes or (refused and tried_again is not state.contents):
        if not fixes:  # what did harm may do none any more, now that others are made
            refused.clear()
            tried_again = state.contents
        else:  # makes one, or refuses one
            state = _Attempt(scan, find, state).with_best_of(fixes)
        fixes, reasons = find.fixes(state.analysis)
    found, left = _failed(first), _failed(state.analysis)
    last_reasons = {**reasons, **refused}
    refusals_after = [last_reasons[_key(outcome)] for outcome in left if _key(outcome) in last_reasons]
    before = _originals(first, state.contents)
    changed = {path: data for path, data in state.contents.items() if before[path] != data}
    return Mending(
        before={path: before[path] for path in changed},
        after=changed,
        together=tuple(_joined(state.linked)),
        mended=tuple(_beyond([one for one in found if one.check.id in MENDED and is_wanted(one.check.id)], left)),
        refusals=tuple(_as_before(refusals_after, found, reasons_before)),
        refusals_after=tuple(refusals_after),
        problems=first.problems,
        left_out=tuple(one for one in left if one.check.id not in MENDED and is_wanted(one.check.id)),
        bundles=tuple(sorted(_bundles(state.analysis) - _bundles(first))),
    )


def without(mending: Mending, unwritten: AbstractSet[str], scan: Scan) -> Mending:
    """What came of it where some of the files could not be written."""
    after = {path: data for path, data in mending.after.items() if path not in unwritten}
    analysis = scan({**mending.before, **after})
    found = [*mending.mended, *(refusal.outcome for refusal in mending.refusals)]
    return replace(
        mending,
        after=after,
        mended=tuple(_beyond(found, _failed(analysis))),
        bundles=tuple(sorted(_bundles(analysis).intersection(mending.bundles))),
    )


class _State(NamedTuple):
    """Contents of the files that were changed, what the analysis says of them, and the files of each fix so far."""

    contents: Mapping[str, bytes]
    analysis: Analysis
    linked: tuple[frozenset[str], ...]


class _Harm(NamedTuple):
    """What fixes do besides mending, and the blocks that it comes to; none where that is not known."""

    message: str
    places: AbstractSet[Place] = frozenset()


class _Harmful(Exception):
    """Fixes do more harm than good together."""

    def __init__(self, *harms: _Harm) -> None:
        super().__init__(harms[0].message)
        self.harms = harms


@dataclass
class _Attempt:
    """Tries fixes on one state; those that do harm are refused from then on."""

    scan: Scan
    find: _Finder
    state: _State

    def with_best_of(self, fixes: Sequence[Fix]) -> _State:
        """The state with as many of the fixes as do good together; the others come in the next round."""
        good = list(fixes)
        while good:
            try:
                return self._with(good)
            except _Harmful as error:  # noqa: PERF203  # tried again without it
                blamed = self._to_blame(good, error)
                for fix, message in blamed.items():
                    self.find.refused[_key(fix.outcome)] = Refusal(fix.outcome, message)
                good = [fix for fix in good if fix not in blamed] if blamed else self._part_of(good)
        return self.state

    def _to_blame(self, fixes: Sequence[Fix], error: _Harmful) -> dict[Fix, str]:
        """The fixes that touch what a harm comes to, and which; none where that is not known of several."""
        if len(fixes) == 1:
            return {fixes[0]: str(error)}
        by_place = {place: harm.message for harm in reversed(error.harms) for place in harm.places}
        messages = {fix: [by_place[place] for place in self._places(fix) if place in by_place] for fix in fixes}
        return {fix: found[0] for fix, found in messages.items() if found}

    def _places(self, fix: Fix) -> set[Place]:
        return set(map(self._world.place_of, fix.touched))

    @cached_property
    def _world(self) -> World:
        return World(self.state.analysis)

    def _part_of(self, fixes: Sequence[Fix]) -> list[Fix]:
        """A half of some fixes that do harm together: one that does good, if there is one."""
        half = len(fixes) // 2
        for part in (fixes[:half], fixes[half:]):
            try:
                self._with(part)
            except _Harmful:  # which part it is
                continue
            return list(part)
        return list(fixes[:half])

    def _with(self, fixes: Sequence[Fix]) -> _State:
        """The state with fixes, and with those of findings that come with them.

        Raises _Harmful where one of those cannot be mended, where nginx would refuse the result, or where nothing is
        gained.
        """
        contents = _edited(self.state.contents, fixes)
        linked = [*self.state.linked, *map(_files_of, fixes)]
        analysis = self.scan(contents)
        while follow_ups := self._follow_ups(analysis):
            contents = _edited(contents, follow_ups)
            linked += self._linked(fixes, follow_ups, World(analysis))
            before, analysis = analysis, self.scan(contents)
            if len(_failed(analysis)) >= len(_failed(before)):
                raise _Harmful(_Harm("what would be written brings ever new findings: mend it by hand"))
        had, left = Counter(map(_key, _failed(self.state.analysis))), Counter(map(_key, _failed(analysis)))
        vain = [fix for fix in fixes if left[_key(fix.outcome)] >= had[_key(fix.outcome)]]
        if vain:
            message = "what would be written does not make the finding go away: mend it by hand"
            raise _Harmful(*(_Harm(message, self._places(fix)) for fix in vain))
        newly_skipped = (_skipped(analysis) - _skipped(self.state.analysis)).keys() & had.keys()
        hidden = [outcome for outcome in analysis.outcomes if _key(outcome) in newly_skipped]
        if hidden:  # a comment stands above other lines than before
            world = World(analysis)
            message = "a comment would come to skip {0.check.id} in {0.resource}"
            raise _Harmful(*(_Harm(message.format(one), _places_of(one.skipped, world)) for one in hidden))
        return _State(contents, analysis, tuple(linked))

    def _follow_ups(self, analysis: Analysis) -> list[Fix]:
        """The fixes of findings that are new. Raises _Harmful where one cannot be mended."""
        before = Counter((problem.path, problem.reason) for problem in self.state.analysis.problems)
        for problem in analysis.problems:
            before[problem.path, problem.reason] -= 1
            if before[problem.path, problem.reason] < 0:
                raise _Harmful(_Harm(f"nginx would refuse what would be written: {problem.reason}"))
        world, taken = World(analysis), _Taken()
        fixes: list[Fix] = []
        harms: list[_Harm] = []
        for outcome in _beyond(_failed(analysis), _failed(self.state.analysis)):
            if outcome.check.id in _TOLERATED:
                continue
            fix = self.find.fix_of(outcome, world)
            if not isinstance(fix, Fix):
                why = outcome.message if fix is None else fix.reason
                message = f"it would bring {outcome.check.id} in {outcome.resource}: {why}"
                harms.append(_Harm(message, _places_of(outcome.judgements, world)))
            elif taken.takes(fix):
                fixes.append(fix)
        if harms:
            raise _Harmful(*harms)
        return fixes

    def _linked(self, fixes: Sequence[Fix], follow_ups: Sequence[Fix], world: World) -> Iterator[frozenset[str]]:
        """The files of each fix that follows, with those of the fixes that it follows."""
        by_place: dict[Place, set[str]] = {}
        for fix in fixes:
            for place in self._places(fix):
                by_place.setdefault(place, set()).update(_files_of(fix))
        for fix in follow_ups:
            followed = (by_place.get(world.place_of(block), ()) for block in fix.touched)
            yield _files_of(fix).union(*followed)


class _Taken:
    """Where fixes of one round edit, and what they touch."""

    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[int, int, str]]] = {}
        self._blocks: set[Block] = set()

    def takes(self, fix: Fix) -> bool:
        """Take what a fix edits and touches; False, and nothing, if another one has taken some of it."""
        if not self._blocks.isdisjoint(fix.touched) or not all(map(self._is_free, fix.edits)):
            return False
        self._blocks |= fix.touched
        for edit in fix.edits:
            insort(self._spans.setdefault(edit.source.path, []), (edit.start, edit.end, edit.text))
        return True

    def _is_free(self, edit: Edit) -> bool:
        spans = self._spans.get(edit.source.path, [])
        index = bisect_left(spans, (edit.start, edit.end, edit.text))
        return all(end < edit.start or edit.end < start for start, end, _ in spans[max(0, index - 1) : index + 1])


@dataclass(frozen=True)
class _Finder:
    """Finds fixes, see ``mend``; ``refused`` are findings of which one has done harm."""

    trust: Trust
    is_wanted: Callable[[str], bool]
    may_change: Callable[[str], bool]
    refused: dict[Key, Refusal]

    def fixes(self, analysis: Analysis) -> tuple[list[Fix], dict[Key, Refusal]]:
        """The fixes that can be made together, and why there is none for others."""
        world, taken = World(analysis), _Taken()
        fixes: list[Fix] = []
        reasons: dict[Key, Refusal] = {}
        for outcome in _failed(analysis):
            if self.is_wanted(outcome.check.id) and _key(outcome) not in self.refused:
                fix = self.fix_of(outcome, world)
                if isinstance(fix, Refusal):
                    reasons[_key(outcome)] = fix
                elif fix is not None and taken.takes(fix):
                    fixes.append(fix)
        return fixes, reasons

    def fix_of(self, outcome: Outcome, world: World) -> Fix | Refusal | None:
        """See ``fix_for``; one that changes what may not be changed is refused."""
        fix = fix_for(outcome, world, self.trust)
        if isinstance(fix, Fix):
            others = {edit.source.name for edit in fix.edits if not self.may_change(edit.source.path)}
            if others:
                return Refusal(outcome, f"it is mended in {', '.join(sorted(others))}: run fix there")
        return fix


def _edited(contents: Mapping[str, bytes], fixes: Iterable[Fix]) -> dict[str, bytes]:
    """Contents with the edits of fixes, which are those of the texts in these contents."""
    by_path: dict[str, list[Edit]] = {}
    for fix in fixes:
        for edit in fix.edits:
            by_path.setdefault(edit.source.path, []).append(edit)
    changed = {path: applied(edits[0].source.text, edits) for path, edits in by_path.items()}
    return {**contents, **{path: text.encode("utf-8", "surrogateescape") for path, text in changed.items()}}


def _originals(analysis: Analysis, paths: Iterable[str]) -> dict[str, bytes]:
    """What files held when they were analysed."""
    wanted = set(paths)
    sources = (file.source for judged in analysis.judged for file in judged.configuration.files.values())
    return {one.path: one.text.encode("utf-8", "surrogateescape") for one in sources if one.path in wanted}


def _bundles(analysis: Analysis) -> set[str]:
    """The bundles that nginx loads for verification."""
    connections = (connection for judged in analysis.judged for connection in judged.connections)
    return {one.bundle for one in connections if one.loads_bundle and one.verification is Flag.ON} - {""}


def _failed(analysis: Analysis) -> list[Outcome]:
    return [outcome for outcome in analysis.outcomes if outcome.result is CheckResult.FAILED]


def _skipped(analysis: Analysis) -> Counter[Key]:
    """How much of each finding comments skip."""
    return Counter(_key(one) for one in analysis.outcomes for _ in one.skipped)


def _places_of(judgements: Iterable[Judgement], world: World) -> set[Place]:
    """The blocks of the connections that a rule judged."""
    return {world.place_of(one.connection.block.scope) for one in judgements if one.connection is not None}


def _beyond(outcomes: Iterable[Outcome], others: Iterable[Outcome]) -> Iterator[Outcome]:
    """The findings that are not among others."""
    known = Counter(map(_key, others))
    for outcome in outcomes:
        known[_key(outcome)] -= 1
        if known[_key(outcome)] < 0:
            yield outcome


def _as_before(
    refusals: Iterable[Refusal], found: Iterable[Outcome], reasons: Mapping[Key, Refusal]
) -> Iterator[Refusal]:
    """Refusals with the places of their findings, and the reasons, before anything was changed."""
    known: dict[Key, list[Outcome]] = {}
    for outcome in found:
        known.setdefault(_key(outcome), []).append(outcome)
    for refusal in refusals:
        key = _key(refusal.outcome)
        outcomes = known.get(key, [])
        yield replace(reasons.get(key, refusal), outcome=outcomes.pop(0) if outcomes else refusal.outcome)


def _key(outcome: Outcome) -> Key:
    return outcome.check.id, outcome.path, outcome.resource


def _files_of(fix: Fix) -> frozenset[str]:
    return frozenset(edit.source.path for edit in fix.edits)


def _joined(sets: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """The sets, those with a common element made one."""
    joined: dict[str, set[str]] = {}
    for one in sets:
        others = {id(joined[element]): joined[element] for element in one if element in joined}
        together = max(others.values(), key=len, default=set())
        for other in others.values():
            together |= other
        together |= one
        joined.update(dict.fromkeys(together if len(others) > 1 else one, together))
    return [frozenset(one) for one in {id(one): one for one in joined.values()}.values()]
