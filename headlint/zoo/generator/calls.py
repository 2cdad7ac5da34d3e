"""Every call of a builder that the data tells apart, and the tree each one makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from torch import nn

from headlint.zoo.generator.describe import Difference, TreeFacts, describe, differences
from headlint.zoo.generator.keywords import AXES, Keywords
from headlint.zoo.generator.offline import build

# Two class counts that are no size of any model, to see which sizes follow them.
CLASS_COUNTS = (7, 11)
MOST_BACKBONE_LAYERS = 6


@dataclass(frozen=True)
class ClassSize:
    """A size that is `factor` times the class count plus `offset`."""

    place: Difference
    factor: int
    offset: int


@dataclass(frozen=True)
class Call:
    """One call: its key in the data, what weights the builder has, the model that it makes and its tree.

    `class_sizes` are those that follow `num_classes`; None if that may not be given.
    """

    key: str
    weights: Any
    model: nn.Module
    tree: TreeFacts
    class_sizes: tuple[ClassSize, ...] | None


def axes_of(name: str, known: Keywords) -> dict[str, list[str]]:
    """The axes that a builder has, each with its values as the keys of the data write them."""
    values = {
        "weights": ["None", *_weight_members(name)],
        "weights_backbone": ["", "None"],
        "quantize": ["", "False", "True"],
        "aux_logits": ["", "False", "True"],
        "aux_loss": ["", "False", "True"],
        "trainable_backbone_layers": ["", *map(str, range(MOST_BACKBONE_LAYERS + 1))],
    }
    return {axis: values[axis] for axis in AXES if axis in known.accepted}


def _weight_members(name: str) -> list[str]:
    """The members of the weights; a quantized builder has two sets of them, each with its default."""
    from torchvision.models import get_model_weights

    members = [member.name for member in get_model_weights(name)]
    if name.startswith("quantized_"):
        members += ["DEFAULT", *(member.name for member in get_model_weights(name.removeprefix("quantized_")))]
    return members


def calls(name: str, axes: dict[str, list[str]]) -> Iterator[Call]:
    """All combinations along the axes that do not raise."""
    from torchvision.models import get_model_weights

    known: dict[tuple[str, ...], tuple[ClassSize, ...] | None] = {}
    for texts in product(*axes.values()):
        arguments = {axis: _value(text) for axis, text in zip(axes, texts, strict=True) if text}
        try:
            model = build(name, **arguments)
        except (ValueError, KeyError, RuntimeError):
            continue
        tree = describe(model)
        # How many layers of a backbone train changes no size.
        sizing = tuple(text for axis, text in zip(axes, texts, strict=True) if axis != "trainable_backbone_layers")
        if sizing not in known:
            known[sizing] = class_sizes(name, arguments, tree)
        yield Call("".join(f"{text}|" for text in texts), get_model_weights(name), model, tree, known[sizing])


def _value(text: str) -> Any:
    constants = {"None": None, "True": True, "False": False}
    if text in constants:
        return constants[text]
    return int(text) if text.isdigit() else text


def class_sizes(name: str, arguments: dict[str, Any], tree: TreeFacts) -> tuple[ClassSize, ...] | None:
    """The sizes that follow the class count, found by building with two others."""
    try:
        others = [describe(build(name, **arguments, num_classes=count)) for count in CLASS_COUNTS]
    except (TypeError, ValueError):
        return None
    found = differences((tree, *others))
    if found is None:
        raise ValueError(f"{name} has another structure with other class counts")
    low, high = CLASS_COUNTS
    sizes = []
    for place in found:
        _, at_low, at_high = place.values
        factor, rest = divmod(at_high - at_low, high - low)
        if rest:
            raise ValueError(f"{name}: {place} is not linear in the class count")
        sizes.append(ClassSize(place, factor, at_low - factor * low))
    return tuple(sizes)
