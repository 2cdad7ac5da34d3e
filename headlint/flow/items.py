"""Items and iteration: `value[key]`, `value[key] = ...`, and what a loop over a value runs through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, making, mappings, modules, reads
from headlint.flow.assigning import set_instance_attribute
from headlint.flow.attributes import owner_of_dict, read
from headlint.flow.classes import class_attribute
from headlint.flow.dispatch import can_dispatch, dispatch, look_up_member
from headlint.flow.enums import members_of
from headlint.flow.iterating import held_by, iterate, lose_sight, parts_of
from headlint.flow.operations import apply
from headlint.flow.state import DictRecord, ListRecord, State
from headlint.flow.value import (
    NONE,
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    ListRef,
    Method,
    Module,
    Slice,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def item(run: Interpreter, state: State, owner: Value, key: Value, node: cst.Subscript) -> Value:
    """What `owner[key]` gives; a read that certainly raises in a module ends the path."""
    found = _item(run, state, owner, key, node)
    if isinstance(found, Unknown):
        lose_sight(run, state, held_by(state, owner), node)
    return found


def _item(run: Interpreter, state: State, owner: Value, key: Value, node: cst.Subscript) -> Value:
    holder = mappings.holder_of(state, owner)
    if holder is not None:
        run.may_be_right.add(id(node))
        return mappings.entry(state, holder, key)
    around = owner_of_dict(owner)
    if around is not None:
        return read(run, state, around, "_modules", node) if key == Constant("_modules") else _NO_ITEM
    owner = modules.built_on(state, owner) or owner
    match owner:
        case Tuple() | ListRef():
            return _sequence_item(state, owner, key)
        case DictRef():
            return _dict_item(run, state, owner, key, node)
        case Module():
            if isinstance(key, Slice):
                return _module_slice(state, owner, key, node)
            found = reads.read_item(state, owner.ref, key)
            if isinstance(found, reads.Missing):
                assert isinstance(key, Constant)
                assert isinstance(key.value, int)
                run.raises_reading(state, owner.ref, key.value, site=node)
            run.may_be_right.add(id(node))
            return Unknown("an item of a module") if found is None else found
        case External():
            if owner.name.endswith(".__dict__"):
                key = run.pinned(state, key)
                if isinstance(key, Constant):
                    return External(f"{owner.name.removesuffix('.__dict__')}.{key.value}")
            return Symbol("item", (owner, key), text_of(node)) if isinstance(key, (Constant, Symbol)) else _NO_ITEM
        case Class():
            members = members_of(state, owner)
            if members is None:
                return Unknown("an item of a class")
            by_name = DictRecord(tuple((Constant(name), member) for name, member in members.items()))
            return look_up_member(run, state, by_name, run.settle(state, key), node)
        case Instance():
            parts = parts_of(state, owner)
            if parts is not None:
                return _sequence_item(state, Tuple(parts), key)
            own = modules.owner_of(state, owner.identity)
            found_method = None if own is None else class_attribute(state, own, "__getitem__")
            if isinstance(found_method, Function):
                return run.call(state, Method(owner, "__getitem__", found_method), (key,), node)
            return Unknown("an item of an object")
        case Symbol() | Constant():
            bounds = slice_bounds(key)
            if bounds is not None and isinstance(owner, Constant) and isinstance(owner.value, str):
                return Constant(owner.value[bounds])
            found_value = apply("item", (owner, key), text_of(node))
            return state.origin(node, text_of(node)) if isinstance(found_value, Unknown) else found_value
    return Unknown("an item of something unknown")


_NO_ITEM = Unknown("an item of something imported")


def _sequence_item(state: State, owner: Value, key: Value) -> Value:
    items = iterate(state, owner)
    if items is None:
        return Unknown("an item of a list that is not known")
    if isinstance(key, Constant) and isinstance(key.value, int):
        return items[key.value] if -len(items) <= key.value < len(items) else Unknown("out of range")
    bounds = slice_bounds(key)
    if bounds is None:
        return Unknown("an index that is not known")
    if isinstance(owner, Tuple):
        return Tuple(items[bounds])
    identity = state.identity()
    state.heap[identity] = ListRecord(items[bounds])
    return ListRef(identity)


def slice_bounds(key: Value) -> slice | None:
    """A slice of known whole numbers as Python's own; None also for one with a step of 0, which raises."""
    if not isinstance(key, Slice):
        return None
    bounds: list[int | None] = []
    for bound in (key.start, key.stop, key.step):
        if not isinstance(bound, Constant) or not (bound.value is None or isinstance(bound.value, int)):
            return None
        bounds.append(bound.value)
    return None if bounds[-1] == 0 else slice(*bounds)


def _dict_item(run: Interpreter, state: State, owner: DictRef, key: Value, node: cst.CSTNode) -> Value:
    record = state.heap.get(owner.identity)
    if not isinstance(record, DictRecord):
        return Unknown("an item of a dict that is not known")
    for known, value in record.items:
        if known == key and record.complete:
            return value
    if isinstance(key, Symbol) and can_dispatch(record):
        return dispatch(run, state, record, key, None)
    return Unknown("a key that is not known")


def _module_slice(state: State, owner: Module, key: Slice, node: cst.CSTNode) -> Value:
    kind = modules.container_kind(state, owner.ref)
    bounds = slice_bounds(key)
    own = modules.owner_of(state, owner.ref.object) if not owner.ref.path else None
    if kind not in modules.LIST_CONTAINERS or bounds is None or own is not None or owner.ref.object in state.escaped:
        # A class of the file would be made with the slice for its constructor's argument.
        return Unknown("a slice of a module")
    inside = modules.children_of(state, owner.ref)[bounds]
    # torch keeps the names of the children in a sliced Sequential.
    names = [name for name, _ in inside] if kind == "Sequential" else [str(i) for i in range(len(inside))]
    renamed = tuple((name, child) for name, (_, child) in zip(names, inside, strict=True))
    return making.make_container(state, kind, renamed, node)


def write_item(run: Interpreter, state: State, owner: Value, key: Value, value: Value, site: cst.CSTNode) -> None:
    """`owner[key] = value`."""
    holder = mappings.holder_of(state, owner)
    if holder is not None:
        mappings.put(run, state, holder, key, value, site)
        return
    around = owner_of_dict(owner)
    if isinstance(around, Instance) and isinstance(key, Constant) and isinstance(key.value, str):
        # What comes in this way is no part of the module.
        set_instance_attribute(state, around, key.value, Unknown("put into '__dict__'"))
    elif around is not None:
        run.hand_over(state, around, "an item of its '__dict__' is set", site)
    owner = modules.built_on(state, owner) or owner
    match owner:
        case ListRef():
            record = state.heap.get(owner.identity)
            if not isinstance(record, ListRecord):
                return
            known = isinstance(key, Constant) and isinstance(key.value, int) and record.complete
            if known and -len(record.items) <= key.value < len(record.items):  # type: ignore[union-attr,operator]
                items = list(record.items)
                items[key.value] = value  # type: ignore[union-attr,index]
                state.heap[owner.identity] = ListRecord(tuple(items))
            else:
                state.heap[owner.identity] = ListRecord(record.items, complete=False)
        case DictRef():
            record = state.heap.get(owner.identity)
            if not isinstance(record, DictRecord):
                return
            if isinstance(key, Constant):
                items_by_key = dict(record.items)
                items_by_key[key] = value
                state.heap[owner.identity] = DictRecord(tuple(items_by_key.items()), record.complete)
            else:
                state.heap[owner.identity] = DictRecord(record.items, complete=False)
        case Module():
            _write_module_item(run, state, owner, key, value, site)
        case Instance():
            own = modules.owner_of(state, owner.identity)
            found = None if own is None else class_attribute(state, own, "__setitem__")
            if isinstance(found, Function):
                run.call(state, Method(owner, "__setitem__", found), (key, value), site)
            else:
                run.hand_over(state, value, "put into something unknown", site)
        case _:
            run.may_be_right.add(id(site))
            run.hand_over(state, value, "put into something unknown", site)


def _write_module_item(
    run: Interpreter, state: State, owner: Module, key: Value, value: Value, site: cst.CSTNode
) -> None:
    kind = modules.container_kind(state, owner.ref)
    inside = modules.children_of(state, owner.ref)
    name: str | None = None
    if kind in modules.LIST_CONTAINERS and isinstance(key, Constant) and isinstance(key.value, int):
        if -len(inside) <= key.value < len(inside):
            name = inside[key.value][0]
        elif owner.ref.object not in state.escaped:
            run.raises_reading(state, owner.ref, key.value, site=site)
    if name is None:
        changes.escape(state, owner.ref, "an item is set that is not known", site)
        return
    new = modules.module_ref(value)
    if new is None and value != NONE:
        new = making.make_opaque(state, "something unknown", site).ref
    changes.set_module(state, owner.ref, name, new, "item", site)
