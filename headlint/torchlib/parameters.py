"""The parameters that a layer of `torch.nn` makes from its arguments."""

from __future__ import annotations

from collections.abc import Mapping

from headlint.history import Argument
from headlint.torchlib.losses import is_loss

_NO_PARAMETERS = frozenset(
    """
    Identity Flatten Unflatten Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout
    ReLU ReLU6 ELU SELU CELU GELU SiLU Mish Hardswish Hardsigmoid Hardtanh LeakyReLU Sigmoid Tanh Softplus Softsign
    Softmax Softmax2d LogSoftmax Softmin LogSigmoid Threshold GLU RReLU Tanhshrink Softshrink Hardshrink
    AvgPool1d AvgPool2d AvgPool3d MaxPool1d MaxPool2d MaxPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d
    AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d Upsample PixelShuffle ZeroPad2d ReflectionPad2d
    CTCLoss CosineEmbeddingLoss GaussianNLLLoss HingeEmbeddingLoss MarginRankingLoss MultiLabelMarginLoss
    MultiMarginLoss PoissonNLLLoss SoftMarginLoss TripletMarginLoss CosineSimilarity PairwiseDistance
    """.split()
)


_CONVOLUTIONS = frozenset(f"Conv{kind}{n}d" for kind in ("", "Transpose") for n in (1, 2, 3))


def _pair(value: Argument, dimensions: int) -> tuple[Argument, ...]:
    return value if isinstance(value, tuple) else (value,) * dimensions


def parameter_shapes(kind: str, given: Mapping[str, Argument]) -> dict[str, tuple[Argument, ...]] | None:
    """Name and shape of every parameter, in order; None for kinds whose parameters are not written here.

    `given` holds the layer's arguments by name; left-out ones have torch's defaults.
    """
    if kind in _NO_PARAMETERS or is_loss(kind):
        return {}
    shapes: dict[str, tuple[Argument, ...]] = {}
    if kind == "Linear":
        shapes["weight"] = (given.get("out_features"), given.get("in_features"))
        if given.get("bias", True):
            shapes["bias"] = (given.get("out_features"),)
    elif kind in _CONVOLUTIONS:
        # The weight has the inputs of one group; a transposed convolution's has its sides the other way round.
        sides = ["out_channels", "in_channels"]
        if "Transpose" in kind:
            sides.reverse()
        groups, width = given.get("groups", 1), given.get(sides[1])
        if isinstance(groups, int) and isinstance(width, int) and groups > 0:
            width = width // groups
        elif groups != 1:
            return None
        kernel = _pair(given.get("kernel_size"), int(kind[-2]))
        shapes["weight"] = (given.get(sides[0]), width, *kernel)
        if given.get("bias", True):
            shapes["bias"] = (given.get("out_channels"),)
    elif kind in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"):
        if given.get("affine", True):
            shapes["weight"] = shapes["bias"] = (given.get("num_features"),)
    elif kind == "LayerNorm":
        if given.get("elementwise_affine", True):
            shapes["weight"] = _pair(given.get("normalized_shape"), 1)
            if given.get("bias", True):
                shapes["bias"] = shapes["weight"]
    elif kind == "GroupNorm":
        if given.get("affine", True):
            shapes["weight"] = shapes["bias"] = (given.get("num_channels"),)
    elif kind == "PReLU":
        shapes["weight"] = (given.get("num_parameters", 1),)
    else:
        return None
    return shapes


def parameter_names(kind: str, given: Mapping[str, Argument]) -> tuple[str, ...] | None:
    """The names of the same, also of lazy layers, whose parameters have no shape before they are called."""
    shapes = parameter_shapes(kind.removeprefix("Lazy"), given)
    return None if shapes is None else tuple(shapes)
