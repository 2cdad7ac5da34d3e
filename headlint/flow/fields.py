"""The fields that dataclasses and named tuples of the file declare."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from headlint.flow.value import Class, External
from headlint.source.nodes import text_of

_NAMED_TUPLE = External("typing.NamedTuple")


def is_record_class(owner: Class) -> bool:
    """Whether a class of the file gets its constructor from its fields."""
    return _is_dataclass(owner) or is_named_tuple(owner) or _has_base(owner, is_record_class)


def is_dataclass(owner: Class) -> bool:
    """Whether a class of the file, or one that it is built on, is a dataclass."""
    return _is_dataclass(owner) or _has_base(owner, is_dataclass)


def _is_dataclass(owner: Class) -> bool:
    words = {text_of(d.decorator).partition("(")[0].rpartition(".")[2] for d in owner.node.decorators}
    return "dataclass" in words


def is_named_tuple(owner: Class) -> bool:
    """Whether a class of the file is a `typing.NamedTuple`."""
    return _NAMED_TUPLE in owner.bases


def _has_base(owner: Class, test: Callable[[Class], bool]) -> bool:
    return any(isinstance(base, Class) and test(base) for base in owner.bases)


def fields_of(owner: Class, *, taken: bool = False) -> list[str]:
    """The fields that a class and its bases in the file declare, in order; if `taken`, by the constructor only."""
    names = [name for base in owner.bases if isinstance(base, Class) for name in fields_of(base, taken=taken)]
    for line in owner.node.body.body:
        declared = line.body if isinstance(line, cst.SimpleStatementLine) else ()
        own = (small for small in declared if isinstance(small, cst.AnnAssign) and not _is_shared(small))
        own = (small for small in own if not taken or not _is_left_out(small))
        names += [small.target.value for small in own if isinstance(small.target, cst.Name)]
    return list(dict.fromkeys(names))


def _is_left_out(line: cst.AnnAssign) -> bool:
    """Whether a field says that the constructor does not take it."""
    given = line.value.args if isinstance(line.value, cst.Call) else ()
    return any(
        arg.keyword is not None and arg.keyword.value == "init" and text_of(arg.value) == "False" for arg in given
    )


def _is_shared(line: cst.AnnAssign) -> bool:
    return "ClassVar" in text_of(line.annotation.annotation)
