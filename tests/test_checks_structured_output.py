"""HL403: in which mode which models return no tensor, and what speaks against saying so."""

from __future__ import annotations

import pytest
from probe_helpers import IMAGES, build, needs_torch, prober, recipe, seen

from headlint.claims import OutputRefused, TrainingOutputRefused
from headlint.finding import Finding
from headlint.history import Build, ModuleRef, choose_witnesses
from headlint.history import recipe as recipe_of
from headlint.lint import Linter, Settings

IMPORTS = """\
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models
loss = nn.CrossEntropyLoss()
"""
INCEPTION = "model = models.inception_v3()\n"
SEGMENTATION = "model = models.segmentation.fcn_resnet50()\n"
CLASS = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.inception_v3()
"""


def findings(text: str, **settings: str) -> tuple[Finding, ...]:
    """What HL403 says of a program."""
    settings.setdefault("confirm", "off")
    with Linter(Settings(select=frozenset({"HL403"}), **settings)) as linter:  # type: ignore[arg-type]
        return linter.lint_unguarded(IMPORTS + text, "program.py").findings


def test_messages() -> None:
    (aux,) = findings(INCEPTION + "out = model(x)\nloss(out, y)")
    assert aux.message == (
        "inception_v3 returns a tuple with its auxiliary outputs in train mode, and CrossEntropyLoss wants a tensor;"
        " unpack it, or take its '.logits'"
    )
    (parts,) = findings(SEGMENTATION + "print(model(x).shape)")
    assert parts.message == "fcn_resnet50 returns a dict, and '.shape' wants a tensor; take its 'out'"


FOUND = {
    "a new model": INCEPTION + "loss(model(x), y)",
    "with BatchNorms in eval mode": INCEPTION
    + "for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d): m.eval()\nloss(model(x), y)",
    "put back": INCEPTION + "model.eval()\nmodel.train()\nloss(model(x), y)",
    "by a wrapper": INCEPTION + "net = nn.DataParallel(model)\nnet.train()\nloss(net(x), y)",
    "in a function": INCEPTION + "def f(m):\n    m.train()\n    return m(x).size(0)\nf(model)",
    "in its own method": CLASS + "    def forward(self, x):\n        return self.net(x)\n"
    "    def fit(self, x, y):\n        self.train()\n        return loss(self(x), y)",
    "several uses are one mistake": INCEPTION + "out = model(x)\nloss(out, y)\nout.argmax(1)\ntorch.max(out, 1)",
    "a dict in either mode": SEGMENTATION + "def f(m): return F.softmax(m(x), dim=1)\nf(model)",
    "a dict in an unknown mode": SEGMENTATION + "if load(): model.eval()\nmodel(x).argmax(1)",
}


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND.keys())
def test_found(text: str) -> None:
    assert [finding.code for finding in findings(text)] == ["HL403"]


SILENT = {
    "eval": INCEPTION + "model.eval()\nloss(model(x), y)",
    "eval before it was wrapped": INCEPTION + "model.eval()\nnet = nn.DataParallel(model)\nloss(net(x), y)",
    "only itself in eval mode": CLASS + "    def forward(self, x):\n        return self.net(x)\n"
    "net = Net().train()\nnet.net.eval()\nloss(net(x), y)",
    "a mode that is not known": INCEPTION + "model.train(load())\nloss(model(x), y)",
    "a mode on some paths": INCEPTION + "if load(): model.eval()\nloss(model(x), y)",
    "a mode that somebody else sets": CLASS + "    def step(self, x, y): return loss(self.net(x), y)",
    "a mode set out of sight": INCEPTION + "prepare(model)\nloss(model(x), y)",
    "a function that others call": INCEPTION + "def f(): return loss(model(x), y)",
    "no auxiliary heads": "model = models.inception_v3(aux_logits=False)\nloss(model(x), y)",
    "auxiliary heads switched off": INCEPTION + "model.aux_logits = False\nloss(model(x), y)",
    "weights without auxiliary heads": "model = models.googlenet(weights='DEFAULT')\nloss(model(x), y)",
    "unpacked": INCEPTION + "out, aux = model(x)\nloss(out, y)",
    "a part": INCEPTION + "loss(model(x).logits, y)\nloss(model(x)[0], y)",
    "apart on another path": INCEPTION
    + "def f(flag):\n    model.train()\n    out = model(x)[0] if flag else model(x)\n"
    "    loss(out, y)\nf(load())",
    "handed on": INCEPTION + "loss(model(x), y) if load() else special(model(x), y)",
    "a part of a dict": SEGMENTATION + "loss(model(x)['out'], y)",
    "what dicts have": SEGMENTATION + "model(x).items()\nmodel(x).get('out')",
    "looked at": INCEPTION + "out = model(x)\nif isinstance(out, tuple): out = out[0]\nloss(out, y)",
    "looked at by type": INCEPTION + "out = model(x)\nif type(out) == tuple: out = out[0]\nloss(out, y)",
    "looked at by an attribute": INCEPTION
    + "out = model(x)\nout = out.logits if hasattr(out, 'logits') else out\nloss(out, y)",
    "tried": INCEPTION + "try:\n    loss(model(x), y)\nexcept TypeError:\n    pass",
    "a tensor": "model = models.resnet18()\nloss(model(x), y)",
    "a forward that looks": CLASS + "    def forward(self, x):\n        out = self.net(x)\n"
    "        return out[0] if self.training else out\nloss(Net()(x), y)",
    "another loss by hand": INCEPTION + "combined(model(x), y)",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert findings(text) == ()


def test_without_a_worker_the_reason_is_told() -> None:
    (finding,) = findings(SEGMENTATION + "model(x).argmax(1)", confirm="auto", python="/nowhere/python")
    assert (finding.verdict.kind, finding.verdict.reason) == ("unconfirmed", "there is no Python at /nowhere/python")


MODEL = ModuleRef(1, "")


@needs_torch
@pytest.mark.parametrize(
    ("builder", "arguments", "claim", "verdict"),
    [
        ("googlenet", (("aux_logits", True),), TrainingOutputRefused(MODEL, ("loss", "CrossEntropyLoss")), "confirmed"),
        ("googlenet", (("aux_logits", True),), OutputRefused(MODEL, ("loss", "CrossEntropyLoss")), "refuted"),
        ("googlenet", (("aux_logits", False),), TrainingOutputRefused(MODEL, ("attribute", "size")), "refuted"),
        ("lraspp_mobilenet_v3_large", (), OutputRefused(MODEL, ("attribute", "size")), "confirmed"),
        ("lraspp_mobilenet_v3_large", (), OutputRefused(MODEL, ("attribute", "items")), "refuted"),
        ("resnet18", (), OutputRefused(MODEL, ("function", "max")), "refuted"),
    ],
)
def test_the_real_output_decides(
    builder: str, arguments: tuple[tuple[str, bool], ...], claim: OutputRefused, verdict: str
) -> None:
    events = [Build(1, builder, arguments, False, site=None)]
    image = (2, 3, 224, 224)
    made = recipe_of(
        events,
        model=MODEL,
        watch=(),
        input_shape=image,
        witnesses=choose_witnesses(events),
        training_shape=image if claim.needs_training else None,
        uses=claim.uses,
    )
    assert claim.judge(made, seen(prober().observe(made.body))).verdict.kind == verdict


@needs_torch
def test_uses_that_are_in_no_list_are_refused() -> None:
    worker = prober()
    for use in (
        ["loss", "Linear"],
        ["function", "load"],
        ["attribute", "__class__"],
        ["method", "sum"],
        "sum",
        ["loss"],
    ):
        answer = worker.observe(recipe(build("resnet18"), shape=IMAGES, uses=[use]))
        assert "is no use of an output" in str(answer) or "is no name that can be replayed" in str(answer)
