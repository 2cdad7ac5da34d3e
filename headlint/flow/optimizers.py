"""Optimizers: the parameters that they are made with, and what their methods do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.arguments import Arguments
from headlint.flow.choice import Raised
from headlint.flow.iterating import iterate
from headlint.flow.state import DictRecord, OptimizerRecord, State, Step
from headlint.flow.value import Constant, DictRef, Iterator, ListRef, Optimizer, Parameter, Symbol, Tuple, Value
from headlint.history import MakeOptimizer, ParameterRef
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def make_optimizer(run: Interpreter, state: State, kind: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    given = arguments.get(0, "params")
    exhausted = _exhausted(state, given)
    groups = None if given is None else _groups_in(state, given)
    parameters: tuple[ParameterRef, ...] | None = None
    if groups is not None:
        known = [group for group in groups if group is not None]
        parameters = tuple(ref for group in known for ref in group) if len(known) == len(groups) else None
    elif given is not None:
        parameters = parameters_in(state, given)
    if state.guarded and not parameters and parameters is not None and not groups:
        # Whoever catches what that raises knows that there may be nothing to train.
        raise Raised
    identity = state.identity()
    state.heap[identity] = OptimizerRecord(parameters)
    shown = () if groups is None or parameters is None else tuple(group or () for group in groups)
    state.trace.append(MakeOptimizer(kind, parameters, shown, identity, exhausted, site=node))
    return Optimizer(identity)


def _exhausted(state: State, given: Value | None) -> tuple[ParameterRef, ...]:
    """The parameters of an iterator that has been run through to its end, nothing of any other value."""
    if not isinstance(given, Iterator) or given.identity is None:
        return ()
    if not given.items or state.spent.get(given.identity, 0) != len(given.items):
        return ()
    return tuple(item.ref for item in given.items if isinstance(item, Parameter))


def _groups_in(state: State, given: Value) -> tuple[tuple[ParameterRef, ...] | None, ...] | None:
    """The parameters of each group of an optimizer's argument; None where it is no list of groups."""
    items = iterate(state, given) if isinstance(given, (ListRef, Tuple)) else None
    if not items or not all(isinstance(item, DictRef) for item in items):
        return None
    return tuple(parameters_in(state, item) for item in items)


def parameters_in(state: State, value: Value) -> tuple[ParameterRef, ...] | None:
    """The parameters of an optimizer's argument: parameters, groups, or lists of these; None if not known."""
    if isinstance(value, Parameter):
        return (value.ref,)
    if isinstance(value, DictRef):
        record = state.heap.get(value.identity)
        if isinstance(record, DictRecord):
            for key, inside in record.items:
                if key == Constant("params"):
                    return parameters_in(state, inside)
        return None
    if isinstance(value, Tuple) and len(value.items) == 2 and isinstance(value.items[0], Constant):
        return parameters_in(state, value.items[1])
    items = iterate(state, value)
    if items is None:
        return None
    found: list[ParameterRef] = []
    for item in items:
        if type(item) is Parameter:
            found.append(item.ref)
            continue
        inside_refs = parameters_in(state, item)
        if inside_refs is None:
            return None
        found.extend(inside_refs)
    return tuple(found)


def optimizer_method(state: State, receiver: Optimizer, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    record = state.heap.get(receiver.identity)
    if name == "add_param_group" and isinstance(record, OptimizerRecord):
        more = parameters_in(state, arguments.positional[0]) if arguments.positional else None
        known = None if more is None or record.parameters is None else (*record.parameters, *more)
        state.heap[receiver.identity] = OptimizerRecord(known, record.escaped)
    elif name == "step" and isinstance(record, OptimizerRecord) and not record.escaped:
        by_eval = tuple((ref, *how) for ref, how in state.frozen_by_eval.items())
        state.steps[Step(receiver.identity, len(state.trace), tuple(state.undone.items()), by_eval)] = None
        state.trained = None
    return state.origin(node, text_of(node))


def make_scaler(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A GradScaler: a symbol of its own kind, by which its methods are known."""
    return Symbol("scaler", (state.origin(node, text_of(node)),), text_of(node))


def scaler_method(state: State, owner: Symbol, name: str, arguments: Arguments, node: cst.CSTNode) -> Value | None:
    """A GradScaler steps with the optimizer that it is given, and changes nothing else of it; None for other calls."""
    if owner.op != "scaler" or name not in ("step", "unscale_", "update"):
        return None
    optimizer = arguments.get(0, "optimizer")
    if name == "step" and isinstance(optimizer, Optimizer):
        return optimizer_method(state, optimizer, name, arguments, node)
    return state.origin(node, text_of(node))
