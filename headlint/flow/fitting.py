"""What a trainer does with a LightningModule that it is handed: which of its methods it calls, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import calls, reach
from headlint.flow.arguments import Arguments
from headlint.flow.choice import Raised
from headlint.flow.classes import class_attribute, methods_of
from headlint.flow.parameters import parameters_of
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import Class, External, Function, Instance, Method
from headlint.history import ModuleRef

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

_BEFORE = ("configure_model", "setup", "on_fit_start", "configure_optimizers", "on_train_start")
_EACH_ROUND = ("on_train_epoch_start", "on_train_batch_start", "training_step")
_OF_A_TRAINER = ("configure_optimizers", "training_step")
# Code with one of these names in it may freeze or unfreeze.
_FLAGS = frozenset({"requires_grad", "requires_grad_", "freeze", "unfreeze", "unfreeze_and_add_param_group"})
_OTHERS = ("Callback", "Finetuning")


def fit(run: Interpreter, state: State, module: Instance, site: cst.CSTNode) -> None:
    """Call what a trainer calls of the class of `module`, if that is one that is trained in this way."""
    record = state.heap.get(module.identity)
    if not isinstance(record, InstanceRecord):
        return
    owner = record.owner
    if not is_for_a_trainer(state, owner):
        return
    for name in (*_BEFORE, *_EACH_ROUND):
        function = class_attribute(state, owner, name)
        if isinstance(function, Function) and (id(function.node) not in run.called or id(function.node) in run.fitted):
            run.fitted.add(id(function.node))
            _call(run, state, Method(module, name, function), site)
    if _may_change_flags_later(run, state, owner):
        for _, parameter in parameters_of(state, ModuleRef(module.identity, "")):
            state.flags[parameter] = None


def is_for_a_trainer(state: State, owner: Class) -> bool:
    """Whether a class has a method that only trainers call, which also move what they train."""
    return any(isinstance(class_attribute(state, owner, name), Function) for name in _OF_A_TRAINER)


def _call(run: Interpreter, state: State, method: Method, site: cst.CSTNode) -> None:
    assert method.function is not None
    if len(run.stack) < run.deepest_call and id(method.function.node) not in run.stack:
        given = Arguments((), (), complete=False, outside=True)
        try:
            calls.call(run, state, method, given, site)
        except Raised:
            return


def _may_change_flags_later(run: Interpreter, state: State, owner: Class) -> bool:
    """Whether another method that a trainer calls, or a callback in this file, freezes or unfreezes anything."""
    waiting: list[cst.CSTNode] = [
        function.node for name, function in methods_of(state, owner) if name.startswith("on_") and name not in _BEFORE
    ]
    waiting += [
        other.node
        for other in run.classes.values()
        if any(isinstance(base, External) and base.name.endswith(_OTHERS) for base in other.bases)
    ]
    helpers = _helpers(run, state)
    while waiting:
        used = reach.identifiers(waiting.pop())
        if not used.isdisjoint(_FLAGS):
            return True
        for name in used & helpers.keys():
            waiting += helpers.pop(name)
    return False


def _helpers(run: Interpreter, state: State) -> dict[str, list[cst.CSTNode]]:
    """The functions and methods of the file by their names: what a hook names, it may call."""
    functions = [*run.functions.values(), *(f for owner in run.classes.values() for _, f in methods_of(state, owner))]
    helpers: dict[str, list[cst.CSTNode]] = {}
    for function in functions:
        if isinstance(function.node, cst.FunctionDef):
            helpers.setdefault(function.node.name.value, []).append(function.node)
    return helpers
