"""Claims: how made-up observations decide them, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headlint.claims import (
    Claim,
    ForwardRaises,
    NeverUsed,
    NothingFrozen,
    ReadRaises,
    StaysFrozen,
    TrainingForwardRaises,
    shape_text,
)
from headlint.history import Build, MakeLayer, ModuleRef, Recipe, Witnesses, recipe

MODEL, HEAD, OLD = ModuleRef(3, ""), ModuleRef(7, ""), ModuleRef(3, "fc")
BUILD = Build(3, "resnet18", (), False, site=None)
LAYER = MakeLayer(7, "Linear", (("in_features", 512), ("out_features", 10)), site=None)
# Objects are numbered anew in a recipe.
HEAD_KEY, OLD_KEY = "1:", "0:fc"

Change = Callable[[dict[str, Any]], object]


def made(claim: Claim) -> Recipe:
    return recipe(
        [BUILD, LAYER], model=MODEL, watch=claim.watch, input_shape=(2, 3, 64, 64), witnesses=Witnesses({}, {})
    )


def facts(**changes: object) -> dict[str, Any]:
    return {
        "calls": 0, "arrived": None, "parameters": 2, "trainable": 0, "reached": 0, "used": 0, "inside": True,
        "modules_called": 0, "held": 0, "weight": None, **changes,
    }  # fmt: skip


def observed(key: str, *, forward: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """An observation of one watched module; forward comes to its end unless it says otherwise."""
    ran = {"output": [2, 1000], "raised": None, "stopped": None, **(forward or {})}
    model = {"parameters": 62, "trainable": 62, "reached": 62}
    return {"events": [None, None], "forward": ran, "watch": {key: facts(**changes)}, "model": model}


def verdict(claim: Claim, observation: dict[str, Any]) -> str:
    return claim.judge(made(claim), observation).verdict.kind


def raised(text: str, module: list[object] | None = None) -> dict[str, Any]:
    return {"output": None, "raised": {"type": "RuntimeError", "text": text, "module": module, "place": "fc"}}


RAISED_BEFORE = [{"raised": {"type": "TypeError", "text": "no such argument"}}]


# -- never used --------------------------------------------------------------------------------------------------


def test_a_module_without_part_in_forward_is_never_used() -> None:
    judgement = NeverUsed(HEAD).judge(made(NeverUsed(HEAD)), observed(HEAD_KEY))
    assert judgement.verdict.kind == "confirmed"
    assert judgement.evidence == "forward returns (2, 1000) without calling it"


@pytest.mark.parametrize("change", [{"modules_called": 1}, {"used": 1}, {"calls": 1, "modules_called": 2}])
def test_a_module_with_any_part_is_used(change: dict[str, Any]) -> None:
    assert verdict(NeverUsed(HEAD), observed(HEAD_KEY, **change)) == "refuted"
    # What was seen before forward ended early stands.
    assert verdict(NeverUsed(HEAD), observed(HEAD_KEY, forward={"stopped": "opaque"}, **change)) == "refuted"


@pytest.mark.parametrize("forward", [{"stopped": "opaque"}, raised("mat1 and mat2")])
def test_a_forward_cut_short_says_nothing_of_what_was_not_called(forward: dict[str, Any]) -> None:
    judgement = NeverUsed(HEAD).judge(made(NeverUsed(HEAD)), observed(HEAD_KEY, forward=forward))
    assert judgement.verdict.kind == "unconfirmed"
    assert judgement.verdict.reason


def test_without_a_forward_nothing_is_said() -> None:
    observation = observed(HEAD_KEY)
    del observation["forward"]
    assert verdict(NeverUsed(HEAD), observation) == "unconfirmed"
    assert verdict(ForwardRaises((HEAD,)), observation) == "unconfirmed"


def test_a_replay_that_raises_says_nothing() -> None:
    for claim in (NeverUsed(HEAD), ForwardRaises((HEAD,)), StaysFrozen(HEAD, "fc"), NothingFrozen((OLD,))):
        observation: dict[str, Any] = {"events": RAISED_BEFORE, "watch": {}, "model": None}
        assert verdict(claim, observation) == "unconfirmed"


# -- forward raises ----------------------------------------------------------------------------------------------


def test_forward_raises_in_the_module() -> None:
    claim = ForwardRaises((HEAD,))
    judgement = claim.judge(made(claim), observed(HEAD_KEY, forward=raised("mat1 and mat2", [1, ""])))
    assert (judgement.verdict.kind, judgement.evidence) == ("confirmed", "mat1 and mat2")


@pytest.mark.parametrize("module", [[0, "fc"], [0, ""], [1, "0"], None])
def test_forward_raises_elsewhere(module: list[object] | None) -> None:
    assert verdict(ForwardRaises((HEAD,)), observed(HEAD_KEY, forward=raised("mat1", module))) == "unconfirmed"


def test_any_of_the_modules_will_do() -> None:
    observation = observed(OLD_KEY, forward=raised("mat1", [0, "fc"]))
    assert verdict(ForwardRaises((HEAD, OLD)), observation) == "confirmed"


def test_forward_comes_to_its_end() -> None:
    assert verdict(ForwardRaises((HEAD,)), observed(HEAD_KEY)) == "refuted"
    assert verdict(ForwardRaises((HEAD,)), observed(HEAD_KEY, forward={"stopped": "opaque"})) == "unconfirmed"


@pytest.mark.parametrize(
    ("phase", "module", "expected"),
    [("forward", [1, ""], "confirmed"), ("forward", [0, "fc"], "unconfirmed"), ("loss", None, "refuted")],
)
def test_only_the_forward_of_training_counts_for_auxiliary_heads(
    phase: str, module: list[object] | None, expected: str
) -> None:
    claim = TrainingForwardRaises((HEAD,))
    training = {"raised": {"type": "RuntimeError", "text": "mat1", "module": module, "phase": phase}}
    assert verdict(claim, observed(HEAD_KEY) | {"training": training}) == expected
    assert verdict(claim, observed(HEAD_KEY) | {"training": {"raised": None}}) == "refuted"
    assert verdict(claim, observed(HEAD_KEY, forward=raised("mat1", [1, ""]))) == "unconfirmed"


# -- a read raises -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([None, {"raised": {"type": "AttributeError", "text": "no 'fc'"}}], "confirmed"),
        ([None, None], "refuted"),
        (RAISED_BEFORE, "unconfirmed"),
    ],
)
def test_reads(events: list[Any], kind: str) -> None:
    claim = ReadRaises()
    judgement = claim.judge(made(claim), {"events": events, "watch": {}, "model": None})
    assert judgement.verdict.kind == kind
    assert judgement.evidence == ("AttributeError: no 'fc'" if kind == "confirmed" else "")


# -- frozen ------------------------------------------------------------------------------------------------------


def test_a_head_that_no_gradient_reaches_stays_frozen() -> None:
    claim = StaysFrozen(HEAD, "fc")
    judgement = claim.judge(made(claim), observed(HEAD_KEY))
    assert judgement.verdict.kind == "confirmed"
    assert judgement.evidence == "no gradient reaches any of the 2 parameters of 'fc'"


@pytest.mark.parametrize("change", [{"trainable": 1}, {"reached": 1}, {"inside": False}, {"parameters": 0}])
def test_a_head_that_trains_is_gone_or_has_nothing_to_train(change: dict[str, Any]) -> None:
    assert verdict(StaysFrozen(HEAD, "fc"), observed(HEAD_KEY, **change)) == "refuted"


def test_flags_are_certain_where_forward_stops() -> None:
    assert verdict(StaysFrozen(HEAD, "fc"), observed(HEAD_KEY, forward={"stopped": "opaque"})) == "confirmed"
    assert verdict(StaysFrozen(HEAD, "fc"), observed(HEAD_KEY, forward=raised("mat1"))) == "unconfirmed"


def still_inside(observation: dict[str, Any]) -> None:
    observation["watch"][OLD_KEY]["inside"] = True


def one_frozen(observation: dict[str, Any]) -> None:
    observation["model"]["trainable"] = 61


@pytest.mark.parametrize(
    ("change", "kind"), [(lambda _: None, "confirmed"), (still_inside, "refuted"), (one_frozen, "refuted")]
)
def test_nothing_frozen(change: Change, kind: str) -> None:
    observation = observed(OLD_KEY, inside=False)
    change(observation)
    claim = NothingFrozen((OLD,))
    judgement = claim.judge(made(claim), observation)
    assert judgement.verdict.kind == kind
    assert judgement.evidence == ("all 62 parameters of the model still require grad" if kind == "confirmed" else "")


def test_what_claims_ask_for() -> None:
    assert NeverUsed(HEAD).watch == StaysFrozen(HEAD, "fc").watch == ForwardRaises((HEAD,)).watch == (HEAD,)
    assert NothingFrozen((OLD,)).watch == (OLD,)
    assert not ReadRaises().needs_forward
    assert not NothingFrozen((OLD,)).needs_forward


@pytest.mark.parametrize("claim", [NeverUsed(HEAD), StaysFrozen(HEAD, "fc"), NothingFrozen((HEAD,))])
def test_nothing_is_said_of_a_module_that_is_not_watched(claim: Claim) -> None:
    judgement = claim.judge(made(claim), observed("5:elsewhere"))
    assert judgement.verdict.kind == "unconfirmed"
    assert judgement.verdict.reason


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ([2, 1000], "(2, 1000)"),
        ([2], "(2,)"),
        ([], "()"),
        ([[2, 10], [2, 5]], "[(2, 10), (2, 5)]"),
        ([[1], [2], [3], [4]], "[(1,), (2,), (3,), ...]"),
        ({"out": [2, 21, 8, 8]}, "{out: (2, 21, 8, 8)}"),
        (None, "None"),
    ],
)
def test_shapes_are_written_as_torch_users_see_them(output: object, text: str) -> None:
    assert shape_text(output) == text
