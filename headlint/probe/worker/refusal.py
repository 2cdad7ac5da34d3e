"""Why an experiment says nothing about the code, in one line."""

from __future__ import annotations


class NoObservation(Exception):
    """The experiment says nothing about the code: `kind` is refused, memory, time, crash or environment."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = one_line(reason)


def one_line(text: str, limit: int = 300) -> str:
    """Text on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def refuse(reason: str) -> NoObservation:
    """A recipe that is not replayed, however often it is asked for."""
    return NoObservation("refused", reason)


def brief(value: object) -> str:
    """A value out of a recipe, as a reason may quote it."""
    return f"{value!r:.60}"


def gigabytes(size: float) -> str:
    """A number of bytes as people read it."""
    return f"{size / 1e9:.1f} GB"
