"""What a path assumes: truth of conditions, constants that symbols are pinned to, and what follows from them."""

from __future__ import annotations

from headlint.flow.bounds import decided
from headlint.flow.enums import is_member, read_member
from headlint.flow.operations import TESTS, apply, truth_of
from headlint.flow.state import State
from headlint.flow.value import Constant, External, Symbol, Tuple, Value


def simplify(state: State, value: Value) -> Value:
    """`value` with everything put in that the path assumes."""
    if not isinstance(value, Symbol) or not state.assumptions:
        return value
    return _simplify(state.assumptions, value)


def _simplify(assumptions: dict[Symbol, Value], symbol: Symbol, own: bool = True) -> Value:
    if own:
        known = assumptions.get(symbol)
        if known is not None:
            return known
    if assumptions.keys().isdisjoint(symbol.inside):
        return symbol
    operands = tuple(_inside(assumptions, operand) for operand in symbol.operands)
    if symbol.op == "member" or all(new is old for new, old in zip(operands, symbol.operands, strict=True)):
        return symbol
    if symbol.op == "choice":
        truth = truth_of(operands[0])
        return Symbol("choice", operands, symbol.text) if truth is None else operands[1 if truth else 2]
    if symbol.op == "attr":
        known = read_member(operands[0], operands[1].value) if is_member(operands[0]) else None  # type: ignore[arg-type, union-attr]
        return assumptions.get(Symbol("attr", operands, symbol.text), symbol) if known is None else known
    if symbol.op in ("call", "bool"):
        if symbol.op == "bool":
            truth = truth_of(operands[0])
            return Symbol("bool", operands, symbol.text) if truth is None else Constant(truth)
        return symbol
    return apply(symbol.op, operands, symbol.text)


def _inside(assumptions: dict[Symbol, Value], operand: object) -> Value:
    if isinstance(operand, Symbol):
        return _simplify(assumptions, operand)
    if isinstance(operand, Tuple):
        items = tuple(_inside(assumptions, item) for item in operand.items)
        return operand if all(new is old for new, old in zip(items, operand.items, strict=True)) else Tuple(items)
    return operand  # type: ignore[return-value]


def test_of(value: Value) -> Value:
    """What is assumed where something imported is true or false; any other value as it is."""
    return Symbol("bool", (value,), value.name) if isinstance(value, External) else value


def _as_test(symbol: Symbol) -> Symbol:
    return symbol if symbol.op in TESTS else Symbol("bool", (symbol,), symbol.text)


def known_truth(state: State, value: Value) -> bool | None:
    """Whether `value` is true on this path, None where both may be."""
    value = test_of(simplify(state, value))
    if not isinstance(value, Symbol) or is_member(value):
        return truth_of(value)
    if value.op == "not":
        inner = known_truth(state, value.operands[0])  # type: ignore[arg-type]
        return None if inner is None else not inner
    test = simplify(state, _as_test(value))
    truth = truth_of(test)
    if truth is None and isinstance(test, Symbol):
        truth = decided(state.assumptions, test)
        return _truth_of_all_choices(state, test) if truth is None else truth
    return truth


def choices_of(state: State, value: Value) -> tuple[Value, ...]:
    """The constants that the path knows a symbol to be one of; empty where it knows none."""
    if isinstance(value, Symbol):
        for symbol, truth in state.assumptions.items():
            if symbol.op == "in" and symbol.operands[0] == value and truth_of(truth) is True:
                choices = symbol.operands[1]
                if isinstance(choices, Tuple) and all(isinstance(item, Constant) for item in choices.items):
                    return choices.items[:_MOST_CHOICES] if len(choices.items) <= _MOST_CHOICES else ()
    return ()


def _truth_of_all_choices(state: State, test: Symbol) -> bool | None:
    """What a test gives for each constant that a symbol in it can be, if it is the same for all of them."""
    if not [symbol for symbol in state.assumptions if symbol.op == "in"]:
        return None
    for symbol in test.inside:
        choices = choices_of(state, symbol)
        truths: set[bool | None] = set()
        for choice in choices:
            truths.add(truth_of(_simplify({**state.assumptions, symbol: choice}, test)))
            if len(truths) > 1:
                break
        if len(truths) == 1:
            return truths.pop()
    return None


# Choices inside choices that are looked into.
_DEEPEST_CHOICE = 6


def assume(state: State, symbol: Symbol, truth: bool, levels: int = _DEEPEST_CHOICE) -> State | None:
    """A fork of `state` on which `symbol` is true (or false), None if no run can get there."""
    value = simplify(state, symbol)
    while isinstance(value, Symbol) and value.op == "not":
        truth = not truth
        value = simplify(state, value.operands[0])  # type: ignore[arg-type]
    if not isinstance(value, Symbol):
        return state.fork() if truth_of(value) in (truth, None) else None
    test = _as_test(value)
    known = state.assumptions.get(test)
    if (decided(state.assumptions, test) if known is None else truth_of(known)) is (not truth):
        return None
    path = state.fork()
    if value.op == "choice" and levels:
        # What `a and b` gives is true only where both are; which of the two it gives is then known, too.
        sides = [_assume_side(state, value, side, truth, levels - 1) for side in (True, False)]
        feasible = [side for side in sides if side is not None]
        if not feasible:
            return None
        if len(feasible) == 1:
            path.assumptions = feasible[0].assumptions
    path.assumptions[test] = Constant(truth)
    path.conditions = (*path.conditions, (test, truth))
    pinned = _pinned(test) if truth else None
    if pinned is not None:
        path.assumptions[pinned[0]] = pinned[1]
    changed = {test} if pinned is None else {test, pinned[0]}
    return path if _is_consistent(path.assumptions, changed) and _narrow(path, test) else None


def _assume_side(state: State, choice: Symbol, side: bool, truth: bool, levels: int) -> State | None:
    """A fork on which a choice is made for one side, and that one is true (or false)."""
    condition, *sides = choice.operands
    value = sides[0 if side else 1]
    assert isinstance(condition, Symbol)
    path = assume(state, condition, side, levels)
    if path is None or not isinstance(value, Symbol):
        return path if path is None or truth_of(value) in (truth, None) else None  # type: ignore[arg-type]
    return assume(path, value, truth, levels)


def _pinned(test: Symbol) -> tuple[Symbol, Value] | None:
    """The symbol that must have one constant value if `test` holds."""
    if test.op in ("==", "is"):
        left, right = test.operands
        if isinstance(left, Symbol) and (isinstance(right, (Constant, Tuple)) or is_member(right)):
            return left, right  # type: ignore[return-value]
        if isinstance(right, Symbol) and (isinstance(left, (Constant, Tuple)) or is_member(left)):
            return right, left  # type: ignore[return-value]
    return None


def _is_consistent(assumptions: dict[Symbol, Value], changed: set[Symbol]) -> bool:
    """Whether no assumption contradicts what the others give for it, now that `changed` are among them."""
    for symbol, value in assumptions.items():
        if symbol.op == "name" or (symbol not in changed and symbol.inside.isdisjoint(changed)):
            continue
        if symbol.op in ("==", "in"):
            # Of which a long chain of tests has many; what is worked out below is the same.
            asked, wanted = symbol.operands
            known = assumptions.get(asked) if isinstance(asked, Symbol) else None
            if isinstance(known, Constant) and isinstance(wanted, Constant) and symbol.op == "==":
                if (known.value == wanted.value) is not truth_of(value):
                    return False
                continue
            if isinstance(known, Constant) and isinstance(wanted, Tuple) and truth_of(value) and known in wanted.items:
                continue
        found = _simplify(assumptions, symbol, own=False)
        if not isinstance(found, Symbol):
            if symbol.op in TESTS:
                truth = truth_of(found)
                if truth is not None and truth != truth_of(value):
                    return False
            elif isinstance(found, Constant) and isinstance(value, Constant) and found != value:
                return False
    return True


# Choices beyond which a membership test is not narrowed down to the one that is left.
_MOST_CHOICES = 40


def _narrow(path: State, test: Symbol) -> bool:
    """Pin symbols known to be one of several constants of which `test` leaves only one; False if none is left."""
    for symbol, value in list(path.assumptions.items()):
        if symbol.op != "in" or truth_of(value) is not True:
            continue
        wanted, choices = symbol.operands
        if not isinstance(wanted, Symbol) or not isinstance(choices, Tuple) or wanted in path.assumptions:
            continue
        if wanted not in test.inside or len(choices.items) > _MOST_CHOICES:
            continue
        left = [item for item in choices.items if _is_consistent({**path.assumptions, wanted: item}, {wanted})]
        if not left:
            return False
        if len(left) == 1 and isinstance(left[0], Constant):
            path.assumptions[wanted] = left[0]
    return True
