"""HL205 in Sequentials around a whole model: what does not fit is found and confirmed, what fits is not."""

from __future__ import annotations

import pytest
from check_helpers import messages

IMPORTS = """
from collections import OrderedDict
from torch import nn
from torchvision import models
model = models.resnet18(weights="DEFAULT")
"""
WRONG = {
    "net = nn.Sequential(model, nn.Linear(512, 10))": "'0' is a whole resnet18 and gives 1000 features to '1', which",
    "net = nn.Sequential(model, nn.Dropout(0.5), nn.Flatten(), nn.ReLU(), nn.Linear(512, 10))": "to '4', which",
    "net = nn.Sequential(OrderedDict([('body', model), ('head', nn.Linear(512, 10))]))": "to 'head', which",
    "net = nn.Sequential(nn.Sequential(model, nn.ReLU()), nn.Sequential(nn.Linear(512, 10)))": "to '1.0', which",
    "net = nn.Sequential(nn.DataParallel(model), nn.Linear(512, 10))": "1000 features to '1', which",
    "net = nn.Sequential()\nnet.add_module('m', model)\nnet.append(nn.Linear(512, 10))": "to '1', which",
    "model.fc = nn.Identity()\nnet = nn.Sequential(model, nn.Linear(1000, 10))": "gives 512 features to '1', which",
    "model.fc = nn.Linear(512, 64)\nnet = nn.Sequential(model, nn.Linear(512, 10))": "gives 64 features to '1', which",
    "inner = nn.Sequential(model, nn.Linear(512, 10))\nnet = nn.Sequential(inner, nn.Linear(10, 2))": "to '1', which",
}
RIGHT = [
    "net = nn.Sequential(model, nn.Linear(1000, 10))",
    "net = nn.Sequential(model, nn.Linear(1000, 512), nn.ReLU(), nn.Linear(512, 10))",
    "model.fc = nn.Identity()\nnet = nn.Sequential(model, nn.Linear(512, 10))",
    "net = nn.Sequential(model, nn.Linear(512, 10))\nmodel.fc = nn.Identity()",
    "net = nn.Sequential(model, nn.Linear(512, 10))\nnet[1] = nn.Linear(1000, 10)",
    "net = nn.Sequential(models.resnet18(num_classes=512), nn.Linear(512, 10))",
    "net = nn.Sequential(*list(model.children())[:-1], nn.Flatten(), nn.Linear(512, 10))",
    "net = nn.Sequential(model, nn.Linear(width(), 10))",
    (
        "class Features(nn.Module):\n    def forward(self, x):\n        return known(x)\n"
        "net = nn.Sequential(model, Features(), nn.Linear(512, 10))"
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=range(len(WRONG)))
def test_a_layer_that_does_not_take_the_classes_is_found_and_confirmed(text: str, said: str) -> None:
    (message,) = messages("HL205", IMPORTS + text, "require")
    assert said in message


@pytest.mark.parametrize("text", RIGHT, ids=range(len(RIGHT)))
def test_what_fits_or_cannot_be_known_is_no_finding(text: str) -> None:
    assert messages("HL205", IMPORTS + text, "auto") == []
