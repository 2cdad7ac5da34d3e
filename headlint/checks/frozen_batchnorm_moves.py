"""HL310: BatchNorms are frozen with the backbone, and in train mode their running statistics still move."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.norms import counting, parameters_of, steps_after_loss
from headlint.checks.recipes import MOST_WATCHED
from headlint.claims import StatisticsMove
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.outputs import Use
from headlint.history import ModuleRef, ParameterRef, SetFlag

CODE = "HL310"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Frozen BatchNorms of a model that is called in train mode and learns from a loss."""
    uses = list(_learning(history)) if history.steps else []
    if not uses:
        return
    slept = {ref for ref, mode in history.state.modes.items() if mode is False}
    standing = [
        ref
        for ref in counting(history, history.places)
        if ref.object == history.build.object and not _is_in(history, ref, slept) and _is_frozen(history, ref)
    ]
    found = ((use, _frozen_then(history, standing, use)) for use in uses if standing)
    use, norms = next(((use, norms) for use, norms in found if norms), (None, []))
    freeze = None if use is None else _freeze(history, norms[0], use)
    if freeze is None or freeze.site is None:
        return
    name = history.builder.name
    what = (
        f"{len(norms)} BatchNorm layers of {name} are frozen, and in train mode their"
        if len(norms) > 1
        else f"1 BatchNorm layer of {name} is frozen, and in train mode its"
    )
    hint = f"put {'them' if len(norms) > 1 else 'it'} into eval mode behind every train()"
    message = f"{what} running statistics move; {hint}"
    claim = StatisticsMove(tuple(norms[:MOST_WATCHED]), ())
    yield Candidate(CODE, freeze.site, freeze.site, message, hint, claim, speculative=False)


def _learning(history: ModelHistory) -> Iterator[Use]:
    """The losses of what the model, or something around it, returns in train mode, with steps that follow from it."""
    for use in history.uses:
        if use.how == "loss" and use.training is True:
            holds = history.build.object in modules.objects_in(history.state, use.target)
            if holds and any(True for _ in steps_after_loss(history, use.target)):
                yield use


def _is_in(history: ModelHistory, ref: ModuleRef, slept: set[ModuleRef]) -> bool:
    """Whether a module or something around it, inside the model, was put into eval mode for itself."""
    place = history.places[ref]
    around = {history.places.get(other) for other in slept} - {None, ""}
    return any(f"{place}.".startswith(f"{other}.") for other in around)


def _is_frozen(history: ModelHistory, ref: ModuleRef) -> bool:
    own = parameters_of(history, ref)
    return bool(own) and all(history.state.flags.get(parameter) is False for parameter in own)


def _frozen_then(history: ModelHistory, norms: list[ModuleRef], use: Use) -> list[ModuleRef]:
    """Those of some BatchNorms that were frozen when the model learned, not only when all was over."""
    flags: dict[ParameterRef, bool] = {}
    for event in history.state.trace[: use.position]:
        if isinstance(event, SetFlag):
            flags.update(dict.fromkeys(event.parameters, event.value))
    return [ref for ref in norms if all(flags.get(parameter) is False for parameter in parameters_of(history, ref))]


def _freeze(history: ModelHistory, norm: ModuleRef, use: Use) -> SetFlag | None:
    """The statement that had frozen a BatchNorm when the model learned."""
    own = set(parameters_of(history, norm))
    events = (event for event in history.state.trace[: use.position] if isinstance(event, SetFlag) and not event.value)
    return next((event for event in reversed(list(events)) if own.intersection(event.parameters)), None)
