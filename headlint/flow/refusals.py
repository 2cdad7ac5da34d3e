"""Calls that a torchvision builder refuses, and keywords that it takes and ignores."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from headlint.history import Argument, SymbolicSize, WeightsMember
from headlint.zoo import Builder

# Classes that take any keyword and read none but their own.
_TAKES_ANY_KEYWORD = frozenset(
    """
    ConvNeXt DeepLabV3 FCN FCOS FasterRCNN KeypointRCNN LRASPP MaskRCNN MobileNetV3 QuantizableMobileNetV3 RetinaNet SSD
    """.split()
)
# What weights fix: any other value that is written out is refused together with them.
_INCEPTION = {"aux_logits": True, "transform_input": True, "init_weights": False}
_SEGMENTATION = {"aux_loss": True}
_FIXED: Mapping[str, Mapping[str, bool]] = {
    "GoogLeNet": _INCEPTION,
    "Inception3": _INCEPTION,
    "DeepLabV3": _SEGMENTATION,
    "FCN": _SEGMENTATION,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a builder raises: the argument it does not take, and what it would have taken if that is one thing."""

    kind: Literal["classes", "fixed", "keyword", "member", "enum"]
    name: str
    needed: bool | int | str | None = None


def refusal(
    builder: Builder,
    arguments: Mapping[str, Argument],
    weights: Mapping[str, Argument | WeightsMember],
) -> Refusal | None:
    """Why `builder(**arguments, **weights)` raises, None if it is not known to; `weights` are certainly asked for."""
    # Which weights the quantized models mean depends on whether they quantize; their classes are fixed all the same.
    quantized = builder.task == "quantization"
    for name, given in () if quantized else weights.items():
        if isinstance(given, WeightsMember) and given.enum != builder.weights_enum:
            return Refusal("enum", name, builder.weights_enum)
        if name == "weights" and isinstance(given, str):
            member = given.replace(f"{builder.weights_enum}.", "")
            if member not in ("DEFAULT", *builder.weights):
                return Refusal("member", name)
    fixed = _FIXED.get(builder.root_type, {})
    for name, value in arguments.items():
        if weights and name == "num_classes" and value not in (None, builder.classes) and builder.classes:
            return Refusal("classes", name, builder.classes)
        if weights and name in fixed and isinstance(value, bool) and value is not fixed[name]:
            return Refusal("fixed", name, fixed[name])
    unknown = (name for name in arguments if name not in builder.parameters)
    keyword = None if builder.root_type in _TAKES_ANY_KEYWORD else next(unknown, None)
    return None if keyword is None else Refusal("keyword", keyword)


def is_certain(refused: Refusal, arguments: Mapping[str, Argument]) -> bool:
    """Whether the call raises whatever a size that the code does not give may be."""
    return refused.kind != "classes" or not isinstance(arguments[refused.name], SymbolicSize)


def ignored(builder: Builder, arguments: Mapping[str, Argument]) -> tuple[str, ...]:
    """The keywords meant for `num_classes` that a builder takes although nothing reads them.

    Others may be read on the way to the class (`width_mult` of MobileNetV3 is).
    """
    if builder.root_type not in _TAKES_ANY_KEYWORD:
        return ()
    return tuple(name for name in arguments if name not in builder.parameters and means_num_classes(name))


# How a class count is called elsewhere.
_COUNTS = frozenset("classes class_num class_count n_classes nb_classes nclass nclasses n_class num_labels".split())


def means_num_classes(name: str) -> bool:
    """Whether a keyword that no builder has is another word for `num_classes`, or a slip in it."""
    return name.lower() in _COUNTS or difflib.SequenceMatcher(None, name.lower(), "num_classes").ratio() > 0.8
