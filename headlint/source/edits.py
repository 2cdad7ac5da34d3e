"""Where lines and columns stand in a text, and edits of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property

from headlint.finding import Edit, Span

_LINE_END = re.compile(r"\r\n|\r|\n")


class Offsets:
    """A text as Python counts its lines, from 1, and columns, from 0 in code points."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _LINE_END.finditer(self.text))]

    def of(self, line: int, column: int) -> int:
        """The offset of a place; one behind the end of the text is that end."""
        starts = self._starts
        return min(starts[line - 1] + column, len(self.text)) if line <= len(starts) else len(self.text)

    def of_span(self, span: Span) -> tuple[int, int]:
        """The offsets at which a span begins and ends."""
        return self.of(span.line, span.column), self.of(span.end_line, span.end_column)

    def place(self, offset: int) -> tuple[int, int]:
        """The line and the column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1]

    def span(self, start: int, end: int) -> Span:
        """The span between two offsets."""
        return Span(*self.place(start), *self.place(end))

    def line_start(self, offset: int) -> int:
        """Where the line of an offset begins."""
        return offset - self.place(offset)[1]

    def line_end(self, offset: int) -> tuple[int, int]:
        """Where the end of the line of an offset begins and ends; both the end of the text if the line has none."""
        found = _LINE_END.search(self.text, offset)
        return found.span() if found is not None else (len(self.text), len(self.text))

    @cached_property
    def usual_end(self) -> str:
        """How lines of the text end: as the first one does."""
        found = _LINE_END.search(self.text)
        return found[0] if found is not None else "\n"


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits done; their spans are those of `text`. Raises ValueError if two of them overlap."""
    offsets = Offsets(text)
    pieces: list[str] = []
    end = 0
    for (start, stop), new in sorted((offsets.of_span(edit.span), edit.text) for edit in edits):
        if start < end:
            raise ValueError("two edits overlap")
        pieces += (text[end:start], new)
        end = stop
    return "".join((*pieces, text[end:]))


class Shift:
    """Where the places of a text stand when it has been edited."""

    def __init__(self, text: str, edits: Iterable[Edit]) -> None:
        offsets = Offsets(text)
        self._changes = sorted((*offsets.of_span(edit.span), len(edit.text)) for edit in edits)

    def moved(self, offset: int) -> int:
        """The new offset of a place; one inside of what was replaced is at most the end of the new text."""
        shift = 0
        for start, end, length in self._changes:
            if offset < start or (offset == start < end):
                break
            if offset < end:
                return start + shift + min(offset - start, length)
            shift += length - (end - start)
        return offset + shift
