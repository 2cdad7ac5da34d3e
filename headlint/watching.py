"""What an expression is at one statement of a program, on every path that comes by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import libcst as cst

from headlint.flow.choice import Infeasible, Raised, TooManyWays
from headlint.flow.histories import Analysis, analyse
from headlint.flow.interpreter import Interpreter
from headlint.flow.state import State
from headlint.flow.value import Value
from headlint.lint import collector_at_rest
from headlint.source.program import Program

Seen = tuple[State, Value]


def values_at(
    program: Program,
    statement: cst.CSTNode,
    expression: cst.BaseExpression,
    interpreter: type[Interpreter] = Interpreter,
) -> list[Seen]:
    """What `expression` is, and how all else stands, on each path behind a statement.

    A compound statement counts where it begins, as does one that no path comes past. The expression is evaluated on
    copies of the paths, so it need not be part of the program.
    """
    compound = not isinstance(statement, cst.BaseSmallStatement)
    before: list[Seen] = []
    behind: list[Seen] = []
    watch(
        program,
        statement,
        lambda run, states: before.extend(values(run, states, expression)),
        lambda run, states: behind.extend(() if compound else values(run, states, expression)),
        interpreter,
    )
    return behind or before


def watch(
    program: Program,
    statement: cst.CSTNode,
    before: Callable[[Interpreter, list[State]], None],
    behind: Callable[[Interpreter, list[State]], None],
    interpreter: type[Interpreter] = Interpreter,
) -> Analysis:
    """Follow a program, telling the paths that come to a statement and those that come from it, which go on then."""

    class Watching(interpreter):  # type: ignore[valid-type, misc]
        def block(self, body: Sequence[cst.CSTNode], states: list[State]) -> list[State]:
            index = next((number for number, line in enumerate(body) if _is_or_holds(line, statement)), None)
            if index is None:
                going: list[State] = super().block(body, states)
                return going
            done, running = _parted(super().block(body[:index], states))
            before(self, running)
            ended, running = _parted(super().block(body[index : index + 1], running))
            behind(self, [*ended, *running])
            return [*done, *ended, *super().block(body[index + 1 :], running)]

    with collector_at_rest():
        return analyse(program.tree, Watching)


def _parted(states: list[State]) -> tuple[list[State], list[State]]:
    """The states that have ended early, and those that go on."""
    return [state for state in states if state.completion], [state for state in states if not state.completion]


def values(run: Interpreter, states: Iterable[State], expression: cst.BaseExpression) -> Iterator[Seen]:
    """What an expression is on each of these paths, which are left as they are."""
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
