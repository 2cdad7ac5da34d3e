"""Sequentials that are never run: they only hold parts, which the code runs by themselves, for their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import libcst as cst

from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.state import InstanceRecord
from headlint.flow.value import Class, Module
from headlint.history import Define, MakeContainer, ModuleRef
from headlint.source.nodes import descend

# Methods of a module that are no use of its forward.
_HOLDING = frozenset(
    "parameters named_parameters buffers named_buffers state_dict load_state_dict requires_grad_ zero_grad train eval"
    " apply to cuda cpu half float double share_memory append extend insert add_module register_module".split()
)
# By these names an object reaches all its parts without naming them.
_ALL_PARTS = frozenset("children named_children modules named_modules _modules __dict__".split())
_DEEPEST = 8


def only_holds(history: ModelHistory, ref: ModuleRef) -> bool:
    """Whether nothing in the code runs this Sequential, and something shows that it is not for that.

    Either it is an attribute of an object of the file whose methods never name it but for its parameters, or the code
    runs its parts by themselves, or what it stands in only holds, too.
    """
    return _only_holds(history, ref, _run(history), _DEEPEST)


def _only_holds(history: ModelHistory, ref: ModuleRef, run: AbstractSet[ModuleRef], deepest: int) -> bool:
    """The same where it is known what is run, with at most so many containers around one another."""
    if ref in run or deepest < 0:
        return False
    named = {_named(owner, name) for owner, name in _owners(history, ref)}
    if named and named != {"otherwise"}:
        return "called" not in named
    containers = (event for event in history.events if isinstance(event, MakeContainer))
    around = [ModuleRef(event.object, "") for event in containers if ref in (child for _, child in event.children)]
    if around:
        return all(_only_holds(history, outer, run, deepest - 1) for outer in around)
    # An object of the file that code out of sight has had takes its attributes with it.
    handed_over = not named and ref.object in history.state.escaped
    return not handed_over and not run.isdisjoint(_inside(history, ref))


def _run(history: ModelHistory) -> set[ModuleRef]:
    """The modules that the code calls, itself or in a forward of the file."""
    defines = (event for event in history.state.trace if isinstance(event, Define))
    return {*history.state.called, *(step.module for define in defines for step in define.operations if step.module)}


def _inside(history: ModelHistory, ref: ModuleRef) -> set[ModuleRef]:
    """The modules that stand in a Sequential, also in those inside it."""
    found: set[ModuleRef] = set()
    waiting = [ref]
    while waiting:
        if modules.kind_of(history.state, here := waiting.pop()) == "Sequential":
            new = {child for _, child in modules.children_of(history.state, here) if child is not None} - found
            found |= new
            waiting.extend(new)
    return found


def _owners(history: ModelHistory, ref: ModuleRef) -> Iterator[tuple[Class, str]]:
    """The classes of the file of whose objects a module is an attribute, with the name it has there."""
    for record in history.state.heap.values():
        if isinstance(record, InstanceRecord):
            yield from ((record.owner, name) for name, value in record.attributes if value == Module(ref))


def _named(owner: Class, name: str) -> str:
    """How the methods of a class name an attribute: "called", "otherwise", or "" for its parameters only.

    Those of what the class is made from in the file count, too.
    """
    idle: set[int] = set()
    found = ""
    for here in descend((owner.node,)):
        if isinstance(here, (cst.AssignTarget, cst.AnnAssign)):
            idle.add(id(here.target))
        elif isinstance(here, cst.Call) and _is_attribute(here.func, name):
            return "called"
        elif isinstance(here, cst.Attribute):
            if here.attr.value in _HOLDING:
                idle.add(id(here.value))
            whole = here.attr.value in _ALL_PARTS and isinstance(here.value, cst.Name) and here.value.value == "self"
            if whole or (_is_attribute(here, name) and id(here) not in idle):
                found = "otherwise"
        elif isinstance(here, cst.SimpleString) and here.raw_value == name:
            found = "otherwise"
    inherited = {_named(base, name) for base in owner.bases if isinstance(base, Class)}
    return next((how for how in ("called", "otherwise") if how in inherited | {found}), "")


def _is_attribute(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value == name
