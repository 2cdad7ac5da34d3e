"""What depends on whether somebody is watching: colour, and progress on long runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

QUIET_SECONDS = 1.0


@dataclass(frozen=True)
class Palette:
    """The escape sequences in use; all empty where there is no colour."""

    place: str = ""
    code: str = ""
    caret: str = ""
    confirmed: str = ""
    unconfirmed: str = ""
    hint: str = ""
    faint: str = ""
    end: str = ""


PLAIN = Palette()
COLOURED = Palette(
    place="\x1b[1m",
    code="\x1b[1;31m",
    caret="\x1b[1;31m",
    confirmed="\x1b[32m",
    unconfirmed="\x1b[33m",
    hint="\x1b[36m",
    faint="\x1b[2m",
    end="\x1b[0m",
)


def is_coloured(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there are colours: in a terminal, unless NO_COLOR is set (to anything but nothing) or it is a dumb one.

    With FORCE_COLOR set they are everywhere; where both are set, there are none.
    """
    if environment.get("NO_COLOR"):
        return False
    return bool(environment.get("FORCE_COLOR")) or (stream.isatty() and environment.get("TERM") != "dumb")


def palette_for(stream: TextIO) -> Palette:
    """The palette to write to a stream with."""
    return COLOURED if is_coloured(stream) else PLAIN


def width_of(terminal: TextIO) -> int:
    """The columns of a terminal, 80 where it does not tell."""
    try:
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except OSError:
        return 80


class Progress:
    """One line on stderr that says how far a long run is; silent unless stderr is a terminal."""

    def __init__(self, total: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._started = clock()
        self._watched = total > 1 and self._stream.isatty()
        self._shown = False

    def show(self, done: int, name: str) -> None:
        """Say that file number `done` (from 1) is being checked, once the run has lasted a second."""
        if not self._watched or self._clock() - self._started < QUIET_SECONDS:
            return
        text = f"[{done}/{self._total}] {name}"
        self._stream.write(f"\r\x1b[K{text[: width_of(self._stream) - 1]}")
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Take the line away before something else is printed."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False
