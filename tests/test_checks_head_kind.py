"""HL204: which kinds of layers cannot stand where, and what forward takes all the same."""

from __future__ import annotations

import pytest
from check_helpers import messages, told
from probe_helpers import needs_torch

IMPORTS = "from torch import nn\nfrom torchvision import models\n"

WRONG = {
    "model = models.squeezenet1_0()\nmodel.classifier[1] = nn.Linear(512, 3)": (
        "squeezenet1_0 gives a map of 512 x 13 x 13 to 'classifier[1]', and a Linear takes features;"
        " write nn.Conv2d(512, 3, kernel_size=1)"
    ),
    "model = models.convnext_tiny()\nmodel.classifier = nn.Linear(768, 3)": (
        "convnext_tiny gives a map of 768 x 1 x 1 to 'classifier', and a Linear takes features;"
        " replace 'classifier[2]' only, or put nn.Flatten() before it"
    ),
    "model = models.resnet18()\nmodel.fc = nn.Conv2d(512, 3, 1)": (
        "resnet18 gives 512 features to 'fc', and a Conv2d takes a map; put nn.Linear there"
    ),
    "model = models.vgg11()\nmodel.classifier[6] = nn.Sequential(nn.Linear(4096, 8), nn.BatchNorm2d(8))": (
        "vgg11 gives 8 features to 'classifier[6][1]', and a BatchNorm2d takes a map; take it out"
    ),
}


@needs_torch
@pytest.mark.parametrize("text", WRONG, ids=lambda text: text.split("models.")[1].split("(")[0])
def test_what_cannot_stand_there(text: str) -> None:
    assert messages("HL204", IMPORTS + text, "auto") == [WRONG[text]]


RIGHT = {
    "a Linear over the last size": "model = models.convnext_tiny()\nmodel.classifier = nn.Linear(1, 3)",
    "flattened": "model = models.convnext_tiny()\nmodel.classifier = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))",
    "a wrong width": "model = models.resnet18()\nmodel.fc = nn.Linear(3, 3)",
    "not understood": "model = models.resnet18()\nmodel.fc = nn.Sequential(load(), nn.Conv2d(512, 3, 1))",
    "the model's own layer": "model = models.squeezenet1_0()\nmodel.classifier[0] = nn.Flatten()",
}


@needs_torch
@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_silent(text: str) -> None:
    assert messages("HL204", IMPORTS + text, "auto") == []


@needs_torch
@pytest.mark.parametrize(
    ("layer", "code"),
    [("nn.Linear(256, 5)", "HL204"), ("nn.Conv2d(512, 5, 1)", "HL201"), ("nn.Conv2d(256, 5, 1)", None)],
)
def test_what_arrives_behind_a_part_that_is_no_layer_of_torch(layer: str, code: str | None) -> None:
    text = (
        "from torch import nn\nfrom torchvision import models\nmodel = models.segmentation.deeplabv3_resnet50()\n"
        f"model.classifier[4] = {layer}\nmodel(images)\n"
    )
    assert told(text, "require") == ([] if code is None else [code])
