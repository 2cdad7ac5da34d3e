"""Loops: run item by item over what is known, and once for all rounds over what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.busy import busy_items
from headlint.flow.filters import note_filters
from headlint.flow.iterating import iterate, lose_count, lose_sight
from headlint.flow.merge import merge
from headlint.flow.modules import ref_of
from headlint.flow.parameters import parameters_of
from headlint.flow.quick import run_loop
from headlint.flow.rounds import all_rounds, leads_to_models, values_in
from headlint.flow.scope import bind_target
from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, State
from headlint.flow.trial import Trial
from headlint.flow.value import Constant, Instance, Module, Parameter, Tuple, Value
from headlint.history import Move, SetMode
from headlint.source.nodes import descend, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from headlint.flow.interpreter import Interpreter

# Counting loops longer than this are run for all rounds at once, as are those whose rounds change no model;
# the smaller number is for loops around other loops, which are rounds of training more often than anything else.
MOST_COUNTED = 64
MOST_COUNTED_NESTED = 24
MOST_LOOPED = 4_000
# Paths that a loop may part into while more rounds than this are left.
MOST_FORKED = 16
# Statements of a round that is short enough to be run again and again for the numbers and texts that it leaves.
MOST_SHORT = 6
# Rounds of such a `while` that changes models: `while len(params) > 4` comes by every parameter of the largest.
MOST_SHORT_ROUNDS = 1_000


def for_loop(run: Interpreter, node: cst.For, state: State) -> list[State]:
    """`for target in iter: ... else: ...`."""
    paths: list[State] = []
    for path, value in run.ways(state, node.iter, lambda s: run.evaluate(s, node.iter)):
        if path.completion is not None or value is None:
            paths.append(path)
            continue
        items = iterate(path, value)
        if items is None or len(items) > MOST_LOOPED:
            lose_sight(run, path, (value,), node.iter)
            paths.extend(all_rounds(run, path, node.body.body, lambda s: _next_item(run, s, node)))
        else:
            paths.extend(_known_items(run, path, node, items, value))
    return _behind(run, paths, node.orelse)


def _known_items(run: Interpreter, state: State, node: cst.For, items: tuple[Value, ...], source: Value) -> list[State]:
    note_filters(run, state, node, items)
    finished = run_loop(run, state, node, items)
    if finished is not None:
        if not finished:
            lose_count(state, source)
            state.completion = "break"
        return [state]
    counting = bool(items) and all(isinstance(item, Constant) and isinstance(item.value, int) for item in items)
    behind = (_counting if counting else _each_item)(run, state, node, items)
    for path in behind:
        if path.completion is not None:
            lose_count(path, source)
    return behind


def _next_item(run: Interpreter, state: State, node: cst.For) -> list[State]:
    run.forget(state, node.target, state.origin(node.target, text_of(node.target)), node)
    return [state]


def _each_item(run: Interpreter, state: State, node: cst.For, items: tuple[Value, ...]) -> list[State]:
    """One round after the other; all at once where more and more paths part and many rounds are left."""
    before, ended = state.fork(), len(run.ended)
    running = [state]
    left: list[State] = []
    busy = busy_items(run, state, node, items)
    for index, item in enumerate(busy):
        for path in running:
            bind_target(run, path, node.target, item, node)
        running = _one_round(run, node.body.body, running, left)
        if not running:
            break
        if len(running) >= MOST_FORKED and len(busy) - index > MOST_FORKED:
            del run.ended[ended:]
            if any(path.flags != before.flags for path in running):
                _doubt_flags(before, items)
            lose_sight(run, before, items, node.iter)
            return all_rounds(run, before, node.body.body, lambda s: _next_item(run, s, node))
    if len(busy) < len(items):
        for path in running:
            bind_target(run, path, node.target, items[-1], node)
    return left + running


def _doubt_flags(state: State, items: Iterable[Value]) -> None:
    """Some of these may be frozen, or unfrozen, by then."""
    for item in items:
        if isinstance(item, Tuple):
            _doubt_flags(state, item.items)
        elif isinstance(item, Parameter):
            state.flags[item.ref] = None
        elif isinstance(item, (Module, Instance)):
            state.flags.update((parameter, None) for _, parameter in parameters_of(state, ref_of(item)))


def _one_round(run: Interpreter, body: Sequence[cst.CSTNode], entering: list[State], left: list[State]) -> list[State]:
    """The paths that go on behind a round; those that leave the loop are put to `left`."""
    running: list[State] = []
    for path in run.block(body, entering):
        if path.completion in (None, "continue"):
            path.completion = None
            running.append(path)
        else:
            left.append(path)
    return run.bounded(merge(running)) if len(running) > 1 else running


def _counting(run: Interpreter, state: State, node: cst.For, items: tuple[Value, ...]) -> list[State]:
    """A loop over numbers: item by item only if a round changes models or builds lists of them."""
    with Trial(run) as trial:
        rounds = all_rounds(run, state.fork(), node.body.body, lambda s: _next_item(run, s, node))
    touched = any(_touches_models(state, path) for path in rounds) or _is_short(run, node.body)
    most = MOST_COUNTED_NESTED if _has_loop(node.body) else MOST_COUNTED
    if not touched or len(items) > most:
        trial.keep()
        return rounds
    trial.take_back()
    return _each_item(run, state, node, items)


def _touches_models(before: State, after: State) -> bool:
    """Whether a round changes a model, what is known of one, or what holds models."""
    return (
        not all(isinstance(event, (SetMode, Move)) for event in after.trace[len(before.trace) :])
        or after.flags != before.flags
        or after.children != before.children
        or after.attributes != before.attributes
        or _holds_models(before, after)
    )


def _has_loop(body: cst.CSTNode) -> bool:
    return any(type(here) in (cst.For, cst.While) for here in descend((body,), past=_LINES))


def _is_short(run: Interpreter, body: cst.BaseSuite) -> bool:
    """Whether a round is a few statements that only count, collect or compare."""
    known = run.facts.get(id(body))
    if known is None:
        known = run.facts[id(body)] = len(body.body) <= MOST_SHORT and not any(map(_is_more, descend((body,))))
    return known


def _is_more(node: cst.CSTNode) -> bool:
    if type(node) is cst.Call:
        name = node.func.attr if isinstance(node.func, cst.Attribute) else node.func
        return not isinstance(name, cst.Name) or name.value not in _COUNTING_CALLS
    return type(node) in _MORE


_MORE = frozenset(
    {cst.For, cst.While, cst.Try, cst.With, cst.FunctionDef, cst.ClassDef, cst.Await, cst.Yield, cst.CompFor}
)
_COUNTING_CALLS = frozenset(
    "abs append extend float format insert int isinstance len max min next pop print range round str".split()
)


_LINES = frozenset({cst.SimpleStatementLine, cst.FunctionDef, cst.ClassDef})


def _holds_models(before: State, after: State) -> bool:
    """Whether a round changed a list, dict or instance other than by something plain or unknown."""
    return any(
        leads_to_models(value)
        for identity, record in after.heap.items()
        if isinstance(record, (ListRecord, DictRecord, InstanceRecord)) and before.heap.get(identity) is not record
        for value in values_in(record)
    )


def while_loop(run: Interpreter, node: cst.While, state: State) -> list[State]:
    """`while test: ... else: ...`."""
    from headlint.flow.statements import tested

    def enter(path: State) -> list[State]:
        return [way for way, truth in tested(run, path, node.test) if truth]

    never = [way for way, truth in tested(run, state.fork(), node.test) if not truth]
    short = _is_short(run, node.body)
    known = run.truth(state, run.evaluate(state.fork(), node.test)) if short or not run.may_choose(node.test) else None
    if known is False:
        return _behind(run, never, node.orelse)
    before = state.fork()
    with Trial(run) as trial:
        rounds = all_rounds(run, state, node.body.body, enter)
    endless = text_of(node.test) in ("True", "1")
    touched = not endless and any(_touches_models(before, path) for path in rounds)
    if known and (short or touched):
        trial.take_back()
        most = MOST_COUNTED_NESTED if _has_loop(node.body) else MOST_COUNTED
        with Trial(run) as closer:
            exact = _round_by_round(run, before, node, MOST_SHORT_ROUNDS if short and touched else most)
        if exact is not None:
            closer.keep()
            return _behind(run, exact, node.orelse)
        closer.take_back()
    trial.keep()
    return _behind(run, rounds, node.orelse)


def _round_by_round(run: Interpreter, state: State, node: cst.While, most: int) -> list[State] | None:
    """A loop whose test is known before every round, None for one that is not or has more rounds than these."""
    running = [state]
    left: list[State] = []
    for _ in range(1 + most):
        entering: list[State] = []
        for path in running:
            truth = run.truth(path, run.evaluate(path, node.test))
            if truth is None:
                return None
            (entering if truth else left).append(path)
        if not entering:
            return left
        running = _one_round(run, node.body.body, entering, left)
    return None


def _behind(run: Interpreter, paths: list[State], orelse: cst.Else | None) -> list[State]:
    """Paths behind a loop: those that broke out skip its `else`."""
    normal = [path for path in paths if path.completion is None]
    rest = [path for path in paths if path.completion is not None]
    if orelse is not None and normal:
        normal = run.block(orelse.body.body, normal)
    behind = rest + normal
    for path in behind:
        if path.completion in ("break", "continue"):
            path.completion = None
    return behind
