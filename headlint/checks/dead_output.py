"""HL206: the last steps of a model make its output the same number for every picture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.outputs import Last, hands_through, steps_back
from headlint.claims import OutputConstant
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef
from headlint.mends.imports import written
from headlint.mends.mend import Mend, Replace
from headlint.mends.scene import Scene
from headlint.mends.steps import left_out, operand

CODE = "HL206"

_SUMMED = {"Softmax": 1, "softmax": 1, "LogSoftmax": 0, "log_softmax": 0}
# What is never above 0, what cuts off all below 0, and what leaves zeros as they are.
_BELOW_ZERO = frozenset({"LogSoftmax", "log_softmax", "LogSigmoid"})
_CUTTING = frozenset({"ReLU", "relu", "ReLU6"})
_ZEROS_STAY = frozenset(
    "AdaptiveAvgPool2d AdaptiveMaxPool2d AvgPool2d MaxPool2d adaptive_avg_pool2d adaptive_max_pool2d mean".split()
)
_WIDTHS = {"Linear": "out_features", "Conv2d": "out_channels"}


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Softmaxes over one number, and ReLUs behind what is never above 0, at the end of a model or what is around it."""
    for model in dict.fromkeys((history.model, *history.wrappers, *(use.target for use in history.uses))):
        if not hands_through(history, model) and not any(use.target == model for use in history.uses):
            continue
        last = list(_last_steps(history, model))
        single = _softmax_of_one(history, last)
        found = single or _cut_to_zero(history, last)
        if found is None or found[0].site is None:
            continue
        step, message, hint = found
        assert step.site is not None
        claim = OutputConstant(model)
        mends = partial(_mends, step=step, single=single is not None)
        yield Candidate(CODE, step.site, step.site, f"{message}; {hint}", hint, claim, False, model, mends=mends)


def _mends(scene: Scene, step: Last, single: bool) -> Iterator[Mend]:
    """A sigmoid for the softmax of one number; other steps are left out."""
    call = step.site
    if not isinstance(call, cst.Call):
        return
    if not single:
        yield Mend(f"leave out the {step.kind}", "unsafe", left_out(scene, call, layer=step.layer is not None))
    elif step.layer is not None:
        name, imports = written(scene, f"torch.nn.{'LogSigmoid' if step.kind == 'LogSoftmax' else 'Sigmoid'}")
        yield Mend("use a sigmoid", "unsafe", (Replace(call, f"{name}()"), *imports))
    elif step.kind == "softmax":
        given = operand(scene, call)
        if given is not None:
            yield Mend("use a sigmoid", "unsafe", (Replace(call, f"{scene.whole_text(given)}.sigmoid()"),))


def _last_steps(history: ModelHistory, model: ModuleRef) -> Iterator[Last]:
    """The last steps back to the first that is of another kind than is asked about here."""
    for step in steps_back(history, model):
        if step is None:
            return
        yield step
        if step.kind not in _SUMMED and step.kind not in _CUTTING and step.kind not in _ZEROS_STAY:
            return


def _softmax_of_one(history: ModelHistory, last: list[Last]) -> tuple[Last, str, str] | None:
    if len(last) < 2 or last[0].kind not in _SUMMED or last[0].sizes.get("dim") not in (None, 1, -1):
        return None
    if last[1].sizes.get(_WIDTHS.get(last[1].kind, "")) != 1:
        return None
    kind, number = last[0].kind, _SUMMED[last[0].kind]
    message = f"the {kind} of a single output is always {number}: {history.builder.name} says the same of every picture"
    return last[0], message, "use a sigmoid, or return two classes"


def _cut_to_zero(history: ModelHistory, last: list[Last]) -> tuple[Last, str, str] | None:
    cut = ""
    for step in last:
        if step.kind in _CUTTING:
            cut = step.kind
        elif cut and step.kind in _BELOW_ZERO:
            message = f"what {step.kind} returns is never above 0, and the {cut} behind it in"
            return step, f"{message} {history.builder.name} makes 0 of all of it", f"leave out the {step.kind}"
        elif step.kind not in _ZEROS_STAY:
            return None
    return None
