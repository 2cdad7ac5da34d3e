"""Pure operations of Python over abstract values: arithmetic, comparison and string methods.

On constants they are computed, on symbols they give a symbol, on anything else Unknown. The same table
serves evaluation and the simplification of symbols once more is known.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from headlint.flow.enums import is_member, same_member, stands_for
from headlint.flow.value import (
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    ListRef,
    Module,
    Parameter,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.torchlib.kinds import is_class

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TESTS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not", "not", "bool"})
STRING_METHODS = frozenset(
    "capitalize casefold count endswith find format index isalnum isalpha isdigit islower isupper join lower"
    " lstrip partition removeprefix removesuffix replace rfind rpartition rsplit rstrip split startswith strip"
    " swapcase title upper zfill".split()
)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "bool": bool,
    "float": float,
    "int": int,
    "len": len,
    "max": max,
    "min": min,
    "round": round,
    "str": str,
    "sum": sum,
}
# Beyond these sizes a computed constant is of no use and could be made to exhaust memory.
_LONGEST_TEXT = 10_000
_LARGEST_NUMBER = 1 << 80
_MOST_SYMBOLS = 60


def apply(op: str, operands: tuple[Value, ...], text: str) -> Value:
    """The value of a pure operation; Unknown where it would raise or is not understood."""
    if op == "not":
        return _negate(operands[0], text)
    if op == "bool" and is_member(operands[0]):
        return Constant(truth_of(operands[0]))
    if op in ("is", "is not", "in", "not in"):
        truth = _test(op, operands[0], operands[1])
        if truth is not None:
            return Constant(truth)
    elif op in ("==", "!="):
        truth = _equal(operands[0], operands[1])
        if truth is not None:
            return Constant(truth if op == "==" else not truth)
    plain = [_plain(operand) for operand in operands]
    if all(value is not _NOT_PLAIN for value in plain):
        try:
            return _checked(_compute(op, plain))
        except Exception:  # noqa: BLE001  (whatever Python raises here, the analysed code would too)
            return Unknown(f"'{text}' cannot be computed")
    if sum(len(operand.inside) for operand in operands if isinstance(operand, Symbol)) > _MOST_SYMBOLS:
        return Unknown("an expression that grows out of hand")
    if all(_is_stable(operand) for operand in operands):
        return _symbol(op, operands, text)
    return Unknown(f"'{text}' depends on something unknown")


# The tests that are told as the opposite of another one.
_OPPOSITES = {"!=": "==", "not in": "in", "is not": "is", ">=": "<", "<=": ">"}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _symbol(op: str, operands: tuple[Value, ...], text: str) -> Symbol:
    """An operation as a symbol; tests that mean the same become the same, with a constant behind."""
    if op in _MIRRORED and isinstance(operands[0], Constant) and not isinstance(operands[1], Constant):
        op, operands = _MIRRORED[op], (operands[1], operands[0])
    opposite = _OPPOSITES.get(op)
    if opposite is None or (op in (">=", "<=") and not _is_number(operands[1])):
        return Symbol(op, operands, text)
    return Symbol("not", (Symbol(opposite, operands, text.replace(op, opposite, 1)),), text)


def _is_number(value: Value) -> bool:
    """Whether a value is a number, which has an order with all that it can be compared with."""
    return isinstance(value, Constant) and type(value.value) in (int, float) and value.value == value.value


def compute(op: str, left: Any, right: Any) -> Any:
    """A binary operation of Python; raises OverflowError where the result is larger than code means."""
    if op in ("**", "<<") and isinstance(right, int) and abs(right) > 64:
        raise OverflowError
    if op == "*" and (isinstance(left, (str, bytes, tuple)) or isinstance(right, (str, bytes, tuple))):
        size = len(left) * right if isinstance(left, (str, bytes, tuple)) else len(right) * left
        if size > _LONGEST_TEXT:
            raise OverflowError
    elif op in ("*", "**") and isinstance(left, int) and abs(left) > _LARGEST_NUMBER:
        raise OverflowError
    if op == "%" and isinstance(left, (str, bytes)):
        check_widths(str(left))
    return BINARY[op](left, right)


def check_widths(text: str) -> None:
    """A format can ask for any width: more than three digits, or one given apart, are none that code means."""
    if re.search(r"\d{4}|\*", text):
        raise OverflowError


def call_string_method(text: str, method: str, arguments: list[Any]) -> Any:
    """A method of a string; raises OverflowError where the result is larger than code means."""
    if method == "format":
        check_widths(text)
    elif method == "zfill" and any(isinstance(width, int) and width > _LONGEST_TEXT for width in arguments):
        raise OverflowError
    elif method == "replace" and len(arguments) > 1 and isinstance(arguments[1], str):
        if len(text) * len(arguments[1]) > 100 * _LONGEST_TEXT:
            raise OverflowError
    elif method == "join" and arguments and len(text) * len(arguments[0]) > 100 * _LONGEST_TEXT:
        raise OverflowError
    return getattr(text, method)(*arguments)


def _compute(op: str, plain: list[Any]) -> Any:
    if op in BINARY:
        return compute(op, *plain)
    if op == "in":
        return plain[0] in plain[1]
    if op == "not in":
        return plain[0] not in plain[1]
    if op in ("is", "is not"):
        return (plain[0] is plain[1]) is (op == "is")
    if op == "u-":
        return -plain[0]
    if op == "u+":
        return +plain[0]
    if op == "u~":
        return ~plain[0]
    if op == "item":
        return plain[0][plain[1]]
    if op in FUNCTIONS:
        return FUNCTIONS[op](*plain)
    if op.startswith(".") and op[1:] in STRING_METHODS and isinstance(plain[0], str):
        return call_string_method(plain[0], op[1:], plain[1:])
    if op == "format":
        return format(*plain)
    raise TypeError(op)


class _NotPlain:
    pass


_NOT_PLAIN = _NotPlain()


def _plain(value: Value) -> Any:
    if isinstance(value, Constant):
        return value.value
    if isinstance(value, Tuple):
        items = [_plain(item) for item in value.items]
        return _NOT_PLAIN if any(item is _NOT_PLAIN for item in items) else tuple(items)
    return _NOT_PLAIN


def _checked(result: Any) -> Value:
    if isinstance(result, (list, tuple)):
        return Tuple(tuple(_checked(item) for item in result))
    if isinstance(result, str) and len(result) > _LONGEST_TEXT:
        raise OverflowError
    if isinstance(result, int) and abs(result) > _LARGEST_NUMBER:
        raise OverflowError
    if isinstance(result, (str, int, float, bool, bytes)) or result is None:
        return Constant(result)
    raise TypeError


def _negate(value: Value, text: str) -> Value:
    if isinstance(value, Symbol):
        return value.operands[0] if value.op == "not" and _is_test(value.operands[0]) else Symbol("not", (value,), text)  # type: ignore[return-value]
    truth = truth_of(value)
    return Unknown(f"'{text}' is not known") if truth is None else Constant(not truth)


def _is_test(value: object) -> bool:
    return isinstance(value, Symbol) and value.op in TESTS


def truth_of(value: Value) -> bool | None:
    """Whether a value is true as Python sees it, None where that is not known."""
    if isinstance(value, Constant):
        return bool(value.value)
    if isinstance(value, Tuple):
        return bool(value.items)
    if isinstance(value, (Module, Function, Class)):
        return True
    if is_member(value):
        plain = stands_for(value)
        return True if plain is None else truth_of(plain)
    return None


def _is_stable(value: Value) -> bool:
    """Whether equal operands give equal results: nothing mutable and nothing unknown inside."""
    if isinstance(value, Tuple):
        return all(_is_stable(item) for item in value.items)
    return isinstance(value, (Constant, Symbol, External, Class, Function))


def _equal(left: Value, right: Value) -> bool | None:
    if isinstance(left, Symbol) and left == right:
        return True
    if is_member(left) or is_member(right):
        return same_member(left, right, identical=False)
    if isinstance(left, (Module, Parameter)) and isinstance(right, (Module, Parameter)):
        return left == right
    if isinstance(left, (External, Class, Function)) and isinstance(right, (External, Class, Function)):
        return True if left == right else None
    return _is_same_class(class_name(left), right) if class_name(left) else _is_same_class(class_name(right), left)


def class_name(value: object) -> str:
    """The name of the class that `type(module)` gave, "" for all other values."""
    match value:
        case Symbol(op="type", operands=(Constant(value=str(kind)),)):
            return kind
    return ""


def _is_same_class(kind: str, other: Value) -> bool | None:
    if kind and class_name(other):
        return kind == class_name(other)
    if kind and isinstance(other, Class):
        return False
    return is_class(kind, other.name) if kind and isinstance(other, External) else None


def _is_in_text_of_class(part: object, whole: Symbol) -> bool | None:
    """Whether `part` stands in `str(type(module))`, which names the modules of the class in small letters."""
    kind = class_name(whole.operands[0]) if whole.op == "str" else ""
    if not kind or not isinstance(part, str):
        return None
    return True if part in kind else (False if part != part.lower() else None)


# Of these each value is an object of its own.
_OBJECTS = (Module, Parameter, Class, Function, Instance, ListRef, DictRef)


def _test(op: str, left: Value, right: Value) -> bool | None:
    negative = op in ("is not", "not in")
    truth: bool | None = None
    if op in ("is", "is not"):
        none_right = isinstance(right, Constant) and right.value is None
        if none_right and not isinstance(left, (Symbol, Unknown, External)):
            truth = isinstance(left, Constant) and left.value is None
        elif isinstance(left, Constant) and isinstance(right, Constant):
            if left.value is None or isinstance(left.value, bool) or type(left.value) is not type(right.value):
                truth = left == right
        elif isinstance(left, _OBJECTS) and type(left) is type(right):
            truth = left == right
        elif is_member(left) or is_member(right):
            truth = same_member(left, right, identical=True)
        elif class_name(left) or class_name(right):
            truth = _equal(left, right)
    elif isinstance(right, Tuple):
        answers = [_equal(left, item) for item in right.items]
        truth = True if True in answers else (False if answers and None not in answers else None)
    elif isinstance(left, Constant) and isinstance(right, Symbol):
        truth = _is_in_text_of_class(left.value, right)
    return None if truth is None else truth is not negative
