"""Comprehensions and generator expressions, run item by item over what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow.functions import doubt_effects
from headlint.flow.iterating import iterate, lose_sight
from headlint.flow.lists import as_list, as_set, new_dict
from headlint.flow.quick import run_clause
from headlint.flow.scope import bind_target
from headlint.flow.state import State
from headlint.flow.value import MOST_ITEMS, Tuple, Unknown, Value

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def comprehension(run: Interpreter, state: State, node: Any) -> Value:
    """What any of the four kinds gives."""
    results: list[Value] = []
    before = dict(state.frames[state.frame])

    def collect() -> None:
        if isinstance(node, cst.DictComp):
            results.append(Tuple((run.evaluate(state, node.key), run.evaluate(state, node.value))))
        else:
            results.append(run.evaluate(state, node.elt))

    result = None if isinstance(node, cst.DictComp) else node.elt
    outermost = run.rounds is None
    length, last = len(state.trace), state.trace[-1] if state.trace else None
    if outermost:
        run.rounds = 0
    try:
        complete = _loop(run, state, node.for_in, result, collect, results)
    finally:
        if outermost:
            run.rounds = None
    names = state.names(state.frame)
    for name in names.keys() - before.keys():
        del names[name]
    names.update(before)
    if isinstance(node, cst.DictComp):
        pairs = tuple((pair.items[0], pair.items[1]) for pair in results if isinstance(pair, Tuple))
        return new_dict(state, dict(pairs).items(), complete)
    if isinstance(node, cst.SetComp):
        return as_set(state, results, complete)
    if isinstance(node, cst.GeneratorExp):
        complete = not doubt_effects(state, length, last, node) and complete
        return state.once(tuple(results)) if complete else Unknown("a generator over something unknown")
    return as_list(state, tuple(results), complete)


def _loop(
    run: Interpreter,
    state: State,
    clause: cst.CompFor,
    result: cst.BaseExpression | None,
    collect: Callable[[], None],
    results: list[Value],
) -> bool:
    """Run one `for ... in ... if ...` clause and those inside it; whether every round is known."""
    items = iterate(state, run.evaluate(state, clause.iter))
    if items is None or len(items) > MOST_ITEMS:
        return False
    run.rounds = (run.rounds or 0) + len(items)
    if run.rounds > MOST_ITEMS:
        return False
    quick = run_clause(run, state, clause, result, items)
    if quick is not None:
        results.extend(quick)
        return True
    complete = True
    for value in items:
        bind_target(run, state, clause.target, value, clause)
        truths = [run.truth(state, run.evaluate(state, test.test)) for test in clause.ifs]
        if False not in truths and None in truths:
            # Whether this one is in is not known, nor then what the whole is.
            complete = False
            lose_sight(run, state, (value,), clause)
        elif False not in truths:
            if clause.inner_for_in is not None:
                complete = _loop(run, state, clause.inner_for_in, result, collect, results) and complete
            else:
                collect()
            if (run.rounds or 0) > MOST_ITEMS:
                return False
    return complete
