"""What reading an attribute or an item of a module gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headlint.flow.modules import LIST_CONTAINERS, TREES, WRAPPERS, as_value, children_of, container_kind, kind_of
from headlint.flow.sizes import from_argument
from headlint.flow.state import ContainerObject, LayerObject, State
from headlint.flow.value import NONE, Constant, External, Parameter, Value
from headlint.history import ModuleRef, ParameterRef
from headlint.torchlib.layers import find_layer
from headlint.torchlib.parameters import parameter_shapes

if TYPE_CHECKING:
    pass


# What stands in the place of an attribute that was deleted.
DELETED = External("deleted")


@dataclass(frozen=True, slots=True)
class Missing:
    """The module certainly has no such attribute or item; `error` is the exception's type."""

    error: str


def read_attribute(state: State, ref: ModuleRef, name: str) -> Value | Missing | None:
    """What `module.name` gives; None for an attribute that exists and of which nothing is known."""
    known = state.attributes.get((ref, name))
    if known is not None:
        return Missing("AttributeError") if known == DELETED else known
    for child_name, child in children_of(state, ref):
        if child_name == name:
            return as_value(state, child)
    if ref.object in state.escaped:
        return None
    record = state.heap.get(ref.object)
    prefix = f"{ref.path}." if ref.path else ""
    if isinstance(record, TREES):
        node = record.tree.node(ref.path)
        if node is None:
            return None
        if name in node.parameters:
            return Parameter(ParameterRef(ref.object, prefix + name))
        if name in node.sizes:
            # Layers say by a flag whether they have a bias; as an attribute it is the parameter or None.
            return NONE if name == "bias" else from_argument(node.sizes[name])
        exists = name not in node.children and record.tree.has_attribute(ref.path, name)
        return None if exists else Missing("AttributeError")
    if isinstance(record, LayerObject):
        shapes = parameter_shapes(record.kind, dict(record.arguments))
        for argument, value in record.arguments:
            if argument == name and argument != "bias":
                return from_argument(value)
        if shapes is not None and name in shapes:
            return Parameter(ParameterRef(ref.object, name))
        if shapes is not None and name == "bias":
            return NONE
    if isinstance(record, (LayerObject, ContainerObject)):
        if record.kind in WRAPPERS:
            inner = children_of(state, ref)[0][1]
            inside = () if inner is None else children_of(state, inner)
            return Missing("AttributeError") if any(child == name for child, _ in inside) else None
        layer = find_layer(record.kind)
        if layer is None or name in layer.attributes or record.kind == "ModuleDict":
            return None
        return Missing("AttributeError")
    return None


def read_item(state: State, ref: ModuleRef, key: Value) -> Value | Missing | None:
    """What `module[key]` gives; None where that is not known."""
    if ref.object in state.escaped:
        return None
    kind = container_kind(state, ref)
    inside = children_of(state, ref)
    if kind in LIST_CONTAINERS and isinstance(key, Constant) and isinstance(key.value, int):
        position = key.value
        if -len(inside) <= position < len(inside):
            return as_value(state, inside[position][1])
        return Missing("IndexError")
    layer = find_layer(kind_of(state, ref))
    if layer is not None and not layer.is_container and "__getitem__" not in layer.attributes:
        return Missing("TypeError")
    return None
