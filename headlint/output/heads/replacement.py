"""The lines of code that give a model of torchvision heads for other classes."""

from __future__ import annotations

from collections.abc import Callable

from headlint.checks.places import spelled
from headlint.zoo import Builder, Head, Node, tree


def replacement(builder: Builder) -> tuple[str, ...]:
    """The lines of code that give `model` heads for `num_classes` classes, what they import included; none without."""
    if not builder.heads:
        return ()
    predictors = PREDICTORS.get(builder.root_type)
    if predictors is not None:
        return predictors(builder)
    return ("from torch import nn", "", *(_layer_line(builder, head) for head in builder.heads))


def _layer_line(builder: Builder, head: Head) -> str:
    place = f"model.{spelled(head.place)}"
    node = _node(builder, head.place)
    bias = "" if node.sizes["bias"] else ", bias=False"
    if head.kind == "Linear":
        layer = f"nn.Linear({place}.in_features, num_classes{bias})"
    else:
        layer = f"nn.{head.kind}({head.in_features}, num_classes, {_window(node)}{bias})"
    return f"{place} = {layer}" + ("  # where the model has auxiliary heads" if head.auxiliary else "")


def _node(builder: Builder, place: str) -> Node:
    """The module at a head's place, in the first structure that has it."""
    for arguments in ({}, {"aux_loss": True}, {"aux_logits": True}):
        found = tree(builder, arguments, weighted=False)
        node = None if found is None else found.node(place)
        if node is not None:
            return node
    raise LookupError(f"{builder.name} has no structure with {place}")


def _window(node: Node) -> str:
    """The kernel of a convolution, and what else is not the default, as keyword arguments."""
    kernel, stride, padding = (node.sizes[name] for name in ("kernel_size", "stride", "padding"))
    keywords = {"kernel_size": kernel} | {
        name: value
        for name, value, default in (("stride", stride, 1), ("padding", padding, 0))
        if isinstance(value, tuple) and set(value) != {default}
    }
    return ", ".join(f"{name}={_short(value)}" for name, value in keywords.items())


def _short(value: object) -> object:
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _box_predictor(builder: Builder) -> tuple[str, ...]:
    return (
        "from torchvision.models.detection.faster_rcnn import FastRCNNPredictor",
        "",
        "in_features = model.roi_heads.box_predictor.cls_score.in_features",
        "model.roi_heads.box_predictor = FastRCNNPredictor(in_features, num_classes)  # background included",
    )


def _mask_predictor(builder: Builder) -> tuple[str, ...]:
    imported, blank, *lines = _box_predictor(builder)
    return (
        imported,
        "from torchvision.models.detection.mask_rcnn import MaskRCNNPredictor",
        blank,
        *lines,
        "in_channels = model.roi_heads.mask_predictor.conv5_mask.in_channels",
        "model.roi_heads.mask_predictor = MaskRCNNPredictor(in_channels, 256, num_classes)",
    )


def _dense_head(builder: Builder) -> tuple[str, ...]:
    """RetinaNet and FCOS: the whole classification head, whose class count the model reads elsewhere too."""
    kind = f"{builder.root_type}ClassificationHead"
    imports = [f"from torchvision.models.detection.{builder.family} import {kind}"]
    norm = ""
    if builder.root_type == "RetinaNet" and _normalized(builder, "head.classification_head.conv"):
        imports = ["from functools import partial", "", "from torch import nn", *imports]
        norm = ", norm_layer=partial(nn.GroupNorm, 32)"
    return (
        *imports,
        "",
        "num_anchors = model.head.classification_head.num_anchors",
        f"model.head.classification_head = {kind}(model.backbone.out_channels, num_anchors, num_classes{norm})",
    )


def _normalized(builder: Builder, place: str) -> bool:
    found = tree(builder, {}, weighted=False)
    assert found is not None
    return any(node is not None and node.type == "GroupNorm" for node in map(found.node, found.modules(place)))


def _single_shot_head(builder: Builder) -> tuple[str, ...]:
    """SSD and SSDlite: one predictor per scale."""
    light = builder.family == "ssdlite"
    kind = "SSDLiteClassificationHead" if light else "SSDClassificationHead"
    imports = ("from functools import partial", "", "from torch import nn") if light else ()
    layer = "scale[0][0]" if light else "scale"
    norm = ", partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)" if light else ""
    return (
        *imports,
        f"from torchvision.models.detection.{builder.family} import {kind}",
        "",
        "scales = model.head.classification_head.module_list",
        f"in_channels = [{layer}.in_channels for scale in scales]",
        "num_anchors = model.anchor_generator.num_anchors_per_location()",
        f"model.head.classification_head = {kind}(in_channels, num_anchors, num_classes{norm})",
    )


# Models whose classes several layers share are given a new predictor, by the class of the model.
PREDICTORS: dict[str, Callable[[Builder], tuple[str, ...]]] = {
    "FasterRCNN": _box_predictor,
    "KeypointRCNN": _box_predictor,
    "MaskRCNN": _mask_predictor,
    "RetinaNet": _dense_head,
    "FCOS": _dense_head,
    "SSD": _single_shot_head,
}
