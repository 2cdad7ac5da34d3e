"""HL401 and HL402: which outputs reach which losses, what is said of them, and that the real numbers decide."""

from __future__ import annotations

import pytest
from flow_helpers import histories
from probe_helpers import PYTHON, needs_torch, prober, seen

from headlint.checks.recipes import recipes
from headlint.claims import Claim, OneLogitLoss, OutputsNormalised
from headlint.finding import Finding
from headlint.history import (
    AnyEvent,
    Argument,
    Build,
    MakeContainer,
    MakeLayer,
    ModuleRef,
    SetModule,
    choose_witnesses,
    recipe,
)
from headlint.lint import Linter, Settings

IMPORTS = """\
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models
model = models.resnet18()
"""
SOFTMAX = "model.fc = nn.Sequential(nn.Linear(512, 5), nn.Softmax(dim=1))\n"
ONE = "model.fc = nn.Linear(512, 1)\n"
CE = "loss = nn.CrossEntropyLoss()\n"


def findings(text: str, **settings: str) -> tuple[Finding, ...]:
    """What these two rules say of a program."""
    settings.setdefault("confirm", "off")
    with Linter(Settings(select=frozenset({"HL401", "HL402"}), **settings)) as linter:  # type: ignore[arg-type]
        return linter.lint_unguarded(IMPORTS + text, "program.py").findings


def test_messages() -> None:
    (double,) = findings(SOFTMAX + CE + "loss(model(x), y)")
    assert double.message == (
        "the loss CrossEntropyLoss applies log-softmax itself, to outputs that already went through Softmax;"
        " leave out the Softmax and apply it to predictions only"
    )
    assert double.span.line == 6
    (one,) = findings(ONE + "F.cross_entropy(model(x), y)")
    assert one.message == (
        "the cross entropy of one output is always 0 and has no gradient: nothing is learnt;"
        " return two classes, or use BCEWithLogitsLoss"
    )


FOUND = {
    "the loss is moved": SOFTMAX + "loss = nn.CrossEntropyLoss().cuda()\nloss(model(x), y)",
    "the loss is made where it is called": SOFTMAX + "nn.CrossEntropyLoss(reduction='sum')(model(x), y)",
    "by keyword": SOFTMAX + "F.cross_entropy(input=model(x), target=y)",
    "another shape": SOFTMAX + CE + "out = model(x).float().view(-1, 5)\nloss(out, y)",
    "through a function": SOFTMAX + CE + "def f(m, c): return c(m(x), y)\nf(model, loss)",
    "through a wrapper": SOFTMAX + CE + "net = nn.DataParallel(model)\nloss(net(x), y)",
    "behind the model": CE + "net = nn.Sequential(model, nn.Softmax(dim=1))\nloss(net(x), y)",
    "no dimension": "model.fc = nn.Sequential(nn.Linear(512, 5), nn.Softmax())\n" + CE + "loss(model(x), y)",
    "dropout behind it": SOFTMAX + "model.fc.append(nn.Dropout(0.5))\n" + CE + "loss(model(x), y)",
    "a sigmoid": "model.fc = nn.Sequential(nn.Linear(512, 5), nn.Sigmoid())\n" + CE + "loss(model(x), y)",
    "beside a metric": SOFTMAX + CE + "out = model(x)\nloss(out, y)\naccuracy(out, y)",
    "in a loop": SOFTMAX + CE + "while load():\n    out = model(load())\n    loss(out, y)",
    "a function behind the model": CE + "loss(torch.softmax(model(x), 1), y)",
    "a method behind the model": CE + "probs = model(x).cuda().softmax(dim=-1)\nloss(probs.float(), y)",
    "a layer behind the model": CE + "out = model(x)\nloss(nn.Softmax(dim=1)(out), y)\naccuracy(out, y)",
    "a layer with a name behind the model": CE + "squash = nn.Sigmoid()\nloss(squash(model(x)), y)",
    "behind a wrapper": "net = nn.DataParallel(model)\nF.cross_entropy(F.softmax(net(x), dim=1), y)",
    "a sigmoid and its loss": ONE + "nn.BCEWithLogitsLoss()(torch.sigmoid(model(x)).squeeze(1), y)",
    "a sigmoid behind another shape": ONE + "nn.BCEWithLogitsLoss()(model(x).view(-1).sigmoid(), y)",
    "for predictions too": CE + "p = torch.softmax(model(x), 1)\nloss(p, y)\npredict(p.argmax(1))",
    "in functions": CE + "def probs(m): return F.softmax(m(x), 1)\ndef f(c): c(probs(model), y)\nf(loss)",
    "on one path": SOFTMAX + CE + "if load():\n    loss(model(x), y)",
}


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND.keys())
def test_found(text: str) -> None:
    assert [finding.code for finding in findings(text)] == ["HL401"]


SILENT = {
    "another softmax than the last": "model.fc = nn.Sequential(nn.Softmax(1), nn.Linear(512, 5))\n"
    + CE
    + "loss(model(x), y)",
    "over the batch": "model.fc = nn.Sequential(nn.Linear(512, 5), nn.Softmax(dim=0))\n" + CE + "loss(model(x), y)",
    "logarithm": SOFTMAX + CE + "loss(torch.log(model(x)), y)",
    "arithmetic": SOFTMAX + CE + "loss(model(x) * 10, y)",
    "for predictions": CE + "out = model(x)\nloss(out, y)\np = torch.softmax(out, 1)\naccuracy(p, y)\np.argmax(1)",
    "over the batch, behind": CE + "loss(torch.softmax(model(x), 0), y)\nloss(torch.softmax(model(x), axis=0), y)",
    "over an axis that is not known": CE + "loss(torch.softmax(model(x), load()), y)",
    "over an axis of another shape": CE + "loss(torch.softmax(model(x).view(2, 5, -1), 1), y)",
    "a log-softmax behind": CE + "loss(torch.log_softmax(model(x), 1), y)\nloss(nn.LogSoftmax(1)(model(x)), y)",
    "the logarithm of a softmax": "nn.NLLLoss()(torch.log(torch.softmax(model(x), 1)), y)",
    "logarithm behind, and its loss": CE + "loss(model(x).softmax(1).log(), y)",
    "a temperature": CE + "loss(torch.softmax(model(x), 1) / 0.5, y)",
    "the losses that go with it": ONE + "nn.BCELoss()(torch.sigmoid(model(x)), y)\nF.mse_loss(model(x).softmax(1), y)",
    "a part of it": CE + "loss(torch.softmax(model(x), 1)[:, 1], y)",
    "the target of a loss": CE + "loss(student(x), torch.softmax(model(x), 1))",
    "in one branch": CE + "out = model(x)\nif load(): out = torch.softmax(out, 1)\nloss(out, y)",
    "by a wish, and the loss too": (
        CE + "out = model(x)\nif load(): out = torch.softmax(out, 1)\nif load(): loss(out, y)"
    ),
    "a softmax of one's own": CE + "from mine import softmax\nloss(softmax(model(x), 1), y)",
    "a loss of one's own": "class CrossEntropyLoss(nn.Module): pass\nCrossEntropyLoss()(model(x).softmax(1), y)",
    "another loss": SOFTMAX + "nn.NLLLoss()(model(x), y)\nnn.MSELoss()(model(x), y)",
    "as the target": SOFTMAX + CE + "loss(student(x), model(x))",
    "never in a loss": SOFTMAX + CE + "model(x)",
    "part of a model": SOFTMAX + CE + "loss(model.layer4(x), y)",
    "put in behind the loss": CE + "loss(model(x), y)\n" + SOFTMAX,
    "taken out before": SOFTMAX + CE + "model.fc[1] = nn.Identity()\nloss(model(x), y)",
    "one of two losses": SOFTMAX + "loss = nn.CrossEntropyLoss() if load() else nn.MSELoss()\nloss(model(x), y)",
    "one of two losses, the other out of sight": (
        SOFTMAX + "loss = nn.CrossEntropyLoss() if load() else load()\nloss(model(x), y)"
    ),
    "another loss elsewhere": SOFTMAX + CE + "nn.NLLLoss()(model(x), y) if load() else loss(model(x), y)",
    "a loss out of sight elsewhere": SOFTMAX + CE + "focal_loss(model(x), y) if load() else loss(model(x), y)",
    "right on another path": CE + "if load():\n    " + SOFTMAX + "loss(model(x), y)",
    "an attribute of something": SOFTMAX + "load().cross_entropy(model(x), y)",
    "one output, another shape": ONE + CE + "loss(model(x).view(1, -1), y)",
    "one output, another loss": ONE + "nn.BCEWithLogitsLoss()(model(x), y)",
    "one output of many": "model.fc = nn.Linear(512, 2)\n" + CE + "loss(model(x)[:, :1], y)",
}


ONE_SIGMOID = "model.fc = nn.Sequential(nn.Linear(512, 1), nn.Sigmoid())\n"
ONE_CAUSE = {
    "a sigmoid in the head": (ONE_SIGMOID + CE + "loss(model(x), y)", "HL402", "use BCELoss"),
    "a sigmoid behind the model": (ONE + CE + "loss(torch.sigmoid(model(x)), y)", "HL402", "use BCELoss"),
    "a log-softmax behind it": (
        "model.fc = nn.Sequential(nn.Linear(512, 1), nn.LogSoftmax(dim=1))\n" + CE + "loss(model(x), y)",
        "HL402",
        "use BCEWithLogitsLoss",
    ),
    "a loss for one output": (ONE_SIGMOID + "nn.BCEWithLogitsLoss()(model(x), y)", "HL401", "leave out the Sigmoid"),
}


@pytest.mark.parametrize(("text", "code", "says"), ONE_CAUSE.values(), ids=ONE_CAUSE.keys())
def test_one_output_has_one_cause(text: str, code: str, says: str) -> None:
    (finding,) = findings(text)
    assert finding.code == code
    assert says in finding.hint


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert findings(text) == ()


def test_each_path_has_its_own_loss() -> None:
    text = "def run(n):\n    m = models.resnet18()\n    if n == 1:\n        m.fc = nn.Linear(512, 1)\n"
    right = text + "        loss = nn.BCEWithLogitsLoss()\n    else:\n" + "        loss = nn.CrossEntropyLoss()\n"
    wrong = text + "        loss = nn.CrossEntropyLoss()\n    else:\n" + "        loss = nn.BCEWithLogitsLoss()\n"
    assert findings(right + "    loss(m(x), y)") == ()
    # The same call is right on the other path, and callers may only ever take that.
    assert findings(wrong + "    loss(m(x), y)") == ()


@pytest.mark.parametrize("text", [SOFTMAX, ONE])
def test_without_a_worker_the_reason_is_told(text: str) -> None:
    (finding,) = findings(text + CE + "loss(model(x), y)", confirm="auto", python="/nowhere/python")
    assert (finding.verdict.kind, finding.verdict.reason) == ("unconfirmed", "there is no Python at /nowhere/python")


def judged(claim: Claim, *head: tuple[str, dict[str, Argument]]) -> tuple[str, str]:
    """What a claim says of a resnet18 whose head are these layers."""
    events: list[AnyEvent] = [Build(1, "resnet18", (), False, site=None)]
    for number, (kind, arguments) in enumerate(head, 2):
        events.append(MakeLayer(number, kind, tuple(arguments.items()), site=None))
    parts = tuple((str(index), ModuleRef(index + 2, "")) for index in range(len(head)))
    events.append(MakeContainer(9, "Sequential", parts, site=None))
    events.append(SetModule(ModuleRef(1, ""), "fc", ModuleRef(9, ""), ModuleRef(1, "fc"), "attribute", site=None))
    made = recipe(
        events,
        model=ModuleRef(1, ""),
        watch=(ModuleRef(9, ""),),
        input_shape=(2, 3, 64, 64),
        witnesses=choose_witnesses(events),
        training_shape=(2, 3, 64, 64) if claim.needs_training else None,
        values=claim.needs_values,
    )
    judgement = claim.judge(made, seen(prober().observe(made.body)))
    return judgement.verdict.kind, judgement.evidence


def linear(width: int) -> tuple[str, dict[str, Argument]]:
    return "Linear", {"in_features": 512, "out_features": width}


@needs_torch
@pytest.mark.parametrize(
    ("kind", "arguments", "summed", "verdict"),
    [
        ("Softmax", {"dim": 1}, True, "confirmed"),
        ("Softmax", {"dim": 0}, True, "refuted"),
        ("Sigmoid", {}, False, "confirmed"),
        ("Sigmoid", {}, True, "refuted"),
        ("LogSoftmax", {"dim": 1}, True, "refuted"),
        ("Tanh", {}, False, "refuted"),
        ("Identity", {}, False, "refuted"),
    ],
)
def test_the_real_numbers_decide(kind: str, arguments: dict[str, Argument], summed: bool, verdict: str) -> None:
    claim = OutputsNormalised(ModuleRef(1, ""), summed)
    assert judged(claim, linear(5), (kind, arguments))[0] == verdict


@needs_torch
def test_what_stands_behind_the_model_runs_behind_it() -> None:
    text = "model.fc = nn.Linear(512, 3)\nF.cross_entropy(torch.softmax(model(x), 1), y)"
    (finding,) = findings(text, confirm="auto", python=PYTHON)
    assert finding.verdict.kind == "confirmed"
    assert finding.evidence is not None
    assert finding.evidence.text.startswith("every row of what the softmax returns, (2, 3), sums to 1")


@needs_torch
@pytest.mark.parametrize(("kind", "dim", "verdict"), [("Softmax", 1, "confirmed"), ("Softmax", 0, "refuted")])
def test_the_real_numbers_behind_a_model_decide(kind: str, dim: int, verdict: str) -> None:
    claim = OutputsNormalised(ModuleRef(1, ""), True, (kind, (("dim", dim),)))
    history = next(iter(histories(IMPORTS + "model(x)")))
    (made, *_) = recipes(history, claim, history.model)
    assert claim.judge(made, seen(prober().observe(made.body))).verdict.kind == verdict


@needs_torch
def test_the_real_loss_and_gradient_decide() -> None:
    claim = OneLogitLoss(ModuleRef(1, ""))
    assert judged(claim, linear(1), ("Sigmoid", {}))[0] == "confirmed"
    evidence = "forward returns (2, 1), its cross entropy is 0.0, its largest gradient 0.0"
    assert judged(claim, linear(1)) == ("confirmed", evidence)
    assert judged(claim, linear(2))[0] == "refuted"


GUARDED = """
class Net(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net
    def forward(self, x, logits=False):
        x = self.net(x)
        return x if logits else x.softmax(1)
net = Net(models.resnet18())
"""


@pytest.mark.parametrize(("call", "count"), [("net(x)", 1), ("net(x, logits=True)", 0), ("net(x, True)", 0)])
def test_what_forward_returns_counts_where_it_is_called_without_its_options(call: str, count: int) -> None:
    assert len(findings(IMPORTS + GUARDED + f"nn.CrossEntropyLoss()({call}, y)")) == count
