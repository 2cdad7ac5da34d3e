"""`headlint heads`: every line of code it prints is executed on the real model."""

from __future__ import annotations

from typing import Any

import pytest

from headlint.output.heads import UnknownBuilder, head_lines, heads_table, replacement
from headlint.zoo import Builder, builder_names, find_builder, tree

NUM_CLASSES = 5


def builder_called(name: str) -> Builder:
    builder = find_builder(name)
    assert builder is not None
    return builder


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("resnet50", "model.fc = nn.Linear(model.fc.in_features, num_classes)"),
        ("vgg16", "model.classifier[6] = nn.Linear(model.classifier[6].in_features, num_classes)"),
        ("vit_b_16", "model.heads.head = nn.Linear(model.heads.head.in_features, num_classes)"),
        ("squeezenet1_0", "model.classifier[1] = nn.Conv2d(512, num_classes, kernel_size=1)"),
        ("deeplabv3_resnet50", "model.classifier[4] = nn.Conv2d(256, num_classes, kernel_size=1)"),
        ("s3d", "model.classifier[1] = nn.Conv3d(1024, num_classes, kernel_size=1)"),
    ],
)
def test_the_line_that_replaces_a_head(name: str, line: str) -> None:
    assert line in head_lines(name).splitlines()


def test_auxiliary_heads_have_their_own_line() -> None:
    text = head_lines("inception_v3")
    assert "auxiliary head: AuxLogits.fc, Linear, 768 in, 1000 out" in text
    assert "model.AuxLogits.fc = nn.Linear(model.AuxLogits.fc.in_features, num_classes)" in text


def test_builders_can_be_named_by_their_import_path() -> None:
    assert head_lines("torchvision.models.resnet.resnet50") == head_lines("resnet50")


def test_an_unknown_name_carries_the_nearest_ones() -> None:
    with pytest.raises(LookupError, match="torchvision has no model 'resnet5'; the nearest are resnet50") as caught:
        head_lines("resnet5")
    assert isinstance(caught.value, UnknownBuilder)
    assert caught.value.nearest[0] == "resnet50"


def test_a_model_without_classes_says_so() -> None:
    assert "head: none" in head_lines("raft_large")


def test_the_table_has_every_model_in_aligned_columns() -> None:
    header, *rows = heads_table().splitlines()
    assert [row.split()[0] for row in rows if not row.startswith(" ")] == list(builder_names())
    for title in ("head", "kind", "auxiliary heads", "smallest"):
        column = header.index(title)
        starts = {row[column - 1 : column + 1] for row in rows if not row.startswith(" ")}
        assert all(start[0] == " " and start[1] != " " for start in starts)
    assert "classifier[6]" in next(row for row in rows if row.startswith("vgg16 "))


@pytest.mark.parametrize("name", [name for name in builder_names() if builder_called(name).heads])
def test_the_code_makes_the_model_that_the_builder_makes_for_as_many_classes(offline: Any, name: str) -> None:
    from torchvision.models import list_models

    if name not in list_models():
        pytest.skip(f"the installed torchvision has no {name}")
    builder = builder_called(name)
    arguments = {"aux_loss": True} if "aux_loss" in builder.parameters else {}
    model = offline.build(name, **arguments)
    with offline.zero_weights():
        exec("\n".join(replacement(builder)), {"model": model, "num_classes": NUM_CLASSES})
    expected = tree(builder, {**arguments, "num_classes": NUM_CLASSES}, weighted=False)
    assert expected is not None
    shapes = {path: tuple(parameter.shape) for path, parameter in model.named_parameters()}
    wanted = {
        path: node.parameters[name]
        for path in expected.parameters()
        for owner, _, name in [path.rpartition(".")]
        if (node := expected.node(owner)) is not None
    }
    assert shapes == wanted
    kinds = {path: node.type for path in expected.modules() if (node := expected.node(path)) is not None}
    assert {path: type(module).__name__ for path, module in model.named_modules()} == kinds
    if builder.task in ("classification", "quantization"):
        assert _width(model, expected.smallest_input) == NUM_CLASSES


def _width(model: Any, shape: tuple[int, ...]) -> int:
    import torch

    with torch.inference_mode():
        output = model.eval()(torch.zeros(1, *shape))
    assert output.shape[0] == 1
    return int(output.shape[-1])
