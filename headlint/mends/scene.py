"""The program around the nodes that a mend is about: statements, blocks, names and what is imported."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import libcst as cst

from headlint.source.edits import Offsets
from headlint.source.nodes import descend, parts
from headlint.source.program import Program

Statement = cst.BaseSmallStatement | cst.BaseCompoundStatement
_BODIES = (cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite)


class Scene:
    """One program, asked for what stands around its nodes; all of it is worked out when it is first wanted."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.offsets = Offsets(program.text)

    @cached_property
    def _parents(self) -> dict[int, cst.CSTNode]:
        return {id(inside): node for node in descend((self.program.tree,)) for inside in parts(node)}

    def around(self, node: cst.CSTNode) -> Iterator[Any]:
        """The node and all that it stands in, from the inside."""
        here: cst.CSTNode | None = node
        while here is not None:
            yield here
            here = self._parents.get(id(here))

    def parent(self, node: cst.CSTNode) -> Any:
        """What a node stands in directly."""
        return self._parents.get(id(node))

    def code(self, node: cst.CSTNode) -> str:
        """The code of a node on one line, by which the same code is known elsewhere."""
        return " ".join(self.program.tree.code_for_node(node).split())

    def text(self, node: cst.CSTNode) -> str:
        """A node as it stands in the text, without parentheses around it."""
        start, end = self.offsets.of_span(self.program.span(node))
        return self.program.text[start:end]

    def whole_text(self, node: cst.BaseExpression) -> str:
        """The same with them."""
        return f"({self.text(node)})" if node.lpar else self.text(node)

    def holds(self, around: cst.CSTNode | None, node: cst.CSTNode) -> bool:
        """Whether a node stands in another one, or is it."""
        return any(here is around for here in self.around(node))

    # -- statements ----------------------------------------------------------------------------------------------

    def statement(self, node: cst.CSTNode) -> Statement:
        """The innermost statement around a node."""
        return next(here for here in self.around(node) if isinstance(here, Statement))

    def block(self, statement: cst.CSTNode) -> list[Any]:
        """The statements of the block in which a statement stands, small ones that share a line one by one."""
        body = next(here for here in self.around(statement) if here is not statement and isinstance(here, _BODIES))
        found: list[Any] = []
        for part in body.body:
            if isinstance(part, cst.SimpleStatementLine):
                found.extend(part.body)
            else:
                found.append(part)
        return found

    def block_in(self, statement: cst.CSTNode) -> cst.CSTNode | None:
        """The first statement of the block of a compound statement, if that has lines of its own."""
        body = getattr(statement, "body", None)
        first = body.body[0] if isinstance(body, cst.IndentedBlock) and body.body else None
        return first.body[0] if isinstance(first, cst.SimpleStatementLine) else first

    def function(self, node: cst.CSTNode) -> cst.CSTNode:
        """The innermost function around a node, or the module."""
        return next(here for here in self.around(node) if isinstance(here, (cst.FunctionDef, cst.Lambda, cst.Module)))
