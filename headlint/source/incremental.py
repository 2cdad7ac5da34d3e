"""A program that is parsed again and again while it is written: statements that stayed the same keep their trees.

libcst's parser takes most of the time between a keystroke and what is said about it, and Python's own next to none.
So that one says where the statements of a file begin and end, and of libcst's tree only those are made anew whose text
has changed. Nodes are never changed, so programs may share them.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

import libcst as cst

from headlint.source.program import Program, parse, python_tree_of, refuse_large
from headlint.source.segments import Source

# Blocks say how they are indented, whatever else stands in the file.
_CONFIG = cst.PartialParserConfig(default_indent="    ", default_newline="\n")

Statements = Sequence[cst.SimpleStatementLine | cst.BaseCompoundStatement]


class Reparser:
    """Parses the versions of one program, one after the other."""

    def __init__(self) -> None:
        # By the text of a piece, and how many like it stand before it: no node stands twice in one tree.
        self._known: dict[tuple[str, int], Statements] = {}

    def parse(self, source: Source, name: str) -> Program:
        """The program; raises what `headlint.source.program.parse` raises."""
        python_tree = python_tree_of(source.text)
        if python_tree is None:
            return parse(source.text, name, source=source)
        refuse_large(source.text, python_tree)
        try:
            known = {key: self._statements(key) for key in _numbered(_pieces(source.text, python_tree))}
        except (cst.ParserSyntaxError, TypeError):
            # Statements are not always where Python says; then the whole text tells.
            return parse(source.text, name, python_tree, source)
        self._known = known
        tree = cst.Module([statement for statements in known.values() for statement in statements])
        return Program(name, source.text, tree=tree, python_tree=python_tree, source=source)

    def _statements(self, key: tuple[str, int]) -> Statements:
        known = self._known.get(key)
        return cst.parse_module(key[0], _CONFIG).body if known is None else known


def _numbered(pieces: Iterator[str]) -> Iterator[tuple[str, int]]:
    seen: Counter[str] = Counter()
    for piece in pieces:
        yield piece, seen[piece]
        seen[piece] += 1


def _pieces(text: str, tree: ast.Module) -> Iterator[str]:
    """The lines of each statement of the module, or of several that share a line, with those above it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    begun = end = 0
    for statement in tree.body:
        first = min((statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", ()))))
        if first > end > begun:
            yield "\n".join(lines[begun:end]) + "\n"
            begun = end
        end = max(end, statement.end_lineno or first)
    yield "\n".join(lines[begun:])
