"""Claims that a size which was written has no effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.claims.base import (
    REFUTED,
    Claim,
    Judgement,
    confirmed,
    events_ended,
    includes,
    number_of,
    shape_text,
    stopped_early,
    unconfirmed,
    widths,
)
from headlint.history import Argument, ModuleRef, Recipe


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
        ended = events_ended(observation)
        if ended is not None:
            return ended
        facts = observation["watch"].get(recipe.key(self.layer))
        if facts is None or not includes(recipe, "attribute", self.name):
            return unconfirmed("the replay leaves it out")
        shape = facts["weight"]
        if shape is None or len(shape) <= max(self.axes):
            return unconfirmed("the layer has no weight that tells its size")
        written = number_of(recipe, self.value)
        sizes = tuple(shape[axis] * self.groups for axis in self.axes)
        if not facts["inside"] or written == sizes or sizes == (written,) * len(sizes):
            return REFUTED
        output = (observation.get("forward") or {}).get("output")
        returned = "" if output is None else f" and forward returns {shape_text(output)}"
        return confirmed(f"its weight stays {shape_text(shape)}{returned}")


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
        return _refused(observation, self.name) or _returns_others(recipe, observation, self.value)


@dataclass(frozen=True, slots=True)
class HeadKept(Claim):
    """The builder takes the keyword `name`, and its `layer` still has a weight with as many `rows` as without it."""

    layer: ModuleRef
    name: str
    rows: int
    needs_forward: ClassVar[bool] = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.layer,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        ended = _refused(observation, self.name) or events_ended(observation)
        if ended is not None:
            return ended
        facts = observation["watch"].get(recipe.key(self.layer))
        if facts is None or not facts["weight"]:
            return unconfirmed("the builder makes no such layer")
        if facts["weight"][0] != self.rows or not facts["inside"]:
            return REFUTED
        return confirmed(f"the weight of '{self.layer.path}' is {shape_text(facts['weight'])} as it is without it")


def _refused(observation: dict[str, Any], name: str) -> Judgement | None:
    """Whether the builder refuses the keyword after all, as other versions do, which is no better."""
    raised = observation["events"] and (observation["events"][-1] or {}).get("raised")
    if raised and f"'{name}'" in raised["text"]:
        return confirmed(f"{raised['type']}: {raised['text']}")
    return None


@dataclass(frozen=True, slots=True)
class CountIgnored(Claim):
    """Forward does not return `value` classes although the attribute `name` of `module` says so."""

    module: ModuleRef
    name: str
    value: Argument

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.module,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        if events_ended(observation) is None and not includes(recipe, "attribute", self.name):
            return unconfirmed("the replay leaves it out")
        return _returns_others(recipe, observation, self.value)


@dataclass(frozen=True, slots=True)
class ClassesKept(Claim):
    """Forward of `model` does not return `value` classes."""

    model: ModuleRef
    value: Argument

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        return _returns_others(recipe, observation, self.value)


def _returns_others(recipe: Recipe, observation: dict[str, Any], value: Argument) -> Judgement:
    """Whether forward returns other classes than `value`."""
    early = stopped_early(observation)
    if early is not None:
        return early
    output = observation["forward"]["output"]
    if number_of(recipe, value) in widths(output):
        return REFUTED
    return confirmed(f"forward returns {shape_text(output)}")
