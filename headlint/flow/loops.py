"""Loops: run item by item over what is known, and once for all rounds over what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.filters import note_filters
from headlint.flow.iterating import iterate, lose_count, lose_sight
from headlint.flow.merge import merge
from headlint.flow.modules import children_of
from headlint.flow.quick import run_loop
from headlint.flow.scope import bind_target
from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, State
from headlint.flow.value import (
    NONE,
    Constant,
    DictRef,
    External,
    Iterator,
    ListRef,
    Parameter,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import Move, SetMode
from headlint.source.nodes import descend, names_assigned, names_grown, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headlint.flow.interpreter import Interpreter

# Rounds after which names that still change are taken for unknown.
MOST_ROUNDS = 3
# Counting loops longer than this are run for all rounds at once, as are those whose rounds change no model;
# the smaller number is for loops around other loops, which are rounds of training more often than anything else.
MOST_COUNTED = 64
MOST_COUNTED_NESTED = 24
MOST_LOOPED = 4_000
# Statements of a round that is short enough to be run again and again for the numbers and texts that it leaves.
MOST_SHORT = 6


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
            paths.extend(_all_rounds(run, path, node.body.body, lambda s: _next_item(run, s, node)))
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
    """One round after the other."""
    running = [state]
    left: list[State] = []
    for item in items:
        for path in running:
            bind_target(run, path, node.target, item, node)
        running = _one_round(run, node.body.body, running, left)
        if not running:
            break
    return left + running


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
    trial = state.fork()
    ended = len(run.ended)
    rounds = _all_rounds(run, trial, node.body.body, lambda s: _next_item(run, s, node))
    touched = any(_touches_models(state, path) for path in rounds) or _is_short(run, node.body)
    most = MOST_COUNTED_NESTED if _has_loop(node.body) else MOST_COUNTED
    if not touched or len(items) > most:
        return rounds
    del run.ended[ended:]
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
        _leads_to_models(value)
        for identity, record in after.heap.items()
        if isinstance(record, (ListRecord, DictRecord, InstanceRecord)) and before.heap.get(identity) is not record
        for value in _values_in(record)
    )


def _values_in(record: ListRecord | DictRecord | InstanceRecord) -> Iterable[Value]:
    if isinstance(record, ListRecord):
        return record.items
    return (value for _, value in (record.items if isinstance(record, DictRecord) else record.attributes))


def _leads_to_models(value: Value) -> bool:
    if isinstance(value, (Tuple, Iterator)):
        return any(_leads_to_models(item) for item in value.items)
    return not isinstance(value, (Unknown, Symbol, Constant, ListRef, DictRef, External, Parameter))


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
    before, ended = state.fork(), len(run.ended)
    rounds = _all_rounds(run, state, node.body.body, enter)
    endless = text_of(node.test) in ("True", "1")
    if known and (short or (not endless and any(_touches_models(before, path) for path in rounds))):
        seen = run.ended[ended:]
        del run.ended[ended:]
        exact = _round_by_round(run, before, node)
        if exact is None:
            run.ended[ended:] = seen
        else:
            rounds = exact
    return _behind(run, rounds, node.orelse)


def _round_by_round(run: Interpreter, state: State, node: cst.While) -> list[State] | None:
    """A loop whose test is known before every round, None for one that is not or goes on for long."""
    running = [state]
    left: list[State] = []
    for _ in range(1 + (MOST_COUNTED_NESTED if _has_loop(node.body) else MOST_COUNTED)):
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


def _all_rounds(
    run: Interpreter, state: State, body: Sequence[cst.CSTNode], enter: Callable[[State], list[State]]
) -> list[State]:
    """The paths behind a loop of unknown length, which is taken to run at least once.

    Numbers and texts that it assigns are unknown behind it all the same: it may not run.
    A round is run until what it starts from holds for every round: names that change from round to round are
    unknown. Paths that differ only in what may differ from round to round are joined behind the loop.
    """
    start = _with_assigned_unknown(run, state, body)
    outside = set(state.assumptions)
    ended = len(run.ended)
    for round_number in range(MOST_ROUNDS + 1):
        del run.ended[ended:]
        paths = run.block(body, enter(start.fork()))
        if round_number == MOST_ROUNDS or not _widened(run, start, paths):
            break
        start = _widen(start, paths)
    left = [path for path in paths if path.completion in ("return", "raise")]
    running = [path for path in paths if path.completion not in ("return", "raise")]
    for path in running:
        if path.completion == "continue":
            path.completion = None
        _doubt_assigned(state, path)
        for ref, inside in path.children.items():
            # One more module each round: how many there are behind the loop is not known.
            if ref.object in state.heap and len(inside) != len(children_of(state, ref)):
                path.escaped.setdefault(ref.object, "it grows from round to round")
    return left + _join_rounds(run, running, outside)


def _doubt_assigned(before: State, behind: State) -> None:
    """Make the numbers and texts unknown that would be others had no round been run."""
    for number, names in before.frames.items():
        after = behind.frames.get(number, {})
        for name, value in names.items():
            now = after.get(name)
            if now is not value and isinstance(now, (Constant, Symbol)) and value != NONE and now != value:
                after[name] = Unknown(f"'{name}' is assigned in a loop that may not run")


def _with_assigned_unknown(run: Interpreter, state: State, body: Sequence[cst.CSTNode]) -> State:
    """`state` with the numbers and texts unknown that a round assigns anew: most rounds change them.

    Only a guess that saves a round; what a round really changes is seen when it has been run.
    """
    assigned = run.assigned.get(id(body))
    if assigned is None:
        assigned = run.assigned[id(body)] = (names_assigned(body), names_grown(body))
    start = state.fork()
    names = start.frames[start.frame]
    for name in assigned[1]:
        value = names.get(name)
        if isinstance(value, (ListRef, DictRef)):
            record = start.heap[value.identity]
            if isinstance(record, (ListRecord, DictRecord)) and not any(map(_leads_to_models, _values_in(record))):
                start.heap[value.identity] = replace(record, complete=False)
    for name in assigned[0]:
        if isinstance(names.get(name), (Constant, Symbol)):
            names[name] = Unknown(f"'{name}' changes from round to round")
    return start


def _widened(run: Interpreter, start: State, paths: list[State]) -> bool:
    again = [path for path in paths if path.completion in (None, "continue")]
    return any(_changes(start, path) or _grows(start, path) for path in again)


def _changes(start: State, path: State) -> list[tuple[int, str]]:
    """The names that had a value before the round and have another one behind it."""
    changed: list[tuple[int, str]] = []
    for number, names in start.frames.items():
        after = path.frames.get(number, {})
        for name, value in names.items():
            now = after.get(name, value)
            if now is not value and not isinstance(value, Unknown) and now != value:
                changed.append((number, name))
    return changed


def _grows(start: State, path: State) -> bool:
    """Whether a round changes a list or dict that was there before it and was known."""
    for identity, record in start.heap.items():
        after = path.heap.get(identity)
        if after is not record and isinstance(record, (ListRecord, DictRecord)) and record.complete and after != record:
            return True
    return False


def _widen(start: State, paths: list[State]) -> State:
    """`start` with everything unknown that a round changes and that is no model."""
    widened = start.fork()
    for path in paths:
        for number, name in _changes(start, path):
            widened.frames[number][name] = Unknown(f"'{name}' changes from round to round")
        for identity, record in start.heap.items():
            after = path.heap.get(identity)
            if after != record and isinstance(record, ListRecord):
                widened.heap[identity] = ListRecord(record.items, complete=False)
            elif after != record and isinstance(record, DictRecord):
                widened.heap[identity] = DictRecord(record.items, complete=False)
    return widened


def _join_rounds(run: Interpreter, paths: list[State], outside: set[Symbol]) -> list[State]:
    """One path for each set of assumptions made outside: what differs otherwise differs between rounds."""
    groups: dict[tuple[object, ...], State] = {}
    for path in merge(paths):
        stable = tuple((symbol, path.assumptions[symbol]) for symbol in path.assumptions if symbol in outside)
        key = (path.completion, stable)
        known = groups.get(key)
        groups[key] = path if known is None else run.join(known, path)
    return list(groups.values())


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
