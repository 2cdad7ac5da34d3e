"""Forking inside an expression: the same statement is run once for every combination of choices it meets.

The interpreter evaluates expressions in direct style on one state. Where an expression can go several ways
(an unknown condition, a call that returns on several paths) it asks `choose`; `each_way` then runs the
statement again from its start for every other alternative. Alternatives are worked out once and remembered,
so a call is never interpreted twice for this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from headlint.flow.state import Choice, State

Result = TypeVar("Result")

# A single statement that goes more ways than this is followed no further than its first ways.
MOST_WAYS = 64


class Raised(Exception):
    """The analysed code raises here, on this path."""


class Infeasible(Exception):
    """No run of the analysed code comes here with these assumptions."""


class TooManyWays(Exception):
    """One statement goes more ways than are followed."""


def each_way(state: State, action: Callable[[State], Result]) -> list[tuple[State, Result | None]]:
    """Run `action` on forks of `state`, once for each way through it; ways that raise have no result."""
    pending: list[list[Choice]] = [[]]
    ended: list[tuple[State, Result | None]] = []
    while pending:
        taken = pending.pop()
        trial = state.fork()
        trial.choices = list(taken)
        result: Result | None = None
        try:
            result = action(trial)
        except Raised:
            trial.completion = "raise"
        except Infeasible:
            _later_ways(trial, len(taken), pending)
            continue
        _later_ways(trial, len(taken), pending)
        trial.choices = None
        ended.append((trial, result))
        if len(ended) + len(pending) > MOST_WAYS:
            raise TooManyWays
    return ended


def _later_ways(trial: State, settled: int, pending: list[list[Choice]]) -> None:
    """Queue the ways that differ from the one just run in a choice that was new to it."""
    assert trial.choices is not None
    for index in range(len(trial.choices) - 1, settled - 1, -1):
        alternatives, _ = trial.choices[index]
        before = trial.choices[:index]
        pending.extend([*before, (alternatives, other)] for other in range(len(alternatives) - 1, 0, -1))
