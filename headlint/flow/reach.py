"""Which functions and classes can come by a torchvision model at all: the rest need not be entered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libcst as cst

from headlint.flow.scope import STAR_IMPORTS, enclosing_frame
from headlint.flow.state import State
from headlint.flow.value import DictRef, External, Function, Instance, ListRef, Method, Module, Partial, Symbol, Tuple
from headlint.flow.value import Iterator as Items
from headlint.source.nodes import descend

_HOLDERS = (DictRef, Instance, Items, ListRef, Method, Module, Partial, Tuple)


def identifiers(node: cst.CSTNode) -> frozenset[str]:
    """Every name and attribute name in a piece of code."""
    return frozenset(here.value for here in descend((node,)) if type(here) is cst.Name)


def assigned_outside(state: State, function: Function) -> Iterator[tuple[int, str]]:
    """The names of other functions and of the module that a function may assign, with their frames."""
    for here in descend((function.node,)):
        if type(here) not in (cst.Global, cst.Nonlocal):
            continue
        for item in here.names:
            name = item.name.value
            frame = 0 if type(here) is cst.Global else enclosing_frame(state, function.frame, name)
            if frame is not None and name in state.frames.get(frame, {}):
                yield frame, name


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
        elif isinstance(value, _HOLDERS) or (isinstance(value, Symbol) and value.op == "choice"):
            yield name
