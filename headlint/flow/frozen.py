"""Frozen data of which very much is made.

That nothing is assigned to it is seen to by the type checker; a dataclass that sees to it itself takes three times as
long to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeVar

    from typing_extensions import dataclass_transform

    Kind = TypeVar("Kind")

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    def frozen(kind: type[Kind]) -> type[Kind]:
        """`dataclass(frozen=True, slots=True)`, as far as types go; a class may bring its own equality."""
        ...
else:

    def frozen(kind):
        equals = "__eq__" not in vars(kind)
        return dataclass(slots=True, eq=equals, unsafe_hash=equals)(kind)
