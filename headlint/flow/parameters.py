"""The parameters that stand in modules on a path, with their names and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from headlint.flow.modules import TREES, children_of, untouched_tree
from headlint.flow.state import InstanceRecord, LayerObject, OpaqueObject, State
from headlint.flow.value import NONE, Constant, Parameter, Symbol, Tuple, Unknown, Value
from headlint.history import Argument, ModuleRef, ParameterRef
from headlint.torchlib.parameters import parameter_names, parameter_shapes
from headlint.torchlib.parts import PartTree

if TYPE_CHECKING:
    from headlint.zoo import Tree


# Every parameter of an object whose parameters are not known one by one.
ALL_PARAMETERS = "*"


@lru_cache(maxsize=1_000)
def _parameters_in(number: int, tree: Tree | PartTree, path: str) -> tuple[tuple[str, ParameterRef], ...]:
    start = len(path) + 1 if path else 0
    return tuple((inside[start:], ParameterRef(number, inside)) for inside in tree.parameters(path))


@lru_cache(maxsize=1_000)
def _values_in(number: int, tree: Tree | PartTree, path: str) -> dict[ParameterRef, Parameter]:
    return {parameter: Parameter(parameter) for _, parameter in _parameters_in(number, tree, path)}


@lru_cache(maxsize=1_000)
def _pairs_in(number: int, tree: Tree | PartTree, path: str, prefix: str) -> dict[ParameterRef, Tuple]:
    values = _values_in(number, tree, path)
    known = _parameters_in(number, tree, path)
    return {parameter: Tuple((Constant(prefix + name), values[parameter])) for name, parameter in known}


def own_parameters(state: State, ref: ModuleRef) -> Iterator[tuple[str, ParameterRef]]:
    """The parameters that stand directly in a module, with their names."""
    record = state.heap.get(ref.object)
    prefix = f"{ref.path}." if ref.path else ""
    names: Iterator[str]
    if isinstance(record, TREES):
        node = record.tree.node(ref.path)
        names = iter(node.parameters if node is not None else ())
    elif isinstance(record, LayerObject):
        known_names = parameter_names(record.kind, dict(record.arguments))
        names = iter((ALL_PARAMETERS,) if known_names is None else known_names)
    elif isinstance(record, OpaqueObject) or (
        isinstance(record, InstanceRecord) and any(_may_be_unknown(value) for _, value in record.attributes)
    ):
        names = iter((ALL_PARAMETERS,))
    else:
        names = iter(())
    known = tuple(names)
    for name in known:
        if state.attributes.get((ref, name)) != NONE:
            yield name, ParameterRef(ref.object, prefix + name)
    new = (name for (at, name), value in state.attributes.items() if at == ref and _is_new_parameter(value))
    if not set(new).issubset(known):
        yield ALL_PARAMETERS, ParameterRef(ref.object, prefix + ALL_PARAMETERS)


def _is_new_parameter(value: Value) -> bool:
    return isinstance(value, Symbol) and value.op == "parameter"


def flag_of_new(value: Value) -> bool | None:
    """`requires_grad` of what is assigned as a parameter, None where that is not known."""
    flag = value.operands[1] if isinstance(value, Symbol) and _is_new_parameter(value) else None
    return flag.value if isinstance(flag, Constant) and isinstance(flag.value, bool) else None


def _may_be_unknown(value: Value) -> bool:
    """Whether an attribute may be a parameter, or a module of which nothing is known."""
    if isinstance(value, Symbol):
        return _is_new_parameter(value) or (value.op == "name" and value.text.endswith(")"))
    return isinstance(value, Unknown)


def parameters_of(state: State, ref: ModuleRef) -> Sequence[tuple[str, ParameterRef]]:
    """Every parameter in a module with its name now, in the order of `named_parameters`."""
    found: dict[ParameterRef, str] = {}
    for prefix, here, tree in _regions(state, ref):
        if tree is not None and here == ref:
            return _parameters_in(here.object, tree, here.path)
        inside = own_parameters(state, here) if tree is None else _parameters_in(here.object, tree, here.path)
        for name, parameter in inside:
            # One that stands at several places has the name of the first of them.
            if parameter not in found:
                found[parameter] = prefix + name
    return [(name, parameter) for parameter, name in found.items()]


def parameter_set(state: State, ref: ModuleRef) -> frozenset[ParameterRef]:
    """Every parameter in a module."""
    found: set[ParameterRef] = set()
    for _, here, tree in _regions(state, ref):
        found.update(_values_of_region(state, here, tree))
    return frozenset(found)


def values_of(state: State, ref: ModuleRef) -> tuple[Parameter, ...]:
    """What `parameters()` gives. Values are frozen, so the same ones serve every loop."""
    found: dict[ParameterRef, Parameter] = {}
    for _, here, tree in _regions(state, ref):
        found.update(_values_of_region(state, here, tree))
    return tuple(found.values())


def _values_of_region(state: State, ref: ModuleRef, tree: Tree | PartTree | None) -> Mapping[ParameterRef, Parameter]:
    if tree is not None:
        return _values_in(ref.object, tree, ref.path)
    return {parameter: as_parameter(parameter) for _, parameter in own_parameters(state, ref)}


def pairs_of(state: State, ref: ModuleRef) -> tuple[Tuple, ...]:
    """What `named_parameters()` gives, with parameters that are not known one by one under a name of theirs."""
    found: dict[ParameterRef, Tuple] = {}
    for prefix, here, tree in _regions(state, ref):
        if tree is None:
            more = {parameter: _pair(prefix + name, parameter) for name, parameter in own_parameters(state, here)}
        else:
            more = _pairs_in(here.object, tree, here.path, prefix)
        found.update({parameter: pair for parameter, pair in more.items() if parameter not in found})
    return tuple(found.values())


as_parameter = lru_cache(maxsize=4_000)(Parameter)


def _pair(name: str, parameter: ParameterRef) -> Tuple:
    known = Unknown("the name of a parameter that is not known") if name.endswith(ALL_PARAMETERS) else Constant(name)
    return Tuple((known, as_parameter(parameter)))


def _regions(state: State, ref: ModuleRef) -> Iterator[tuple[str, ModuleRef, Tree | PartTree | None]]:
    """The modules in `ref`, in order and with the prefix of the names in them: parts that stand as they were made in
    one piece, with their tree, and all others one by one."""
    changed = any(value == NONE or _is_new_parameter(value) for value in state.attributes.values())
    seen: set[ModuleRef] = set()
    pending: list[tuple[str, ModuleRef]] = [("", ref)]
    while pending:
        prefix, here = pending.pop()
        if here in seen:
            continue
        seen.add(here)
        tree = None if changed else untouched_tree(state, here)
        yield prefix, here, tree
        if tree is None:
            inside = [(f"{prefix}{name}.", child) for name, child in children_of(state, here) if child is not None]
            pending += reversed(inside)


def parameter_shape(state: State, parameter: ParameterRef) -> tuple[Argument, ...] | None:
    """The shape of a parameter, None where it is not known."""
    owner, _, name = parameter.path.rpartition(".")
    record = state.heap.get(parameter.object)
    if isinstance(record, TREES):
        node = record.tree.node(owner)
        return node.parameters.get(name) if node is not None else None
    if isinstance(record, LayerObject):
        return (parameter_shapes(record.kind, dict(record.arguments)) or {}).get(name)
    return None
