"""The models that programs are about: where each has its head, how wide it is, and names that people take for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """A builder of torchvision as somebody who adapts it knows it.

    `head` is written behind the model, `width` what arrives there. `whole` is what holds the head together with other
    layers, empty if the head stands alone, and `first` the width that arrives there. `parts` are named to be frozen,
    `inputs` is the shape of one sample. `wrong` are names of heads of other models, and `batch_norm` says whether
    there is any.
    """

    builder: str
    weights: str
    head: str
    width: int
    inputs: tuple[int, ...]
    parts: tuple[str, ...]
    wrong: tuple[str, ...]
    whole: str = ""
    first: int = 0
    layer: str = "Linear"
    task: str = ""
    cost: int = 1
    batch_norm: bool = True
    frozen_test: str = ""
    classes: int = 1000

    @property
    def name(self) -> str:
        """The name of the head as a word in the names of its parameters."""
        return self.head.replace("[", ".").replace("]", "")


_SMALL = (3, 64, 64)
_CLIP = (3, 8, 64, 64)


def _resnets() -> list[Architecture]:
    widths = {"resnet18": 512, "resnet34": 512, "resnet50": 2048, "resnext50_32x4d": 2048, "wide_resnet50_2": 2048}
    names = {
        "resnext50_32x4d": "ResNeXt50_32X4D_Weights",
        "wide_resnet50_2": "Wide_ResNet50_2_Weights",
    }
    return [
        Architecture(
            builder=name,
            weights=names.get(name, name.replace("resnet", "ResNet") + "_Weights"),
            head="fc",
            width=width,
            inputs=_SMALL,
            parts=("layer1", "layer2", "layer3", "layer4", "conv1"),
            wrong=("classifier", "head", "last_linear", "_fc", "fc2"),
            frozen_test="fc",
        )
        for name, width in widths.items()
    ]


def _classifiers() -> list[Architecture]:
    wrong = ("fc", "head", "_fc", "last_linear")
    found = [
        Architecture(
            builder=name,
            weights=weights,
            head="classifier[6]",
            width=4096,
            inputs=_SMALL,
            parts=("features",),
            wrong=wrong,
            whole="classifier",
            first=first,
            cost=3,
            batch_norm="bn" in name,
            frozen_test="classifier",
        )
        for name, weights, first in (
            ("vgg11", "VGG11_Weights", 25088),
            ("vgg16", "VGG16_Weights", 25088),
            ("vgg16_bn", "VGG16_BN_Weights", 25088),
            ("alexnet", "AlexNet_Weights", 9216),
        )
    ]
    found += [
        Architecture(
            builder=name,
            weights=weights,
            head=head,
            width=width,
            inputs=_SMALL,
            parts=("features", "features[0]"),
            wrong=wrong,
            whole="classifier",
            first=first,
            frozen_test="classifier",
            batch_norm="convnext" not in name,
        )
        for name, weights, head, width, first in (
            ("mobilenet_v2", "MobileNet_V2_Weights", "classifier[1]", 1280, 1280),
            ("mobilenet_v3_small", "MobileNet_V3_Small_Weights", "classifier[3]", 1024, 576),
            ("mobilenet_v3_large", "MobileNet_V3_Large_Weights", "classifier[3]", 1280, 960),
            ("efficientnet_b0", "EfficientNet_B0_Weights", "classifier[1]", 1280, 1280),
            ("efficientnet_b3", "EfficientNet_B3_Weights", "classifier[1]", 1536, 1536),
            ("efficientnet_v2_s", "EfficientNet_V2_S_Weights", "classifier[1]", 1280, 1280),
            ("mnasnet1_0", "MNASNet1_0_Weights", "classifier[1]", 1280, 1280),
            ("convnext_tiny", "ConvNeXt_Tiny_Weights", "classifier[2]", 768, 0),
        )
        if name != "mnasnet1_0"
    ]
    found.append(
        Architecture(
            builder="mnasnet1_0",
            weights="MNASNet1_0_Weights",
            head="classifier[1]",
            width=1280,
            inputs=_SMALL,
            parts=("layers",),
            wrong=wrong,
            whole="classifier",
            first=1280,
            frozen_test="classifier",
        )
    )
    found += [
        Architecture(
            builder=name,
            weights=weights,
            head="classifier",
            width=width,
            inputs=_SMALL,
            parts=("features", "features.denseblock4"),
            wrong=wrong,
            frozen_test="classifier",
        )
        for name, weights, width in (
            ("densenet121", "DenseNet121_Weights", 1024),
            ("densenet169", "DenseNet169_Weights", 1664),
        )
    ]
    found += [
        Architecture(
            builder=name,
            weights=weights,
            head="classifier[1]",
            width=512,
            inputs=_SMALL,
            parts=("features",),
            wrong=wrong,
            whole="classifier",
            layer="Conv2d",
            frozen_test="classifier",
            batch_norm=False,
        )
        for name, weights in (
            ("squeezenet1_0", "SqueezeNet1_0_Weights"),
            ("squeezenet1_1", "SqueezeNet1_1_Weights"),
        )
    ]
    return found


def _others() -> list[Architecture]:
    wrong = ("classifier", "head", "last_linear")
    return [
        Architecture("shufflenet_v2_x1_0", "ShuffleNet_V2_X1_0_Weights", "fc", 1024, _SMALL, ("stage2", "stage3"), wrong),
        Architecture("regnet_y_400mf", "RegNet_Y_400MF_Weights", "fc", 440, _SMALL, ("stem", "trunk_output"), wrong),
        Architecture("regnet_x_800mf", "RegNet_X_800MF_Weights", "fc", 672, _SMALL, ("stem", "trunk_output"), wrong),
        Architecture(
            "swin_t", "Swin_T_Weights", "head", 768, _SMALL, ("features",), ("fc", "heads", "classifier"),
            batch_norm=False, frozen_test="head",
        ),
        Architecture(
            "vit_b_16", "ViT_B_16_Weights", "heads.head", 768, (3, 224, 224), ("encoder", "conv_proj"),
            ("head", "fc", "classifier"), whole="heads", first=768, cost=8, batch_norm=False, frozen_test="heads",
        ),
        Architecture(
            "maxvit_t", "MaxVit_T_Weights", "classifier[5]", 512, (3, 224, 224), ("stem", "blocks"), ("fc", "head"),
            whole="classifier", cost=10, frozen_test="classifier",
        ),
        Architecture("googlenet", "GoogLeNet_Weights", "fc", 1024, _SMALL, ("inception3a", "conv1"), wrong),
        Architecture(
            "inception_v3", "Inception_V3_Weights", "fc", 2048, (3, 299, 299), ("Mixed_5b", "Conv2d_1a_3x3"), wrong, cost=6
        ),
        Architecture(
            "r3d_18", "R3D_18_Weights", "fc", 512, _CLIP, ("stem", "layer1"), wrong, task="video", cost=3,
            frozen_test="fc", classes=400,
        ),
        Architecture(
            "mc3_18", "MC3_18_Weights", "fc", 512, _CLIP, ("stem", "layer1"), wrong, task="video", cost=3,
            frozen_test="fc", classes=400,
        ),
        Architecture(
            "resnet18", "ResNet18_Weights", "fc", 512, _SMALL, ("layer1", "layer2", "layer3"), wrong,
            task="quantization", frozen_test="fc",
        ),
        Architecture(
            "mobilenet_v2", "MobileNet_V2_Weights", "classifier[1]", 1280, _SMALL, ("features",), ("fc", "head"),
            whole="classifier", first=1280, task="quantization", frozen_test="classifier",
        ),
    ]  # fmt: skip


ALL = tuple(_resnets() + _classifiers() + _others())
PLAIN = tuple(one for one in ALL if one.layer == "Linear" and one.builder != "inception_v3" and not one.task)
CHEAP = tuple(one for one in PLAIN if one.cost == 1)
# All of them, and those oftener that run in a moment.
MIXED = ALL + 2 * CHEAP
