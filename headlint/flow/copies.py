"""Copies of models: `copy.deepcopy` gives a model of its own that has come the same way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import making, modules
from headlint.flow.arguments import Arguments
from headlint.flow.classes import class_attribute, is_module_class
from headlint.flow.iterating import iterate
from headlint.flow.lists import as_list
from headlint.flow.state import (
    ContainerObject,
    DictRecord,
    InstanceRecord,
    LayerObject,
    ListRecord,
    OpaqueObject,
    PartObject,
    State,
    ZooObject,
)
from headlint.flow.value import (
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    ListRef,
    Module,
    Parameter,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import (
    AnyEvent,
    Build,
    DeleteModule,
    LoadState,
    MakeContainer,
    MakeLayer,
    MakeOpaque,
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
    """`copy.deepcopy`: models and layers, and lists, dicts and objects that hold them, are made once more."""
    if not arguments.positional:
        return state.origin(node, text_of(node))
    return _copied(state, arguments.positional[0], {}, node)


def _copied(state: State, value: Value, numbers: dict[int, int], node: cst.CSTNode) -> Value:
    """What a value is in a copy; `numbers` has the copy of everything that has one already."""
    match value:
        case Instance() if value.identity in numbers:
            return Instance(numbers[value.identity])
        case Constant() | Symbol() | External() | Function() | Class():
            return value
        case Tuple():
            return Tuple(tuple(_copied(state, item, numbers, node) for item in value.items), value.names)
        case ListRef() | DictRef():
            return replace(value, identity=_copied_record(state, value.identity, numbers, node))
        case Module():
            return _copied_module(state, value.ref, numbers, node)
        case Instance() if modules.built_on(state, value) is not None or _is_module(state, value):
            whole = _copied_module(state, ModuleRef(value.identity, ""), numbers, node)
            return modules.as_value(state, whole.ref)
        case Instance() if _is_plain_object(state, value):
            return Instance(_copied_record(state, value.identity, numbers, node))
    return Unknown("a copy of something that can change")


def _is_module(state: State, value: Instance) -> bool:
    """Whether an object of the file is an `nn.Module` by its class."""
    record = state.heap.get(value.identity)
    return isinstance(record, InstanceRecord) and is_module_class(state, record.owner)


def _is_plain_object(state: State, value: Instance) -> bool:
    """Whether an object of the file, which is no module, is known and copied as all objects are."""
    record = state.heap.get(value.identity)
    return isinstance(record, InstanceRecord) and not _is_module(state, value) and _is_copied_by_parts(state, record)


def _is_copied_by_parts(state: State, record: InstanceRecord) -> bool:
    """Whether a copy of an object is one with copies of its attributes, as far as these are known."""
    own = ("__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__")
    return not record.escaped and not any(class_attribute(state, record.owner, name) for name in own)


def _copied_record(state: State, identity: int, numbers: dict[int, int], node: cst.CSTNode) -> int:
    """A list, dict or object of the code's own with copies of all that is in it."""
    if identity in numbers:
        return numbers[identity]
    number = numbers[identity] = state.identity()
    match state.heap.get(identity):
        case ListRecord() as record:
            items = tuple(_copied(state, item, numbers, node) for item in record.items)
            state.heap[number] = replace(record, items=items)
        case DictRecord() as record:
            pairs = tuple((key, _copied(state, item, numbers, node)) for key, item in record.items)
            state.heap[number] = replace(record, items=pairs)
        case InstanceRecord() as record:
            held = tuple((name, _copied(state, item, numbers, node)) for name, item in record.attributes)
            state.heap[number] = replace(record, attributes=held)
    return number


def _copied_module(state: State, ref: ModuleRef, numbers: dict[int, int], node: cst.CSTNode) -> Module:
    """A module made once more, with all that stands in it; an opaque one where that is not wholly known."""
    if ref.object not in numbers:
        fresh = _new_numbers(state, ref)
        if fresh is None:
            return making.make_opaque(state, f"a copy of '{text_of(node)}'", node)
        # Of what a part was cut out of nobody has the rest: no site, no model of its own.
        wanted = set() if ref.path else modules.objects_in(state, ref)
        touching = (event for event in state.trace if not fresh.keys().isdisjoint(modules_of(event)))
        inherited = [again for event in touching if (again := _renumbered(event, fresh)) is not None]
        own = {fresh[number] for number in wanted}
        for index, again in enumerate(inherited):
            if isinstance(again, Build):
                site = node if again.object in own else None
                again = replace(again, site=site, inherited=len(inherited) - index - 1)
            state.trace.append(again)
        numbers.update(fresh)
        _copy_records(state, fresh, numbers, node)
    return Module(ModuleRef(numbers[ref.object], ref.path))


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
    inside = modules.objects_in(state, ref)
    if not state.escaped.keys().isdisjoint(inside) or not all(_is_followed(state, number) for number in inside):
        return None
    # What was replaced belongs to the story too.
    together = set(inside)
    for event in state.trace:
        touched = set(modules_of(event))
        if isinstance(event, (SetModule, MakeContainer)) and not touched.isdisjoint(together):
            together |= touched
    if len(together) > MOST_COPIED or not all(_is_followed(state, number) for number in together):
        return None
    return {number: state.identity() for number in sorted(together)}


def _is_followed(state: State, number: int) -> bool:
    """Whether a copy of an object can be made out of what is known of it."""
    record = state.heap.get(number)
    if isinstance(record, InstanceRecord):
        return _is_copied_by_parts(state, record)
    return isinstance(record, (ZooObject, PartObject, LayerObject, ContainerObject, OpaqueObject))


def _renumbered(event: AnyEvent, numbers: dict[int, int]) -> AnyEvent | None:
    """The event as it happens to the copy, None for what happens to no copy."""

    def module(ref: ModuleRef) -> ModuleRef:
        return ModuleRef(numbers.get(ref.object, ref.object), ref.path)

    match event:
        case Build() | MakeLayer() | MakeOpaque():
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
        case DeleteModule():
            removed = None if event.removed is None else module(event.removed)
            return replace(event, target=module(event.target), removed=removed)
        case SetAttribute() | LoadState():
            return replace(event, target=module(event.target))
        case SetFlag():
            own = tuple(ref for ref in event.parameters if ref.object in numbers)
            return replace(event, parameters=tuple(_parameter(ref, numbers) for ref in own))
    return None


def _parameter(ref: ParameterRef, numbers: dict[int, int]) -> ParameterRef:
    return ParameterRef(numbers.get(ref.object, ref.object), ref.path)


def _copy_records(state: State, numbers: dict[int, int], every: dict[int, int], node: cst.CSTNode) -> None:
    """What the path knows of the objects, for their copies; `every` has those of all that is copied."""

    def module(ref: ModuleRef) -> ModuleRef:
        return ModuleRef(numbers.get(ref.object, ref.object), ref.path)

    for old, new in numbers.items():
        record = state.heap[old]
        if isinstance(record, InstanceRecord):
            held = tuple((name, _copied(state, value, every, node)) for name, value in record.attributes)
            record = replace(record, attributes=held)
        state.heap[new] = record
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
