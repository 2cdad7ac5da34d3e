"""What comes back from an experiment: what the worker saw, or the reason why there is nothing to see."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

WORKER_VERSION = 1
"""The version of the worker's lines that this client speaks."""

FailureKind = Literal["python", "start", "refused", "memory", "time", "crash", "environment"]


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

    - `events`: one item for every replayed event, null, or `{"raised": {"type", "text"}}` for the last one;
    - `forward`, if the recipe had an input and no event raised: `output` (nested shapes), `raised` (`type`, `text`,
      `module` as `[object, path]`, `place`) or null, `stopped` (`"opaque"` or null);
    - `watch`, by `"object:path"`, for the watched modules that were made: `calls`, `arrived` (a shape or null),
      `inside`, `modules_called`, and counts of parameter tensors: `parameters`, `trainable`, `used` (the output
      depends on them), `reached` (used and trainable); the last two are null where no output tells;
    - `model`: the same four counts for the whole model; null if an event raised before it was made.
    """

    data: dict[str, Any]
    versions: Versions


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no observation, in one line."""

    reason: str
    kind: FailureKind


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
FACTS = COUNTS | {"calls", "arrived", "inside", "modules_called"}


def is_observation(data: object) -> TypeGuard[dict[str, Any]]:
    """Whether this has the shape that `Observation` promises."""
    if not isinstance(data, dict) or not isinstance(data.get("events"), list):
        return False
    events, watch, model = data["events"], data.get("watch"), data.get("model")
    if not all(event is None or (isinstance(event, dict) and is_raised(event.get("raised"))) for event in events):
        return False
    forward = data.get("forward")
    if forward is not None:
        if not isinstance(forward, dict) or forward.keys() != {"output", "raised", "stopped"}:
            return False
        if forward["raised"] is not None and not is_raised(forward["raised"]):
            return False
    return (
        (model is None or (isinstance(model, dict) and model.keys() == COUNTS))
        and isinstance(watch, dict)
        and all(isinstance(item, dict) and item.keys() == FACTS for item in watch.values())
    )


def is_raised(data: object) -> bool:
    """Whether this is an exception's type and text."""
    return isinstance(data, dict) and isinstance(data.get("type"), str) and isinstance(data.get("text"), str)
