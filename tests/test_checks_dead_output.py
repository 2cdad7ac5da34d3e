"""HL206: what makes an output constant, through models, Sequentials and forwards of the code."""

from __future__ import annotations

import pytest
from check_helpers import messages
from conftest import needs_torch

HEADER = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\nfrom torchvision import models\n"


@needs_torch
@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("nn.Sequential(nn.Linear(512, 1), nn.Softmax(1))", "the Softmax of a single output is always 1"),
        ("nn.Sequential(nn.Linear(512, 1), nn.Dropout(0.1), nn.Softmax(dim=-1))", "the Softmax of a single output"),
        ("nn.Sequential(nn.Linear(512, 1), nn.LogSoftmax(dim=1))", "the LogSoftmax of a single output is always 0"),
        ("nn.Sequential(nn.Linear(512, 4), nn.LogSigmoid(), nn.ReLU())", "what LogSigmoid returns is never above 0"),
        ("nn.Sequential(nn.Linear(512, 4), nn.LogSoftmax(1), nn.ReLU6())", "what LogSoftmax returns is never above 0"),
    ],
)
def test_a_dead_head_is_confirmed(head: str, said: str) -> None:
    (message,) = messages("HL206", f"{HEADER}model = models.resnet18()\nmodel.fc = {head}\n", "require")
    assert message.startswith(said)


@pytest.mark.parametrize(
    "head",
    [
        "nn.Linear(512, 1)",
        "nn.Sequential(nn.Linear(512, 2), nn.Softmax(1))",
        "nn.Sequential(nn.Linear(512, 1), nn.Softmax(0))",
        "nn.Sequential(nn.Linear(512, n), nn.Softmax(1))",
        "nn.Sequential(nn.Linear(512, 1), nn.ReLU())",
        "nn.Sequential(nn.Linear(512, 4), nn.LogSoftmax(1), nn.Linear(4, 4), nn.ReLU())",
        "nn.Sequential(nn.Linear(512, 4), nn.LogSoftmax(1), other(), nn.ReLU())",
        "nn.Sequential(nn.Linear(512, 4), nn.ReLU(), nn.LogSoftmax(1))",
    ],
)
def test_a_head_that_says_something_is_right(head: str) -> None:
    start = f"{HEADER}from layers import n, other\n"
    assert messages("HL206", f"{start}model = models.resnet18()\nmodel.fc = {head}\n") == []


@needs_torch
def test_a_squeezenet_in_a_wrapper() -> None:
    text = (
        f"{HEADER}model = nn.DataParallel(models.squeezenet1_0())\n"
        "model.module.classifier[1] = nn.Sequential(nn.Conv2d(512, 5, 1), nn.LogSoftmax(1))\n"
    )
    (message,) = messages("HL206", text, "require")
    assert "the ReLU behind it in squeezenet1_0 makes 0 of all of it" in message


FORWARD = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
        self.net.fc = nn.Linear(512, 1)

    def forward(self, x):
        x = self.net(x)
        return {}


loss = nn.BCELoss()(Net()(torch.rand(2, 3, 64, 64)), torch.rand(2, 1))
"""


@needs_torch
@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("F.softmax(x, dim=1)", 1),
        ("x.softmax(1)", 1),
        ("torch.sigmoid(x)", 0),
        ("F.softmax(torch.cat([x, x], 1), 1)", 0),
    ],
)
def test_a_forward_of_the_code(result: str, found: int) -> None:
    assert len(messages("HL206", HEADER + FORWARD.format(result), "require")) == found
