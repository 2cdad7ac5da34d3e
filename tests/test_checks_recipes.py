"""Recipes: one replay for all that is claimed about a history, and what is replayed when that says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import needs_torch

from headlint.checks.candidate import Candidate, all_checks
from headlint.checks.recipes import MOST_WATCHED, recipes
from headlint.claims import Claim, Judgement, NeverUsed, NothingFrozen
from headlint.flow.histories import ModelHistory, analyse
from headlint.history import ModuleRef, Recipe, SetModule, WeightsMember
from headlint.lint import Linter, Report, Settings
from headlint.probe.client import Prober
from headlint.source.program import parse

IMPORTS = "from torch import nn, optim\nfrom torchvision import models\n"
THREE = IMPORTS + (
    "model = models.vgg16()\nmodel.fc = nn.Linear(4096, 10)\nmodel.head = nn.Linear(4096, 10)\n"
    "model.classifier[6] = nn.Linear(512, 10)\n"
)


def history_of(text: str) -> ModelHistory:
    (history,) = analyse(parse(text, "program.py").tree).histories
    return history


def candidates(history: ModelHistory) -> list[Candidate]:
    # HL200 suspects everything, and asks for a replay of its own.
    return [candidate for code, check in all_checks() if code != "HL200" for candidate in check(history)]


def bodies(history: ModelHistory, claim: Claim, model: ModuleRef | None = None) -> list[dict[str, Any]]:
    return [dict(made.body) for made in recipes(history, claim, model)]


class Counted:
    """A prober that counts what it is asked."""

    def __init__(self, prober: Prober) -> None:
        self.asked: list[dict[str, Any]] = []
        self._prober = prober

    def observe(self, recipe: dict[str, Any]) -> Any:
        self.asked.append(recipe)
        return self._prober.observe(recipe)


@needs_torch
def test_one_replay_decides_all_claims_about_a_history(tmp_path: Path) -> None:
    text = IMPORTS + (
        "model = models.vgg16()\nmodel.fc = nn.Linear(4096, 10)\nmodel.head = nn.Linear(4096, 10)\n"
        "model.classifier[6] = nn.Linear(4096, 10)\nfor p in model.parameters():\n    p.requires_grad = False\n"
        "opt = optim.SGD(model.parameters(), lr=0.1)\n"
    )
    with Prober(cache_directory=str(tmp_path)) as prober:
        counted = Counted(prober)
        report: Report = Linter(Settings(), counted).lint_unguarded(text, "program.py")
    assert [finding.code for finding in report.findings] == ["HL101", "HL101", "HL301"]
    assert {finding.verdict.kind for finding in report.findings} == {"confirmed"}
    assert len(counted.asked) == 1


@needs_torch
def test_a_mistake_in_the_way_of_another_costs_a_second_replay(tmp_path: Path) -> None:
    with Prober(cache_directory=str(tmp_path)) as prober:
        counted = Counted(prober)
        report = Linter(Settings(), counted).lint_unguarded(THREE, "program.py")
    assert [finding.code for finding in report.findings] == ["HL101", "HL101", "HL201"]
    assert {finding.verdict.kind for finding in report.findings} == {"confirmed"}
    # The whole history raises in classifier[6]; the two layers that are never called get one each without that.
    assert len(counted.asked) == 3


def test_the_recipe_follows_from_the_history() -> None:
    history = history_of(THREE)
    first = [bodies(history, candidate.claim, candidate.model)[0] for candidate in candidates(history)]
    assert len(first) == 3
    assert first[0] == first[1] == first[2]
    assert first[0]["watch"] == [[1, ""], [2, ""], [3, ""], [0, "classifier.6"]]
    assert first[0]["input"] == [2, 3, 32, 32]


def test_what_ends_in_a_read_that_raises_runs_no_forward() -> None:
    history = history_of(IMPORTS + "model = models.vgg16()\nmodel.fc = nn.Linear(model.fc.in_features, 10)\n")
    (candidate,) = candidates(history)
    (body,) = bodies(history, candidate.claim)
    assert "input" not in body
    text = IMPORTS + "model = models.vgg16()\nmodel.fc = nn.Linear(1, 10)\nmodel.head.in_features\n"
    whole, fewer = bodies(history_of(text), NeverUsed(ModuleRef(*placed(history_of(text)))))
    assert "input" not in whole
    assert fewer["input"] == [2, 3, 32, 32]
    assert [step["do"] for step in fewer["events"]] == ["build", "layer", "set"]


def placed(history: ModelHistory) -> ModuleRef:
    """The first module that the code puts somewhere."""
    return next(event.value for event in history.events if isinstance(event, SetModule) and event.value is not None)


def test_the_smaller_recipe_keeps_how_the_module_comes_into_the_model() -> None:
    text = IMPORTS + (
        "model = models.resnet18()\nmodel.other = nn.Linear(1, 1)\ndel model.layer4\n"
        "model.fc = nn.Sequential(nn.Linear(512, 10), nn.ReLU())\n"
    )
    history = history_of(text)
    layer = next(ref for ref, place in history.places.items() if place == "fc.0")
    _, fewer = bodies(history, NeverUsed(layer))
    assert [step["name"] for step in fewer["events"] if step["do"] in ("set", "delete")] == ["fc"]
    _, fewer = bodies(history, NothingFrozen((ModuleRef(history.build.object, "fc"),)))
    assert [step["name"] for step in fewer["events"] if step["do"] in ("set", "delete")] == ["fc"]
    assert "input" not in fewer


def test_more_than_a_replay_watches_is_watched_by_the_second() -> None:
    lines = "".join(f"model.extra{i} = nn.Linear(1, 1)\n" for i in range(MOST_WATCHED + 3))
    history = history_of(IMPORTS + "model = models.resnet18()\n" + lines)
    first = placed(history)
    whole, fewer = bodies(history, NeverUsed(first))
    assert len(whole["watch"]) == MOST_WATCHED
    assert [1, ""] not in whole["watch"]
    assert fewer["watch"] == [[1, ""]]


def test_a_wrapper_is_entered_where_the_code_puts_something_on_it() -> None:
    wrapped = IMPORTS + "model = models.resnet18()\nnet = nn.DataParallel(model)\n"
    history = history_of(wrapped + "net.fc = nn.Linear(512, 10)\nmodel.head = nn.Linear(512, 10)\n")
    found = candidates(history)
    assert len(found) == 2
    assert [bodies(history, candidate.claim, candidate.model)[0]["model"] for candidate in found] == [[1, ""]] * 2
    history = history_of(wrapped + "net.module.head = nn.Linear(512, 10)\n")
    (candidate,) = candidates(history)
    assert bodies(history, candidate.claim)[0]["model"] == [0, ""]


class Training(NeverUsed):
    """A claim that only a training step decides."""

    needs_training = True
    needs_values = True

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        raise NotImplementedError


class OfBuilder(Training):
    """A claim about what the builder does with the weights it is asked for, and about devices."""

    needs_training = False
    needs_values = False
    needs_devices = True
    needs_refusal = True


def test_a_builder_is_asked_for_its_weights_only_where_a_claim_needs_that() -> None:
    history = history_of(IMPORTS + "model = models.resnet18(weights='DEFAULT')\nmodel.extra = nn.Linear(1, 1)\n")
    build = replace(history.build, weights=(("weights", WeightsMember("ResNet18_Weights", "DEFAULT")),))
    events = tuple(build if event is history.build else event for event in history.events)
    history = replace(history, build=build, events=events)
    (body,) = bodies(history, OfBuilder(placed(history)))
    step = {"do": "build", "object": 0, "builder": "resnet18", "arguments": {}, "weighted": True}
    weights = {"weights": {"enum": "ResNet18_Weights", "member": "DEFAULT"}}
    assert body["events"][0] == {**step, "refused": True, "weights": weights}
    assert body["devices"] is True
    (body,) = bodies(history, NeverUsed(placed(history)))
    assert body["events"][0] == step
    assert "devices" not in body


@pytest.mark.parametrize(
    ("builder", "shape"),
    [
        ("resnet18", [2, 3, 1, 1]),
        ("inception_v3", [2, 3, 299, 299]),
        ("vgg16", [2, 3, 32, 32]),
        ("segmentation.fcn_resnet50", [2, 3, 1, 1]),
    ],
)
def test_training_gets_an_input_that_auxiliary_heads_take(builder: str, shape: list[int]) -> None:
    history = history_of(IMPORTS + f"model = models.{builder}()\nmodel.extra = nn.Linear(1, 1)\nmodel.train()\n")
    (body,) = bodies(history, Training(placed(history)))
    assert (body["train"], body["train_input"], body["values"]) == (True, shape, True)
    (body,) = bodies(history, NeverUsed(placed(history)))
    assert not {"train", "train_input", "values"} & set(body)
    assert not [step for step in body["events"] if step["do"] == "mode"]
