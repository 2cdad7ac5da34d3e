"""Lightning's Trainer: without callbacks it runs the methods of the module that it trains, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.arguments import Arguments
from headlint.flow.classes import class_attribute
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import Instance, Symbol, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# Why a model escapes to such a trainer: until it is trained nobody else has it.
TRAINED = "a trainer without callbacks trains it"


def make_trainer(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """A Trainer: a symbol of its own kind, by which `fit` is known, if it has no callbacks."""
    for value in arguments.values:
        run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
    origin = state.origin(node, text_of(node))
    known = arguments.complete and not arguments.positional and arguments.get(0, "callbacks") is None
    return Symbol("trainer", (origin,), text_of(node)) if known else origin


def trainer_method(
    run: Interpreter, state: State, owner: Symbol, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value | None:
    """What `fit` of such a trainer does; None for other calls."""
    if owner.op != "trainer" or name != "fit":
        return None
    module = arguments.get(0, "model")
    record = state.heap.get(module.identity) if isinstance(module, Instance) else None
    if not isinstance(record, InstanceRecord) or class_attribute(state, record.owner, "configure_callbacks"):
        return None
    for value in arguments.values:
        run.hand_over(state, value, TRAINED, node)
    return state.origin(node, text_of(node))
