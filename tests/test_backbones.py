"""How much of a detection model its builder freezes: the analysis and the worker say the same as torchvision."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from probe_helpers import PYTHON, needs_torch, prober, seen

from headlint.flow.histories import analyse
from headlint.history import Json, Witnesses, recipe
from headlint.lint import Linter, Settings
from headlint.probe.client import Prober
from headlint.source.program import parse
from headlint.zoo import builder_names, find_builder

DETECTION = [name for name in builder_names() if (builder := find_builder(name)) and builder.task == "detection"]

# Counted on torchvision's own models, whose weights were taken to be loaded: all parameters, and those that train.
COUNTED = {
    "fasterrcnn_resnet50_fpn(num_classes=3)": (83, 72),
    "fasterrcnn_resnet50_fpn(weights_backbone=None, num_classes=3)": (189, 189),
    "fasterrcnn_resnet50_fpn(pretrained_backbone=False, num_classes=3)": (189, 189),
    "fasterrcnn_resnet50_fpn(weights_backbone=None, trainable_backbone_layers=1)": (189, 189),
    "fasterrcnn_resnet50_fpn(trainable_backbone_layers=1)": (83, 40),
    "retinanet_resnet50_fpn_v2(num_classes=3)": (203, 203),
    "retinanet_resnet50_fpn_v2(weights_backbone='DEFAULT', num_classes=3)": (203, 170),
}
CALLS = [
    f"{name}({arguments})"
    for name in DETECTION
    for arguments in (
        "",
        "weights='DEFAULT'",
        "weights_backbone=None",
        "weights_backbone='DEFAULT'",
        "weights_backbone='DEFAULT', trainable_backbone_layers=1",
        "weights=None, trainable_backbone_layers=0, num_classes=4",
    )
]


@pytest.fixture(scope="module")
def worker() -> Iterator[Prober]:
    with prober() as started:
        yield started


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    with Linter(Settings(python=PYTHON, cache_directory=str(tmp_path_factory.mktemp("cache")))) as one:
        yield one


def understood(call: str) -> tuple[tuple[int, int], dict[str, Json]]:
    """How many parameters the analysis finds, how many of them train, and the recipe of such a model."""
    text = f"from torchvision.models.detection import *\nmodel = {call}\nmodel.eval()\n"
    (history,) = analyse(parse(text, "program.py").tree).histories
    trains = sum(history.state.flags.get(parameter, True) is True for parameter in history.parameters)
    asked = recipe(
        history.events, model=history.model, watch=(history.model,), input_shape=None, witnesses=Witnesses({}, {})
    )
    return (len(history.parameters), trains), asked.body


@needs_torch
@pytest.mark.parametrize("call", CALLS)
def test_the_worker_builds_what_the_analysis_finds(call: str, worker: Prober) -> None:
    counts, body = understood(call)
    (model,) = seen(worker.observe(body))["watch"].values()
    assert (model["parameters"], model["trainable"]) == counts


@pytest.mark.parametrize(("call", "counts"), COUNTED.items())
def test_what_is_frozen_is_what_torchvision_freezes(call: str, counts: tuple[int, int]) -> None:
    assert understood(call)[0] == counts


FROZEN = """
import torch
from torchvision.models.detection import *
model = {}
for parameter in model.parameters():
    if parameter.requires_grad:
        parameter.requires_grad = False
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for images, targets in load():
    sum(model(images, targets).values()).backward()
    optimizer.step()
"""


@needs_torch
@pytest.mark.parametrize("name", DETECTION)
@pytest.mark.parametrize("arguments", ["weights='DEFAULT'", "weights_backbone='DEFAULT', num_classes=3"])
def test_a_detection_model_of_which_everything_is_frozen_is_found(name: str, arguments: str, linter: Linter) -> None:
    text = FROZEN.format(f"{name}({arguments})")
    (finding,) = linter.lint_unguarded(text, "program.py").findings
    assert (finding.code, finding.verdict.kind) == ("HL306", "confirmed")
    thawed = text.replace("optimizer =", "model.backbone.requires_grad_(True)\noptimizer =")
    assert linter.lint_unguarded(thawed, "program.py").findings == ()
