"""Which histories of a program are shown: every model, every way that differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from headlint.checks.paths import build_key
from headlint.flow.histories import ModelHistory
from headlint.history import Escape
from headlint.output.words import conditions, told
from headlint.source.program import Program

# Ways of one model that are shown; the first ones stand for the rest.
MOST_WAYS = 4


@dataclass(frozen=True)
class Way:
    """A history with what all paths that do the same assume, and its events in words with lines."""

    history: ModelHistory
    conditions: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]


def ways(program: Program, histories: Sequence[ModelHistory]) -> Iterator[Way]:
    """The ways to show, in the order of the code that builds the models."""
    models: dict[object, list[ModelHistory]] = {}
    for history in histories:
        models.setdefault(build_key(history), []).append(history)
    for same in sorted(models.values(), key=lambda own: line_of(program, own[0].build.site)):
        alike: dict[tuple[tuple[str, str], ...], list[ModelHistory]] = {}
        for history in same:
            alike.setdefault(_steps(program, history, done_here=True), []).append(history)
        finished = [paths for paths in alike.values() if paths[0].complete] or list(alike.values())
        for paths in finished[:MOST_WAYS]:
            assumed = conditions(paths) if len(finished) > 1 else []
            yield Way(paths[0], tuple(assumed), _steps(program, paths[0], done_here=False))


def _steps(program: Program, history: ModelHistory, *, done_here: bool) -> tuple[tuple[str, str], ...]:
    """The events in words; what is `done_here` tells ways apart, to whom else the model goes does not."""
    return tuple(
        (spelled(program, event.site), words)
        for event, words in told(history)
        if not (done_here and isinstance(event, Escape))
    )


def line_of(program: Program, site: cst.CSTNode | None) -> int:
    """The line of a node, 0 where the program does not say it itself."""
    try:
        return 0 if site is None else program.span(site).line
    except KeyError:
        return 0


def spelled(program: Program, site: cst.CSTNode | None) -> str:
    """The line of a node as a margin names it."""
    line = line_of(program, site)
    return program.source.spelled(line) if line else ""
