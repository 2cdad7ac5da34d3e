"""Instances of the classes of the file: how they are made, and what the constructors of their bases do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.arguments import Arguments
from headlint.flow.builders import become_model
from headlint.flow.calls import call
from headlint.flow.choice import Raised
from headlint.flow.classes import class_attribute, inherited, is_module_class
from headlint.flow.dispatch import look_up_member
from headlint.flow.enums import members_of
from headlint.flow.fields import is_record_class
from headlint.flow.functions import call_function
from headlint.flow.layers import become_container
from headlint.flow.records import fill
from headlint.flow.state import DictRecord, InstanceRecord, State
from headlint.flow.value import NONE, Class, External, Function, Instance, Method, Super, Symbol, Value
from headlint.history import MakeOpaque
from headlint.source.nodes import text_of
from headlint.torchlib.constructors import constructor_at
from headlint.torchlib.names import layer_kind

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def instantiate(run: Interpreter, state: State, owner: Class, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A new instance of a class of the file, its `__init__` followed; of an Enum the member with this value."""
    members = members_of(state, owner)
    if members is not None:
        return _member(run, state, owner, tuple(members.values()), arguments, node)
    identity = state.identity()
    instance = Instance(identity)
    state.heap[identity] = InstanceRecord(owner, ())
    if is_module_class(state, owner):
        state.trace.append(MakeOpaque(identity, owner.node.name.value, site=node))
    try:
        _construct(run, state, owner, instance, arguments, node)
    except Raised:
        state.unmade |= {identity}
        raise
    return instance


def _construct(
    run: Interpreter, state: State, owner: Class, instance: Instance, arguments: Arguments, node: cst.CSTNode
) -> None:
    """What the constructor of a class does to a new instance, be it its own or that of a base."""
    initializer = class_attribute(state, owner, "__init__")
    if isinstance(initializer, Function):
        call_function(run, state, initializer, replace(arguments, positional=(instance, *arguments.positional)), node)
    elif is_record_class(owner):
        fill(run, state, instance, owner, arguments, node)
    elif not _initialise_base(run, state, instance, owner, arguments, node):
        if arguments.values or not arguments.complete:
            # A constructor out of sight does what it likes with these.
            state.heap[instance.identity] = InstanceRecord(owner, (), escaped=True)
        for value in arguments.values:
            run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)


def _member(
    run: Interpreter, state: State, owner: Class, members: tuple[Symbol, ...], arguments: Arguments, node: cst.CSTNode
) -> Value:
    """The member of an Enum that `Arch(value)` gives."""
    given = arguments.get(0, "value")
    known = not any(isinstance(member.operands[2], Symbol) for member in members)
    if given is None or not known or class_attribute(state, owner, "_missing_") is not None:
        return state.origin(node, text_of(node))
    given = run.settle(state, given)
    if given in members:
        return given
    by_value = {member.operands[2]: member for member in members}
    return look_up_member(run, state, DictRecord(tuple(by_value.items())), given, node)  # type: ignore[arg-type]


def call_super(
    run: Interpreter, state: State, receiver: Super, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`super().name(...)` where no class of the file defines it."""
    if name == "__init__":
        if isinstance(receiver.receiver, Instance):
            _initialise_base(run, state, receiver.receiver, receiver.owner, arguments, node)
        return NONE
    found = inherited(state, receiver.owner, name)
    if isinstance(found, Function):
        return call(run, state, Method(receiver.receiver, name, found), arguments, node)
    return call(run, state, Method(receiver.receiver, name), arguments, node)


def initialise_as(run: Interpreter, state: State, base: str, arguments: Arguments, node: cst.CSTNode) -> bool:
    """`nn.Module.__init__(self, ...)`: whether that is the constructor of a base of the instance it is called with."""
    instance = arguments.positional[0] if arguments.positional else None
    record = state.heap.get(instance.identity) if isinstance(instance, Instance) else None
    if not isinstance(instance, Instance) or not isinstance(record, InstanceRecord):
        return False
    if External(base) not in _foreign_bases(record.owner):
        return False
    _initialise(run, state, instance, External(base), replace(arguments, positional=arguments.positional[1:]), node)
    return True


def _foreign_bases(owner: Class) -> list[External]:
    """The bases of a class that are no classes of the file, and those of its bases in the file."""
    found = [base for base in owner.bases if isinstance(base, External)]
    return found + [base for inner in owner.bases if isinstance(inner, Class) for base in _foreign_bases(inner)]


def _initialise_base(
    run: Interpreter, state: State, instance: Instance, owner: Class, arguments: Arguments, node: cst.CSTNode
) -> bool:
    """The constructor of a base out of sight: whether it is known, as it is that of a model or of a Sequential."""
    for base in owner.bases:
        if isinstance(base, Class) and _initialise_base(run, state, instance, base, arguments, node):
            return True
        if isinstance(base, External) and (
            constructor_at(base.name) is not None or layer_kind(base.name) == "Sequential"
        ):
            return _initialise(run, state, instance, base, arguments, node)
    return False


def _initialise(
    run: Interpreter, state: State, instance: Instance, base: External, arguments: Arguments, node: cst.CSTNode
) -> bool:
    constructor = constructor_at(base.name)
    if constructor is not None:
        become_model(run, state, instance, constructor, arguments, node)
        return True
    if layer_kind(base.name) == "Sequential":
        return become_container(run, state, instance, "Sequential", arguments, node)
    return False
