"""The recipes that prove the claims about a history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod

from headlint.checks.places import is_about_head, joined, place_of, sizes_of
from headlint.claims import Claim
from headlint.flow.histories import ModelHistory
from headlint.history import (
    AnyEvent,
    Argument,
    Define,
    DeleteModule,
    MakeContainer,
    MakeLayer,
    MakeOptimizer,
    ModuleRef,
    Move,
    ParameterRef,
    Read,
    Recipe,
    SetAttribute,
    SetMode,
    SetModule,
    SetParameterAttribute,
    UseKeys,
    choose_witnesses,
    recipe,
)

BATCH = 2
# Places a replay reports on: what a program puts into a model by hand is far less, a loop over all layers is more.
MOST_WATCHED = 64


def recipes(history: ModelHistory, claim: Claim, model: ModuleRef | None) -> Iterator[Recipe]:
    """The whole history, then, should other mistakes in it be in the way, only what the claim is about.

    The first one follows from the history and from what kind of replay the claim needs: all claims about a
    history that need the same share it.
    """
    if model is None or model == history.model or model in history.wrappers:
        model = _entrance(history)
    watch = _touched(history)
    if claim.needs_watching:
        watch = tuple(dict.fromkeys((*watch, *claim.watch)))
    # A use that is known to raise is the last thing on its path: whatever the claim, forward never runs.
    forward = not (history.events and isinstance(history.events[-1], (Read, UseKeys)))
    # What only one claim asks for is no reason to run forward, which others share.
    forward = forward and (claim.needs_forward or claim.named is None) and not claim.looks
    events = _with_moves(history, claim)
    if claim.looks:
        # Nearly all models run in the end, and then what they did on the way is not asked: the cheapest input will do.
        yield _recipe(history, events, claim, model, (), forward=False, last_look=True)
    yield _recipe(history, events, claim, model, watch, forward=forward)
    fewer = tuple(_events_about(history, events, claim.watch))
    spared = len(fewer) < len(events) or (forward and not claim.needs_forward)
    if claim.watch and (spared or not set(claim.watch) <= set(watch)):
        yield _recipe(history, fewer, claim, model, claim.watch, forward=claim.needs_forward)


def _recipe(
    history: ModelHistory,
    events: Iterable[AnyEvent],
    claim: Claim,
    model: ModuleRef,
    watch: Iterable[ModuleRef],
    *,
    forward: bool,
    last_look: bool = False,
) -> Recipe:
    events = (*events, *(SetMode(ref, training, site=None) for ref, training in claim.modes))
    if claim.behind is not None:
        events, model = _with_layer_behind(events, model, *claim.behind)
    if claim.needs_refusal:
        events = tuple(replace(event, refused=True) if event is history.build else event for event in events)
    if claim.needs_training:
        # What an optimizer holds is what counts, and SGD keeps nothing beside it.
        events = tuple(replace(event, kind="SGD") if isinstance(event, MakeOptimizer) else event for event in events)
    return recipe(
        events,
        model=model,
        watch=watch,
        input_shape=input_shape(history, usual=claim.needs_usual_input or _joins_maps(history)) if forward else None,
        witnesses=choose_witnesses(events),
        training_shape=training_shape(history) if claim.needs_training else None,
        values=claim.needs_values,
        devices=claim.needs_devices,
        no_grad=claim.needs_no_grad,
        uses=claim.uses,
        named=claim.named,
        arrivals=claim.arrivals,
        looks=sorted(claim.looks, key=prod) if last_look else claim.looks,
        inner=history.model if claim.own_forward else model,
        last_look=last_look,
    )


def _with_layer_behind(
    events: tuple[AnyEvent, ...], model: ModuleRef, kind: str, arguments: tuple[tuple[str, Argument], ...]
) -> tuple[tuple[AnyEvent, ...], ModuleRef]:
    """The events, and then a Sequential of the model and a layer, whose forward runs instead."""
    last = max((getattr(event, "object", 0) for event in events), default=0)
    layer, whole = ModuleRef(last + 1, ""), ModuleRef(last + 2, "")
    made = MakeLayer(layer.object, kind, arguments, site=None)
    around = MakeContainer(whole.object, "Sequential", (("0", model), ("1", layer)), site=None)
    return (*events, made, around), whole


def _entrance(history: ModelHistory) -> ModuleRef:
    """Whose forward runs: the model, or the wrapper around it if the code puts something on that."""
    for event in history.events:
        if isinstance(event, SetModule) and event.target in history.wrappers:
            return event.target
    return history.model


def _touched(history: ModelHistory) -> tuple[ModuleRef, ...]:
    """Every module that the code puts somewhere, takes the place of or writes on, the last of too many."""
    found: dict[ModuleRef, None] = {}
    for event in reversed(history.events):
        if isinstance(event, SetModule):
            found.update((ref, None) for ref in (event.replaced, event.value) if ref is not None)
        elif isinstance(event, DeleteModule) and event.removed is not None:
            found[event.removed] = None
        elif isinstance(event, SetAttribute):
            found[event.target] = None
    return tuple(reversed(list(found)[:MOST_WATCHED]))


def _with_moves(history: ModelHistory, claim: Claim) -> tuple[AnyEvent, ...]:
    """The events, with the moves to other devices that the claim needs among them."""
    moves: dict[int, list[Move]] = {}
    for following, module, device in claim.moves:
        moves.setdefault(id(following), []).append(Move(module, device, site=None))
    return tuple(step for event in history.events for step in (*moves.get(id(event), ()), event))


def _events_about(
    history: ModelHistory, events: tuple[AnyEvent, ...], watch: tuple[ModuleRef, ...]
) -> Iterator[AnyEvent]:
    """The events without the changes that do not concern a watched module: bring it in, put it out, write on it."""
    wanted = _brought_in(history, {ref.object for ref in watch} - {history.build.object})
    emptied: set[ModuleRef] = set()
    for event in events:
        if isinstance(event, SetModule):
            brought = event.value is not None and event.value.object in wanted
            if event.replaced in watch or brought or event.target in emptied:
                yield event
        elif isinstance(event, DeleteModule):
            if event.removed in watch:
                emptied.add(event.target)
                yield event
        elif isinstance(event, SetAttribute):
            if event.target in watch:
                yield event
        elif isinstance(event, SetParameterAttribute):
            if any(_holds(module, parameter) for module in watch for parameter in event.parameters):
                yield event
        elif not isinstance(event, (Read, UseKeys)):
            yield event


def _holds(module: ModuleRef, parameter: ParameterRef) -> bool:
    """Whether a parameter was made in a module, as part of the same object."""
    prefix = f"{module.path}." if module.path else ""
    return module.object == parameter.object and parameter.path.startswith(prefix)


def _brought_in(history: ModelHistory, wanted: set[int]) -> set[int]:
    """These objects, and those in which they come into the model."""
    own = history.build.object
    for _ in history.events:
        around = {
            event.object
            for event in history.events
            if isinstance(event, MakeContainer) and any(child.object in wanted for _, child in event.children)
        } | {
            event.target.object
            for event in history.events
            if isinstance(event, SetModule) and event.value is not None and event.value.object in wanted
        }
        if around <= wanted | {own}:
            break
        wanted |= around - {own}
    return wanted


def input_shape(history: ModelHistory, *, usual: bool = False) -> tuple[int, ...]:
    """The smallest input that the model takes, batch first; the usual one where the trunk has been changed."""
    builder = history.builder
    return _batch(history, builder.default_input if usual or _changes_trunk(history) else builder.smallest_input)


def training_shape(history: ModelHistory) -> tuple[int, ...]:
    """The same for train mode, in which the auxiliary heads of classifiers run, which want the usual input."""
    builder = history.builder
    if builder.task != "segmentation" and any(head.auxiliary for head in builder.heads):
        return _batch(history, history.builder.default_input)
    return input_shape(history)


def _batch(history: ModelHistory, image: tuple[int, ...]) -> tuple[int, ...]:
    channels = _stem_channels(history)
    return (BATCH, *image) if channels is None else (BATCH, channels, *image[1:])


def _joins_maps(history: ModelHistory) -> bool:
    """Whether a forward of the file puts together what comes of several parts: of tiny pictures maps may not fit."""
    defines = (event for event in history.events if isinstance(event, Define))
    return any(operation.kind == "cat" for define in defines for operation in define.operations)


def _changes_trunk(history: ModelHistory) -> bool:
    """Whether anything but the head and names the model never calls has been replaced."""
    for event in history.events:
        if isinstance(event, SetModule):
            place = joined(place_of(history, event.target) or "", event.name)
            if event.replaced is not None and not is_about_head(history, place):
                return True
        elif isinstance(event, SetAttribute):
            written = place_of(history, event.target)
            if not written or not is_about_head(history, written):
                return True
        elif isinstance(event, DeleteModule):
            return True
    return False


def _stem_channels(history: ModelHistory) -> int | None:
    """The channels that a replaced first convolution takes, None where it is the builder's own."""
    stem = history.builder.stem
    for ref, place in history.places.items():
        if place == stem and ref != ModuleRef(history.build.object, place):
            channels = sizes_of(history, ref).get("in_channels")
            return channels if isinstance(channels, int) else None
    return None
