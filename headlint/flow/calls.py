"""Calls: evaluating arguments, following functions and classes of the file, and finding who answers the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules
from headlint.flow.attributes import owner_of_dict
from headlint.flow.classes import class_attribute, is_module_class
from headlint.flow.gradients import recording_in
from headlint.flow.items import IDLE, iterate
from headlint.flow.merge import merge
from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, State
from headlint.flow.value import (
    NONE,
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    ListRef,
    Method,
    Module,
    Parameter,
    Partial,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import AnyEvent, ModuleRef, SetFlag, modules_of
from headlint.source.nodes import descend, parts, text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


# Methods that change what they are called on.
CHANGING = frozenset("append clear extend insert pop popitem register_parameter setdefault update".split())

# Under this name the frame of a generator keeps what it has yielded.
YIELDED = "yield"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call is given.

    `complete` is False where a `*` or `**` of unknown content was among it, and `outside` says that the caller
    is not in the file: then numbers that have a default keep it, and all else may be anything.
    """

    positional: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...] = ()
    complete: bool = True
    outside: bool = False

    def get(self, position: int | None, name: str) -> Value | None:
        """The argument for a parameter that stands at `position` (None: keyword only) and is called `name`."""
        if position is not None and position < len(self.positional):
            return self.positional[position]
        for keyword, value in self.keywords:
            if keyword == name:
                return value
        return None

    @property
    def values(self) -> tuple[Value, ...]:
        """Every argument."""
        return (*self.positional, *(value for _, value in self.keywords))


# What answers calls to something that is not of the file: the value, with the effects done to the state.
Handler = Callable[["Interpreter", State, Arguments, cst.CSTNode], Value]


def evaluate_arguments(run: Interpreter, state: State, nodes: Sequence[cst.Arg]) -> Arguments:
    """Evaluate the arguments of a call in order."""
    positional: list[Value] = []
    keywords: dict[str, Value] = {}
    complete = True
    for node in nodes:
        value = run.evaluate(state, node.value)
        if node.star == "*":
            items = iterate(state, value)
            complete = complete and items is not None
            positional.extend(items or () if complete else ())
        elif node.star == "**":
            record = state.heap.get(value.identity) if isinstance(value, DictRef) else None
            pairs = record.items if isinstance(record, DictRecord) and record.complete else None
            complete = complete and pairs is not None
            for key, inside in pairs or ():
                if isinstance(key, Constant) and isinstance(key.value, str):
                    keywords[key.value] = inside
        elif node.keyword is not None:
            keywords[node.keyword.value] = value
        elif complete:
            positional.append(value)
        else:
            # Behind a `*` of unknown length nobody knows whose argument this is.
            run.hand_over(state, value, "an argument of unknown position", node)
    return Arguments(tuple(positional), tuple(keywords.items()), complete)


def call(run: Interpreter, state: State, function: Value, arguments: Arguments, node: cst.CSTNode) -> Value:
    """The value of calling `function`, with the effects of the call done to `state`."""
    if isinstance(function, Symbol) and function.op == "choice":
        function = run.settle(state, function)
    if isinstance(function, (Symbol, Unknown)) and _called_name(node) == "requires_grad_":
        wanted = arguments.get(0, "requires_grad")
        modules.set_unknown_flags(state, True if wanted is None else run.truth(state, wanted))
    if arguments.positional and not isinstance(getattr(function, "function", function), (External, Function, Module)):
        from headlint.flow.outputs import note

        note(state, arguments.positional[0], "call", _called_name(node), node)
    match function:
        case Function():
            return call_function(run, state, function, arguments, node)
        case Method() if function.function is not None:
            bound = replace(arguments, positional=(function.receiver, *arguments.positional))
            return call_function(run, state, function.function, bound, node)
        case Method():
            from headlint.flow.methods import call_method

            return call_method(run, state, function, arguments, node)
        case Class():
            from headlint.flow.instances import instantiate

            return instantiate(run, state, function, arguments, node)
        case External():
            from headlint.flow.externals import call_external

            return call_external(run, state, function.name, arguments, node)
        case Partial():
            keywords = {**dict(function.keywords), **dict(arguments.keywords)}
            positional = (*function.arguments, *arguments.positional)
            given = Arguments(positional, tuple(keywords.items()), arguments.complete)
            return call(run, state, function.function, given, node)
        case Module() | Instance():
            return call_instance(run, state, function, arguments, node)
        case Symbol(op="loaded"):
            run.raises_using_keys(state, function, "()", node)
        case Symbol(op="attr", operands=(owner, _)):
            name = function.text.rpartition(".")[2]
            if isinstance(owner, Symbol):
                from headlint.flow.methods import symbol_method
                from headlint.flow.optimizers import scaler_method
                from headlint.flow.options import parser_method
                from headlint.flow.outputs import method_of_output

                known = scaler_method(state, owner, name, arguments, node)
                known = known or symbol_method(state, owner, name, arguments, node)
                known = known or method_of_output(state, owner, name, arguments, node)
                known = known or parser_method(run, state, owner, name, arguments, node)
                if known is not None:
                    return known
            around = owner_of_dict(owner) if isinstance(owner, Symbol) and name in CHANGING else owner
            if isinstance(around, (Instance, Module)):
                run.hand_over(state, around, f"'{text_of(node)}' is out of sight", node)
    for value in arguments.values:
        run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
    return state.origin(node, text_of(node))


def _called_name(node: cst.CSTNode) -> str:
    """The last name of what a call is written to call."""
    return text_of(node.func).rpartition(".")[2] if isinstance(node, cst.Call) else ""


def call_instance(
    run: Interpreter, state: State, function: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`model(x)` runs forward; an instance of another class of the file runs its `__call__`."""
    from headlint.flow.extractors import output
    from headlint.flow.outputs import output_of
    from headlint.flow.tensors import call_module

    ref = modules.module_ref(function)
    extracted = output(state, function, node)
    if ref is not None and extracted is None:
        result = call_module(state, ref, arguments, node)
        if result is not None:
            return result
    if isinstance(function, Module):
        state.called[function.ref] = len(state.trace)
    else:
        state.called[ModuleRef(function.identity, "")] = len(state.trace)
        record = state.heap.get(function.identity)
        if isinstance(record, InstanceRecord) and not is_module_class(state, record.owner):
            found = class_attribute(state, record.owner, "__call__")
            if isinstance(found, Function):
                return call(run, state, Method(function, "__call__", found), arguments, node)
    return output_of(state, function, arguments, node) if extracted is None else extracted


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
        modules.escape(state, ModuleRef(number, ""), f"'{text_of(node)}' may change it later", node)
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
        inner.frames[number][YIELDED] = Tuple(())
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
    for position, parameter in enumerate(ordered):
        name = parameter.name.value
        if position < len(arguments.positional):
            names[name] = arguments.positional[position]
        elif name in given:
            names[name] = given.pop(name)
        elif name in defaults and (arguments.complete or (arguments.outside and _is_number(defaults[name]))):
            names[name] = defaults[name]
        else:
            names[name] = state.origin(parameter, name)
    for parameter in parameters.kwonly_params:
        name = parameter.name.value
        if name in given:
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


def as_set(state: State, items: Sequence[Value], complete: bool = True) -> ListRef:
    """A new set in the heap; which items are equal is known of constants, modules and parameters only."""
    known = all(isinstance(item, (Constant, Module, Parameter)) for item in items)
    distinct = tuple(dict.fromkeys(items))
    identity = state.identity()
    state.heap[identity] = ListRecord(distinct, complete and (known or len(items) < 2), ordered=False)
    return ListRef(identity)


def as_list(state: State, items: Sequence[Value], complete: bool = True) -> ListRef:
    """A new list in the heap; `complete` is False where more or other items may be in it."""
    identity = state.identity()
    state.heap[identity] = ListRecord(tuple(items), complete)
    return ListRef(identity)


def new_dict(state: State, items: Iterable[tuple[Value, Value]], complete: bool = True) -> DictRef:
    """A new dict in the heap; `complete` is False where more or other items may be in it."""
    identity = state.identity()
    state.heap[identity] = DictRecord(tuple(items), complete)
    return DictRef(identity)
