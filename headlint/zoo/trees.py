"""Module trees: everything that stands in a model as its builder makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, Final

from headlint.zoo.archive import TYPES, part, tree_part


class Multiple:
    """`factor` times a size that is no number: what stands where a width is a multiple of `num_classes`."""

    def __init__(self, factor: int, size: object) -> None:
        self.factor: Final = factor
        self.size: Final = size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Multiple) and (self.factor, self.size) == (other.factor, other.size)

    def __hash__(self) -> int:
        return hash((Multiple, self.factor, self.size))


class Node:
    """One module of a tree.

    `bases` are the classes it inherits from below `Module`, nearest first. `sizes` holds its public attributes with
    plain values (a list where torch keeps a list) and whether it has a `bias`. `children`, `parameters` and
    `buffers` are its own, in order. `arrives` is the shape of the first tensor it is given in eval mode at the
    default input, without its first dimension; None if it is never called, or not with a tensor.
    """

    def __init__(
        self,
        path: str,
        qualified_type: str,
        bases: tuple[str, ...],
        sizes: Mapping[str, object],
        children: tuple[str, ...],
        parameters: Mapping[str, tuple[int, ...]],
        buffers: tuple[str, ...],
        arrives: tuple[int, ...] | None,
    ) -> None:
        self.path: Final = path
        self.type: Final = qualified_type.rpartition(".")[2]
        self.qualified_type: Final = qualified_type
        self.bases: Final = bases
        self.sizes: Final = sizes
        self.children: Final = children
        self.parameters: Final = parameters
        self.buffers: Final = buffers
        self.arrives: Final = arrives

    def __repr__(self) -> str:
        return f"Node({self.path!r}, {self.type})"


def decoded(value: Any) -> Any:
    """A plain value as the shipped file writes it: JSON lists are tuples, and `{"list": [...]}` is a list."""
    if isinstance(value, list):
        return tuple(decoded(item) for item in value)
    if isinstance(value, dict):
        return [decoded(item) for item in value["list"]]
    return value


class Skeleton:
    """The shipped form of a tree, with the paths worked out; trees that differ in a few sizes share one.

    Everything is indexed by the number of the module in preorder, which is the order of `named_modules`: the
    modules below number `i` are `i + 1` up to `ends[i]`.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data: Final = data
        self.names: Final[list[str]] = data["names"]
        self.specs: Final[list[int]] = data["specs"]
        paths = [""]
        ends = [1] * len(self.names)
        parents: list[int] = data["parents"]
        for number in range(1, len(parents)):
            above = paths[parents[number]]
            paths.append(f"{above}.{self.names[number]}" if above else self.names[number])
        for number in range(len(parents) - 1, -1, -1):
            ends[number] = max(ends[number], number + 1)
            if number:
                parent = parents[number]
                ends[parent] = max(ends[parent], ends[number])
        self.paths: Final = tuple(paths)
        self.ends: Final = ends
        self.parents: Final = parents
        self.numbers: Final = {path: number for number, path in enumerate(paths)}

    @cached_property
    def parameter_paths(self) -> tuple[tuple[str, ...], list[int]]:
        """All parameters in the order of `named_parameters`, and where those of each module begin."""
        own = [tuple(spec[2]) for spec in self.data["spec_table"]]
        names: list[str] = []
        starts: list[int] = []
        for path, spec in zip(self.paths, self.specs, strict=True):
            starts.append(len(names))
            prefix = path + "." if path else ""
            names.extend(prefix + name for name in own[spec])
        starts.append(len(names))
        return tuple(names), starts

    @cached_property
    def children(self) -> list[list[str]]:
        """The names of the children of each module, in order."""
        children: list[list[str]] = [[] for _ in self.names]
        for number in range(1, len(self.names)):
            children[self.parents[number]].append(self.names[number])
        return children

    def node(self, number: int, changes: Iterable[tuple[str, str, int | None, object]]) -> Node:
        """The module with this number; each change puts a value into a size, or into one axis of a parameter."""
        data = self.data
        type_number, raw_sizes, raw_parameters, buffers, _ = data["spec_table"][self.specs[number]]
        qualified_type, *bases = data["types"][type_number]
        sizes = {name: decoded(value) for name, value in raw_sizes.items()}
        parameters: dict[str, tuple[Any, ...]] = {name: tuple(shape) for name, shape in raw_parameters.items()}
        for group, name, axis, value in changes:
            if group == "parameter":
                shape = list(parameters[name])
                assert axis is not None
                shape[axis] = value
                parameters[name] = tuple(shape)
            elif value is ABSENT:
                sizes.pop(name, None)
            else:
                sizes[name] = value
        arrives = data["arrives"][number]
        return Node(
            self.paths[number],
            qualified_type,
            tuple(bases),
            MappingProxyType(sizes),
            tuple(self.children[number]),
            MappingProxyType(parameters),
            tuple(buffers),
            None if arrives < 0 else tuple(data["shapes"][arrives]),
        )


class _Absent:
    """What stands for a size that is not known."""


ABSENT: Final = _Absent()


@cache
def skeleton(number: int) -> Skeleton:
    """The skeleton with this number in the shipped file."""
    return Skeleton(tree_part(number))


@cache
def type_attributes(qualified_type: str) -> frozenset[str]:
    """The attributes that every instance of a type has, those of `Module` included."""
    table = _type_table()
    return frozenset(table["base"]).union(table["types"][qualified_type])


@cache
def _type_table() -> dict[str, Any]:
    table: dict[str, Any] = part(TYPES)
    return table


class Tree:
    """The module tree of one call of a builder. Immutable.

    `smallest_input` and `default_input` are shapes without the batch, for eval mode. `frozen` has the paths of the
    parameters that the builder itself freezes.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        changes: Mapping[int, tuple[tuple[str, str, int | None, object], ...]],
        frozen: frozenset[str],
    ) -> None:
        self._skeleton: Final = skeleton
        self._changes: Final = changes
        self._nodes: Final[dict[int, Node]] = {}
        self.frozen: Final = frozen
        self.smallest_input: Final[tuple[int, ...]] = tuple(skeleton.data["smallest_input"])
        self.default_input: Final[tuple[int, ...]] = tuple(skeleton.data["default_input"])

    def node(self, path: str) -> Node | None:
        """The module at `path` ("" for the whole model)."""
        number = self._skeleton.numbers.get(path)
        if number is None:
            return None
        node = self._nodes.get(number)
        if node is None:
            node = self._nodes[number] = self._skeleton.node(number, self._changes.get(number, ()))
        return node

    def modules(self, path: str = "") -> tuple[str, ...]:
        """The paths of the module at `path` and of all below it, in the order of `named_modules`."""
        number = self._skeleton.numbers.get(path)
        return () if number is None else self._skeleton.paths[number : self._skeleton.ends[number]]

    def parameters(self, path: str = "") -> tuple[str, ...]:
        """The full paths of all parameters at and below `path`, in the order of `named_parameters`."""
        number = self._skeleton.numbers.get(path)
        if number is None:
            return ()
        names, starts = self._skeleton.parameter_paths
        return names[starts[number] : starts[self._skeleton.ends[number]]]

    def has_attribute(self, path: str, name: str) -> bool:
        """Whether `hasattr` finds `name` on the module at `path`: class, instance, children, parameters, buffers."""
        node = self.node(path)
        if node is None:
            return False
        spec = self._skeleton.data["spec_table"][self._skeleton.specs[self._skeleton.numbers[path]]]
        return (
            name in node.children
            or name in spec[1]
            or name in node.parameters
            or name in node.buffers
            or name in spec[4]
            or name in type_attributes(node.qualified_type)
        )
