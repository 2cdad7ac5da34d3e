"""Calls: evaluating arguments, following functions and classes of the file, and finding who answers the rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, modules
from headlint.flow.arguments import Arguments
from headlint.flow.classes import class_attribute, is_module_class
from headlint.flow.extractors import output
from headlint.flow.functions import call_function
from headlint.flow.outputs import note, output_of
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import (
    Class,
    External,
    Function,
    Instance,
    Method,
    Module,
    Partial,
    Symbol,
    Unknown,
    Value,
)
from headlint.history import ModuleRef
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def call(run: Interpreter, state: State, function: Value, arguments: Arguments, node: cst.CSTNode) -> Value:
    """The value of calling `function`, with the effects of the call done to `state`."""
    if type(function) is Symbol and function.op == "choice":
        function = run.settle(state, function)
    kind = type(function)
    if (kind is Symbol or kind is Unknown) and called_name(node) == "requires_grad_":
        wanted = arguments.get(0, "requires_grad")
        changes.set_unknown_flags(state, True if wanted is None else run.truth(state, wanted))
    if arguments.positional and not isinstance(getattr(function, "function", function), (External, Function, Module)):
        note(state, arguments.positional[0], "call", called_name(node), node)
    answer = _answers().get(kind, call_unknown)
    return answer(run, state, function, arguments, node)


@cache
def _answers() -> dict[type, Callable[..., Value]]:
    """What answers a call, by the class of what is called; the files of some begin with an import of this one."""
    from headlint.flow.externals import call_external
    from headlint.flow.instances import instantiate
    from headlint.flow.methods import call_method, call_symbol

    return {
        Function: call_function,
        Method: call_method,
        Class: instantiate,
        External: call_external,
        Partial: _call_partial,
        Module: call_instance,
        Instance: call_instance,
        Symbol: call_symbol,
    }


def _call_partial(run: Interpreter, state: State, partial: Partial, arguments: Arguments, node: cst.CSTNode) -> Value:
    keywords = {**dict(partial.keywords), **dict(arguments.keywords)}
    positional = (*partial.arguments, *arguments.positional)
    given = Arguments(positional, tuple(keywords.items()), arguments.complete)
    return call(run, state, partial.function, given, node)


def call_unknown(run: Interpreter, state: State, function: Value, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A call to nobody knows what, which may do what it likes with its arguments."""
    text = text_of(node)
    for value in arguments.values:
        run.hand_over(state, value, f"'{text}' is called with it", node)
    return state.origin(node, text)


def called_name(node: cst.CSTNode) -> str:
    """The last name of what a call is written to call."""
    if type(node) is not cst.Call:
        return ""
    function = node.func
    if type(function) is cst.Attribute:
        return function.attr.value
    return function.value if type(function) is cst.Name else text_of(function).rpartition(".")[2]


def call_instance(
    run: Interpreter, state: State, function: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`model(x)` runs forward; an instance of another class of the file runs its `__call__`."""
    ref = modules.module_ref(function)
    extracted = output(state, function, node)
    if ref is not None and extracted is None and state.operations is not None:
        from headlint.flow.tensors import call_module

        result = call_module(state, function, arguments, node)
        if result is not None:
            return result
    if isinstance(function, Module):
        state.called[function.ref] = len(state.trace)
    else:
        state.called[ModuleRef(function.identity, "")] = len(state.trace)
        record = state.heap.get(function.identity)
        if isinstance(record, InstanceRecord) and not is_module_class(state, record.owner):
            found = class_attribute(state, record.owner, "__call__")
            if isinstance(found, Function):
                return call(run, state, Method(function, "__call__", found), arguments, node)
    return output_of(state, function, arguments, node) if extracted is None else extracted
