"""Whether the paths through a program agree on a candidate.

A path is what the code may do, not what its callers let it do: two conditions that always go together in real
runs look independent to the analysis. So a candidate counts only if every path that makes the same model
comes to it, or if every path by which the code in question is reached is wrong there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from headlint.checks.candidate import Candidate
from headlint.checks.conditions import opening
from headlint.checks.doubts import may_use_parts, reckons_with_it
from headlint.checks.idle_parts import is_in_sight
from headlint.checks.mentions import is_named, reads_of
from headlint.checks.outside_forward import may_be_used
from headlint.checks.paths import Paths, build_key
from headlint.claims import ForwardRaises, NeverUsed, ReadRaises
from headlint.flow import modules
from headlint.flow.histories import Analysis, ModelHistory
from headlint.history import MakeLayer, SetModule
from headlint.source.nodes import function_around
from headlint.source.program import Program


@dataclass(frozen=True)
class Suspicion:
    """A candidate on the history that gave it; its message begins with when that happens if it is not always.

    `end` is the whole history where the candidate is about the model as it was trained.
    """

    history: ModelHistory
    candidate: Candidate
    opening: str = ""
    end: ModelHistory | None = None

    @property
    def whole(self) -> ModelHistory:
        """The history up to the end of its path."""
        return self.end or self.history


def agree(analysis: Analysis, suspicions: Sequence[Suspicion], program: Program) -> list[list[Suspicion]]:
    """Suspicions grouped by mistake, without those that the rest of the program speaks against."""
    paths = Paths(analysis.histories)
    groups: dict[tuple[object, ...], list[Suspicion]] = {}
    for suspicion in suspicions:
        if isinstance(suspicion.candidate.claim, NeverUsed) and _is_called_by_hand(suspicion, analysis, program):
            continue
        if any(any(reads_of(program.tree, name, None)) for name in suspicion.candidate.unless_read):
            continue
        if suspicion.candidate.unless_named and is_named(
            program.tree, suspicion.candidate.unless_named, suspicion.candidate.site
        ):
            continue
        if suspicion.candidate.unless_used and may_be_used(program.tree, program.text, suspicion.candidate.unless_used):
            continue
        if suspicion.candidate.unless_right and id(suspicion.candidate.event_site) in analysis.may_be_right:
            continue
        if _runs_own_forward(suspicion) and (
            suspicion.whole.forward_replaced or paths.runs_parts_only(suspicion.whole)
        ):
            continue
        key: tuple[object, ...] = (suspicion.candidate.code, id(suspicion.candidate.site))
        if suspicion.candidate.unforeseen:
            # A layer without effect is one of its class, whichever object of that it is in.
            name = suspicion.candidate.unless_used
            key += (name,) if name else build_key(suspicion.whole)
        groups.setdefault(key, []).append(suspicion)
    if any(group[0].candidate.unforeseen for group in groups.values()):
        groups = {key: group for key, group in groups.items() if _may_be_told(group, program)}
    raising = {id(one.whole.state) for one in suspicions if isinstance(one.candidate.claim, ForwardRaises)}
    kept = (_standing(group, analysis, paths, program, raising) for group in groups.values())
    return [_opened(group, paths, analysis.histories) for group in kept if group]


def _opened(group: Sequence[Suspicion], paths: Paths, histories: Sequence[ModelHistory]) -> list[Suspicion]:
    """The suspicions of one mistake, each with when it happens: what one message says of one model is told together."""
    together: dict[str, list[Suspicion]] = {}
    for suspicion in group:
        together.setdefault(suspicion.candidate.message, []).append(suspicion)
    openings: dict[str, str] = {}
    for message, same in together.items():
        builds = {build_key(one.whole): paths.same_build(one.whole) for one in same}
        made = [history for histories in builds.values() for history in histories]
        elsewhere = [history for history in histories if build_key(history) not in builds]
        openings[message] = opening([one.whole for one in same], made, elsewhere)
    return [replace(one, opening=openings[one.candidate.message]) for one in group]


def _may_be_told(group: Sequence[Suspicion], program: Program) -> bool:
    """Whether what no rule foresaw is certain to be wrong: the program runs that forward, and reckons with nothing."""
    first = group[0]
    if not first.candidate.unforeseen:
        return True
    if reckons_with_it(program.tree, program.text):
        return False
    if first.candidate.unless_used:
        return any(one.candidate.model is not None and is_in_sight(one.history, one.candidate.model) for one in group)
    if all({one.candidate.model, one.history.model} & one.history.state.called.keys() for one in group):
        return True
    own = modules.children_of(first.history.state, first.history.model)
    return not may_use_parts(program.tree, program.text, (name for name, _ in own))


def _runs_own_forward(suspicion: Suspicion) -> bool:
    """Whether it is the forward of the builder's model, alone or in a wrapper, that is to prove it."""
    model, history = suspicion.candidate.model, suspicion.history
    own = model is None or model == history.model or model in history.wrappers
    return own and suspicion.candidate.claim.needs_forward


def _standing(
    group: Sequence[Suspicion], analysis: Analysis, paths: Paths, program: Program, raising: AbstractSet[int]
) -> list[Suspicion]:
    """The suspicions of one mistake that no path which is right there speaks against."""
    wrong = {id(one.whole) for one in group}

    def holds(suspicion: Suspicion) -> bool:
        if suspicion.whole.supposed and _is_for_others(suspicion, wrong, analysis, paths, program):
            return False
        if suspicion.candidate.unforeseen:
            others = paths.same_build(suspicion.whole)
            if suspicion.candidate.unless_used:
                others = (*others, *paths.reaching(suspicion.candidate.event_site))
            return all(id(other) in wrong for other in others)
        site = suspicion.candidate.event_site
        real = not suspicion.whole.supposed
        reached_and_right = any(id(history) not in wrong for history in paths.reaching(site))
        if not reached_and_right and id(site) not in analysis.may_be_right:
            return True
        if id(site) not in analysis.may_be_right and _is_wrong_wherever_made(suspicion, raising, analysis):
            return True
        # A read that raises ends its path: there every other path of the model counts, finished or not.
        ended = isinstance(suspicion.candidate.claim, ReadRaises)
        # What is used elsewhere, or not at all, says nothing about this use.
        is_use = paths.use(suspicion.whole, site)
        return all(
            id(other) in wrong
            for other in paths.same_build(suspicion.whole)
            if (other.complete or ended) and not (real and other.supposed) and (not is_use or paths.use(other, site))
        )

    return [suspicion for suspicion in group if holds(suspicion)]


def _is_wrong_wherever_made(suspicion: Suspicion, raising: AbstractSet[int], analysis: Analysis) -> bool:
    """Whether the layer that refuses is made for a model that was there, and no path that makes it is right.

    A path that goes past the making of the layer, as one side of a condition does, then says nothing about it, nor
    does one that is cut short before the layer comes to its place. `raising` are the states of all paths on which
    forward is thought to raise somewhere.
    """
    claim, trace = suspicion.candidate.claim, suspicion.whole.state.trace
    if not isinstance(claim, ForwardRaises) or len(claim.modules) != 1:
        return False
    (layer,) = claim.modules
    makings = [
        index for index, event in enumerate(trace) if isinstance(event, MakeLayer) and event.object == layer.object
    ]
    builds = [index for index, event in enumerate(trace) if event is suspicion.history.build]
    site = trace[makings[0]].site if makings else None
    if site is None or not builds or builds[0] > makings[0]:
        return False

    def comes_by(history: ModelHistory) -> bool:
        sites = {id(event.site) for event in history.state.trace}
        return id(site) in sites and (history.complete or id(suspicion.candidate.event_site) in sites)

    return all(id(history.state) in raising for history in analysis.histories if comes_by(history))


def _is_for_others(
    suspicion: Suspicion, wrong: AbstractSet[int], analysis: Analysis, paths: Paths, program: Program
) -> bool:
    """Whether code that did not choose the model is run with another one, by the program itself, and is right there.

    A factory is there for all its models; what is done to the one that the program takes may be for its kind alone.
    """
    site, made = suspicion.candidate.event_site, suspicion.whole.build.site
    real = [history for history in analysis.histories if not history.supposed and id(history) not in wrong]
    reaching = {id(history) for history in paths.reaching(site)}
    read_from = analysis.read_from.get(id(site), frozenset())
    if made is None or not any(id(history) in reaching or history.builder.name in read_from for history in real):
        return False
    return function_around(program.tree, site) is not function_around(program.tree, made)


def _is_called_by_hand(suspicion: Suspicion, analysis: Analysis, program: Program) -> bool:
    """Whether the file reads, on anything that may be the model, the layer that forward does not call."""
    claim = suspicion.candidate.claim
    if isinstance(claim, NeverUsed) and claim.module in suspicion.whole.state.called:
        return True
    builder = suspicion.history.builder.name
    for event in suspicion.history.events:
        if isinstance(event, SetModule) and isinstance(claim, NeverUsed) and event.value == claim.module:
            name = re.escape(event.name)
            written = re.search(rf"\.\s*{name}\b(?!\s*=[^=])|[\"']{name}[\"']", program.text)
            return written is not None and any(
                not {None, builder}.isdisjoint(analysis.read_from.get(id(read), {None}))
                for read in reads_of(program.tree, event.name, None)
            )
    return False
