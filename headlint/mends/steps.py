"""Mends of what a forward does: a step that is left out, or another one in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from headlint.mends.imports import written
from headlint.mends.mend import Change, Prefix, Remove, Replace
from headlint.mends.places import target_of
from headlint.mends.scene import Scene
from headlint.source.nodes import descend


def item_of(scene: Scene, value: cst.CSTNode) -> cst.CSTNode | None:
    """The argument of a Sequential, or the item of a list, that a layer or a pair of its name and it is."""
    around = scene.parent(value)
    if isinstance(around, cst.Arg) and around.keyword is None:
        call = scene.parent(around)
        is_sequential = isinstance(call, cst.Call) and scene.code(call.func).rpartition(".")[2] == "Sequential"
        return around if is_sequential else None
    if isinstance(around, cst.Element):
        holder = scene.parent(around)
        if isinstance(holder, cst.Tuple) and len(holder.elements) == 2:
            return item_of(scene, holder)
        return around if isinstance(holder, cst.List) else None
    return None


def before_item(scene: Scene, value: cst.CSTNode, codes: Sequence[str]) -> Change | None:
    """Write other items before a layer in a Sequential or a list, on lines of their own if that one has one."""
    item = item_of(scene, value)
    if item is None or scene.parent(value) is not item:
        return None
    start = scene.offsets.of_span(scene.program.span(item))[0]
    indent = scene.program.text[scene.offsets.line_start(start) : start]
    between = " " if indent.strip() else scene.offsets.usual_end + indent
    return Prefix(item, "".join(f"{code},{between}" for code in codes))


def left_out(scene: Scene, call: cst.CSTNode, *, layer: bool) -> tuple[Change, ...]:
    """Do without a layer that a call makes, or without the function that it calls in a forward; empty if unknown."""
    if not isinstance(call, cst.Call):
        return ()
    if layer:
        item = item_of(scene, call)
        if item is not None:
            return (Remove(item),)
        identity, imports = written(scene, "torch.nn.Identity")
        return (Replace(call, f"{identity}()"), *imports)
    given = operand(scene, call)
    return () if given is None else (Replace(call, scene.whole_text(given)),)


def operand(scene: Scene, call: cst.Call) -> cst.BaseExpression | None:
    """The tensor that a function or a method of torch is given."""
    function = call.func
    if isinstance(function, cst.Attribute):
        written_as = scene.code(function.value)
        if written_as not in ("torch", "F", "nn.functional", "torch.nn.functional", "torch.special"):
            return function.value
    return operand_of_function(call)


def output_of(scene: Scene, site: cst.CSTNode) -> cst.BaseExpression | None:
    """The output that a use is about: what an attribute is read from, or the first argument of a call."""
    if isinstance(site, cst.Attribute):
        return site.value
    if not isinstance(site, cst.Call):
        return None
    if isinstance(site.func, cst.Attribute) and not site.args:
        return site.func.value
    return operand_of_function(site)


def operand_of_function(call: cst.Call) -> cst.BaseExpression | None:
    """The first argument of a call."""
    first = call.args[0] if call.args else None
    return first.value if first is not None and not first.star else None


def calls_behind(scene: Scene, used: cst.BaseExpression) -> Iterator[cst.Call]:
    """The calls whose result goes by this name in the same function, from the nearest one before it."""
    if not isinstance(used, cst.Name):
        return
    function, here = scene.function(used), scene.program.span(used)
    found: list[tuple[tuple[int, int], cst.Call]] = []
    for node in descend((function,)):
        if isinstance(node, cst.Assign) and isinstance(node.value, cst.Call):
            target = target_of(node)
            if isinstance(target, cst.Name) and target.value == used.value:
                span = scene.program.span(node)
                if span < here:
                    found.append(((span.line, span.column), node.value))
    yield from (call for _, call in sorted(found, key=lambda one: one[0], reverse=True))
