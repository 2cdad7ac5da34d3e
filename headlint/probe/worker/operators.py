"""The compiled operators of torchvision, where they do not load: declared, and as exact equivalents in torch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from .graph import never_unpacked


def declare_missing_operators() -> None:
    """Declare the operators without which torchvision does not import, if it could not load its own.

    A torchvision wheel built for CUDA beside a CPU torch cannot load them, and then its next module fails on
    "operator torchvision::nms does not exist" although few models ever use one.
    """
    torch: Any = sys.modules["torch"]
    if not importlib.import_module("torchvision.extension")._has_ops():
        torch._headlint_library = library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def substitute_operators(torch: Any) -> Callable[[bool], None] | None:
    """Let detection models run without compiled operators, on exact equivalents in torch.

    Where no backward runs, all the graph needs of RoIAlign is the edge to its input. What is returned switches to
    an RoIAlign that can run backward, and back; None if there is nothing to substitute.
    """
    boxes: Any = sys.modules.get("torchvision.ops.boxes")
    module: Any = sys.modules.get("torchvision.ops.roi_align")
    if boxes is None or not hasattr(module, "_roi_align") or not hasattr(module, "is_compile_supported"):
        return None

    def align(features: Any, regions: Any, *rest: Any) -> Any:
        pieces = [aligned_regions(torch, features, piece, *rest) for piece in regions.split(64)]
        return torch.cat(pieces) if pieces else aligned_regions(torch, features, regions, *rest)

    def forward(ctx: Any, *arguments: Any) -> Any:
        return align(*arguments)

    members = {"forward": staticmethod(forward), "backward": staticmethod(never_unpacked)}
    function: Any = type("RoIAlign", (torch.autograd.Function,), members)

    def switch(backward: bool) -> None:
        module._roi_align = align if backward else function.apply

    switch(backward=False)
    module.is_compile_supported = lambda device_type: True
    boxes.nms = lambda boxes, scores, iou_threshold: suppressed(torch, boxes, scores, iou_threshold)
    return switch


def aligned_regions(
    torch: Any, features: Any, regions: Any, scale: float, height: int, width: int, ratio: int, aligned: bool
) -> Any:
    """RoIAlign of `features` (N, C, H, W) in `regions` (K, 5): batch number and corners; (K, C, height, width)."""
    if ratio <= 0:
        raise NotImplementedError("Couldn't load custom C++ ops: there is no roi_align with adaptive sampling")
    corners = regions[:, 1:].view(-1, 2, 2).flip(2) * scale - (0.5 if aligned else 0.0)
    start, size = corners[:, 0], corners[:, 1] - corners[:, 0]
    if not aligned:
        size = size.clamp(min=1.0)

    def neighbours(axis: int, bins: int) -> list[tuple[Any, Any]]:
        """For every sample along an axis, the two pixels around it and their weights."""
        last = features.shape[2 + axis] - 1
        steps = torch.arange(bins).repeat_interleave(ratio) + (torch.arange(ratio) + 0.5).repeat(bins) / ratio
        points = start[:, axis, None] + steps * size[:, axis, None] / bins
        inside = (points >= -1.0) & (points <= last + 1.0)
        points = points.clamp(0.0, last)
        low = points.long()
        share = points - low
        return [(low, (1 - share) * inside), ((low + 1).clamp(max=last), share * inside)]

    pixels = features.permute(0, 2, 3, 1).contiguous()
    batch = regions[:, 0].long()[:, None, None]
    total: Any = 0
    for rows, row_weights in neighbours(0, height):
        for columns, column_weights in neighbours(1, width):
            weights = row_weights[:, :, None] * column_weights[:, None, :]
            total = total + pixels[batch, rows[:, :, None], columns[:, None, :]] * weights[..., None]
    cells = total.view(len(regions), height, ratio, width, ratio, features.shape[1])
    return cells.mean((2, 4)).permute(0, 3, 1, 2)


def suppressed(torch: Any, boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices of the boxes that greedy non-maximum suppression keeps, best first."""
    boxes = boxes.detach()
    kept = boxes.new_empty((0,), dtype=torch.int64)

    def covers(these: Any, those: Any) -> Any:
        """Which of these boxes overlap which of those by more than the threshold."""
        first, second = boxes[these][:, None], boxes[those][None, :]
        sides = torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])
        shared = sides.clamp(min=0).prod(-1)
        areas = [(box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]) for box in (first, second)]
        return shared / (areas[0] + areas[1] - shared) > iou_threshold

    for block in scores.detach().sort(stable=True, descending=True)[1].split(1000):
        block = block[~covers(kept, block).any(0)]
        better_covers = covers(block, block).triu(1)
        # A box stays if no better one that stays covers it: repeating this settles the best boxes first.
        stays, before = torch.ones_like(block, dtype=torch.bool), None
        while before is None or not torch.equal(stays, before):
            before, stays = stays, ~(better_covers & stays[:, None]).any(0)
        kept = torch.cat((kept, block[stays]))
    return kept
