"""What becomes of `requires_grad` that was written where it has no effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import libcst as cst

from headlint.checks.places import place_of, spelled
from headlint.flow import changes
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import ALL_PARAMETERS, parameters_of
from headlint.history import AnyEvent, ModuleRef, ParameterRef, SetFlag, SetModule


def left_as_they_were(
    history: ModelHistory, index: int, parameters: Iterable[ParameterRef], wanted: bool
) -> tuple[ParameterRef, ...]:
    """Those of `parameters` whose flag event number `index` should have made `wanted`, and which never got it.

    Empty if the code writes the wanted flag on any of them behind that event: then it does there what it meant here.
    """
    given = _in_model(history, index, parameters)
    before = _flags_before(history, index)
    if wanted is False and (
        (changes.ELSEWHERE, "frozen") in history.state.attributes or any(before.get(p) is False for p in given)
    ):
        return ()
    missed = tuple(
        p for p in given if before.get(p, True) is not wanted and history.state.flags.get(p, True) is not wanted
    )
    if any(history.state.flags.get(p, True) is None for p in missed) or _written_later(history, index, given, wanted):
        return ()
    return missed


def _in_model(history: ModelHistory, index: int, parameters: Iterable[ParameterRef]) -> list[ParameterRef]:
    """Those that stand in the model at the end and did so at the event: not a head that is put in later."""
    now = set(history.parameters)
    for event in history.events[index + 1 :]:
        if isinstance(event, SetModule) and event.value is not None:
            now.difference_update(parameter for _, parameter in parameters_of(history.state, event.value))
    return [p for p in parameters if p in now and not p.path.endswith(ALL_PARAMETERS)]


def _flags_before(history: ModelHistory, index: int) -> dict[ParameterRef, bool]:
    flags: dict[ParameterRef, bool] = {}
    for event in history.events[:index]:
        if isinstance(event, SetFlag):
            flags.update(dict.fromkeys(event.parameters, event.value))
    return flags


def _written_later(history: ModelHistory, index: int, parameters: Iterable[ParameterRef], wanted: bool) -> bool:
    later, own = history.events[index + 1 :], set(parameters)
    return any(
        isinstance(event, SetFlag) and event.value is wanted and not own.isdisjoint(event.parameters) for event in later
    )


def module_around(history: ModelHistory, parameters: Iterable[ParameterRef]) -> ModuleRef:
    """The smallest module that holds all of these parameters and stands in the model."""
    owners = [(parameter.object, parameter.path.split(".")[:-1]) for parameter in parameters]
    numbers = {number for number, _ in owners}
    if len(numbers) > 1:
        return history.model
    steps = owners[0][1]
    for _, other in owners:
        same = (a == b for a, b in zip(steps, other, strict=False))
        steps = steps[: next((i for i, equal in enumerate(same) if not equal), min(len(steps), len(other)))]
    ref = ModuleRef(numbers.pop(), ".".join(steps))
    return ref if ref in history.places else history.model


def outcome(history: ModelHistory, refs: Iterable[ModuleRef], wanted: bool) -> str:
    """What holds instead of the wanted flag: `all 26 parameters of 'features' of vgg16 still require grad`."""
    inside = {ref: [p for _, p in parameters_of(history.state, ref)] for ref in refs}
    total = sum(map(len, inside.values()))
    against = sum(history.state.flags.get(p, True) is not wanted for found in inside.values() for p in found)
    where = described(history, next(iter(inside)))
    if len(inside) > 1:
        where += f" and {len(inside) - 1} more module{'s' if len(inside) > 2 else ''}"
    if total == 1:
        return f"the one parameter of {where} {'does not require' if wanted else 'still requires'} grad"
    which = f"all {total}" if against == total else f"{against} of the {total}"
    return f"{which} parameters of {where} {'do not' if wanted else 'still'} require grad"


def described(history: ModelHistory, ref: ModuleRef) -> str:
    """A module as messages name it: `resnet50`, `'features' of vgg16`."""
    place = place_of(history, ref)
    if place:
        return f"'{spelled(place)}' of {history.builder.name}"
    return history.builder.name


def freezing(trace: Sequence[AnyEvent], parameters: AbstractSet[ParameterRef]) -> cst.CSTNode | None:
    """The code that has frozen any of these parameters last."""
    freezes = (event for event in reversed(trace) if isinstance(event, SetFlag) and not event.value)
    return next((event.site for event in freezes if not parameters.isdisjoint(event.parameters)), None)
