"""Statements that are followed in a way that may turn out not to be the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headlint.flow.interpreter import EndedPath, Interpreter


class Trial:
    """What the run learns in a block: paths that end, reads that may be right. It is kept or taken back behind that."""

    def __init__(self, run: Interpreter) -> None:
        self._run = run
        self._before = len(run.ended), run.may_be_right, run.read_from
        self._ended: list[EndedPath] = []
        run.may_be_right = run.may_be_right.copy()
        run.read_from = {node: builders.copy() for node, builders in run.read_from.items()}
        self._learnt = run.may_be_right, run.read_from

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.keep()

    def keep(self) -> None:
        """What was learnt holds."""
        self._run.ended += self._ended
        self._run.may_be_right, self._run.read_from = self._learnt

    def take_back(self) -> None:
        """What was learnt does not hold, until it is kept after all."""
        ended, self._run.may_be_right, self._run.read_from = self._before
        self._ended = self._run.ended[ended:]
        del self._run.ended[ended:]
