"""HL105: the head is replaced, and an auxiliary head whose output a loss gets still has the old classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from headlint.checks.candidate import Candidate
from headlint.checks.mending import owner_of
from headlint.checks.outputs import Last, hands_through, last_step
from headlint.checks.places import is_about_head, joined, place_of, placements, sizes_of, spelled
from headlint.claims import WidthsDiffer
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.outputs import Use
from headlint.history import Argument, ModuleRef, SetModule, SymbolicSize
from headlint.mends.layers import argument, new_layer
from headlint.mends.mend import Insert, Mend
from headlint.mends.places import at, target_of
from headlint.mends.scene import Scene

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
        mends = partial(_mends, history=history, head=head, left=left, placed=replaced[-1])
        yield Candidate(CODE, site, use.site, message, hint, claim, False, use.target, mends=mends)


def _mends(scene: Scene, history: ModelHistory, head: Last, left: ModuleRef, placed: SetModule) -> Iterator[Mend]:
    """The auxiliary head with the same classes, behind the main one."""
    target, width = target_of(placed.site), _width(head.sizes)
    given = argument(head.site, 1, "out_features" if "out_features" in head.sizes else "out_channels")
    place = place_of(history, placed.target)
    base = None if target is None or place is None else owner_of(scene.code(target), joined(place, placed.name))
    if base is None or placed.site is None:
        return
    classes = scene.text(given.value) if given is not None else str(getattr(width, "text", width))
    layer, kind = at(base, spelled(left.path)), modules.kind_of(history.state, left)
    taken, told = ("in_channels", "out_channels") if kind == "Conv2d" else ("in_features", "out_features")
    codes = {taken: f"{layer}.{taken}", told: classes}
    code, imports = new_layer(scene, kind, dict(sizes_of(history, left)), codes)
    insert = Insert(f"{layer} = {code}", scene.statement(placed.site), behind=True)
    yield Mend(f"replace {spelled(left.path)} as well", "safe", (insert, *imports))


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
