"""HL108: the head of one instance is replaced, and another one is trained or returned."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.places import joined, sizes_of, spelled
from headlint.claims import ClassesKept
from headlint.flow import modules
from headlint.flow.entries import RETURNED
from headlint.flow.histories import ModelHistory
from headlint.flow.value import Module
from headlint.history import (
    AnyEvent,
    Argument,
    Build,
    Escape,
    MakeOptimizer,
    ModuleRef,
    SetAttribute,
    SetFlag,
    SetMode,
    SetModule,
    modules_of,
)

CODE = "HL108"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Models that are put to use as their builder made them, beside one whose new head nothing ever uses."""
    heads = {head.place for head in history.builder.heads if not head.auxiliary}
    builds = [event for event in history.state.trace if isinstance(event, Build)]
    alike = [event for event in builds if event.builder == history.builder.name and event.site is not None]
    if len(alike) < 2 or len(heads) != 1 or _is_changed(history):
        return
    used_at = _put_to_use(history)
    if used_at is None:
        return
    (place,) = heads
    for twin in alike:
        changes = [event for event in history.state.trace if _is_head_of(event, twin.object, place)]
        if not changes or _is_used(history, twin.object):
            continue
        event = changes[-1]
        assert isinstance(event, SetModule)
        name, width = _root(event.site), None if event.value is None else _classes(history, event.value)
        if event.site is None or width is None or not name or _names(history, twin.object) - {name}:
            continue
        builder = history.builder.name
        hint = f"replace '{spelled(place)}' of that one"
        message = (
            f"nothing uses this {builder} with its new '{spelled(place)}': what is trained or returned is another"
            f" {builder}, with the head that torchvision gave it; {hint}"
        )
        claim = ClassesKept(history.model, width)
        yield Candidate(CODE, event.site, used_at, message, hint, claim, speculative=False, unless_named=name)


def _is_head_of(event: AnyEvent, number: int, place: str) -> bool:
    if not isinstance(event, SetModule) or event.target.object != number or event.site is None:
        return False
    return joined(event.target.path, event.name) == place


def _is_changed(history: ModelHistory) -> bool:
    """Whether the code puts anything into a model, takes anything out or puts its parts elsewhere."""
    number = history.build.object
    return any(ref.object == number for ref in history.state.children) or any(
        isinstance(event, SetModule) and event.value is not None and event.value.object == number and event.value.path
        for event in history.events
    )


def _put_to_use(history: ModelHistory) -> cst.CSTNode | None:
    """Where a loss gets what the model returns, an optimizer its parameters, or a caller the model."""
    number = history.build.object
    for use in history.uses:
        if use.how in ("loss", "backward"):
            return use.site
    for event in history.events:
        if isinstance(event, Escape) and event.target.object == number:
            return event.site if event.reason == RETURNED else None
    steps = {step.optimizer for step in history.steps}
    made = (event for event in history.events if isinstance(event, MakeOptimizer) and event.object in steps)
    return next((event.site for event in made if not history.parameters.isdisjoint(event.parameters or ())), None)


def _is_used(history: ModelHistory, number: int) -> bool:
    """Whether anything is done with a model but changing it."""
    state = history.state
    if number in state.escaped or any(ref.object == number for ref in state.called):
        return True
    for event in state.trace:
        if number not in modules_of(event) or isinstance(event, (Build, SetFlag, SetMode, SetAttribute)):
            continue
        if not isinstance(event, SetModule) or event.target.object != number:
            return True
    return False


def _names(history: ModelHistory, number: int) -> set[str]:
    """What a model is called at the end, in all frames that there are."""
    whole = Module(ModuleRef(number, ""))
    return {name for frame in history.state.frames.values() for name, value in frame.items() if value == whole}


def _classes(history: ModelHistory, ref: ModuleRef) -> Argument:
    """How many classes a new head tells apart: what its last layer gives."""
    if modules.container_kind(history.state, ref) == "Sequential":
        children = [child for _, child in modules.children_of(history.state, ref) if child is not None]
        return _classes(history, children[-1]) if children else None
    sizes = sizes_of(history, ref)
    return sizes.get("out_features") or sizes.get("out_channels")


def _root(site: cst.CSTNode | None) -> str:
    """The name that an assignment or a call begins with, empty where it begins with anything else."""
    node: cst.CSTNode | None = site
    if isinstance(node, cst.Assign):
        node = node.targets[0].target
    while isinstance(node, (cst.Attribute, cst.Subscript, cst.Call)):
        node = node.func if isinstance(node, cst.Call) else node.value
    return node.value if isinstance(node, cst.Name) else ""
