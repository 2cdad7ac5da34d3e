"""`train()` and `eval()`: which mode modules are in, and what a later call undoes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules
from headlint.flow.classes import class_attribute
from headlint.flow.reach import identifiers
from headlint.flow.state import State
from headlint.flow.value import TRUE, Function, Instance, Method, Module, Value
from headlint.history import ModuleRef
from headlint.torchlib.kinds import is_batch_norm

if TYPE_CHECKING:
    from headlint.flow.arguments import Arguments
    from headlint.flow.interpreter import Interpreter

# Names of functions that freeze layers; to put a normalisation into eval mode is what freezing it means.
_FREEZING = re.compile(r"(?<!un)(?<!de)fr(?:eeze|ozen)", re.IGNORECASE)
_STATISTICS = re.compile(r"bn|norm|stat|dropout", re.IGNORECASE)


def set_mode(*, training: bool) -> Callable[[Interpreter, State, Module | Instance, Arguments, cst.CSTNode], Value]:
    """What `train()` or `eval()` of a module does."""

    def handler(
        run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
    ) -> Value:
        ref = modules.module_ref(receiver)
        assert ref is not None
        wanted = run.truth(state, arguments.get(0, "mode") or TRUE) if training else False
        if wanted:
            _undo(state, ref, node)
        else:
            if state.undone:
                _redo(state, ref)
            if wanted is False and run.stack:
                _note_freezing(run, state, ref, node)
        # The last one that was set comes last.
        state.modes.pop(ref, None)
        state.modes[ref] = wanted
        if wanted:
            for inner, function in _with_train_of_their_own(state, ref):
                run.call(state, Method(inner, "train", function), (TRUE,), node)
        return receiver

    return handler


def _with_train_of_their_own(state: State, ref: ModuleRef) -> list[tuple[Instance, Function]]:
    """The outermost objects in a module whose class in the file defines `train`, which torch calls for each."""
    found: dict[int, Function] = {}
    for number in sorted(modules.objects_in(state, ref) - {ref.object}):
        owner = modules.owner_of(state, number)
        function = None if owner is None else class_attribute(state, owner, "train")
        if isinstance(function, Function):
            found[number] = function
    outer = {number: modules.objects_in(state, ModuleRef(number, "")) for number in found} if len(found) > 1 else {}
    return [
        (Instance(number), function)
        for number, function in found.items()
        if not any(number in inside and number != other for other, inside in outer.items())
    ]


def _undo(state: State, ref: ModuleRef, node: cst.CSTNode) -> None:
    """BatchNorms inside that had been put into eval mode themselves are in train mode again."""
    slept = [other for other, mode in state.modes.items() if mode is False and other != ref]
    slept = [other for other in slept if is_batch_norm(modules.kind_of(state, other))]
    if slept:
        inside = {other for _, other in modules.walk(state, ref)}
        state.undone.update((other, node) for other in slept if other in inside)


def _redo(state: State, ref: ModuleRef) -> None:
    """What is inside is in eval mode now, or in one that is not known."""
    inside = {other for _, other in modules.walk(state, ref)}
    state.undone = {other: site for other, site in state.undone.items() if other not in inside}


def _note_freezing(run: Interpreter, state: State, ref: ModuleRef, node: cst.CSTNode) -> None:
    """A function whose name says that it freezes, and which does not write a flag, has called `eval()`."""
    function = run.functions.get(run.stack[-1])
    if function is None or not isinstance(function.node, cst.FunctionDef):
        return
    name = function.node.name.value
    if not _FREEZING.search(name) or _STATISTICS.search(name) or is_batch_norm(modules.kind_of(state, ref)):
        return
    if not any("grad" in word or "param" in word for word in identifiers(function.node)):
        state.frozen_by_eval[ref] = name, node
