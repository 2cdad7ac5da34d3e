"""Inspections as one page: no scripts, nothing loaded, and every state told by colour, pattern and word.

The colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind people tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from headlint import __version__
from headlint.output.facts import size
from headlint.output.inspection.folding import Row, folded
from headlint.output.inspection.model import Inspection, Part, State
from headlint.output.inspection.words import WORDS, facts, state_of

LEGEND: tuple[tuple[State, str], ...] = (
    ("trains", "all of its parameters train"),
    ("partly", "some of its parameters train"),
    ("frozen", "none of its parameters train"),
    ("unused", "forward never uses it"),
    ("auxiliary", "forward uses it in train mode only"),
    ("raises", "forward raises in it"),
    ("plain", "it has no parameters"),
)


def page(inspections: Sequence[Inspection]) -> str:
    """A whole HTML document; all text of the program is escaped."""
    style = files("headlint.output.inspection").joinpath("page.css").read_text(encoding="utf-8")
    title = inspections[0].file if inspections else "headlint inspect"
    body = "\n".join(line for inspection in inspections for line in _model(inspection))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{_legend(inspections)}\n{body}\n"
        f"<footer>headlint {escape(__version__)}{_versions(inspections)}</footer>\n</body>\n</html>\n"
    )


def _versions(inspections: Sequence[Inspection]) -> str:
    seen = next((each for each in inspections if each.torch), None)
    return f", torch {escape(seen.torch)}, torchvision {escape(seen.torchvision)}" if seen else ""


def _legend(inspections: Sequence[Inspection]) -> str:
    """The states that occur on the page."""
    roots = [inspection.root for inspection in inspections if inspection.root is not None]
    present = {part.state for root in roots for part in root.below()}
    new = '<li><span class="mark outlined"></span><b>new</b> the code puts it in</li>'
    items = (
        f'<li><span class="mark {state}"></span><b>{WORDS[state] or "no parameters"}</b> {meaning}</li>'
        for state, meaning in LEGEND
        if state in present
    )
    shown = "".join(items) + (new if any(part.new for root in roots for part in root.below()) else "")
    return f'<ul class="legend">{shown}</ul>'


def _model(inspection: Inspection) -> Iterator[str]:
    yield '<section class="model">'
    yield f"<h2>{escape(inspection.title)}</h2>"
    yield '<div class="columns"><div class="told"><dl>'
    for label, text in facts(inspection):
        wrong = ' class="wrong"' if label in ("forward", "not replayed") else ""
        yield f"<dt>{escape(label)}</dt><dd{wrong}>{escape(text)}</dd>"
    yield "</dl><h3>What the code does</h3><table>"
    for line, words in inspection.steps:
        yield f'<tr><td class="line">{escape(line)}</td><td>{escape(words)}</td></tr>'
    yield "</table></div>"
    if inspection.root is not None:
        yield '<div class="picture">'
        largest = max((part.parameters for part in inspection.root.children), default=0)
        rows = list(folded(inspection.root))
        yield from _rows(rows, 0, len(rows), largest)
        yield "</div>"
    yield "</div></section>"


def _rows(rows: Sequence[Row], start: int, end: int, largest: int) -> Iterator[str]:
    """Blocks one below the other; what is in a block stands inside it."""
    position = start
    while position < end:
        row = rows[position]
        behind = position + 1
        while behind < end and rows[behind].depth > row.depth:
            behind += 1
        yield from _block(row, largest, inside=rows[position + 1 : behind])
        position = behind


def _block(row: Row, largest: int, inside: Sequence[Row]) -> Iterator[str]:
    part = row.parts[0]
    new = " new" if part.new else ""
    arrives = "" if part.arrived is None else f'<div class="flow">{size(part.arrived)}</div>'
    yield f'{arrives}<div class="block {part.state}{new}"><div class="head"><span class="mark {part.state}"></span>'
    yield f'<b>{escape(row.name)}</b> <span class="kind" title="{escape(_kind(row))}">{escape(_kind(row))}</span>'
    state = state_of(part)
    if state:
        yield f'<span class="state">{escape(state)}</span>'
    parameters = sum(each.parameters for each in row.parts)
    if parameters:
        # The eye compares lengths: a square root lets small heads be seen beside large trunks.
        width = 100 * (parameters / largest) ** 0.5 if largest else 0
        bar = f'<span class="bar {part.state}" style="width:{max(width, 1):.0f}%"></span>'
        yield f'<span class="size">{parameters:,}</span></div><div class="scale">{bar}</div>'
    else:
        yield "</div>"
    if inside:
        yield '<div class="inside">'
        yield from _rows(inside, 0, len(inside), largest)
        yield "</div>"
    yield "</div>"


def _kind(row: Row) -> str:
    if len(row.parts) > 1:
        return f"{len(row.parts)} modules"
    part: Part = row.parts[0]
    return f"{part.type}({part.says})" if part.says and not part.children else part.type
