"""The whole flow from files to outcomes, without Checkov's reports: discover, parse, assemble, judge, skip."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Callable, Final, NamedTuple, Union, cast

from checkov.common.models.enums import CheckResult

import checkov_nginx_tls.checks  # noqa: F401  # registers our checks
from checkov_nginx_tls.checks.base_upstream_check import BaseUpstreamCheck, Judgement
from checkov_nginx_tls.checks.registry import registry
from checkov_nginx_tls.collector import without_collector
from checkov_nginx_tls.conf import BlockConf
from checkov_nginx_tls.configurations import find_configurations
from checkov_nginx_tls.files import NO_CONTENTS, Problem, keep_all
from checkov_nginx_tls.modules import FLAGS, PASS_DIRECTIVES
from checkov_nginx_tls.places import Region
from checkov_nginx_tls.refusals import refusals
from checkov_nginx_tls.related_places import related_places
from checkov_nginx_tls.resources import ResourceNames
from checkov_nginx_tls.suppressions import Suppressions
from checkov_nginx_tls.syntax import Directive
from checkov_nginx_tls.upstreams import connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from checkov_nginx_tls.checks.base_nginx_check import BaseNginxCheck
    from checkov_nginx_tls.checks.base_upstream_check import Spot
    from checkov_nginx_tls.configurations import Configurations
    from checkov_nginx_tls.files import Keep
    from checkov_nginx_tls.model import Block, Configuration
    from checkov_nginx_tls.modules import Module
    from checkov_nginx_tls.places import RelatedPlace
    from checkov_nginx_tls.suppressions import Skip
    from checkov_nginx_tls.syntax import Source
    from checkov_nginx_tls.upstreams import Connection

    Place = Union[Directive, tuple[str, int, str]]
    """The directive where a finding stands, or the id of the spot."""

    Order = tuple[str, int, str, str]

    ShouldRun = Callable[[BaseNginxCheck, str], bool]
    OnProgress = Callable[[int, int, str], None]

CODE_LINES: Final = 50
"""Lines of a directive or block that a report quotes; Checkov prints none of longer ones."""

LINE_LENGTH: Final = 1000
"""Characters of a line that a report quotes."""

_AT_A_TIME: Final = 32
"""Judgements that a rule gives before the next one's turn."""

_SNIPPET_LENGTH: Final = 4000
"""Characters of what a report points to, beyond which it is not quoted."""


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A place in a file between two offsets into its text, and what a report quotes of it.

    ``resource`` is the logical path inside the file.
    """

    source: Source
    start: int
    end: int
    resource: str

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        return self.source.path

    @cached_property
    def region(self) -> Region:
        """Its lines and columns."""
        return Region.of(self.source, self.start, self.end)

    @property
    def snippet(self) -> str:
        """The text, "" where it is too long to quote."""
        return self.source.text[self.start : self.end] if self.end - self.start <= _SNIPPET_LENGTH else ""

    @property
    def code_block(self) -> tuple[tuple[int, str], ...]:
        """The numbers of its lines, with the lines, which end in a line feed."""
        region = self.region
        lines = range(region.start_line, min(region.end_line, region.start_line + CODE_LINES) + 1)
        return tuple((line, _quoted_line(self.source, line, region)) for line in lines)


class Outcome(NamedTuple):
    """One check's result for one directive: what becomes a Checkov record.

    ``excerpt`` is where it stands; outcomes of one place share it. ``message`` says what is wrong here and what to do,
    and ``guideline`` is the address of the documentation to read. ``cause`` is what makes the finding the same one
    wherever it moves in its block: the directive's name, and its arguments as nginx decodes them; a pass has none.
    ``judgements`` are the rule's opinions on which a failed outcome rests; ``skipped`` are those of the same place that
    a comment skips: all of them where the outcome is skipped.
    """

    check: BaseNginxCheck
    result: CheckResult
    excerpt: Excerpt
    message: str
    guideline: str | None
    evaluated_keys: tuple[str, ...]
    skip_reason: str
    cause: tuple[str, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    skipped: tuple[Judgement, ...] = ()

    def __repr__(self) -> str:
        """Without what it rests on, which is everything."""
        return f"<{self.check.id} {self.result.name} {self.path}:{self.start_line} {self.resource} {self.message!r}>"

    @property
    def order(self) -> Order:
        """What outcomes are sorted by: the path, the offset, the check, and what else may tell two apart."""
        excerpt = self.excerpt
        return excerpt.source.path, excerpt.start, self.check.id, excerpt.resource

    @property
    def related(self) -> tuple[RelatedPlace, ...]:
        """Other places to look at, where it failed or was skipped."""
        judgements = self.judgements or self.skipped
        return related_places(judgements, self.message) if judgements else ()

    @property
    def path(self) -> str:
        """The absolute path of its file."""
        return self.excerpt.path

    @property
    def resource(self) -> str:
        """The logical path inside its file."""
        return self.excerpt.resource

    @property
    def region(self) -> Region:
        """Where it points to."""
        return self.excerpt.region

    @property
    def start_line(self) -> int:
        """Its first line."""
        return self.excerpt.region.start_line

    @property
    def snippet(self) -> str:
        """The text that it points to, "" where that is too long to quote."""
        return self.excerpt.snippet


class Judged(NamedTuple):
    """A configuration that was looked at, and its connections."""

    configuration: Configuration
    connections: tuple[Connection, ...]


class UnusedSkip(NamedTuple):
    """A comment that skips nothing, at the absolute path of its file and a line from 1; ``text`` is the warning."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Analysis:
    """Everything a scan found.

    ``problems`` are the files that could not be judged, or not wholly; ``remarks`` are sentences about the scan as a
    whole; ``judged`` are the configurations that were looked at.
    """

    outcomes: tuple[Outcome, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    unused_skips: tuple[UnusedSkip, ...]
    judged: tuple[Judged, ...] = field(default=(), compare=False, repr=False)

    def resources(self) -> Iterator[tuple[str, str]]:
        """The absolute path and the logical path of every block that was looked at, each once."""
        files = {name: file for one in self.judged for name, file in one.configuration.files.items()}
        for _, file in sorted(files.items()):
            names = ResourceNames(file)
            yield from ((file.source.path, names.logical_path(one)) for one in _blocks_in(file.directives))


def run_all(_check: BaseNginxCheck, _path: str) -> bool:
    """A check filter that leaves nothing out."""
    return True


def no_progress(_done: int, _total: int, _path: str) -> None:
    """A progress callback that shows nothing."""


def analyse(
    root: str | None,
    files: Sequence[str] = (),
    *,
    keep: Keep = keep_all,
    should_run: ShouldRun = run_all,
    on_progress: OnProgress = no_progress,
    now: datetime | None = None,
    contents: Mapping[str, bytes] = NO_CONTENTS,
    base: str | None = None,
) -> Analysis:
    """Judge the nginx configuration below ``root`` and in ``files``.

    Nothing outside ``root`` and the directories of ``files`` is read. ``keep(directory, names)`` removes from
    ``names``, in place, what the scan leaves out; ``should_run(check, path)`` says whether a check runs on a file;
    ``on_progress(done, total, path)`` is called for each configuration. ``now`` is the time to judge certificates by,
    with a time zone: the present one if it is None. ``contents`` are what is read instead of the files at some real
    paths, of which those among ``files`` need not exist. Messages name files relative to ``base``, which is ``root``
    unless given, or else the current directory. Nothing found in files raises.
    """
    with without_collector():
        return analysed(find_configurations(root, files, keep, now, contents, base), should_run, on_progress)


def analysed(
    found: Configurations, should_run: ShouldRun, on_progress: OnProgress, *, with_passes: bool = True
) -> Analysis:
    """Judge configurations; see ``analyse`` for the other arguments. Without passes, ours have no outcomes."""
    total = len(found.configurations)
    judge = _Judge(found.configurations, should_run, with_passes=with_passes)
    for number, configuration in enumerate(found.configurations):
        on_progress(number, total, configuration.main.source.name)
        judge.look_at(configuration)
    on_progress(total, total, "")
    outcomes = judge.outcomes()
    problems = {*found.problems, *judge.problems}
    return Analysis(
        outcomes=outcomes,
        problems=tuple(sorted(problems)),
        remarks=(*registry.warnings(), *found.warnings),
        unused_skips=tuple(sorted(judge.unused_skips())),
        judged=tuple(judge.judged),
    )


class _Judge:
    """Collects what the checks say of each configuration, and merges it by cause."""

    def __init__(self, configurations: Sequence[Configuration], should_run: ShouldRun, *, with_passes: bool) -> None:
        files = {name: file for configuration in configurations for name, file in configuration.files.items()}
        self._files = files
        self._names = {name: ResourceNames(file) for name, file in files.items()}
        self._suppressions = Suppressions(files.values())
        self._should_run = should_run
        self._with_passes = with_passes
        self._passed: dict[Directive, dict[BaseUpstreamCheck, Judgement]] = {}
        self._blocks: dict[tuple[str, str, str], list[_BlockResult]] = {}
        self._raised: set[str] = set()
        self._excerpts: dict[Directive, Excerpt] = {}
        self._checks: dict[str, BaseNginxCheck] = {check.id: check for check in registry.checks()}
        rules = (check for check in self._checks.values() if isinstance(check, BaseUpstreamCheck))
        self._opinions = {rule: _Opinions(rule) for rule in rules}
        self.problems: list[Problem] = []
        self.judged: list[Judged] = []

    def look_at(self, configuration: Configuration) -> None:
        """Run every check on one configuration."""
        self.problems += configuration.problems
        self.problems += refusals(configuration)
        found = connections(configuration)
        self.judged.append(Judged(configuration, found))
        wanted = [check for check in self._checks.values() if self._may_run(check, configuration)]
        self._judge([check for check in wanted if isinstance(check, BaseUpstreamCheck)], configuration, found)
        user_checks = [check for check in wanted if not isinstance(check, BaseUpstreamCheck)]
        if user_checks:
            for block in configuration.blocks:
                if not block.data:
                    self._run_user_checks(user_checks, configuration, block)

    def _may_run(self, check: BaseNginxCheck, configuration: Configuration) -> bool:
        return any(self._should_run(check, path) for path in {one.source.path for one in configuration.files.values()})

    def outcomes(self) -> tuple[Outcome, ...]:
        """All outcomes, by file, line and check."""
        outcomes: list[Outcome] = []
        for opinions in self._opinions.values():
            outcomes += self._failures(opinions)
            outcomes += self._doubts(opinions)
        outcomes += self._passes() if self._with_passes else ()
        outcomes += self._block_outcomes()
        kept = [outcome for outcome in outcomes if self._should_run(outcome.check, outcome.path)]
        return tuple(sorted(kept, key=attrgetter("order")))

    def unused_skips(self) -> Iterator[UnusedSkip]:
        """Skip comments of nginx checks that skipped nothing."""
        for skip in self._suppressions.unused():
            path, text = skip.source.path, f"{skip.source.name}:{skip.line}: checkov:skip={skip.check_id}"
            check = self._checks.get(skip.check_id)
            if check is not None and check.id not in self._raised and self._should_run(check, path):
                yield UnusedSkip(path, skip.line, f"{text} skips nothing: remove it, or move it to the finding")
            elif check is None and skip.check_id.upper().startswith("CKV_NGINX_CUSTOM_"):
                yield UnusedSkip(path, skip.line, f"{text} {_about(skip.check_id)}")

    def _judge(
        self, checks: Sequence[BaseUpstreamCheck], configuration: Configuration, found: Sequence[Connection]
    ) -> None:
        """Let each rule judge a few connections in turn: what one looked at, the processor has at hand for the next."""
        pending = deque((check, self._judgements(check, configuration, found)) for check in checks)
        while pending:
            check, judgements = pending.popleft()
            some = list(islice(judgements, _AT_A_TIME))
            if some:
                self._note(check, some)
                pending.append((check, judgements))

    def _judgements(
        self, check: BaseUpstreamCheck, configuration: Configuration, found: Sequence[Connection]
    ) -> Iterator[Judgement]:
        try:
            yield from check.judge(configuration, found)
        except Exception as error:  # noqa: BLE001  # a rule's mistake must neither end the scan nor pass silently
            path = configuration.main.source.path
            check.log_check_error(path, configuration.root.type, configuration.main.source.name, {})
            self.problems.append(Problem(path, 1, _failure(check, error)))
            self._raised.add(check.id)

    def _note(self, check: BaseUpstreamCheck, judgements: Iterable[Judgement]) -> None:
        """Keep what a rule says. Of what a directive may be, nothing passes."""
        opinions = self._opinions[check]
        for judgement in judgements:
            if judgement.result is not CheckResult.PASSED:
                opinions.add(judgement)
            elif self._with_passes and not judgement.is_guess:
                self._passed.setdefault(judgement.cause.directive, {}).setdefault(check, judgement)

    def _failures(self, opinions: _Opinions) -> Iterator[Outcome]:
        for place, group in opinions.failed.items():
            skips = [self._skip(opinions.check.id, judgement) for judgement in group]
            left = [judgement for judgement, skip in zip(group, skips) if skip is None]
            reasons = [skip.reason for skip in skips if skip is not None]
            if left:
                skipped = [judgement for judgement, skip in zip(group, skips) if skip is not None]
                outcome = self._outcome(opinions, place, CheckResult.FAILED, left)
                yield outcome._replace(judgements=tuple(left), skipped=tuple(skipped))
            else:
                outcome = self._outcome(opinions, place, CheckResult.SKIPPED, group)
                yield outcome._replace(skip_reason=reasons[0], skipped=tuple(group))

    def _doubts(self, opinions: _Opinions) -> Iterator[Outcome]:
        for directive, group in opinions.undecided.items():
            left = [judgement for judgement in group if self._skip(opinions.check.id, judgement) is None]
            if left and directive not in opinions.failed:
                yield self._outcome(opinions, directive, CheckResult.UNKNOWN, left)

    def _passes(self) -> Iterator[Outcome]:
        failed = {check: opinions.directives() for check, opinions in self._opinions.items()}
        for directive, judgements in self._passed.items():
            excerpt = self._excerpt_of(directive)
            for check, judgement in judgements.items():
                if directive not in failed[check]:
                    yield Outcome(
                        check,
                        CheckResult.PASSED,
                        excerpt,
                        "",
                        self._opinions[check].guideline(judgement),
                        judgement.evaluated_keys,
                        "",
                    )

    def _skip(self, check_id: str, judgement: Judgement) -> Skip | None:
        places = [judgement.cause.directive, *judgement.cause.includes]
        if judgement.connection is not None:
            places += [judgement.connection.placed.directive, *judgement.connection.placed.includes]
        return self._suppressions.find(check_id, places)

    def _outcome(self, opinions: _Opinions, place: Place, result: CheckResult, group: Sequence[Judgement]) -> Outcome:
        check = opinions.check
        first = group[0]
        directive = place if isinstance(place, Directive) else first.cause.directive
        spot = first.spot
        excerpt = self._excerpt_of(directive) if spot is None else self._excerpt_of_spot(directive, spot)
        source = directive.source if spot is None else spot.source
        return Outcome(
            check,
            result,
            excerpt,
            check.explain(group) + self._original_place(source, excerpt.region.start_line),
            opinions.guideline(first),
            first.evaluated_keys,
            "",
            _cause(check, first.cause.directive) if spot is None else (spot.name,),
        )

    def _excerpt_of(self, directive: Directive) -> Excerpt:
        """Where a directive stands, without its block."""
        excerpt = self._excerpts.get(directive)
        if excerpt is None:
            source = directive.source
            resource = self._names[source.id].logical_path(directive)
            excerpt = self._excerpts[directive] = Excerpt(source, directive.start, directive.head_end, resource)
        return excerpt

    def _excerpt_of_spot(self, directive: Directive, spot: Spot) -> Excerpt:
        """Where something in a directive stands, or in a script that it loads."""
        resource = spot.name
        if spot.source is directive.source:
            resource = f"{self._names[directive.source.id].logical_path(directive)}.{spot.name}"
        return Excerpt(spot.source, spot.start, spot.end, resource)

    def _original_place(self, source: Source, line: int) -> str:
        """Where something of a dump, or of a file that a script writes, stands in the file on the machine."""
        if not source.key.startswith("/"):
            return ""
        first = source.position(self._files[source.id].extent[0]).line
        return f" (line {line - first + 1} of {source.key})"

    def _run_user_checks(self, checks: Sequence[BaseNginxCheck], configuration: Configuration, block: Block) -> None:
        checks = [check for check in checks if check.supports(block.type)]
        if not checks:
            return
        conf = BlockConf(block)
        excerpt = self._excerpt_of_block(configuration, block)
        for check in checks:
            if not self._should_run(check, excerpt.path):
                continue
            try:
                verdict = cast("CheckResult", check.run(excerpt.path, conf, excerpt.resource, block.type, {})["result"])
                held = _BlockResult(check, verdict, excerpt, block, _texts(check.details), _texts(check.evaluated_keys))
            except Exception as error:  # noqa: BLE001  # Checkov logs it; the file counts as not judged
                self.problems.append(Problem(excerpt.path, excerpt.region.start_line, _failure(check, error)))
                self._raised.add(check.id)
                continue
            self._blocks.setdefault((check.id, excerpt.path, excerpt.resource), []).append(held)

    def _block_outcomes(self) -> Iterator[Outcome]:
        """One outcome a check and block: failed in any context that no skip covers, else skipped, else passed."""
        for results in self._blocks.values():
            failed = [held for held in results if held.result is CheckResult.FAILED]
            skips = [self._skip_of_block(held) for held in failed]
            left = [held for held, skip in zip(failed, skips) if skip is None]
            reasons = [skip.reason for skip in skips if skip is not None]
            held = (left or failed or results)[0]
            skipped = bool(reasons) and not left
            placed = held.block.placed
            yield Outcome(
                held.check,
                CheckResult.SKIPPED if skipped else held.result,
                held.excerpt,
                "; ".join(held.details),
                held.check.guideline,
                held.evaluated_keys,
                reasons[0] if skipped else "",
                _cause(held.check, placed.directive) if placed is not None else (held.block.type,),
            )

    def _excerpt_of_block(self, configuration: Configuration, block: Block) -> Excerpt:
        """Where a block stands; the outermost one of a file has no directive and is the whole file."""
        if block.placed is None:
            source = configuration.main.source
            return Excerpt(source, *configuration.main.extent, self._names[source.id].in_file(block.type))
        directive = block.placed.directive
        resource = self._names[directive.source.id].logical_path(directive)
        return Excerpt(directive.source, directive.start, directive.end, resource)

    def _skip_of_block(self, held: _BlockResult) -> Skip | None:
        placed = held.block.placed
        return self._suppressions.find(held.check.id, [placed.directive, *placed.includes]) if placed else None


class _Opinions:
    """What one rule says of the connections of all configurations but passes, by the places of its findings.

    ``failed_at`` are the passes of connections that failed, wherever the cause stands.
    """

    def __init__(self, check: BaseUpstreamCheck) -> None:
        self.check = check
        self.failed: dict[Place, list[Judgement]] = {}
        self.failed_at: set[Directive] = set()
        self.undecided: dict[Directive, list[Judgement]] = {}
        self._guidelines: dict[tuple[Module | None, str, tuple[str, ...]], str] = {}

    def directives(self) -> set[Place]:
        """Where something is said."""
        return {*self.failed, *self.failed_at, *self.undecided}

    def add(self, judgement: Judgement) -> None:
        """Note a judgement; of what a directive may be, nothing is certain."""
        if judgement.is_guess:
            self._doubt(judgement._replace(result=CheckResult.UNKNOWN))
        elif judgement.result is CheckResult.FAILED:
            spot = judgement.spot
            self.failed.setdefault(judgement.cause.directive if spot is None else spot.id, []).append(judgement)
            if judgement.connection is not None:
                self.failed_at.add(judgement.connection.placed.directive)
        else:
            self._doubt(judgement)

    def _doubt(self, judgement: Judgement) -> None:
        undecided = judgement.connection.placed if judgement.connection is not None else judgement.cause
        self.undecided.setdefault(undecided.directive.written, []).append(judgement)

    def guideline(self, judgement: Judgement) -> str:
        """Where to read about it."""
        module = judgement.connection.module if judgement.connection is not None else None
        key = module, judgement.cause.directive.name, judgement.evaluated_keys
        if key not in self._guidelines:
            self._guidelines[key] = self.check.guideline_of(judgement)
        return self._guidelines[key]


@dataclass(frozen=True)
class _BlockResult:
    check: BaseNginxCheck
    result: CheckResult
    excerpt: Excerpt
    block: Block
    details: tuple[str, ...]
    evaluated_keys: tuple[str, ...]


def _cause(check: BaseNginxCheck, directive: Directive) -> tuple[str, ...]:
    """A directive's name and its arguments, without those of a pass whose target is not what a rule is about."""
    if isinstance(check, BaseUpstreamCheck) and directive.name in PASS_DIRECTIVES and not check.target_is_cause:
        return (directive.name,)
    return (directive.name, *(str(arg.lower() if directive.name in FLAGS else arg) for arg in directive.args))


def _quoted_line(source: Source, line: int, region: Region) -> str:
    """A line as a report quotes it; of a very long one, what follows the start of the region."""
    text = source.line_text(line)
    if len(text) > LINE_LENGTH:
        column = region.start_column or 1
        text = text[column - 1 if line == region.start_line else 0 :][:LINE_LENGTH]
    return text + "\n"


def _blocks_in(directives: Sequence[Directive]) -> Iterator[Directive]:
    for directive in directives:
        if directive.block is not None:
            yield directive
            yield from _blocks_in(directive.block)


def _texts(value: object) -> tuple[str, ...]:
    """A check's details or keys, whatever its author made of them."""
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, (list, tuple, set)) else ()


def _about(check_id: str) -> str:
    """What to say of a skip that names no check of nginx configuration."""
    from checkov_nginx_tls.catalogue import rules

    if any(rule.id == check_id for rule in rules()):
        return "skips nothing: the rule is about Kubernetes objects, where an annotation skips"
    return "names no check"


def _failure(check: BaseNginxCheck, error: Exception) -> str:
    return f"check {check.id} failed to run ({type(error).__name__}: {error}): the file is not wholly judged by it"
