"""torchvision's builders, called by any of their names: a new model enters the heap and its history begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules
from headlint.flow.calls import Arguments
from headlint.flow.state import State, ZooObject
from headlint.flow.value import Constant, External, Module, Unknown, Value
from headlint.history import Argument, Build, ModuleRef, SymbolicSize
from headlint.source.nodes import text_of
from headlint.zoo import find_builder, tree

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter
    from headlint.zoo import Builder

# Arguments that choose weights or say how loudly they are loaded: none of them is a size.
_WEIGHT_ARGUMENTS = frozenset({"weights", "pretrained", "progress", "weights_backbone", "pretrained_backbone"})


def build(run: Interpreter, state: State, builder: Builder, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A torchvision model; Unknown where an argument changes it in a way that is not known."""
    if not arguments.complete:
        return Unknown(f"'{text_of(node)}' has arguments that are not known")
    weights = arguments.get(0, "weights") or arguments.get(None, "pretrained")
    weighted = False if weights is None else _asks_for_weights(run, state, weights)
    sizes: dict[str, Argument] = {}
    for name, value in arguments.keywords:
        if name in _WEIGHT_ARGUMENTS:
            continue
        argument = modules.as_argument(run.settle(state, value))
        if isinstance(argument, Unknown):
            return Unknown(f"'{name}' of '{text_of(node)}' is not known")
        sizes[name] = argument
    if weighted and sizes.get("num_classes", builder.classes) != builder.classes:
        return Unknown(f"'{text_of(node)}' raises: weights with another number of classes")
    made = tree(builder, sizes, bool(weighted))
    if made is None:
        return Unknown(f"an argument of '{text_of(node)}' changes the model")
    if weighted is None and tree(builder, sizes, True) is not made:
        return Unknown(f"whether '{text_of(node)}' has weights changes the model")
    identity = state.identity()
    state.heap[identity] = ZooObject(builder, made, bool(weighted))
    # A symbolic dropout or flag is no size, and the builder would refuse its witness.
    plain = tuple((k, v) for k, v in sizes.items() if k == "num_classes" or not isinstance(v, SymbolicSize))
    state.trace.append(Build(identity, builder.name, plain, bool(weighted), site=node))
    return Module(ModuleRef(identity, ""))


def _asks_for_weights(run: Interpreter, state: State, weights: Value) -> bool | None:
    """Whether a `weights=` or `pretrained=` argument asks for weights, None where that is not known."""
    weights = run.settle(state, weights)
    if isinstance(weights, Constant):
        return bool(weights.value)
    if isinstance(weights, External):
        return True
    return run.truth(state, weights)


def builder_by_name(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`torchvision.models.get_model(name, **arguments)`."""
    name = arguments.get(0, "name")
    return _by_name(run, state, name, arguments.positional[1:], arguments, node)


def hub_load(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`torch.hub.load("pytorch/vision:v0.10.0", name, **arguments)`."""
    repository = arguments.get(0, "repo_or_dir")
    if isinstance(repository, Constant) and str(repository.value).startswith("pytorch/vision"):
        return _by_name(run, state, arguments.get(1, "model"), arguments.positional[2:], arguments, node)
    return state.origin(node, text_of(node))


def _by_name(
    run: Interpreter,
    state: State,
    name: Value | None,
    positional: tuple[Value, ...],
    arguments: Arguments,
    node: cst.CSTNode,
) -> Value:
    name = None if name is None else run.pinned(state, name)
    builder = find_builder(name.value.lower()) if isinstance(name, Constant) and isinstance(name.value, str) else None
    if builder is None:
        return state.origin(node, text_of(node))
    ours = ("name", "repo_or_dir", "model", "source", "trust_repo", "force_reload", "verbose", "skip_validation")
    keywords = tuple((key, value) for key, value in arguments.keywords if key not in ours)
    return build(run, state, builder, Arguments(positional, keywords, arguments.complete), node)
