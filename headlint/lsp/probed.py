"""A replay of a model as it stands at one point of the code: what the worker is asked for hover, and what it saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headlint.checks.places import spelled
from headlint.checks.wholes import pictures
from headlint.claims.arrivals import arrival_text, arriving
from headlint.claims.base import shape_text
from headlint.flow.histories import history_so_far
from headlint.flow.state import State
from headlint.history import ModuleRef, Recipe, choose_witnesses, recipe
from headlint.output.standing import standing_lines
from headlint.probe.protocol import Failure, Observation
from headlint.standing import Standing, at_place
from headlint.verdicts import without_witnesses


@dataclass(frozen=True)
class Subject:
    """A model on one path up to a point of the code, and the recipe that replays it, None if it cannot be.

    `modules` are those of which it is told what arrives, by their places. `evidence` are lines on what
    replays of findings about this model have shown.
    """

    standing: Standing
    recipe: Recipe | None
    modules: tuple[tuple[str, ModuleRef], ...]
    evidence: tuple[str, ...]

    def lines(self, answer: Observation | Failure | None) -> tuple[str, ...]:
        """What to tell of it with what the worker has answered by now; None where nobody is to be asked."""
        if self.recipe is None or answer is None:
            seen, ran = [], False
        elif isinstance(answer, Failure):
            words = "a replay is under way" if answer.kind == "pending" else f"not replayed: {answer.reason}"
            seen, ran = [words], False
        else:
            seen, ran = list(_seen(self, self.recipe, answer)), True
        return (*standing_lines(self.standing, output=not ran), *seen, *self.evidence)


def subject(state: State, found: Standing, evidence: tuple[str, ...]) -> Subject:
    """A model as a path has it, to be replayed on the input that it is meant for, if that is not very large."""
    history = history_so_far(state, found.build)
    places = dict.fromkeys(part.place for part in (found.part, *found.heads) if part.place)
    at = ((place, at_place(state, ModuleRef(found.build.object, ""), place)) for place in places)
    modules = tuple((place, ref) for place, ref in at if ref is not None)
    if history is None:
        return Subject(found, None, modules, evidence)
    asked = recipe(
        history.events,
        model=history.model,
        watch=[ref for _, ref in modules],
        input_shape=pictures(history)[0],
        witnesses=choose_witnesses(history.events),
    )
    return Subject(found, asked, modules, evidence)


def _seen(subject: Subject, asked: Recipe, answer: Observation) -> Iterator[str]:
    """What a real forward did, in words of the code for sizes that it does not give."""
    for line in _told(subject, asked, answer.data):
        yield without_witnesses(line, asked)
    counts = answer.data["model"]
    if counts is not None and counts["reached"] is not None:
        yield f"gradients reach {counts['reached']} of its {counts['parameters']} parameter tensors"
    versions = (("torch", answer.versions.torch), ("torchvision", answer.versions.torchvision))
    spoken = ", ".join(f"{name} {version.partition('+')[0]}" for name, version in versions)
    yield f"seen in a replay in eval mode, on {shape_text(asked.body['input'])}, with {spoken}"


def _told(subject: Subject, asked: Recipe, data: dict[str, Any]) -> Iterator[str]:
    ended = next((event for event in data["events"] if event is not None), None)
    if ended is not None:
        raised = ended.get("raised")
        yield f"the code raises before that: {_error(raised)}" if raised else f"the code comes to {ended['reached']}"
        return
    forward = data["forward"]
    raised = forward["raised"]
    if raised:
        where = f" in `{spelled(raised['place'])}`" if raised.get("place") else ""
        yield f"forward raises{where}: {_error(raised)}"
    elif forward["stopped"]:
        yield "forward runs through a module that is not understood"
    else:
        yield f"output: {shape_text(forward['output'])}"
    arrived = arriving(asked, data)
    for place, ref in subject.modules:
        if ref in arrived:
            yield arrival_text(arrived[ref], spelled(place)).replace("'", "`")
        elif forward["output"] is not None and (data["watch"].get(_name(asked, ref)) or {}).get("calls") == 0:
            yield f"forward does not call `{spelled(place)}`"


def _error(raised: dict[str, Any]) -> str:
    return " ".join(f"{raised['type']}: {raised['text']}".split())


def _name(asked: Recipe, ref: ModuleRef) -> str:
    return f"{asked.numbers[ref.object]}:{ref.path}"
