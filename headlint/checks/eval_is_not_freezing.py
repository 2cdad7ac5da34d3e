"""HL312: a function that says it freezes only calls `eval()`, and everything goes on training."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.flags import described
from headlint.checks.norms import parameters_of, training_steps
from headlint.claims import StepsChange
from headlint.flow.histories import ModelHistory
from headlint.flow.state import OptimizerRecord
from headlint.history import ModuleRef, ParameterRef, SetFlag
from headlint.mends.mend import Insert, Mend
from headlint.mends.scene import Scene

CODE = "HL312"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Modules that were put into eval mode in the name of freezing, and that steps train."""
    if not any(step.frozen_by_eval for step in history.steps):
        return
    held: set[ParameterRef] = set()
    told: dict[ModuleRef, tuple[str, cst.CSTNode]] = {}
    for step in training_steps(history):
        record = history.state.heap[step.optimizer]
        assert isinstance(record, OptimizerRecord)
        held.update(record.parameters or ())
        told.update((ref, (name, site)) for ref, name, site in step.frozen_by_eval)
    written = {parameter for event in history.events if isinstance(event, SetFlag) for parameter in event.parameters}
    by_site: dict[int, list[tuple[ModuleRef, int]]] = {}
    for ref, (_, site) in told.items():
        inside = parameters_of(history, ref) if ref in history.places else []
        if inside and held.issuperset(inside) and written.isdisjoint(inside):
            by_site.setdefault(id(site), []).append((ref, len(inside)))
    for found in by_site.values():
        (ref, _), *others = found
        name, site = told[ref]
        where = described(history, ref)
        if others:
            where += f" and {len(others)} more module{'s' if len(others) > 1 else ''}"
        hint = "call requires_grad_(False) as well"
        message = (
            f"'{name}' puts {where} into eval mode, which freezes nothing: all {sum(count for _, count in found)}"
            f" parameters are in the optimizer and train; {hint}"
        )
        mends = partial(_mends, site=site)
        yield Candidate(CODE, site, site, message, hint, StepsChange(ref), speculative=False, mends=mends)


def _mends(scene: Scene, site: cst.CSTNode) -> Iterator[Mend]:
    """The flags as well: unsafe, since the function may only be called wrongly."""
    if isinstance(site, cst.Call) and isinstance(site.func, cst.Attribute):
        code = f"{scene.whole_text(site.func.value)}.requires_grad_(False)"
        yield Mend("freeze it", "unsafe", (Insert(code, scene.statement(site), behind=True),))
