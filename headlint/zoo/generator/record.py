"""What the data holds about a builder itself: its names, its weights, its heads and its stem."""

from __future__ import annotations

import sys
from typing import Any

from headlint.zoo.generator.calls import Call
from headlint.zoo.generator.describe import ModuleFacts
from headlint.zoo.generator.inputs import Shape

HEAD_KINDS = ("Linear", "Conv2d", "Conv3d")
TASKS = ("quantization", "detection", "segmentation", "video", "optical_flow")


def import_paths() -> dict[str, dict[str, str]]:
    """For every module of torchvision, the builders it exposes: attribute to registered name."""
    from torchvision.models import get_model_builder, list_models

    registered = {get_model_builder(name): name for name in list_models()}
    exposed: dict[str, dict[str, str]] = {}
    for module_name in sorted(sys.modules):
        if module_name.partition(".")[0] != "torchvision":
            continue
        for attribute, value in sorted(vars(sys.modules[module_name]).items()):
            if callable(value) and getattr(value, "__hash__", None) and value in registered:
                exposed.setdefault(module_name, {})[attribute] = registered[value]
    return exposed


def shortest_path(name: str, paths: dict[str, dict[str, str]]) -> str:
    """The shortest qualified name of a builder."""
    found = [
        f"{module}.{attribute}"
        for module, attributes in paths.items()
        for attribute, registered in attributes.items()
        if registered == name
    ]
    return min(found, key=lambda path: (len(path), path))


def task_of(name: str) -> str:
    """What a builder is for, by the subpackage it stands in."""
    from torchvision.models import get_model_builder

    subpackage = get_model_builder(name).__module__.split(".")[2]
    return subpackage if subpackage in TASKS else "classification"


def family_of(name: str) -> str:
    """The name of the file that a builder stands in."""
    from torchvision.models import get_model_builder

    return str(get_model_builder(name).__module__).rpartition(".")[2]


def heads(call: Call, arrived: dict[str, Shape]) -> list[list[Any]]:
    """The layers whose width follows `num_classes`, as the data writes them."""
    numbers = dict.fromkeys(size.place.module for size in call.class_sizes or () if size.place.group == "parameter")
    rows = []
    for number in numbers:
        module = call.tree.modules[number]
        inside, outside = _widths(module)
        rows.append(
            [
                module.path,
                module.kind.__name__,
                inside,
                outside,
                module.path.lower().startswith("aux"),
                arrived.get(module.path),
            ]
        )
    return rows


def _widths(module: ModuleFacts) -> tuple[int, int]:
    if module.kind.__name__ == "Linear":
        return module.sizes["in_features"], module.sizes["out_features"]
    if module.kind.__name__ in HEAD_KINDS:
        return module.sizes["in_channels"], module.sizes["out_channels"]
    raise ValueError(f"{module.path} follows num_classes and is a {module.kind.__name__}")


def stem(call: Call, channels: int) -> str | None:
    """The place of the first convolution, the one that takes the image."""
    for module in call.tree.modules:
        if "in_channels" in module.sizes and "kernel_size" in module.sizes:
            return module.path if module.sizes["in_channels"] == channels else None
    return None
