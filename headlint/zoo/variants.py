"""Which tree a call of a builder gives: the arguments that the data understands, and those it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headlint.zoo.builders import Builder, builder_part
from headlint.zoo.trees import ABSENT, Multiple, Tree, decoded, skeleton

Change = tuple[str, str, "int | None", object]
PLAIN = (int, float, str, type(None))

_trees: dict[object, Tree] = {}


def tree(builder: Builder, arguments: Mapping[str, object], weighted: bool) -> Tree | None:
    """The module tree that `builder(**arguments)` makes; None where the data does not know, or the call raises.

    `weighted` says that weights are loaded: the member that `arguments["weights"]` names, else the default one.
    The sizes that follow `num_classes` hold the very object given for it, be it a number or not. `weights_backbone`
    is None in `arguments` for a backbone without weights; left out, a detection or segmentation builder does as it
    does by default.
    """
    data = builder_part(builder.name)
    assert data is not None
    selected = _variant(data, arguments, weighted)
    if selected is None:
        return None
    number, frozen, sized = selected
    changes: list[tuple[int, Change]] = []
    key: list[object] = [number, frozen]
    for name, value in arguments.items():
        if name in data["axes"] or name in data["harmless"]:
            continue
        if name == "num_classes":
            if _same(value, builder.classes) or (value is None and data["defaults"].get(name, 0) is None):
                continue
            if not sized or value is None:
                return None
            changes.extend(_class_changes(skeleton(number).data["classes"], value))
        elif name in data["touches"]:
            changes.extend(_touched(data["touches"][name], value, skeleton(number).numbers))
        elif name not in data["defaults"] or not _same(value, decoded(data["defaults"][name])):
            return None
        else:
            continue
        key += (name, type(value), value if isinstance(value, PLAIN) else object())
    identity = tuple(key)
    known = _trees.get(identity)
    if known is None:
        by_module: dict[int, tuple[Change, ...]] = {}
        for module, change in changes:
            by_module[module] = (*by_module.get(module, ()), change)
        known = Tree(skeleton(number), by_module, frozenset(data["frozen"][frozen]))
        if all(isinstance(value, PLAIN) for value in arguments.values()):
            _trees[identity] = known
    return known


def has_backbone_weights(builder: Builder, arguments: Mapping[str, object], weighted: bool) -> bool:
    """Whether `builder(**arguments)` loads weights for its backbone only, as those of detection models may."""
    data = builder_part(builder.name)
    assert data is not None
    if weighted or "weights_backbone" not in data["axes"]:
        return False
    return arguments.get("weights_backbone", data["defaults"].get("weights_backbone", "DEFAULT")) is not None


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def _variant(data: dict[str, Any], arguments: Mapping[str, object], weighted: bool) -> tuple[int, int, bool] | None:
    """The numbers of the tree and of its frozen set, and whether `num_classes` may be given.

    None if the call raises, or if arguments that are not known decide between several.
    """
    if not weighted and data["defaults"].get("weights_backbone", "") is None and arguments.get("weights_backbone"):
        # The data has no such call. Builders freeze a backbone with weights, no matter whose weights they are, and
        # those that do not give it any by default make it of the same layers: _validate_trainable_layers.
        others = {name: value for name, value in arguments.items() if name != "weights_backbone"}
        plain, trained = _variant(data, others, False), _variant(data, {**others, "weights": "DEFAULT"}, True)
        return (plain[0], trained[1], plain[2]) if plain and trained and plain[0] == trained[0] else None
    variants = data["variants"]
    keys = [""]
    for axis in data["axes"]:
        texts = list(_axis_texts(data, axis, arguments, weighted))
        keys = [f"{key}{text}|" for key in keys for text in texts]
    found = {None if variants.get(key) is None else tuple(variants[key]) for key in keys}
    return found.pop() if len(found) == 1 else None


def _axis_texts(data: dict[str, Any], axis: str, arguments: Mapping[str, object], weighted: bool) -> Iterator[str]:
    """How the variants write what `arguments` give for `axis`; several if the argument is not known."""
    values: list[str] = data["axes"][axis]
    if axis == "weights":
        given = arguments.get(axis)
        member = given.rpartition(".")[2] if isinstance(given, str) else "DEFAULT" if weighted else "None"
        yield data["record"]["default_weights"] if member == "DEFAULT" and member not in values else member
        return
    if axis == "weights_backbone":
        legacy = arguments.get("pretrained_backbone", True)
        if isinstance(legacy, bool):
            yield "None" if arguments.get(axis, "") is None or not legacy else ""
        else:
            yield from values
    elif axis not in arguments or (arguments[axis] is None and data["defaults"].get(axis, "") is None):
        yield ""
    elif isinstance(arguments[axis], (bool, int, type(None))):
        yield str(arguments[axis])
    else:
        yield from values


def _class_changes(places: list[list[Any]], value: object) -> Iterator[tuple[int, Change]]:
    """What a class count changes, from rows of module number, group, name, axis, factor and offset."""
    for module, group, name, axis, factor, offset in places:
        size: object
        if isinstance(value, int):
            size = factor * value + offset
        elif factor == 1 and offset == 0:
            size = value
        else:
            size = Multiple(factor, value) if offset == 0 else ABSENT
        yield module, (group, name, axis, size)


def _touched(places: list[list[Any]], value: object, numbers: Mapping[str, int]) -> Iterator[tuple[int, Change]]:
    """What an argument changes, from rows of path, size, and whether the size is the argument itself."""
    for path, name, held in places:
        if path in numbers:
            yield numbers[path], ("size", name, None, value if held else ABSENT)
