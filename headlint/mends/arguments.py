"""Mends of what a builder is given: another keyword, or a statement behind the call in the stead of an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from headlint.mends.layers import new_layer
from headlint.mends.mend import Change, Insert, Mend, Remove, Replace
from headlint.mends.places import at, target_of
from headlint.mends.scene import Scene


def keyword(call: cst.CSTNode | None, name: str) -> cst.Arg | None:
    """The argument of a call that is given by this name."""
    arguments = call.args if isinstance(call, cst.Call) else ()
    return next((one for one in arguments if one.keyword is not None and one.keyword.value == name), None)


def renamed(scene: Scene, call: cst.CSTNode, name: str, right: str) -> Iterator[Mend]:
    """Give an argument by another name."""
    given = keyword(call, name)
    if given is not None and given.keyword is not None:
        yield Mend(f"write {right}", "safe", (Replace(given.keyword, right),))


@dataclass(frozen=True, slots=True)
class Behind:
    """The statements that go behind another one, and the imports that they need."""

    statements: tuple[str, ...]
    imports: tuple[Change, ...] = ()


def split(scene: Scene, call: cst.CSTNode, given: cst.Arg, behind: Callable[[str], Behind]) -> Iterator[Mend]:
    """Leave an argument out, and do what it asks for `behind` the statement, to what that assigns the model to."""
    statement = scene.statement(call)
    target = target_of(statement)
    if target is None or not isinstance(statement, cst.Assign) or statement.value is not call:
        return
    added = behind(scene.text(target))
    inserts = tuple(Insert(code, statement, behind=True) for code in added.statements)
    if inserts and given.keyword is not None:
        title = f"leave out {given.keyword.value} and change the model behind it"
        yield Mend(title, "safe", (Remove(given), *inserts, *added.imports))


def replacements(scene: Scene, base: str, heads: Sequence[tuple[str, str]], classes: str) -> Behind:
    """New layers at the places of these heads, given with their kinds, as wide as they are and of so many classes."""
    statements: list[str] = []
    imports: dict[Change, None] = {}
    for place, kind in heads:
        layer = at(base, place)
        taken, told = ("in_channels", "out_channels") if kind == "Conv2d" else ("in_features", "out_features")
        codes = {taken: f"{layer}.{taken}", told: classes, **({"kernel_size": "1"} if kind == "Conv2d" else {})}
        code, needed = new_layer(scene, kind, {}, codes)
        statements.append(f"{layer} = {code}")
        imports.update(dict.fromkeys(needed))
    return Behind(tuple(statements), tuple(imports))
