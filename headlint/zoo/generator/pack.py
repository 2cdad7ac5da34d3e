"""Trees and records as the parts of the shipped file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from headlint.zoo.archive import FORMAT, HEADER
from headlint.zoo.generator.calls import ClassSize
from headlint.zoo.generator.describe import BASE_ATTRIBUTES, ModuleFacts, TreeFacts, bases
from headlint.zoo.generator.inputs import Shape

SharedAttributes = dict[str, frozenset[str]]
"""By type, the attributes that all its instances have."""


def shared_attributes(found: Iterable[tuple[str, frozenset[str]]]) -> SharedAttributes:
    """What the attributes of each type have in common, out of pairs of type and attributes."""
    shared: SharedAttributes = {}
    for kind, attributes in found:
        shared[kind] = shared.get(kind, attributes) & attributes
    return shared


def type_part(shared: SharedAttributes) -> dict[str, Any]:
    """The table of types as it is shipped."""
    types = {kind: sorted(attributes) for kind, attributes in sorted(shared.items())}
    return {"base": sorted(BASE_ATTRIBUTES), "types": types}


def structure(tree: TreeFacts) -> dict[str, Any]:
    """What tells a tree from others, without what depends on an input, a class count or other trees."""
    numbers = {module.path: number for number, module in enumerate(tree.modules)}
    types: dict[str, int] = {}
    specs: dict[str, int] = {}
    table: list[Any] = []
    names, parents, used = [], [], []
    for module in tree.modules:
        above, _, name = module.path.rpartition(".")
        names.append(name)
        parents.append(numbers[above])
        type_number = types.setdefault(module.qualified_type, len(types))
        spec = [type_number, module.sizes, module.parameters, module.buffers, _rare_attributes(module)]
        key = json.dumps(spec)
        if key not in specs:
            specs[key] = len(table)
            table.append(spec)
        used.append(specs[key])
    kinds = {module.qualified_type: module.kind for module in tree.modules}
    return {
        "names": names,
        "parents": parents,
        "specs": used,
        "types": [[kind, *bases(kinds[kind])] for kind in types],
        "spec_table": table,
    }


def _rare_attributes(module: ModuleFacts) -> list[str]:
    return sorted(module.attributes - set(module.sizes) - set(module.parameters) - set(module.buffers))


@dataclass
class PendingTree:
    """A structure with its inputs, waiting for the table of types; `class_sizes` come from the calls that make it."""

    structure: dict[str, Any]
    paths: tuple[str, ...]
    arrived: dict[str, Shape]
    smallest: Shape
    default: Shape
    class_sizes: tuple[ClassSize, ...] | None


def tree_part(pending: PendingTree, shared: SharedAttributes) -> dict[str, Any]:
    """A tree as it is shipped, without the attributes that the table of types has."""
    data = pending.structure
    names = [kind for kind, *_ in data["types"]]
    shapes: dict[Shape, int] = {}
    arrives = [
        shapes.setdefault(pending.arrived[path], len(shapes)) if path in pending.arrived else -1
        for path in pending.paths
    ]
    table = [
        [kind, sizes, parameters, buffers, [name for name in rare if name not in shared[names[kind]]]]
        for kind, sizes, parameters, buffers, rare in data["spec_table"]
    ]
    return {
        **data,
        "spec_table": table,
        "arrives": arrives,
        "shapes": list(shapes),
        "classes": [
            [size.place.module, size.place.group, size.place.name, size.place.axis, size.factor, size.offset]
            for size in pending.class_sizes or ()
        ],
        "smallest_input": pending.smallest,
        "default_input": pending.default,
    }


def archive(
    versions: dict[str, str],
    builders: dict[str, Any],
    trees: list[dict[str, Any]],
    types: dict[str, Any],
    modules: dict[str, dict[str, str]],
) -> bytes:
    """The bytes of the shipped file, as `headlint.zoo.archive` reads it."""
    parts = [_compressed(part) for part in (types, *(builders[name] for name in sorted(builders)), *trees)]
    contents = {
        **versions,
        "modules": {
            module: " ".join(
                attribute if attribute == name else f"{attribute}={name}" for attribute, name in exposed.items()
            )
            for module, exposed in modules.items()
        },
        "builders": " ".join(sorted(builders)),
        "ends": list(accumulate(map(len, parts))),
    }
    index = _compressed(contents)
    return b"".join((FORMAT, len(index).to_bytes(HEADER - len(FORMAT), "big"), index, *parts))


def _compressed(part: Any) -> bytes:
    return zlib.compress(json.dumps(part, separators=(",", ":")).encode(), 9)
