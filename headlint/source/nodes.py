"""Small questions about libcst nodes, answered without its visitors, which cost more than the parse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

import libcst as cst

# `import x` and `from x import y`; libcst has nodes of their own for the lazy ones of Python 3.15, and of old had none.
IMPORTS = (cst.Import, getattr(cst, "LazyImport", cst.Import))
FROM_IMPORTS = (cst.ImportFrom, getattr(cst, "LazyImportFrom", cst.ImportFrom))

_LAYOUT = frozenset(
    "lpar rpar lbracket rbracket lbrace rbrace comma colon semicolon dot equal header footer leading_lines"
    " trailing_whitespace newline indent keyword quote asynchronous".split()
)
# What reads the fields of a class of nodes that can hold nodes, None for a class without any.
_Reader = Callable[[cst.CSTNode], tuple[Any, ...]]
_readers: dict[type[cst.CSTNode], _Reader | None] = {}


def _reader_of(kind: type[cst.CSTNode]) -> _Reader | None:
    names = [
        name
        for name, field in kind.__dataclass_fields__.items()
        if name not in _LAYOUT
        and not name.startswith(("whitespace", "lines_after", "__"))
        and field.type not in (str, bool)
    ]
    if len(names) == 1:
        # Of one name alone the value comes bare, not in a tuple. A class is no node, and is passed over.
        names.append("__class__")
    reader = _readers[kind] = attrgetter(*names) if names else None
    return reader


# What a field's value is, by its class: 1 for nodes, 2 for sequences. libcst's classes are abstract ones, for which
# `isinstance` is slow.
_kinds: dict[type, int] = {str: 0, bool: 0, type(None): 0, list: 2, tuple: 2}


def _kind_of(kind: type) -> int:
    found = _kinds[kind] = 1 if issubclass(kind, cst.CSTNode) else 0
    return found


def parts(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The nodes directly inside `node`, white space and punctuation left out."""
    kind = type(node)
    read = _readers[kind] if kind in _readers else _reader_of(kind)
    found: list[cst.CSTNode] = []
    if read is not None:
        _gather(read(node), found)
    return found


def _gather(values: Iterable[Any], found: list[Any]) -> None:
    """Put the nodes that fields hold behind those in `found`."""
    for value in values:
        kind = type(value)
        what = _kinds[kind] if kind in _kinds else _kind_of(kind)
        if what == 1:
            found.append(value)
        elif what == 2 and value:
            # Sequences hold nodes and nothing else.
            found += value


_INSIDE_OTHERS: frozenset[type] = frozenset()


def descend(roots: Iterable[cst.CSTNode], past: frozenset[type] = _INSIDE_OTHERS) -> Iterator[Any]:
    """Every node in these trees, roots included, in no promised order; nodes of the classes `past` are not entered."""
    pending: list[Any] = list(roots)
    while pending:
        here = pending.pop()
        yield here
        kind = type(here)
        # Most nodes are names and operators, which hold nothing.
        read = _readers[kind] if kind in _readers else _reader_of(kind)
        if read is not None and kind not in past:
            _gather(read(here), pending)


def statements_of(suite: cst.BaseSuite) -> Any:
    """The statements of a block, indented or behind the colon."""
    return suite.body


def count_statements(body: Sequence[cst.CSTNode]) -> int:
    """How many statements there are in a block and in the blocks inside it, roughly: lines of small ones count once."""
    total = 0
    pending = list(body)
    while pending:
        here = pending.pop()
        total += 1
        if type(here) is not cst.SimpleStatementLine:
            pending.extend([part for part in parts(here) if _is_block(type(part))])
    return total


def names_assigned(body: Sequence[cst.CSTNode]) -> frozenset[str]:
    """The plain names that statements in a block assign to, one by one or in tuples."""
    return frozenset(target.value for target in _targets(body) if type(target) is cst.Name)


def attributes_assigned(node: cst.CSTNode) -> frozenset[str]:
    """The names of all attributes, of whatever, that a piece of code assigns to."""
    return frozenset(target.attr.value for target in _targets((node,)) if type(target) is cst.Attribute)


def _targets(body: Sequence[cst.CSTNode]) -> Iterator[Any]:
    for here in descend(body):
        if type(here) in _ASSIGNING:
            targets = [here.target]
            while targets:
                target = targets.pop()
                if type(target) in (cst.Tuple, cst.List):
                    targets.extend(element.value for element in target.elements)
                else:
                    yield target


_ASSIGNING = frozenset({cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.For, cst.NamedExpr})


_BLOCKS = (
    cst.BaseSuite,
    cst.BaseStatement,
    cst.Else,
    cst.Finally,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.MatchCase,
)


@cache
def _is_block(kind: type) -> bool:
    """Whether nodes of a class hold statements: libcst's classes are abstract, and slow to tell it of each node."""
    return issubclass(kind, _BLOCKS)


def holds(node: cst.CSTNode, wanted: cst.CSTNode) -> bool:
    """Whether `wanted` is `node` or stands in it."""
    return any(here is wanted for here in descend((node,)))


def function_around(tree: cst.Module, node: cst.CSTNode) -> cst.Module | cst.FunctionDef:
    """The innermost function that a node stands in, the module itself outside of all."""
    around: cst.Module | cst.FunctionDef = tree
    for here in descend((tree,)):
        # The inner ones come last.
        if isinstance(here, cst.FunctionDef) and holds(here, node):
            around = here
    return around


# Expressions inside expressions beyond which a text is of no use to anybody.
_DEEPEST_TEXT = 12


_GROWING = frozenset("add append extend insert setdefault update".split())


def names_grown(body: Sequence[cst.CSTNode]) -> frozenset[str]:
    """The plain names of what statements in a block put items into."""
    found: set[str] = set()
    for here in descend(body):
        kind = type(here)
        owner: Any = None
        if kind is cst.Call:
            function = here.func
            if type(function) is cst.Attribute and function.attr.value in _GROWING:
                owner = function.value
        elif kind is cst.AssignTarget and type(here.target) is cst.Subscript:
            owner = here.target.value
        if type(owner) is cst.Name:
            found.add(owner.value)
    return frozenset(found)


@lru_cache(maxsize=20_000)
def text_of(node: cst.CSTNode, depth: int = _DEEPEST_TEXT) -> str:
    """How the code writes an expression, shortened where it is long: for messages only."""
    writer = _WRITERS.get(type(node))
    return "..." if writer is None or not depth else writer(node, depth - 1)


def _literal_text(node: Any, depth: int) -> str:
    text: str = node.value
    return text


_OPERATIONS = frozenset({cst.BinaryOperation, cst.BooleanOperation, cst.Comparison, cst.UnaryOperation})


def _part_text(node: Any, depth: int) -> str:
    """A part of an expression, in parentheses where the code has them around an operation."""
    text = text_of(node, depth)
    return f"({text})" if type(node) in _OPERATIONS and node.lpar else text


def _attribute_text(node: cst.Attribute, depth: int) -> str:
    return f"{_part_text(node.value, depth)}.{node.attr.value}"


def _call_text(node: cst.Call, depth: int) -> str:
    arguments = [argument for argument in node.args if not argument.star and argument.keyword is None]
    if len(arguments) == len(node.args) == 1:
        return f"{text_of(node.func, depth)}({text_of(arguments[0].value, depth)})"
    return f"{text_of(node.func, depth)}({'...' if node.args else ''})"


def _subscript_text(node: cst.Subscript, depth: int) -> str:
    index = node.slice[0].slice
    inner = text_of(index.value, depth) if len(node.slice) == 1 and type(index) is cst.Index else "..."
    return f"{text_of(node.value, depth)}[{inner}]"


def _binary_text(node: cst.BinaryOperation | cst.BooleanOperation, depth: int) -> str:
    return f"{_part_text(node.left, depth)} {operator_text(node.operator)} {_part_text(node.right, depth)}"


def _comparison_text(node: cst.Comparison, depth: int) -> str:
    if len(node.comparisons) > 1:
        return "..."
    target = node.comparisons[0]
    return f"{_part_text(node.left, depth)} {operator_text(target.operator)} {_part_text(target.comparator, depth)}"


def _unary_text(node: cst.UnaryOperation, depth: int) -> str:
    word = operator_text(node.operator)
    return f"{word}{' ' if word == 'not' else ''}{_part_text(node.expression, depth)}"


def _display_text(node: cst.Tuple | cst.List, depth: int) -> str:
    inside = ", ".join(text_of(element.value, depth) for element in node.elements)
    return f"({inside})" if type(node) is cst.Tuple else f"[{inside}]"


_WRITERS: dict[type[cst.CSTNode], Callable[[Any, int], str]] = {
    **dict.fromkeys((cst.Name, cst.Integer, cst.Float, cst.SimpleString), _literal_text),
    cst.Attribute: _attribute_text,
    cst.Call: _call_text,
    cst.Subscript: _subscript_text,
    cst.BinaryOperation: _binary_text,
    cst.BooleanOperation: _binary_text,
    cst.Comparison: _comparison_text,
    cst.UnaryOperation: _unary_text,
    cst.Tuple: _display_text,
    cst.List: _display_text,
}


_OPERATORS: dict[str, str] = {
    "Add": "+",
    "Subtract": "-",
    "Multiply": "*",
    "Divide": "/",
    "FloorDivide": "//",
    "Modulo": "%",
    "Power": "**",
    "BitAnd": "&",
    "BitOr": "|",
    "BitXor": "^",
    "LeftShift": "<<",
    "RightShift": ">>",
    "MatrixMultiply": "@",
    "Equal": "==",
    "NotEqual": "!=",
    "LessThan": "<",
    "LessThanEqual": "<=",
    "GreaterThan": ">",
    "GreaterThanEqual": ">=",
    "In": "in",
    "NotIn": "not in",
    "Is": "is",
    "IsNot": "is not",
    "Not": "not",
    "Minus": "-",
    "Plus": "+",
    "BitInvert": "~",
    "And": "and",
    "Or": "or",
}


def operator_text(operator: cst.CSTNode) -> str:
    """The operator as Python writes it; augmented assignments give their plain operator."""
    return _written(type(operator))


@cache
def _written(kind: type[cst.CSTNode]) -> str:
    return _OPERATORS.get(kind.__name__.removesuffix("Assign"), "?")
