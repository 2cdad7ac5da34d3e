"""Methods of lists, dicts and texts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.arguments import Arguments
from headlint.flow.dispatch import can_dispatch, dispatch
from headlint.flow.iterating import iterate, lose_sight
from headlint.flow.lists import as_list, new_dict
from headlint.flow.operations import STRING_METHODS, apply, check_widths
from headlint.flow.state import DictRecord, ListRecord, State
from headlint.flow.value import NONE, Constant, DictRef, Iterator, ListRef, Symbol, Tuple, Unknown, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def list_method(
    run: Interpreter, state: State, receiver: ListRef, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    record = state.heap.get(receiver.identity)
    if not isinstance(record, ListRecord):
        return Unknown("a list that is not known")
    items = list(record.items)
    complete = record.complete
    position = arguments.positional[0] if arguments.positional else None
    if name in ("append", "add") and position is not None:
        items.append(position)
    elif name in ("extend", "update") and position is not None:
        more = iterate(state, position)
        complete = complete and more is not None
        items.extend(more or ())
    elif name == "insert" and isinstance(position, Constant) and isinstance(position.value, int):
        items.insert(position.value, arguments.positional[1])
    elif name == "pop" and complete and items and (position is None or isinstance(position, Constant)):
        index = -1 if position is None else position.value
        # Any item of a set may come.
        known = record.ordered or len(items) == 1
        if known and isinstance(index, int) and -len(items) <= index < len(items):
            value = items.pop(index)
            state.heap[receiver.identity] = replace(record, items=tuple(items))
            return value
        lose_sight(run, state, items, node)
        complete = False
    elif name == "reverse":
        items.reverse()
    elif name == "copy":
        return as_list(state, items) if complete else Unknown("a list that is not known")
    elif name == "clear":
        items, complete = [], True
    elif name not in ("index", "count"):
        complete = False
    state.heap[receiver.identity] = replace(record, items=tuple(items), complete=complete)
    return state.origin(node, text_of(node)) if name in ("index", "count", "pop") else NONE


def dict_method(
    run: Interpreter, state: State, receiver: DictRef, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    record = state.heap.get(receiver.identity)
    if not isinstance(record, DictRecord):
        return Unknown("a dict that is not known")
    if name in ("keys", "values", "items"):
        if not record.complete:
            return Unknown("a dict that is not known")
        picked: dict[str, tuple[Value, ...]] = {
            "keys": tuple(key for key, _ in record.items),
            "values": tuple(value for _, value in record.items),
            "items": tuple(Tuple(pair) for pair in record.items),
        }
        return Iterator(picked[name])
    if name == "get" and arguments.positional:
        key = run.settle(state, arguments.positional[0])
        for known, value in record.items:
            if known == key and record.complete:
                return value
        if record.complete and isinstance(key, Constant):
            return arguments.positional[1] if len(arguments.positional) > 1 else NONE
        if isinstance(key, Symbol) and can_dispatch(record):
            otherwise = arguments.positional[1] if len(arguments.positional) > 1 else NONE
            return dispatch(run, state, record, key, otherwise)
        return Unknown("a key that is not known")
    if name in ("pop", "setdefault") and record.complete and isinstance(key := _first(run, state, arguments), Constant):
        return _pop_or_set(state, receiver, record, key, name, arguments)
    if name == "update":
        items = dict(record.items)
        other = arguments.positional[0] if arguments.positional else None
        more = state.heap.get(other.identity) if isinstance(other, DictRef) else None
        complete = record.complete and (other is None or (isinstance(more, DictRecord) and more.complete))
        items.update(more.items if isinstance(more, DictRecord) else ())
        items.update((Constant(key), value) for key, value in arguments.keywords)
        state.heap[receiver.identity] = DictRecord(tuple(items.items()), complete)
        return NONE
    if name == "copy":
        return new_dict(state, record.items, record.complete)
    lose_sight(run, state, (receiver, *arguments.values), node)
    state.heap[receiver.identity] = DictRecord(record.items, complete=False)
    return state.origin(node, text_of(node))


def _first(run: Interpreter, state: State, arguments: Arguments) -> Value:
    return run.settle(state, arguments.positional[0]) if arguments.positional else Unknown("no key")


def _pop_or_set(
    state: State, receiver: DictRef, record: DictRecord, key: Constant, name: str, arguments: Arguments
) -> Value:
    """`pop` and `setdefault` of a dict that is known, with a known key."""
    items = dict(record.items)
    otherwise = arguments.positional[1] if len(arguments.positional) > 1 else NONE
    value = items.setdefault(key, otherwise) if name == "setdefault" else items.pop(key, otherwise)
    state.heap[receiver.identity] = DictRecord(tuple(items.items()))
    return value


def string_method(
    run: Interpreter, state: State, receiver: Constant, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if name in STRING_METHODS and not arguments.keywords and arguments.complete:
        operands: list[Value] = [receiver]
        for value in arguments.positional:
            items = iterate(state, value) if isinstance(value, (ListRef, Iterator)) else None
            operands.append(run.settle(state, value) if items is None else Tuple(items))
        result = apply(f".{name}", tuple(operands), text_of(node))
        if isinstance(result, Tuple) and name in ("split", "rsplit", "splitlines"):
            return as_list(state, result.items)
        if not isinstance(result, Unknown):
            return result
    if name == "format" and arguments.complete:
        return _format(run, state, receiver, arguments, node)
    return state.origin(node, text_of(node))


def _format(run: Interpreter, state: State, receiver: Constant, arguments: Arguments, node: cst.CSTNode) -> Value:
    positional = [run.settle(state, value) for value in arguments.positional]
    keywords = {name: run.settle(state, value) for name, value in arguments.keywords}
    given = [value.value for value in (*positional, *keywords.values()) if isinstance(value, Constant)]
    plain = all(isinstance(value, (str, int, float)) for value in given)
    if plain and len(given) == len(arguments.values):
        names = dict(zip(keywords, given[len(positional) :], strict=True))
        try:
            check_widths(str(receiver.value))
            text = str(receiver.value).format(*given[: len(positional)], **names)
        except (LookupError, ValueError, AttributeError, OverflowError):
            return state.origin(node, text_of(node))
        return Constant(text) if len(text) < 10_000 else state.origin(node, text_of(node))
    return state.origin(node, text_of(node))
