"""Options of the command line: what `argparse` lets through of an argument with choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.iterating import iterate
from headlint.flow.state import State
from headlint.flow.value import NONE, TRUE, Constant, DictRef, Iterator, ListRef, Symbol, Tuple, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.arguments import Arguments
    from headlint.flow.interpreter import Interpreter

# Every choice may become a path of its own; an argument with more of them may be anything.
MOST_CHOICES = 12


def parser(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`argparse.ArgumentParser(...)`."""
    made = state.origin(node, text_of(node))
    return Symbol("parser", made.operands, made.text)


def parser_method(
    run: Interpreter, state: State, owner: Symbol, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value | None:
    """What a parser's method gives, None for all but those that say which choices there are."""
    if owner.op != "parser":
        return None
    if name == "add_argument":
        _note_choices(run, state, owner, arguments)
    elif name in ("set_defaults", "parse_known_args"):
        # What comes of it need not be among the choices.
        _forget_choices(state, owner)
    if name != "parse_args":
        return None
    parsed = state.origin(node, text_of(node))
    for option, choices in _choices(state, owner):
        held = Symbol("attr", (parsed, option), f"{parsed.text}.{option.value}")
        state.assumptions[Symbol("in", (held, choices), f"{held.text} in ...")] = TRUE
    return parsed


def _note_choices(run: Interpreter, state: State, owner: Symbol, arguments: Arguments) -> None:
    given = dict(arguments.keywords)
    option = _destination(run, state, arguments)
    if option is None or "choices" not in given or "nargs" in given or "action" in given or not arguments.complete:
        return
    source = given["choices"]
    items = iterate(state, source) if isinstance(source, (ListRef, DictRef, Tuple, Iterator)) else None
    if items is None:
        return
    if "default" in given:
        items = (*items, run.settle(state, given["default"]))
    elif isinstance(arguments.positional[0], Constant) and str(arguments.positional[0].value).startswith("-"):
        required = given.get("required")
        items = items if required == TRUE else (*items, NONE)
    choices = tuple(dict.fromkeys(items))
    if len(choices) <= MOST_CHOICES and all(isinstance(item, Constant) for item in choices):
        held = Symbol("attr", (owner, option), f"{owner.text}.{option.value}")
        state.assumptions[Symbol("in", (held, Tuple(choices)), f"{held.text} in ...")] = TRUE


def _destination(run: Interpreter, state: State, arguments: Arguments) -> Constant | None:
    """The attribute under which an argument is found: `dest`, else the first long option, else the first name."""
    flags = [run.settle(state, flag) for flag in arguments.positional]
    if not flags or not all(isinstance(flag, Constant) and isinstance(flag.value, str) for flag in flags):
        return None
    named = arguments.get(None, "dest")
    if named is not None:
        return named if isinstance(named, Constant) else None
    names = [str(flag.value) for flag in flags if isinstance(flag, Constant)]
    first = next((name for name in names if name.startswith("--")), names[0])
    return Constant(first.lstrip("-").replace("-", "_") if first.startswith("-") else first)


def _choices(state: State, owner: Symbol) -> list[tuple[Constant, Tuple]]:
    found: list[tuple[Constant, Tuple]] = []
    for symbol in state.assumptions:
        match symbol:
            case Symbol("in", (Symbol("attr", (holder, Constant() as option)), Tuple() as choices)) if holder == owner:
                found.append((option, choices))
    return found


def _forget_choices(state: State, owner: Symbol) -> None:
    state.assumptions = {key: held for key, held in state.assumptions.items() if owner not in key.inside}


HANDLERS = {"argparse.ArgumentParser": parser}
