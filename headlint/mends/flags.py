"""What code that writes flags names: the parameters that it writes them on."""

from __future__ import annotations

import libcst as cst

from headlint.mends.scene import Scene


def parameters_in(scene: Scene, site: cst.CSTNode) -> tuple[cst.CSTNode, str]:
    """The statement that sets the flags of a module's parameters, and code for these; empty if it names no module."""
    for around in scene.around(site):
        if isinstance(around, (cst.FunctionDef, cst.ClassDef)):
            break
        if isinstance(around, cst.For) and _is_method(around.iter, "parameters"):
            return around, scene.text(around.iter)
    statement = scene.statement(site)
    if isinstance(site, cst.Call):
        if isinstance(site.func, cst.Attribute) and site.func.attr.value == "requires_grad_":
            return statement, f"{scene.whole_text(site.func.value)}.parameters()"
        first = site.args[0].value if site.args else None
        if isinstance(first, (cst.Name, cst.Attribute, cst.Subscript)):
            return statement, f"{scene.text(first)}.parameters()"
    return statement, ""


def _is_method(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == name
