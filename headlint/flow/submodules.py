"""Modules and parameters by their names and paths: `add_module`, `get_submodule`, `set_submodule` and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, modules
from headlint.flow.arguments import Arguments
from headlint.flow.assigning import set_instance_attribute, write_module
from headlint.flow.attributes import read
from headlint.flow.state import State
from headlint.flow.value import NONE, Constant, Instance, Module, Unknown, Value

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def get_submodule(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`module.get_submodule(...)`."""
    path = arguments.get(0, "target")
    path = None if path is None else run.settle(state, path)
    if not isinstance(path, Constant) or not isinstance(path.value, str):
        return Unknown("a place that is not known")
    value: Value = receiver
    for step in path.value.split(".") if path.value else ():
        if isinstance(value, (Module, Instance)):
            inside = dict(modules.children_of(state, modules.ref_of(value)))
            if step in inside:
                value = modules.as_value(state, inside[step])
                continue
        return read(run, state, value, step, node)
    return value


def set_submodule(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`module.set_submodule(...)`."""
    found = _place(run, state, receiver, arguments, node)
    module = arguments.get(1, "module")
    if found is None or module is None or not isinstance(found[0], (Module, Instance)):
        run.hand_over(state, receiver, "a module is set at a place that is not known", node)
        return NONE
    return add_module(run, state, found[0], Arguments((Constant(found[1]), module)), node)


def get_parameter(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`module.get_parameter(...)`."""
    found = _place(run, state, receiver, arguments, node)
    return Unknown("a parameter that is not known") if found is None else read(run, state, *found, node)


def _place(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> tuple[Value, str] | None:
    """What holds the place that `target` names, and its name in there."""
    path = run.settle(state, arguments.get(0, "target") or NONE)
    if not isinstance(path, Constant) or not isinstance(path.value, str):
        return None
    around, _, name = path.value.rpartition(".")
    return get_submodule(run, state, receiver, Arguments((Constant(around),)), node), name


def add_module(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`module.add_module(...)`."""
    name, value = arguments.get(0, "name"), arguments.get(1, "module")
    name = None if name is None else run.settle(state, name)
    if value is None or not isinstance(name, Constant) or not isinstance(name.value, str):
        run.hand_over(state, receiver, "a module is added under a name that is not known", node)
        return NONE
    receiver = modules.built_on(state, receiver) or receiver
    if isinstance(receiver, Instance):
        set_instance_attribute(state, receiver, name.value, value)
        return NONE
    ref = modules.module_ref(value)
    if ref is None and value != NONE:
        write_module(run, state, receiver, name.value, value, node)
    else:
        changes.set_module(state, receiver.ref, name.value, ref, "add_module", node)
    return NONE


def set_by_name(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`super().__setattr__(name, value)`: what an assignment does without the class's own method."""
    name, value = arguments.get(0, "name"), arguments.get(1, "value")
    receiver = modules.built_on(state, receiver) or receiver
    if not isinstance(name, Constant) or not isinstance(name.value, str) or value is None:
        for given in (receiver, *arguments.values):
            run.hand_over(state, given, "it is set under a name that is not known", node)
    elif isinstance(receiver, Module):
        write_module(run, state, receiver, name.value, value, node)
    else:
        set_instance_attribute(state, receiver, name.value, value)
    return NONE
