"""What an expression evaluates to on one path. Dispatch is a table by node type."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow import tensors
from headlint.flow.arguments import evaluate_arguments
from headlint.flow.assume import known_truth, simplify
from headlint.flow.attributes import read
from headlint.flow.calls import call
from headlint.flow.comprehensions import comprehension
from headlint.flow.functions import YIELDED
from headlint.flow.items import item
from headlint.flow.iterating import iterate, lose_sight
from headlint.flow.lists import as_list, as_set, new_dict
from headlint.flow.literals import concatenated, ellipsis, formatted, literal
from headlint.flow.mappings import holder_of
from headlint.flow.operations import apply
from headlint.flow.scope import bind_target, look_up
from headlint.flow.sequences import joined
from headlint.flow.state import DictRecord, State
from headlint.flow.value import (
    NONE,
    Constant,
    DictRef,
    Function,
    Instance,
    Iterator,
    ListRef,
    Module,
    Slice,
    Submodules,
    Symbol,
    Tensor,
    Tuple,
    Unknown,
    Value,
    make_tuple,
)
from headlint.source.nodes import operator_text, text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def evaluate(run: Interpreter, state: State, node: cst.BaseExpression) -> Value:
    """The value of `node` on the path `state`, with its effects done to `state`."""
    evaluator = _TABLE.get(type(node))
    return Unknown(f"a {type(node).__name__} is not followed") if evaluator is None else evaluator(run, state, node)


def _name(run: Interpreter, state: State, node: cst.Name) -> Value:
    value = look_up(state, node.value)
    return simplify(state, value) if isinstance(value, Symbol) else value


def _attribute(run: Interpreter, state: State, node: cst.Attribute) -> Value:
    owner = evaluate(run, state, node.value)
    if type(owner) is Constant and owner.value is None and isinstance(node.value, cst.Attribute):
        around = evaluate(run, state, node.value.value)
        if isinstance(around, Module) and around.ref.object not in state.escaped:
            run.raises_reading(state, around.ref, node.value.attr.value, node.attr.value, site=node)
    value = read(run, state, owner, node.attr.value, node)
    return simplify(state, value) if isinstance(value, Symbol) else value


def _subscript(run: Interpreter, state: State, node: cst.Subscript) -> Value:
    owner = evaluate(run, state, node.value)
    keys = [index_value(run, state, element.slice) for element in node.slice]
    return item(run, state, owner, keys[0] if len(keys) == 1 else Tuple(tuple(keys)), node)


def index_value(run: Interpreter, state: State, node: cst.BaseSlice) -> Value:
    """The key or slice between square brackets."""
    if isinstance(node, cst.Index):
        return run.settle(state, evaluate(run, state, node.value))
    assert isinstance(node, cst.Slice)
    bounds = [NONE if part is None else evaluate(run, state, part) for part in (node.lower, node.upper, node.step)]
    return Slice(*bounds)


def _call(run: Interpreter, state: State, node: cst.Call) -> Value:
    function = evaluate(run, state, node.func)
    return call(run, state, function, evaluate_arguments(run, state, node.args), node)


def _binary(run: Interpreter, state: State, node: cst.BinaryOperation) -> Value:
    # Long sums are deep on their left side: these are gone down in a loop.
    chain = [node]
    while isinstance(chain[-1].left, cst.BinaryOperation):
        chain.append(chain[-1].left)
    left = run.settle(state, evaluate(run, state, chain[-1].left))
    for step in reversed(chain):
        right = run.settle(state, evaluate(run, state, step.right))
        if isinstance(left, Instance) or isinstance(right, Instance):
            # Its class says what the operator does.
            lose_sight(run, state, (left, right), node)
        left = run.settle(state, binary(state, operator_text(step.operator), left, right, step))
    return left


def binary(state: State, op: str, left: Value, right: Value, node: cst.CSTNode) -> Value:
    """A binary operation; lists are concatenated and repeated in the heap."""
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        return tensors.binary(state, op, left, right, node)
    if isinstance(left, Module) and isinstance(right, Module) and op == "+":
        return joined(state, left, right, node)
    if isinstance(left, (ListRef, Iterator)) and isinstance(right, (ListRef, Iterator)) and op == "+":
        first, second = iterate(state, left), iterate(state, right)
        if first is None or second is None:
            return as_list(state, (), complete=False)
        return as_list(state, (*first, *second))
    if isinstance(left, Tuple) and isinstance(right, Tuple) and op == "+":
        return make_tuple((*left.items, *right.items))
    return apply(op, (left, right), text_of(node))


def _unary(run: Interpreter, state: State, node: cst.UnaryOperation) -> Value:
    value = evaluate(run, state, node.expression)
    op = operator_text(node.operator)
    if op == "not":
        truth = run.truth(state, value)
        return apply("not", (value,), text_of(node)) if truth is None else Constant(not truth)
    return apply("u" + op, (run.settle(state, value),), text_of(node))


def _boolean(run: Interpreter, state: State, node: cst.BooleanOperation) -> Value:
    left = evaluate(run, state, node.left)
    wants_more = isinstance(node.operator, cst.And)
    return evaluate(run, state, node.right) if run.decide(state, left) is wants_more else left


def _comparison(run: Interpreter, state: State, node: cst.Comparison) -> Value:
    left = run.settle(state, evaluate(run, state, node.left), may_stay_open=True)
    outcome: Value = NONE
    for position, target in enumerate(node.comparisons):
        if position and not run.decide(state, outcome):
            return outcome
        right = run.settle(state, evaluate(run, state, target.comparator), may_stay_open=True)
        op = operator_text(target.operator)
        sides = (left, right) if op in ("is", "is not") else (frozen(state, left), frozen(state, right))
        outcome = apply(op, sides, text_of(node))
        left = right
    outcome = simplify(state, outcome)
    truth = known_truth(state, outcome) if isinstance(outcome, Symbol) and state.assumptions else None
    return outcome if truth is None else Constant(truth)


def frozen(state: State, value: Value) -> Value:
    """A list whose items are known as a tuple, a dict as the tuple of its keys: for `in` and `==`."""
    if isinstance(value, (ListRef, Iterator, DictRef, Submodules)) or holder_of(state, value) is not None:
        items = iterate(state, value)
        return Unknown("a list that is not known") if items is None else Tuple(items)
    return value


def _conditional(run: Interpreter, state: State, node: cst.IfExp) -> Value:
    condition = evaluate(run, state, node.test)
    truth = run.truth(state, condition)
    if truth is None and isinstance(condition, Symbol) and _is_literal(node.body) and _is_literal(node.orelse):
        # Two constants: go both ways only if somebody ever asks which one it is.
        first, second = evaluate(run, state, node.body), evaluate(run, state, node.orelse)
        return first if first == second else Symbol("choice", (condition, first, second), text_of(node))
    if truth is None:
        truth = run.decide(state, condition)
    return evaluate(run, state, node.body if truth else node.orelse)


def _is_literal(node: cst.BaseExpression) -> bool:
    return isinstance(node, (cst.SimpleString, cst.Integer, cst.Float)) or (
        isinstance(node, cst.Name) and node.value in ("None", "True", "False")
    )


def _elements(run: Interpreter, state: State, elements: Any) -> tuple[tuple[Value, ...], bool]:
    """The items of a display, and whether these are all."""
    items: list[Value] = []
    complete = True
    for element in elements:
        value = evaluate(run, state, element.value)
        if isinstance(element, cst.StarredElement):
            inside = iterate(state, value)
            complete = complete and inside is not None
            items.extend(inside or ())
        else:
            items.append(value)
    return tuple(items), complete


def _tuple(run: Interpreter, state: State, node: cst.Tuple) -> Value:
    items, complete = _elements(run, state, node.elements)
    return make_tuple(items) if complete else Unknown("a tuple of unknown length")


def _list(run: Interpreter, state: State, node: cst.List) -> Value:
    items, complete = _elements(run, state, node.elements)
    return as_list(state, items, complete)


def _set(run: Interpreter, state: State, node: cst.Set) -> Value:
    items, complete = _elements(run, state, node.elements)
    return as_set(state, items, complete)


def _dict(run: Interpreter, state: State, node: cst.Dict) -> Value:
    items: dict[Value, Value] = {}
    complete = True
    for element in node.elements:
        value = evaluate(run, state, element.value)
        if isinstance(element, cst.DictElement):
            items[run.settle(state, evaluate(run, state, element.key))] = value
        else:
            record = state.heap.get(value.identity) if isinstance(value, DictRef) else None
            complete = complete and isinstance(record, DictRecord) and record.complete
            items.update(record.items if isinstance(record, DictRecord) else ())
    complete = complete and not any(isinstance(key, Unknown) for key in items)
    return new_dict(state, items.items(), complete)


def _lambda(run: Interpreter, state: State, node: cst.Lambda) -> Value:
    return Function(node, state.frame, evaluate_defaults(run, state, node.params))


def evaluate_defaults(run: Interpreter, state: State, parameters: cst.Parameters) -> tuple[tuple[str, Value], ...]:
    """The default values of a function's parameters, evaluated where it is defined."""
    every = (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params)
    return tuple((p.name.value, evaluate(run, state, p.default)) for p in every if p.default is not None)


def _walrus(run: Interpreter, state: State, node: cst.NamedExpr) -> Value:
    value = evaluate(run, state, node.value)
    bind_target(run, state, node.target, value, node)
    return value


def _yield(run: Interpreter, state: State, node: cst.Yield) -> Value:
    """One more item of the generator under way, or all those of another one."""
    items = state.frames[state.frame].get(YIELDED)
    more: tuple[Value, ...] | None = (NONE,)
    if isinstance(node.value, cst.From):
        more = iterate(state, evaluate(run, state, node.value.item))
    elif node.value is not None:
        more = (evaluate(run, state, node.value),)
    if isinstance(items, Tuple) and more is not None:
        state.names(state.frame)[YIELDED] = make_tuple((*items.items, *more))
    else:
        state.names(state.frame)[YIELDED] = Unknown("items that are not known")
    return state.origin(node, "yield")


def _await(run: Interpreter, state: State, node: cst.Await) -> Value:
    return evaluate(run, state, node.expression)


_TABLE: dict[type[cst.CSTNode], Callable[[Interpreter, State, Any], Value]] = {
    cst.Name: _name,
    cst.Integer: literal,
    cst.Float: literal,
    cst.SimpleString: literal,
    cst.Ellipsis: ellipsis,
    cst.ConcatenatedString: concatenated,
    cst.FormattedString: formatted,
    cst.Attribute: _attribute,
    cst.Subscript: _subscript,
    cst.Call: _call,
    cst.BinaryOperation: _binary,
    cst.UnaryOperation: _unary,
    cst.BooleanOperation: _boolean,
    cst.Comparison: _comparison,
    cst.IfExp: _conditional,
    cst.Tuple: _tuple,
    cst.List: _list,
    cst.Set: _set,
    cst.Dict: _dict,
    cst.ListComp: comprehension,
    cst.SetComp: comprehension,
    cst.GeneratorExp: comprehension,
    cst.DictComp: comprehension,
    cst.Lambda: _lambda,
    cst.NamedExpr: _walrus,
    cst.Await: _await,
    cst.Yield: _yield,
}
