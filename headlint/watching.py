"""What an expression is at one statement of a program, on every path that comes by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from headlint.flow.choice import Infeasible, Raised, TooManyWays
from headlint.flow.histories import analyse
from headlint.flow.interpreter import Interpreter
from headlint.flow.state import State
from headlint.flow.value import Value
from headlint.lint import collector_at_rest
from headlint.source.program import Program

Seen = tuple[State, Value]


def values_at(program: Program, statement: cst.CSTNode, expression: cst.BaseExpression) -> list[Seen]:
    """What `expression` is, and how all else stands, on each path behind a statement.

    A compound statement counts where it begins, as does one that no path comes past. The expression is evaluated on
    copies of the paths, so it need not be part of the program.
    """
    behind: list[Seen] = []
    before: list[Seen] = []
    compound = not isinstance(statement, cst.BaseSmallStatement)

    class Watching(Interpreter):
        def block(self, body: Sequence[cst.CSTNode], states: list[State]) -> list[State]:
            index = next((number for number, line in enumerate(body) if _is_or_holds(line, statement)), None)
            if index is None:
                return super().block(body, states)
            done, running = _parted(super().block(body[:index], states))
            before.extend(_values(self, running, expression))
            ended, running = _parted(super().block(body[index : index + 1], running))
            behind.extend(_values(self, [] if compound else [*ended, *running], expression))
            return [*done, *ended, *super().block(body[index + 1 :], running)]

    with collector_at_rest():
        analyse(program.tree, Watching)
    return behind or before


def _parted(states: list[State]) -> tuple[list[State], list[State]]:
    """The states that have ended early, and those that go on."""
    return [state for state in states if state.completion], [state for state in states if not state.completion]


def _values(run: Interpreter, states: list[State], expression: cst.BaseExpression) -> Iterator[Seen]:
    for state in states:
        if state.completion == "raise":
            continue
        copy = state.fork()
        try:
            yield copy, run.evaluate(copy, expression)
        except (Raised, Infeasible, TooManyWays, RecursionError):
            continue


def _is_or_holds(line: cst.CSTNode, statement: cst.CSTNode) -> bool:
    inside = line.body if isinstance(line, cst.SimpleStatementLine) else ()
    return line is statement or any(small is statement for small in inside)
