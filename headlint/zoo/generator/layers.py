"""The table of `torch.nn`: every public module class, made once to see what attributes an instance has."""

from __future__ import annotations

import inspect
import json
import typing
import warnings
from typing import Any

import torch
from torch import nn

from headlint.zoo.generator.describe import BASE_ATTRIBUTES, attributes_of, bases

PLACEMENT = ("device", "dtype")

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.DataParallel, nn.parallel.DistributedDataParallel)

# What to make an instance with, where the constructor asks for more than whole numbers.
EXAMPLES: dict[str, dict[str, Any]] = {
    "AdaptiveLogSoftmaxWithLoss": {"in_features": 4, "n_classes": 8, "cutoffs": [2, 4]},
    "CircularPad1d": {"padding": 1},
    "ConstantPad1d": {"padding": 1, "value": 0.0},
    "DataParallel": {"module": nn.Linear(4, 4)},
    "FractionalMaxPool2d": {"kernel_size": 2, "output_size": 2},
    "FractionalMaxPool3d": {"kernel_size": 2, "output_size": 2},
    "LPPool1d": {"norm_type": 2, "kernel_size": 2},
    "RNNBase": {"mode": "LSTM", "input_size": 4, "hidden_size": 4},
    "Threshold": {"threshold": 0.1, "value": 0.0},
    "TransformerDecoder": {"decoder_layer": nn.TransformerDecoderLayer(4, 4), "num_layers": 1},
    "TransformerEncoder": {"encoder_layer": nn.TransformerEncoderLayer(4, 4), "num_layers": 1},
    "Unflatten": {"dim": 1, "unflattened_size": (2, 2)},
}


def public_layers() -> dict[str, type[nn.Module]]:
    """The public module classes of `torch.nn`, and the one of `torch.nn.parallel` that is used as often."""
    found = {
        name: value
        for name, value in vars(nn).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and not name.startswith("_")
    }
    found["DistributedDataParallel"] = nn.parallel.DistributedDataParallel
    return dict(sorted(found.items()))


def instance(name: str, kind: type[nn.Module]) -> nn.Module | None:
    """An instance of a layer; None for DistributedDataParallel, which needs a process group."""
    if kind is nn.parallel.DistributedDataParallel:
        return None
    arguments = EXAMPLES.get(name)
    if arguments is None:
        arguments = {
            parameter.name: 4 for parameter in _constructor_parameters(kind) if parameter.default is parameter.empty
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(**arguments)


def _constructor_parameters(kind: type[nn.Module]) -> list[inspect.Parameter]:
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [
        parameter
        for parameter in _signature(kind).parameters.values()
        if parameter.name != "self" and parameter.kind in plain and parameter.name not in PLACEMENT
    ]


def _signature(kind: type[nn.Module]) -> inspect.Signature:
    """The signature of a constructor; the one written for type checkers where the real one takes anything."""
    if kind not in (nn.RNN, nn.LSTM, nn.GRU):
        return inspect.signature(kind)
    get_overloads = getattr(typing, "get_overloads", None)
    if get_overloads is None:
        raise RuntimeError("the table of layers is made with Python 3.11 or newer, which keeps overloads")
    return inspect.signature(get_overloads(kind.__init__)[0])


def _written(parameter: inspect.Parameter) -> list[Any]:
    if parameter.default is parameter.empty:
        return [parameter.name]
    try:
        return [parameter.name, json.loads(json.dumps(parameter.default))]
    except TypeError:
        return [parameter.name, {}]


def layer_table() -> str:
    """The text of the shipped file: JSON, one layer a line, so that a difference can be read."""
    lines = []
    for name, kind in public_layers().items():
        made = instance(name, kind)
        # `module` is what DistributedDataParallel is read for; the rest of its instance is its own business.
        attributes = attributes_of(kind) | ({"module"} if made is None else attributes_of(made))
        row = {
            "parameters": [_written(parameter) for parameter in _constructor_parameters(kind)],
            "attributes": sorted(attributes - BASE_ATTRIBUTES),
            "bases": bases(kind),
            "container": kind in CONTAINERS,
        }
        lines.append(f"{json.dumps(name)}: {json.dumps(row)}")
    body = ",\n".join(lines)
    version = json.dumps(torch.__version__.partition("+")[0])
    return f'{{"torch": {version},\n"attributes": {json.dumps(sorted(BASE_ATTRIBUTES))},\n"layers": {{\n{body}\n}}}}\n'
