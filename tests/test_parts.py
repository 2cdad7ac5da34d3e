"""The parts of torchvision's models that code makes by itself are what torchvision makes of the same arguments."""

from __future__ import annotations

import importlib

import pytest

from headlint.probe.worker.recipe import PARTS
from headlint.torchlib.parts import _PARTS, Part, PartTree, find_part, part_at

torch = pytest.importorskip("torch")

SIZES = (
    (64, 8, 3, 16),
    (32, 5, 7, 12),
)


pytestmark = pytest.mark.usefixtures("offline")


def test_the_worker_knows_the_same_parts() -> None:
    assert {part.name for part in _PARTS} == PARTS


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("part", _PARTS, ids=lambda part: part.name)
def test_a_part_is_what_torchvision_makes(part: Part, sizes: tuple[int, ...]) -> None:
    module, _, name = part.name.rpartition(".")
    given = dict(zip(part.parameters, sizes, strict=False))
    with torch.device("meta"):
        made = getattr(importlib.import_module(f"torchvision.models.{module}"), name)(**given)
    tree = PartTree(part, given)
    assert tree.modules() == tuple(path for path, _ in made.named_modules())
    assert tree.parameters() == tuple(path for path, _ in made.named_parameters())
    for path, inside in made.named_modules():
        node = tree.node(path)
        assert node is not None
        assert node.type == type(inside).__name__
        assert {n: tuple(p.shape) for n, p in inside.named_parameters(recurse=False)} == dict(node.parameters)
        assert tree.has_attribute(path, "forward")
        assert not tree.has_attribute(path, "in_feature")
        for size, value in node.sizes.items():
            if size != "bias":
                assert getattr(inside, size) == value, (path, size)


@pytest.mark.parametrize("part", _PARTS, ids=lambda part: part.name)
def test_entrances_are_what_forward_calls_first_with_its_input(part: Part) -> None:
    tree = PartTree(part, dict(zip(part.parameters, SIZES[0], strict=False)))
    for entrance in part.entrances:
        node = tree.node(entrance)
        assert node is not None
        assert node.sizes.get("in_features", node.sizes.get("in_channels")) == SIZES[0][0]


def test_parts_by_their_dotted_names() -> None:
    predictor = find_part("detection.faster_rcnn.FastRCNNPredictor")
    assert predictor is not None
    assert part_at("torchvision.models.detection.faster_rcnn.FastRCNNPredictor") is predictor
    assert part_at("torchvision.models.detection.mask_rcnn.FastRCNNPredictor") is predictor
    assert part_at("torchvision.models.segmentation.deeplabv3.FCNHead") is find_part("segmentation.fcn.FCNHead")
    assert part_at("torchvision.models.inception.InceptionAux") is find_part("inception.InceptionAux")
    assert part_at("torchvision.models.googlenet.InceptionAux") is find_part("googlenet.InceptionAux")
    assert part_at("mydetection.faster_rcnn.FastRCNNPredictor") is None
    assert part_at("torchvision.models.resnet.ResNet") is None
