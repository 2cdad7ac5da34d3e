"""The forward of a user's own class, replayed as a program of operations on real tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from probe_helpers import (
    IMAGES,
    build,
    container,
    failed,
    layer,
    linear,
    needs_torch,
    place,
    prober,
    read,
    recipe,
    seen,
)

from headlint import history
from headlint.history import MakeLayer, MakeOpaque, ModuleRef, Operation, SymbolicSize
from headlint.probe.client import Prober

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


# -- what a kind of operation makes of (2, 3, 64, 64) ------------------------------------------------------------

KINDS = [
    ("flatten", {}, [24576]),
    ("flatten", {"start_dim": 1, "end_dim": 2}, [2, 192, 64]),
    ("reshape", {"sizes": [0, 3, -1]}, [2, 3, 4096]),
    ("mean", {}, []),
    ("mean", {"dim": [2, 3], "keepdim": True}, [2, 3, 1, 1]),
    ("sum", {"dim": 1}, [2, 64, 64]),
    ("amax", {"dim": [2, 3]}, [2, 3]),
    ("max", {"dim": -1}, [2, 3, 64]),
    ("cat", {"dim": 2}, [2, 3, 64, 64]),
    *((kind, {"value": 2}, [2, 3, 64, 64]) for kind in ("add", "sub", "mul", "div")),
    *((kind, {}, [2, 3, 64, 64]) for kind in ("relu", "gelu", "silu", "sigmoid", "tanh", "dropout", "contiguous")),
    *((kind, {"dim": 1}, [2, 3, 64, 64]) for kind in ("softmax", "log_softmax", "normalize")),
    ("normalize", {"p": 1.0, "dim": -1}, [2, 3, 64, 64]),
    ("adaptive_avg_pool2d", {"output_size": [None, 7]}, [2, 3, 64, 7]),
    ("adaptive_max_pool2d", {"output_size": 1}, [2, 3, 1, 1]),
    ("avg_pool2d", {"kernel_size": 4}, [2, 3, 16, 16]),
    ("max_pool2d", {"kernel_size": [2, 4], "stride": None}, [2, 3, 32, 16]),
    ("max_pool2d", {"kernel_size": 2, "stride": 1}, [2, 3, 63, 63]),
    ("squeeze", {"dim": None}, [2, 3, 64, 64]),
    ("unsqueeze", {"dim": 0}, [1, 2, 3, 64, 64]),
    ("permute", {"dims": [0, 2, 3, 1]}, [2, 64, 64, 3]),
    ("transpose", {"dim0": 1, "dim1": 3}, [2, 64, 64, 3]),
]


@pytest.mark.parametrize(("kind", "arguments", "shape"), KINDS)
def test_every_kind_is_a_function_of_torch(
    worker: Prober, kind: str, arguments: dict[str, Any], shape: list[int]
) -> None:
    run = forward(worker, define(function(kind, 0, **arguments)))["forward"]
    assert run == {"output": shape, "raised": None, "stopped": None}


@pytest.mark.parametrize(
    ("operation", "least", "most"),
    [(function("sub", 1, value=0.5), -1.5, -0.5), (function("div", 1, value=-4), 0, 0.25), (call(1, 1), 0, 0)],
)
def test_numbers_are_those_of_torch(worker: Prober, operation: dict[str, Any], least: float, most: float) -> None:
    # What is worked out begins between -1 and 0.
    steps = define(function("sub", 0, value=1), operation, relu=1)
    events = [OPAQUE, layer(1, "ReLU"), steps]
    run = seen(worker.observe(recipe(*events, model=[5, ""], shape=IMAGES, values=True)))["forward"]
    assert least <= run["values"]["min"] <= run["values"]["max"] <= most


def test_dropout_drops_only_while_it_trains(worker: Prober) -> None:
    events = [OPAQUE, define(function("dropout", 0, p=1.0), function("mean", 1))]
    data = seen(worker.observe(recipe(*events, model=[5, ""], shape=IMAGES, values=True, train=True)))
    assert data["forward"]["values"]["min"] > 0.4
    assert data["training"]["loss"] == 0.0


# -- whole classes -----------------------------------------------------------------------------------------------


def test_a_container_of_children_needs_the_flattening(worker: Prober) -> None:
    names = [*TRUNK, "avgpool"]
    children = container(1, "Sequential", **{f"_{i}": [0, name] for i, name in enumerate(names)})
    made = [build("resnet50"), children, linear(2, 2048, 5)]
    right = define(call(1, 0), function("flatten", 1, start_dim=1), call(2, 2), features=1, fc=2)
    assert forward(worker, *made, right)["forward"]["output"] == [2, 5]
    raised = forward(worker, *made, define(call(1, 0), call(2, 1), features=1, fc=2))["forward"]["raised"]
    assert raised["text"] == "mat1 and mat2 shapes cannot be multiplied (4096x1 and 2048x5)"
    assert (raised["module"], raised["place"]) == ([2, ""], "fc")


@pytest.mark.parametrize(("takes", "output"), [(1512, [2, 5]), (1024, None)])
def test_two_backbones_are_joined(worker: Prober, takes: int, output: list[int] | None) -> None:
    events = [build("resnet18"), build("alexnet", 1), layer(2, "Identity"), linear(3, takes, 5)]
    steps = define(call(0, 0), call(1, 0), function("cat", 1, 2, dim=1), call(3, 3), a=0, b=1, head=3)
    data = forward(worker, *events, place([0, ""], "fc", [2, ""]), steps)
    assert data["forward"]["output"] == output
    if output is None:
        assert data["forward"]["raised"]["text"] == "mat1 and mat2 shapes cannot be multiplied (2x1512 and 1024x5)"
        assert data["forward"]["raised"]["module"] == [3, ""]


def test_a_function_that_raises_raises_in_the_object(worker: Prober) -> None:
    data = forward(worker, build("resnet18"), define(call(0, 0), function("mean", 1, dim=[2, 3]), backbone=0))
    raised = data["forward"]["raised"]
    assert (raised["type"], raised["module"], raised["place"]) == ("IndexError", [5, ""], "")
    assert raised["text"].startswith("Dimension out of range")


@pytest.mark.parametrize(("takes", "output"), [(512, [2, 5]), (2048, None)])
def test_a_defined_module_is_a_head(worker: Prober, takes: int, output: list[int] | None) -> None:
    head = define(call(1, 0), function("relu", 1), call(2, 2), first=1, last=2)
    events = [build("resnet18"), linear(1, takes, 16), linear(2, 16, 5), OPAQUE, head, place([0, ""], "fc", [5, ""])]
    data = seen(worker.observe(recipe(*events, watch=[[5, ""]], shape=IMAGES)))
    assert data["forward"]["output"] == output
    facts = data["watch"]["5:"]
    assert (facts["calls"], facts["arrived"], facts["parameters"]) == (1, [2, 512], 4)
    if output is None:
        assert (data["forward"]["raised"]["module"], data["forward"]["raised"]["place"]) == ([1, ""], "fc.first")
    else:
        assert (facts["used"], facts["modules_called"]) == (4, 3)


def test_an_object_without_parts_has_no_parameters(worker: Prober) -> None:
    data = forward(worker, define(function("flatten", 0, start_dim=1)))
    assert data["model"] == {"parameters": 0, "trainable": 0, "used": 0, "reached": 0}


def test_parts_that_were_assigned_before_keep_their_places(worker: Prober) -> None:
    made = [OPAQUE, build("resnet18"), linear(1, 1000, 5), place([5, ""], "backbone", [0, ""])]
    events = [*made, place([5, ""], "head", [1, ""]), define(call(0, 0), call(1, 1), backbone=0, head=1)]
    data = seen(worker.observe(recipe(*events, read([5, ""], "head", "weight"), model=[5, ""], shape=IMAGES)))
    assert data["forward"]["output"] == [2, 5]
    assert data["model"]["parameters"] == 64


def test_a_part_that_is_replaced_later_is_the_one_that_runs(worker: Prober) -> None:
    made = [OPAQUE, build("resnet18"), linear(1, 7, 7), define(call(0, 0), call(1, 1), backbone=0, head=1)]
    events = [*made, linear(2, 1000, 5), place([5, ""], "head", [2, ""])]
    data = seen(worker.observe(recipe(*events, model=[5, ""], watch=[[1, ""], [2, ""]], shape=IMAGES)))
    assert data["forward"]["output"] == [2, 5]
    assert [facts["calls"] for facts in data["watch"].values()] == [0, 1]
    inside = [build("resnet18"), linear(2, 512, 5), place([0, ""], "fc", [2, ""])]
    steps = define(call(0, 0, path="avgpool"), function("flatten", 1, start_dim=1), call(0, 2, path="fc"), backbone=0)
    deep = [OPAQUE, inside[0], steps, *inside[1:]]
    data = seen(worker.observe(recipe(*deep, model=[5, ""], shape=[2, 512, 7, 7])))
    assert data["forward"]["output"] == [2, 5]


@pytest.mark.parametrize(
    "change",
    [
        place([5, ""], "head", None),
        {"do": "delete", "target": [5, ""], "name": "head"},
        place([5, ""], "again", [3, ""]),
    ],
)
def test_a_forward_whose_parts_are_no_longer_known_says_nothing(worker: Prober, change: dict[str, Any]) -> None:
    steps = define(call(1, 0), head=1, again=1)
    events = [OPAQUE, linear(1, 64, 5), linear(3, 64, 6), steps, change]
    data = seen(worker.observe(recipe(*events, model=[5, ""], shape=IMAGES)))
    assert data["forward"] == {"output": None, "raised": None, "stopped": "opaque"}


def test_a_detection_model_inside_takes_its_list_of_images(worker: Prober) -> None:
    events = [build("ssdlite320_mobilenet_v3_large"), define(call(0, 0), detector=0)]
    run = forward(worker, *events)["forward"]
    assert (run["raised"], run["stopped"]) == (None, None)
    assert [sorted(found) for found in run["output"]] == [["boxes", "labels", "scores"]] * 2


def test_joining_tuples_is_no_arithmetic(worker: Prober) -> None:
    events = [layer(0, "LSTM", input_size=64, hidden_size=4), layer(1, "Flatten", start_dim=0, end_dim=1)]
    steps = define(call(1, 0), function("flatten", 1, end_dim=1), call(0, 2), function("add", 3, 3), flat=1, lstm=0)
    run = forward(worker, *events, steps)["forward"]
    assert run["raised"] is None
    assert len(run["output"]) == 4


def test_activations_go_when_nothing_takes_them_any_more() -> None:
    # All 64 together take 3.2 GB, and no more than a few are alive at one time.
    growing = [function("unsqueeze", 0, dim=0), *(function("add", i, value=1) for i in range(1, 64))]
    with prober(memory=1 << 29) as small:
        answer = small.observe(recipe(OPAQUE, define(*growing), model=[5, ""], shape=[2, 3, 1448, 1448]))
    assert seen(answer)["forward"]["output"] == [1, 2, 3, 1448, 1448]


def test_a_history_becomes_a_program_with_witnesses(worker: Prober) -> None:
    hidden = SymbolicSize("hidden", "hidden")
    head = ModuleRef(11, "")
    operations = (
        Operation("reshape", (0,), None, (("sizes", (0, hidden)),), site=None),
        Operation("call", (1,), head, (), site=None),
    )
    events: list[history.AnyEvent] = [
        MakeOpaque(10, "Net()", site=None),
        MakeLayer(11, "Linear", (("in_features", hidden), ("out_features", 5)), site=None),
        history.Define(10, operations, (("head", head),), site=None),
    ]
    assert list(history.modules_of(events[-1])) == [10, 11, 11]
    witnesses = history.choose_witnesses(events[2:])
    width = witnesses.numbers["hidden"]
    made = history.recipe(events, model=ModuleRef(10, ""), watch=[head], input_shape=(2, width), witnesses=witnesses)
    assert made.body["events"][-1] == {  # type: ignore[index]
        "do": "define",
        "object": 0,
        "operations": [
            {"kind": "reshape", "inputs": [0], "arguments": {"sizes": [0, width]}},
            {"kind": "call", "inputs": [1], "module": [1, ""], "arguments": {}},
        ],
        "parts": [["head", [1, ""]]],
    }
    assert seen(worker.observe(made.body))["forward"]["output"] == [2, 5]


# -- what is refused ---------------------------------------------------------------------------------------------

REFUSED = [
    (define(), "0 operations, not 1 to 64"),
    (define(*[function("relu", 0)] * 65), "65 operations, not 1 to 64"),
    (define(function("exec", 0)), "unknown operation 'exec'"),
    (define({"kind": ["relu"], "inputs": [0]}), "unknown operation ['relu']"),
    ({**define(), "operations": [3]}, "unknown operation 3"),
    ({**define(), "operations": None}, "operations is no list"),
    ({**define(function("relu", 0)), "parts": {}}, "parts is no list"),
    ({**define(function("relu", 0)), "object": "5"}, "'5' is no object number"),
    (define(function("relu", 1)), "1 is no value before this operation"),
    (define(function("relu", -1)), "-1 is no value before this operation"),
    (define(function("relu", True)), "True is no value before this operation"),
    (define(function("relu")), "relu does not take 0 values"),
    (define(function("relu", 0, 0)), "relu does not take 2 values"),
    (define(function("cat")), "cat does not take 0 values"),
    (define(function("cat", *[0] * 65)), "cat does not take 65 values"),
    (define(function("add", 0)), "add does not take 1 values"),
    (define(function("add", 0, 0, value=1)), "add does not take 2 values"),
    (define(function("add", 0, value="1")), "add does not take value='1'"),
    (define(function("add", 0, value=True)), "add does not take value=True"),
    (define(function("relu", 0, inplace=True)), "relu does not take inplace=True"),
    (define(function("mean", 0, dim="x")), "mean does not take dim='x'"),
    (define(function("mean", 0, keepdim=1)), "mean does not take keepdim=1"),
    (define(function("flatten", 0, start_dim=1.0)), "flatten does not take start_dim=1.0"),
    (define(function("flatten", 0, __class__=1)), "the argument '__class__' cannot be replayed"),
    (define(function("reshape", 0)), "reshape needs sizes"),
    (define(function("reshape", 0, sizes=[])), "reshape does not take sizes=()"),
    (define(function("unsqueeze", 0, dim=None)), "unsqueeze needs dim"),
    (define({**function("relu", 0), "module": [0, ""]}), "relu calls no module"),
    (define({**call(0, 0), "module": None}), "None is no reference"),
    (define({**call(0, 0), "arguments": {"x": 1}}), "call does not take x=1"),
    (define(call(7, 0)), "no module stood at '' of object 7"),
    (define(call(0, 0, path="head")), "no module stood at 'head' of object 0"),
    (define(call(0, 0), backbone=7), "no module stood at '' of object 7"),
    (define(call(0, 0), __class__=0), "'__class__' is no name"),
    (define(call(0, 0), _modules=0), "'_modules' is no name"),
    (define(call(0, 0), forward=0), "forward is no part"),
    ({**define(call(0, 0)), "parts": [["a.b", [0, ""]]]}, "'a.b' is no name"),
    ({**define(call(0, 0)), "parts": [["a", [0, ""], 1]]}, "is no part"),
    ({**define(call(0, 0)), "parts": [["a", [0, ""]]] * 2}, "two parts have one name"),
    (define(call(0, 0), **{f"part{i}": 0 for i in range(65)}), "more than 64 parts"),
    (define(call(0, 0), itself=5), "object 5 holds itself"),
    ({**define(call(0, 0)), "object": 0}, "object 0 is no stand-in that could be defined"),
    ({**define(call(0, 0)), "object": 9}, "no module stood at '' of object 9"),
]


@pytest.mark.parametrize(("crafted", "reason"), REFUSED)
def test_what_is_no_program_is_refused(worker: Prober, crafted: dict[str, Any], reason: str) -> None:
    failure = failed(worker.observe(recipe(OPAQUE, build("resnet18"), crafted, model=[5, ""], shape=IMAGES)))
    assert failure.kind == "refused"
    assert reason in failure.reason


def test_an_object_is_defined_once(worker: Prober) -> None:
    steps = define(function("relu", 0))
    assert failed(worker.observe(recipe(OPAQUE, steps, steps, model=[5, ""]))).reason == "object 5 is defined twice"


def test_what_a_defined_object_does_not_hold_is_not_looked_into(worker: Prober) -> None:
    events = [OPAQUE, define(function("relu", 0)), read([5, ""], "classes")]
    reason = failed(worker.observe(recipe(*events, model=[5, ""]))).reason
    assert reason == "looks into a module whose inside is not understood"
