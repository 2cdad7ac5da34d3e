"""What the worker sees of optimizers and of a training step, against what torch itself does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from probe_helpers import (
    IMAGES,
    LOAD_WORKER,
    PYTHON,
    build,
    container,
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

PIXEL = [2, 3, 1, 1]
NEW_HEAD = [linear(1, 512, 10), place([0, ""], "fc", [1, ""])]
HEAD = [[1, "weight"], [1, "bias"]]
OLD_HEAD = [[0, "fc.weight"], [0, "fc.bias"]]


@pytest.fixture(scope="module")
def worker() -> Iterator[Prober]:
    with prober(memory=3 << 30) as started:
        yield started


@pytest.fixture(scope="module")
def body(worker: Prober) -> list[str]:
    """The names of resnet18's parameters without those of its head."""
    asked = recipe(build("resnet18"), optimizer("SGD", *OLD_HEAD))
    names: list[str] = seen(worker.observe(asked))["optimizers"][0]["missing"]
    return names


def trained(worker: Prober, *events: dict[str, Any], **asked: Any) -> dict[str, Any]:
    """What came of one step."""
    training: dict[str, Any] = seen(worker.observe(recipe(*events, train=True, **asked)))["training"]
    return training


# -- what optimizers hold ----------------------------------------------------------------------------------------


def test_an_optimizer_of_all_parameters_misses_nothing(worker: Prober, body: list[str]) -> None:
    assert len(body) == 60
    assert "layer4.1.bn2.weight" in body
    events = [build("resnet18"), *NEW_HEAD, optimizer("Adam", *([0, name] for name in body), *HEAD)]
    data = seen(worker.observe(recipe(*events, watch=[[1, ""], [0, "fc"]])))
    assert data["optimizers"] == [{"tensors": 62, "outside": 0, "missing": []}]
    assert {name: facts["held"] for name, facts in data["watch"].items()} == {"1:": 2, "0:fc": 0}


def test_a_stale_optimizer_holds_the_head_that_was_replaced(worker: Prober, body: list[str]) -> None:
    events = [build("resnet18"), optimizer("SGD", *([0, name] for name in body), *OLD_HEAD), *NEW_HEAD]
    data = seen(worker.observe(recipe(*events, watch=[[1, ""], [0, "fc"]])))
    assert data["optimizers"] == [{"tensors": 62, "outside": 2, "missing": ["fc.weight", "fc.bias"]}]
    assert {name: facts["held"] for name, facts in data["watch"].items()} == {"1:": 0, "0:fc": 2}


def test_what_is_frozen_at_the_end_is_not_missing(worker: Prober, body: list[str]) -> None:
    first = [build("resnet18"), *NEW_HEAD, flags(0, body, False), optimizer("SGD", *HEAD)]
    assert seen(worker.observe(recipe(*first)))["optimizers"][0]["missing"] == []
    later = flags(0, ["layer4.1.conv2.weight", "layer4.1.bn2.weight"], True)
    data = seen(worker.observe(recipe(*first, later, optimizer("SGD", [0, "layer4.1.bn2.weight"]))))
    missing = [made["missing"] for made in data["optimizers"]]
    assert missing == [["layer4.1.conv2.weight", "layer4.1.bn2.weight"], ["layer4.1.conv2.weight"]]


def test_an_optimizer_that_raises_ends_nothing(worker: Prober) -> None:
    groups = {"do": "optimizer", "kind": "SGD", "groups": [[[0, "fc.weight"]], OLD_HEAD]}
    asked = recipe(build("resnet18"), optimizer("SGD"), groups, optimizer("SGD", *OLD_HEAD), shape=IMAGES)
    data = seen(worker.observe(asked))
    assert data["events"] == [None] * 4
    assert data["forward"]["output"] == [2, 1000]
    empty, overlapping, right = data["optimizers"]
    assert empty == {"raised": {"type": "ValueError", "text": "optimizer got an empty parameter list"}}
    assert overlapping["raised"]["text"] == "some parameters appear in more than one parameter group"
    assert right["tensors"] == 2


def test_groups_are_one_optimizer(worker: Prober) -> None:
    groups = {"do": "optimizer", "kind": "Adam", "groups": [[[0, "conv1.weight"]], OLD_HEAD]}
    (made,) = seen(worker.observe(recipe(build("resnet18"), groups)))["optimizers"]
    assert (made["tensors"], made["outside"]) == (3, 0)


def test_an_optimizer_over_unknown_parameters_is_left_out(worker: Prober) -> None:
    asked = recipe(build("resnet18"), optimizer("SGD", [0, "nothing"]), optimizer("Lion", *OLD_HEAD))
    first, second = seen(worker.observe(asked))["optimizers"]
    assert first is None
    assert second["tensors"] == 2


# -- a step ------------------------------------------------------------------------------------------------------


def test_a_step_of_everything(worker: Prober, body: list[str]) -> None:
    every = optimizer("SGD", *([0, name] for name in body), *HEAD)
    step = trained(worker, build("resnet18"), *NEW_HEAD, every, watch=[[1, ""], [0, "fc"]], train_input=PIXEL)
    assert (step["output"], step["raised"], step["stopped"]) == ([2, 10], None, None)
    assert step["loss"] > 0
    whole = {"with_gradient": 62, "stepped": 62, "buffers": 60, "largest_gradient": None}
    assert step["model"] | whole == step["model"]
    # The counts of batches and the variances; the means stay where they are, as the body's weights are zero.
    assert step["model"]["buffers_moved"] >= 40
    head = {"buffers": 0, "buffers_moved": 0, "statistics": 0, "statistics_moved": 0, "largest_gradient": None}
    assert step["watch"] == {
        "1:": {"modules_called": 1, "with_gradient": 2, "stepped": 2, **head},
        "0:fc": {"modules_called": 0, "with_gradient": 0, "stepped": 0, **head},
    }


def test_a_stale_optimizer_leaves_the_new_head_as_it_is(worker: Prober) -> None:
    events = [build("resnet18"), optimizer("SGD", [0, "conv1.weight"], *OLD_HEAD), *NEW_HEAD]
    step = trained(worker, *events, watch=[[1, ""]], train_input=PIXEL)
    assert (step["watch"]["1:"]["with_gradient"], step["watch"]["1:"]["stepped"]) == (2, 0)
    assert step["model"]["stepped"] == 1


def test_without_an_optimizer_nothing_steps(worker: Prober) -> None:
    step = trained(worker, build("resnet18"), optimizer("SGD"), shape=PIXEL)
    assert (step["model"]["with_gradient"], step["model"]["stepped"]) == (62, None)


def test_a_frozen_model_raises_in_backward(worker: Prober, body: list[str]) -> None:
    frozen = flags(0, [*body, "fc.weight", "fc.bias"], False)
    step = trained(worker, build("resnet18"), frozen, optimizer("SGD", *OLD_HEAD), shape=PIXEL)
    raised = step["raised"]
    assert raised["phase"] == "backward"
    assert raised["text"].startswith("element 0 of tensors does not require grad and does not have a grad_fn")
    assert (raised["module"], step["model"]["with_gradient"], step["output"]) == (None, 0, [2, 1000])


def test_a_frozen_body_still_moves_its_statistics(worker: Prober, body: list[str]) -> None:
    events = [build("resnet18"), flags(0, body, False), *NEW_HEAD, optimizer("SGD", *HEAD)]
    step = trained(worker, *events, watch=[[0, "layer1"]], train_input=PIXEL)
    assert (step["model"]["with_gradient"], step["model"]["stepped"]) == (2, 2)
    layer1 = step["watch"]["0:layer1"]
    assert layer1["with_gradient"] == 0
    assert layer1["buffers_moved"] >= 8


NORMS = ["bn1", *(f"layer{n}.{i}.bn{j}" for n in (1, 2, 3, 4) for i in (0, 1) for j in (1, 2))]
NORMS += [f"layer{n}.0.downsample.1" for n in (2, 3, 4)]


@pytest.mark.parametrize(
    ("modes", "moved"),
    [
        ([mode([0, ""], True), *(mode([0, name], False) for name in NORMS)], 0),
        # A pass over the validation set behind it takes nothing back.
        ([*(mode([0, name], False) for name in NORMS), mode([0, ""], False)], 0),
        ([*(mode([0, name], False) for name in NORMS), mode([0, ""], True)], 60),
        ([mode([0, ""], False)], 60),
        ([], 60),
    ],
)
def test_modes_are_those_in_which_the_model_trains(worker: Prober, modes: list[Any], moved: int) -> None:
    step = trained(worker, build("resnet18"), *modes, train_input=[2, 3, 32, 32], values=True)
    assert step["model"]["buffers_moved"] == moved


def test_train_mode_shows_what_auxiliary_heads_return(worker: Prober) -> None:
    replaced = [build("inception_v3"), linear(1, 2048, 10), place([0, ""], "fc", [1, ""])]
    step = trained(worker, *replaced, train_input=[2, 3, 299, 299])
    assert step["output"] == {"logits": [2, 10], "aux_logits": [2, 1000]}
    assert step["model"]["with_gradient"] == 292
    small = trained(worker, *replaced, train_input=[2, 3, 75, 75])
    assert small["raised"]["phase"] == "forward"
    assert small["raised"]["module"][1].startswith("AuxLogits")


def test_outputs_of_every_structure_have_a_loss(worker: Prober) -> None:
    segmented = trained(worker, build("lraspp_mobilenet_v3_large"), train_input=[2, 3, 32, 32])
    assert segmented["output"] == {"out": [2, 21, 32, 32]}
    detected = trained(worker, build("ssdlite320_mobilenet_v3_large"), train_input=[2, 3, 320, 320])
    assert detected["output"] == {"bbox_regression": [], "classification": []}
    for step in (segmented, detected):
        assert step["raised"] is None
        assert step["model"]["with_gradient"] > 100


def test_regions_run_backward_too(worker: Prober) -> None:
    step = trained(worker, build("fasterrcnn_mobilenet_v3_large_320_fpn"), train_input=[2, 3, 64, 64])
    assert step["raised"] is None
    assert set(step["output"]) == {"loss_classifier", "loss_box_reg", "loss_objectness", "loss_rpn_box_reg"}
    assert step["model"]["with_gradient"] > 100


def test_one_logit_has_neither_loss_nor_gradient(worker: Prober) -> None:
    events = [build("resnet18"), linear(1, 512, 1), place([0, ""], "fc", [1, ""])]
    step = trained(worker, *events, watch=[[1, ""]], train_input=PIXEL, values=True)
    assert step["loss"] == 0.0
    assert step["watch"]["1:"]["largest_gradient"] == 0.0
    events[1] = linear(1, 512, 2)
    step = trained(worker, *events, watch=[[1, ""]], train_input=PIXEL, values=True)
    assert step["watch"]["1:"]["largest_gradient"] > 0


def test_an_opaque_module_ends_the_step(worker: Prober) -> None:
    events = [build("resnet18"), {"do": "opaque", "object": 1}, place([0, ""], "fc", [1, ""])]
    step = trained(worker, *events, train_input=PIXEL)
    assert (step["stopped"], step["loss"], step["output"]) == ("opaque", None, None)


def test_the_eval_forward_comes_first_and_is_the_same_as_without_a_step(worker: Prober, body: list[str]) -> None:
    events = [build("resnet18"), flags(0, body, False), *NEW_HEAD, optimizer("SGD", *HEAD)]
    with_step = seen(worker.observe(recipe(*events, watch=[[1, ""]], shape=IMAGES, train=True)))
    assert with_step.pop("training")["model"]["with_gradient"] == 2
    assert with_step == seen(worker.observe(recipe(*events, watch=[[1, ""]], shape=IMAGES)))
    assert with_step["model"]["used"] == 62


def test_a_replay_that_raises_takes_no_step(worker: Prober) -> None:
    gone = {"do": "read", "target": [0, ""], "steps": ["head"]}
    assert "training" not in seen(worker.observe(recipe(build("resnet18"), gone, shape=PIXEL, train=True)))


# -- memory ------------------------------------------------------------------------------------------------------


def test_a_step_that_cannot_fit_is_refused_before_it_is_taken(worker: Prober) -> None:
    every = [optimizer("SGD", [0, "classifier.0.weight"]), optimizer("Adam", [0, "classifier.0.weight"])]
    worker.memory = 500 << 20
    try:
        # 411 MB of weights that are never touched, and as much again in their gradient.
        assert seen(worker.observe(recipe(build("vgg11"), every[0], shape=[1, 3, 32, 32])))["forward"]["output"]
        step = failed(worker.observe(recipe(build("vgg11"), every[0], shape=[1, 3, 32, 32], train=True)))
        state = failed(worker.observe(recipe(build("vgg11"), every[1], shape=[1, 3, 32, 32], train=True)))
        values = failed(worker.observe(recipe(build("vgg11"), shape=[1, 3, 32, 32], values=True)))
        activations = failed(worker.observe(recipe(build("resnet18"), shape=[16, 3, 320, 320], train=True)))
    finally:
        worker.memory = 3 << 30
    for failure in (step, state, values, activations):
        assert failure.kind == "memory"
        assert "the limit is 0.5 GB" in failure.reason


# -- values ------------------------------------------------------------------------------------------------------


def headed(kind: str, **arguments: Any) -> list[dict[str, Any]]:
    parts = [layer(2, kind, **arguments), container(3, "Sequential", _0=[1, ""], _1=[2, ""])]
    return [build("resnet18"), linear(1, 512, 5), *parts, place([0, ""], "fc", [3, ""])]


@pytest.mark.parametrize(
    ("head", "facts"),
    [
        (headed("Softmax", dim=1), {"rows_sum_to_one": True, "in_unit_interval": True, "constant": False}),
        (headed("Sigmoid"), {"rows_sum_to_one": False, "in_unit_interval": True, "constant": False}),
        (headed("LogSoftmax", dim=1), {"rows_sum_to_one": False, "in_unit_interval": False, "constant": False}),
        (headed("Hardtanh", min_val=7.0, max_val=8.0), {"constant": True, "min": 7.0, "max": 7.0}),
        ([build("resnet18"), *NEW_HEAD], {"rows_sum_to_one": False, "constant": False}),
    ],
)
def test_outputs_of_initialised_models_show_what_the_head_does(
    worker: Prober, head: list[dict[str, Any]], facts: dict[str, Any]
) -> None:
    forward = seen(worker.observe(recipe(*head, shape=IMAGES, values=True)))["forward"]
    assert forward["values"] | facts == forward["values"]


def test_a_relu_behind_the_head_makes_the_output_constant(worker: Prober) -> None:
    late = [layer(1, "LogSoftmax", dim=1), place([0, "classifier"], "1", [1, ""], "item")]
    convolution = [layer(2, "Conv2d", in_channels=512, out_channels=5, kernel_size=1)]
    parts = container(3, "Sequential", _0=[2, ""], _1=[1, ""])
    events = [build("squeezenet1_1"), late[0], *convolution, parts, place([0, "classifier"], "1", [3, ""], "item")]
    values = seen(worker.observe(recipe(*events, shape=IMAGES, values=True)))["forward"]["values"]
    assert (values["constant"], values["min"], values["max"]) == (True, 0.0, 0.0)
    healthy = seen(worker.observe(recipe(build("squeezenet1_1"), shape=IMAGES, values=True)))["forward"]["values"]
    assert not healthy["constant"]


def test_values_have_the_structure_of_the_output(worker: Prober) -> None:
    asked = recipe(build("deeplabv3_mobilenet_v3_large", aux_loss=True), shape=[1, 3, 32, 32], values=True)
    values = seen(worker.observe(asked))["forward"]["values"]
    assert sorted(values) == ["aux", "out"]
    assert values["out"]["min"] < values["out"]["max"]


def test_without_asking_for_values_there_are_none(worker: Prober) -> None:
    assert "values" not in seen(worker.observe(recipe(build("resnet18"), shape=PIXEL)))["forward"]


# -- against torch -----------------------------------------------------------------------------------------------

START = """
from headlint_worker.building import ZeroPool
from headlint_worker.experiment import Experiment
from headlint_worker.importing import import_libraries
from headlint_worker.libraries import OPTIMIZERS
libraries = import_libraries()
torch, models = libraries.torch, libraries.torchvision.models
pool = ZeroPool(torch)
names = [name for name, _ in models.resnet18().named_parameters()]

def observed(kind, chosen, frozen, pooled="Identity", **asked):
    recipe = {"format": 1, "model": [0, ""], "train": True, "train_input": [2, 3, 32, 32], **asked, "events": [
        {"do": "build", "object": 0, "builder": "resnet18", "arguments": {}, "weighted": False},
        {"do": "layer", "object": 1, "kind": "AdaptiveAvgPool2d", "arguments": {"output_size": 1}},
        {"do": "layer", "object": 2, "kind": pooled, "arguments": {}},
        {"do": "container", "object": 3, "kind": "Sequential", "children": [["0", [1, ""]], ["1", [2, ""]]]},
        {"do": "set", "target": [0, ""], "name": "avgpool", "value": [3, ""], "how": "attribute"},
        {"do": "flag", "parameters": [[0, name] for name in frozen], "value": False},
        {"do": "optimizer", "kind": kind, "parameters": [[0, name] for name in chosen]}]}
    return Experiment(libraries, pool, recipe, 4 << 30).observe()["training"]["model"]
"""

# Where there is no fork, the next experiment shares what this one leaves behind. Softplus makes something of zeros.
SOILED = """
steps = {observed(kind, names, [], "Softplus")["stepped"] for kind in ("SGD", "Adam")}
facts = {"stepped": steps.pop(), "compiler": "torch._dynamo" in sys.modules, "soiled": bool(pool.zeros(1 << 22).any())}
print(json.dumps(facts))
"""

# A worker's step in this process, beside the same step by torch's own means.
COMPARISON = """
different = []
for kind in OPTIMIZERS:
    chosen, frozen = names[::3] + names[-2:-1], names[::2]
    step = observed(kind, chosen, frozen, values=True)
    model = models.resnet18()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name not in frozen
    held = [parameter for name, parameter in model.named_parameters() if name in chosen]
    optimizer = getattr(torch.optim, kind)(held, lr=0.01)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.nn.functional.cross_entropy(model(torch.rand(2, 3, 32, 32)), torch.zeros(2, dtype=torch.long)).backward()
    optimizer.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    expected = {
        "with_gradient": sum(parameter.grad is not None for parameter in model.parameters()),
        "stepped": sum(name in changed for name in names),
        "buffers_moved": sum(name in changed for name, _ in model.named_buffers()),
    }
    if {name: step[name] for name in expected} != expected or not expected["stepped"]:
        different.append([kind, step, expected])
print(json.dumps(different))
"""


def run_beside_torch(script: str) -> Any:
    command = [PYTHON, "-I", "-c", LOAD_WORKER + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_step_is_what_torch_does() -> None:
    assert run_beside_torch(START + COMPARISON) == []


def test_a_step_does_without_the_compiler_and_leaves_nothing_in_the_pool() -> None:
    assert run_beside_torch(START + SOILED) == {"stepped": 62, "compiler": False, "soiled": False}
