"""Making fewer paths of many: merging what has become the same, and joining what must not go on apart."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace

from headlint.flow.alike import Gathering, differing
from headlint.flow.assume import simplify
from headlint.flow.scope import ELSEWHERE, elsewhere_on_both
from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, OpaqueObject, OptimizerRecord, Record, State
from headlint.flow.value import Class, Constant, External, Function, Symbol, Unknown, Value, join
from headlint.history import modules_of


def merge(states: list[State]) -> list[State]:
    """Fewer states for the same paths, with nothing lost that concerns models.

    States that differ only in their assumptions become one. So do the two sides of one condition that did
    the same to every model: a name that they bind to different values is bound to a choice between the two,
    which is made once somebody asks for it.
    """
    if len(states) < 2:
        return states
    merged = Gathering(states[0])
    for state in states[1:]:
        _add(merged, state)
    return list(merged.paths.values())


def _add(merged: Gathering, state: State) -> None:
    for number, kept in merged.like(state):
        if kept.completion != state.completion or not _same_models(kept, state):
            continue
        if kept.same_as(state):
            merged.change(number, _forget_differences(kept, state))
            return
        condition = _sides_of(kept, state)
        if condition is not None:
            merged.remove(number)
            # The pair may now be one side of the condition before.
            _add(merged, _choose_between(condition))
            return
    merged.add(state)


def _same_models(left: State, right: State) -> bool:
    """Whether both paths did the same to every model, and know the same frames."""
    return (
        left.did_as(right)
        and left.escaped == right.escaped
        and left.operations == right.operations
        and left.frames.keys() == right.frames.keys()
        and left.parents == right.parents
    )


def _sides_of(left: State, right: State) -> tuple[Symbol, State, State] | None:
    """The condition that alone parts two paths, with the path on which it is true first."""
    ours, theirs = left.conditions, right.conditions
    if not ours or len(ours) != len(theirs) or ours[:-1] != theirs[:-1]:
        return None
    (symbol, truth), (other, other_truth) = ours[-1], theirs[-1]
    if symbol != other or truth == other_truth:
        return None
    return (symbol, left, right) if truth else (symbol, right, left)


# What can wait for being chosen between: it holds no models, and what is called is settled before.
_CHOOSABLE = (Constant, Symbol, External, Function, Class)


def _choose_between(parted: tuple[Symbol, State, State]) -> State:
    """One state for the two sides of a condition."""
    condition, first, second = parted

    def between(a: Value | None, b: Value | None) -> Value:
        if a is None or b is None:
            return Unknown("bound on some paths only")
        if a == b:
            return a
        if isinstance(a, _CHOOSABLE) and isinstance(b, _CHOOSABLE):
            return Symbol("choice", (condition, a, b), condition.text)
        return join(a, b)

    chosen = _forget_differences(first, second)
    for number, ours in list(chosen.frames.items()):
        theirs = second.frames[number]
        for name in differing(ours, theirs):
            meet = elsewhere_on_both if name == ELSEWHERE else between
            chosen.names(number)[name] = meet(ours.get(name), theirs.get(name))
    chosen.returned = between(first.returned, second.returned)
    for identity in differing(chosen.heap, second.heap):
        mine, its = chosen.heap.get(identity), second.heap.get(identity)
        if mine != its:
            chosen.heap[identity] = _join_records(mine, its)
    return chosen


def _forget_differences(left: State, right: State) -> State:
    """`left` with only the assumptions and conditions that `right` shares."""
    if left.assumptions != right.assumptions:
        theirs = right.assumptions
        shared = {
            key: value
            for key, value in left.assumptions.items()
            if (other := theirs.get(key)) is value or other == value
        }
        if len(shared) < len(left.assumptions):
            shared.update(_still_pinned(left, right, left.assumptions.keys() - shared.keys()))
        left.assumptions = shared
    if left.conditions != right.conditions:
        also = frozenset(right.conditions)
        left.conditions = tuple(condition for condition in left.conditions if condition in also)
    if left.tests:
        left.tests = tuple(test for test in left.tests if test in right.tests)
    if left.modes != right.modes or list(left.modes) != list(right.modes):
        _join_modes(left, right)
    for number in differing(left.spent, right.spent):
        if left.spent.get(number, 0) != right.spent.get(number, 0):
            left.spent[number] = None
    left.written = {attribute: owner for attribute, owner in left.written.items() if attribute in left.assumptions}
    for ref, position in right.called.items():
        left.called[ref] = max(position, left.called.get(ref, 0))
    left.compiled.update(right.compiled)
    left.uses.update(right.uses)
    left.steps.update(right.steps)
    left.moves.update(right.moves)
    if left.recording != right.recording:
        left.recording = None
    left.filters.update(right.filters)
    left.undone = {ref: site for ref, site in left.undone.items() if ref in right.undone}
    left.frozen_by_eval.update(right.frozen_by_eval)
    if left.passed is None:
        left.passed = right.passed
    if right.trained is None:
        left.trained = None
    left.next_identity = max(left.next_identity, right.next_identity)
    if left.counts != right.counts:
        for key, count in right.counts.items():
            if count > left.counts.get(key, 0):
                left.counts[key] = count
    return left


def _still_pinned(left: State, right: State, lost: AbstractSet[Symbol]) -> Iterator[tuple[Symbol, Constant]]:
    """The symbols with a name that are the same constant on both paths, each for reasons of its own."""
    for names in left.frames.values():
        for value in [value for value in names.values() if type(value) is Symbol]:
            if value in lost or not value.inside.isdisjoint(lost):
                ours = simplify(left, value)
                if isinstance(ours, Constant) and simplify(right, value) == ours:
                    yield value, ours


def _join_modes(left: State, right: State) -> None:
    """The modes that both paths agree on; they stand in the order in which they were set."""
    ours = [ref for ref in left.modes if ref in right.modes]
    theirs = [ref for ref in right.modes if ref in left.modes]
    for ref in left.modes.keys() | right.modes.keys():
        if left.modes.get(ref) != right.modes.get(ref) or ours != theirs:
            left.modes[ref] = None


def join_states(left: State, right: State) -> State:
    """The most that is true on both paths: values that differ become Unknown, objects that differ escape.

    Pure: both arguments stay as they are.
    """
    joined = _forget_differences(left.fork(), right)
    for number in [number for number in joined.frames if number not in right.frames]:
        del joined.frames[number]
    for number, ours in list(joined.frames.items()):
        theirs = right.frames[number]
        for name in differing(ours, theirs):
            names = joined.names(number)
            here, there = ours.get(name), theirs.get(name)
            if name == ELSEWHERE:
                names[name] = elsewhere_on_both(here, there)
            elif here is None or there is None:
                names[name] = Unknown("bound on some paths only")
            else:
                names[name] = join(here, there)
    joined.returned = join(left.returned, right.returned)
    for identity in differing(left.heap, right.heap):
        mine, its = left.heap.get(identity), right.heap.get(identity)
        if mine != its:
            joined.heap[identity] = _join_records(mine, its)
    for ref in differing(left.children, right.children):
        if left.children.get(ref) != right.children.get(ref):
            joined.escaped[ref.object] = "changed on some paths only"
    for place in differing(left.attributes, right.attributes):
        if left.attributes.get(place) != right.attributes.get(place):
            joined.attributes[place] = Unknown("set on some paths only")
    for parameter in differing(left.flags, right.flags):
        if left.flags.get(parameter, True) != right.flags.get(parameter, True):
            joined.flags[parameter] = None
    for identity, reason in right.escaped.items():
        joined.escaped.setdefault(identity, reason)
    _join_traces(joined, left, right)
    return joined


def _join_traces(joined: State, left: State, right: State) -> None:
    """The events that both paths share; what the others are about is no longer known."""
    if left.operations != right.operations:
        joined.operations = None
    if left.trace != right.trace:
        common = 0
        for here_event, there_event in zip(left.trace, right.trace, strict=False):
            if here_event != there_event:
                break
            common += 1
        for event in (*left.trace[common:], *right.trace[common:]):
            for number in modules_of(event):
                joined.escaped.setdefault(number, "changed on some paths only")
        joined.trace = left.trace[:common]
        joined.trained = None
        joined.steps = {replace(step, position=min(step.position, common)): None for step in joined.steps}
        joined.moves = {replace(moved, position=min(moved.position, common)): None for moved in joined.moves}
        joined.called = {ref: min(position, common) for ref, position in joined.called.items()}


def _join_records(left: Record | None, right: Record | None) -> Record:
    """What is known of a heap object that two paths know differently."""
    if left is None or right is None:
        only = left or right
        assert only is not None
        return only
    match left, right:
        case ListRecord(), _:
            return ListRecord((), complete=False)
        case DictRecord(), _:
            return DictRecord((), complete=False)
        case InstanceRecord(), InstanceRecord():
            theirs = dict(right.attributes)
            names = dict.fromkeys((*dict(left.attributes), *theirs))
            mine = dict(left.attributes)
            missing = Unknown("set on some paths only")
            attributes = tuple((name, join(mine.get(name, missing), theirs.get(name, missing))) for name in names)
            return InstanceRecord(left.owner, attributes, left.escaped or right.escaped, left.fresh & right.fresh)
        case OptimizerRecord(), _:
            return OptimizerRecord(None)
        case _:
            return OpaqueObject("differs between paths")
