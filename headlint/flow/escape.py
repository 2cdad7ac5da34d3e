"""Escape: what is handed to code out of sight may change there, and so may all that it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, fitting, forwards, modules, reach, scope
from headlint.flow.iterating import lose_count
from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, OptimizerRecord, State
from headlint.flow.value import (
    DictRef,
    Function,
    Instance,
    Iterator,
    ListRef,
    Method,
    Module,
    Optimizer,
    Parameter,
    Submodules,
    Symbol,
    Tuple,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def hand_over(run: Interpreter, state: State, value: Value, reason: str, site: cst.CSTNode) -> None:
    """`value` goes to code out of sight: whatever it leads to may change there."""
    match value:
        case Module():
            changes.escape(state, value.ref, reason, site)
        case Submodules(owner):
            hand_over(run, state, owner, reason, site)
        case Instance():
            model = modules.built_on(state, value)
            if model is not None:
                changes.escape(state, model.ref, reason, site)
            _hand_over_instance(run, state, value, reason, site)
        case Parameter():
            state.flags[value.ref] = None
        case Optimizer():
            record = state.heap.get(value.identity)
            if isinstance(record, OptimizerRecord):
                state.heap[value.identity] = OptimizerRecord(record.parameters, escaped=True)
        case Tuple() | Iterator():
            lose_count(state, value)
            for item in value.items:
                hand_over(run, state, item, reason, site)
        case Symbol("choice", (_, first, second)):
            hand_over(run, state, first, reason, site)  # type: ignore[arg-type]
            hand_over(run, state, second, reason, site)  # type: ignore[arg-type]
        case Symbol():
            _forget_written(run, state, value)
        case ListRef():
            record = state.heap.get(value.identity)
            if isinstance(record, ListRecord) and record.items:
                state.heap[value.identity] = ListRecord((), complete=False)
                for item in record.items:
                    hand_over(run, state, item, reason, site)
        case DictRef():
            record = state.heap.get(value.identity)
            if isinstance(record, DictRecord) and record.items:
                state.heap[value.identity] = DictRecord((), complete=False)
                for _, item in record.items:
                    hand_over(run, state, item, reason, site)
        case Function():
            _hand_over_function(run, state, value, reason, site)
        case Method() if not isinstance(value.receiver, Method):
            hand_over(run, state, value.receiver, reason, site)
        case _:
            pass


def _hand_over_function(run: Interpreter, state: State, value: Function, reason: str, site: cst.CSTNode) -> None:
    """It may be called there, and do what it does to whatever it names."""
    for number, name in reach.assigned_outside(state, value):
        state.names(number)[name] = Unknown(f"'{name}' is assigned by a function that is handed over")
    for name in reach.identifiers(value.node):
        named = scope.look_up(state, name)
        if isinstance(named, (Module, Instance)):
            hand_over(run, state, named, reason, site)


def _forget_written(run: Interpreter, state: State, owner: Symbol) -> None:
    """What the code assigned to attributes of an unknown object is no longer known once others have it."""
    for attribute, holder in list(state.written.items()):
        if holder == owner:
            state.assumptions[attribute] = state.origin(run, attribute.text)
            del state.written[attribute]


def _hand_over_instance(run: Interpreter, state: State, value: Instance, reason: str, site: cst.CSTNode) -> None:
    record = state.heap.get(value.identity)
    if isinstance(record, InstanceRecord) and (record.fresh or not record.escaped):
        forwards.define(run, state, value)
        fitting.fit(run, state, value, site)
        record = state.heap[value.identity]
        assert isinstance(record, InstanceRecord)
        state.heap[value.identity] = InstanceRecord(record.owner, record.attributes, escaped=True)
        for name, attribute in record.attributes:
            if name in record.fresh or not record.escaped:
                hand_over(run, state, attribute, reason, site)
