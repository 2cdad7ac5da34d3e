"""Methods of known kinds of value: modules, parameters, lists, dicts, strings and optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, mappings
from headlint.flow.arguments import Arguments
from headlint.flow.attributes import owner_of_dict
from headlint.flow.calls import call_unknown
from headlint.flow.functions import call_function
from headlint.flow.instances import call_super
from headlint.flow.module_methods import CHANGING, METHODS, unknown_method
from headlint.flow.operations import STRING_METHODS, apply
from headlint.flow.optimizers import optimizer_method, scaler_method
from headlint.flow.options import parser_method
from headlint.flow.outputs import method_of_output
from headlint.flow.parameters import parameter_shape
from headlint.flow.plain_methods import dict_method, list_method, string_method
from headlint.flow.records import tuple_method
from headlint.flow.regexes import match_method, regex_method
from headlint.flow.sizes import from_argument
from headlint.flow.state import State
from headlint.flow.tensors import call_method as call_tensor_method
from headlint.flow.trainers import trainer_method
from headlint.flow.value import (
    TRUE,
    Constant,
    DictRef,
    Function,
    Instance,
    ListRef,
    Method,
    Module,
    Optimizer,
    Parameter,
    Submodules,
    Super,
    Symbol,
    Tensor,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import ParameterRef
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def call_method(run: Interpreter, state: State, method: Method, arguments: Arguments, node: cst.CSTNode) -> Value:
    """The value of `receiver.name(...)`, with its effects done to `state`."""
    receiver, name = method.receiver, method.name
    if method.function is not None:
        positional = (receiver, *arguments.positional)
        bound = Arguments(positional, arguments.keywords, arguments.complete, arguments.outside)
        return call_function(run, state, method.function, bound, node)
    match receiver:
        case Tuple() | Instance() if name in ("_asdict", "_replace"):
            return tuple_method(run, state, receiver, name, arguments, node)
        case Tuple() if name in ("group", "groups"):
            return match_method(state, receiver, name, arguments, node)
        case Module() | Instance():
            handler = METHODS.get(name)
            if handler is not None:
                return handler(run, state, receiver, arguments, node)
            return unknown_method(run, state, receiver, name, arguments, node)
        case Super():
            return call_super(run, state, receiver, name, arguments, node)
        case ListRef():
            return list_method(run, state, receiver, name, arguments, node)
        case Submodules():
            return mappings.call_method(run, state, receiver.owner, name, arguments.values, node)
        case DictRef():
            return dict_method(run, state, receiver, name, arguments, node)
        case Constant(str()):
            return string_method(run, state, receiver, name, arguments, node)
        case Parameter():
            return _parameter_method(state, receiver, name, arguments, node)
        case Tensor():
            return call_tensor_method(state, receiver, name, arguments, node)
        case Optimizer():
            closure = arguments.get(0, "closure")
            if name == "step" and isinstance(closure, Function):
                run.call(state, closure, (), node)
            return optimizer_method(state, receiver, name, arguments, node)
    return state.origin(node, text_of(node))


def _parameter_method(state: State, receiver: Parameter, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    if name == "requires_grad_":
        value = arguments.get(0, "requires_grad") or TRUE
        flag = value.value if isinstance(value, Constant) and isinstance(value.value, bool) else None
        changes.set_flags(state, (receiver.ref,), flag, node)
        return receiver
    if name in ("size", "numel", "dim"):
        return _parameter_size(state, receiver.ref, name, arguments, node)
    return state.tensor(node, text_of(node))


def _parameter_size(state: State, parameter: ParameterRef, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    shape = parameter_shape(state, parameter)
    if shape is None:
        return state.origin(node, text_of(node))
    sizes = from_argument(shape)
    assert isinstance(sizes, Tuple)
    if name == "dim":
        return Constant(len(sizes.items))
    if name == "size":
        axis = arguments.get(0, "dim")
        if axis is None:
            return sizes
        if isinstance(axis, Constant) and isinstance(axis.value, int) and -len(shape) <= axis.value < len(shape):
            return sizes.items[axis.value]
    return state.origin(node, text_of(node))


def _string_method(state: State, owner: Symbol, name: str, arguments: Arguments, node: cst.CSTNode) -> Value | None:
    """A string method of a symbol as a symbol, None if it may be any other method."""
    if name not in STRING_METHODS or arguments.keywords or not arguments.complete:
        return None
    result = apply(f".{name}", (owner, *arguments.values), text_of(node))
    return None if isinstance(result, Unknown) else result


def call_symbol(run: Interpreter, state: State, symbol: Symbol, arguments: Arguments, node: cst.CSTNode) -> Value:
    """The value of calling something that the code does not give, a method of it more often than not."""
    if symbol.op == "loaded":
        run.raises_using_keys(state, symbol, "()", node)
    if symbol.op == "attr":
        owner, name = symbol.operands[0], symbol.text.rpartition(".")[2]
        if isinstance(owner, Symbol):
            known = (
                scaler_method(state, owner, name, arguments, node)
                or _string_method(state, owner, name, arguments, node)
                or method_of_output(state, owner, name, arguments, node)
                or parser_method(run, state, owner, name, arguments, node)
                or trainer_method(run, state, owner, name, arguments, node)
                or regex_method(run, state, owner, name, arguments, node)
            )
            if known is not None:
                return known
            if owner.op == "tensor":
                return _of_tensor(run, state, arguments, node)
        around = owner_of_dict(owner) if isinstance(owner, Symbol) and name in CHANGING else owner
        if isinstance(around, (Instance, Module)):
            run.hand_over(state, around, f"'{text_of(node)}' is out of sight", node)
    return call_unknown(run, state, symbol, arguments, node)


def _of_tensor(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """What a method of a tensor gives: `slow.mul_(0.99).add_(fast)` reads other parameters and writes no flag."""
    for value in arguments.values:
        if not isinstance(value, Parameter):
            run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
    return state.tensor(node, text_of(node))
