"""What torchvision's tracing of models makes of them: in which order the forward of a model runs its parts."""

from __future__ import annotations

# Models whose forward is one chain: it runs all that stands directly in them once, one behind the other.
_CHAINS = frozenset(
    """
    AlexNet ConvNeXt DenseNet EfficientNet MNASNet MobileNetV2 MobileNetV3 RegNet ResNet ShuffleNetV2 SqueezeNet
    SwinTransformer VGG
    """.split()
)
# Of these, those with a call of `torch.flatten` right before the last module.
_FLATTEN_LAST = frozenset("AlexNet DenseNet EfficientNet MobileNetV2 MobileNetV3 RegNet ResNet VGG".split())


def is_chain(kind: str) -> bool:
    """Whether a model of this class runs its children in their order, each with what the one before gives."""
    return kind in _CHAINS


def flattens_before_last(kind: str) -> bool:
    """Whether the node "flatten" of such a model stands between its last child and all others."""
    return kind in _FLATTEN_LAST
