"""HL201: the new head's first layer does not take what arrives."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from headlint.checks.candidate import Candidate
from headlint.checks.mending import size_taken
from headlint.checks.places import Mismatch, first_mismatch, joined, place_of, site_in, spelled
from headlint.checks.regions import Region, regions
from headlint.claims import ForwardRaises, TrainingForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.state import ZooObject
from headlint.history import ModuleRef, SetModule
from headlint.mends.mend import Mend, Replace
from headlint.mends.places import target_of
from headlint.mends.scene import Scene

CODE = "HL201"


def _placed(history: ModelHistory, region: Region, layer: ModuleRef) -> str:
    """The place that the code put the layer at, alone or in something built around it."""
    for event in reversed(region.events):
        if event.value is not None and any(inside == layer for _, inside in modules.walk(history.state, event.value)):
            return joined(place_of(history, event.target) or "", event.name)
    return region.place


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Rebuilt parts whose first sized layer is new and refuses what the model gives it."""
    for region in regions(history):
        found = first_mismatch(history, region.ref, region.arriving)
        if found is None or found.behind_new:
            continue
        record = history.state.heap.get(found.layer.object)
        event = region.events[-1]
        if isinstance(record, ZooObject) and found.layer.object == history.build.object:
            continue
        site = site_in(history, found.layer, event)
        if site is None or event.site is None:
            continue
        wanted, given = found.refused.wanted, found.refused.given
        place = spelled(_placed(history, region, found.layer))
        message = f"{history.builder.name} feeds {given} features into '{place}', the new layer takes {wanted}"
        hint = f"build it with {given} inputs, or read the width off the model before replacing '{place}'"
        claim = (TrainingForwardRaises if region.in_training else ForwardRaises)((found.layer,))
        mends = partial(_mends, history=history, event=event, found=found)
        yield Candidate(CODE, site, event.site, message, hint, claim, not region.certain, mends=mends)


def _mends(scene: Scene, history: ModelHistory, event: SetModule, found: Mismatch) -> Iterator[Mend]:
    """The right width: read off the head that is replaced where that can be, else as a number."""
    kind, given = modules.kind_of(history.state, found.layer), found.refused.given
    size = size_taken(history, found.layer)
    if size is None:
        return
    replaced, target = event.replaced, target_of(event.site)
    old = (
        None
        if replaced is None or replaced.object != history.build.object
        else modules.node_of(history.state, replaced)
    )
    if old is not None and old.type == kind == "Linear" and target is not None and scene.holds(event.site, size):
        yield Mend(
            f"read the width off {scene.code(target)}", "safe", (Replace(size, f"{scene.text(target)}.in_features"),)
        )
    yield Mend(f"take {given} features", "safe", (Replace(size, str(given)),))
