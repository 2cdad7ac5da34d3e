"""Claims that the real model confirms of wrong code refute what looks like it and is right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flow_helpers import histories
from probe_helpers import needs_torch, prober, seen

from headlint.checks.recipes import recipes
from headlint.checks.wholes import pictures
from headlint.claims import Claim, ClassesKept, LeftBehind, NothingRecorded, OutputConstant, RaisesFrom, Trains
from headlint.flow.histories import ModelHistory
from headlint.history import MakeOptimizer, SetModule

HEAD = "model = models.resnet18()\nmodel.fc = "


def _put(one: ModelHistory) -> SetModule:
    return next(event for event in one.events if isinstance(event, SetModule))


def _left_behind(one: ModelHistory) -> Claim:
    """The model moves before the optimizer is made, or before the head comes if there is no optimizer."""
    put = _put(one)
    following = next((event for event in one.events if isinstance(event, MakeOptimizer)), put)
    assert put.value is not None
    return LeftBehind((put.value,), ((following, one.model, "cuda"),))


def _raises(one: ModelHistory) -> Claim:
    return RaisesFrom((_put(one),), pictures(one))


CASES: dict[str, tuple[Callable[[ModelHistory], Claim], str, str]] = {
    "HL108": (lambda one: ClassesKept(one.model, 5), "models.resnet18()", "models.resnet18(num_classes=5)"),
    "HL200": (_raises, f"{HEAD}nn.Linear(64, 5)", f"{HEAD}nn.Linear(512, 5)"),
    "HL206": (
        lambda one: OutputConstant(one.model),
        f"{HEAD}nn.Sequential(nn.Linear(512, 1), nn.Softmax(1))",
        f"{HEAD}nn.Sequential(nn.Linear(512, 2), nn.Softmax(1))",
    ),
    "HL309": (
        _left_behind,
        f"{HEAD}nn.Linear(512, 5)",
        f"{HEAD}nn.Linear(512, 5)\ntorch.optim.SGD(model.parameters(), lr=0.1)",
    ),
}


def _verdict(one: ModelHistory, claim: Claim, asked: Claim) -> str:
    """What a claim says of the replay that `asked` wants."""
    replays = recipes(one, asked, one.model)
    kinds = (claim.judge(made, seen(prober().observe(made.body))).verdict.kind for made in replays)
    return next(kind for kind in kinds if kind != "unconfirmed")


@needs_torch
@pytest.mark.parametrize("code", CASES)
def test_the_real_model_decides(code: str) -> None:
    claim_about, wrong, right = CASES[code]
    for text, verdict in (wrong, "confirmed"), (right, "refuted"):
        (one,) = histories(text)
        claim = claim_about(one)
        assert (text, _verdict(one, claim, claim)) == (text, verdict)


@needs_torch
def test_a_step_that_autograd_records_refutes_that_nothing_is() -> None:
    (one,) = histories("models.resnet18()")
    assert _verdict(one, NothingRecorded(), NothingRecorded()) == "confirmed"
    assert _verdict(one, NothingRecorded(), Trains()) == "refuted"
