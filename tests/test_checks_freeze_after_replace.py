"""HL301: which layer is named as the head that is frozen."""

from __future__ import annotations

from check_helpers import messages


def test_the_head_as_a_whole_is_named_before_its_layers() -> None:
    text = (
        "from torch import nn, optim\nfrom torchvision import models\nmodel = models.efficientnet_b0()\n"
        "head = nn.Sequential()\nhead.append(nn.Linear(1280, 5))\nmodel.classifier[1] = head\n"
        "for p in model.parameters():\n    p.requires_grad = False\noptimizer = optim.Adam(model.parameters())\n"
    )
    (message, *_) = messages("HL301", text)
    assert "new head 'classifier[1]' of" in message
