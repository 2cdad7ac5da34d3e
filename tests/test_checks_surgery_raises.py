"""HL200: surgery that no rule is about, replayed whole; what must stay silent, and what is counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import needs_torch

from headlint.checks import surgery_raises
from headlint.checks.recipes import recipes
from headlint.claims.arrivals import arriving, arriving_behind
from headlint.flow.histories import analyse
from headlint.history import SetModule
from headlint.lint import Linter, Report, Settings
from headlint.probe.protocol import Observation
from headlint.rulebook import rules
from headlint.source.program import parse

pytestmark = needs_torch

HEADER = "import torch\nfrom torch import nn\nfrom torchvision import models\n"
CUT = "model = models.resnet18()\nmodel.layer4 = nn.Conv2d(256, 128, 1)\n"


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    everything = frozenset(rule.code for rule in rules())
    with Linter(Settings(select=everything, cache_directory=str(tmp_path_factory.mktemp("cache")))) as linter:
        yield linter


def report(linter: Linter, text: str) -> Report:
    return linter.lint_unguarded(HEADER + text, "program.py")


WIDER = """
def build(n):
    model = models.vgg11()
    model.features[3] = nn.Conv2d(64, 100, 3)
    return model
"""
TAKEN_OUT = """
model = models.densenet121()
if torch.cuda.is_available():
    print(1)
model.features.transition2 = nn.Identity()
"""
COMPOSED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.resnet18()
        self.body.layer3 = nn.Identity()
        self.body.fc = nn.Linear(512, 8)
        self.head = nn.Linear(8, 2)
    def forward(self, x):
        return self.head(torch.relu(self.body(x)))
net = Net()
"""


@pytest.mark.parametrize(
    ("text", "line", "evidence"),
    [
        (CUT + "model(torch.randn(1, 3, 8, 8))\n", 5, "RuntimeError in 'fc': mat1 and mat2 shapes"),
        (CUT, 5, "; (2, 128) arrives at 'fc', which takes 512 ("),
        (WIDER, 7, "RuntimeError in 'features.6': "),
        (TAKEN_OUT, 8, "elements not"),
        (COMPOSED, 9, "RuntimeError in 'layer4.0.conv1': "),
    ],
)
def test_what_torch_refuses_is_told_at_its_statement(linter: Linter, text: str, line: int, evidence: str) -> None:
    told = report(linter, text)
    (finding,) = told.findings
    assert (finding.code, finding.span.line) == ("HL200", line)
    assert evidence in finding.outcome
    assert (told.verified, told.unverified) == (0, 1)


RESHAPED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.resnet18()
        self.body.conv1 = nn.Conv2d(1, 64, 7, 2, 3)
    def forward(self, x):
        return self.body(x.unsqueeze(1))
net = Net()
"""
GIVEN = """
def build(n):
    model = models.resnet18()
    model.layer4 = nn.Conv2d(256, n, 1)
    return model
"""
PICTURE = "model = models.resnet18()\nmodel.avgpool = nn.Identity()\nmodel.fc = nn.Linear(512, 2)\n"
CHANNELS = "model = models.resnet18()\nmodel.conv1 = nn.Sequential(nn.Conv2d(7, 3, 1), model.conv1)\n"
SOMETIMES = "import sys\nmodel = models.resnet18()\nif sys.argv[1:]:\n    model.layer4 = nn.Conv2d(256, 128, 1)\n"
DIVIDED = """
class Net(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.body = models.resnet18()
        self.body.fc = nn.Linear(512, h * 3)
    def forward(self, x):
        x = self.body(x)
        return x.view(x.size(0), 3, -1).mean(1)
"""
SILENT = {
    "a size that has to be a multiple": DIVIDED,
    "on one path only": SOMETIMES,
    "a width that is not given": GIVEN,
    "features as wide as the picture": PICTURE,
    "another number of channels": CHANNELS,
    "a module that is not understood": "from blocks import Stage\n" + CUT + "model.fc = Stage(128)\n",
    "code out of sight": "from repair import fit\n" + CUT + "fit(model)\n",
    "a hook on the way": CUT + "model.fc.register_forward_pre_hook(lambda m, x: (x[0].repeat(1, 4),))\n",
    "its own forward": CUT + "model.forward = lambda x: x\n",
    "parts in something else": CUT + "trunk = nn.Sequential(model.conv1, model.bn1, model.layer1)\n",
    "a part is read": CUT + "def features(x):\n    return model.layer3(x)\n",
    "parts are walked": CUT + "for name, part in model.named_children():\n    print(name)\n",
    "parts are returned": CUT.replace("\n", "\n    ").join(("def f():\n    ", "return model.conv1, model.layer1\n")),
    "a Linear over the columns of the picture": "model = models.resnet18()\nmodel.conv1 = nn.Linear(10, 64)\n",
    "an extractor": "from torchvision.models.feature_extraction import create_feature_extractor as c\n"
    + CUT
    + "trunk = c(model, ['layer3'])\n",
    "caught": CUT + "try:\n    model(torch.ones(1, 3, 9, 9))\nexcept Exception:\n    pass\n",
    "expected": CUT + "import pytest\ndef test_it():\n    with pytest.raises(RuntimeError):\n        model(1)\n",
    "a forward that reshapes its input": RESHAPED,
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT)
def test_what_may_be_right_is_not_told(linter: Linter, text: str) -> None:
    assert report(linter, text).findings == ()


def test_models_that_run_are_counted_and_those_that_could_not_be_run(linter: Linter) -> None:
    head = "a = models.resnet18()\na.fc = nn.Linear(512, 2)\nb = nn.Sequential(models.vgg11(), nn.Linear(1000, 2))\n"
    other = "from blocks import Head\nc = models.resnet34()\nc.fc = Head()\n"
    told = report(linter, head + other)
    assert told.findings == ()
    assert (told.verified, told.unverified) == (2, 1)


OPAQUE = """
class Head(nn.Module):
    def forward(self, x):
        return odd(x)
"""
TRUNK = """
class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        net = models.resnet18()
        self.trunk = nn.Sequential(*list(net.children())[:-1])
        self.head = nn.Linear(width, 3)
    def forward(self, x):
        return self.head(torch.flatten(self.trunk(x), 1))
net = Net(512)
"""


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        (TRUNK, (1, 0)),
        (TRUNK + "net = nn.DataParallel(net)\n", (1, 0)),
        (TRUNK.replace("Net(512)", "Net(100)"), (0, 1)),
        # Something that is not understood stands around what runs, or in it.
        (TRUNK.replace("torch.flatten(", "odd("), (1, 0)),
        (OPAQUE + TRUNK.replace("nn.Linear(width, 3)", "Head()"), (0, 1)),
        # What stands in two things is neither.
        (TRUNK.replace("        self.head", "        self.other = net\n        self.head") + "net.other(1)\n", (0, 1)),
    ],
)
def test_parts_that_run_in_something_else_are_counted_by_its_forward(
    linter: Linter, text: str, counted: tuple[int, int]
) -> None:
    told = report(linter, text)
    assert (told.verified, told.unverified) == counted


def test_a_mistake_that_a_rule_has_told_of_is_not_told_again(linter: Linter) -> None:
    told = report(linter, "model = models.resnet18()\nmodel.fc = nn.Linear(100, 2)\n")
    assert [finding.code for finding in told.findings] == ["HL201"]
    assert told.verified == 0


def test_it_is_off_unless_its_whole_code_is_selected() -> None:
    with Linter(Settings(select=frozenset({"HL2"}))) as linter:
        told = report(linter, CUT)
    assert (told.findings, told.verified, told.unverified) == ((), 0, 0)


def test_what_arrives_is_known_at_the_end_and_behind_each_statement(linter: Linter) -> None:
    program = "model = models.resnet18()\nmodel.fc = nn.Linear(512, 9)\nmodel.layer4 = nn.Conv2d(256, 512, 1, 4)\n"
    (history,) = analyse(parse(HEADER + program, "program.py").tree).histories
    candidate = next(surgery_raises.check(history))
    *_, recipe = recipes(history, candidate.claim, candidate.model)
    seen = linter.observer().observe(recipe.body)
    assert isinstance(seen, Observation)
    head, stage = (event for event in history.events if isinstance(event, SetModule))
    assert head.value is not None
    assert stage.value is not None
    assert stage.replaced is not None
    assert arriving_behind(recipe, seen.data, head) == {head.value: (2, 512), stage.replaced: (2, 256, 14, 14)}
    assert arriving(recipe, seen.data) == {head.value: (2, 512), stage.value: (2, 256, 14, 14)}


FIXTURES = Path(__file__).parent.parent / "fixtures"
# Detection models and the like take seconds each, and sizes that nobody gives are tried with every input in vain.
HEAVY = re.compile(r"detection|segmentation|video|args\.|config\.")


def programs_in(directory: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((FIXTURES / directory).glob("*.py"))}


RIGHT = {
    "fixtures that look wrong": programs_in("clean"),
    "fixtures of idioms": programs_in("idioms"),
    "good examples on the pages": {
        f"{rule.page_name}:{block.line}": block.code
        for rule in rules()
        for block in rule.blocks
        if block.kind == "good" and rule.code != "HL200" and not HEAVY.search(block.code)
    },
}


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    cache = str(tmp_path_factory.mktemp("cache"))
    with Linter(Settings(select=frozenset({"HL200"}), timeout=120.0, cache_directory=cache)) as one:
        yield one


@pytest.mark.parametrize("programs", RIGHT.values(), ids=RIGHT)
def test_programs_that_are_right_are_verified_in_silence(verifier: Linter, programs: dict[str, str]) -> None:
    reports = {name: verifier.lint_unguarded(text, name) for name, text in programs.items()}
    assert {name: told.findings for name, told in reports.items() if told.findings} == {}
    assert sum(told.verified for told in reports.values()) > max(10, len(programs) / 2)
