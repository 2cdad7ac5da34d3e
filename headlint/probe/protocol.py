"""What comes back from an experiment: what the worker saw, or the reason why there is nothing to see."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeGuard

WORKER_VERSION = 1
"""The version of the worker's lines that this client speaks."""

FailureKind = Literal["python", "start", "refused", "memory", "time", "crash", "environment", "pending"]


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of what ran an experiment."""

    python: str
    torch: str
    torchvision: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What the worker saw, as it wrote it down.

    `data` holds:

    - `events`: one item for every replayed event, null, or for the last one `{"raised": {"type", "text"}}` or
      `{"reached": "the download"}`;
    - `optimizers`: one item for every optimizer, null if it is over parameters that are not known, else `raised`, or
      `tensors` (how many it holds), `outside` (how many of them are not in the model at the end) and `missing` (names
      in the model that train and that neither it nor one before it holds);
    - `forward`, if the recipe had an input and no event ended it: `output` (nested shapes), `raised` (`type`, `text`,
      `module` as `[object, path]`, `place`) or null, `stopped` (`"opaque"` or null); with `values` also those, in the
      structure of the output and over several inputs: `rows_sum_to_one`, `in_unit_interval`, `constant`, `min`, `max`,
      or null; if uses were asked for, `kind` (the class of the output) and `uses`, for each of them null or what it
      raises, here and for `training`;
    - `watch`, by `"object:path"`, for the watched modules that were made: `calls`, `arrived` (a shape or null),
      `inside`, `modules_called`, `weight` (the shape of its own parameter of this name, or null), and counts of
      parameter tensors: `held` (by any optimizer), `parameters`,
      `trainable`, `used` (the output depends on them), `reached` (used and trainable); the last two are null where
      no output tells;
    - `model`: the same four counts for the whole model; null if an event ended the replay before it was made;
    - `arrivals`, if they were asked for and no event ended the replay: for each of them null if nothing arrived, else
      `shape` and `least`, the least number in it;
    - `looks`, if they were asked for: one item for every event behind which forward was run, with the number of the
      event (`behind`), the `input` that went through (a shape, null if none did), `output`, `stopped` (`"opaque"`,
      `"not made"` or null), what the first input `raised` if none went through (as for forward, with the shape that the
      module was `given` and the width that it `takes`, and in `givens` the shapes of all inputs with which it did), and
      the shapes that `arrived` at watched modules, of the input that went through or else of the first;
    - `description`, if it was asked for and the model was made: its `modules` in the order of `named_modules`, each
      once, with `place`, `type`, `says` (what torch prints between the brackets), `origin` (`[object, path]` or null),
      `calls`, the shapes that `arrived` and that it `returned`, and of its own parameters how many numbers there are
      (`parameters`), train (`trainable`), are `held` by an optimizer, are `used` and are `reached` by a gradient, and
      their `bytes` and `trainable_bytes`; the same sums over the whole model, and its `buffer_bytes`;
    - `training_memory`, beside it if there was an input: the `input` and `output` (nested shapes) of a forward in train
      mode, the bytes that autograd has `kept` for backward, and the places of the modules `called`, or why it `failed`;
    - `names`, if they were asked for and no event ended the replay: the flag of every parameter by its name;
    - `training`, if a step was asked for and no event ended the replay: `output`, `raised` (with `phase`: forward,
      loss, backward or step) and `stopped` as for forward but in train mode, `loss`, and for `model` and by name in
      `watch`: `modules_called` (of it and those in it), `with_gradient` and `stepped` (parameter tensors that got a
      gradient, and that the last optimizer wrote to; null where none stepped), `buffers`, `buffers_moved`, the same of
      those that are no whole numbers (`statistics`, `statistics_moved`), and with `values` the `largest_gradient`.
    """

    data: dict[str, Any]
    versions: Versions


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no observation, in one line."""

    reason: str
    kind: FailureKind


class Observer(Protocol):
    """What answers recipes: a prober with its worker, or another process that has one."""

    def observe(self, recipe: dict[str, Any]) -> Observation | Failure:
        """What happened when this recipe was replayed, or why there is nothing to see."""


def canonical(value: object) -> str:
    """JSON text that is the same for equal values; raises TypeError or ValueError for what is no JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def parse_versions(data: object) -> Versions | None:
    """The versions in a worker's first line or in a cached answer."""
    if isinstance(data, dict):
        texts = [data.get(name) for name in ("python", "torch", "torchvision")]
        if all(isinstance(text, str) and text for text in texts):
            return Versions(*map(str, texts))
    return None


def parse_answer(data: object, versions: Versions) -> Observation | Failure | None:
    """The observation or failure in an answer; None if it is neither."""
    if not isinstance(data, dict):
        return None
    if "failed" in data:
        reason, kind = data["failed"], data.get("kind")
        if isinstance(reason, str) and kind in ("refused", "memory", "time", "crash", "environment"):
            return Failure(" ".join(reason.split()), kind)
        return None
    observation = data.get("observation")
    return Observation(observation, versions) if is_observation(observation) else None


COUNTS = {"parameters", "trainable", "used", "reached"}
FACTS = COUNTS | {"calls", "arrived", "inside", "modules_called", "held", "weight"}
SUMS = {"parameters", "trainable", "held", "used", "reached", "bytes", "trainable_bytes"}
MEMORY = {"input", "output", "kept", "called", "failed"}
STEP = {
    "modules_called",
    "with_gradient",
    "stepped",
    "buffers",
    "buffers_moved",
    "statistics",
    "statistics_moved",
    "largest_gradient",
}


def is_observation(data: object) -> TypeGuard[dict[str, Any]]:
    """Whether this has the shape that `Observation` promises."""
    if not isinstance(data, dict):
        return False
    model = data.get("model")
    return (
        all_are(is_event, data.get("events"))
        and all_are(is_optimizer, data.get("optimizers"))
        and ("forward" not in data or is_run(data["forward"], {"output", "raised", "stopped"}))
        and (model is None or has(model, COUNTS))
        and isinstance(data.get("watch"), dict)
        and all(has(item, FACTS) for item in data["watch"].values())
        and ("arrivals" not in data or all_are(is_arrival, data["arrivals"]))
        and ("looks" not in data or all_are(is_look, data["looks"]))
        and ("description" not in data or is_description(data["description"]))
        and ("training_memory" not in data or has(data["training_memory"], MEMORY))
        and ("names" not in data or (isinstance(data["names"], dict) and all_are(is_flag, [*data["names"].values()])))
        and ("training" not in data or is_training(data["training"]))
    )


def all_are(kind: Callable[[object], bool], items: object) -> bool:
    """Whether this is a list of such items."""
    return isinstance(items, list) and all(kind(item) for item in items)


def has(data: object, names: set[str]) -> bool:
    """Whether this is an object with just these names."""
    return isinstance(data, dict) and data.keys() == names


def is_event(data: object) -> bool:
    """Whether this is what came of an event."""
    if not isinstance(data, dict):
        return data is None
    return isinstance(data.get("reached"), str) if "reached" in data else is_raised(data.get("raised"))


def is_arrival(data: object) -> bool:
    """Whether this is what arrived at a module."""
    return data is None or (has(data, {"shape", "least"}) and isinstance(data["least"], (int, float)))  # type: ignore[index]


def is_look(data: object) -> bool:
    """Whether this is what forward did behind an event."""
    names = {"behind", "input", "output", "stopped", "arrived", "givens"}
    return is_run(data, names) and isinstance(data["arrived"], dict)  # type: ignore[index]


def is_description(data: object) -> bool:
    """Whether this is a model from top to bottom."""
    if not has(data, {"modules", "buffer_bytes"} | SUMS):
        return False
    names = {"place", "type", "says", "origin", "calls", "arrived", "returned"} | SUMS
    return all_are(lambda module: has(module, names), data["modules"])  # type: ignore[index]


def is_flag(data: object) -> bool:
    """Whether this is true or false."""
    return isinstance(data, bool)


def is_optimizer(data: object) -> bool:
    """Whether this is what came of an optimizer."""
    if isinstance(data, dict) and "raised" in data:
        return is_raised(data["raised"])
    return data is None or has(data, {"tensors", "outside", "missing"})


def is_run(data: object, names: set[str]) -> bool:
    """Whether this is what came of a forward, with these names at least."""
    if not isinstance(data, dict) or not names <= data.keys():
        return False
    return data["raised"] is None or is_raised(data["raised"])


def is_training(data: object) -> bool:
    """Whether this is what came of a training step."""
    if not is_run(data, {"output", "raised", "stopped", "loss", "model", "watch"}):
        return False
    assert isinstance(data, dict)
    watch = data["watch"]
    return has(data["model"], STEP) and isinstance(watch, dict) and all(has(item, STEP) for item in watch.values())


def is_raised(data: object) -> bool:
    """Whether this is an exception's type and text."""
    return isinstance(data, dict) and isinstance(data.get("type"), str) and isinstance(data.get("text"), str)
