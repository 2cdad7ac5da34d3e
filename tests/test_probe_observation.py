"""What the worker sees of real models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from probe_helpers import (
    IMAGES,
    build,
    container,
    failed,
    flags,
    layer,
    linear,
    needs_torch,
    place,
    prober,
    read,
    recipe,
    seen,
)

from headlint.probe.client import Prober

pytestmark = needs_torch


@pytest.fixture(scope="module")
def worker() -> Iterator[Prober]:
    with prober() as started:
        yield started


def test_a_right_head_is_called_and_trains(worker: Prober) -> None:
    events = [build("resnet18"), linear(1, 512, 10), place([0, ""], "fc", [1, ""])]
    data = seen(worker.observe(recipe(*events, watch=[[1, ""], [0, "fc"]], shape=IMAGES)))
    assert data["events"] == [None, None, None]
    assert data["forward"] == {"output": [2, 10], "raised": None, "stopped": None}
    head = {"calls": 1, "arrived": [2, 512], "inside": True, "modules_called": 1, "held": 0, "weight": [10, 512]}
    assert data["watch"]["1:"] == {**head, "parameters": 2, "trainable": 2, "used": 2, "reached": 2}
    old = {"calls": 0, "arrived": None, "inside": False, "modules_called": 0, "held": 0, "weight": [1000, 512]}
    assert data["watch"]["0:fc"] == {**old, "parameters": 2, "trainable": 2, "used": 0, "reached": 0}
    assert data["model"] == {"parameters": 62, "trainable": 62, "used": 62, "reached": 62}


def test_a_wrong_width_raises_in_the_new_layer_with_the_words_of_torch(worker: Prober) -> None:
    events = [
        build("resnet18"),
        linear(1, 2048, 10),
        layer(2, "ReLU"),
        container(3, "Sequential", _0=[2, ""], _1=[1, ""]),
        place([0, ""], "fc", [3, ""]),
    ]
    data = seen(worker.observe(recipe(*events, watch=[[1, ""]], shape=IMAGES)))
    assert data["forward"] == {
        "output": None,
        "raised": {
            "type": "RuntimeError",
            "text": data["forward"]["raised"]["text"],
            "module": [1, ""],
            "place": "fc.1",
        },
        "stopped": None,
    }
    # Newer versions put the name of the operator in front.
    text = "mat1 and mat2 shapes cannot be multiplied (2x512 and 2048x10)"
    assert data["forward"]["raised"]["text"] in (text, "addmm: " + text)
    assert data["watch"]["1:"]["used"] is None
    assert data["watch"]["1:"]["arrived"] == [2, 512]


def test_an_attribute_that_forward_does_not_know_is_dead(worker: Prober) -> None:
    events = [build("vgg11"), linear(1, 4096, 10), place([0, ""], "fc", [1, ""], "add_module")]
    data = seen(worker.observe(recipe(*events, watch=[[1, ""]], shape=IMAGES)))
    assert data["forward"]["output"] == [2, 1000]
    dead = data["watch"]["1:"]
    assert (dead["calls"], dead["modules_called"], dead["used"], dead["inside"]) == (0, 0, 0, True)
    assert data["model"] == {"parameters": 24, "trainable": 24, "used": 22, "reached": 22}


@pytest.mark.parametrize(
    ("builder", "path", "shape"),
    [
        ("swin_t", "features.1.0.attn.qkv", [1, 3, 32, 32]),
        ("vit_b_16", "encoder.layers.encoder_layer_0.self_attention.out_proj", [1, 3, 224, 224]),
    ],
)
def test_attention_uses_layers_without_calling_them(worker: Prober, builder: str, path: str, shape: list[int]) -> None:
    facts = seen(worker.observe(recipe(build(builder), watch=[[0, path]], shape=shape)))["watch"][f"0:{path}"]
    assert facts["calls"] == 0
    assert facts["used"] == facts["reached"] == facts["parameters"] == 2


def test_frozen_parameters_are_used_and_not_reached(worker: Prober) -> None:
    names = ["features.0.weight", "features.0.bias", "classifier.6.weight", "classifier.6.bias"]
    events = [build("alexnet"), flags(0, names, False), flags(0, names[2:3], True)]
    data = seen(worker.observe(recipe(*events, watch=[[0, "features.0"], [0, "classifier.6"]], shape=IMAGES)))
    assert data["watch"]["0:features.0"] | {"calls": 1, "arrived": IMAGES} == data["watch"]["0:features.0"]
    counts = {name: [facts[k] for k in ("trainable", "used", "reached")] for name, facts in data["watch"].items()}
    assert counts == {"0:features.0": [0, 2, 0], "0:classifier.6": [1, 2, 1]}
    assert data["model"] == {"parameters": 16, "trainable": 13, "used": 16, "reached": 13}


@pytest.mark.parametrize(
    ("builder", "steps", "raised"),
    [
        ("vgg11", ["fc", "in_features"], ("AttributeError", "'VGG' object has no attribute 'fc'")),
        ("efficientnet_b0", ["_fc"], ("AttributeError", "'EfficientNet' object has no attribute '_fc'")),
        ("vgg11", ["classifier", 7], ("IndexError", "index 7 is out of range")),
        ("resnet18", ["fc", 0], ("TypeError", "'Linear' object is not subscriptable")),
        (
            "vgg11",
            ["classifier", "in_features"],
            ("AttributeError", "'Sequential' object has no attribute 'in_features'"),
        ),
    ],
)
def test_reading_raises_as_it_does_for_the_user(
    worker: Prober, builder: str, steps: list[str | int], raised: tuple[str, str]
) -> None:
    data = seen(worker.observe(recipe(build(builder), read([0, ""], *steps), shape=IMAGES)))
    assert data["events"] == [None, {"raised": {"type": raised[0], "text": raised[1]}}]
    assert "forward" not in data


def test_reading_what_is_there_raises_nothing(worker: Prober) -> None:
    events = [build("vgg11"), read([0, ""], "classifier", -1, "in_features"), read([0, ""], "classifier", 6, "weight")]
    assert seen(worker.observe(recipe(*events)))["events"] == [None, None, None]


def test_replay_stops_at_the_event_that_raises(worker: Prober) -> None:
    events = [read([0, ""], "fc", "nothing"), linear(1, 2, 2), place([0, ""], "fc", [1, ""])]
    data = seen(worker.observe(recipe(build("resnet18"), *events, watch=[[0, "fc"], [1, ""]])))
    assert len(data["events"]) == 2
    assert list(data["watch"]) == ["0:fc"]


def test_an_opaque_module_ends_the_forward_where_it_is_reached(worker: Prober) -> None:
    opaque = {"do": "opaque", "object": 1}
    events = [
        build("resnet18"),
        opaque,
        place([0, ""], "fc", [1, ""]),
        linear(2, 1, 1),
        place([0, ""], "head", [2, ""]),
    ]
    data = seen(worker.observe(recipe(*events, watch=[[1, ""], [2, ""]], shape=IMAGES)))
    assert data["forward"] == {"output": None, "raised": None, "stopped": "opaque"}
    assert data["watch"]["1:"]["calls"] == 1
    assert data["watch"]["1:"]["trainable"] == 1
    assert data["watch"]["2:"]["calls"] == 0


def test_an_opaque_module_that_is_never_reached_changes_nothing(worker: Prober) -> None:
    events = [build("vgg11"), {"do": "opaque", "object": 1}, place([0, ""], "fc", [1, ""])]
    data = seen(worker.observe(recipe(*events, watch=[[1, ""]], shape=IMAGES)))
    assert data["forward"]["output"] == [2, 1000]
    assert data["watch"]["1:"]["used"] == 0


@pytest.mark.parametrize(
    "look",
    [
        read([1, ""], "weight"),
        read([0, ""], "fc", "weight"),
        read([0, ""], "fc", 0),
        place([1, ""], "0", None, "item"),
        {"do": "delete", "target": [1, ""], "name": "weight"},
        {"do": "delete", "target": [1, ""], "name": "0"},
    ],
)
def test_nothing_is_said_about_the_inside_of_an_opaque_module(worker: Prober, look: dict[str, Any]) -> None:
    events = [build("resnet18"), {"do": "opaque", "object": 1}, place([0, ""], "fc", [1, ""]), look]
    assert failed(worker.observe(recipe(*events))).reason == "looks into a module whose inside is not understood"


def test_a_forward_that_looks_into_an_opaque_module_ends_there(worker: Prober) -> None:
    opaque = {"do": "opaque", "object": 1}
    inside_attention = place([0, "encoder.layers.encoder_layer_0.self_attention"], "out_proj", [1, ""])
    data = seen(worker.observe(recipe(build("vit_b_16"), opaque, inside_attention, shape=[1, 3, 224, 224])))
    assert data["forward"] == {"output": None, "raised": None, "stopped": "opaque"}
    looped_over = place([0, "features"], "denseblock1", [1, ""])
    data = seen(worker.observe(recipe(build("densenet121"), opaque, looped_over, shape=IMAGES)))
    assert data["forward"]["stopped"] == "opaque"


@pytest.mark.parametrize("how", ["item", "attribute"])
def test_the_places_of_a_sequential_are_replaced_by_item_or_name(worker: Prober, how: str) -> None:
    events = [build("vgg11"), linear(1, 4096, 10), place([0, "classifier"], "6", [1, ""], how)]
    assert seen(worker.observe(recipe(*events, shape=IMAGES)))["forward"]["output"] == [2, 10]


def test_an_index_from_the_end(worker: Prober) -> None:
    events = [build("vgg11"), linear(1, 4096, 10), place([0, "classifier"], "-1", [1, ""], "item")]
    assert seen(worker.observe(recipe(*events, shape=IMAGES)))["forward"]["output"] == [2, 10]


def test_an_index_out_of_range_raises(worker: Prober) -> None:
    events = [build("vgg11"), linear(1, 4096, 10), place([0, "classifier"], "9", [1, ""], "item")]
    raised = seen(worker.observe(recipe(*events)))["events"][-1]["raised"]
    assert raised["type"] == "IndexError"


def test_a_new_name_on_a_sequential_runs(worker: Prober) -> None:
    events = [build("efficientnet_b0"), linear(1, 1280, 10), place([0, "classifier"], "fc", [1, ""])]
    raised = seen(worker.observe(recipe(*events, shape=IMAGES)))["forward"]["raised"]
    assert raised["text"].endswith("mat1 and mat2 shapes cannot be multiplied (2x1000 and 1280x10)")
    assert (raised["module"], raised["place"]) == ([1, ""], "classifier.fc")


def test_a_head_removed_and_one_set_to_none(worker: Prober) -> None:
    gone = {"do": "delete", "target": [0, ""], "name": "fc"}
    text = seen(worker.observe(recipe(build("resnet18"), gone, shape=IMAGES)))["forward"]["raised"]["text"]
    assert text == "'ResNet' object has no attribute 'fc'"
    raised = seen(worker.observe(recipe(build("resnet18"), place([0, ""], "fc", None), shape=IMAGES)))["forward"][
        "raised"
    ]
    assert (raised["type"], raised["text"]) == ("TypeError", "'NoneType' object is not callable")
    shortened = {"do": "delete", "target": [0, "classifier"], "name": "-1"}
    assert seen(worker.observe(recipe(build("vgg11"), shortened, shape=IMAGES)))["forward"]["output"] == [2, 4096]


def test_a_size_attribute_changes_nothing(worker: Prober) -> None:
    edit = {"do": "attribute", "target": [0, "fc"], "name": "out_features", "value": 10}
    assert seen(worker.observe(recipe(build("resnet18"), edit, shape=IMAGES)))["forward"]["output"] == [2, 1000]


def test_a_wrapper_hides_the_names_of_its_module(worker: Prober) -> None:
    for kind in ("DataParallel", "DistributedDataParallel"):
        events = [
            build("resnet18"),
            container(1, kind, module=[0, ""]),
            linear(2, 512, 10),
            place([1, ""], "fc", [2, ""]),
        ]
        data = seen(worker.observe(recipe(*events, model=[1, ""], watch=[[2, ""]], shape=IMAGES)))
        assert data["forward"]["output"] == [2, 1000]
        assert data["watch"]["2:"]["used"] == 0
        events = [*events[:2], read([1, ""], "fc")]
        raised = seen(worker.observe(recipe(*events, model=[1, ""])))["events"][-1]["raised"]
        assert raised["text"] == f"'{kind}' object has no attribute 'fc'"
        # What only a wrapper with devices has is no evidence here.
        for steps in (["device_ids", 0], ["output_device"]):
            answer = worker.observe(recipe(*events[:2], read([1, ""], *steps), model=[1, ""]))
            assert failed(answer).reason == "looks into a module whose inside is not understood"


def test_a_sequential_of_the_children_of_a_model(worker: Prober) -> None:
    names = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"]
    children = {f"_{i}": [0, name] for i, name in enumerate(names)}
    events = [build("resnet18"), container(1, "Sequential", **children), linear(2, 512, 10)]
    joined = container(3, "Sequential", backbone=[1, ""], head=[2, ""])
    data = seen(worker.observe(recipe(*events, joined, model=[3, ""], watch=[[0, "layer4"]], shape=IMAGES)))
    assert data["watch"]["0:layer4"]["inside"]
    raised = data["forward"]["raised"]
    assert raised["text"].endswith("mat1 and mat2 shapes cannot be multiplied (1024x1 and 512x10)")
    assert (raised["module"], raised["place"]) == ([2, ""], "head")


def test_module_dicts_and_lists_hold_modules(worker: Prober) -> None:
    parts = [
        linear(0, 4, 4),
        linear(1, 4, 4),
        container(2, "ModuleDict", a=[0, ""]),
        container(3, "ModuleList", _0=[1, ""]),
    ]
    for target, read_back in (([2, ""], "a"), ([3, ""], 0)):
        steps: list[str | int] = [read_back] if isinstance(read_back, int) else ["a"]
        data = seen(worker.observe(recipe(*parts, read(target, *steps, "in_features"), model=[2, ""])))
        assert data["events"][-1] is None


def test_weights_impose_their_structure_without_a_download(worker: Prober) -> None:
    auxiliary = read([0, ""], "aux1", "fc2")
    assert seen(worker.observe(recipe(build("googlenet"), auxiliary)))["events"][-1] is None
    raised = seen(worker.observe(recipe(build("googlenet", weighted=True), auxiliary)))["events"][-1]["raised"]
    assert raised["text"] == "'NoneType' object has no attribute 'fc2'"
    weighted = recipe(build("deeplabv3_mobilenet_v3_large", weighted=True), shape=[1, 3, 32, 32])
    assert seen(worker.observe(weighted))["forward"]["output"] == {"out": [1, 21, 32, 32], "aux": [1, 21, 32, 32]}


def test_weights_and_another_class_count_raise_as_they_do_for_the_user(worker: Prober) -> None:
    data = seen(worker.observe(recipe(build("resnet18", weighted=True, num_classes=10), watch=[[0, "fc"]])))
    text = "The parameter 'num_classes' expected value 1000 but got 10 instead."
    assert data["events"] == [{"raised": {"type": "ValueError", "text": text}}]
    assert (data["watch"], data["model"]) == ({}, None)


def test_quantizable_models_work_unquantized(worker: Prober) -> None:
    for weighted in (False, True):
        data = seen(
            worker.observe(recipe(build("quantized_resnet18", weighted=weighted), watch=[[0, "fc"]], shape=IMAGES))
        )
        assert data["watch"]["0:fc"]["reached"] == 2


def test_outputs_keep_their_structure(worker: Prober) -> None:
    detected = seen(worker.observe(recipe(build("retinanet_resnet50_fpn"), shape=[2, 3, 32, 32])))["forward"]["output"]
    assert [sorted(image) for image in detected] == [["boxes", "labels", "scores"]] * 2
    flow = seen(worker.observe(recipe(build("raft_small"), shape=[1, 3, 128, 128])))["forward"]["output"]
    assert flow == [[1, 2, 128, 128]] * 12


def test_a_detector_with_regions_uses_its_heads(worker: Prober) -> None:
    watch = [[0, "roi_heads.box_predictor.cls_score"], [0, "roi_heads.box_predictor.bbox_pred"]]
    answer = worker.observe(recipe(build("fasterrcnn_mobilenet_v3_large_320_fpn"), watch=watch, shape=[1, 3, 32, 32]))
    facts = seen(answer)["watch"]
    assert [facts[f"0:{path}"]["calls"] for _, path in watch] == [1, 1]
    assert [facts[f"0:{path}"]["used"] for _, path in watch] == [2, 2]


def test_checkpointing_hides_no_parameters(worker: Prober) -> None:
    data = seen(worker.observe(recipe(build("densenet121", memory_efficient=True), shape=[1, 3, 32, 32])))
    assert data["model"] == {"parameters": 364, "trainable": 364, "used": 364, "reached": 364}


def test_without_an_input_nothing_runs(worker: Prober) -> None:
    data = seen(worker.observe(recipe(build("resnet18"), watch=[[0, "fc"]])))
    assert "forward" not in data
    assert data["watch"]["0:fc"]["used"] is None
    assert data["model"] == {"parameters": 62, "trainable": 62, "used": None, "reached": None}


def test_tuples_of_sizes_arrive_as_torch_takes_them(worker: Prober) -> None:
    events = [
        layer(0, "Conv2d", in_channels=3, out_channels=4, kernel_size=[3, 3], padding=1),
        layer(1, "AdaptiveAvgPool2d", output_size=[1, None]),
        layer(2, "Unflatten", dim=1, unflattened_size=[2, 2]),
        container(3, "Sequential", _0=[0, ""], _1=[1, ""], _2=[2, ""]),
    ]
    data = seen(worker.observe(recipe(*events, model=[3, ""], shape=[1, 3, 5, 7])))
    assert data["forward"]["output"] == [1, 2, 2, 1, 7]


def test_a_layer_that_learns_its_size_from_its_input(worker: Prober) -> None:
    events = [build("resnet18"), layer(1, "LazyLinear", out_features=10), place([0, ""], "fc", [1, ""])]
    data = seen(worker.observe(recipe(*events, watch=[[1, ""]], shape=IMAGES)))
    assert data["forward"]["output"] == [2, 10]
    assert data["watch"]["1:"]["parameters"] == 2


def test_a_layer_that_torch_refuses_to_make_raises(worker: Prober) -> None:
    events = [layer(0, "Conv2d", in_channels=3, out_channels=4, kernel_size=3, groups=2)]
    assert seen(worker.observe(recipe(*events)))["events"] == [
        {"raised": {"type": "ValueError", "text": "in_channels must be divisible by groups"}}
    ]


def test_the_same_recipe_gives_the_same_observation(worker: Prober) -> None:
    asked = recipe(build("mobilenet_v3_small"), watch=[[0, "classifier"]], shape=IMAGES)
    assert seen(worker.observe(asked)) == seen(worker.observe(asked))
