"""Mends of statements that write an attribute: another name, or a call of a method instead."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from headlint.mends.mend import Mend, Replace
from headlint.mends.scene import Scene
from headlint.source.nodes import descend


def renamed(scene: Scene, site: cst.CSTNode, name: str, right: str) -> Iterator[Mend]:
    """Write an attribute under another name, in an assignment or by `setattr`."""
    nodes: list[Replace] = []
    for node in descend((site,)):
        if isinstance(node, cst.Attribute) and node.attr.value == name and _is_target(scene, node):
            nodes.append(Replace(node.attr, right))
        elif isinstance(node, cst.SimpleString) and node.evaluated_value == name:
            nodes.append(Replace(node, f"{node.quote}{right}{node.quote}"))
    if nodes:
        yield Mend(f"write {right}", "safe", tuple(nodes))


def _is_target(scene: Scene, node: cst.Attribute) -> bool:
    return isinstance(scene.parent(node), (cst.AssignTarget, cst.AnnAssign))


def called(scene: Scene, site: cst.CSTNode, method: str) -> Iterator[Mend]:
    """Call a method of the object, with what was assigned to its attribute."""
    if isinstance(site, cst.Assign) and len(site.targets) == 1 and isinstance(site.targets[0].target, cst.Attribute):
        owner, value = site.targets[0].target.value, site.value
    elif isinstance(site, cst.Call) and len(site.args) == 3 and isinstance(site.func, cst.Name):
        owner, value = site.args[0].value, site.args[2].value
    else:
        return
    if isinstance(owner, (cst.Name, cst.Attribute, cst.Subscript, cst.Call)):
        code = f"{scene.whole_text(owner)}.{method}({scene.text(value)})"
        yield Mend(f"call {method}", "safe", (Replace(site, code),))
