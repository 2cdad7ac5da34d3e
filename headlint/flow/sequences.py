"""Changing a Sequential or ModuleList in place: `del seq[i]`, `append`, `extend`, `insert` and `pop`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, making, modules
from headlint.flow.items import slice_bounds
from headlint.flow.iterating import iterate
from headlint.flow.state import State
from headlint.flow.value import NONE, Constant, Module, Slice, Unknown, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter
    from headlint.history import ModuleRef


def delete_items(run: Interpreter, state: State, target: Module, key: Value, site: cst.CSTNode) -> None:
    """`del target[key]`: what stands behind moves up."""
    inside = modules.children_of(state, target.ref)
    positions = _positions(key, len(inside))
    known = modules.container_kind(state, target.ref) in modules.LIST_CONTAINERS
    if positions is None or not known or target.ref.object in state.escaped:
        run.hand_over(state, target, "an item is deleted that is not known", site)
        return
    for position in sorted(positions, reverse=True):
        _delete(state, target.ref, position, site)


def _positions(key: Value, length: int) -> list[int] | None:
    if isinstance(key, Slice):
        bounds = slice_bounds(key)
        return None if bounds is None else list(range(length)[bounds])
    if isinstance(key, Constant) and isinstance(key.value, int) and -length <= key.value < length:
        return [key.value % length]
    return None


def _delete(state: State, target: ModuleRef, position: int, site: cst.CSTNode) -> None:
    inside = modules.children_of(state, target)
    left = [child for index, (_, child) in enumerate(inside) if index != position]
    numbered = tuple((str(index), child) for index, child in enumerate(left))
    changes.delete_module(state, target, inside[position][0], numbered, site)


def change(
    run: Interpreter, state: State, target: Module, method: str, arguments: tuple[Value, ...], site: cst.CSTNode
) -> Value | None:
    """What a method that changes a container gives; None, with nothing done, where its arguments are not known."""
    if target.ref.object in state.escaped:
        return None
    count = len(modules.children_of(state, target.ref))
    if method == "append" and len(arguments) == 1:
        return _add(state, target, str(count), arguments[0], site)
    if method == "extend" and len(arguments) == 1:
        more = iterate(state, arguments[0])
        if more is None or any(modules.module_ref(value) is None for value in more):
            return None
        for offset, value in enumerate(more):
            _add(state, target, str(count + offset), value, site)
        return target
    if method == "insert" and len(arguments) == 2:
        return _insert(state, target, arguments[0], arguments[1], site)
    if method == "pop":
        positions = _positions(arguments[0] if arguments else Constant(-1), count)
        if positions is None:
            return None
        popped = modules.children_of(state, target.ref)[positions[0]][1]
        _delete(state, target.ref, positions[0], site)
        return modules.as_value(state, popped)
    return None


def joined(state: State, left: Module, right: Module, site: cst.CSTNode) -> Value:
    """`left + right` of two Sequentials or two ModuleLists: a new one with the modules of both."""
    kinds = {modules.container_kind(state, left.ref), modules.container_kind(state, right.ref)}
    if (
        len(kinds) > 1
        or not kinds <= modules.LIST_CONTAINERS
        or not state.escaped.keys().isdisjoint({left.ref.object, right.ref.object})
    ):
        return Unknown("a sum of modules")
    inside = [child for side in (left, right) for _, child in modules.children_of(state, side.ref)]
    return making.make_container(state, kinds.pop(), tuple((str(i), child) for i, child in enumerate(inside)), site)


def _insert(state: State, target: Module, key: Value, value: Value, site: cst.CSTNode) -> Value | None:
    inside = modules.children_of(state, target.ref)
    new = modules.module_ref(value)
    if new is None or not isinstance(key, Constant) or not isinstance(key.value, int):
        return None
    if not -len(inside) <= key.value <= len(inside):
        return None
    position = key.value if key.value >= 0 else key.value + len(inside)
    for index in range(len(inside), position, -1):
        changes.set_module(state, target.ref, str(index), inside[index - 1][1], "add_module", site)
    changes.set_module(state, target.ref, str(position), new, "add_module", site)
    return target


def _add(state: State, target: Module, name: str, value: Value, site: cst.CSTNode) -> Value:
    ref = modules.module_ref(value)
    if ref is None and value != NONE:
        ref = making.make_opaque(state, text_of(site), site).ref
    changes.set_module(state, target.ref, name, ref, "add_module", site)
    return target
