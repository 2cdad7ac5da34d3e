"""Whether a mend does what it says: the edited program is linted again, and its models are run.

A fix is offered if its finding is gone, no other one has come, by whatever rule, and the model that it is about can be
built and run on every path, trained too where training is what the finding is about. Where there is nothing to run
models with, what only the analysis says is offered as unsafe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Literal

import libcst as cst

from headlint.checks.recipes import recipes
from headlint.claims import RunsThrough, Trains, judged
from headlint.finding import Edit, Finding, Fix
from headlint.flow.histories import ModelHistory
from headlint.history import Define, MakeContainer, ModuleRef
from headlint.mends.edits import edits_of
from headlint.mends.scene import Scene
from headlint.probe.protocol import Failure, canonical
from headlint.source.edits import Offsets, Shift, apply_edits
from headlint.source.program import Program, parse
from headlint.verdicts import Observe, decide_all

if TYPE_CHECKING:
    from headlint.checks.agreement import Suspicion
    from headlint.lint import Draft, Linter

# Ways to mend one mistake that are tried, and replays that have to run through for each.
MOST_TRIED = 6
MOST_REPLAYS = 8

Proof = Literal["proven", "open", "disproven"]


class Fixer:
    """Finds the fixes for the findings of one draft; `observe` says what the worker sees, None that nobody is asked."""

    def __init__(self, linter: Linter, draft: Draft, observe: Observe | None) -> None:
        assert draft.program is not None
        self._linter = linter
        self._scene = Scene(draft.program)
        self._observe = observe

    @cached_property
    def _before(self) -> _Linted:
        program = self._scene.program
        return _linted(self._linter, program.text, program.name, self._observe)

    def fix_of(self, finding: Finding, group: Sequence[Suspicion]) -> Fix | None:
        """The first way to mend a finding that is proven, None if there is none."""
        tried: set[tuple[Edit, ...]] = set()
        mends = (mend for suspicion in group for mend in suspicion.candidate.mends(self._scene))
        for mend in islice(mends, MOST_TRIED):
            edits = edits_of(self._scene, mend)
            if not edits or edits in tried:
                continue
            tried.add(edits)
            mended = {finding: group}
            outcome = _proof(self._linter, self._scene.program, self._before, mended, edits, self._observe)
            if outcome != "disproven":
                return Fix(mend.title, edits, mend.applicability if outcome == "proven" else "unsafe")
        return None


@dataclass(frozen=True, slots=True)
class _Linted:
    """A program, what every rule finds in it and by what, and where it makes which models."""

    program: Program | None
    histories: tuple[ModelHistory, ...]
    found: tuple[tuple[Finding, Sequence[Suspicion]], ...]
    notes: tuple[str, ...]


def _linted(linter: Linter, text: str, name: str, observe: Observe | None) -> _Linted:
    draft = linter.draft(lambda: parse(text, name), every_rule=True)
    if draft.program is None:
        return _Linted(None, (), (), draft.notes)
    decided = decide_all(draft.program, draft.groups, observe)
    found = tuple((finding, group) for finding, group in decided if finding is not None)
    return _Linted(draft.program, draft.histories, found, draft.notes)


def _proof(
    linter: Linter,
    program: Program,
    before: _Linted,
    mended: Mapping[Finding, Sequence[Suspicion]],
    edits: tuple[Edit, ...],
    observe: Observe | None,
) -> Proof:
    """Whether edits mend these findings, each given with what it was found by."""
    old = program.text
    after = _linted(linter, apply_edits(old, edits), program.name, observe)
    if after.program is None or len(after.notes) > len(before.notes):
        return "disproven"
    shift = Shift(old, edits)
    others = [other for other, _ in before.found if other not in mended]
    if not all_known((one for one, _ in after.found), others, old, after.program.text, shift):
        return "disproven"
    if observe is None:
        return "open"
    outcomes = {_runs(program, after, group, shift, observe) for group in mended.values()}
    return "disproven" if "disproven" in outcomes else "open" if "open" in outcomes else "proven"


def is_proven_together(
    linter: Linter, text: str, name: str, findings: Sequence[Finding], observe: Observe | None
) -> bool:
    """Whether the fixes of these findings of a program are proven when all are applied, as each of them is."""
    before = _linted(linter, text, name, observe)
    wanted = {(finding.code, finding.span) for finding in findings}
    mended = {one: group for one, group in before.found if (one.code, one.span) in wanted}
    edits = tuple(edit for finding in findings if finding.fix is not None for edit in finding.fix.edits)
    if before.program is None or len(mended) < len(wanted):
        return False
    return _proof(linter, before.program, before, mended, edits, observe) != "disproven"


def all_known(found: Iterable[Finding], known: Iterable[Finding], old: str, new: str, shift: Shift) -> bool:
    """Whether each of these findings in a new text is one of those in the old one, where its code stands now."""
    left = list(known)
    before, after = Offsets(old), Offsets(new)
    for finding in found:
        line = after.place(after.of(finding.span.line, finding.span.column))[0]
        for other in left:
            start = before.of(other.span.line, other.span.column)
            same = after.place(shift.moved(start))[0] == line or _line(before, start) == _line(after, after.of(line, 0))
            if other.code == finding.code and same:
                left.remove(other)
                break
        else:
            return False
    return True


def _line(offsets: Offsets, offset: int) -> str:
    return offsets.text[offsets.line_start(offset) : offsets.line_end(offset)[0]].strip()


def _runs(program: Program, after: _Linted, group: Sequence[Suspicion], shift: Shift, observe: Observe) -> Proof:
    """Whether all models that the finding is about run through as the edited program changes them."""
    claim = Trains() if group[0].candidate.claim.needs_training else RunsThrough()
    asked: set[str] = set()
    for history, model in _same_models(program, after, group, shift):
        recipe = next(recipes(history, claim, model))
        key = canonical(recipe.body)
        if key in asked:
            continue
        if len(asked) == MOST_REPLAYS:
            break
        asked.add(key)
        answer = observe(recipe)
        if isinstance(answer, Failure):
            return "open" if answer.kind in ("python", "start", "environment") else "disproven"
        if judged(claim, recipe, answer.data).verdict.kind != "confirmed":
            return "disproven"
    return "proven" if asked else "disproven"


def _same_models(
    program: Program, after: _Linted, group: Sequence[Suspicion], shift: Shift
) -> Iterator[tuple[ModelHistory, ModuleRef | None]]:
    """The histories of the edited program whose model is made by the same call as one that the finding is about.

    Each comes with what is to be run, where that is something around the model.
    """
    assert after.program is not None
    old, new = Offsets(program.text), Offsets(after.program.text)
    wanted: dict[tuple[int, str], set[int]] = {}
    for suspicion in group:
        site = suspicion.history.build.site
        if site is not None:
            built = shift.moved(old.of_span(program.span(site))[0]), suspicion.history.builder.name
            around = _maker(suspicion.history, suspicion.candidate.model)
            starts = wanted.setdefault(built, set())
            if around is not None:
                starts.add(shift.moved(old.of_span(program.span(around))[0]))
    for history in after.histories:
        site = history.build.site
        built = (-1 if site is None else new.of_span(after.program.span(site))[0]), history.builder.name
        if built not in wanted:
            continue
        found = [
            ModuleRef(event.object, "")
            for event in history.events
            if isinstance(event, (Define, MakeContainer))
            and event.site is not None
            and new.of_span(after.program.span(event.site))[0] in wanted[built]
        ]
        yield from ((history, model) for model in found or (None,))


def _maker(history: ModelHistory, model: ModuleRef | None) -> cst.CSTNode | None:
    """The code that makes what stands around the model, if that is what is run."""
    if model is None or model == history.model or model in history.wrappers:
        return None
    made = (event for event in history.events if isinstance(event, (Define, MakeContainer)))
    return next((event.site for event in made if event.object == model.object), None)
