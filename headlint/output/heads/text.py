"""Heads for people at a terminal."""

from __future__ import annotations

from rich.console import Console, JustifyMethod
from rich.text import Text

from headlint.output.console import GAP, Trimmed, columns, labelled
from headlint.output.heads.facts import COLUMNS, facts, rows, title
from headlint.output.heads.replacement import replacement
from headlint.zoo import Builder

NUMBERS = ("in", "out")
# The first of these are left out where the terminal is too narrow, even with places folded to so many columns.
LEAST = ("smallest", "input", "auxiliary heads", "kind")
NARROWEST_PLACE = 20


def show_all(console: Console) -> None:
    """Print every model with its heads."""
    told = list(rows())
    widths = {name: max(map(len, (name, *cells))) for name, cells in zip(COLUMNS, zip(*told, strict=True), strict=True)}
    least = widths | {"head": NARROWEST_PLACE}
    names = list(COLUMNS)
    for name in LEAST:
        if sum(least[name] + GAP for name in names) - GAP > console.width:
            names.remove(name)
    table = columns()
    table.show_header = True
    for name in names:
        justify: JustifyMethod = "right" if name in NUMBERS else "left"
        table.add_column(name, justify=justify, no_wrap=name != "head", overflow="fold", header_style="bold")
    for row in told:
        table.add_row(*(Text(cell) for name, cell in zip(COLUMNS, row, strict=True) if name in names))
    console.print(Trimmed(table))


def show_one(console: Console, builder: Builder) -> None:
    """Print one model with its heads, and the code that replaces them."""
    console.print(Text(title(builder), "bold"))
    console.print(labelled(facts(builder)))
    code = replacement(builder)
    if code:
        # To be copied: no line of it is broken.
        console.print(Text("\n".join(("", *code))), soft_wrap=True)
