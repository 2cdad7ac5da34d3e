"""HL103: which edits of sizes are found, what is said of them, and what a replay refutes."""

from __future__ import annotations

from typing import Any

import pytest
from probe_helpers import needs_torch, prober, seen

from headlint.claims import SizeIgnored
from headlint.history import (
    AnyEvent,
    Build,
    MakeLayer,
    ModuleRef,
    Recipe,
    SetAttribute,
    SetModule,
    choose_witnesses,
    recipe,
)
from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\nmodel = models.resnet18()\n"
MODEL, NEW = ModuleRef(1, ""), ModuleRef(2, "")


def messages(text: str) -> list[str]:
    """What HL103 says of a program, without asking the worker."""
    with Linter(Settings(confirm="off", select=frozenset({"HL103"}))) as linter:
        return [finding.message for finding in linter.lint_unguarded(IMPORTS + text, "program.py").findings]


def test_a_message_says_what_stays_and_what_to_write() -> None:
    (message,) = messages("n = load()\nmodel.fc.out_features = n * 2")
    assert message == (
        "editing 'out_features' does not rebuild 'fc' of resnet18: its weights stay, and the model still returns 1000"
        " classes; write model.fc = nn.Linear(512, n * 2)"
    )
    (message,) = messages("model.conv1.kernel_size = 3")
    assert message == (
        "editing 'kernel_size' does not rebuild 'conv1' of resnet18: its weights stay as they were made, with"
        " kernel_size=(7, 7); replace 'conv1' by a new layer"
    )


SILENT = {
    "the size it has": "model.fc.out_features = 1000\nmodel.conv1.kernel_size = 7",
    "put back": "model.fc.out_features = 10\nmodel.fc.out_features = 1000",
    "replaced": "model.fc.out_features = 10\nmodel.fc = nn.Linear(512, 10)",
    "replaced in a branch": "model.fc.out_features = 10\nif load(): model.fc = nn.Linear(512, 10)",
    "weight replaced": "model.fc.weight = nn.Parameter(torch.rand(10, 512))\nmodel.fc.out_features = 10",
    "data replaced": "model.fc.out_features = 10\nmodel.fc.weight.data = torch.rand(10, 512)",
    "handed away before": "adapt(model)\nmodel.fc.out_features = 10",
    "inner layer handed away": "model.conv1.in_channels = 1\nadapt(model)",
    "an attribute of the model": "model.out_features = 10\nmodel.layer1.out_channels = 64",
    "read by forward": "model.conv1.stride = 1\nmodel.bn1.eps = 0.1\nmodel.maxpool.kernel_size = 2",
    "its own forward is not used": "model.fc.out_features = 10\ny = model.layer1(x)",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages(text) == []


def test_a_head_is_found_although_the_model_is_handed_on() -> None:
    assert len(messages("model.fc.out_features = 10\ntrain(model)")) == 1
    assert len(messages("def adapt(model):\n    model.conv1.in_channels = 1\n    return model\nadapt(model)")) == 1


def test_a_grouped_convolution_takes_its_channels_in_groups() -> None:
    text = "net = models.mobilenet_v2()\nconv = net.features[1].conv[0][0]\nconv.in_channels = {}\n"
    assert len(messages(text.format(1))) == 1
    assert messages(text.format(32)) == []


def replay(claim: SizeIgnored, *, edited: bool = True) -> tuple[Recipe, dict[str, Any]]:
    """A resnet18 whose head is replaced by `Linear(512, 10)` and then described as such."""
    events: list[AnyEvent] = [
        Build(1, "resnet18", (), False, site=None),
        MakeLayer(2, "Linear", (("in_features", 512), ("out_features", 10)), site=None),
        SetModule(MODEL, "fc", NEW, ModuleRef(1, "fc"), "attribute", site=None),
        *([SetAttribute(claim.layer, claim.name, claim.value, site=None)] if edited else []),
    ]
    watch, shape = claim.watch, (2, 3, 64, 64)
    made = recipe(events, model=MODEL, watch=watch, input_shape=shape, witnesses=choose_witnesses(events))
    return made, seen(prober().observe(made.body))


@needs_torch
def test_the_real_layer_decides() -> None:
    wrong = SizeIgnored(NEW, "out_features", 12, (0,), 1)
    judgement = wrong.judge(*replay(wrong))
    assert judgement.evidence == "its weight stays (10, 512) and forward returns (2, 10)"
    right = SizeIgnored(NEW, "out_features", 10, (0,), 1)
    assert right.judge(*replay(right)).verdict.kind == "refuted"
    gone = SizeIgnored(ModuleRef(1, "fc"), "out_features", 10, (0,), 1)
    assert gone.judge(*replay(gone)).verdict.kind == "refuted"
    kernel = SizeIgnored(ModuleRef(1, "conv1"), "kernel_size", 7, (2, 3), 1)
    assert kernel.judge(*replay(kernel)).verdict.kind == "refuted"


@needs_torch
def test_a_replay_without_the_edit_proves_nothing() -> None:
    claim = SizeIgnored(NEW, "out_features", 12, (0,), 1)
    assert claim.judge(*replay(claim, edited=False)).verdict.kind == "unconfirmed"
    pool = SizeIgnored(ModuleRef(1, "maxpool"), "kernel_size", 2, (2, 3), 1)
    assert pool.judge(*replay(pool)).verdict.kind == "unconfirmed"
