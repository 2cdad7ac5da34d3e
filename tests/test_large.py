"""Files of ten megabytes: they are read in time that grows with their length, or left alone with a word."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from headlint.lint import Linter, Report, Settings
from headlint.source.reading import read_source

SURGERY = (
    "import torch\nfrom torch import nn\nfrom torchvision import models\nnet = models.resnet18()\n"
    "net.head = nn.Linear(512, 10)\n"
)


def notebook(size: int) -> bytes:
    """A notebook with a picture in the output of its cell."""
    picture = {"data": {"image/png": "iVBORw0K" * (size // 8)}, "output_type": "display_data"}
    cell = {"cell_type": "code", "source": SURGERY.splitlines(keepends=True), "outputs": [picture]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}).encode()


FILES: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "a literal": ("p.py", lambda size: (SURGERY + "data = '" + "x" * size + "'\n").encode()),
    "bytes with escapes": ("p.py", lambda size: (SURGERY + "data = b'" + r"\x00" * (size // 4) + "'\n").encode()),
    "comments": ("p.py", lambda size: (SURGERY + ("# " + "x" * 77 + "\n") * (size // 80)).encode()),
    "empty lines": ("p.py", lambda size: (SURGERY + " \n" * (size // 2)).encode()),
    "a docstring": ("p.py", lambda size: ('"""' + "words in a line\n" * (size // 16) + '"""\n' + SURGERY).encode()),
    "a notebook": ("p.ipynb", notebook),
}


def linted(name: str, data: bytes) -> tuple[Report, float]:
    """The report, and the seconds of processor time that it took."""
    start = time.process_time()
    with Linter(Settings(confirm="off")) as linter:
        report = linter.lint_unguarded(read_source(data, name).text, name)
    return report, time.process_time() - start


@pytest.mark.parametrize("kind", FILES)
def test_ten_megabytes(kind: str) -> None:
    name, made = FILES[kind]
    _, small = linted(name, made(1_000_000))
    report, large = linted(name, made(10_000_000))
    assert [finding.code for finding in report.findings] == ["HL101"]
    # What grows with the square of the length takes a hundred times as long.
    assert large < 40 * max(small, 0.05)


@pytest.mark.parametrize("code", ["x = 1\n" * 200_000, "x = [" + "0, " * 600_000 + "]\n"], ids=["lines", "a list"])
def test_what_would_take_gigabytes_is_left_alone(code: str) -> None:
    report, _ = linted("p.py", (SURGERY + code).encode())
    assert report.findings == ()
    assert report.notes == ("1:1: is too large to be checked",)
