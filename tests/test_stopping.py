"""Models as they stand behind a line: in loops, helpers, methods, branches, and where nothing comes by."""

from __future__ import annotations

import pytest

from headlint.flow.stopping import analyse_until
from headlint.output.inspection.histories import ways
from headlint.source.program import parse
from headlint.source.stops import stop_at

HEADER = "from torch import nn\nfrom torchvision import models\n"


def told(text: str, mark: str = "# here") -> list[list[str]]:
    """What has happened to each model, way by way, at the line with the mark."""
    program = parse(HEADER + text, "net.py")
    line = next(number for number, code in enumerate(program.lines, 1) if mark in code)
    stop = stop_at(program, line)
    if stop is None:
        return []
    return [[words for _, words in way.steps] for way in ways(program, analyse_until(program.tree, stop).histories)]


BUILT = "build resnet18"
LOOP = """
model = models.resnet18()
for name, parameter in model.named_parameters():
    if "layer4" in name:
        parameter.requires_grad = True  # here
    else:
        parameter.requires_grad = False  # there
model.fc = nn.Linear(512, 2)
"""


def test_what_runs_many_times_counts_as_the_last_time_left_it() -> None:
    assert told(LOOP) == [[BUILT, "freeze 45 parameters of the model", "unfreeze 15 parameters of layer4"]]
    (steps,) = told(LOOP, "# there")
    assert steps[-1] == "freeze 2 parameters of fc"


HELPERS = """
def build(classes):
    model = models.resnet18()  # built
    freeze(model)  # frozen
    model.fc = nn.Linear(512, classes)  # headed
    return model

def freeze(model):
    for parameter in model.parameters():  # loop
        parameter.requires_grad = False

first = build(2)
second = build(3)
first.fc = nn.Identity()  # last
"""
FROZEN = "freeze 62 parameters of the model"


@pytest.mark.parametrize(
    ("mark", "second"),
    [
        ("# built", [BUILT]),
        ("# loop", [BUILT]),
        ("# frozen", [BUILT, FROZEN]),
        ("# headed", [BUILT, FROZEN, "set fc = Linear(512, 3)"]),
    ],
)
def test_a_line_in_a_helper_is_where_its_last_call_has_come_to(mark: str, second: list[str]) -> None:
    assert told(HELPERS, mark) == [[BUILT, FROZEN, "set fc = Linear(512, 2)"], second]


def test_a_line_behind_all_calls_has_all_they_did() -> None:
    first, second = told(HELPERS, "# last")
    assert (first[-1], second[-1]) == ("set fc = Identity()", "set fc = Linear(512, 3)")


METHODS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.resnet18()
        self.shrink()
        self.body.fc = nn.Identity()  # in init

    def shrink(self):
        self.body.layer4 = nn.Conv2d(256, 512, 1)  # in method

    def forward(self, x):
        return self.body(x)

net = Net()
net.body.conv1 = nn.Conv2d(1, 64, 7)  # outside
"""


def test_methods_and_what_stands_above_them() -> None:
    (half_made,) = told(METHODS, "# in method")
    assert [words for words in half_made if words.startswith("set ")] == ["set layer4 = Conv2d(256, 512, 1)"]
    (inside,) = told(METHODS, "# in init")
    assert "set fc = Identity()" in inside
    assert "set conv1 = Conv2d(1, 64, 7)" not in inside
    (outside,) = told(METHODS, "# outside")
    assert "set conv1 = Conv2d(1, 64, 7)" in outside
    assert any(words.startswith("define the forward of") for words in outside)


BRANCHES = """
def build(deep, wide):
    if deep:  # head
        model = models.resnet18()
        model.fc = nn.Linear(512, 2)  # deep
    else:  # otherwise
        model = models.vgg11()
    # between
    if wide: model.avgpool = nn.Identity()  # one line
    for _ in range(3): pass
    return model  # end
"""


@pytest.mark.parametrize(
    ("mark", "number"),
    [("# head", 0), ("# deep", 1), ("# otherwise", 1), ("# between", 2), ("# one line", 4), ("# end", 4)],
)
def test_only_paths_that_come_by_are_told(mark: str, number: int) -> None:
    assert len(told(BRANCHES, mark)) == number


@pytest.mark.parametrize(
    "text",
    [
        "import os  # here\nmodel = models.resnet18()\n",
        "model = models.resnet18()\ndef unused():\n    raise ValueError  # here\n",
        "# here\nmodel = models.resnet18()\n",
    ],
)
def test_where_no_model_comes_by_there_is_none(text: str) -> None:
    assert told(text) == []


def test_an_elif_and_statements_over_several_lines() -> None:
    text = (
        "import sys\nmodel = models.resnet18()\nif sys.argv[1]:\n    model.a = nn.Conv2d(\n        1, 2, 3  # inside\n"
    )
    text += "    )\nelif sys.argv[2]:  # second\n    model.fc = nn.Identity()  # its body\n"
    assert told(text, "# inside") == told(text, "# second") == [[BUILT, "set a = Conv2d(1, 2, 3)"]]
    assert told(text, "# its body") == [[BUILT, "set fc = Identity()"]]
