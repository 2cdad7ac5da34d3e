"""The closed set of claims: what a finding says is true of the rebuilt model, and how an observation decides it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.finding import Verdict
from headlint.history import Argument, ModuleRef, Recipe, SymbolicSize


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the sentence that says what really happened."""

    verdict: Verdict
    evidence: str


class Claim(ABC):
    """Something about a model that a replay confirms or refutes; what kind of replay it needs, and how it judges."""

    __slots__ = ()

    needs_forward: ClassVar[bool] = True
    """Whether forward has to run."""
    needs_training: ClassVar[bool] = False
    """Whether a training step has to be taken."""
    needs_values: ClassVar[bool] = False
    """Whether the builder's weights have to be initialised, because what forward returns decides."""
    needs_devices: ClassVar[bool] = False
    """Whether forward has to fail where tensors of two devices meet."""
    needs_refusal: ClassVar[bool] = False
    """Whether the builder has to be asked for its weights, to see whether it raises before it downloads them."""

    @property
    @abstractmethod
    def watch(self) -> tuple[ModuleRef, ...]:
        """The modules that it is about."""

    @abstractmethod
    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        """Decide it by what the worker saw."""


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


def _ended(event: dict[str, Any]) -> str:
    """Why a replay went no further than this event."""
    if "reached" in event:
        return f"the replay comes to {event['reached']} before that"
    return f"the replay raises before that: {event['raised']['text']}"


def _stopped_early(recipe: Recipe, observation: dict[str, Any]) -> Judgement | None:
    """Why nothing can be said of the forward, None if it ran to its end."""
    for event in observation["events"]:
        if event is not None:
            return _unconfirmed(_ended(event))
    forward = observation.get("forward")
    if forward is None:
        return _unconfirmed("forward was not run")
    if forward.get("stopped"):
        return _unconfirmed("forward runs through a module that is not understood")
    if forward.get("raised"):
        return _unconfirmed(f"forward raises before its end: {forward['raised']['text']}")
    return None


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
            return _REFUTED
        early = _stopped_early(recipe, observation)
        if early is not None:
            return early
        if facts is None:
            return _unconfirmed("the replay does not watch it")
        return _confirmed(f"forward returns {shape_text(observation['forward']['output'])} without calling it")


@dataclass(frozen=True, slots=True)
class ReadRaises(Claim):
    """The last event of the history, a read, raises."""

    needs_forward: ClassVar[bool] = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return ()

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        events = observation["events"]
        body = recipe.body["events"]
        assert isinstance(body, list)
        if len(events) < len(body):
            return _unconfirmed(_ended(events[-1]))
        if events[-1] is None:
            return _REFUTED
        raised = events[-1]["raised"]
        return _confirmed(f"{raised['type']}: {raised['text']}")


@dataclass(frozen=True, slots=True)
class ForwardRaises(Claim):
    """Forward raises inside one of `modules`."""

    modules: tuple[ModuleRef, ...]

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
class StaysFrozen(Claim):
    """No parameter of the new `head`, which stands in the model, trains."""

    head: ModuleRef
    name: str

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
class NothingFrozen(Claim):
    """What was frozen is no longer in the model, and every parameter that is trains."""

    frozen: tuple[ModuleRef, ...]
    needs_forward: ClassVar[bool] = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return self.frozen

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        if any(event is not None for event in observation["events"]):
            return _unconfirmed("the replay raises")
        watched = [observation["watch"].get(recipe.key(module)) for module in self.frozen]
        if any(facts is None for facts in watched):
            return _unconfirmed("the replay does not watch what was frozen")
        if any(facts is not None and facts["inside"] for facts in watched):
            return _REFUTED
        model = observation["model"]
        if model["trainable"] != model["parameters"]:
            return _REFUTED
        return _confirmed(f"all {model['parameters']} parameters of the model still require grad")


def _includes(recipe: Recipe, do: str, name: str) -> bool:
    """Whether a replay has a step of this kind about this name: without it, it says nothing of that step."""
    steps = recipe.body["events"]
    assert isinstance(steps, list)
    return any(isinstance(step, dict) and (step["do"], step.get("name")) == (do, name) for step in steps)


@dataclass(frozen=True, slots=True)
class FlagsKept(Claim):
    """Writing `name` makes `requires_grad` `wanted` for none of the parameters it is for, so many in each module."""

    modules: tuple[tuple[ModuleRef, int], ...]
    do: str
    name: str
    wanted: bool
    needs_forward: ClassVar[bool] = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return tuple(module for module, _ in self.modules)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        for event in observation["events"]:
            if event is not None:
                return _unconfirmed(_ended(event))
        if not _includes(recipe, self.do, self.name):
            return _unconfirmed("the replay leaves it out")
        all_against = all_there = 0
        for module, count in self.modules:
            facts = observation["watch"].get(recipe.key(module))
            if facts is None:
                return _unconfirmed("the replay does not watch it")
            there, trainable = facts["parameters"], facts["trainable"]
            against = there - trainable if self.wanted else trainable
            # Fewer than it is for, and no more than there are without those: it may well have worked.
            if against < count and against <= there - count:
                return _REFUTED
            all_against += against
            all_there += there
        return _confirmed(f"requires_grad is {not self.wanted} for {all_against} of {all_there} parameters")


@dataclass(frozen=True, slots=True)
class SizeIgnored(Claim):
    """The weight of `layer` keeps its shape while the attribute `name` becomes `value`.

    `axes` are those of the weight that the attribute tells the size of, the first one divided by `groups`.
    """

    layer: ModuleRef
    name: str
    value: Argument
    axes: tuple[int, ...]
    groups: int

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.layer,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        for event in observation["events"]:
            if event is not None:
                return _unconfirmed(_ended(event))
        facts = observation["watch"].get(recipe.key(self.layer))
        if facts is None or not _includes(recipe, "attribute", self.name):
            return _unconfirmed("the replay leaves it out")
        shape = facts["weight"]
        if shape is None or len(shape) <= max(self.axes):
            return _unconfirmed("the layer has no weight that tells its size")
        written = recipe.witnesses.numbers[self.value.key] if isinstance(self.value, SymbolicSize) else self.value
        sizes = tuple(shape[axis] * self.groups for axis in self.axes)
        if not facts["inside"] or written == sizes or sizes == (written,) * len(sizes):
            return _REFUTED
        output = (observation.get("forward") or {}).get("output")
        returned = "" if output is None else f" and forward returns {shape_text(output)}"
        return _confirmed(f"its weight stays {shape_text(shape)}{returned}")


@dataclass(frozen=True, slots=True)
class BuilderRaises(Claim):
    """The last event of the history, the call of a builder, raises before it downloads anything."""

    needs_forward: ClassVar[bool] = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return ()

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        events, body = observation["events"], recipe.body["events"]
        assert isinstance(body, list)
        if len(events) < len(body):
            return _unconfirmed(_ended(events[-1]))
        last = events[-1]
        if last is None or "reached" in last:
            return _REFUTED
        return _confirmed(f"{last['raised']['type']}: {last['raised']['text']}")


@dataclass(frozen=True, slots=True)
class KeywordIgnored(Claim):
    """The builder of `model` takes the keyword `name`, with which it is given `value` classes, and returns others."""

    model: ModuleRef
    name: str
    value: Argument

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.model,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        raised = observation["events"] and (observation["events"][-1] or {}).get("raised")
        if raised and f"'{self.name}'" in raised["text"]:
            # Other versions refuse it, which is no better.
            return _confirmed(f"{raised['type']}: {raised['text']}")
        early = _stopped_early(recipe, observation)
        if early is not None:
            return early
        output = observation["forward"]["output"]
        written = recipe.witnesses.numbers[self.value.key] if isinstance(self.value, SymbolicSize) else self.value
        if written in _widths(output):
            return _REFUTED
        return _confirmed(f"forward returns {shape_text(output)}")


@dataclass(frozen=True, slots=True)
class CountIgnored(Claim):
    """Forward of `model` does not return `value` classes although its attribute `name` says so."""

    model: ModuleRef
    name: str
    value: Argument

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.model,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        early = _stopped_early(recipe, observation)
        if early is not None:
            return early
        if not _includes(recipe, "attribute", self.name):
            return _unconfirmed("the replay leaves it out")
        output = observation["forward"]["output"]
        written = recipe.witnesses.numbers[self.value.key] if isinstance(self.value, SymbolicSize) else self.value
        if written in _widths(output):
            return _REFUTED
        return _confirmed(f"forward returns {shape_text(output)}")


def _widths(output: object) -> set[int]:
    """The second sizes of all tensors in a forward's output: the classes, where it has any."""
    if isinstance(output, dict):
        return set().union(*map(_widths, output.values()))
    if isinstance(output, list) and all(isinstance(size, int) for size in output):
        return set(output[1:2])
    return set().union(*map(_widths, output)) if isinstance(output, list) else set()


@dataclass(frozen=True, slots=True)
class AllFrozen(Claim):
    """No parameter of `model` requires grad."""

    model: ModuleRef
    needs_forward: ClassVar[bool] = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.model,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        for event in observation["events"]:
            if event is not None:
                return _unconfirmed(_ended(event))
        facts = observation["watch"].get(recipe.key(self.model))
        if facts is None:
            return _unconfirmed("the replay does not watch it")
        if facts["trainable"] or not facts["parameters"]:
            return _REFUTED
        return _confirmed(f"requires_grad is False for all {facts['parameters']} parameters")
