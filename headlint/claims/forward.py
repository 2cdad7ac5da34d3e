"""Claims about what forward calls and where it raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.claims.base import REFUTED, Claim, Judgement, confirmed, shape_text, stopped_early, unconfirmed
from headlint.claims.training import step_ended
from headlint.history import AnyEvent, ModuleRef, Recipe


@dataclass(frozen=True, slots=True)
class NeverUsed(Claim):
    """`module` has no part in what forward computes: never called, and no parameter of it is used."""

    module: ModuleRef

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.module,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        facts = observation["watch"].get(recipe.key(self.module))
        if facts is not None and (facts["modules_called"] or facts["used"]):
            return REFUTED
        early = stopped_early(observation)
        if early is not None:
            return early
        if facts is None:
            return unconfirmed("the replay does not watch it")
        return confirmed(f"forward returns {shape_text(observation['forward']['output'])} without calling it")


@dataclass(frozen=True, slots=True)
class NoEffect(NeverUsed):
    """The same in train mode too, of a `module` with parameters: it is not called, or what it gives is thrown away."""

    needs_training: ClassVar[bool] = True
    needs_watching: ClassVar[bool] = True

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        judgement = NeverUsed.judge(self, recipe, observation)
        if judgement.verdict.kind != "confirmed":
            return judgement
        training, key = observation["training"], recipe.key(self.module)
        early = step_ended(training)
        if early is not None:
            return early
        facts, step = observation["watch"][key], training["watch"][key]
        if step["with_gradient"] or not facts["parameters"]:
            return REFUTED
        if step["modules_called"] and facts["trainable"] < facts["parameters"]:
            return unconfirmed("a part of it is frozen, so that gradients do not tell")
        seen, trained = shape_text(observation["forward"]["output"]), shape_text(training["output"])
        also = "in train mode too" if seen == trained else f"in train mode {trained}"
        thrown = ", where no gradient reaches what it computes" if step["modules_called"] else ""
        return confirmed(f"forward returns {seen} without calling it, {also}{thrown}")


@dataclass(frozen=True, slots=True)
class ForwardRaises(Claim):
    """Forward raises inside one of `modules`."""

    modules: tuple[ModuleRef, ...]
    run: ClassVar[str] = "forward"

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return self.modules

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        raised = (observation.get(self.run) or {}).get("raised")
        if raised and raised.get("module") is not None:
            number, path = raised["module"]
            if f"{number}:{path}" in {recipe.key(module) for module in self.modules}:
                return confirmed(raised["text"])
        early = stopped_early(observation)
        if early is None and raised and raised.get("phase", "forward") == "forward":
            return unconfirmed(f"forward raises before its end: {raised['text']}")
        return REFUTED if early is None else early


@dataclass(frozen=True, slots=True)
class LeftBehind(ForwardRaises):
    """The same for layers that come when the model has moved to another device."""

    moved: tuple[tuple[AnyEvent, ModuleRef, str], ...]
    needs_devices: ClassVar[bool] = True

    @property
    def moves(self) -> tuple[tuple[AnyEvent, ModuleRef, str], ...]:
        return self.moved


@dataclass(frozen=True, slots=True)
class LeftBehindInTraining(LeftBehind):
    """The same in train mode, in which auxiliary heads are called."""

    run: ClassVar[str] = "training"
    needs_training: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class TrainingForwardRaises(ForwardRaises):
    """The same in train mode, in which auxiliary heads are called."""

    run: ClassVar[str] = "training"
    needs_training: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RunsThrough(Claim):
    """All that is done to the model can be done, and forward comes to its end."""

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        optimizers = [made["raised"] for made in observation["optimizers"] if made and "raised" in made]
        early = stopped_early(observation)
        if early is not None or optimizers:
            return early or unconfirmed(f"an optimizer raises: {optimizers[0]['text']}")
        return confirmed(f"forward returns {shape_text(observation['forward']['output'])}")


@dataclass(frozen=True, slots=True)
class Trains(RunsThrough):
    """The same, and a training step comes to its end."""

    needs_training: ClassVar[bool] = True

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        training = observation.get("training")
        early = None if training is None else step_ended(training)
        return early or RunsThrough.judge(self, recipe, observation)
