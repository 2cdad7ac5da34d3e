"""Modules by name, as a dict: a ModuleDict, and the `_modules` that every module has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, making, modules
from headlint.flow.state import DictRecord, InstanceRecord, State
from headlint.flow.value import NONE, Constant, DictRef, Instance, Iterator, Module, Submodules, Tuple, Unknown, Value

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def holder_of(state: State, value: Value) -> Module | Instance | None:
    """The module of which `value` is the dict of what stands in it, None where it is no such dict."""
    if isinstance(value, Submodules):
        return value.owner
    value = modules.built_on(state, value) or value
    is_dict = isinstance(value, Module) and modules.container_kind(state, value.ref) == "ModuleDict"
    return value if isinstance(value, Module) and is_dict else None


def entries(state: State, holder: Module | Instance) -> dict[str, Value] | None:
    """What stands in a module, by name; None where code out of sight may have changed it."""
    ref = modules.module_ref(holder)
    record = state.heap.get(ref.object) if ref is not None else None
    if ref is None or ref.object in state.escaped or (isinstance(record, InstanceRecord) and record.escaped):
        return None
    return {name: modules.as_value(state, child) for name, child in modules.children_of(state, ref)}


def entry(state: State, holder: Module | Instance, key: Value) -> Value:
    """`dict[key]`."""
    known = entries(state, holder)
    if known is None or not isinstance(key, Constant) or key.value not in known:
        return Unknown("an item of a dict of modules")
    return known[str(key.value)]


def put(run: Interpreter, state: State, holder: Module | Instance, key: Value, value: Value, site: cst.CSTNode) -> None:
    """`dict[key] = value`."""
    from headlint.flow.assigning import set_instance_attribute

    if not isinstance(key, Constant) or not isinstance(key.value, str):
        run.hand_over(state, holder, "a module is put under a name that is not known", site)
        run.hand_over(state, value, "it is put under a name that is not known", site)
    elif isinstance(holder, Instance):
        set_instance_attribute(state, holder, key.value, value)
    else:
        new = modules.module_ref(value)
        if new is None and value != NONE:
            new = making.make_opaque(state, "something unknown", site).ref
        changes.set_module(state, holder.ref, key.value, new, "add_module", site)


def drop(run: Interpreter, state: State, holder: Module | Instance, key: Value, site: cst.CSTNode) -> None:
    """`del dict[key]`."""
    known = entries(state, holder)
    if known is None or not isinstance(holder, Module) or not isinstance(key, Constant) or key.value not in known:
        run.hand_over(state, holder, "a module is deleted that is not known", site)
        return
    name = str(key.value)
    inside = modules.children_of(state, holder.ref)
    changes.delete_module(state, holder.ref, name, tuple(pair for pair in inside if pair[0] != name), site)


def call_method(
    run: Interpreter,
    state: State,
    holder: Module | Instance,
    name: str,
    positional: tuple[Value, ...],
    site: cst.CSTNode,
) -> Value:
    """What a method of such a dict gives, with its effects done to `state`."""
    known = entries(state, holder)
    if known is not None and name in ("keys", "values", "items") and not positional:
        pairs = tuple((Constant(key), value) for key, value in known.items())
        if name == "items":
            return Iterator(tuple(Tuple(pair) for pair in pairs))
        return Iterator(tuple(pair[name == "values"] for pair in pairs))
    key = positional[0] if positional else NONE
    if known is not None and name in ("get", "pop") and isinstance(key, Constant):
        found = known.get(str(key.value), positional[1] if len(positional) > 1 else NONE)
        if name == "pop" and key.value in known:
            drop(run, state, holder, key, site)
        return found
    if name == "update" and _has_followed_update(run, state, holder, positional, site):
        return NONE
    if name == "clear" and known is not None:
        for inside in known:
            drop(run, state, holder, Constant(inside), site)
        return NONE
    for value in (holder, *positional):
        run.hand_over(state, value, f"'{name}' is not followed", site)
    return Unknown(f"'{name}' of a dict of modules")


def _has_followed_update(
    run: Interpreter, state: State, holder: Module | Instance, positional: tuple[Value, ...], site: cst.CSTNode
) -> bool:
    """Put in all that a dict has; nothing is done where that is not known."""
    source = positional[0] if len(positional) == 1 else NONE
    record = state.heap.get(source.identity) if isinstance(source, DictRef) else None
    if not isinstance(record, DictRecord) or not record.complete:
        return False
    for key, value in record.items:
        put(run, state, holder, key, value, site)
    return True
