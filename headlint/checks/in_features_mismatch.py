"""HL201: the new head's first layer does not take what arrives."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.places import first_mismatch, joined, place_of, site_in, spelled
from headlint.checks.regions import Region, regions
from headlint.claims import ForwardRaises, TrainingForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.state import ZooObject
from headlint.history import ModuleRef

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
        yield Candidate(CODE, site, event.site, message, hint, claim, speculative=not region.certain)
