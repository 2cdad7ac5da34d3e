"""Mends of calls: arguments that go, come or are called otherwise, and the call in the stead of what is made of it."""

from __future__ import annotations

import libcst as cst

from headlint.mends.mend import Change, Prefix, Remove
from headlint.mends.scene import Scene


def without(scene: Scene, item: cst.CSTNode) -> Change | None:
    """Take an argument or an item of a list out, with its comma; None where it stands in neither."""
    return Remove(item) if _neighbours(scene, item) is not None else None


def _neighbours(scene: Scene, item: cst.CSTNode) -> object:
    around = scene.parent(item)
    if isinstance(around, cst.Call) and isinstance(item, cst.Arg):
        return around.args
    return around.elements if isinstance(around, (cst.List, cst.Tuple)) and len(around.elements) > 1 else None


def item_of(scene: Scene, value: cst.CSTNode) -> cst.CSTNode | None:
    """The argument or the item of a list that a value is."""
    around = scene.parent(value)
    if isinstance(around, (cst.Arg, cst.Element)) and (isinstance(around, cst.Element) or around.keyword is None):
        return around
    return None


def before_item(scene: Scene, value: cst.CSTNode, code: str) -> Change | None:
    """Write another item before an argument or an item of a list, on a line of its own if that one has one."""
    item = item_of(scene, value)
    if item is None:
        return None
    start = scene.offsets.of_span(scene.program.span(item))[0]
    indent = scene.program.text[scene.offsets.line_start(start) : start]
    between = " " if indent.strip() else scene.offsets.usual_end + indent
    return Prefix(item, f"{code},{between}")
