"""torchvision's builders, called by any of their names: a new model enters the heap and its history begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, modules
from headlint.flow.arguments import Arguments
from headlint.flow.choice import Raised
from headlint.flow.classes import members
from headlint.flow.iterating import iterate
from headlint.flow.refusals import ignored, is_certain, refusal
from headlint.flow.sizes import as_argument
from headlint.flow.state import InstanceRecord, State, ZooObject
from headlint.flow.value import Constant, External, Instance, ListRef, Module, Tuple, Unknown, Value
from headlint.history import Argument, Build, MakeOpaque, ModuleRef, ParameterRef, SymbolicSize, WeightsMember
from headlint.source.nodes import text_of
from headlint.zoo import builder_names, find_builder, has_backbone_weights, tree

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter
    from headlint.torchlib.constructors import Constructor
    from headlint.zoo import Builder

# Arguments that choose weights or say how loudly they are loaded: none of them is a size.
_WEIGHT_ARGUMENTS = frozenset({"weights", "pretrained", "progress", "weights_backbone", "pretrained_backbone"})


def build(
    run: Interpreter,
    state: State,
    builder: Builder,
    arguments: Arguments,
    node: cst.CSTNode,
    *,
    from_hub: bool = False,
    owner: Instance | None = None,
) -> Value:
    """A torchvision model; Unknown where an argument changes it in a way that is not known.

    What a builder `from_hub` refuses is not known: it is of the version that the code names. `owner` is the instance
    of a class of the file that becomes the model.
    """
    if not arguments.complete:
        return Unknown(f"'{text_of(node)}' has arguments that are not known")
    weights = arguments.get(0, "weights") or arguments.get(None, "pretrained")
    weighted = False if weights is None else _asks_for_weights(run, state, weights)
    sizes: dict[str, Argument] = {}
    for name, value in arguments.keywords:
        if name in _WEIGHT_ARGUMENTS:
            continue
        argument = as_argument(run.settle(state, value))
        if isinstance(argument, Unknown):
            return Unknown(f"'{name}' of '{text_of(node)}' is not known")
        sizes[name] = argument
    asked = {} if weights is None or not weighted else _weights_asked_for(run, state, builder, arguments, weights)
    refused = None if asked is None or from_hub else refusal(builder, sizes, asked)
    if refused is not None:
        _refuse(run, state, builder, sizes, asked or {}, node, ends=is_certain(refused, sizes))
    if refused is not None or (weighted and sizes.get("num_classes", builder.classes) != builder.classes):
        return Unknown(f"'{text_of(node)}' raises")
    unread = ignored(builder, sizes)
    read = {name: value for name, value in sizes.items() if name not in unread}
    backbones = _backbone_weights(run, state, builder, arguments)
    made = tree(builder, {**read, **backbones[0]}, bool(weighted))
    if made is None:
        return Unknown(f"an argument of '{text_of(node)}' changes the model")
    if weighted is None and tree(builder, {**sizes, **backbones[0]}, True) is not made:
        return Unknown(f"whether '{text_of(node)}' has weights changes the model")
    if any(tree(builder, {**read, **other}, bool(weighted)) is not made for other in backbones[1:]):
        return Unknown(f"whether the backbone of '{text_of(node)}' has weights changes the model")
    identity = state.identity() if owner is None else owner.identity
    own_class = None if owner is None else modules.owner_of(state, identity)
    state.heap[identity] = ZooObject(builder, made, bool(weighted), own_class)
    state.flags.update((ParameterRef(identity, path), False) for path in made.frozen)
    # A symbolic dropout or flag is no size, and the builder would refuse its witness.
    plain = tuple(
        (k, v) for k, v in sizes.items() if k == "num_classes" or k in unread or not isinstance(v, SymbolicSize)
    )
    backbone = has_backbone_weights(builder, backbones[0], bool(weighted))
    state.trace.append(Build(identity, builder.name, plain, bool(weighted), backbone=backbone, site=node))
    return Module(ModuleRef(identity, ""))


def _refuse(
    run: Interpreter,
    state: State,
    builder: Builder,
    sizes: dict[str, Argument],
    asked: Mapping[str, Argument | WeightsMember],
    node: cst.CSTNode,
    *,
    ends: bool,
) -> None:
    """The builder raises here: the path ends, unless it goes on for one value of a size that is not given."""
    whole = tree(builder, {}, False)
    if not state.guarded and whole is not None:
        identity = state.identity()
        state.heap[identity] = ZooObject(builder, whole, False)
        arguments, weights = tuple(sizes.items()), tuple(asked.items())
        event = Build(identity, builder.name, arguments, bool(asked), weights, refused=True, site=node)
        state.trace.append(event)
        if ends:
            run.abandon(state)
    if ends:
        raise Raised


def _weights_asked_for(
    run: Interpreter, state: State, builder: Builder, arguments: Arguments, weights: Value
) -> dict[str, Argument | WeightsMember] | None:
    """The argument that asks for weights, which are certainly wanted; None where that is not written out."""
    name = "pretrained" if arguments.get(0, "weights") is None else "weights"
    match run.settle(state, weights):
        case Constant(bool() | str() as plain):
            return {name: plain}
        case External(path) if path.startswith("torchvision."):
            enum, member = path.split(".")[-2:]
            return {name: WeightsMember(enum, member)} if _has_member(builder, enum, member) else None
    return None


def _has_member(builder: Builder, enum: str, member: str) -> bool:
    """Whether this is a member of the builder's own weights, or else of any other's."""
    others = () if enum == builder.weights_enum else filter(None, map(find_builder, builder_names()))
    return any(other.weights_enum == enum and member in ("DEFAULT", *other.weights) for other in (builder, *others))


def _backbone_weights(
    run: Interpreter, state: State, builder: Builder, arguments: Arguments
) -> tuple[dict[str, str | None], ...]:
    """What the call says of weights for a backbone, as the zoo has it; several where that is not known."""
    given = arguments.get(None, "weights_backbone") or arguments.get(None, "pretrained_backbone")
    if given is None or "weights_backbone" not in builder.parameters:
        return ({},)
    asked = _asks_for_weights(run, state, given)
    return tuple({"weights_backbone": "DEFAULT" if asks else None} for asks in (True, False) if asked in (asks, None))


def _asks_for_weights(run: Interpreter, state: State, weights: Value) -> bool | None:
    """Whether a `weights=` or `pretrained=` argument asks for weights, None where that is not known."""
    weights = run.settle(state, weights)
    if isinstance(weights, Constant):
        return bool(weights.value)
    if isinstance(weights, External):
        return True
    return run.truth(state, weights)


def construct(
    run: Interpreter,
    state: State,
    constructor: Constructor,
    arguments: Arguments,
    node: cst.CSTNode,
    owner: Instance | None = None,
) -> Value:
    """The model that a class of torchvision makes, as the builder makes it that calls the class in the same way.

    `owner` is an instance of a class of the file built on it, which becomes the model.
    """
    given = dict(zip(constructor.parameters, arguments.positional, strict=False))
    given.update(arguments.keywords)
    axes = [
        _axis(run, state, given[name]) if name in given else constructor.parameters[name] for name in constructor.axes
    ]
    builder = find_builder(constructor.builders.get(tuple(axes), ""))
    understood = arguments.complete and given.keys() <= constructor.parameters.keys()
    if builder is None or not understood or len(arguments.positional) > len(constructor.parameters):
        for value in arguments.values:
            run.hand_over(state, value, f"'{text_of(node)}' is not followed", node)
        return state.origin(node, text_of(node))
    passed = tuple((name, value) for name, value in given.items() if name not in constructor.axes)
    return build(run, state, builder, Arguments((), passed), node, owner=owner)


def _axis(run: Interpreter, state: State, value: Value) -> object:
    """An argument that decides what is built, as the table of constructors writes it."""
    value = run.settle(state, value)
    if isinstance(value, (ListRef, Tuple)):
        return tuple(_axis(run, state, item) for item in iterate(state, value) or ())
    if isinstance(value, External) and value.name.startswith("torchvision.models."):
        return value.name.rpartition(".")[2]
    return value.value if isinstance(value, Constant) else value


def become_model(
    run: Interpreter, state: State, owner: Instance, constructor: Constructor, arguments: Arguments, node: cst.CSTNode
) -> None:
    """`super().__init__(...)` in a class built on one of torchvision's models: the instance is such a model."""
    record = state.heap.get(owner.identity)
    if not isinstance(record, InstanceRecord) or record.escaped:
        return
    own = members(state, record.owner)
    model = construct(run, state, constructor, arguments, node, owner)
    made = state.heap[owner.identity]
    if not isinstance(model, Module) or not isinstance(made, ZooObject):
        return
    state.trace[:] = [e for e in state.trace if not isinstance(e, MakeOpaque) or e.object != owner.identity]
    for name, value in record.attributes:
        state.attributes[model.ref, name] = value
    for name, value in own.items():
        if name.startswith(("forward", "_forward")):
            state.attributes[model.ref, name] = value
        elif name != "__init__" and made.tree.has_attribute("", name):
            changes.escape(state, model.ref, f"its class has a '{name}' of its own", node)


def builder_by_name(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`torchvision.models.get_model(name, **arguments)`."""
    name = arguments.get(0, "name")
    return _by_name(run, state, name, arguments.positional[1:], arguments, node)


def hub_load(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`torch.hub.load("pytorch/vision:v0.10.0", name, **arguments)`."""
    repository = arguments.get(0, "repo_or_dir")
    if isinstance(repository, Constant) and str(repository.value).startswith("pytorch/vision"):
        name = arguments.get(1, "model")
        return _by_name(run, state, name, arguments.positional[2:], arguments, node, from_hub=True)
    return state.origin(node, text_of(node))


def _by_name(
    run: Interpreter,
    state: State,
    name: Value | None,
    positional: tuple[Value, ...],
    arguments: Arguments,
    node: cst.CSTNode,
    *,
    from_hub: bool = False,
) -> Value:
    name = None if name is None else run.pinned(state, name)
    builder = find_builder(name.value.lower()) if isinstance(name, Constant) and isinstance(name.value, str) else None
    if builder is None:
        return state.origin(node, text_of(node))
    ours = ("name", "repo_or_dir", "model", "source", "trust_repo", "force_reload", "verbose", "skip_validation")
    keywords = tuple((key, value) for key, value in arguments.keywords if key not in ours)
    given = Arguments(positional, keywords, arguments.complete)
    return build(run, state, builder, given, node, from_hub=from_hub)
