"""HL314: where autograd records, as the code switches it, and which backward passes are told."""

from __future__ import annotations

import pytest
from check_helpers import messages
from conftest import needs_torch

HEADER = """\
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models
from data import x, y, other
model = models.resnet18()
model.fc = nn.Linear(512, 3)
crit = nn.CrossEntropyLoss()
"""


@pytest.mark.parametrize(
    "body",
    [
        "with torch.no_grad():\n    out = model(x)\ncrit(out, y).backward()",
        "with torch.no_grad(), open('log') as log:\n    loss = crit(model(x), y)\nloss.backward()",
        "with torch.inference_mode():\n    out = model(x)\nF.cross_entropy(out, y).backward()",
        "with torch.set_grad_enabled(False):\n    out = model(x)\ncrit(out, y).backward()",
        "with torch.autograd.no_grad():\n    out = model(x)\ncrit(out, y).backward()",
        "from torch import no_grad\nwith no_grad():\n    out = model(x)\ncrit(out, y).backward()",
        "torch.set_grad_enabled(mode=False)\ncrit(model(x), y).backward()",
        "@torch.no_grad()\ndef run():\n    return model(x)\ncrit(run(), y).backward()",
        "@torch.inference_mode\ndef run():\n    return model(x)\ncrit(run(), y).backward()",
        "with torch.no_grad():\n    out = model(x)\nnn.BCELoss()(out.view(-1), y).backward()",
    ],
)
def test_what_switches_gradients_off(body: str) -> None:
    (message,) = messages("HL314", f"{HEADER}{body}\n")
    assert message.startswith("resnet18 runs where gradients are switched off (torch.no_grad()), and then backward is")


@pytest.mark.parametrize(
    "body",
    [
        "crit(model(x), y).backward()",
        "with torch.no_grad():\n    print(model(x))\ncrit(model(x), y).backward()",
        "with torch.no_grad():\n    loss = crit(model(x), y)\nprint(loss.item())",
        "with torch.set_grad_enabled(other):\n    out = model(x)\ncrit(out, y).backward()",
        "with torch.inference_mode(False):\n    out = model(x)\ncrit(out, y).backward()",
        "with torch.no_grad():\n    with torch.enable_grad():\n        out = model(x)\ncrit(out, y).backward()",
        "torch.set_grad_enabled(False)\ntorch.set_grad_enabled(True)\ncrit(model(x), y).backward()",
        "with torch.no_grad():\n    out = model(x)\nnn.MSELoss()(out, other(x)).backward()",
        "with torch.no_grad():\n    out = model(x)\n(crit(out, y) + other(x)).backward()",
        "with torch.no_grad():\n    out = model(x)\ntry:\n    crit(out, y).backward()\nexcept: pass",
        "@torch.no_grad()\ndef run():\n    return model(x)\nrun()\ncrit(model(x), y).backward()",
        "for on in (1, 0):\n    torch.set_grad_enabled(on)\n    loss = crit(model(x), y)\n    if on: loss.backward()",
        "if other:\n    torch.set_grad_enabled(False)\nloss = crit(model(x), y)\nif not other:\n    loss.backward()",
    ],
)
def test_what_leaves_a_way_back(body: str) -> None:
    assert messages("HL314", f"{HEADER}{body}\n") == []


@needs_torch
def test_a_module_that_records_a_part_of_its_forward_is_right() -> None:
    module = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = model
        self.head = nn.Linear(3, 3)

    def forward(self, x):
        with torch.no_grad():
            x = self.net(x)
            x = self.head(x)
        return x


crit(Net()(x), y).backward()
"""
    assert messages("HL314", HEADER + module, "require") != []
    assert messages("HL314", HEADER + module.replace("    x = self.head(x)\n", "x = self.head(x)\n")) == []


def test_a_function_that_others_call_may_find_gradients_on() -> None:
    text = f"{HEADER}def step():\n    crit(model(x), y).backward()\n"
    assert messages("HL314", f"{text}torch.set_grad_enabled(False)\n") == []
    assert messages("HL314", f"{text}torch.set_grad_enabled(False)\nstep()\n") != []


@needs_torch
def test_a_class_of_the_file_whose_head_is_taken_off_when_training_is_over() -> None:
    text = (
        "import torch\nfrom torch import nn, optim\nfrom torchvision import models\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.net = models.resnet18()\n"
        "    def forward(self, x):\n        return self.net(x)\n"
        "@torch.no_grad()\ndef predict(net, batch):\n    return net(batch)\nnet = Net()\n"
        "optimizer = optim.Adam(net.parameters())\ncriterion = nn.CrossEntropyLoss()\nnet.train()\n"
        "for images, labels in loader:\n    criterion(predict(net, images), labels).backward()\n    optimizer.step()\n"
    )
    (message,) = messages("HL314", text, "require")
    assert messages("HL314", text + "net.net.fc = nn.Identity()\n", "require") == [message]
    assert messages("HL314", text + "net.requires_grad_(False)\n", "require") == [message]
