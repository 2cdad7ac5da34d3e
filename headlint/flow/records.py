"""Classes whose constructors come from their fields, as configurations are: dataclasses, named tuples, namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.attributes import class_attribute, set_instance_attribute, write_symbol
from headlint.flow.calls import Arguments, call, call_function
from headlint.flow.items import iterate
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import (
    Class,
    Constant,
    External,
    Function,
    Instance,
    ListRef,
    Partial,
    Tuple,
    Unknown,
    Value,
)
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

_PLAIN_BASES = frozenset({"builtins.object", "typing.NamedTuple", "typing.Generic", "abc.ABC"})
_FACTORY = External("dataclasses.field")


def is_record_class(owner: Class) -> bool:
    """Whether a class of the file gets its constructor from its fields."""
    words = {text_of(d.decorator).partition("(")[0].rpartition(".")[2] for d in owner.node.decorators}
    named = External("typing.NamedTuple") in owner.bases
    return "dataclass" in words or named or any(isinstance(b, Class) and is_record_class(b) for b in owner.bases)


def fields_of(owner: Class) -> list[str]:
    """The fields that a class and its bases in the file declare, in the order of the constructor's arguments."""
    names = [name for base in owner.bases if isinstance(base, Class) for name in fields_of(base)]
    for line in owner.node.body.body:
        declared = line.body if isinstance(line, cst.SimpleStatementLine) else ()
        own = (small for small in declared if isinstance(small, cst.AnnAssign) and not _is_shared(small))
        names += [small.target.value for small in own if isinstance(small.target, cst.Name)]
    return list(dict.fromkeys(names))


def _is_shared(line: cst.AnnAssign) -> bool:
    return "ClassVar" in text_of(line.annotation.annotation)


def fill(
    run: Interpreter, state: State, instance: Instance, owner: Class, arguments: Arguments, node: cst.CSTNode
) -> None:
    """The constructor that a class has from its fields."""
    foreign = [base for base in owner.bases if not isinstance(base, Class) and not _is_plain(base)]
    if not arguments.complete or foreign:
        state.heap[instance.identity] = InstanceRecord(owner, (), escaped=True)
        return
    for position, name in enumerate(fields_of(owner)):
        value = arguments.get(position, name) or class_attribute(state, owner, name)
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
    if class_attribute(state, record.owner, "__post_init__") is not None:
        return state.origin(node, text_of(node))
    identity = state.identity()
    attributes = {**dict(record.attributes), **dict(arguments.keywords)}
    state.heap[identity] = InstanceRecord(record.owner, tuple(attributes.items()))
    return Instance(identity)


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
    if names is None or len(arguments.values) > 2:
        return state.origin(node, text_of(node))
    return Partial(External(_NAMED), (Tuple(names),), ())


_NAMED = "collections.namedtuple.new"


def new_named_tuple(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A tuple of the kind that `named_tuple` makes."""
    names, *values = arguments.positional
    assert isinstance(names, Tuple)
    given = {
        str(name.value): value for name, value in zip(names.items, values, strict=False) if isinstance(name, Constant)
    }
    keywords = (*given.items(), *arguments.keywords)
    return namespace(run, state, Arguments((), keywords, arguments.complete), node)


HANDLERS = {
    "dataclasses.field": field,
    "dataclasses.replace": replaced,
    "types.SimpleNamespace": namespace,
    "argparse.Namespace": namespace,
    "collections.namedtuple": named_tuple,
    _NAMED: new_named_tuple,
}
