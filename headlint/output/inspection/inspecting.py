"""From a history to an inspection: one replay that tells the model from top to bottom."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import libcst as cst

from headlint.checks.recipes import input_shape
from headlint.checks.wholes import entrance
from headlint.claims.base import shape_text, widths
from headlint.flow.histories import ModelHistory
from headlint.history import (
    MakeContainer,
    MakeLayer,
    MakeOpaque,
    MakeOptimizer,
    ModuleRef,
    Recipe,
    SetFlag,
    SetModule,
    choose_witnesses,
    recipe,
)
from headlint.output.inspection.histories import Way, spelled
from headlint.output.inspection.model import Inspection, Memory, OptimizerFacts, Part, Shape, State
from headlint.probe.client import Prober
from headlint.probe.protocol import Failure, Observation
from headlint.source.program import Program
from headlint.verdicts import without_witnesses

# How many tensors optimizers keep beside each that they train.
_KEPT_BY = {"SGD": 0, "Adagrad": 1, "ASGD": 1, "RMSprop": 1}
_OTHERS_KEEP = 2
# Sides of pictures, in pixels: from which on a smaller one is shown, and that one.
LARGEST_SIDE = 400
MIDDLE_SIDE = 224


def inspect(program: Program, way: Way, until: str, prober: Prober) -> Inspection:
    """Replay one way and tell what came of it; a replay that is not possible is told with the reason."""
    history = way.history
    known = Inspection(
        file=program.name,
        line=spelled(program, history.build.site),
        builder=history.builder.name,
        number=history.occurrence,
        conditions=way.conditions,
        until=until,
        complete=history.complete,
        steps=way.steps,
    )
    body = whole_recipe(history)
    seen = prober.observe(body.body)
    if isinstance(seen, Failure):
        return replace(known, failed=seen.reason)
    return replace(known, **_Reading(program, way, body, seen).facts())


def picture(history: ModelHistory) -> Shape:
    """The input that the model is shown with, batch first: the one it is meant for, or a smaller one for a large one.

    A detection or segmentation model does the same on less than half of its usual side, in a fifth of the time.
    """
    usual = tuple(input_shape(history, usual=True))
    smallest = history.builder.smallest_input
    if len(usual) != 4 or max(usual[2:]) <= LARGEST_SIDE or min(smallest[1:]) > MIDDLE_SIDE:
        return usual
    return (*usual[:2], MIDDLE_SIDE, MIDDLE_SIDE)


def whole_recipe(history: ModelHistory) -> Recipe:
    """What the worker needs to tell the model as it stands in the end."""
    return recipe(
        history.events,
        model=entrance(history) or history.model,
        watch=(),
        input_shape=picture(history),
        witnesses=choose_witnesses(history.events),
        describe=True,
    )


class _Reading:
    """One observation, read with the history that it belongs to."""

    def __init__(self, program: Program, way: Way, body: Recipe, seen: Observation) -> None:
        self.program = program
        self.way = way
        self.recipe = body
        self.seen = seen
        self.data = seen.data
        self.objects = {number: identity for identity, number in body.numbers.items()}
        self.raised = self._what_raised()
        self.called_in_training = frozenset((self.data.get("training_memory") or {}).get("called") or ())
        self.new = self._lines_of_new()
        self.flagged = self._lines_of_flags()

    def facts(self) -> dict[str, Any]:
        """What an inspection holds beside what is known without a replay."""
        forward = self.data.get("forward") or {}
        training = self.data.get("training_memory") or {}
        output = forward.get("output")
        versions = self.seen.versions
        return {
            "root": self._tree(),
            "input": picture(self.way.history),
            "usual": (*picture(self.way.history)[:2], *self.way.history.builder.default_input[1:]),
            "output": "" if output is None else self.shown(shape_text(output)),
            "classes": tuple(self.shown(str(width)) for width in sorted(widths(output or []))),
            "training_output": "" if training.get("output") is None else self.shown(shape_text(training["output"])),
            "raised": self.raised.get("text", "") and self.shown(f"{self.raised['type']}: {self.raised['text']}"),
            "raised_in": self.raised.get("place") or "",
            "optimizers": tuple(self._optimizers()),
            "memory": self._memory(training),
            "stand_ins": tuple((text, number) for number, text in self.recipe.witnesses.texts.items()),
            "torch": versions.torch.partition("+")[0],
            "torchvision": versions.torchvision.partition("+")[0],
            "failed": "" if self.data.get("description") else "the model is not made before the code raises",
        }

    def shown(self, text: str) -> str:
        """A text with the code's own words for the sizes that it does not give."""
        return without_witnesses(text, self.recipe)

    def _what_raised(self) -> dict[str, Any]:
        events = self.data["events"]
        if events and events[-1] is not None and "raised" in events[-1]:
            return {**events[-1]["raised"], "place": ""}
        forward = self.data.get("forward") or {}
        if forward.get("stopped"):
            return {"type": "not run", "text": "forward runs through a module that is not understood", "place": ""}
        return forward.get("raised") or {}

    # -- the code's part -----------------------------------------------------------------------------------------

    def _lines_of_new(self) -> dict[int, str]:
        """Objects that the code has made, with the line that puts them in, or that makes them."""
        found: dict[int, str] = {}
        for event in self.way.history.events:
            if isinstance(event, (MakeLayer, MakeContainer, MakeOpaque)):
                found[event.object] = spelled(self.program, event.site)
            elif isinstance(event, SetModule) and event.value is not None and not event.value.path:
                found[event.value.object] = spelled(self.program, event.site)
        return found

    def _lines_of_flags(self) -> dict[ModuleRef, str]:
        """Modules of which flags have been written, with the last line that did."""
        found: dict[ModuleRef, str] = {}
        for event in self.way.history.events:
            if isinstance(event, SetFlag):
                line = spelled(self.program, event.site)
                found.update((ModuleRef(p.object, p.path.rpartition(".")[0]), line) for p in event.parameters)
        return found

    # -- the tree ------------------------------------------------------------------------------------------------

    def _tree(self) -> Part | None:
        description = self.data.get("description")
        if description is None:
            return None
        below: dict[str, list[dict[str, Any]]] = {}
        for module in description["modules"]:
            if module["place"]:
                below.setdefault(module["place"].rpartition(".")[0], []).append(module)
        return self._part(description["modules"][0], below)

    def _part(self, module: dict[str, Any], below: dict[str, list[dict[str, Any]]]) -> Part:
        place: str = module["place"]
        children = tuple(self._part(child, below) for child in below.get(place, ()))
        sums = {
            name: module[name] + sum(getattr(child, name) for child in children)
            for name in ("parameters", "trainable", "held")
        }
        used = None if module["used"] is None else module["used"] + sum(child.used or 0 for child in children)
        origin = None if module["origin"] is None else ModuleRef(self.objects[module["origin"][0]], module["origin"][1])
        own = origin is not None and origin.object != self.way.history.build.object
        flagged = self.flagged.get(origin, "") if origin is not None else ""
        lines = {flagged} - {""} | {child.flagged for child in children if child.parameters}
        return Part(
            name=place.rpartition(".")[2],
            place=place,
            type=module["type"],
            says=self.shown(module["says"]),
            state=self._state(place, sums["parameters"], sums["trainable"], used, module["calls"], children),
            new=self.new.get(origin.object, "") if origin is not None and own and not origin.path else "",
            flagged=next(iter(lines)) if len(lines) == 1 else "",
            calls=module["calls"],
            arrived=_shape(module["arrived"]),
            returned=_shape(module["returned"]),
            parameters=sums["parameters"],
            trainable=sums["trainable"],
            used=used,
            held=sums["held"],
            children=children,
        )

    def _state(
        self, place: str, parameters: int, trainable: int, used: int | None, calls: int, children: tuple[Part, ...]
    ) -> State:
        raised_in = self.raised.get("place")
        if raised_in and not children and place == raised_in:
            return "raises"
        if any(child.state == "raises" for child in children):
            return "raises"
        if not parameters:
            return "plain"
        parts = [part for child in children for part in (child, *child.below())]
        if used == 0 and not calls and not any(part.calls for part in parts):
            in_training = not self.called_in_training.isdisjoint({place, *(part.place for part in parts)})
            return "auxiliary" if in_training else "unused"
        if trainable == 0:
            return "frozen"
        return "trains" if trainable == parameters else "partly"

    # -- training ------------------------------------------------------------------------------------------------

    def _optimizers(self) -> list[OptimizerFacts]:
        made = [event for event in self.recipe.steps if isinstance(event, MakeOptimizer)]
        seen = self.data["optimizers"]
        return [
            OptimizerFacts(
                kind=event.kind,
                line=spelled(self.program, event.site),
                tensors=(facts or {}).get("tensors", 0),
                outside=(facts or {}).get("outside", 0),
                missing=tuple((facts or {}).get("missing", ())),
                raised=((facts or {}).get("raised") or {}).get("text", ""),
                known=facts is not None,
            )
            for event, facts in zip(made, seen, strict=False)
        ]

    def _memory(self, training: dict[str, Any]) -> Memory | None:
        description = self.data.get("description")
        if description is None:
            return None
        made = [event for event in self.recipe.steps if isinstance(event, MakeOptimizer)]
        # Of several the last one steps.
        tensors = _tensors_kept(made[-1]) if made else 0
        held = sum(min(module["held"], module["trainable"]) for module in description["modules"])
        shape = _shape(training.get("input")) or picture(self.way.history)
        return Memory(
            weights=description["bytes"] + description["buffer_bytes"],
            gradients=description["trainable_bytes"],
            optimizer=4 * tensors * held,
            kept=training.get("kept"),
            batch=shape[0],
            picture=shape[1:],
            failed=training.get("failed") or ("" if training else "forward does not run"),
        )


def _tensors_kept(event: MakeOptimizer) -> int:
    """How many tensors an optimizer keeps for each that it trains, read off its call."""
    given = cst.Module([]).code_for_node(event.site) if event.site is not None else ""
    momentum = re.search(r"momentum\s*=\s*(?!0(\.0*)?\s*[,)])", given) is not None
    kept = _KEPT_BY.get(event.kind, _OTHERS_KEEP)
    return kept + (momentum and event.kind in ("SGD", "RMSprop")) + ("amsgrad=True" in given.replace(" ", ""))


def _shape(value: Any) -> Shape | None:
    return None if value is None else tuple(value)
