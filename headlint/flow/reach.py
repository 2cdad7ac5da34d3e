"""Which functions and classes can come by a torchvision model at all: the rest need not be entered."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from headlint.flow.scope import STAR_IMPORTS
from headlint.flow.state import State
from headlint.flow.value import DictRef, External, Instance, Iterator, ListRef, Method, Module, Partial, Tuple
from headlint.source.nodes import descend

_HOLDERS = (DictRef, Instance, Iterator, ListRef, Method, Module, Partial, Tuple)


def identifiers(node: cst.CSTNode) -> frozenset[str]:
    """Every name and attribute name in a piece of code."""
    return frozenset(here.value for here in descend((node,)) if type(here) is cst.Name)


def reaching(start: State, definitions: Iterable[cst.FunctionDef | cst.ClassDef]) -> set[int]:
    """The definitions (by the identity of their nodes) that name a way to a model, or another one that does."""
    names = {"torchvision", "hub", "get_model", *_names_of_models(start)}
    everything = STAR_IMPORTS in start.frames[0]
    waiting = [(node, identifiers(node)) for node in definitions]
    reached: set[int] = set()
    grown = True
    while grown:
        grown = False
        for node, used in waiting:
            if id(node) not in reached and (everything or not used.isdisjoint(names)):
                reached.add(id(node))
                names.add(node.name.value)
                grown = True
    return reached


def _names_of_models(start: State) -> Iterable[str]:
    """The names at module level that stand for torchvision's models or for anything that may hold one."""
    for name, value in start.frames[0].items():
        if isinstance(value, External):
            if value.name == "torchvision" or value.name.startswith("torchvision.models"):
                yield name
        elif isinstance(value, _HOLDERS):
            yield name
