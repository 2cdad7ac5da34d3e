"""The table of `torch.nn`, alone and against the installed torch."""

from __future__ import annotations

import json
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest

from headlint.torchlib import layers
from headlint.torchlib.layers import NOT_PLAIN, REQUIRED, find_layer, layer_names
from headlint.torchlib.shapes import Refused, behind


def test_parameters_come_in_order_with_their_defaults() -> None:
    linear = find_layer("Linear")
    assert linear is not None
    assert linear.parameters == (("in_features", REQUIRED), ("out_features", REQUIRED), ("bias", True))
    pool = find_layer("MaxPool2d")
    assert pool is not None
    assert pool.parameters[:3] == (("kernel_size", REQUIRED), ("stride", None), ("padding", 0))
    encoder = find_layer("TransformerEncoderLayer")
    assert encoder is not None
    assert dict(encoder.parameters)["activation"] is NOT_PLAIN


def test_recurrent_layers_have_the_parameters_of_their_documentation() -> None:
    for name in ("RNN", "LSTM", "GRU"):
        layer = find_layer(name)
        assert layer is not None
        assert layer.parameters[:3] == (("input_size", REQUIRED), ("hidden_size", REQUIRED), ("num_layers", 1))


def test_attributes_are_those_of_an_instance() -> None:
    conv = find_layer("Conv2d")
    assert conv is not None
    assert {"weight", "bias", "out_channels", "forward", "requires_grad_", "training"} <= conv.attributes
    assert not {"in_features", "requires_grad", "0"} & conv.attributes
    assert conv.bases == ("torch.nn.modules.conv._ConvNd",)


def test_containers_are_those_that_hold_what_they_are_given() -> None:
    containers = {name for name in layer_names() if (layer := find_layer(name)) is not None and layer.is_container}
    assert containers == {"Sequential", "ModuleList", "ModuleDict", "DataParallel", "DistributedDataParallel"}


@pytest.mark.parametrize("name", ["", "Dense", "functional", "Parameter", "init", "linear"])
def test_other_names_are_no_layers(name: str) -> None:
    assert find_layer(name) is None


def test_look_ups_need_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None\nfrom headlint.torchlib.layers import find_layer\n"
    code += "print(find_layer('Dropout').parameters)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(('p', 0.5), ('inplace', False))\n"


@pytest.fixture(scope="module")
def nn() -> Any:
    try:
        from torch import nn
    except ImportError as missing:
        pytest.skip(f"compares with the real layers: {missing}")
    return nn


def test_the_table_is_what_the_generator_writes(nn: Any) -> None:
    import torch

    text = Path(layers.FILE).read_text(encoding="utf-8")
    if torch.__version__.partition("+")[0] != json.loads(text)["torch"] or not hasattr(typing, "get_overloads"):
        pytest.skip("the table is made from another torch, or by a newer Python")
    from headlint.zoo.generator.layers import layer_table

    assert layer_table() == text


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", layer_names())
def test_layers_are_those_of_torch(nn: Any, name: str) -> None:
    kind = getattr(nn, name, None) or getattr(nn.parallel, name, None)
    if kind is None:
        pytest.skip(f"the installed torch has no {name}")
    layer = find_layer(name)
    assert layer is not None
    assert issubclass(kind, nn.Module)
    given = {parameter: 4 for parameter, default in layer.parameters if default is REQUIRED}
    if layer.is_container or "layer" in name or any(word in str(layer.parameters) for word in NEEDS_MORE):
        assert {attribute for attribute in dir(kind) if not attribute.startswith("__")} <= layer.attributes
        return
    made = kind(**given)
    assert {attribute for attribute in dir(made) if not attribute.startswith("__")} <= layer.attributes
    explicit = {parameter: default for parameter, default in layer.parameters if default not in (REQUIRED, NOT_PLAIN)}
    assert isinstance(kind(**given, **explicit), nn.Module)


# Constructors that ask for more than whole numbers.
NEEDS_MORE = ("cutoffs", "_layer", "unflattened_size", "mode', REQUIRED", "output_ratio", "norm_type', REQUIRED")


def test_a_layer_norm_takes_features_of_its_width_only() -> None:
    assert behind("LayerNorm", {"normalized_shape": 512}, (512,)) == (512,)
    assert behind("LayerNorm", {"normalized_shape": (512,)}, (768,)) == Refused(512, 768)
    assert behind("LayerNorm", {"normalized_shape": 7}, (768, 7, 7)) == (768, 7, 7)
