"""HL107: a part of a detection model's head is replaced, and the rest of it is not."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.places import placements, sizes_of, spelled
from headlint.claims import Claim, CountsDisagree, ForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef, SetAttribute, SetModule, SymbolicSize

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
    yield from _candidate(history, event, message, CountsDisagree(event.value, boxes))


def _kind(history: ModelHistory, event: SetModule) -> Iterator[Candidate]:
    kind = "" if event.value is None else modules.kind_of(history.state, event.value)
    if kind not in ("Linear", "Sequential"):
        return
    message = f"'{_PREDICTOR}' of {history.builder.name} returns scores and boxes, and a {kind} returns one tensor"
    yield from _candidate(history, event, message, ForwardRaises((ModuleRef(history.build.object, "roi_heads"),)))


def _candidate(history: ModelHistory, event: SetModule, message: str, claim: Claim) -> Iterator[Candidate]:
    if event.site is not None:
        hint = f"replace '{_PREDICTOR}' by a FastRCNNPredictor"
        yield Candidate(CODE, event.site, event.site, f"{message}; {hint}", hint, claim, speculative=False)


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
    yield Candidate(CODE, event.site, event.site, message, hint, claim, speculative=True)
