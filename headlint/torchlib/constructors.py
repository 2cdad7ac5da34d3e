"""The classes of torchvision's models: which of its builders makes what a class makes of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from headlint.torchlib.layers import REQUIRED


class Constructor:
    """The class `name` in the file `family` below `torchvision.models`.

    `parameters` are what it takes, in order, with their defaults. Those in `axes` decide which of `builders` makes the
    same; the others mean to the builder what they mean to the class. A class among arguments is given by its name,
    and a list as a tuple.
    """

    def __init__(
        self,
        name: str,
        family: str,
        parameters: Mapping[str, object],
        axes: str,
        builders: Mapping[tuple[object, ...], str],
    ) -> None:
        self.name: Final = name
        self.family: Final = family
        self.parameters: Final = parameters
        self.axes: Final = tuple(axes.split())
        self.builders: Final = builders


def _required(names: str) -> dict[str, object]:
    return dict.fromkeys(names.split(), REQUIRED)


_CONSTRUCTORS = (
    Constructor(
        "ResNet",
        "resnet",
        {
            **_required("block layers"),
            "num_classes": 1000,
            "zero_init_residual": False,
            "groups": 1,
            "width_per_group": 64,
            "replace_stride_with_dilation": None,
            "norm_layer": None,
        },
        "block layers groups width_per_group",
        {
            ("BasicBlock", (2, 2, 2, 2), 1, 64): "resnet18",
            ("BasicBlock", (3, 4, 6, 3), 1, 64): "resnet34",
            ("Bottleneck", (3, 4, 6, 3), 1, 64): "resnet50",
            ("Bottleneck", (3, 4, 23, 3), 1, 64): "resnet101",
            ("Bottleneck", (3, 8, 36, 3), 1, 64): "resnet152",
            ("Bottleneck", (3, 4, 6, 3), 32, 4): "resnext50_32x4d",
            ("Bottleneck", (3, 4, 23, 3), 32, 8): "resnext101_32x8d",
            ("Bottleneck", (3, 4, 23, 3), 64, 4): "resnext101_64x4d",
            ("Bottleneck", (3, 4, 6, 3), 1, 128): "wide_resnet50_2",
            ("Bottleneck", (3, 4, 23, 3), 1, 128): "wide_resnet101_2",
        },
    ),
    Constructor(
        "DenseNet",
        "densenet",
        {
            "growth_rate": 32,
            "block_config": (6, 12, 24, 16),
            "num_init_features": 64,
            "bn_size": 4,
            "drop_rate": 0,
            "num_classes": 1000,
            "memory_efficient": False,
        },
        "growth_rate block_config num_init_features bn_size",
        {
            (32, (6, 12, 24, 16), 64, 4): "densenet121",
            (48, (6, 12, 36, 24), 96, 4): "densenet161",
            (32, (6, 12, 32, 32), 64, 4): "densenet169",
            (32, (6, 12, 48, 32), 64, 4): "densenet201",
        },
    ),
    Constructor("AlexNet", "alexnet", {"num_classes": 1000, "dropout": 0.5}, "", {(): "alexnet"}),
    Constructor(
        "GoogLeNet",
        "googlenet",
        {"num_classes": 1000, "aux_logits": True, "transform_input": False, "init_weights": None},
        "",
        {(): "googlenet"},
    ),
    Constructor(
        "Inception3",
        "inception",
        {"num_classes": 1000, "aux_logits": True, "transform_input": False},
        "",
        {(): "inception_v3"},
    ),
    Constructor("MobileNetV2", "mobilenetv2", {"num_classes": 1000, "width_mult": 1.0}, "", {(): "mobilenet_v2"}),
    Constructor(
        "SqueezeNet",
        "squeezenet",
        {"version": "1_0", "num_classes": 1000, "dropout": 0.5},
        "version",
        {("1_0",): "squeezenet1_0", ("1_1",): "squeezenet1_1"},
    ),
    Constructor(
        "ShuffleNetV2",
        "shufflenetv2",
        {**_required("stages_repeats stages_out_channels"), "num_classes": 1000},
        "stages_repeats stages_out_channels",
        {
            ((4, 8, 4), (24, 48, 96, 192, 1024)): "shufflenet_v2_x0_5",
            ((4, 8, 4), (24, 116, 232, 464, 1024)): "shufflenet_v2_x1_0",
            ((4, 8, 4), (24, 176, 352, 704, 1024)): "shufflenet_v2_x1_5",
            ((4, 8, 4), (24, 244, 488, 976, 2048)): "shufflenet_v2_x2_0",
        },
    ),
    Constructor(
        "VisionTransformer",
        "vision_transformer",
        {
            **_required("image_size patch_size num_layers num_heads hidden_dim mlp_dim"),
            "dropout": 0.0,
            "attention_dropout": 0.0,
            "num_classes": 1000,
        },
        "image_size patch_size num_layers num_heads hidden_dim mlp_dim",
        {
            (224, 16, 12, 12, 768, 3072): "vit_b_16",
            (224, 32, 12, 12, 768, 3072): "vit_b_32",
            (224, 16, 24, 16, 1024, 4096): "vit_l_16",
            (224, 32, 24, 16, 1024, 4096): "vit_l_32",
            (224, 14, 32, 16, 1280, 5120): "vit_h_14",
        },
    ),
)


@cache
def constructor_at(qualified_name: str) -> Constructor | None:
    """The class of models that can be imported as `qualified_name`."""
    for constructor in _CONSTRUCTORS:
        if qualified_name in (
            f"torchvision.models.{constructor.name}",
            f"torchvision.models.{constructor.family}.{constructor.name}",
        ):
            return constructor
    return None
