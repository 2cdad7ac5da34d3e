"""Modules inside a state: what stands where, what it holds, and what changing it records.

Reads answer from the zoo's trees and the layers the code made, with the changes of this path laid over
them; writes change the tables of the state and append to its history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from headlint.flow.sizes import as_argument, from_argument
from headlint.flow.state import (
    Children,
    ContainerObject,
    InstanceRecord,
    LayerObject,
    OpaqueObject,
    PartObject,
    State,
    ZooObject,
)
from headlint.flow.value import (
    NONE,
    Class,
    Constant,
    External,
    Instance,
    Module,
    Parameter,
    Symbol,
    Unknown,
    Value,
)
from headlint.history import (
    Argument,
    Escape,
    ModuleRef,
    ParameterRef,
    SetAttribute,
    SetFlag,
    SetModule,
    SetParameterAttribute,
)
from headlint.torchlib.layers import find_layer
from headlint.torchlib.parameters import parameter_shapes
from headlint.torchlib.parts import PartTree

if TYPE_CHECKING:
    from typing import Literal

    import libcst as cst

    from headlint.zoo import Node, Tree

# What stands in the place of an attribute that was deleted.
DELETED = External("deleted")

# Every parameter of an object whose parameters are not known one by one.
ALL_PARAMETERS = "*"

LIST_CONTAINERS = frozenset({"Sequential", "ModuleList"})
CONTAINERS = LIST_CONTAINERS | {"ModuleDict"}
WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel"})
# Objects of which a tree tells what stands in them.
TREES = (ZooObject, PartObject)


@dataclass(frozen=True, slots=True)
class Missing:
    """The module certainly has no such attribute or item; `error` is the exception's type."""

    error: str


def node_of(state: State, ref: ModuleRef) -> Node | None:
    """The zoo's facts about a module, None for one that the code made."""
    record = state.heap.get(ref.object)
    return record.tree.node(ref.path) if isinstance(record, TREES) else None


def kind_of(state: State, ref: ModuleRef) -> str:
    """The class name of a module ("Linear", "ResNet"), "" where it is not known."""
    record = state.heap.get(ref.object)
    if isinstance(record, TREES):
        node = record.tree.node(ref.path)
        return node.type if node is not None else ""
    if isinstance(record, (LayerObject, ContainerObject)):
        return record.kind
    return ""


def class_of(state: State, ref: ModuleRef, text: str) -> Value:
    """What `type(module)` gives, as `text` asks for it; two modules of one class have one value."""
    kind = kind_of(state, ref)
    return Symbol("type", (Constant(kind),), text) if kind else Unknown("the class of a module that is not known")


def container_kind(state: State, ref: ModuleRef) -> str:
    """ "Sequential", "ModuleList" or "ModuleDict" for these and the classes built on them, "" for all others."""
    kind = kind_of(state, ref)
    if kind in CONTAINERS:
        return kind
    node = node_of(state, ref)
    bases = () if node is None else (base.rpartition(".")[2] for base in node.bases)
    return next((base for base in bases if base in CONTAINERS), "")


def children_of(state: State, ref: ModuleRef) -> Children:
    """Names and modules directly inside `ref`, in order, as they are on this path."""
    changed = state.children.get(ref)
    if changed is not None:
        return changed
    node = node_of(state, ref)
    if node is not None:
        prefix = f"{ref.path}." if ref.path else ""
        return tuple((name, ModuleRef(ref.object, prefix + name)) for name in node.children)
    record = state.heap.get(ref.object)
    if isinstance(record, InstanceRecord):
        inside = ((name, module_ref(value)) for name, value in record.attributes)
        return tuple((name, child) for name, child in inside if child is not None)
    return ()


def module_ref(value: Value) -> ModuleRef | None:
    """The module that a value is, if it is one."""
    if isinstance(value, Module):
        return value.ref
    if isinstance(value, Instance):
        return ModuleRef(value.identity, "")
    return None


def as_value(state: State, ref: ModuleRef | None) -> Value:
    """The value that reading a child gives."""
    if ref is None:
        return NONE
    return Instance(ref.object) if not ref.path and owner_of(state, ref.object) is not None else Module(ref)


def owner_of(state: State, identity: int) -> Class | None:
    """The class of the file of which an object is an instance, None for all other objects."""
    record = state.heap.get(identity)
    return record.owner if isinstance(record, (InstanceRecord, ZooObject, ContainerObject)) else None


def built_on(state: State, value: Value) -> Module | None:
    """The model or container that an instance of a class built on one of torch's own is, None for any other value."""
    if isinstance(value, Instance) and isinstance(state.heap.get(value.identity), (ZooObject, ContainerObject)):
        return Module(ModuleRef(value.identity, ""))
    return None


def walk(state: State, ref: ModuleRef) -> Iterator[tuple[str, ModuleRef]]:
    """Every module in `ref` with its path now, itself first, each once, as `named_modules` gives them."""
    seen: set[ModuleRef] = set()
    pending: list[tuple[str, ModuleRef]] = [("", ref)]
    while pending:
        path, here = pending.pop()
        if here in seen:
            continue
        prefix = f"{path}." if path else ""
        tree = _untouched_tree(state, here)
        if tree is not None:
            for below, inside in _modules_in(here.object, tree, here.path):
                if inside not in seen:
                    seen.add(inside)
                    yield (prefix + below if below else path), inside
            continue
        seen.add(here)
        yield path, here
        inside_here = [(prefix + name, child) for name, child in children_of(state, here) if child is not None]
        pending.extend(reversed(inside_here))


def objects_in(state: State, ref: ModuleRef) -> set[int]:
    """The numbers of all objects that something in a module belongs to."""
    found: set[int] = set()
    seen: set[ModuleRef] = set()
    pending = [ref]
    while pending:
        here = pending.pop()
        if here in seen:
            continue
        seen.add(here)
        found.add(here.object)
        if _untouched_tree(state, here) is None:
            pending.extend(child for _, child in children_of(state, here) if child is not None)
    return found


def _untouched_tree(state: State, ref: ModuleRef) -> Tree | PartTree | None:
    """The tree if everything in `ref` still stands as the builder made it."""
    record = state.heap.get(ref.object)
    if not isinstance(record, TREES):
        return None
    for changed in state.children:
        if changed.object == ref.object and _is_at_or_below(changed.path, ref.path):
            return None
    return record.tree


def _is_at_or_below(path: str, above: str) -> bool:
    return not above or path == above or path.startswith(f"{above}.")


@lru_cache(maxsize=1_000)
def _modules_in(number: int, tree: Tree | PartTree, path: str) -> tuple[tuple[str, ModuleRef], ...]:
    start = len(path) + 1 if path else 0
    return tuple((inside[start:], ModuleRef(number, inside)) for inside in tree.modules(path))


@lru_cache(maxsize=1_000)
def _parameters_in(number: int, tree: Tree | PartTree, path: str) -> tuple[tuple[str, ParameterRef], ...]:
    start = len(path) + 1 if path else 0
    return tuple((inside[start:], ParameterRef(number, inside)) for inside in tree.parameters(path))


def own_parameters(state: State, ref: ModuleRef) -> Iterator[tuple[str, ParameterRef]]:
    """The parameters that stand directly in a module, with their names."""
    record = state.heap.get(ref.object)
    prefix = f"{ref.path}." if ref.path else ""
    names: Iterator[str]
    if isinstance(record, TREES):
        node = record.tree.node(ref.path)
        names = iter(node.parameters if node is not None else ())
    elif isinstance(record, LayerObject):
        shapes = parameter_shapes(record.kind, dict(record.arguments))
        names = iter((ALL_PARAMETERS,) if shapes is None else shapes)
    elif isinstance(record, OpaqueObject) or (
        isinstance(record, InstanceRecord) and any(_may_be_unknown(value) for _, value in record.attributes)
    ):
        names = iter((ALL_PARAMETERS,))
    else:
        names = iter(())
    known = tuple(names)
    for name in known:
        if state.attributes.get((ref, name)) != NONE:
            yield name, ParameterRef(ref.object, prefix + name)
    new = (name for (at, name), value in state.attributes.items() if at == ref and _is_new_parameter(value))
    if not set(new).issubset(known):
        yield ALL_PARAMETERS, ParameterRef(ref.object, prefix + ALL_PARAMETERS)


def _is_new_parameter(value: Value) -> bool:
    return isinstance(value, Symbol) and value.op == "parameter"


def _may_be_unknown(value: Value) -> bool:
    """Whether an attribute may be a parameter, or a module of which nothing is known."""
    if isinstance(value, Symbol):
        return _is_new_parameter(value) or (value.op == "name" and value.text.endswith(")"))
    return isinstance(value, Unknown)


def parameters_of(state: State, ref: ModuleRef) -> Sequence[tuple[str, ParameterRef]]:
    """Every parameter in a module with its name now, in the order of `named_parameters`."""
    changed = any(value == NONE or _is_new_parameter(value) for value in state.attributes.values())
    tree = None if changed else _untouched_tree(state, ref)
    return _each_parameter(state, ref, changed) if tree is None else _parameters_in(ref.object, tree, ref.path)


def _each_parameter(state: State, ref: ModuleRef, changed: bool) -> list[tuple[str, ParameterRef]]:
    found: list[tuple[str, ParameterRef]] = []
    seen: set[ModuleRef] = set()
    pending: list[tuple[str, ModuleRef]] = [("", ref)]
    while pending:
        path, here = pending.pop()
        if here in seen:
            continue
        seen.add(here)
        prefix = f"{path}." if path else ""
        tree = None if changed else _untouched_tree(state, here)
        if tree is not None:
            found += [(prefix + name, parameter) for name, parameter in _parameters_in(here.object, tree, here.path)]
            continue
        found += [(prefix + name, parameter) for name, parameter in own_parameters(state, here)]
        inside_here = [(prefix + name, child) for name, child in children_of(state, here) if child is not None]
        pending.extend(reversed(inside_here))
    return found


def parameter_shape(state: State, parameter: ParameterRef) -> tuple[Argument, ...] | None:
    """The shape of a parameter, None where it is not known."""
    owner, _, name = parameter.path.rpartition(".")
    record = state.heap.get(parameter.object)
    if isinstance(record, TREES):
        node = record.tree.node(owner)
        return node.parameters.get(name) if node is not None else None
    if isinstance(record, LayerObject):
        return (parameter_shapes(record.kind, dict(record.arguments)) or {}).get(name)
    return None


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


def set_module(
    state: State,
    target: ModuleRef,
    name: str,
    value: ModuleRef | None,
    how: Literal["attribute", "item", "add_module"],
    site: cst.CSTNode,
) -> None:
    """Put a module (or None) under `name`, in the place of what stood there or behind the others."""
    if value is not None and (value == target or any(inside == target for _, inside in walk(state, value))):
        escape(state, target, "it is put into itself", site)
        return
    inside = children_of(state, target)
    replaced: ModuleRef | None = None
    changed: list[tuple[str, ModuleRef | None]] = []
    found = False
    for child_name, child in inside:
        if child_name == name:
            found, replaced = True, child
            changed.append((name, value))
        else:
            changed.append((child_name, child))
    if not found:
        changed.append((name, value))
    state.children[target] = tuple(changed)
    state.attributes.pop((target, name), None)
    state.trace.append(SetModule(target, name, value, replaced, how, site=site))


def set_plain(state: State, target: ModuleRef, name: str, value: Value, site: cst.CSTNode) -> None:
    """Assign something that is no module to an attribute."""
    state.attributes[target, name] = value
    argument = as_argument(value)
    if not isinstance(argument, Unknown):
        state.trace.append(SetAttribute(target, name, argument, site=site))


def set_flags(state: State, parameters: tuple[ParameterRef, ...], value: bool | None, site: cst.CSTNode) -> None:
    """`requires_grad` of these parameters becomes `value` (None: not known). Loops at one site make one event."""
    for parameter in parameters:
        state.flags[parameter] = value
    if value is None or not parameters:
        return
    last = state.trace[-1] if state.trace else None
    if isinstance(last, SetFlag) and last.site is site and last.value is value:
        state.trace[-1] = SetFlag(tuple(dict.fromkeys((*last.parameters, *parameters))), value, site=site)
    else:
        state.trace.append(SetFlag(parameters, value, site=site))


def set_parameter_attribute(
    state: State, parameters: tuple[ParameterRef, ...], name: str, value: Argument, site: cst.CSTNode
) -> None:
    """A plain value is put under another name than `requires_grad`. Loops at one site make one event."""
    last = state.trace[-1] if state.trace else None
    if isinstance(last, SetParameterAttribute) and last.site is site and (last.name, last.value) == (name, value):
        state.trace[-1] = SetParameterAttribute((*last.parameters, *parameters), name, value, site=site)
    else:
        state.trace.append(SetParameterAttribute(parameters, name, value, site=site))


# Under this reference the state keeps that something unknown was frozen, which may be a part of any model.
ELSEWHERE = ModuleRef(-1, "")


def set_unknown_flags(state: State, value: bool | None) -> None:
    """`requires_grad` is written on something unknown: whatever that may undo is no longer known."""
    if value is not False:
        for parameter, flag in state.flags.items():
            if flag is False:
                state.flags[parameter] = None
    if value is not True:
        state.attributes[ELSEWHERE, "frozen"] = Constant(True)


def escape(state: State, ref: ModuleRef, reason: str, site: cst.CSTNode) -> None:
    """A module and all in it are handed to code out of sight."""
    for number in sorted(objects_in(state, ref)):
        if number not in state.escaped:
            state.escaped[number] = reason
            state.trace.append(Escape(ModuleRef(number, ""), reason, site=site))
