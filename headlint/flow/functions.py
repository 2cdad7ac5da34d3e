"""Following calls into the functions of the file, generators among them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes
from headlint.flow.arguments import Arguments
from headlint.flow.gradients import recording_in
from headlint.flow.iterating import IDLE
from headlint.flow.lists import new_dict
from headlint.flow.merge import merge
from headlint.flow.state import DictRecord, State
from headlint.flow.value import NONE, Class, Constant, Function, Tuple, Unknown, Value
from headlint.history import AnyEvent, ModuleRef, SetFlag, modules_of
from headlint.source.nodes import descend, parts, text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


# Under this name the frame of a generator keeps what it has yielded.
YIELDED = "yield"


def call_function(run: Interpreter, state: State, function: Function, arguments: Arguments, node: cst.CSTNode) -> Value:
    """Follow a call into a function of the file; where that is not possible everything given escapes."""
    key = id(function.node)
    if function.wrapped:
        # What the decorator does with the arguments and the result is its own business.
        for value in arguments.values:
            run.hand_over(state, value, f"'{text_of(node)}' goes through a decorator that is not visible", node)
        return state.origin(node, text_of(node))
    run.called.add(key)
    if not arguments.outside:
        run.used.add(key)
    if function.cache is not None:
        return _call_once(run, state, function, function.cache, arguments, node)
    if len(run.stack) >= run.deepest_call or run.stack.count(key) > 1:
        for value in (*arguments.values, function):
            run.hand_over(state, value, f"'{text_of(node)}' is not followed", node)
        return state.origin(node, text_of(node))

    def make() -> list[tuple[State, Value]]:
        run.stack.append(key)
        ended = len(run.ended)
        try:
            paths = _run_body(run, state, function, arguments, node)
        finally:
            run.stack.pop()
        if _is_generator(run, function) and not all(path.did_as(state) for path in paths):
            # What it does to models happens when its items are taken.
            del run.ended[ended:]
            paths = [state.fork()]
            for value in (*arguments.values, function):
                run.hand_over(paths[0], value, f"'{text_of(node)}' is not followed", node)
            paths[0].returned = paths[0].origin(node, text_of(node))
        return [(path, path.returned) for path in paths]

    value = run.choose(state, make)
    state.returned = NONE
    return value


def _call_once(
    run: Interpreter, state: State, function: Function, cache: int, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """Call a function that keeps what it gave for the same arguments."""
    record = state.heap.get(cache)
    if not isinstance(record, DictRecord) or not record.complete or not arguments.complete:
        for value in arguments.values:
            run.hand_over(state, value, f"'{text_of(node)}' may have been called before", node)
        return state.origin(node, text_of(node))
    named = tuple(Tuple((Constant(name), value)) for name, value in arguments.keywords)
    key = Tuple((*arguments.positional, *named))
    known = dict(record.items).get(key)
    if known is not None:
        return known
    result = call_function(run, state, replace(function, cache=None), arguments, node)
    record = state.heap.get(cache)
    items = record.items if isinstance(record, DictRecord) else ()
    state.heap[cache] = DictRecord((*items, (key, result)))
    return result


def doubt_effects(state: State, length: int, last: AnyEvent | None, node: cst.CSTNode) -> bool:
    """Whether anything was done to models since the trace was `length` long and ended with `last`.

    It happens when an iterator is run through, if ever: from here on nobody knows.
    """
    since = (event for event in state.trace[max(length - 1, 0) :] if event is not last)
    done = [event for event in since if not isinstance(event, IDLE)]
    for number in sorted({number for event in done for number in modules_of(event)}):
        changes.escape(state, ModuleRef(number, ""), f"'{text_of(node)}' may change it later", node)
    for event in done:
        if isinstance(event, SetFlag):
            state.flags.update(dict.fromkeys(event.parameters))
    return bool(done)


def _run_body(
    run: Interpreter, state: State, function: Function, arguments: Arguments, node: cst.CSTNode
) -> list[State]:
    inner = state.fork()
    number = inner.identity()
    inner.frames[number] = _bind_parameters(run, inner, function, arguments, node)
    # A function met on another path may have been defined in a frame that this one does not have.
    inner.parents[number] = function.frame if function.frame in state.frames else 0
    inner.frame = number
    if function.mode is not None:
        inner.recording = recording_in(function.mode)
    generates = _is_generator(run, function)
    if generates:
        inner.names(number)[YIELDED] = Tuple(())
    paths: list[State]
    if isinstance(function.node, cst.Lambda):
        body = function.node.body
        paths = []
        for path, value in run.ways(inner, body, lambda s: run.evaluate(s, body)):
            path.returned = NONE if value is None else value
            paths.append(path)
    else:
        paths = run.block(function.node.body.body, [inner])
    for path in paths:
        if generates:
            items = path.frames[number][YIELDED]
            path.returned = path.once(items.items) if isinstance(items, Tuple) else path.origin(node, text_of(node))
        elif path.completion != "return" and not isinstance(function.node, cst.Lambda):
            path.returned = NONE
        if function.mode is not None:
            path.recording = state.recording
        if path.completion != "raise":
            path.completion = None
        path.frame = state.frame
        if not _is_captured(path, number):
            del path.frames[number], path.parents[number]
    return merge(paths) if len(paths) > 1 else paths


def _is_captured(path: State, frame: int) -> bool:
    """Whether a function or class made in `frame` can outlive it."""
    return any(
        isinstance(value, (Function, Class))
        and (path.parents.get(getattr(value, "namespace", -1)) == frame or getattr(value, "frame", None) == frame)
        for value in (*path.frames[frame].values(), path.returned)
    )


def _bind_parameters(
    run: Interpreter, state: State, function: Function, arguments: Arguments, node: cst.CSTNode
) -> dict[str, Value]:
    """The frame a function's body starts with."""
    parameters = function.node.params
    defaults = dict(function.defaults)
    given = dict(arguments.keywords)
    names: dict[str, Value] = {}
    if function.owner is not None and arguments.positional:
        names["__class__"], names["__self__"] = function.owner, arguments.positional[0]
    ordered = (*parameters.posonly_params, *parameters.params)
    by_position = {parameter.name.value: value for parameter, value in zip(ordered, arguments.positional, strict=False)}
    for parameter in (*ordered, *parameters.kwonly_params):
        name = parameter.name.value
        if name in by_position:
            names[name] = by_position[name]
        elif name in given:
            names[name] = given.pop(name)
        elif name in defaults and (arguments.complete or (arguments.outside and _is_number(defaults[name]))):
            names[name] = defaults[name]
        else:
            names[name] = state.origin(parameter, name)
    if isinstance(parameters.star_arg, cst.Param):
        rest = arguments.positional[len(ordered) :]
        star = Tuple(rest) if arguments.complete else Unknown("arguments that are not known")
        names[parameters.star_arg.name.value] = star
    if parameters.star_kwarg is not None:
        pairs = ((Constant(name), value) for name, value in given.items())
        names[parameters.star_kwarg.name.value] = new_dict(state, pairs, arguments.complete)
    return names


def _is_number(value: Value) -> bool:
    """Whether a default is a number: a size, where all other defaults are choices."""
    return isinstance(value, Constant) and type(value.value) in (int, float)


def _is_generator(run: Interpreter, function: Function) -> bool:
    key = -id(function.node)
    known = run.facts.get(key)
    if known is None:
        known = run.facts[key] = _has_yield(function.node)
    return known


def _has_yield(function: cst.CSTNode) -> bool:
    return any(type(here) is cst.Yield for here in descend(parts(function), past=_SCOPES))


_SCOPES = frozenset({cst.FunctionDef, cst.ClassDef, cst.Lambda})
