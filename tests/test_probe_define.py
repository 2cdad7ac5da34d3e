"""The forward of a user's own class, replayed as a program of operations on real tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from probe_helpers import IMAGES, build, linear, needs_torch, prober, recipe, seen

from headlint.probe.client import Prober
from headlint.probe.protocol import Failure

pytestmark = needs_torch


@pytest.fixture(scope="module")
def worker() -> Iterator[Prober]:
    with prober() as started:
        yield started


OPAQUE = {"do": "opaque", "object": 5}


def call(module: int, *inputs: int, path: str = "") -> dict[str, Any]:
    return {"kind": "call", "inputs": list(inputs), "module": [module, path], "arguments": {}}


def function(kind: str, *inputs: int, **arguments: Any) -> dict[str, Any]:
    return {"kind": kind, "inputs": list(inputs), "arguments": arguments}


def define(*operations: dict[str, Any], **parts: int) -> dict[str, Any]:
    refs = [[name, [number, ""]] for name, number in parts.items()]
    return {"do": "define", "object": 5, "parts": refs, "operations": list(operations)}


def forward(worker: Prober, *events: dict[str, Any]) -> dict[str, Any]:
    return seen(worker.observe(recipe(OPAQUE, *events, model=[5, ""], watch=[], shape=IMAGES)))


def test_a_whole_model_gives_its_classes_to_the_next_layer(worker: Prober) -> None:
    steps = define(call(0, 0), call(1, 1), backbone=0, head=1)
    data = forward(worker, build("resnet50"), linear(1, 2048, 5), steps)
    raised = data["forward"]["raised"]
    assert raised["text"] == "mat1 and mat2 shapes cannot be multiplied (2x1000 and 2048x5)"
    assert (raised["module"], raised["place"]) == ([1, ""], "head")


def test_a_right_composition_runs_and_its_parts_are_counted(worker: Prober) -> None:
    steps = define(call(0, 0), function("relu", 1), call(1, 2), backbone=0, head=1)
    data = forward(worker, build("resnet18"), linear(1, 1000, 5), steps)
    assert data["forward"] == {"output": [2, 5], "raised": None, "stopped": None}
    assert data["model"]["parameters"] == data["model"]["used"] == 64


@pytest.mark.parametrize(
    ("operations", "shape"),
    [
        ([function("mean", 1, dim=[2, 3])], [2, 512]),
        ([function("adaptive_avg_pool2d", 1, output_size=1), function("reshape", 2, sizes=[0, -1])], [2, 512]),
        ([function("adaptive_max_pool2d", 1, output_size=[2, 2]), function("flatten", 2, start_dim=1)], [2, 2048]),
        ([function("mean", 1, dim=[2, 3]), function("cat", 2, 2, dim=1)], [2, 1024]),
        ([function("mean", 1, dim=[2, 3]), function("add", 2, 2), function("mul", 3, value=2)], [2, 512]),
        ([function("permute", 1, dims=[0, 2, 3, 1]), function("amax", 2, dim=[1, 2])], [2, 512]),
        ([function("mean", 1, dim=3), function("squeeze", 2), function("unsqueeze", 3, dim=1)], None),
        ([function("mean", 1, dim=[2, 3]), function("normalize", 2, dim=1), function("dropout", 3, p=0.5)], [2, 512]),
        ([function("mean", 1, dim=[2, 3]), function("log_softmax", 2, dim=1), function("contiguous", 3)], [2, 512]),
    ],
)
def test_operations_are_those_of_torch(worker: Prober, operations: list[Any], shape: list[int] | None) -> None:
    whole = [call(0, i, path=name) for i, name in enumerate(TRUNK)]
    shifted = [{**one, "inputs": [value + len(TRUNK) - 1 for value in one["inputs"]]} for one in operations]
    data = forward(worker, build("resnet18"), define(*whole, *shifted, backbone=0))
    assert data["forward"]["raised"] is None
    assert shape is None or data["forward"]["output"] == shape


TRUNK = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


@pytest.mark.parametrize(
    "broken",
    [
        define(),
        define(function("exec", 0)),
        define(function("relu", 1)),
        define(function("relu", 0, inplace=True)),
        define(function("flatten")),
        define(call(7, 0)),
        define(call(0, 0), __class__=0),
        {**define(call(0, 0)), "object": 0},
    ],
    ids=["empty", "unknown", "later value", "argument", "no input", "no module", "dunder", "no stand-in"],
)
def test_what_is_no_program_is_refused(worker: Prober, broken: dict[str, Any]) -> None:
    answer = worker.observe(recipe(OPAQUE, build("resnet18"), broken, model=[5, ""], watch=[], shape=IMAGES))
    assert isinstance(answer, Failure)
    assert answer.kind == "refused"
