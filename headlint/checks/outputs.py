"""What checks ask about the outputs of a model: which losses get them, and which step makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from headlint.checks.places import head_places, sizes_of
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.outputs import Use
from headlint.flow.state import InstanceRecord, LayerObject, ZooObject
from headlint.history import Argument, Define, MakeLayer, ModuleRef

# Modules around modules that are gone into, and steps of a forward that are gone back.
_DEEPEST = 12
_IDLE_KINDS = frozenset("Identity Dropout Flatten Unflatten".split())
_IDLE_STEPS = frozenset("dropout contiguous flatten reshape squeeze unsqueeze".split())


@dataclass(frozen=True, slots=True)
class Last:
    """The last step of a forward that computes something: a layer of the code, or a function in its own forward."""

    kind: str
    layer: ModuleRef | None
    sizes: dict[str, Argument]
    site: cst.CSTNode | None


def losses(history: ModelHistory, *names: str) -> Iterator[Use]:
    """The calls of these losses with an output that no other loss gets, there or anywhere else.

    Which of several losses goes with which head may be decided in ways that look independent here.
    """
    for use in history.uses:
        if use.how != "loss" or not use.stands:
            continue
        rivals = (other for other in history.uses if other.site is use.site or _is_loss(other, use.target))
        if all(other.how == "loss" and other.name in names for other in rivals):
            yield use


def _is_loss(use: Use, target: ModuleRef) -> bool:
    """Whether an output of `target` goes into something that is a loss, or sounds like one."""
    spelled = use.name.lower()
    return use.target == target and (
        use.how == "loss" or (use.how == "call" and ("loss" in spelled or "crit" in spelled))
    )


def hands_through(history: ModelHistory, ref: ModuleRef) -> bool:
    """Whether a module returns what the model returns, as it is."""
    for _ in range(_DEEPEST):
        if ref == history.model:
            return True
        if modules.kind_of(history.state, ref) in modules.WRAPPERS:
            (_, inner), *_ = modules.children_of(history.state, ref)
        else:
            define = _define_of(history, ref)
            inner = None if define is None else define.operations[-1].module
        if inner is None:
            return False
        ref = inner
    return False


def _define_of(history: ModelHistory, ref: ModuleRef) -> Define | None:
    made = (event for event in history.events if isinstance(event, Define) and event.object == ref.object)
    return None if ref.path else next(made, None)


def last_step(history: ModelHistory, ref: ModuleRef) -> Last | None:
    """What makes the output of a module, None where that is not known."""
    return _last(history, ref, 0)


def _last(history: ModelHistory, ref: ModuleRef, depth: int) -> Last | None:
    record = history.state.heap.get(ref.object)
    if depth > _DEEPEST or record is None:
        return None
    if isinstance(record, InstanceRecord):
        return _last_of_forward(history, ref, depth)
    if modules.kind_of(history.state, ref) in modules.WRAPPERS:
        (_, inner), *_ = modules.children_of(history.state, ref)
        return None if inner is None else _last(history, inner, depth + 1)
    if isinstance(record, ZooObject) and not ref.path:
        return _last_of_model(history, ref, depth)
    if modules.container_kind(history.state, ref) == "Sequential":
        for _, child in reversed(modules.children_of(history.state, ref)):
            if child is None or modules.kind_of(history.state, child) in _IDLE_KINDS:
                continue
            return _last(history, child, depth + 1)
        return None
    if isinstance(record, LayerObject):
        return Last(record.kind, ref, dict(sizes_of(history, ref)), _site_of(history, ref))
    return None


def _last_of_forward(history: ModelHistory, ref: ModuleRef, depth: int) -> Last | None:
    define = _define_of(history, ref)
    if define is None:
        return None
    number = len(define.operations)
    while number:
        step = define.operations[number - 1]
        if step.module is not None and modules.kind_of(history.state, step.module) not in _IDLE_KINDS:
            return _last(history, step.module, depth + 1)
        if step.module is None and step.kind not in _IDLE_STEPS:
            return Last(step.kind, None, dict(step.arguments), step.site)
        number = step.inputs[0] if step.inputs else 0
    return None


def _last_of_model(history: ModelHistory, ref: ModuleRef, depth: int) -> Last | None:
    """The end of the outermost Sequential around the head, or the head itself."""
    if ref != history.model or len(head_places(history)) != 1:
        return None
    here: ModuleRef | None = ref
    for step in head_places(history)[0].split("."):
        here = dict(modules.children_of(history.state, here)).get(step)  # type: ignore[arg-type]
        if here is None:
            return None
        if modules.container_kind(history.state, here) == "Sequential":
            return _last(history, here, depth + 1)
        if here.object != ref.object:
            break
    return None if here is None or here == ref else _last(history, here, depth + 1)


def _site_of(history: ModelHistory, ref: ModuleRef) -> cst.CSTNode | None:
    """The call that makes a layer of the code."""
    made = (event for event in history.events if isinstance(event, MakeLayer) and event.object == ref.object)
    return next((event.site for event in made), None)
