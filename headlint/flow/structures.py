"""Values of a forward that consist of several: tuples and dicts of tensors, taken apart and put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import libcst as cst

from headlint.flow import modules
from headlint.flow.iterating import iterate
from headlint.flow.lists import new_dict
from headlint.flow.state import DictRecord, State, ZooObject
from headlint.flow.value import (
    Constant,
    DictRef,
    ListRef,
    Tensor,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import Argument, Define, ModuleRef, Operation


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


# What a module gives: a tensor, or a tuple or a dict of such things.
Structure: TypeAlias = "None | tuple[Structure, ...] | dict[str, Structure]"


_STRUCTURES: dict[str, Structure] = {
    "LSTM": (None, (None, None)),
    "GRU": (None, None),
    "RNN": (None, None),
    "MultiheadAttention": (None, None),
}


def structure_of_module(state: State, ref: ModuleRef) -> Structure:
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
        return structure_of_module(state, operation.module)
    if number > 0 and operation.kind == "item":
        (_, key), *_ = operation.arguments
        around = _structure_of(state, operations, operation.inputs[0])
        return around[key] if isinstance(around, (tuple, dict)) else None  # type: ignore[index]
    return None


def taken_apart(state: State, whole: Tensor, structure: Structure, site: cst.CSTNode) -> Value:
    """The tensors in what a module has given, each as an operation of its own."""

    def part(key: str | int, inside: Structure) -> Value:
        result = record(state, "item", (whole,), (("key", key),), site)
        assert isinstance(result, Tensor)
        return taken_apart(state, result, inside, site)

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
