"""HL302: the frozen layer is thrown away by the replacement, and the rest of the model stays trainable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.mending import owner_of
from headlint.checks.places import joined, place_of, spelled
from headlint.checks.training import was_trained_between
from headlint.claims import NothingFrozen
from headlint.flow import changes
from headlint.flow.histories import ModelHistory
from headlint.history import AnyEvent, DeleteModule, ModuleRef, ParameterRef, SetFlag, SetModule
from headlint.mends.mend import Mend, Replace
from headlint.mends.order import pairs
from headlint.mends.places import is_place, target_of
from headlint.mends.scene import Scene
from headlint.source.nodes import descend

CODE = "HL302"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Freezing statements of which nothing is left in the model."""
    if (changes.ELSEWHERE, "frozen") in history.state.attributes:
        return
    freezes = [(index, event) for index, event in enumerate(history.events) if type(event) is SetFlag]
    if not freezes or not history.parameters or _is_frozen_anywhere(history):
        return
    for index, freeze in freezes:
        if freeze.value or freeze.site is None:
            continue
        if any(parameter.object != history.build.object for parameter in freeze.parameters):
            continue
        replaced = _replaced_after(history, index, freeze.parameters)
        if not replaced or _unfrozen_before(history, index, replaced, freeze):
            continue
        now = history.parameters
        if now.intersection(freeze.parameters) or was_trained_between(history, freeze, replaced[-1], history.model):
            continue
        place = _place(history, replaced[0])
        message = (
            f"'{spelled(place)}' of {history.builder.name} is frozen here and then replaced:"
            f" nothing stays frozen, all {len(now)} parameters train"
        )
        hint = "freeze the layers that stay in the model"
        refs = tuple(ref for event in replaced if (ref := _thrown_away(event)) is not None)
        text, claim = f"{message}; {hint}", NothingFrozen(refs)
        mends = partial(_mends, freeze=freeze.site, placed=replaced[0].site, place=place)
        yield Candidate(CODE, freeze.site, freeze.site, text, hint, claim, speculative=False, mends=mends)


def _is_frozen_anywhere(history: ModelHistory) -> bool:
    """Whether a parameter of the model is frozen, or may be, at the end."""
    flags, now = history.state.flags, history.parameters
    return not all(flags.values()) and any(flag is not True and parameter in now for parameter, flag in flags.items())


def _mends(scene: Scene, freeze: cst.CSTNode, placed: cst.CSTNode | None, place: str) -> Iterator[Mend]:
    """Freeze the whole model where only the layer was named: unsafe, since a part of it may be meant."""
    target = target_of(placed)
    layer = None if target is None else scene.code(target)
    base = None if layer is None else owner_of(layer, place)
    if placed is None or base is None:
        return
    for pair in pairs(scene, freeze, placed):
        frozen = descend((pair.block[pair.moving],))
        changes = tuple(Replace(node, base) for node in frozen if is_place(node) and scene.code(node) == layer)
        if pair.moving < pair.past and changes:
            yield Mend(f"freeze all of {base}", "unsafe", changes)


def _replaced_after(
    history: ModelHistory, index: int, parameters: tuple[ParameterRef, ...]
) -> list[SetModule | DeleteModule]:
    """The replacements behind `index` that throw away all of these parameters; empty if some were not."""
    left = set(parameters)
    found: list[SetModule | DeleteModule] = []
    behind = history.events[index + 1 :]
    for number, event in enumerate(behind):
        if not isinstance(event, (SetModule, DeleteModule)):
            continue
        ref = _thrown_away(event)
        if ref is None or (isinstance(event, DeleteModule) and not _is_filled(event, behind[number:])):
            continue
        gone = {p for p in left if p.object == ref.object and (not ref.path or p.path.startswith(f"{ref.path}."))}
        if gone:
            left -= gone
            found.append(event)
    return [] if left else found


def _thrown_away(event: SetModule | DeleteModule) -> ModuleRef | None:
    return event.replaced if isinstance(event, SetModule) else event.removed


def _is_filled(deleted: DeleteModule, behind: Sequence[AnyEvent]) -> bool:
    """Whether a new layer comes where one was taken out."""
    return any(isinstance(event, SetModule) and event.target == deleted.target for event in behind)


def _unfrozen_before(
    history: ModelHistory, index: int, replaced: list[SetModule | DeleteModule], freeze: SetFlag
) -> bool:
    """Whether the code itself takes the freeze back before it throws the layer away."""
    last = history.events.index(replaced[-1])
    frozen = set(freeze.parameters)
    return any(
        isinstance(event, SetFlag) and event.value and frozen.intersection(event.parameters)
        for event in history.events[index + 1 : last]
    )


def _place(history: ModelHistory, event: SetModule | DeleteModule) -> str:
    return joined(place_of(history, event.target) or "", event.name)
