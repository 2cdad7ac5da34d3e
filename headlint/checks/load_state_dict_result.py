"""HL404: what `load_state_dict` returns is taken for the model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.claims import ReadRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import LoadState, ModuleRef, UseKeys
from headlint.mends.mend import Change, Insert, Mend, Replace
from headlint.mends.places import target_of
from headlint.mends.scene import Scene

CODE = "HL404"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The use that ends the path, if one does, told where the result was taken."""
    last = history.events[-1] if history.events else None
    if not isinstance(last, UseKeys) or last.site is None:
        return
    if history.build.object not in modules.objects_in(history.state, last.target):
        return
    loads = [event for event in history.events if isinstance(event, LoadState) and event.target == last.target]
    if not loads or loads[-1].site is None:
        return
    used = "it is called like a model" if last.name == "()" else f"'{last.name}' is read from it"
    message = (
        f"load_state_dict loads into {_name(history, last.target)} and returns the missing and unexpected keys:"
        f" {used} later and raises; call load_state_dict without assigning its result"
    )
    hint = "call load_state_dict without assigning its result"
    mends = partial(_mends, call=loads[-1].site)
    yield Candidate(CODE, loads[-1].site, last.site, message, hint, ReadRaises(), speculative=False, mends=mends)


def _name(history: ModelHistory, target: ModuleRef) -> str:
    """The builder's name of the model, the class of a module around it."""
    if target.object == history.build.object:
        return history.builder.name
    owner = modules.owner_of(history.state, target.object)
    return modules.kind_of(history.state, target) if owner is None else owner.node.name.value


def _mends(scene: Scene, call: cst.CSTNode) -> Iterator[Mend]:
    """The call alone; behind it, the model where its result was to be the model under another name, or returned."""
    statement = scene.statement(call)
    if not isinstance(statement, (cst.Assign, cst.Return)) or statement.value is not call:
        return
    if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
        return
    loaded, target = call.func.value, target_of(statement)
    changes: tuple[Change, ...] = (Replace(statement, scene.text(call)),)
    if not isinstance(loaded, (cst.Name, cst.Attribute)):
        return
    if isinstance(statement, cst.Return):
        changes = (*changes, Insert(f"return {scene.text(loaded)}", statement, behind=True))
    elif target is None:
        return
    elif scene.code(loaded) != scene.code(target):
        changes = (*changes, Insert(f"{scene.text(target)} = {scene.text(loaded)}", statement, behind=True))
    yield Mend("do not use the result", "safe", changes)
