"""Numbers and texts as the code writes them, f-strings among them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.operations import apply
from headlint.flow.state import State
from headlint.flow.value import Constant, Unknown, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def literal(run: Interpreter, state: State, node: cst.Integer | cst.Float | cst.SimpleString) -> Value:
    known = run.literals.get(id(node))
    if known is None:
        run.literals[id(node)] = known = _read_literal(node)
    return known


def _read_literal(node: cst.Integer | cst.Float | cst.SimpleString) -> Value:
    text = node.value
    if type(node) is cst.Float:
        return Constant(float(text))
    # Python's own reader compiles every text, so it gets what is not plain only.
    if text[0] == text[-1] and text[0] in "'\"" and "\\" not in text and text[:3] not in ('"""', "'''"):
        return Constant(text[1:-1])
    try:
        return Constant(int(text) if text.isdecimal() else ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return Unknown("a literal that cannot be read")


def ellipsis(run: Interpreter, state: State, node: cst.Ellipsis) -> Value:
    return Constant(...)


def concatenated(run: Interpreter, state: State, node: cst.ConcatenatedString) -> Value:
    left, right = run.evaluate(state, node.left), run.evaluate(state, node.right)
    return apply("+", (left, right), text_of(node))


def formatted(run: Interpreter, state: State, node: cst.FormattedString) -> Value:
    text: Value = Constant("")
    for part in node.parts:
        piece: Value
        if isinstance(part, cst.FormattedStringText):
            piece = _formatted_text(node, part.value)
        elif isinstance(part, cst.FormattedStringExpression):
            piece = run.settle(state, run.evaluate(state, part.expression))
            if part.format_spec or part.conversion:
                piece = _with_format(piece, part)
            else:
                piece = apply("str", (piece,), "f-string")
        text = apply("+", (text, piece), "f-string")
    return text


def _formatted_text(node: cst.FormattedString, written: str) -> Value:
    text = written.replace("{{", "{").replace("}}", "}")
    if "\\" in text and "r" not in node.start.lower():
        return Unknown("an escape in an f-string")
    return Constant(text)


def _with_format(piece: Value, part: cst.FormattedStringExpression) -> Value:
    """A constant in a replacement field with a format of its own."""
    written = part.format_spec or ()
    spec = "".join(text.value for text in written if isinstance(text, cst.FormattedStringText))
    plain = all(isinstance(text, cst.FormattedStringText) for text in written)
    if isinstance(piece, Constant) and isinstance(piece.value, (str, int, float)) and plain and not part.conversion:
        try:
            return Constant(format(piece.value, spec)) if len(spec) < 5 else Unknown("a formatted value")
        except ValueError:
            return Unknown("a formatted value")
    return Unknown("a formatted value")
