"""Claims that the last event of a history raises: nothing else of the replay counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headlint.claims.base import Claim, Judgement, last_raises
from headlint.history import Recipe


class _LastRaises(Claim):
    """The last event of the history raises."""

    __slots__ = ()

    needs_forward: ClassVar[bool] = False

    def judge(self, recipe: Recipe, observation: dict[str, Any]) -> Judgement:
        return last_raises(recipe, observation)


@dataclass(frozen=True, slots=True)
class ReadRaises(_LastRaises):
    """The last event of the history, a read, raises."""


@dataclass(frozen=True, slots=True)
class BuilderRaises(_LastRaises):
    """The last event of the history, the call of a builder, raises before it downloads anything."""
