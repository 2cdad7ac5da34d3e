"""Claims about which parameters require grad."""

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
    stopped_early,
    unconfirmed,
)
from headlint.history import ModuleRef, Recipe


@dataclass(frozen=True, slots=True)
class NamesCaught(Claim):
    """A test held for `matched` of `total` names of parameters of `owner`, and those of `against` have another flag.

    In the end its parameters have `names`, `against` among them; then there may be others than the test saw. What
    stands in modules whose parameters are not known has names that begin with one of `hidden`.
    """

    owner: ModuleRef
    names: tuple[str, ...]
    matched: int
    total: int
    against: frozenset[str]
    flag: bool
    hidden: tuple[str, ...] = ()
    needs_forward: ClassVar[bool] = False

    @property
    def named(self) -> ModuleRef:
        return self.owner

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        ended = events_ended(observation)
        if ended is not None:
            return ended
        flags = observation.get("names")
        if flags is None:
            return unconfirmed("the replay does not tell the names")
        known = {name for name in flags if not name.startswith(self.hidden)}
        if known != set(self.names) or any(flags[name] is not self.flag for name in self.against):
            return REFUTED
        state = "requires grad" if self.flag else "is frozen"
        some = sorted(self.against, key=self.names.index)
        return confirmed(
            f"it holds for {self.matched} of the {self.total} names that named_parameters gives, and '{some[-1]}'"
            f" {state}"
        )


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
            return unconfirmed("the replay does not reach the head")
        if not facts["inside"] or not facts["parameters"] or facts["trainable"] or facts["reached"]:
            return REFUTED
        early = stopped_early(observation)
        if early is not None and not (observation.get("forward") or {}).get("stopped"):
            return early
        total = facts["parameters"]
        return confirmed(f"no gradient reaches any of the {total} parameters of '{self.name}'")


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
            return unconfirmed("the replay raises")
        watched = [observation["watch"].get(recipe.key(module)) for module in self.frozen]
        if any(facts is None for facts in watched):
            return unconfirmed("the replay does not watch what was frozen")
        if any(facts is not None and facts["inside"] for facts in watched):
            return REFUTED
        model = observation["model"]
        if model["trainable"] != model["parameters"]:
            return REFUTED
        return confirmed(f"all {model['parameters']} parameters of the model still require grad")


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
        ended = events_ended(observation)
        if ended is not None:
            return ended
        if not includes(recipe, self.do, self.name):
            return unconfirmed("the replay leaves it out")
        all_against = all_there = 0
        for module, count in self.modules:
            facts = observation["watch"].get(recipe.key(module))
            if facts is None:
                return unconfirmed("the replay does not watch it")
            there, trainable = facts["parameters"], facts["trainable"]
            against = there - trainable if self.wanted else trainable
            # Fewer than it is for, and no more than there are without those: it may well have worked.
            if against < count and against <= there - count:
                return REFUTED
            all_against += against
            all_there += there
        return confirmed(f"requires_grad is {not self.wanted} for {all_against} of {all_there} parameters")


@dataclass(frozen=True, slots=True)
class AllFrozen(Claim):
    """No parameter of `model` requires grad."""

    model: ModuleRef
    needs_forward: ClassVar[bool] = False

    @property
    def watch(self) -> tuple[ModuleRef, ...]:
        return (self.model,)

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        ended = events_ended(observation)
        if ended is not None:
            return ended
        # It is the model that is run, alone or in a wrapper.
        facts = observation["watch"].get(recipe.key(self.model)) or observation["model"]
        if facts is None:
            return unconfirmed("the replay does not make it")
        if facts["trainable"] or not facts["parameters"]:
            return REFUTED
        return confirmed(f"requires_grad is False for all {facts['parameters']} parameters")
