"""HL401: the model ends with a softmax or sigmoid, and its loss applies another one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from headlint.checks.candidate import Candidate
from headlint.checks.outputs import Last, last_step, losses
from headlint.claims import OutputsNormalised
from headlint.flow.histories import ModelHistory
from headlint.mends.mend import Mend
from headlint.mends.scene import Scene
from headlint.mends.steps import left_out

CODE = "HL401"

# Whose rows sum to one, and whose numbers only lie between 0 and 1.
_SUMMED = frozenset("Softmax Softmax2d softmax".split())
_SQUEEZED = frozenset("Sigmoid sigmoid".split())
_FUNCTIONS = {"CrossEntropyLoss": "log-softmax", "BCEWithLogitsLoss": "sigmoid", "MultiLabelSoftMarginLoss": "sigmoid"}
# What leads to the output of the main head, from a tensor, a dict or a named tuple.
_MAIN = ((), ("out",), ("logits",), (0,))


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Softmaxes and sigmoids at the end of what a loss gets that wants raw scores."""
    for use in losses(history, *_FUNCTIONS):
        if use.steps not in _MAIN:
            continue
        last = last_step(history, use.target)
        if last is None or last.site is None or last.kind not in _SUMMED | _SQUEEZED:
            continue
        summed = last.kind in _SUMMED
        if summed and last.sizes.get("dim") not in (None, 1, -1):
            continue
        hint = f"leave out the {last.kind} and apply it to predictions only"
        applied = _FUNCTIONS[use.name]
        given = f"outputs that already went through {last.kind}"
        message = f"the loss {use.name} applies {applied} itself, to {given}; {hint}"
        claim = OutputsNormalised(use.target, summed)
        mends = partial(_mends, last=last)
        yield Candidate(CODE, last.site, use.site, message, hint, claim, False, use.target, mends=mends)


def _mends(scene: Scene, last: Last) -> Iterator[Mend]:
    """Raw scores: unsafe, since other code may want what the model returns to be probabilities."""
    changes = () if last.site is None else left_out(scene, last.site, layer=last.layer is not None)
    if changes:
        yield Mend(f"leave out the {last.kind}", "unsafe", changes)
