"""What `headlint heads` prints: where the head of every model stands, and the code that replaces it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from headlint.checks.places import spelled
from headlint.output.facts import head_fact, size
from headlint.zoo import Builder, Head, Node, builder_at, builder_names, find_builder, nearest, tree

COLUMNS = ("model", "head", "kind", "in", "out", "auxiliary heads", "input", "smallest")
NO_HEAD = "-"


class UnknownBuilder(LookupError):
    """No builder has this name; `nearest` are those that have one like it."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        hint = f"; the nearest are {', '.join(nearest)}" if nearest else ""
        super().__init__(f"torchvision has no model {name!r}{hint}")
        self.name: Final = name
        self.nearest: Final = nearest


def heads_table() -> str:
    """Every model with its heads, one line per main head, in aligned columns."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    for name in builder_names():
        builder = find_builder(name)
        assert builder is not None
        rows.extend(_rows(builder))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def _rows(builder: Builder) -> Iterable[tuple[str, ...]]:
    auxiliary = ", ".join(spelled(head.place) for head in builder.heads if head.auxiliary) or NO_HEAD
    inputs = size(builder.default_input), size(builder.smallest_input)
    main = [head for head in builder.heads if not head.auxiliary]
    if not main:
        yield builder.name, *(NO_HEAD,) * 5, *inputs
    for number, head in enumerate(main):
        facts = spelled(head.place), head.kind, str(head.in_features), str(head.out_features)
        yield (builder.name, *facts, auxiliary, *inputs) if number == 0 else ("", *facts, "", "", "")


def head_lines(name: str) -> str:
    """One model with its heads and the code that replaces them; raises UnknownBuilder, a LookupError.

    `name` is a registered name or a way to import the builder.
    """
    builder = _found(name)
    lines = [
        f"{builder.name}: {builder.qualified_name}, {builder.root_type}",
        f"input: {size(builder.default_input)}, at least {size(builder.smallest_input)} in eval mode",
    ]
    for head in builder.heads:
        title = "auxiliary head" if head.auxiliary else "head"
        lines.append(f"{title}: {spelled(head.place)}, {head_fact(head.kind, head.in_features, head.out_features)}")
    if builder.heads:
        lines += ["", *replacement(builder)]
    else:
        lines.append("head: none, the model has no classes")
    return "\n".join(lines) + "\n"


def _found(name: str) -> Builder:
    builder = find_builder(name) or builder_at(name)
    if builder is None:
        raise UnknownBuilder(name, nearest(name.rpartition(".")[2]))
    return builder


def replacement(builder: Builder) -> tuple[str, ...]:
    """The lines of code that give `model` heads for `num_classes` classes, what they import included."""
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
