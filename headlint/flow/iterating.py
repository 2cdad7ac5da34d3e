"""Iteration: what a loop over a value runs through, and what is lost where nobody knows which item is taken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import mappings, modules
from headlint.flow.enums import values_of
from headlint.flow.fields import fields_of, is_named_tuple
from headlint.flow.state import ContainerObject, DictRecord, InstanceRecord, ListRecord, State
from headlint.flow.value import Class, Constant, DictRef, Instance, Iterator, ListRef, Module, Submodules, Tuple, Value
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
            lose_sight(run, state, held_by(state, value), site)
        elif isinstance(value, Instance) or (isinstance(value, Module) and not value.ref.path):
            run.hand_over(state, value, f"'{text_of(site)}' may be it", site)


def held_by(state: State, value: Value) -> tuple[Value, ...]:
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
