"""Programs as notebooks: the same code in cells, with magics between."""

from __future__ import annotations

import json
from dataclasses import replace

from differential.drawing import Draw
from differential.program import Program

MARK = "# the next cell"
MAGICS = ("%matplotlib inline", "!pip install -q torchvision", "%load_ext autoreload")
BLANK = "pass"


def in_cells(draw: Draw, program: Program) -> Program:
    """The program with a comment in front of each cell; a magic is a `pass` to Python."""
    blocks = [block.strip("\n") for block in _blocks(program.text)]
    size = draw.pick([1, 2, 3, 4])
    cells = ["\n\n".join(blocks[at : at + size]) for at in range(0, len(blocks), size)]
    cells.insert(1, BLANK)
    return replace(program, text="".join(f"{MARK}\n{cell}\n" for cell in cells), notebook=True)


def _blocks(text: str) -> list[str]:
    """Stretches of a program that can stand alone: cut at blank lines behind which a line begins at the margin."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        behind = found[-1]
        joins = line[:1] in (" ", ")", "]", "}", "") or line.startswith(("else", "elif", "except", "finally"))
        if behind and not behind[-1] and not joins:
            found.append([])
        found[-1].append(line)
    return ["\n".join(lines) for lines in found]


def as_notebook(text: str) -> bytes:
    """The bytes of the notebook, with magics where they were taken out."""
    magic = MAGICS[len(text) % len(MAGICS)]
    sources = [cell.removesuffix("\n") for cell in text.split(f"{MARK}\n")[1:]]
    body = [
        {
            "cell_type": "code",
            "metadata": {},
            "source": (magic if source == BLANK else source).splitlines(keepends=True),
        }
        for source in sources
    ]
    return json.dumps({"cells": body, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
