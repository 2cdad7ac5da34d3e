"""Functions that ask what a value is and has, and change that by name: `isinstance`, `hasattr`, `setattr` ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules, reads
from headlint.flow.arguments import Arguments, Handler
from headlint.flow.assigning import delete, set_instance_attribute, write
from headlint.flow.attributes import read
from headlint.flow.iterating import iterate
from headlint.flow.operations import class_name
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import (
    FALSE,
    NONE,
    TRUE,
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    ListRef,
    Module,
    Parameter,
    Property,
    Super,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.source.nodes import text_of
from headlint.torchlib.kinds import is_kind
from headlint.torchlib.names import MODULE_CLASSES

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


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
        written = node.args if isinstance(node, cst.Call) else ()
        text = ", ".join(text_of(argument.value) for argument in written)
        return Symbol("isinstance", (value, Tuple(kinds or ())), f"isinstance({text})")
    return state.origin(node, text_of(node))


def is_instance(state: State, value: Value, kind: Value) -> bool | None:
    """Whether a value is an instance of one class, None where that is not known."""
    if isinstance(value, Module) and isinstance(kind, External):
        if kind.name in MODULE_CLASSES and kind.name.endswith(".Module"):
            return True
        node = modules.node_of(state, value.ref)
        bases = node.bases if node is not None else ()
        return is_kind(modules.kind_of(state, value.ref), bases, kind.name)
    if isinstance(value, Module) and (wanted := class_name(kind)):
        node = modules.node_of(state, value.ref)
        return is_kind(modules.kind_of(state, value.ref), node.bases if node is not None else (), f"torch.{wanted}")
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
        if kind.name in MODULE_CLASSES and kind.name.endswith(".Module"):
            return True
        # No layer is a base of the bases of modules.
        return False if kind.name.startswith(("torch.", "torchvision.")) and kind.name not in MODULE_CLASSES else None
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
            if name.value == "_orig_mod" and owner.ref in state.compiled:
                return state.origin(node, text_of(node))
            found = reads.read_attribute(state, owner.ref, name.value)
            if owner.ref.object not in state.escaped and not isinstance(found, Unknown):
                return Constant(not isinstance(found, reads.Missing))
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
            found = reads.read_attribute(state, owner.ref, name.value)
            if isinstance(found, reads.Missing):
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
                    state.names(owner.namespace)[known] = Unknown(f"'{known}' may have been set by '{text_of(node)}'")
        run.hand_over(state, owner, "an attribute is set whose name is not known", node)
        run.hand_over(state, value, "it is put under a name that is not known", node)
    return NONE


def _object_setattr(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`object.__setattr__`: a module that is set in this way is no part of another one."""
    owner, name, value = arguments.positional if len(arguments.positional) == 3 else (NONE, NONE, NONE)
    if isinstance(owner, Instance) and isinstance(name, Constant) and modules.built_on(state, owner) is None:
        set_instance_attribute(state, owner, str(name.value), value)
        return NONE
    if isinstance(owner, Parameter):
        return _setattr(run, state, arguments, node)
    for value in arguments.values:
        run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
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
        return modules.class_of(state, arguments.positional[0].ref, text_of(node))
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


def _vars(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if len(arguments.positional) == 1 and isinstance(arguments.positional[0], (External, Module, Instance)):
        return read(run, state, arguments.positional[0], "__dict__", node)
    return state.origin(node, text_of(node))


def _property(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    getter, setter = arguments.get(0, "fget"), arguments.get(1, "fset")
    if not isinstance(getter, Function):
        return state.origin(node, text_of(node))
    return Property(getter, setter if isinstance(setter, Function) else None)


HANDLERS: dict[str, Handler] = {
    "builtins.property": _property,
    "builtins.vars": _vars,
    "builtins.isinstance": _isinstance,
    "builtins.hasattr": _hasattr,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.object.__setattr__": _object_setattr,
    "builtins.delattr": _delattr,
    "builtins.super": _super,
    "builtins.type": _type,
    "builtins.id": _id,
}
