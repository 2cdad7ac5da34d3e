"""What several checks tell their mends: where a head stands in the code, and what makes a new layer fit there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libcst as cst

from headlint.checks.places import first_mismatch, sizes_of, spelled
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import MakeLayer, ModuleRef
from headlint.mends.layers import argument, first_size, new_layer
from headlint.mends.mend import Change, Replace
from headlint.mends.places import at
from headlint.mends.scene import Scene
from headlint.zoo import Head

# What heads are called in torchvision and in the packages people come from.
HEAD_NAMES = frozenset({"_fc", "classifier", "fc", "head", "heads", "last_linear", "logits", "output", "top"})


def is_a_head(name: str) -> bool:
    """Whether heads are called so in any model."""
    return name in HEAD_NAMES


def nearly(name: str, others: Iterable[str]) -> list[str]:
    """Those of other names that this one may be a slip for, up to two."""
    import difflib  # wanted for a rare question only

    return difflib.get_close_matches(name, [other for other in others if other != name], 2, 0.75)


def meant_child(history: ModelHistory, target: ModuleRef, name: str) -> str | None:
    """The child of the builder's module that a name is a slip for, if there is one and no more."""
    node = modules.node_of(history.state, target)
    near = nearly(name, () if node is None else (child for child in node.children if not child.isdigit()))
    return near[0] if len(near) == 1 else None


def tells_classes(history: ModelHistory, ref: ModuleRef, head: Head) -> bool:
    """Whether a new module ends in a layer as heads are: one of the head's kind, or a Linear, somewhere in it."""
    kinds = {modules.kind_of(history.state, inside) for _, inside in modules.walk(history.state, ref)}
    return not kinds.isdisjoint({"Linear", head.kind})


def only_head(history: ModelHistory) -> Head | None:
    """The main head, if the model has one and no more."""
    heads = [head for head in history.builder.heads if not head.auxiliary]
    return heads[0] if len(heads) == 1 else None


def head_inside(head: Head, target: ModuleRef, history: ModelHistory) -> str | None:
    """How code goes on behind a module of the builder's model to come to its head; None if it is not in there.

    Empty for the head itself.
    """
    if target.object != history.build.object:
        return None
    if not target.path or target.path == head.place:
        return "" if target.path else spelled(head.place)
    steps = head.place.removeprefix(f"{target.path}.")
    return None if steps == head.place else in_module(steps)


def owner_of(code: str, place: str) -> str | None:
    """What code for a place in a model writes before it; None if it does not end with that place."""
    owner = code.removesuffix(spelled(place))
    return None if owner == code or not owner.endswith(".") else owner[:-1]


def in_module(steps: str) -> str:
    """A place as code writes it behind the module that it stands in: `[6]`, `fc`, `[1].fc`."""
    first, _, rest = steps.partition(".")
    if not first.isdigit():
        return spelled(steps)
    return at(f"[{first}]", in_module(rest)) if rest else f"[{first}]"


def call_that_makes(history: ModelHistory, ref: ModuleRef) -> cst.CSTNode | None:
    """The call that makes a layer of the code, or a part of torchvision's with the layer in it."""
    made = (event for event in history.events if isinstance(event, MakeLayer) and event.object == ref.object)
    return next((event.site for event in made), None)


def size_taken(history: ModelHistory, ref: ModuleRef) -> cst.BaseExpression | None:
    """What the call that makes a layer, or a part that hands its input to it, gives as the size to take."""
    call = call_that_makes(history, ref)
    if ref.path:
        given = argument(call, 0, "in_channels")
        return None if given is None else given.value
    return first_size(call, modules.kind_of(history.state, ref))


def fitted(
    scene: Scene, history: ModelHistory, ref: ModuleRef, head: Head, reading: str
) -> Iterator[tuple[Change, ...]]:
    """The changes that make a new layer, or the first of a new Sequential, take what arrives at a head.

    `reading` is the code for the head that it takes the place of: its width is read off there first, then written out.
    """
    kind = modules.kind_of(history.state, ref)
    if head.kind == "Conv2d" and kind == "Linear":
        yield from as_convolution(scene, history, ref, head.in_features)
        return
    found = None if head.arrives is None else first_mismatch(history, ref, head.arrives)
    if found is None:
        yield ()
        return
    kind = modules.kind_of(history.state, found.layer)
    size = None if found.behind_new else size_taken(history, found.layer)
    if size is None:
        return
    if kind == head.kind == "Linear" and reading:
        yield (Replace(size, f"{reading}.in_features"),)
    yield (Replace(size, str(found.refused.given)),)


def as_convolution(scene: Scene, history: ModelHistory, ref: ModuleRef, channels: int) -> Iterator[tuple[Change, ...]]:
    """A convolution in the stead of a linear layer, which does to every point of a map what that does to features."""
    call = call_that_makes(history, ref)
    width = sizes_of(history, ref).get("out_features")
    if isinstance(call, cst.Call) and len(call.args) > 1:
        classes = scene.text(call.args[1].value)
        codes = {"in_channels": str(channels), "out_channels": classes, "kernel_size": "1"}
        code, imports = new_layer(scene, "Conv2d", {"out_channels": width}, codes)
        yield (Replace(call, code), *imports)
