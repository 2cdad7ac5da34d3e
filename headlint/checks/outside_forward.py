"""Whether a program may use a part of a model in another way than through its forward."""

from __future__ import annotations

import re

import libcst as cst

from headlint.source.nodes import descend

# By these a program reaches parts without naming them, or takes names of parts from somewhere else.
_UNNAMED = re.compile(
    r"\b(children|named_children|named_modules|_modules|get_submodule|__dict__|delattr|load_url|safetensors"
    r"|load_state_dict_from_url|load_from_checkpoint)\b|\btorch\s*\.\s*load\b|\bstrict\s*="
    r"|\bhub\s*\.(?!\s*load\(\s*[\"']pytorch/vision)"
    r"|\b[gs]etattr\((?!\s*(args|config|torch|torchvision|models|optim)\b)|\bvars\((?!\s*(args|config)\b)"
)
# What a layer is asked for that is no use of it.
_ASKED = frozenset("parameters in_features out_features in_channels out_channels train eval requires_grad_".split())


def may_be_used(tree: cst.Module, text: str, name: str) -> bool:
    """Whether anything in the program may run, read or name a part that stands under this name somewhere.

    To put it there, and to ask it for its sizes, its parameters or its mode, is no use of it. A program that loads a
    checkpoint may keep the part for the names in that.
    """
    if _UNNAMED.search(text):
        return True
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    named: list[cst.Attribute] = []
    idle: set[int] = set()
    for node in descend((tree,)):
        match node:
            case cst.AssignTarget(target=cst.Attribute() as target) | cst.AnnAssign(target=cst.Attribute() as target):
                idle.update({id(target), id(target.value)})
            case cst.Attribute():
                if node.attr.value == name:
                    named.append(node)
                if node.attr.value in _ASKED:
                    idle.add(id(node.value))
            case cst.SimpleString() | cst.FormattedStringText():
                if word.search(node.value):
                    return True
    return any(id(node) not in idle for node in named)
