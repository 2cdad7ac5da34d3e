"""What agreement asks of all paths of a program again and again, worked out once."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.state import InstanceRecord


class Paths:
    """The histories of a program by what they come to and by the code that makes their models."""

    def __init__(self, histories: Sequence[ModelHistory]) -> None:
        self._reaching = _by_site((history, _event_sites(history)) for history in histories)
        self._using = _by_site((history, _use_sites(history)) for history in histories)
        self._same_build: defaultdict[object, list[ModelHistory]] = defaultdict(list)
        for history in histories:
            self._same_build[build_key(history)].append(history)
        self._parts_only: dict[object, bool] = {}

    def reaching(self, site: object) -> Iterator[ModelHistory]:
        """Those on which something happens at this place of the code."""
        yield from self._reaching.get(id(site), {}).values()
        yield from self._using.get(id(site), {}).values()

    def use(self, history: ModelHistory, site: object) -> bool:
        """Whether the model's output is used at this place of the code."""
        return id(history) in self._using.get(id(site), {})

    def same_build(self, history: ModelHistory) -> Sequence[ModelHistory]:
        """Those that make their model by the same code in the same way; its number may differ."""
        return self._same_build[build_key(history)]

    def runs_parts_only(self, history: ModelHistory) -> bool:
        """Whether the program calls modules inside the model itself and never the model: its forward is not used."""
        key = build_key(history)
        if key not in self._parts_only:
            called = {path for other in self.same_build(history) for path in _called_places(other)}
            self._parts_only[key] = bool(called) and "" not in called
        return self._parts_only[key]


def _by_site(sites: Iterable[tuple[ModelHistory, Iterable[object]]]) -> dict[int, dict[int, ModelHistory]]:
    found: dict[int, dict[int, ModelHistory]] = {}
    for history, places in sites:
        for place in places:
            found.setdefault(id(place), {})[id(history)] = history
    return found


def _event_sites(history: ModelHistory) -> Iterator[object]:
    """Where something happens to the model itself, not to what it was copied from."""
    behind = itertools.dropwhile(lambda event: event is not history.build, history.state.trace)
    inherited = {id(event) for event in itertools.islice(behind, 1, 1 + history.build.inherited)}
    return (event.site for event in history.events if id(event) not in inherited)


def _use_sites(history: ModelHistory) -> Iterator[object]:
    return (use.site for use in history.uses)


def build_key(history: ModelHistory) -> tuple[object, ...]:
    """What tells a model from the others of its program."""
    build = history.build
    return id(build.site), build.builder, build.arguments, history.occurrence


def _called_places(history: ModelHistory) -> Iterator[str]:
    """The places of the model, as its builder made it, that the path calls: themselves or inside something else."""
    number = history.build.object
    for ref in history.state.called:
        if ref.object == number:
            yield ref.path
        elif not isinstance(history.state.heap.get(ref.object), InstanceRecord):
            # What an object of the user's own class calls is code of this file, and has been followed.
            inside = (module for _, module in modules.walk(history.state, ref))
            yield from (module.path for module in inside if module.object == number)
