"""HL301: which layer is named as the head that is frozen."""

from __future__ import annotations

from check_helpers import messages
from conftest import needs_torch


def test_the_head_as_a_whole_is_named_before_its_layers() -> None:
    text = (
        "from torch import nn, optim\nfrom torchvision import models\nmodel = models.efficientnet_b0()\n"
        "head = nn.Sequential()\nhead.append(nn.Linear(1280, 5))\nmodel.classifier[1] = head\n"
        "for p in model.parameters():\n    p.requires_grad = False\noptimizer = optim.Adam(model.parameters())\n"
    )
    (message, *_) = messages("HL301", text)
    assert "new head 'classifier[1]' of" in message


def test_freezing_a_head_of_several_new_layers_and_nothing_else_is_meant() -> None:
    text = (
        "from torch import nn, optim\nfrom torchvision import models\nmodel = models.vgg16()\nhead = nn.Sequential()\n"
        "head.append(nn.Linear(4096, 32))\nhead.append(nn.ReLU())\nhead.append(nn.Linear(32, 5))\n"
        "model.classifier[6] = head\nfor p in model{}.parameters():\n    p.requires_grad = False\n"
        "optimizer = optim.Adam(model.parameters())\n"
    )
    assert messages("HL301", text.format(".classifier[6]")) == []
    assert messages("HL301", text.format("")) != []


def test_weights_that_are_loaded_behind_training_are_no_sign_of_inference() -> None:
    head = (
        "import torch\nfrom torch import nn, optim\nfrom torchvision import models\nmodel = models.resnet18()\n"
        "model.fc = nn.Linear(512, 5)\n"
    )
    freeze = "for p in model.parameters():\n    p.requires_grad = False\n"
    optimizer = "optimizer = optim.SGD(model.parameters(), lr=0.1)\n"
    train = "for x, y in loader:\n    nn.functional.cross_entropy(model(x), y).backward()\n    optimizer.step()\n"
    load = "model.load_state_dict(torch.load('best.pt'))\n"
    assert messages("HL301", head + freeze + optimizer + train + load) != []
    assert messages("HL301", head + freeze + load + optimizer + train) == []
    assert messages("HL301", head + freeze + optimizer + load + train) == []
    assert messages("HL301", head + freeze + load) == []
    assert messages("HL301", head + optimizer + train + load + freeze) == []
    assert messages("HL301", head + optimizer + train + freeze + load) == []
    others = "other = nn.Linear(1, 1)\noptimizer = optim.SGD(other.parameters(), lr=0.1)\n"
    assert messages("HL301", head + freeze + others + train + load) == []


def test_a_loss_that_a_module_keeps_has_no_parameters() -> None:
    text = (
        "from torch import nn, optim\nfrom torchvision import models\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.net = models.resnet18()\n        self.net.fc = nn.Linear(512, 5)\n"
        "        for p in self.net.parameters(): p.requires_grad = False\n        self.criterion = nn.{}()\n"
        "net = Net()\noptimizer = optim.Adam([p for p in net.parameters() if p.requires_grad])\n"
    )
    for kind in ("CrossEntropyLoss", "TripletMarginLoss"):
        assert len(messages("HL301", text.format(kind))) == 1
    assert messages("HL301", text.format("UnknownLoss")) == []


def test_a_handler_of_what_is_there_is_never_entered() -> None:
    text = (
        "from torch import nn, optim\nfrom torchvision import models\nmodel = {}()\n"
        "try:\n    width = model.fc.in_features\n    model.fc = nn.Linear(width, {})\n"
        "except {}:\n    model.classifier = nn.Linear(1024, 5)\n"
        "for p in model.parameters():\n    p.requires_grad = False\noptimizer = optim.Adam(model.parameters())\n"
    )
    told = messages("HL301", text.format("models.resnet18", 5, "AttributeError"))
    assert len(told) == 1
    assert messages("HL301", text.format("models.resnet18", "n", "AttributeError")) == told
    # There it may be.
    assert messages("HL101", text.format("models.resnet18", 5, "AttributeError")) == []
    assert messages("HL301", text.format("load", 5, "AttributeError")) == []
    assert messages("HL301", text.format("models.resnet18", "len(names)", "Exception")) == []


def test_a_head_whose_flag_is_misspelt_behind_the_freezing_is_told_there_only() -> None:
    text = (
        "from torch import nn, optim\nfrom torchvision import models\nmodel = models.resnet18()\n"
        "model.fc = nn.Linear(512, 5)\nfor p in model.parameters():\n    p.requires_grad = False\n"
        "for p in model.{}.parameters():\n    p.require_grad = True\noptimizer = optim.Adam(model.parameters())\n"
    )
    assert messages("HL301", text.format("fc")) == []
    assert messages("HL301", text.format("layer4")) != []


@needs_torch
def test_the_parameters_of_lazy_layers_are_known() -> None:
    text = (
        "from torch import nn, optim\nfrom torchvision import models\nmodel = models.resnet18()\n"
        "model.fc = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.LazyLinear(5))\n"
        "for p in model{}.parameters():\n    p.requires_grad = False\noptimizer = optim.SGD(model.parameters())\n"
    )
    (message,) = messages("HL301", text.format(""), "require")
    assert "new head 'fc' of" in message
    assert messages("HL301", text.format(".fc[0]"), "require") == []
