"""The forward of a class of the user's own, as operations from a closed list."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable, Sequence
from typing import Any

from .standins import OpaqueReached


def is_whole(value: Any) -> bool:
    """Whether a plain value is a whole number."""
    return type(value) is int


def are_whole(value: Any) -> bool:
    """Whether a plain value is a sequence of whole numbers, at least one."""
    return isinstance(value, tuple) and len(value) > 0 and all(map(is_whole, value))


def is_axis(value: Any) -> bool:
    """Whether a plain value is an axis, or several."""
    return is_whole(value) or are_whole(value)


def is_size(value: Any) -> bool:
    """Whether a plain value is a size of pictures, of which adaptive pools may leave a side open."""
    return is_whole(value) or (isinstance(value, tuple) and all(side is None or is_whole(side) for side in value))


def is_flag(value: Any) -> bool:
    """Whether a plain value is true or false."""
    return type(value) is bool


def is_number(value: Any) -> bool:
    """Whether a plain value is a number."""
    return type(value) in (int, float)


class Kind:
    """A function that a forward may apply to tensors: the arguments it may have, and those it must have.

    `source` says where it is looked up: in torch, in torch.nn.functional, in torch.Tensor, in Python's operator or
    among its own types.
    """

    def __init__(
        self,
        source: str,
        arguments: dict[str, Callable[[Any], bool]] | None = None,
        required: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        self.source = source
        self.arguments = arguments or {}
        self.required = required
        self.name = name

    def function(self, torch: Any, kind: str) -> Any:
        """The function itself."""
        functional = torch.nn.functional
        home = {
            "torch": torch,
            "functional": functional,
            "tensor": torch.Tensor,
            "operator": operator,
            "builtins": builtins,
        }[self.source]
        return getattr(home, self.name or kind)


def is_key(value: Any) -> bool:
    """Whether a plain value is what a part of a tuple or dict is asked for by."""
    return is_whole(value) or isinstance(value, str)


def are_names(value: Any) -> bool:
    """Whether a plain value is a sequence of texts."""
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


REDUCTION: dict[str, Callable[[Any], bool]] = {"dim": is_axis, "keepdim": is_flag}


POOL: dict[str, Callable[[Any], bool]] = {"kernel_size": is_axis, "stride": is_axis}


KINDS = {
    "flatten": Kind("torch", {"start_dim": is_whole, "end_dim": is_whole}),
    "reshape": Kind("tensor", {"sizes": are_whole}, ["sizes"]),
    "mean": Kind("torch", REDUCTION),
    "sum": Kind("torch", REDUCTION),
    "amax": Kind("torch", REDUCTION),
    # Of what `max` gives along an axis only the values count.
    "max": Kind("torch", REDUCTION, name="amax"),
    "cat": Kind("torch", {"dim": is_whole}),
    # Python's operators do for tuples what the code does, where torch's functions would raise.
    "add": Kind("operator", {"value": is_number}),
    "sub": Kind("operator", {"value": is_number}),
    "mul": Kind("operator", {"value": is_number}),
    "div": Kind("operator", {"value": is_number}, name="truediv"),
    "relu": Kind("torch"),
    "gelu": Kind("functional"),
    "silu": Kind("functional"),
    "sigmoid": Kind("torch"),
    "tanh": Kind("torch"),
    "softmax": Kind("functional", {"dim": is_whole}),
    "log_softmax": Kind("functional", {"dim": is_whole}),
    "normalize": Kind("functional", {"p": is_number, "dim": is_axis}),
    "dropout": Kind("functional", {"p": is_number}),
    "adaptive_avg_pool2d": Kind("functional", {"output_size": is_size}, ["output_size"]),
    "adaptive_max_pool2d": Kind("functional", {"output_size": is_size}, ["output_size"]),
    "avg_pool2d": Kind("functional", POOL, ["kernel_size"]),
    "max_pool2d": Kind("functional", POOL, ["kernel_size"]),
    "squeeze": Kind("torch", {"dim": is_axis}),
    "unsqueeze": Kind("torch", {"dim": is_whole}, ["dim"]),
    "permute": Kind("torch", {"dims": are_whole}, ["dims"]),
    "transpose": Kind("torch", {"dim0": is_whole, "dim1": is_whole}, ["dim0", "dim1"]),
    "contiguous": Kind("tensor"),
    "detach": Kind("tensor"),
    "item": Kind("operator", {"key": is_key}, ["key"], name="getitem"),
    "tuple": Kind("builtins"),
    "dict": Kind("builtins", {"keys": are_names}, ["keys"]),
}


UNKNOWN = object()
"""An input of which not even the shape is known."""


KEEPING_SHAPE = ("add", "sub", "mul", "div", "relu", "contiguous", "dropout")
"""Functions of one tensor that leave its shape as it is."""


class Operation:
    """One step of a program: what it does with which values.

    `called` is the module that it calls, None for a function, and `places` is where that stood in the object.
    """

    def __init__(self, kind: str, inputs: list[int], arguments: dict[str, Any]) -> None:
        self.kind = kind
        self.inputs = inputs
        self.arguments = arguments
        self.called: Any = None
        self.places: list[str] = []


class Program:
    """What a forward of the user's own does. Value 0 is its input, further ones are -1, -2 and so on.

    Each operation gives the next value. What is done with an input that is `UNKNOWN` is passed over.
    """

    def __init__(self, torch: Any, owner: Any, operations: list[Operation], inputs: int) -> None:
        self.torch = torch
        self.owner = owner
        self.operations = operations
        self.inputs = inputs
        self.last_use = {number: i for i, operation in enumerate(operations) for number in operation.inputs}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) != self.inputs or kwargs:
            raise OpaqueReached
        values: dict[int, Any] = {-number: given for number, given in enumerate(args)}
        result = args[0]
        for i, operation in enumerate(self.operations):
            inputs = [values[number] for number in operation.inputs]
            unknown = any(given is UNKNOWN for given in inputs)
            result = values[i + 1] = UNKNOWN if unknown else self.apply(operation, inputs)
            # Activations that nothing takes any more go at once, as they do in Python.
            for number in {*operation.inputs, i + 1}:
                if self.last_use.get(number, i) <= i:
                    del values[number]
        if result is UNKNOWN:
            raise OpaqueReached
        return result

    def apply(self, operation: Operation, inputs: list[Any]) -> Any:
        """The value that one operation gives."""
        if operation.called is not None:
            return self.standing(operation)(*inputs)
        kind, arguments = operation.kind, operation.arguments
        function = KINDS[kind].function(self.torch, kind)
        if kind == "dropout":
            return function(inputs[0], training=self.owner.training, **arguments)
        if kind == "reshape":
            sizes = [inputs[0].size(0) if size == 0 else size for size in arguments["sizes"]]
            return function(inputs[0], sizes)
        if kind in ("cat", "tuple"):
            return function(inputs, **arguments)
        if kind == "dict":
            return {key: inputs[i] for i, key in enumerate(arguments["keys"])}
        if kind in ("add", "sub", "mul", "div", "item"):
            return function(*inputs, *arguments.values())
        return function(inputs[0], **arguments)

    def standing(self, operation: Operation) -> Any:
        """The module that stands now where the one to call stood: forward reads its attributes when it runs."""
        if not operation.places:
            return operation.called
        now = [self.at(place) for place in operation.places]
        if now[0] is None or any(module is not now[0] for module in now):
            raise OpaqueReached
        return now[0]

    def at(self, place: str) -> Any:
        """The module that stands at a place in the object, None if none does."""
        module = self.owner
        for name in place.split("."):
            module = None if module is None else module._modules.get(name)
        return module

    def entrance(self, number: int = 0) -> Any:
        """The module that takes an input as it is, or scaled, None if it is a function that takes it."""
        value = -number
        for i, operation in enumerate(self.operations):
            if value in operation.inputs:
                if operation.kind not in KEEPING_SHAPE or len(operation.inputs) > 1:
                    return operation.called if operation.inputs == [value] else None
                value = i + 1
        return None
