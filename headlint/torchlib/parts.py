"""Parts of torchvision's models that code makes by themselves: `FastRCNNPredictor`, `DeepLabHead` and the like.

What stands in a part is read off a builder's model that has one, with the sizes that its arguments give.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from headlint.history import Argument
from headlint.torchlib.parameters import parameter_shapes
from headlint.zoo import Multiple, Node, Tree, find_builder, tree

ANY: Final = "any"
"""What stands for the default of a parameter that changes no size."""


class Part:
    """A class below `torchvision.models` at `name` ("detection.faster_rcnn.FastRCNNPredictor").

    `builder` has one at `place`. `parameters` are what its constructor takes, in order: those without a default, and
    behind them `defaults`, of which only the value in the table is understood (ANY: it changes no size). `sizes` says
    which size is which argument, or what it is worked out from. Its input goes first into all of `entrances`.
    """

    def __init__(
        self,
        name: str,
        builder: str,
        place: str,
        parameters: str,
        sizes: Mapping[str, str],
        entrances: str,
        defaults: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.name: Final = name
        self.builder: Final = builder
        self.place: Final = place
        self.parameters: Final = tuple(parameters.split())
        self.sizes: Final = sizes
        self.entrances: Final = tuple(entrances.split())
        self.defaults: Final = defaults

    @property
    def type(self) -> str:
        """The name of the class."""
        return self.name.rpartition(".")[2]


_PARTS = (
    Part(
        "detection.faster_rcnn.FastRCNNPredictor",
        "fasterrcnn_resnet50_fpn",
        "roi_heads.box_predictor",
        "in_channels num_classes",
        {
            "cls_score.in_features": "in_channels",
            "cls_score.out_features": "num_classes",
            "bbox_pred.in_features": "in_channels",
            "bbox_pred.out_features": "num_classes * 4",
        },
        "cls_score bbox_pred",
    ),
    Part(
        "detection.mask_rcnn.MaskRCNNPredictor",
        "maskrcnn_resnet50_fpn",
        "roi_heads.mask_predictor",
        "in_channels dim_reduced num_classes",
        {
            "conv5_mask.in_channels": "in_channels",
            "conv5_mask.out_channels": "dim_reduced",
            "mask_fcn_logits.in_channels": "dim_reduced",
            "mask_fcn_logits.out_channels": "num_classes",
        },
        "conv5_mask",
    ),
    Part(
        "detection.keypoint_rcnn.KeypointRCNNPredictor",
        "keypointrcnn_resnet50_fpn",
        "roi_heads.keypoint_predictor",
        "in_channels num_keypoints",
        {
            "kps_score_lowres.in_channels": "in_channels",
            "kps_score_lowres.out_channels": "num_keypoints",
            ".out_channels": "num_keypoints",
        },
        "kps_score_lowres",
    ),
    Part(
        "detection.retinanet.RetinaNetClassificationHead",
        "retinanet_resnet50_fpn",
        "head.classification_head",
        "in_channels num_anchors num_classes",
        {
            **{f"conv.{i}.0.{side}_channels": "in_channels" for i in range(4) for side in ("in", "out")},
            **{f"conv.{i}.out_channels": "in_channels" for i in range(4)},
            "cls_logits.in_channels": "in_channels",
            "cls_logits.out_channels": "num_anchors * num_classes",
            ".num_anchors": "num_anchors",
            ".num_classes": "num_classes",
        },
        "",
        {"prior_probability": ANY, "norm_layer": None},
    ),
    Part(
        "segmentation.fcn.FCNHead",
        "fcn_resnet50",
        "classifier",
        "in_channels channels",
        {
            "0.in_channels": "in_channels",
            "0.out_channels": "in_channels // 4",
            "1.num_features": "in_channels // 4",
            "4.in_channels": "in_channels // 4",
            "4.out_channels": "channels",
        },
        "0",
    ),
    Part(
        "segmentation.deeplabv3.DeepLabHead",
        "deeplabv3_resnet50",
        "classifier",
        "in_channels num_classes",
        {
            **{f"0.convs.{inside}.in_channels": "in_channels" for inside in ("0.0", "1.0", "2.0", "3.0", "4.1")},
            "4.out_channels": "num_classes",
        },
        "0.convs.0.0",
        {"atrous_rates": (12, 24, 36)},
    ),
    Part(
        "segmentation.lraspp.LRASPPHead",
        "lraspp_mobilenet_v3_large",
        "classifier",
        "low_channels high_channels num_classes inter_channels",
        {
            "cbr.0.in_channels": "high_channels",
            "cbr.0.out_channels": "inter_channels",
            "cbr.1.num_features": "inter_channels",
            "scale.1.in_channels": "high_channels",
            "scale.1.out_channels": "inter_channels",
            "low_classifier.in_channels": "low_channels",
            "low_classifier.out_channels": "num_classes",
            "high_classifier.in_channels": "inter_channels",
            "high_classifier.out_channels": "num_classes",
        },
        "",
    ),
    Part(
        "inception.InceptionAux",
        "inception_v3",
        "AuxLogits",
        "in_channels num_classes",
        {"conv0.conv.in_channels": "in_channels", "fc.out_features": "num_classes"},
        "conv0.conv",
        {"conv_block": None},
    ),
    Part(
        "googlenet.InceptionAux",
        "googlenet",
        "aux1",
        "in_channels num_classes",
        {"conv.conv.in_channels": "in_channels", "fc2.out_features": "num_classes"},
        "conv.conv",
        {"conv_block": None, "dropout": ANY},
    ),
)
_MODELS = "torchvision.models."
_BY_NAME = {part.name: part for part in _PARTS}


def find_part(name: str) -> Part | None:
    """The part of this name below `torchvision.models`."""
    return _BY_NAME.get(name)


@cache
def part_at(qualified_name: str) -> Part | None:
    """The part that can be imported as `qualified_name`: by its own name, or through a file that imports it itself."""
    if not qualified_name.startswith(_MODELS):
        return None
    module, _, name = qualified_name[len(_MODELS) :].rpartition(".")
    own = find_part(f"{module}.{name}")
    if own is not None or name == "InceptionAux":
        return own
    return next((part for part in _PARTS if part.type == name and part.name.startswith(module.partition(".")[0])), None)


class PartTree:
    """What stands in a part made with `arguments`; the same look-ups as a builder's `Tree` has."""

    def __init__(self, part: Part, arguments: Mapping[str, Argument]) -> None:
        self.part: Final = part
        self._arguments: Final = dict(arguments)
        self._tree: Final = _tree_with(part)
        self._nodes: Final[dict[str, Node | None]] = {}

    def node(self, path: str) -> Node | None:
        """The module at `path` ("" for the whole part)."""
        if path not in self._nodes:
            self._nodes[path] = self._node(path)
        return self._nodes[path]

    def _node(self, path: str) -> Node | None:
        known = self._tree.node(self._inside(path))
        if known is None:
            return None
        sizes = dict(known.sizes)
        given = [place.rpartition(".")[::2] for place in self.part.sizes]
        parameters = known.parameters
        for owner, name in given:
            if owner == path:
                size = _worked_out(self.part.sizes[f"{owner}.{name}"], self._arguments)
                sizes[name] = size
                parameters = parameter_shapes(known.type, sizes) or parameters  # type: ignore[arg-type, assignment]
                if size is None:
                    del sizes[name]
        bases, children = known.bases, known.children
        return Node(path, known.qualified_type, bases, sizes, children, parameters, known.buffers, arrives=None)

    def _inside(self, path: str) -> str:
        return f"{self.part.place}.{path}" if path else self.part.place

    def modules(self, path: str = "") -> tuple[str, ...]:
        """The paths of the module at `path` and of all below it, in the order of `named_modules`."""
        skipped = len(self.part.place) + 1
        return tuple(inside[skipped:] for inside in self._tree.modules(self._inside(path)))

    def parameters(self, path: str = "") -> tuple[str, ...]:
        """The paths of all parameters at and below `path`, in the order of `named_parameters`."""
        skipped = len(self.part.place) + 1
        return tuple(inside[skipped:] for inside in self._tree.parameters(self._inside(path)))

    def has_attribute(self, path: str, name: str) -> bool:
        """Whether `hasattr` finds `name` on the module at `path`."""
        return self._tree.has_attribute(self._inside(path), name)


@cache
def _tree_with(part: Part) -> Tree:
    builder = find_builder(part.builder)
    assert builder is not None
    found = tree(builder, {}, weighted=False)
    assert found is not None
    return found


def _worked_out(formula: str, arguments: Mapping[str, Argument]) -> object:
    """A size out of an argument, or out of an argument and another or a number; None where that takes numbers."""
    name, *rest = formula.split()
    size = arguments[name]
    if not rest:
        return size
    operation, other = rest
    factor = int(other) if other.isdigit() else arguments[other]
    if not isinstance(size, int) or not isinstance(factor, int):
        return Multiple(factor, size) if operation == "*" and isinstance(factor, int) else None
    return size * factor if operation == "*" else size // factor
