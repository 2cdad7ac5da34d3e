"""The zoo: look-ups that need no torch, and the data against the installed torchvision."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from headlint.zoo import Multiple, Tree, builder_at, builder_names, find_builder, nearest, tree
from headlint.zoo.archive import index


def tree_of(name: str, weighted: bool = False, **arguments: object) -> Tree:
    builder = find_builder(name)
    assert builder is not None
    found = tree(builder, arguments, weighted)
    assert found is not None
    return found


def is_known(name: str, weighted: bool = False, **arguments: object) -> bool:
    builder = find_builder(name)
    assert builder is not None
    return tree(builder, arguments, weighted) is not None


# --- look-ups


def test_every_task_of_torchvision_is_there() -> None:
    builders = [builder for name in builder_names() if (builder := find_builder(name)) is not None]
    assert len(builders) == len(builder_names()) == 121
    counts: dict[str, int] = {}
    for builder in builders:
        counts[builder.task] = counts.get(builder.task, 0) + 1
    assert counts == {
        "classification": 80,
        "quantization": 12,
        "detection": 12,
        "segmentation": 6,
        "video": 9,
        "optical_flow": 2,
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("torchvision.models.resnet50", "resnet50"),
        ("torchvision.models.resnet.resnet50", "resnet50"),
        ("torchvision.models.googlenet", "googlenet"),
        ("torchvision.models.googlenet.googlenet", "googlenet"),
        ("torchvision.models.quantization.resnet50", "quantized_resnet50"),
        ("torchvision.models.quantization.resnet.resnet50", "quantized_resnet50"),
        ("torchvision.models.detection.fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn"),
        ("torchvision.models.detection.faster_rcnn.fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn"),
        ("torchvision.models.segmentation.deeplabv3.deeplabv3_resnet50", "deeplabv3_resnet50"),
        ("torchvision.models.video.r3d_18", "r3d_18"),
        ("torchvision.models.optical_flow.raft_small", "raft_small"),
    ],
)
def test_builders_are_found_by_every_import_path(path: str, name: str) -> None:
    builder = builder_at(path)
    assert builder is not None
    assert builder.name == name
    assert builder is find_builder(name)


def test_the_qualified_name_of_a_builder_leads_back_to_it() -> None:
    for name in builder_names():
        builder = find_builder(name)
        assert builder is not None
        assert builder_at(builder.qualified_name) is builder


@pytest.mark.parametrize("path", ["", "resnet50", "torchvision.models", "torchvision.models.resnet", "timm.resnet50"])
def test_other_names_are_no_builders(path: str) -> None:
    assert builder_at(path) is None


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("resnet5", "resnet50"), ("ResNet-50", "resnet50"), ("efficientnetb0", "efficientnet_b0"), ("vgg_16", "vgg16")],
)
def test_the_nearest_name_is_the_one_that_was_meant(wrong: str, right: str) -> None:
    assert nearest(wrong)[0] == right


def test_nothing_is_near_to_nonsense() -> None:
    assert nearest("???") == ()


@pytest.mark.parametrize(
    ("name", "place", "inside"),
    [
        ("resnet18", "fc", 512),
        ("resnet50", "fc", 2048),
        ("shufflenet_v2_x2_0", "fc", 2048),
        ("densenet161", "classifier", 2208),
        ("vgg16", "classifier.6", 4096),
        ("efficientnet_b7", "classifier.1", 2560),
        ("squeezenet1_1", "classifier.1", 512),
        ("mobilenet_v3_small", "classifier.3", 1024),
        ("convnext_large", "classifier.2", 1536),
        ("maxvit_t", "classifier.5", 512),
        ("swin_b", "head", 1024),
        ("vit_h_14", "heads.head", 1280),
        ("mvit_v2_s", "head.1", 768),
        ("s3d", "classifier.1", 1024),
        ("deeplabv3_resnet50", "classifier.4", 256),
        ("fasterrcnn_resnet50_fpn", "roi_heads.box_predictor.cls_score", 1024),
    ],
)
def test_heads_stand_where_people_replace_them(name: str, place: str, inside: int) -> None:
    builder = find_builder(name)
    assert builder is not None
    assert (builder.heads[0].place, builder.heads[0].in_features) == (place, inside)
    assert not builder.heads[0].auxiliary


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("inception_v3", ("AuxLogits.fc",)),
        ("googlenet", ("aux1.fc2", "aux2.fc2")),
        ("fcn_resnet50", ("aux_classifier.4",)),
        ("resnet50", ()),
    ],
)
def test_auxiliary_heads(name: str, places: tuple[str, ...]) -> None:
    builder = find_builder(name)
    assert builder is not None
    assert tuple(head.place for head in builder.heads if head.auxiliary) == places


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        ("resnet50", (3, 1, 1)),
        ("squeezenet1_0", (3, 21, 21)),
        ("densenet121", (3, 29, 29)),
        ("vgg16", (3, 32, 32)),
        ("alexnet", (3, 63, 63)),
        ("inception_v3", (3, 75, 75)),
        ("vit_b_16", (3, 224, 224)),
        ("s3d", (3, 13, 209, 209)),
        ("r3d_18", (3, 1, 1, 1)),
        ("raft_large", (3, 128, 128)),
    ],
)
def test_smallest_inputs(name: str, smallest: tuple[int, ...]) -> None:
    builder = find_builder(name)
    assert builder is not None
    assert builder.smallest_input == smallest == tree_of(name).smallest_input


# --- trees


def test_nodes_hold_what_code_reads_off_a_model() -> None:
    resnet = tree_of("resnet50")
    fc, block, conv = resnet.node("fc"), resnet.node("layer4.2"), resnet.node("conv1")
    assert fc is not None
    assert block is not None
    assert conv is not None
    assert (fc.type, fc.qualified_type) == ("Linear", "torch.nn.modules.linear.Linear")
    assert (fc.sizes["in_features"], fc.sizes["out_features"], fc.sizes["bias"]) == (2048, 1000, True)
    assert dict(fc.parameters) == {"weight": (1000, 2048), "bias": (1000,)}
    assert fc.arrives == (2048,)
    assert block.sizes["expansion"] == 4
    assert (conv.sizes["kernel_size"], conv.sizes["bias"], conv.arrives) == ((7, 7), False, (3, 224, 224))
    assert resnet.node("classifier") is None


def test_bases_tell_what_can_be_indexed() -> None:
    node = tree_of("efficientnet_b0").node("features.0")
    assert node is not None
    assert node.type == "Conv2dNormActivation"
    assert "torch.nn.modules.container.Sequential" in node.bases


def test_parts_of_a_tree() -> None:
    resnet = tree_of("resnet18")
    assert resnet.modules("layer1.0") == (
        "layer1.0",
        "layer1.0.conv1",
        "layer1.0.bn1",
        "layer1.0.relu",
        "layer1.0.conv2",
        "layer1.0.bn2",
    )
    assert resnet.parameters("fc") == ("fc.weight", "fc.bias")
    assert resnet.parameters()[-1] == "fc.bias"
    assert len(resnet.parameters()) == 62
    assert resnet.modules("nowhere") == resnet.parameters("nowhere") == ()


def test_attributes_are_those_of_the_class_too() -> None:
    resnet = tree_of("resnet18")
    for name in ("fc", "layer4", "_make_layer", "inplanes", "training", "state_dict", "forward"):
        assert resnet.has_attribute("", name)
    for name in ("classifier", "head", "heads", "num_classes", "dropout"):
        assert not resnet.has_attribute("", name)
    assert resnet.has_attribute("conv1", "bias")
    assert resnet.has_attribute("layer1", "0")
    assert not resnet.has_attribute("layer1", "2")
    assert not resnet.has_attribute("nowhere", "weight")


def test_a_class_count_stands_where_it_was_given() -> None:
    count = object()
    for value in (10, count):
        fc = tree_of("resnet18", num_classes=value).node("fc")
        assert fc is not None
        assert fc.sizes["out_features"] is value
        assert fc.parameters["weight"] == (value, 512)
    plain = tree_of("resnet18").node("fc")
    assert plain is not None
    assert plain.sizes["out_features"] == 1000


def test_multiples_of_a_class_count() -> None:
    place = "roi_heads.box_predictor.bbox_pred"
    counted = tree_of("fasterrcnn_resnet50_fpn", num_classes=5).node(place)
    assert counted is not None
    assert counted.sizes["out_features"] == 20
    count = object()
    symbolic = tree_of("fasterrcnn_resnet50_fpn", num_classes=count).node(place)
    assert symbolic is not None
    assert symbolic.sizes["out_features"] == Multiple(4, count) != Multiple(4, object())


def test_weights_refuse_another_class_count() -> None:
    assert not is_known("resnet18", weighted=True, num_classes=10)
    assert is_known("resnet18", weighted=True, num_classes=1000)
    # These weights have no classes, so that torchvision does not compare.
    assert is_known("vgg16", weighted=True, weights="VGG16_Weights.IMAGENET1K_FEATURES", num_classes=10)


def test_weights_change_some_structures() -> None:
    assert tree_of("googlenet").node("aux1") is not None
    assert tree_of("googlenet", weighted=True).node("aux1") is None
    assert tree_of("googlenet", weighted=True, aux_logits=True).node("aux1") is not None
    assert tree_of("fcn_resnet50").node("aux_classifier") is None
    assert tree_of("fcn_resnet50", aux_loss=True).node("aux_classifier") is not None
    assert tree_of("fcn_resnet50", weighted=True).node("aux_classifier") is not None
    assert not is_known("fcn_resnet50", weighted=True, aux_loss=False)
    assert tree_of("resnet50", weighted=True) is tree_of("resnet50")


def test_weights_can_be_named() -> None:
    inputs = {
        name: tree_of("vit_b_16", weighted=True, weights=name).default_input
        for name in ("IMAGENET1K_V1", "ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1", "DEFAULT")
    }
    assert list(inputs.values()) == [(3, 224, 224), (3, 384, 384), (3, 224, 224)]
    assert not is_known("vit_b_16", weighted=True, weights="IMAGENET21K")


def test_a_pretrained_backbone_is_the_default_of_detection() -> None:
    name, norm = "fasterrcnn_resnet50_fpn", "backbone.body.bn1"
    for arguments, kind in (
        ({}, "FrozenBatchNorm2d"),
        ({"weights_backbone": None}, "BatchNorm2d"),
        ({"pretrained_backbone": False}, "BatchNorm2d"),
    ):
        node = tree_of(name, **arguments).node(norm)
        assert node is not None
        assert node.type == kind
    assert "backbone.body.conv1.weight" in tree_of(name).frozen
    assert tree_of(name, weights_backbone=None).frozen == frozenset()
    assert tree_of(name, trainable_backbone_layers=5).frozen == frozenset()
    assert len(tree_of(name, trainable_backbone_layers=0).frozen) > len(tree_of(name).frozen)


def test_quantized_models_change_with_quantize() -> None:
    plain, quantized = tree_of("quantized_resnet18"), tree_of("quantized_resnet18", quantize=True)
    assert "fc.weight" in plain.parameters()
    assert quantized.parameters() == ()
    assert tree_of("quantized_resnet18", quantize=False) is plain


def test_arguments_that_change_nothing_are_ignored() -> None:
    assert tree_of("resnet50", progress=False, zero_init_residual=True) is tree_of("resnet50")
    assert tree_of("resnet50", norm_layer=None, groups=1) is tree_of("resnet50")
    assert tree_of("inception_v3", init_weights=object()).modules() == tree_of("inception_v3").modules()


def test_arguments_that_change_a_size_only() -> None:
    rate = object()
    dropout = tree_of("efficientnet_b0", dropout=rate).node("classifier.0")
    assert dropout is not None
    assert dropout.sizes["p"] is rate
    drop_path = tree_of("efficientnet_b0", stochastic_depth_prob=0.5).node("features.2.0.stochastic_depth")
    assert drop_path is not None
    assert "p" not in drop_path.sizes


def test_arguments_that_are_not_understood_give_no_tree() -> None:
    assert not is_known("resnet50", norm_layer=object())
    assert not is_known("resnet50", replace_stride_with_dilation=[False, True, True])
    assert not is_known("resnet50", no_such_argument=1)
    assert not is_known("inception_v3", aux_logits=object())
    assert not is_known("resnet50", num_classes=None)
    assert is_known("fcn_resnet50", num_classes=None)


# --- without torch


BLOCKED = """
import sys
for name in ("torch", "torchvision"):
    sys.modules[name] = None
before = set(sys.modules)
from headlint.zoo import builder_at, builder_names, find_builder, tree
resnet = tree(builder_at("torchvision.models.resnet50"), {"num_classes": 10}, False)
print(resnet.node("fc").sizes["out_features"], len(resnet.parameters()))
slow = {"dataclasses", "difflib", "importlib.resources", "inspect", "pathlib"}
print(sorted(slow & (set(sys.modules) - before)))
print(sum(len(tree(find_builder(name), {}, False).modules()) for name in builder_names()))
"""


def test_look_ups_need_neither_torch_nor_slow_imports() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True)
    first, slow, modules = done.stdout.splitlines()
    assert first == "10 161"
    assert slow == "[]"
    assert int(modules) > 30_000


# --- against torchvision


def real_model(offline: Any, name: str, **arguments: object) -> Any:
    from torchvision.models import list_models

    if name not in list_models():
        pytest.skip(f"the installed torchvision has no {name}")
    return offline.build(name, **arguments)


def assert_same(tree: Tree, model: Any) -> None:
    """Everything that a tree says holds for the real model, and nothing is left out."""
    real = dict(model.named_modules())
    assert tree.modules() == tuple(real)
    assert tree.parameters() == tuple(name for name, _ in model.named_parameters())
    assert tree.frozen == {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    for path, module in real.items():
        node = tree.node(path)
        assert node is not None
        assert (node.type, node.qualified_type) == (type(module).__name__, qualified(type(module)))
        assert node.bases == tuple(map(qualified, type(module).__mro__[1 : 1 + len(node.bases)]))
        assert node.children == tuple(name for name, _ in module.named_children())
        shapes = {name: tuple(value.shape) for name, value in module.named_parameters(recurse=False)}
        assert dict(node.parameters) == shapes
        assert node.buffers == tuple(name for name, _ in module.named_buffers(recurse=False))
        for size, value in node.sizes.items():
            if size == "momentum" and not is_made_from_the_installed_version():
                # torchvision 0.15 gave MaxViT's BatchNorms 0.99 for 0.01, of which no rule has anything to say.
                continue
            if size == "bias":
                assert value == (module.bias is not None)
            else:
                assert (type(value), value) == (type(getattr(module, size)), getattr(module, size))


def qualified(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def is_made_from_the_installed_version() -> bool:
    import torchvision

    return bool(torchvision.__version__.partition("+")[0] == index()["torchvision"])


def test_the_data_has_every_builder_that_is_installed(offline: Any) -> None:
    from torchvision.models import get_model_builder, list_models

    if is_made_from_the_installed_version():
        assert list(builder_names()) == list_models()
    for name in list_models():
        builder = find_builder(name)
        assert builder is not None, f"{name} is newer than the data"
        function = get_model_builder(name)
        assert builder_at(f"{function.__module__}.{function.__name__}") is builder


@pytest.mark.parametrize("name", builder_names())
def test_trees_are_those_of_torchvision(offline: Any, name: str) -> None:
    builder = find_builder(name)
    assert builder is not None
    assert_same(tree_of(name), real_model(offline, name))
    if builder.classes:
        assert_same(tree_of(name, num_classes=13), real_model(offline, name, num_classes=13))
    assert_same(tree_of(name, weighted=True), real_model(offline, name, weights="DEFAULT"))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("googlenet", {"aux_logits": False}),
        ("googlenet", {"aux_logits": True, "weights": "DEFAULT"}),
        ("inception_v3", {"aux_logits": False, "num_classes": 3}),
        ("fcn_resnet50", {"aux_loss": True, "num_classes": 3}),
        ("deeplabv3_mobilenet_v3_large", {"weights_backbone": None}),
        ("fasterrcnn_resnet50_fpn", {"weights_backbone": None}),
        ("ssd300_vgg16", {"trainable_backbone_layers": 2}),
        ("keypointrcnn_resnet50_fpn", {"weights": "COCO_LEGACY"}),
        ("quantized_mobilenet_v2", {"quantize": True}),
        ("vit_l_16", {"weights": "IMAGENET1K_SWAG_E2E_V1"}),
        ("vgg16", {"weights": "IMAGENET1K_FEATURES", "num_classes": 4}),
        ("efficientnet_b0", {"dropout": 0.45}),
    ],
)
def test_variants_are_those_of_torchvision(offline: Any, name: str, arguments: dict[str, Any]) -> None:
    builder = find_builder(name)
    assert builder is not None
    found = tree(builder, arguments, weighted="weights" in arguments)
    assert found is not None
    assert_same(found, real_model(offline, name, **arguments))


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "googlenet", "swin_t", "vit_b_16", "fasterrcnn_resnet50_fpn"])
def test_every_attribute_is_known(offline: Any, name: str) -> None:
    if not is_made_from_the_installed_version():
        pytest.skip("attributes differ between versions of torch")
    model, known = real_model(offline, name), tree_of(name)
    for path, module in model.named_modules():
        for attribute in ("fc", "head", "classifier", "weight", "bias", "p", "in_features", "norm", "0", "1", "append"):
            assert known.has_attribute(path, attribute) == hasattr(module, attribute), (path, attribute)
        for attribute in dir(module):
            if not attribute.startswith("__"):
                assert known.has_attribute(path, attribute), (path, attribute)


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "squeezenet1_1", "densenet121", "swin_t", "inception_v3"])
def test_arriving_shapes_are_those_of_a_real_forward(offline: Any, name: str) -> None:
    import torch

    model, known = real_model(offline, name), tree_of(name)
    arrived: dict[str, tuple[int, ...]] = {}

    def recorder(path: str) -> Any:
        def record(_: object, given: tuple[Any, ...]) -> None:
            # The layers of a DenseNet are given lists.
            if isinstance(given[0], torch.Tensor):
                arrived.setdefault(path, tuple(given[0].shape[1:]))

        return record

    for path, module in model.named_modules():
        module.register_forward_pre_hook(recorder(path))
    with torch.no_grad():
        model(torch.zeros(1, *known.default_input))
    for path in known.modules():
        node = known.node(path)
        assert node is not None
        assert node.arrives == arrived.get(path), path


@pytest.mark.parametrize("name", ["alexnet", "densenet121", "googlenet", "inception_v3", "maxvit_t", "swin_t"])
def test_nothing_smaller_than_the_smallest_input_runs(offline: Any, name: str) -> None:
    import torch

    model, known = real_model(offline, name), tree_of(name)
    channels, side, _ = known.smallest_input
    with torch.no_grad():
        model(torch.zeros(1, channels, side, side))
        with pytest.raises((RuntimeError, ValueError, AssertionError)):
            model(torch.zeros(1, channels, side - 1, side - 1))
