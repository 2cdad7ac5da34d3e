"""Assigning and deleting attributes: `owner.name = value` and `del owner.name` for every kind of value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, making, modules, reads
from headlint.flow.classes import class_attribute, descriptor_method
from headlint.flow.parameters import flag_of_new, own_parameters
from headlint.flow.sizes import as_argument
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import (
    FALSE,
    NONE,
    TRUE,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Method,
    Module,
    Parameter,
    Property,
    Symbol,
    Unknown,
    Value,
)
from headlint.history import ModuleRef, ParameterRef
from headlint.torchlib.names import MODULE_METHODS

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def write(run: Interpreter, state: State, owner: Value, name: str, value: Value, site: cst.CSTNode) -> None:
    """`owner.name = value`."""
    if isinstance(owner, Instance) and _write_by_class(run, state, owner, name, value, site):
        return
    owner = modules.built_on(state, owner) or owner
    if name == "requires_grad" and isinstance(owner, (Symbol, Unknown)):
        changes.set_unknown_flags(state, value.value if value in (TRUE, FALSE) else None)  # type: ignore[union-attr,arg-type]
    match owner:
        case Module():
            write_module(run, state, owner, name, value, site)
        case Instance():
            run.may_be_right.add(id(site))
            set_instance_attribute(state, owner, name, value)
        case Parameter():
            if name == "requires_grad":
                flag = value.value if isinstance(value, Constant) and isinstance(value.value, bool) else None
                changes.set_flags(state, (owner.ref,), flag, site)
            elif name == "data":
                # A tensor of any shape may come in the place of the old one.
                place, _, own = owner.ref.path.rpartition(".")
                state.attributes[ModuleRef(owner.ref.object, place), own] = value
            elif name != "grad":
                argument = as_argument(value)
                if not isinstance(argument, Unknown):
                    changes.set_parameter_attribute(state, (owner.ref,), name, argument, site)
        case Symbol():
            run.may_be_right.add(id(site))
            run.hand_over(state, value, "put into something unknown", site)
            write_symbol(state, owner, name, value)
        case Class():
            if owner.namespace in state.frames:
                state.names(owner.namespace)[name] = value
        case External() if name.startswith(("forward", "_forward")):
            # A method of one of torchvision's own classes: from here no model's forward is what the zoo knows.
            state.attributes[changes.ELSEWHERE, name] = value
        case _:
            run.may_be_right.add(id(site))
            run.hand_over(state, value, "put into something unknown", site)


def _write_by_class(
    run: Interpreter, state: State, owner: Instance, name: str, value: Value, site: cst.CSTNode
) -> bool:
    """Do what the class of an instance does on an assignment, if it has a property there or a `__setattr__`."""
    own = modules.owner_of(state, owner.identity)
    if own is None:
        return False
    setting = class_attribute(state, own, "__setattr__")
    if isinstance(setting, Function):
        run.call(state, Method(owner, "__setattr__", setting), (Constant(name), value), site)
        return True
    found = class_attribute(state, own, name)
    described = None if found is None else descriptor_method(state, found, "__set__")
    if described is not None:
        run.call(state, described, (owner, value), site)
        return True
    if not isinstance(found, Property):
        return False
    if found.setter is not None:
        run.call(state, Method(owner, name, found.setter), (value,), site)
    elif found.kept:
        set_instance_attribute(state, owner, name, value)
    return True


def write_module(run: Interpreter, state: State, owner: Module, name: str, value: Value, site: cst.CSTNode) -> None:
    """An assignment to an attribute of a module: a module, a plain value, or something unknown."""
    new = modules.module_ref(value)
    known_child = any(child == name for child, _ in modules.children_of(state, owner.ref))
    if new is not None:
        changes.set_module(state, owner.ref, name, new, "attribute", site)
    elif known_child and value == NONE:
        changes.set_module(state, owner.ref, name, None, "attribute", site)
    elif known_child:
        opaque = making.make_opaque(state, "something unknown", site)
        changes.set_module(state, owner.ref, name, opaque.ref, "attribute", site)
    else:
        if name == "__class__":
            changes.escape(state, owner.ref, "it gets another class", site)
            state.attributes[owner.ref, "forward"] = value
        elif name == "requires_grad_" and isinstance(value, Constant):
            # The method is lost on this module, and nothing else has happened to it.
            changes.set_plain(state, owner.ref, name, value, site)
        elif name in MODULE_METHODS or _is_method(state, owner, name):
            changes.escape(state, owner.ref, f"its '{name}' is replaced", site)
            state.attributes[owner.ref, name] = value
        elif any(own == name for own, _ in own_parameters(state, owner.ref)):
            # A parameter of any shape may come in the place of the old one.
            state.attributes[owner.ref, name] = value
            prefix = f"{owner.ref.path}." if owner.ref.path else ""
            state.flags[ParameterRef(owner.ref.object, prefix + name)] = flag_of_new(value)
        else:
            changes.set_plain(state, owner.ref, name, value, site)


def _is_method(state: State, owner: Module, name: str) -> bool:
    """Whether the model itself has something under `name` that is neither size nor module: likely code."""
    node = modules.node_of(state, owner.ref)
    if node is None or name in node.sizes or name in node.parameters:
        return False
    return reads.read_attribute(state, owner.ref, name) is None and (owner.ref, name) not in state.attributes


def set_instance_attribute(state: State, owner: Instance, name: str, value: Value) -> None:
    """An attribute of an instance of a class of the file."""
    record = state.heap.get(owner.identity)
    if isinstance(record, InstanceRecord):
        attributes = dict(record.attributes)
        attributes[name] = value
        fresh = record.fresh | {name} if record.escaped else record.fresh
        state.heap[owner.identity] = InstanceRecord(record.owner, tuple(attributes.items()), record.escaped, fresh)


def write_symbol(state: State, owner: Symbol, name: str, value: Value) -> None:
    """Assigning to an attribute of something unknown: reading it again gives the value, old tests on it are void."""
    attribute = Symbol("attr", (owner, Constant(name)), f"{owner.text}.{name}")
    known = state.assumptions.items()
    state.assumptions = {key: held for key, held in known if key != attribute and attribute not in key.inside}
    state.assumptions[attribute] = value
    state.written[attribute] = owner


def delete(state: State, owner: Value, name: str, site: cst.CSTNode) -> None:
    """`del owner.name`."""
    owner = modules.built_on(state, owner) or owner
    if isinstance(owner, Module):
        inside = modules.children_of(state, owner.ref)
        changes.delete_module(state, owner.ref, name, tuple(pair for pair in inside if pair[0] != name), site)
        state.attributes[owner.ref, name] = reads.DELETED
    elif isinstance(owner, Instance):
        record = state.heap.get(owner.identity)
        if isinstance(record, InstanceRecord):
            left = tuple(pair for pair in record.attributes if pair[0] != name)
            fresh = record.fresh - {name}
            state.heap[owner.identity] = InstanceRecord(record.owner, left, record.escaped, fresh)
