"""What layers of `torch.nn` make of a shape, and which shapes they refuse.

Shapes come without the batch. A size is a number, a symbolic size, or None where it is not worked out; only two
numbers can certainly differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from headlint.history import Argument

Shape: TypeAlias = tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The layer takes `wanted` features (channels for convolutions) and is given `given`."""

    wanted: int
    given: int


Outcome: TypeAlias = Shape | Refused | None
"""The shape behind a layer, its refusal, or None where neither is known."""

_SAME_SHAPE = frozenset(
    """
    Identity Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout ReLU ReLU6 ELU SELU CELU GELU SiLU
    Mish Hardswish Hardsigmoid Hardtanh LeakyReLU Sigmoid Tanh Softplus Softsign Softmax Softmax2d LogSoftmax Softmin
    LogSigmoid Threshold RReLU Tanhshrink Softshrink Hardshrink PReLU LayerNorm2d GroupNorm
    """.split()
)
# How many dimensions each normalisation takes, without the batch.
_BATCH_NORMS = {"BatchNorm1d": (1, 2), "BatchNorm2d": (3,), "BatchNorm3d": (4,)}
_CONVOLUTIONS = {f"Conv{kind}{n}d": n for kind in ("", "Transpose") for n in (1, 2, 3)}
# What gives maps of another size with as many channels.
_RESIZING = frozenset("AvgPool2d MaxPool2d Upsample UpsamplingBilinear2d UpsamplingNearest2d".split())
SIZED = frozenset({"Linear", *_CONVOLUTIONS, *_BATCH_NORMS})


def behind(kind: str, sizes: Mapping[str, Argument], shape: Shape) -> Outcome:
    """What a layer of class `kind` with these arguments gives for an input of `shape`."""
    if kind in _SAME_SHAPE:
        return shape
    if kind == "Linear":
        return _linear(sizes, shape)
    if kind in _BATCH_NORMS:
        if len(shape) not in _BATCH_NORMS[kind]:
            return None
        refused = _refusal(sizes.get("num_features"), shape[0])
        return refused if refused is not None else shape
    if kind == "LayerNorm":
        # Of features its size is one number; what else it may be given depends on more than the width.
        size = sizes.get("normalized_shape")
        wanted = size[0] if isinstance(size, tuple) and len(size) == 1 else size
        refused = _refusal(wanted, shape[0]) if len(shape) == 1 else None
        return refused if refused is not None else shape
    if kind == "Flatten":
        return _flatten(sizes, shape)
    if kind in _CONVOLUTIONS and len(shape) == _CONVOLUTIONS[kind] + 1:
        refused = _refusal(sizes.get("in_channels"), shape[0])
        return refused if refused is not None else (sizes.get("out_channels"), *[None] * _CONVOLUTIONS[kind])
    if kind in _RESIZING and len(shape) == 3:
        return (shape[0], None, None)
    if kind in ("AdaptiveAvgPool2d", "AdaptiveMaxPool2d") and len(shape) == 3:
        size = sizes.get("output_size")
        pair = size if isinstance(size, tuple) else (size, size)
        return (shape[0], *pair) if len(pair) == 2 and None not in pair else None
    return None


def width(kind: str, shape: Shape) -> Argument:
    """The size of a shape that a sized layer is made for, None where the layer takes no such shape."""
    if kind == "Linear":
        return shape[0] if len(shape) == 1 else None
    ranks = _BATCH_NORMS.get(kind) or ((_CONVOLUTIONS[kind] + 1,) if kind in _CONVOLUTIONS else ())
    # Channels come first.
    return shape[0] if len(shape) in ranks else None


def given_always(kind: str, sizes: Mapping[str, Argument]) -> Shape | None:
    """What a sized layer gives whatever it is given, of the rank that it is mostly used for."""
    if kind == "Linear":
        return (sizes.get("out_features"),)
    if kind == "Embedding":
        return (sizes.get("embedding_dim"),)
    return (sizes.get("out_channels"), *[None] * _CONVOLUTIONS[kind]) if kind in _CONVOLUTIONS else None


def _refusal(wanted: Argument, given: Argument) -> Refused | None:
    if _is_number(wanted) and _is_number(given) and wanted != given:
        assert isinstance(wanted, int)
        assert isinstance(given, int)
        return Refused(wanted, given)
    return None


def _is_number(size: Argument) -> bool:
    return isinstance(size, int) and not isinstance(size, bool)


def _linear(sizes: Mapping[str, Argument], shape: Shape) -> Outcome:
    # On a map (channels first) a Linear is a mistake of another kind: the last size is no feature.
    if len(shape) != 1:
        return None
    refused = _refusal(sizes.get("in_features"), shape[-1])
    if refused is not None:
        return refused
    return (*shape[:-1], sizes.get("out_features"))


def _flatten(sizes: Mapping[str, Argument], shape: Shape) -> Outcome:
    if sizes.get("start_dim", 1) != 1 or sizes.get("end_dim", -1) not in (-1, len(shape)):
        return None
    product = 1
    for size in shape:
        if not isinstance(size, int):
            return None if len(shape) != 1 else shape
        product *= size
    return (product,)
