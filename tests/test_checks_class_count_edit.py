"""HL104: where a number of classes on the model stands for a head that was meant, and what a replay refutes."""

from __future__ import annotations

import pytest
from probe_helpers import needs_torch, prober, seen

from headlint.claims import CountIgnored
from headlint.history import AnyEvent, Build, ModuleRef, SetAttribute, choose_witnesses, recipe
from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\nmodel = models.resnet18()\n"
TRAINED = "\ntorch.optim.Adam(model.parameters())"
MODEL = ModuleRef(1, "")


def messages(text: str) -> list[str]:
    """What HL104 says of a program, without asking the worker."""
    with Linter(Settings(confirm="off", select=frozenset({"HL104"}))) as linter:
        return [finding.message for finding in linter.lint_unguarded(IMPORTS + text, "program.py").findings]


@pytest.mark.parametrize("use", [TRAINED, "\nmodel(load())", "\nmodel = nn.DataParallel(model)\nmodel(load())"])
def test_a_model_that_is_used_as_it_is(use: str) -> None:
    assert messages(f"model.num_classes = 10{use}") == [
        "forward of resnet18 does not read 'num_classes' and still returns 1000 classes; replace 'fc'"
    ]


SILENT = {
    "not used": "model.num_classes = 10",
    "used by others": "model.num_classes = 10\nfit(model)",
    "theirs before it is trained": f"model.num_classes = 10\nadapt(model){TRAINED}",
    "a new head": f"model.num_classes = 10\nmodel.fc = nn.Linear(512, 10){TRAINED}",
    "a new layer elsewhere": f"model.num_classes = 10\nmodel.head = nn.Linear(1000, 10){TRAINED}",
    "other weights": f"model.num_classes = 10\nmodel.fc.weight = nn.Parameter(load()){TRAINED}",
    "the same number": f"model.num_classes = 1000{TRAINED}",
    "in the end the same number": f"model.num_classes = 10\nmodel.num_classes = 1000{TRAINED}",
    "of a part": f"model.fc.num_classes = 10{TRAINED}",
    "no number": f"model.num_classes = 'ten'{TRAINED}",
    "another name": f"model.batch_size = 10{TRAINED}",
    "one of more layers": f"model.num_classes = 10\nmodel = nn.Sequential(model, nn.Linear(1000, 10)){TRAINED}",
    "read by the file": f"model.num_classes = 10{TRAINED}\nmodel(load())[:, :model.num_classes]",
    "parts of it only": "model.num_classes = 10\nmodel.layer1(load())",
    "only the size is another finding": f"model.num_classes = 10\nmodel.fc.out_features = 10{TRAINED}",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages(text) == []


def judged(builder: str, classes: int, *, written: bool = True) -> tuple[str, str]:
    """The verdict on a model with 12 classes by its attribute and `classes` by its making, and the evidence."""
    claim = CountIgnored(MODEL, "num_classes", 12)
    events: list[AnyEvent] = [Build(1, builder, (("num_classes", classes),), False, site=None)]
    if written:
        events.append(SetAttribute(MODEL, "num_classes", 12, site=None))
    witnesses = choose_witnesses(events)
    made = recipe(events, model=MODEL, watch=claim.watch, input_shape=(2, 3, 64, 64), witnesses=witnesses)
    judgement = claim.judge(made, seen(prober().observe(made.body)))
    return judgement.verdict.kind, judgement.evidence


@needs_torch
def test_what_forward_returns_decides() -> None:
    assert judged("squeezenet1_1", 1000) == ("confirmed", "forward returns (2, 1000)")
    assert judged("squeezenet1_1", 12)[0] == "refuted"
    assert judged("resnet18", 1000, written=False)[0] == "unconfirmed"
