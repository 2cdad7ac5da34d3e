"""Inspections for people at a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text
from rich.tree import Tree

from headlint.output.console import GAP, Trimmed, columns, labelled
from headlint.output.inspection.folding import Row, folded
from headlint.output.inspection.model import Inspection, Part, State
from headlint.output.inspection.words import facts, state_of

# The widest that says what a module is, before it is cut, and that tells its state, before it goes on below.
WIDEST = 36
WIDEST_STATE = 20
LEFT = 2
STYLES: dict[State, str] = {
    "raises": "bold red",
    "unused": "yellow",
    "auxiliary": "dim",
    "trains": "green",
    "partly": "green",
    "frozen": "cyan",
    "plain": "dim",
}


def show(console: Console, inspection: Inspection) -> None:
    """Print one model: what it is, what the code does to it, and its parts."""
    console.print(Text(inspection.title, "bold"))
    console.print(labelled(facts(inspection), LEFT))
    console.print()
    console.print(Trimmed(_steps(inspection), LEFT))
    if inspection.root is not None:
        console.print()
        console.print(Trimmed(Parts(inspection.root), LEFT))


def _steps(inspection: Inspection) -> RenderableType:
    table = columns()
    table.add_column(justify="right", no_wrap=True, min_width=5, style="dim")
    table.add_column(overflow="fold")
    for line, words in inspection.steps:
        table.add_row(line, Text(words))
    if not inspection.complete:
        table.add_row("", "not followed further")
    return table


@dataclass(frozen=True)
class _Telling:
    """How much is told of each part: what a module was made with, and what arrives at it."""

    made_with: bool
    arriving: bool


# The first that fits the terminal, or the last.
_TELLINGS = (_Telling(True, True), _Telling(False, True), _Telling(False, False))


@dataclass(frozen=True)
class Parts:
    """The tree of a model's parts, folded, with what they are and what became of them beside it."""

    root: Part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = list(folded(self.root))
        lines = console.render_lines(_tree(rows), options.update(width=options.max_width, no_wrap=True), pad=False)
        names = [Text.assemble(*((segment.text, segment.style or "") for segment in line)) for line in lines]
        for telling in _TELLINGS:
            cells = [(*_cells(row, telling), _parameters(row)) for row in rows]
            if _width(names, cells) <= options.max_width:
                break
        table = columns()
        for justify in ("left", "left", "left", "right"):
            table.add_column(justify=justify, no_wrap=True)
        table.add_column(overflow="fold")
        for row, name, told in zip(rows, names, cells, strict=True):
            part = row.parts[0]
            table.add_row(name, *map(Text, told), Text(state_of(part), STYLES[part.state]))
        yield table


def _tree(rows: Sequence[Row]) -> Tree:
    """The names of the rows, those inside another one below it."""
    root = Tree("", hide_root=True, guide_style="dim")
    above = [root]
    for row in rows:
        del above[row.depth + 1 :]
        above.append(above[-1].add(Text(row.name)))
    return root


def _width(names: Sequence[Text], cells: Sequence[tuple[str, ...]]) -> int:
    """How wide it comes out, where states may go on below."""
    told = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    return max(name.cell_len for name in names) + sum(told) + (len(told) + 1) * GAP + WIDEST_STATE


def _cells(row: Row, telling: _Telling) -> tuple[str, str]:
    arrived, arrow, returned = row.shapes.partition("->")
    return _kind(row, telling), f"{arrived if telling.arriving else ''}{arrow}{returned}"


def _kind(row: Row, telling: _Telling) -> str:
    if len(row.parts) > 1:
        return f"{len(row.parts)} modules"
    part = row.parts[0]
    says = f"{part.type}({part.says})" if part.says and not part.children and telling.made_with else part.type
    return says if len(says) <= WIDEST else says[: WIDEST - 4] + "...)"


def _parameters(row: Row) -> str:
    total = sum(part.parameters for part in row.parts)
    return f"{total:,}" if total else ""
