"""`torch.nn` layers, containers and parts of torchvision's models made by the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import making, modules
from headlint.flow.arguments import Arguments
from headlint.flow.classes import members
from headlint.flow.iterating import iterate
from headlint.flow.sizes import as_argument
from headlint.flow.state import Children, DictRecord, InstanceRecord, State
from headlint.flow.value import NONE, Constant, DictRef, Instance, ListRef, Module, Tuple, Unknown, Value
from headlint.history import Argument, MakeOpaque, ModuleRef, SymbolicSize
from headlint.source.nodes import text_of
from headlint.torchlib.layers import REQUIRED, find_layer
from headlint.torchlib.parts import ANY, Part

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# Where these are not known the layer's shapes are the same all the same, and torch's default stands in.
_NO_SIZE = frozenset("p inplace dim negative_slope eps momentum approximate dropout min_val max_val beta".split())


def make_module(run: Interpreter, state: State, kind: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A layer or container of `torch.nn`; an opaque module where its arguments are not understood."""
    if kind in modules.WRAPPERS:
        return _wrap(run, state, kind, arguments, node)
    if kind in ("Sequential", "ModuleList", "ModuleDict"):
        children = _children(state, kind, arguments, node)
        if children is None:
            return _opaque(run, state, arguments, node)
        return making.make_container(state, kind, children, node)
    if kind == "Module":
        return making.make_opaque(state, "nn.Module()", node)
    if any(modules.module_ref(value) is not None for value in arguments.values):
        return _opaque(run, state, arguments, node)
    layer = find_layer(kind)
    given = None if layer is None else _bound(run, state, layer.parameters, arguments)
    if given is None:
        return making.make_opaque(state, text_of(node), node)
    return making.make_layer(state, kind, given, node)


def make_part(run: Interpreter, state: State, part: Part, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A part of the kind that torchvision's models have; an opaque module where its arguments are not understood."""
    given = _bound(run, state, [*((name, REQUIRED) for name in part.parameters), *part.defaults.items()], arguments)
    if given is None:
        return _opaque(run, state, arguments, node)
    understood: list[tuple[str, Argument]] = []
    for name, argument in given:
        default = part.defaults.get(name)
        if name in part.defaults and default != ANY and argument != default:
            return _opaque(run, state, arguments, node)
        if name in part.parameters:
            understood.append((name, argument))
    return making.make_part(state, part, tuple(understood), node)


def _opaque(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Module:
    for value in arguments.values:
        run.hand_over(state, value, f"'{text_of(node)}' is not followed", node)
    return making.make_opaque(state, text_of(node), node)


def _bound(
    run: Interpreter, state: State, parameters: Sequence[tuple[str, object]], arguments: Arguments
) -> tuple[tuple[str, Argument], ...] | None:
    """The arguments of a constructor by name, None where they do not fit its signature or are not known."""
    if not arguments.complete or len(arguments.positional) > len(parameters):
        return None
    known = [name for name, _ in parameters]
    given = dict(zip(known, arguments.positional, strict=False))
    for name, value in arguments.keywords:
        if name in ("device", "dtype"):
            continue
        if name not in known or name in given:
            return None
        given[name] = value
    bound: list[tuple[str, Argument]] = []
    for name, default in parameters:
        if name not in given:
            if default is REQUIRED:
                return None
            continue
        argument = as_argument(run.settle(state, given[name]))
        if isinstance(argument, Unknown):
            if name not in _NO_SIZE:
                return None
        elif isinstance(argument, SymbolicSize) and default is not REQUIRED:
            if name not in _NO_SIZE and name != "bias":
                return None
        else:
            bound.append((name, argument))
    return tuple(bound)


def _wrap(run: Interpreter, state: State, kind: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    inner = arguments.get(0, "module")
    ref = None if inner is None else modules.module_ref(inner)
    if ref is None:
        return state.origin(node, text_of(node))
    return making.make_container(state, kind, (("module", ref),), node)


# With one of these of its own a class does not run and hold its parts as the container does.
_OF_CONTAINERS = frozenset({"__call__", "__getitem__", "__iter__", "__len__", "forward"})


def become_container(
    run: Interpreter, state: State, owner: Instance, kind: str, arguments: Arguments, node: cst.CSTNode
) -> bool:
    """`super().__init__(...)` in a class built on a container: whether the instance is now such a container."""
    record = state.heap.get(owner.identity)
    if not isinstance(record, InstanceRecord) or record.escaped:
        return False
    if not _OF_CONTAINERS.isdisjoint(members(state, record.owner)):
        return False
    children = _children(state, kind, arguments, node)
    if children is None:
        return False
    state.trace[:] = [e for e in state.trace if not isinstance(e, MakeOpaque) or e.object != owner.identity]
    made = making.make_container(state, kind, children, node, owner)
    for name, value in record.attributes:
        state.attributes[made.ref, name] = value
    return True


def _children(state: State, kind: str, arguments: Arguments, node: cst.CSTNode) -> Children | None:
    """Names and modules that a container is given, None where they are not known."""
    if not arguments.complete or arguments.keywords:
        return None
    values: tuple[Value, ...] | None = arguments.positional
    assert values is not None
    if len(values) == 1 and isinstance(values[0], DictRef):
        record = state.heap.get(values[0].identity)
        if not isinstance(record, DictRecord) or not record.complete:
            return None
        named: list[tuple[str, ModuleRef | None]] = []
        for key, value in record.items:
            if not isinstance(key, Constant) or not isinstance(key.value, str):
                return None
            named.append((key.value, _module(state, value, node)))
        return tuple(named)
    if kind == "ModuleList":
        values = iterate(state, values[0]) if values else ()
    elif kind == "ModuleDict":
        return () if not values else None
    elif any(isinstance(value, (ListRef, Tuple)) for value in values):
        # torch raises: a list is not a Module subclass.
        return None
    if values is None:
        return None
    return tuple((str(index), _module(state, value, node)) for index, value in enumerate(values))


def _module(state: State, value: Value, node: cst.CSTNode) -> ModuleRef | None:
    if value == NONE:
        return None
    ref = modules.module_ref(value)
    return ref if ref is not None else making.make_opaque(state, "something unknown", node).ref
