"""Values as the arguments of layers and builders, and back."""

from __future__ import annotations

from headlint.flow.value import Constant, Symbol, Tuple, Unknown, Value
from headlint.history import Argument, SymbolicSize


def as_argument(value: Value) -> Argument | Unknown:
    """A value as a layer's or builder's argument, Unknown where it cannot be one."""
    if isinstance(value, Constant):
        plain = value.value
        return plain if plain is None or isinstance(plain, (bool, int, float, str)) else Unknown("not a plain value")
    if isinstance(value, Symbol):
        return SymbolicSize(value, value.text)
    if isinstance(value, Tuple):
        items: list[Argument] = []
        for item in value.items:
            argument = as_argument(item)
            if isinstance(argument, Unknown):
                return argument
            items.append(argument)
        return tuple(items)
    return Unknown("not a plain value")


def from_argument(argument: object) -> Value:
    """The value that reading a size gives."""
    if isinstance(argument, SymbolicSize):
        assert isinstance(argument.key, Symbol)
        return argument.key
    if isinstance(argument, (tuple, list)):
        return Tuple(tuple(from_argument(item) for item in argument))
    if argument is None or isinstance(argument, (bool, int, float, str)):
        return Constant(argument)
    return Unknown("a size that is a multiple of something unknown")
