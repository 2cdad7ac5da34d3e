"""HL306: which optimizers have nothing to train, and what speaks against saying so."""

from __future__ import annotations

import pytest
from probe_helpers import needs_torch, prober, seen

from headlint.claims import AllFrozen
from headlint.history import AnyEvent, Build, ModuleRef, ParameterRef, SetFlag, choose_witnesses, recipe
from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn, optim\nfrom torchvision import models\nmodel = models.alexnet()\n"
FREEZE = "for p in model.parameters(): p.requires_grad = False\n"
TRAIN = "\noptim.Adam(model.parameters())"


def messages(text: str) -> list[str]:
    """What HL306 says of a program, without asking the worker."""
    with Linter(Settings(confirm="off", select=frozenset({"HL306"}))) as linter:
        return [finding.message for finding in linter.lint_unguarded(IMPORTS + text, "program.py").findings]


def test_messages() -> None:
    (message,) = messages(FREEZE + "optim.SGD([p for p in model.parameters() if p.requires_grad])")
    assert message == (
        "all 16 parameters of alexnet are frozen: SGD is given nothing and raises;"
        " unfreeze what is meant to train before"
    )
    assert messages(FREEZE + "optim.SGD(model.classifier.parameters())") == [
        "all 16 parameters of alexnet are frozen: no step of SGD changes any; unfreeze what is meant to train before"
    ]


def test_what_others_do_behind_a_step_is_too_late() -> None:
    step = "\no = optim.Adam(model.parameters())\n{}o.step()\n"
    loss = "nn.functional.cross_entropy(model(x), y).backward()\n"
    assert messages(FREEZE + step.format(loss) + "fit(model)") != []
    assert messages(FREEZE + step.format("") + "fit(model)") == []
    assert messages(FREEZE + step.format("fit(model)\n" + loss)) == []


def test_only_what_is_wrong_on_every_path_is_said() -> None:
    assert messages(FREEZE + f"if load(): model.eval(){TRAIN}") != []
    assert messages(f"if load():\n    {FREEZE}{TRAIN}") == []


STEP = "nn.functional.cross_entropy(model(x), y).backward()\n{}o.step()\n"
IF = "args = parse()\nif args.freeze:\n    " + FREEZE + "o = optim.SGD(model.parameters())\n"


def test_freezing_has_a_condition() -> None:
    (said,) = messages(IF + STEP.format(""))
    assert said.startswith("when args.freeze, all 16 parameters of alexnet are frozen: no step of SGD changes any")
    unfrozen = "if args.head:\n    model.classifier.requires_grad_(True)\n"
    assert messages(IF.replace("o = ", unfrozen + "o = ") + STEP.format("")) == []
    # What is frozen may never be trained; an optimizer of nothing raises all the same.
    assert messages(IF) == []
    assert messages(IF + STEP.format("if not args.freeze:\n    ")) == []
    (said,) = messages(IF.replace("model.parameters())\n", "[p for p in model.parameters() if p.requires_grad])\n"))
    assert said.startswith("when args.freeze, ")


def test_who_catches_that_there_is_nothing_to_train() -> None:
    given = "optim.SGD([p for p in model.parameters() if p.requires_grad])\n"
    assert messages(FREEZE + f"try:\n    {given}except ValueError:\n    pass") == []


LIGHTNING = """
import pytorch_lightning as pl
class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = model
    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])
    def configure_optimizers(self):
        return optim.SGD(self.parameters())
"""
FIT = "trainer = pl.Trainer(max_epochs=3)\ntrainer.fit(Net(), loader)"


def test_a_trainer_without_callbacks_unfreezes_nothing() -> None:
    assert len(messages(FREEZE + LIGHTNING + FIT)) == 1
    assert messages(FREEZE + LIGHTNING + FIT.replace("3", "3, callbacks=[callback]")) == []
    assert messages(FREEZE + LIGHTNING + FIT.replace("3", "3, **settings")) == []
    hook = "    def configure_callbacks(self):\n        return [callback]\n"
    assert messages(FREEZE + LIGHTNING + hook + FIT) == []
    # Given nothing an optimizer raises, whoever is to train.
    filtered = LIGHTNING.replace("self.parameters()", "[p for p in self.parameters() if p.requires_grad]")
    assert len(messages(FREEZE + filtered + FIT.replace("3", "3, callbacks=[callback]"))) == 1


HEAD = """\
class Head(nn.Module):
    def __init__(self, n):
        super().__init__()
        {}
    def forward(self, x):
        return self.use(x)
"""
HEADED = FREEZE + "model.classifier = Head(load())" + TRAIN

SILENT = {
    "a head with a parameter": HEAD.format("self.w = nn.Parameter(torch.randn(n))") + HEADED,
    "a head of parts that are not known": HEAD.format("self.layer = make(n)") + HEADED,
    "names that are not known": HEAD.format("self.add_module(str(n), nn.Linear(9216, n))") + HEADED,
    "a new parameter of the model": FREEZE + "model.scale = nn.Parameter(torch.ones(1))" + TRAIN,
    "trainable": f"model.features.requires_grad_(False){TRAIN}",
    "unfrozen before": FREEZE + f"model.classifier[6].requires_grad_(True){TRAIN}",
    "unfrozen behind": FREEZE + f"{TRAIN}\nmodel.classifier[6].requires_grad_(True)",
    "unfrozen behind by a flag that is not known": FREEZE + f"{TRAIN}\nmodel.requires_grad_(load())",
    "unfrozen out of sight": FREEZE + f"unfreeze(model){TRAIN}",
    "unfrozen out of sight behind": FREEZE + f"{TRAIN}\nfit(model)",
    "new parameters, and all frozen when it is over": FREEZE
    + "model.classifier[6].weight = nn.Parameter(torch.rand(2, 4096))\no = optim.Adam(model.parameters())\n"
    + "nn.functional.cross_entropy(model(x), y).backward()\no.step()\n"
    + FREEZE,
    "a new head": FREEZE + f"model.classifier[6] = nn.Linear(4096, 2){TRAIN}",
    "frozen behind": TRAIN + "\n" + FREEZE,
    "not known what it holds": FREEZE + "optim.Adam(load())",
    "another optimizer trains": FREEZE + f"optim.Adam(models.vgg11().parameters()){TRAIN}",
    "more is added": FREEZE + "o = optim.Adam(model.parameters())\no.add_param_group({'params': load()})",
    "empty groups": FREEZE + "optim.Adam([{'params': []}])",
    "empty for another model": FREEZE + "models.vgg11()\noptim.Adam([])",
    "no optimizer": FREEZE,
    "found elsewhere": f"model.classifier[6] = nn.Linear(4096, 2)\n{FREEZE}{TRAIN}",
    "written on a module": FREEZE + f"model.classifier.requires_grad = True{TRAIN}",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages(text) == []


@needs_torch
def test_the_real_flags_decide() -> None:
    claim = AllFrozen(ModuleRef(1, "fc"))
    weights = (ParameterRef(1, "fc.weight"), ParameterRef(1, "fc.bias"))

    def judged(*frozen: ParameterRef) -> tuple[str, str]:
        events: list[AnyEvent] = [Build(1, "resnet18", (), False, site=None), SetFlag(frozen, False, site=None)]
        witnesses = choose_witnesses(events)
        made = recipe(events, model=ModuleRef(1, ""), watch=claim.watch, input_shape=None, witnesses=witnesses)
        judgement = claim.judge(made, seen(prober().observe(made.body)))
        return judgement.verdict.kind, judgement.evidence

    assert judged(*weights) == ("confirmed", "requires_grad is False for all 2 parameters")
    assert judged(*weights[:1])[0] == "refuted"


LOADED = "model.classifier[6] = nn.Linear(4096, 5)\nmodel.load_state_dict(torch.load('a.pt'))\n"


@needs_torch
def test_a_model_with_a_new_head_is_seen_as_it_is_then() -> None:
    with Linter(Settings(confirm="require", select=frozenset({"HL306"}))) as linter:
        report = linter.lint_unguarded(IMPORTS + LOADED + FREEZE + TRAIN, "program.py")
    assert [finding.code for finding in report.findings] == ["HL306"]


def test_what_is_around_a_model_counts_if_that_is_frozen_too() -> None:
    around = (
        "class Net(nn.Module):\n    def __init__(self, whole):\n        super().__init__()\n"
        "        self.whole, self.head = whole, nn.Linear(1000, 5)\nmodel = Net(model)\n"
    )
    assert len(messages(around + FREEZE + TRAIN)) == 1
    assert messages(around + FREEZE + "model.head.requires_grad_(True)" + TRAIN) == []
    assert messages(around + "model.whole.requires_grad_(False)" + TRAIN) == []
