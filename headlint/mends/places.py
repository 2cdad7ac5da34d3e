"""Mends of where code reads or writes in a model: another place in the stead of the one that it names."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from headlint.mends.mend import Replace
from headlint.mends.scene import Scene
from headlint.source.nodes import descend


def at(base: str, place: str) -> str:
    """The code for a place, `classifier[6]` or `[6]`, in what `base` is the code for."""
    if not place:
        return base
    return base + place if place.startswith("[") else f"{base}.{place}"


def target_of(site: cst.CSTNode | None) -> cst.BaseExpression | None:
    """What a statement assigns to, if that is one thing."""
    if isinstance(site, cst.Assign) and len(site.targets) == 1:
        return site.targets[0].target
    return site.target if isinstance(site, cst.AnnAssign) else None


def is_place(node: cst.CSTNode) -> bool:
    """Whether an expression may stand for a place in something: `x.y`, `x[0]`."""
    return isinstance(node, (cst.Attribute, cst.Subscript))


def step_of(node: cst.CSTNode | None) -> tuple[cst.BaseExpression, str] | None:
    """What `x.name` or `x[3]` reads from, and the name or index; None for other expressions."""
    if isinstance(node, cst.Attribute):
        return node.value, node.attr.value
    if isinstance(node, cst.Subscript) and len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index):
        index = node.slice[0].slice.value
        if isinstance(index, (cst.Integer, cst.UnaryOperation, cst.SimpleString)):
            return node.value, f"[{_code(index)}]"
    return None


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def replaced(scene: Scene, roots: list[cst.CSTNode], base: str, step: str, place: str) -> tuple[Replace, ...]:
    """Write `place` of `base` wherever code in these trees names `step` of it."""
    found: list[Replace] = []
    for node in descend(roots):
        taken = step_of(node)
        if taken is not None and taken[1] == step and scene.code(taken[0]) == base:
            found.append(Replace(node, at(scene.whole_text(taken[0]), place)))
    return tuple(found)


def scopes(scene: Scene, site: cst.CSTNode, base: str) -> Iterator[list[cst.CSTNode]]:
    """Where `base` may mean the same as at a place in the code, from the least on: the statement, what is around it."""
    yield [scene.statement(site)]
    kinds = (cst.ClassDef, cst.Module) if base.startswith("self.") else (cst.FunctionDef, cst.Module)
    yield [next(here for here in scene.around(site) if isinstance(here, kinds))]
