"""Programs that copy parts of models."""

from __future__ import annotations

import pytest
from check_helpers import messages, told
from flow_helpers import IMPORTS, histories
from probe_helpers import needs_torch

TRAIN = """
for x, y in load():
    nn.CrossEntropyLoss()(model(x), y).backward()
    optimizer.step()
"""
CLEAN = {
    "two branches of one block": """
import copy
model = models.resnet18(weights="DEFAULT")
model.requires_grad_(False)
second = copy.deepcopy(model.layer4)
second.requires_grad_(True)
model.layer4 = second
model.fc = nn.Linear(512, 10)
optimizer = torch.optim.SGD([*second.parameters(), *model.fc.parameters()], 0.1)
"""
    + TRAIN,
    "a copy of the head for each task": """
import copy
model = models.resnet18(weights="DEFAULT")
model.fc = nn.Linear(512, 10)
heads = [copy.deepcopy(model.fc) for _ in range(3)]
optimizer = torch.optim.SGD([*model.parameters(), *(p for head in heads for p in head.parameters())], 0.1)
"""
    + TRAIN,
    "the old head is kept": """
import copy
model = models.resnet18(weights="DEFAULT")
old = copy.deepcopy(model.fc)
model.fc = nn.Linear(512, 10)
model.fc.weight.data = old.weight.data[:10]
optimizer = torch.optim.SGD(model.parameters(), 0.1)
"""
    + TRAIN,
    "a list of models": """
import copy
model = models.resnet18(weights="DEFAULT")
model.fc = nn.Linear(512, 10)
models_of_round = copy.deepcopy([model] * 3)
optimizers = [torch.optim.SGD(one.parameters(), 0.1) for one in models_of_round]
for one, optimizer in zip(models_of_round, optimizers):
    for x, y in load():
        nn.CrossEntropyLoss()(one(x), y).backward()
        optimizer.step()
""",
}


@needs_torch
@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN)
def test_right_programs_stay_clean(text: str) -> None:
    assert told(IMPORTS + text) == []
    assert told(IMPORTS + text, "require") == []


@needs_torch
def test_the_copy_of_a_frozen_part_is_frozen() -> None:
    frozen = """
import copy
model = models.resnet18(weights="DEFAULT")
model.requires_grad_(False)
model.layer4 = copy.deepcopy(model.layer4)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
"""
    assert told(IMPORTS + frozen + TRAIN, "require") == ["HL306"]
    thawed = frozen.replace("copy.deepcopy(model.layer4)", "copy.deepcopy(model.layer4.requires_grad_(True))")
    assert told(IMPORTS + thawed + TRAIN, "require") == []


def test_the_copy_of_a_part_is_no_model() -> None:
    text = "import copy\nmodel = models.resnet18()\npart = copy.deepcopy(model.layer4)\n"
    assert len([one for one in histories(text) if one.complete]) == 1
    assert len([one for one in histories(text.replace("model.layer4", "model")) if one.complete]) == 2


def test_what_a_copy_inherits_speaks_not_against_what_is_said_of_its_model() -> None:
    text = (
        "import copy\nfrom torch import nn, optim\nfrom torchvision import models\nargs = parse()\n"
        "model = models.resnet18()\nif args.freeze:\n    model.layer1.requires_grad_(False)\n{}"
        "optimizer = optim.SGD(model.parameters(), lr=0.1)\nmodel.train()\n"
        "nn.functional.cross_entropy(model(images), labels).backward()\noptimizer.step()\n{}"
    )
    said = messages("HL310", text.format("", ""))
    assert len(said) == 1
    assert said[0].startswith("when args.freeze, ")
    assert messages("HL310", text.format("", "extractor = copy.deepcopy(model)\nextractor.eval()\n")) == said
    assert (
        messages("HL310", text.format("average = copy.deepcopy(model)\naverage.eval()\n", "average(images)\n")) == said
    )
