"""The claim that the surgery itself raises, or leaves a model whose forward does, from one statement on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.claims.arrivals import arrival_text
from headlint.claims.base import REFUTED, Claim, Judgement, confirmed, unconfirmed
from headlint.history import AnyEvent, Recipe


@dataclass(frozen=True, slots=True)
class RaisesFrom(Claim):
    """One of `events`, which are those of one statement, raises, or forward does on all `inputs` from there on.

    The inputs are those that a program is likely to have, so that none of them going through is no matter of their
    size or of their channels.
    """

    events: tuple[AnyEvent, ...]
    inputs: tuple[tuple[int, ...], ...]

    @property
    def looks(self) -> tuple[tuple[int, ...], ...]:
        return self.inputs

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        if holds(observation):
            return REFUTED
        found = _first_raising(observation)
        if found is None:
            return unconfirmed("the replay does not tell which statement it is")
        step, index = found
        if not any(recipe.steps[index] is event for event in self.events):
            return REFUTED
        if _rests_on_a_witness(recipe, index, step):
            return unconfirmed("it depends on a size that the code does not give")
        if _depends_on_the_picture(step):
            return unconfirmed("it depends on the size of the picture")
        return confirmed(_told(step))


@dataclass(frozen=True, slots=True)
class RunsInside(RaisesFrom):
    """The same of a module in which parts of the model run by themselves, where its own forward counts for nothing."""

    own_forward: ClassVar[bool] = False


def holds(observation: dict[str, Any]) -> bool:
    """Whether every event was replayed, every optimizer made, and forward ran at the end."""
    looks: list[dict[str, Any]] = observation.get("looks") or []
    made = all(optimizer is None or "raised" not in optimizer for optimizer in observation["optimizers"])
    return made and bool(looks) and not any(observation["events"]) and looks[-1]["input"] is not None


def _first_raising(observation: dict[str, Any]) -> tuple[dict[str, Any], int] | None:
    """What raises at the end, with the number of the event it begins with; None where the replay does not tell."""
    events = observation["events"]
    if events and events[-1] is not None:
        step: dict[str, Any] = {**events[-1], "givens": []}
        return (step, len(events) - 1) if "raised" in step else None
    looks = observation.get("looks") or []
    # From the last look back, to where forward still ran.
    for number in range(len(looks) - 1, 0, -1):
        before, here = looks[number - 1], looks[number]
        if here["raised"] is None:
            return None
        if before["input"] is not None:
            return here, here["behind"]
    return None


def _rests_on_a_witness(recipe: Recipe, index: int, step: dict[str, Any]) -> bool:
    """Whether a number that only stands for something has part in it."""
    witnesses = {str(number) for number in recipe.witnesses.texts}
    body = recipe.body["events"]
    assert isinstance(body, list)
    used = [number for number in re.findall(r"\d+", repr(body)) if number in witnesses]
    # Two sizes that the code does not give may be one, or one made of the other, and a new shape may ask for a divisor.
    if len(used) > 1 or (used and "'reshape'" in repr(body)):
        return True
    raised = step["raised"]
    told = [raised["text"], raised.get("given"), step["givens"]]
    module = raised.get("module")
    if module is not None:
        # What it was made with, and where: a layer alone, or the model that it came in.
        told += [made for made in body if isinstance(made, dict) and made.get("object") == module[0]]
    if not step["givens"]:
        told.append(body[index])
    return not witnesses.isdisjoint(re.findall(r"\d+", repr(told)))


def _depends_on_the_picture(step: dict[str, Any]) -> bool:
    """Whether pictures of another size bring features of another width to the module that raises."""
    # Layers over the last axis get columns of the picture where they are given maps.
    last = re.match(r"mat1 and mat2|Given normalized_shape", step["raised"]["text"])
    widths = {given[-1] for given in step["givens"] if given is not None and (last or len(given) == 2)}
    return len(widths) > 1


def _told(step: dict[str, Any]) -> str:
    """What raised, in which module, in torch's words, and what arrives there."""
    raised = step["raised"]
    place, given = raised.get("place"), raised.get("given")
    if not place:
        return f"{raised['type']}: {raised['text']}"
    arrives = "" if given is None else f"; {arrival_text(given, place, raised['takes'])}"
    return f"{raised['type']} in '{place}': {raised['text']}{arrives}"
