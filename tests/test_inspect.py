"""`headlint inspect`: what a replay says of models, up to a line, in notebooks, as text, JSON and as a page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, needs_torch

from headlint.output.facts import in_bytes
from headlint.output.inspection.folding import folded
from headlint.output.inspection.model import Inspection, Part
from headlint.output.inspection.page import page

PROGRAM = """\
import torch
from torch import nn
from torchvision import models

model = models.resnet18(weights="DEFAULT")
for param in model.parameters():
    param.requires_grad = False
for param in model.layer4[1].parameters():
    param.requires_grad = True
model.fc = nn.Sequential(nn.Dropout(0.2), nn.Linear(512, 10))
model.classifier = nn.Linear(512, 10)
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1, momentum=0.9)
"""
Models = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def inspected(headlint: Run, tmp_path: Path) -> Models:
    """The models of a program, as JSON."""

    def models(text: str, line: str = "", name: str = "net.py") -> list[dict[str, Any]]:
        (tmp_path / name).write_text(text)
        done = headlint("inspect", f"{name}{line}", "--output-format=json", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        found: list[dict[str, Any]] = json.loads(done.stdout)["models"]
        return found

    return models


def at(part: dict[str, Any], place: str) -> dict[str, Any]:
    """The part at a place."""
    for name in place.split("."):
        part = next(child for child in part["children"] if child["name"] == name)
    return part


@needs_torch
def test_a_model_is_told_as_torch_has_it(inspected: Models) -> None:
    (model,) = inspected(PROGRAM)
    root = model["root"]
    # Of resnet18 all but its head, the two new layers, and what trains of them.
    assert root["parameters"] == 11_689_512 - 513_000 + 2 * 5_130
    assert root["trainable"] == 4_720_640 + 2 * 5_130
    assert (model["output"], model["classes"], model["raised"]) == ("(2, 10)", ["10"], "")
    states = {place: at(root, place)["state"] for place in ("layer1", "layer4", "layer4.1", "fc", "relu", "classifier")}
    assert states == {
        "layer1": "frozen", "layer4": "partly", "layer4.1": "trains", "fc": "trains", "relu": "plain",
        "classifier": "unused",
    }  # fmt: skip
    assert [at(root, place)["new"] for place in ("conv1", "fc", "fc.1", "classifier")] == ["", "10", "10", "11"]
    assert [at(root, place)["flagged"] for place in ("conv1", "layer4.1", "fc")] == ["7", "9", ""]
    assert (at(root, "fc")["arrived"], at(root, "fc")["returned"]) == ([2, 512], [2, 10])
    assert at(root, "fc")["held"] == 5_130
    (optimizer,) = model["optimizers"]
    assert (optimizer["kind"], optimizer["line"], optimizer["tensors"]) == ("SGD", "12", 2)
    assert {"layer4.1.conv1.weight", "classifier.bias"} <= set(optimizer["missing"])


@needs_torch
def test_the_memory_of_a_step_is_that_of_its_tensors(inspected: Models) -> None:
    (model,) = inspected(PROGRAM)
    memory = model["memory"]
    buffers = 4 * 9_600 + 8 * 20
    assert memory["weights"] == 4 * model["root"]["parameters"] + buffers
    assert memory["gradients"] == 4 * model["root"]["trainable"]
    assert memory["optimizer"] == 4 * 5_130
    assert (memory["batch"], memory["picture"]) == (2, [3, 224, 224])
    (whole,) = inspected(PROGRAM.replace("= False", "= True"))
    # Behind frozen layers nothing is kept; the stem alone keeps 2x64x112x112 three times over.
    assert 0 < memory["kept"] < 4 * 2 * 64 * 112 * 112 < whole["memory"]["kept"]


@needs_torch
def test_a_line_cuts_the_code_off(inspected: Models) -> None:
    (model,) = inspected(PROGRAM, ":7")
    assert (model["until"], model["output"], model["root"]["trainable"]) == ("7", "(2, 1000)", 0)
    assert [line for line, _ in model["steps"]] == ["5", "7"]


@needs_torch
def test_what_raises_is_told_with_its_place(inspected: Models) -> None:
    text = (
        "from torch import nn\nfrom torchvision import models\nmodel = models.resnet18()\nmodel.conv1 = nn.Identity()\n"
    )
    (model,) = inspected(text)
    assert (model["raised_in"], at(model["root"], "bn1")["state"]) == ("bn1", "raises")
    assert at(model["root"], "bn1")["arrived"] == [2, 3, 224, 224]
    assert model["output"] == ""
    assert model["memory"]["kept"] is None


@needs_torch
def test_a_model_for_large_pictures_is_shown_with_a_smaller_one(headlint: Run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\nfrom torchvision.models.segmentation import lraspp_mobilenet_v3_large\n"
        "model = lraspp_mobilenet_v3_large()\nmodel.classifier.high_classifier = nn.Conv2d(100, 4, 1)\n"
    )
    done = headlint("inspect", "net.py", cwd=tmp_path)
    assert (
        "  input:       3x224x224, in batches of 2, smaller than the 3x520x520 that the model is meant for\n"
        in done.stdout
    )
    assert "; (2, 128, 28, 28) arrives at 'classifier.high_classifier'\n" in done.stdout


@needs_torch
def test_ways_that_differ_and_sizes_that_are_not_given(inspected: Models) -> None:
    text = (
        "from torch import nn\nfrom torchvision import models\n\ndef build(classes, deep):\n"
        "    model = models.googlenet(weights='DEFAULT')\n    if deep:\n        model.fc = nn.Linear(1024, classes)\n"
        "    return model\n"
    )
    first, second = inspected(text)
    assert {tuple(first["conditions"]), tuple(second["conditions"])} == {("deep",), ("not deep",)}
    deep = first if first["conditions"] == ["deep"] else second
    assert deep["output"] == "(2, classes)"
    assert [text for text, _ in deep["stand_ins"]] == ["classes"]


@needs_torch
def test_to_whom_else_a_model_may_go_is_no_way_of_its_own(inspected: Models) -> None:
    text = (
        "from torch import nn\nfrom torchvision import models\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.body = models.resnet18()\n        self.body.fc = nn.Linear(512, 3)\n"
        "    def forward(self, images):\n        return self.body(images)\n\nnet = Net()\n"
    )
    (model,) = inspected(text)
    assert not any("out of sight" in words for _, words in model["steps"])


@needs_torch
def test_auxiliary_heads_are_used_in_train_mode_only(inspected: Models) -> None:
    (model,) = inspected("from torchvision import models\nmodel = models.inception_v3(weights='DEFAULT')\n")
    states = {at(model["root"], place)["state"] for place in ("AuxLogits", "AuxLogits.conv0", "AuxLogits.fc")}
    assert states == {"auxiliary"}
    assert model["training_output"] == "{logits: (2, 1000), aux_logits: (2, 1000)}"


@needs_torch
def test_a_notebook_is_inspected_by_cells(inspected: Models) -> None:
    cells = [PROGRAM.split("for param")[0], "model.fc = nn.Linear(512, 3)\nmodel.eval()\n"]
    made = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
    notebook = json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (model,) = inspected(notebook, name="net.ipynb")
    assert (model["line"], at(model["root"], "fc")["new"]) == ("1:5", "2:1")
    for line in ("1:5", "1"):
        (model,) = inspected(notebook, f":{line}", "net.ipynb")
        assert (model["until"], model["output"]) == (line, "(2, 1000)")


@pytest.mark.parametrize(
    ("place", "text", "status", "said"),
    [
        ("gone.py", "", 2, "gone.py: cannot be read: No such file or directory"),
        ("net.py:99", PROGRAM, 2, "there is no line 99 in it"),
        ("net.py:2", PROGRAM, 1, "no model is there at line 2"),
        ("net.py", "import os\n", 1, "nothing of torchvision's models is used here"),
        ("net.py", "from torchvision import models\nx = (\n", 1, "cannot be parsed"),
        ("net.py", "from torchvision import models\n", 1, "no model of torchvision is built here"),
    ],
)
def test_where_there_is_nothing_to_show_one_line_says_why(
    headlint: Run, tmp_path: Path, place: str, text: str, status: int, said: str
) -> None:
    if text:
        (tmp_path / "net.py").write_text(text)
    done = headlint("inspect", place, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_torch_the_code_is_told_with_the_reason(headlint: Run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(PROGRAM)
    done = headlint("inspect", "net.py", "--python", str(tmp_path / "none"), cwd=tmp_path)
    assert done.returncode == 1
    assert "not replayed:  there is no Python at" in done.stdout
    assert "   10  set fc = Sequential(Dropout(p=0.2), Linear(512, 10))" in done.stdout


# -- the page ----------------------------------------------------------------------------------------------------


def part(name: str, state: Any, *children: Part, new: str = "", parameters: int = 8) -> Part:
    total = sum(child.parameters for child in children) if children else parameters
    return Part(name, name, "Layer", "", state, new, "", 1, (2, 3), (2, 3), total, 0, total, 0, children)


def test_what_is_the_same_from_top_to_bottom_is_one_line() -> None:
    same = [part(str(number), "frozen") for number in range(7)]
    root = part("", "partly", part("body", "frozen", *same), part("tail", "partly", *same, part("7", "trains")))
    assert [row.shapes for row in folded(root)] == ["3 -> 3"] * 4
    assert [(row.depth, row.name) for row in folded(root)] == [(0, "body"), (0, "tail"), (1, "0 ... 6"), (1, "7")]


def test_bytes_as_people_read_them() -> None:
    assert [in_bytes(n) for n in (0, 999, 3_100, 44_700_000, 377_000_000, 12e9)] == [
        "0 B", "999 B", "3.1 kB", "44.7 MB", "377 MB", "12.0 GB",
    ]  # fmt: skip


def a_page() -> str:
    parts = [part(state, state, new="3" if state == "trains" else "") for state in STATES]
    root = part("", "raises", *parts)
    steps = (("2", "build <script>alert(1)</script>"),)
    return page([Inspection("<b>.py", "2", "resnet18", 0, (), "", True, steps, root=root, input=(2, 3, 8, 8))])


STATES = ("trains", "partly", "frozen", "unused", "auxiliary", "raises", "plain")


def test_a_page_loads_nothing_and_escapes_what_the_program_says() -> None:
    text = a_page()
    assert not re.search(r"https?:|<script|<img|<link|@import|url\(|src=", text)
    assert "&lt;script&gt;" in text
    assert "<title>&lt;b&gt;.py</title>" in text
    for state in STATES:
        assert f'class="block {state}' in text
        assert re.search(rf"\.mark\.{state}\b[^{{]*{{", text)


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(CHROMIUM is None, reason="no browser is installed")
def test_a_browser_shows_every_part_and_fits_the_window(tmp_path: Path) -> None:
    measure = (
        "<script>addEventListener('load', () => { const seen = [...document.querySelectorAll('.block')].filter("
        "b => b.offsetHeight > 10 && b.offsetWidth > 100).length; document.body.dataset.seen = seen;"
        "document.body.dataset.wide = document.documentElement.scrollWidth > innerWidth })</script></body>"
    )
    text = re.sub(r"<meta http-equiv[^>]*>", "", a_page()).replace("</body>", measure)
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=700,900", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert f'data-seen="{len(STATES)}"' in done.stdout
    assert 'data-wide="false"' in done.stdout


@needs_torch
def test_the_page_is_written_whole_or_not_at_all(headlint: Run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(PROGRAM)
    done = headlint("inspect", "net.py", "--html=net.html", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "net.html").read_text(encoding="utf-8").endswith("</html>\n")
    done = headlint("inspect", "net.py", "--html=none/net.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2, "headlint inspect: none/net.html: cannot be written: No such file or directory\n",
    )  # fmt: skip
