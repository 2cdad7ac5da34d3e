"""What the classes of the file define, by themselves and through their bases in the file."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import Class, External, Function, Instance, Method, Property, Value
from headlint.source.nodes import text_of
from headlint.torchlib.names import MODULE_CLASSES


def decorators(function: Function) -> frozenset[str]:
    """The last names of a function's decorators."""
    if not isinstance(function.node, cst.FunctionDef):
        return frozenset()
    return frozenset(text_of(d.decorator).rpartition(".")[2] for d in function.node.decorators)


def members(state: State, owner: Class) -> dict[str, Value]:
    """What a class of the file and its bases in the file define, the nearest first."""
    found = dict(state.frames.get(owner.namespace, {}))
    for base in owner.bases:
        if isinstance(base, Class):
            for name, value in members(state, base).items():
                found.setdefault(name, value)
    return found


def methods_of(state: State, owner: Class) -> Iterable[tuple[str, Function]]:
    """The functions that a class and its bases in the file define, those of properties among them."""
    for name, value in members(state, owner).items():
        if isinstance(value, Property):
            yield from ((name, part) for part in (value.getter, value.setter) if part is not None)
        elif isinstance(value, Function):
            yield name, value


def class_attribute(state: State, owner: Class, name: str) -> Value | None:
    """What a class of the file or its bases in the file define under `name`."""
    value = state.frames.get(owner.namespace, {}).get(name)
    return inherited(state, owner, name) if value is None else value


def descriptor_method(state: State, value: Value, name: str) -> Method | None:
    """`__get__` or `__set__` of what stands in a class body, if it is an object of the file that has it."""
    record = state.heap.get(value.identity) if isinstance(value, Instance) else None
    found = class_attribute(state, record.owner, name) if isinstance(record, InstanceRecord) else None
    return Method(value, name, found) if isinstance(found, Function) else None


def inherited(state: State, owner: Class, name: str) -> Value | None:
    """The same, behind the class itself."""
    for base in owner.bases:
        if isinstance(base, Class):
            value = class_attribute(state, base, name)
            if value is not None:
                return value
    return None


def has_foreign_base(owner: Class) -> bool:
    """Whether a base out of sight may make its own of what the class body assigns."""
    return any(
        isinstance(base, External) and base.name not in MODULE_CLASSES and base.name != "builtins.object"
        for base in owner.bases
    )


def is_module_class(state: State, owner: Class) -> bool:
    """Whether a class of the file is an `nn.Module` by its bases."""
    return any(
        is_module_class(state, base) if isinstance(base, Class) else isinstance(base, External) and _is_module(base)
        for base in owner.bases
    )


def is_plain_module_class(state: State, owner: Class) -> bool:
    """Whether a class of the file is an `nn.Module` that inherits from nothing out of sight but torch's own."""
    bases = owner.bases
    return bool(bases) and all(
        is_plain_module_class(state, base)
        if isinstance(base, Class)
        else isinstance(base, External) and _is_module(base)
        for base in bases
    )


def _is_module(base: External) -> bool:
    return base.name in MODULE_CLASSES
