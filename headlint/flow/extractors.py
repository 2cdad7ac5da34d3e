"""Parts of a model that give what arrives inside it: `create_feature_extractor` and `IntermediateLayerGetter`.

Both make a module that holds the model's own layers, as far as the wanted ones need them, and gives a dict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import making, modules
from headlint.flow.arguments import Arguments, Handler
from headlint.flow.iterating import iterate
from headlint.flow.lists import new_dict
from headlint.flow.state import Children, DictRecord, ExtractorObject, State
from headlint.flow.value import Constant, DictRef, Instance, ListRef, Module, Tuple, Value
from headlint.history import MakeContainer, ModuleRef
from headlint.source.nodes import text_of
from headlint.torchlib.graphs import flattens_before_last, is_chain

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# Where a wanted node stands: the number of the child at each step from the model down to it.
Position = tuple[int, ...]


def _create_extractor(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    source = _source(state, arguments)
    if source is None:
        return _out_of_sight(run, state, arguments, node)
    wanted = _wanted(run, state, arguments.get(1, "return_nodes"))
    others = [
        _wanted(run, state, arguments.get(*where)) for where in ((2, "train_return_nodes"), (3, "eval_return_nodes"))
    ]
    every = (
        None if None in others else {name: key for names in (wanted, *others) for name, key in (names or {}).items()}
    )
    where = None if not every else {name: _position(state, source, name) for name in every}
    if every is None or where is None or None in where.values():
        return _make(state, "GraphModule", modules.children_of(state, source), None, node)
    # torch gives the outputs in the order in which they come up.
    keys = None if not wanted else tuple(wanted[name] for name in sorted(wanted, key=lambda name: where[name] or ()))
    last = max(position for position in where.values() if position is not None)
    return _make(state, "GraphModule", _up_to(state, source, last, node), keys, node, complete=True)


def _create_getter(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    source = _source(state, arguments)
    if source is None:
        return _out_of_sight(run, state, arguments, node)
    wanted = _wanted(run, state, arguments.get(1, "return_layers"))
    inside = modules.children_of(state, source)
    names = [name for name, _ in inside]
    if not wanted or not set(wanted) <= set(names):
        return _make(state, "IntermediateLayerGetter", inside, None, node)
    ordered = sorted(wanted, key=names.index)
    held = inside[: names.index(ordered[-1]) + 1]
    keys = tuple(wanted[name] for name in ordered)
    return _make(state, "IntermediateLayerGetter", held, keys, node, complete=True)


def _source(state: State, arguments: Arguments) -> ModuleRef | None:
    """The model that is taken apart, None where it is not wholly known or its forward is no longer its own."""
    given = arguments.get(0, "model")
    model = modules.built_on(state, given) if given is not None else None
    ref = model.ref if model is not None else given.ref if isinstance(given, Module) else None
    if ref is None or not arguments.complete or ref in state.compiled:
        return None
    return ref if state.escaped.keys().isdisjoint(modules.objects_in(state, ref)) else None


def _out_of_sight(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    for value in arguments.values:
        run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
    return state.origin(node, text_of(node))


def _wanted(run: Interpreter, state: State, given: Value | None) -> dict[str, str] | None:
    """The wanted nodes with the keys of the dict that they come in, None where these are not known."""
    if given is None or given == Constant(None):
        return {}
    pairs: tuple[tuple[Value, Value], ...] = ()
    record = state.heap.get(given.identity) if isinstance(given, DictRef) else None
    if isinstance(record, DictRecord) and record.complete:
        pairs = record.items
    elif isinstance(given, (ListRef, Tuple)):
        pairs = tuple((item, item) for item in iterate(state, given) or ())
    wanted: dict[str, str] = {}
    for pair in pairs:
        name, key = (run.settle(state, side) for side in pair)
        if not isinstance(name, Constant) or not isinstance(key, Constant):
            return None
        wanted[str(name.value)] = str(key.value)
    return wanted or None


def _position(state: State, source: ModuleRef, name: str) -> Position | None:
    """Where a node stands in a model that is one chain down to it, None for any other."""
    kind = modules.kind_of(state, source)
    node = modules.node_of(state, source)
    if name == "flatten" and flattens_before_last(kind) and node is not None:
        return (len(node.children) - 2,)
    found: list[int] = []
    here = source
    for step in name.split("."):
        if not _is_chain(state, here):
            return None
        names = [child for child, _ in modules.children_of(state, here)]
        below = modules.children_of(state, here)[names.index(step)][1] if step in names else None
        if below is None:
            return None
        found.append(names.index(step))
        here = below
    return tuple(found)


def _is_chain(state: State, ref: ModuleRef) -> bool:
    """Whether a module runs all that stood in it when it was made, one behind the other."""
    if modules.container_kind(state, ref) == "Sequential":
        return True
    node = modules.node_of(state, ref)
    if node is None or not is_chain(modules.kind_of(state, ref)) or (ref, "forward") in state.attributes:
        return False
    return [name for name, _ in modules.children_of(state, ref)][: len(node.children)] == list(node.children)


def _up_to(state: State, ref: ModuleRef, last: Position, node: cst.CSTNode) -> Children:
    """What stands in a module up to a position, of which all before the last one is there as a whole."""
    first, *below = last
    *before, (name, child) = modules.children_of(state, ref)[: first + 1]
    if below and child is not None:
        inner = making.make_container(state, "ModuleDict", _up_to(state, child, tuple(below), node), node)
        child = inner.ref
    return (*before, (name, child))


def _make(
    state: State,
    kind: str,
    children: Children,
    keys: tuple[str, ...] | None,
    site: cst.CSTNode,
    *,
    complete: bool = False,
) -> Module:
    """The new module; of one that is not `complete` it is not known which of these it holds."""
    identity = state.identity()
    ref = ModuleRef(identity, "")
    state.heap[identity] = ExtractorObject(kind, keys, complete)
    state.children[ref] = children
    present = tuple((name, child) for name, child in children if child is not None)
    state.trace.append(MakeContainer(identity, "ModuleDict", present, site=site))
    if not complete:
        state.escaped[identity] = "which layers it holds is not known"
    return Module(ref)


def output(state: State, function: Module | Instance, node: cst.CSTNode) -> Value | None:
    """What calling such a part gives, None for any other module."""
    record = state.heap.get(function.ref.object) if isinstance(function, Module) else None
    if not isinstance(record, ExtractorObject):
        return None
    if record.keys is None:
        return state.origin(node, text_of(node))
    return new_dict(state, [(Constant(key), state.origin(node, f"{text_of(node)}[{key!r}]")) for key in record.keys])


HANDLERS: dict[str, Handler] = {
    "torchvision.models.feature_extraction.create_feature_extractor": _create_extractor,
    "torchvision.models._utils.IntermediateLayerGetter": _create_getter,
}
