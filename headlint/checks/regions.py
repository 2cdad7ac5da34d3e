"""The parts of a model that the code has rebuilt, with what arrives at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headlint.checks.once import once
from headlint.checks.places import placements, sizes_of
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.state import ZooObject
from headlint.history import ModuleRef, SetModule
from headlint.torchlib.layers import find_layer
from headlint.torchlib.shapes import Shape
from headlint.zoo import Node


@dataclass(frozen=True, slots=True)
class Region:
    """A rebuilt part: the outermost Sequential or single layer that was put in or changed.

    `place` is where it stands, `arriving` the shape that the builder's model gives it there, `events` what put
    new modules into it, and `certain` that nothing before it in the model has been changed. An auxiliary head that
    is called `in_training` only is given what it was built for.
    """

    ref: ModuleRef
    place: str
    arriving: Shape
    events: tuple[SetModule, ...]
    certain: bool
    in_training: bool


@once
def regions(history: ModelHistory) -> tuple[Region, ...]:
    """Every rebuilt part of the model whose input is known."""
    return tuple(_regions(history))


def _regions(history: ModelHistory) -> Iterator[Region]:
    found: dict[str, list[SetModule]] = {}
    for event, place in placements(history):
        found.setdefault(_outermost(history, place), []).append(event)
    for _, place in placements(history):
        around = _outermost(history, place)
        if len(found.get(around, ())) == 1 and _is_lost_before(history, around, place):
            found[place] = found.pop(around)
    for place, events in found.items():
        ref = _standing_at(history, place)
        node = _builder_node(history, place)
        if ref is None or node is None:
            continue
        auxiliary = _auxiliary_arrives(history, place)
        arrives = node.arrives if auxiliary is None else auxiliary
        if arrives is None:
            continue
        if history.builder.stem is not None and f"{history.builder.stem}.".startswith(f"{place}."):
            # What arrives at the first layer is the user's own input.
            continue
        others = [other for other in found if other != place]
        if any(_depends_on_the_picture(history, other) for other in others):
            continue
        certain = all(_keeps_what_arrives(history, other) for other in others)
        yield Region(ref, place, tuple(arrives), tuple(events), certain, in_training=auxiliary is not None)


def _is_lost_before(history: ModelHistory, around: str, place: str) -> bool:
    """Whether what arrives at a place directly in a Sequential cannot be told from what arrives at that."""
    outer, name = _standing_at(history, around), place.removeprefix(f"{around}.")
    inside = [] if outer is None or outer.object != history.build.object else modules.children_of(history.state, outer)
    names = [child for child, _ in inside]
    if name not in names:
        return False
    before = [ref for _, ref in inside[: names.index(name)] if ref is not None]
    return any(find_layer(modules.kind_of(history.state, ref)) is None for ref in before)


def features_stand(history: ModelHistory) -> bool:
    """Whether the heads are given what the builder's model gives them: nothing before them was changed."""
    return all(_keeps_what_arrives(history, _outermost(history, place)) for _, place in placements(history))


def _auxiliary_arrives(history: ModelHistory, place: str) -> Shape | None:
    """What an auxiliary head takes that only train mode calls, None for all other places."""
    for head in history.builder.heads:
        if head.place == place and head.auxiliary and head.arrives is None and head.kind == "Linear":
            return (head.in_features,)
    return None


def _builder_node(history: ModelHistory, place: str) -> Node | None:
    record = history.state.heap.get(history.build.object)
    return record.tree.node(place) if isinstance(record, ZooObject) else None


def _outermost(history: ModelHistory, place: str) -> str:
    """The place of the outermost Sequential around `place`, or `place` itself."""
    steps = place.split(".")
    for length in range(1, len(steps)):
        ancestor = ".".join(steps[:length])
        ref = _standing_at(history, ancestor)
        if (
            ref is not None
            and modules.container_kind(history.state, ref) == "Sequential"
            and not _is_trunk(history, ancestor)
        ):
            return ancestor
    return place


def _is_trunk(history: ModelHistory, place: str) -> bool:
    """Whether a Sequential of the builder is not around a head (`features`, `layer4`)."""
    node = _builder_node(history, place)
    if node is None:
        return False
    return not any(head.place == place or head.place.startswith(f"{place}.") for head in history.builder.heads)


def _standing_at(history: ModelHistory, place: str) -> ModuleRef | None:
    ref: ModuleRef | None = history.model
    for step in place.split(".") if place else ():
        if ref is None:
            return None
        ref = dict(modules.children_of(history.state, ref)).get(step)
    return ref


def _keeps_what_arrives(history: ModelHistory, place: str) -> bool:
    """Whether a change at `place` leaves what arrives at the heads as it was."""
    node = _builder_node(history, place)
    if node is None:
        # A name the model never calls.
        return "." not in place
    if any(head.place == place or head.place.startswith(f"{place}.") for head in history.builder.heads):
        # Another head: auxiliary ones come after nothing that the main one needs.
        return True
    ref = _standing_at(history, place)
    if ref is None or place != history.builder.stem:
        return False
    ours, theirs = sizes_of(history, ref), node.sizes
    names = ("out_channels", "kernel_size", "stride", "padding", "dilation")
    return all(_pair(ours.get(name)) == _pair(theirs.get(name)) for name in names)


def _depends_on_the_picture(history: ModelHistory, place: str) -> bool:
    """Whether what stood at `place` gave one size for all pictures, and what stands there now does not."""
    record = history.state.heap.get(history.build.object)
    if not isinstance(record, ZooObject):
        return True
    pooled = any("Adaptive" in getattr(record.tree.node(inside), "type", "") for inside in record.tree.modules(place))
    ref = _standing_at(history, place)
    if not pooled or ref is None:
        return pooled
    standing = [modules.kind_of(history.state, inside) for _, inside in modules.walk(history.state, ref)]
    return not any(kind.startswith("Adaptive") for kind in standing)


def _pair(size: object) -> object:
    return (size, size) if isinstance(size, int) else size
