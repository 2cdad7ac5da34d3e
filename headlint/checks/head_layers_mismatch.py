"""HL202: layers inside the new head do not fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.mending import call_that_makes
from headlint.checks.places import Mismatch, first_mismatch, place_of, site_in_container, sizes_of, spelled
from headlint.checks.regions import regions
from headlint.claims import ForwardRaises, TrainingForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import MakeLayer, ModuleRef
from headlint.mends.layers import argument, first_size
from headlint.mends.mend import Mend, Replace
from headlint.mends.scene import Scene

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
        mends = partial(_mends, history=history, found=found)
        yield Candidate(CODE, site, event.site, message, hint, claim, not region.certain, mends=mends)


def _mends(scene: Scene, history: ModelHistory, found: Mismatch) -> Iterator[Mend]:
    """The layer takes what the one before it gives: what is hidden between the two may be meant otherwise."""
    size = first_size(call_that_makes(history, found.layer), modules.kind_of(history.state, found.layer))
    if size is not None:
        given = _as_written(scene, history, found, scene.statement(size)) or str(found.refused.given)
        yield Mend(f"take {given} features", "unsafe", (Replace(size, given),))


def _as_written(scene: Scene, history: ModelHistory, found: Mismatch, statement: cst.CSTNode) -> str:
    """How the code writes what the layer before gives, in the same statement."""
    for event in history.events:
        if isinstance(event, MakeLayer) and event.site is not None and scene.holds(statement, event.site):
            sizes = sizes_of(history, ModuleRef(event.object, ""))
            if found.refused.given in (sizes.get("out_features"), sizes.get("out_channels")):
                size = argument(event.site, 1, "out_channels" if "out_channels" in sizes else "out_features")
                return "" if size is None else scene.text(size.value)
    return ""
