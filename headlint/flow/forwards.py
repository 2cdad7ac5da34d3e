"""Forwards of the file's classes as small programs over tensors, as far as they are understood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product, takewhile
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules
from headlint.flow.arguments import Arguments
from headlint.flow.calls import call
from headlint.flow.choice import TooManyWays, each_way
from headlint.flow.classes import class_attribute, is_module_class
from headlint.flow.reach import identifiers
from headlint.flow.state import InstanceRecord, State, ZooObject
from headlint.flow.structures import packed
from headlint.flow.value import NONE, Function, Instance, Method, Symbol, Tensor, Value
from headlint.history import Define, MakeContainer, MakeLayer, MakeOpaque, Operation, SetModule

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

MOST_OPERATIONS = 64
MOST_INPUTS = 4
# Ways through a forward whose optional arguments may be given; beyond these it is left alone.
MOST_OTHERS = 8
MOST_TENSORS_MORE = 2


@dataclass(frozen=True, slots=True)
class Signature:
    """The names of what a forward must be given, in order, and its other parameters with their defaults.

    One that uses what comes in by `*` or `**` is `open`.
    """

    required: tuple[str, ...]
    optional: tuple[tuple[str, Value], ...]
    open: bool = False

    def takes_plainly(self, arguments: Arguments) -> bool:
        """Whether a call gives what is required and nothing else."""
        behind = self.required[len(arguments.positional) :]
        given = {name for name, _ in arguments.keywords}
        return arguments.complete and len(arguments.positional) <= len(self.required) and given == set(behind)


def signature(state: State, owner: Instance) -> Signature | None:
    """What the forward of an object of the file takes, None where it has none that is known."""
    record = state.heap.get(owner.identity)
    forward = class_attribute(state, record.owner, "forward") if isinstance(record, InstanceRecord) else None
    return _signature(forward) if isinstance(forward, Function) else None


def _signature(forward: Function) -> Signature:
    parameters = forward.node.params
    defaults = dict(forward.defaults)
    names = [parameter.name.value for parameter in (*parameters.posonly_params, *parameters.params)][1:]
    # An input is an input, with a default or without one.
    required = [name for number, name in enumerate(names) if name not in defaults or not number]
    further = [name for name in names if name not in required]
    further += [parameter.name.value for parameter in parameters.kwonly_params]
    optional = tuple((name, defaults[name]) for name in further if name in defaults)
    stars = (parameters.star_arg, parameters.star_kwarg)
    named = {star.name.value for star in stars if isinstance(star, cst.Param)}
    return Signature(tuple(required), optional, not named.isdisjoint(identifiers(forward.node.body)))


def define(run: Interpreter, state: State, instance: Instance, *, called: bool = False) -> None:
    """Note what the forward of an object of the file does, if that is understood.

    It is wanted of what holds a model, stands in one, or is `called` by a forward that is wanted.
    """
    record = state.heap.get(instance.identity)
    if not isinstance(record, InstanceRecord) or record.escaped or not is_module_class(state, record.owner):
        return
    forward = class_attribute(state, record.owner, "forward")
    if not isinstance(forward, Function) or id(forward.node) in run.stack:
        return
    if not called and not _concerns_models(state, instance):
        return
    if any(isinstance(event, Define) and event.object == instance.identity for event in state.trace):
        return
    for number in sorted(modules.objects_in(state, modules.ref_of(instance)) - {instance.identity}):
        if isinstance(state.heap.get(number), InstanceRecord):
            define(run, state, Instance(number), called=True)
    takes = _signature(forward)
    method = Method(instance, "forward", forward)
    for count in _counts(takes):
        given = tuple(Tensor(-number) for number in range(count))
        ways = _ways_through(run, state, method, Arguments(given))
        way = ways[0] if ways is not None and len(ways) == 1 else None
        operations = () if way is None else _program(way)
        if operations:
            break
    else:
        return
    assert way is not None
    others = _other_ways(run, state, method, takes, operations) if takes.optional or takes.open else ()
    _take_over(state, way)
    parts = tuple((name, ref) for name, ref in modules.children_of(state, modules.ref_of(instance)) if ref is not None)
    event = Define(instance.identity, operations, parts, len(given), others, site=forward.node)
    state.trace.append(event)
    for operation in operations:
        made = operation.module
        if made is not None and isinstance(state.heap.get(made.object), InstanceRecord):
            define(run, state, Instance(made.object), called=True)


def _counts(takes: Signature) -> Iterator[int]:
    """How many inputs a forward may have: those that it must be given, then those that are left out by default, too."""
    must = max(1, len(takes.required))
    missing = len(list(takewhile(lambda one: one[1] == NONE, takes.optional)))
    yield from (count for count in dict.fromkeys((must, must + missing)) if count <= MOST_INPUTS)


def _concerns_models(state: State, instance: Instance) -> bool:
    """Whether an object holds a model of torchvision or was put into something."""
    inside = modules.objects_in(state, modules.ref_of(instance))
    if any(isinstance(state.heap.get(number), ZooObject) for number in inside):
        return True
    return any(
        (isinstance(event, SetModule) and event.value == modules.ref_of(instance))
        or (isinstance(event, MakeContainer) and any(child == modules.ref_of(instance) for _, child in event.children))
        for event in state.trace
    )


def _take_over(state: State, way: State) -> None:
    """Have what a forward makes for itself, such as a slice of a Sequential, before the operations that call it.

    What it moves to another device is moved, too.
    """
    state.moves.update(way.moves)
    for event in way.trace[len(state.trace) :]:
        if isinstance(event, (MakeContainer, MakeLayer, MakeOpaque)):
            state.trace.append(event)
            state.heap[event.object] = way.heap[event.object]
            state.children.update((ref, held) for ref, held in way.children.items() if ref.object == event.object)
    state.next_identity = way.next_identity


def _ways_through(run: Interpreter, state: State, method: Method, given: Arguments) -> list[State] | None:
    """The ways through a forward that is given these, each with its operations; None where they are too many."""
    assert method.function is not None
    forward = method.function.node
    trial = state.fork()
    trial.operations = []
    trial.recording = True
    ended, called = len(run.ended), set(run.called)
    try:
        ways = each_way(trial, lambda path: packed(path, call(run, path, method, given, forward), forward))
    except TooManyWays:
        return None
    finally:
        del run.ended[ended:]
        run.called = called
    for path, value in ways:
        path.returned = NONE if value is None else value
    return [path for path, _ in ways if path.completion is None]


# Operations of which nothing is left to do where nobody takes what they give.
_OF_PARTS = frozenset({"item", "tuple", "dict"})


def _program(way: State) -> tuple[Operation, ...]:
    """The operations of a way, none where the last one does not give what forward returns.

    Calls with something unknown, of which nothing came, are left out, and so are parts that nothing takes.
    """
    met = way.operations or ()
    result = way.returned
    if not isinstance(result, Tensor) or result.number <= 0:
        return ()
    taken = {result.number}
    for number in range(len(met), 0, -1):
        if met[number - 1].kind not in _OF_PARTS or number in taken:
            taken.update(met[number - 1].inputs)
    numbers: dict[int, int] = {}
    kept: list[Operation] = []
    for number, operation in enumerate(met, 1):
        if operation.inputs and (operation.kind not in _OF_PARTS or number in taken):
            inputs = tuple(numbers.get(value, value) for value in operation.inputs)
            kept.append(replace(operation, inputs=inputs))
            numbers[number] = len(kept)
    return tuple(kept) if numbers[result.number] == len(kept) <= MOST_OPERATIONS else ()


def _other_ways(
    run: Interpreter,
    state: State,
    method: Method,
    takes: Signature,
    operations: tuple[Operation, ...],
) -> tuple[tuple[Operation, ...], ...] | None:
    """The operations where optional arguments are given that change them; None where it goes too many ways."""
    assert method.function is not None
    if takes.open:
        return None
    key = id(method.function.node)
    others: dict[tuple[Operation, ...], None] = {}
    choices: list[list[Value | None]] = []
    given = tuple(Tensor(-number) for number in range(max(1, len(takes.required))))
    for number, (name, default) in enumerate(takes.optional, len(given)):
        # What is left out by default may be a tensor, and all else may have any value of its kind.
        tensor = default == NONE
        choices.append([None, Tensor(-number)] if tensor else [Symbol("name", ("given", key, name), name)])
    if sum(len(choice) > 1 for choice in choices) > MOST_TENSORS_MORE:
        return None
    for chosen in product(*choices):
        named = ((name, value) for (name, _), value in zip(takes.optional, chosen, strict=True) if value is not None)
        ways = _ways_through(run, state, method, Arguments(given, tuple(named)))
        if ways is None:
            return None
        others.update((tuple(way.operations or ()), None) for way in ways)
    others.pop(operations, None)
    return tuple(others) if len(others) <= MOST_OTHERS else None
