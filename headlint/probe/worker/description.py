"""A model from top to bottom: every module with its sizes, its parameters and what forward made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .calls import Calls
from .graph import never_unpacked, plain_checkpoints
from .guard import judge
from .inputs import inputs
from .refusal import NoObservation
from .standins import OpaqueReached
from .tensors import is_made, shapes_in, size_of

if TYPE_CHECKING:
    from .experiment import Experiment


class Sums:
    """Numbers of parameters, not of tensors, in sets of tensors given by identity."""

    def __init__(self, trainable: set[int], used: set[int] | None, held: set[int]) -> None:
        self.trainable = trainable
        self.used = used
        self.held = held

    def of(self, parameters: dict[int, Any]) -> dict[str, int | None]:
        """How many there are, train, are held by an optimizer, are used, and are both trained and used."""
        sizes = {key: int(parameter.numel()) if is_made(parameter) else 0 for key, parameter in parameters.items()}
        trainable = {key: size for key, size in sizes.items() if key in self.trainable}
        used = self.used
        return {
            "parameters": sum(sizes.values()),
            "trainable": sum(trainable.values()),
            "held": sum(size for key, size in sizes.items() if key in self.held),
            "used": None if used is None else sum(size for key, size in sizes.items() if key in used),
            "reached": None if used is None else sum(size for key, size in trainable.items() if key in used),
            "bytes": sum(size_of(parameter) for parameter in parameters.values()),
            "trainable_bytes": sum(size_of(parameters[key]) for key in trainable),
        }


def describe(experiment: Experiment, model: Any, calls: Calls, sums: Sums) -> dict[str, Any]:
    """All modules of the model in the order of `named_modules`, each once, and sums over the whole."""
    everything = {id(parameter): parameter for parameter in model.parameters()}
    buffers = {id(buffer): buffer for buffer in model.buffers()}
    return {
        "modules": [module_facts(experiment, place, module, calls, sums) for place, module in model.named_modules()],
        **sums.of(everything),
        "buffer_bytes": sum(map(size_of, buffers.values())),
    }


def module_facts(experiment: Experiment, place: str, module: Any, calls: Calls, sums: Sums) -> dict[str, Any]:
    """One module, without those in it."""
    own = {id(parameter): parameter for parameter in module._parameters.values() if parameter is not None}
    origin = experiment.replay.origins.get(id(module))
    try:
        says = " ".join(str(module.extra_repr()).split())[:120]
    except Exception:
        says = ""
    return {
        "place": place,
        "type": type(module).__name__,
        "says": says,
        "origin": None if origin is None else list(origin),
        "calls": calls.counts.get(id(module), 0),
        "arrived": calls.arrived.get(id(module)),
        "returned": calls.returned.get(id(module)),
        **sums.of(own),
    }


def training_memory(experiment: Experiment, model: Any, trainable: set[int]) -> dict[str, Any]:
    """What forward in train mode returns, and the bytes it keeps for backward with the flags as the code leaves them.

    Counted are the storages of the tensors that autograd saves, each once, without the model's own. Modules that it
    `called` are told by their places, null if it did not come to its end.
    """
    torch = experiment.torch
    result: dict[str, Any] = {"input": None, "output": None, "kept": None, "called": None, "failed": None}
    shape = experiment.recipe.train_input or experiment.recipe.input or []
    for parameter in model.parameters():
        parameter.requires_grad = id(parameter) in trainable
    own = {storage_of(tensor) for tensor in (*model.parameters(), *model.buffers()) if is_made(tensor)}
    kept: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        """Note a storage, and hold it, so that no other one gets its address."""
        if storage_of(tensor) not in own and storage_of(tensor) not in kept:
            experiment.replay.plan(storage_size(tensor))
            kept[storage_of(tensor)] = tensor.detach()
        return None

    model.train()
    for module, training in experiment.replay.modes:
        module.training = training
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, never_unpacked)
    calls = Calls(torch)
    try:
        given = inputs(experiment, model, shape, training=True)
        with calls, hooks, torch.enable_grad(), plain_checkpoints(torch), experiment.libraries.regions_for_backward():
            output = model(*given)
        sizes = [storage_size(tensor) for tensor in kept.values()]
        called = [place for place, module in model.named_modules() if id(module) in calls.counts]
        result.update(input=shape, output=shapes_in(output), kept=sum(sizes), called=called)
    except OpaqueReached:
        result["failed"] = "forward runs through a module that is not understood"
    except Exception as error:
        result["failed"] = why(error)
    return result


def why(error: Exception) -> str:
    """What torch raised, or why that says nothing about the code."""
    try:
        return error.reason if isinstance(error, NoObservation) else judge(error)["text"]
    except NoObservation as none:
        return none.reason


def storage_of(tensor: Any) -> int:
    """The address of a tensor's storage."""
    return int(tensor.untyped_storage().data_ptr())


def storage_size(tensor: Any) -> int:
    """The bytes of a tensor's storage."""
    return int(tensor.untyped_storage().nbytes())
