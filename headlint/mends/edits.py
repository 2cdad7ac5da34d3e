"""From a mend to edits of the text, which keep every byte that they are not about.

What cannot be written as edits, such as a loop that would have to share a line, gives None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import libcst as cst

from headlint.finding import Edit, Span
from headlint.mends.mend import Change, Delete, Insert, Mend, Move, Prefix, Remove, Replace, Unwrap
from headlint.mends.scene import Scene
from headlint.source.nodes import descend


class _Impossible(Exception):
    """The change cannot be written as edits."""


def edits_of(scene: Scene, mend: Mend) -> tuple[Edit, ...] | None:
    """The edits that make all changes of a mend, in the order of the text."""
    try:
        found = [edit for change in mend.changes for edit in _edits(scene, change)]
    except _Impossible:
        return None
    found.sort(key=lambda edit: edit.span)
    for one, other in pairwise(found):
        if (other.span.line, other.span.column) < (one.span.end_line, one.span.end_column):
            return None
    return tuple(found)


def _edits(scene: Scene, change: Change) -> Iterator[Edit]:
    match change:
        case Replace():
            yield Edit(scene.program.span(change.node), change.code)
        case Prefix():
            start, end = scene.offsets.of_span(scene.program.span(change.node))
            where = end if change.behind else start
            yield Edit(scene.offsets.span(where, where), change.code)
        case Remove():
            yield _removal(scene, change.item)
        case Insert():
            yield _insertion(scene, change.at, [change.code], behind=change.behind)
        case Delete(statement=cst.Decorator() as decorator):
            yield _undecoration(scene, decorator)
        case Delete():
            yield _deletion(scene, change.statement, [])
        case Unwrap():
            yield from _unwrapping(scene, change.statement)
        case Move():
            comments = _comments_above(scene, change.statement)
            yield _deletion(scene, change.statement, comments)
            yield _insertion(scene, change.to, _moved_lines(scene, change, comments), behind=change.behind)


@dataclass(frozen=True, slots=True)
class _Lines:
    """A statement that has its lines for itself: where they begin and end, without the last line's end."""

    start: int
    end: int
    indent: str


def _own_lines(scene: Scene, statement: cst.CSTNode) -> _Lines | None:
    """The lines of a statement, None if it shares them with other code."""
    around = scene.parent(statement)
    small = isinstance(statement, cst.BaseSmallStatement)
    if small and (not isinstance(around, cst.SimpleStatementLine) or len(around.body) > 1):
        return None
    text, offsets = scene.program.text, scene.offsets
    start, end = offsets.of_span(scene.program.extent(statement))
    first = offsets.line_start(start)
    # A form feed puts the column back to 0.
    indent = text[first:start].rpartition("\f")[2]
    return None if indent.strip() else _Lines(first, offsets.line_end(end)[0], indent)


def _insertion(scene: Scene, at: cst.CSTNode, lines: list[str], *, behind: bool) -> Edit:
    """These lines, which are not indented, before or behind a statement."""
    offsets, own = scene.offsets, _own_lines(scene, at)
    if own is None:
        if len(lines) > 1 or not isinstance(at, cst.BaseSmallStatement):
            raise _Impossible
        start, end = offsets.of_span(scene.program.span(at))
        where, new = (end, f"; {lines[0]}") if behind else (start, f"{lines[0]}; ")
        return Edit(offsets.span(where, where), new)
    indented = [own.indent + line if line.strip() else line for line in lines]
    ends = offsets.usual_end
    if behind:
        return Edit(offsets.span(own.end, own.end), "".join(ends + line for line in indented))
    start = offsets.of(offsets.place(own.start)[0] - len(_comments_above(scene, at)), 0)
    return Edit(offsets.span(start, start), "".join(line + ends for line in indented))


def _deletion(scene: Scene, statement: cst.CSTNode, comments: list[str]) -> Edit:
    """Take a statement out, and so many lines of comments above it."""
    offsets, own = scene.offsets, _own_lines(scene, statement)
    line = scene.parent(statement)
    if own is None:
        if not isinstance(line, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
            raise _Impossible
        start, end = offsets.of_span(scene.program.span(statement))
        number = next(i for i, other in enumerate(line.body) if other is statement)
        if number + 1 < len(line.body):
            end = offsets.of_span(scene.program.span(line.body[number + 1]))[0]
        elif number:
            start = offsets.of_span(scene.program.span(line.body[number - 1]))[1]
        else:
            return Edit(offsets.span(start, end), "pass")
        return Edit(offsets.span(start, end), "")
    if len(scene.block(statement)) == 1:
        start, end = offsets.of_span(scene.program.extent(statement))
        return Edit(offsets.span(start, end), "pass")
    start = offsets.of(offsets.place(own.start)[0] - len(comments), 0)
    return Edit(offsets.span(start, offsets.line_end(own.end)[1]), "")


def _removal(scene: Scene, item: cst.CSTNode) -> Edit:
    """Take an argument or an item out: its lines, or all up to the next one, or from the end of the one before it."""
    around = scene.parent(item)
    items: Sequence[cst.CSTNode] = ()
    if isinstance(around, cst.Call):
        items = around.args
    elif isinstance(around, (cst.List, cst.Tuple)):
        items = around.elements
    number = next((i for i, other in enumerate(items) if other is item), None)
    if number is None:
        raise _Impossible
    spans = [scene.offsets.of_span(scene.program.span(other)) for other in items]
    start, end = spans[number]
    text, offsets = scene.program.text, scene.offsets
    line_end = offsets.line_end(end)
    if not text[offsets.line_start(start) : start].strip() and _RESIDUE.fullmatch(text, end, line_end[0]):
        return Edit(offsets.span(offsets.line_start(start), line_end[1]), "")
    if number + 1 < len(items):
        end = spans[number + 1][0]
    elif number:
        start = spans[number - 1][1]
    if "#" in text[start:end]:
        raise _Impossible
    return Edit(offsets.span(start, end), "")


# What may stand behind an item that has its lines for itself.
_RESIDUE = re.compile(r"\s*,?\s*(#.*)?")


def _undecoration(scene: Scene, decorator: cst.Decorator) -> Edit:
    """Take the only decorator of a function out, if that is a line."""
    function = scene.parent(decorator)
    assert function is not None
    line = scene.program.extent(function).line
    if scene.program.lines[line - 1].strip() != f"@{scene.code(decorator.decorator)}" or len(function.decorators) > 1:
        raise _Impossible
    return Edit(Span(line, 0, line + 1, 0), "")


def _unwrapping(scene: Scene, statement: cst.CSTNode) -> Iterator[Edit]:
    """Take out the line that begins a block, and what its lines are indented deeper than that."""
    own, block = _own_lines(scene, statement), scene.block_in(statement)
    if own is None or block is None or any(_spans_lines(node) for node in descend((statement,))):
        raise _Impossible
    offsets, lines = scene.offsets, scene.program.lines
    first, last = offsets.place(own.start)[0], offsets.place(own.end)[0]
    inner = _own_lines(scene, block)
    if inner is None or not inner.indent.startswith(own.indent) or not lines[first - 1].rstrip().endswith(":"):
        raise _Impossible
    yield Edit(offsets.span(own.start, offsets.of(first + 1, 0)), "")
    for number in range(first + 1, last + 1):
        line = lines[number - 1]
        if line.strip() and not line.startswith(inner.indent):
            raise _Impossible
        if line.strip():
            yield Edit(Span(number, len(own.indent), number, len(inner.indent)), "")


def _comments_above(scene: Scene, statement: cst.CSTNode) -> list[str]:
    """The comments in the lines directly above a statement, that are indented as it is."""
    own = _own_lines(scene, statement)
    found: list[str] = []
    above = 0 if own is None else scene.offsets.place(own.start)[0] - 2
    while own is not None and above >= 0:
        line = scene.program.lines[above]
        if not line.startswith(f"{own.indent}#"):
            break
        found.append(line[len(own.indent) :])
        above -= 1
    return found[::-1]


def _moved_lines(scene: Scene, move: Move, comments: list[str]) -> list[str]:
    """A statement and the comments above it, taken out of its indentation."""
    own = _own_lines(scene, move.statement)
    if own is None:
        return [scene.text(move.statement)]
    if any(_spans_lines(node) for node in descend((move.statement,))):
        # What is indented in there is text.
        raise _Impossible
    first, last = scene.offsets.place(own.start)[0], scene.offsets.place(own.end)[0]
    lines = scene.program.lines[first - 1 : last]
    for line in lines:
        if line.strip() and not line.startswith(own.indent):
            raise _Impossible
    return [*comments, *(line[len(own.indent) :] if line.strip() else line for line in lines)]


def _spans_lines(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.SimpleString):
        return "\n" in node.value or "\r" in node.value
    return isinstance(node, cst.FormattedStringText) and ("\n" in node.value or "\r" in node.value)
