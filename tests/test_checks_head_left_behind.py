"""HL309: which replacements behind a move are told, and what moves the new layer all the same."""

from __future__ import annotations

import pytest
from check_helpers import messages
from conftest import needs_torch

HEADER = """\
import torch
from torch import nn
from torchvision import models
images = torch.randn(2, 3, 224, 224)
"""
MOVES = {
    "cuda()": "cuda",
    "to('cuda')": "cuda",
    "to(0)": "cuda:0",
    "to(device='mps')": "mps",
    "to(torch.device('cuda:1'))": "cuda:1",
    "to('cuda' if torch.cuda.is_available() else 'cpu')": "cuda",
    "to(torch.device('cuda') if torch.cuda.is_available() else torch.device('cpu'))": "cuda",
}


@pytest.mark.parametrize("move", MOVES)
def test_the_message_names_the_device_and_the_move(move: str) -> None:
    text = f"{HEADER}model = models.resnet18()\nmodel.{move}\nmodel.fc = nn.Linear(512, 3)\nmodel(images)\n"
    (message,) = messages("HL309", text)
    assert message.startswith(f"'fc' of resnet18 comes when the model is on {MOVES[move]} already, by 'model.")
    assert message.endswith("': it stays on the CPU, and forward raises there; move the model behind the replacement")


@pytest.mark.parametrize("move", ["cpu()", "to('cpu')", "to(torch.float16)", "to(images)", "half()", "to(other)"])
def test_a_move_that_may_go_nowhere_is_none(move: str) -> None:
    text = f"{HEADER}model = models.resnet18()\nmodel.{move}\nmodel.fc = nn.Linear(512, 3)\nmodel(images)\n"
    assert messages("HL309", text) == []


@pytest.mark.parametrize(
    "behind",
    [
        "model.cuda()\nmodel(images)",
        "model.cpu()\nmodel(images)",
        "model(images)\nmodel.to(other)",
        "model.fc.to('cuda')\nmodel(images)",
        "net = nn.DataParallel(model).cuda()\nnet(images)",
        "trainer.fit(model)\nmodel(images)",
        "for part in model.children():\n    part.cuda()\nmodel(images)",
        "print(model)",
        "torch.set_default_device('cuda')\nmodel(images)",
        "if torch.cuda.is_available():\n    model.cuda()\nmodel(images)",
    ],
)
def test_what_brings_the_layer_along(behind: str) -> None:
    start = (
        f"{HEADER}from training import trainer, other\nmodel = models.resnet18().cuda()\nmodel.fc = nn.Linear(512, 3)\n"
    )
    assert messages("HL309", f"{start}{behind}\n") == []
    assert messages("HL309", f"{start}model(images)\n") != []


@needs_torch
def test_both_layers_behind_a_move_are_told() -> None:
    text = (
        f"{HEADER}model = models.vgg16().cuda()\nmodel.classifier[3] = nn.Linear(4096, 4096)\n"
        "model.classifier[6] = nn.Linear(4096, 3)\nmodel(images)\n"
    )
    assert [found.partition(" of ")[0] for found in messages("HL309", text, "require")] == [
        "'classifier[3]'",
        "'classifier[6]'",
    ]


def test_what_moves_may_be_around_the_model() -> None:
    net = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    net += (
        "        self.model = models.resnet18()\n    def forward(self, x):\n        return self.model(x)\nnet = Net()\n"
    )
    text = f"{HEADER}{net}net.cuda()\nnet.model.fc = nn.Linear(512, 3)\nnet(images)\n"
    (message,) = messages("HL309", text)
    assert message.startswith("'fc' of resnet18 comes when the model is on cuda already, by 'net.cuda()'")
    part = "net = nn.Sequential(model.layer1).cuda()\nmodel.fc = nn.Linear(512, 3)\nmodel(images)\n"
    assert messages("HL309", f"{HEADER}model = models.resnet18()\n{part}") == []


OWN = """\
class Head(nn.Module):
    def __init__(self, old):
        super().__init__()
        self.old, self.new = old, nn.Linear(1000, 5)
    def forward(self, x):
        {}
model = models.resnet18().cuda()
model.fc = Head(model.fc)
{}
model(images)
"""


@needs_torch
def test_a_head_of_the_file_around_the_one_that_was_there() -> None:
    def told(forward: str, behind: str = "") -> int:
        return len(messages("HL309", HEADER + OWN.format(forward, behind), "require"))

    assert told("return self.new(torch.relu(self.old(x)))") == 1
    assert told("return self.new(torch.relu(self.old(x)))", "model.fc.new.cuda()") == 0
    assert told("return self.new(torch.relu(self.old(x)))", "other(model.fc)") == 0
    assert told("return self.old(x)") == 0
    assert told("return self.new(self.old(x).cpu())") == 0
    assert told("return self.new(self.old(x).to(self.new.weight.device))") == 0
    assert told("self.to(x.device)\n        return self.new(self.old(x))") == 0
    assert told("return self.new.to(x.device)(self.old(x))") == 0


@needs_torch
def test_auxiliary_heads_are_called_in_train_mode() -> None:
    text = (
        f"{HEADER}model = models.inception_v3().cuda()\nmodel.AuxLogits.fc = nn.Linear(768, 5)\nmodel.{{}}\n"
        "nn.functional.cross_entropy(model(images)[0], labels)\n"
    )
    (message,) = messages("HL309", text.format("train()"), "require")
    assert message.startswith("'AuxLogits.fc' of inception_v3 comes when the model is on cuda already")
    assert messages("HL309", text.format("eval()"), "require") == []
