"""Builders that refuse, attributes of parameters, and devices, as the worker replays them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from probe_helpers import (
    IMAGES,
    Event,
    build,
    failed,
    flags,
    layer,
    linear,
    mode,
    needs_torch,
    optimizer,
    place,
    prober,
    recipe,
    seen,
)

from headlint.probe.client import Prober

pytestmark = needs_torch


@pytest.fixture(scope="module")
def worker() -> Iterator[Prober]:
    with prober() as started:
        yield started


# -- builders with their weights ---------------------------------------------------------------------------------


def refused(builder: str, weights: dict[str, Any], **arguments: Any) -> Event:
    return {**build(builder, **arguments), "refused": True, "weights": weights}


def member(enum: str, name: str = "DEFAULT") -> dict[str, str]:
    return {"enum": enum, "member": name}


NUM_CLASSES = "The parameter 'num_classes' expected value {} but got 10 instead."
AUX_LOGITS = "The parameter 'aux_logits' expected value True but got False instead."
REFUSED = [
    (refused("resnet18", {"weights": "DEFAULT"}, num_classes=10), "ValueError", NUM_CLASSES.format(1000)),
    (refused("resnet18", {"pretrained": True}, num_classes=10), "ValueError", NUM_CLASSES.format(1000)),
    (
        refused("vit_b_16", {"weights": member("ViT_B_16_Weights")}, num_classes=10),
        "ValueError",
        NUM_CLASSES.format(1000),
    ),
    (refused("inception_v3", {"weights": "IMAGENET1K_V1"}, aux_logits=False), "ValueError", AUX_LOGITS),
    (refused("googlenet", {"pretrained": True}, aux_logits=False), "ValueError", AUX_LOGITS),
    (
        refused("fasterrcnn_resnet50_fpn", {"weights": "DEFAULT"}, num_classes=10),
        "ValueError",
        NUM_CLASSES.format(91),
    ),
    (refused("resnet18", {"weights": "imagenet"}), "KeyError", "'imagenet'"),
    (
        refused("resnet18", {"weights": member("ResNet50_Weights")}),
        "TypeError",
        "Invalid Weight class provided; expected ResNet18_Weights but received ResNet50_Weights.",
    ),
    (
        refused("vgg16", {}, num_clases=10),
        "TypeError",
        "VGG.__init__() got an unexpected keyword argument 'num_clases'",
    ),
]


@pytest.mark.parametrize(("event", "kind", "text"), REFUSED)
def test_a_builder_that_refuses_raises_its_own_exception(worker: Prober, event: Event, kind: str, text: str) -> None:
    data = seen(worker.observe(recipe(event, watch=[[0, "fc"]], shape=IMAGES)))
    (raised,) = data["events"]
    assert raised["raised"]["type"] == kind
    # Python 3.10 names the class of a method, 3.13 what may have been meant.
    assert raised["raised"]["text"].partition(". Did you mean")[0] in (text, text.replace("VGG.", ""))
    assert (data["watch"], data["model"]) == ({}, None)


@pytest.mark.parametrize(
    "event",
    [
        refused("resnet18", {"weights": "DEFAULT"}),
        refused("resnet18", {"weights": member("ResNet18_Weights", "IMAGENET1K_V1")}, num_classes=1000),
        refused("resnet18", {"pretrained": True}),
        refused("googlenet", {"weights": "DEFAULT"}, aux_logits=True),
        # With weights for the whole or for nothing, this one takes weights for its backbone all the same.
        refused("fcn_resnet50", {"weights": None, "weights_backbone": member("ResNet50_Weights")}),
        refused("retinanet_resnet50_fpn", {}),
    ],
)
def test_a_builder_that_does_not_refuse_comes_to_the_download(worker: Prober, event: Event) -> None:
    data = seen(worker.observe(recipe(event, linear(1, 2, 2), watch=[[1, ""]], shape=IMAGES)))
    assert data["events"] == [{"reached": "the download"}]
    assert "forward" not in data


def test_a_builder_that_asks_for_nothing_is_built(worker: Prober) -> None:
    # MobileNetV3 swallows whatever it does not know.
    swallowed = refused("mobilenet_v3_small", {"weights": None}, num_clases=10)
    data = seen(worker.observe(recipe(swallowed, shape=IMAGES)))
    assert data["events"] == [None]
    assert data["forward"]["output"] == [2, 1000]


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({"num_classes": 10}, "does not ask for weights"),
        ("DEFAULT", "does not ask for weights"),
        ({"weights": member("os")}, "are no weights of torchvision"),
        ({"weights": member("ResNet18_Weights", "__class__")}, "are no weights of torchvision"),
        ({"weights": {}}, "are no weights of torchvision"),
        ({"weights": {"enum": "ResNet18_Weights", "member": ["DEFAULT"]}}, "are no weights of torchvision"),
        ({"weights": [{}]}, "is no plain value"),
    ],
)
def test_crafted_weights_are_refused(worker: Prober, weights: Any, reason: str) -> None:
    failure = failed(worker.observe(recipe(refused("resnet18", weights))))
    assert failure.kind == "refused"
    assert reason in failure.reason


# -- attributes of parameters ------------------------------------------------------------------------------------


def attribute(name: str, value: Any, *paths: str) -> Event:
    return {"do": "parameter_attribute", "parameters": [[0, path] for path in paths], "name": name, "value": value}


@pytest.mark.parametrize("name", ["require_grad", "required_grad", "requires_grads", "requires_grad_", "frozen"])
def test_a_misspelt_flag_freezes_nothing(worker: Prober, name: str) -> None:
    misspelt = attribute(name, False, "conv1.weight", "fc.weight")
    data = seen(worker.observe(recipe(build("resnet18"), misspelt, shape=IMAGES)))
    assert data["events"] == [None, None]
    assert data["model"] == {"parameters": 62, "trainable": 62, "used": 62, "reached": 62}


@pytest.mark.parametrize("name", ["data", "grad", "requires_grad", "grad_fn", "__class__", "_grad", "__dict__", "a.b"])
def test_what_a_parameter_has_of_its_own_is_not_replayed(worker: Prober, name: str) -> None:
    failure = failed(worker.observe(recipe(build("resnet18"), attribute(name, False, "fc.weight"))))
    assert failure.kind == "refused"
    assert f"{name!r} is no name that can be replayed" in failure.reason


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (attribute("x", {"a": 1}, "fc.weight"), "is no plain value"),
        (attribute("x", 1, "nothing"), "no parameter stood at 'nothing'"),
        (mode([0, ""], 1), "a mode is true or false"),  # type: ignore[arg-type]
        (mode([0, "head"], True), "no module stood at 'head'"),
        ({"do": "move", "target": [0, ""], "device": 0}, "0 is no device"),
        ({"do": "optimizer", "kind": ["SGD"], "parameters": []}, "['SGD'] is no optimizer"),
        ({"do": "optimizer", "kind": "SGD", "parameters": None}, "a group is no list"),
        ({"do": "optimizer", "kind": "SGD", "groups": {}}, "groups is no list"),
        (optimizer("SGD", [0]), "[0] is no reference"),
        (flags(0, ["nothing"], True), "no parameter stood at 'nothing'"),
    ],
)
def test_crafted_events_are_refused(worker: Prober, event: Event, reason: str) -> None:
    failure = failed(worker.observe(recipe(build("resnet18"), event)))
    assert failure.kind == "refused"
    assert reason in failure.reason


def test_a_training_step_needs_an_input(worker: Prober) -> None:
    assert failed(worker.observe(recipe(build("resnet18"), train=True))).reason == "a training step without an input"
    assert "is no shape" in failed(worker.observe(recipe(build("resnet18"), train=True, train_input=[0]))).reason


# -- devices -----------------------------------------------------------------------------------------------------


def move(target: list[Any], device: str = "cuda") -> Event:
    return {"do": "move", "target": target, "device": device}


def across_devices(worker: Prober, *events: Event, shape: list[int] = IMAGES) -> dict[str, Any]:
    forward: dict[str, Any] = seen(worker.observe(recipe(*events, shape=shape, devices=True)))["forward"]
    return forward


HEAD = [linear(1, 512, 10), place([0, ""], "fc", [1, ""])]


def test_a_head_left_behind_raises_where_it_is_called(worker: Prober) -> None:
    raised = across_devices(worker, build("resnet18"), move([0, ""]), *HEAD)["raised"]
    assert (raised["module"], raised["place"]) == ([1, ""], "fc")
    assert raised["text"] == "aten.addmm.default gets tensors on different devices: cpu and cuda"
    convolution = layer(1, "Conv2d", in_channels=512, out_channels=10, kernel_size=1)
    events = [build("squeezenet1_1"), move([0, ""], "mps"), convolution, place([0, "classifier"], "1", [1, ""], "item")]
    raised = across_devices(worker, *events)["raised"]
    assert (raised["module"], raised["text"].endswith("cpu and mps")) == ([1, ""], True)


@pytest.mark.parametrize(
    "events",
    [
        [*HEAD, move([0, ""])],
        [move([0, ""]), *HEAD, move([0, ""])],
        [move([0, ""]), HEAD[0], move([1, ""]), HEAD[1]],
        [move([0, ""]), linear(1, 512, 10), place([0, ""], "head", [1, ""])],
        [move([0, ""], "cpu"), *HEAD],
        HEAD,
    ],
)
def test_what_stands_together_at_the_end_runs(worker: Prober, events: list[Event]) -> None:
    forward = across_devices(worker, build("resnet18"), *events)
    assert forward["raised"] is None
    assert forward["output"] in ([2, 10], [2, 1000])


@pytest.mark.parametrize(
    ("builder", "side"),
    [("vit_b_16", 224), ("swin_t", 64), ("convnext_tiny", 64), ("densenet121", 64), ("maxvit_t", 224)],
)
def test_no_model_mixes_devices_by_itself(worker: Prober, builder: str, side: int) -> None:
    forward = across_devices(worker, build(builder), move([0, ""]), shape=[1, 3, side, side])
    assert forward == {"output": [1, 1000], "raised": None, "stopped": None}


def test_devices_count_only_where_they_are_asked_for(worker: Prober) -> None:
    data = seen(worker.observe(recipe(build("resnet18"), move([0, ""]), *HEAD, shape=IMAGES)))
    assert data["forward"]["output"] == [2, 10]
