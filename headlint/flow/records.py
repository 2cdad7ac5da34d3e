"""Classes whose constructors come from their fields, as configurations are: dataclasses, named tuples, namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headlint.flow.arguments import Arguments
from headlint.flow.assigning import set_instance_attribute, write_symbol
from headlint.flow.calls import call
from headlint.flow.classes import class_attribute
from headlint.flow.copies import deep_copy
from headlint.flow.fields import fields_of, is_dataclass
from headlint.flow.functions import call_function
from headlint.flow.iterating import iterate
from headlint.flow.lists import as_list, new_dict
from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, State
from headlint.flow.value import (
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    ListRef,
    Partial,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    import libcst as cst

    from headlint.flow.interpreter import Interpreter

_PLAIN_BASES = frozenset({"builtins.object", "typing.NamedTuple", "typing.Generic", "abc.ABC"})
_FACTORY = External("dataclasses.field")


def fill(
    run: Interpreter, state: State, instance: Instance, owner: Class, arguments: Arguments, node: cst.CSTNode
) -> None:
    """The constructor that a class has from its fields."""
    foreign = [base for base in owner.bases if not isinstance(base, Class) and not _is_plain(base)]
    if not arguments.complete or foreign:
        state.heap[instance.identity] = InstanceRecord(owner, (), escaped=True)
        return
    taken = fields_of(owner, taken=True)
    for name in fields_of(owner):
        given = arguments.get(taken.index(name), name) if name in taken else None
        value = given or class_attribute(state, owner, name)
        if isinstance(value, Partial) and value.function == _FACTORY:
            value = call(run, state, value.arguments[0], Arguments(()), node)
        if value is not None and not isinstance(value, Unknown):
            set_instance_attribute(state, instance, name, value)
    prepare = class_attribute(state, owner, "__post_init__")
    if isinstance(prepare, Function):
        call_function(run, state, prepare, Arguments((instance,)), node)


def _is_plain(base: Value) -> bool:
    return isinstance(base, External) and base.name in _PLAIN_BASES


def field(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`dataclasses.field(...)`: its default, or what makes one for each instance."""
    factory = arguments.get(None, "default_factory")
    if factory is not None:
        return Partial(_FACTORY, (factory,), ())
    return arguments.get(None, "default") or Unknown("a field without a default")


def replaced(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`dataclasses.replace(instance, name=value)`."""
    source = arguments.positional[0] if arguments.positional else None
    record = state.heap.get(source.identity) if isinstance(source, Instance) else None
    if not isinstance(record, InstanceRecord) or record.escaped or not arguments.complete:
        return state.origin(node, text_of(node))
    attributes = {**dict(record.attributes), **dict(arguments.keywords)}
    if any(class_attribute(state, record.owner, name) is not None for name in ("__init__", "__post_init__")):
        # The constructor runs once more, with the fields that it takes.
        taken = tuple((name, attributes[name]) for name in fields_of(record.owner, taken=True) if name in attributes)
        return call(run, state, record.owner, Arguments((), taken), node)
    identity = state.identity()
    state.heap[identity] = InstanceRecord(record.owner, tuple(attributes.items()))
    return Instance(identity)


def as_dict(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`dataclasses.asdict(instance)`: the fields, with dicts for dataclasses and copies of all else inside."""
    source = arguments.get(0, "obj")
    if source is None or len(arguments.values) != 1:
        return state.origin(node, text_of(node))
    return _as_plain(run, state, source, node)


def _as_plain(run: Interpreter, state: State, value: Value, node: cst.CSTNode) -> Value:
    record = state.heap.get(value.identity) if isinstance(value, (Instance, ListRef, DictRef)) else None

    def plain(item: Value) -> Value:
        return _as_plain(run, state, item, node)

    match value, record:
        case Instance(), InstanceRecord(owner=owner, escaped=False) if is_dataclass(owner):
            attributes = dict(record.attributes)
            names = fields_of(owner)
            held = [(Constant(name), plain(attributes[name])) for name in names if name in attributes]
            return new_dict(state, held, len(held) == len(names))
        case DictRef(), DictRecord():
            return new_dict(state, [(key, plain(item)) for key, item in record.items], record.complete)
        case ListRef(), ListRecord():
            items = [plain(item) for item in record.items]
            return as_list(state, items, record.complete)
        case Tuple(), _:
            return Tuple(tuple(plain(item) for item in value.items), value.names)
        case ((External() | Function() | Class()), _):
            return value
    return deep_copy(run, state, Arguments((value,)), node)


def automatic(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`enum.auto()`: a value that no other member of its class has."""
    return Symbol("automatic", (state.origin(node, text_of(node)),), text_of(node))


def namespace(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`types.SimpleNamespace(name=value)`: an object out of sight with these attributes."""
    made = state.origin(node, text_of(node))
    for name, value in arguments.keywords:
        write_symbol(state, made, name, value)
    return made


def named_tuple(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`collections.namedtuple(name, fields)`: what makes such a tuple."""
    given = arguments.get(1, "field_names")
    names: tuple[Value, ...] | None = None
    if isinstance(given, Constant) and isinstance(given.value, str):
        names = tuple(Constant(name) for name in given.value.replace(",", " ").split())
    elif isinstance(given, (ListRef, Tuple)):
        names = iterate(state, given)
    given = arguments.get(None, "defaults")
    defaults = () if given is None else iterate(state, given)
    others = {name for name, _ in arguments.keywords} - {"typename", "field_names", "defaults"}
    plain = names is not None and all(isinstance(name, Constant) and isinstance(name.value, str) for name in names)
    if names is None or not plain or defaults is None or others or not arguments.complete:
        return state.origin(node, text_of(node))
    return Partial(External(_NAMED), (Tuple(names), Tuple(defaults)), ())


_NAMED = "collections.namedtuple.new"


def new_named_tuple(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A tuple of the kind that `named_tuple` makes."""
    fields, defaults, *values = arguments.positional
    assert isinstance(fields, Tuple)
    assert isinstance(defaults, Tuple)
    names = tuple(str(name.value) for name in fields.items if isinstance(name, Constant))
    given = dict(zip(names[len(names) - len(defaults.items) :], defaults.items, strict=False))
    given.update(zip(names, values, strict=False))
    given.update(arguments.keywords)
    if given.keys() != set(names) or len(values) > len(names) or not arguments.complete:
        return state.origin(node, text_of(node))
    return Tuple(tuple(given[name] for name in names), names)


def tuple_method(
    run: Interpreter, state: State, receiver: Tuple | Instance, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`_replace` and `_asdict` of a named tuple."""
    if isinstance(receiver, Tuple):
        held: dict[str, Value] = dict(zip(receiver.names, receiver.items, strict=False))
    else:
        record = state.heap.get(receiver.identity)
        known = isinstance(record, InstanceRecord) and not record.escaped
        held = dict(record.attributes) if known and isinstance(record, InstanceRecord) else {}
    changed = dict(arguments.keywords)
    if not held or not arguments.complete or arguments.positional or not changed.keys() <= held.keys():
        return state.origin(node, text_of(node))
    if name == "_asdict":
        return new_dict(state, ((Constant(key), value) for key, value in held.items()))
    held.update(changed)
    if isinstance(receiver, Tuple):
        return Tuple(tuple(held.values()), receiver.names)
    record = state.heap[receiver.identity]
    assert isinstance(record, InstanceRecord)
    identity = state.identity()
    state.heap[identity] = InstanceRecord(record.owner, tuple(held.items()))
    return Instance(identity)


HANDLERS = {
    "dataclasses.field": field,
    "dataclasses.asdict": as_dict,
    "dataclasses.replace": replaced,
    "enum.auto": automatic,
    "types.SimpleNamespace": namespace,
    "argparse.Namespace": namespace,
    "collections.namedtuple": named_tuple,
    _NAMED: new_named_tuple,
}
