"""Layers that the code gives a model and that have no part in any of its forwards."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.places import joined, place_of, spelled
from headlint.checks.wholes import is_certain, outermost
from headlint.claims import NoEffect
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import parameters_of
from headlint.flow.state import InstanceRecord
from headlint.flow.value import Module
from headlint.history import AnyEvent, Define, LoadState, MakeContainer, MakeLayer, MakeOptimizer, ModuleRef, SetModule


def idle_parts(history: ModelHistory, code: str) -> Iterator[Candidate]:
    """New layers with parameters that are in the model at the end, and in none of its forwards as far as they show."""
    model = outermost(history) if is_certain(history) else None
    if model is None or history.supposed or any(isinstance(event, LoadState) for event in history.events):
        return
    for name, owner, ref, event in (*_of_objects(history), *_of_auxiliary_heads(history)):
        if event.site is None or not any(True for _ in parameters_of(history.state, ref)):
            continue
        message = (
            f"'{name}' has no effect in {owner}: nothing that forward returns depends on it, in eval or in train mode,"
            " and it does not train"
        )
        hint = "run it in forward, put it where a layer stands that forward runs, or leave it out"
        claim, last = NoEffect(ref), name.rpartition(".")[2]
        yield Candidate(
            code, event.site, event.site, message, hint, claim, True, model, unless_used=last, unforeseen=True
        )


def is_in_sight(history: ModelHistory, model: ModuleRef) -> bool:
    """Whether the program itself runs and trains the model, and nobody else ever has it."""
    state = history.state
    if history.escaped is not None or model.object in state.escaped:
        return False
    return model in state.called and any(isinstance(event, MakeOptimizer) for event in history.events)


def _of_objects(history: ModelHistory) -> Iterator[tuple[str, str, ModuleRef, AnyEvent]]:
    """Layers that are attributes of objects of the file and that no forward of the file calls.

    Each with the name it has there, that of the class, and the event that makes it.
    """
    made = {event.object: event for event in history.events if isinstance(event, (MakeLayer, MakeContainer))}
    defines = [event for event in history.events if isinstance(event, Define)]
    run = {step.module for define in defines for step in define.operations if step.module is not None}
    for define in defines:
        record = history.state.heap.get(define.object)
        if not isinstance(record, InstanceRecord):
            continue
        now = dict(record.attributes)
        for name, ref in define.parts:
            # What stood there when forward was first called may have gone since.
            if ref.object in made and not ref.path and ref not in run and now.get(name) == Module(ref):
                yield name, record.owner.node.name.value, ref, made[ref.object]


def _of_auxiliary_heads(history: ModelHistory) -> Iterator[tuple[str, str, ModuleRef, AnyEvent]]:
    """Layers put into torchvision's auxiliary heads, which a model may have and not run, each with its event."""
    heads = {head.place.partition(".")[0] for head in history.builder.heads if head.auxiliary}
    for event in history.events:
        if not isinstance(event, SetModule) or event.value is None or event.value not in history.places:
            continue
        place = joined(place_of(history, event.target) or "", event.name)
        if place.partition(".")[0] in heads and event.name.isidentifier():
            yield spelled(place), history.builder.name, event.value, event
