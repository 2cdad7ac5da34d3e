"""HL303: which flags on modules are found, what is said of them, and what a replay refutes."""

from __future__ import annotations

import pytest
from probe_helpers import needs_torch, prober, seen

from headlint.claims import FlagsKept
from headlint.history import (
    AnyEvent,
    Build,
    ModuleRef,
    ParameterRef,
    SetAttribute,
    SetFlag,
    choose_witnesses,
    recipe,
)
from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\nmodel = models.resnet18()\n"
FREEZE = "for p in model.parameters(): p.requires_grad = False\n"
HEAD = ModuleRef(1, "fc")


def messages(text: str) -> list[str]:
    """What HL303 says of a program, without asking the worker."""
    with Linter(Settings(confirm="off", select=frozenset({"HL303"}))) as linter:
        return [finding.message for finding in linter.lint_unguarded(IMPORTS + text, "program.py").findings]


def test_messages_count_what_goes_on_as_it_was() -> None:
    (message,) = messages("model.layer1.requires_grad = False")
    assert message == (
        "'requires_grad' of a module is an attribute that nothing reads: all 12 parameters of 'layer1' of resnet18"
        " still require grad; write model.layer1.requires_grad_(False)"
    )
    (message,) = messages(FREEZE + "model.requires_grad_ = True\nmodel.fc = nn.Linear(512, 10)")
    assert message == (
        "this replaces the method 'requires_grad_' and does not call it: 60 of the 62 parameters of resnet18 do not"
        " require grad; write model.requires_grad_(True)"
    )


def test_a_loop_over_modules_is_one_finding_for_the_outermost() -> None:
    (message,) = messages("for m in model.modules(): m.requires_grad = False")
    assert "all 62 parameters of resnet18 still require grad" in message
    (message,) = messages("for m in list(model.children())[4:6]: m.requires_grad = False")
    assert "all 27 parameters of 'layer1' of resnet18 and 1 more module still" in message


def test_one_parameter_is_told_as_one() -> None:
    (message,) = messages("model.conv1.requires_grad = False")
    assert "the one parameter of 'conv1' of resnet18 still requires grad" in message


SILENT = {
    "frozen before": FREEZE + "model.requires_grad = False",
    "frozen behind": "model.requires_grad = False\n" + FREEZE,
    "frozen in part behind": "model.requires_grad = False\nmodel.layer1.requires_grad_(False)",
    "frozen out of sight before": "freeze(model)\nmodel.requires_grad = False",
    "frozen as something unknown": "for p in load(): p.requires_grad = False\nmodel.requires_grad = False",
    "frozen by a flag that is not known": "model.requires_grad_(load())\nmodel.requires_grad = False",
    "replaced behind": "model.fc.requires_grad = False\nmodel.fc = nn.Linear(512, 10)",
    "true where all trains": "model.requires_grad = True\nmodel.fc.requires_grad_ = True",
    "true for what is put in": FREEZE + "model.fc = nn.Linear(512, 10)\nmodel.fc.requires_grad = True",
    "unfrozen behind": FREEZE + "model.fc.requires_grad = True\nmodel.fc.requires_grad_(True)",
    "no flag": "model.requires_grad = 'no'\nmodel.requires_grad = load()",
    "no parameters": "model.relu.requires_grad = False\nmodel.avgpool.requires_grad = False",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages(text) == []


def test_what_later_code_out_of_sight_does_is_no_excuse() -> None:
    assert len(messages("model.requires_grad = False\ntrain(model)")) == 1


def judged(claim: FlagsKept, *events: AnyEvent) -> tuple[str, str]:
    """The verdict on a claim about a resnet18, and its evidence."""
    history: list[AnyEvent] = [Build(1, "resnet18", (), False, site=None), *events]
    made = recipe(
        history,
        model=ModuleRef(1, ""),
        watch=claim.watch,
        input_shape=None,
        witnesses=choose_witnesses(history),
    )
    judgement = claim.judge(made, seen(prober().observe(made.body)))
    return judgement.verdict.kind, judgement.evidence


@needs_torch
def test_the_real_flags_decide() -> None:
    weights = (ParameterRef(1, "fc.weight"), ParameterRef(1, "fc.bias"))
    off, on = (FlagsKept(((HEAD, 2),), "attribute", "requires_grad", wanted) for wanted in (False, True))
    write = SetAttribute(HEAD, "requires_grad", False, site=None)
    assert judged(off, write) == ("confirmed", "requires_grad is True for 2 of 2 parameters")
    assert judged(off, write, SetFlag(weights[:1], False, site=None))[0] == "confirmed"
    assert judged(off, write, SetFlag(weights, False, site=None))[0] == "refuted"
    assert judged(on, write)[0] == "refuted"
    frozen = SetFlag(weights, False, site=None)
    assert judged(on, frozen, write) == ("confirmed", "requires_grad is False for 2 of 2 parameters")


@needs_torch
def test_a_replay_without_the_assignment_proves_nothing() -> None:
    claim = FlagsKept(((HEAD, 2),), "attribute", "requires_grad", False)
    assert judged(claim)[0] == "unconfirmed"
