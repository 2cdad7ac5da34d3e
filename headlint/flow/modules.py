"""Modules inside a state: what stands where, and what it holds.

All of it is read off the zoo's trees and the layers the code made, with the changes of this path laid over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from headlint.flow.state import Children, ContainerObject, InstanceRecord, LayerObject, PartObject, State, ZooObject
from headlint.flow.value import NONE, Class, Constant, Instance, Module, Symbol, Unknown, Value
from headlint.history import ModuleRef
from headlint.torchlib.parts import PartTree

if TYPE_CHECKING:
    from headlint.zoo import Node, Tree

LIST_CONTAINERS = frozenset({"Sequential", "ModuleList"})
CONTAINERS = LIST_CONTAINERS | {"ModuleDict"}
WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel"})
# Objects of which a tree tells what stands in them.
TREES = (ZooObject, PartObject)


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
    record = state.heap.get(ref.object)
    if isinstance(record, TREES):
        return _children_in(ref, record.tree)
    if isinstance(record, InstanceRecord):
        inside = ((name, module_ref(value)) for name, value in record.attributes)
        return tuple((name, child) for name, child in inside if child is not None)
    return ()


@lru_cache(maxsize=4_000)
def _children_in(ref: ModuleRef, tree: Tree | PartTree) -> Children:
    node = tree.node(ref.path)
    prefix = f"{ref.path}." if ref.path else ""
    return () if node is None else tuple((name, ModuleRef(ref.object, prefix + name)) for name in node.children)


def module_ref(value: Value) -> ModuleRef | None:
    """The module that a value is, if it is one."""
    return ref_of(value) if isinstance(value, (Module, Instance)) else None


def ref_of(value: Module | Instance) -> ModuleRef:
    """The reference to a module, or to an object of a class of the file as one."""
    return value.ref if isinstance(value, Module) else ModuleRef(value.identity, "")


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
        tree = untouched_tree(state, here)
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
    found = {ref.object}
    changed: dict[int, list[str]] = {}
    for number, path in state.children:
        changed.setdefault(number, []).append(path)
    seen: set[ModuleRef] = set()
    pending = [ref]
    while pending:
        here = pending.pop()
        if here in seen:
            continue
        seen.add(here)
        number, path = here
        if here not in state.children and isinstance(state.heap.get(number), TREES):
            # What another object was put into is the only way to one.
            start = f"{path}." if path else ""
            below = [inside[len(start) :] for inside in changed.get(number, ()) if inside.startswith(start)]
            pending += [ModuleRef(number, start + inside.partition(".")[0]) for inside in below]
            continue
        for _, child in children_of(state, here):
            if child is None:
                continue
            if child.object in changed:
                found.add(child.object)
                pending.append(child)
            elif child.object not in found:
                found.add(child.object)
                if isinstance(state.heap.get(child.object), InstanceRecord):
                    pending.append(child)
    return found


def untouched_tree(state: State, ref: ModuleRef) -> Tree | PartTree | None:
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
