"""Models whose layers are replaced when training is over: what was wrong while they were trained is told."""

from __future__ import annotations

import pytest
from check_helpers import messages

HEADER = """\
import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import models
model = models.resnet18()
"""
PART = "optimizer = optim.SGD(model.fc.parameters())\n"
WAKE = "for n, p in model.named_parameters():\n    if 'head' in n: p.requires_grad = True\n"
FREEZE = "for p in model.parameters():\n    p.requires_grad = False\n"
HEAD = "model.fc = nn.Linear(512, 5)\n"
MAKE = "optimizer = optim.SGD(model.parameters(), lr=0.1)\n"
TRAIN = """\
model.train()
for images, labels in loader:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
"""
DONE = "model.fc = nn.Identity()\nmodel.eval()\ntorch.save(model.state_dict(), 'backbone.pt')\n"
TAKEN_OUT = "del model.fc\n" + DONE

FOUND = {
    "HL201": "model.fc = nn.Linear(256, 5)\n" + MAKE + TRAIN,
    "HL202": "model.fc = nn.Sequential(nn.Linear(512, 64), nn.Linear(32, 5))\n" + MAKE + TRAIN,
    "HL301": HEAD + FREEZE + MAKE + TRAIN,
    "HL302": "model.fc.requires_grad_(False)\n" + HEAD + MAKE + TRAIN,
    "HL303": HEAD + FREEZE + "model.fc.requires_grad = True\n" + MAKE + TRAIN,
    "HL304": HEAD + FREEZE + "for p in model.fc.parameters():\n    p.require_grad = True\n" + MAKE + TRAIN,
    "HL305": MAKE + HEAD + TRAIN,
    "HL306": FREEZE + MAKE + TRAIN,
    "HL307": FREEZE + HEAD + PART + "model.layer4.requires_grad_(True)\n" + TRAIN,
    "HL308": FREEZE + WAKE + MAKE + TRAIN,
    "HL310": FREEZE + HEAD + MAKE + TRAIN,
    "HL401": "model.fc = nn.Sequential(nn.Linear(512, 5), nn.Softmax(1))\n" + MAKE + TRAIN,
    "HL402": "model.fc = nn.Linear(512, 1)\n" + MAKE + TRAIN,
}


@pytest.mark.parametrize("code", FOUND)
def test_found(code: str) -> None:
    assert len(messages(code, HEADER + FOUND[code] + DONE)) == 1
    assert messages(code, HEADER + FOUND[code] + DONE) == messages(code, HEADER + FOUND[code])
    assert messages(code, HEADER + FOUND[code] + TAKEN_OUT) == messages(code, HEADER + FOUND[code])


def test_what_is_put_in_behind_training_counts_as_well() -> None:
    assert messages("HL201", HEADER + HEAD + MAKE + TRAIN + "model.fc = nn.Linear(100, 7)\n") != []
    assert messages("HL309", HEADER + "model.cuda()\n" + MAKE + TRAIN + HEAD + "model(images.cuda())\n") != []


OTHER = TRAIN.replace("model", "other")
SILENT = {
    "HL201 the right head before it is trained": "model.fc = nn.Linear(9, 5)\n"
    "other = models.resnet34()\noptimizer = optim.SGD(other.parameters(), lr=0.1)\n" + OTHER + HEAD + MAKE + TRAIN,
    "HL201 another model is trained": "model.fc = nn.Linear(9, 5)\n"
    "other = models.resnet34()\noptimizer = optim.SGD(other.parameters(), lr=0.1)\n" + OTHER + HEAD,
    "HL301 frozen when training is over": HEAD + MAKE + TRAIN + FREEZE + DONE,
    "HL304 mended in the next phase": HEAD
    + FREEZE
    + "for p in model.fc.parameters():\n    p.require_grad = True\n"
    + MAKE
    + TRAIN
    + HEAD
    + "for p in model.fc.parameters():\n    p.requires_grad = True\n",
    "HL305 built again for the next phase": MAKE + HEAD + TRAIN + HEAD + MAKE + TRAIN,
    "HL306 frozen behind": HEAD + MAKE + TRAIN + "model.fc = nn.Identity()\n" + FREEZE,
    "HL401 for serving": HEAD + MAKE + TRAIN + "model.fc = nn.Sequential(model.fc, nn.Softmax(1))\n",
    "HL402 for embedding": HEAD + MAKE + TRAIN + "model.fc = nn.Linear(512, 1)\n",
}


@pytest.mark.parametrize("case", SILENT.items(), ids=SILENT.keys())
def test_silent(case: tuple[str, str]) -> None:
    assert messages(case[0][:5], HEADER + case[1]) == []


@pytest.mark.parametrize("code", ["HL302", "HL303", "HL305", "HL310"])
def test_all_is_frozen_when_training_is_over(code: str) -> None:
    done = FREEZE + "torch.save(model, 'whole.pt')\n"
    assert messages(code, HEADER + FOUND[code] + done) == messages(code, HEADER + FOUND[code])
