"""Blocks in which nothing can be missing: a handler for attributes that are not there is never entered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from headlint.source.nodes import text_of
from headlint.torchlib.layers import find_layer

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

_MISSING = frozenset({"AttributeError", "KeyError", "IndexError"})


def handles_what_is_missing(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler is there for nothing but attributes, keys and items that are not there."""
    kind = handler.type
    kinds = [element.value for element in kind.elements] if isinstance(kind, cst.Tuple) else [kind]
    return all(isinstance(one, cst.Name) and one.value in _MISSING for one in kinds)


def nothing_is_missing(run: Interpreter, body: Sequence[cst.CSTNode]) -> bool:
    """Whether a block that has been followed only assigns layers and what models and objects are known to have."""
    known: set[str] = set()
    for line in body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else (line,):
            if isinstance(statement, cst.Pass):
                continue
            if not isinstance(statement, cst.Assign) or not _is_known(run, statement.value, known):
                return False
            for target in (one.target for one in statement.targets):
                owner = target.value if isinstance(target, cst.Attribute) else target
                if not isinstance(owner, cst.Name) and text_of(owner) not in known:
                    return False
    return True


def _is_known(run: Interpreter, node: cst.BaseExpression, known: set[str]) -> bool:
    """Whether evaluating this cannot fail for want of an attribute; what has been read to that end is `known`."""
    if isinstance(node, cst.Call):
        kind = text_of(node.func)
        is_layer = kind.startswith(("nn.", "torch.nn.")) and find_layer(kind.rpartition(".")[2]) is not None
        return is_layer and all(_is_known(run, argument.value, known) for argument in node.args)
    if isinstance(node, cst.Attribute):
        # Read of a builder's model, or of an object that has it, whenever the code came by, and of nothing else.
        owners = run.read_from.get(id(node), {None})
        part: cst.BaseExpression = node
        while isinstance(part, cst.Attribute):
            part = part.value
            known.add(text_of(part))
        return None not in owners
    return isinstance(node, (cst.Name, cst.Integer))
