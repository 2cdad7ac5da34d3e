"""Claims about what the steps of an optimizer reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.claims.base import REFUTED, Claim, Judgement, confirmed, events_ended, unconfirmed
from headlint.claims.training import step_ended
from headlint.history import ModuleRef, Recipe


@dataclass(frozen=True, slots=True)
class NotInOptimizer(Claim):
    """A training step gives parameters of `modules` gradients, and none of them is in an optimizer or changes.

    `beside` are other layers that were put into the model, which the replay must have as well.
    """

    modules: tuple[ModuleRef, ...]
    beside: tuple[ModuleRef, ...]
    needs_training: ClassVar[bool] = True

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return tuple(dict.fromkeys((*self.modules, *self.beside)))

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        ended = events_ended(observation)
        if ended is not None:
            return ended
        training = observation["training"]
        total = 0
        for module in self.modules:
            facts = observation["watch"].get(recipe.key(module))
            if facts is None:
                return unconfirmed("the replay does not watch it")
            if not facts["inside"] or not facts["trainable"] or facts["held"]:
                return REFUTED
            step = training["watch"][recipe.key(module)]
            if step["stepped"] is None:
                return step_ended(training) or unconfirmed("no optimizer could be made")
            if step["stepped"] or not step["with_gradient"]:
                return REFUTED
            total += step["with_gradient"]
        return confirmed(
            f"a training step gives {training['model']['with_gradient']} parameters a gradient and changes"
            f" {training['model']['stepped']}, none of these {total}"
        )


@dataclass(frozen=True, slots=True)
class OptimizerRaises(Claim):
    """The optimizer that is made as number `position`, from 0, raises on what it is given."""

    position: int
    needs_forward: ClassVar[bool] = False

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        made = observation["optimizers"]
        if len(made) <= self.position:
            return events_ended(observation) or unconfirmed("the replay does not come to the optimizer")
        optimizer = made[self.position]
        if optimizer is None:
            return unconfirmed("what the optimizer is given is not known")
        if "raised" not in optimizer:
            return REFUTED
        return confirmed(f"{optimizer['raised']['type']}: {optimizer['raised']['text']}")
