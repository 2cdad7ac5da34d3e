"""Sequentials that hold parts for their parameters are no chains of layers, unless something runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from probe_helpers import needs_torch

from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\n"

OBJECT = """
class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        vgg = models.vgg16()
        self.features = vgg.features
        self.classifier = nn.Sequential(*list(vgg.classifier.children())[:-1])
        self.body = nn.Sequential(self.features, self.classifier)
        self.fc = nn.Linear(4096, n)

    def forward(self, x):
        RETURN

    def groups(self):
        return [{"params": self.body.parameters()}, {"params": self.fc.parameters(), "lr": 1e-3}]

net = Net(3)
"""
BY_ITSELF = "return self.fc(self.classifier(self.features(x).flatten(1)))"
# What cannot be followed: another input, and a branch on it.
UNKNOWN = "return self.fc(mixed(self.classifier, self.features(x)))"

JOINED = """
class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.backbone = models.resnet18()
        self.backbone.fc = nn.Identity()
        self.head = nn.Linear(512 + 10, n)
        self.everything = nn.Sequential(self.backbone, self.head)
        self.freeze(self.everything)

    def freeze(self, module):
        for parameter in module.parameters():
            parameter.requires_grad = False

    def forward(self, x, more):
        return self.head(torch.cat([self.backbone(x), more], 1))

net = Net(3)
"""

SCRIPT = """
model = models.resnet18()
backbone = nn.Sequential(*list(model.children())[:-1])
head = nn.Linear(512, 4)
optimizer = torch.optim.SGD(nn.Sequential(backbone, head).parameters(), lr=0.1)
y = head(backbone(torch.rand(2, 3, 224, 224)).flatten(1))
"""

HOLD = {
    "an attribute for its parameters": OBJECT.replace("RETURN", BY_ITSELF),
    "beside a forward that is not understood": OBJECT.replace("RETURN", UNKNOWN),
    "an attribute that a method of the file freezes": JOINED,
    "a name in a script": SCRIPT,
}
RUN = {
    "in the forward": (OBJECT.replace("RETURN", "return self.fc(self.body(x))"), "HL203"),
    "in a forward that is not understood": (OBJECT.replace("RETURN", "return mixed(self.fc, self.body(x))"), "HL203"),
    "whole in another Sequential": (
        SCRIPT.replace("optimizer =", "net = nn.Sequential(backbone, head)\nnet(torch.rand(2, 3, 64, 64))\nsgd ="),
        "HL203",
    ),
}


@pytest.fixture(scope="module")
def linter() -> Iterator[Linter]:
    settings = Settings(select=frozenset({"HL1", "HL2", "HL3", "HL4", "HL200"}))
    with Linter(settings) as made:
        yield made


@pytest.mark.parametrize("text", HOLD.values(), ids=HOLD.keys())
@needs_torch
def test_what_only_holds_parts_is_not_read_as_a_chain(linter: Linter, text: str) -> None:
    assert linter.lint_unguarded(IMPORTS + text, "program.py").findings == ()


@pytest.mark.parametrize(("text", "code"), RUN.values(), ids=RUN.keys())
@needs_torch
def test_what_is_run_is(linter: Linter, text: str, code: str) -> None:
    findings = linter.lint_unguarded(IMPORTS + text, "program.py").findings
    assert [(finding.code, finding.verdict.kind) for finding in findings] == [(code, "confirmed")]
