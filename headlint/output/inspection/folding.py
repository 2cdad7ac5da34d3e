"""A tree of parts folded to what matters: what is the same from top to bottom is one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headlint.output.facts import size
from headlint.output.inspection.model import Part

# Parts of one kind that stand side by side before they are told as one.
MOST_ALIKE = 4


@dataclass(frozen=True)
class Row:
    """A line of the folded tree: one part, or several neighbours of the same state; `depth` counts from 0."""

    depth: int
    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """What to call it: `layer1`, `0 ... 27`."""
        first, last = self.parts[0], self.parts[-1]
        return first.name if len(self.parts) == 1 else f"{first.name} ... {last.name}"

    @property
    def shapes(self) -> str:
        """What arrives at it and what leaves it, without the batch: `512 -> 10`; "" where forward does not call it."""
        arrived, returned = self.parts[0].arrived, self.parts[-1].returned
        if arrived is None:
            return ""
        return f"{size(arrived[1:])} -> {'' if returned is None else size(returned[1:])}".rstrip()


def folded(root: Part) -> Iterator[Row]:
    """The rows below the model itself; a model without parts is its own row."""
    if not root.children:
        yield Row(0, (root,))
    yield from _rows(root.children, 0)


def _rows(parts: Sequence[Part], depth: int) -> Iterator[Row]:
    position = 0
    while position < len(parts):
        part = parts[position]
        if _opens(part):
            yield Row(depth, (part,))
            yield from _rows(part.children, depth + 1)
            position += 1
            continue
        end = position + 1
        while end < len(parts) and _is_like(part, parts[end]):
            end += 1
        if end - position <= MOST_ALIKE or depth == 0:
            end = position + 1
        yield Row(depth, tuple(parts[position:end]))
        position = end


def _opens(part: Part) -> bool:
    """Whether what is in a part has to be told."""
    return bool(part.children) and (not part.is_plain_sailing or bool(part.new)) and part.type != "Opaque"


def _is_like(part: Part, other: Part) -> bool:
    """Whether two neighbours can share a line."""
    return not _opens(other) and not part.new and not other.new and other.state in (part.state, "plain")
