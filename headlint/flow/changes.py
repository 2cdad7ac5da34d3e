"""Changing modules: each change is written into the tables of the path, and appended to its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headlint.flow.modules import children_of, objects_in, walk
from headlint.flow.sizes import as_argument
from headlint.flow.state import Children, ExtractorObject, State
from headlint.flow.value import Constant, Unknown, Value
from headlint.history import (
    Argument,
    DeleteModule,
    Escape,
    ModuleRef,
    ParameterRef,
    SetAttribute,
    SetFlag,
    SetModule,
    SetParameterAttribute,
)

if TYPE_CHECKING:
    from typing import Literal

    import libcst as cst


def set_module(
    state: State,
    target: ModuleRef,
    name: str,
    value: ModuleRef | None,
    how: Literal["attribute", "item", "add_module"],
    site: cst.CSTNode,
) -> None:
    """Put a module (or None) under `name`, in the place of what stood there or behind the others."""
    if value is not None and (value == target or any(inside == target for _, inside in walk(state, value))):
        escape(state, target, "it is put into itself", site)
        return
    keep_as_trained(state)
    inside = children_of(state, target)
    replaced: ModuleRef | None = None
    changed: list[tuple[str, ModuleRef | None]] = []
    found = False
    for child_name, child in inside:
        if child_name == name:
            found, replaced = True, child
            changed.append((name, value))
        else:
            changed.append((child_name, child))
    if not found:
        changed.append((name, value))
    doubt_extractors(state, target)
    state.children[target] = tuple(changed)
    state.attributes.pop((target, name), None)
    state.trace.append(SetModule(target, name, value, replaced, how, site=site))


def keep_as_trained(state: State) -> None:
    """Keep how everything stands behind the last step of an optimizer, before the first thing that is done then."""
    if state.steps and state.trained is None:
        state.trained = state.fork()


def delete_module(state: State, target: ModuleRef, name: str, left: Children, site: cst.CSTNode) -> None:
    """Take what stands under `name` out of a module, in which the others are `left`."""
    keep_as_trained(state)
    doubt_extractors(state, target)
    removed = dict(children_of(state, target)).get(name)
    state.children[target] = left
    state.trace.append(DeleteModule(target, name, removed, site=site))


def doubt_extractors(state: State, changed: ModuleRef) -> None:
    """A graph that was made of a model holds the layers that it had then, in modules of its own around them.

    Here it shares the modules around the layers, too: when one of those is changed, what it holds is not known.
    """
    for number, record in state.heap.items():
        if not isinstance(record, ExtractorObject) or record.kind != "GraphModule" or number in state.escaped:
            continue
        if any(inside == changed for _, inside in walk(state, ModuleRef(number, ""))):
            state.escaped[number] = "its model was changed when it had been made"


def set_plain(state: State, target: ModuleRef, name: str, value: Value, site: cst.CSTNode) -> None:
    """Assign something that is no module to an attribute."""
    state.attributes[target, name] = value
    argument = as_argument(value)
    if not isinstance(argument, Unknown):
        state.trace.append(SetAttribute(target, name, argument, site=site))


def set_flags(state: State, parameters: tuple[ParameterRef, ...], value: bool | None, site: cst.CSTNode) -> None:
    """`requires_grad` of these parameters becomes `value` (None: not known). Loops at one site make one event."""
    if value is False and parameters:
        keep_as_trained(state)
    for parameter in parameters:
        state.flags[parameter] = value
    if value is None or not parameters:
        return
    last = state.trace[-1] if state.trace else None
    if isinstance(last, SetFlag) and last.site is site and last.value is value:
        state.trace[-1] = SetFlag(tuple(dict.fromkeys((*last.parameters, *parameters))), value, site=site)
    else:
        state.trace.append(SetFlag(parameters, value, site=site))


def set_parameter_attribute(
    state: State, parameters: tuple[ParameterRef, ...], name: str, value: Argument, site: cst.CSTNode
) -> None:
    """A plain value is put under another name than `requires_grad`. Loops at one site make one event."""
    last = state.trace[-1] if state.trace else None
    if isinstance(last, SetParameterAttribute) and last.site is site and (last.name, last.value) == (name, value):
        state.trace[-1] = SetParameterAttribute((*last.parameters, *parameters), name, value, site=site)
    else:
        state.trace.append(SetParameterAttribute(parameters, name, value, site=site))


# Under this reference the state keeps that something unknown was frozen, which may be a part of any model.
ELSEWHERE = ModuleRef(-1, "")


def set_unknown_flags(state: State, value: bool | None) -> None:
    """`requires_grad` is written on something unknown: whatever that may undo is no longer known."""
    if value is not False:
        for parameter, flag in state.flags.items():
            if flag is False:
                state.flags[parameter] = None
    if value is not True:
        state.attributes[ELSEWHERE, "frozen"] = Constant(True)


def escape(state: State, ref: ModuleRef, reason: str, site: cst.CSTNode) -> None:
    """A module and all in it are handed to code out of sight."""
    for number in sorted(objects_in(state, ref)):
        if number not in state.escaped:
            state.escaped[number] = reason
            state.trace.append(Escape(ModuleRef(number, ""), reason, site=site))
