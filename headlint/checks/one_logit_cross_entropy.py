"""HL402: a model with one output is trained with cross entropy."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.outputs import last_step, losses
from headlint.claims import OneLogitLoss
from headlint.flow.histories import ModelHistory

CODE = "HL402"

_WIDTHS = {"Linear": "out_features", "Conv2d": "out_channels"}


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Heads of one output whose scores cross entropy compares with nothing."""
    for use in losses(history, "CrossEntropyLoss"):
        if use.reshaped or use.steps:
            continue
        last = last_step(history, use.target)
        if last is None or last.site is None or last.sizes.get(_WIDTHS.get(last.kind, "")) != 1:
            continue
        hint = "return two classes, or use BCEWithLogitsLoss"
        message = f"the cross entropy of one output is always 0 and has no gradient: nothing is learnt; {hint}"
        claim = OneLogitLoss(use.target)
        yield Candidate(CODE, last.site, use.site, message, hint, claim, speculative=False, model=use.target)
