"""Notebooks as programs: cells in order, magics taken out, every position in its cell."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, needs_torch
from hypothesis import given
from hypothesis import strategies as st

from headlint import lint_paths
from headlint.source.cells import Unchangeable
from headlint.source.decoding import DecodingFailure
from headlint.source.notebooks import as_python, read_notebook, rewritten_notebook
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
    marks = [f"# cell {number} of the notebook" for number in (1, 3, 4)]
    assert source.text == f"{marks[0]}\nimport torch\nx = 1\n{marks[1]}\n\n\n{marks[2]}\ny = x\n\n"
    assert source.segments == (Segment(1, 2, 3), Segment(3, 5, 6), Segment(4, 8, 9))
    assert source.notes == ("cell 2:1:1: is no Python and is left out",)
    assert [source.spelled(line) for line in (2, 3, 5, 8, 9)] == ["1:1", "1:2", "3:1", "4:1", "4:2"]
    assert source.lines_around(3) == source.lines_of(1) == ["import torch\n", "x = 1\n"]
    assert source.lines_around(8) == source.lines_of(4) == ["y = x\n", "\n"]


def test_a_file_is_one_segment() -> None:
    source = Source("a\nb\n")
    assert [source.spelled(line) for line in (1, 2)] == ["1", "2"]
    assert source.lines_around(2) == ["a\n", "b\n"]


def test_other_cells_and_other_languages_are_no_code() -> None:
    assert read_notebook(notebook("import x", kind="markdown")).text == ""
    assert read_notebook(notebook("library(x)", kernelspec={"language": "R"})).text == ""
    assert read_notebook(notebook("import x", language_info={"name": "python"})).text.endswith("\nimport x\n")
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["import x\n", "x"]}]}], "nbformat": 3}
    assert read_notebook(json.dumps(old).encode()).text.endswith("\nimport x\nx\n")


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


@needs_torch
def test_percent_scripts_may_have_magics_of_their_own(headlint: Run, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    text = (
        "# %%\n%matplotlib inline\n!pip install torchvision\nfrom torchvision import models\n"
        "#%% freeze\n%time net = models.resnet18()\nfor p in net.parameters():\n    p.require_grad = False\n"
    )
    script.write_text(text)
    result = headlint("check", "--fix", str(script))
    assert (result.stdout, result.stderr) == ("Found 1 finding (1 fixed, 0 remaining) in 1 of 1 file\n", "")
    assert script.read_text() == text.replace("require_grad", "requires_grad")
    # Without cells it is a file that is no Python.
    script.write_text(text.replace("%%", "--"))
    assert "could not be checked" in headlint("check", str(script)).stdout


# -- writing them back ---------------------------------------------------------------------------------------------


def spelled(cells: list[Any], style: dict[str, Any], end: str) -> bytes:
    """A notebook as some tool or other writes it."""
    made = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {"x": 1.0}, "outputs": [{"y": 1e5}], "source": cell}
        for n, cell in enumerate(cells)
    ]
    made.insert(1, {"cell_type": "markdown", "source": ["# \u00e9\n", "text"], "metadata": {}})
    return (json.dumps({"metadata": {"z": {}}, "nbformat": 4, "cells": made}, **style) + end).encode()


STYLES: tuple[dict[str, Any], ...] = (
    {},
    {"indent": 1, "ensure_ascii": False},
    {"indent": 4, "sort_keys": True},
    {"separators": (",", ":")},
)
LINE = st.sampled_from(["x = 1", "y = 'é'", "z = '😀'", "%time f(1)", "!ls *.py", "", "pass", '"\\\\n\\t"', "# noqa"])


def cut_up(lines: list[str], form: str, end: str) -> Any:
    text = end.join(lines)
    if form == "string":
        return text
    return text.splitlines(keepends=True) if form == "lines" else [text[:3], text[3:]]


@given(
    st.lists(st.lists(LINE, max_size=4), min_size=1, max_size=3),
    st.sampled_from(["lines", "string", "odd"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(STYLES),
    st.sampled_from(["", "\n"]),
    st.data(),
)
def test_only_the_source_of_an_edited_cell_changes(
    cells: list[list[str]], form: str, line_end: str, style: dict[str, Any], end: str, data: st.DataObject
) -> None:
    written = spelled([cut_up(lines, form, line_end) for lines in cells], style, end)
    program = read_notebook(written).text
    assert rewritten_notebook(written, program) == written
    lines = program.split("\n")
    plain = [
        n for n, line in enumerate(lines[:-1]) if line not in ("pass", "0;    f(1)") and not line.startswith("# c")
    ]
    if not plain:
        return
    at = data.draw(st.sampled_from(plain))
    new = data.draw(st.sampled_from(["", "new = 'ü'", "a = 1\nb = 2", lines[at] + "  # noqa"]))
    try:
        rewritten = rewritten_notebook(written, "\n".join([*lines[:at], *new.split("\n"), *lines[at + 1 :]]))
    except Unchangeable:
        raise AssertionError("a plain line can be changed") from None
    assert read_notebook(rewritten).text.split("\n") == [*lines[:at], *new.split("\n"), *lines[at + 1 :]]
    before, after = json.loads(written), json.loads(rewritten)
    changed = [n for n, cell in enumerate(before["cells"]) if cell != after["cells"][n]]
    assert len(changed) <= 1
    sources = [cell["source"] for cell in after["cells"] if cell["cell_type"] == "code"]
    if form != "odd" and all(len(before["cells"][n]["source"]) > 1 and after["cells"][n]["source"] for n in changed):
        # What wrote the notebook would have written the other one in just these bytes.
        assert rewritten == spelled(sources, style, end)
    for number in changed:
        del before["cells"][number]["source"], after["cells"][number]["source"]
    assert before == after


def test_a_notebook_keeps_its_spelling_around_the_edited_line() -> None:
    written = (
        b'\xef\xbb\xbf{"cells": [\r\n {"source" : [\t"x = \\u0031\\n",  "y = 2 \\/ 1\\n"'
        b'  ,\n\t"z = \\"\xc3\xa9\\"" ]\n,'
        b' "cell_type":"code","outputs":[1.0, 1e5, -0, 1E+2]} ], "cells_":0}'
    )
    program = read_notebook(written).text
    assert program.splitlines()[1:] == ["x = 1", "y = 2 / 1", 'z = "é"']
    new = rewritten_notebook(written, program.replace("z =", "w ="))
    assert new == written.replace(b'  ,\n\t"z =', b',  "w =')
    new = rewritten_notebook(written, program.replace("x = 1\n", ""))
    assert b'"source" : [\t"y = 2 \\/ 1\\n",  "z = \\"\xc3\xa9\\"" ]' in new


def test_code_behind_a_magic_is_edited_and_magics_are_not() -> None:
    written = notebook("%time model = f(1)\n!ls\nx = 1", "y = 1")
    program = read_notebook(written).text
    assert b"%time model = f(2)\\n!ls\\nx = 1" in rewritten_notebook(written, program.replace("f(1)", "f(2)"))
    for other in (program.replace("pass\n", ""), program.replace("0;  ", "1;  "), program.replace("pass", "pass; x")):
        with pytest.raises(Unchangeable, match="no plain Python"):
            rewritten_notebook(written, other)
    with pytest.raises(Unchangeable, match="which cell"):
        rewritten_notebook(written, program.replace("# cell 3", "# cell 2").replace("# cell 2 of", "# cell two of"))
