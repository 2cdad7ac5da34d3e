"""Programs that run with the real torch: what the judge sees in them, and whether headlint says the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest
from conftest import needs_torch
from differential import compare as comparing
from differential.compare import Executor
from differential.judge import expected
from differential.program import Program
from differential.programs import STYLES, programs_of_seed, rules

from headlint.lint import Linter
from headlint.zoo import builder_names, find_builder

pytestmark = needs_torch

HEADER = """\
import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, models
loader = DataLoader(datasets.ImageFolder("data"))
model = models.resnet18(weights="DEFAULT")
"""
TRAIN = """\
model.train()
for images, labels in loader:
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
"""
MAKE = "optimizer = optim.SGD(model.parameters(), lr=0.1)\n"
FREEZE = "for p in model.parameters():\n    p.requires_grad = False\n"
NET = """\
class Net(nn.Module):
    def forward(self, x):
        return model(x)
net = Net()
net.model = model
"""
GOOGLENET = """\
net = models.googlenet(weights=None)
net.fc = nn.Linear(1024, 5)
net.train()
out, aux2, aux1 = net(torch.rand(2, 3, 64, 64))
loss = sum(nn.functional.cross_entropy(one, torch.zeros(2, dtype=torch.long)) for one in (out, aux2, aux1))
"""
HEAD = "model.fc = nn.Linear(512, 5)\n"

# What runs of these programs show, with the line behind the header; nothing where they are right.
JUDGED = {
    HEAD + MAKE + TRAIN: [],
    FREEZE + HEAD + MAKE + TRAIN: [("HL310", 2)],
    "model.head = nn.Linear(512, 5)\n" + MAKE + TRAIN: [("HL101", 1)],
    "width = model.classifier.in_features\n": [("HL102", 1)],
    "model.fc.out_features = 5\n": [("HL103", 1)],
    "model.num_classes = 5\n" + MAKE + TRAIN: [("HL104", 1)],
    "models.vgg11(weights='DEFAULT', num_classes=5)\n": [("HL106", 1)],
    "net = models.resnet18()\nnet.fc = nn.Linear(512, 5)\n" + MAKE + TRAIN: [("HL108", 2)],
    "model.fc = nn.Linear(2048, 5)\n": [("HL201", 1)],
    "model.fc = nn.Sequential(nn.Linear(512, 9), nn.Linear(8, 5))\n": [("HL202", 1)],
    "nn.Sequential(*list(model.children())[:-1], nn.Linear(512, 5))(torch.rand(2, 3, 64, 64))\n": [("HL203", 1)],
    "model.fc = nn.Conv2d(512, 5, 1)\n": [("HL204", 1)],
    "model.fc = nn.Sequential(nn.Linear(512, 1), nn.Softmax(1))\n": [("HL206", 1)],
    HEAD + FREEZE + MAKE: [("HL301", 3)],
    "model.fc.requires_grad_(False)\n" + HEAD + MAKE + TRAIN: [("HL302", 1)],
    "model.layer1.requires_grad = False\n": [("HL303", 1)],
    "for p in model.parameters():\n    p.require_grad = False\n": [("HL304", 2)],
    MAKE + HEAD + TRAIN: [("HL305", 1)],
    FREEZE + MAKE: [("HL306", 3)],
    FREEZE + HEAD + "optimizer = optim.SGD(model.fc.parameters())\nmodel.conv1.requires_grad_(True)\n" + TRAIN: [
        ("HL307", 5),
        ("HL310", 2),
    ],
    "for name, p in model.named_parameters():\n    if 'trunk' in name:\n        p.requires_grad = False\n": [
        ("HL308", 2)
    ],
    "model.cuda()\n" + HEAD + MAKE + TRAIN: [("HL309", 2)],
    MAKE + "model.bn1.eval()\n" + TRAIN: [("HL311", 3)],
    "def freeze(m):\n    m.eval()\nfreeze(model.layer1)\n" + MAKE + TRAIN: [("HL312", 2)],
    "params = model.parameters()\nlist(params)\noptim.SGD(params)\n": [("HL313", 3)],
    MAKE + "with torch.no_grad():\n    x = model(torch.rand(2, 3, 64, 64))\nx.sum().backward()\n": [("HL314", 4)],
    "model.fc = nn.Sequential(nn.Linear(512, 5), nn.Softmax(1))\n" + MAKE + TRAIN: [("HL401", 1)],
    HEAD + MAKE + TRAIN.replace("model(images)", "model(images).softmax(1)"): [("HL401", 5)],
    "model.fc = nn.Linear(512, 1)\n" + MAKE + TRAIN: [("HL402", 1)],
    "model.fc.weight = nn.Parameter(torch.rand(5, 512))\nmodel.fc.bias = None\nmodel.fc.out_features = 5\n" + MAKE: [],
    HEAD + FREEZE + MAKE + "model.fc.requires_grad_(True)\n" + MAKE + FREEZE: [],
    "average = __import__('copy').deepcopy(model)\naverage.requires_grad_(False)\n" + HEAD + MAKE + TRAIN: [],
    "model.fc = nn.Linear(512, 1)\nnn.Sequential(model, nn.Softmax(dim=1))(torch.rand(2, 3, 64, 64))\n": [("HL206", 2)],
    HEAD + FREEZE + "model.fc.requires_grad = True\noptim.SGD([p for p in model.parameters() if p.requires_grad])\n": [
        ("HL301", 3),
        ("HL303", 4),
    ],
    "model.head = nn.Linear(512, 5)\n" + FREEZE + MAKE + TRAIN: [("HL101", 1), ("HL306", 4)],
    FREEZE + HEAD + MAKE + TRAIN.replace("model(images)", "model(images).softmax(1)") + FREEZE: [
        ("HL310", 2),
        ("HL401", 7),
    ],
    "model.fc = nn.Linear(512, 1)\n" + MAKE + TRAIN + "model.fc = nn.Identity()\n": [("HL402", 1)],
    "net = models.segmentation.fcn_resnet50()\nnet(torch.rand(2, 3, 64, 64)).argmax(1)\n": [("HL403", 2)],
    "model = model.load_state_dict(torch.load('x.pt'))\nmodel(1)\n": [("HL404", 1)],
    "model.layer3 = nn.Identity()\n": [("HL200", 1)],
    "model.layer3 = nn.Identity()\nmodel.layer3 = nn.Conv2d(128, 256, 1)\n": [],
    "del model.layer2\n": [("HL200", 1)],
    "nn.Conv2d(64, 64, 3, groups=5)\n": [("HL200", 1)],
    "model.conv1 = nn.Conv2d(1, 64, 3)\nmodel(torch.rand(2, 1, 64, 64))\n": [],
    NET + "net.head = nn.Linear(512, 5)\n" + MAKE + TRAIN.replace("model(", "net("): [("HL200", 6)],
    NET
    + "net.head = nn.Linear(512, 5)\n"
    + MAKE
    + TRAIN.replace("model(", "net.head(net(").replace("images)", "images)[:, :512])"): [],
    GOOGLENET.replace("train()", "train()\nnet.aux1.fc2 = net.aux2.fc2 = nn.Linear(1024, 5)"): [],
    GOOGLENET: [("HL105", 2)],
}


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with Executor() as started:
        yield started


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    with Linter(comparing.settings()) as started:
        yield started


def test_what_runs_show(executor: Executor) -> None:
    start = HEADER.count("\n")
    for code, wanted in JUDGED.items():
        (trace,) = executor.runs(Program(HEADER + code, (3, 64, 64), ("resnet18",)))
        found = expected(trace, HEADER + code)
        assert {one.codes[0] for one in found} == {name for name, _ in wanted}, (code, found)
        lines = {(one.codes[0], line - start) for one in found for line in one.lines}
        assert lines.issuperset(wanted), (code, found)


def test_a_program_that_hangs_or_breaks_is_told() -> None:
    with Executor(timeout=0.5) as executor, pytest.raises(RuntimeError, match="no answer"):
        executor.runs(Program("while True:\n    pass\n", (3, 64, 64), ()))


def test_generated_programs(executor: Executor, linter: Linter) -> None:
    """A few of the programs that `tests/compare_with_torch.py` makes; its `--shrink` makes one as small as it gets."""
    for program in islice(programs_of_seed(1), 10):
        one = comparing.compare(program, executor, linter)
        assert not one.differs, (one.false, one.missed, one.raised, program.text)


def test_programs_are_of_every_kind() -> None:
    """Of every rule, every family of classifiers and every style there are enough to tell something."""
    drawn = list(islice(programs_of_seed(2), 400))
    assert drawn[:20] == list(islice(programs_of_seed(2), 20))
    planned = Counter(name[:5] for one in drawn for name in one.planned)
    assert not [code for code in rules() if planned[code] < 6], planned
    assert not set(STYLES) - {one.style for one in drawn}
    builders = [find_builder(name) for name in builder_names()]
    families = {
        one.family: {two.name for two in builders if two and two.family == one.family}
        for one in builders
        if one and one.task == "classification"
    }
    named = {name for one in drawn for name in one.builders}
    assert not [family for family, names in families.items() if not names & named]
    right = sum(not one.planned for one in drawn)
    assert 100 < right < 200
