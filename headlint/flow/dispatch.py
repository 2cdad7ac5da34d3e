"""A dict of known constants asked with a value that is not known: one way for every key that it may be."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.choice import MOST_WAYS, Raised, TooManyWays
from headlint.flow.enums import is_member, stands_for
from headlint.flow.operations import apply
from headlint.flow.state import DictRecord, State
from headlint.flow.value import Constant, Symbol, Unknown, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def can_dispatch(record: DictRecord) -> bool:
    """Whether all keys of a dict are known constants."""
    return record.complete and all(isinstance(known, Constant) or is_member(known) for known, _ in record.items)


def look_up_member(run: Interpreter, state: State, members: DictRecord, key: Value, node: cst.CSTNode) -> Value:
    """A member of an Enum by its name or value."""
    known = dict(members.items).get(stands_for(key) or key)
    if known is None and isinstance(key, Symbol):
        known = dispatch(run, state, members, key, None)
    return state.origin(node, text_of(node)) if known is None else known


def dispatch(run: Interpreter, state: State, record: DictRecord, key: Symbol, otherwise: Value | None) -> Value:
    """A dict of known constants asked with a symbol: go each way on which the symbol is one of the keys.

    What is no key gives `otherwise`, and raises where that is None.
    """
    if state.choices is None:
        return Unknown("one of the items of a dict")
    if _goes_too_many_ways(run, state, record, key):
        raise TooManyWays
    for known, value in record.items:
        if run.decide(state, apply("==", (key, known), f"{key.text} == {text_of_constant(known)}")):
            return value
    if otherwise is None:
        raise Raised
    return otherwise


def _goes_too_many_ways(run: Interpreter, state: State, record: DictRecord, key: Symbol) -> bool:
    """Whether more keys of a dict are possible than ways are followed: then none of them need be tried."""
    if len(record.items) <= MOST_WAYS:
        return False
    tests = (apply("==", (key, known), key.text) for known, _ in record.items)
    possible = (test for test in tests if run.truth(state, test) is None)
    return sum(1 for _ in islice(possible, MOST_WAYS + 1)) > MOST_WAYS


def text_of_constant(value: Value) -> str:
    """A constant or symbol as the code would write it."""
    if isinstance(value, Symbol):
        return value.text
    return repr(value.value) if isinstance(value, Constant) else "..."
