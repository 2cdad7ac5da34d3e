"""Taking one training step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .calls import Calls
from .convolutions import quick_convolutions
from .graph import plain_checkpoints
from .guard import GUARD, judge
from .inputs import inputs, runs_otherwise
from .refusal import NoObservation
from .standins import OpaqueReached
from .tensors import finite, is_made, shapes_in, size_of, tensors_in

if TYPE_CHECKING:
    from .experiment import Experiment


class TrainingStep:
    """One real step in train mode: forward, a loss, backward, and the step of the last optimizer."""

    def __init__(self, experiment: Experiment, model: Any, watched: dict[str, Any]) -> None:
        self.experiment = experiment
        self.torch = experiment.torch
        self.replay = experiment.replay
        self.model = model
        self.watched = watched
        made = [made.optimizer for made in self.replay.optimizers if made is not None and made.raised is None]
        self.optimizer: Any = made[-1] if made else None
        everything = (model, *watched.values())
        self.parameters = {id(parameter): parameter for module in everything for parameter in module.parameters()}
        self.buffers = {id(buffer): buffer for module in everything for buffer in module.buffers() if is_made(buffer)}
        self.own = {id(tensor) for tensor in (*self.parameters.values(), *self.buffers.values())}

    def take(self) -> dict[str, Any]:
        """Take the step, as far as it goes, and look."""
        result: dict[str, Any] = {"output": None, "raised": None, "stopped": None, "loss": None}
        self.model.train()
        for module, training in self.replay.modes:
            module.training = training
        self.replay.plan(sum(size_of(p) for p in self.model.parameters() if p.requires_grad))
        before = {key: buffer.clone() for key, buffer in self.buffers.items()}
        shape = self.experiment.recipe.train_input or []
        given = inputs(self.experiment, self.model, shape, training=True)
        versions: dict[int, int] | None = None
        calls = Calls(self.torch)
        phase = "forward"
        try:
            with calls, self.real_backward(), quick_convolutions(self.experiment.libraries, self.model, given):
                with self.torch.no_grad() if self.experiment.recipe.no_grad else contextlib.nullcontext():
                    devices = self.experiment.recipe.devices
                    with self.experiment.devices(self.model, given) if devices else contextlib.nullcontext():
                        output = self.model(*given)
                result["output"] = shapes_in(output)
                self.experiment.try_uses(output, result)
                phase = "loss"
                loss = self.loss(output)
                result["loss"] = finite(float(loss.detach()))
                phase = "backward"
                loss.backward()
                phase = "step"
                if self.optimizer is not None:
                    versions = {key: parameter._version for key, parameter in self.parameters.items()}
                    self.step()
        except NoObservation:
            raise
        except OpaqueReached:
            result["stopped"] = "opaque"
        except Exception as error:
            raised: dict[str, Any] = {**judge(error), "phase": phase, "module": None, "place": None}
            if phase == "forward":
                raised.update(self.experiment.where(self.model, calls))
            if phase == "forward" and runs_otherwise(self.experiment, self.model, shape):
                result["stopped"] = "opaque"
            else:
                result["raised"] = raised
        if GUARD.attempt is not None:
            judge(PermissionError())
        # What the builder's parameters share has been written to.
        self.replay.pool.renew()
        moved = {key for key, buffer in self.buffers.items() if not self.torch.equal(buffer, before[key])}
        result["model"] = self.facts(self.model, calls, versions, moved)
        result["watch"] = {name: self.facts(module, calls, versions, moved) for name, module in self.watched.items()}
        return result

    @contextlib.contextmanager
    def real_backward(self) -> Iterator[None]:
        """Within, forward keeps what backward needs, as far as that fits."""
        torch = self.torch
        kept = torch.autograd.graph.saved_tensors_hooks(self.keep, lambda tensor: tensor)
        with kept, torch.enable_grad(), plain_checkpoints(torch), self.experiment.libraries.regions_for_backward():
            yield

    def keep(self, tensor: Any) -> Any:
        """Take into account what is saved for backward; it must not hold on to the node that saves it."""
        if id(tensor) not in self.own and not self.replay.pool.holds(tensor):
            self.replay.plan(size_of(tensor))
        return tensor.detach()

    def loss(self, output: Any) -> Any:
        """Cross entropy of every output against class 0, and the sum of what has no classes."""
        torch = self.torch
        total = torch.zeros(())
        for tensor in tensors_in(output):
            if tensor.is_floating_point() and tensor.dim() > 1:
                labels = torch.zeros((tensor.shape[0], *tensor.shape[2:]), dtype=torch.int64)
                total = total + torch.nn.functional.cross_entropy(tensor, labels)
            elif tensor.is_floating_point():
                total = total + tensor.sum()
        return total

    def step(self) -> None:
        """The optimizer's own step, without the wrappers that import torch's compiler."""
        step: Any = type(self.optimizer).step
        while hasattr(step, "__wrapped__"):
            step = step.__wrapped__
        with self.torch.no_grad():
            step(self.optimizer)

    def facts(self, module: Any, calls: Calls, versions: dict[int, int] | None, moved: set[int]) -> dict[str, Any]:
        """What the step did to a module: tensors with a gradient, written to by the optimizer, buffers that moved."""
        parameters = {id(parameter): parameter for parameter in module.parameters()}
        gradients = [parameter.grad for parameter in parameters.values() if parameter.grad is not None]
        stepped: int | None = None
        if versions is not None:
            stepped = sum(parameter._version != versions[key] for key, parameter in parameters.items())
        largest: float | None = None
        if gradients and self.experiment.recipe.values:
            largest = finite(max(float(gradient.abs().max()) for gradient in gradients if gradient.numel()))
        buffers = {id(buffer) for buffer in module.buffers()}
        # How many batches a BatchNorm has seen is a whole number, and counts no matter what.
        statistics = {id(buffer) for buffer in module.buffers() if buffer.is_floating_point()}
        return {
            "modules_called": sum(id(part) in calls.counts for part in module.modules()),
            "with_gradient": len(gradients),
            "stepped": stepped,
            "buffers": len(buffers),
            "buffers_moved": len(buffers & moved),
            "statistics": len(statistics),
            "statistics_moved": len(statistics & moved),
            "largest_gradient": largest,
        }
