"""HL107: which parts of detection heads belong together, and what speaks against saying so."""

from __future__ import annotations

import pytest
from check_helpers import messages, verdict
from probe_helpers import needs_torch

from headlint.claims import CountsDisagree
from headlint.history import AnyEvent, Build, MakeLayer, ModuleRef, SetModule

IMPORTS = "from torch import nn\nfrom torchvision.models import detection\nmodel = detection.{}()\n"
FASTER = IMPORTS.format("fasterrcnn_resnet50_fpn") + "p = model.roi_heads.box_predictor\n"
RETINA = IMPORTS.format("retinanet_resnet50_fpn") + "h = model.head.classification_head\n"


def test_messages() -> None:
    (message,) = messages("HL107", "import sys\nn = int(sys.argv[1])\n" + FASTER + "p.cls_score = nn.Linear(1024, n)")
    assert message == (
        "'cls_score' of fasterrcnn_resnet50_fpn now tells int(sys.argv[1]) classes, and 'bbox_pred' beside it still"
        " gives boxes for 91: scores and boxes no longer belong together; replace 'roi_heads.box_predictor' by a"
        " FastRCNNPredictor"
    )
    (message,) = messages("HL107", FASTER + "model.roi_heads.box_predictor = nn.Linear(1024, 3)")
    assert "returns scores and boxes, and a Linear returns one tensor; replace" in message


@needs_torch
def test_a_retinanet_needs_its_count() -> None:
    (message,) = messages("HL107", RETINA + "h.cls_logits = nn.Conv2d(256, 27, 3, padding=1)", "auto")
    assert message.startswith(
        "'cls_logits' of retinanet_resnet50_fpn is replaced, and 'head.classification_head' still cuts what it returns"
        " into 91 classes"
    )


SILENT = {
    "both layers": FASTER + "p.cls_score = nn.Linear(1024, 3)\np.bbox_pred = nn.Linear(1024, 12)",
    "as wide as before": FASTER + "p.cls_score = nn.Linear(1024, 91)",
    "only the boxes": FASTER + "p.bbox_pred = nn.Linear(1024, 364)",
    "not known": FASTER + "p.cls_score = load()",
    "a predictor of its own": FASTER + "model.roi_heads.box_predictor = load()",
    "another model": IMPORTS.format("ssd300_vgg16") + "model.head.classification_head = nn.Identity()",
    "with its count": RETINA + "h.num_classes = 3\nh.cls_logits = nn.Conv2d(256, 27, 3, padding=1)",
    "the count that it has": RETINA + "h.cls_logits = nn.Conv2d(256, 819, 3, padding=1)",
}


@needs_torch
@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages("HL107", text, "auto") == []


@needs_torch
def test_the_real_layers_decide() -> None:
    place, boxes = ModuleRef(1, "roi_heads.box_predictor"), ModuleRef(1, "roi_heads.box_predictor.bbox_pred")

    def judged(classes: int) -> tuple[str, str]:
        sizes = (("in_features", 1024), ("out_features", classes))
        events: list[AnyEvent] = [
            Build(1, "fasterrcnn_mobilenet_v3_large_320_fpn", (), False, site=None),
            MakeLayer(2, "Linear", sizes, site=None),
            SetModule(place, "cls_score", ModuleRef(2, ""), None, "attribute", site=None),
        ]
        return verdict(CountsDisagree(ModuleRef(2, ""), boxes), events, ModuleRef(1, ""), (2, 3, 64, 64))

    assert judged(5) == ("confirmed", "forward scores 5 classes and gives 364 numbers for their boxes")
    assert judged(91) == ("refuted", "")
