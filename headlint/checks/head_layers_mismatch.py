"""HL202: layers inside the new head do not fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.places import first_mismatch, place_of, site_in_container, spelled
from headlint.checks.regions import regions
from headlint.claims import ForwardRaises, TrainingForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory

CODE = "HL202"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Rebuilt parts in which a layer behind a new one refuses what that gives."""
    for region in regions(history):
        found = first_mismatch(history, region.ref, region.arriving)
        if found is None or not found.behind_new:
            continue
        event = region.events[-1]
        site = site_in_container(history, found.layer, event)
        if site is None or event.site is None:
            continue
        kind = modules.kind_of(history.state, found.layer)
        inside = place_of(history, found.layer)
        name = f"'{spelled(inside)}'" if inside is not None else "a layer"
        wanted, given = found.refused.wanted, found.refused.given
        message = (
            f"the new head of {history.builder.name} does not fit together:"
            f" {name} ({kind}) takes {wanted} features and is given {given}"
        )
        hint = f"make its first size {given}, or the output of the layer before it {wanted}"
        claim = (TrainingForwardRaises if region.in_training else ForwardRaises)((found.layer,))
        yield Candidate(CODE, site, event.site, message, hint, claim, speculative=not region.certain)
