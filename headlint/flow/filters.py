"""Tests of names in loops over `named_parameters()` that write flags: which parameters they hold for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules
from headlint.flow.choice import Infeasible, Raised
from headlint.flow.scope import bind_target
from headlint.flow.value import Constant, Parameter, Tuple, Value
from headlint.history import ModuleRef, ParameterRef
from headlint.source.nodes import descend

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter
    from headlint.flow.state import State


@dataclass(frozen=True, slots=True)
class NameFilter:
    """A test of the names of `owner`'s parameters, `matched` those it holds for, whose flags become `flag`.

    `words` are the texts in it, `site` the test.
    """

    owner: ModuleRef
    names: tuple[str, ...]
    parameters: tuple[ParameterRef, ...]
    matched: frozenset[str]
    flag: bool
    words: tuple[str, ...]
    site: cst.CSTNode = field(repr=False)


# Words that can only mean some of the parameters, so that it counts which ones they catch.
TELLING = frozenset(
    "bn norm batchnorm fc classifier head heads logits last_linear output".split(),
)


def note_filters(run: Interpreter, state: State, node: cst.For, items: tuple[Value, ...]) -> None:
    """Note the tests in a loop over a module's parameters that hold for none, or whose words tell their meaning."""
    first = items[0] if items else None
    if not isinstance(first, Tuple) or len(first.items) != 2 or not isinstance(first.items[1], Parameter):
        return
    tests = run.name_tests.get(id(node))
    if tests is None:
        tests = run.name_tests[id(node)] = tuple(_name_tests(node))
    owner = _owner(run, state, node) if tests else None
    named = [pair for pair in map(_named, items) if pair is not None]
    if owner is None or len(named) < len(items):
        return
    trial = state.fork()
    for test, flag in tests:
        words = tuple(_words(test))
        telling = not TELLING.isdisjoint(word.strip("._").lower() for word in words)
        matched = _matched(run, trial, node, test, items, telling)
        if matched is None:
            continue
        if matched and not (telling and len(matched) == len(named)):
            run.may_be_right.add(id(test))
        if telling or not matched:
            names, refs = tuple(name for name, _ in named), tuple(ref for _, ref in named)
            state.filters[NameFilter(owner, names, refs, matched, flag, words, test)] = None


def _named(item: Value) -> tuple[str, ParameterRef] | None:
    """A parameter with its name, as `named_parameters` gives it."""
    if isinstance(item, Tuple) and len(item.items) == 2:
        name, parameter = item.items
        if isinstance(name, Constant) and isinstance(name.value, str) and isinstance(parameter, Parameter):
            return name.value, parameter.ref
    return None


def _owner(run: Interpreter, state: State, node: cst.For) -> ModuleRef | None:
    """The module whose `named_parameters()` the loop runs over."""
    asked = node.iter
    if not isinstance(asked, cst.Call) or not isinstance(asked.func, cst.Attribute) or asked.args:
        return None
    if asked.func.attr.value != "named_parameters":
        return None
    return modules.module_ref(run.evaluate(state.fork(), asked.func.value))


def _name_tests(node: cst.For) -> Iterator[tuple[cst.BaseExpression, bool]]:
    """The tests of the name in a loop, each with the flag that the parameters get for which it holds."""
    target = node.target
    if not isinstance(target, cst.Tuple) or not isinstance(target.elements[0].value, cst.Name):
        return
    name = target.elements[0].value.value
    for here in descend((node.body,)):
        if type(here) is cst.If and _mentions(here.test, name):
            flags = {flag for flag in map(_flag_written, _small_statements(here.body)) if flag is not None}
            if len(flags) == 1:
                yield here.test, flags.pop()
        elif type(here) is cst.Assign and _is_flag(here) and _mentions(here.value, name):
            yield here.value, True


def _small_statements(body: cst.BaseSuite) -> Iterator[cst.CSTNode]:
    for line in body.body:
        yield from line.body if isinstance(line, cst.SimpleStatementLine) else (line,)


def _mentions(test: cst.CSTNode, name: str) -> bool:
    return any(type(here) is cst.Name and here.value == name for here in descend((test,)))


def _is_flag(assign: cst.Assign) -> bool:
    target = assign.targets[0].target
    return isinstance(target, cst.Attribute) and target.attr.value == "requires_grad"


def _flag_written(statement: cst.CSTNode) -> bool | None:
    """The flag that a statement writes on a parameter, None if it writes none."""
    if isinstance(statement, cst.Assign) and _is_flag(statement) and isinstance(statement.value, cst.Name):
        return {"True": True, "False": False}.get(statement.value.value)
    return None


def _words(test: cst.BaseExpression) -> Iterator[str]:
    for here in descend((test,)):
        if type(here) is cst.SimpleString:
            value = ast.literal_eval(here.value)
            if isinstance(value, str):
                yield value


def _matched(
    run: Interpreter, trial: State, node: cst.For, test: cst.BaseExpression, items: tuple[Value, ...], whole: bool
) -> frozenset[str] | None:
    """The names that a test holds for, all of them only if asked for the `whole`; None where it is not known."""
    found: list[str] = []
    # Heads come last: a test that tells anything apart mostly shows it at one of the ends.
    for item in (items[-1], *items[:-1]):
        bind_target(run, trial, node.target, item, node)
        try:
            truth = run.truth(trial, run.evaluate(trial, test))
        except (Raised, Infeasible):
            return None
        if truth is None:
            return None
        if truth:
            found.append(str(item.items[0].value))  # type: ignore[union-attr]
            if not whole:
                break
    return frozenset(found)
