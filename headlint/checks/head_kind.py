"""HL204: a layer of a kind that cannot stand there, since a map arrives where it wants features, or the reverse."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.places import head_places, place_of, site_in_container, sizes_of, spelled
from headlint.checks.regions import regions
from headlint.claims import ForwardRaises, TrainingForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef
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
        yield Candidate(CODE, site, event.site, message, hint, claim, speculative=True)


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
