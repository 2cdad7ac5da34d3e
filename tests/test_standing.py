"""What a model is at one point of the code, against the real model."""

from __future__ import annotations

from typing import Any

import libcst as cst
import pytest
from conftest import needs_torch

from headlint.flow.value import Module
from headlint.output.standing import standing_lines
from headlint.source.program import parse
from headlint.standing import Standing, standing
from headlint.watching import values_at

HEADER = "from torch import nn\nfrom torchvision import models\n"

PROGRAMS = {
    "a new head": "model = models.resnet18()\nmodel.fc = nn.Linear(512, 7)\n",
    "a frozen trunk": (
        "model = models.vgg11_bn()\nfor p in model.features.parameters():\n    p.requires_grad = False\n"
        "model.classifier[6] = nn.Linear(4096, 3, bias=False)\n"
    ),
    "a head of several layers": (
        "model = models.mobilenet_v2(num_classes=12)\nmodel.requires_grad_(False)\n"
        "model.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 64), nn.BatchNorm1d(64), nn.Linear(64, 5))\n"
    ),
    "a convolution and names": (
        "model = models.squeezenet1_1()\nfor name, p in model.named_parameters():\n"
        "    if 'classifier' not in name:\n        p.requires_grad = False\n"
        "model.classifier[1] = nn.Conv2d(512, 9, kernel_size=1)\n"
    ),
}


def standings(text: str, expression: str = "model") -> list[Standing]:
    """What an expression is behind the last statement of a program."""
    program = parse(text, "program.py")
    line = text.rstrip("\n").count("\n") + 1
    nodes = program.at(line, len(text.rstrip("\n").rpartition("\n")[2]))
    found = (
        standing(state, value.ref) if isinstance(value, Module) else None
        for state, value in values_at(program, nodes[0], cst.parse_expression(expression))
    )
    return [one for one in found if one is not None]


@needs_torch
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_parameters_and_classes_are_those_of_the_real_model(program: str, offline: Any) -> None:
    import torch

    names: dict[str, Any] = {}
    exec(HEADER + program, names)
    model = names["model"]
    (found,) = standings(HEADER + program)
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    assert found.whole.total.known == sum(size for size, _ in sizes)
    assert found.whole.trainable.known == sum(size for size, trains in sizes if trains)
    assert not found.whole.unsure
    children = {name: [p.requires_grad for p in child.parameters()] for name, child in model.named_children()}
    assert set(found.frozen) == {name for name, flags in children.items() if flags and not any(flags)}
    with torch.no_grad():
        output = model.eval()(torch.zeros(1, 3, 224, 224))
    assert f"output: (N, {output.shape[1]})" in list(standing_lines(found))


def test_sizes_that_the_code_does_not_give_are_named() -> None:
    text = HEADER + "def make(n):\n    model = models.resnet18()\n    model.fc = nn.Linear(512, n)\n    return model\n"
    (found,) = standings(text)
    assert (found.whole.total.known, found.whole.total.times) == (11_176_512, (("n", 513),))
    lines = list(standing_lines(found))
    assert "head: `fc`, Linear, 512 in, n out (put there by the code)" in lines
    assert "11,176,512 + 513 x n parameters, all trainable" in lines


def test_paths_that_differ_are_told_apart() -> None:
    text = HEADER + "model = models.resnet18()\nif input():\n    model.fc = nn.Linear(512, 2)\nprint()\n"
    assert {found.heads[0].gives for found in standings(text)} == {2, 1000}


def test_what_is_no_model_is_nothing() -> None:
    assert standings(HEADER + "layer = nn.Linear(1, 2)\n", "layer") == []
