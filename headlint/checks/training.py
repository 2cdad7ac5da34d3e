"""Signs in a history of what the model is for."""

from __future__ import annotations

from collections.abc import Sequence

from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import parameters_of
from headlint.flow.state import OptimizerRecord
from headlint.history import AnyEvent, Escape, LoadState, MakeOptimizer, ModuleRef, ParameterRef, SetModule


def frozen_by_mistake_possible(history: ModelHistory, placed: SetModule, head: ModuleRef) -> bool:
    """Whether a new head without anything to train is a mistake here.

    It is none where trained weights are loaded into it before it is trained, where the model is only put to use, or
    where code out of sight gets the model before anything shows that it is trained.
    """
    behind = history.events[history.events.index(placed) :]
    if any(isinstance(event, LoadState) and not _is_behind_training(history, event) for event in behind):
        return False
    given_away = False
    optimizers = False
    for event in history.state.trace:
        if isinstance(event, Escape) and event.target.object in (history.build.object, head.object):
            given_away = True
        elif isinstance(event, MakeOptimizer):
            optimizers = True
            if _is_for(history, event):
                # What is frozen when the optimizer is built was meant to be, or is the mistake.
                return not given_away
    if optimizers:
        return False
    if not history.complete or any(isinstance(event, Escape) for event in behind):
        return False
    return history.state.modes.get(history.model) is not False


def _is_behind_training(history: ModelHistory, event: AnyEvent) -> bool:
    """Whether an optimizer that may be for this model has stepped before."""
    position = _position(history.state.trace, event)
    for step in history.steps:
        record = history.state.heap.get(step.optimizer)
        if step.position > position or not isinstance(record, OptimizerRecord) or record.parameters is None:
            continue
        if _may_be_for(history, record.parameters):
            return True
    return False


def optimized_at_home(history: ModelHistory) -> bool:
    """Whether an optimizer is made for the model before code out of sight gets it: what is frozen then stays so."""
    for event in history.state.trace:
        if isinstance(event, MakeOptimizer) and _is_for(history, event):
            return True
        if isinstance(event, Escape) and event.target.object == history.build.object:
            return False
    return False


def was_trained_between(history: ModelHistory, before: AnyEvent, after: AnyEvent, model: ModuleRef) -> bool:
    """Whether an optimizer that may hold parameters of `model` is made between two events."""
    trace = history.state.trace
    own = {parameter for _, parameter in parameters_of(history.state, model)}
    between = trace[_position(trace, before) : _position(trace, after)]
    return any(
        isinstance(event, MakeOptimizer) and (event.parameters is None or own.intersection(event.parameters))
        for event in between
    )


def _position(trace: Sequence[AnyEvent], wanted: AnyEvent) -> int:
    return next((index for index, event in enumerate(trace) if event is wanted), 0)


def _is_for(history: ModelHistory, event: MakeOptimizer) -> bool:
    """Whether an optimizer may be meant for this model: it has some of its parameters, or none at all."""
    return _may_be_for(history, event.parameters)


def _may_be_for(history: ModelHistory, held: Sequence[ParameterRef] | None) -> bool:
    return not held or not history.parameters.isdisjoint(held)
