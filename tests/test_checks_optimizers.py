"""HL305 and HL307: what an optimizer that steps leaves out, and what speaks against saying so."""

from __future__ import annotations

import pytest
from probe_helpers import needs_torch, prober, seen

from headlint.claims import NotInOptimizer
from headlint.history import (
    AnyEvent,
    Build,
    MakeLayer,
    MakeOptimizer,
    ModuleRef,
    ParameterRef,
    SetModule,
    choose_witnesses,
    recipe,
)
from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn, optim\nfrom torchvision import models\nm = models.resnet18()\n"
OPTIMIZER = "o = optim.SGD(m.parameters(), lr=0.1)\n"
HEAD = "m.fc = nn.Linear(512, 10)\n"
TRAIN = "for x, y in load():\n    loss(m(x), y).backward()\n    o.step()\n"
FROZEN = "m.requires_grad_(False)\nm.fc.requires_grad_(True)\no = optim.Adam(m.fc.parameters())\n"
UNFREEZE = "m.layer4.requires_grad_(True)\n"


def messages(text: str, confirm: str = "off") -> list[str]:
    """What the two rules say of a program."""
    settings = Settings(confirm=confirm, select=frozenset({"HL305", "HL307"}), cache_directory="")  # type: ignore[arg-type]
    with Linter(settings) as linter:
        return [finding.line for finding in linter.lint_unguarded(IMPORTS + text, "program.py").findings]


def test_messages() -> None:
    (stale,) = messages(OPTIMIZER + HEAD + TRAIN)
    assert stale == (
        "HL305 the optimizer SGD is built before 'fc' of resnet18 is replaced: it holds the old layer, and no step"
        " trains the new one; build SGD behind the replacement [unconfirmed: confirmation is off]"
    )
    (late,) = messages(FROZEN + UNFREEZE + TRAIN)
    assert late == (
        "HL307 this unfreezes 15 parameters of 'layer4' of resnet18 that Adam was built without: no step trains them;"
        " build Adam again behind it, or call add_param_group [unconfirmed: confirmation is off]"
    )


@needs_torch
def test_a_real_step_confirms() -> None:
    (stale,) = messages(OPTIMIZER + HEAD + TRAIN, "auto")
    assert "[confirmed: a training step gives 62 parameters a gradient and changes 60, none of these 2 (" in stale
    (late,) = messages(FROZEN + HEAD + "o = optim.Adam(m.fc.parameters())\n" + UNFREEZE + TRAIN, "auto")
    assert "[confirmed: a training step gives 17 parameters a gradient and changes 2, none of these 15 (" in late


def test_steps_under_conditions_and_in_functions_count() -> None:
    assert messages(OPTIMIZER + HEAD + "for e in range(30):\n    if e > 3: o.step()\n")
    assert messages("def f(o):\n    for x in load(): o.step()\n" + OPTIMIZER + HEAD + "f(o)\n")
    assert messages(FROZEN + "for e in range(5):\n    if e == 2: m.layer4.requires_grad_(True)\n    o.step()\n")


STALE_SILENT = {
    "in time": HEAD + OPTIMIZER + TRAIN,
    "no step": OPTIMIZER + HEAD,
    "no step behind": OPTIMIZER + TRAIN + HEAD,
    "built again": OPTIMIZER + HEAD + OPTIMIZER + TRAIN,
    "built again behind a step": OPTIMIZER + HEAD + TRAIN + OPTIMIZER + TRAIN,
    "added": OPTIMIZER + HEAD + "o.add_param_group({'params': m.fc.parameters()})\n" + TRAIN,
    "something is added": OPTIMIZER + HEAD + "o.add_param_group(load())\n" + TRAIN,
    "another one has it": OPTIMIZER + HEAD + "h = optim.SGD(m.fc.parameters())\n" + TRAIN,
    "another one may have it": OPTIMIZER + HEAD + "h = optim.SGD(load())\n" + TRAIN,
    "never held the old one": "o = optim.SGD(m.layer4.parameters())\n" + HEAD + TRAIN,
    "held by itself": "h = nn.Linear(512, 10)\no = optim.SGD([*m.parameters(), *h.parameters()])\nm.fc = h\n" + TRAIN,
    "of another model": "n = models.resnet18()\no = optim.SGD(n.parameters())\n" + HEAD + TRAIN,
    "frozen": OPTIMIZER + HEAD + "m.fc.requires_grad_(False)\n" + TRAIN,
    "without parameters": OPTIMIZER + "m.fc = nn.Identity()\n" + TRAIN,
    "put back": OPTIMIZER + "old = m.fc\n" + HEAD + "m.fc = old\n" + TRAIN,
    "keeps the old one": OPTIMIZER + "m.fc = nn.Sequential(m.fc, nn.ReLU())\n" + TRAIN,
    "loaded": OPTIMIZER + HEAD + "m.load_state_dict(load())\n" + TRAIN,
    "model out of sight": OPTIMIZER + HEAD + "prepare(m)\n" + TRAIN,
    "optimizer out of sight": OPTIMIZER + HEAD + "prepare(o)\n" + TRAIN,
    "optimizer out of sight in a dict": OPTIMIZER + HEAD + "prepare({'o': o})\n" + TRAIN,
    "more in its group": OPTIMIZER + HEAD + "o.param_groups[0]['params'] += list(m.fc.parameters())\n" + TRAIN,
    "another group": OPTIMIZER + HEAD + "o.param_groups.append({'params': list(m.fc.parameters())})\n" + TRAIN,
    "trained by hand": OPTIMIZER + HEAD + TRAIN + "for p in m.fc.parameters(): p.data.sub_(0.1 * p.grad)\n",
    "on one path only": "if load():\n    " + OPTIMIZER + HEAD + "o = load()\n" + TRAIN,
    "replaced only where it is built again": OPTIMIZER + f"if late:\n    {HEAD}    {OPTIMIZER}" + TRAIN,
    "built behind on the other way": f"if a:\n    {OPTIMIZER}if b:\n    {HEAD}    o = optim.SGD(m.parameters())\n"
    + TRAIN,
}
LATE_SILENT = {
    "holds all": "m.requires_grad_(False)\n" + OPTIMIZER + UNFREEZE + TRAIN,
    "in time": "m.requires_grad_(False)\n"
    + UNFREEZE
    + "o = optim.SGD([p for p in m.parameters() if p.requires_grad])\n"
    + TRAIN,
    "no step behind": FROZEN + TRAIN + UNFREEZE,
    "built again": FROZEN + UNFREEZE + OPTIMIZER + TRAIN,
    "added": FROZEN + UNFREEZE + "o.add_param_group({'params': m.layer4.parameters()})\n" + TRAIN,
    "some of it is held": FROZEN + "h = optim.SGD(m.layer4[0].parameters())\n" + UNFREEZE + TRAIN,
    "frozen again": FROZEN + UNFREEZE + TRAIN + "m.layer4.requires_grad_(False)\n",
    "was not frozen": "o = optim.Adam(m.fc.parameters())\n" + UNFREEZE + TRAIN,
    "of another model": "n = models.resnet18()\nm.requires_grad_(False)\no = optim.SGD(n.parameters())\n"
    + UNFREEZE
    + TRAIN,
    "model out of sight": FROZEN + UNFREEZE + "prepare(m)\n" + TRAIN,
    "optimizer out of sight": FROZEN + "schedule = Unfreezing(o)\n" + UNFREEZE + TRAIN,
    "gradients are read": FROZEN + UNFREEZE + TRAIN + "print(m.layer4[0].conv1.weight.grad)\n",
}


@pytest.mark.parametrize("text", STALE_SILENT.values(), ids=STALE_SILENT.keys())
def test_silent_on_replacements(text: str) -> None:
    assert messages(text) == []


@pytest.mark.parametrize("text", LATE_SILENT.values(), ids=LATE_SILENT.keys())
def test_silent_on_unfreezing(text: str) -> None:
    assert messages(text) == []


@needs_torch
def test_the_real_optimizer_decides() -> None:
    claim = NotInOptimizer((ModuleRef(2, ""),), ())
    old = (ParameterRef(1, "fc.weight"), ParameterRef(1, "fc.bias"))
    new = (ParameterRef(2, "weight"), ParameterRef(2, "bias"))

    def judged(*held: ParameterRef, name: str = "fc") -> tuple[str, str]:
        sizes = (("in_features", 512), ("out_features", 10))
        events: list[AnyEvent] = [
            Build(1, "resnet18", (), False, site=None),
            MakeLayer(2, "Linear", sizes, site=None),
            SetModule(ModuleRef(1, ""), name, ModuleRef(2, ""), None, "attribute", site=None),
        ]
        if held:
            events.append(MakeOptimizer("SGD", held, site=None))
        made = recipe(
            events,
            model=ModuleRef(1, ""),
            watch=claim.watch,
            input_shape=(2, 3, 64, 64),
            training_shape=(2, 3, 64, 64),
            witnesses=choose_witnesses(events),
        )
        judgement = claim.judge(made, seen(prober().observe(made.body)))
        return judgement.verdict.kind, judgement.verdict.reason or judgement.evidence

    evidence = "a training step gives 62 parameters a gradient and changes 0, none of these 2"
    assert judged(*old) == ("confirmed", evidence)
    assert judged(*new)[0] == "refuted"
    assert judged(*old, *new[:1])[0] == "refuted"
    assert judged(*old, name="unused")[0] == "refuted"
    assert judged() == ("unconfirmed", "no optimizer could be made")


def test_unfreezing_where_freezing_has_a_condition() -> None:
    start = (
        "args = parse()\nif args.freeze:\n    m.requires_grad_(False)\n" + HEAD + "o = optim.Adam(m.fc.parameters())\n"
    )
    (late,) = messages(start + UNFREEZE + TRAIN)
    assert late.startswith("HL307 when args.freeze, this unfreezes 15 parameters of 'layer4'")
    assert messages(start + UNFREEZE + "if args.all:\n    o = optim.Adam(m.parameters())\n" + TRAIN) == []
    assert messages(start + "if args.late:\n    " + UNFREEZE + TRAIN) == []
