"""Attributes: `value.name`, `value.name = ...` and `del value.name` for every kind of value."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import enums, modules, reads
from headlint.flow.assigning import set_instance_attribute
from headlint.flow.classes import (
    class_attribute,
    decorators,
    descriptor_method,
    has_foreign_base,
    inherited,
    is_module_class,
)
from headlint.flow.fields import is_named_tuple
from headlint.flow.outputs import note
from headlint.flow.parameters import own_parameters, parameter_shape
from headlint.flow.sizes import from_argument
from headlint.flow.state import ContainerObject, InstanceRecord, State, ZooObject
from headlint.flow.value import (
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    Iterator,
    ListRef,
    Method,
    Module,
    Optimizer,
    Parameter,
    Partial,
    Property,
    Submodules,
    Super,
    Symbol,
    Tensor,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import ModuleRef, ParameterRef
from headlint.source.nodes import attributes_assigned, text_of
from headlint.torchlib.names import CONSTANTS, LIGHTNING_NOTES, MODULE_METHODS
from headlint.zoo import head_names

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# Stands among the builders of the models that attributes were read from for an object that has the attribute itself.
OBJECT_OF_THE_FILE = ""


def read(run: Interpreter, state: State, owner: Value, name: str, node: cst.CSTNode) -> Value:
    """What `owner.name` gives; a read that certainly raises in a module ends the path."""
    match owner:
        case External():
            return _read_external(owner.name, name)
        case Module():
            return _read_module(run, state, owner, name, node)
        case Instance():
            return _read_instance(run, state, owner, name, node)
        case Class():
            return _read_class(state, owner, name, node)
        case Super():
            found = inherited(state, owner.owner, name)
            if isinstance(found, Property):
                return run.call(state, Method(owner.receiver, name, found.getter), (), node)
            if isinstance(found, Function):
                return Method(owner.receiver, name, found)
            return Method(owner, name)
        case Parameter():
            return _read_parameter(state, owner, name, node)
        case Tensor():
            if name == "shape":
                return Symbol("tensor_shape", (Constant(owner.number),), "shape")
            return Method(owner, name)
        case Symbol(op="member"):
            return _read_member(run, state, owner, name, node)
        case Symbol(op="type", operands=(Constant() as kind,)) if name == "__name__":
            return kind
        case Symbol():
            if owner.op == "output":
                note(state, owner, "attribute", name, node)
            elif owner.op == "loaded" and (name in MODULE_METHODS or name in _children_of(state, owner)):
                run.raises_using_keys(state, owner, name, node)
            run.may_be_right.add(id(node))
            run.read_from.setdefault(id(node), set()).add(None)
            text = text_of(node) if isinstance(node, cst.Attribute) else f"{owner.text}.{name}"
            return Symbol("attr", (owner, Constant(name)), text)
        case Tuple(names=names) if name in names:
            return owner.items[names.index(name)]
        case Constant() | Tuple() | Iterator() | ListRef() | DictRef() | Optimizer() | Submodules():
            return Method(owner, name)
    run.may_be_right.add(id(node))
    run.read_from.setdefault(id(node), set()).add(None)
    return Unknown(f"'.{name}' of something unknown")


@lru_cache(maxsize=4_000)
def _read_external(owner: str, name: str) -> Value:
    whole = f"{owner}.{name}"
    return Constant(CONSTANTS[whole]) if whole in CONSTANTS else External(whole)


def _read_class(state: State, owner: Class, name: str, node: cst.CSTNode) -> Value:
    """What a class of the file gives by itself, a member if it is an Enum."""
    found = class_attribute(state, owner, name)
    member = (enums.members_of(state, owner) or {}).get(name)
    if member is not None:
        return member
    if isinstance(found, Function):
        return Method(owner, name, found) if "classmethod" in decorators(found) else found
    if isinstance(found, Property):
        return found
    if found is None and name == "__name__":
        return Constant(owner.node.name.value)
    if found is None or has_foreign_base(owner):
        return Symbol("attr", (owner, Constant(name)), text_of(node))
    return found


def _read_member(run: Interpreter, state: State, owner: Symbol, name: str, node: cst.CSTNode) -> Value:
    """An attribute of a member of an Enum: its name, its value, or what the class defines."""
    known = enums.read_member(owner, name)
    if known is not None:
        return known
    enum = owner.operands[0]
    assert isinstance(enum, Class)
    found = class_attribute(state, enum, name)
    if isinstance(found, Property):
        return run.call(state, Method(owner, name, found.getter), (), node)
    if isinstance(found, Function):
        words = decorators(found)
        return found if "staticmethod" in words else Method(enum if "classmethod" in words else owner, name, found)
    return Symbol("attr", (owner, Constant(name)), text_of(node))


def _children_of(state: State, loaded: Symbol) -> frozenset[str]:
    """The names of what stands in the module that a state dict was loaded into."""
    receiver = loaded.operands[0]
    assert isinstance(receiver, (Module, Instance))
    return frozenset(name for name, _ in modules.children_of(state, modules.ref_of(receiver)))


def _read_module(run: Interpreter, state: State, owner: Module, name: str, node: cst.CSTNode) -> Value:
    if name in MODULE_METHODS and (owner.ref, name) not in state.attributes:
        return Method(owner, name)
    if name == "__class__":
        return modules.class_of(state, owner.ref, text_of(node))
    if name == "_orig_mod" and owner.ref in state.compiled:
        return owner
    if name == "_modules":
        return Submodules(owner)
    if name == "_parameters":
        _doubt_parameters(state, owner)
    if name.startswith("__"):
        return _special(owner, name, node)
    found = reads.read_attribute(state, owner.ref, name)
    if isinstance(found, reads.Missing):
        if _may_have_been_given(run, owner.ref, name):
            return Symbol("name", ("given", owner.ref.object, name), text_of(node))
        run.raises_reading(state, owner.ref, name, site=node)
    run.may_be_right.add(id(node))
    record = state.heap.get(owner.ref.object)
    run.read_from.setdefault(id(node), set()).add(record.builder.name if isinstance(record, ZooObject) else None)
    return Unknown(f"'.{name}' of a module") if found is None else found


def _doubt_parameters(state: State, owner: Module) -> None:
    """Whoever has the dict of a module's parameters may put others in their place."""
    prefix = f"{owner.ref.path}." if owner.ref.path else ""
    for name, _ in list(own_parameters(state, owner.ref)):
        state.flags[ParameterRef(owner.ref.object, prefix + name)] = None


def _special(owner: Module, name: str, node: cst.CSTNode) -> Value:
    """`__setattr__` and the like of a module."""
    if name in ("__getattr__", "__setattr__", "__delattr__"):
        return Partial(External(f"builtins.{name.strip('_')}"), (owner,), ())
    if name == "__dict__":
        return Symbol("attr", (owner, Constant(name)), text_of(node))
    return Unknown("a special attribute of a module")


def owner_of_dict(value: Value) -> Module | Instance | None:
    """The object of which `value` is the `__dict__`, None for any other value."""
    if isinstance(value, Symbol) and value.op == "attr" and value.operands[1] == Constant("__dict__"):
        owner = value.operands[0]
        return owner if isinstance(owner, (Module, Instance)) else None
    return None


def _may_have_been_given(run: Interpreter, ref: ModuleRef, name: str) -> bool:
    """Whether the caller out of sight may have put an attribute of its own on a model that it can reach."""
    return ref.object < run.first_own and not ref.path and name not in head_names()


def _read_instance(run: Interpreter, state: State, owner: Instance, name: str, node: cst.CSTNode) -> Value:
    record = state.heap.get(owner.identity)
    model = modules.built_on(state, owner)
    if isinstance(record, (ZooObject, ContainerObject)) and record.owner is not None and model is not None:
        found = class_attribute(state, record.owner, name)
        if isinstance(found, (Function, Property)):
            return _bound(run, state, owner, name, found, node)
        if name == "__class__":
            return record.owner
        elsewhere = isinstance(record, ContainerObject) or name in attributes_assigned(record.owner.node)
        if found is None and elsewhere and name not in MODULE_METHODS and not _has(state, model, name):
            # Another method, or a base out of sight, sets it, at a time that is not known.
            return Symbol("attr", (owner, Constant(name)), text_of(node))
        return found if found is not None else _read_module(run, state, model, name, node)
    if not isinstance(record, InstanceRecord):
        return Unknown("an object that is not known")
    if record.escaped and name not in record.fresh:
        return _of_unknown(run, owner, name, node)
    for known, value in record.attributes:
        if known == name:
            if not isinstance(value, Unknown):
                run.read_from.setdefault(id(node), set()).add(OBJECT_OF_THE_FILE)
            return value
    found = class_attribute(state, record.owner, name)
    if isinstance(found, (Function, Property)):
        return _bound(run, state, owner, name, found, node)
    getter = None if found is None else descriptor_method(state, found, "__get__")
    if getter is not None:
        return run.call(state, getter, (owner, record.owner), node)
    if found is not None:
        return found
    if name in MODULE_METHODS and is_module_class(state, record.owner):
        return Method(owner, name)
    if name in LIGHTNING_NOTES and is_module_class(state, record.owner):
        noted = External(f"lightning.notes.{name}")
        return Partial(noted, (owner,), ()) if name == "save_hyperparameters" else noted
    if name == "__class__":
        return record.owner
    if name in ("_asdict", "_replace") and is_named_tuple(record.owner):
        return Method(owner, name)
    if name == "_orig_mod" and ModuleRef(owner.identity, "") in state.compiled:
        return owner
    if name == "_modules" and is_module_class(state, record.owner):
        return Submodules(owner)
    # Bases out of sight may define it: the same name read twice is the same value all the same.
    return _of_unknown(run, owner, name, node)


def _of_unknown(run: Interpreter, owner: Instance, name: str, node: cst.CSTNode) -> Value:
    run.read_from.setdefault(id(node), set()).add(None)
    return Symbol("attr", (owner, Constant(name)), text_of(node))


def _has(state: State, owner: Module, name: str) -> bool:
    return not isinstance(reads.read_attribute(state, owner.ref, name), reads.Missing)


def _bound(
    run: Interpreter, state: State, owner: Instance, name: str, found: Function | Property, node: cst.CSTNode
) -> Value:
    """What a method or property of a class gives on an instance."""
    if isinstance(found, Property):
        value = run.call(state, Method(owner, name, found.getter), (), node)
        if found.kept:
            set_instance_attribute(state, owner, name, value)
        return value
    function = found
    words = decorators(function)
    if "staticmethod" in words:
        return function
    if "classmethod" in words:
        own = modules.owner_of(state, owner.identity)
        assert own is not None
        return Method(own, name, function)
    return Method(owner, name, function)


def _read_parameter(state: State, owner: Parameter, name: str, node: cst.CSTNode) -> Value:
    if name == "requires_grad":
        flag = state.flags.get(owner.ref, True)
        return Unknown("a flag that differs between paths") if flag is None else Constant(flag)
    if name == "__setattr__":
        return Partial(External("builtins.setattr"), (owner,), ())
    if name == "shape":
        shape = parameter_shape(state, owner.ref)
        return Unknown("a shape that is not known") if shape is None else from_argument(shape)
    return state.tensor(node, text_of(node)) if name == "data" else Method(owner, name)
