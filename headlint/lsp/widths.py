"""Completion of the width that arrives at a layer that is being written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst
from lsprotocol import types

from headlint.flow.histories import ModelHistory, histories_so_far
from headlint.flow.interpreter import Interpreter
from headlint.flow.sizes import as_argument
from headlint.flow.state import State
from headlint.history import Argument, MakeLayer, SymbolicSize
from headlint.lsp.arriving import Arrival, arrivals, arrivals_behind_models, arrivals_in_containers
from headlint.lsp.documents import Written
from headlint.lsp.filling import filled_statements, layer_named
from headlint.lsp.unfinished import Begun, finished_program
from headlint.source.nodes import descend, holds, text_of
from headlint.source.program import Program
from headlint.watching import values, watch

# What sized layers call what they take, always their first argument, and what they give, the second.
_TAKES = ("in_features", "in_channels", "num_features")
_GIVES = ("out_features", "out_channels")
_ASKED = re.compile(rf"\b(?:(?P<kind>\w+)\(|(?:{'|'.join(_TAKES)})\s*=)\s*(?P<begun>\w*)$")
_BLANK = re.compile(r"\s*\w*")
# Layers at the beginning of a Sequential whose attributes may say what arrives at it.
_FIRST_LAYERS = 3
# Paths that are asked; a loop comes by many times.
_MOST_PATHS = 64


@dataclass(frozen=True)
class _Width:
    """A width that arrives, what gives it in words, and code that may stand for it, to be tried."""

    size: Argument
    detail: str
    texts: tuple[str, ...]


# An arrival on a path, and what gives it in words where no layer of the code's own does.
_At: TypeAlias = tuple[Arrival, State, str]


def asks_for_width(written: Written) -> re.Match[str] | None:
    """Where a width is being written, judged by nothing but the text in front of the cursor."""
    row = written.row
    text = written.lines[row][: written.column]
    while row and _BLANK.fullmatch(text):
        row -= 1
        text = f"{written.lines[row]}\n{text}"
    asked = _ASKED.search(text)
    return asked if asked is None or asked["kind"] is None or layer_named(asked["kind"], written) else None


def widths(
    parse: Callable[[str], Program], interpreter: type[Interpreter], written: Written, begins: Begun, begun: str
) -> Iterator[types.CompletionItem]:
    """What arrives at the layer, as code of its surroundings says it, and as a number."""
    program = finished_program(parse, written, begins, filled_statements(written, begins, begun))
    nodes = [] if program is None else program.at(written.first_line + written.row, written.column - len(begun))
    call = next((node for node in reversed(nodes) if isinstance(node, cst.Call)), None)
    if program is None or call is None:
        return
    before: list[tuple[Interpreter, State]] = []
    behind: list[State] = []
    analysis = watch(
        program,
        nodes[0],
        lambda run, states: before.extend((run, state.fork()) for state in states[: _MOST_PATHS - len(before)]),
        lambda run, states: behind.extend(state.fork() for state in states[: _MOST_PATHS - len(behind)]),
        interpreter,
    )
    found = _arriving(call, nodes[0], behind, analysis.histories)
    said = {text: width.detail for width in found for text in width.texts if _stands_for(text, width.size, before)}
    said |= {str(width.size): width.detail for width in found if isinstance(width.size, int)}
    for number, (text, detail) in enumerate(said.items()):
        yield types.CompletionItem(
            text,
            kind=types.CompletionItemKind.Value,
            detail=detail,
            sort_text=f"{number:02}",
            filter_text=text,
            preselect=not number,
        )


def _arriving(
    call: cst.Call, statement: cst.CSTNode, behind: Sequence[State], histories: Sequence[ModelHistory]
) -> list[_Width]:
    """What arrives at the layer that a call makes: where its statement leaves it, or where it stands in the end."""
    in_the_end = [history.state for history in histories]
    for found in (
        (at for state in behind for at in _where_it_is(state, call)),
        (at for history in histories for at in _in(history)),
        ((one, state, "what the model gives") for state in behind for one in arrivals_behind_models(state)),
        ((one, state, "") for state in (*behind, *in_the_end) for one in arrivals_in_containers(state)),
    ):
        at_call = [
            _Width(
                one.width,
                "what the layer before it gives" if one.giver is not None else words,
                tuple(_texts(one, state, statement)),
            )
            for one, state, words in found
            if one.layer.object in _made_by(state, call)
        ]
        if at_call:
            return at_call
    return []


def _where_it_is(state: State, call: cst.Call) -> Iterator[_At]:
    """What arrives at the layer that a call has made last, if it stands in a model by now."""
    last = _made_by(state, call)[-1:]
    for history in histories_so_far(state) if last else ():
        if any(isinstance(event, MakeLayer) and event.object in last for event in history.events):
            yield from (at for at in _in(history) if at[0].layer.object in last)


def _in(history: ModelHistory) -> Iterator[_At]:
    words = f"what arrives there in {history.builder.name}"
    return ((one, history.state, words) for one in arrivals(history))


def _made_by(state: State, call: cst.Call) -> list[int]:
    return [event.object for event in state.trace if isinstance(event, MakeLayer) and event.site is call]


def _texts(arrival: Arrival, state: State, statement: cst.CSTNode) -> Iterator[str]:
    """Code that may give the width: attributes of what stands there now, or what the layer before was given."""
    if arrival.giver is not None:
        made = next(e.site for e in state.trace if isinstance(e, MakeLayer) and e.object == arrival.giver.object)
        if isinstance(made, cst.Call) and holds(statement, made):
            yield from (text_of(argument) for argument in _gives(made))
    elif isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target = text_of(statement.targets[0].target)
        for layer in (target, *(f"{target}[{index}]" for index in range(_FIRST_LAYERS))):
            yield from (f"{layer}.{name}" for name in _TAKES)
    if isinstance(arrival.width, SymbolicSize):
        yield arrival.width.text


def _gives(made: cst.Call) -> Iterator[cst.BaseExpression]:
    """The argument that says what a layer gives, unless it is a number."""
    for index, argument in enumerate(made.args):
        named = argument.keyword is not None and argument.keyword.value in _GIVES
        if (named or (index == 1 and argument.keyword is None)) and not isinstance(argument.value, cst.Integer):
            yield argument.value


def _stands_for(text: str, size: Argument, before: Iterable[tuple[Interpreter, State]]) -> bool:
    """Whether code has this value where the statement begins, on some path; calls are not tried."""
    try:
        expression = cst.parse_expression(text)
    except cst.ParserSyntaxError:
        return False
    if any(isinstance(node, cst.Call) for node in descend((expression,))):
        return False
    seen = (value for run, state in before for _, value in values(run, [state], expression))
    return any(as_argument(value) == size for value in seen)
