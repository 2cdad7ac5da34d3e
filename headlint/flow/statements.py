"""What a statement does to a path. Dispatch is a table by node type; every handler gives the paths behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow import mappings, modules
from headlint.flow.assigning import delete
from headlint.flow.blocks import try_statement, with_statement
from headlint.flow.choice import Raised
from headlint.flow.definitions import define_class, define_function
from headlint.flow.expressions import binary, index_value
from headlint.flow.iterating import lose_sight
from headlint.flow.loops import for_loop, while_loop
from headlint.flow.merge import merge
from headlint.flow.patterns import match_statement
from headlint.flow.scope import STAR_IMPORTS, bind, bind_elsewhere, bind_target, unbind
from headlint.flow.sequences import delete_items
from headlint.flow.state import State
from headlint.flow.value import NONE, Constant, External, Instance, Iterator, ListRef, Module, Symbol, Tuple, Unknown
from headlint.source.nodes import FROM_IMPORTS, IMPORTS, operator_text, statements_of, text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def execute(run: Interpreter, node: cst.CSTNode, state: State) -> list[State]:
    """The paths behind a statement that begins on `state`."""
    if type(node) is cst.SimpleStatementLine:
        body = node.body
        if len(body) == 1:
            return _small(run, body[0], state)
        return run.block(body, [state])
    compound = _COMPOUND.get(type(node))
    if compound is not None:
        paths = compound(run, node, state)
        return merge(paths) if len(paths) > 1 else paths
    return _small(run, node, state)


def _small(run: Interpreter, node: Any, state: State) -> list[State]:
    """A simple statement: run once for each way through its expressions."""
    handler = _SMALL.get(type(node))
    if handler is None:
        return [state]
    paths = [path for path, _ in run.ways(state, node, lambda s: handler(run, s, node))]
    return merge(paths) if len(paths) > 1 else paths


# -- simple statements -------------------------------------------------------------------------------------------


def _expression(run: Interpreter, state: State, node: cst.Expr) -> None:
    run.evaluate(state, node.value)


def _assign(run: Interpreter, state: State, node: cst.Assign) -> None:
    value = run.evaluate(state, node.value)
    for target in node.targets:
        bind_target(run, state, target.target, value, node)


def _annotated(run: Interpreter, state: State, node: cst.AnnAssign) -> None:
    if node.value is not None:
        bind_target(run, state, node.target, run.evaluate(state, node.value), node)


def _augmented(run: Interpreter, state: State, node: cst.AugAssign) -> None:
    left = run.settle(state, run.evaluate(state, node.target))
    right = run.settle(state, run.evaluate(state, node.value))
    op = operator_text(node.operator)
    if isinstance(left, Instance):
        lose_sight(run, state, (left,), node)
        run.hand_over(state, right, "an operator of a class takes it", node)
    if isinstance(left, ListRef) and isinstance(right, (ListRef, Iterator, Tuple)) and op == "+":
        run.call_method(state, left, "extend", right, node)
        return
    if isinstance(left, Module) and op == "+":
        # Containers get longer, and the name stands for the same one.
        run.call_method(state, left, "extend", right, node)
        return
    if not isinstance(left, (Constant, Tuple)) and isinstance(right, (ListRef, Iterator, Tuple)):
        # A list out of sight, of an optimizer's group say, gets longer by these.
        run.hand_over(state, right, "added to something unknown", node)
    bind_target(run, state, node.target, binary(state, op, left, right, node), node)


def _return(run: Interpreter, state: State, node: cst.Return) -> None:
    state.returned = NONE if node.value is None else run.evaluate(state, node.value)
    state.completion = "return"


def _break(run: Interpreter, state: State, node: cst.Break) -> None:
    state.completion = "break"


def _continue(run: Interpreter, state: State, node: cst.Continue) -> None:
    state.completion = "continue"


def _raise(run: Interpreter, state: State, node: cst.Raise) -> None:
    raise Raised


def _assert(run: Interpreter, state: State, node: cst.Assert) -> None:
    if not run.decide(state, run.evaluate(state, node.test)):
        raise Raised


def _del(run: Interpreter, state: State, node: cst.Del) -> None:
    targets = [element.value for element in node.target.elements] if isinstance(node.target, cst.Tuple) else []
    for target in targets or [node.target]:
        if isinstance(target, cst.Name):
            unbind(state, target.value)
        elif isinstance(target, cst.Attribute):
            delete(state, run.evaluate(state, target.value), target.attr.value, node)
        elif isinstance(target, cst.Subscript):
            _delete_item(run, state, target, node)


def _delete_item(run: Interpreter, state: State, target: cst.Subscript, node: cst.Del) -> None:
    owner = run.evaluate(state, target.value)
    key = index_value(run, state, target.slice[0].slice) if len(target.slice) == 1 else Unknown("several keys")
    holder = mappings.holder_of(state, owner)
    owner = modules.built_on(state, owner) or owner
    if holder is not None:
        mappings.drop(run, state, holder, key, node)
    elif isinstance(owner, Module):
        delete_items(run, state, owner, key, node)
    else:
        run.hand_over(state, owner, "an item is deleted", node)


def _global(run: Interpreter, state: State, node: cst.Global | cst.Nonlocal) -> None:
    for item in node.names:
        bind_elsewhere(state, item.name.value, outermost=isinstance(node, cst.Global))


def _import(run: Interpreter, state: State, node: cst.Import) -> None:
    for alias in node.names:
        dotted = text_of(alias.name)
        if alias.asname is not None:
            bind_target(run, state, alias.asname.name, External(dotted), node)
        else:
            bind(state, dotted.partition(".")[0], External(dotted.partition(".")[0]))


def _import_from(run: Interpreter, state: State, node: cst.ImportFrom) -> None:
    package = "." * len(node.relative) + (text_of(node.module) if node.module is not None else "")
    if isinstance(node.names, cst.ImportStar):
        before = state.frames[0].get(STAR_IMPORTS)
        known = before.items if isinstance(before, Tuple) else ()
        state.names(0)[STAR_IMPORTS] = Tuple((*known, External(package)))
        return
    for alias in node.names:
        name = text_of(alias.name)
        target = alias.asname.name if alias.asname is not None else alias.name
        bind_target(run, state, target, External(f"{package}.{name}"), node)


# -- compound statements -----------------------------------------------------------------------------------------


def tested(run: Interpreter, state: State, test: cst.BaseExpression) -> list[tuple[State, bool]]:
    """The paths behind a condition with its truth on each."""
    ways: list[tuple[State, bool]] = []
    for path, value in run.ways(state, test, lambda s: run.evaluate(s, test)):
        if path.completion is not None or value is None:
            continue
        truth = run.truth(path, value)
        if truth is not None:
            ways.append((path, truth))
        else:
            ways.extend((way, answer == Constant(True)) for way, answer in run.both_ways(path, value))
    if len(ways) > 2:
        _note_whole(state, test, ways)
    return ways


def _note_whole(state: State, test: cst.BaseExpression, ways: list[tuple[State, bool]]) -> None:
    """Note the outcome of a test of several conditions: different ones lead to the same side of it."""
    asked = len(state.conditions)
    conditions = dict.fromkeys(symbol for way, _ in ways for symbol, _ in way.conditions[asked:])
    whole = Symbol("test", (Constant(text_of(test)), *conditions), text_of(test))
    for way, truth in ways:
        way.tests = (*way.tests, (whole, truth))


def _if(run: Interpreter, node: cst.If, state: State) -> list[State]:
    paths: list[State] = []
    for path, truth in tested(run, state, node.test):
        if truth:
            paths.extend(run.block(statements_of(node.body), [path]))
        elif isinstance(node.orelse, cst.If):
            paths.extend(_if(run, node.orelse, path))
        elif node.orelse is not None:
            paths.extend(run.block(statements_of(node.orelse.body), [path]))
        else:
            paths.append(path)
    return paths


_SMALL: dict[type[cst.CSTNode], Callable[[Interpreter, State, Any], None]] = {
    cst.Expr: _expression,
    cst.Assign: _assign,
    cst.AnnAssign: _annotated,
    cst.AugAssign: _augmented,
    cst.Return: _return,
    cst.Break: _break,
    cst.Continue: _continue,
    cst.Raise: _raise,
    cst.Assert: _assert,
    cst.Del: _del,
    cst.Global: _global,
    cst.Nonlocal: _global,
    **dict.fromkeys(IMPORTS, _import),
    **dict.fromkeys(FROM_IMPORTS, _import_from),
}
_COMPOUND: dict[type[cst.CSTNode], Callable[[Interpreter, Any, State], list[State]]] = {
    cst.If: _if,
    cst.For: for_loop,
    cst.While: while_loop,
    cst.With: with_statement,
    cst.Try: try_statement,
    cst.TryStar: try_statement,
    cst.FunctionDef: define_function,
    cst.ClassDef: define_class,
    cst.Match: match_statement,
}
