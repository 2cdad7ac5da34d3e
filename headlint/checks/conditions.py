"""When a mistake happens, where it does not happen always."""

from __future__ import annotations

from collections.abc import Sequence

from headlint.flow.histories import ModelHistory
from headlint.flow.value import Symbol

_Condition = tuple[Symbol, bool]

# Longer conditions, and more of them, do not read well before a message.
_LONGEST = 60
_MOST = 2


def condition_of(wrong: Sequence[ModelHistory], same_build: Sequence[ModelHistory]) -> str:
    """When the model comes out wrong, as the code writes it; empty where that is always, or cannot be told.

    `wrong` are the paths with the mistake, `same_build` all that make the same models. Told is what was assumed on all
    wrong paths and tells them from right ones; else which of several values something has there.
    """
    first, *others = (history.conditions for history in wrong)
    common = [one for one in first if _reads_well(one[0]) and all(one in conditions for conditions in others)]
    numbers = {id(history) for history in wrong}
    right = [history for history in same_build if history.complete and id(history) not in numbers]
    told: list[_Condition] = []
    while right and len(told) < _MOST:
        best = max(reversed(common), key=lambda one: len(_without(right, one)), default=None)
        if best is None or not _without(right, best):
            break
        told.append(best)
        excluded = {id(history) for history in _without(right, best)}
        right = [history for history in right if id(history) not in excluded]
    if not told:
        told = _not_shared(common, right)
    if not told:
        told = [one for one in common if one[1] and one[0].op in ("==", "in")][-1:]
    return " and ".join(_text(one) for one in common if one in told)


def _without(histories: Sequence[ModelHistory], condition: _Condition) -> list[ModelHistory]:
    """The paths on which the opposite was assumed."""
    symbol, truth = condition
    return [history for history in histories if (symbol, not truth) in history.conditions]


def _not_shared(common: Sequence[_Condition], right: Sequence[ModelHistory]) -> list[_Condition]:
    """What all wrong paths assume and right ones do not, such as both sides of an `and`; nothing if that is much."""
    found = [one for one in common if any(one not in history.conditions for history in right)]
    return found if len(found) <= _MOST else []


def _reads_well(symbol: Symbol) -> bool:
    return 0 < len(symbol.text) <= _LONGEST and "..." not in symbol.text and "\n" not in symbol.text


def _text(condition: _Condition) -> str:
    symbol, truth = condition
    if truth:
        return symbol.text
    plain = symbol.op == "bool" and " " not in symbol.text
    return f"not {symbol.text}" if plain else f"not ({symbol.text})"
