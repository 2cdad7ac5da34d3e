"""Sequentials read as what they do: one module after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headlint.checks.holders import only_holds
from headlint.checks.places import joined
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import Define, MakeContainer, ModuleRef, Operation

# Modules that are looked at; containers that share their parts can stand for any number.
_MOST_STEPS = 2_000


def in_order(history: ModelHistory, refs: Iterable[ModuleRef]) -> Iterator[ModuleRef]:
    """These modules as they run one after the other, with those in Sequentials in their place."""
    return (ref for _, ref in _named_in_order(history, (("", ref) for ref in refs)))


def _named_in_order(
    history: ModelHistory, children: Iterable[tuple[str, ModuleRef]]
) -> Iterator[tuple[str, ModuleRef]]:
    """The same with the path of each."""
    waiting = [*children][::-1]
    for _ in range(_MOST_STEPS):
        if not waiting:
            return
        path, ref = waiting.pop()
        if modules.kind_of(history.state, ref) == "Sequential":
            inside = modules.children_of(history.state, ref)
            waiting.extend((joined(path, name), child) for name, child in reversed(inside) if child is not None)
        else:
            yield path, ref


def chains(history: ModelHistory) -> Iterator[Define]:
    """The forward of each Sequential that runs the whole model, alone or in a wrapper, and then more."""
    whole = {history.model, *history.wrappers}
    for event in history.events:
        if not isinstance(event, MakeContainer) or event.kind != "Sequential":
            continue
        ref = ModuleRef(event.object, "")
        steps = tuple(_named_in_order(history, [("", ref)]))
        if ref in whole or whole.isdisjoint(step for _, step in steps[:-1]):
            continue
        if not only_holds(history, ref):
            calls = (Operation("call", (n,), step, (), site=event.site) for n, (_, step) in enumerate(steps))
            yield Define(event.object, tuple(calls), steps, site=event.site)
