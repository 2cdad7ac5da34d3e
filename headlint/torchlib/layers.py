"""The layers of `torch.nn`: what their constructors take and what attributes they have, as shipped data."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any, Final

FILE = os.path.join(os.path.dirname(__file__), "layers.json")


class Marker:
    """What stands where a parameter has no default that could be written down."""

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def __repr__(self) -> str:
        return self.name


REQUIRED: Final = Marker("REQUIRED")
"""A parameter that must be given."""

NOT_PLAIN: Final = Marker("NOT_PLAIN")
"""A default that is no plain value, such as a function."""


class LayerType:
    """A public class of `torch.nn`.

    `parameters` are the names that its constructor takes, in order, without `device` and `dtype`, each with its
    default: a JSON value (a list for a tuple), REQUIRED or NOT_PLAIN. `attributes` is what `hasattr` finds on an
    instance. `bases` are the classes it inherits from below `Module`, nearest first. `is_container` says that it
    holds the modules it is given.
    """

    def __init__(
        self,
        name: str,
        parameters: tuple[tuple[str, Any], ...],
        attributes: frozenset[str],
        bases: tuple[str, ...],
        is_container: bool,
    ) -> None:
        self.name: Final = name
        self.parameters: Final = parameters
        self.attributes: Final = attributes
        self.bases: Final = bases
        self.is_container: Final = is_container

    def __repr__(self) -> str:
        return f"LayerType({self.name!r})"


@cache
def _table() -> dict[str, Any]:
    with open(FILE, encoding="utf-8") as file:
        table: dict[str, Any] = json.load(file)
    return table


def layer_names() -> tuple[str, ...]:
    """The names of all public module classes of `torch.nn`, sorted."""
    return tuple(_table()["layers"])


@cache
def find_layer(name: str) -> LayerType | None:
    """The class of this name in `torch.nn`; None if it has none, or if that is no module."""
    data = _table()["layers"].get(name)
    if data is None:
        return None
    parameters = tuple((parameter, _default(default)) for parameter, *default in data["parameters"])
    attributes = frozenset(_table()["attributes"]).union(data["attributes"])
    return LayerType(name, parameters, attributes, tuple(data["bases"]), data["container"])


def _default(written: list[Any]) -> Any:
    """A default as the file writes it: nothing, one JSON value, or an object in place of what JSON cannot say."""
    if not written:
        return REQUIRED
    return NOT_PLAIN if isinstance(written[0], dict) else written[0]
