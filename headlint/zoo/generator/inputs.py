"""What a model takes: its usual input, the smallest legal one, and the shapes that arrive at its modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

Shape = tuple[int, ...]

# Frames of the usual clip of every video model of torchvision (the mvit ones take no other number).
FRAMES = 16
SEGMENTATION_SIDE = 520
FLOW_SIDE = 128


def default_input(model: nn.Module, task: str, weights: type) -> Shape:
    """The usual input of a model without the batch: the crop that its weights ask for, or what it was built for."""
    transform = getattr(model, "transform", None)
    if task == "detection":
        assert transform is not None
        side = transform.fixed_size[0] if transform.fixed_size else transform.min_size[-1]
        return (3, side, side)
    if task == "segmentation":
        return (3, SEGMENTATION_SIDE, SEGMENTATION_SIDE)
    if task == "optical_flow":
        return (3, FLOW_SIDE, FLOW_SIDE)
    side = getattr(model, "image_size", None)
    if side is None:
        side = next(iter(weights)).transforms.keywords["crop_size"]  # type: ignore[call-overload]
    height, width = (side, side) if isinstance(side, int) else side
    return (3, FRAMES, height, width) if task == "video" else (3, height, width)


def run(model: nn.Module, task: str, shape: Shape, batch: int = 1) -> Any:
    """One forward in eval mode on zeros."""
    images = torch.zeros(batch, *shape)
    with torch.inference_mode(), _replaced_operators():
        if task == "optical_flow":
            return model(images, images, num_flow_updates=1)
        return model(list(images) if task == "detection" else images)


@contextmanager
def _replaced_operators() -> Iterator[None]:
    """Stand-ins for the compiled operators of detection, right in every shape that reaches a module."""
    from torchvision.ops import boxes, poolers

    def keep_all(boxes: Tensor, *_: object) -> Tensor:
        return torch.arange(len(boxes))

    def pool(features: Tensor, rois: Any, output_size: Any, **_: object) -> Tensor:
        count = len(rois) if isinstance(rois, Tensor) else sum(len(each) for each in rois)
        height, width = (output_size, output_size) if isinstance(output_size, int) else output_size
        return features.new_zeros(count, features.shape[1], height, width)

    with ExitStack() as stack:
        stack.enter_context(patch.object(boxes, "nms", keep_all))
        stack.enter_context(patch.object(boxes, "batched_nms", keep_all))
        stack.enter_context(patch.object(poolers, "roi_align", pool))
        yield


def arriving_shapes(model: nn.Module, task: str, shape: Shape) -> dict[str, Shape]:
    """By path, the shape of the first tensor that each module is given, without its first dimension."""
    arrived: dict[str, Shape] = {}

    def recorder(path: str) -> Callable[..., None]:
        def record(_: nn.Module, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
            given = next(iter((*arguments, *options.values())), None)
            if path not in arrived and isinstance(given, Tensor):
                arrived[path] = tuple(given.shape[1:])

        return record

    hooks = [
        module.register_forward_pre_hook(recorder(path), with_kwargs=True) for path, module in model.named_modules()
    ]
    try:
        run(model, task, shape)
    finally:
        for hook in hooks:
            hook.remove()
    return arrived


def runs(model: nn.Module, task: str, shape: Shape) -> bool:
    """Whether an input of this shape goes through the model in eval mode."""
    try:
        run(model, task, shape)
    except (RuntimeError, ValueError, AssertionError):
        return False
    return True


def smallest_input(model: nn.Module, task: str, usual: Shape) -> Shape:
    """The smallest square input that runs in eval mode, and for video the fewest frames at that size.

    `usual` is an input that runs.
    """

    step = 8 if task == "optical_flow" else 1
    *front, height, width = usual
    assert height == width
    side = step * _smallest(height // step, lambda steps: runs(model, task, (*front, steps * step, steps * step)))
    if task == "video":
        frames = _smallest(front[-1], lambda count: runs(model, task, (*front[:-1], count, side, side)))
        front = [*front[:-1], frames]
    return (*front, side, side)


def _smallest(upper: int, works: Callable[[int], bool]) -> int:
    """The least number that works, given that `upper` does and that what works goes on to work."""
    lower = 0
    if works(1):
        return 1
    while upper - lower > 1:
        middle = (lower + upper) // 2
        if works(middle):
            upper = middle
        else:
            lower = middle
    return upper
