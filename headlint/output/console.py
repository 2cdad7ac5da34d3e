"""Where `headlint inspect` and `headlint heads` write: a console of rich, and the forms that both use.

Nothing else imports rich.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from headlint.output.terminal import is_coloured, width_of

# Into a pipe or a file lines go as long as they are.
UNLIMITED = 1 << 20
GAP = 2


def console_for(stream: TextIO) -> Console:
    """A console as wide as the terminal, if the stream is one, with the sixteen colours where they are wanted."""
    coloured = is_coloured(stream)
    return Console(
        file=stream,
        width=width_of(stream) if stream.isatty() else UNLIMITED,
        color_system="standard" if coloured else None,
        force_terminal=coloured,
        no_color=not coloured,
        markup=False,
        emoji=False,
        highlight=False,
    )


class Trimmed:
    """Something without the blanks at the ends of its lines, `left` columns in."""

    def __init__(self, inside: RenderableType, left: int = 0) -> None:
        self._inside = Padding(inside, (0, 0, 0, left), expand=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._inside, options, pad=False):
            while line and not line[-1].text.strip():
                line.pop()
            if line:
                last = line.pop()
                line.append(Segment(last.text.rstrip(), last.style))
            yield from line
            yield Segment.line()


def columns() -> Table:
    """A table without lines around its cells."""
    return Table.grid(padding=(0, GAP, 0, 0))


def labelled(pairs: Iterable[tuple[str, str]], left: int = 0) -> Trimmed:
    """Labels with their texts, side by side."""
    table = columns()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in pairs:
        table.add_row(f"{label}:", Text(text))
    return Trimmed(table, left)
