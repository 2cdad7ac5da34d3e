"""New lists, sets and dicts of the analysed program in the heap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from headlint.flow.state import DictRecord, ListRecord, State
from headlint.flow.value import Constant, DictRef, ListRef, Module, Parameter, Value

if TYPE_CHECKING:
    pass


def as_set(state: State, items: Sequence[Value], complete: bool = True) -> ListRef:
    """A new set in the heap; which items are equal is known of constants, modules and parameters only."""
    known = all(isinstance(item, (Constant, Module, Parameter)) for item in items)
    distinct = tuple(dict.fromkeys(items))
    identity = state.identity()
    state.heap[identity] = ListRecord(distinct, complete and (known or len(items) < 2), ordered=False)
    return ListRef(identity)


def as_list(state: State, items: Sequence[Value], complete: bool = True) -> ListRef:
    """A new list in the heap; `complete` is False where more or other items may be in it."""
    identity = state.identity()
    state.heap[identity] = ListRecord(tuple(items), complete)
    return ListRef(identity)


def new_dict(state: State, items: Iterable[tuple[Value, Value]], complete: bool = True) -> DictRef:
    """A new dict in the heap; `complete` is False where more or other items may be in it."""
    identity = state.identity()
    state.heap[identity] = DictRecord(tuple(items), complete)
    return DictRef(identity)
