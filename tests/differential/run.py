"""A run and what several judges ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from differential.trace import AddGroup, Backward, Build, Event, Flag, Optimizer, Put, Snapshot, Trace

E = TypeVar("E", bound=Event)

WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel"})


@dataclass(frozen=True)
class Expected:
    """A mistake that the run shows: one of these rules must tell it, in one of these lines."""

    codes: tuple[str, ...]
    lines: frozenset[int]

    def __str__(self) -> str:
        return f"{'/'.join(self.codes)} in line {'/'.join(map(str, sorted(self.lines)))}"


class Run:
    """A trace with the questions that several rules ask."""

    def __init__(self, trace: Trace, text: str) -> None:
        self.trace = trace
        self.text = text
        self.events = trace.events

    def all(self, kind: type[E]) -> Iterator[tuple[int, E]]:
        """Events of one kind with their positions."""
        return ((index, one) for index, one in enumerate(self.events) if isinstance(one, kind))

    def kind(self, module: int | None) -> str:
        """The class of a module."""
        return "" if module is None else self.trace.kinds.get(module, "")

    @cached_property
    def snapshots(self) -> list[tuple[int, Snapshot]]:
        """All snapshots in order."""
        return list(self.all(Snapshot))

    @cached_property
    def last(self) -> Snapshot:
        """How everything stood in the end."""
        return self.snapshots[-1][1]

    def before(self, index: int) -> Snapshot:
        """The snapshot that was taken right before an event, or the next one."""
        earlier = [one for at, one in self.snapshots if at <= index]
        return earlier[-1] if earlier else self.snapshots[0][1]

    def behind(self, index: int) -> Snapshot:
        """The snapshot that was taken right behind an event, or the last one."""
        return next((one for at, one in self.snapshots if at >= index), self.last)

    def inside(self, module: int, snapshot: Snapshot) -> dict[str, tuple[int, bool]]:
        """The parameters of a module, with their flags."""
        for root, modules in snapshot.modules.items():
            for path, number in modules.items():
                if number == module:
                    prefix = f"{path}." if path else ""
                    return {name: one for name, one in snapshot.parameters[root].items() if name.startswith(prefix)}
        return {}

    def parameters(self, module: int, since: int = 0) -> set[int]:
        """The parameters that a module has in the first snapshot behind an event that holds it."""
        later = [one for at, one in self.snapshots if at >= since]
        earlier = [one for at, one in self.snapshots if at < since]
        for snapshot in (*later, *reversed(earlier)):
            found = self.inside(module, snapshot)
            if found:
                return {number for number, _ in found.values()}
        return set()

    def subtree(self, module: int, snapshot: Snapshot) -> set[int]:
        """A module and all that stands in it."""
        for modules in snapshot.modules.values():
            for path, number in modules.items():
                if number == module:
                    prefix = f"{path}." if path else ""
                    return {module} | {one for name, one in modules.items() if name.startswith(prefix)}
        return {module}

    @cached_property
    def surgeries(self) -> list[tuple[int, Put]]:
        """New layers that were put into the models of builders, or on what is around them."""
        return [
            (index, put)
            for index, put in self.all(Put)
            if put.new is not None
            and put.new not in self.trace.origin
            and (put.owner in self.trace.origin or (self.kind(put.owner) in WRAPPERS and put.name != "module"))
        ]

    @cached_property
    def moments(self) -> list[tuple[int, Snapshot]]:
        """When something is trained: where `backward` runs, or where an optimizer is made if it never does."""
        found = [index for index, _ in self.all(Backward)] or [index for index, _ in self.all(Optimizer)]
        return [(index, self.before(index)) for index in found]

    @cached_property
    def builds(self) -> list[int]:
        """The models that builders made."""
        return [one.model for _, one in self.all(Build) if one.model is not None]

    def root_of(self, model: int, snapshot: Snapshot) -> dict[str, tuple[int, bool]]:
        """The parameters of the largest thing that a model stands in."""
        holding = [snapshot.parameters[root] for root, modules in snapshot.modules.items() if model in modules.values()]
        return max(holding, key=len, default={})

    def flagged(self, until: int) -> dict[int, bool]:
        """The flags of parameters as they stood at an event, of those that were ever written."""
        flags: dict[int, bool] = {}
        for index, one in self.all(Flag):
            if index < until and one.name == "requires_grad":
                flags.update(dict.fromkeys(one.parameters, one.value))
        return flags

    @cached_property
    def held(self) -> set[int]:
        """What any optimizer holds at any time."""
        found = {number for _, one in self.all(Optimizer) for group in one.groups for number in group}
        return found | {number for _, one in self.all(AddGroup) for number in one.parameters}

    def lines_of_head(self, head: int, put: Put | None) -> frozenset[int]:
        """Where a new head is written: the replacement, and every layer in it."""
        standing = (one for _, one in reversed(self.snapshots) if any(head in m.values() for m in one.modules.values()))
        parts = self.subtree(head, next(standing, self.last))
        found = {self.trace.made[one] for one in parts if one in self.trace.made}
        return frozenset(found | ({put.line} if put is not None else set()))


def expect(code: str, *lines: int) -> Expected:
    return Expected((code,), frozenset(lines))
