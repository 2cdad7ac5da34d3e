"""The closed set of claims: what a finding says is true of the rebuilt model, and how an observation decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from headlint.finding import Verdict
from headlint.history import ModuleRef, Recipe


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the sentence that says what really happened."""

    verdict: Verdict
    evidence: str


class Claim(Protocol):
    """Something about a model that a replay confirms or refutes."""

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        """The modules whose facts decide it."""
        ...

    @property
    def needs_forward(self) -> bool:
        """Whether forward has to run."""
        ...

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        """Decide it by what the worker saw."""
        ...


def _confirmed(evidence: str) -> Judgement:
    return Judgement(Verdict("confirmed", ""), evidence)


_REFUTED = Judgement(Verdict("refuted", ""), "")


def _unconfirmed(reason: str) -> Judgement:
    return Judgement(Verdict("unconfirmed", reason), "")


def shape_text(output: object) -> str:
    """A forward's output as the user would see its shape."""
    if isinstance(output, list) and all(isinstance(size, int) for size in output):
        return f"({', '.join(map(str, output))}{',' if len(output) == 1 else ''})"
    if isinstance(output, list):
        return f"[{', '.join(map(shape_text, output[:3]))}{', ...' if len(output) > 3 else ''}]"
    if isinstance(output, dict):
        return "{" + ", ".join(f"{name}: {shape_text(value)}" for name, value in output.items()) + "}"
    return str(output)


def _stopped_early(recipe: Recipe, observation: dict[str, Any]) -> Judgement | None:
    """Why nothing can be said of the forward, None if it ran to its end."""
    for event in observation["events"]:
        if event is not None:
            return _unconfirmed(f"the replay raises before that: {event['raised']['text']}")
    forward = observation.get("forward")
    if forward is None:
        return _unconfirmed("forward was not run")
    if forward.get("stopped"):
        return _unconfirmed("forward runs through a module that is not understood")
    if forward.get("raised"):
        return _unconfirmed(f"forward raises before its end: {forward['raised']['text']}")
    return None


@dataclass(frozen=True, slots=True)
class NeverUsed:
    """`module` has no part in what forward computes: never called, and no parameter of it is used."""

    module: ModuleRef
    needs_forward: bool = True

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.module,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        facts = observation["watch"].get(recipe.key(self.module)) or {}
        if facts.get("modules_called", 0) or facts.get("used", 0):
            return _REFUTED
        early = _stopped_early(recipe, observation)
        if early is not None:
            return early
        return _confirmed(f"forward returns {shape_text(observation['forward']['output'])} without calling it")


@dataclass(frozen=True, slots=True)
class ReadRaises:
    """The last event of the history, a read, raises."""

    needs_forward: bool = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return ()

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        events = observation["events"]
        body = recipe.body["events"]
        assert isinstance(body, list)
        if len(events) < len(body):
            return _unconfirmed(f"the replay raises before that: {events[-1]['raised']['text']}")
        if events[-1] is None:
            return _REFUTED
        raised = events[-1]["raised"]
        return _confirmed(f"{raised['type']}: {raised['text']}")


@dataclass(frozen=True, slots=True)
class ForwardRaises:
    """Forward raises inside one of `modules`."""

    modules: tuple[ModuleRef, ...]
    needs_forward: bool = True

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return self.modules

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        raised = (observation.get("forward") or {}).get("raised")
        if raised and raised.get("module") is not None:
            number, path = raised["module"]
            if f"{number}:{path}" in {recipe.key(module) for module in self.modules}:
                return _confirmed(raised["text"])
        early = _stopped_early(recipe, observation)
        return _REFUTED if early is None else early


@dataclass(frozen=True, slots=True)
class StaysFrozen:
    """No parameter of the new `head`, which stands in the model, trains."""

    head: ModuleRef
    name: str
    needs_forward: bool = True

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.head,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        facts = observation["watch"].get(recipe.key(self.head))
        if facts is None:
            return _unconfirmed("the replay does not reach the head")
        if not facts["inside"] or not facts["parameters"] or facts["trainable"] or facts["reached"]:
            return _REFUTED
        early = _stopped_early(recipe, observation)
        if early is not None and not (observation.get("forward") or {}).get("stopped"):
            return early
        total = facts["parameters"]
        return _confirmed(f"no gradient reaches any of the {total} parameters of '{self.name}'")


@dataclass(frozen=True, slots=True)
class NothingFrozen:
    """What was frozen is no longer in the model, and every parameter that is trains."""

    frozen: tuple[ModuleRef, ...]
    needs_forward: bool = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return self.frozen

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        if any(event is not None for event in observation["events"]):
            return _unconfirmed("the replay raises")
        watched = observation["watch"]
        if any(watched[recipe.key(module)]["inside"] for module in self.frozen):
            return _REFUTED
        model = observation["model"]
        if model["trainable"] != model["parameters"]:
            return _REFUTED
        return _confirmed(f"all {model['parameters']} parameters of the model still require grad")
