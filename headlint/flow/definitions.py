"""Functions and classes of the file where they are defined, and what decorators make of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.expressions import evaluate_defaults
from headlint.flow.gradients import is_grad_mode
from headlint.flow.lists import new_dict
from headlint.flow.scope import bind
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import Class, External, Function, Instance, Method, Property, Symbol, Value
from headlint.source.nodes import statements_of, text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def define_function(run: Interpreter, node: cst.FunctionDef, state: State) -> list[State]:
    """The paths behind `def`."""
    evaluated = node if node.decorators else node.params
    return [path for path, _ in run.ways(state, evaluated, lambda s: _define(run, s, node))]


def _define(run: Interpreter, state: State, node: cst.FunctionDef) -> None:
    """Bind a function, or what its decorators make of it."""
    defined = Function(node, state.frame, evaluate_defaults(run, state, node.params))
    run.functions.setdefault(id(node), defined)
    made: Value = defined
    for decorator in reversed(node.decorators):
        made = _decorated(run, state, made, decorator.decorator)
    bind(state, node.name.value, made)


def _decorated(run: Interpreter, state: State, made: Value, decorator: cst.BaseExpression) -> Value:
    owner, _, name = text_of(decorator).rpartition(".")
    if name in ("staticmethod", "classmethod"):
        return made
    if name in _PROPERTIES:
        return Property(made, kept=name == "cached_property") if isinstance(made, Function) else made
    if name in ("getter", "setter", "deleter"):
        before = state.frames[state.frame].get(owner)
        if isinstance(before, Property) and isinstance(made, Function):
            return replace(before, setter=made) if name == "setter" else before
    wrapper = run.evaluate(state, decorator)
    if isinstance(wrapper, (Function, Method, Class)):
        return run.call(state, wrapper, (made,), decorator)
    if not isinstance(made, Function):
        return made
    if is_grad_mode(wrapper):
        assert isinstance(wrapper, (External, Symbol))
        return replace(made, mode=wrapper)
    name = _name_of(decorator, wrapper)
    if name in ("cache", "lru_cache"):
        return replace(made, cache=new_dict(state, ()).identity)
    return made if name in _TRANSPARENT else replace(made, wrapped=True)


def _name_of(decorator: cst.BaseExpression, value: Value) -> str:
    """The last name of a decorator: of what it is if that is imported, else of how it is written."""
    written = decorator.func if isinstance(decorator, cst.Call) else decorator
    return (value.name if isinstance(value, External) else text_of(written)).rpartition(".")[2]


_PROPERTIES = frozenset({"property", "cached_property", "abstractproperty"})
# Decorators that leave a function's arguments and its result as they are.
_TRANSPARENT = frozenset(
    """
    abstractmethod deprecated final inference_mode no_grad override profile rank_zero_only record time_it timeit timer
    typechecked wraps enable_grad
    """.split()
)


def define_class(run: Interpreter, node: cst.ClassDef, state: State) -> list[State]:
    """The paths behind `class`."""
    bases = tuple(run.evaluate(state, base.value) for base in node.bases)
    number = state.identity()
    outer = state.frame
    state.frames[number] = {}
    state.parents[number] = outer
    state.frame = number
    behind: list[State] = []
    for path in run.block(statements_of(node.body), [state]):
        path.frame = outer
        owner = Class(node, number, bases)
        names = path.names(number)
        for name, value in names.items():
            names[name] = _as_member(run, value, owner, outer)
            if isinstance(value, Instance):
                _adopt(run, path, value, owner, outer)
        run.classes.setdefault(id(node), owner)
        bind(path, node.name.value, owner)
        behind.extend(_decorate_class(run, path, node, owner))
    return behind


def _as_member(run: Interpreter, value: Value, owner: Class, outer: int) -> Value:
    """What a name of a class body stands for: methods do not see the other names in there."""
    if isinstance(value, Function) and value.owner is None:
        run.methods.add(id(value.node))
        return replace(value, frame=outer, owner=owner)
    if isinstance(value, Property):
        getter, setter = (part and _as_member(run, part, owner, outer) for part in (value.getter, value.setter))
        assert isinstance(getter, Function)
        assert setter is None or isinstance(setter, Function)
        return Property(getter, setter, value.kept)
    return value


def _adopt(run: Interpreter, path: State, value: Instance, owner: Class, outer: int) -> None:
    """The functions that an object in a class body has been given, by a decorator say, are methods all the same."""
    record = path.heap.get(value.identity)
    if isinstance(record, InstanceRecord) and any(isinstance(held, Function) for _, held in record.attributes):
        held = tuple((name, _as_member(run, inside, owner, outer)) for name, inside in record.attributes)
        path.heap[value.identity] = replace(record, attributes=held)


def _decorate_class(run: Interpreter, path: State, node: cst.ClassDef, owner: Class) -> list[State]:
    """The paths behind the decorators of a class that are functions of the file: a registry's, say."""
    if not node.decorators:
        return [path]

    def decorate(state: State) -> None:
        for decorator in reversed(node.decorators):
            wrapper = run.evaluate(state, decorator.decorator)
            if isinstance(wrapper, (Function, Method)):
                made = run.call(state, wrapper, (owner,), decorator.decorator)
                bind(state, node.name.value, made)

    return [way for way, _ in run.ways(path, node.decorators[0], decorate)]
