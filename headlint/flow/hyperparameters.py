"""What a LightningModule keeps of its constructor's arguments: `save_hyperparameters()` and `self.hparams`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.arguments import Arguments, Handler
from headlint.flow.assigning import set_instance_attribute, write_symbol
from headlint.flow.classes import class_attribute
from headlint.flow.iterating import iterate
from headlint.flow.modules import owner_of
from headlint.flow.state import DictRecord, State
from headlint.flow.value import NONE, Constant, DictRef, Function, Instance, ListRef, Tuple, Value

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def _save(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`self.save_hyperparameters(*names, ignore=...)`, called in the constructor."""
    owner, *wanted = arguments.positional
    ignored = _names(state, arguments.get(None, "ignore") or Tuple(()))
    chosen = _names(state, Tuple(tuple(wanted)))
    if not isinstance(owner, Instance) or ignored is None or chosen is None or not arguments.complete:
        return NONE
    kept = state.origin(node, "self.hparams")
    for name, value in _given(state, owner):
        if name not in ignored and (name in chosen or not wanted):
            write_symbol(state, kept, name, value)
    set_instance_attribute(state, owner, "hparams", kept)
    return NONE


def _names(state: State, value: Value) -> frozenset[str] | None:
    """One name, or several, None where these are not known."""
    items = (iterate(state, value) or (None,)) if isinstance(value, (ListRef, Tuple)) and value != Tuple(()) else ()
    if isinstance(value, Constant):
        items = (value,)
    found = [item.value for item in items if isinstance(item, Constant) and isinstance(item.value, str)]
    return frozenset(found) if len(found) == len(items) else None


def _given(state: State, owner: Instance) -> Iterator[tuple[str, Value]]:
    """The arguments of the constructor that is under way, as they stand now."""
    own = owner_of(state, owner.identity)
    initializer = None if own is None else class_attribute(state, own, "__init__")
    if not isinstance(initializer, Function):
        return
    parameters, names = initializer.node.params, state.frames[state.frame]
    for parameter in (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params):
        value = names.get(parameter.name.value)
        if value is not None and value != owner:
            yield parameter.name.value, value
    rest = names.get(parameters.star_kwarg.name.value) if parameters.star_kwarg is not None else None
    record = state.heap.get(rest.identity) if isinstance(rest, DictRef) else None
    if isinstance(record, DictRecord):
        yield from ((str(key.value), value) for key, value in record.items if isinstance(key, Constant))


HANDLERS: dict[str, Handler] = {"lightning.notes.save_hyperparameters": _save}
