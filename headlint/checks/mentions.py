"""Where the text of a program speaks of a model: attributes that it reads, and names that it uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libcst as cst

from headlint.source.nodes import descend, function_around, holds, names_assigned, parts


def reads_of(node: cst.CSTNode, name: str, receiver: str | None) -> Iterator[cst.CSTNode]:
    """Where code reads an attribute of this name for itself, or by `getattr`.

    `receiver` is what the method around it calls its own object, which is no model that a builder makes.
    """
    pending: list[Any] = [node]
    while pending:
        here = pending.pop()
        kind = type(here)
        inside = parts(here)
        if kind is cst.ClassDef:
            for method in (part for part in here.body.body if type(part) is cst.FunctionDef):
                first = (*method.params.posonly_params, *method.params.params)[:1]
                yield from reads_of(method.body, name, first[0].name.value if first else None)
            inside = [part for part in here.body.body if type(part) is not cst.FunctionDef]
        elif kind is cst.Attribute and here.attr.value == name:
            if not (type(here.value) is cst.Name and here.value.value == receiver):
                yield here
        elif kind in _AROUND:
            # What is assigned is not read, nor is a layer that is only asked for something in it.
            place = here.value if kind is cst.Attribute or kind is cst.Subscript else here.target
            if type(place) is cst.Attribute:
                inside = [part for part in inside if part is not place] + [_behind_dots(place)]
        elif kind is cst.Call and _gets_attribute(here, name):
            yield here
        pending += inside


# What stands around a place without reading it as such.
_AROUND = frozenset({cst.Attribute, cst.Subscript, cst.AssignTarget, cst.AnnAssign})


def _gets_attribute(node: cst.Call, name: str) -> bool:
    """Whether a call is `getattr` with a name that is written out."""
    if type(node.func) is not cst.Name or node.func.value != "getattr" or len(node.args) < 2:
        return False
    asked = node.args[1].value
    return type(asked) is cst.SimpleString and asked.value.strip("\"'") == name


def is_named(tree: cst.Module, name: str, site: cst.CSTNode) -> bool:
    """Whether a model's name may be read where it means the model: behind the site, elsewhere or as a whole.

    Before the site, in the same body, it may be bound and asked for its parts. Functions with a variable of their
    own by this name mean something else.
    """
    around = function_around(tree, site)
    root = around if isinstance(around, cst.FunctionDef) and _owns(around, name) else tree
    behind = False
    # Nodes in the order of the source, each with what stands around it.
    pending: list[tuple[cst.CSTNode, cst.CSTNode | None, bool]] = [(root, None, around is root)]
    while pending:
        here, outer, inside = pending.pop()
        if isinstance(here, cst.Name) and here.value == name and not _is_label(here, outer):
            if behind or not inside or not isinstance(outer, (cst.AssignTarget, cst.Attribute, cst.Subscript)):
                return True
            continue
        if here is site:
            behind = True
            continue
        inner = parts(here)
        if isinstance(here, (cst.FunctionDef, cst.Lambda)) and here is not root:
            inside = here is around
            if isinstance(here, cst.FunctionDef) and not holds(here, site) and _owns(here, name):
                inner = [part for part in inner if part is not here.body and part is not here.params]
        pending.extend((part, here, inside) for part in reversed(inner))
    return False


def _owns(function: cst.FunctionDef, name: str) -> bool:
    """Whether a name is a variable of this very function."""
    listed = function.params
    given = (*listed.posonly_params, *listed.params, *listed.kwonly_params, listed.star_arg, listed.star_kwarg)
    if any(isinstance(one, cst.Param) and one.name.value == name for one in given):
        return True
    elsewhere = (cst.Global, cst.Nonlocal)
    if any(
        isinstance(node, elsewhere) and any(item.name.value == name for item in node.names)
        for node in descend((function.body,))
    ):
        return False
    return name in names_assigned([function.body])


def _is_label(node: cst.Name, outer: cst.CSTNode | None) -> bool:
    """Whether a name is that of an attribute or of an argument."""
    if isinstance(outer, cst.Attribute):
        return outer.attr is node
    return isinstance(outer, cst.Arg) and outer.keyword is node


def _behind_dots(node: cst.BaseExpression) -> cst.BaseExpression:
    while type(node) is cst.Attribute:
        node = node.value
    return node
