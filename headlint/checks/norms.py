"""What checks ask about BatchNorms: which stand in the model, which are frozen, and which steps train beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headlint.flow import parameters
from headlint.flow.histories import ModelHistory
from headlint.flow.modes import is_batch_norm
from headlint.flow.state import OptimizerRecord, Step
from headlint.history import Escape, ModuleRef, ParameterRef, SetFlag


def training_steps(history: ModelHistory, around: ModuleRef | None = None) -> Iterator[Step]:
    """The steps of optimizers that hold parameters of the model, which nobody out of sight has had before.

    Or of what stands `around` the model.
    """
    own = history.parameters if around is None else frozenset(parameters_of(history, around))
    for step in history.steps:
        record = history.state.heap.get(step.optimizer)
        if not isinstance(record, OptimizerRecord) or record.parameters is None:
            continue
        if own.isdisjoint(record.parameters):
            continue
        before = history.state.trace[: step.position]
        if not any(isinstance(event, Escape) and event.target.object == history.build.object for event in before):
            yield step


def counting(history: ModelHistory, refs: Iterable[ModuleRef]) -> list[ModuleRef]:
    """The BatchNorms among these that stand in the model and keep running statistics as their class does."""
    written = {ref for ref, name in history.state.attributes if name in ("momentum", "track_running_stats", "training")}
    return [ref for ref in refs if ref in history.places and ref not in written and is_batch_norm(history.state, ref)]


def parameters_of(history: ModelHistory, ref: ModuleRef) -> list[ParameterRef]:
    """All parameters in a module."""
    return [parameter for _, parameter in parameters.parameters_of(history.state, ref)]


def unfrozen(history: ModelHistory) -> set[ParameterRef]:
    """The parameters that the code has ever asked to train."""
    events = (event for event in history.events if isinstance(event, SetFlag) and event.value)
    return {parameter for event in events for parameter in event.parameters}
