"""HL301: the freezing statement also freezes the new head."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import partial

import libcst as cst

from headlint.checks import flag_typo, name_filter
from headlint.checks.candidate import Candidate
from headlint.checks.places import is_about_head, placements, spelled
from headlint.checks.training import frozen_by_mistake_possible, was_trained_between
from headlint.claims import StaysFrozen
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import parameters_of
from headlint.history import ModuleRef, ParameterRef, SetFlag, SetModule, SetParameterAttribute
from headlint.mends.mend import Insert, Mend
from headlint.mends.order import moves, pairs
from headlint.mends.places import target_of
from headlint.mends.scene import Scene

CODE = "HL301"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Freezing statements behind a replaced head that leave nothing of it to train."""
    # The head as a whole before the layers that were put into it.
    for event, place in sorted(placements(history), key=lambda placed: placed[1].count(".")):
        if event.value is None or not is_about_head(history, place):
            continue
        fresh = _fresh_parameters(history, event.value)
        if not fresh or any(history.state.flags.get(parameter, True) is not False for parameter in fresh):
            continue
        freeze = _freeze_after(history, event, fresh)
        if freeze is None or freeze.site is None or was_trained_between(history, event, freeze, event.value):
            continue
        if not frozen_by_mistake_possible(history, event, event.value):
            continue
        if any(True for _ in name_filter.check(history)):
            # Told where the names are tested.
            return
        if any(_is_about(candidate.event_site, history, set(fresh)) for candidate in flag_typo.check(history)):
            # Told where it is meant to be unfrozen.
            continue
        name = spelled(place)
        message = f"this also freezes the new head '{name}' of {history.builder.name}: nothing in it trains"
        hint = f"freeze before '{name}' is replaced, or unfreeze it again: model.{name}.requires_grad_(True)"
        yield Candidate(
            CODE,
            freeze.site,
            freeze.site,
            f"{message}; freeze before it is replaced",
            hint,
            StaysFrozen(event.value, name),
            speculative=False,
            mends=partial(_mends, freeze=freeze.site, placed=event.site),
        )


def _is_about(site: cst.CSTNode, history: ModelHistory, parameters: AbstractSet[ParameterRef]) -> bool:
    """Whether an attribute of these parameters is written at a place of the code."""
    written = (event for event in history.events if isinstance(event, SetParameterAttribute) and event.site is site)
    return any(not parameters.isdisjoint(event.parameters) for event in written)


def _mends(scene: Scene, freeze: cst.CSTNode, placed: cst.CSTNode | None) -> Iterator[Mend]:
    """Freeze before the head comes, else give the head its flags back."""
    if placed is None:
        return
    yield from moves(scene, freeze, placed, "freeze before the head is replaced", "safe", behind=False)
    target = target_of(placed)
    for pair in pairs(scene, freeze, placed):
        statement = pair.block[pair.moving]
        if target is not None and scene.holds(pair.block[pair.past], placed) and pair.past < pair.moving:
            code = f"{scene.text(target)}.requires_grad_(True)"
            yield Mend("unfreeze the head again", "safe", (Insert(code, statement, behind=True),))


def _fresh_parameters(history: ModelHistory, head: ModuleRef) -> list[ParameterRef]:
    """The parameters of a head that the code made itself; empty if the model's own layers are part of it."""
    found = [parameter for _, parameter in parameters_of(history.state, head)]
    return [] if any(parameter.object == history.build.object for parameter in found) else found


def _freeze_after(history: ModelHistory, placed: SetModule, fresh: list[ParameterRef]) -> SetFlag | None:
    """The last freeze of the head if it comes behind its placing and covers layers of the model's own, too."""
    behind = history.events[history.events.index(placed) :]
    own = set(fresh)
    for event in reversed(behind):
        if isinstance(event, SetFlag) and not event.value and own.intersection(event.parameters):
            # Freezing nothing but what the code has made itself is no slip of order.
            of_the_model = (parameter.object == history.build.object for parameter in event.parameters)
            return event if any(of_the_model) else None
    return None
