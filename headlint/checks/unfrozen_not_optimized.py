"""HL307: layers are unfrozen behind an optimizer that was built without them, and it steps on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.flags import described, freezing
from headlint.checks.optimizers import Stepping, beside, held, in_sight, left_alone, modules_of_only, stepping
from headlint.checks.recipes import MOST_WATCHED
from headlint.claims import NotInOptimizer
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef, ParameterRef, SetFlag
from headlint.mends.flags import parameters_in
from headlint.mends.mend import Insert, Mend
from headlint.mends.order import places_of
from headlint.mends.places import target_of
from headlint.mends.scene import Scene

CODE = "HL307"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Flags set for parameters that were frozen when the optimizer was built, and that none holds."""
    if not history.steps:
        return
    for optimizer in stepping(history):
        everything = held(history)
        assert everything is not None
        now = history.parameters
        for site, unfrozen in _unfrozen(history, optimizer):
            own = unfrozen & now
            if not own or own != unfrozen or not everything.isdisjoint(own) or not left_alone(history, own):
                continue
            refs = modules_of_only(history, own)[:MOST_WATCHED]
            if refs and in_sight(history, optimizer.steps, *refs):
                candidate = _candidate(history, optimizer, site, own, refs)
                yield candidate
                freeze = freezing(history.state.trace[: optimizer.made], own)
                if freeze is not None:
                    # Where freezing has a condition, what gives the flags back is right on other paths.
                    yield replace(candidate, event_site=freeze)


def _unfrozen(history: ModelHistory, optimizer: Stepping) -> Iterator[tuple[cst.CSTNode, frozenset[ParameterRef]]]:
    """What each statement between the making of an optimizer and its last step gives back its flags."""
    trace = history.state.trace
    flags = {**dict.fromkeys(history.frozen_by_builder, False), **_flags(trace[: optimizer.made])}
    found: dict[int, tuple[cst.CSTNode, set[ParameterRef]]] = {}
    for event in trace[optimizer.made : optimizer.steps]:
        if isinstance(event, SetFlag) and event.site is not None:
            if event.value:
                frozen = (p for p in event.parameters if flags.get(p) is False)
                found.setdefault(id(event.site), (event.site, set()))[1].update(frozen)
            flags.update(dict.fromkeys(event.parameters, event.value))
    return ((site, frozenset(unfrozen)) for site, unfrozen in found.values() if unfrozen)


def _flags(events: Sequence[object]) -> dict[ParameterRef, bool]:
    flags: dict[ParameterRef, bool] = {}
    for event in events:
        if isinstance(event, SetFlag):
            flags.update(dict.fromkeys(event.parameters, event.value))
    return flags


def _candidate(
    history: ModelHistory,
    optimizer: Stepping,
    site: cst.CSTNode,
    unfrozen: frozenset[ParameterRef],
    refs: list[ModuleRef],
) -> Candidate:
    kind = optimizer.event.kind
    where = described(history, refs[0]) if len(refs) == 1 else history.builder.name
    message = (
        f"this unfreezes {len(unfrozen)} parameters of {where} that {kind} was built without: no step trains them;"
        f" build {kind} again behind it, or call add_param_group"
    )
    hint = f"build {kind} again behind it, or call add_param_group"
    claim = NotInOptimizer(tuple(refs), beside(history))
    mends = partial(_mends, unfreezing=site, optimizer=optimizer.event.site)
    return Candidate(CODE, site, site, message, hint, claim, False, unless_read=("grad",), mends=mends)


def _mends(scene: Scene, unfreezing: cst.CSTNode, optimizer: cst.CSTNode | None) -> Iterator[Mend]:
    """A group of its own in the optimizer: unsafe, since its learning rate may be meant to be another one."""
    name = None if optimizer is None else target_of(scene.statement(optimizer))
    if optimizer is None or name is None:
        return
    for site in places_of(scene, unfreezing):
        statement, parameters = parameters_in(scene, site)
        if parameters and scene.function(site) is scene.function(optimizer):
            code = f'{scene.text(name)}.add_param_group({{"params": {parameters}}})'
            yield Mend("add a parameter group", "unsafe", (Insert(code, statement, behind=True),))
