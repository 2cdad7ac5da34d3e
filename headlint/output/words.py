"""Events of a history in readable words: `set classifier[6] = Linear(4096, 10)`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from headlint.checks.conditions import telling, written
from headlint.checks.places import joined, spelled
from headlint.flow.histories import ModelHistory
from headlint.history import (
    AnyEvent,
    Argument,
    Build,
    Define,
    DeleteModule,
    Escape,
    LoadState,
    MakeContainer,
    MakeLayer,
    MakeOpaque,
    MakeOptimizer,
    ModuleRef,
    Move,
    ParameterRef,
    Read,
    SetAttribute,
    SetFlag,
    SetMode,
    SetModule,
    SetParameterAttribute,
    SymbolicSize,
    UseKeys,
    WeightsMember,
    modules_of,
)
from headlint.torchlib.layers import REQUIRED, find_layer
from headlint.torchlib.parts import find_part


def plain(argument: Argument | WeightsMember) -> str:
    """An argument as code writes it, sizes without a number by the code's own text."""
    match argument:
        case SymbolicSize():
            return argument.text
        case WeightsMember():
            return f"{argument.enum}.{argument.member}"
        case tuple():
            inside = ", ".join(map(plain, argument))
            return f"({inside},)" if len(argument) == 1 else f"({inside})"
    return repr(argument)


def layer(kind: str, arguments: Iterable[tuple[str, Argument]]) -> str:
    """The call that makes a layer: what must be given by position, other things by name unless they are the default."""
    given = dict(arguments)
    known, part = find_layer(kind), find_part(kind)
    parameters = known.parameters if known is not None else ()
    if part is not None:
        kind, parameters = part.type, tuple((name, REQUIRED) for name in part.parameters)
    shown: list[str] = []
    for name, default in parameters:
        if default is REQUIRED and name in given:
            shown.append(plain(given.pop(name)))
        elif name in given and given[name] == (tuple(default) if isinstance(default, list) else default):
            del given[name]
    shown += [f"{name}={plain(value)}" for name, value in given.items()]
    return f"{kind}({', '.join(shown)})"


def _inside(name: str, path: str) -> str:
    return spelled(f"{name}.{path}") if path else name


class Names:
    """What to call modules and parameters: by the calls that made them, and by their places."""

    def __init__(self, trace: Iterable[AnyEvent], places: Mapping[ModuleRef, str]) -> None:
        self.places = places
        self._makers: dict[int, AnyEvent] = {}
        for event in trace:
            if isinstance(event, (Build, MakeLayer, MakeContainer, MakeOpaque)):
                self._makers[event.object] = event

    def module(self, ref: ModuleRef) -> str:
        """A module by what made it: `resnet50`, `resnet50.fc`, `Sequential(Linear(8, 4), ReLU())`."""
        made = self._makers.get(ref.object)
        match made:
            case Build():
                return _inside(made.builder, ref.path)
            case MakeLayer():
                return layer(made.kind, made.arguments)
            case MakeContainer() if not ref.path:
                return f"{made.kind}({', '.join(self.module(child) for _, child in made.children)})"
            case MakeContainer():
                return _inside(made.kind, ref.path)
            case MakeOpaque():
                return _inside(made.description, ref.path)
        return "a module"

    def place(self, ref: ModuleRef) -> str:
        """A module by where it stands in the model at the end, by what made it if it does not: "" is the model."""
        place = self.places.get(ref)
        return self.module(ref) if place is None else place

    def around(self, ref: ModuleRef) -> str:
        """How the places of all that stands in a module begin."""
        place = self.place(ref)
        return f"{place}." if place else ""

    def target(self, ref: ModuleRef, *steps: str | int) -> str:
        """What stands before an equals sign: `classifier[6]`, `Net.backbone`."""
        place = self.place(ref)
        for step in steps:
            place = joined(place, str(step))
        return spelled(place)

    def parameters(self, parameters: tuple[ParameterRef, ...]) -> str:
        """How many parameters, and of which part of which module, if they have one in common."""
        count = f"{len(parameters)} parameter" + "s" * (len(parameters) != 1)
        if len({parameter.object for parameter in parameters}) != 1:
            return count
        paths = [parameter.path.split(".")[:-1] for parameter in parameters]
        common = paths[0]
        for path in paths[1:]:
            same = [one == other for one, other in zip(common, path, strict=False)]
            common = common[: same.index(False) if False in same else len(same)]
        return f"{count} of {self.target(ModuleRef(parameters[0].object, '.'.join(common))) or 'the model'}"


def said(event: AnyEvent, names: Names) -> str:
    """One event."""
    match event:
        case Build():
            given = ", ".join(f"{name}={plain(value)}" for name, value in (*event.arguments, *event.weights))
            weights = " weighted" if event.weighted else ""
            return f"build {event.builder}{f'({given})' if given else ''}{weights}"
        case MakeLayer() | MakeContainer() | MakeOpaque():
            return f"make {names.module(ModuleRef(event.object, ''))}"
        case SetModule():
            value = "None" if event.value is None else names.module(event.value)
            return f"set {names.target(event.target, event.name)} = {value}"
        case DeleteModule():
            return f"delete {names.target(event.target, event.name)}"
        case SetAttribute():
            return f"set {names.target(event.target, event.name)} = {plain(event.value)}"
        case SetFlag():
            return f"{'unfreeze' if event.value else 'freeze'} {names.parameters(event.parameters)}"
        case SetParameterAttribute():
            return f"set .{event.name} = {plain(event.value)} on {names.parameters(event.parameters)}"
        case SetMode():
            return f"{'train' if event.training else 'eval'} {names.target(event.target)}".rstrip()
        case Move():
            return f"move {names.target(event.target)} to {event.device}".replace("  ", " ")
        case Define():
            return f"define the forward of {names.module(ModuleRef(event.object, ''))}"
        case Read():
            return f"read {names.target(event.target, *event.steps)}: raises"
        case MakeOptimizer():
            held = "unknown parameters" if event.parameters is None else names.parameters(event.parameters)
            return f"make {event.kind} over {held}"
        case LoadState():
            return f"load a state dict into {names.target(event.target) or 'the model'}"
        case UseKeys():
            return f"use the loaded keys of {names.target(event.target) or 'the model'} as a module: raises"
        case Escape():
            return f"hand over {names.target(event.target) or 'the model'}: {event.reason}"


def told(history: ModelHistory) -> list[tuple[AnyEvent, str]]:
    """A history in words, without what goes without saying.

    The flags that one statement sets are one event, layers are named where they are put, and what is handed over
    with all that is in it is told once.
    """
    names = Names(history.events, history.places)
    events = list(_with_whole_flags(history.events))
    return [(event, said(event, names)) for event in _without_parts(events) if not _is_within(event, events, names)]


def _is_within(event: AnyEvent, events: Sequence[AnyEvent], names: Names) -> bool:
    """Whether something around this module is handed over in the same place."""
    if not isinstance(event, Escape):
        return False
    same = (other.target for other in events if isinstance(other, Escape) and other.site is event.site)
    own = f"{names.place(event.target)}."
    return any(other != event.target and own.startswith(names.around(other)) for other in same)


def _with_whole_flags(events: Iterable[AnyEvent]) -> Iterator[AnyEvent]:
    """Flags that a loop sets one by one, as one event for each statement in it."""
    for same, run in groupby(events, lambda event: event.value if isinstance(event, SetFlag) else None):
        if same is None:
            yield from run
            continue
        of_sites: dict[int, SetFlag] = {}
        for event in run:
            assert isinstance(event, SetFlag)
            begun = of_sites.get(id(event.site))
            parameters = (*begun.parameters, *event.parameters) if begun is not None else event.parameters
            of_sites[id(event.site)] = SetFlag(tuple(dict.fromkeys(parameters)), event.value, site=event.site)
        yield from of_sites.values()


def _without_parts(events: list[AnyEvent]) -> Iterator[AnyEvent]:
    """Without the making of what a later event names."""
    for position, event in enumerate(events):
        if isinstance(event, (MakeLayer, MakeContainer, MakeOpaque)):
            later = events[position + 1 :]
            if any(isinstance(e, (SetModule, MakeContainer)) and event.object in modules_of(e) for e in later):
                continue
        yield event


def conditions(histories: Sequence[ModelHistory]) -> list[str]:
    """What was assumed on all of these paths, without what goes without saying."""
    first, *others = (history.conditions for history in histories)
    common = telling(one for one in first if all(one in other for other in others))
    return list(dict.fromkeys(map(written, common)))
