"""HL314: a model is trained on outputs that it made where autograd records nothing."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.outputs import define_of, hands_through
from headlint.claims import NothingRecorded
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef
from headlint.mends.gradients import switched_on

CODE = "HL314"

# Losses whose other argument is no output of a model that trains, and so brings no gradient of its own.
_LOSSES = frozenset({"CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss", "MultiMarginLoss"})


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Backward passes from losses of outputs that were made under `torch.no_grad()`, whatever the layers."""
    for use in history.uses:
        if use.how != "backward" or use.name not in _LOSSES or use.guarded:
            continue
        if use.graph is not False and not _is_unrecorded(history, use.target):
            continue
        hint = "call the model outside of it"
        message = (
            f"{history.builder.name} runs where gradients are switched off (torch.no_grad()), and then backward is"
            f" called: no parameter gets a gradient; {hint}"
        )
        # What another module makes of the model's output may be out of sight.
        speculative = not hands_through(history, use.target)
        claim = NothingRecorded()
        yield Candidate(CODE, use.site, use.site, message, hint, claim, speculative, use.target, mends=switched_on)


def _is_unrecorded(history: ModelHistory, ref: ModuleRef) -> bool:
    """Whether a module of the code switches autograd off around all modules that its forward calls."""
    define = define_of(history, ref)
    calls = [] if define is None else [step for step in define.operations if step.module is not None]
    return bool(calls) and all(step.graph is False for step in calls)
