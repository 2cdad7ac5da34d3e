"""Forward as a small program over tensors: what a class of the file does to its input, as far as that is understood.

While a forward is followed for this, the path keeps the operations met so far, and tensors are numbers of values in
them. Whatever is no known operation gives something unknown, and a result that is no tensor leaves the object opaque.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules
from headlint.flow.arguments import Arguments
from headlint.flow.calls import call
from headlint.flow.classes import class_attribute, is_module_class
from headlint.flow.iterating import iterate
from headlint.flow.sizes import as_argument
from headlint.flow.state import InstanceRecord, State, ZooObject
from headlint.flow.value import Constant, Function, Instance, ListRef, Method, Symbol, Tensor, Tuple, Unknown, Value
from headlint.history import Argument, Define, MakeContainer, MakeLayer, MakeOpaque, ModuleRef, Operation, SetModule

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

MOST_OPERATIONS = 64

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
    "add": ("value",),
    "mul": ("value",),
}
# What the operation of the recipe is called where torch has another name for it, and parameters that change nothing.
_KINDS = {"relu_": "relu"}
_IDLE_PARAMETERS = frozenset({"inplace", "training"})
_FUNCTION_PREFIXES = ("torch.", "torch.nn.functional.")
_BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


def define(run: Interpreter, state: State, instance: Instance, *, called: bool = False) -> None:
    """Note what the forward of an object of the file does, if that is understood.

    It is wanted of what holds a model, stands in one, or is `called` by a forward that is wanted.
    """
    record = state.heap.get(instance.identity)
    if not isinstance(record, InstanceRecord) or record.escaped or not is_module_class(state, record.owner):
        return
    forward = class_attribute(state, record.owner, "forward")
    if not isinstance(forward, Function) or id(forward.node) in run.stack:
        return
    if not called and not _concerns_models(state, instance):
        return
    if any(isinstance(event, Define) and event.object == instance.identity for event in state.trace):
        return
    way = _way_through(run, state, instance, forward)
    if way is None:
        return
    operations = tuple(way.operations or ())
    _take_over(state, way)
    parts = tuple((name, ref) for name, ref in modules.children_of(state, _ref(instance)) if ref is not None)
    state.trace.append(Define(instance.identity, operations, parts, site=forward.node))
    for operation in operations:
        inner = operation.module
        if inner is not None and isinstance(state.heap.get(inner.object), InstanceRecord):
            define(run, state, Instance(inner.object), called=True)


def _ref(instance: Instance) -> ModuleRef:
    return ModuleRef(instance.identity, "")


def _concerns_models(state: State, instance: Instance) -> bool:
    """Whether an object holds a model of torchvision or was put into something."""
    inside = modules.objects_in(state, _ref(instance))
    if any(isinstance(state.heap.get(number), ZooObject) for number in inside):
        return True
    return any(
        (isinstance(event, SetModule) and event.value == _ref(instance))
        or (isinstance(event, MakeContainer) and any(child == _ref(instance) for _, child in event.children))
        for event in state.trace
    )


def _take_over(state: State, way: State) -> None:
    """Have what a forward makes for itself, such as a slice of a Sequential, before the operations that call it."""
    for event in way.trace[len(state.trace) :]:
        if isinstance(event, (MakeContainer, MakeLayer, MakeOpaque)):
            state.trace.append(event)
            state.heap[event.object] = way.heap[event.object]
            state.children.update((ref, held) for ref, held in way.children.items() if ref.object == event.object)
    state.next_identity = way.next_identity


def _way_through(run: Interpreter, state: State, instance: Instance, forward: Function) -> State | None:
    """The one way through a forward, with its operations; None where it is not understood or can go several ways."""
    trial = state.fork()
    trial.operations = []
    trial.recording = True
    ended, called = len(run.ended), set(run.called)
    method = Method(instance, "forward", forward)
    ways = run.ways_of(trial, lambda s: call(run, s, method, Arguments((Tensor(0),)), forward.node))
    del run.ended[ended:]
    run.called = called
    if len(ways) != 1:
        return None
    path, value = ways[0]
    operations = path.operations
    if path.completion is not None or not isinstance(value, Tensor) or not operations:
        return None
    if value.number != len(operations):
        return None
    return path if len(operations) <= MOST_OPERATIONS else None


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


def call_module(state: State, ref: ModuleRef, arguments: Arguments, site: cst.CSTNode) -> Value | None:
    """Calling a module with tensors, None where it is given anything else."""
    given = arguments.positional
    if state.operations is None or not given or arguments.keywords or not arguments.complete:
        return None
    if not all(isinstance(value, Tensor) for value in given):
        return None
    return record(state, "call", given, (), site, ref)


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
    sizes = [Constant(0) if index == 0 and _is_batch(value) else value for index, value in enumerate(values)]
    plain = _plain(tuple(sizes))
    return None if plain is None else record(state, "reshape", (tensor,), (("sizes", plain),), site)


def _is_batch(value: Value) -> bool:
    """Whether a value is the first size of some tensor: operations here never change the batch."""
    if not isinstance(value, Symbol) or value.op != "item":
        return False
    shape, axis = value.operands
    return isinstance(shape, Symbol) and shape.op == "tensor_shape" and axis == Constant(0)


def _concatenate(state: State, arguments: Arguments, site: cst.CSTNode) -> Value | None:
    given = arguments.get(0, "tensors")
    items = None if given is None else iterate(state, given)
    axis = arguments.get(1, "dim") or arguments.get(None, "axis") or Constant(0)
    if not items or not all(isinstance(item, Tensor) for item in items) or not _is_number(axis):
        return None
    return record(state, "cat", items, (("dim", axis.value),), site)  # type: ignore[union-attr,arg-type]
