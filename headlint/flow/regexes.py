"""Regular expressions over known texts, as code tries them on the names of parameters."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.arguments import Arguments, Handler
from headlint.flow.state import State
from headlint.flow.value import NONE, Constant, Symbol, Tuple, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# The pattern is the user's: one that could run for long is not tried. Beside these bounds no group may be repeated, or
# named again, so that the steps a match takes grow with the length of the text to the power of the repeats at most.
LONGEST_PATTERN = 200
LONGEST_TEXT = 200
MOST_REPEATS = 2
MOST_OPTIONS = 4
MOST_GROUPS = 4
# So many steps all matches of a program may take together.
MOST_STEPS = 30_000_000
_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\)[*+?{]|[*+?{]\??|\(\??|.", re.DOTALL)
# Comments, and spaces where they mean nothing, may stand between a group and its repeat.
_NOT_READ = re.compile(r"\(\?(?:P=|#|[a-zA-Z]*x)")
_METHODS = ("match", "search", "fullmatch")


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern that cannot run for long, and how many repeats are in it."""

    pattern: re.Pattern[str]
    repeats: int


@lru_cache(maxsize=500)
def tame(pattern: str) -> Regex | None:
    """The pattern, None for one that is no pattern or could run for long."""
    if len(pattern) > LONGEST_PATTERN or _NOT_READ.search(pattern):
        return None
    pieces = _PIECES.findall(pattern)
    repeats = sum(piece[0] in "*+{" for piece in pieces)
    options = sum(piece[0] == "?" for piece in pieces)
    groups = sum(piece[0] == "(" for piece in pieces)
    again = any((piece[0] == ")" and len(piece) > 1) or (piece[0] == "\\" and piece[1:].isdigit()) for piece in pieces)
    if again or repeats > MOST_REPEATS or options > MOST_OPTIONS or groups > MOST_GROUPS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Regex(re.compile(pattern), repeats)
    except (re.error, OverflowError, RecursionError):
        return None


def _tried(how: str) -> Handler:
    """What answers `re.match` and the like."""

    def handle(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
        pattern, text = arguments.get(0, "pattern"), arguments.get(1, "string")
        found = None
        if pattern is not None and text is not None and len(arguments.values) == 2 and arguments.complete:
            found = _matched(run, how, run.settle(state, pattern), run.settle(state, text))
        return state.origin(node, text_of(node)) if found is None else found

    return handle


def _matched(run: Interpreter, how: str, pattern: object, text: Value) -> Value | None:
    """None where it is not known; else what it gives, with a match as the tuple of its groups, the whole one first."""
    if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
        return None
    if not isinstance(text, Constant) or not isinstance(text.value, str) or len(text.value) > LONGEST_TEXT:
        return None
    regex = tame(pattern.value)
    if regex is None:
        return None
    run.matching += len(text.value) ** (regex.repeats + (how == "search"))
    if run.matching > MOST_STEPS:
        return None
    found: re.Match[str] | None = getattr(regex.pattern, how)(text.value)
    return NONE if found is None else Tuple((Constant(found[0]), *map(Constant, found.groups())))


def _compile(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    pattern = arguments.get(0, "pattern")
    pattern = None if pattern is None else run.settle(state, pattern)
    if len(arguments.values) != 1 or not arguments.complete or not isinstance(pattern, Constant):
        return state.origin(node, text_of(node))
    return Symbol("regex", (pattern,), text_of(node))


def regex_method(
    run: Interpreter, state: State, owner: Symbol, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value | None:
    """What a method of a compiled pattern gives, None where it is not known."""
    if owner.op != "regex" or name not in _METHODS or len(arguments.values) != 1 or not arguments.complete:
        return None
    text = arguments.get(0, "string")
    return None if text is None else _matched(run, name, owner.operands[0], run.settle(state, text))


def match_method(state: State, found: Tuple, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`group()` or `groups()` of a match, which is the tuple of its groups."""
    if name == "groups" and not arguments.values:
        return Tuple(found.items[1:])
    index = arguments.values[0].value if arguments.values and isinstance(arguments.values[0], Constant) else 0
    if name == "group" and len(arguments.values) < 2 and isinstance(index, int) and 0 <= index < len(found.items):
        return found.items[index]
    return state.origin(node, text_of(node))


HANDLERS: dict[str, Handler] = {"re.compile": _compile, **{f"re.{how}": _tried(how) for how in _METHODS}}
