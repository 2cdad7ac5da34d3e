"""Calls: evaluating arguments, following functions and classes of the file, and finding who answers the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, modules
from headlint.flow.arguments import Arguments
from headlint.flow.attributes import owner_of_dict
from headlint.flow.classes import class_attribute, is_module_class
from headlint.flow.functions import call_function
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import (
    Class,
    External,
    Function,
    Instance,
    Method,
    Module,
    Parameter,
    Partial,
    Symbol,
    Unknown,
    Value,
)
from headlint.history import ModuleRef
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


# Methods that change what they are called on.
CHANGING = frozenset("append clear extend insert pop popitem register_parameter setdefault update".split())


def call(run: Interpreter, state: State, function: Value, arguments: Arguments, node: cst.CSTNode) -> Value:
    """The value of calling `function`, with the effects of the call done to `state`."""
    if isinstance(function, Symbol) and function.op == "choice":
        function = run.settle(state, function)
    if isinstance(function, (Symbol, Unknown)) and _called_name(node) == "requires_grad_":
        wanted = arguments.get(0, "requires_grad")
        changes.set_unknown_flags(state, True if wanted is None else run.truth(state, wanted))
    if arguments.positional and not isinstance(getattr(function, "function", function), (External, Function, Module)):
        from headlint.flow.outputs import note

        note(state, arguments.positional[0], "call", _called_name(node), node)
    match function:
        case Function():
            return call_function(run, state, function, arguments, node)
        case Method() if function.function is not None:
            bound = replace(arguments, positional=(function.receiver, *arguments.positional))
            return call_function(run, state, function.function, bound, node)
        case Method():
            from headlint.flow.methods import call_method

            return call_method(run, state, function, arguments, node)
        case Class():
            from headlint.flow.instances import instantiate

            return instantiate(run, state, function, arguments, node)
        case External():
            from headlint.flow.externals import call_external

            return call_external(run, state, function.name, arguments, node)
        case Partial():
            keywords = {**dict(function.keywords), **dict(arguments.keywords)}
            positional = (*function.arguments, *arguments.positional)
            given = Arguments(positional, tuple(keywords.items()), arguments.complete)
            return call(run, state, function.function, given, node)
        case Module() | Instance():
            return call_instance(run, state, function, arguments, node)
        case Symbol(op="loaded"):
            run.raises_using_keys(state, function, "()", node)
        case Symbol(op="attr", operands=(owner, _)):
            name = function.text.rpartition(".")[2]
            if isinstance(owner, Symbol):
                from headlint.flow.methods import symbol_method
                from headlint.flow.optimizers import scaler_method
                from headlint.flow.options import parser_method
                from headlint.flow.outputs import method_of_output

                known = scaler_method(state, owner, name, arguments, node)
                known = known or symbol_method(state, owner, name, arguments, node)
                known = known or method_of_output(state, owner, name, arguments, node)
                known = known or parser_method(run, state, owner, name, arguments, node)
                if known is not None:
                    return known
                if owner.op == "tensor":
                    return _of_tensor(run, state, arguments, node)
            around = owner_of_dict(owner) if isinstance(owner, Symbol) and name in CHANGING else owner
            if isinstance(around, (Instance, Module)):
                run.hand_over(state, around, f"'{text_of(node)}' is out of sight", node)
    for value in arguments.values:
        run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
    return state.origin(node, text_of(node))


def _of_tensor(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """What a method of a tensor gives: `slow.mul_(0.99).add_(fast)` reads other parameters and writes no flag."""
    for value in arguments.values:
        if not isinstance(value, Parameter):
            run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
    return state.tensor(node, text_of(node))


def _called_name(node: cst.CSTNode) -> str:
    """The last name of what a call is written to call."""
    return text_of(node.func).rpartition(".")[2] if isinstance(node, cst.Call) else ""


def call_instance(
    run: Interpreter, state: State, function: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`model(x)` runs forward; an instance of another class of the file runs its `__call__`."""
    from headlint.flow.extractors import output
    from headlint.flow.outputs import output_of
    from headlint.flow.tensors import call_module

    ref = modules.module_ref(function)
    extracted = output(state, function, node)
    if ref is not None and extracted is None:
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
