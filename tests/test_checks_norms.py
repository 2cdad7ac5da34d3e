"""HL310, HL311 and HL312: what modes undo, what they do not freeze, and what speaks against saying so."""

from __future__ import annotations

import pytest
from check_helpers import messages, verdict
from probe_helpers import IMAGES, needs_torch

from headlint.claims import StatisticsMove, StepsChange
from headlint.history import AnyEvent, Build, MakeOptimizer, ModuleRef, ParameterRef, SetAttribute, SetFlag

IMPORTS = "import torch\nfrom torch import nn, optim\nfrom torchvision import models\nmodel = models.resnet18()\n"
SLEEP = "for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d): m.eval()\n"
STEP = "nn.functional.cross_entropy(model(x), y).backward()\no.step()\n"
MAKE = "o = optim.SGD(model.parameters(), lr=1)\n"
FREEZE = "def freeze(m): m.eval()\n"


def test_messages() -> None:
    (message,) = messages("HL311", IMPORTS + MAKE + SLEEP + "model.train()\n" + STEP)
    assert message == (
        "20 BatchNorm layers of resnet18 had been put into eval mode, and train() undoes it: their running statistics"
        " move; put them into eval mode again behind every train()"
    )
    (message,) = messages("HL310", IMPORTS + "model.layer1.requires_grad_(False)\n" + MAKE + STEP)
    assert message == (
        "4 BatchNorm layers of resnet18 are frozen, and in train mode their running statistics move; put them into"
        " eval mode behind every train()"
    )
    one_by_one = "for m in model.layer1.modules():\n    for p in m.parameters(recurse=False): p.requires_grad = False\n"
    assert messages("HL310", IMPORTS + one_by_one + MAKE + STEP) == [message]
    closure = "def closure():\n    nn.functional.cross_entropy(model(x), y).backward()\no.step(closure)\n"
    assert messages("HL310", IMPORTS + "model.layer1.requires_grad_(False)\n" + MAKE + closure) == [message]
    again = MAKE + STEP + "model.layer1.requires_grad_(False)\n" + STEP
    assert messages("HL310", IMPORTS + again) == [message]
    around = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = models.resnet18()\n"
        "        self.net.layer1.requires_grad_(False)\n    def forward(self, x): return self.net(x)\nmodel = Net()\n"
    )
    other = "for m in model.modules():\n    if isinstance(m, nn.BatchNorm3d): m.eval()\n"
    assert messages("HL310", IMPORTS + around + MAKE + other + STEP) == [message]
    part = IMPORTS + "model.layer1.requires_grad_(False)\n"
    gone = (
        "model.fc = nn.Linear(512, 2)\no = optim.SGD(model.fc.parameters(), lr=1)\n"
        + STEP
        + "model.fc = nn.Identity()\n"
    )
    assert messages("HL310", part + gone) == [message]
    assert messages("HL310", part + MAKE + STEP + "model.eval()\nmodel.requires_grad_(False)\n") == [message]
    assert messages("HL310", part + "o = optim.SGD(chosen(model.state_dict()), lr=1)\n" + STEP) == [message]
    average = "slow = copy.deepcopy(model)\nfor a, b in zip(slow.parameters(), model.parameters()):\n    {}\n"
    for code in ("a.mul_(0.9).add_(b, alpha=0.1)", "a.data.mul_(0.9).add_(b.data)", "a.detach().lerp_(b, 0.1)"):
        assert messages("HL310", "import copy\n" + part + MAKE + average.format(code) + STEP) == [message]
    (one,) = messages("HL310", IMPORTS + "model.bn1.requires_grad_(False)\n" + MAKE + STEP)
    assert one == (
        "1 BatchNorm layer of resnet18 is frozen, and in train mode its running statistics move; put it into eval mode"
        " behind every train()"
    )
    (when,) = messages("HL310", IMPORTS + "if load():\n    model.layer1.requires_grad_(False)\n" + MAKE + STEP)
    assert when == f"when load(), {message}"
    inside = "model = nn.DataParallel(Net())\n" + MAKE + SLEEP + "model.train()\n" + STEP
    assert len(messages("HL311", IMPORTS + KEEPS.replace("def train", "def tune") + inside)) == 1
    (message,) = messages("HL312", IMPORTS + FREEZE + MAKE + "freeze(model.layer4)\n" + STEP)
    assert message == (
        "'freeze' puts 'layer4' of resnet18 into eval mode, which freezes nothing: all 15 parameters are in the"
        " optimizer and train; call requires_grad_(False) as well"
    )


KEEPS = (
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.net = models.resnet18()\n"
    "    def train(self, mode=True):\n        super().train(mode)\n        for m in self.net.modules():\n"
    "            if isinstance(m, nn.BatchNorm2d): m.eval()\n        return self\n"
    "    def forward(self, x): return self.net(x)\n"
)
AROUND = (
    "class Task(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = Net()\n"
    "    def forward(self, x): return self.inner(x)\n"
)

SILENT = {
    "HL311 a train of its own": KEEPS + "model = Net()\n" + MAKE + SLEEP + "model.train()\n" + STEP,
    "HL311 the same in a wrapper": KEEPS + "model = nn.DataParallel(Net())\n" + MAKE + SLEEP + "model.train()\n" + STEP,
    "HL311 the same in another": KEEPS + AROUND + "model = Task()\n" + MAKE + SLEEP + "model.train()\n" + STEP,
    "HL311 in eval mode again": MAKE + SLEEP + "model.train()\n" + SLEEP + STEP,
    "HL311 the model in eval mode": MAKE + SLEEP + "model.train()\nmodel.eval()\n" + STEP,
    "HL311 no step": SLEEP + "model.train()\n",
    "HL311 another part": MAKE + "model.bn1.eval()\nmodel.layer1.train()\n" + STEP,
    "HL311 a mode that is not known": MAKE + SLEEP + "model.train(load())\n" + STEP,
    "HL311 handed over": MAKE + SLEEP + "fit(model)\nmodel.train()\n" + STEP,
    "HL311 the step comes before": MAKE + SLEEP + STEP + "model.train()\n",
    "HL311 no momentum": MAKE + "model.bn1.eval()\nmodel.bn1.momentum = 0.0\nmodel.train()\n" + STEP,
    "HL311 a whole part": MAKE + "model.layer1.eval()\nmodel.train()\n" + STEP,
    "HL311 another optimizer": "o = optim.SGD(nn.Linear(1, 1).parameters())\n" + SLEEP + "model.train()\n" + STEP,
    "HL310 in eval mode": "model.eval().requires_grad_(False)\nmodel.fc = nn.Linear(512, 2)\n" + MAKE + STEP,
    "HL310 the layers in eval mode": "model.layer1.requires_grad_(False)\nmodel.layer1.eval()\n" + MAKE + STEP,
    "HL310 no loss": "model.layer1.requires_grad_(False)\n" + MAKE + "o.step()\n",
    "HL310 trainable": MAKE + STEP,
    "HL310 handed to somebody's method": "model.layer1.requires_grad_(False)\n"
    + MAKE
    + "for a, b in model.named_parameters():\n    averager.update(b)\n"
    + STEP,
    "HL310 another model's optimizer": "model.layer1.requires_grad_(False)\n"
    "o = optim.SGD(nn.Linear(1, 1).parameters())\n" + STEP,
    "HL310 frozen when all is done": MAKE + STEP + "model.requires_grad_(False)\n",
    "HL312 with flags": FREEZE + MAKE + "model.layer4.requires_grad_(False)\nfreeze(model.layer4)\n" + STEP,
    "HL312 not in the optimizer": FREEZE + "o = optim.SGD(model.fc.parameters(), lr=1)\nfreeze(model.layer4)\n" + STEP,
    "HL312 behind the step": FREEZE + MAKE + STEP + "freeze(model.layer4)\n",
    "HL312 train mode": "def freeze(m): m.train()\n" + MAKE + "freeze(model.layer4)\n" + STEP,
    "HL312 another name": "def prepare(m): m.eval()\n" + MAKE + "prepare(model.layer4)\n" + STEP,
    "HL312 flags in the same function": "def freeze(m):\n    m.eval()\n    flag(m.parameters())\n" + MAKE + STEP,
}


@pytest.mark.parametrize("case", SILENT.items(), ids=SILENT.keys())
def test_silent(case: tuple[str, str]) -> None:
    assert messages(case[0][:5], IMPORTS + case[1]) == []


MODEL, NORM, FC = ModuleRef(1, ""), ModuleRef(1, "bn1"), ModuleRef(1, "fc")
BUILD = Build(1, "resnet18", (), False, site=None)
WEIGHTS = (ParameterRef(1, "fc.weight"), ParameterRef(1, "fc.bias"))


@needs_torch
def test_the_real_buffers_decide() -> None:
    def judged(*ordered: tuple[ModuleRef, bool], events: tuple[AnyEvent, ...] = ()) -> tuple[str, str]:
        return verdict(StatisticsMove((NORM,), ordered), [BUILD, *events], MODEL, tuple(IMAGES))

    moves = ("confirmed", "a forward pass in train mode moves 1 of their 2 running statistics")
    assert judged() == moves
    assert judged((NORM, False), (MODEL, True)) == moves
    assert judged((MODEL, True), (NORM, False)) == ("refuted", "")
    still = SetAttribute(NORM, "momentum", 0.0, site=None)
    assert judged(events=(still,)) == ("refuted", "")


@needs_torch
def test_the_real_step_decides() -> None:
    def judged(*events: AnyEvent) -> tuple[str, str]:
        return verdict(StepsChange(FC), [BUILD, *events], MODEL, tuple(IMAGES))

    optimizer = MakeOptimizer("SGD", WEIGHTS, site=None)
    assert judged(optimizer) == ("confirmed", "a training step changes 2 of its 2 parameters")
    assert judged(SetFlag(WEIGHTS, False, site=None), optimizer) == ("refuted", "")
    elsewhere = MakeOptimizer("SGD", (ParameterRef(1, "conv1.weight"),), site=None)
    assert judged(elsewhere) == ("refuted", "")
    assert judged()[0] == "unconfirmed"
