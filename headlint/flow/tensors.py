"""The operations of a forward of the file: calls of modules, functions of torch, methods and arithmetic of tensors.

While a forward is followed for this, the path keeps the operations met so far, and tensors are numbers of values in
them. Whatever is no known operation gives something unknown.
"""

from __future__ import annotations

import libcst as cst

from headlint.flow import modules
from headlint.flow.arguments import Arguments
from headlint.flow.choice import Raised
from headlint.flow.iterating import iterate
from headlint.flow.sizes import as_argument
from headlint.flow.state import LayerObject, State, ZooObject
from headlint.flow.structures import packed, record, structure_of_module, taken_apart
from headlint.flow.value import (
    NONE,
    Constant,
    Instance,
    ListRef,
    Module,
    Symbol,
    Tensor,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import Argument, ModuleRef, Operation

# Functions of torch by their last name, with the parameters behind the tensor.
_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "flatten": ("start_dim", "end_dim"),
    "mean": ("dim", "keepdim"),
    "sum": ("dim", "keepdim"),
    "amax": ("dim", "keepdim"),
    "relu": ("inplace",),
    "relu_": (),
    "gelu": (),
    "silu": ("inplace",),
    "sigmoid": (),
    "tanh": (),
    "softmax": ("dim",),
    "log_softmax": ("dim",),
    "normalize": ("p", "dim"),
    "dropout": ("p", "training", "inplace"),
    "adaptive_avg_pool2d": ("output_size",),
    "adaptive_max_pool2d": ("output_size",),
    "avg_pool2d": ("kernel_size", "stride"),
    "max_pool2d": ("kernel_size", "stride"),
    "squeeze": ("dim",),
    "unsqueeze": ("dim",),
    "transpose": ("dim0", "dim1"),
    "contiguous": (),
    "clone": (),
    "detach": (),
    "add": ("value",),
    "mul": ("value",),
}
# What the operation of the recipe is called where torch has another name for it, and parameters that change nothing.
_KINDS = {"relu_": "relu", "clone": "contiguous"}
_IDLE_PARAMETERS = frozenset({"inplace", "training"})
_FUNCTION_PREFIXES = ("torch.", "torch.nn.functional.")
_BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


def call_module(state: State, function: Module | Instance, arguments: Arguments, site: cst.CSTNode) -> Value | None:
    """What calling a module with tensors gives, None where it is given anything else."""
    ref = modules.module_ref(function)
    if state.operations is None or ref is None:
        return None
    given = tuple(packed(state, value, site) for value in _in_order(state, function, arguments))
    if NONE in given and _is_of_torch(state, ref):
        raise Raised
    if not given or not all(isinstance(value, Tensor) for value in given):
        # It is called all the same, and what comes of that is not known.
        state.operations.append(Operation("call", (), ref, (), state.recording, site=site))
        return None
    result = record(state, "call", given, (), site, ref)
    assert isinstance(result, Tensor)
    return taken_apart(state, result, structure_of_module(state, ref), site)


def _is_of_torch(state: State, ref: ModuleRef) -> bool:
    """Whether a layer of torch gets what a module is given: it takes tensors only."""
    kind = modules.kind_of(state, ref)
    if kind == "Sequential":
        (_, first), *_ = modules.children_of(state, ref) or (("", None),)
        return first is not None and _is_of_torch(state, first)
    return kind != "Identity" and isinstance(state.heap.get(ref.object), (LayerObject, ZooObject))


def _in_order(state: State, function: Module | Instance, arguments: Arguments) -> tuple[Value, ...]:
    """The arguments of a call by position, none where they have no positions that are known."""
    from headlint.flow.forwards import signature

    if not arguments.complete:
        return ()
    takes = signature(state, function) if isinstance(function, Instance) else None
    if takes is None:
        return () if arguments.keywords else arguments.positional
    if not takes.takes_plainly(arguments):
        return ()
    named = dict(arguments.keywords)
    return (*arguments.positional, *(named[name] for name in takes.required[len(arguments.positional) :]))


def call_function(state: State, name: str, arguments: Arguments, site: cst.CSTNode) -> Value | None:
    """A function of torch with a tensor, None where it is no known one or its arguments are not plain."""
    if state.operations is None or not name.startswith(_FUNCTION_PREFIXES) or not arguments.complete:
        return None
    function = name.rpartition(".")[2]
    if function in ("cat", "concat", "concatenate"):
        return _concatenate(state, arguments, site)
    first = arguments.get(0, "input")
    if not isinstance(first, Tensor):
        return None
    rest = Arguments(arguments.positional[1:], tuple(pair for pair in arguments.keywords if pair[0] != "input"))
    return _apply(state, function, first, rest, site)


def call_method(state: State, tensor: Tensor, name: str, arguments: Arguments, site: cst.CSTNode) -> Value:
    """A method of a tensor."""
    result: Value | None = None
    if name == "float":
        return tensor
    if name == "size":
        shape = Symbol("tensor_shape", (Constant(tensor.number),), "shape")
        axis = arguments.get(0, "dim")
        return shape if axis is None else Symbol("item", (shape, axis), "size")
    if name in ("view", "reshape"):
        result = _reshape(state, tensor, arguments, site)
    elif name == "permute":
        sizes = _plain(arguments.positional)
        result = None if sizes is None else record(state, "permute", (tensor,), (("dims", sizes),), site)
    else:
        result = _apply(state, name, tensor, arguments, site)
    return Unknown(f"'.{name}' of a tensor is not followed") if result is None else result


def binary(state: State, op: str, left: Value, right: Value, site: cst.CSTNode) -> Value:
    """Arithmetic with tensors."""
    kind = _BINARY.get(op)
    if kind is not None and isinstance(left, Tensor) and isinstance(right, Tensor):
        return record(state, kind, (left, right), (), site)
    if kind is not None and isinstance(left, Tensor) and _is_number(right):
        return record(state, kind, (left,), (("value", right.value),), site)  # type: ignore[union-attr,arg-type]
    if kind in ("add", "mul") and isinstance(right, Tensor) and _is_number(left):
        return record(state, kind, (right,), (("value", left.value),), site)  # type: ignore[union-attr,arg-type]
    return Unknown("arithmetic with a tensor that is not followed")


def _is_number(value: Value) -> bool:
    return isinstance(value, Constant) and type(value.value) in (int, float)


def _apply(state: State, function: str, tensor: Tensor, arguments: Arguments, site: cst.CSTNode) -> Value | None:
    if function in ("add", "mul") and len(arguments.positional) == 1 and isinstance(arguments.positional[0], Tensor):
        return record(state, function, (tensor, arguments.positional[0]), (), site)
    names = _FUNCTIONS.get(function)
    if names is None or len(arguments.positional) > len(names):
        return None
    given = [*zip(names, arguments.positional, strict=False), *arguments.keywords]
    plain: list[tuple[str, Argument]] = []
    for name, value in given:
        if name in _IDLE_PARAMETERS:
            continue
        argument = as_argument(_as_tuple(state, value))
        if name not in names or isinstance(argument, Unknown):
            return None
        plain.append((name, argument))
    return record(state, _KINDS.get(function, function), (tensor,), tuple(plain), site)


def _as_tuple(state: State, value: Value) -> Value:
    items = iterate(state, value) if isinstance(value, ListRef) else None
    return value if items is None else Tuple(items)


def _plain(values: tuple[Value, ...]) -> tuple[Argument, ...] | None:
    if len(values) == 1 and isinstance(values[0], Tuple):
        values = values[0].items
    found = tuple(value.value for value in values if isinstance(value, Constant) and isinstance(value.value, int))
    return found if len(found) == len(values) and found else None


def _reshape(state: State, tensor: Tensor, arguments: Arguments, site: cst.CSTNode) -> Value | None:
    values = arguments.positional
    if len(values) == 1 and isinstance(values[0], Tuple):
        values = values[0].items
    sizes = [
        Constant(0) if index == 0 and _is_batch(state, value, tensor) else value for index, value in enumerate(values)
    ]
    plain = _plain(tuple(sizes))
    return None if plain is None else record(state, "reshape", (tensor,), (("sizes", plain),), site)


# Behind these the first size of a tensor may be another one than that of the input.
_OF_BATCH = frozenset({"item", "permute", "transpose"})


def _is_batch(state: State, value: Value, tensor: Tensor) -> bool:
    """Whether a value is the first size of a tensor, or of any as long as none has had its batch moved."""
    if not isinstance(value, Symbol) or value.op != "item":
        return False
    shape, axis = value.operands
    if not isinstance(shape, Symbol) or shape.op != "tensor_shape" or axis != Constant(0):
        return False
    moved = any(operation.kind in _OF_BATCH for operation in state.operations or ())
    return not moved or shape.operands == (Constant(tensor.number),)


def _concatenate(state: State, arguments: Arguments, site: cst.CSTNode) -> Value | None:
    given = arguments.get(0, "tensors")
    items = None if given is None else iterate(state, given)
    axis = arguments.get(1, "dim") or arguments.get(None, "axis") or Constant(0)
    if not items or not all(isinstance(item, Tensor) for item in items) or not _is_number(axis):
        return None
    return record(state, "cat", items, (("dim", axis.value),), site)  # type: ignore[union-attr,arg-type]
