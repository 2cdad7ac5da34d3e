"""A program as text and syntax tree, and where a node stands in its text.

libcst's own position provider walks the whole tree and costs twice the parse. Statements of the libcst tree
and of Python's own tree come in the same order, so a statement's place is read off the latter, which is ten
times cheaper to make, and only the one statement around a node is laid out to place the node inside it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from headlint.finding import Span
from headlint.source.nodes import descend, parts
from headlint.source.segments import Source


@dataclass(frozen=True)
class Program:
    """One file's text with its tree."""

    name: str
    text: str
    tree: cst.Module = field(repr=False)
    python_tree: ast.Module | None = field(repr=False)
    source: Source = field(repr=False)

    def span(self, node: cst.CSTNode) -> Span:
        """Where `node`, which must be in the tree, stands in the text."""
        return self._positions.span(node)

    def extent(self, statement: cst.CSTNode) -> Span:
        """Where a statement stands with its decorators and all of its blocks."""
        return self._positions.extent(statement)

    def at(self, line: int, column: int) -> list[cst.CSTNode]:
        """The nodes around a place in the text, from the innermost statement inward.

        Of a compound statement only what stands in its head. Empty where there is no statement, or where the places
        of statements are not known.
        """
        return self._positions.at(line, column)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text without their ends, as Python counts lines."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @cached_property
    def _positions(self) -> _Positions:
        try:
            if self.python_tree is not None:
                return _Positions(self.tree, self.python_tree, self.lines)
        except _Mismatch:
            pass
        return _AllPositions(self.tree)


LARGE = 1_000_000
"""Characters above which it is looked how much code a text holds."""

MOST_NODES = 500_000
"""Nodes of Python's tree above which a program is left alone: libcst takes about three kilobytes for each."""


class TooLarge(Exception):
    """The program is larger than what can be read in reasonable memory."""


def parse(text: str, name: str, python_tree: ast.AST | None = None, source: Source | None = None) -> Program:
    """Parse `text`, of which Python's own tree may be there already, as in flake8, and which may have many segments.

    Raises `libcst.ParserSyntaxError` where it is no Python that libcst knows, and RecursionError where it is nested
    deeper than Python itself can follow: libcst would take very long over it, or crash. Raises TooLarge.
    """
    known = python_tree if isinstance(python_tree, ast.Module) else python_tree_of(text)
    refuse_large(text, known)
    return Program(name, text, python_tree=known, tree=cst.parse_module(text), source=source or Source(text))


def refuse_large(text: str, python_tree: ast.Module | None) -> None:
    """Raise TooLarge where libcst would need too much memory for a text."""
    if len(text) > LARGE and python_tree is not None and any(islice(ast.walk(python_tree), MOST_NODES, None)):
        raise TooLarge


def python_tree_of(text: str) -> ast.Module | None:
    """Python's own tree, None where this version of Python does not know the syntax."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except MemoryError:
        raise RecursionError from None
    except (SyntaxError, ValueError) as error:
        if "nested" in str(error):
            raise RecursionError from None
        return None


class _Mismatch(Exception):
    """The two trees do not have the same statements."""


class _Positions:
    """Places of nodes by way of the statements around them."""

    def __init__(self, tree: cst.Module, python_tree: ast.Module, lines: list[str]) -> None:
        self.lines = lines
        ours = list(_statements(tree.body, "", tree.default_indent))
        theirs = list(_python_statements(python_tree.body))
        if len(ours) != len(theirs):
            raise _Mismatch
        self.places = {id(statement): (place, indent) for (statement, indent), place in zip(ours, theirs, strict=True)}
        self.statements = [statement for statement, _ in ours]
        self.spans: dict[int, Span] = {}
        self.indexed: set[int] = set()

    def span(self, node: cst.CSTNode) -> Span:
        known = self.spans.get(id(node))
        if known is None:
            for statement in (node,) if id(node) in self.places else self.statements:
                if id(statement) not in self.indexed and _holds(statement, node):
                    self.indexed.add(id(statement))
                    self._lay_out(statement)
                    break
            known = self.spans[id(node)]
        return known

    def extent(self, statement: cst.CSTNode) -> Span:
        """Where a statement stands with all that belongs to it."""
        place, _ = self.places[id(statement)]
        assert place.end_lineno is not None
        assert place.end_col_offset is not None
        first = min((place, *getattr(place, "decorator_list", ())), key=lambda node: node.lineno)
        # The sign in front of a decorator is no part of it.
        column = self._column(first.lineno, first.col_offset) if first is place else len(_indent(self.lines, first))
        return Span(first.lineno, column, place.end_lineno, self._column(place.end_lineno, place.end_col_offset))

    def _column(self, line: int, count: int) -> int:
        """A column of Python's tree, which counts bytes, in code points."""
        return len(self.lines[line - 1].encode()[:count].decode(errors="replace"))

    def at(self, line: int, column: int) -> list[cst.CSTNode]:
        found: cst.CSTNode | None = None
        for statement in self.statements:
            place, _ = self.places[id(statement)]
            if place.lineno > line:
                break
            begun = place.lineno < line or self._column(line, place.col_offset) <= column
            if begun and line <= (place.end_lineno or line):
                found = statement
        if found is None:
            return []
        self.span(found)
        inside = [
            node for node in descend((_head(found),), past=_SUITES) if _covers(self.spans.get(id(node)), line, column)
        ]
        inside.sort(key=lambda node: _extent(self.spans[id(node)]), reverse=True)
        # The head of a compound statement is a node of its own.
        return [found, *inside[1:]]

    def _lay_out(self, statement: cst.CSTNode) -> None:
        """Work out the places of everything in one statement, or in the head of a compound one."""
        place, indent = self.places[id(statement)]
        column = self._column(place.lineno, place.col_offset)
        head = _head(statement)
        wrapper = MetadataWrapper(_indented(head, indent), unsafe_skip_copy=True)
        ranges = wrapper.resolve(PositionProvider)
        first = ranges[head].start
        for inside, where in ranges.items():
            corners = []
            for corner in (where.start, where.end):
                shift = column - first.column if corner.line == first.line else 0
                corners += [corner.line - first.line + place.lineno, corner.column + shift]
            self.spans[id(inside)] = Span(*corners)
        if head is not statement:
            self.spans[id(statement)] = self.spans[id(head)]


class _AllPositions(_Positions):
    """Places of nodes from libcst's provider, where the two trees cannot be laid side by side."""

    def __init__(self, tree: cst.Module) -> None:
        self.spans = {}
        ranges = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(PositionProvider)
        for node, where in ranges.items():
            self.spans[id(node)] = Span(where.start.line, where.start.column, where.end.line, where.end.column)

    def span(self, node: cst.CSTNode) -> Span:
        return self.spans[id(node)]

    def extent(self, statement: cst.CSTNode) -> Span:
        return self.spans[id(statement)]

    def at(self, line: int, column: int) -> list[cst.CSTNode]:
        return []


def _indent(lines: list[str], node: ast.expr | ast.stmt) -> str:
    line = lines[node.lineno - 1]
    return line[: len(line) - len(line.lstrip())]


def _covers(span: Span | None, line: int, column: int) -> bool:
    return span is not None and (span.line, span.column) <= (line, column) <= (span.end_line, span.end_column)


def _extent(span: Span) -> tuple[int, int]:
    """How large a span is, for those that lie in one another."""
    return span.end_line - span.line, span.end_column - (span.column if span.end_line == span.line else 0)


def _statements(body: Sequence[cst.CSTNode], indent: str, usual: str) -> Iterator[tuple[cst.CSTNode, str]]:
    """Every statement with the indentation of its block, in the order of the text; `usual` is one step of it."""
    for node in body:
        if isinstance(node, cst.SimpleStatementLine):
            for small in node.body:
                yield small, indent
        else:
            yield node, indent
            for block in blocks(node):
                inner = indent
                if isinstance(block, cst.IndentedBlock):
                    inner = indent + (usual if block.indent is None else block.indent)
                    yield from _statements(block.body, inner, usual)
                elif isinstance(block, cst.SimpleStatementSuite):
                    for small in block.body:
                        yield small, indent
                else:
                    yield from _statements([block], indent, usual)


def blocks(node: Any) -> Iterator[cst.CSTNode]:
    """The blocks of a compound statement in the order of the text; an `elif` is a statement of its own."""
    if isinstance(node, cst.Match):
        yield from (case.body for case in node.cases)
        return
    if hasattr(node, "body"):
        yield node.body
    yield from (handler.body for handler in getattr(node, "handlers", ()))
    orelse = getattr(node, "orelse", None)
    if isinstance(orelse, cst.If):
        yield orelse
    elif orelse is not None:
        yield orelse.body
    final = getattr(node, "finalbody", None)
    if final is not None:
        yield final.body


def _python_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for name in ("body", "handlers", "orelse", "finalbody", "cases"):
            for inside in getattr(node, name, ()) if not isinstance(node, ast.Expr) else ():
                if isinstance(inside, ast.stmt):
                    yield from _python_statements([inside])
                else:
                    yield from _python_statements(inside.body)


_BODY = cst.IndentedBlock([cst.SimpleStatementLine([cst.Pass()])])


def _head(statement: Any) -> Any:
    """A compound statement without its blocks, with the very nodes of its head; others as they are."""
    if isinstance(statement, cst.BaseSmallStatement):
        return statement
    changes: dict[str, Any] = {"leading_lines": ()}
    if isinstance(statement, cst.Match):
        changes["cases"] = (cst.MatchCase(cst.MatchAs(), _BODY),)
    else:
        changes["body"] = _BODY
    if isinstance(statement, (cst.If, cst.For, cst.While)):
        changes["orelse"] = None
    if isinstance(statement, (cst.Try, cst.TryStar)):
        changes |= {"handlers": (), "orelse": None, "finalbody": cst.Finally(_BODY)}
    if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        changes |= {"decorators": (), "lines_after_decorators": ()}
    return statement.with_changes(**changes)


def _indented(head: Any, indent: str) -> cst.Module:
    """A module in which the statement stands as deep as in the program, so that its further lines do too."""
    body: Any = cst.SimpleStatementLine([head]) if isinstance(head, cst.BaseSmallStatement) else head
    if indent:
        body = cst.If(cst.Name("x"), cst.IndentedBlock([body], indent=indent))
    return cst.Module([body])


def _holds(statement: Any, node: cst.CSTNode) -> bool:
    """Whether `node` is the statement, or in it and in none of its blocks."""
    if statement is node:
        return True
    inner = () if isinstance(statement, cst.BaseSmallStatement) else tuple(blocks(statement))
    inside = (part for part in parts(statement) if not any(part is block for block in inner))
    return any(here is node for here in descend(inside, past=_SUITES))


_SUITES: frozenset[type] = frozenset(
    {
        cst.IndentedBlock,
        cst.SimpleStatementSuite,
        cst.Else,
        cst.Finally,
        cst.ExceptHandler,
        cst.ExceptStarHandler,
        cst.MatchCase,
    }
)
