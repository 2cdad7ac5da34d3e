"""What it means to stop at a line: which statement has run there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst

from headlint.source.program import Program, blocks


@dataclass(frozen=True)
class Stop:
    """A statement as it stands in its block, and whether the stop is `behind` it or where it begins."""

    statement: cst.CSTNode
    behind: bool


def stop_at(program: Program, line: int) -> Stop | None:
    """Where to stop for a line, None if no statement has begun there.

    It is behind the statement that stands on the line, or behind the one above it in the same block where there is
    none. On the head of a statement with a block (`for`, `if`, `def`) it is where that begins, unless all of it stands
    on one line.
    """
    return _in_block(program, program.tree.body, line)


def _in_block(program: Program, body: Sequence[cst.CSTNode], line: int) -> Stop | None:
    begun = [item for item in body if _lines(program, item)[0] <= line]
    if not begun:
        return None
    item = begun[-1]
    first, last = _lines(program, item)
    defines = isinstance(item, (cst.FunctionDef, cst.ClassDef))
    if isinstance(item, cst.SimpleStatementLine) or line > last or (first == last and not defines):
        return Stop(item, behind=True)
    stops = [_inside(program, block, line) for block in blocks(item)]
    return next((stop for stop in reversed(stops) if stop is not None), Stop(item, behind=False))


def _inside(program: Program, block: Any, line: int) -> Stop | None:
    if not isinstance(block, cst.If):
        return _in_block(program, block.body, line)
    # An `elif` stands in no block: its head belongs to the branch above it.
    stop = _in_block(program, [block], line)
    return None if stop is None or stop.statement is block else stop


def _lines(program: Program, item: cst.CSTNode) -> tuple[int, int]:
    """The first and the last line of a statement, with its decorators and blocks."""
    inside = item.body if isinstance(item, cst.SimpleStatementLine) else (item,)
    return program.extent(inside[0]).line, program.extent(inside[-1]).end_line
