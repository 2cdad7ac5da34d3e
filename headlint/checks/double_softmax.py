"""HL401: the model ends with a softmax or sigmoid, or one stands behind it, and its loss applies another one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.outputs import SQUEEZED, SUMMED, Last, last_step, losses, one_score
from headlint.claims import OutputsNormalised
from headlint.flow.histories import ModelHistory
from headlint.flow.outputs import Use
from headlint.flow.squashes import Squash
from headlint.mends.mend import Mend, Replace
from headlint.mends.scene import Scene
from headlint.mends.steps import left_out, operand_of_function

CODE = "HL401"

_FUNCTIONS = {"CrossEntropyLoss": "log-softmax", "BCEWithLogitsLoss": "sigmoid", "MultiLabelSoftMarginLoss": "sigmoid"}
# What leads to the output of the main head, from a tensor, a dict or a named tuple.
_MAIN = ((), ("out",), ("logits",), (0,))


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Softmaxes and sigmoids at the end of what a loss gets that wants raw scores."""
    for use in losses(history, *_FUNCTIONS, replaced=True):
        if use.steps not in _MAIN:
            continue
        if use.name == "CrossEntropyLoss" and one_score(history, use.target) is not None:
            # It learns nothing with or without the softmax: HL402.
            continue
        if use.squash is not None:
            yield from _behind(history, use, use.squash)
            continue
        if not use.stands:
            continue
        last = last_step(history, use.target)
        if last is None or last.site is None or last.kind not in SUMMED | SQUEEZED:
            continue
        summed = last.kind in SUMMED
        if summed and last.sizes.get("dim") not in (None, 1, -1):
            continue
        message, hint = _told(use, last.kind)
        claim = OutputsNormalised(use.target, summed)
        mends = partial(_mends, last=last)
        yield Candidate(CODE, last.site, use.site, message, hint, claim, False, use.target, mends=mends)


def _behind(history: ModelHistory, use: Use, squash: Squash) -> Iterator[Candidate]:
    """A softmax or sigmoid that the code applies itself, on every way to this loss."""
    every = (other for other in history.uses if other.site is use.site and other.how == "loss")
    if use.steps or squash.dim not in (None, 1, -1) or any(other.squash != squash for other in every):
        return
    message, hint = _told(use, squash.kind if squash.form == "layer" else squash.kind.lower())
    # Outputs of models have their classes in the second axis, or the last one of two.
    dim = () if squash.kind == "Sigmoid" else (("dim", squash.dim or 1),)
    claim = OutputsNormalised(use.target, squash.kind == "Softmax", (squash.kind, dim))
    mends = partial(_mends_behind, squash=squash)
    yield Candidate(CODE, squash.site, use.site, message, hint, claim, not use.stands, use.target, mends=mends)


def _told(use: Use, kind: str) -> tuple[str, str]:
    """What is wrong, and what to write instead."""
    hint = f"leave out the {kind} and apply it to predictions only"
    given = f"outputs that already went through {kind}"
    return f"the loss {use.name} applies {_FUNCTIONS[use.name]} itself, to {given}; {hint}", hint


def _mends_behind(scene: Scene, squash: Squash) -> Iterator[Mend]:
    """What the softmax is given, in its place: unsafe, since other code may want probabilities."""
    call = squash.site
    if not isinstance(call, cst.Call):
        return
    given = operand_of_function(call)
    if squash.form == "method":
        given = call.func.value if isinstance(call.func, cst.Attribute) else None
    elif call.args and call.args[0].keyword is not None:
        given = None
    if given is not None:
        yield Mend(f"leave out the {squash.kind}", "unsafe", (Replace(call, scene.whole_text(given)),))


def _mends(scene: Scene, last: Last) -> Iterator[Mend]:
    """Raw scores: unsafe, since other code may want what the model returns to be probabilities."""
    changes = () if last.site is None else left_out(scene, last.site, layer=last.layer is not None)
    if changes:
        yield Mend(f"leave out the {last.kind}", "unsafe", changes)
