"""HL104: the number of classes is written on the model, whose head stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.mending import head_inside, only_head
from headlint.checks.places import head_places, sizes_of, spelled
from headlint.claims import CountIgnored
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import parameters_of
from headlint.flow.state import InstanceRecord
from headlint.history import DeleteModule, Escape, MakeContainer, MakeOptimizer, ModuleRef, SetAttribute, SetModule
from headlint.mends.layers import new_layer
from headlint.mends.mend import Mend, Replace
from headlint.mends.places import at, target_of
from headlint.mends.scene import Scene

CODE = "HL104"

_COUNTS = frozenset({"num_classes", "n_classes", "nb_classes"})
_SIZES = frozenset({"out_features", "out_channels"})
_TASKS = frozenset({"classification", "segmentation", "video"})


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Class counts that differ from those of a head which nothing touches, on a model that is trained or called."""
    builder = history.builder
    heads = head_places(history)
    if builder.task not in _TASKS or not heads or not history.complete:
        return
    last = {
        (event.target, event.name): event
        for event in history.events
        if isinstance(event, SetAttribute) and event.name in _counts_of(event.target, history)
    }
    if not last or _is_changed(history) or _is_part_of_more(history) or not _is_used_as_it_is(history):
        return
    made = dict(history.build.arguments).get("num_classes", builder.classes)
    for (target, name), event in last.items():
        if event.site is None or event.value in (None, made) or isinstance(event.value, (bool, str, float, tuple)):
            continue
        places = " and ".join(f"'{spelled(place)}'" for place in heads)
        hint = f"replace {places}"
        owner = f" of '{spelled(target.path)}'" if target.path else ""
        message = (
            f"forward of {builder.name} does not read '{name}'{owner}"
            f" and still returns {getattr(made, 'text', made)} classes"
        )
        claim, mends = CountIgnored(target, name, event.value), partial(_mends, history=history, event=event)
        text = f"{message}; {hint}"
        yield Candidate(CODE, event.site, event.site, text, hint, claim, False, unless_read=(name,), mends=mends)


def _mends(scene: Scene, history: ModelHistory, event: SetAttribute) -> Iterator[Mend]:
    """A new head of so many classes, where there is one."""
    target, site, head = target_of(event.site), event.site, only_head(history)
    place = None if head is None else head_inside(head, event.target, history)
    if head is None or place is None or not isinstance(target, cst.Attribute) or not isinstance(site, cst.Assign):
        return
    layer = at(scene.whole_text(target.value), place)
    sizes = dict(sizes_of(history, ModuleRef(history.build.object, head.place)))
    taken, given = ("in_channels", "out_channels") if head.kind == "Conv2d" else ("in_features", "out_features")
    codes = {taken: f"{layer}.{taken}", given: scene.whole_text(site.value)}
    code, imports = new_layer(scene, head.kind, sizes, codes)
    yield Mend(f"replace {place}", "safe", (Replace(site, f"{layer} = {code}"), *imports))


def _counts_of(target: ModuleRef, history: ModelHistory) -> frozenset[str]:
    """The attributes by which code means the number of classes, on the model and on a container that holds its head."""
    if target == history.model:
        return _COUNTS
    holds_head = any(place.startswith(f"{target.path}.") for place in head_places(history))
    return _COUNTS | {"out_features"} if target.object == history.build.object and holds_head else frozenset()


def _is_changed(history: ModelHistory) -> bool:
    """Whether any layer is put in, taken out or written on: then the number may belong to that."""
    if any(name in ("weight", "bias") and ref in history.places for ref, name in history.state.attributes):
        return True
    return any(
        (isinstance(event, (SetModule, DeleteModule)) and event.target in history.places)
        or (isinstance(event, SetAttribute) and event.name in _SIZES - _counts_of(event.target, history))
        for event in history.events
    )


def _is_part_of_more(history: ModelHistory) -> bool:
    """Whether the model stands beside other layers, which may make those classes of its output."""
    if any(
        isinstance(event, MakeContainer) and event.kind not in modules.WRAPPERS and _holds(event, history.model)
        for event in history.events
    ):
        return True
    for number, record in history.state.heap.items():
        if isinstance(record, InstanceRecord):
            inside = [child for _, child in modules.children_of(history.state, ModuleRef(number, ""))]
            others = [ref for ref in inside if ref is not None and ref != history.model]
            if history.model in inside and any(_has_parameters(history, ref) for ref in others):
                return True
    return False


def _holds(container: MakeContainer, ref: ModuleRef) -> bool:
    return any(child == ref for _, child in container.children)


def _has_parameters(history: ModelHistory, ref: ModuleRef) -> bool:
    return bool(parameters_of(history.state, ref))


def _is_used_as_it_is(history: ModelHistory) -> bool:
    """Whether the model is trained, or called, before code out of sight may give it another head."""
    own = history.parameters
    for event in history.state.trace:
        if isinstance(event, Escape) and event.target.object == history.build.object:
            if not isinstance(event.site, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
                return False
        elif isinstance(event, MakeOptimizer) and not own.isdisjoint(event.parameters or ()):
            return True
    return any(ref in history.state.called for ref in (history.model, *history.wrappers))
