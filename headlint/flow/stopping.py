"""Models as they stand at one statement: every path as it was when it last came by there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from headlint.flow.entries import define_all
from headlint.flow.histories import Analysis, analyse
from headlint.flow.interpreter import EndedPath, Interpreter
from headlint.flow.state import State
from headlint.source.nodes import holds
from headlint.source.stops import Stop


def analyse_until(tree: cst.Module, stop: Stop) -> Analysis:
    """The histories of a program up to a stop, without those of paths that never come by there.

    What runs several times counts as it was left the last time.
    """
    return analyse(tree, lambda most_steps: _Stopping(most_steps, stop))


class _Stopping(Interpreter):
    """Follows a program to its end, and keeps each path as it was at the stop."""

    def __init__(self, most_steps: int, stop: Stop) -> None:
        super().__init__(most_steps)
        self.stop = stop

    def block(self, body: Sequence[cst.CSTNode], states: list[State]) -> list[State]:
        index = next((number for number, item in enumerate(body) if item is self.stop.statement), None)
        if index is None:
            return super().block(body, states)
        before = super().block(body[:index], states)
        ended = [state for state in before if state.completion]
        running = [state for state in before if not state.completion]
        if not self.stop.behind:
            _note(running)
        after = super().block(body[index : index + 1], running)
        if self.stop.behind:
            _note([state for state in after if state.completion != "raise"])
        ended += [state for state in after if state.completion]
        running = [state for state in after if not state.completion]
        return self.bounded(ended) + super().block(body[index + 1 :], running)

    def in_one_go(self, loop: cst.For) -> bool:
        return not holds(loop.body, self.stop.statement)

    def shown(self) -> list[EndedPath]:
        return [
            replace(path, state=self._at_the_stop(path.state, path.state.passed))
            for path in self.ended
            if path.state.passed is not None
        ]

    def _at_the_stop(self, end: State, passed: State) -> State:
        # What paths that have become one no longer assume is not what this one takes.
        passed.conditions = tuple(one for one in passed.conditions if one in end.conditions)
        define_all(self, passed)
        return passed


def _note(states: Sequence[State]) -> None:
    for state in states:
        here = state.fork()
        here.completion, here.passed = None, None
        state.passed = here
