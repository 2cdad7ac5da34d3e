"""The whole zoo: every builder with all its trees, gathered one by one and put together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headlint.zoo.generator.calls import Call, axes_of, calls
from headlint.zoo.generator.describe import describe
from headlint.zoo.generator.inputs import Shape, arriving_shapes, default_input, runs, smallest_input
from headlint.zoo.generator.keywords import Keywords, keywords
from headlint.zoo.generator.offline import build
from headlint.zoo.generator.pack import (
    PendingTree,
    SharedAttributes,
    archive,
    shared_attributes,
    structure,
    tree_part,
    type_part,
)
from headlint.zoo.generator.record import family_of, heads, import_paths, shortest_path, stem, task_of


@dataclass(frozen=True)
class Gathered:
    """Everything about one builder; `variants` count its own `trees` and `frozen` sets from 0."""

    name: str
    record: dict[str, Any]
    known: Keywords
    axes: dict[str, list[str]]
    variants: dict[str, tuple[int, int, bool]]
    trees: tuple[PendingTree, ...]
    frozen: tuple[tuple[str, ...], ...]
    attributes: SharedAttributes


def gather(name: str) -> Gathered:
    """Build and run the model in every way that the data tells apart."""
    plain = build(name)
    known = keywords(name, type(plain), describe(plain))
    axes = axes_of(name, known)
    numbers: dict[str, int] = {}
    trees: list[PendingTree] = []
    frozen: dict[tuple[str, ...], int] = {}
    variants: dict[str, tuple[int, int, bool]] = {}
    found_heads: dict[str, list[Any]] = {}
    attributes: SharedAttributes = {}
    record: dict[str, Any] = {}
    for call in calls(name, axes):
        data = structure(call.tree)
        number = numbers.setdefault(json.dumps(data), len(numbers))
        if number == len(trees):
            trees.append(_pending(call, data, task_of(name), trees))
            pairs = [(module.qualified_type, module.attributes) for module in call.tree.modules]
            attributes = shared_attributes([*attributes.items(), *pairs])
            for head in heads(call, trees[number].arrived):
                found_heads.setdefault(head[0], head)
            record = record or _plain_record(name, plain, call, trees[number])
        if call.class_sizes is not None:
            if trees[number].class_sizes not in (None, call.class_sizes):
                raise ValueError(f"{name}: one tree follows its class count in two ways")
            trees[number].class_sizes = call.class_sizes
        variants[call.key] = number, frozen.setdefault(call.tree.frozen, len(frozen)), call.class_sizes is not None
    record["parameters"] = known.accepted
    record["heads"] = sorted(found_heads.values(), key=lambda head: bool(head[4]))
    return Gathered(name, record, known, axes, variants, tuple(trees), tuple(frozen), attributes)


def _pending(call: Call, data: dict[str, Any], task: str, before: list[PendingTree]) -> PendingTree:
    """A new structure with its inputs; the smallest one is that of a tree before where it runs here too."""
    usual = default_input(call.model, task, call.weights)
    candidates: Iterable[Shape] = (tree.smallest for tree in before if tree.default == usual)
    smallest = next((shape for shape in candidates if runs(call.model, task, shape)), None)
    return PendingTree(
        structure=data,
        paths=tuple(module.path for module in call.tree.modules),
        arrived=arriving_shapes(call.model, task, usual),
        smallest=smallest or smallest_input(call.model, task, usual),
        default=usual,
        class_sizes=None,
    )


def _plain_record(name: str, plain: nn.Module, call: Call, tree: PendingTree) -> dict[str, Any]:
    """What the data says about a builder and its structure without weights."""
    return {
        "qualified_name": shortest_path(name, import_paths()),
        "task": task_of(name),
        "family": family_of(name),
        "root_type": type(plain).__name__,
        "weights_enum": call.weights.__name__,
        "weights": [member.name for member in call.weights],
        "default_weights": call.weights["DEFAULT"].name,
        "classes": _class_count(call),
        "smallest_input": tree.smallest,
        "default_input": tree.default,
        "stem": stem(call, tree.default[0]),
    }


def _class_count(call: Call) -> int:
    """The class count of the plain structure; 0 for a model without one."""
    counts = {
        (size.place.values[0] - size.offset) // size.factor
        for size in call.class_sizes or ()
        if size.place.group == "parameter"
    }
    if len(counts) > 1:
        raise ValueError(f"several class counts: {counts}")
    return counts.pop() if counts else 0


def assemble(gathered: Iterable[Gathered]) -> bytes:
    """The shipped file."""
    import torchvision

    builders = sorted(gathered, key=lambda builder: builder.name)
    shared = shared_attributes(pair for builder in builders for pair in builder.attributes.items())
    parts: dict[str, Any] = {}
    trees: list[dict[str, Any]] = []
    for builder in builders:
        parts[builder.name] = {
            "record": builder.record,
            "axes": builder.axes,
            "defaults": builder.known.defaults,
            "harmless": builder.known.harmless,
            "touches": builder.known.touched,
            "variants": {
                key: (len(trees) + number, frozen, sized) for key, (number, frozen, sized) in builder.variants.items()
            },
            "frozen": builder.frozen,
        }
        trees.extend(tree_part(tree, shared) for tree in builder.trees)
    versions = {
        module.__name__: str(module.__version__).partition("+")[0]  # the build is no part of a version
        for module in (torch, torchvision)
    }
    return archive(versions, parts, trees, type_part(shared), import_paths())
