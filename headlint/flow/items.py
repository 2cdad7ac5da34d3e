"""Items and iteration: `value[key]`, `value[key] = ...`, and what a loop over a value runs through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import making, mappings, modules
from headlint.flow.attributes import owner_of_dict, read, set_instance_attribute
from headlint.flow.choice import Raised
from headlint.flow.classes import class_attribute
from headlint.flow.enums import is_member, members_of, stands_for, values_of
from headlint.flow.fields import fields_of, is_named_tuple
from headlint.flow.operations import apply
from headlint.flow.state import ContainerObject, DictRecord, InstanceRecord, ListRecord, State
from headlint.flow.value import (
    NONE,
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    Iterator,
    ListRef,
    Method,
    Module,
    Slice,
    Submodules,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import Build, MakeLayer, MakeOpaque, MakeOptimizer
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def iterate(state: State, value: Value) -> tuple[Value, ...] | None:
    """The values that iterating over `value` gives, None where they are not known."""
    match value:
        case Tuple():
            return value.items
        case Iterator():
            return value.items if value.identity is None else _run_through(state, value)
        case ListRef():
            record = state.heap.get(value.identity)
            return record.items if isinstance(record, ListRecord) and record.complete else None
        case DictRef():
            record = state.heap.get(value.identity)
            if isinstance(record, DictRecord) and record.complete:
                return tuple(key for key, _ in record.items)
            return None
        case Constant(str() as text):
            return tuple(Constant(letter) for letter in text)
        case Submodules():
            known = mappings.entries(state, value.owner)
            return None if known is None else tuple(Constant(name) for name in known)
        case Instance():
            model = modules.built_on(state, value)
            return parts_of(state, value) if model is None else iterate(state, model)
        case Class():
            return values_of(state, value)
        case Module():
            if modules.container_kind(state, value.ref) == "ModuleDict":
                return iterate(state, Submodules(value))
            if (
                modules.container_kind(state, value.ref) in modules.LIST_CONTAINERS
                and value.ref.object not in state.escaped
            ):
                return tuple(modules.as_value(state, child) for _, child in modules.children_of(state, value.ref))
    return None


def parts_of(state: State, value: Instance) -> tuple[Value, ...] | None:
    """What stands in a named tuple of a class of the file, None for any other object and where it is not known."""
    record = state.heap.get(value.identity)
    if not isinstance(record, InstanceRecord) or record.escaped or not is_named_tuple(record.owner):
        return None
    attributes = dict(record.attributes)
    parts = tuple(attributes[name] for name in fields_of(record.owner) if name in attributes)
    return parts if len(parts) == len(attributes) == len(fields_of(record.owner)) else None


def _run_through(state: State, iterator: Iterator) -> tuple[Value, ...] | None:
    """What is left in an iterator that can be run through once."""
    assert iterator.identity is not None
    taken = state.spent.get(iterator.identity, 0)
    state.spent[iterator.identity] = len(iterator.items)
    if taken == len(iterator.items):
        # One that has come to its end stays there, whatever is done since.
        return ()
    if taken is None or any(not isinstance(event, IDLE) for event in state.trace[iterator.made :]):
        return None
    return iterator.items[taken:]


# Events after which an iterator gives what it would have given before.
IDLE = (MakeOptimizer, MakeLayer, MakeOpaque, Build)


def take_one(state: State, iterator: Iterator) -> Value | None:
    """The next item of an iterator, None where that is not known."""
    left = iterate(state, iterator)
    if iterator.identity is not None:
        state.spent[iterator.identity] = None if left is None else len(iterator.items) - len(left) + 1
    return left[0] if left else None


def lose_sight(run: Interpreter, state: State, values: Iterable[Value], site: cst.CSTNode) -> None:
    """One of these is taken and nobody knows which: what is done to it from here on may be done to any model there."""
    for value in values:
        if isinstance(value, Tuple):
            lose_sight(run, state, value.items, site)
        elif isinstance(value, (ListRef, DictRef, Submodules)):
            lose_sight(run, state, _held(state, value), site)
        elif isinstance(value, Instance) or (isinstance(value, Module) and not value.ref.path):
            run.hand_over(state, value, f"'{text_of(site)}' may be it", site)


def _held(state: State, value: Value) -> tuple[Value, ...]:
    """What stands in a list or dict of the code's own, as far as it is known."""
    record = state.heap.get(value.identity) if isinstance(value, (ListRef, DictRef)) else None
    if isinstance(record, DictRecord):
        return tuple(inside for _, inside in record.items)
    if isinstance(record, ListRecord):
        return record.items
    ref = modules.module_ref(value.owner if isinstance(value, Submodules) else value)
    if ref is None or ref.path or not isinstance(state.heap.get(ref.object), ContainerObject):
        return value.items if isinstance(value, Tuple) else ()
    return tuple(modules.as_value(state, child) for _, child in modules.children_of(state, ref))


def lose_count(state: State, value: Value) -> None:
    """Nobody knows any longer how far an iterator has been run through."""
    if isinstance(value, Iterator) and value.identity is not None:
        state.spent[value.identity] = None


def item(run: Interpreter, state: State, owner: Value, key: Value, node: cst.Subscript) -> Value:
    """What `owner[key]` gives; a read that certainly raises in a module ends the path."""
    found = _item(run, state, owner, key, node)
    if isinstance(found, Unknown):
        lose_sight(run, state, _held(state, owner), node)
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
            found = modules.read_item(state, owner.ref, key)
            if isinstance(found, modules.Missing):
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


def can_dispatch(record: DictRecord) -> bool:
    """Whether all keys of a dict are known constants."""
    return record.complete and all(isinstance(known, Constant) or is_member(known) for known, _ in record.items)


def look_up_member(run: Interpreter, state: State, members: DictRecord, key: Value, node: cst.CSTNode) -> Value:
    """A member of an Enum by its name or value."""
    known = dict(members.items).get(stands_for(key) or key)
    if known is None and isinstance(key, Symbol):
        known = dispatch(run, state, members, key, None)
    return state.origin(node, text_of(node)) if known is None else known


def dispatch(run: Interpreter, state: State, record: DictRecord, key: Symbol, otherwise: Value | None) -> Value:
    """A dict of known constants asked with a symbol: go each way on which the symbol is one of the keys.

    What is no key gives `otherwise`, and raises where that is None.
    """
    if state.choices is None:
        return Unknown("one of the items of a dict")
    for known, value in record.items:
        if run.decide(state, apply("==", (key, known), f"{key.text} == {text_of_constant(known)}")):
            return value
    if otherwise is None:
        raise Raised
    return otherwise


def text_of_constant(value: Value) -> str:
    """A constant or symbol as the code would write it."""
    if isinstance(value, Symbol):
        return value.text
    return repr(value.value) if isinstance(value, Constant) else "..."


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
        modules.escape(state, owner.ref, "an item is set that is not known", site)
        return
    new = modules.module_ref(value)
    if new is None and value != NONE:
        new = making.make_opaque(state, "something unknown", site).ref
    modules.set_module(state, owner.ref, name, new, "item", site)
