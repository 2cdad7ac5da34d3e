"""The worker's short cuts against torch itself: the graph walk, the zero pool, the stand-ins for operators."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from probe_helpers import LOAD_WORKER, PYTHON, needs_torch

pytestmark = needs_torch

# Runs beside torch, where every function whose name starts with `fact_` writes down what it returns.
SCRIPT = """
sys.path.insert(0, TESTS)
import headlint_worker.libraries as libraries_module
from headlint_worker.building import ZeroPool, replaced_inits
from headlint_worker.convolutions import quick_convolutions
from headlint_worker.graph import used_parameters
from headlint_worker.importing import DeferredCompiler, import_libraries
from headlint_worker.operators import aligned_regions, suppressed
from headlint_worker.replay import Replay
libraries = import_libraries()
torch, nn, models = libraries.torch, libraries.nn, libraries.torchvision.models
facts = {"compiler imported": "torch._dynamo" in sys.modules}

def fact_walk_and_backward():
    different = []
    for name, size in [("resnet18", 64), ("vgg11", 64), ("swin_t", 32), ("googlenet", 64), ("densenet121", 64),
                       ("mobilenet_v3_small", 64), ("squeezenet1_1", 64)]:
        model = models.get_model(name, weights=None).eval()
        model.unused = nn.Linear(2, 2)
        for number, parameter in enumerate(model.parameters()):
            parameter.requires_grad = number % 3 != 0
        output = model(torch.rand(1, 3, size, size))
        walked = used_parameters(output)
        output.sum().backward()
        reached = {id(parameter) for parameter in model.parameters() if parameter.grad is not None}
        if walked != reached or not reached:
            different.append(name)
    return different

def fact_zero_pool():
    pool = ZeroPool(torch)
    before = {name: getattr(nn.init, name) for name in libraries_module.RANDOM_INITS}
    with replaced_inits(libraries, pool.blank):
        model = models.vgg11(weights=None)
        attention = nn.MultiheadAttention(128, 2)
    after = {name: getattr(nn.init, name) for name in libraries_module.RANDOM_INITS}
    layer = nn.Linear(512, 512)
    return {
        "restored": before == after,
        "all zero": all(not parameter.any() for parameter in model.parameters()),
        "shared": sum(pool.holds(parameter) for parameter in model.parameters()),
        "attention shared": pool.holds(attention.in_proj_weight),
        "a layer made later is initialised": bool(layer.weight.any()) and not pool.holds(layer.weight),
        "untouched": not pool.zeros(1000).any(),
    }

def fact_convolutions():
    def enabled():
        return torch.backends.mkldnn.is_available() and torch._C._get_mkldnn_enabled()

    seen = {}
    differences = []
    for name, size in [("resnet18", 32), ("resnet18", 128), ("mobilenet_v3_small", 32)]:
        model = models.get_model(name, weights=None).eval()
        given = (torch.rand(2, 3, size, size),)
        with torch.no_grad():
            reference = model(*given)
            with quick_convolutions(libraries, model, given):
                seen[f"{name} {size}"] = enabled()
                differences.append(float((model(*given) - reference).abs().max() / reference.abs().max()))
    return {"one of them": enabled(), "within": seen, "largest difference": max(differences)}

def fact_meta_size():
    replay = Replay(libraries, ZeroPool(torch), None, 1 << 40)
    kinds = [(nn.Linear, {"in_features": 7, "out_features": 5}), (nn.BatchNorm2d, {"num_features": 9}),
             (nn.LSTM, {"input_size": 3, "hidden_size": 4}), (nn.Dropout, {}),
             (nn.Conv2d, {"in_channels": 3, "out_channels": 8, "kernel_size": 3, "bias": False})]
    wrong = []
    for kind, arguments in kinds:
        real = kind(**arguments)
        size = sum(t.numel() * t.element_size() for t in [*real.parameters(), *real.buffers()])
        if replay.size_of_layer(kind, arguments) != size:
            wrong.append(kind.__name__)
    return wrong

def overlap(a, b):
    sides = [max(0.0, float(min(a[i + 2], b[i + 2]) - max(a[i], b[i]))) for i in (0, 1)]
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (a, b)]
    return sides[0] * sides[1] / (sum(areas) - sides[0] * sides[1])

def fact_suppression():
    different = []
    for count in (0, 1, 2, 40, 150):
        boxes = torch.rand(count, 4) * 30
        boxes[:, 2:] += boxes[:, :2] + 1
        scores = (torch.rand(count) * 8).round()
        kept = []
        for index in scores.sort(stable=True, descending=True)[1].tolist():
            if all(overlap(boxes[index], boxes[other]) <= 0.3 for other in kept):
                kept.append(index)
        if suppressed(torch, boxes, scores, 0.3).tolist() != kept:
            different.append(count)
    return different

def fact_regions():
    module = sys.modules["torchvision.ops.roi_align"]
    if not hasattr(module, "_bilinear_interpolate"):
        return None
    features = torch.randn(2, 6, 20, 24)
    regions = torch.rand(40, 5) * torch.tensor([0.0, 80.0, 80.0, 0.0, 0.0])
    regions[:, 3:] = regions[:, 1:3] + torch.rand(40, 2) * 60
    regions[20:, 0] = 1
    reference = getattr(ORIGINAL_ALIGN, "__wrapped__", ORIGINAL_ALIGN)
    largest = 0.0
    for aligned in (False, True):
        arguments = (features, regions, 0.125, 7, 5, 2, aligned)
        largest = max(largest, float((aligned_regions(torch, *arguments) - reference(*arguments)).abs().max()))
    beyond = torch.tensor([[0.0, 400.0, 400.0, 500.0, 500.0]])
    return {
        "largest difference": largest,
        "beyond the edge": float(aligned_regions(torch, features, beyond, 0.125, 2, 2, 2, False).abs().max()),
        "of nothing": list(aligned_regions(torch, features, regions[:0], 0.125, 7, 5, 2, False).shape),
    }

def fact_compiler_is_asked_when_it_matters():
    line = DeferredCompiler.LINE
    with open(sys.modules["torchvision.ops.roi_align"].__file__) as stream:
        if line not in stream.read() or not libraries.torchvision.extension._has_ops():
            return None
    asked = sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu")
    from torch._dynamo.utils import is_compile_supported
    return asked == is_compile_supported("cpu")

for name, function in list(globals().items()):
    if name.startswith("fact_"):
        facts[name[5:]] = function()
print(json.dumps(facts))
"""

# The reference has to be taken before the worker puts its own version in its place.
KEEP_REFERENCE = """
original = libraries_module.substitute_operators
ORIGINAL_ALIGN = None
def keep(torch):
    global ORIGINAL_ALIGN
    ORIGINAL_ALIGN = getattr(sys.modules["torchvision.ops.roi_align"], "_roi_align", None)
    original(torch)
libraries_module.substitute_operators = keep
"""


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    script = SCRIPT.replace("libraries = import", KEEP_REFERENCE + "libraries = import", 1)
    script = script.replace(
        "def fact_regions():\n",
        "if ORIGINAL_ALIGN is None:\n"
        "    ORIGINAL_ALIGN = getattr(sys.modules['torchvision.ops.roi_align'], '_roi_align', None)\n"
        "def fact_regions():\n",
    )
    script = LOAD_WORKER + f"TESTS = {str(Path(__file__).parent)!r}\n" + script
    done = subprocess.run([PYTHON, "-I", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_walking_the_graph_finds_what_a_backward_pass_reaches(facts: dict[str, Any]) -> None:
    assert facts["walk_and_backward"] == []


def test_builders_share_zeros_and_layers_made_later_do_not(facts: dict[str, Any]) -> None:
    assert facts["zero_pool"] == {
        "restored": True,
        "all zero": True,
        "shared": 12,
        "attention shared": True,
        "a layer made later is initialised": True,
        "untouched": True,
    }


def test_small_inputs_are_convolved_by_torch_itself(facts: dict[str, Any]) -> None:
    found = facts["convolutions"]
    if found["one of them"]:
        # Nor is what goes group by group, as convolutions by depth do.
        assert found["within"] == {"resnet18 32": False, "resnet18 128": True, "mobilenet_v3_small 32": True}
    assert found["largest difference"] < 1e-3


def test_the_size_of_a_layer_is_known_before_it_is_made(facts: dict[str, Any]) -> None:
    assert facts["meta_size"] == []


def test_suppression_is_the_greedy_one(facts: dict[str, Any]) -> None:
    assert facts["suppression"] == []


def test_regions_are_aligned_as_torchvision_does_it(facts: dict[str, Any]) -> None:
    regions = facts["regions"]
    if regions is None:
        pytest.skip("this torchvision has no version in Python to compare with")
    assert regions["largest difference"] < 1e-4
    assert regions["beyond the edge"] == 0.0
    assert regions["of nothing"] == [0, 6, 7, 5]


def test_the_compiler_is_imported_only_when_it_is_asked(facts: dict[str, Any]) -> None:
    assert not facts["compiler imported"]
    assert facts["compiler_is_asked_when_it_matters"] in (None, True)


def test_this_process_has_no_torch_from_the_probe() -> None:
    script = "import sys, headlint.probe.client, headlint.probe.worker.serving; print('torch' in sys.modules)"
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", script], cwd=root, check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
