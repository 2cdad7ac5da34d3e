"""What checks ask about BatchNorms: which stand in the model, which are frozen, and which steps train beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headlint.flow import modules, parameters
from headlint.flow.histories import ModelHistory
from headlint.flow.state import OptimizerRecord, Step
from headlint.history import Escape, ModuleRef, ParameterRef, SetFlag, SetModule
from headlint.torchlib.kinds import is_batch_norm


def training_steps(history: ModelHistory) -> Iterator[Step]:
    """The steps of optimizers that hold parameters of the model, which nobody out of sight has had before."""
    return _steps(history, {*history.parameters, *_replaced(history)}, otherwise=False)


def steps_after_loss(history: ModelHistory, around: ModuleRef) -> Iterator[Step]:
    """The same for what stands `around` the model and learns from a loss.

    There it is no matter whether what an optimizer holds is known.
    """
    return _steps(history, {*parameters_of(history, around), *_replaced(history)}, otherwise=True)


def _steps(history: ModelHistory, own: set[ParameterRef], *, otherwise: bool) -> Iterator[Step]:
    """The steps of optimizers that hold any of these, and, `otherwise`, of those of which it is not known."""
    for step in history.steps:
        record = history.state.heap.get(step.optimizer)
        if not isinstance(record, OptimizerRecord):
            continue
        if own.isdisjoint(record.parameters) if record.parameters is not None else not otherwise:
            continue
        before = history.state.trace[: step.position]
        if not any(isinstance(event, Escape) and event.target.object == history.build.object for event in before):
            yield step


def _replaced(history: ModelHistory) -> Iterator[ParameterRef]:
    """The parameters of layers that stood in the model before others took their place."""
    objects = {history.build.object}
    for event in history.events:
        if isinstance(event, SetModule) and event.target.object in objects:
            if event.value is not None:
                objects |= modules.objects_in(history.state, event.value)
            if event.replaced is not None:
                yield from parameters_of(history, event.replaced)


def counting(history: ModelHistory, refs: Iterable[ModuleRef]) -> list[ModuleRef]:
    """The BatchNorms among these that stand in the model and keep running statistics as their class does."""
    written = {ref for ref, name in history.state.attributes if name in ("momentum", "track_running_stats", "training")}
    standing = (ref for ref in refs if ref in history.places and ref not in written)
    return [ref for ref in standing if is_batch_norm(modules.kind_of(history.state, ref))]


def parameters_of(history: ModelHistory, ref: ModuleRef) -> list[ParameterRef]:
    """All parameters in a module."""
    return [parameter for _, parameter in parameters.parameters_of(history.state, ref)]


def unfrozen(history: ModelHistory) -> set[ParameterRef]:
    """The parameters that the code has ever asked to train."""
    events = (event for event in history.events if isinstance(event, SetFlag) and event.value)
    return {parameter for event in events for parameter in event.parameters}
