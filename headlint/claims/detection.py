"""Claims about the heads of detection models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headlint.claims.base import REFUTED, Claim, Judgement, confirmed, events_ended, unconfirmed
from headlint.history import ModuleRef, Recipe


@dataclass(frozen=True, slots=True)
class CountsDisagree(Claim):
    """Forward calls `scores` and `boxes`, and the latter has not four numbers for each class of the former."""

    scores: ModuleRef
    boxes: ModuleRef

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.scores, self.boxes)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        facts = [observation["watch"].get(recipe.key(ref)) for ref in self.watch]
        if None in facts or any(not fact["calls"] or not fact["weight"] for fact in facts):
            return events_ended(observation) or unconfirmed("forward does not come to both layers")
        classes, numbers = (fact["weight"][0] for fact in facts)
        if numbers == 4 * classes:
            return REFUTED
        return confirmed(f"forward scores {classes} classes and gives {numbers} numbers for their boxes")
