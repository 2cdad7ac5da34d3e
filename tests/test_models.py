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
LARGE_MODELS = ("regnet_y_128gf",)


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


def every_rule(builder: Builder) -> str:
    """One function for each rule that applies to any head, in the place and under the names of this model.

    Where a forward takes seconds, one of them has to do.
    """
    head = builder.heads[0]
    place, fits = spelled(head.place), layer(head, head.in_features)
    size = "out_channels" if head.kind == "Conv2d" else "out_features"
    other = {"Linear": "nn.Conv2d(8, 10, kernel_size=1)", "Conv2d": f"nn.Linear({head.in_features}, 10)"}[head.kind]
    forwards = f"""\
def another_kind():
    net = builds()
    net.{place} = {other}  # expect: HL204

def freezes_too_late():
    net = builds()
    net.{place} = {fits}
    for parameter in net.parameters():
        parameter.requires_grad = False  # expect: HL301

def freezes_what_goes():
    net = builds()
    net.{place}.requires_grad_(False)  # expect: HL302
    net.{place} = {fits}

def forgets_one():
    mine = builds()
    mine.{place} = {fits}  # expect: HL108
    return builds()

def moves_too_soon():
    net = builds().cuda()
    net.{place} = {fits}  # expect: HL309
    return net(images)

def records_nothing():
    net = builds().eval()
    net.{place} = {fits}
    with torch.no_grad():
        scores = net(images)
    nn.CrossEntropyLoss()(scores, labels).backward()  # expect: HL314

"""
    if builder.smallest_input[-1] >= LARGE_INPUT or builder.name in LARGE_MODELS:
        forwards = ""
    return f"""\
import torch
from torch import nn, optim
from torchvision import models

from data import images, labels

{forwards}def builds():
    return models.{builder.name}()

def reads():
    print(builds().unknown_head.weight)  # expect: HL102

def refused():
    return models.{builder.name}(weights="DEFAULT", num_classes=11)  # expect: HL106

def changes_nothing():
    net = builds()
    net.{place}.{size} = 11  # expect: HL103
    net.{place}.requires_grad = False  # expect: HL303
    for parameter in net.parameters():
        parameter.require_grad = False  # expect: HL304
    for name, parameter in net.named_parameters():
        if "last_linear" in name:  # expect: HL308
            parameter.requires_grad = False

def trains_nothing():
    net = builds().requires_grad_(False)
    return optim.SGD(net.parameters(), lr=0.1)  # expect: HL306

def twice():
    net = builds()
    groups = [{{"params": net.parameters()}}, {{"params": net.{place}.parameters()}}]
    return optim.SGD(groups, lr=0.1)  # expect: HL313
"""


@needs_torch
@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.name)
def test_every_rule_about_heads(builder: Builder, linter: Linter) -> None:
    text = every_rule(builder)
    assert found(linter, text, builder.name) == expected(text)
    assert {finding.verdict.kind for finding in linter.lint(text, builder.name).findings} == {"confirmed"}
