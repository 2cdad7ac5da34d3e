"""One recipe from its first event to what was seen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .calls import Calls, one_device
from .convolutions import quick_convolutions
from .description import Sums, describe, training_memory
from .graph import never_unpacked, plain_checkpoints, used_parameters
from .guard import GUARD, judge
from .inputs import inputs, runs_otherwise
from .looks import look
from .recipe import Recipe
from .refusal import NoObservation
from .replay import Replay
from .standins import OpaqueReached
from .tensors import finite, is_made, shape_of_weight, shapes_in, size_of, tensors_in, values_in
from .training import TrainingStep

if TYPE_CHECKING:
    from .building import ZeroPool
    from .libraries import Libraries
    from .recipe import Json, Ref


class Experiment:
    """One recipe from its first event to its observation."""

    def __init__(self, libraries: Libraries, pool: ZeroPool, data: Json, memory: int) -> None:
        self.libraries = libraries
        self.torch = libraries.torch
        self.recipe = Recipe(libraries, data)
        self.replay = Replay(libraries, pool, self.recipe, memory)

    def observe(self) -> dict[str, Any]:
        """Replay, run forward, look; then take a training step, if one is asked for."""
        self.torch.default_generator.manual_seed(0)
        looks: list[dict[str, Any]] = []
        events = self.replay.run(lambda index: looks.append(look(self, index)))
        ended = bool(events) and events[-1] is not None
        observation: dict[str, Any] = {"events": events}
        if self.recipe.looks:
            observation["looks"] = looks
        model = self.replay.module(self.recipe.model, missing=ended)
        watched = {f"{ref[0]}:{ref[1]}": self.replay.module(ref, missing=ended) for ref in self.recipe.watch}
        watched = {name: module for name, module in watched.items() if module is not None}
        own = {id(module): list(module.parameters()) for module in (model, *watched.values()) if module is not None}
        parameters = {id(parameter): parameter for group in own.values() for parameter in group}
        trainable = {key for key, parameter in parameters.items() if parameter.requires_grad}
        observation["optimizers"] = self.optimizers(model, trainable)
        named = None if self.recipe.named is None else self.replay.module(self.recipe.named, missing=ended)
        if named is not None:
            observation["names"] = {name: p.requires_grad for name, p in named.named_parameters()}
        held = {key for made in self.replay.optimizers if made is not None for key in made.held}
        used: set[int] | None = None
        calls = Calls(self.torch)
        if self.recipe.input is not None and not ended:
            # Flags have been counted and are now all set, so that one forward tells what is used and what trains.
            for parameter in parameters.values():
                if parameter.is_floating_point():
                    parameter.requires_grad = True
            observation["forward"], used = self.forward(model, calls)

        if self.recipe.arrivals and self.recipe.input is not None and not ended:
            observation["arrivals"] = [self.arrival(*pair) for pair in self.recipe.arrivals]

        def counts(module: Any) -> dict[str, int | None]:
            """How many of a module's parameters exist, train, are used, and both; None where no output tells."""
            ids = {id(parameter) for parameter in own[id(module)]}
            return {
                "parameters": len(ids),
                "trainable": len(ids & trainable),
                "used": None if used is None else len(ids & used),
                "reached": None if used is None else len(ids & used & trainable),
            }

        inside = set() if model is None else {id(module) for module in model.modules()}
        observation["watch"] = {
            name: {
                "calls": calls.counts.get(id(module), 0),
                "arrived": calls.arrived.get(id(module)),
                "inside": id(module) in inside,
                "weight": shape_of_weight(module),
                "modules_called": sum(id(part) in calls.counts for part in module.modules()),
                "held": len({id(parameter) for parameter in own[id(module)]} & held),
                **counts(module),
            }
            for name, module in watched.items()
        }
        observation["model"] = None if model is None else counts(model)
        if self.recipe.describe and model is not None:
            observation["description"] = describe(self, model, calls, Sums(trainable, used, held))
            if self.recipe.input is not None and not ended:
                observation["training_memory"] = training_memory(self, model, trainable)
        if self.recipe.train and not ended:
            for key, parameter in parameters.items():
                parameter.requires_grad = key in trainable
            observation["training"] = TrainingStep(self, model, watched).take()
        return observation

    def optimizers(self, model: Any, trainable: set[int]) -> list[dict[str, Any] | None]:
        """What each optimizer holds, and what of the model it and those before it leave out."""
        names = {} if model is None else {id(parameter): name for name, parameter in model.named_parameters()}
        held: set[int] = set()
        seen: list[dict[str, Any] | None] = []
        for made in self.replay.optimizers:
            if made is None:
                seen.append(None)
            elif made.raised is not None:
                seen.append({"raised": made.raised})
            else:
                held.update(made.held)
                missing = [name for key, name in names.items() if key in trainable and key not in held]
                outside = len(made.held.keys() - names.keys())
                seen.append({"tensors": len(made.held), "outside": outside, "missing": missing})
        return seen

    def forward(self, model: Any, calls: Calls) -> tuple[dict[str, Any], set[int] | None]:
        """One forward pass in eval mode; saved activations are let go at once."""
        torch = self.torch
        result: dict[str, Any] = {"output": None, "raised": None, "stopped": None}
        model.eval()
        given = inputs(self, model, self.recipe.input or [], training=False)
        drop = torch.autograd.graph.saved_tensors_hooks(lambda tensor: None, never_unpacked)
        devices = self.devices(model, given) if self.recipe.devices else contextlib.nullcontext()
        quick = quick_convolutions(self.libraries, model, given)
        with calls, drop, torch.enable_grad(), plain_checkpoints(torch), devices, quick:
            try:
                output = model(*given)
            except OpaqueReached:
                result["stopped"] = "opaque"
                return result, None
            except Exception as error:
                raised: dict[str, Any] = judge(error)
                raised.update(self.where(model, calls))
                result["raised"] = raised
        if result["raised"] is not None:
            if runs_otherwise(self, model, self.recipe.input or []):
                result.update(raised=None, stopped="opaque")
            return result, None
        if GUARD.attempt is not None:
            judge(PermissionError())
        result["output"] = shapes_in(output)
        self.try_uses(output, result)
        if self.recipe.values:
            result["values"] = values_in([output, *self.more_outputs(model)])
        return result, used_parameters(output)

    def try_uses(self, output: Any, result: dict[str, Any]) -> None:
        """Use an output as the code does; null for what is possible, else what is raised."""
        if self.recipe.uses:
            result["kind"] = type(output).__name__
            result["uses"] = [self.tried(output, how, name) for how, name in self.recipe.uses]

    def tried(self, output: Any, how: str, name: str) -> dict[str, str] | None:
        """What one use raises."""
        torch, nn = self.torch, self.libraries.nn
        try:
            if how == "attribute":
                getattr(output, name)
            elif how == "loss":
                getattr(nn, name)()(output, torch.zeros(2, dtype=torch.int64))
            elif name == "topk":
                torch.topk(output, 1)
            else:
                function = getattr(torch, name)
                function(output, 1) if name in ("softmax", "log_softmax") else function(output)
        except Exception as error:
            return judge(error)
        return None

    def arrival(self, runs: Ref, at: Ref) -> dict[str, Any] | None:
        """Shape and least number of what arrives at one module while another one runs; null if nothing does."""
        model, module = self.replay.module(runs), self.replay.module(at)
        seen: list[Any] = []
        handle = module.register_forward_pre_hook(lambda _, given: seen.extend(given[:1]))
        model.eval()
        try:
            with self.torch.no_grad():
                model(*inputs(self, model, self.recipe.input or [], training=False))
        except NoObservation:
            raise
        except Exception as error:
            judge(error)
        finally:
            handle.remove()
        if not seen or not isinstance(seen[0], self.torch.Tensor) or not seen[0].numel():
            return None
        return {"shape": list(seen[0].shape), "least": finite(float(seen[0].min()))}

    def more_outputs(self, model: Any) -> Iterator[Any]:
        """What forward returns for other inputs, with new weights in what the code has put in."""
        torch = self.torch
        watched = [self.replay.module(ref, missing=True) for ref in self.recipe.watch]
        drawn = {id(p): p for module in watched if module is not None for p in module.parameters()}
        before = [(parameter, parameter.detach().clone()) for parameter in drawn.values() if is_made(parameter)]
        self.replay.plan(sum(size_of(parameter) for parameter, _ in before))
        with torch.no_grad():
            for _ in range(2):
                given = inputs(self, model, self.recipe.input or [], training=False)
                for parameter, _ in before:
                    if parameter.is_floating_point():
                        parameter.normal_()
                yield model(*given)
            for parameter, value in before:
                parameter.copy_(value)

    def devices(self, model: Any, given: Any) -> Any:
        """Within, no operation takes tensors of two devices; the input is where the model's first parameter is."""
        moved = self.replay.devices
        labels = {id(tensor): (tensor, "cpu") for tensor in (*model.parameters(), *model.buffers())}
        labels.update(moved)
        first = next(iter(model.parameters()), None)
        for tensor in tensors_in(given):
            labels[id(tensor)] = (tensor, labels[id(first)][1] if first is not None else "cpu")
        return one_device(self.torch, labels)

    def where(self, model: Any, calls: Calls) -> dict[str, Any]:
        """The innermost module whose call did not return: what it was, and its place now."""
        innermost = calls.open[-1] if calls.open else model
        origin = self.replay.origins.get(id(innermost))
        place = next((path for path, module in model.named_modules() if module is innermost), None)
        return {"module": None if origin is None else list(origin), "place": place}
