"""What the outputs of a model are: probabilities, one number, something that is no tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.claims.base import (
    REFUTED,
    Claim,
    Judgement,
    confirmed,
    events_ended,
    shape_text,
    stopped_early,
    unconfirmed,
    widths,
)
from headlint.history import Argument, ModuleRef, Recipe


@dataclass(frozen=True, slots=True)
class OutputsNormalised(Claim):
    """What forward of `model` returns sums to one in each row, or at least lies between 0 and 1.

    Of a dict, its "out" counts. With a `layer`, its kind and arguments, it is what that makes of it which counts.
    """

    model: ModuleRef
    summed: bool
    layer: tuple[str, tuple[tuple[str, Argument], ...]] | None = None
    needs_values: ClassVar[bool] = True

    @property
    def behind(self) -> tuple[str, tuple[tuple[str, Argument], ...]] | None:
        return self.layer

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        values, output = _main_output(observation)
        if isinstance(values, Judgement):
            return values
        if not values["in_unit_interval"] or (self.summed and not values["rows_sum_to_one"]):
            return REFUTED
        returned = "forward returns" if self.layer is None else f"the {self.layer[0].lower()} returns"
        if self.summed:
            return confirmed(f"every row of what {returned}, {output}, sums to 1")
        return confirmed(f"all of what {returned}, {output}, lies between 0 and 1")


@dataclass(frozen=True, slots=True)
class OutputConstant(Claim):
    """All numbers that forward of `model` returns are the same, whatever the picture; of a dict, its "out" counts."""

    model: ModuleRef
    needs_values: ClassVar[bool] = True

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        values, output = _main_output(observation)
        if isinstance(values, Judgement):
            return values
        if not values["constant"]:
            return REFUTED
        return confirmed(f"every number that forward returns, {output}, is {values['min']:g}")


def _main_output(observation: dict[str, Any]) -> tuple[dict[str, Any] | Judgement, str]:
    """What is known of the numbers that forward returns, with their shape, or why nothing is."""
    early = stopped_early(observation)
    if early is not None:
        return early, ""
    values, output = observation["forward"].get("values"), observation["forward"]["output"]
    if isinstance(output, dict) and isinstance(values, dict):
        values, output = values.get("out"), output.get("out")
    if not isinstance(values, dict) or "constant" not in values:
        return unconfirmed("forward returns nothing whose numbers can be looked at"), ""
    return values, shape_text(output)


@dataclass(frozen=True, slots=True)
class OneLogitLoss(Claim):
    """`model` returns one number for each image, and the cross entropy of that is 0 and has no gradient."""

    model: ModuleRef
    needs_training: ClassVar[bool] = True
    needs_values: ClassVar[bool] = True

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        early = stopped_early(observation)
        if early is not None:
            return early
        step = observation["training"]
        if step["loss"] is None:
            return unconfirmed("no training step could be taken")
        output, largest = step["output"], step["model"]["largest_gradient"]
        one = isinstance(output, list) and len(output) > 1 and output[1] == 1
        if not one or step["loss"] != 0 or largest:
            return REFUTED
        gradient = "" if largest is None else ", its largest gradient 0.0"
        return confirmed(f"forward returns {shape_text(output)}, its cross entropy is 0.0{gradient}")


@dataclass(frozen=True, slots=True)
class OutputRefused(Claim):
    """What `model` returns in eval mode is no tensor, and the use that the code makes of it raises."""

    model: ModuleRef
    use: tuple[str, str]

    @property
    def uses(self) -> tuple[tuple[str, str], ...]:
        return (self.use,)

    def run_of(self, observation: dict[str, Any]) -> dict[str, Any] | None:
        """What forward gave in the mode that counts."""
        run: dict[str, Any] | None = observation.get("forward")
        return run

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        ended = events_ended(observation)
        if ended is not None:
            return ended
        run = self.run_of(observation)
        if run is None or "uses" not in run:
            return unconfirmed("forward does not come to its end")
        (raised,) = run["uses"]
        if raised is None or run["kind"] == "Tensor":
            return REFUTED
        return confirmed(f"{raised['type']}: {raised['text']}")


@dataclass(frozen=True, slots=True)
class TrainingOutputRefused(OutputRefused):
    """The same in train mode."""

    needs_training: ClassVar[bool] = True

    def run_of(self, observation: dict[str, Any]) -> dict[str, Any] | None:
        """What forward gave in the mode that counts."""
        run: dict[str, Any] | None = observation.get("training")
        return run


@dataclass(frozen=True, slots=True)
class WidthsDiffer(Claim):
    """In train mode, the part of the output of `model` called `part` has other classes than its main one."""

    model: ModuleRef
    part: str
    needs_training: ClassVar[bool] = True

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        ended = events_ended(observation)
        if ended is not None:
            return ended
        output = (observation.get("training") or {}).get("output")
        if output is None:
            return unconfirmed("forward does not come to its end in train mode")
        if not isinstance(output, dict) or output.get(self.part) is None:
            return REFUTED
        main = output.get("out", output.get("logits"))
        if widths(main) == widths(output[self.part]):
            return REFUTED
        return confirmed(f"in train mode forward returns {shape_text(output)}")
