"""What is said of the order in which models run their parts is what torchvision's tracing finds in them."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import pytest

from headlint.torchlib.graphs import _CHAINS, _FLATTEN_LAST, flattens_before_last, is_chain

torch = pytest.importorskip("torch")

SMALLEST = """
    alexnet convnext_tiny densenet121 efficientnet_b0 mnasnet0_5 mobilenet_v2 mobilenet_v3_small
    regnet_x_400mf resnet18 shufflenet_v2_x0_5 squeezenet1_1 swin_t vgg11
    """.split()

pytestmark = pytest.mark.usefixtures("offline")


def made(name: str) -> Any:
    models = importlib.import_module("torchvision.models")
    # A RegNet reckons its widths with tensors.
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        return models.get_model(name, weights=None)


def parameters_of_extractor(model: Any, node: str) -> set[int]:
    extraction = importlib.import_module("torchvision.models.feature_extraction")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {id(parameter) for parameter in extraction.create_feature_extractor(model, [node]).parameters()}


def parameters_in(children: Sequence[Any]) -> set[int]:
    return {id(parameter) for child in children for parameter in child.parameters()}


@pytest.mark.parametrize("name", SMALLEST)
def test_a_chain_runs_its_children_in_their_order(name: str) -> None:
    model = made(name)
    kind = type(model).__name__
    assert is_chain(kind)
    names, children = zip(*model.named_children(), strict=True)
    for index in (len(names) // 2, len(names) - 1):
        assert parameters_of_extractor(model, names[index]) == parameters_in(children[: index + 1])
    if flattens_before_last(kind):
        assert parameters_of_extractor(model, "flatten") == parameters_in(children[:-1])
    if isinstance(children[0], torch.nn.Sequential) and len(children[0]) > 2 and kind != "RegNet":
        half = list(children[0].named_children())[: len(children[0]) // 2 + 1]
        wanted = parameters_in([child for _, child in half])
        if wanted and not isinstance(half[-1][1], torch.nn.ModuleDict):
            assert parameters_of_extractor(model, f"{names[0]}.{half[-1][0]}") == wanted


def test_there_is_a_model_of_each_class() -> None:
    assert {type(made(name)).__name__ for name in SMALLEST} == _CHAINS > _FLATTEN_LAST
    assert not is_chain("GoogLeNet")
