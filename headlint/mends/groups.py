"""Mends of what optimizers are given: iterators that are used up, and groups that share parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst

from headlint.mends.mend import Mend, Replace
from headlint.mends.places import target_of
from headlint.mends.scene import Scene
from headlint.source.nodes import descend


def kept_in_list(scene: Scene, call: cst.CSTNode) -> Iterator[Mend]:
    """Put what the optimizer is given into a list, where it gets its name."""
    first = call.args[0].value if isinstance(call, cst.Call) and call.args else None
    if not isinstance(first, (cst.Name, cst.Attribute)):
        return
    for node in descend((scene.program.tree,)):
        target = target_of(node) if isinstance(node, cst.Assign) else None
        if target is None or not isinstance(node, cst.Assign) or scene.code(target) != scene.code(first):
            continue
        text = scene.text(node.value)
        if isinstance(node.value, cst.GeneratorExp):
            yield Mend("keep the parameters in a list", "safe", (Replace(node, f"{scene.text(target)} = [{text}]"),))
        elif isinstance(node.value, cst.Call) and not node.value.lpar:
            yield Mend("keep the parameters in a list", "safe", (Replace(node.value, f"list({text})"),))


def disjoint_groups(scene: Scene, call: cst.CSTNode) -> Iterator[Mend]:
    """Leave the parameters of a layer that has a group of its own out of the group of what holds it."""
    values = [
        node.value
        for node in descend((scene.function(call),))
        if isinstance(node, cst.DictElement) and scene.code(node.key) in ('"params"', "'params'")
    ]
    owners = [(value, _owner(scene, value)) for value in values]
    for value, owner in owners:
        inner = [other for _, other in owners if owner and other.startswith((f"{owner}.", f"{owner}["))]
        names = [f"{_place(other.removeprefix(owner))}." for other in inner]
        if names and all("None" not in name for name in names):
            shown = f'"{names[0]}"' if len(names) == 1 else "(" + ", ".join(f'"{name}"' for name in names) + ")"
            code = f"[p for name, p in {owner}.named_parameters() if not name.startswith({shown})]"
            yield Mend(
                f"leave {', '.join(name.rstrip('.') for name in names)} out of the group of {owner}",
                "safe",
                (Replace(value, code),),
            )


def _owner(scene: Scene, value: cst.CSTNode) -> str:
    """Whose parameters these are, empty if it is not written here."""
    if isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute) and value.func.attr.value == "parameters":
        return scene.code(value.func.value)
    return ""


def _place(code: str) -> str | None:
    """`.classifier[6]` as the names of parameters have it, None for anything but attributes and numbers."""
    if not re.fullmatch(r"(\.\w+|\[\d+\])+", code):
        return None
    return re.sub(r"\[(\d+)\]", r".\1", code).lstrip(".")
