"""Mends of order: a statement goes before or behind another one, if nothing in between stands in its way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import libcst as cst

from headlint.finding import Applicability
from headlint.mends.mend import Mend, Move
from headlint.mends.scene import Scene
from headlint.source.nodes import FROM_IMPORTS, IMPORTS, descend

# Calls of the function around a place that are looked at instead of the place itself.
_MOST_CALLS = 3
_FUNCTIONS = (cst.FunctionDef, cst.ClassDef, cst.Lambda)
_JUMPS = (cst.Return, cst.Raise, cst.Break, cst.Continue, cst.Yield, cst.Await)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two statements of one block, by their numbers: what is to go, and what it is to go past."""

    block: Sequence[cst.CSTNode]
    moving: int
    past: int


def pairs(scene: Scene, moving: cst.CSTNode, past: cst.CSTNode) -> Iterator[Pair]:
    """The statements of one block in which two places stand, or calls of the functions in which they do."""
    for one, other in product(places_of(scene, moving), places_of(scene, past)):
        for around in scene.around(one):
            if isinstance(around, _FUNCTIONS):
                break
            if not isinstance(around, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
                continue
            block = scene.block(around)
            number = _statement_of(scene, block, other)
            if number is not None:
                here = next(i for i, statement in enumerate(block) if statement is around)
                if here != number:
                    yield Pair(block, here, number)
                break


def _statement_of(scene: Scene, block: Sequence[cst.CSTNode], node: cst.CSTNode) -> int | None:
    """Which statement of a block holds a node, if not inside of a function that is defined there."""
    numbers = {id(statement): number for number, statement in enumerate(block)}
    for around in scene.around(node):
        if isinstance(around, _FUNCTIONS):
            return None
        if id(around) in numbers:
            return numbers[id(around)]
    return None


def places_of(scene: Scene, node: cst.CSTNode) -> list[cst.CSTNode]:
    """A place in the code, and the calls of the function in which it stands."""
    function = next((here for here in scene.around(node) if isinstance(here, cst.FunctionDef)), None)
    if function is None:
        return [node]
    calls = [
        here
        for here in descend((scene.program.tree,))
        if isinstance(here, cst.Call) and _called_name(here) == function.name.value
    ]
    return [node, *calls[:_MOST_CALLS]]


def _called_name(call: cst.Call) -> str:
    if isinstance(call.func, cst.Attribute):
        return call.func.attr.value
    return call.func.value if isinstance(call.func, cst.Name) else ""


def moves(
    scene: Scene, moving: cst.CSTNode, past: cst.CSTNode, title: str, applicability: Applicability, *, behind: bool
) -> Iterator[Mend]:
    """Put the statement of one place before or behind that of another one, together with what depends on it."""
    for pair in pairs(scene, moving, past):
        if (pair.moving < pair.past) is not behind:
            continue
        if behind:
            together = _with_dependents(scene, pair.block[pair.moving : pair.past + 1])
        else:
            between = pair.block[pair.past : pair.moving]
            together = [pair.block[pair.moving]] if _passes(scene, pair.block[pair.moving], between) else []
        if together:
            to = pair.block[pair.past]
            yield Mend(title, applicability, tuple(Move(statement, to, behind) for statement in together))


def _with_dependents(scene: Scene, stretch: Sequence[cst.CSTNode]) -> list[cst.CSTNode]:
    """The first of these statements and those that need it, if all can go behind the last; empty if they cannot."""
    first, *between, last = stretch
    together, left = [first], []
    for statement in between:
        if any(not _passes(scene, moved, [statement]) for moved in together):
            together.append(statement)
        else:
            left.append(statement)
    fine = all(_passes(scene, moved, [last]) for moved in together)
    # What depends on it must itself be free to go past all that stays behind it.
    for number, moved in enumerate(together[1:], start=1):
        behind = stretch[list(stretch).index(moved) + 1 : -1]
        others = [statement for statement in behind if statement not in together[number:]]
        fine = fine and _passes(scene, moved, others) and isinstance(moved, cst.BaseSmallStatement)
    return together if fine else []


@dataclass(slots=True)
class _Effects:
    """The names that a statement reads and writes, `self.name` among them; those that its loops bind stand apart."""

    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    jumps: bool = False


def _passes(scene: Scene, statement: cst.CSTNode, others: Sequence[cst.CSTNode]) -> bool:
    """Whether a statement does the same before these others as behind them, as far as names tell."""
    own = _effects(statement)
    objects = own.reads - _read_whole(statement)
    if own.jumps or isinstance(statement, (*IMPORTS, *FROM_IMPORTS, *_FUNCTIONS)):
        return False
    for passed in others:
        other = _effects(passed)
        reads = other.reads - (other.bound & own.bound)
        # What is handed on under its own name is the same object, of which only parts are asked here.
        written = other.writes - (objects & _handed_on(passed))
        if other.jumps or own.writes & (reads | other.writes) or written & own.reads:
            return False
        if (own.bound & (reads | other.writes)) - other.bound or (other.bound & own.reads) - own.bound:
            return False
        if any(own.writes & _mentioned(scene, name) for name in other.calls):
            return False
    return True


def _read_whole(statement: cst.CSTNode) -> set[str]:
    """The names of which a statement reads more than attributes."""
    owners = {id(node.value) for node in descend((statement,)) if isinstance(node, cst.Attribute)}
    names = (node for node in descend((statement,)) if isinstance(node, cst.Name))
    return {node.value for node in names if id(node) not in owners}


def _handed_on(statement: cst.CSTNode) -> set[str]:
    """The name in `model = change(model)` or `model = model.to(device)`."""
    if not isinstance(statement, cst.Assign) or not isinstance(statement.value, cst.Call):
        return set()
    call = statement.value
    given = [argument.value for argument in call.args]
    if isinstance(call.func, cst.Attribute):
        given.append(call.func.value)
    handed = {node.value for node in given if isinstance(node, cst.Name)}
    return handed & {name for target in statement.targets for name in _names(target.target)}


def _mentioned(scene: Scene, function: str) -> set[str]:
    """The names in the functions of the file that are called so."""
    found: set[str] = set()
    for node in descend((scene.program.tree,)):
        if isinstance(node, cst.FunctionDef) and node.name.value == function:
            found |= _effects(node.body).reads
    return found


def _effects(statement: cst.CSTNode) -> _Effects:
    found = _Effects()
    labels: set[int] = set()
    for node in descend((statement,)):
        match node:
            case cst.Name(value=name) if id(node) not in labels:
                found.reads.add(name)
            case cst.AssignTarget(target=target) | cst.AnnAssign(target=target) | cst.AugAssign(target=target):
                found.writes |= set(_names(target))
            case cst.NamedExpr(target=target) | cst.AsName(name=target):
                found.writes |= set(_names(target))
            case cst.For(target=target) | cst.CompFor(target=target):
                found.bound |= set(_names(target))
            case cst.FunctionDef(name=name) | cst.ClassDef(name=name):
                found.writes.add(name.value)
            case cst.Del():
                found.jumps = True
            case cst.Attribute(value=owner, attr=attr):
                labels.add(id(attr))
                if isinstance(owner, cst.Name) and owner.value == "self":
                    # What is read of it is read, not all of it.
                    labels.add(id(owner))
                    found.reads.add(f"self.{attr.value}")
            case cst.Arg(keyword=cst.Name() as keyword):
                labels.add(id(keyword))
            case cst.Call():
                found.calls.add(_called_name(node))
        if isinstance(node, _JUMPS):
            found.jumps = True
    return found


def _names(target: cst.CSTNode) -> Iterator[str]:
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, cst.Attribute) and isinstance(target.value, cst.Name) and target.value.value == "self":
        yield f"self.{target.attr.value}"
    elif isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from _names(element.value)
