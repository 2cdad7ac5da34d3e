"""Claims about the children of a model that are run one after the other instead of its forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.claims.base import REFUTED, Claim, Judgement, confirmed, events_ended, unconfirmed
from headlint.history import ModuleRef, Recipe


@dataclass(frozen=True, slots=True)
class CutRaises(Claim):
    """Forward raises in `layer`, or, where there is none, inside a part of the model that object `number` is."""

    number: int
    layer: ModuleRef | None
    needs_usual_input: ClassVar[bool] = True

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        ended = events_ended(observation)
        if ended is not None:
            return ended
        forward = observation.get("forward") or {}
        raised = forward.get("raised")
        if not raised:
            return (
                unconfirmed("forward runs through a module that is not understood")
                if forward.get("stopped")
                else REFUTED
            )
        number, path = raised["module"] or (None, "")
        if self.layer is not None:
            at = f"{number}:{path}" == recipe.key(self.layer)
        else:
            at = number == recipe.numbers.get(self.number)
        return confirmed(raised["text"]) if at else REFUTED


@dataclass(frozen=True, slots=True)
class ReluLost(Claim):
    """Numbers below zero arrive at `layer` in `around`, and at `head` in the forward of `model` none do."""

    model: ModuleRef
    head: ModuleRef
    around: ModuleRef
    layer: ModuleRef
    needs_usual_input: ClassVar[bool] = True
    needs_values: ClassVar[bool] = True

    @property
    def arrivals(self) -> tuple[tuple[ModuleRef, ModuleRef], ...]:
        return ((self.model, self.head), (self.around, self.layer))

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        ended = events_ended(observation)
        if ended is not None:
            return ended
        theirs, ours = observation.get("arrivals") or (None, None)
        if theirs is None or ours is None:
            return unconfirmed("forward does not come to both layers")
        if theirs["shape"] != ours["shape"] or theirs["least"] < 0 or ours["least"] >= 0:
            return REFUTED
        return confirmed(
            f"what arrives at the new layer goes down to {ours['least']:.2f}, and in the model's own forward"
            f" not below {theirs['least']:.2f}"
        )
