"""Blocks in which nothing can be missing: a handler for attributes that are not there is never entered."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import libcst as cst

from headlint.source.nodes import text_of
from headlint.torchlib.layers import find_layer

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

Statements = Sequence[cst.CSTNode]
_PLAIN = (cst.Name, cst.Integer, cst.SimpleString)
_MISSING = frozenset({"AttributeError", "KeyError", "IndexError"})


def is_never_entered(run: Interpreter, handler: cst.ExceptHandler | cst.ExceptStarHandler, body: Statements) -> bool:
    """Whether a handler is there for nothing but what is not there, and nothing that the block reads can be missing.

    The block has been followed; it only assigns layers and what models and objects are known to have.
    """
    kind = handler.type
    kinds = [element.value for element in kind.elements] if isinstance(kind, cst.Tuple) else [kind]
    caught = {one.value for one in kinds if isinstance(one, cst.Name)}
    return len(caught) == len(kinds) and caught <= _MISSING and _nothing_is_missing(run, body, caught)


def _nothing_is_missing(run: Interpreter, body: Statements, caught: AbstractSet[str]) -> bool:
    known: set[str] = set()
    for line in body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else (line,):
            if isinstance(statement, cst.Pass):
                continue
            if not isinstance(statement, cst.Assign) or not _is_known(run, statement.value, known, caught):
                return False
            for target in (one.target for one in statement.targets):
                owner = target.value if isinstance(target, cst.Attribute) else target
                if not isinstance(owner, cst.Name) and text_of(owner) not in known:
                    return False
    return True


def _is_known(run: Interpreter, node: cst.BaseExpression, known: set[str], caught: AbstractSet[str]) -> bool:
    """Whether evaluating this cannot raise what is `caught`; of what attributes have been read is `known` then."""
    if isinstance(node, cst.Call):
        kind = text_of(node.func)
        is_layer = kind.startswith(("nn.", "torch.nn.")) and find_layer(kind.rpartition(".")[2]) is not None
        return is_layer and all(_is_known(run, argument.value, known, caught) for argument in node.args)
    if isinstance(node, cst.Attribute):
        # Read of a builder's model, or of an object that has it, whenever the code came by, and of nothing else.
        owners = run.read_from.get(id(node), {None})
        part: cst.BaseExpression = node
        while isinstance(part, cst.Attribute):
            part = part.value
            known.add(text_of(part))
        return None not in owners
    if isinstance(node, cst.Subscript):
        # What is missing in a dict of settings is a key.
        keys = [element.slice.value for element in node.slice if isinstance(element.slice, cst.Index)]
        plain = len(keys) == len(node.slice) and all(isinstance(key, _PLAIN) for key in keys)
        return plain and caught == {"AttributeError"} and isinstance(node.value, cst.Name)
    return isinstance(node, (cst.Name, cst.Integer))
