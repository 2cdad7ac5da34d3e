"""Which of many paths another one may be merged with, without comparing it with each of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import compress
from operator import is_, is_not
from typing import TypeVar

from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, State

Key = TypeVar("Key")

# So few paths are compared one by one.
FEW = 8


def differing(left: Mapping[Key, object], right: Mapping[Key, object]) -> list[Key]:
    """The keys under which two tables do not have the very same object: forks share most of what they hold."""
    if left is right:
        return []
    if len(left) == len(right) and all(map(is_, left, right)):
        return list(compress(left, map(is_not, left.values(), right.values())))
    found = [key for key, value in left.items() if right.get(key) is not value]
    if left.keys() != right.keys():
        found.extend(key for key in right if key not in left)
    return found


class Gathering:
    """Paths by their numbers, in the order in which they came."""

    def __init__(self, first: State) -> None:
        self.paths = {0: first}
        self._next = 1
        # What is told apart are the differences from it: paths share most of what they hold.
        self._first = first
        # The numbers of paths by what those that can be merged have in common; some of them may be gone by now.
        self._numbers: dict[Hashable, dict[int, None]] = {}
        # The path that was asked about last, with its values: it is often the next to come.
        self._asked: tuple[State, Hashable] | None = None

    def like(self, state: State) -> Iterator[tuple[int, State]]:
        """The paths, in order, among which are all that `state` can be merged with."""
        if len(self.paths) <= FEW:
            yield from self.paths.items()
            return
        if not self._numbers:
            self._first = self._first.fork()
            for number, path in self.paths.items():
                self._note(number, path)
        found: set[int] = set()
        for key in (self._values(state), _side(state, other=True)):
            found.update(self._numbers.get(key, ()))
        for number in sorted(found):
            if number in self.paths:
                yield number, self.paths[number]

    def add(self, state: State) -> None:
        """One more path, behind all others."""
        self.paths[self._next] = state
        if self._numbers:
            self._note(self._next, state)
        self._next += 1

    def change(self, number: int, state: State) -> None:
        """A path is this one by now, which has the same values and may assume less."""
        self.paths[number] = state
        if self._numbers and state.conditions:
            self._numbers.setdefault(_side(state), {})[number] = None

    def remove(self, number: int) -> State:
        """Take a path out, to be made one with the path that was asked about: neither has its values any more."""
        self._asked = None
        return self.paths.pop(number)

    def _note(self, number: int, state: State) -> None:
        for key in (self._values(state), _side(state)):
            if key is not None:
                self._numbers.setdefault(key, {})[number] = None

    def _values(self, state: State) -> Hashable:
        """The same for paths with the same values."""
        if self._asked is not None and self._asked[0] is state:
            return self._asked[1]
        found = [hash(state.returned)]
        for frame in differing(state.frames, self._first.frames):
            names, known = state.frames.get(frame, {}), self._first.frames.get(frame, {})
            others = [name for name in differing(names, known) if names.get(name) != known.get(name)]
            found.extend(hash((frame, name, names.get(name))) for name in others)
        for identity in differing(state.heap, self._first.heap):
            record = state.heap.get(identity)
            if record != self._first.heap.get(identity):
                plain = isinstance(record, (ListRecord, DictRecord, InstanceRecord))
                found.append(hash((identity, record if plain else type(record))))
        self._asked = state, (*_size(state), frozenset(found))
        return self._asked[1]


def _side(state: State, *, other: bool = False) -> Hashable:
    """The side of its last condition that a path is on, or the `other` one."""
    if not state.conditions:
        return None
    symbol, truth = state.conditions[-1]
    return (*_size(state), state.conditions[:-1], symbol, truth is not other)


def _size(state: State) -> tuple[object, ...]:
    """What is quickly seen to be the same where two paths did the same to every model."""
    return *_history(state), len(state.children), len(state.attributes), len(state.flags), len(state.frames)


def _history(state: State) -> tuple[object, ...]:
    """What is quickly seen to be the same where two paths have come to the same kind of end with the same events."""
    return state.completion, len(state.trace), *state.trace[-3:]


def first_with_history(states: Sequence[State]) -> list[int]:
    """For every path which is the first that has come to the same kind of end with the same events."""
    known: dict[Hashable, list[int]] = {}
    found: list[int] = []
    for index, state in enumerate(states):
        places = known.setdefault(_history(state), [])
        first = next((place for place in places if states[place].trace == state.trace), None)
        if first is None:
            places.append(index)
        found.append(index if first is None else first)
    return found
