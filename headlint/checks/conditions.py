"""When a mistake happens, where it does not happen always."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headlint.flow.histories import ModelHistory
from headlint.flow.value import Symbol

Condition = tuple[Symbol, bool]

# Longer conditions do not read well before a message.
_LONGEST = 100
_MOST = 3


def opening(
    wrong: Sequence[ModelHistory], same_build: Iterable[ModelHistory], elsewhere: Iterable[ModelHistory]
) -> str:
    """How a message begins: `when deep, `; empty where its mistake happens always.

    `wrong` are the paths with the mistake, `same_build` all that make the same models, `elsewhere` those that make
    others. Told is what was assumed on all wrong paths and tells them from right ones, or from paths to other models.
    Where that cannot be told or is too long, what says most of it, and that this is not all. Nothing is told where
    every path ends with the mistake and what leads there cannot be told: it happens whenever the code is reached.
    """
    first, *others = (history.conditions for history in wrong)
    common = [one for one in first if all(one in conditions for conditions in others)]
    numbers = {id(history) for history in wrong}
    real = not all(history.supposed for history in wrong)
    right = [
        history
        for history in same_build
        if history.complete and id(history) not in numbers and not (real and history.supposed)
    ]
    if not right:
        return _when(_which_model(common, elsewhere))
    told = _excluding(common, right) or telling(
        one for one in common if any(one not in history.conditions for history in right)
    )
    whole = told and not any(all(one in history.conditions for one in told) for history in right)
    if whole and len(told) <= _MOST and all(map(_is_plain, told)) and len(_text(told)) <= _LONGEST:
        return _when(told)
    short = [one for one in told if _is_plain(one) and len(_text([one])) <= _LONGEST][-1:]
    if short:
        return f"on some paths where {_text(short)}, "
    return "on some paths, " if any(history.complete for history in wrong) else ""


def telling(conditions: Iterable[Condition]) -> list[Condition]:
    """Conditions without those that others of them make plain.

    These are what a value is not where it is known what it is, and tests of several conditions of which some are
    among them.
    """
    given = list(dict.fromkeys(conditions))
    known = {symbol.operands[0] for symbol, truth in given if truth and symbol.op == "=="}
    single = {symbol for symbol, _ in given if symbol.op != "test"}

    def is_plain_already(symbol: Symbol, truth: bool) -> bool:
        if symbol.op == "test":
            return not single.isdisjoint(symbol.inside)
        return not truth and symbol.op in ("==", "in") and symbol.operands[0] in known

    return [one for one in given if not is_plain_already(*one)]


def written(condition: Condition) -> str:
    """A condition as the code has it, or its opposite."""
    symbol, truth = condition
    if truth:
        return symbol.text
    plain = symbol.op == "bool" and " " not in symbol.text
    return f"not {symbol.text}" if plain else f"not ({symbol.text})"


def _excluding(common: Sequence[Condition], right: Sequence[ModelHistory]) -> list[Condition]:
    """The fewest conditions whose opposites are assumed on all right paths, one or another; nothing if none are."""
    told: list[Condition] = []
    while right:
        best = max(reversed(common), key=lambda one: len(_without(right, one)), default=None)
        if best is None or not _without(right, best):
            return []
        told.append(best)
        excluded = {id(history) for history in _without(right, best)}
        right = [history for history in right if id(history) not in excluded]
    return [one for one in common if one in told]


def _without(histories: Iterable[ModelHistory], condition: Condition) -> list[ModelHistory]:
    """The paths on which the opposite was assumed."""
    symbol, truth = condition
    return [history for history in histories if (symbol, not truth) in history.conditions]


def _which_model(common: Iterable[Condition], elsewhere: Iterable[ModelHistory]) -> list[Condition]:
    """What leads to this model and not to another one: the last test that holds, if it reads well."""
    others = list(elsewhere)
    positive = [one for one in common if one[1] and one[0].op != "test"]
    chosen = [one for one in positive if one[0].op in ("==", "in") or _without(others, one)]
    chosen = ([one for one in chosen if one[0].op == "=="] or chosen)[-1:]
    return [one for one in chosen if _is_plain(one) and len(_text([one])) <= _LONGEST]


def _is_plain(condition: Condition) -> bool:
    """Whether the text of a condition is the code's own, and one line of it."""
    text = condition[0].text
    return bool(text) and "..." not in text and "\n" not in text


def _text(conditions: Sequence[Condition]) -> str:
    if len(conditions) == 1:
        return written(conditions[0])
    return " and ".join(f"({written(one)})" if " or " in one[0].text and one[1] else written(one) for one in conditions)


def _when(conditions: Sequence[Condition]) -> str:
    return f"when {_text(conditions)}, " if conditions else ""
