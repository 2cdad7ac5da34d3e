"""HL201: the new head's first layer does not take what arrives."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.places import first_mismatch, site_in, spelled
from headlint.checks.regions import regions
from headlint.claims import ForwardRaises
from headlint.flow.histories import ModelHistory
from headlint.flow.state import ZooObject

CODE = "HL201"


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
        place = spelled(region.place)
        message = f"{history.builder.name} feeds {given} features into '{place}', the new layer takes {wanted}"
        hint = f"build it with {given} inputs, or read the width off the model before replacing '{place}'"
        claim = ForwardRaises((found.layer,))
        yield Candidate(CODE, site, event.site, message, hint, claim, speculative=not region.certain)
