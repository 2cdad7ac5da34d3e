"""HL309: a layer comes into the model when that has moved to another device, and stays on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.places import placements, spelled
from headlint.claims import LeftBehind, LeftBehindInTraining
from headlint.flow import modules
from headlint.flow.classes import is_plain_module_class
from headlint.flow.fitting import is_for_a_trainer
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import parameters_of
from headlint.flow.state import ContainerObject, ExtractorObject, InstanceRecord, LayerObject, Moved, PartObject
from headlint.history import AnyEvent, Escape, MakeLayer, ModuleRef
from headlint.mends.mend import Mend, Prefix
from headlint.mends.order import moves
from headlint.mends.scene import Scene
from headlint.source.nodes import text_of

CODE = "HL309"

# By these all new tensors come to another device by themselves.
_OF_THE_CODE = (LayerObject, ContainerObject, PartObject)
_DEFAULTS = ("set_default_device", "set_default_tensor_type")


def check(history: ModelHistory) -> Iterator[Candidate]:
    """New layers that nothing moves, in a model that was moved before and is called behind."""
    if not history.state.moves:
        return
    positions = {id(event): index for index, event in enumerate(history.state.trace)}
    for event, place in placements(history):
        if event.value is None or event.site is None or id(event) not in positions:
            continue
        position = positions[id(event)]
        moved = _moved_before(history, position)
        own = () if moved is None else _left(history, event.value, position)
        if moved is None or not own:
            continue
        if not _is_called(history, event.value, position) or _is_for_a_trainer(history):
            continue
        auxiliary = _is_for_training(history, place)
        if auxiliary and not any(use.training and use.position > position for use in history.uses):
            continue
        assert moved.device is not None
        following = next(other for other in history.events if positions.get(id(other), 0) >= moved.position)
        name = spelled(place)
        message = (
            f"'{name}' of {history.builder.name} comes when the model is on {moved.device} already, by"
            f" '{text_of(moved.site)}': it stays on the CPU, and forward raises there"
        )
        hint = "move the model behind the replacement"
        claim = (LeftBehindInTraining if auxiliary else LeftBehind)(own, ((following, history.model, moved.device),))
        mends = partial(_mends, moved=moved.site, placed=event.site)
        text = f"{message}; {hint}"
        # What the forward of a class of the file does is known when it has run.
        doubt = any(isinstance(history.state.heap.get(ref.object), InstanceRecord) for ref in own)
        yield Candidate(CODE, event.site, event.site, text, hint, claim, doubt, unless_read=_DEFAULTS, mends=mends)


def _mends(scene: Scene, moved: cst.CSTNode, placed: cst.CSTNode) -> Iterator[Mend]:
    """Move the model when the layer is in it, else the layer as well."""
    yield from moves(scene, moved, placed, "move the model behind the replacement", "safe", behind=True)
    layer = placed.value if isinstance(placed, cst.Assign) else None
    if not isinstance(layer, cst.Call) or not isinstance(moved, cst.Call) or not isinstance(moved.func, cst.Attribute):
        return
    if scene.function(moved) is scene.function(placed):
        arguments = ", ".join(scene.text(argument) for argument in moved.args)
        code = f".{moved.func.attr.value}({arguments})"
        yield Mend("move the new layer too", "safe", (Prefix(layer, code, behind=True),))


def _moved_before(history: ModelHistory, position: int) -> Moved | None:
    """The last move of the whole model or of what is around it, if that may lead away from the CPU."""
    before = [moved for moved in history.state.moves if moved.position <= position and _holds(history, moved)]
    # Where it leads may depend on the path.
    return next((moved for moved in before if moved.device and moved.site is before[-1].site), None)


def _holds(history: ModelHistory, moved: Moved) -> bool:
    """Whether what was moved is the model or has all of it inside."""
    if history.build.object not in moved.inside:
        return False
    return any(ref == history.model for _, ref in modules.walk(history.state, moved.target))


def _left(history: ModelHistory, layer: ModuleRef, position: int) -> tuple[ModuleRef, ...]:
    """What of a layer of the code is on the CPU, if nothing moves it: not itself, nor what it stands in.

    Parts of the model that stand in it have moved with that.
    """
    state, model = history.state, history.build.object
    objects = modules.objects_in(state, layer) - {model}
    if not all(_is_of_the_code(history, number) for number in objects):
        return ()
    if all(parameter.object == model for _, parameter in parameters_of(state, layer)):
        return ()
    if any(isinstance(event, MakeLayer) and event.object in objects and _is_placed(event) for event in history.events):
        return ()
    if any(
        not objects.isdisjoint(moved.inside) or (moved.position > position and model in moved.inside)
        for moved in state.moves
    ):
        return ()
    return tuple(ref for _, ref in modules.walk(state, layer) if ref.object != model)


def _is_of_the_code(history: ModelHistory, number: int) -> bool:
    """Whether an object is a layer that the code makes, or of a class of the file that nobody else has had."""
    record = history.state.heap.get(number)
    if isinstance(record, InstanceRecord):
        return not record.escaped and is_plain_module_class(history.state, record.owner)
    return isinstance(record, _OF_THE_CODE)


def _is_for_training(history: ModelHistory, place: str) -> bool:
    """Whether a place is in an auxiliary head that only train mode calls."""
    auxiliary = (head.place for head in history.builder.heads if head.auxiliary and head.arrives is None)
    return any(place == head or place.startswith(f"{head}.") for head in auxiliary)


def _is_for_a_trainer(history: ModelHistory) -> bool:
    """Whether the model stands in something that a trainer moves before it calls it."""
    state = history.state
    return any(
        isinstance(record, InstanceRecord)
        and is_for_a_trainer(state, record.owner)
        and history.build.object in modules.objects_in(state, ModuleRef(number, ""))
        for number, record in state.heap.items()
    )


def _is_placed(event: MakeLayer) -> bool:
    """Whether an argument may say on which device a layer is made."""
    site = event.site
    return not isinstance(site, cst.Call) or any(
        argument.star or (argument.keyword is not None and argument.keyword.value == "device") for argument in site.args
    )


def _is_called(history: ModelHistory, layer: ModuleRef, position: int) -> bool:
    """Whether the model is called behind the replacement, before code out of sight has it or the layer."""
    numbers = {history.build.object, layer.object}
    trace: list[AnyEvent] = history.state.trace
    for ref, called in history.state.called.items():
        if called <= position or ref.path or history.build.object not in modules.objects_in(history.state, ref):
            continue
        if isinstance(history.state.heap.get(ref.object), ExtractorObject):
            # It may end before the layer.
            continue
        if not any(isinstance(event, Escape) and event.target.object in numbers for event in trace[:called]):
            return True
    return False
