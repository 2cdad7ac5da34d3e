"""What checks ask about places: how code spells them, which are heads, what arrives at them and fits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import libcst as cst

from headlint.checks.once import once
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.state import LayerObject, PartObject, State
from headlint.history import Argument, MakeContainer, MakeLayer, ModuleRef, SetModule
from headlint.source.nodes import holds
from headlint.torchlib.layers import REQUIRED, find_layer
from headlint.torchlib.shapes import SIZED, Refused, Shape, behind


def spelled(place: str) -> str:
    """A place as code writes it: `classifier[6]` for `classifier.6`."""
    text = ""
    for step in place.split("."):
        text += f"[{step}]" if step.isdigit() else f".{step}" if text else step
    return text


def place_of(history: ModelHistory, ref: ModuleRef) -> str | None:
    """Where a module stands in the model at the end of the history, None if it stands there no longer."""
    # Most stand where they were made, which needs no look at the whole model.
    return ref.path if _stands_where_made(history, ref) else history.places.get(ref)


def _stands_where_made(history: ModelHistory, ref: ModuleRef) -> bool:
    if ref.object != history.build.object:
        return False
    here: ModuleRef | None = history.model
    for step in ref.path.split(".") if ref.path else ():
        here = None if here is None else dict(modules.children_of(history.state, here)).get(step)
    return here == ref


def joined(target: str, name: str) -> str:
    """The place of `name` in the module at `target`."""
    return f"{target}.{name}" if target else name


def head_places(history: ModelHistory) -> tuple[str, ...]:
    """Where the builder puts its main head."""
    return tuple(head.place for head in history.builder.heads if not head.auxiliary)


def is_about_head(history: ModelHistory, place: str) -> bool:
    """Whether a place is the head, is in it, or holds it."""
    return any(
        head == place or head.startswith(f"{place}.") or place.startswith(f"{head}.") for head in head_places(history)
    )


@once
def placements(history: ModelHistory) -> tuple[tuple[SetModule, str], ...]:
    """Every module put into the model that still stands there at the end, with its place."""
    return tuple(_placements(history))


def _placements(history: ModelHistory) -> Iterator[tuple[SetModule, str]]:
    for event in history.events:
        if isinstance(event, SetModule) and event.value is not None:
            target = place_of(history, event.target)
            if target is None:
                continue
            place = joined(target, event.name)
            if _stands(history, event) or history.places.get(event.value) == place:
                yield event, place


def _stands(history: ModelHistory, event: SetModule) -> bool:
    return dict(modules.children_of(history.state, event.target)).get(event.name) == event.value


def site_in_container(history: ModelHistory, ref: ModuleRef, event: SetModule) -> cst.CSTNode | None:
    """The call that makes a layer if it is written inside the call of its container, else as `site_in` says."""
    for made in history.events:
        if isinstance(made, MakeContainer) and any(child == ref for _, child in made.children):
            around = made.site
            for layer in history.events:
                if isinstance(layer, MakeLayer) and layer.object == ref.object and layer.site and around:
                    return layer.site if holds(around, layer.site) else site_in(history, ref, event)
    return site_in(history, ref, event)


def site_in(history: ModelHistory, ref: ModuleRef, event: SetModule) -> cst.CSTNode | None:
    """The call that makes a layer if it is written inside the statement of `event`, else that statement."""
    for made in history.events:
        if isinstance(made, MakeLayer) and made.object == ref.object and not ref.path and made.site is not None:
            return made.site if event.site is not None and holds(event.site, made.site) else event.site
    return event.site


# -- shapes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mismatch:
    """`layer` refuses what arrives; `behind_new` says that a sized layer of the new head stands before it."""

    layer: ModuleRef
    refused: Refused
    behind_new: bool


@dataclass(slots=True)
class _Passage:
    """A shape on its way through a head, whether a new layer has changed it, and whether anything was replaced."""

    shape: Shape | None
    in_new_container: bool
    new_layer_passed: bool = False
    mismatch: Mismatch | None = None
    untouched: bool = True
    steps: int = 0


def sizes_of(history: ModelHistory, ref: ModuleRef) -> Mapping[str, Argument]:
    """The arguments of a layer with torch's defaults, as it was made."""
    return sizes_in(history.state, ref)


def sizes_in(state: State, ref: ModuleRef) -> Mapping[str, Argument]:
    """The same on a path that may not have ended."""
    record = state.heap.get(ref.object)
    if isinstance(record, modules.TREES):
        node = record.tree.node(ref.path)
        return node.sizes if node is not None else {}  # type: ignore[return-value]
    if isinstance(record, LayerObject):
        layer = find_layer(record.kind)
        defaults = {name: value for name, value in layer.parameters if value is not REQUIRED} if layer else {}
        return {**defaults, **dict(record.arguments)}
    return {}


def first_mismatch(history: ModelHistory, ref: ModuleRef, arriving: Shape) -> Mismatch | None:
    """The first layer in a head that certainly refuses what arrives at it."""
    passage = _Passage(arriving, modules.node_of(history.state, ref) is None)
    _pass(history, ref, passage)
    return passage.mismatch


# Layers that a shape is followed through; containers that share their parts can have any number.
_MOST_LAYERS = 2_000


def _arriving_at(history: ModelHistory, container: ModuleRef, name: str) -> Shape | None:
    """What arrives at a place of the builder's own model as long as nothing before it is changed."""
    node = modules.node_of(history.state, ModuleRef(container.object, joined(container.path, name)))
    return None if node is None or node.arrives is None else tuple(node.arrives)


def _pass(history: ModelHistory, ref: ModuleRef, passage: _Passage) -> None:
    passage.steps += 1
    if passage.steps > _MOST_LAYERS:
        passage.shape = None
        return
    kind = modules.kind_of(history.state, ref)
    node = modules.node_of(history.state, ref)
    record = history.state.heap.get(ref.object)
    if isinstance(record, PartObject) and not ref.path:
        _enter(history, ref, record, passage)
        return
    if modules.container_kind(history.state, ref) == "Sequential":
        for name, child in modules.children_of(history.state, ref):
            if node is not None and passage.untouched:
                passage.shape = _arriving_at(history, ref, name) or passage.shape
            if passage.shape is None or passage.mismatch is not None:
                return
            if child is None:
                passage.shape = None
                return
            passage.untouched = passage.untouched and child == ModuleRef(ref.object, joined(ref.path, name))
            _pass(history, child, passage)
        return
    rebuilt = (ref, "weight") in history.state.attributes
    if rebuilt or modules.children_of(history.state, ref) or passage.shape is None:
        passage.shape = None
        return
    if node is not None and not node.qualified_type.startswith("torch.nn.") and kind != "LayerNorm2d":
        passage.shape = None
        return
    outcome = behind(kind, sizes_of(history, ref), passage.shape)
    if isinstance(outcome, Refused):
        passage.mismatch = Mismatch(ref, outcome, passage.new_layer_passed)
        return
    passage.shape = outcome
    if kind in SIZED and (node is None or passage.in_new_container):
        passage.new_layer_passed = True


def _enter(history: ModelHistory, ref: ModuleRef, part: PartObject, passage: _Passage) -> None:
    """Whether a part's first layers take what arrives; what it makes of that is not worked out."""
    assert passage.shape is not None
    for entrance in part.tree.part.entrances:
        layer = ModuleRef(ref.object, entrance)
        outcome = behind(modules.kind_of(history.state, layer), sizes_of(history, layer), passage.shape)
        if isinstance(outcome, Refused) and layer in history.places:
            passage.mismatch = passage.mismatch or Mismatch(layer, outcome, passage.new_layer_passed)
    passage.shape = None
