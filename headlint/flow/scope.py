"""Names: looking them up through the frames, and binding targets of every form."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow.assigning import write
from headlint.flow.items import write_item
from headlint.flow.iterating import iterate
from headlint.flow.state import ListRecord, State
from headlint.flow.value import FALSE, NONE, TRUE, Constant, External, ListRef, Symbol, Tuple, Unknown, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# Under this name a frame keeps the packages it has imported everything from.
STAR_IMPORTS = "*"
# Under this name a frame keeps the names that `global` and `nonlocal` give to another frame, with its number.
ELSEWHERE = "global"

_CONSTANTS = {"None": NONE, "True": TRUE, "False": FALSE, "Ellipsis": Constant(...)}
_BUILTINS = {
    name: External(f"builtins.{name}") for name in vars(builtins) if not name.startswith("_") and name not in _CONSTANTS
}


def look_up(state: State, name: str) -> Value:
    """What a name stands for here."""
    constant = _CONSTANTS.get(name)
    if constant is not None:
        return constant
    frame: int | None = state.frame
    while frame is not None:
        names = state.frames.get(frame)
        if names is None:
            break
        value = names.get(name)
        if value is not None:
            return value
        frame = state.parents.get(frame)
    if name == "__name__":
        return Constant("__main__")
    return _BUILTINS.get(name) or _from_star_imports(state, name)


def _from_star_imports(state: State, name: str) -> Value:
    from headlint.torchlib.names import is_known

    packages = state.frames[0].get(STAR_IMPORTS)
    if isinstance(packages, Tuple):
        for package in packages.items:
            if isinstance(package, External) and is_known(f"{package.name}.{name}"):
                return External(f"{package.name}.{name}")
    return Unknown(f"'{name}' is not bound in this file")


def bind(state: State, name: str, value: Value) -> None:
    """Give a name its value in the frame it belongs to."""
    number, names = state.frame, state.frames[state.frame]
    if ELSEWHERE in names:
        number = _frame_of(names[ELSEWHERE], name, number)
    state.names(number)[name] = value


def _frame_of(elsewhere: Value, name: str, own: int) -> int:
    assert isinstance(elsewhere, Tuple)
    for pair in elsewhere.items:
        if isinstance(pair, Tuple) and pair.items[0] == Constant(name):
            number = pair.items[1]
            assert isinstance(number, Constant)
            assert isinstance(number.value, int)
            return number.value
    return own


def bind_elsewhere(state: State, name: str, *, outermost: bool) -> None:
    """`global name` and `nonlocal name`: what the function under way assigns to it belongs to another frame."""
    number = 0 if outermost else enclosing_frame(state, state.parents.get(state.frame), name)
    if number is None:
        return
    names = state.names(state.frame)
    before = names.get(ELSEWHERE)
    known = before.items if isinstance(before, Tuple) else ()
    names[ELSEWHERE] = Tuple((*known, Tuple((Constant(name), Constant(number)))))


def elsewhere_on_both(here: Value | None, there: Value | None) -> Tuple:
    """What belongs to other frames where two paths meet: Python has it so for a whole function, not for a path."""
    found = [pair for one in (here, there) if isinstance(one, Tuple) for pair in one.items]
    return Tuple(tuple(dict.fromkeys(found)))


def enclosing_frame(state: State, frame: int | None, name: str) -> int | None:
    """The nearest function around that has bound `name`, from `frame` outwards; None if none has."""
    while frame:
        if name in state.frames.get(frame, {}):
            return frame
        frame = state.parents.get(frame)
    return None


def bind_target(run: Interpreter, state: State, target: Any, value: Value, site: cst.CSTNode) -> None:
    """Assign `value` to a target: a name, an attribute, an item, or several of them."""
    kind = type(target)
    if kind is cst.Name:
        bind(state, target.value, value)
    elif kind is cst.Attribute:
        write(run, state, run.evaluate(state, target.value), target.attr.value, value, site)
    elif kind is cst.Subscript:
        owner = run.evaluate(state, target.value)
        index = target.slice[0].slice
        key: Value = Unknown("a slice")
        if len(target.slice) == 1 and type(index) is cst.Index:
            key = run.settle(state, run.evaluate(state, index.value))
        write_item(run, state, owner, key, value, site)
    elif kind is cst.Tuple or kind is cst.List:
        _unpack(run, state, target.elements, value, site)


def _unpack(run: Interpreter, state: State, elements: object, value: Value, site: cst.CSTNode) -> None:
    assert isinstance(elements, (list, tuple))
    items = iterate(state, value)
    starred = [index for index, element in enumerate(elements) if type(element) is cst.StarredElement]
    if items is None or (len(items) != len(elements) if not starred else len(items) < len(elements) - 1):
        for index, element in enumerate(elements):
            name = text_of(element.value)
            of_output = isinstance(value, Symbol) and value.op in ("output", "tensor_shape") and not starred
            part = Symbol("item", (value, Constant(index)), name) if of_output else state.origin(element, name)
            run.forget(state, element.value, part, site)
        return
    if starred:
        first, behind = starred[0], len(elements) - starred[0] - 1
        middle = items[first : len(items) - behind]
        identity = state.identity()
        state.heap[identity] = ListRecord(tuple(middle))
        items = (*items[:first], ListRef(identity), *items[len(items) - behind :])
    for element, item in zip(elements, items, strict=True):
        bind_target(run, state, element.value, item, site)


def unbind(state: State, name: str) -> None:
    """`del name`."""
    state.names(state.frame).pop(name, None)
