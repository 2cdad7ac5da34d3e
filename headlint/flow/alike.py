"""Which of many paths another one may be merged with, without comparing it with each of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, State

# So few paths are compared one by one.
FEW = 8


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
        found = {*self._numbers.get(self._values(state), ()), *self._numbers.get(_side(state, other=True), ())}
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
        if self._numbers:
            self._numbers.setdefault(_side(state), {})[number] = None

    def remove(self, number: int) -> State:
        """Take a path out."""
        return self.paths.pop(number)

    def _note(self, number: int, state: State) -> None:
        for key in (self._values(state), _side(state)):
            self._numbers.setdefault(key, {})[number] = None

    def _values(self, state: State) -> Hashable:
        """The same for paths with the same values."""
        if self._asked is not None and self._asked[0] is state:
            return self._asked[1]
        found = [hash(state.returned)]
        for frame, names in state.frames.items():
            known = self._first.frames.get(frame, {})
            if known is not names:
                for name, value in names.items():
                    before = known.get(name)
                    if before is not value and before != value:
                        found.append(hash((frame, name, value)))
        for identity, record in state.heap.items():
            there = self._first.heap.get(identity)
            if there is not record and there != record:
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
    return state.completion, len(state.trace), len(state.children), len(state.attributes), len(state.frames)


def first_with_history(states: Sequence[State]) -> list[int]:
    """For every path which is the first that has come to the same kind of end with the same events."""
    known: dict[Hashable, list[int]] = {}
    found: list[int] = []
    for index, state in enumerate(states):
        trace = state.trace
        places = known.setdefault((state.completion, len(trace), trace[-1] if trace else None), [])
        first = next((place for place in places if states[place].trace == trace), None)
        if first is None:
            places.append(index)
        found.append(index if first is None else first)
    return found
