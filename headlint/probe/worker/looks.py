"""How forward fares while the events go by: one run behind every event that the recipe wants looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .calls import Calls
from .graph import plain_checkpoints
from .guard import judge
from .inputs import inputs, runs_otherwise
from .refusal import NoObservation
from .standins import OpaqueReached
from .tensors import shapes_in

if TYPE_CHECKING:
    from .experiment import Experiment


def look(experiment: Experiment, index: int) -> dict[str, Any]:
    """What forward does when event number `index` has been replayed; the model is left in the modes it was in.

    The inputs of the recipe are tried in turn, until one goes through; what the first one raises is told if none does.
    """
    result: dict[str, Any] = {
        "behind": index,
        "input": None,
        "output": None,
        "raised": None,
        "stopped": None,
        "arrived": {},
        "givens": [],
    }
    result["stopped"] = "not made"
    for ref in dict.fromkeys((experiment.recipe.model, experiment.recipe.inner)):
        model = experiment.replay.module(ref, missing=True)
        if model is not None and result["stopped"]:
            result["stopped"] = None
            _look(experiment, model, result)
    return result


def _look(experiment: Experiment, model: Any, result: dict[str, Any]) -> None:
    """The same of one module, written into the result."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        for shape in experiment.recipe.looks:
            calls = Calls(experiment.torch)
            raised = _run(experiment, model, shape, calls, result)
            if raised is None or result["raised"] is None:
                result["arrived"] = _arrived(experiment, calls)
            if raised is None:
                result.update(input=None if result["stopped"] else shape, raised=None)
                break
            result["raised"] = result["raised"] or raised
            if raised["place"] == result["raised"]["place"]:
                result["givens"].append(raised["given"])
    finally:
        for module, training in modes:
            module.training = training


def _run(
    experiment: Experiment, model: Any, shape: list[int], calls: Calls, result: dict[str, Any]
) -> dict[str, Any] | None:
    """Run forward once; what it raises."""
    model.eval()
    raised: dict[str, Any] | None = None
    given = inputs(experiment, model, shape, training=False)
    with calls, experiment.torch.no_grad(), plain_checkpoints(experiment.torch):
        try:
            result["output"] = shapes_in(model(*given))
        except NoObservation:
            raise
        except OpaqueReached:
            result["stopped"] = "opaque"
        except Exception as error:
            raised = {**judge(error), **experiment.where(model, calls)}
            raised["given"] = calls.given[-1] if calls.open else None
            raised["takes"] = _width(calls.open[-1]) if calls.open else None
    if raised is not None and runs_otherwise(experiment, model, shape):
        result["stopped"] = "opaque"
        return None
    return raised


def _width(module: Any) -> int | None:
    """How many features or channels a layer takes; null for what is no such layer."""
    widths = (getattr(module, name, None) for name in ("in_features", "in_channels", "num_features"))
    return next((width for width in widths if isinstance(width, int)), None)


def _arrived(experiment: Experiment, calls: Calls) -> dict[str, Any]:
    """The shapes that arrived at the watched modules which forward has called."""
    watched = {f"{ref[0]}:{ref[1]}": experiment.replay.module(ref, missing=True) for ref in experiment.recipe.watch}
    return {name: calls.arrived[id(module)] for name, module in watched.items() if id(module) in calls.arrived}
