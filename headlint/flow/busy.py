"""Which rounds of a loop do anything: `if isinstance(module, nn.BatchNorm2d)` around a body leaves most of them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow.introspection import is_instance
from headlint.flow.scope import look_up
from headlint.flow.state import State
from headlint.flow.value import External, Module, Tuple, Value
from headlint.source.nodes import names_assigned

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def busy_items(run: Interpreter, state: State, node: cst.For, items: tuple[Value, ...]) -> tuple[Value, ...]:
    """The items for which the body of a loop is entered, if it is a single test of their class; else all of them."""
    body: Any = node.body.body
    if len(body) != 1 or type(body[0]) is not cst.If or body[0].orelse is not None:
        return items
    test = body[0].test
    while type(test) is cst.BooleanOperation and type(test.operator) is cst.And:
        test = test.left
    asked = _classes(run, state, test, names_assigned(body))
    place = None if asked is None else _place(node.target, asked[0])
    if asked is None or place is None:
        return items
    _, kinds = asked
    busy = tuple([item for item in items if not _is_none_of(state, _part(item, place), kinds)])
    if len(busy) < len(items):
        run.executed.add(id(body[0]))
    return busy


def _classes(
    run: Interpreter, state: State, test: Any, assigned: frozenset[str]
) -> tuple[str, tuple[Value, ...]] | None:
    """The name and the classes in `isinstance(name, classes)`; None for any other test."""
    if type(test) is not cst.Call or type(test.func) is not cst.Name or test.func.value != "isinstance":
        return None
    if len(test.args) != 2 or look_up(state, "isinstance") != External("builtins.isinstance"):
        return None
    name, written = test.args[0].value, test.args[1].value
    elements = [element.value for element in written.elements] if type(written) is cst.Tuple else [written]
    if type(name) is not cst.Name or not all(_is_dotted(element, assigned) for element in elements):
        return None
    kinds = tuple([run.evaluate(state, element) for element in elements])
    return (name.value, kinds) if all(type(kind) is External for kind in kinds) else None


def _is_dotted(node: Any, assigned: frozenset[str]) -> bool:
    """Whether an expression is a name with attributes, which the body leaves alone."""
    while type(node) is cst.Attribute:
        node = node.value
    return type(node) is cst.Name and node.value not in assigned


def _place(target: Any, name: str) -> int | None:
    """Where a name stands in the target of a loop: its number in a tuple, -1 for the only name."""
    if type(target) is cst.Name:
        return -1 if target.value == name else None
    names = [getattr(element.value, "value", None) for element in getattr(target, "elements", ())]
    plain = type(target) is cst.Tuple and all(type(element.value) is cst.Name for element in target.elements)
    return names.index(name) if plain and names.count(name) == 1 else None


def _part(item: Value, place: int) -> Value | None:
    if place < 0:
        return item
    return item.items[place] if type(item) is Tuple and place < len(item.items) else None


def _is_none_of(state: State, value: Value | None, kinds: tuple[Value, ...]) -> bool:
    return type(value) is Module and all(is_instance(state, value, kind) is False for kind in kinds)
