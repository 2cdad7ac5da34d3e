"""Completion of the width that arrives at a layer, wherever the layer is being written; `|` is the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lsp_helpers import Editor, editing
from lsprotocol import types

from headlint.checks.places import sizes_of
from headlint.flow.histories import analyse
from headlint.lsp.arriving import arrivals
from headlint.source.program import parse

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

IMPORTS = """\
from collections import OrderedDict
import torch
from torch import nn
from torchvision import models
hidden = 300
"""
RESNET = "m = models.resnet50()\n"
CLASS = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.resnet50()
"""
FORWARD = """
    def forward(self, x):
        return self.fc2(torch.relu(self.fc(self.body(x))))
"""
HEAD = """\
class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear({})
        self.fc2 = nn.Linear({})
    def forward(self, x):
        return self.fc2(torch.relu(self.fc(x)))
m = models.resnet18()
m.fc = Head()
"""

OFFERED = {
    "second": (RESNET + "m.fc = nn.Sequential(nn.Linear(2048, 256), nn.ReLU(), nn.Linear(|", ["256"]),
    "what-gives-it": (
        RESNET + "m.fc = nn.Sequential(nn.Linear(2048, hidden // 2), nn.ReLU(), nn.Linear(|, 10))",
        ["hidden // 2", "150"],
    ),
    "symbol": (
        "def make(hidden):\n    m = models.resnet18()\n    m.fc = nn.Sequential(nn.Linear(512, hidden), nn.Linear(|)",
        ["hidden"],
    ),
    "keyword": (
        RESNET + "m.fc = nn.Sequential(nn.Linear(2048, 256), nn.Linear(out_features=2, in_features=|))",
        ["256"],
    ),
    "normalisation": (RESNET + "m.fc = nn.Sequential(\n    nn.Linear(2048, 256),\n    nn.BatchNorm1d(|\n)", ["256"]),
    "first-of-a-sequential": (
        "m = models.vgg16()\nm.classifier = nn.Sequential(nn.Linear(|",
        ["m.classifier[0].in_features", "25088"],
    ),
    "behind-dropout": (
        "m = models.efficientnet_b0()\nm.classifier = nn.Sequential(nn.Dropout(), nn.Linear(|))",
        ["m.classifier[1].in_features", "1280"],
    ),
    "convolution": (
        "m = models.squeezenet1_0()\nm.classifier[1] = nn.Conv2d(|, 10, kernel_size=1)",
        ["m.classifier[1].in_channels", "512"],
    ),
    "nested": (RESNET + "m.fc = nn.Sequential(nn.Sequential(nn.Linear(2048, 9)), nn.Sequential(nn.Linear(|", ["9"]),
    "ordered-dict": (
        RESNET + "m.fc = nn.Sequential(OrderedDict([('a', nn.Linear(2048, 9)),\n  ('b', nn.Linear(|\n]))",
        ["9"],
    ),
    "in-the-middle-of-others": (
        RESNET + "if True:\n    m.fc = nn.Sequential(OrderedDict([\n"
        "            ('a', nn.Linear(2048, 9)),\n            ('b', nn.Linear(|\n            ('c', nn.ReLU()),\n    ]))",
        ["9"],
    ),
    "append": (RESNET + "m.fc = nn.Sequential(nn.Linear(2048, 9))\nm.fc.append(nn.Linear(|", ["9"]),
    "add-module": (RESNET + "m.add_module('fc', nn.Linear(|", ["2048"]),
    "setattr": (RESNET + "setattr(m, 'fc', nn.Linear(|))", ["2048"]),
    "named-before-it-is-put-in": (RESNET + "head = nn.Sequential(nn.Linear(|\nm.fc = head", ["2048"]),
    "list": (RESNET + "layers = [nn.Linear(2048, 9)]\nlayers.append(nn.Linear(|\nm.fc = nn.Sequential(*layers)", ["9"]),
    "dict": (RESNET + "heads = {'a': nn.Linear(|, 3), 'b': nn.Linear(2048, 4)}\nm.fc = heads['a']", ["2048"]),
    "around-the-model": (RESNET + "whole = nn.Sequential(m, nn.ReLU(), nn.Linear(|", ["1000"]),
    "two-builders": (
        "m = models.resnet18() if input() else models.resnet50()\nm.fc = nn.Linear(|",
        ["m.fc.in_features", "512", "2048"],
    ),
    "function-of-two-models": (
        (
            "def head(n):\n    return nn.Sequential(nn.Linear(|, n))\n"
            "a = models.resnet18()\na.fc = head(3)\nb = models.resnet50()\nb.fc = head(4)"
        ),
        ["512", "2048"],
    ),
    "alias": ("from torch.nn import Linear as Dense\n" + RESNET + "m.fc = Dense(|", ["m.fc.in_features", "2048"]),
    "class": (CLASS + "        self.fc = nn.Linear(|\n        self.fc2 = nn.Linear(9, 3)" + FORWARD, ["1000"]),
    "class-without-old-head": (
        CLASS + "        self.body.fc = nn.Identity()\n        self.fc = nn.Linear(|, 9)\n"
        "        self.fc2 = nn.Linear(9, 3)" + FORWARD,
        ["2048"],
    ),
    "class-second": (CLASS + "        self.fc = nn.Linear(1000, 9)\n        self.fc2 = nn.Linear(|" + FORWARD, ["9"]),
    "class-before-its-forward": (
        CLASS + "        self.body.fc = nn.Identity()\n        self.fc = nn.Sequential(nn.ReLU(), nn.Linear(|",
        ["2048"],
    ),
    "head-of-the-file": (HEAD.format("|, 9", "9, 2"), ["512"]),
    "head-of-the-file-second": (HEAD.format("512, 9", "|"), ["9"]),
    # What nobody knows.
    "nowhere": (RESNET + "head = nn.Sequential(nn.Linear(|", []),
    "behind-the-unknown": (RESNET + "m.fc = nn.Sequential(nn.Linear(2048, 9), Thing(), nn.Linear(|", []),
    "the-users-own-input": (RESNET + "m.conv1 = nn.Conv2d(|", []),
    "changed-before": (
        CLASS + "        self.body.layer4 = Thing()\n        self.fc = nn.Linear(|, 9)\n"
        "        self.fc2 = nn.Linear(9, 3)" + FORWARD,
        [],
    ),
    "class-of-two-models": (
        CLASS + "        self.other = models.resnet18()\n        self.fc = nn.Linear(|",
        [],
    ),
    "second-argument": (RESNET + "m.fc = nn.Linear(2048, |", []),
    "other-calls": (RESNET + "print(|", []),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(clean_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """An editor that several tests share."""
    async with editing(
        clean_environment, tmp_path_factory.mktemp("work"), settings={"confirm": "off", "inlay-hints": True}
    ) as editor:
        yield editor


@pytest.mark.parametrize("name", OFFERED)
async def test_widths_are_offered(editor: Editor, name: str) -> None:
    written, expected = OFFERED[name]
    before, behind = (IMPORTS + written).split("|")
    uri = editor.open(f"{before}{behind}\n")
    place = types.Position(before.count("\n"), len(before.rpartition("\n")[2]))
    params = types.CompletionParams(types.TextDocumentIdentifier(uri), place)
    found = await editor.client.text_document_completion_async(params)
    assert isinstance(found, types.CompletionList)
    assert [item.label for item in sorted(found.items, key=lambda item: item.sort_text or "")] == expected


async def test_layers_of_right_programs_take_what_is_worked_out() -> None:
    compared = 0
    for path in (Path(__file__).parent.parent / "fixtures" / "clean").glob("*.py"):
        for history in analyse(parse(path.read_text(encoding="utf-8"), path.name).tree).histories:
            for arrival in arrivals(history):
                sizes = sizes_of(history, arrival.layer)
                taken = [sizes[name] for name in ("in_features", "in_channels", "num_features") if name in sizes]
                assert taken == [arrival.width], path
                compared += 1
    assert compared > 100


async def test_hints_show_what_arrives_at_every_new_layer(editor: Editor) -> None:
    body = "        self.body.fc = nn.Sequential(nn.Linear(2048, 9), nn.ReLU(), nn.Linear(9, 7))\n"
    layers = "        self.fc = nn.Linear(7, 5)\n        self.fc2 = nn.Linear(5, 3)\n"
    uri = editor.open(IMPORTS + CLASS + body + layers + FORWARD)
    everything = types.Range(types.Position(0, 0), types.Position(99, 0))
    params = types.InlayHintParams(types.TextDocumentIdentifier(uri), everything)
    found = await editor.client.text_document_inlay_hint_async(params)
    assert found is not None
    shown = sorted((hint.position.line, hint.position.character, hint.label) for hint in found)
    assert [label for _, _, label in shown] == ["2048 arrive:", "9 arrive:", "7 arrive:", "5 arrive:"]


async def test_questions_about_what_has_changed_meanwhile_hold_nothing_up(editor: Editor) -> None:
    text = IMPORTS + RESNET + "if input():\n    m.fc = nn.Linear(2048, 1)\n" * 40 + "m.fc = nn.Linear("
    uri = editor.open(text)
    place = types.Position(text.count("\n"), len("m.fc = nn.Linear("))
    asked = [
        editor.client.text_document_completion_async(types.CompletionParams(types.TextDocumentIdentifier(uri), place))
        for _ in range(3)
    ]
    editor.change(uri, text + "2048, 1)\nm.head = 1\nm.head = nn.Linear(5, 1)\n")
    for found in await asyncio.gather(*asked):
        assert isinstance(found, types.CompletionList)
    (item,) = await editor.until(uri, bool)
    assert item.code == "HL101"
