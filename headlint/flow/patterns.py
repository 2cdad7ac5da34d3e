"""`match`: which patterns a value can match, and the names that they bind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow import reads
from headlint.flow.attributes import read
from headlint.flow.classes import class_attribute
from headlint.flow.fields import fields_of
from headlint.flow.introspection import is_instance
from headlint.flow.iterating import iterate
from headlint.flow.lists import new_dict
from headlint.flow.operations import apply
from headlint.flow.scope import bind
from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, State
from headlint.flow.value import (
    Class,
    Constant,
    DictRef,
    External,
    Instance,
    ListRef,
    Module,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.source.nodes import descend, statements_of, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headlint.flow.interpreter import Interpreter

Ways = list[tuple[State, bool]]
"""The paths behind a pattern, each with whether it has matched there."""


def match_statement(run: Interpreter, node: cst.Match, state: State) -> list[State]:
    """`match subject: case ...`."""
    from headlint.flow.statements import tested

    done: list[State] = []
    subjects = [
        (path, value)
        for path, value in run.ways(state, node.subject, lambda s: run.evaluate(s, node.subject))
        if value is not None
    ]
    for case in node.cases:
        unmatched: list[tuple[State, Value]] = []
        for path, subject in subjects:
            for way, truth in _matches(run, path, subject, case.pattern):
                if truth and case.guard is not None:
                    for guarded, holds in tested(run, way, case.guard):
                        if holds:
                            done.extend(run.block(statements_of(case.body), [guarded]))
                        else:
                            unmatched.append((guarded, subject))
                elif truth:
                    done.extend(run.block(statements_of(case.body), [way]))
                else:
                    unmatched.append((way, subject))
        subjects = unmatched
    return done + [path for path, _ in subjects]


def _matches(run: Interpreter, state: State, subject: Value, pattern: cst.MatchPattern | None) -> Ways:
    match pattern:
        case cst.MatchAs(pattern=None) | None:
            if pattern is not None and pattern.name is not None:
                bind(state, pattern.name.value, subject)
            return [(state, True)]
        case cst.MatchOr():
            ways: Ways = []
            pending = [state]
            for choice in pattern.patterns:
                outcomes = [way for path in pending for way in _matches(run, path, subject, choice.pattern)]
                ways.extend(way for way in outcomes if way[1])
                pending = [path for path, truth in outcomes if not truth]
            return [*ways, *((path, False) for path in pending)]
        case cst.MatchValue():
            wanted = run.evaluate(state, pattern.value)
            return _both(run, state, apply("==", (subject, wanted), f"... == {text_of(pattern.value)}"))
        case cst.MatchSingleton():
            wanted = run.evaluate(state, pattern.value)
            return _both(run, state, apply("is", (subject, wanted), f"... is {pattern.value.value}"))
        case cst.MatchAs():
            inside = _matches(run, state, subject, pattern.pattern)
            for path, truth in inside:
                if truth and pattern.name is not None:
                    bind(path, pattern.name.value, subject)
            return inside
        case cst.MatchSequence() if isinstance(subject, (Tuple, ListRef)):
            return _sequence(run, state, subject, pattern)
        case cst.MatchMapping() if isinstance(subject, DictRef):
            return _mapping(run, state, subject, pattern)
        case cst.MatchSequence() | cst.MatchMapping() if isinstance(subject, (Constant, Module)):
            return [(state, False)]
        case cst.MatchClass():
            return _class(run, state, subject, pattern)
        case _:
            return _perhaps(state, pattern)


def _perhaps(state: State, pattern: cst.CSTNode) -> Ways:
    """A pattern that may match or not, with nothing known of what it binds."""
    taken = state.fork()
    for here in descend((pattern,)):
        if type(here) in (cst.MatchAs, cst.MatchStar) and here.name is not None:
            bind(taken, here.name.value, Unknown("captured by a pattern"))
        elif type(here) is cst.MatchMapping and here.rest is not None:
            bind(taken, here.rest.value, Unknown("captured by a pattern"))
    return [(taken, True), (state.fork(), False)]


def _all_of(run: Interpreter, state: State, parts: Sequence[tuple[Value, cst.MatchPattern | None]]) -> Ways:
    """Several patterns that must all match, each its own value."""
    ways: Ways = [(state, True)]
    for value, pattern in parts:
        following: Ways = []
        for path, truth in ways:
            following.extend(_matches(run, path, value, pattern) if truth else [(path, False)])
        ways = following
    return ways


def _sequence(run: Interpreter, state: State, subject: Value, pattern: cst.MatchSequence) -> Ways:
    """A sequence pattern against a tuple or list."""
    items = iterate(state, subject)
    if items is None:
        return _perhaps(state, pattern)
    wanted: list[Any] = list(pattern.patterns)
    stars = [index for index, element in enumerate(wanted) if isinstance(element, cst.MatchStar)]
    if len(items) < len(wanted) - len(stars) or (len(items) > len(wanted) and not stars):
        return [(state, False)]
    if stars:
        first = stars[0]
        behind = len(items) - (len(wanted) - first - 1)
        name = wanted[first].name
        if name is not None:
            identity = state.identity()
            state.heap[identity] = ListRecord(items[first:behind])
            bind(state, name.value, ListRef(identity))
        items = (*items[:first], *items[behind:])
        del wanted[first]
    return _all_of(run, state, [(item, element.value) for item, element in zip(items, wanted, strict=True)])


def _mapping(run: Interpreter, state: State, subject: DictRef, pattern: cst.MatchMapping) -> Ways:
    """A mapping pattern against a dict."""
    record = state.heap.get(subject.identity)
    if not isinstance(record, DictRecord):
        return _perhaps(state, pattern)
    left = dict(record.items)
    parts: list[tuple[Value, cst.MatchPattern | None]] = []
    for element in pattern.elements:
        key = run.evaluate(state, element.key)
        if not isinstance(key, Constant) or (key not in left and not _has_plain_keys(record)):
            return _perhaps(state, pattern)
        if key not in left:
            return [(state, False)]
        parts.append((left.pop(key), element.pattern))
    if pattern.rest is not None:
        bind(state, pattern.rest.value, new_dict(state, left.items(), record.complete))
    return _all_of(run, state, parts)


def _has_plain_keys(record: DictRecord) -> bool:
    return record.complete and all(isinstance(key, Constant) for key, _ in record.items)


# Classes whose pattern binds the subject itself to its only positional part.
_SELF_MATCHING = frozenset(
    f"builtins.{name}" for name in "bool bytearray bytes dict float int list set str tuple".split()
)


def _class(run: Interpreter, state: State, subject: Value, pattern: cst.MatchClass) -> Ways:
    """A class pattern: `isinstance`, and the patterns of its attributes."""
    wanted = run.evaluate(state, pattern.cls)
    answer = is_instance(state, subject, wanted)
    ways: Ways
    if answer is not None:
        ways = [(state, answer)]
    elif isinstance(subject, Symbol) and isinstance(wanted, (External, Class)):
        test = Symbol("isinstance", (subject, Tuple((wanted,))), f"isinstance({subject.text}, {text_of(pattern.cls)})")
        ways = _both(run, state, test)
    else:
        return _perhaps(state, pattern)
    names: list[Value | None] = [Constant(element.key.value) for element in pattern.kwds]
    if pattern.patterns:
        names[:0] = _positional(state, wanted, len(pattern.patterns))
    inner = [element.value for element in pattern.patterns] + [element.pattern for element in pattern.kwds]
    behind: Ways = []
    for path, truth in ways:
        if not truth or not inner:
            behind.append((path, truth))
            continue
        values = [subject if name is None else _attribute(run, path, subject, name, pattern) for name in names]
        if len(values) != len(inner):
            behind.extend(_perhaps(path, pattern))
        elif None in values:
            behind.append((path, False))
        else:
            parts = [(value, part) for value, part in zip(values, inner, strict=True) if value is not None]
            behind.extend(_all_of(run, path, parts))
    return behind


def _positional(state: State, wanted: Value, count: int) -> list[Value | None]:
    """The attributes that the first parts of a class pattern are about, None for the subject itself."""
    if isinstance(wanted, External) and wanted.name in _SELF_MATCHING and count == 1:
        return [None]
    if isinstance(wanted, Class):
        names = class_attribute(state, wanted, "__match_args__")
        if isinstance(names, Tuple):
            return list(names.items[:count])
        return [Constant(name) for name in fields_of(wanted)[:count]]
    return []


def _attribute(run: Interpreter, state: State, subject: Value, name: Value, site: cst.CSTNode) -> Value | None:
    """What `subject.name` gives, None where there certainly is no such attribute."""
    if not isinstance(name, Constant) or not isinstance(name.value, str):
        return Unknown("an attribute whose name is not known")
    if isinstance(subject, Module):
        found = reads.read_attribute(state, subject.ref, name.value)
        return None if isinstance(found, reads.Missing) else found or Unknown("an attribute of a module")
    if isinstance(subject, Instance) and isinstance(state.heap.get(subject.identity), InstanceRecord):
        return read(run, state, subject, name.value, site)
    return read(run, state, subject, name.value, site) if isinstance(subject, Symbol) else Unknown("an attribute")


def _both(run: Interpreter, state: State, value: Value) -> Ways:
    truth = run.truth(state, value)
    if truth is not None:
        return [(state, truth)]
    return [(way, answer == Constant(True)) for way, answer in run.both_ways(state, value)]
