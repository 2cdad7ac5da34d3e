"""Statements that are being written: where one begins, and where it may end, in a text that is no Python yet."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from headlint.lsp.documents import Written
from headlint.source.program import Program, TooLarge

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_LAYOUT = frozenset({tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})


@dataclass(frozen=True)
class Begun:
    """The beginning of a statement, up to the cursor: its `text`, the `row` (from 0) and the `indent` it stands at.

    `ends` are the rows in which it may end, the likeliest first: where its brackets close, and that of the cursor.
    `closing` are the brackets that would close it at the cursor.
    """

    text: str
    row: int
    indent: str
    ends: tuple[int, ...]
    closing: str = ""


def statement_at(lines: Sequence[str], row: int, column: int) -> Begun:
    """The statement that the cursor is in, before `column` (in code points) of a row, both from 0."""
    start: tuple[int, int] | None = None
    opened: list[str] = []
    for token in _tokens([*lines[:row], lines[row][:column]]):
        if token.type == tokenize.NEWLINE:
            start, opened = None, []
        elif token.type not in _LAYOUT and token.string:
            start = start or (token.start[0] - 1, token.start[1])
            if _opens(token) > 0:
                opened.append(token.string)
            elif _opens(token) < 0:
                del opened[-1:]
    # Python ends the last line itself, where nothing is open.
    if start is None or not opened:
        indent = lines[row][:column]
        begin = len(indent) - len(indent.lstrip())
        return Begun(indent[begin:], row, indent[:begin], (row,))
    begin, left = start
    text = "\n".join([lines[begin][left:], *lines[begin + 1 : row], lines[row][:column]]) if begin < row else ""
    closed = [row + closing for closing in _closing([lines[row][column:], *lines[row + 1 :]], opened)]
    ends = tuple(dict.fromkeys((*reversed(closed), row)))
    return Begun(
        text or lines[row][left:column],
        begin,
        lines[begin][:left],
        ends,
        "".join(_CLOSING[bracket] for bracket in reversed(opened)),
    )


def finished_program(
    parse: Callable[[str], Program], written: Written, begins: Begun, statements: Iterable[tuple[int, str]]
) -> Program | None:
    """The program with the first of these statements in the place of the one that is Python, each with its last row."""
    for last, statement in statements:
        new = statement.split("\n")
        lines = list(written.lines)
        lines[begins.row : last + 1] = [begins.indent + new[0], *new[1:], *[""] * (last + 1 - begins.row - len(new))]
        text = written.program(lines)
        try:
            if text is not None:
                return parse(text)
        except (cst.ParserSyntaxError, RecursionError, TooLarge, TypeError):
            continue
    return None


def _closing(lines: Sequence[str], brackets: Sequence[str]) -> Iterator[int]:
    """The rows in which brackets that are open are closed, up to that of the last of them."""
    opened = fewest = len(brackets)
    # Between brackets lines may begin anywhere, so the tokenizer has to see them open.
    for token in _tokens(["".join(brackets), *lines]):
        opened += _opens(token) if token.start[0] > 1 else 0
        if opened < fewest:
            fewest = opened
            yield token.end[0] - 2
        if not opened:
            return


def _opens(token: tokenize.TokenInfo) -> int:
    """How many brackets a token opens, less those it closes."""
    return 0 if token.type != tokenize.OP else (token.string in "([{") - (token.string in ")]}")


def _tokens(lines: Sequence[str]) -> Iterator[tokenize.TokenInfo]:
    """The tokens of a text as far as it has any."""
    try:
        yield from tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline)
    except (tokenize.TokenError, SyntaxError):
        return
