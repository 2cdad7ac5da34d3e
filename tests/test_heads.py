"""`headlint heads`: every line of code it prints is executed on the real model."""

from __future__ import annotations

import io
from typing import Any

import pytest

from headlint.output.console import console_for
from headlint.output.heads.facts import UnknownBuilder, builder_called, facts
from headlint.output.heads.replacement import replacement
from headlint.output.heads.text import show_all, show_one
from headlint.zoo import builder_names, tree

NUM_CLASSES = 5


def heads_table(width: int | None = None) -> str:
    """What `headlint heads` prints into a pipe, or in a terminal of some width."""
    console = console_for(io.StringIO())
    if width is not None:
        console.width = width
    with console.capture() as printed:
        show_all(console)
    return printed.get()


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
    assert line in replacement(builder_called(name))


def test_auxiliary_heads_have_their_own_line() -> None:
    builder = builder_called("inception_v3")
    assert ("auxiliary head", "AuxLogits.fc, Linear, 768 in, 1000 out") in list(facts(builder))
    line = "model.AuxLogits.fc = nn.Linear(model.AuxLogits.fc.in_features, num_classes)"
    assert any(each.startswith(line) for each in replacement(builder))


def test_builders_can_be_named_by_their_import_path() -> None:
    assert builder_called("torchvision.models.resnet.resnet50") == builder_called("resnet50")


def test_an_unknown_name_carries_the_nearest_ones() -> None:
    with pytest.raises(LookupError, match="torchvision has no model 'resnet5'; the nearest are resnet50") as caught:
        builder_called("resnet5")
    assert isinstance(caught.value, UnknownBuilder)
    assert caught.value.nearest[0] == "resnet50"


def test_a_model_without_classes_says_so() -> None:
    builder = builder_called("raft_large")
    assert ("head", "none, the model has no classes") in list(facts(builder))
    assert replacement(builder) == ()


def test_one_model_is_told_with_code_that_can_be_copied() -> None:
    console = console_for(io.StringIO())
    console.width = 60
    with console.capture() as printed:
        show_one(console, builder_called("fasterrcnn_resnet50_fpn"))
    told, _, code = printed.get().partition("\n\n")
    assert "head:   roi_heads.box_predictor.cls_score, Linear, 1024 in," in told
    assert max(map(len, told.splitlines())) <= 60
    assert tuple(code.splitlines()) == replacement(builder_called("fasterrcnn_resnet50_fpn"))


def test_the_table_has_every_model_in_aligned_columns() -> None:
    header, *rows = heads_table().splitlines()
    assert [row.split()[0] for row in rows if not row.startswith(" ")] == list(builder_names())
    assert not any(line.endswith(" ") for line in (header, *rows))
    for title in ("head", "kind", "auxiliary heads", "smallest"):
        column = header.index(title)
        starts = {row[column - 1 : column + 1] for row in rows if not row.startswith(" ")}
        assert all(start[0] == " " and start[1] != " " for start in starts)
    assert "classifier[6]" in next(row for row in rows if row.startswith("vgg16 "))


@pytest.mark.parametrize(
    ("width", "left_out"), [(80, {"smallest", "input", "auxiliary"}), (120, {"smallest"}), (160, set())]
)
def test_a_narrow_terminal_gets_the_columns_that_fit(width: int, left_out: set[str]) -> None:
    lines = heads_table(width).splitlines()
    assert max(map(len, lines)) <= width
    assert {"model", "head", "in", "out", "kind", "auxiliary", "input", "smallest"} - set(lines[0].split()) == left_out
    assert set(builder_names()) <= {line.split()[0] for line in lines}


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
