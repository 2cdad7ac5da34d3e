"""Loops over known items done in one go, where a round needs no path of its own.

Most rounds of real programs only look at a parameter's name or flag and write its flag. Such a body is turned into
plain Python functions over plain values once, and these are run for every item. Whatever else a body does, or a
condition that is not known, makes the loop an ordinary one: then nothing has happened yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow.changes import set_flags, set_parameter_attribute
from headlint.flow.quick_expressions import Expressions
from headlint.flow.quick_statements import Signal, Statements
from headlint.flow.quick_values import NotQuick, as_raw, as_value, assigner, names_of, truth
from headlint.flow.scope import bind_target
from headlint.flow.state import ListRecord, State
from headlint.flow.value import Unknown, Value
from headlint.source.nodes import names_assigned

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

_NUMBERS = Unknown("a number that was not worked out")


def run_loop(run: Interpreter, state: State, node: cst.For, items: tuple[Value, ...]) -> bool | None:
    """Run a loop in one go: whether it came to its end without a `break`, None if it is an ordinary loop."""
    if len(items) < 2 or node.asynchronous is not None or not run.in_one_go(node):
        return None
    try:
        compiler = Statements(run, state, names_of(node.target), names_assigned(node.body.body))
        body = compiler.block(node.body.body)
        if not compiler.read.isdisjoint(compiler.appended):
            return None
        names: dict[str, Any] = {}
        assign = assigner(node.target)
        signal: Signal | None = None
        last = items[0]
        for last in items:
            assign(names, as_raw(last))
            signal = body(names)
            if signal == "break":
                break
    except (NotQuick, LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None
    _commit(state, compiler)
    bind_target(run, state, node.target, last, node)
    own = state.names(state.frame)
    for name in compiler.assigned:
        if name in names:
            own[name] = as_value(names[name])
    return signal != "break"


def _commit(state: State, compiler: Statements) -> None:
    for (_, value), (site, name, parameters) in compiler.written.items():
        if name == "requires_grad":
            set_flags(state, tuple(parameters), value, site)
        else:
            set_parameter_attribute(state, tuple(parameters), name, value, site)
    for identity, more in compiler.appended.items():
        record = state.heap[identity]
        assert isinstance(record, ListRecord)
        state.heap[identity] = ListRecord((*record.items, *more), record.complete)


def run_clause(
    run: Interpreter, state: State, clause: cst.CompFor, result: cst.BaseExpression | None, items: tuple[Value, ...]
) -> list[Value] | None:
    """The results of `result for ... in ... if ...` over known items, None if they must be evaluated one by one."""
    if len(items) < 2 or clause.inner_for_in is not None or result is None:
        return None
    found: list[Value] = []
    try:
        compiler = Expressions(run, state, names_of(clause.target), frozenset())
        tests = [compiler.expression(test.test) for test in clause.ifs]
        idle = _is_idle_call(result)
        give = None if idle else compiler.expression(result)
        assign = assigner(clause.target)
        names: dict[str, Any] = {}
        for item in items:
            assign(names, as_raw(item))
            if all(truth(test(names)) for test in tests):
                found.append(_NUMBERS if give is None else as_value(give(names)))
    except (NotQuick, LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None
    return found


def _is_idle_call(node: cst.BaseExpression) -> bool:
    return (
        type(node) is cst.Call
        and type(node.func) is cst.Attribute
        and node.func.attr.value in ("numel", "nelement")
        and type(node.func.value) is cst.Name
    )
