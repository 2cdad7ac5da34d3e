"""All rounds of a loop at once: one round, run until what it starts from holds for every round."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.merge import merge
from headlint.flow.modules import children_of
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
from headlint.source.nodes import names_assigned, names_grown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headlint.flow.interpreter import Interpreter


# Rounds after which names that still change are taken for unknown.
MOST_ROUNDS = 3


def values_in(record: ListRecord | DictRecord | InstanceRecord) -> Iterable[Value]:
    if isinstance(record, ListRecord):
        return record.items
    return (value for _, value in (record.items if isinstance(record, DictRecord) else record.attributes))


def leads_to_models(value: Value) -> bool:
    if isinstance(value, (Tuple, Iterator)):
        return any(leads_to_models(item) for item in value.items)
    return not isinstance(value, (Unknown, Symbol, Constant, ListRef, DictRef, External, Parameter))


def all_rounds(
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
                behind.names(number)[name] = Unknown(f"'{name}' is assigned in a loop that may not run")


def _with_assigned_unknown(run: Interpreter, state: State, body: Sequence[cst.CSTNode]) -> State:
    """`state` with the numbers and texts unknown that a round assigns anew: most rounds change them.

    Only a guess that saves a round; what a round really changes is seen when it has been run.
    """
    assigned = run.assigned.get(id(body))
    if assigned is None:
        assigned = run.assigned[id(body)] = (names_assigned(body), names_grown(body))
    start = state.fork()
    names = start.names(start.frame)
    for name in assigned[1]:
        value = names.get(name)
        if isinstance(value, (ListRef, DictRef)):
            record = start.heap[value.identity]
            if isinstance(record, (ListRecord, DictRecord)) and not any(map(leads_to_models, values_in(record))):
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
            widened.names(number)[name] = Unknown(f"'{name}' changes from round to round")
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
