"""What a model is at one point of the code, as far as the code tells: its head, its parameters, what is frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from headlint.flow import modules
from headlint.flow.parameters import parameter_shape, parameters_of
from headlint.flow.state import LayerObject, State, ZooObject
from headlint.history import Argument, Build, ModuleRef, ParameterRef, SymbolicSize
from headlint.zoo import Builder

WIDTHS = (("in_features", "out_features"), ("in_channels", "out_channels"))


@dataclass(frozen=True)
class Count:
    """How many numbers some parameters hold: `known` and so many times each size that the code does not give.

    With `more` there are others of which nothing is known.
    """

    known: int
    times: tuple[tuple[str, int], ...]
    more: bool


@dataclass(frozen=True)
class Part:
    """A module at its place in a model, "" for the whole of it: what it is, and what `takes` and `gives`, if known.

    `made` says that the code put it there. `total` and `trainable` count its parameters' numbers; `unsure` says that
    some flags are not known, so that `trainable` is what trains at least.
    """

    place: str
    kind: str
    takes: Argument
    gives: Argument
    made: bool
    total: Count
    trainable: Count
    unsure: bool


@dataclass(frozen=True)
class Standing:
    """A model on one path: the `part` that was asked for, the model as a `whole`, and its heads as they are.

    `build` is its making, and `classes` the width that its main head gives, None where that is not known.
    `frozen` are the places of the model's own children in which nothing trains. `escaped` says to whom
    the model was handed out of sight, if it was: what it is may have changed there.
    """

    builder: Builder
    build: Build
    part: Part
    whole: Part
    heads: tuple[Part, ...]
    classes: Argument
    frozen: tuple[str, ...]
    escaped: str | None


def standing(state: State, ref: ModuleRef) -> Standing | None:
    """What the model that a module belongs to is on a path, None if it belongs to none of torchvision's."""
    for event in reversed(state.trace):
        if not isinstance(event, Build) or event.site is None:
            continue
        model = ModuleRef(event.object, "")
        record = state.heap.get(event.object)
        place = place_in(state, model, ref)
        if isinstance(record, ZooObject) and place is not None:
            places = [head.place for head in record.builder.heads]
            heads = (_head(state, model, place) for place in places)
            return Standing(
                builder=record.builder,
                build=event,
                part=_part(state, model, ref, place),
                whole=_part(state, model, model, ""),
                heads=tuple(head for head in heads if head is not None),
                classes=_classes(state, model, places[0]) if places else None,
                frozen=tuple(_frozen_children(state, model)),
                escaped=state.escaped.get(event.object),
            )
    return None


def place_in(state: State, model: ModuleRef, ref: ModuleRef) -> str | None:
    """Where a module stands in a model now, None if it does not."""
    return next((path for path, inside in modules.walk(state, model) if inside == ref), None)


def at_place(state: State, model: ModuleRef, place: str) -> ModuleRef | None:
    """The module that stands at a place of a model now."""
    here: ModuleRef | None = model
    for step in place.split(".") if place else ():
        here = None if here is None else dict(modules.children_of(state, here)).get(step)
    return here


def _head(state: State, model: ModuleRef, place: str) -> Part | None:
    """What stands where the builder has a head: that itself, or the outermost module of the code's own around it."""
    steps = place.split(".")
    for depth in range(1, len(steps) + 1):
        above = ".".join(steps[:depth])
        ref = at_place(state, model, above)
        if ref is not None and (above == place or ref.object != model.object):
            return _part(state, model, ref, above)
    return None


def _classes(state: State, model: ModuleRef, place: str) -> Argument:
    """What the outermost Sequential around a head gives, or the head alone; None where that is not known."""
    steps = place.split(".")
    for depth in range(1, len(steps) + 1):
        ref = at_place(state, model, ".".join(steps[:depth]))
        if ref is None:
            return None
        if depth == len(steps) or ref.object != model.object or modules.container_kind(state, ref) == "Sequential":
            return widths_of(state, ref)[1]
    return None


def _part(state: State, model: ModuleRef, ref: ModuleRef, place: str) -> Part:
    parameters = list(parameters_of(state, ref))
    flags = [state.flags.get(parameter, True) for _, parameter in parameters]
    trains = [parameter for parameter, flag in zip(parameters, flags, strict=True) if flag]
    takes, gives = widths_of(state, ref)
    return Part(
        place=place,
        kind=kind_of(state, ref),
        takes=takes,
        gives=gives,
        made=ref.object != model.object,
        total=_count(state, parameters),
        trainable=_count(state, trains),
        unsure=None in flags,
    )


def kind_of(state: State, ref: ModuleRef) -> str:
    """The class of a module, "module" where it is not known."""
    return modules.kind_of(state, ref) or "module"


def widths_of(state: State, ref: ModuleRef) -> tuple[Argument, Argument]:
    """What a module takes and gives, None where that is not known: of a Sequential its first and last sized layers."""
    sized = [sizes for sizes in (_sizes(state, layer) for layer in _layers(state, ref)) if sizes is not None]
    return (sized[0][0], sized[-1][1]) if sized else (None, None)


def _layers(state: State, ref: ModuleRef) -> Iterator[ModuleRef]:
    if modules.container_kind(state, ref) == "Sequential":
        for _, child in modules.children_of(state, ref):
            if child is not None:
                yield from _layers(state, child)
    else:
        yield ref


def _sizes(state: State, ref: ModuleRef) -> tuple[Argument, Argument] | None:
    record = state.heap.get(ref.object)
    node = modules.node_of(state, ref)
    sizes = dict(record.arguments) if isinstance(record, LayerObject) else {} if node is None else dict(node.sizes)
    for inside, outside in WIDTHS:
        if inside in sizes and outside in sizes:
            return sizes[inside], sizes[outside]  # type: ignore[return-value]
    return None


def _count(state: State, parameters: list[tuple[str, ParameterRef]]) -> Count:
    known, more = 0, False
    times: dict[str, int] = {}
    for _, parameter in parameters:
        shape = parameter_shape(state, parameter)
        symbols = [size.text for size in shape or () if isinstance(size, SymbolicSize)]
        numbers = [size for size in shape or () if isinstance(size, int)]
        if shape is None or len(symbols) > 1 or len(symbols) + len(numbers) < len(shape):
            more = True
        elif symbols:
            times[symbols[0]] = times.get(symbols[0], 0) + prod(numbers)
        else:
            known += prod(numbers)
    return Count(known, tuple(times.items()), more)


def _frozen_children(state: State, model: ModuleRef) -> Iterator[str]:
    for name, child in modules.children_of(state, model):
        parameters = [] if child is None else [parameter for _, parameter in parameters_of(state, child)]
        if parameters and all(state.flags.get(parameter, True) is False for parameter in parameters):
            yield name
