"""Who was called while a forward ran, and where tensors met."""

from __future__ import annotations

import importlib
from typing import Any

from .tensors import tensors_in


class Calls:
    """Notes, through hooks on every module, who was called, with what, and who was in a call when it ended."""

    def __init__(self, torch: Any) -> None:
        self.hooks = torch.nn.modules.module
        self.handles: list[Any] = []
        self.counts: dict[int, int] = {}
        self.arrived: dict[int, list[int] | None] = {}
        self.returned: dict[int, list[int] | None] = {}
        self.open: list[Any] = []
        self.given: list[list[int] | None] = []

    def __enter__(self) -> Calls:
        self.handles = [
            self.hooks.register_module_forward_pre_hook(self.before),
            self.hooks.register_module_forward_hook(self.after),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def before(self, module: Any, inputs: Any) -> None:
        """A call begins."""
        self.open.append(module)
        key = id(module)
        self.counts[key] = self.counts.get(key, 0) + 1
        shape = first_shape(inputs)
        self.given.append(shape)
        self.arrived.setdefault(key, shape)

    def after(self, module: Any, inputs: Any, output: Any) -> None:
        """A call has returned."""
        self.open.pop()
        self.given.pop()
        self.returned.setdefault(id(module), first_shape(output))


def first_shape(value: Any) -> list[int] | None:
    """The shape of the first tensor in nested ones."""
    return next((list(tensor.shape) for tensor in tensors_in(value)), None)


def one_device(torch: Any, labels: dict[int, tuple[Any, str]]) -> Any:
    """A mode in which tensors stand on the devices that `labels` give them, whose results stand there too.

    All of them are on the CPU: the operations are real, and only where they take their tensors from is pretended.
    """

    def dispatch(self: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = list(tensors_in((args, kwargs or {})))
        # A number in a tensor of no dimensions may come from another device.
        places = {labels[id(tensor)][1] for tensor in given if tensor.dim() and id(tensor) in labels}
        if len(places) > 1:
            raise RuntimeError(f"{function} gets tensors on different devices: {' and '.join(sorted(places))}")
        output = function(*args, **(kwargs or {}))
        for place in places:
            labels.update((id(tensor), (tensor, place)) for tensor in tensors_in(output))
        return output

    module: Any = importlib.import_module("torch.utils._python_dispatch")
    mode: Any = type("OneDevice", (module.TorchDispatchMode,), {})
    # Set behind the back of the class, which would import torch's compiler only to keep it away from here.
    mode.__torch_dispatch__ = dispatch
    return mode()
