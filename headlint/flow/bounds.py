"""What one comparison with a number says of another one: who knows `a > 3` knows `a >= 2`, and that `a` is not 1.

Tests stand here as the operations make them, with the number behind: `<`, `>` and `==`, each held true or false.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, inf

from headlint.flow.value import Constant, Symbol, Value

_WHOLE = frozenset({"int", "len"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which numbers a value lies; `open_low` and `open_high` say that it is none of the two itself."""

    low: float = -inf
    open_low: bool = True
    high: float = inf
    open_high: bool = True

    def above(self, number: float, *, strictly: bool) -> Bounds:
        """The same for a value that is also larger than a number, or equal to it."""
        if number < self.low or (number == self.low and (self.open_low or not strictly)):
            return self
        return Bounds(number, strictly, self.high, self.open_high)

    def below(self, number: float, *, strictly: bool) -> Bounds:
        """The same for a value that is also smaller than a number, or equal to it."""
        if number > self.high or (number == self.high and (self.open_high or not strictly)):
            return self
        return Bounds(self.low, self.open_low, number, strictly)

    def whole(self) -> Bounds:
        """The same for a whole number."""
        low, high = self.low, self.high
        if low > -inf:
            low = floor(low) + 1 if self.open_low else ceil(low)
        if high < inf:
            high = ceil(high) - 1 if self.open_high else floor(high)
        return Bounds(low, low == -inf, high, high == inf)

    def decides(self, op: str, number: float) -> bool | None:
        """Whether a value within these bounds is smaller than (`<`), larger than or equal to a number."""
        is_above = self.low > number or (self.low == number and self.open_low)
        is_below = self.high < number or (self.high == number and self.open_high)
        if op == "<":
            return True if is_below else (False if self.low >= number else None)
        if op == ">":
            return True if is_above else (False if self.high <= number else None)
        if is_above or is_below:
            return False
        return True if self.low == self.high == number else None


def decided(assumptions: Mapping[Symbol, Value], test: Symbol) -> bool | None:
    """Whether a test holds, by the other comparisons of its value with numbers; None where they do not say."""
    if test.op == "bool":
        value, op, number = test.operands[0], "==", 0.0
    elif test.op in ("<", ">", "=="):
        value, op = test.operands[0], test.op
        known = _number(test.operands[1])
        if known is None:
            return None
        number = known
    else:
        return None
    if not isinstance(value, Symbol):
        return None
    bounds, whole = _bounds(assumptions, value), value.op in _WHOLE
    if bounds is None:
        return None
    answer = (bounds.whole() if whole else bounds).decides(op, number)
    return answer if test.op != "bool" or answer is None else not answer


def _bounds(assumptions: Mapping[Symbol, Value], value: Symbol) -> Bounds | None:
    """The bounds of a value that is known to be a number, None for any other."""
    bounds = Bounds(low=0, open_low=False) if value.op == "len" else Bounds()
    excluded: list[float] = []
    found = value.op in _WHOLE
    for test, truth in assumptions.items():
        if test.op not in ("<", ">", "==") or test.operands[0] != value or not isinstance(truth, Constant):
            continue
        number = _number(test.operands[1])
        if number is None:
            continue
        holds = bool(truth.value)
        if test.op == "==":
            if not holds:
                excluded.append(number)
            continue
        found = True
        if (test.op == "<") is holds:
            bounds = bounds.below(number, strictly=holds)
        else:
            bounds = bounds.above(number, strictly=holds)
    for number in sorted(excluded):
        if bounds.low == number:
            bounds = bounds.above(number, strictly=True)
    for number in sorted(excluded, reverse=True):
        if bounds.high == number:
            bounds = bounds.below(number, strictly=True)
    return bounds if found else None


def _number(value: object) -> float | None:
    """A number that has an order with all others, None for anything else."""
    if isinstance(value, Constant) and type(value.value) in (int, float) and value.value == value.value:
        return value.value  # type: ignore[return-value]
    return None
