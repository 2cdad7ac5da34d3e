"""Every classification model of torchvision: its right head is clean, a wrong name and a wrong width are proven."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import needs_torch
from expectations import Mark, expected, found

from headlint.checks.places import spelled
from headlint.lint import Linter, Settings
from headlint.zoo import Builder, Head, builder_names, find_builder, tree

BUILDERS = [
    builder
    for builder in map(find_builder, builder_names())
    if builder is not None and builder.task == "classification"
]
PLAUSIBLE = ("fc", "classifier", "head")
# A forward on so large an input takes seconds in the largest of these models: one wrong name is enough for them.
LARGE_INPUT = 200


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    with Linter(Settings(timeout=110, cache_directory=str(tmp_path_factory.mktemp("cache")))) as one:
        yield one


def layer(head: Head, width: int) -> str:
    """The code of a new head that takes `width` features."""
    return f"nn.{head.kind}({width}, 10{', kernel_size=1' if head.kind == 'Conv2d' else ''})"


def absent(builder: Builder) -> str:
    """A name that heads often have and this model's does not."""
    whole = tree(builder, {}, False)
    assert whole is not None
    return next(name for name in PLAUSIBLE if not whole.has_attribute("", name))


def unknown_name(builder: Builder, fits: str) -> str:
    """The surgery under a name that no model has."""
    if builder.smallest_input[-1] >= LARGE_INPUT:
        return ""
    return f"lost = models.{builder.name}()\nlost.unknown_head = {fits}  # expect: HL101\n"


def program(builder: Builder) -> str:
    """The surgery on one model: done right, under two names it does not have, and with a wrong width."""
    head = builder.heads[0]
    place, fits = spelled(head.place), layer(head, head.in_features)
    return f"""\
from torch import nn
from torchvision import models

right = models.{builder.name}()
right.{place} = {fits}
read = models.{builder.name}()
read.{place} = nn.{head.kind}(read.{place}.{"in_channels" if head.kind == "Conv2d" else "in_features"}, 10, {
        "kernel_size=1" if head.kind == "Conv2d" else "bias=False"
    })
{unknown_name(builder, fits)}mistaken = models.{builder.name}()
mistaken.{absent(builder)} = {fits}  # expect: HL101
narrow = models.{builder.name}()
narrow.{place} = {layer(head, head.in_features - 1)}  # expect: HL201
"""


def test_the_zoo_has_them_all() -> None:
    assert len(BUILDERS) >= 80
    assert {head.kind for builder in BUILDERS for head in builder.heads} == {"Linear", "Conv2d"}
    assert any(head.place.endswith(".6") for builder in BUILDERS for head in builder.heads)


@needs_torch
@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.name)
def test_head(builder: Builder, linter: Linter) -> None:
    text = program(builder)
    marks = expected(text)
    assert [mark.code for mark in marks][-2:] == ["HL101", "HL201"]
    assert found(linter, text, builder.name) == marks


@needs_torch
def test_a_marker_would_be_missed(linter: Linter) -> None:
    # The programs above prove nothing if findings in them went unseen.
    text = program(BUILDERS[0]).replace("# expect", "# once expected")
    assert expected(text) == []
    assert [type(mark) for mark in found(linter, text, "unmarked")] == [Mark] * 3
