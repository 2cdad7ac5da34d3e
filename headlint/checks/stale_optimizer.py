"""HL305: an optimizer is built before the layer that it should train, and steps without it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.optimizers import Stepping, beside, held, in_sight, left_alone, stepping
from headlint.checks.places import placements, spelled
from headlint.claims import NotInOptimizer
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import parameters_of
from headlint.history import ModuleRef, ParameterRef, SetModule
from headlint.mends.mend import Mend
from headlint.mends.order import moves
from headlint.mends.scene import Scene

CODE = "HL305"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Layers put in behind an optimizer that held what stood there before, and which steps later."""
    if not history.steps:
        return
    for optimizer in stepping(history):
        everything = held(history)
        assert everything is not None
        for event, place in placements(history):
            if event.value is None or event.replaced is None or event.site is None or optimizer.event.site is None:
                continue
            fresh = _fresh(history, optimizer, event)
            if not fresh or not everything.isdisjoint(fresh) or not left_alone(history, fresh):
                continue
            if not in_sight(history, optimizer.steps, event.value):
                continue
            kind, name = optimizer.event.kind, spelled(place)
            message = (
                f"the optimizer {kind} is built before '{name}' of {history.builder.name} is replaced:"
                f" it holds the old layer, and no step trains the new one; build {kind} behind the replacement"
            )
            yield Candidate(
                CODE,
                optimizer.event.site,
                event.site,
                message,
                f"build {kind} behind the replacement",
                NotInOptimizer((event.value,), beside(history)),
                speculative=False,
                # Whoever reads gradients may train by hand.
                unless_read=("grad",),
                mends=partial(_mends, optimizer=optimizer.event.site, placed=event.site),
            )


def _mends(scene: Scene, optimizer: cst.CSTNode, placed: cst.CSTNode) -> Iterator[Mend]:
    """The optimizer behind the replacement, or the replacement before the optimizer."""
    yield from moves(scene, optimizer, placed, "build the optimizer behind the replacement", "safe", behind=True)
    yield from moves(scene, placed, optimizer, "replace before the optimizer is built", "safe", behind=False)


def _fresh(history: ModelHistory, optimizer: Stepping, event: SetModule) -> list[ParameterRef]:
    """The parameters of a layer that takes the place of one in the optimizer; empty if it was in time for it."""
    assert event.value is not None
    assert event.replaced is not None
    trace = history.state.trace
    position = next(index for index, other in enumerate(trace) if other is event)
    if not optimizer.made < position < optimizer.steps:
        return []
    if not any(_is_below(event.replaced, parameter) for parameter in optimizer.parameters):
        return []
    found = [parameter for _, parameter in parameters_of(history.state, event.value)]
    return [] if any(parameter.object == history.build.object for parameter in found) else found


def _is_below(module: ModuleRef, parameter: ParameterRef) -> bool:
    prefix = f"{module.path}." if module.path else ""
    return module.object == parameter.object and parameter.path.startswith(prefix)
