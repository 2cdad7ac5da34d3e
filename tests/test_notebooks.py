"""Notebooks as programs: cells in order, magics taken out, every position in its cell."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st

from headlint import lint_paths
from headlint.source.decoding import DecodingFailure
from headlint.source.notebooks import as_python, read_notebook
from headlint.source.segments import Segment, Source


def notebook(*cells: str | list[str], kind: str = "code", **metadata: Any) -> bytes:
    """The bytes of a notebook with these cells, each whole or in lines."""
    made: list[dict[str, Any]] = [{"cell_type": kind, "metadata": {}, "source": cell, "outputs": []} for cell in cells]
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("x = 1\n", "x = 1\n"),
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if x:\n    %cd data\n    y = 2", "if x:\n    pass\n    y = 2"),
        ("!pip install torch \\\n    torchvision\nx = 1", "\npass\nx = 1"),
        ("files = !ls *.py\nn = %env N", "files = get_ipython()\nn = get_ipython()"),
        ("nn.Linear?\n?models\nmodels??", "pass\npass\npass"),
        ("%time model = f(1)\nx", "0;    model = f(1)\nx"),
        ("%timeit -n 3 f(1)", "pass"),
        ("%%time\nmodel = f(1)", "pass\nmodel = f(1)"),
        ("\n%%capture out\nf()", "\npass\nf()"),
        ("%%bash\nls | wc\n", "\n\n"),
        ("%%writefile a.py\nimport x", "\n"),
        ("y = (17\n % 3)\nz = '''\n!no shell\n%no magic\n'''", "y = (17\n % 3)\nz = '''\n!no shell\n%no magic\n'''"),
        ("await f()", "await f()"),
        ("", ""),
        ("# only a comment", "# only a comment"),
    ],
)
def test_what_is_no_python_is_taken_out_in_its_place(cell: str, python: str) -> None:
    assert as_python(cell) == python
    assert python.count("\n") == cell.count("\n")
    ast.parse(python)


@pytest.mark.parametrize("cell", ["def f(:", "x = (1", "print 'old'", "%matplotlib inline\ndef f(:", "\0"])
def test_what_is_no_python_even_so(cell: str) -> None:
    assert as_python(cell) is None


@given(
    st.lists(st.sampled_from(["x = 1", "%magic", "!ls", "y = !ls", "f?", "for i in x:", "  %cd x", "  y = 2", "'''"]))
)
def test_a_cell_that_is_taken_is_python_with_as_many_lines(lines: list[str]) -> None:
    python = as_python("\n".join(lines))
    if python is not None:
        ast.parse(python)
        assert python.count("\n") == max(len(lines) - 1, 0)


def test_cells_are_one_program() -> None:
    source = read_notebook(notebook(["import torch\n", "x = 1"], "def f(:", "%%html\n<b>", "y = x\n"))
    assert source.text == "import torch\nx = 1\n\n\ny = x\n\n"
    assert source.segments == (Segment(1, 1), Segment(3, 3), Segment(4, 5))
    assert source.notes == ("cell 2:1:1: is no Python and is left out",)
    assert [source.spelled(line) for line in (1, 2, 3, 5, 6)] == ["1:1", "1:2", "3:1", "4:1", "4:2"]
    assert source.lines_around(2) == ["import torch\n", "x = 1\n"]
    assert source.lines_around(5) == ["y = x\n", "\n"]


def test_a_file_is_one_segment() -> None:
    source = Source("a\nb\n")
    assert [source.spelled(line) for line in (1, 2)] == ["1", "2"]
    assert source.lines_around(2) == ["a\n", "b\n"]


def test_other_cells_and_other_languages_are_no_code() -> None:
    assert read_notebook(notebook("import x", kind="markdown")).text == ""
    assert read_notebook(notebook("library(x)", kernelspec={"language": "R"})).text == ""
    assert read_notebook(notebook("import x", language_info={"name": "python"})).text == "import x\n"
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["import x\n", "x"]}]}], "nbformat": 3}
    assert read_notebook(json.dumps(old).encode()).text == "import x\nx\n"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"cells": 3}', b"\xff\xfe", b"null"])
def test_what_is_no_notebook_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(DecodingFailure, match=r"^1:1: cannot be read as a notebook: .+$"):
        read_notebook(data)


CELLS = (
    [
        "%matplotlib inline\n",
        "!pip install -q torchvision\n",
        "import torch.nn as nn\n",
        "from torchvision import models",
    ],
    ["net = models.vgg16(weights='DEFAULT')\n", "for p in net.parameters():\n", "    p.requires_grad = False\n"],
    "net.fc = nn.Linear(4096, 5)\nprint(net)",
    "net.classifier[3] = nn.Linear(1, 2)  # noqa: HL201",
)


def test_findings_cross_cells_and_stand_in_theirs(headlint: Run, tmp_path: Path) -> None:
    path = tmp_path / "train.ipynb"
    path.write_bytes(notebook(*CELLS))
    result = headlint("check", "--output-format=concise", str(path))
    assert result.returncode == 1, result.stderr
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"{path}:cell 3:1:1: HL101 vgg16 never calls 'fc'")
    assert path.read_bytes() == notebook(*CELLS)


def test_the_readable_form_shows_the_line_of_the_cell(headlint: Run, tmp_path: Path) -> None:
    (tmp_path / "train.ipynb").write_bytes(notebook(*CELLS))
    result = headlint("check", "--explain", str(tmp_path))
    assert "train.ipynb:2:1: vgg16" in result.stdout
    assert "  3:1  set fc = Linear(4096, 5)" in result.stdout
    assert "train.ipynb:cell 3:1:1: HL101" in result.stdout
    assert "\n1 | net.fc = nn.Linear(4096, 5)\n  | ^^^" in result.stdout


def test_cells_left_out_and_broken_notebooks_are_told(headlint: Run, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(notebook(*CELLS[:2], "def f(:"))
    (tmp_path / "b.ipynb").write_bytes(b"{")
    result = headlint("check", str(tmp_path))
    assert result.returncode == 1
    assert f"headlint: {tmp_path / 'a.ipynb'}:cell 3:1:1: is no Python and is left out" in result.stderr
    assert f"headlint: {tmp_path / 'b.ipynb'}:1:1: cannot be read as a notebook: " in result.stderr
    assert "1 file could not be checked" in result.stdout


def test_the_library_gives_the_cell_too(tmp_path: Path) -> None:
    path = tmp_path / "train.ipynb"
    path.write_bytes(notebook(*CELLS[:3]))
    ((found, report),) = lint_paths([tmp_path])
    assert found == path
    assert [(finding.cell, finding.span.line, finding.place) for finding in report.findings] == [(3, 1, "cell 3:1:1")]


def test_percent_scripts_are_python(headlint: Run, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "# %% [markdown]\n# Heads\n# %%\n# %matplotlib inline\nimport torch.nn as nn\nfrom torchvision import models\n"
        "# %%\nnet = models.resnet18()\n# %%\nnet.classifier = nn.Linear(512, 5)\n"
    )
    result = headlint("check", "--output-format=concise", str(script))
    assert [line.split(" ")[0] for line in result.stdout.splitlines()] == [f"{script}:10:1:"]
