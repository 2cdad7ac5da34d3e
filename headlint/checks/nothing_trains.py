"""HL306: an optimizer is built for a model of which everything is frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from headlint.checks import flag_typo, freeze_after_replace, module_flag, name_filter
from headlint.checks.candidate import Candidate
from headlint.checks.flags import freezing
from headlint.checks.optimizers import place_of
from headlint.claims import AllFrozen
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.state import InstanceRecord, OptimizerRecord
from headlint.flow.trainers import TRAINED
from headlint.history import AnyEvent, Build, Escape, MakeOptimizer, ParameterRef, SetFlag

CODE = "HL306"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The optimizers, if whatever they hold and all of the model is frozen when they are made, and stays so."""
    if False not in history.state.flags.values():
        return
    own = history.parameters
    if not own or any(history.state.flags.get(parameter, True) is not False for parameter in own):
        return
    trace = history.state.trace
    made = [(index, event) for index, event in enumerate(trace) if isinstance(event, MakeOptimizer)]
    if not made or not history.complete or _may_train(history, *made[0]):
        return
    if any(True for other in (freeze_after_replace, flag_typo, module_flag, name_filter) for _ in other.check(history)):
        # Told where the flag is written.
        return
    for index, event in made:
        if event.site is None or event.parameters is None:
            continue
        if not _frozen_before(history, trace[:index], own.union(event.parameters)):
            continue
        empty = _is_empty(event)
        if not (_is_alone(history) if empty else not own.isdisjoint(event.parameters)):
            continue
        effect = f"{event.kind} is given nothing and raises" if empty else f"no step of {event.kind} changes any"
        hint = "unfreeze what is meant to train before"
        message = f"all {len(own)} parameters of {history.builder.name} are frozen: {effect}; {hint}"
        claim = AllFrozen(history.model)
        yield Candidate(CODE, event.site, event.site, message, hint, claim, speculative=False)
        freeze = freezing(trace[:index], own)
        if freeze is not None and (empty or any(step.optimizer == event.object for step in history.steps)):
            # Where freezing has a condition, the optimizer is made on right paths, too. Whether what is frozen is
            # trained may have the same condition in other words, unless it is.
            yield Candidate(CODE, event.site, freeze, message, hint, claim, speculative=False)


def _frozen_before(history: ModelHistory, trace: Sequence[AnyEvent], own: AbstractSet[ParameterRef]) -> bool:
    """Whether all of these parameters are frozen by what the path has done so far, and none is made anew."""
    if any(place_of(parameter) in history.state.attributes for parameter in own):
        return False
    flags = dict.fromkeys(history.frozen_by_builder, False)
    for event in trace:
        if isinstance(event, SetFlag):
            flags.update(dict.fromkeys(event.parameters, event.value))
    return all(flags.get(parameter) is False for parameter in own)


def _is_alone(history: ModelHistory) -> bool:
    """Whether no other model could be meant by an optimizer that holds nothing."""
    return sum(isinstance(event, Build) for event in history.state.trace) == 1


def _learned(history: ModelHistory) -> int:
    """How many events had come when a loss of the model was followed by a step, or all: backward has raised there."""
    losses = min((use.position for use in history.uses if use.how == "backward"), default=None)
    steps = [step.position for step in history.steps if losses is not None and step.position >= losses]
    return min(steps, default=len(history.state.trace))


def _may_train(history: ModelHistory, first: int, made: MakeOptimizer) -> bool:
    """Whether anything that trains is in an optimizer, or may be unfrozen behind the first one or out of sight."""
    for record in history.state.heap.values():
        if isinstance(record, OptimizerRecord):
            if record.parameters is None:
                return True
            if any(history.state.flags.get(parameter, True) is not False for parameter in record.parameters):
                return True
    inside = modules.objects_in(history.state, history.model)
    parts = [history.state.heap.get(number) for number in inside]
    if any(isinstance(part, InstanceRecord) and part.escaped for part in parts):
        return True
    # Nothing comes behind an optimizer that raises.
    before = history.state.trace[: first if _is_empty(made) else _learned(history)]
    behind = () if _is_empty(made) else history.state.trace[first:]
    escapes = (event for event in before if isinstance(event, Escape) and event.reason != TRAINED)
    return any(event.target.object in inside for event in escapes) or any(
        isinstance(event, SetFlag) and event.value for event in behind
    )


def _is_empty(made: MakeOptimizer) -> bool:
    """Whether an optimizer is given no parameters, which it refuses."""
    return made.parameters == () and not made.groups
