"""What the code does to its models: events in order, and the recipe that lets the worker do the same.

The analysis writes events, checks read them, and `recipe` turns them into plain JSON for the worker.
Events name modules by identity, not by where they stand now: `ModuleRef(0, "fc")` is the module that
stood at `fc` when object 0 was made, wherever it was put or replaced later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import libcst as cst

RECIPE_FORMAT = 1

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True, order=True)
class ModuleRef:
    """The module that stood at `path` ("" for the whole) when object number `object` was made."""

    object: int
    path: str


@dataclass(frozen=True, slots=True, order=True)
class ParameterRef:
    """The parameter that stood at `path` ("fc.weight") when object number `object` was made."""

    object: int
    path: str


@dataclass(frozen=True, slots=True)
class SymbolicSize:
    """A number the code does not give; `text` is how the code writes it. Equal keys are equal numbers."""

    key: object
    text: str


Argument: TypeAlias = None | bool | int | float | str | SymbolicSize | tuple["Argument", ...]
"""What a layer or builder is given: plain values, sizes without a number, and tuples of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing the code does; `site` is the code that does it and takes no part in equality."""

    site: cst.CSTNode | None = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Build(Event):
    """A torchvision builder makes object number `object`; `weighted` says that weights were asked for."""

    object: int
    builder: str
    arguments: tuple[tuple[str, Argument], ...]
    weighted: bool


@dataclass(frozen=True, slots=True)
class MakeLayer(Event):
    """A `torch.nn` layer that holds no other modules is made."""

    object: int
    kind: str
    arguments: tuple[tuple[str, Argument], ...]


@dataclass(frozen=True, slots=True)
class MakeContainer(Event):
    """A module that holds others and runs them itself: Sequential, ModuleList, ModuleDict, DataParallel."""

    object: int
    kind: str
    children: tuple[tuple[str, ModuleRef], ...]


@dataclass(frozen=True, slots=True)
class MakeOpaque(Event):
    """A module whose inside is not understood is made, out of `description`."""

    object: int
    description: str


@dataclass(frozen=True, slots=True)
class Copy(Event):
    """`copy.deepcopy` of a module makes object number `object`."""

    object: int
    source: ModuleRef


@dataclass(frozen=True, slots=True)
class SetModule(Event):
    """A module (or None) is assigned under `name` in `target`, replacing `replaced` if something stood there."""

    target: ModuleRef
    name: str
    value: ModuleRef | None
    replaced: ModuleRef | None
    how: Literal["attribute", "item", "add_module"]


@dataclass(frozen=True, slots=True)
class DeleteModule(Event):
    """`del target.name` or `del target[name]`."""

    target: ModuleRef
    name: str


@dataclass(frozen=True, slots=True)
class SetAttribute(Event):
    """A plain value is assigned to an attribute of a module (`fc.out_features = 10`)."""

    target: ModuleRef
    name: str
    value: Argument


@dataclass(frozen=True, slots=True)
class SetFlag(Event):
    """`requires_grad` of these parameters becomes `value`."""

    parameters: tuple[ParameterRef, ...]
    value: bool


@dataclass(frozen=True, slots=True)
class Read(Event):
    """Reading `steps` one after the other from `target` (attribute names, and integers for indexing).

    The last event of its path when the read is known to raise.
    """

    target: ModuleRef
    steps: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class MakeOptimizer(Event):
    """An optimizer is built over these parameters: proof that the code trains, and what it trains."""

    kind: str
    parameters: tuple[ParameterRef, ...] | None


@dataclass(frozen=True, slots=True)
class LoadState(Event):
    """`load_state_dict` on a module: its parameters are no longer fresh."""

    target: ModuleRef


@dataclass(frozen=True, slots=True)
class Escape(Event):
    """A module is handed to code that is not visible, which may change it; `reason` says to whom."""

    target: ModuleRef
    reason: str


AnyEvent: TypeAlias = (
    Build
    | MakeLayer
    | MakeContainer
    | MakeOpaque
    | Copy
    | SetModule
    | DeleteModule
    | SetAttribute
    | SetFlag
    | Read
    | MakeOptimizer
    | LoadState
    | Escape
)


def modules_of(event: AnyEvent) -> Iterator[int]:
    """The numbers of the objects that an event makes or touches."""
    match event:
        case Build() | MakeLayer() | MakeOpaque():
            yield event.object
        case MakeContainer():
            yield event.object
            yield from (child.object for _, child in event.children)
        case Copy():
            yield event.object
            yield event.source.object
        case SetModule():
            yield event.target.object
            yield from (ref.object for ref in (event.value, event.replaced) if ref is not None)
        case SetFlag() | MakeOptimizer():
            yield from dict.fromkeys(parameter.object for parameter in event.parameters or ())
        case _:
            yield event.target.object


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The small number that stands for each symbolic size in a recipe, and the text to show instead."""

    numbers: Mapping[object, int]
    texts: Mapping[int, str]


# Primes that are no size in any torchvision model: a witness never fits by accident, and evidence that
# quotes one can be turned back into the symbol.
WITNESS_NUMBERS = (1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049, 1051, 1061, 1063, 1069, 1087, 1091, 1093, 1097)


def symbols_in(argument: Argument) -> Iterator[SymbolicSize]:
    """Every symbolic size inside an argument."""
    if isinstance(argument, SymbolicSize):
        yield argument
    elif isinstance(argument, tuple):
        for item in argument:
            yield from symbols_in(item)


def choose_witnesses(events: Iterable[AnyEvent], known: Mapping[object, int]) -> Witnesses:
    """Give each symbolic size of `events` its number: the one in `known`, or one that fits nothing."""
    numbers: dict[object, int] = {}
    texts: dict[int, str] = {}
    free = iter(WITNESS_NUMBERS)
    for event in events:
        arguments: tuple[tuple[str, Argument], ...] = ()
        if isinstance(event, (Build, MakeLayer)):
            arguments = event.arguments
        elif isinstance(event, SetAttribute):
            arguments = ((event.name, event.value),)
        for _, argument in arguments:
            for symbol in symbols_in(argument):
                if symbol.key in numbers:
                    continue
                number = known.get(symbol.key)
                if number is None:
                    number = next(free, 1103 + 2 * len(numbers))
                    texts[number] = symbol.text
                numbers[symbol.key] = number
    return Witnesses(numbers, texts)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A history as plain JSON: everything the worker needs, nothing executable."""

    body: dict[str, Json]
    numbers: Mapping[int, int]
    witnesses: Witnesses

    def key(self, module: ModuleRef) -> str:
        """Under what the observation has the facts of a watched module."""
        return f"{self.numbers[module.object]}:{module.path}"


def recipe(
    events: Iterable[AnyEvent],
    *,
    model: ModuleRef,
    watch: Iterable[ModuleRef],
    input_shape: tuple[int, ...] | None,
    witnesses: Witnesses,
) -> Recipe:
    """What the worker needs to replay `events`, with object numbers from 0.

    `model` is the module whose forward runs (on `input_shape`, batch included; None runs no forward) and
    `watch` are the modules whose facts are wanted. Events that change nothing in a replay are left out.
    """
    numbering: dict[int, int] = {}

    def number(identity: int) -> int:
        return numbering.setdefault(identity, len(numbering))

    def ref(module: ModuleRef | ParameterRef) -> Json:
        return [number(module.object), module.path]

    def plain(argument: Argument) -> Json:
        if isinstance(argument, SymbolicSize):
            return witnesses.numbers[argument.key]
        if isinstance(argument, tuple):
            return [plain(item) for item in argument]
        return argument

    def named(arguments: tuple[tuple[str, Argument], ...]) -> Json:
        return {name: plain(value) for name, value in arguments}

    steps: list[Json] = []
    for event in events:
        match event:
            case Build():
                steps.append(
                    {
                        "do": "build",
                        "object": number(event.object),
                        "builder": event.builder,
                        "arguments": named(event.arguments),
                        "weighted": event.weighted,
                    }
                )
            case MakeLayer():
                steps.append(
                    {
                        "do": "layer",
                        "object": number(event.object),
                        "kind": event.kind,
                        "arguments": named(event.arguments),
                    }
                )
            case MakeContainer():
                children: Json = [[name, ref(child)] for name, child in event.children]
                steps.append(
                    {"do": "container", "object": number(event.object), "kind": event.kind, "children": children}
                )
            case MakeOpaque():
                steps.append({"do": "opaque", "object": number(event.object)})
            case Copy():
                steps.append({"do": "copy", "object": number(event.object), "source": ref(event.source)})
            case SetModule():
                steps.append(
                    {
                        "do": "set",
                        "target": ref(event.target),
                        "name": event.name,
                        "value": None if event.value is None else ref(event.value),
                        "how": event.how,
                    }
                )
            case DeleteModule():
                steps.append({"do": "delete", "target": ref(event.target), "name": event.name})
            case SetAttribute():
                steps.append(
                    {
                        "do": "attribute",
                        "target": ref(event.target),
                        "name": event.name,
                        "value": plain(event.value),
                    }
                )
            case SetFlag():
                steps.append({"do": "flag", "parameters": [ref(p) for p in event.parameters], "value": event.value})
            case Read():
                steps.append({"do": "read", "target": ref(event.target), "steps": list(event.steps)})
            case MakeOptimizer() | LoadState() | Escape():
                pass
    result: dict[str, Any] = {
        "format": RECIPE_FORMAT,
        "events": steps,
        "model": ref(model),
        "watch": [ref(module) for module in watch],
    }
    if input_shape is not None:
        result["input"] = list(input_shape)
    return Recipe(result, numbering, witnesses)
