"""The plain values of loops that run in one go: what stands for an abstract value there, and when nothing does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst

from headlint.flow.value import Constant, Module, Parameter, Tuple, Value


class NotQuick(Exception):
    """This loop is an ordinary one."""


_PLAIN = (str, int, float, tuple, type(None))


def as_raw(value: Value) -> Any:
    """A value as Python's own; parameters and modules stand for themselves."""
    kind = type(value)
    if kind is Constant:
        return value.value  # type: ignore[union-attr]
    if kind is Tuple:
        return tuple([as_raw(item) for item in value.items])  # type: ignore[union-attr]
    if kind is Parameter or kind is Module:
        return value
    raise NotQuick


def as_value(raw: Any) -> Value:
    """The abstract value for one of these."""
    if type(raw) is tuple:
        return Tuple(tuple(as_value(item) for item in raw))
    return raw if isinstance(raw, (Parameter, Module)) else Constant(raw)


def plain(raw: Any) -> Any:
    """The same, as long as it is a number, text, tuple or None."""
    if not isinstance(raw, _PLAIN):
        raise NotQuick
    return raw


def truth(raw: Any) -> bool:
    """Whether a plain value is true."""
    return bool(plain(raw))


def small(raw: Any) -> Any:
    """A plain value that has not grown beyond what code means."""
    too_long = isinstance(raw, (str, tuple)) and len(raw) > 10_000
    if too_long or (isinstance(raw, int) and raw.bit_length() > 80):
        raise NotQuick
    return plain(raw)


def singleton(raw: Any) -> Any:
    """The same, as long as it is None or a bool: `is` says nothing of others."""
    if raw is not None and not isinstance(raw, bool):
        raise NotQuick
    return raw


def tensor(raw: Any) -> Parameter | Module:
    """The same, as long as it is a parameter or module."""
    if not isinstance(raw, (Parameter, Module)):
        raise NotQuick
    return raw


def names_of(target: cst.CSTNode) -> frozenset[str]:
    """The names in the target of a loop."""
    if type(target) is cst.Name:
        return frozenset((target.value,))
    if type(target) is cst.Tuple:
        return frozenset[str]().union(*(names_of(element.value) for element in target.elements))
    raise NotQuick


def assigner(target: Any) -> Callable[[dict[str, Any], Any], None]:
    """What gives the names in the target of a loop their values."""
    if type(target) is cst.Name:
        name = target.value
        return lambda names, value: names.__setitem__(name, value)
    inside = [assigner(element.value) for element in target.elements]

    def assign(names: dict[str, Any], values: Any) -> None:
        if type(values) is not tuple or len(values) != len(inside):
            raise NotQuick
        for one, value in zip(inside, values, strict=True):
            one(names, value)

    return assign
