"""HL308: what tests of names catch, and what speaks against saying so."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_helpers import messages, verdict
from probe_helpers import needs_torch

from headlint.claims import NamesCaught
from headlint.history import AnyEvent, Build, ModuleRef, ParameterRef, SetFlag
from headlint.lint import Linter, Settings

IMPORTS = "from torch import nn\nfrom torchvision import models\n"
VGG = IMPORTS + "model = models.vgg11()\n"
LOOP = "for n, p in model.named_parameters():\n    if {}: p.requires_grad = {}\n"
FREEZE = "model.requires_grad_(False)\n"


def test_messages() -> None:
    (nothing,) = messages("HL308", VGG + LOOP.format("'bn' in n", False))
    assert nothing == (
        "the test 'bn' in n holds for none of the 22 parameter names of vgg11: nothing is frozen; the parameters of its"
        " head 'classifier[6]' are called 'classifier.6.weight' and the like"
    )
    net = IMPORTS + "model = models.efficientnet_b0().requires_grad_(False)\n"
    (head,) = messages("HL308", net + LOOP.format("n.find('fc') >= 0 or 'fc' in n", True))
    assert "holds for 64 parameter names of efficientnet_b0, 'features.1.0.block.1.fc1.weight' among them" in head
    assert head.endswith("its head 'classifier[1]' are called 'classifier.1.weight' and the like")
    net = IMPORTS + (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.body = models.densenet121().requires_grad_(False)\n"
        "        self.body.classifier = nn.Sequential(nn.Linear(1024, 3))\nmodel = Net()\n"
    )
    (inside,) = messages("HL308", net + LOOP.format("'fc' not in n", False))
    assert "holds for all 364 parameter names of densenet121: its head is frozen with the rest" in inside
    assert inside.endswith("its head 'classifier' are called 'body.classifier.0.weight' and the like")
    net = IMPORTS + "model = models.resnet18()\n"
    (norms,) = messages("HL308", net + LOOP.format("'.bn' in n or n.startswith('bn')", False))
    assert "holds for 34 of the 40 parameters of BatchNorm layers in resnet18: 'layer2.0.downsample.1.weight'" in norms
    assert "and 5 more go on training; test the modules instead" in norms


SILENT = {
    "caught": LOOP.format("'classifier' in n", False),
    "one of several": LOOP.format("'fc' in n or 'classifier.6' in n", False),
    "unfrozen all the same": FREEZE + LOOP.format("'fc' in n", True) + "model.classifier.requires_grad_(True)\n",
    "never frozen": LOOP.format("'fc' in n", True),
    "frozen all the same": LOOP.format("'bn' in n", False) + "model.features.requires_grad_(False)\n",
    "not known": LOOP.format("load(n)", False),
    "handed over": LOOP.format("'bn' in n", False) + "freeze(model)\n",
    "the same loop for two": "def f(model):\n    for n, p in model.named_parameters():\n        if 'layer4' in n:\n"
    "            p.requires_grad = False\nf(model)\nf(models.resnet18())\n",
    "no flag": "for n, p in model.named_parameters():\n    if 'bn' in n: print(n)\n",
    "both flags": "for n, p in model.named_parameters():\n    if 'bn' in n:\n        p.requires_grad = True\n"
    "        p.requires_grad = False\n",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages("HL308", VGG + text) == []


def test_layers_that_are_replaced_later_change_names_and_nothing_else() -> None:
    loop = LOOP.format("'backbone' in n", False)
    (message,) = messages("HL308", VGG + loop + "model.classifier[6] = nn.Sequential(nn.Linear(4096, 2))\n")
    assert message.startswith("the test 'backbone' in n holds for none of the 22 parameter names of vgg11")
    later = FREEZE + LOOP.format("'head' in n", True) + "model.classifier[6] = nn.Sequential(nn.Linear(4096, 2))\n"
    assert messages("HL308", VGG + later) == []


def test_what_is_frozen_when_the_optimizer_is_made_stays_so_whoever_gets_the_model_then() -> None:
    loop = FREEZE + LOOP.format("'fc' in n", True)
    optimizer = "import torch\noptimizer = torch.optim.Adam(model.parameters())\n"
    assert len(messages("HL308", f"{VGG}{loop}{optimizer}fit(model, optimizer)\n")) == 1
    assert messages("HL308", f"{VGG}{loop}fit(model)\n{optimizer}") == []


OWN_HEAD = """\
import torch
class Cosine(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(5, 4096))
        self.bias = nn.Parameter(torch.zeros(5))
    def forward(self, x):
        return nn.functional.linear(x, self.weight, self.bias)
"""


@needs_torch
def test_the_names_in_a_head_of_the_file_that_are_not_known_do_not_count(tmp_path: Path) -> None:
    text = VGG + OWN_HEAD + LOOP.format("n.startswith('base')", False) + "model.classifier[6] = Cosine()\n"
    with Linter(Settings(select=frozenset({"HL308"}), cache_directory=str(tmp_path))) as linter:
        (found,) = linter.lint_unguarded(text, "program.py").findings
    assert found.verdict.kind == "confirmed"
    assert found.evidence is not None
    assert "holds for 0 of the 22 names" in found.evidence.text


@needs_torch
def test_the_real_names_and_flags_decide() -> None:
    weight = "classifier.6.weight"
    names = tuple(f"{part}.{i}.{kind}" for part, i in PLACES for kind in ("weight", "bias"))

    def judged(claim: NamesCaught, *events: AnyEvent) -> tuple[str, str]:
        return verdict(claim, [Build(1, "vgg11", (), False, site=None), *events], MODEL)

    trains = NamesCaught(MODEL, names, 0, len(names), frozenset({weight}), flag=True)
    assert judged(trains) == (
        "confirmed",
        "it holds for 0 of the 22 names that named_parameters gives, and 'classifier.6.weight' requires grad",
    )
    frozen = SetFlag((ParameterRef(1, weight),), False, site=None)
    assert judged(trains, frozen) == ("refuted", "")
    assert judged(NamesCaught(MODEL, names[1:], 0, 1, frozenset({weight}), flag=True)) == ("refuted", "")


MODEL = ModuleRef(1, "")
PLACES = [("features", i) for i in (0, 3, 6, 8, 11, 13, 16, 18)] + [("classifier", i) for i in (0, 3, 6)]
