"""Jupyter notebooks as programs: their code cells in order, with what is IPython's and no Python taken out.

Every line of Python stays in its place: what is taken out leaves a line of the same number behind.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

from headlint.source.cells import Unchangeable, merged, with_cells
from headlint.source.decoding import DecodingFailure
from headlint.source.segments import Segment, Source

SUFFIX = ".ipynb"
_NO_CELLS = "1:1: cannot be read as a notebook: it holds no cells"


def read_notebook(data: bytes) -> Source:
    """The program that a notebook's code cells make; raises DecodingFailure.

    Cells are counted from 1, those without code included. One that is no Python is left out with a note, and a
    notebook in another language is an empty program. A comment in front of each cell keeps them apart.
    """
    return program_of(_code_cells(data))


def program_of(cells: Iterable[tuple[int, str]]) -> Source:
    r"""The program that the code in these cells makes, each given with its number; lines end in `\n` alone."""
    lines: list[str] = []
    segments: list[Segment] = []
    notes: list[str] = []
    for number, text in cells:
        python = as_python(text)
        if python is None:
            notes.append(f"cell {number}:1:1: is no Python and is left out")
            continue
        lines.append(_mark(number))
        first = len(lines) + 1
        lines += python.split("\n")
        segments.append(Segment(number, first, len(lines)))
    return Source("".join(f"{line}\n" for line in lines), tuple(segments) or (Segment(0, 1),), tuple(notes))


def rewritten_notebook(data: bytes, text: str) -> bytes:
    """A notebook whose program is `text`, an edited form of the one that was read from `data`; raises Unchangeable.

    Only the sources of cells change whose program does.
    """
    changed: dict[int, list[int | str]] = {}
    rest = text.split("\n")
    cells = [(number, cell, python) for number, cell in _code_cells(data) if (python := as_python(cell)) is not None]
    marks = [_mark(number) for number, _, _ in cells]
    if [line for line in rest if line in set(marks)] != marks or rest[0] != marks[0]:
        raise Unchangeable("it cannot be told which cell the new code belongs to")
    for (number, cell, python), behind in zip_longest(cells, marks[1:]):
        end = rest.index(behind) if behind is not None else len(rest) - 1
        new, rest = rest[1:end], rest[end:]
        if new != python.split("\n"):
            changed[number] = merged(cell.split("\n"), python.split("\n"), new)
    return with_cells(data, changed) if changed else data


def _mark(number: int) -> str:
    return f"# cell {number} of the notebook"


def _code_cells(data: bytes) -> Iterator[tuple[int, str]]:
    """The number and the text of each code cell; raises DecodingFailure."""
    for number, cell in enumerate(_cells(data), start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            yield number, source_of(cell)


def _cells(data: bytes) -> list[Any]:
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as failure:
        raise DecodingFailure(f"1:1: cannot be read as a notebook: {str(failure).splitlines()[0]}") from None
    if not isinstance(notebook, dict):
        raise DecodingFailure(_NO_CELLS)
    sheets = notebook.get("worksheets")
    # Notebooks of format 3 keep their cells in a worksheet.
    cells = notebook.get("cells", sheets[0].get("cells") if isinstance(sheets, list) and sheets else None)
    if not isinstance(cells, list):
        raise DecodingFailure(_NO_CELLS)
    return cells if _language(notebook) in ("", "python", "ipython") else []


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    found = ""
    for part, name in (("kernelspec", "language"), ("language_info", "name")):
        about = metadata.get(part) if isinstance(metadata, dict) else None
        if isinstance(about, dict) and isinstance(about.get(name), str):
            found = found or about[name].lower()
    return found


def source_of(cell: dict[str, Any]) -> str:
    """The text of a code cell, which the file holds whole or line by line."""
    source = cell.get("source", cell.get("input", ""))
    parts = source if isinstance(source, list) else [source]
    text = "".join(part for part in parts if isinstance(part, str))
    return text.replace("\r\n", "\n").replace("\r", "\n")


# Cell magics behind which ordinary Python stands, and line magics that run the rest of their line.
_PYTHON_MAGICS = frozenset("capture memit mprun prun python python3 pypy time timeit".split())
_RUNNING = re.compile(r"(?P<indent>\s*)(?P<magic>%(?:time|timeit|prun|memit)\s+)(?P<code>[^-\s].*)")
_ASSIGNED = re.compile(r"(?P<target>\s*[\w.,\s]+=\s*)[!%]")
_MAGIC = re.compile(r"\s*(?:[%!?]|.*\?\s*$)")


def as_python(cell: str) -> str | None:
    """A cell's text with magics and shell lines neutralised, line by line; None where it is no Python even so."""
    lines = cell.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if lines[first].lstrip().startswith("%%"):
        words = lines[first].strip()[2:].split()
        if not words or words[0] not in _PYTHON_MAGICS:
            return "\n" * (len(lines) - 1)
        lines[first] = "pass"
    for _ in range(len(lines) + 1):
        wrong = _first_wrong_line("\n".join(lines))
        if wrong is None:
            return "\n".join(lines)
        index = _magic_at(lines, wrong - 1)
        if index is None:
            return None
        _neutralise(lines, index)
    return None


def _first_wrong_line(text: str) -> int | None:
    """The line in which Python gives up, None if it is Python throughout."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return 1
    return None


def _magic_at(lines: list[str], wrong: int) -> int | None:
    """The line that is no Python but IPython: that in which Python gives up, or one before it that leads there."""
    for index in (wrong, wrong - 1):
        if 0 <= index < len(lines) and (_MAGIC.match(lines[index]) or _ASSIGNED.match(lines[index])):
            return index
    return None


def _neutralise(lines: list[str], index: int) -> None:
    line = lines[index]
    running, assigned = _RUNNING.fullmatch(line), _ASSIGNED.match(line)
    if running is not None:
        # A statement of two letters keeps the place of everything behind the magic.
        lines[index] = running["indent"] + "0;".ljust(len(running["magic"])) + running["code"]
        if _first_wrong_line(lines[index].strip()) is None:
            return
    while lines[index].endswith("\\") and index + 1 < len(lines):
        # A shell line goes on behind a backslash.
        lines[index] = ""
        index += 1
    indent = line[: len(line) - len(line.lstrip())]
    lines[index] = f"{assigned['target']}get_ipython()" if assigned is not None else f"{indent}pass"
