"""The operations of a forward of the file: calls of modules, functions of torch, methods and arithmetic of tensors.

While a forward is followed for this, the path keeps the operations met so far, and tensors are numbers of values in
them. Whatever is no known operation gives something unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import libcst as cst

from headlint.flow import modules
from headlint.flow.arguments import Arguments
from headlint.flow.iterating import iterate
from headlint.flow.lists import new_dict
from headlint.flow.sizes import as_argument
from headlint.flow.state import DictRecord, State, ZooObject
from headlint.flow.value import Constant, DictRef, Instance, ListRef, Module, Symbol, Tensor, Tuple, Unknown, Value
from headlint.history import Argument, Define, ModuleRef, Operation

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


def record(
    state: State,
    kind: str,
    inputs: tuple[Value, ...],
    arguments: tuple[tuple[str, Argument], ...],
    site: cst.CSTNode,
    module: ModuleRef | None = None,
) -> Value:
    """One more operation of the forward under way; its result is a new tensor."""
    if state.operations is None:
        return Unknown("a tensor outside of a forward")
    numbers = tuple(value.number for value in inputs if isinstance(value, Tensor))
    state.operations.append(Operation(kind, numbers, module, arguments, state.recording, site=site))
    return Tensor(len(state.operations))


def call_module(state: State, function: Module | Instance, arguments: Arguments, site: cst.CSTNode) -> Value | None:
    """What calling a module with tensors gives, None where it is given anything else."""
    ref = modules.module_ref(function)
    if state.operations is None or ref is None:
        return None
    given = tuple(packed(state, value, site) for value in _in_order(state, function, arguments))
    if not given or not all(isinstance(value, Tensor) for value in given):
        # It is called all the same, and what comes of that is not known.
        state.operations.append(Operation("call", (), ref, (), state.recording, site=site))
        return None
    result = record(state, "call", given, (), site, ref)
    assert isinstance(result, Tensor)
    return _taken_apart(state, result, _structure(state, ref), site)


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


# What a module gives: a tensor, or a tuple or a dict of such things.
Structure: TypeAlias = "None | tuple[Structure, ...] | dict[str, Structure]"
_STRUCTURES: dict[str, Structure] = {
    "LSTM": (None, (None, None)),
    "GRU": (None, None),
    "RNN": (None, None),
    "MultiheadAttention": (None, None),
}


def _structure(state: State, ref: ModuleRef) -> Structure:
    """What calling a module gives, a tensor where nothing else is known."""
    define = next((e for e in state.trace if isinstance(e, Define) and e.object == ref.object and not ref.path), None)
    if define is not None:
        return _structure_of(state, define.operations, len(define.operations))
    record = state.heap.get(ref.object)
    if isinstance(record, ZooObject) and not ref.path and record.builder.task == "segmentation":
        parts = {"out": "classifier", "aux": "aux_classifier"}
        return {key: None for key, name in parts.items() if name in _present(state, ref)}
    return _STRUCTURES.get(modules.kind_of(state, ref))


def _present(state: State, ref: ModuleRef) -> frozenset[str]:
    return frozenset(name for name, child in modules.children_of(state, ref) if child is not None)


def _structure_of(state: State, operations: Sequence[Operation], number: int) -> Structure:
    """The structure of a value of a program."""
    operation = operations[number - 1]
    if number > 0 and operation.kind == "tuple":
        return tuple(_structure_of(state, operations, value) for value in operation.inputs)
    if number > 0 and operation.kind == "dict":
        (_, keys), *_ = operation.arguments
        assert isinstance(keys, tuple)
        inside = zip(keys, operation.inputs, strict=True)
        return {str(key): _structure_of(state, operations, value) for key, value in inside}
    if number > 0 and operation.kind == "call" and operation.module is not None:
        return _structure(state, operation.module)
    if number > 0 and operation.kind == "item":
        (_, key), *_ = operation.arguments
        around = _structure_of(state, operations, operation.inputs[0])
        return around[key] if isinstance(around, (tuple, dict)) else None  # type: ignore[index]
    return None


def _taken_apart(state: State, whole: Tensor, structure: Structure, site: cst.CSTNode) -> Value:
    """The tensors in what a module has given, each as an operation of its own."""

    def part(key: str | int, inside: Structure) -> Value:
        result = record(state, "item", (whole,), (("key", key),), site)
        assert isinstance(result, Tensor)
        return _taken_apart(state, result, inside, site)

    if isinstance(structure, tuple):
        return Tuple(tuple(part(index, inside) for index, inside in enumerate(structure)))
    if isinstance(structure, dict):
        return new_dict(state, [(Constant(key), part(key, inside)) for key, inside in structure.items()])
    return whole


def packed(state: State, value: Value, site: cst.CSTNode) -> Value:
    """A tuple, list or dict of tensors as one value of the forward; anything else as it is."""
    items: tuple[Value, ...] | None = None
    keys: tuple[Value, ...] = ()
    if isinstance(value, (Tuple, ListRef)):
        items = iterate(state, value)
    elif isinstance(value, DictRef):
        held = state.heap.get(value.identity)
        if isinstance(held, DictRecord) and held.complete:
            keys, items = tuple(key for key, _ in held.items), tuple(inside for _, inside in held.items)
    inside = tuple(packed(state, item, site) for item in items or ())
    if not inside or not all(isinstance(item, Tensor) for item in inside):
        return value
    names = tuple(key.value for key in keys if isinstance(key, Constant) and isinstance(key.value, str))
    if len(names) != len(keys):
        return value
    whole = _whole_of(state, inside, names or range(len(inside)))
    if whole is not None:
        return whole
    return record(state, "dict" if names else "tuple", inside, (("keys", names),) if names else (), site)


def _whole_of(state: State, parts: tuple[Value, ...], keys: Sequence[str | int]) -> Tensor | None:
    """What was taken apart into just these parts, if they are all that it gave."""
    operations = state.operations or []
    taken = [operations[part.number - 1] for part in parts if isinstance(part, Tensor) and part.number > 0]
    sources = {step.inputs[0] for step in taken if step.kind == "item"}
    if len(sources) != 1 or [dict(step.arguments).get("key") for step in taken] != list(keys):
        return None
    (source,) = sources
    structure = _structure_of(state, operations, source)
    return Tensor(source) if structure is not None and len(structure) == len(parts) else None


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
