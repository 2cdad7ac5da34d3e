"""Signs in a history of what the model is for."""

from __future__ import annotations

from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import Escape, LoadState, MakeOptimizer, ModuleRef, ParameterRef, SetModule, SetMode


def frozen_by_mistake_possible(history: ModelHistory, placed: SetModule, head: ModuleRef) -> bool:
    """Whether a new head without anything to train is a mistake here.

    It is none where trained weights are loaded into it, where the model is only put to use, or where code out
    of sight gets the model before anything shows that it is trained.
    """
    behind = history.events[history.events.index(placed) :]
    if any(isinstance(event, LoadState) for event in behind):
        return False
    optimizers = [event for event in _trace(history) if isinstance(event, MakeOptimizer)]
    if optimizers:
        return any(_is_for(history, event) for event in optimizers)
    if not history.complete or any(isinstance(event, Escape) for event in behind):
        return False
    modes = [event.training for event in behind if isinstance(event, SetMode)]
    return not modes or modes[-1] or any(modes)


def _trace(history: ModelHistory) -> list[object]:
    return list(history.state.trace)


def _is_for(history: ModelHistory, event: MakeOptimizer) -> bool:
    """Whether an optimizer may be meant for this model: it has some of its parameters, or none at all."""
    if not event.parameters:
        return True
    own: set[ParameterRef] = {parameter for _, parameter in modules.parameters_of(history.state, history.model)}
    return bool(own.intersection(event.parameters))
