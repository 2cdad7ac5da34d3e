"""Mends of where gradients are switched off: the block, the decorator or the call that does so."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from headlint.mends.mend import Delete, Mend, Replace, Unwrap
from headlint.mends.scene import Scene
from headlint.source.nodes import descend

_OFF = frozenset({"no_grad", "inference_mode"})


def switched_on(scene: Scene) -> Iterator[Mend]:
    """Do without each place of the program that switches gradients off, one at a time."""
    for node in descend((scene.program.tree,)):
        match node:
            case cst.With(items=[cst.WithItem(item=item)]) if _switches_off(scene, item):
                yield Mend("take the code out of the block without gradients", "unsafe", (Unwrap(node),))
            case cst.Decorator(decorator=item) if _switches_off(scene, item):
                yield Mend("take the decorator off", "unsafe", (Delete(node),))
            case cst.Call(args=[argument]) if _is_switch(scene, node) and scene.code(argument) == "False":
                yield Mend("leave gradients on", "unsafe", (Replace(argument.value, "True"),))


def _switches_off(scene: Scene, node: cst.CSTNode) -> bool:
    function = node.func if isinstance(node, cst.Call) else node
    return scene.code(function).rpartition(".")[2] in _OFF


def _is_switch(scene: Scene, call: cst.Call) -> bool:
    return scene.code(call.func).rpartition(".")[2] == "set_grad_enabled"
