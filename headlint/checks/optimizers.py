"""Optimizers that step, and what of a model they leave out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from headlint.checks.once import once
from headlint.checks.places import placements
from headlint.checks.recipes import MOST_WATCHED
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import ALL_PARAMETERS, parameters_of
from headlint.flow.state import OptimizerRecord
from headlint.history import Escape, LoadState, MakeOptimizer, ModuleRef, ParameterRef


@dataclass(frozen=True, slots=True)
class Stepping:
    """An optimizer of parameters of the model; so many events had come when it was `made`, and when it last `steps`."""

    event: MakeOptimizer
    parameters: frozenset[ParameterRef]
    made: int
    steps: int


@once
def stepping(history: ModelHistory) -> tuple[Stepping, ...]:
    """The optimizers that hold parameters of the model and step, if all that anything in the program holds is known."""
    return tuple(_stepping(history))


def _stepping(history: ModelHistory) -> Iterator[Stepping]:
    last: dict[int, int] = {}
    for step in history.steps:
        last[step.optimizer] = max(step.position, last.get(step.optimizer, 0))
    if not last or held(history) is None:
        return
    for index, event in enumerate(history.state.trace):
        if isinstance(event, MakeOptimizer) and event.object in last and event.parameters:
            own = frozenset(event.parameters)
            of_builder = any(parameter.object == history.build.object for parameter in own)
            if of_builder or not own.isdisjoint(history.parameters):
                yield Stepping(event, own, index, last[event.object])


def held(history: ModelHistory) -> frozenset[ParameterRef] | None:
    """All that any optimizer of the path holds in the end or has held, None where that is not known."""
    found: set[ParameterRef] = set()
    for record in history.state.heap.values():
        if isinstance(record, OptimizerRecord):
            if record.parameters is None:
                return None
            found.update(record.parameters)
    for event in history.state.trace:
        if isinstance(event, MakeOptimizer):
            if event.parameters is None:
                return None
            found.update(event.parameters)
    return frozenset(found)


def in_sight(history: ModelHistory, until: int, *refs: ModuleRef) -> bool:
    """Whether no code out of sight has had the model or these modules when so many events had come.

    Nor may trained weights have been loaded into it: then a step is not what trains it.
    """
    numbers = {history.build.object, *(ref.object for ref in refs)}
    return not any(
        isinstance(event, (Escape, LoadState)) and event.target.object in numbers
        for event in history.state.trace[:until]
    )


def left_alone(history: ModelHistory, parameters: Iterable[ParameterRef]) -> bool:
    """Whether nothing but flags was ever written on these parameters, which train in the end."""
    return all(
        history.state.flags.get(parameter, True) is True
        and not parameter.path.endswith(ALL_PARAMETERS)
        and place_of(parameter) not in history.state.attributes
        for parameter in parameters
    )


def place_of(parameter: ParameterRef) -> tuple[ModuleRef, str]:
    """The module that has a parameter, and its name there."""
    owner, _, name = parameter.path.rpartition(".")
    return ModuleRef(parameter.object, owner), name


def beside(history: ModelHistory) -> tuple[ModuleRef, ...]:
    """The layers that were put into the model and stand there in the end."""
    return tuple(event.value for event, _ in placements(history) if event.value is not None)[:MOST_WATCHED]


def modules_of_only(history: ModelHistory, parameters: frozenset[ParameterRef]) -> list[ModuleRef]:
    """The largest modules of the model that have no parameters but these."""
    found: list[ModuleRef] = []
    pending = [history.model]
    while pending:
        ref = pending.pop()
        inside = [parameter for _, parameter in parameters_of(history.state, ref)]
        if inside and parameters.issuperset(inside):
            found.append(ref)
        elif not parameters.isdisjoint(inside):
            children = modules.children_of(history.state, ref)
            pending.extend(child for _, child in reversed(children) if child is not None)
    return found
