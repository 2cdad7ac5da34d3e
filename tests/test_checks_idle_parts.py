"""HL200 of layers that have no part in any forward: what is told, and what may still use them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import needs_torch

from headlint.lint import Linter, Report, Settings

pytestmark = needs_torch

HEADER = "import torch\nfrom torch import nn\nfrom torchvision import models\nfrom data import loader\n"
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.resnet18()
        self.head = nn.Linear(1000, 10)
    def forward(self, x):
        return self.body(x)
net = Net()
"""
AUXILIARY = """
net = models.googlenet(init_weights=False, aux_logits=True)
net.fc = nn.Linear(1024, 4)
net.aux2.fc2 = nn.Linear(1024, 4)
net.aux_logits = False
"""
TRAINED = """
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
"""


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    cache = str(tmp_path_factory.mktemp("cache"))
    with Linter(Settings(select=frozenset({"HL200"}), timeout=120.0, cache_directory=cache)) as one:
        yield one


def report(linter: Linter, text: str) -> Report:
    return linter.lint_unguarded(HEADER + text, "program.py")


OUTSIDE = NET.replace("        self.head = nn.Linear(1000, 10)\n", "") + "net.head = nn.Linear(1000, 10)\n"
TOLD = {
    "made in the class": (NET + TRAINED, 10),
    "put on the object": (OUTSIDE + TRAINED, 13),
    "the only one that is optimized": (NET + TRAINED.replace("net.parameters", "net.head.parameters"), 10),
    "its width is asked for": (NET + "print(net.head.in_features)\n" + TRAINED, 10),
    "more than one object": (NET + "other = Net()\n" + TRAINED + TRAINED.replace("net", "other"), 10),
    "a builder by torch.hub": (
        NET.replace("models.resnet18()", "torch.hub.load('pytorch/vision:v0.10.0', 'resnet18')") + TRAINED,
        10,
    ),
    "within DataParallel": (NET + "net = nn.DataParallel(net)\n" + TRAINED, 10),
}


@pytest.mark.parametrize(("text", "line"), TOLD.values(), ids=TOLD)
def test_a_layer_that_no_forward_runs_is_told(linter: Linter, text: str, line: int) -> None:
    (finding,) = report(linter, text).findings
    assert (finding.code, finding.span.line, finding.verdict.kind) == ("HL200", line, "confirmed")
    assert finding.message.startswith("'head' has no effect in Net: nothing that forward returns depends on it")
    assert "forward returns (2, 1000) without calling it, in train mode too (" in finding.outcome


def test_an_auxiliary_head_that_is_switched_off_is_told(linter: Linter) -> None:
    (finding,) = report(linter, AUXILIARY + TRAINED).findings
    assert (finding.span.line, finding.verdict.kind) == (8, "confirmed")
    assert finding.message.startswith("'aux2.fc2' has no effect in googlenet")


def also(method: str) -> str:
    """The class with one more method."""
    return NET.replace("net = Net()\n", f"    {method}\nnet = Net()\n") + TRAINED


SILENT = {
    "it is run by forward": NET.replace("self.body(x)", "self.head(self.body(x))") + TRAINED,
    "an auxiliary head that trains": AUXILIARY.replace("net.aux_logits = False\n", "") + TRAINED,
    "another method": also("def embed(self, x): return self.head(x)"),
    "an optional argument": NET.replace(
        "x):\n        return", "x, deep=None):\n        if deep: return self.head(x)\n        return"
    )
    + TRAINED,
    "a subclass": NET
    + "class Other(Net):\n    def forward(self, x):\n        return self.head(self.body(x))\n"
    + TRAINED,
    "a name as text": NET + "phases = {'head': 3}\n" + TRAINED,
    "a checkpoint": NET + "net.load_state_dict(torch.load('old.pt'))\n" + TRAINED,
    "its parts are walked": NET + "for part in net.children():\n    print(part)\n" + TRAINED,
    "code out of sight": NET + "from repair import fit\nfit(net)\n" + TRAINED,
    "a caller out of sight": NET.replace("\n", "\n    ")
    .replace("\n    \n", "\n")
    .replace("    class", "def f():\n    class", 1)
    + TRAINED.replace("\n", "\n    ")
    + "return net\n",
    "nobody trains it": NET + "net(torch.ones(2, 3, 64, 64))\n",
    "nobody runs it": NET + "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)\n",
    "nothing stands there in the end": NET + "net.head = None\n" + TRAINED,
    "it has no parameters": NET.replace("nn.Linear(1000, 10)", "nn.Dropout(0.2)") + TRAINED,
    "its weights are those of another layer": NET.replace("1000, 10", "512, 1000")
    + "net.head.weight = net.body.fc.weight\n"
    + TRAINED,
    "a hook on the way": NET + "net.body.register_forward_hook(lambda m, i, o: o)\n" + TRAINED,
    "a forward that is not understood": NET.replace("self.body(x)", "odd(self.body(x))") + TRAINED,
    "a forward that is put in its place": NET + "net.forward = lambda x: x\n" + TRAINED,
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT)
def test_what_may_still_be_used_is_not_told(linter: Linter, text: str) -> None:
    assert report(linter, text).findings == ()
