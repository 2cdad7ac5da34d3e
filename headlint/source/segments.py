"""A program and the segments that its text is made of: one for a file of Python, one for each cell of a notebook."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property

from headlint.finding import Edit, Finding, Span
from headlint.source.decoding import split_lines


@dataclass(frozen=True)
class Segment:
    """A stretch of a program's lines from `first_line` on (from 1): cell number `cell`, or 0 for a whole file.

    It ends with `last_line`, or where the next one begins.
    """

    cell: int
    first_line: int
    last_line: int | None = None


@dataclass(frozen=True)
class Source:
    """One program in the order in which it is read, and where its lines come from.

    `notes` are one-line texts on what could not be read of it, each with its place.
    """

    text: str
    segments: tuple[Segment, ...] = (Segment(0, 1),)
    notes: tuple[str, ...] = ()

    @cached_property
    def _lines(self) -> list[str]:
        return split_lines(self.text)

    def segment_at(self, line: int) -> Segment:
        """The segment that a line of the program, from 1, belongs to."""
        number = bisect_right([segment.first_line for segment in self.segments], line)
        return self.segments[max(number - 1, 0)]

    def lines_around(self, line: int) -> list[str]:
        """The physical lines of the segment that a line of the program belongs to."""
        segment = self.segment_at(line)
        return self._lines_of(segment)

    def lines_of(self, cell: int) -> list[str]:
        """The physical lines of a cell, of the whole file for cell 0."""
        return next((self._lines_of(segment) for segment in self.segments if segment.cell == cell), [])

    def _lines_of(self, segment: Segment) -> list[str]:
        behind = (other.first_line for other in self.segments if other.first_line > segment.first_line)
        last = segment.last_line or next(behind, len(self._lines) + 1) - 1
        return self._lines[segment.first_line - 1 : last]

    def located(self, finding: Finding) -> Finding:
        """A finding of the program with its place in the cell that it stands in.

        The edits of its fix are moved with it; a fix that changes another cell is told without them.
        """
        segment = self.segment_at(finding.span.line)
        if not segment.cell:
            return finding
        above, fix = segment.first_line - 1, finding.fix
        if fix is not None:
            edits = tuple(Edit(_moved(edit.span, above), edit.text) for edit in fix.edits)
            inside = all(self.segment_at(edit.span.line) == segment for edit in fix.edits)
            fix = replace(fix, edits=edits if inside else ())
        return replace(finding, span=_moved(finding.span, above), fix=fix, cell=segment.cell)

    def spelled_place(self, line: int, column: int) -> str:
        """A place in the program as it stands in front of a message: `12:5`, `cell 3:2:5`."""
        segment = self.segment_at(line)
        place = f"{line - segment.first_line + 1}:{column + 1}"
        return f"cell {segment.cell}:{place}" if segment.cell else place

    def spelled(self, line: int) -> str:
        """A line of the program as a margin names it: `12`, `3:2` for the second line of cell 3."""
        segment = self.segment_at(line)
        return f"{segment.cell}:{line - segment.first_line + 1}" if segment.cell else str(line)


def _moved(span: Span, lines: int) -> Span:
    return Span(span.line - lines, span.column, span.end_line - lines, span.end_column)
