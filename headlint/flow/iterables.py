"""What Python's own functions over numbers, texts and iterables give: `len`, `range`, `zip`, `sorted` ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.arguments import Arguments, Handler
from headlint.flow.calls import call
from headlint.flow.functions import doubt_effects
from headlint.flow.iterating import iterate, lose_sight, take_one
from headlint.flow.lists import as_list, as_set, new_dict
from headlint.flow.operations import FUNCTIONS, apply
from headlint.flow.state import DictRecord, State
from headlint.flow.value import FALSE, NONE, Constant, DictRef, Iterator, Symbol, Tuple, Unknown, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def _pure(name: str) -> Handler:
    def handler(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
        values = [run.settle(state, value) for value in arguments.values]
        if len(values) == 1 and not isinstance(values[0], (Constant, Symbol)):
            items = iterate(state, values[0])
            if items is None:
                return state.origin(node, text_of(node))
            if name == "len":
                return Constant(len(items))
            values = [Tuple(items)]
        if name in ("min", "max", "sum", "len", "abs", "round", "int", "float", "str", "bool") and values:
            result = apply(name, tuple(values), text_of(node))
            if not isinstance(result, Unknown):
                return result
        if name in ("max", "min", "sum"):
            lose_sight(run, state, values, node)
        return state.origin(node, text_of(node))

    return handler


def _range(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    bounds = [run.settle(state, value) for value in arguments.positional]
    numbers = [value.value for value in bounds if isinstance(value, Constant) and isinstance(value.value, int)]
    if len(numbers) == len(bounds) and 1 <= len(numbers) <= 3 and not (len(numbers) == 3 and numbers[2] == 0):
        span = range(*numbers)
        if len(span) <= 4_000:
            return Iterator(tuple(Constant(number) for number in span))
    return Unknown("a range of unknown length")


def _enumerate(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else None
    start = arguments.get(1, "start") or Constant(0)
    if items is None or not isinstance(start, Constant) or not isinstance(start.value, int):
        return Unknown("an enumeration of something unknown")
    return state.once(tuple(Tuple((Constant(start.value + i), item)) for i, item in enumerate(items)))


def _zip(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    columns = [iterate(state, value) for value in arguments.positional]
    known = [column for column in columns if column is not None]
    if len(known) != len(columns) or not arguments.complete:
        lose_sight(run, state, arguments.positional, node)
        return Unknown("a zip of something unknown")
    return state.once(tuple(Tuple(row) for row in zip(*known, strict=False)))


def _list(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if not arguments.positional:
        return as_list(state, ())
    items = iterate(state, arguments.positional[0])
    return state.origin(node, text_of(node)) if items is None else as_list(state, items)


def _set(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else ()
    return state.origin(node, text_of(node)) if items is None else as_set(state, items)


def _sorted(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else None
    backwards = arguments.get(None, "reverse") or FALSE
    known = [item.value for item in items or () if isinstance(item, Constant)]
    same = {type(value) for value in known} in ({str}, {int}, {float}, set())
    if items is None:
        return state.origin(node, text_of(node))
    lose_sight(run, state, items, node)
    if len(known) < len(items) or not same or arguments.get(None, "key") is not None:
        return as_list(state, (), complete=False)
    if not isinstance(backwards, Constant):
        return as_list(state, (), complete=False)
    ordered = sorted(known, reverse=bool(backwards.value))  # type: ignore[type-var]
    return as_list(state, tuple(Constant(value) for value in ordered))


def _tuple(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else ()
    return state.origin(node, text_of(node)) if items is None else Tuple(items)


def _iter(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else None
    return state.origin(node, text_of(node)) if items is None else state.once(items)


def _reversed(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[0]) if arguments.positional else None
    return state.origin(node, text_of(node)) if items is None else state.once(tuple(reversed(items)))


def _chain(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    found: list[Value] = []
    for value in arguments.positional:
        items = iterate(state, value)
        if items is None:
            return Unknown("a chain of something unknown")
        found.extend(items)
    return state.once(tuple(found)) if arguments.complete else Unknown("a chain of something unknown")


def _dict(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items: dict[Value, Value] = {}
    complete = arguments.complete
    if arguments.positional:
        source = arguments.positional[0]
        record = state.heap.get(source.identity) if isinstance(source, DictRef) else None
        pairs = iterate(state, source) if record is None else None
        if isinstance(record, DictRecord):
            items.update(record.items)
            complete = complete and record.complete
        elif pairs is not None:
            for pair in pairs:
                sides = iterate(state, pair)
                if sides is not None and len(sides) == 2:
                    items[sides[0]] = sides[1]
                else:
                    complete = False
        else:
            complete = False
    items.update((Constant(name), value) for name, value in arguments.keywords)
    return new_dict(state, items.items(), complete)


def _map(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[1]) if len(arguments.positional) == 2 else None
    if items is None:
        return Unknown("a map over something unknown")
    length, last = len(state.trace), state.trace[-1] if state.trace else None
    results = tuple(call(run, state, arguments.positional[0], Arguments((item,)), node) for item in items)
    return Unknown("a map that does something") if doubt_effects(state, length, last, node) else state.once(results)


def _reduce(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    function, source, *start = arguments.positional if len(arguments.positional) in (2, 3) else (NONE, NONE)
    items = iterate(state, source)
    if items is None or not (*start, *items):
        return state.origin(node, text_of(node))
    first, *rest = (*start, *items)
    for item in rest:
        first = call(run, state, function, Arguments((first, item)), node)
    return first


def _filter(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    items = iterate(state, arguments.positional[1]) if len(arguments.positional) == 2 else None
    if items is None:
        return Unknown("a filter over something unknown")
    test = arguments.positional[0]
    kept: list[Value] = []
    for item in items:
        verdict = item if test == NONE else call(run, state, test, Arguments((item,)), node)
        truth = run.truth(state, verdict)
        if truth is None:
            lose_sight(run, state, items, node)
            return Unknown("a filter with an unknown test")
        if truth:
            kept.append(item)
    return state.once(tuple(kept))


def _any_all(wanted: bool) -> Handler:
    def handler(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
        items = iterate(state, arguments.positional[0]) if arguments.positional else None
        truths = [None] if items is None else [run.truth(state, item) for item in items]
        if wanted in truths:
            return Constant(wanted)
        return state.origin(node, text_of(node)) if None in truths else Constant(not wanted)

    return handler


def _next(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    first = arguments.positional[0] if arguments.positional else None
    taken = take_one(state, first) if isinstance(first, Iterator) else None
    return state.origin(node, text_of(node)) if taken is None else taken


HANDLERS: dict[str, Handler] = {
    **{f"builtins.{name}": _pure(name) for name in FUNCTIONS},
    "builtins.range": _range,
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.list": _list,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "builtins.sorted": _sorted,
    "builtins.tuple": _tuple,
    "builtins.iter": _iter,
    "builtins.reversed": _reversed,
    "builtins.dict": _dict,
    "collections.OrderedDict": _dict,
    "typing.OrderedDict": _dict,
    "builtins.map": _map,
    "builtins.filter": _filter,
    "functools.reduce": _reduce,
    "builtins.any": _any_all(True),
    "builtins.all": _any_all(False),
    "builtins.next": _next,
    "itertools.chain": _chain,
}
