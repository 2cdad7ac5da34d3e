"""What a model is at one point of the code, in readable lines."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.places import spelled
from headlint.history import Argument
from headlint.output.words import plain
from headlint.standing import Count, Part, Standing


def standing_lines(standing: Standing, *, output: bool = True) -> Iterator[str]:
    """One fact a line, places and code between backticks; `output` as the code tells it, where no model has shown."""
    part = standing.part
    if part.place:
        yield f"`{spelled(part.place)}` of {standing.builder.name}: {part_text(part)}"
        yield parameters_text(part)
    else:
        yield f"{standing.builder.name} ({standing.builder.qualified_name})"
    for head in standing.heads:
        if head.place != part.place:
            yield f"head: `{spelled(head.place)}`, {part_text(head)}" if head.place else f"head: {part_text(head)}"
    if output and standing.builder.task in ("classification", "quantization", "video") and standing.classes is not None:
        yield f"output: (N, {plain(standing.classes)})"
    yield f"the model: {parameters_text(standing.whole)}" if part.place else parameters_text(standing.whole)
    if standing.frozen:
        yield f"frozen: {', '.join(f'`{name}`' for name in standing.frozen)}"
    if standing.escaped is not None:
        yield f"it may have been changed since: {standing.escaped}"


def part_text(part: Part) -> str:
    """A layer with what it takes and gives."""
    words = [part.kind]
    if part.takes is not None:
        words.append(f"{_width(part.takes)} in")
    if part.gives is not None:
        words.append(f"{_width(part.gives)} out")
    return f"{', '.join(words)}{' (put there by the code)' if part.made and part.place else ''}"


def parameters_text(part: Part) -> str:
    """How many parameters train, of how many there are."""
    least = "at least " if part.unsure else ""
    if part.total == Count(0, (), more=False):
        return "no parameters"
    if part.total == part.trainable and not part.unsure:
        return f"{_count(part.total)} parameters, all trainable"
    return f"{_count(part.total)} parameters, {least}{_count(part.trainable)} trainable"


def _count(count: Count) -> str:
    words = [f"{count.known:,}"] if count.known or not count.times else []
    words += [f"{factor:,} x {symbol if symbol.isidentifier() else f'({symbol})'}" for symbol, factor in count.times]
    return " + ".join(words) + (" and more" if count.more else "")


def _width(size: Argument) -> str:
    return plain(size)
