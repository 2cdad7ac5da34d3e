"""HL107: a part of a detection model's head is replaced, and the rest of it is not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.places import placements, sizes_of, spelled
from headlint.claims import Claim, CountsDisagree, ForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef, SetAttribute, SetModule, SymbolicSize
from headlint.mends.imports import written
from headlint.mends.layers import argument
from headlint.mends.mend import Insert, Mend, Replace
from headlint.mends.places import step_of, target_of
from headlint.mends.scene import Scene

CODE = "HL107"

_PREDICTOR = "roi_heads.box_predictor"
_RETINA = "head.classification_head"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Layers and attributes of detection heads that were changed alone."""
    if history.builder.task != "detection":
        return
    for event, place in placements(history):
        if place == f"{_PREDICTOR}.cls_score":
            yield from _scores(history, event)
        elif place == _PREDICTOR:
            yield from _kind(history, event)
        elif place == f"{_RETINA}.cls_logits":
            yield from _logits(history, event)


def _scores(history: ModelHistory, event: SetModule) -> Iterator[Candidate]:
    boxes = ModuleRef(history.build.object, f"{_PREDICTOR}.bbox_pred")
    if event.value is None or history.places.get(boxes) != f"{_PREDICTOR}.bbox_pred":
        return
    classes, numbers = sizes_of(history, event.value).get("out_features"), sizes_of(history, boxes).get("out_features")
    if classes is None or not isinstance(numbers, int) or (isinstance(classes, int) and 4 * classes == numbers):
        return
    shown = classes.text if isinstance(classes, SymbolicSize) else classes
    message = (
        f"'cls_score' of {history.builder.name} now tells {shown} classes, and 'bbox_pred' beside it still gives boxes"
        f" for {numbers // 4}: scores and boxes no longer belong together"
    )
    yield from _candidate(history, event, message, CountsDisagree(event.value, boxes), owner=True)


def _kind(history: ModelHistory, event: SetModule) -> Iterator[Candidate]:
    kind = "" if event.value is None else modules.kind_of(history.state, event.value)
    if kind not in ("Linear", "Sequential"):
        return
    message = f"'{_PREDICTOR}' of {history.builder.name} returns scores and boxes, and a {kind} returns one tensor"
    claim = ForwardRaises((ModuleRef(history.build.object, "roi_heads"),))
    yield from _candidate(history, event, message, claim, owner=False)


def _candidate(
    history: ModelHistory, event: SetModule, message: str, claim: Claim, *, owner: bool
) -> Iterator[Candidate]:
    if event.site is not None:
        hint = f"replace '{_PREDICTOR}' by a FastRCNNPredictor"
        mends = partial(_mends, event=event, owner=owner)
        text = f"{message}; {hint}"
        yield Candidate(CODE, event.site, event.site, text, hint, claim, speculative=False, mends=mends)


def _mends(scene: Scene, event: SetModule, owner: bool) -> Iterator[Mend]:
    """A FastRCNNPredictor with the sizes of the layer, there or in the place of the predictor whose scores it is."""
    target, layer = target_of(event.site), getattr(event.site, "value", None)
    taken, told = argument(layer, 0, "in_features"), argument(layer, 1, "out_features")
    step = step_of(target)
    if owner:
        target = None if step is None else step[0]
    if taken is None or told is None or event.site is None or step_of(target) is None or target is None:
        return
    name, imports = written(scene, "torchvision.models.detection.faster_rcnn.FastRCNNPredictor")
    code = f"{scene.text(target)} = {name}({scene.text(taken.value)}, {scene.text(told.value)})"
    yield Mend(f"replace {_PREDICTOR}", "safe", (Replace(event.site, code), *imports))


def _logits(history: ModelHistory, event: SetModule) -> Iterator[Candidate]:
    head = ModuleRef(history.build.object, _RETINA)
    written = any(isinstance(e, SetAttribute) and e.target == head and e.name == "num_classes" for e in history.events)
    channels = None if event.value is None else sizes_of(history, event.value).get("out_channels")
    if written or (head, "num_classes") in history.state.attributes or event.site is None or channels is None:
        return
    sizes = sizes_of(history, head)
    anchors, classes = sizes.get("num_anchors"), sizes.get("num_classes")
    if not isinstance(anchors, int) or not isinstance(classes, int) or channels == anchors * classes:
        return
    place = spelled(_RETINA)
    hint = f"set '{place}.num_classes' as well, or replace '{place}' by a RetinaNetClassificationHead"
    message = (
        f"'cls_logits' of {history.builder.name} is replaced, and '{place}' still cuts what it returns into {classes}"
        f" classes; {hint}"
    )
    claim = ForwardRaises((head,))
    mends = partial(_count, event=event)
    yield Candidate(CODE, event.site, event.site, message, hint, claim, speculative=True, mends=mends)


def _count(scene: Scene, event: SetModule) -> Iterator[Mend]:
    """The count of classes as well: what the channels are a multiple of by the number of anchors."""
    step = step_of(target_of(event.site))
    channels = argument(getattr(event.site, "value", None), 1, "out_channels")
    product = None if channels is None else channels.value
    if step is None or event.site is None or not isinstance(product, cst.BinaryOperation):
        return
    if isinstance(product.operator, cst.Multiply):
        for factor in (product.right, product.left):
            code = f"{scene.text(step[0])}.num_classes = {scene.text(factor)}"
            yield Mend("set num_classes as well", "safe", (Insert(code, scene.statement(event.site), behind=True),))
