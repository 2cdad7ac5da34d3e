"""HL403: a model returns a tuple or a dict, and the code takes that for a tensor."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.outputs import hands_through
from headlint.claims import OutputRefused, TrainingOutputRefused
from headlint.finding import Applicability
from headlint.flow.histories import ModelHistory
from headlint.flow.outputs import Use
from headlint.flow.state import ZooObject
from headlint.history import ModuleRef
from headlint.mends.mend import Mend, Prefix
from headlint.mends.scene import Scene
from headlint.mends.steps import calls_behind, output_of

CODE = "HL403"

# What code reads off a tensor and neither dicts nor named tuples have.
_OF_TENSORS = frozenset(
    """
    argmax backward contiguous cpu cuda data detach dim double flatten float item log log_softmax max mean numpy permute
    relu requires_grad reshape shape sigmoid size softmax squeeze sum to tolist topk view
    """.split()
)


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The first use of each output that wants a tensor where there is none."""
    if not history.uses or not _has_structure(history):
        return
    told: set[tuple[ModuleRef, bool | None]] = set()
    looked_at = {use.target for use in history.uses if use.how == "look"}
    # Code that takes parts of it knows, and a test that it makes before may look independent here.
    taken_apart = {(use.target, use.but_norms) for use in history.uses if use.steps or use.how == "call"}
    for use in history.uses:
        if not use.stands or use.guarded or use.steps or use.reshaped or use.target in looked_at:
            continue
        if (
            not _wants_tensor(use)
            or not _is_structured(history, use)
            or (use.target, use.but_norms) in told | taken_apart
        ):
            continue
        if not hands_through(history, use.target):
            continue
        told.add((use.target, use.but_norms))
        yield _candidate(history, use)


def _candidate(history: ModelHistory, use: Use) -> Candidate:
    name = history.builder.name
    claim = (TrainingOutputRefused if use.but_norms else OutputRefused)(use.target, (use.how, use.name))
    what = f"'.{use.name}'" if use.how == "attribute" else use.name
    if history.builder.task == "segmentation":
        hint = "take its 'out'"
        message = f"{name} returns a dict, and {what} wants a tensor; {hint}"
    else:
        hint = "unpack it, or take its '.logits'"
        message = f"{name} returns a tuple with its auxiliary outputs in train mode, and {what} wants a tensor; {hint}"
    segmentation = history.builder.task == "segmentation"
    mends = partial(_mends, site=use.site, part='["out"]' if segmentation else ".logits", always=segmentation)
    return Candidate(CODE, use.site, use.site, message, hint, claim, False, use.target, mends=mends)


def _mends(scene: Scene, site: cst.CSTNode, part: str, always: bool) -> Iterator[Mend]:
    """The main output, where the model is called or where it is used.

    Unsafe if the model returns a tensor in eval mode.
    """
    used = output_of(scene, site)
    if used is None:
        return
    applicability: Applicability = "safe" if always else "unsafe"
    for call in (*calls_behind(scene, used), used):
        yield Mend(f"take {part}", applicability, (Prefix(call, part, behind=True),))


def _wants_tensor(use: Use) -> bool:
    return use.how in ("loss", "function") or (use.how == "attribute" and use.name in _OF_TENSORS)


def _has_structure(history: ModelHistory) -> bool:
    """Whether the model returns more than a tensor in any mode."""
    record = history.state.heap.get(history.build.object)
    if not isinstance(record, ZooObject):
        return False
    auxiliary = [head.place for head in history.builder.heads if head.auxiliary]
    return history.builder.task == "segmentation" or any(record.tree.node(place) is not None for place in auxiliary)


def _is_structured(history: ModelHistory, use: Use) -> bool:
    """Whether it does so in the mode in which the output was made."""
    if history.builder.task == "segmentation":
        return True
    switch = history.state.attributes.get((history.model, "aux_logits"))
    return use.but_norms is True and switch is None
