"""The recipe that proves a claim about a history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headlint.checks.places import is_about_head, joined, place_of, sizes_of
from headlint.claims import Claim
from headlint.flow.histories import ModelHistory
from headlint.history import (
    AnyEvent,
    DeleteModule,
    ModuleRef,
    Recipe,
    SetAttribute,
    SetModule,
    choose_witnesses,
    recipe,
)

BATCH = 2


def recipes(history: ModelHistory, claim: Claim, model: ModuleRef | None) -> Iterator[Recipe]:
    """The whole history, then, should other mistakes in it be in the way, only what the claim is about."""
    model = history.model if model is None else model
    yield _recipe(history, history.events, claim, model)
    wanted = {ref.object for ref in claim.watch}
    fewer = tuple(event for event in history.events if _concerns(event, wanted))
    if wanted and len(fewer) < len(history.events):
        yield _recipe(history, fewer, claim, model)


def _concerns(event: AnyEvent, wanted: set[int]) -> bool:
    if isinstance(event, SetModule):
        return event.value is not None and event.value.object in wanted
    return not isinstance(event, (DeleteModule, SetAttribute))


def _recipe(history: ModelHistory, events: Iterable[AnyEvent], claim: Claim, model: ModuleRef) -> Recipe:
    events = tuple(events)
    return recipe(
        events,
        model=model,
        watch=claim.watch,
        input_shape=input_shape(history) if claim.needs_forward else None,
        witnesses=choose_witnesses(events, {}),
    )


def input_shape(history: ModelHistory) -> tuple[int, ...]:
    """The smallest input that the model takes, batch first; the usual one where the trunk has been changed."""
    builder = history.builder
    shape = list(builder.default_input if _changes_trunk(history) else builder.smallest_input)
    channels = _stem_channels(history)
    if channels is not None:
        shape[0] = channels
    return (BATCH, *shape)


def _changes_trunk(history: ModelHistory) -> bool:
    """Whether anything but the head and names the model never calls has been replaced."""
    for event in history.events:
        if isinstance(event, SetModule):
            place = joined(place_of(history, event.target) or "", event.name)
            if event.replaced is not None and not is_about_head(history, place):
                return True
        elif isinstance(event, (DeleteModule, SetAttribute)):
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
