"""Calls to what is imported: torchvision's builders, `torch.nn` layers, optimizers, builtins and a few helpers.

Handlers are found by dotted name. What has no handler and is not known to be harmless may change every
module that it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules, records
from headlint.flow.attributes import delete, read, write
from headlint.flow.builders import build, builder_by_name, construct, hub_load
from headlint.flow.calls import Arguments, as_list, as_set, call
from headlint.flow.copies import deep_copy, shallow_copy
from headlint.flow.gradients import NAMES as GRAD_MODES
from headlint.flow.gradients import grad_mode
from headlint.flow.items import iterate, take_one
from headlint.flow.layers import make_module, make_part
from headlint.flow.moves import accelerator
from headlint.flow.operations import FUNCTIONS, apply
from headlint.flow.outputs import note_function
from headlint.flow.state import DictRecord, InstanceRecord, OptimizerRecord, State
from headlint.flow.tensors import call_function
from headlint.flow.value import (
    FALSE,
    NONE,
    TRUE,
    Class,
    Constant,
    DictRef,
    External,
    Instance,
    Iterator,
    ListRef,
    Module,
    Optimizer,
    Parameter,
    Partial,
    Super,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import MakeOptimizer, ParameterRef
from headlint.source.nodes import text_of
from headlint.torchlib.constructors import constructor_at
from headlint.torchlib.kinds import is_kind
from headlint.torchlib.names import MODULE_CLASSES, is_harmless, is_optimizer, layer_kind
from headlint.torchlib.parts import part_at
from headlint.zoo import builder_at, find_builder

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

Handler = Callable[["Interpreter", State, Arguments, cst.CSTNode], Value]


def call_external(run: Interpreter, state: State, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    """The value of calling the imported or built-in `name`."""
    if state.operations is not None:
        result = call_function(state, name, arguments, node)
        if result is not None:
            return result
    loss = note_function(state, name, arguments, node)
    if loss is not None:
        return loss
    handler = _HANDLERS.get(name)
    if handler is not None:
        return handler(run, state, arguments, node)
    if name in GRAD_MODES:
        return grad_mode(run, state, name, arguments, node)
    builder = builder_at(name)
    if builder is not None:
        return build(run, state, builder, arguments, node)
    constructor = constructor_at(name)
    if constructor is not None:
        return construct(run, state, constructor, arguments, node)
    kind = layer_kind(name)
    if kind is not None:
        return make_module(run, state, kind, arguments, node)
    part = part_at(name)
    if part is not None:
        return make_part(run, state, part, arguments, node)
    if is_optimizer(name):
        return _optimizer(run, state, name.rpartition(".")[2], arguments, node)
    if not is_harmless(name):
        for value in arguments.values:
            run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
    return state.origin(node, text_of(node))


def _optimizer(run: Interpreter, state: State, kind: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    given = arguments.get(0, "params")
    exhausted = _exhausted(state, given)
    groups = None if given is None else _groups_in(state, given)
    parameters: tuple[ParameterRef, ...] | None = None
    if groups is not None:
        known = [group for group in groups if group is not None]
        parameters = tuple(ref for group in known for ref in group) if len(known) == len(groups) else None
    elif given is not None:
        parameters = parameters_in(state, given)
    identity = state.identity()
    state.heap[identity] = OptimizerRecord(parameters)
    shown = () if groups is None or parameters is None else tuple(group or () for group in groups)
    state.trace.append(MakeOptimizer(kind, parameters, shown, identity, exhausted, site=node))
    return Optimizer(identity)


def _exhausted(state: State, given: Value | None) -> tuple[ParameterRef, ...]:
    """The parameters of an iterator that has been run through to its end, nothing of any other value."""
    if not isinstance(given, Iterator) or given.identity is None:
        return ()
    if not given.items or state.spent.get(given.identity, 0) != len(given.items):
        return ()
    return tuple(item.ref for item in given.items if isinstance(item, Parameter))


def _groups_in(state: State, given: Value) -> tuple[tuple[ParameterRef, ...] | None, ...] | None:
    """The parameters of each group of an optimizer's argument; None where it is no list of groups."""
    items = iterate(state, given) if isinstance(given, (ListRef, Tuple)) else None
    if not items or not all(isinstance(item, DictRef) for item in items):
        return None
    return tuple(parameters_in(state, item) for item in items)


def parameters_in(state: State, value: Value) -> tuple[ParameterRef, ...] | None:
    """The parameters of an optimizer's argument: parameters, groups, or lists of these; None if not known."""
    if isinstance(value, Parameter):
        return (value.ref,)
    if isinstance(value, DictRef):
        record = state.heap.get(value.identity)
        if isinstance(record, DictRecord):
            for key, inside in record.items:
                if key == Constant("params"):
                    return parameters_in(state, inside)
        return None
    if isinstance(value, Tuple) and len(value.items) == 2 and isinstance(value.items[0], Constant):
        return parameters_in(state, value.items[1])
    items = iterate(state, value)
    if items is None:
        return None
    found: list[ParameterRef] = []
    for item in items:
        inside_refs = parameters_in(state, item)
        if inside_refs is None:
            return None
        found.extend(inside_refs)
    return tuple(found)


def _pure(name: str) -> Handler:
    def handler(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
        values = [run.settle(state, value) for value in arguments.values]
        if len(values) == 1 and not isinstance(values[0], (Constant, Symbol)):
            items = iterate(state, values[0])
            if items is None:
                return state.origin(node, text_of(node))
            if name == "len":
                return Constant(len(items))
            values = [Tuple(items)]
        if name in ("min", "max", "sum", "len", "abs", "round", "int", "float", "str", "bool") and values:
            result = apply(name, tuple(values), text_of(node))
            if not isinstance(result, Unknown):
                return result
        return state.origin(node, text_of(node))

    return handler


def _range(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    bounds = [run.settle(state, value) for value in arguments.positional]
    numbers = [value.value for value in bounds if isinstance(value, Constant) and isinstance(value.value, int)]
    if len(numbers) == len(bounds) and 1 <= len(numbers) <= 3 and not (len(numbers) == 3 and numbers[2] == 0):
        span = range(*numbers)
        if len(span) <= 4_000:
            return Iterator(tuple(Constant(number) for number in span))
    return Unknown("a range of unknown length")


def _enumerate(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else None
    start = arguments.get(1, "start") or Constant(0)
    if items is None or not isinstance(start, Constant) or not isinstance(start.value, int):
        return Unknown("an enumeration of something unknown")
    return state.once(tuple(Tuple((Constant(start.value + i), item)) for i, item in enumerate(items)))


def _zip(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    columns = [iterate(state, value) for value in arguments.positional]
    known = [column for column in columns if column is not None]
    if len(known) != len(columns) or not arguments.complete:
        return Unknown("a zip of something unknown")
    return state.once(tuple(Tuple(row) for row in zip(*known, strict=False)))


def _list(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if not arguments.positional:
        return as_list(state, ())
    items = iterate(state, arguments.positional[0])
    return state.origin(node, text_of(node)) if items is None else as_list(state, items)


def _set(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else ()
    return state.origin(node, text_of(node)) if items is None else as_set(state, items)


def _sorted(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else None
    backwards = arguments.get(None, "reverse") or FALSE
    known = [item.value for item in items or () if isinstance(item, Constant)]
    same = {type(value) for value in known} in ({str}, {int}, {float}, set())
    if items is None:
        return state.origin(node, text_of(node))
    if len(known) < len(items) or not same or arguments.get(None, "key") is not None:
        return as_list(state, (), complete=False)
    if not isinstance(backwards, Constant):
        return as_list(state, (), complete=False)
    ordered = sorted(known, reverse=bool(backwards.value))  # type: ignore[type-var]
    return as_list(state, tuple(Constant(value) for value in ordered))


def _vars(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if len(arguments.positional) == 1 and isinstance(arguments.positional[0], External):
        return External(f"{arguments.positional[0].name}.__dict__")
    return state.origin(node, text_of(node))


def _import_module(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    name = run.settle(state, arguments.positional[0]) if arguments.positional else NONE
    if isinstance(name, Constant) and isinstance(name.value, str):
        return External(name.value)
    return state.origin(node, text_of(node))


def _model_builder(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    name = run.pinned(state, arguments.get(0, "name") or NONE)
    builder = find_builder(name.value.lower()) if isinstance(name, Constant) and isinstance(name.value, str) else None
    return state.origin(node, text_of(node)) if builder is None else External(builder.qualified_name)


def _tuple(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else ()
    return state.origin(node, text_of(node)) if items is None else Tuple(items)


def _iter(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else None
    return state.origin(node, text_of(node)) if items is None else state.once(items)


def _reversed(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else None
    return state.origin(node, text_of(node)) if items is None else state.once(tuple(reversed(items)))


def _chain(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    found: list[Value] = []
    for value in arguments.positional:
        items = iterate(state, value)
        if items is None:
            return Unknown("a chain of something unknown")
        found.extend(items)
    return state.once(tuple(found)) if arguments.complete else Unknown("a chain of something unknown")


def _dict(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items: dict[Value, Value] = {}
    complete = arguments.complete
    if arguments.positional:
        source = arguments.positional[0]
        record = state.heap.get(source.identity) if isinstance(source, DictRef) else None
        pairs = iterate(state, source) if record is None else None
        if isinstance(record, DictRecord):
            items.update(record.items)
            complete = complete and record.complete
        elif pairs is not None:
            for pair in pairs:
                sides = iterate(state, pair)
                if sides is not None and len(sides) == 2:
                    items[sides[0]] = sides[1]
                else:
                    complete = False
        else:
            complete = False
    items.update((Constant(name), value) for name, value in arguments.keywords)
    identity = state.identity()
    state.heap[identity] = DictRecord(tuple(items.items()), complete)
    return DictRef(identity)


def _map(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[1]) if len(arguments.positional) == 2 else None
    if items is None:
        return Unknown("a map over something unknown")
    return state.once(tuple(call(run, state, arguments.positional[0], Arguments((item,)), node) for item in items))


def _filter(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[1]) if len(arguments.positional) == 2 else None
    if items is None:
        return Unknown("a filter over something unknown")
    test = arguments.positional[0]
    kept: list[Value] = []
    for item in items:
        verdict = item if test == NONE else call(run, state, test, Arguments((item,)), node)
        truth = run.truth(state, verdict)
        if truth is None:
            return Unknown("a filter with an unknown test")
        if truth:
            kept.append(item)
    return state.once(tuple(kept))


def _any_all(wanted: bool) -> Handler:
    def handler(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
        items = iterate(state, arguments.positional[0]) if arguments.positional else None
        truths = [None] if items is None else [run.truth(state, item) for item in items]
        if wanted in truths:
            return Constant(wanted)
        return state.origin(node, text_of(node)) if None in truths else Constant(not wanted)

    return handler


def _next(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    first = arguments.positional[0] if arguments.positional else None
    taken = take_one(state, first) if isinstance(first, Iterator) else None
    return state.origin(node, text_of(node)) if taken is None else taken


def _isinstance(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if len(arguments.positional) != 2:
        return state.origin(node, text_of(node))
    value, wanted = arguments.positional
    kinds = iterate(state, wanted) if isinstance(wanted, (Tuple, ListRef)) else (wanted,)
    answers = [is_instance(state, value, kind) for kind in kinds or (NONE,)]
    if True in answers:
        return TRUE
    if None not in answers:
        return FALSE
    if isinstance(value, Symbol) and all(isinstance(kind, (External, Class)) for kind in kinds or (NONE,)):
        return Symbol("isinstance", (value, Tuple(kinds or ())), text_of(node))
    return state.origin(node, text_of(node))


def is_instance(state: State, value: Value, kind: Value) -> bool | None:
    """Whether a value is an instance of one class, None where that is not known."""
    if isinstance(value, Module) and isinstance(kind, External):
        if kind.name in MODULE_CLASSES and kind.name.endswith(".Module"):
            return True
        node = modules.node_of(state, value.ref)
        bases = node.bases if node is not None else ()
        return is_kind(modules.kind_of(state, value.ref), bases, kind.name)
    if isinstance(value, (Constant, ListRef, DictRef, Tuple)) and isinstance(kind, External):
        return _is_plain_instance(value, kind.name)
    if isinstance(value, Module) and isinstance(kind, Class):
        return False if modules.kind_of(state, value.ref) else None
    owner = modules.owner_of(state, value.identity) if isinstance(value, Instance) else None
    return None if owner is None else _derives(owner, kind)


def _derives(owner: Class, kind: Value) -> bool | None:
    """Whether a class of the file is `kind` or built on it, None where a base out of sight may be."""
    if owner == kind:
        return True
    answers = [_derives(base, kind) if isinstance(base, Class) else _is_base(base, kind) for base in owner.bases]
    if True in answers:
        return True
    return None if None in answers else False


def _is_base(base: Value, kind: Value) -> bool | None:
    if base == kind:
        return True
    if isinstance(kind, External) and isinstance(base, External) and base.name in MODULE_CLASSES:
        return True if kind.name in MODULE_CLASSES and kind.name.endswith(".Module") else None
    return None


def _is_plain_instance(value: Value, name: str) -> bool | None:
    plain = {"builtins.str": str, "builtins.int": int, "builtins.float": float, "builtins.bool": bool}
    if name in plain:
        return isinstance(value, Constant) and isinstance(value.value, plain[name])
    if name == "builtins.list":
        return isinstance(value, ListRef) or (None if isinstance(value, DictRef) else False)
    if name == "builtins.dict":
        return isinstance(value, DictRef)
    if name == "builtins.tuple":
        return isinstance(value, Tuple)
    return None


def _hasattr(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if len(arguments.positional) == 2:
        owner, name = arguments.positional[0], run.settle(state, arguments.positional[1])
        if isinstance(owner, Module) and isinstance(name, Constant) and isinstance(name.value, str):
            found = modules.read_attribute(state, owner.ref, name.value)
            if owner.ref.object not in state.escaped and not isinstance(found, Unknown):
                return Constant(not isinstance(found, modules.Missing))
        if isinstance(owner, Instance) and isinstance(name, Constant):
            record = state.heap.get(owner.identity)
            if isinstance(record, InstanceRecord) and name.value in dict(record.attributes):
                return TRUE
        if isinstance(owner, Symbol) and isinstance(name, Constant):
            return Symbol("hasattr", (owner, name), text_of(node))
    return state.origin(node, text_of(node))


def _getattr(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if len(arguments.positional) < 2:
        return state.origin(node, text_of(node))
    owner, name = arguments.positional[0], run.settle(state, arguments.positional[1])
    if isinstance(owner, External):
        name = run.pinned(state, name)
    if not isinstance(name, Constant) or not isinstance(name.value, str):
        return state.origin(node, text_of(node))
    if len(arguments.positional) == 3:
        if isinstance(owner, Module):
            found = modules.read_attribute(state, owner.ref, name.value)
            if isinstance(found, modules.Missing):
                return arguments.positional[2]
        elif not isinstance(owner, External):
            return state.origin(node, text_of(node))
    return read(run, state, owner, name.value, node)


def _setattr(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if len(arguments.positional) == 3:
        owner, name, value = arguments.positional
        name = run.settle(state, name)
        if isinstance(name, Constant) and isinstance(name.value, str):
            write(run, state, owner, name.value, value, node)
            return NONE
        if isinstance(owner, Class):
            names = state.frames.get(owner.namespace, {})
            for known, old in names.items():
                if isinstance(old, (Constant, Symbol)):
                    names[known] = Unknown(f"'{known}' may have been set by '{text_of(node)}'")
        run.hand_over(state, owner, "an attribute is set whose name is not known", node)
        run.hand_over(state, value, "it is put under a name that is not known", node)
    return NONE


def _delattr(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if len(arguments.positional) == 2:
        owner, name = arguments.positional
        if isinstance(name, Constant) and isinstance(name.value, str):
            delete(state, owner, name.value, node)
        else:
            run.hand_over(state, owner, "an attribute is deleted whose name is not known", node)
    return NONE


def _type(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if len(arguments.positional) == 1 and isinstance(arguments.positional[0], Module):
        return Symbol("type", (arguments.positional[0],), text_of(node))
    return state.origin(node, text_of(node))


def _id(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A number for each module and parameter: code keeps sets of these to tell a head's parameters from the rest."""
    if len(arguments.positional) == 1 and isinstance(arguments.positional[0], (Module, Parameter)):
        return Constant(run.number_of(arguments.positional[0]))
    return state.origin(node, text_of(node))


def _super(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    from headlint.flow.scope import look_up

    owner, receiver = look_up(state, "__class__"), look_up(state, "__self__")
    return Super(owner, receiver) if isinstance(owner, Class) else Unknown("super() outside a class")


def _partial(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if not arguments.positional:
        return Unknown("a partial of nothing")
    return Partial(arguments.positional[0], arguments.positional[1:], arguments.keywords)


def _exit(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    return run.exits(state)


def _rebind_anything(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`exec` and `globals()` may give any name of the module any value."""
    for name, value in state.frames[0].items():
        if isinstance(value, (Constant, Symbol, Tuple)):
            state.frames[0][name] = Unknown(f"'{name}' may have been bound by '{text_of(node)}'")
    return Unknown("anything")


def _device(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    given = arguments.get(0, "type")
    known = given is not None and accelerator(given) is not None
    return Symbol("device", (given,), text_of(node)) if known else state.origin(node, text_of(node))


def _same(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    return arguments.positional[0] if arguments.positional else state.origin(node, text_of(node))


_HANDLERS: dict[str, Handler] = {
    **records.HANDLERS,
    **{f"builtins.{name}": _pure(name) for name in FUNCTIONS},
    "builtins.range": _range,
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.list": _list,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "builtins.sorted": _sorted,
    "builtins.vars": _vars,
    "importlib.import_module": _import_module,
    "builtins.tuple": _tuple,
    "builtins.iter": _iter,
    "builtins.reversed": _reversed,
    "builtins.dict": _dict,
    "collections.OrderedDict": _dict,
    "typing.OrderedDict": _dict,
    "builtins.map": _map,
    "builtins.filter": _filter,
    "builtins.any": _any_all(True),
    "builtins.all": _any_all(False),
    "builtins.next": _next,
    "builtins.isinstance": _isinstance,
    "builtins.hasattr": _hasattr,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.delattr": _delattr,
    "builtins.super": _super,
    "builtins.type": _type,
    "builtins.id": _id,
    "builtins.exec": _rebind_anything,
    "builtins.globals": _rebind_anything,
    "builtins.exit": _exit,
    "builtins.quit": _exit,
    "sys.exit": _exit,
    "os._exit": _exit,
    "itertools.chain": _chain,
    "functools.partial": _partial,
    "copy.deepcopy": deep_copy,
    "copy.copy": shallow_copy,
    "torchvision.models.get_model": builder_by_name,
    "torchvision.models._api.get_model": builder_by_name,
    "torchvision.models.get_model_builder": _model_builder,
    "torch.hub.load": hub_load,
    "torch.compile": _same,
    "torch.device": _device,
    "torch.nn.Parameter": lambda run, state, arguments, node: state.origin(node, text_of(node)),
    "tqdm.tqdm": _same,
    "tqdm.auto.tqdm": _same,
    "tqdm.notebook.tqdm": _same,
    "rich.progress.track": _same,
}
