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


INPUTS = """
import torch
from torch import nn
from torchvision import models
class Net(nn.Module):
    def __init__(self, n=10):
        super().__init__()
        self.image = models.resnet18(weights="DEFAULT")
        self.image.fc = nn.Identity()
        self.table = nn.Sequential(nn.Dropout(0.1), nn.Linear(9, 16), nn.ReLU())
        self.words = nn.Embedding(100, 16)
        self.steps = nn.Linear(9, 512)
        self.head = nn.Linear({width}, n)
    def forward({takes}):
        x = self.image(x)
        {body}
net = Net()
"""
JOINED = "return self.head(torch.cat([x, self.table(y)], 1))"
OPTIONAL = "if y is not None: x = torch.cat([x, self.table(y)], 1)\n        return self.head(x)"


@pytest.mark.parametrize(
    ("takes", "body", "width", "said"),
    [
        ("self, x, y", JOINED, "520", "torch.cat gives 528 features to 'head', which takes 520"),
        ("self, y, x", JOINED, "520", "torch.cat gives 528 features to 'head', which takes 520"),
        (
            "self, x, y",
            "return self.head(x)",
            "500",
            "'image' of resnet18 gives 512 features to 'head', which takes 500",
        ),
        (
            "self, x, y",
            "return torch.cat([self.head(x), y], 1)",
            "500",
            "gives 512 features to 'head', which takes 500",
        ),
        ("self, x, y", "return self.head(torch.cat([x, self.words(y)], 1))", "512", "torch.cat gives 528 features"),
        ("self, x, y", "return self.head(torch.cat([x, self.image(y)], 1))", "512", "torch.cat gives 1024 features"),
        ("self, x, y=None", OPTIONAL.replace("torch.cat([x, self.table(y)], 1)", "x * y"), "500", "to 'head', which"),
        # What is left out by default cannot be: the table refuses None.
        ("self, x, y=None", JOINED, "520", "torch.cat gives 528 features to 'head', which takes 520"),
        ("self, x, early=False", "return x if early else self.head(x)", "500", "gives 512 features to 'head'"),
    ],
)
def test_forwards_of_several_inputs_are_judged_by_what_is_certain(takes: str, body: str, width: str, said: str) -> None:
    (message,) = messages("HL205", INPUTS.format(takes=takes, body=body, width=width), "require")
    assert said in message


MAPS = """
import torch
from torch import nn
from torchvision import models
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        parts = list(models.resnet18(weights="DEFAULT").children())
        self.low, self.middle, self.high = nn.Sequential(*parts[:5]), parts[5], parts[6]
        self.larger = nn.Upsample(scale_factor=2)
        self.joined = nn.Sequential(nn.Conv2d({width}, 64, 3, padding=1), nn.ReLU())
    def forward(self, x):
        x = self.middle(self.low(x))
        return self.joined(torch.cat([x, self.larger(self.high(x))], dim=1))
net = Net()
"""


def test_maps_that_are_put_together_have_the_channels_of_all() -> None:
    (message,) = messages("HL205", MAPS.format(width=256), "require")
    assert message.startswith("torch.cat gives 384 features to 'joined', which takes 256")
    assert messages("HL205", MAPS.format(width=384), "auto") == []


@pytest.mark.parametrize(
    ("takes", "body", "width"),
    [
        ("self, x, y", JOINED, "528"),
        # Whoever calls it gives both, or the width of what is joined is not known.
        ("self, x, y=None", OPTIONAL, "528"),
        ("self, x, y=None", OPTIONAL, "512"),
        ("self, x, y", "return self.head(torch.cat([x, y], 1))", "520"),
        ("self, x, *more", "return self.head(torch.cat([x, *more], 1))", "520"),
        # Rows of features, one for each step, whose mean is one number for each of these.
        ("self, x, y", "return self.head(torch.cat([x, self.steps(y).mean(1)], 1))", "1024"),
        ("self, x, y", "return self.head(x * self.words(y).mean(2))", "512"),
    ],
)
def test_what_further_inputs_may_make_right_is_no_finding(takes: str, body: str, width: str) -> None:
    assert messages("HL205", INPUTS.format(takes=takes, body=body, width=width), "auto") == []
