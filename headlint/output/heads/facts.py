"""Where models keep their heads, as plain text: of one model, or of all as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headlint.checks.places import spelled
from headlint.output.facts import head_fact, size
from headlint.zoo import Builder, builder_at, builder_names, find_builder, nearest

COLUMNS = ("model", "head", "kind", "in", "out", "auxiliary heads", "input", "smallest")
NO_HEAD = "-"


class UnknownBuilder(LookupError):
    """No builder has this name; `nearest` are those that have one like it."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        hint = f"; the nearest are {', '.join(nearest)}" if nearest else ""
        super().__init__(f"torchvision has no model {name!r}{hint}")
        self.name: Final = name
        self.nearest: Final = nearest


def builder_called(name: str) -> Builder:
    """The builder with a registered name, or that one can import so; raises UnknownBuilder, a LookupError."""
    builder = find_builder(name) or builder_at(name)
    if builder is None:
        raise UnknownBuilder(name, nearest(name.rpartition(".")[2]))
    return builder


def title(builder: Builder) -> str:
    """What a model is called, where it is imported from, and its class."""
    return f"{builder.name}: {builder.qualified_name}, {builder.root_type}"


def facts(builder: Builder) -> Iterator[tuple[str, str]]:
    """Labels with their texts: the input that it takes, and its heads."""
    yield "input", f"{size(builder.default_input)}, at least {size(builder.smallest_input)} in eval mode"
    for head in builder.heads:
        label = "auxiliary head" if head.auxiliary else "head"
        yield label, f"{spelled(head.place)}, {head_fact(head.kind, head.in_features, head.out_features)}"
    if not builder.heads:
        yield "head", "none, the model has no classes"


def rows() -> Iterator[tuple[str, ...]]:
    """Every model with its heads, a row for each main head; below the first one the cells of the model are empty."""
    for name in builder_names():
        builder = find_builder(name)
        assert builder is not None
        yield from _rows(builder)


def _rows(builder: Builder) -> Iterator[tuple[str, ...]]:
    auxiliary = ", ".join(spelled(head.place) for head in builder.heads if head.auxiliary) or NO_HEAD
    inputs = size(builder.default_input), size(builder.smallest_input)
    main = [head for head in builder.heads if not head.auxiliary]
    if not main:
        yield builder.name, *(NO_HEAD,) * 5, *inputs
    for number, head in enumerate(main):
        told = spelled(head.place), head.kind, str(head.in_features), str(head.out_features)
        yield (builder.name, *told, auxiliary, *inputs) if number == 0 else ("", *told, "", "", "")
