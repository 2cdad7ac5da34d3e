"""The width that arrives at each layer that the code makes, as far as the analysis works it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headlint.checks.chains import chains
from headlint.checks.composition import Forward, as_shape
from headlint.checks.places import sizes_in
from headlint.checks.regions import features_stand, regions
from headlint.flow import modules
from headlint.flow.classes import class_attribute
from headlint.flow.histories import ModelHistory, history_so_far
from headlint.flow.state import InstanceRecord, LayerObject, State, ZooObject
from headlint.flow.value import Function
from headlint.history import Argument, Build, Define, MakeContainer, ModuleRef
from headlint.torchlib.shapes import Refused, Shape, behind, given_always, width

# Layers that a shape is followed through; containers that share their parts can have any number.
_MOST_LAYERS = 2_000


@dataclass(frozen=True)
class Arrival:
    """What arrives at a sized layer; `giver` is the layer that the code puts before it, if it is that one's width."""

    layer: ModuleRef
    width: Argument
    giver: ModuleRef | None = None


def arrivals(history: ModelHistory) -> Iterator[Arrival]:
    """What arrives at the new layers of a model's parts, and at those that run behind the model."""
    forward = Forward(history)
    for region in regions(history):
        if region.certain:
            yield from _through(history.state, region.ref, region.arriving, forward)
    defines = (event for event in history.events if isinstance(event, Define))
    for define in (*defines, *chains(history)) if features_stand(history) else ():
        for _ in forward.refusals(define.operations):
            pass
    for ref, shape in forward.given.items():
        if shape is not None:
            yield from _through(history.state, ref, shape)


def arrivals_in_containers(state: State) -> Iterator[Arrival]:
    """What layers of a Sequential are given by those before them, wherever the Sequential comes to stand."""
    for event in state.trace:
        if isinstance(event, MakeContainer) and event.kind == "Sequential":
            yield from _through(state, ModuleRef(event.object, ""), None)


def arrivals_behind_models(state: State) -> Iterator[Arrival]:
    """What layers get of the one model beside them, in a class whose forward is still to be written."""
    for record in state.heap.values():
        if not isinstance(record, InstanceRecord) or isinstance(
            class_attribute(state, record.owner, "forward"), Function
        ):
            continue
        parts = [ref for ref in (modules.module_ref(value) for _, value in record.attributes) if ref is not None]
        models = [ref for ref in parts if not ref.path and isinstance(state.heap.get(ref.object), ZooObject)]
        shape = _given_by(state, models[0]) if len(models) == 1 else None
        for ref in parts if shape is not None else ():
            if ref not in models:
                yield from _through(state, ref, shape)


def _given_by(state: State, model: ModuleRef) -> Shape | None:
    for event in state.trace:
        if isinstance(event, Build) and event.object == model.object:
            history = history_so_far(state, event)
            known = history is not None and features_stand(history)
            return as_shape(Forward(history).gives(model, ())) if history is not None and known else None
    return None


def _through(state: State, ref: ModuleRef, shape: Shape | None, forward: Forward | None = None) -> Iterator[Arrival]:
    """What arrives at the layers of a part, in the order in which they run, as far as it is known.

    Where the part holds a class of the file, `forward` follows that.
    """
    waiting = [ref]
    giver: ModuleRef | None = None
    for _ in range(_MOST_LAYERS):
        if not waiting:
            return
        here = waiting.pop(0)
        if modules.container_kind(state, here) == "Sequential":
            inside = [child for _, child in modules.children_of(state, here)]
            if None in inside:
                return
            waiting = [*(child for child in inside if child is not None), *waiting]
            continue
        define = forward.defined.get(here.object) if forward is not None and not here.path else None
        if forward is not None and define is not None:
            refused = forward.within(define, [shape])
            shape, giver = (None if refused is not None else as_shape(forward.result)), None
            continue
        kind, sizes = modules.kind_of(state, here), sizes_in(state, here)
        arrives = width(kind, shape) if shape is not None else None
        if arrives is not None:
            yield Arrival(here, arrives, giver)
        outcome = given_always(kind, sizes) if shape is None else behind(kind, sizes, shape)
        if isinstance(outcome, Refused):
            return
        if given_always(kind, sizes) is not None:
            giver = here if isinstance(state.heap.get(here.object), LayerObject) else None
        shape = outcome
