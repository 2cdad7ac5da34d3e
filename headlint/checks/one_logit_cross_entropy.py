"""HL402: a model with one output is trained with cross entropy."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.outputs import SQUEEZED, last_step, losses, one_score
from headlint.claims import OneLogitLoss
from headlint.flow.histories import ModelHistory

CODE = "HL402"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Heads of one output whose scores cross entropy compares with nothing."""
    for use in losses(history, "CrossEntropyLoss"):
        if use.reshaped or use.steps:
            continue
        scores, last = one_score(history, use.target), last_step(history, use.target)
        if scores is None or scores.site is None or last is None:
            continue
        squeezed = last.kind in SQUEEZED or (use.squash is not None and use.squash.kind in SQUEEZED)
        hint = f"return two classes, or use {'BCELoss' if squeezed else 'BCEWithLogitsLoss'}"
        message = f"the cross entropy of one output is always 0 and has no gradient: nothing is learnt; {hint}"
        claim = OneLogitLoss(use.target)
        yield Candidate(CODE, scores.site, use.site, message, hint, claim, speculative=False, model=use.target)
