"""What checks ask about the outputs of a model: which losses get them, and which step makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from headlint.checks.once import once
from headlint.checks.places import head_places, sizes_of
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.outputs import Use
from headlint.flow.state import InstanceRecord, LayerObject, ZooObject
from headlint.history import Argument, Define, MakeLayer, ModuleRef
from headlint.torchlib.layers import find_layer

# Modules around modules that are gone into, and steps of a forward that are gone back.
_DEEPEST = 12
_IDLE_KINDS = frozenset("Identity Dropout Flatten Unflatten".split())
# Whose rows sum to one, and whose numbers only lie between 0 and 1.
SUMMED = frozenset("Softmax Softmax2d softmax".split())
SQUEEZED = frozenset("Sigmoid sigmoid".split())
_OF_SCORES = SUMMED | SQUEEZED | frozenset("LogSoftmax log_softmax LogSigmoid".split())
_WIDTHS = {"Linear": "out_features", "Conv2d": "out_channels"}
_IDLE_STEPS = frozenset("dropout contiguous flatten reshape squeeze unsqueeze".split())


@dataclass(frozen=True, slots=True)
class Last:
    """The last step of a forward that computes something: a layer of the code, or a function in its own forward."""

    kind: str
    layer: ModuleRef | None
    sizes: dict[str, Argument]
    site: cst.CSTNode | None


def losses(history: ModelHistory, *names: str, replaced: bool = False) -> Iterator[Use]:
    """The calls of these losses with an output that no other loss gets, there or anywhere else.

    With `replaced`, also those of outputs of a model that is changed behind the call.

    Which of several losses goes with which head may be decided in ways that look independent here.
    """
    for use in history.uses:
        if use.how != "loss" or not (use.stands or replaced):
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
            define = define_of(history, ref)
            inner = None if define is None else define.operations[-1].module
        if inner is None:
            return False
        ref = inner
    return False


def define_of(history: ModelHistory, ref: ModuleRef) -> Define | None:
    made = (event for event in history.events if isinstance(event, Define) and event.object == ref.object)
    return None if ref.path else next(made, None)


@once
def last_step(history: ModelHistory, ref: ModuleRef) -> Last | None:
    """What makes the output of a module, None where that is not known."""
    return next(steps_back(history, ref), None)


@once
def one_score(history: ModelHistory, ref: ModuleRef) -> Last | None:
    """The layer of the code that gives the one score which a module returns, as it is or made a probability."""
    scores = next((step for step in steps_back(history, ref) if step is None or step.kind not in _OF_SCORES), None)
    if scores is None or scores.site is None or scores.sizes.get(_WIDTHS.get(scores.kind, "")) != 1:
        return None
    return scores


def steps_back(history: ModelHistory, ref: ModuleRef, depth: int = 0) -> Iterator[Last | None]:
    """What computes the output of a module, from the last step back; None where it is not known, and it ends there."""
    record = history.state.heap.get(ref.object)
    if depth > _DEEPEST or record is None:
        yield None
    elif isinstance(record, InstanceRecord):
        yield from _back_in_forward(history, ref, depth)
    elif modules.kind_of(history.state, ref) in modules.WRAPPERS:
        (_, inner), *_ = modules.children_of(history.state, ref)
        yield from iter((None,)) if inner is None else steps_back(history, inner, depth + 1)
    elif isinstance(record, ZooObject) and not ref.path:
        yield from _back_in_model(history, ref, depth)
    elif modules.container_kind(history.state, ref) == "Sequential":
        for _, child in reversed(modules.children_of(history.state, ref)):
            if child is not None and modules.kind_of(history.state, child) not in _IDLE_KINDS:
                yield from steps_back(history, child, depth + 1)
    elif isinstance(record, LayerObject):
        yield Last(record.kind, ref, dict(sizes_of(history, ref)), _site_of(history, ref))
    elif find_layer(modules.kind_of(history.state, ref)) is not None:
        yield Last(modules.kind_of(history.state, ref), ref, dict(sizes_of(history, ref)), None)
    else:
        yield None


def _back_in_forward(history: ModelHistory, ref: ModuleRef, depth: int) -> Iterator[Last | None]:
    define = define_of(history, ref)
    number = 0 if define is None else len(define.operations)
    while number:
        assert define is not None
        step = define.operations[number - 1]
        if step.module is not None and modules.kind_of(history.state, step.module) not in _IDLE_KINDS:
            yield from steps_back(history, step.module, depth + 1)
        elif step.module is None and step.kind not in _IDLE_STEPS:
            yield Last(step.kind, None, dict(step.arguments), step.site)
        number = step.inputs[0] if len(step.inputs) == 1 else 0
    yield None


def _back_in_model(history: ModelHistory, ref: ModuleRef, depth: int) -> Iterator[Last | None]:
    """The end of the outermost Sequential around the head, or the head itself; then it is not known."""
    here: ModuleRef | None = ref
    if ref == history.model and len(head_places(history)) == 1:
        for step in head_places(history)[0].split("."):
            here = dict(modules.children_of(history.state, here)).get(step)  # type: ignore[arg-type]
            if here is None or here.object != ref.object:
                break
            if modules.container_kind(history.state, here) == "Sequential":
                break
    if here is not None and here != ref:
        yield from steps_back(history, here, depth + 1)
    yield None


def _site_of(history: ModelHistory, ref: ModuleRef) -> cst.CSTNode | None:
    """The call that makes a layer of the code."""
    made = (event for event in history.events if isinstance(event, MakeLayer) and event.object == ref.object)
    return next((event.site for event in made), None)
