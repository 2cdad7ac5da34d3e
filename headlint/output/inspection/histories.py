"""Which histories of a program are shown, and how far: every model, every way that differs, up to a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from headlint.checks.paths import build_key
from headlint.flow.histories import ModelHistory
from headlint.history import AnyEvent
from headlint.output.words import conditions, told
from headlint.source.nodes import descend, holds
from headlint.source.program import Program

# Ways of one model that are shown; the first ones stand for the rest.
MOST_WAYS = 4


@dataclass(frozen=True)
class Way:
    """A history with what all paths that do the same assume, its events up to a line, and these in words with lines."""

    history: ModelHistory
    conditions: tuple[str, ...]
    events: tuple[AnyEvent, ...]
    steps: tuple[tuple[str, str], ...]


def ways(program: Program, histories: Sequence[ModelHistory], line: int | None) -> Iterator[Way]:
    """The ways to show, in the order of the code that builds the models; a model that is not built yet has none."""
    models: dict[object, list[ModelHistory]] = {}
    for history in histories:
        models.setdefault(build_key(history), []).append(history)
    for same in sorted(models.values(), key=lambda own: line_of(program, own[0].build.site)):
        alike: dict[tuple[tuple[str, str], ...], list[tuple[ModelHistory, tuple[AnyEvent, ...]]]] = {}
        for history in same:
            events = history.events if line is None else _until(program, history, line)
            if any(event is history.build for event in events):
                alike.setdefault(_steps(program, history, events), []).append((history, events))
        finished = [paths for paths in alike.items() if paths[1][0][0].complete] or list(alike.items())
        for steps, paths in finished[:MOST_WAYS]:
            assumed = conditions([history for history, _ in paths]) if len(finished) > 1 else []
            yield Way(paths[0][0], tuple(assumed), paths[0][1], steps)


def _steps(program: Program, history: ModelHistory, events: Sequence[AnyEvent]) -> tuple[tuple[str, str], ...]:
    kept = {id(event) for event in events}
    lines = {id(event.site) for event in events}
    # Flags that one statement sets are told as one event, which is none of the history's own.
    return tuple(
        (spelled(program, event.site), words)
        for event, words in told(history)
        if id(event) in kept or (id(event) not in {id(e) for e in history.events} and id(event.site) in lines)
    )


def _until(program: Program, history: ModelHistory, line: int) -> tuple[AnyEvent, ...]:
    """The events that have happened when the code has come past a line.

    Of the statements in the same body as the line, the last one at or above it counts, with all that came before it.
    """
    own = _body_around(program, line)
    last = -1
    for index, event in enumerate(history.events):
        here = line_of(program, event.site)
        if here and here <= line and (here == line or _body_around(program, here) is own):
            last = index
    return history.events[: last + 1]


def _body_around(program: Program, line: int) -> cst.CSTNode:
    """The innermost function around a line, or the module."""
    around: cst.CSTNode = program.tree
    for node in descend((program.tree,)):
        if isinstance(node, cst.FunctionDef):
            try:
                span = program.span(node.name)
            except KeyError:
                continue
            if span.line <= line <= _last_line(program, node, span.line) and (
                around is program.tree or holds(around, node)
            ):
                around = node
    return around


def _last_line(program: Program, node: cst.FunctionDef, first: int) -> int:
    """The last line of a function's text."""
    return first + program.tree.code_for_node(node).strip("\n").count("\n")


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
