"""What the code does to its models: events in order, and the recipe that lets the worker do the same.

The analysis writes events, checks read them, and `recipe` turns them into plain JSON for the worker.
Events name modules by identity, not by where they stand now: `ModuleRef(0, "fc")` is the module that
stood at `fc` when object 0 was made, wherever it was put or replaced later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import libcst as cst

RECIPE_FORMAT = 1

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class ModuleRef(NamedTuple):
    """The module that stood at `path` ("" for the whole) when object number `object` was made."""

    object: int
    path: str


class ParameterRef(NamedTuple):
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


@dataclass(frozen=True, slots=True, order=True)
class WeightsMember:
    """A member of one of torchvision's weights enums: `WeightsMember("ResNet50_Weights", "IMAGENET1K_V2")`."""

    enum: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing the code does; `site` is the code that does it and takes no part in equality."""

    site: cst.CSTNode | None = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Build(Event):
    """A torchvision builder makes object number `object`; `weighted` says that weights were asked for.

    `backbone` says that the model has none of its own and its backbone has, of which the builder then freezes a part.
    `weights` are the arguments that say which, as the code gives them: weights, weights_backbone, pretrained and
    pretrained_backbone. They count only where the builder is `refused`, as it is thought to raise by itself;
    everywhere else a replay leaves them out. Of a copy so many of the next events are `inherited`: they have happened
    to what was copied.
    """

    object: int
    builder: str
    arguments: tuple[tuple[str, Argument], ...]
    weighted: bool
    weights: tuple[tuple[str, Argument | WeightsMember], ...] = ()
    refused: bool = False
    backbone: bool = False
    inherited: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class MakeLayer(Event):
    """A `torch.nn` layer that holds no other modules is made, or a part of torchvision's models with all that is in it.

    `kind` is the name of the class, of a part below `torchvision.models` ("detection.faster_rcnn.FastRCNNPredictor").
    """

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
class SetModule(Event):
    """A module (or None) is assigned under `name` in `target`, replacing `replaced` if something stood there."""

    target: ModuleRef
    name: str
    value: ModuleRef | None
    replaced: ModuleRef | None
    how: Literal["attribute", "item", "add_module"]


@dataclass(frozen=True, slots=True)
class DeleteModule(Event):
    """`del target.name` or `del target[name]`; `removed` is the module that stood there."""

    target: ModuleRef
    name: str
    removed: ModuleRef | None = None


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
class SetParameterAttribute(Event):
    """A plain value is assigned to an attribute of parameters other than `requires_grad` (`p.require_grad = False`)."""

    parameters: tuple[ParameterRef, ...]
    name: str
    value: Argument


@dataclass(frozen=True, slots=True)
class SetMode(Event):
    """`train()` or `eval()` of a module."""

    target: ModuleRef
    training: bool


@dataclass(frozen=True, slots=True)
class Move(Event):
    """A module moves to a device: `cuda()`, `to(device)`; `device` as the code writes it."""

    target: ModuleRef
    device: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a forward: `kind` is "call" for calling `module`, else the name of a function of torch.

    Values are numbered: 0 is the input of forward, -1 its second one and so on, and operation number n gives value
    n + 1. `inputs` are the values it takes, in order. Argument sizes of "reshape" are numbers, with 0 for the batch.
    `graph` says whether autograd records it, None where that is not known.
    """

    kind: str
    inputs: tuple[int, ...]
    module: ModuleRef | None
    arguments: tuple[tuple[str, Argument], ...]
    graph: bool | None = True
    site: cst.CSTNode | None = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Define(Event):
    """What the forward of object number `object`, of a class of the code, does; its last operation is its result.

    `parts` are the modules that it holds, by their attributes' names; `inputs` is how many arguments it must be given.
    `others` are its operations, as far as they are known, where optional ones are given too; None where it is not known
    which these are. A call of which it is not known what it is given has no inputs there.
    """

    object: int
    operations: tuple[Operation, ...]
    parts: tuple[tuple[str, ModuleRef], ...]
    inputs: int = 1
    others: tuple[tuple[Operation, ...], ...] | None = ()


@dataclass(frozen=True, slots=True)
class Read(Event):
    """Reading `steps` one after the other from `target` (attribute names, and integers for indexing).

    The last event of its path when the read is known to raise.
    """

    target: ModuleRef
    steps: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class MakeOptimizer(Event):
    """An optimizer is built over these parameters: proof that the code trains, and what it trains.

    `parameters` is None where they are not known; `groups` are those of its parameter groups, empty for one group.
    `object` is its number among all that the code makes. `exhausted` are the parameters of the iterator it was given
    if that had been run through before, so that none were left.
    """

    kind: str
    parameters: tuple[ParameterRef, ...] | None
    groups: tuple[tuple[ParameterRef, ...], ...] = ()
    object: int = -1
    exhausted: tuple[ParameterRef, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadState(Event):
    """`load_state_dict` on a module: its parameters are no longer fresh."""

    target: ModuleRef


@dataclass(frozen=True, slots=True)
class UseKeys(Event):
    """What `load_state_dict` of `target` returned, which is no module, is called ("()") or asked for attribute `name`.

    The last event of its path, since that raises.
    """

    target: ModuleRef
    name: str


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
    | SetModule
    | DeleteModule
    | SetAttribute
    | SetFlag
    | SetParameterAttribute
    | SetMode
    | Move
    | Define
    | Read
    | MakeOptimizer
    | LoadState
    | UseKeys
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
        case Define():
            yield event.object
            yield from (part.object for _, part in event.parts)
            yield from (step.module.object for step in event.operations if step.module is not None)
        case SetModule():
            yield event.target.object
            yield from (ref.object for ref in (event.value, event.replaced) if ref is not None)
        case MakeOptimizer():
            yield from dict.fromkeys(parameter.object for parameter in (*(event.parameters or ()), *event.exhausted))
        case SetFlag() | SetParameterAttribute():
            yield from dict.fromkeys(parameter.object for parameter in event.parameters)
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


def choose_witnesses(events: Iterable[AnyEvent]) -> Witnesses:
    """Give each symbolic size of `events` a number that fits nothing."""
    numbers: dict[object, int] = {}
    texts: dict[int, str] = {}
    free = iter(WITNESS_NUMBERS)
    for event in events:
        arguments: tuple[tuple[str, Argument], ...] = ()
        if isinstance(event, (Build, MakeLayer)):
            arguments = event.arguments
        elif isinstance(event, Define):
            arguments = tuple(pair for operation in event.operations for pair in operation.arguments)
        elif isinstance(event, (SetAttribute, SetParameterAttribute)):
            arguments = ((event.name, event.value),)
        for _, argument in arguments:
            for symbol in symbols_in(argument):
                if symbol.key not in numbers:
                    number = next(free, 1103 + 2 * len(numbers))
                    texts[number] = symbol.text
                    numbers[symbol.key] = number
    return Witnesses(numbers, texts)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A history as plain JSON: everything the worker needs, nothing executable; `steps` are the events in it."""

    body: dict[str, Json]
    numbers: Mapping[int, int]
    witnesses: Witnesses
    steps: tuple[AnyEvent, ...] = ()

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
    training_shape: tuple[int, ...] | None = None,
    values: bool = False,
    devices: bool = False,
    no_grad: bool = False,
    uses: Iterable[tuple[str, str]] = (),
    named: ModuleRef | None = None,
    arrivals: Iterable[tuple[ModuleRef, ModuleRef]] = (),
    looks: Iterable[tuple[int, ...]] = (),
    inner: ModuleRef | None = None,
    last_look: bool = False,
    describe: bool = False,
) -> Recipe:
    """What the worker needs to replay `events`, with object numbers from 0.

    `model` is the module whose forward runs (on `input_shape`, batch included; None runs no forward) and
    `watch` are the modules whose facts are wanted. On `training_shape` one training step is taken behind that,
    `values` has the builder's weights initialised, so that what is computed counts, and `devices` has forward fail
    where tensors of two devices meet. With `no_grad` autograd does not record the forward of the training step.
    `uses` are tried on what forward returns: a loss, a function of torch or an attribute, and its name. Of `named`
    all parameters are told by name, with their flags. For `arrivals` each first module is run, to see what arrives
    at the second. Of the inputs `looks` one is run behind every statement that changes the model, through
    `inner` until `model` is made and understood, or with `last_look` behind the last of them alone. With `describe` the
    whole model is told, and what a training step keeps. Events that change nothing in such a replay are left out.
    """
    write = _Writer(witnesses)
    steps: list[dict[str, Json]] = []
    done: list[AnyEvent] = []
    for event in events:
        if isinstance(event, SetMode) and training_shape is None and not describe:
            continue
        if isinstance(event, Move) and not devices:
            continue
        step = write.making(event) or write.changing(event)
        if step is not None:
            steps.append(step)
            done.append(event)
    inputs: list[Json] = [list(shape) for shape in looks]
    worth = _worth_a_look(done, model) if inputs else []
    for number in worth[-1:] if last_look else worth:
        steps[number]["look"] = True
    result: dict[str, Json] = {
        "format": RECIPE_FORMAT,
        "events": [*steps],
        "model": write.ref(model),
        "watch": write.refs(watch),
    }
    if input_shape is not None:
        result["input"] = list(input_shape)
    if training_shape is not None:
        result.update(train=True, train_input=list(training_shape))
    flags = {"values": values, "devices": devices, "no_grad": no_grad, "describe": describe}
    result.update({name: True for name, asked in flags.items() if asked})
    asked: list[Json] = [[write.ref(runs), write.ref(at)] for runs, at in arrivals]
    if asked:
        result["arrivals"] = asked
    if named is not None:
        result["named"] = write.ref(named)
    if inputs:
        result.update(looks=inputs, inner=write.ref(inner or model))
    tried: list[Json] = [list(use) for use in uses]
    if tried:
        result["uses"] = tried
    return Recipe(result, write.numbering, witnesses, tuple(done))


# Statements behind which one recipe has forward run, the last of more.
MOST_LOOKS = 16


def _worth_a_look(steps: Sequence[AnyEvent], model: ModuleRef) -> list[int]:
    """The numbers of the last steps of all statements that change what forward may do."""
    changing = (Build, SetModule, DeleteModule, SetAttribute, Define)
    numbers = [
        number
        for number, step in enumerate(steps)
        if isinstance(step, changing) or (isinstance(step, MakeContainer) and step.object == model.object)
    ]
    following = [*numbers[1:], None]
    last = [
        number
        for number, other in zip(numbers, following, strict=True)
        if other is None or steps[other].site is not steps[number].site
    ]
    return last[-MOST_LOOKS:]


class _Writer:
    """Turns events into the steps of one recipe, numbering objects as they come."""

    def __init__(self, witnesses: Witnesses) -> None:
        self.numbering: dict[int, int] = {}
        self.witnesses = witnesses

    def number(self, identity: int) -> int:
        return self.numbering.setdefault(identity, len(self.numbering))

    def ref(self, ref: ModuleRef | ParameterRef) -> Json:
        return [self.number(ref.object), ref.path]

    def refs(self, refs: Iterable[ModuleRef | ParameterRef]) -> Json:
        return [self.ref(ref) for ref in refs]

    def plain(self, argument: Argument | WeightsMember) -> Json:
        if isinstance(argument, SymbolicSize):
            return self.witnesses.numbers[argument.key]
        if isinstance(argument, WeightsMember):
            return {"enum": argument.enum, "member": argument.member}
        if isinstance(argument, tuple):
            return [self.plain(item) for item in argument]
        return argument

    def named(self, arguments: Iterable[tuple[str, Argument | WeightsMember]]) -> Json:
        return {name: self.plain(value) for name, value in arguments}

    def operation(self, operation: Operation) -> Json:
        step: dict[str, Json] = {"kind": operation.kind, "inputs": list(operation.inputs)}
        if operation.module is not None:
            step["module"] = self.ref(operation.module)
        return {**step, "arguments": self.named(operation.arguments)}

    def making(self, event: AnyEvent) -> dict[str, Json] | None:
        """The step of an event that makes an object, None for any other."""
        match event:
            case Build():
                step: dict[str, Json] = {"do": "build", "object": self.number(event.object), "builder": event.builder}
                step.update(arguments=self.named(event.arguments), weighted=event.weighted)
                if event.backbone:
                    step.update(backbone=True)
                if event.refused:
                    step.update(refused=True, weights=self.named(event.weights))
                return step
            case MakeLayer():
                step = {"do": "layer", "object": self.number(event.object), "kind": event.kind}
                return {**step, "arguments": self.named(event.arguments)}
            case MakeContainer():
                step = {"do": "container", "object": self.number(event.object), "kind": event.kind}
                return {**step, "children": [[name, self.ref(child)] for name, child in event.children]}
            case MakeOpaque():
                return {"do": "opaque", "object": self.number(event.object)}
            case Define():
                parts: Json = [[name, self.ref(part)] for name, part in event.parts]
                operations: Json = [self.operation(operation) for operation in event.operations]
                step = {"do": "define", "object": self.number(event.object), "parts": parts}
                if event.inputs > 1:
                    step["inputs"] = event.inputs
                return {**step, "operations": operations}
            case MakeOptimizer() if event.parameters is not None:
                held: dict[str, Json] = {"parameters": self.refs(event.parameters)}
                if event.groups:
                    held = {"groups": [self.refs(group) for group in event.groups]}
                elif event.exhausted:
                    held = {"parameters": self.refs(event.exhausted), "exhausted": True}
                return {"do": "optimizer", "kind": event.kind, **held}
        return None

    def changing(self, event: AnyEvent) -> dict[str, Json] | None:
        """The step of an event that changes or asks a module, None for any other."""
        match event:
            case SetModule():
                value = None if event.value is None else self.ref(event.value)
                step: dict[str, Json] = {"do": "set", "target": self.ref(event.target), "name": event.name}
                return {**step, "value": value, "how": event.how}
            case DeleteModule():
                return {"do": "delete", "target": self.ref(event.target), "name": event.name}
            case SetAttribute():
                step = {"do": "attribute", "target": self.ref(event.target), "name": event.name}
                return {**step, "value": self.plain(event.value)}
            case SetFlag():
                return {"do": "flag", "parameters": self.refs(event.parameters), "value": event.value}
            case SetParameterAttribute():
                step = {"do": "parameter_attribute", "parameters": self.refs(event.parameters), "name": event.name}
                return {**step, "value": self.plain(event.value)}
            case SetMode():
                return {"do": "mode", "target": self.ref(event.target), "training": event.training}
            case Move():
                return {"do": "move", "target": self.ref(event.target), "device": event.device}
            case Read():
                return {"do": "read", "target": self.ref(event.target), "steps": list(event.steps)}
            case UseKeys():
                return {"do": "load", "target": self.ref(event.target), "use": event.name}
        return None
