"""Inspections for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.output.inspection.folding import Row, folded
from headlint.output.inspection.model import Inspection, State
from headlint.output.inspection.words import facts, state_of
from headlint.output.terminal import Palette

# The widest that says what a module is, before it is cut.
WIDEST = 36


def text_lines(inspection: Inspection, palette: Palette) -> Iterator[str]:
    """One model: what it is, what the code does to it, and its parts."""
    use = palette
    yield f"{use.place}{inspection.title}{use.end}"
    for label, text in facts(inspection):
        yield f"  {label}: {text}"
    yield ""
    for line, words in inspection.steps:
        yield f"  {use.faint}{line:>5}{use.end}  {words}"
    if not inspection.complete:
        yield f"  {'':>5}  not followed further"
    if inspection.root is not None:
        yield ""
        yield from _tree(list(folded(inspection.root)), palette)


def _tree(rows: list[Row], palette: Palette) -> Iterator[str]:
    names = ["  " * row.depth + row.name for row in rows]
    kinds = [_kind(row) for row in rows]
    shapes = [row.shapes for row in rows]
    numbers = [_parameters(row) for row in rows]
    columns = [max(map(len, column)) for column in (names, kinds, shapes, numbers)]
    colours: dict[State, str] = {
        "raises": palette.code,
        "unused": palette.unconfirmed,
        "auxiliary": palette.faint,
        "trains": palette.confirmed,
        "partly": palette.confirmed,
        "frozen": palette.hint,
        "plain": palette.faint,
    }
    for row, name, kind, shape, number in zip(rows, names, kinds, shapes, numbers, strict=True):
        part = row.parts[0]
        cells = f"  {name:{columns[0]}}  {kind:{columns[1]}}  {shape:{columns[2]}}  {number:>{columns[3]}}"
        state = state_of(part)
        yield f"{cells}  {colours[part.state]}{state}{palette.end}" if state else cells.rstrip()


def _kind(row: Row) -> str:
    if len(row.parts) > 1:
        return f"{len(row.parts)} modules"
    part = row.parts[0]
    says = f"{part.type}({part.says})" if part.says and not part.children else part.type
    return says if len(says) <= WIDEST else says[: WIDEST - 4] + "...)"


def _parameters(row: Row) -> str:
    total = sum(part.parameters for part in row.parts)
    return f"{total:,}" if total else ""
