"""The whole zoo: every builder with all its trees, gathered one after the other."""

from __future__ import annotations

import json
from typing import Any

import torch
import torchvision
from torchvision.models import get_model_weights

from headlint.zoo.generator.calls import Call, axes_of, calls
from headlint.zoo.generator.describe import describe
from headlint.zoo.generator.inputs import Shape, arriving_shapes, default_input, run, smallest_input
from headlint.zoo.generator.keywords import keywords
from headlint.zoo.generator.offline import build
from headlint.zoo.generator.pack import PendingTree, TypeTable, archive, structure, tree_part
from headlint.zoo.generator.record import heads, import_paths, shortest_path, stem, task_of


class Zoo:
    """Gathers the data; `bytes` gives the shipped file."""

    def __init__(self) -> None:
        self.trees: list[dict[str, Any]] = []
        self._types = TypeTable()
        self._modules = import_paths()
        self._builders: dict[str, dict[str, Any]] = {}
        self._pending: list[PendingTree] = []

    def add(self, name: str) -> None:
        """Gather everything about one builder."""
        model = build(name)
        known = keywords(name, type(model), describe(model))
        axes = axes_of(name, known)
        task = task_of(name)
        weights = get_model_weights(name)
        numbers: dict[str, int] = {}
        frozen: dict[tuple[str, ...], int] = {}
        variants: dict[str, tuple[int, int, bool]] = {}
        inputs: dict[Shape, Shape] = {}
        record: dict[str, Any] = {}
        found: dict[str, list[Any]] = {}
        for call in calls(name, axes):
            data = structure(call.tree)
            key = json.dumps(data)
            if key not in numbers:
                numbers[key] = len(self._pending)
                usual = default_input(call.model, task, weights)
                arrived = arriving_shapes(call.model, task, usual)
                if usual in inputs:
                    run(call.model, task, inputs[usual])
                else:
                    inputs[usual] = smallest_input(call.model, task, usual)
                self._types.add(call.tree)
                paths = tuple(module.path for module in call.tree.modules)
                self._pending.append(PendingTree(data, paths, arrived, inputs[usual], usual, None))
                record = record or {
                    "classes": _class_count(call),
                    "smallest_input": inputs[usual],
                    "default_input": usual,
                    "stem": stem(call, usual[0]),
                }
                for head in heads(call, arrived):
                    found.setdefault(head[0], head)
            pending = self._pending[numbers[key]]
            if call.class_sizes is not None:
                if pending.class_sizes not in (None, call.class_sizes):
                    raise ValueError(f"{name}: one tree follows its class count in two ways")
                pending.class_sizes = call.class_sizes
            set_number = frozen.setdefault(call.tree.frozen, len(frozen))
            variants[call.key] = (numbers[key], set_number, call.class_sizes is not None)
        self._builders[name] = {
            "record": {
                "qualified_name": shortest_path(name, self._modules),
                "task": task,
                "family": _family(name),
                "root_type": type(model).__name__,
                "parameters": known.accepted,
                "weights_enum": weights.__name__,
                "weights": [member.name for member in weights],
                "default_weights": weights["DEFAULT"].name,
                **record,
                "heads": sorted(found.values(), key=lambda head: bool(head[4])),
            },
            "axes": axes,
            "defaults": known.defaults,
            "harmless": known.harmless,
            "touches": known.touched,
            "variants": variants,
            "frozen": list(frozen),
        }

    def bytes(self) -> bytes:
        """The shipped file."""
        self.trees = [tree_part(pending, self._types) for pending in self._pending]
        versions = {
            module.__name__: str(module.__version__).partition("+")[0]  # the build is no part of a version
            for module in (torch, torchvision)
        }
        return archive(versions, self._builders, self.trees, self._types.part(), self._modules)


def _family(name: str) -> str:
    """The name of the file that a builder stands in."""
    from torchvision.models import get_model_builder

    return str(get_model_builder(name).__module__).rpartition(".")[2]


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
