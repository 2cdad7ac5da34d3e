"""Tensors in what a forward takes and returns: where they are, their shapes, sizes and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recipe import Json


def is_made(tensor: Any) -> bool:
    """Whether a tensor has a size: those of lazy layers get theirs from the first input."""
    return not type(tensor).__name__.startswith("Uninitialized")


def size_of(tensor: Any) -> int:
    """Bytes of a tensor."""
    return int(tensor.numel()) * int(tensor.element_size()) if is_made(tensor) else 0


def tensors_in(value: Any) -> Iterator[Any]:
    """Every tensor in nested tuples, lists and dictionaries."""
    if hasattr(value, "grad_fn"):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)


def structure_of(value: Any, look: Callable[[Any], Json]) -> Json:
    """What `look` says of nested tensors: lists for sequences, objects for dictionaries and named tuples."""
    if hasattr(value, "grad_fn"):
        return look(value)
    if isinstance(value, dict):
        return {str(name): structure_of(item, look) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return {name: structure_of(item, look) for name, item in value._asdict().items()}
    if isinstance(value, (tuple, list)):
        return [structure_of(item, look) for item in value]
    return None


def shapes_in(value: Any) -> Json:
    """The shapes of nested tensors."""
    return structure_of(value, lambda tensor: list(tensor.shape))


def values_in(outputs: list[Any]) -> Json:
    """What kind of numbers the nested tensors of several outputs of one model hold; null where there are none."""
    rounds = [list(tensors_in(output)) for output in outputs]
    if len({len(tensors) for tensors in rounds}) > 1:
        return None
    parts = iter([[tensors[index] for tensors in rounds] for index in range(len(rounds[0]))])
    return structure_of(outputs[0], lambda tensor: values_of(next(parts)))


def values_of(tensors: Sequence[Any]) -> Json:
    """Range and sums of one tensor in all rounds; infinities and what is no number are null."""
    if not all(tensor.is_floating_point() and tensor.numel() for tensor in tensors):
        return None
    low, high = min(float(tensor.min()) for tensor in tensors), max(float(tensor.max()) for tensor in tensors)
    sums = [tensor.sum(1) if tensor.dim() > 1 else tensor.sum() for tensor in tensors]
    return {
        "rows_sum_to_one": all(bool(((each - 1).abs() < 1e-4).all()) for each in sums),
        "in_unit_interval": low >= 0 and high <= 1,
        "constant": low == high,
        "min": finite(low),
        "max": finite(high),
    }


def finite(number: float) -> float | None:
    """A number as JSON can tell it."""
    return number if math.isfinite(number) else None


def shape_of_weight(module: Any) -> Json:
    """The shape of a module's own parameter `weight`, None where it has none."""
    weight = getattr(module, "_parameters", {}).get("weight")
    return None if weight is None or not is_made(weight) else list(weight.shape)
