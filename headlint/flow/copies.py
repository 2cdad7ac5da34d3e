"""Copies of models: `copy.deepcopy` gives a model of its own that has come the same way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules
from headlint.flow.calls import Arguments, as_list
from headlint.flow.items import iterate
from headlint.flow.state import ContainerObject, LayerObject, PartObject, State, ZooObject
from headlint.flow.value import Constant, Instance, ListRef, Module, Parameter, Symbol, Tuple, Unknown, Value
from headlint.history import (
    AnyEvent,
    Build,
    DeleteModule,
    LoadState,
    MakeContainer,
    MakeLayer,
    ModuleRef,
    ParameterRef,
    SetAttribute,
    SetFlag,
    SetModule,
    modules_of,
)
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# A copy of copies has twice as many objects each time.
MOST_COPIED = 200


def deep_copy(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`copy.deepcopy`: a model whose making is known is made once more; anything else is not followed."""
    if not arguments.positional:
        return state.origin(node, text_of(node))
    source = arguments.positional[0]
    if not isinstance(source, Module):
        return source if isinstance(source, (Constant, Symbol)) else Unknown("a copy of something that can change")
    numbers = _new_numbers(state, source.ref)
    if numbers is None:
        return modules.make_opaque(state, f"a copy of '{text_of(node)}'", node)
    for event in list(state.trace):
        if not numbers.keys().isdisjoint(modules_of(event)):
            again = _renumbered(event, numbers)
            if again is not None:
                state.trace.append(replace(again, site=node) if isinstance(again, Build) else again)
    _copy_records(state, numbers)
    return Module(ModuleRef(numbers[source.ref.object], ""))


def shallow_copy(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`copy.copy`: of a list another one with the same items; a module's copy shares its inside with it."""
    source = arguments.positional[0] if arguments.positional else None
    if isinstance(source, ListRef):
        items = iterate(state, source)
        return as_list(state, items or (), complete=items is not None)
    if isinstance(source, (Constant, Symbol, Tuple)):
        return source
    if isinstance(source, (Module, Instance, Parameter)):
        run.hand_over(state, source, "it shares its inside with a copy", node)
    return state.origin(node, text_of(node))


def _new_numbers(state: State, ref: ModuleRef) -> dict[int, int] | None:
    """A new number for every object in a module, None where what it is made of is not wholly known."""
    if ref.path:
        return None
    inside = modules.objects_in(state, ref)
    followed = (ZooObject, PartObject, LayerObject, ContainerObject)
    if not state.escaped.keys().isdisjoint(inside) or not all(isinstance(state.heap[n], followed) for n in inside):
        return None
    # What was replaced belongs to the story too.
    together = set(inside)
    for event in state.trace:
        touched = set(modules_of(event))
        if isinstance(event, (SetModule, MakeContainer)) and not touched.isdisjoint(together):
            together |= touched
    if len(together) > MOST_COPIED or not all(isinstance(state.heap.get(number), followed) for number in together):
        return None
    return {number: state.identity() for number in sorted(together)}


def _renumbered(event: AnyEvent, numbers: dict[int, int]) -> AnyEvent | None:
    """The event as it happens to the copy, None for what happens to no copy."""

    def module(ref: ModuleRef) -> ModuleRef:
        return ModuleRef(numbers.get(ref.object, ref.object), ref.path)

    match event:
        case Build() | MakeLayer():
            return replace(event, object=numbers[event.object])
        case MakeContainer():
            children = tuple((name, module(child)) for name, child in event.children)
            return replace(event, object=numbers[event.object], children=children)
        case SetModule():
            value, replaced = event.value, event.replaced
            return replace(
                event,
                target=module(event.target),
                value=None if value is None else module(value),
                replaced=None if replaced is None else module(replaced),
            )
        case DeleteModule() | SetAttribute() | LoadState():
            return replace(event, target=module(event.target))
        case SetFlag():
            own = tuple(ref for ref in event.parameters if ref.object in numbers)
            return replace(event, parameters=tuple(_parameter(ref, numbers) for ref in own))
    return None


def _parameter(ref: ParameterRef, numbers: dict[int, int]) -> ParameterRef:
    return ParameterRef(numbers.get(ref.object, ref.object), ref.path)


def _copy_records(state: State, numbers: dict[int, int]) -> None:
    """What the path knows of the objects, for their copies."""

    def module(ref: ModuleRef) -> ModuleRef:
        return ModuleRef(numbers.get(ref.object, ref.object), ref.path)

    for old, new in numbers.items():
        state.heap[new] = state.heap[old]
    for ref, inside in list(state.children.items()):
        if ref.object in numbers:
            state.children[module(ref)] = tuple((name, child and module(child)) for name, child in inside)
    for (ref, name), value in list(state.attributes.items()):
        if ref.object in numbers:
            state.attributes[module(ref), name] = value
    for parameter, flag in list(state.flags.items()):
        if parameter.object in numbers:
            state.flags[_parameter(parameter, numbers)] = flag
    for ref, mode in list(state.modes.items()):
        if ref.object in numbers:
            state.modes[module(ref)] = mode
