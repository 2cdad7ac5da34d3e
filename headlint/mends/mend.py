"""What mends a mistake: changes of nodes and statements, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import libcst as cst

from headlint.finding import Applicability

if TYPE_CHECKING:
    from headlint.mends.scene import Scene


@dataclass(frozen=True, slots=True)
class Replace:
    """Write `code` where `node` stands; parentheses around an expression stay."""

    node: cst.CSTNode
    code: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Write `code` directly before `node`, or `behind` it, within parentheses around it."""

    node: cst.CSTNode
    code: str
    behind: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """Take an argument, or an item of a list or tuple, out with its comma."""

    item: cst.CSTNode


@dataclass(frozen=True, slots=True)
class Insert:
    """Write the statement `code`, one line, before or `behind` the statement `at`."""

    code: str
    at: cst.CSTNode
    behind: bool


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a statement or a decorator out, with the comment behind it."""

    statement: cst.CSTNode


@dataclass(frozen=True, slots=True)
class Unwrap:
    """Leave out the line that begins a block, and indent the block as that line is."""

    statement: cst.CSTNode


@dataclass(frozen=True, slots=True)
class Move:
    """Put a statement, with the comments that belong to it, before or `behind` the statement `to`."""

    statement: cst.CSTNode
    to: cst.CSTNode
    behind: bool


Change: TypeAlias = Replace | Prefix | Remove | Insert | Delete | Unwrap | Move


@dataclass(frozen=True, slots=True)
class Mend:
    """One way to mend a mistake; `title` says in the imperative what it does.

    It is `safe` if nothing but what the finding is about comes out differently, once it is proven.
    """

    title: str
    applicability: Applicability
    changes: tuple[Change, ...]


Mends: TypeAlias = Callable[["Scene"], Iterable[Mend]]
"""What a candidate can be mended by, the best way first; only asked when fixes are wanted."""


def no_mends(scene: Scene) -> Iterable[Mend]:
    """There is no obvious way."""
    return ()
