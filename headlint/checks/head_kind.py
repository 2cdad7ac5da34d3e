"""HL204: a layer of a kind that cannot stand there, since a map arrives where it wants features, or the reverse."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.mending import as_convolution, call_that_makes, fitted, in_module, only_head
from headlint.checks.places import head_places, place_of, site_in_container, sizes_of, spelled
from headlint.checks.regions import Region, regions
from headlint.claims import ForwardRaises, TrainingForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef
from headlint.mends.imports import written
from headlint.mends.layers import argument, new_layer
from headlint.mends.mend import Mend, Replace
from headlint.mends.places import at, replaced, step_of, target_of
from headlint.mends.scene import Scene
from headlint.mends.steps import before_item, item_of, left_out
from headlint.torchlib.shapes import Refused, Shape, behind

CODE = "HL204"

_WANT_MAPS = frozenset("AdaptiveAvgPool2d AdaptiveMaxPool2d AvgPool2d BatchNorm2d Conv2d MaxPool2d".split())


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The first new layer of each rebuilt part that is given another number of dimensions than it takes."""
    for region in regions(history):
        found = _wrong_kind(history, region.ref, region.arriving)
        if found is None:
            continue
        layer, given = found
        event = region.events[-1]
        site = site_in_container(history, layer, event)
        if site is None or event.site is None or layer.object == history.build.object:
            continue
        kind, hint = modules.kind_of(history.state, layer), _hint(history, region.place, layer, given)
        what = "features" if kind == "Linear" else "a map"
        arrives = " x ".join("?" if size is None else str(size) for size in given)
        shape = f"a map of {arrives}" if len(given) == 3 else f"{arrives} features"
        name = spelled(place_of(history, layer) or region.place)
        message = f"{history.builder.name} gives {shape} to '{name}', and a {kind} takes {what}; {hint}"
        claim = (TrainingForwardRaises if region.in_training else ForwardRaises)((layer,))
        mends = partial(_mends, history=history, region=region, layer=layer, given=given)
        yield Candidate(CODE, site, event.site, message, hint, claim, speculative=True, mends=mends)


def _mends(scene: Scene, history: ModelHistory, region: Region, layer: ModuleRef, given: Shape) -> Iterator[Mend]:
    """A layer of the kind that can stand there, only the head, or what flattens before it."""
    event, call = region.events[-1], call_that_makes(history, layer)
    kind, head = modules.kind_of(history.state, layer), only_head(history)
    step = step_of(target_of(event.site))
    if call is None or event.site is None:
        return
    if kind == "Linear" and head is not None and head.kind == "Conv2d" and isinstance(given[0], int):
        for changes in as_convolution(scene, history, layer, given[0]):
            yield Mend("make it a convolution", "safe", changes)
    elif kind == "Linear":
        inside = None if head is None or step is None else in_module(head.place.removeprefix(f"{region.place}."))
        if head is not None and step is not None and inside and head.place.startswith(f"{region.place}."):
            place = at(step[1], inside)
            renamed = replaced(scene, [event.site], scene.code(step[0]), step[1], place)
            for changes in fitted(scene, history, layer, head, at(scene.text(step[0]), place)):
                yield Mend(f"replace {spelled(head.place)} only", "safe", (*renamed, *changes))
        flatten, imports = written(scene, "torch.nn.Flatten")
        change = before_item(scene, call, [f"{flatten}()"])
        if change is not None:
            yield Mend("flatten before it", "safe", (change, *imports))
    elif kind == "Conv2d" and item_of(scene, call) is None:
        yield from _as_linear(scene, call)
    else:
        yield Mend(f"take the {kind} out", "unsafe", left_out(scene, call, layer=True))


def _as_linear(scene: Scene, call: cst.CSTNode) -> Iterator[Mend]:
    taken, told = argument(call, 0, "in_channels"), argument(call, 1, "out_channels")
    if taken is not None and told is not None:
        codes = {"in_features": scene.text(taken.value), "out_features": scene.text(told.value)}
        code, imports = new_layer(scene, "Linear", {}, codes)
        yield Mend("make it a Linear", "safe", (Replace(call, code), *imports))


def _wrong_kind(history: ModelHistory, ref: ModuleRef, arriving: Shape) -> tuple[ModuleRef, Shape] | None:
    """The first layer that is given what its kind does not take, with that; None where the shape gets lost before."""
    shape: Shape = arriving
    for layer in _layers(history, ref, set()):
        if layer is None:
            return None
        kind = modules.kind_of(history.state, layer)
        if (kind == "Linear" and len(shape) == 3) or (kind in _WANT_MAPS and len(shape) == 1):
            return layer, shape
        outcome = behind(kind, sizes_of(history, layer), shape)
        if outcome is None or isinstance(outcome, Refused):
            return None
        shape = outcome
    return None


def _layers(history: ModelHistory, ref: ModuleRef, entered: set[ModuleRef]) -> Iterator[ModuleRef | None]:
    """What a Sequential runs, those inside it gone into; anything else is a layer itself.

    A Sequential that stands there twice gives None the second time: nests of them have more layers than can be walked.
    """
    if modules.container_kind(history.state, ref) != "Sequential":
        yield ref
    elif ref in entered:
        yield None
    else:
        entered.add(ref)
        for _, child in modules.children_of(history.state, ref):
            if child is not None:
                yield from _layers(history, child, entered)


def _hint(history: ModelHistory, place: str, layer: ModuleRef, given: Shape) -> str:
    """What to put there instead."""
    heads = head_places(history)
    head = next(
        (head for head in history.builder.heads if head.place == place or head.place.startswith(f"{place}.")), None
    )
    sizes = sizes_of(history, layer)
    if modules.kind_of(history.state, layer) != "Linear":
        return "put nn.Linear there" if len(heads) == 1 and heads[0] == place else "take it out"
    if head is not None and head.kind == "Conv2d":
        width = sizes.get("out_features")
        return f"write nn.Conv2d({given[0]}, {getattr(width, 'text', width)}, kernel_size=1)"
    if head is not None and head.place != place:
        return f"replace '{spelled(head.place)}' only, or put nn.Flatten() before it"
    return "put nn.Flatten() before it"
