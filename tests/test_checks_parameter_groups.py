"""HL313: what an optimizer refuses, and what it takes."""

from __future__ import annotations

import pytest
from check_helpers import messages, verdict
from probe_helpers import needs_torch

from headlint.claims import OptimizerRaises
from headlint.history import AnyEvent, Build, MakeOptimizer, ModuleRef, ParameterRef, choose_witnesses, recipe

IMPORTS = "from torch import nn, optim\nfrom torchvision import models\nmodel = models.alexnet()\n"
FC = tuple(ParameterRef(0, f"classifier.6.{name}") for name in ("weight", "bias"))


def test_messages() -> None:
    groups = "optim.SGD([{'params': model.parameters()}, {'params': model.classifier[6].parameters()}], lr=1)"
    (message,) = messages("HL313", IMPORTS + groups)
    assert message == (
        "2 parameters of 'classifier[6]' of alexnet stand in more than one group: SGD raises;"
        " leave them out of group 1 or of the others"
    )
    counted = "params = model.parameters()\nn = len(list(params))\noptim.Adam(params)"
    flagged = "params = model.parameters()\nfor p in params:\n    p.requires_grad = True\noptim.Adam(params)"
    (message,) = messages("HL313", IMPORTS + counted)
    assert messages("HL313", IMPORTS + flagged) == [message]
    assert message == (
        "this iterator over 16 parameters has been run through and gives nothing more: Adam raises;"
        " keep the parameters in a list, or ask for them again"
    )


SILENT = {
    "one group": "optim.SGD([{'params': model.parameters()}], lr=1)",
    "twice in one group": "optim.SGD([{'params': [*model.parameters(), *model.parameters()]}], lr=1)",
    "a child with two names": "model.head = model.classifier\n"
    "optim.SGD([{'params': child.parameters()} for child in model.children()], lr=1)",
    "a child with two names, by name": "model.head = model.classifier\n"
    "optim.SGD([{'params': child.parameters()} for name, child in model.named_children()], lr=1)",
    "some are left": "p = model.parameters()\nnext(p)\noptim.Adam(p)",
    "perhaps run through": "p = model.parameters()\nif load(): list(p)\noptim.Adam(p)",
    "handed over": "p = model.parameters()\nload(p)\noptim.Adam(p)",
    "an empty list": "optim.Adam([])",
    "not known": "optim.Adam([{'params': load()}, {'params': model.parameters()}])",
    "asked for again": "list(model.parameters())\noptim.Adam(model.parameters())",
    "other parameters": "optim.Adam([{'params': m.parameters()} for m in model.children()])",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages("HL313", IMPORTS + text) == []


@needs_torch
def test_the_real_optimizer_decides() -> None:
    def judged(*made: MakeOptimizer) -> tuple[str, str]:
        events: list[AnyEvent] = [Build(0, "alexnet", (), False, site=None), *made]
        return verdict(OptimizerRaises(len(made) - 1), events, ModuleRef(0, ""))

    once = MakeOptimizer("SGD", FC, site=None)
    assert judged(once) == ("refuted", "")
    assert judged(MakeOptimizer("Adam", FC, (FC[:1], FC[1:]), site=None)) == ("refuted", "")
    twice = MakeOptimizer("Adam", (*FC, *FC), (FC, FC[1:]), site=None)
    assert judged(once, twice) == (
        "confirmed",
        "ValueError: some parameters appear in more than one parameter group",
    )
    nothing = MakeOptimizer("Adam", (), exhausted=FC, site=None)
    assert judged(nothing) == ("confirmed", "ValueError: optimizer got an empty parameter list")


def test_a_replay_without_the_optimizer_decides_nothing() -> None:
    claim = OptimizerRaises(1)
    events = (Build(0, "alexnet", (), False, site=None),)
    asked = recipe(events, model=ModuleRef(0, ""), watch=(), input_shape=None, witnesses=choose_witnesses(events))
    assert claim.judge(asked, {"events": [None], "optimizers": [None]}).verdict.reason == (
        "the replay does not come to the optimizer"
    )
    assert claim.judge(asked, {"events": [None], "optimizers": [{}, None]}).verdict.reason == (
        "what the optimizer is given is not known"
    )
