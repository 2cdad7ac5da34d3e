"""HL105: the head is replaced, and an auxiliary head whose output a loss gets still has the old classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headlint.checks.candidate import Candidate
from headlint.checks.outputs import hands_through, last_step
from headlint.checks.places import is_about_head, place_of, placements, sizes_of, spelled
from headlint.claims import WidthsDiffer
from headlint.flow.histories import ModelHistory
from headlint.flow.outputs import Use
from headlint.history import Argument, ModuleRef, SymbolicSize

CODE = "HL105"

# The parts of the output in train mode, in their order, with the heads that make them.
_PARTS = {
    "inception": (("logits", "fc"), ("aux_logits", "AuxLogits.fc")),
    "googlenet": (("logits", "fc"), ("aux_logits2", "aux2.fc2"), ("aux_logits1", "aux1.fc2")),
}
_SEGMENTATION = (("out", "classifier.4"), ("aux", "aux_classifier.4"))


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Losses of an auxiliary output that is as wide as it was while the main one is not."""
    if not history.uses or not any(head.auxiliary for head in history.builder.heads):
        return
    replaced = [event for event, place in placements(history) if is_about_head(history, place)]
    head = last_step(history, history.model)
    if not replaced or head is None or head.layer is None or replaced[-1].site is None:
        return
    width = _width(head.sizes)
    for use in history.uses:
        part, place = _part(history, use)
        if use.how != "loss" or not use.stands or not place or not hands_through(history, use.target):
            continue
        left = ModuleRef(history.build.object, place)
        if place_of(history, left) != place or (left, "weight") in history.state.attributes:
            continue
        before = _width(sizes_of(history, left))
        if width is None or before is None or width == before:
            continue
        classes = width.text if isinstance(width, SymbolicSize) else width
        hint = f"replace '{spelled(place)}' as well"
        message = (
            f"the auxiliary head '{spelled(place)}' of {history.builder.name} still has {before} classes, the new head"
            f" has {classes}, and {use.name} gets the outputs of both; {hint}"
        )
        claim = WidthsDiffer(use.target, part)
        site = replaced[-1].site
        yield Candidate(CODE, site, use.site, message, hint, claim, speculative=False, model=use.target)


def _part(history: ModelHistory, use: Use) -> tuple[str, str]:
    """The part of the output that is used, and the auxiliary head that makes it; nothing for all other uses."""
    segmentation = history.builder.task == "segmentation"
    parts = _SEGMENTATION if segmentation else _PARTS.get(history.builder.family, ())
    if len(use.steps) != 1 or not parts:
        return "", ""
    (step,) = use.steps
    if isinstance(step, int) and not segmentation and -len(parts) <= step < len(parts):
        step = parts[step][0]
    return next((part for part in parts[1:] if part[0] == step), ("", ""))


def _width(sizes: Mapping[str, Argument]) -> Argument:
    """How many classes a layer tells apart."""
    return sizes.get("out_features") or sizes.get("out_channels")
