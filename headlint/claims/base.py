"""What a claim is, what it answers, and what all of them ask of an observation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.finding import Verdict
from headlint.history import AnyEvent, Argument, ModuleRef, Recipe, SymbolicSize


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
    needs_usual_input: ClassVar[bool] = False
    """Whether forward has to run on the input that the model is meant for, not on the smallest that it takes."""
    needs_devices: ClassVar[bool] = False
    """Whether forward has to fail where tensors of two devices meet."""
    own_forward: ClassVar[bool] = True
    """Whether the model's own forward is looked at where what is around it is not made yet, or not understood."""
    needs_watching: ClassVar[bool] = False
    """Whether the replay of the whole history has to watch its modules, although the code puts them nowhere."""
    needs_no_grad: ClassVar[bool] = False
    """Whether autograd must not record the forward of the training step."""
    needs_refusal: ClassVar[bool] = False
    """Whether the builder has to be asked for its weights, to see whether it raises before it downloads them."""

    @property
    def uses(self) -> tuple[tuple[str, str], ...]:
        """What has to be tried on what forward returns."""
        return ()

    @property
    def modes(self) -> tuple[tuple[ModuleRef, bool], ...]:
        """The modules that are put into train mode or eval mode before the training step, in order."""
        return ()

    @property
    def moves(self) -> tuple[tuple[AnyEvent, ModuleRef, str], ...]:
        """The modules that go to a device, each with the event that comes next."""
        return ()

    @property
    def arrivals(self) -> tuple[tuple[ModuleRef, ModuleRef], ...]:
        """Models, each with a module in it at which it counts what arrives."""
        return ()

    @property
    def behind(self) -> tuple[str, tuple[tuple[str, Argument], ...]] | None:
        """The kind and the arguments of a layer that runs on what forward returns, as the code has one there."""
        return None

    @property
    def looks(self) -> tuple[tuple[int, ...], ...]:
        """The inputs of which one has to go through, behind every statement that changes the model."""
        return ()

    @property
    def named(self) -> ModuleRef | None:
        """The module whose parameters have to be told by name, with their flags."""
        return None

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        """The modules that it is about, beside the model as a whole."""
        return ()

    @abstractmethod
    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        """Decide it by what the worker saw."""


def judged(claim: Claim, recipe: Recipe, observation: Any) -> Judgement:
    """What a claim says of what a worker has answered, which may be anything: unconfirmed if it is no observation."""
    try:
        return claim.judge(recipe, observation)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return unconfirmed("the answer of the worker cannot be read")


REFUTED = Judgement(Verdict("refuted", ""), "")


def confirmed(evidence: str) -> Judgement:
    """It holds, with the sentence that says what was seen."""
    return Judgement(Verdict("confirmed", ""), evidence)


def unconfirmed(reason: str) -> Judgement:
    """Nothing can be said, and why."""
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


def events_ended(observation: dict[str, Any]) -> Judgement | None:
    """Why the replay of the events stopped, None if all of them ran."""
    for event in observation["events"]:
        if event is not None:
            return unconfirmed(_ended(event))
    return None


def stopped_early(observation: dict[str, Any]) -> Judgement | None:
    """Why nothing can be said of the forward, None if it ran to its end."""
    ended = events_ended(observation)
    if ended is not None:
        return ended
    forward = observation.get("forward")
    if forward is None:
        return unconfirmed("forward was not run")
    if forward.get("stopped"):
        return unconfirmed("forward runs through a module that is not understood")
    if forward.get("raised"):
        return unconfirmed(f"forward raises before its end: {forward['raised']['text']}")
    return None


def last_raises(recipe: Recipe, observation: dict[str, Any]) -> Judgement:
    """Whether the last event of the history raises, and none before it."""
    events, body = observation["events"], recipe.body["events"]
    assert isinstance(body, list)
    if len(events) < len(body):
        return unconfirmed(_ended(events[-1]))
    last = events[-1]
    if last is None or "reached" in last:
        return REFUTED
    return confirmed(f"{last['raised']['type']}: {last['raised']['text']}")


def includes(recipe: Recipe, do: str, name: str) -> bool:
    """Whether a replay has a step of this kind about this name: without it, it says nothing of that step."""
    steps = recipe.body["events"]
    assert isinstance(steps, list)
    return any(isinstance(step, dict) and (step["do"], step.get("name")) == (do, name) for step in steps)


def number_of(recipe: Recipe, value: Argument) -> Argument:
    """What this value is in the replay: a size that the code does not give has a witness there."""
    return recipe.witnesses.numbers.get(value.key) if isinstance(value, SymbolicSize) else value


def widths(output: object) -> set[int]:
    """The second sizes of all tensors in a forward's output: the classes, where it has any."""
    if isinstance(output, dict):
        return set().union(*map(widths, output.values()))
    if isinstance(output, list) and all(isinstance(size, int) for size in output):
        return set(output[1:2])
    return set().union(*map(widths, output)) if isinstance(output, list) else set()
