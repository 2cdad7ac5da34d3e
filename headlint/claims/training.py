"""Claims about what a training step does to layers that are meant to stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.claims.base import REFUTED, Claim, Judgement, confirmed, events_ended, unconfirmed
from headlint.history import ModuleRef, Recipe


def step_ended(training: dict[str, Any]) -> Judgement | None:
    """Why nothing can be said of a training step, None if it came to its end."""
    if training["raised"]:
        return unconfirmed(f"a training step raises before its end: {training['raised']['text']}")
    if training["stopped"]:
        return unconfirmed("forward runs through a module that is not understood")
    return None


@dataclass(frozen=True, slots=True)
class StatisticsMove(Claim):
    """The forward pass of a training step moves the running statistics of `norms`, after `ordered` modes were set."""

    norms: tuple[ModuleRef, ...]
    ordered: tuple[tuple[ModuleRef, bool], ...]
    needs_forward: ClassVar[bool] = False
    needs_training: ClassVar[bool] = True

    @property
    def modes(self) -> tuple[tuple[ModuleRef, bool], ...]:
        return self.ordered

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return self.norms

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        training = observation.get("training")
        ended = events_ended(observation)
        if ended is not None or training is None:
            return ended or unconfirmed("no training step was taken")
        if training["stopped"] or (training["raised"] and training["raised"]["phase"] == "forward"):
            return step_ended(training) or unconfirmed("forward does not come to its end")
        facts = [training["watch"].get(recipe.key(norm)) for norm in self.norms]
        seen = [fact for fact in facts if fact is not None]
        if not seen:
            return unconfirmed("the replay does not watch them")
        moved = sum(fact["statistics_moved"] for fact in seen)
        if not moved:
            return REFUTED
        total = sum(fact["statistics"] for fact in seen)
        return confirmed(f"a forward pass in train mode moves {moved} of their {total} running statistics")


@dataclass(frozen=True, slots=True)
class NothingRecorded(Claim):
    """Backward raises behind a forward that autograd did not record."""

    needs_forward: ClassVar[bool] = False
    needs_training: ClassVar[bool] = True
    needs_no_grad: ClassVar[bool] = True

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        training = observation.get("training")
        ended = events_ended(observation)
        if ended is not None or training is None:
            return ended or unconfirmed("no training step was taken")
        raised = training["raised"]
        if raised and raised["phase"] == "backward":
            return confirmed(f"backward raises: {raised['text']}")
        return step_ended(training) or REFUTED


@dataclass(frozen=True, slots=True)
class StepsChange(Claim):
    """A training step changes parameters of `module`, all of which require grad."""

    module: ModuleRef
    needs_forward: ClassVar[bool] = False
    needs_training: ClassVar[bool] = True

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.module,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        training, facts = observation.get("training"), observation["watch"].get(recipe.key(self.module))
        ended = events_ended(observation) or (None if training is None else step_ended(training))
        if ended is not None or training is None or facts is None:
            return ended or unconfirmed("no training step was taken")
        changed = training["watch"][recipe.key(self.module)]["stepped"]
        if changed is None:
            return unconfirmed("no optimizer could be made")
        if not changed or facts["trainable"] < facts["parameters"]:
            return REFUTED
        return confirmed(f"a training step changes {changed} of its {facts['parameters']} parameters")
